"""Status, TestResult and Verdict: what the judge says of a program. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from .errors import InvalidValueError

__all__ = ["Status", "TestResult", "Verdict"]


class Status(StrEnum):
    """How a test, or a whole program, came out. A program takes the status of its first failure."""

    ACCEPTED = "ACCEPTED"
    WRONG_ANSWER = "WRONG_ANSWER"
    TIME_LIMIT_EXCEEDED = "TIME_LIMIT_EXCEEDED"
    MEMORY_LIMIT_EXCEEDED = "MEMORY_LIMIT_EXCEEDED"
    OUTPUT_LIMIT_EXCEEDED = "OUTPUT_LIMIT_EXCEEDED"
    RUNTIME_ERROR = "RUNTIME_ERROR"
    COMPILE_ERROR = "COMPILE_ERROR"
    NO_CODE = "NO_CODE"
    SECURITY_VIOLATION = "SECURITY_VIOLATION"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    JUDGE_ERROR = "JUDGE_ERROR"
    NOT_RUN = "NOT_RUN"

    @property
    def is_fault_of_ours(self) -> bool:
        """True where the status says nothing about the program: it must yield no reward."""
        return self in (Status.INTERNAL_ERROR, Status.JUDGE_ERROR)


@dataclass(frozen=True)
class TestResult:
    """One test's outcome.

    Attributes:
      status: NOT_RUN where an earlier failure made running it pointless.
      cpu_time_s: processor time, seconds; 0 where the test shared a run with others.
      message: one line for a person; never an expected value of a hidden test.
      points: 1 where it was accepted, else what a checker gave for part of it, in [0, 1).
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    status: Status
    cpu_time_s: float = 0.0
    message: str = ""
    points: float = 0.0

    def __post_init__(self) -> None:
        if type(self.status) is not Status:
            object.__setattr__(self, "status", Status(self.status))
        if self.status is Status.ACCEPTED:
            object.__setattr__(self, "points", 1.0)
        elif not 0.0 <= self.points < 1.0:
            raise InvalidValueError(
                f"points must be in [0, 1) for a test that is {self.status}, got {self.points}"
            )


@dataclass(frozen=True)
class Verdict:
    """What the judge says of one program.

    Attributes:
      status: ACCEPTED where every test passed, else the first failing test's status.
      tests: one result per test, public tests first, in the problem's order.
      message: one line for a person.
      stderr: the end of the program's standard error.
      cpu_time_s: processor time of all runs, seconds.
      wall_time_s: from submission to verdict, seconds, waiting included.
      peak_memory_bytes: the largest resident size of any run.
      runs: how many processes were run; 0 where the verdict needed none.
      cached: True where an earlier identical submission was answered again.
      fingerprint: digest of judge version, tests, limits and program: what makes it repeatable.
    """

    status: Status
    tests: tuple[TestResult, ...] = ()
    message: str = ""
    stderr: str = ""
    cpu_time_s: float = 0.0
    wall_time_s: float = 0.0
    peak_memory_bytes: int = 0
    runs: int = 0
    cached: bool = False
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if type(self.status) is not Status:
            object.__setattr__(self, "status", Status(self.status))
        if type(self.tests) is not tuple:
            object.__setattr__(self, "tests", tuple(self.tests))
        all_pass = bool(self.tests) and self.passed == self.total
        if (self.status is Status.ACCEPTED) != all_pass:
            raise InvalidValueError(
                f"status must be ACCEPTED exactly when every test passed, got {self.status} with "
                f"{self.passed} of {self.total} passed"
            )

    @property
    def accepted(self) -> bool:
        """True where every test passed."""
        return self.status is Status.ACCEPTED

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return [t.status for t in self.tests].count(Status.ACCEPTED)

    @property
    def total(self) -> int:
        """How many tests there are."""
        return len(self.tests)

    @property
    def fraction(self) -> float:
        """The part of the tests that passed, in [0, 1]; part of a test counts by its points."""
        return sum(t.points for t in self.tests) / self.total if self.tests else 0.0

    def to_json(self) -> dict[str, Any]:
        """Returns the verdict as JSON data."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["status"] = str(self.status)
        data["tests"] = [
            {"status": str(t.status), "cpu_time_s": t.cpu_time_s, "message": t.message}
            | ({"points": t.points} if t.points not in (0.0, 1.0) else {})
            for t in self.tests
        ]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """Returns what `to_json` wrote.

        Raises:
          InvalidValueError: a key is unknown, or a value breaks the contract.
        """
        try:
            kept = dict(data)
            kept["tests"] = tuple(TestResult(**t) for t in kept.get("tests", ()))
            return cls(**kept)
        except (TypeError, ValueError) as error:
            raise InvalidValueError(f"malformed verdict: {error}") from None
