"""DroppedRows: what is noted of rows that could not become problems, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ..errors import DatasetRowError

__all__ = ["MAX_KEPT", "DroppedRows"]

MAX_KEPT = 1000
"""Errors that are kept, and reasons that are told apart; of further ones only the number is."""

_OTHER = "other reasons"


class DroppedRows:
    """Counts dropped rows by reason, and keeps the first errors.

    A set of millions of rows, most of which are no code problems, is nothing unusual.

    Attributes:
      errors: the first `MAX_KEPT`.
    """

    __slots__ = ("_counts", "errors")

    def __init__(self, errors: Iterable[DatasetRowError] = ()) -> None:
        self.errors: list[DatasetRowError] = []
        self._counts: Counter[str] = Counter()
        for error in errors:
            self.add(error)

    def add(self, error: DatasetRowError) -> None:
        """Counts a row."""
        if len(self.errors) < MAX_KEPT:
            self.errors.append(error)
        reason = f"column '{error.column}': {error.reason}" if error.column else error.reason
        known = reason in self._counts or len(self._counts) < MAX_KEPT
        self._counts[reason if known else _OTHER] += 1

    def plus(self, errors: Iterable[DatasetRowError]) -> DroppedRows:
        """Returns these and others; changes neither."""
        both = DroppedRows()
        both.errors, both._counts = self.errors.copy(), self._counts.copy()
        for error in errors:
            both.add(error)
        return both

    @property
    def reasons(self) -> Mapping[str, int]:
        """Reason -> rows, the most frequent first."""
        return MappingProxyType(dict(self._counts.most_common()))

    def __len__(self) -> int:
        return self._counts.total()

    def __str__(self) -> str:
        """How many rows were dropped, and why, in one line."""
        reasons = self._counts.most_common()
        shown = [f"{count} x {reason}" for reason, count in reasons[:3]]
        if len(reasons) > 3:
            shown.append(f"{len(reasons) - 3} other reasons")
        return f"{len(self)} dropped" + (f" ({'; '.join(shown)})" if shown else "")
