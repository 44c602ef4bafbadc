"""Conditions on problems: what `where=` and `--where` take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from ..errors import InvalidValueError, UnknownNameError
from .head import STYLES, Head

__all__ = ["WHERE_KEYS", "Where", "asks_for_style", "parse_where", "where_predicate"]

type Where = Mapping[str, Any] | Callable[[Head], object]
"""A mapping of conditions that must all hold (see WHERE_KEYS), or a predicate on a Head."""

_TEXTS = ("key", "difficulty", "source", "language", "style")
WHERE_KEYS = (*_TEXTS, "tags", "rating", "released_after", "released_before")
"""The conditions of a mapping.

key, difficulty, source, language, style: the problem's own must be this text, or one of several;
letters compare without case. tags: it must have this tag, or one of several. rating: (lowest,
highest), both included, None where there is no bound; a problem without a rating has none in it.
released_after, released_before: a date, or text YYYY-MM-DD; the day itself is in neither. A problem
whose date is not known is in no such window.
"""


def where_predicate(where: Where | None) -> Callable[[Head], bool]:
    """Returns what says whether a head meets the conditions.

    Raises:
      UnknownNameError: there is no such condition.
      InvalidValueError: a condition's value is of the wrong kind; names it.
    """
    if where is None:
        return _any_head
    if callable(where):
        predicate = where
        return lambda head: bool(predicate(head))
    if not isinstance(where, Mapping):
        raise InvalidValueError(
            f"where must be a mapping or a function of a Head, got {type(where).__name__}; "
            f"conditions are {', '.join(WHERE_KEYS)}"
        )
    tests = [_condition(key, value) for key, value in where.items()]
    return lambda head: all(test(head) for test in tests)


def asks_for_style(where: Where | None) -> bool:
    """Returns whether conditions look, or may look, at what is told by `style_columns`."""
    if isinstance(where, Mapping):
        return "style" in where or "language" in where
    return where is not None


def _any_head(_head: Head) -> bool:
    return True


def _condition(key: str, value: Any) -> Callable[[Head], bool]:
    if key not in WHERE_KEYS:
        raise UnknownNameError("condition of where", str(key), WHERE_KEYS)
    if key == "rating":
        return _rating(value)
    if key in ("released_after", "released_before"):
        day = _day(key, value)
        if key == "released_after":
            return lambda head: head.release_date is not None and head.release_date > day
        return lambda head: head.release_date is not None and head.release_date < day
    wanted = _texts(key, value)
    if key == "tags":
        return lambda head: any(tag.casefold() in wanted for tag in head.tags)
    if key == "style":
        unknown = wanted - set(STYLES)
        if unknown:
            raise UnknownNameError("style of tests", min(unknown), STYLES)
    return lambda head: getattr(head, key).casefold() in wanted


def _texts(key: str, value: Any) -> frozenset[str]:
    texts = [value] if isinstance(value, str) else value
    good = isinstance(texts, Iterable) and not isinstance(texts, (bytes, Mapping))
    texts = list(texts) if good else []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidValueError(f"where {key} must be text or several texts, got {value!r:.80}")
    return frozenset(text.casefold() for text in texts)


def _day(key: str, value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidValueError(
            f"where {key} must be a date, or text YYYY-MM-DD, got {value!r:.80}"
        ) from None


def _rating(value: Any) -> Callable[[Head], bool]:
    bounds = list(value) if isinstance(value, (tuple, list)) else []
    numbers = [b for b in bounds if isinstance(b, (int, float)) and not isinstance(b, bool)]
    if len(bounds) != 2 or len(numbers) + bounds.count(None) != 2:
        raise InvalidValueError(
            f"where rating must be (lowest, highest), either of them None, got {value!r:.80}"
        )
    low = float("-inf") if bounds[0] is None else bounds[0]
    high = float("inf") if bounds[1] is None else bounds[1]
    if not low <= high:  # NaN neither
        raise InvalidValueError(f"where rating must be (lowest, highest), got {value!r:.80}")
    return lambda head: head.rating is not None and low <= head.rating <= high


def parse_where(conditions: Iterable[str]) -> dict[str, Any] | None:
    """Returns the mapping that texts KEY=VALUE say, or None where there are none.

    Several values stand with commas between, or in several texts; a rating is LOW..HIGH, either of
    them left out where there is no bound.

    Raises:
      InvalidValueError: a text is malformed.
      UnknownNameError: there is no such condition.
    """
    found: dict[str, Any] = {}
    for text in conditions:
        key, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not value:
            raise InvalidValueError(f"a condition must be KEY=VALUE, got {text!r}")
        if key not in WHERE_KEYS:
            raise UnknownNameError("condition", key, WHERE_KEYS)
        if key == "rating":
            found[key] = _bounds(value)
        elif key.startswith("released_"):
            found[key] = value
        else:
            parts = (part.strip() for part in value.split(","))
            found.setdefault(key, []).extend(part for part in parts if part)
    if not found:
        return None
    where_predicate(found)  # so that a mistake is found before anything is loaded
    return found


def _bounds(text: str) -> tuple[float | None, float | None]:
    low, dots, high = (part.strip() for part in text.partition(".."))
    try:
        first = float(low) if low else None
        second = (float(high) if high else None) if dots else first
    except ValueError:
        raise InvalidValueError(f"rating must be LOW..HIGH, got {text!r}") from None
    return first, second
