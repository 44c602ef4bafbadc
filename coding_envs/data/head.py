"""Head: what can be said of a problem without decoding its tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ..problem import Problem

__all__ = ["STYLES", "Head"]

STYLES = ("stdio", "call", "code", "interactive")
"""The kinds of tests, as in `Test.kind`."""


@dataclass(frozen=True, slots=True)
class Head:
    """What can be said of a problem without decoding its tests; its fields are the problem's.

    Attributes:
      key, difficulty, rating, tags, source, release_date, language: see Problem.
      style: the kind of its first test, one of STYLES; "" where it has none.
    """

    key: str
    difficulty: str = ""
    rating: float | None = None
    tags: tuple[str, ...] = ()
    source: str = ""
    release_date: date | None = None
    language: str = "python"
    style: str = ""

    @classmethod
    def of(cls, problem: Problem) -> Head:
        """Returns the head of a problem."""
        tests = problem.public_tests or problem.hidden_tests
        return cls(
            key=problem.key,
            difficulty=problem.difficulty,
            rating=problem.rating,
            tags=problem.tags,
            source=problem.source,
            release_date=problem.release_date,
            language=problem.language,
            style=tests[0].kind if tests else "",
        )
