"""The plain layout: a problem's own fields as columns, JSON text where a column is no plain value.

`docs/datasets.md` describes it. Only `key`, `prompt` and tests must be there; what is left out
takes the default of `Problem`. Tests may stand in one column `tests` (hidden ones), as JSON text or
as objects, and a test's `kind` may be left out where its keys say it.

UTF-8 holds no lone surrogates, and a column of numbers no int beyond 53 bits. A row that has such
values has them once more in the column `exact`, as JSON text of {column: value}, which counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from ..problem import Problem
from .digits import any_int_length
from .head import Head
from .rows import Row

__all__ = [
    "COLUMNS",
    "HEAD_COLUMNS",
    "LIST_COLUMNS",
    "NUMBER_COLUMNS",
    "STYLE_COLUMNS",
    "head_from_row",
    "problem_from_row",
    "row_from_problem",
]

TESTS = ("public_tests", "hidden_tests")
JSON_COLUMNS = (*TESTS, "limits", "comparison", "checker", "interactor", "row")
LIST_COLUMNS = ("solutions", "wrong_solutions", "stop_tokens", "tags", "flags")
NUMBER_COLUMNS = ("rating",)
_FIELDS = tuple(field.name for field in fields(Problem))
COLUMNS = (*_FIELDS, "style", "exact")
"""What is written; `tests` is read as well, in the place of `hidden_tests`."""
HEAD_COLUMNS = (
    *("key", "difficulty", "rating", "tags", "source", "release_date", "language", "style"),
    "exact",
)
STYLE_COLUMNS = ("public_tests", "hidden_tests", "tests")

_KIND = re.compile(r'\s*\[\s*\{\s*"kind"\s*:\s*"([a-z]+)"')
# What says the kind of a test that does not.
_KIND_BY_KEY = {"output": "stdio", "answer": "interactive", "args": "call", "code": "code"}


def problem_from_row(
    row: object,
    *,
    config: str,
    split: str,
    row_number: int,
    revision: str = "",
    dataset: str = "plain",
) -> Problem:
    """Returns the problem that a row of the plain layout holds.

    Args:
      row: the columns; those that are None count as left out.
      config: of a row that does not say its own, as are split, revision and dataset.
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".
      dataset: the dataset's name.

    Raises:
      DatasetRowError: a column is missing, unknown or malformed; names it.
    """
    columns = Row(row, dataset=dataset, split=split, number=row_number)
    data = _data(columns)
    for name in ("key", "prompt"):
        if name not in data:
            raise columns.fault(name, "is missing")
    flags = data.get("flags", ())
    hidden = "tests" if "tests" in columns.columns else "hidden_tests"
    if not any(data.get(name) for name in TESTS) and "no_tests" not in flags:
        raise columns.fault(hidden, 'must hold at least one test; or flag the row "no_tests"')
    style = data.pop("style", "")
    identity = {"dataset": dataset, "config": config, "split": split, "revision": revision}
    try:
        problem = Problem.from_json({**identity, **data})
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        column = _column_at_fault(data, error)
        column = hidden if column == "hidden_tests" else column
        raise columns.fault(column, str(error)) from None
    if style and style != Head.of(problem).style:
        raise columns.fault(
            "style", f"must be that of the first test, {Head.of(problem).style!r}, got {style!r}"
        )
    return problem


def head_from_row(
    row: object,
    *,
    config: str,  # noqa: ARG001 - no part of a head
    split: str,
    row_number: int,
    dataset: str = "plain",
) -> Head:
    """Returns the head of a row, from HEAD_COLUMNS and perhaps STYLE_COLUMNS.

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    columns = Row(row, dataset=dataset, split=split, number=row_number)
    given = {name: value for name, value in columns.columns.items() if value is not None}
    given |= _exact(columns, given)
    for name in ("difficulty", "source", "language", "style"):
        if not isinstance(given.get(name, ""), str):
            raise columns.fault(name, f"must be text, got {type(given[name]).__name__}")
    key = given.get("key")
    if not isinstance(key, str) or not key:
        raise columns.fault("key", f"must be non-empty text, got {key!r:.80}")
    rating = given.get("rating")
    if rating is not None and (isinstance(rating, bool) or not isinstance(rating, (int, float))):
        raise columns.fault("rating", f"must be a number, got {rating!r:.80}")
    released = given.get("release_date")
    return Head(
        key=key,
        difficulty=given.get("difficulty", ""),
        rating=rating,
        tags=_texts(columns, "tags", given.get("tags", [])),
        source=given.get("source", ""),
        release_date=date.fromisoformat(_day(columns, released)) if released else None,
        language=given.get("language") or "python",
        style=given.get("style") or _style(columns, given),
    )


def row_from_problem(problem: Problem) -> dict[str, Any]:
    """Returns a problem as a row of COLUMNS that UTF-8 can hold: text, lists of texts, a number."""
    data = problem.to_json()
    row: dict[str, Any] = {}
    exact: dict[str, Any] = {}
    for name in _FIELDS:
        value = data.get(name)
        if name in JSON_COLUMNS:
            row[name] = "" if value is None else _dumps(value)
        elif name in NUMBER_COLUMNS:
            row[name] = None if value is None else _float(value)
            if value is not None and row[name] != value:
                exact[name] = value
        else:
            value = value if value is not None else ([] if name in LIST_COLUMNS else "")
            row[name] = _utf8(value)
            if row[name] != value:
                exact[name] = value
    row["style"] = Head.of(problem).style
    row["exact"] = _dumps(exact) if exact else ""
    return row


def _float(value: float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _dumps(value: Any) -> str:
    with any_int_length():
        return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    """What a dataset's untouched row may hold beside JSON: dates, arrays, bytes."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def _utf8(value: Any) -> Any:
    if isinstance(value, list):
        return [_utf8(item) for item in value]
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


# --- reading -------------------------------------------------------------------------------------


def _data(columns: Row) -> dict[str, Any]:
    """Returns the columns as `Problem.from_json` takes them, and `style`."""
    given = {name: value for name, value in columns.columns.items() if value is not None}
    given |= _exact(columns, given)
    for name in given:
        if name not in COLUMNS and name != "tests":
            known = ", ".join((*COLUMNS, "tests"))
            raise columns.fault(str(name), f"is unknown, wanted {known}; put more data into 'row'")
    given.pop("exact", None)
    if "tests" in given and given.pop("hidden_tests", None):
        raise columns.fault("tests", "stands beside 'hidden_tests'; keep one of them")
    data: dict[str, Any] = {}
    for name, value in given.items():
        if name in JSON_COLUMNS or name == "tests":
            value = _json(columns, name, value)
            if value is None:
                continue
            if name in TESTS or name == "tests":
                value = list(_tests(columns, name, value))
        elif name in LIST_COLUMNS:
            value = list(_texts(columns, name, value))
        elif name == "release_date":
            if not value:
                continue
            value = _day(columns, value)
        elif name not in NUMBER_COLUMNS and not isinstance(value, str):
            raise columns.fault(name, f"must be text, got {type(value).__name__}")
        elif name in ("dataset", "config", "split", "revision", "language") and not value:
            continue
        data["hidden_tests" if name == "tests" else name] = value
    return data


def _exact(columns: Row, given: Mapping[str, Any]) -> dict[str, Any]:
    text = given.get("exact")
    if not text:
        return {}
    exact = _json(columns, "exact", text)
    if not isinstance(exact, dict):
        raise columns.fault("exact", f"must be a JSON object, got {type(exact).__name__}")
    return exact


def _json(columns: Row, name: str, value: Any) -> Any:
    """Returns what a column holds as JSON text or as objects; None where it is empty."""
    if not isinstance(value, str):
        if not isinstance(value, (Mapping, list)):
            raise columns.fault(name, f"must be text or JSON, got {type(value).__name__}")
        return value
    if not value.strip():
        return None
    try:
        with any_int_length():
            return json.loads(value)
    except (ValueError, RecursionError, MemoryError) as error:
        raise columns.fault(name, f"must be JSON: {error}") from None


def _tests(columns: Row, name: str, tests: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(tests, list):
        raise columns.fault(name, f"must be a list of tests, got {type(tests).__name__}")
    for test in tests:
        if not isinstance(test, Mapping):
            raise columns.fault(name, f"each test must be a JSON object, got {type(test).__name__}")
        # `datasets` gives every object every key that any of them has.
        kept = {key: value for key, value in test.items() if value is not None}
        if "expected" in test and "args" in kept:  # None is a value like any other
            kept["expected"] = test["expected"]
        yield {"kind": _kind(kept)} | kept


def _kind(test: Mapping[str, Any]) -> str:
    found = [kind for key, kind in _KIND_BY_KEY.items() if key in test]
    return found[0] if len(found) == 1 else ""


def _style(columns: Row, given: Mapping[str, Any]) -> str:
    for name in ("public_tests", "hidden_tests", "tests"):
        tests = given.get(name)
        if not tests:
            continue
        if isinstance(tests, str):
            found = _KIND.match(tests)
            if found:
                return found[1]
        tests = _json(columns, name, tests)
        for test in _tests(columns, name, [] if tests is None else tests):
            return str(test["kind"])
    return ""


def _texts(columns: Row, name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise columns.fault(name, f"must be a list of texts, got {type(value).__name__}")
    for item in value:
        if not isinstance(item, str):
            raise columns.fault(name, f"must be a list of texts, got a {type(item).__name__}")
    return tuple(value)


def _day(columns: Row, value: Any) -> str:
    if isinstance(value, (date, datetime)):
        return value.isoformat()[:10]
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        raise columns.fault(
            "release_date", f"must be a date, YYYY-MM-DD, got {value!r:.80}"
        ) from None


def _column_at_fault(data: Mapping[str, Any], error: Exception) -> str:
    """Returns the column that made the error, or ""."""
    name = str(error).split(" ", 1)[0]  # a value's message begins with the name of its field
    if name in COLUMNS and name not in JSON_COLUMNS:
        return name
    for name in JSON_COLUMNS:
        if name in data:
            alone = {"dataset": "-", "key": "-", "prompt": "", "entry_point": "f"}
            try:
                Problem.from_json({**alone, "interactor": {"source": ""}} | {name: data[name]})
            except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
                return name
    return ""
