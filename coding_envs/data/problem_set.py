"""ProblemSet: the problems of one split, frozen and in order; large ones are read when used."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import index
from pathlib import Path
from typing import Any, Protocol, overload

from ..errors import DatasetRowError, InvalidValueError, UnknownNameError
from ..problem import Problem
from .dropped import DroppedRows
from .head import Head
from .where import Where, asks_for_style, where_predicate

__all__ = ["LazyProblems", "ProblemRows", "ProblemSet"]

_KEPT_BYTES = (
    32 << 20
)  # of rows whose problems are kept; a problem takes two or three times its row


class ProblemRows(Protocol):
    """Problems by the number of their row; can be pickled."""

    def problem(self, number: int) -> Problem:
        """Returns the problem of a row, or raises DatasetRowError."""

    def pick(self, numbers: Sequence[int]) -> Iterator[Problem | DatasetRowError]:
        """Yields the problems of rows, each made when it is asked for; or why it cannot be."""

    def row_bytes(self, number: int) -> int:
        """Returns about how much a row takes in memory."""

    def styled(self, heads: Mapping[int, Head]) -> dict[int, Head]:
        """Returns the heads of rows with `style` and `language`, for which tests are looked at."""


class _Kept:
    """The problems used last, as many as `_KEPT_BYTES` of rows hold; at least one.

    No lock: several threads at worst make the same problem twice.
    """

    def __init__(self) -> None:
        self._problems: OrderedDict[int, tuple[Problem, int]] = OrderedDict()
        self._bytes = 0

    def get(self, number: int) -> Problem | None:
        found = self._problems.pop(number, None)
        if found is None:
            return None
        self._problems[number] = found
        return found[0]

    def put(self, number: int, problem: Problem, size: int) -> None:
        self._problems[number] = problem, size
        self._bytes += size
        while self._bytes > _KEPT_BYTES and len(self._problems) > 1:
            try:
                _, (_, size) = self._problems.popitem(last=False)
            except KeyError:
                return
            self._bytes -= size

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Kept, ())


@dataclass(frozen=True, eq=False)
class LazyProblems(Sequence[Problem]):
    """Problems that are made of their rows when they are used.

    Attributes:
      rows: makes them.
      numbers: of the rows, in the order of the problems.
      heads: one per problem.
      functions: what is done to each problem once it is made.
      is_styled: whether the heads' `style` and `language` were read.
    """

    rows: ProblemRows
    numbers: Sequence[int]
    heads: tuple[Head, ...]
    functions: tuple[Callable[[Problem], Problem], ...] = ()
    is_styled: bool = True
    _kept: _Kept = field(default_factory=_Kept)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, at: Any) -> Any:
        number = self.numbers[at]
        problem = self._kept.get(number)
        if problem is None:
            problem = self.rows.problem(number)
            self._kept.put(number, problem, self.rows.row_bytes(number))
        return self._changed(problem)

    def each(self) -> Iterator[Problem | DatasetRowError]:
        """Yields every problem, or why it cannot be made; holds none of them."""
        for found in self.rows.pick(self.numbers):
            yield self._changed(found) if isinstance(found, Problem) else found

    def take(self, places: Sequence[int]) -> LazyProblems:
        """Returns the problems at these places."""
        numbers = tuple(self.numbers[at] for at in places)
        heads = tuple(self.heads[at] for at in places)
        return replace(self, numbers=numbers, heads=heads)

    def map(self, function: Callable[[Problem], Problem]) -> LazyProblems:
        """Returns the same problems, changed when they are used."""
        return replace(self, functions=(*self.functions, function))

    def styled(self) -> LazyProblems:
        """Returns the same problems, with whole heads."""
        if self.is_styled:
            return self
        found = self.rows.styled(dict(zip(self.numbers, self.heads, strict=True)))
        heads = tuple(found[number] for number in self.numbers)
        return replace(self, heads=heads, is_styled=True)

    def _changed(self, problem: Problem) -> Problem:
        for function in self.functions:
            problem = function(problem)
        return problem


class ProblemSet(Sequence[Problem]):
    """The problems of one split: a frozen sequence that says what it could not load.

    The problems of a large file are made when they are used, and few of them are held: do not keep
    them all. Using one whose row turns out to be broken raises DatasetRowError; `usable` passes
    over such rows, `checked` drops them for good. Sets can be pickled, for spawned processes too.

    Attributes:
      name: the dataset's name.
      config: the dataset's configuration.
      split: the split's name.
      dropped: the errors of rows that could not become a problem, the first 1,000.
      num_dropped, dropped_reasons: how many such rows there are, and why.
    """

    __slots__ = ("_config", "_dropped", "_fingerprint", "_name", "_places", "_problems", "_split")

    def __init__(
        self,
        problems: Iterable[Problem],
        *,
        name: str,
        config: str = "default",
        split: str = "train",
        dropped: Iterable[DatasetRowError] | DroppedRows = (),
    ) -> None:
        """Holds the problems.

        Raises:
          InvalidValueError: two problems have the same key.
        """
        lazy = isinstance(problems, LazyProblems)
        self._problems = problems if isinstance(problems, LazyProblems) else tuple(problems)
        self._name, self._config, self._split = name, config, split
        self._dropped = dropped if isinstance(dropped, DroppedRows) else DroppedRows(dropped)
        self._fingerprint = ""
        parts: Iterable[Head | Problem] = problems.heads if lazy else self._problems  # type: ignore[attr-defined]
        keys = [part.key for part in parts]
        self._places = {key: at for at, key in enumerate(keys)}
        if len(self._places) < len(keys):
            counts = Counter(keys)
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
        """The errors of rows that could not become a problem, the first 1,000."""
        return tuple(self._dropped.errors)

    @property
    def num_dropped(self) -> int:
        """How many rows could not become a problem."""
        return len(self._dropped)

    @property
    def dropped_reasons(self) -> Mapping[str, int]:
        """Why rows could not become problems -> how many, the most frequent reason first."""
        return self._dropped.reasons

    @property
    def is_lazy(self) -> bool:
        """True where problems are made of their rows when they are used."""
        return isinstance(self._problems, LazyProblems)

    @property
    def keys(self) -> tuple[str, ...]:
        """The problems' keys, in order; no test is decoded."""
        return tuple(self._places)

    def heads(self) -> tuple[Head, ...]:
        """Returns what can be said of each problem without decoding its tests.

        Of a large set, the first time may read the column of tests, for `Head.style`.
        """
        if isinstance(self._problems, LazyProblems):
            self._problems = self._problems.styled()
            return self._problems.heads
        return tuple(map(Head.of, self._problems))

    def __len__(self) -> int:
        return len(self._problems)

    @overload
    def __getitem__(self, at: int) -> Problem: ...

    @overload
    def __getitem__(self, at: slice) -> ProblemSet: ...

    def __getitem__(self, at: int | slice) -> Problem | ProblemSet:
        if isinstance(at, slice):
            return self._take(range(len(self))[at])
        return self._problems[index(at)]

    def __iter__(self) -> Iterator[Problem]:
        for _, problem in self.each():
            if isinstance(problem, DatasetRowError):
                raise problem
            yield problem

    def each(self) -> Iterator[tuple[str, Problem | DatasetRowError]]:
        """Yields each problem's key, and the problem or why its row is broken."""
        made: Iterable[Problem | DatasetRowError] = (
            self._problems.each() if isinstance(self._problems, LazyProblems) else self._problems
        )
        return zip(self._places, made, strict=True)

    def usable(self, bad: list[DatasetRowError] | None = None) -> Iterator[Problem]:
        """Yields every problem but those whose rows turn out to be broken.

        Args:
          bad: takes the errors of these.
        """
        for _, problem in self.each():
            if isinstance(problem, DatasetRowError):
                if bad is not None:
                    bad.append(problem)
            else:
                yield problem

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, Problem) or value.key not in self._places:
            return False
        return bool(self[self._places[value.key]] == value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProblemSet):
            return NotImplemented
        if self._identity() != other._identity() or self.keys != other.keys:
            return False
        if self._problems is other._problems:
            return True
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((self._identity(), self.keys))

    def __repr__(self) -> str:
        return f"<ProblemSet {self.describe()}>"

    def index_of(self, key: str) -> int:
        """Returns the number of the problem with that key.

        Raises:
          UnknownNameError: there is none; the message suggests near ones.
        """
        try:
            return self._places[key]
        except (KeyError, TypeError):
            kind = f"problem of {self.name}/{self.split}"
            raise UnknownNameError(kind, str(key), self._places) from None

    def by_key(self, key: str) -> Problem:
        """Returns the problem with that key.

        Raises:
          UnknownNameError: there is none; the message suggests near ones.
          DatasetRowError: its row turns out to be broken.
        """
        return self[self.index_of(key)]

    def filter(self, predicate: Callable[[Problem], object]) -> ProblemSet:
        """Returns the problems for which `predicate` is true, in the same order."""
        return self._take([at for at, problem in enumerate(self) if predicate(problem)])

    def where(self, where: Where | None) -> ProblemSet:
        """Returns the problems that meet conditions on their heads; decodes no test.

        Args:
          where: a mapping of conditions that must all hold, see `WHERE_KEYS`; or a predicate on
            Head.

        Raises:
          UnknownNameError, InvalidValueError: a condition is unknown, or of the wrong kind.
        """
        wanted = where_predicate(where)
        if where is None:
            return self
        problems = self._problems
        if isinstance(problems, LazyProblems) and not asks_for_style(where):
            heads = problems.heads
        else:
            heads = self.heads()
        return self._take([at for at, head in enumerate(heads) if wanted(head)])

    def map(self, function: Callable[[Problem], Problem]) -> ProblemSet:
        """Returns the same set with each problem changed; of a lazy one, when it is used.

        Args:
          function: Problem -> Problem of the same key; can be pickled where the set is to be.
        """
        if isinstance(self._problems, LazyProblems):
            return self._with(self._problems.map(function))
        return self._with(map(function, self._problems))

    def checked(self) -> ProblemSet:
        """Returns the set without the problems whose rows are broken: makes every problem once."""
        if not isinstance(self._problems, LazyProblems):
            return self
        good: list[int] = []
        bad: list[DatasetRowError] = []
        for at, (_, problem) in enumerate(self.each()):
            if isinstance(problem, DatasetRowError):
                bad.append(problem)
            else:
                good.append(at)
        return self._take(good, bad) if bad else self

    def fingerprint(self) -> str:
        """Returns a digest of the problems' names, what they show and what decides verdicts.

        Of a lazy set it makes every problem once, one after the other; the first time only. A row
        that turns out to be broken counts by its number.
        """
        if not self._fingerprint:
            digest = hashlib.blake2b(digest_size=16)
            bad: list[DatasetRowError] = []
            for problem in self.usable(bad):
                for part in (problem.uid, problem.revision, problem.prompt, problem.fingerprint()):
                    data = part.encode("utf-8", "surrogatepass")
                    digest.update(len(data).to_bytes(8, "big") + data)
            for error in bad:
                digest.update(b"broken" + error.row.to_bytes(8, "big"))
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def describe(self) -> str:
        """Returns one line: how many problems were loaded, how many rows dropped, and why."""
        where = f"{self.name}/{self.split}"
        if self.config != "default":
            where = f"{self.name}/{self.config}/{self.split}"
        noun = "problem" if len(self) == 1 else "problems"
        return f"{where}: {len(self)} {noun}, {self._dropped}"

    def to_jsonl(self, path: str | Path) -> None:
        """Writes the problems in the plain layout, a JSON object per line (`docs/datasets.md`).

        A name that ends in .gz is compressed. The file is there when it is whole.

        Raises:
          DatasetRowError: a row turns out to be broken; `checked()` drops such rows.
          OSError: the file cannot be written.
        """
        from .export import write_jsonl

        write_jsonl(self, Path(path))

    def to_parquet(self, path: str | Path) -> None:
        """Writes the problems in the plain layout, as Parquet. Needs pyarrow. See `to_jsonl`.

        Raises:
          DatasetError: pyarrow is not installed.
          DatasetRowError, OSError: see `to_jsonl`.
        """
        from .export import write_parquet

        write_parquet(self, Path(path))

    def to_dataset(self) -> Any:
        """Returns the problems in the plain layout, as a `datasets.Dataset` in memory.

        Raises:
          DatasetError: the package `datasets` is not installed.
          DatasetRowError: see `to_jsonl`.
        """
        from .export import to_dataset

        return to_dataset(self)

    def _identity(self) -> tuple[str, str, str]:
        return self._name, self._config, self._split

    def _take(self, places: Sequence[int], bad: Sequence[DatasetRowError] = ()) -> ProblemSet:
        problems = self._problems
        if isinstance(problems, LazyProblems):
            return self._with(problems.take(places), bad)
        return self._with((problems[at] for at in places), bad)

    def _with(self, problems: Iterable[Problem], bad: Sequence[DatasetRowError] = ()) -> ProblemSet:
        return ProblemSet(
            problems,
            name=self.name,
            config=self.config,
            split=self.split,
            dropped=self._dropped.plus(bad) if bad else self._dropped,
        )
