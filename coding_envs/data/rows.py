"""Row: a dataset row whose columns are checked as they are read.

A column may come in any of the shapes that readers give it: JSON as text or decoded already, a date
as text or as a datetime, a list of records as such or as a record of lists.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from ..errors import DatasetRowError

__all__ = ["MAX_TEXT_CHARS", "Row", "parse_json", "parse_json_or_python", "parse_python"]

MAX_TEXT_CHARS = 1 << 30
"""The longest JSON text that is parsed; the largest of real rows has some hundred million."""

_MAX_LITERAL_CHARS = 1 << 27  # a syntax tree takes many times the text's memory
_DIGITS = 4000  # below CPython's limit on decimal digits, which is the whole process's
_MAX_DIGITS = 1_000_000  # converting them takes time that grows faster than they do


class Row:
    """A dataset row; every fault names dataset, split, row number, column and reason.

    Attributes:
      columns: the untouched columns.
      dataset: the dataset's name.

    Raises:
      DatasetRowError: the row is no mapping; each method: its column is missing or malformed.
    """

    def __init__(self, row: object, *, dataset: str, split: str, number: int) -> None:
        self._where = (dataset, split, number)
        self.dataset = dataset
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

    def optional_text(self, column: str) -> str:
        """Returns a column of text, "" where it is missing or null."""
        return "" if self.columns.get(column) is None else self.text(column)

    def optional_texts(self, column: str) -> tuple[str, ...]:
        """Returns a column that holds a list of texts, () where it is missing or null."""
        return () if self.columns.get(column) is None else self.texts(column)

    def optional_number(self, column: str) -> float | None:
        """Returns a column that holds a number, None where it is missing, null or NaN."""
        value = self.columns.get(column)
        if value is None or value != value:
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self.fault(column, f"must be a number, got {type(value).__name__}")
        return value

    def optional_date(self, column: str) -> date | None:
        """Returns a column that holds a date, as text or as a datetime; None where it is empty."""
        value = self.columns.get(column)
        if value is None or value == "":
            return None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        try:
            return datetime.fromisoformat(value).date()
        except (TypeError, ValueError):
            raise self.fault(column, f"must be a date, got {repr(value)[:60]}") from None

    def json(self, column: str) -> Any:
        """Returns what a column of JSON text holds, or the column itself where it is no text."""
        value = self._value(column)
        if not isinstance(value, str):
            return value
        try:
            return parse_json(value)
        except ValueError as error:
            raise self.fault(column, str(error)) from None

    def json_or_python(self, column: str) -> Any:
        """Returns as `json` does; the text may be a Python literal instead."""
        value = self._value(column)
        if not isinstance(value, str):
            return value
        try:
            return parse_json_or_python(value)
        except ValueError as error:
            raise self.fault(column, str(error)) from None

    def literals(self, column: str) -> tuple[str, ...]:
        """Returns a list of texts that a column holds as a Python literal; () where it is empty."""
        value = self.columns.get(column)
        if value is None or value == "":
            return ()
        if isinstance(value, str):
            try:
                value = _parse_literal(value)
            except ValueError as error:
                raise self.fault(column, str(error)) from None
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
            raise self.fault(column, "must hold a list of texts")
        return tuple(value)

    def records(self, column: str, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Returns records' values by name, from a list of records or a record of lists.

        A column that is null has none.
        """
        value = self._value(column)
        if value is None:
            return []
        if isinstance(value, Mapping):
            lists = [value.get(name) for name in names]
            if not all(isinstance(one, (list, tuple)) for one in lists):
                raise self.fault(column, f"must hold lists named {', '.join(names)}")
            lengths = {len(one) for one in lists if one is not None}
            if len(lengths) > 1:
                raise self.fault(column, f"must hold lists of one length, got {sorted(lengths)}")
            return list(zip(*(one for one in lists if one is not None), strict=True))
        if not isinstance(value, (list, tuple)):
            raise self.fault(column, f"must be a list of records, got {type(value).__name__}")
        for one in value:
            if not isinstance(one, Mapping) or any(name not in one for name in names):
                raise self.fault(column, f"must be a list of records with {', '.join(names)}")
        return [tuple(one[name] for name in names) for one in value]

    def without(self, *columns: str) -> dict[str, Any]:
        """Returns the row as JSON data, but for some columns: those that became tests."""
        return {name: _plain(value) for name, value in self.columns.items() if name not in columns}

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


def _plain(value: Any) -> Any:
    """Returns a column as JSON data: dates as text."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        plain = all(isinstance(item, (str, int, float)) for item in value)
        return list(value) if plain else [_plain(item) for item in value]
    return value


def parse_json(text: str) -> Any:
    """Returns what JSON text holds; ints may have any number of digits that is at all reasonable.

    Raises:
      ValueError: it is not JSON, or too long, or too deep; says so in one line.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise ValueError(f"must have at most {MAX_TEXT_CHARS} characters, got {len(text)}")
    try:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # CPython's limit on digits; slower, hence not at once
            return json.loads(text, parse_int=_parse_int)
    except RecursionError:
        raise ValueError("must be JSON: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"must be JSON: {error}") from None


def _parse_int(digits: str) -> int:
    """Returns the int; CPython itself refuses more than 4300 digits, unless all threads do not."""
    if len(digits) <= _DIGITS:
        return int(digits)
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"must have ints of at most {_MAX_DIGITS} digits, got {len(digits)}")
    if digits[0] == "-":
        return -_parse_int(digits[1:])
    half = len(digits) // 2
    shift: int = 10**half
    return _parse_int(digits[:-half]) * shift + _parse_int(digits[-half:])


def parse_json_or_python(text: str) -> Any:
    """Returns what text holds that is JSON or a Python literal.

    Raises:
      ValueError: it is neither, or too long, or too deep; says so in one line.
    """
    try:
        return parse_json(text)
    except ValueError as error:
        why = str(error)
    try:
        return _parse_literal(text)
    except ValueError:
        raise ValueError(f"{why}; nor is it a Python literal") from None


def _parse_literal(text: str) -> Any:
    if len(text) > _MAX_LITERAL_CHARS:
        raise ValueError(f"must have at most {_MAX_LITERAL_CHARS} characters, got {len(text)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        kind = type(error).__name__
        raise ValueError(f"must be a Python literal, got {text[:40]!r}: {kind}") from None


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
