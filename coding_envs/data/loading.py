"""Rows into problems: at once where they are few, when they are used where they are large."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import DatasetRowError, InvalidValueError
from ..problem import Problem
from .digits import any_int_length
from .dropped import DroppedRows
from .head import Head
from .problem_set import LazyProblems, ProblemSet
from .sources import IN_MEMORY_BYTES, BadRow, RowSource, line_of
from .spec import DatasetSpec, HeadReader, RowLoader
from .where import Where, asks_for_style, where_predicate

__all__ = ["ProblemStream", "Wanted", "problems_of"]


@dataclass(frozen=True)
class Wanted:
    """Which problems are asked for, and of what.

    Attributes:
      spec: the dataset.
      config, split, revision: of the rows.
      where: conditions, or None.
      limit: the first so many that meet them, or None.
      strict: whether a row that cannot become a problem ends it.
    """

    spec: DatasetSpec
    config: str
    split: str
    revision: str = ""
    where: Where | None = None
    limit: int | None = None
    strict: bool = False
    _predicate: Callable[[Head], bool] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        limit = self.limit
        if limit is not None and (type(limit) is not int or limit < 0):
            raise InvalidValueError(f"limit must be an int >= 0, or None for all, got {limit!r}")
        object.__setattr__(self, "_predicate", where_predicate(self.where))

    @property
    def is_all(self) -> bool:
        """True where no problem is left out on purpose."""
        return self.where is None and self.limit is None

    def meets(self, head: Head) -> bool:
        """Returns whether a problem of this head is asked for."""
        return self._predicate(head)

    def fault(self, number: int, reason: str) -> DatasetRowError:
        """Returns the error of a whole row."""
        return DatasetRowError(self.spec.name, self.split, number, "", reason)

    def problems_by_row(self, source: RowSource) -> _Rows:
        """Returns what makes problems of rows by their numbers."""
        spec = self.spec
        return _Rows(
            *(source, spec.loader, spec.name, self.config, self.split, self.revision),
            *(spec.head, (*spec.head_columns, *spec.style_columns)),
        )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Makes problems of a source's rows."""

    source: RowSource
    loader: RowLoader
    dataset: str
    config: str
    split: str
    revision: str
    head: HeadReader | None
    columns: tuple[str, ...]

    def problem(self, number: int) -> Problem:
        return self.made(number, self.source.row(number))

    def pick(self, numbers: Sequence[int]) -> Iterator[Problem | DatasetRowError]:
        for number, row in zip(numbers, self.source.pick(numbers), strict=True):
            try:
                problem: Problem | DatasetRowError = self.made(number, row)
            except DatasetRowError as error:
                problem = error
            yield problem

    def row_bytes(self, number: int) -> int:
        return self.source.row_bytes(number)

    def styled(self, heads: Mapping[int, Head]) -> dict[int, Head]:
        found = dict(heads)
        for number, head in self.headed(self.columns):
            if number in found and isinstance(head, Head):
                found[number] = head
        return found

    def headed(self, columns: Sequence[str]) -> Iterator[tuple[int, Head | DatasetRowError]]:
        """Yields of each row its number and its head, or what is wrong with it."""
        assert self.head is not None
        for number, row in enumerate(self.source.heads(columns)):
            read = functools.partial(
                self.head, row, config=self.config, split=self.split, row_number=number
            )
            try:
                yield number, _row_faults(read, row, self.dataset, self.split, number)
            except DatasetRowError as error:
                yield number, error

    def made(self, number: int, row: Any) -> Problem:
        """Returns the problem that a row makes, or raises DatasetRowError."""

        def make() -> Problem:
            return self.loader(
                row,
                config=self.config,
                split=self.split,
                row_number=number,
                revision=self.revision,
            )

        return _row_faults(make, row, self.dataset, self.split, number)


def _row_faults[T](make: Callable[[], T], row: Any, dataset: str, split: str, number: int) -> T:
    """Returns what `make` makes of a row; what goes wrong becomes a DatasetRowError."""
    if isinstance(row, BadRow):
        raise DatasetRowError(dataset, split, number, "", row.reason)
    try:
        with any_int_length():
            return make()
    except DatasetRowError:
        raise
    except InvalidValueError as error:  # such as a limit of -1, found by Problem itself
        raise DatasetRowError(dataset, split, number, "", str(error)) from error
    except (RecursionError, MemoryError, OverflowError) as error:
        reason = f"is too deep or too large: {line_of(error)}"
        raise DatasetRowError(dataset, split, number, "", reason) from None


def problems_of(source: RowSource, wanted: Wanted, *, check: bool | None = None) -> ProblemSet:
    """Returns the problems of rows.

    Args:
      source: the rows.
      wanted: which of them.
      check: True makes every problem once, so that broken rows are found now; False looks at
        their heads alone; None checks what is small enough to be held in memory anyway.

    Raises:
      DatasetRowError: a row cannot become a problem, and `wanted.strict`.
      DatasetError: the rows cannot be read.
    """
    spec, rows = wanted.spec, wanted.problems_by_row(source)
    small = source.size_bytes <= IN_MEMORY_BYTES
    styled = True
    if check or (check is None and small) or spec.head is None:
        found: Iterable[_Found] = _checked(enumerate(source.rows()), rows)
    else:
        columns, late = spec.head_columns, spec.style_columns
        if "style" in columns and "style" in getattr(source, "columns", ()):
            late = ()  # the rows say it themselves
        if asks_for_style(wanted.where):
            columns, late = (*columns, *late), ()
        styled = not late
        found = ((number, head, None) for number, head in rows.headed(columns))
    keep = small and check is not False
    problems: list[Problem] = []
    heads: list[Head] = []
    numbers = array("Q")
    keys: dict[str, int] = {}
    dropped = DroppedRows()
    for number, head, problem in () if wanted.limit == 0 else found:
        error = head if isinstance(head, DatasetRowError) else None
        if isinstance(head, Head) and head.key in keys:
            reason = f"has the key {head.key!r} of row {keys[head.key]}"
            error = wanted.fault(number, reason)
        if error is not None:
            if wanted.strict:
                raise error
            dropped.add(error)
            continue
        assert isinstance(head, Head)
        keys[head.key] = number
        if not wanted.meets(head):
            continue
        numbers.append(number)
        if keep and problem is not None:
            problems.append(problem)
        else:
            heads.append(head)
        if len(numbers) == wanted.limit:
            break
    made: Iterable[Problem] = problems
    if not keep:
        made = LazyProblems(rows, numbers, tuple(heads), is_styled=styled)
    return ProblemSet(
        made, name=spec.name, config=wanted.config, split=wanted.split, dropped=dropped
    )


type _Found = tuple[int, Head | DatasetRowError, Problem | None]


def _checked(rows: Iterable[tuple[int, Any]], make: _Rows) -> Iterator[_Found]:
    """Yields of each row its number, its head or what is wrong with it, and its problem."""
    for number, row in rows:
        try:
            problem = make.made(number, row)
        except DatasetRowError as error:
            yield number, error, None
        else:
            yield number, Head.of(problem), problem


class ProblemStream(Iterable[Problem]):
    """The problems of a split one after the other; no more than one row is held.

    It cannot be indexed. Each iteration begins anew, and counts anew what it drops. Two rows of
    one key are not noticed.

    Attributes:
      name, config, split: as of a ProblemSet.
      dropped, num_dropped: as of a ProblemSet, of the rows so far.
    """

    def __init__(self, rows: Callable[[], Iterable[Any]], wanted: Wanted) -> None:
        self._rows, self._wanted = rows, wanted
        self.name, self.config, self.split = wanted.spec.name, wanted.config, wanted.split
        self._dropped = DroppedRows()

    def __iter__(self) -> Iterator[Problem]:
        wanted = self._wanted
        self._dropped = DroppedRows()
        left = wanted.limit
        if left == 0:
            return
        rows = wanted.problems_by_row(_NO_SOURCE)
        for _, head, problem in _checked(enumerate(self._rows()), rows):
            if isinstance(head, DatasetRowError):
                if wanted.strict:
                    raise head
                self._dropped.add(head)
            elif problem is not None and wanted.meets(head):
                yield problem
                if left is not None:
                    left -= 1
                    if not left:
                        return

    @property
    def dropped(self) -> tuple[DatasetRowError, ...]:
        """The errors of rows so far that could not become a problem, the first 1,000."""
        return tuple(self._dropped.errors)

    @property
    def num_dropped(self) -> int:
        """How many rows so far could not become a problem."""
        return len(self._dropped)

    def __repr__(self) -> str:
        where = f"{self.name}/{self.config}/{self.split}"
        return f"<ProblemStream {where}: so far {self._dropped}>"


_NO_SOURCE: Any = None
