"""Case: one program, and what a grader must say of it; read from the files under `data/`."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import DatasetError, InvalidValueError, UnknownNameError
from ..problem import Problem
from ..verdict import Status

__all__ = ["KINDS", "Case", "load_cases", "load_problem"]

KINDS = ("idioms", "wrong", "exploits")

_FOLDER = Path(__file__).parent / "data"
_HEADER = re.compile(r"# ([a-z]+): (.*)")
_KEYS = ("problem", "category", "why", "status", "defeats", "harmful")


@dataclass(frozen=True)
class Case:
    """One program, and what a grader must say of it.

    Attributes:
      kind: "idioms" are right and must be accepted; "wrong" programs and "exploits" must not.
      name: unique within its kind.
      category: what the program is about, such as "exit" or "float".
      why: one line on what it does, and what it is a test of.
      problem: the problem that it was written for.
      program: the whole program.
      status: what our judge says, exactly, or None where that is of no interest.
      defeats: the graders of `naive.py` that accept it, although it is wrong.
      harmful: True where a grader without a sandbox may lose its machine to it: it exhausts
        memory, disk or processes, or kills what it can reach.
    """

    kind: str
    name: str
    category: str
    why: str
    problem: Problem
    program: str
    status: Status | None = None
    defeats: tuple[str, ...] = ()
    harmful: bool = False

    @property
    def id(self) -> str:
        """The case's name over all kinds: `kind/name`."""
        return f"{self.kind}/{self.name}"

    @property
    def must_be_accepted(self) -> bool:
        """True for a right program."""
        return self.kind == "idioms"


def load_cases(kind: str | None = None) -> tuple[Case, ...]:
    """Returns the cases of one kind, or all of them: idioms, wrong programs, exploits.

    Raises:
      UnknownNameError: there is no such kind.
      DatasetError: the files are missing.
      InvalidValueError: a file's header is malformed; names the file.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownNameError("kind of case", kind, KINDS)
    return tuple(case for one in KINDS if kind in (None, one) for case in _load_kind(one))


@functools.cache
def load_problem(key: str) -> Problem:
    """Returns a problem of the suite.

    Raises:
      DatasetError: there is no such file.
    """
    path = _FOLDER / "problems" / f"{key}.json"
    try:
        return Problem.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DatasetError(f"cannot read the conformance problem {path}: {error}") from error


@functools.cache
def _load_kind(kind: str) -> tuple[Case, ...]:
    paths = sorted((_FOLDER / kind).glob("*.py"))
    if not paths:
        raise DatasetError(
            f"there are no conformance cases in {_FOLDER / kind}; reinstall coding-envs, or in a "
            "checkout restore the link coding_envs/testing/data"
        )
    # As bytes: line ends and byte order marks are part of a program.
    return tuple(parse_case(kind, path.stem, path.read_bytes().decode("utf-8")) for path in paths)


def parse_case(kind: str, name: str, text: str) -> Case:
    """Returns the case that a file holds: lines `# key: value`, an empty line, the program.

    Raises:
      InvalidValueError: the header is malformed; names the file.
    """
    header, _, program = text.partition("\n\n")
    values: dict[str, str] = {}
    for line in header.split("\n"):
        match = _HEADER.fullmatch(line)
        if match is None or match[1] not in _KEYS or match[1] in values:
            raise InvalidValueError(
                f"{kind}/{name}.py: a header line must be '# KEY: VALUE' with a KEY of "
                f"{', '.join(_KEYS)}, each once, got {line!r}"
            )
        values[match[1]] = match[2]
    for key in ("problem", "category", "why"):
        if not values.get(key):
            raise InvalidValueError(f"{kind}/{name}.py: the header lacks '# {key}: ...'")
    status = values.get("status")
    if status is not None and status not in Status.__members__:
        raise InvalidValueError(f"{kind}/{name}.py: status must be one of Status, got {status!r}")
    return Case(
        kind=kind,
        name=name,
        category=values["category"],
        why=values["why"],
        problem=load_problem(values["problem"]),
        program=program,
        status=None if status is None else Status(status),
        defeats=tuple(values.get("defeats", "").replace(",", " ").split()),
        harmful=values.get("harmful") == "yes",
    )
