"""ProblemSet: the problems of one split, frozen and in order."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import index
from typing import overload

from ..errors import DatasetRowError, InvalidValueError, UnknownNameError
from ..problem import Problem

__all__ = ["ProblemSet"]


class ProblemSet(Sequence[Problem]):
    """The problems of one split: a frozen sequence that says what it could not load.

    Attributes:
      name: the dataset's name.
      config: the dataset's configuration.
      split: the split's name.
      dropped: one error for each row that could not become a problem.
    """

    __slots__ = ("_by_key", "_config", "_dropped", "_name", "_problems", "_split")

    def __init__(
        self,
        problems: Iterable[Problem],
        *,
        name: str,
        config: str = "default",
        split: str = "train",
        dropped: Iterable[DatasetRowError] = (),
    ) -> None:
        """Holds the problems.

        Raises:
          InvalidValueError: two problems have the same key.
        """
        self._problems = tuple(problems)
        self._name, self._config, self._split = name, config, split
        self._dropped = tuple(dropped)
        self._by_key = {problem.key: problem for problem in self._problems}
        if len(self._by_key) < len(self._problems):
            counts = Counter(problem.key for problem in self._problems)
            twice = [key for key, count in counts.items() if count > 1]
            raise InvalidValueError(
                f"key must be unique in {name}/{split}, got {twice[0]!r} {counts[twice[0]]} times"
            )

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self._name

    @property
    def config(self) -> str:
        """The dataset's configuration."""
        return self._config

    @property
    def split(self) -> str:
        """The split's name."""
        return self._split

    @property
    def dropped(self) -> tuple[DatasetRowError, ...]:
        """One error for each row that could not become a problem."""
        return self._dropped

    def __len__(self) -> int:
        return len(self._problems)

    @overload
    def __getitem__(self, at: int) -> Problem: ...

    @overload
    def __getitem__(self, at: slice) -> ProblemSet: ...

    def __getitem__(self, at: int | slice) -> Problem | ProblemSet:
        if isinstance(at, slice):
            return self._with(self._problems[at])
        return self._problems[index(at)]

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._problems)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, Problem) and self._by_key.get(value.key) == value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProblemSet):
            return NotImplemented
        return self._identity() == other._identity() and self._problems == other._problems

    def __hash__(self) -> int:
        return hash((self._identity(), tuple(self._by_key)))

    def __repr__(self) -> str:
        return f"<ProblemSet {self.describe()}>"

    def by_key(self, key: str) -> Problem:
        """Returns the problem with that key.

        Raises:
          UnknownNameError: there is none; the message suggests near ones.
        """
        try:
            return self._by_key[key]
        except KeyError:
            kind = f"problem of {self.name}/{self.split}"
            raise UnknownNameError(kind, str(key), self._by_key) from None

    def filter(self, predicate: Callable[[Problem], object]) -> ProblemSet:
        """Returns the problems for which `predicate` is true, in the same order."""
        return self._with(problem for problem in self._problems if predicate(problem))

    def fingerprint(self) -> str:
        """Returns a digest of the problems' names, what they show and what decides verdicts."""
        digest = hashlib.blake2b(digest_size=16)
        for problem in self._problems:
            for part in (problem.uid, problem.revision, problem.prompt, problem.fingerprint()):
                data = part.encode("utf-8", "surrogatepass")
                digest.update(len(data).to_bytes(8, "big") + data)
        return digest.hexdigest()

    def describe(self) -> str:
        """Returns one line: how many problems were loaded, how many rows dropped, and why."""
        where = f"{self.name}/{self.split}"
        if self.config != "default":
            where = f"{self.name}/{self.config}/{self.split}"
        noun = "problem" if len(self) == 1 else "problems"
        line = f"{where}: {len(self)} {noun}, {len(self.dropped)} dropped"
        reasons = Counter(
            f"column '{error.column}': {error.reason}" if error.column else error.reason
            for error in self.dropped
        ).most_common()
        shown = [f"{count} x {reason}" for reason, count in reasons[:3]]
        if len(reasons) > 3:
            shown.append(f"{len(reasons) - 3} other reasons")
        return line + (f" ({'; '.join(shown)})" if shown else "")

    def _identity(self) -> tuple[str, str, str]:
        return self._name, self._config, self._split

    def _with(self, problems: Iterable[Problem]) -> ProblemSet:
        return ProblemSet(
            problems, name=self.name, config=self.config, split=self.split, dropped=self.dropped
        )
