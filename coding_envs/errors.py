"""Every exception that this package raises on purpose.

    CodingEnvsError
    ├── InvalidValueError (ValueError)     a value that breaks a type's contract
    │   ├── DatasetRowError                a dataset row that cannot become a Problem
    │   └── PlainDataError                 a value that cannot cross the sandbox's boundary
    ├── UnknownNameError (LookupError)     no dataset, problem, environment ... of that name
    ├── DatasetError                       a dataset that cannot be read at all
    ├── EpisodeError (RuntimeError)        a step that the episode's state does not allow
    └── SandboxError (RuntimeError)        the sandbox failed; never the program's fault
        ├── SandboxUnavailableError        nsjail cannot work on this machine
        └── SandboxClosedError             submitted after close()

A fault of a program is never an exception: it is a Verdict.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "CodingEnvsError",
    "DatasetError",
    "DatasetRowError",
    "EpisodeError",
    "InvalidValueError",
    "PlainDataError",
    "SandboxClosedError",
    "SandboxError",
    "SandboxUnavailableError",
    "UnknownNameError",
]


class CodingEnvsError(Exception):
    """The root of every exception of this package."""


class InvalidValueError(CodingEnvsError, ValueError):
    """A value that breaks a type's contract; the message names the field."""


class DatasetRowError(InvalidValueError):
    """A dataset row that cannot become a Problem.

    Attributes:
      dataset: the dataset's name.
      split: the split's name.
      row: the row's number in the split, from 0.
      column: the column at fault, or "" where it is the whole row.
      reason: what is wrong with it.
    """

    def __init__(self, dataset: str, split: str, row: int, column: str, reason: str) -> None:
        self.dataset, self.split, self.row, self.column = dataset, split, row, column
        self.reason = reason
        where = f"row {row} of {dataset}/{split}"
        what = f"column '{column}': {reason}" if column else reason
        super().__init__(f"{where}: {what}; fix the row or pass strict=False to drop it")

    def __reduce__(self) -> tuple[object, ...]:
        args = (self.dataset, self.split, self.row, self.column, self.reason)
        return (type(self), args)


class PlainDataError(InvalidValueError):
    """A value, or a text, that is outside the plain data that may cross the sandbox's boundary."""


class UnknownNameError(CodingEnvsError, LookupError):
    """No thing of that kind and name; the message suggests near ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), remedy: str = "") -> None:
        self.kind, self.name, self.known, self.remedy = kind, name, sorted(known), remedy
        near = difflib.get_close_matches(name, self.known, n=3, cutoff=0.5)
        if near:
            hint = "did you mean " + " or ".join(repr(n) for n in near) + "?"
        elif self.known and len(self.known) <= 12:
            hint = "there are: " + ", ".join(self.known)
        else:
            hint = f"there are {len(self.known)} of them"
        super().__init__(f"no {kind} named {name!r}: {hint}" + (f"; {remedy}" if remedy else ""))

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.kind, self.name, self.known, self.remedy))


class DatasetError(CodingEnvsError):
    """A dataset that cannot be read: no such file, no network, no such split, a missing package."""


class EpisodeError(CodingEnvsError, RuntimeError):
    """A call that the episode's state does not allow, such as a step after its end."""


class SandboxError(CodingEnvsError, RuntimeError):
    """The sandbox itself failed. Never a verdict on a program, never a reward."""


class SandboxUnavailableError(SandboxError):
    """nsjail cannot work on this machine; the message says what is missing and the remedy."""


class SandboxClosedError(SandboxError):
    """The sandbox was used after close()."""
