"""Row: a dataset row whose columns are checked as they are read."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from typing import Any

from ..errors import DatasetRowError

__all__ = ["Row", "parse_python"]


class Row:
    """A dataset row; every fault names dataset, split, row number, column and reason.

    Attributes:
      columns: the untouched columns.

    Raises:
      DatasetRowError: the row is no mapping; each method: its column is missing or malformed.
    """

    def __init__(self, row: object, *, dataset: str, split: str, number: int) -> None:
        self._where = (dataset, split, number)
        if not isinstance(row, Mapping):
            raise self.fault("", f"must be a JSON object, got {type(row).__name__}")
        self.columns: Mapping[str, Any] = row

    def fault(self, column: str, reason: str) -> DatasetRowError:
        """Returns the error that says what is wrong with a column."""
        return DatasetRowError(*self._where, column, reason)

    def text(self, column: str) -> str:
        """Returns a column of text."""
        value = self._value(column)
        if not isinstance(value, str):
            raise self.fault(column, f"must be text, got {type(value).__name__}")
        return value

    def integer(self, column: str) -> int:
        """Returns a column that holds an int."""
        value = self._value(column)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fault(column, f"must be an int, got {type(value).__name__}")
        return value

    def texts(self, column: str) -> tuple[str, ...]:
        """Returns a column that holds a list of texts."""
        value = self._value(column)
        if not isinstance(value, list):
            raise self.fault(column, f"must be a list of texts, got {type(value).__name__}")
        for item in value:
            if not isinstance(item, str):
                raise self.fault(column, f"must be a list of texts, got a {type(item).__name__}")
        return tuple(value)

    def python(self, column: str, source: str) -> ast.Module:
        """Returns the syntax tree of Python source that came from a column."""
        try:
            return parse_python(source)
        except ValueError as error:
            raise self.fault(column, str(error)) from None

    def _value(self, column: str) -> Any:
        if column not in self.columns:
            raise self.fault(column, "is missing")
        return self.columns[column]


def parse_python(source: str) -> ast.Module:
    """Returns the syntax tree of Python source, without a warning whatever it holds.

    Raises:
      ValueError: it is not Python; says why in one line.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in a dataset's program is not our user's affair
            return ast.parse(source)
    except SyntaxError as error:
        where = f" (line {error.lineno})" if error.lineno else ""
        raise ValueError(f"must be Python: {error.msg}{where}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"must be Python: {str(error) or type(error).__name__}") from None
