"""Going through a problem set whose rows may turn out to be broken only when they are used."""

from __future__ import annotations

from collections.abc import Iterator

from ..data import ProblemSet
from ..errors import DatasetRowError
from ..problem import Problem

__all__ = ["each_problem", "problem_keys"]


def each_problem(
    problems: ProblemSet, broken: list[DatasetRowError] | None = None
) -> Iterator[Problem]:
    """Yields the problems in their order, one in memory at a time, past rows that are broken.

    Args:
      problems: where they come from.
      broken: gets the error of each row that is passed over.
    """
    for at in range(len(problems)):
        try:
            problem = problems[at]
        except DatasetRowError as error:
            if broken is not None:
                broken.append(error)
            continue
        yield problem


def problem_keys(problems: ProblemSet) -> list[str]:
    """Returns the keys of the problems, in their order."""
    return [problem.key for problem in each_problem(problems)]
