"""How a result is compared with the expected one. Pure; never raises, never runs a program's code.

Standard output: both texts are split on white space; the tokens must be equal one by one. A token
is compared as a float where the expected token is written with a point or an exponent (or the
problem's `Comparison` says otherwise), within an absolute or relative tolerance. An expected
integer is never matched by a float, and no number is matched by NaN. (A word `nan` in the expected
text is text like any other.)

Returned values: type-exact after tuple -> list; a bool is not an int; where the expected value is a
float, an int or float within the tolerance matches; NaN matches nothing. Both sides stay in their
plain-data encoding (see `plain_data.py`): a set or dict of a program's is never rebuilt here, so
that keys made to collide cost us nothing.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ..problem import Comparison

__all__ = ["plain_matches", "stdout_matches"]

_FLOAT = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?\Z", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+\Z", re.ASCII)
_NAN = '{"float": "nan"}'
_MAX_FLOAT_TOKEN = 400  # longer than any float that anyone prints


def stdout_matches(expected: str, got: str, rules: Comparison) -> bool:
    """Returns True where the program printed what was expected."""
    if rules.ignore_case:
        expected, got = expected.lower(), got.lower()
    if rules.unordered:
        return _lines_match_unordered(expected, got, rules)
    wanted = expected.split()
    tokens = got.split(None, len(wanted))  # at most one too many: a flood of tokens costs nothing
    if len(wanted) != len(tokens):
        return False
    return all(map(_token_matches, wanted, tokens, [rules] * len(wanted)))


def _lines_match_unordered(expected: str, got: str, rules: Comparison) -> bool:
    wanted = [line.split() for line in expected.splitlines() if line.strip()]
    if len(got) > 100 * len(expected) + 10_000:
        return False  # far too much: not worth sorting
    lines = [line.split() for line in got.splitlines() if line.strip()]
    if len(wanted) != len(lines):
        return False
    wanted.sort(key=_line_order)
    lines.sort(key=_line_order)
    return all(
        len(a) == len(b) and all(_token_matches(x, y, rules) for x, y in zip(a, b, strict=True))
        for a, b in zip(wanted, lines, strict=True)
    )


def _line_order(tokens: list[str]) -> list[tuple[float, str]]:
    """Numbers by value, so that `2.0` and `2.00` stand at the same place."""
    return [
        (float(t), "") if len(t) <= _MAX_FLOAT_TOKEN and _FLOAT.match(t) else (math.inf, t)
        for t in tokens
    ]


def _token_matches(expected: str, got: str, rules: Comparison) -> bool:
    if expected == got:
        return True
    if rules.floats == "never" or len(got) > _MAX_FLOAT_TOKEN:
        return False
    if not _FLOAT.match(expected) or not _FLOAT.match(got):
        return False
    if rules.floats == "where_expected" and _INTEGER.match(expected):
        return False
    return _close(float(expected), float(got), rules)


def _close(expected: float, got: float, rules: Comparison) -> bool:
    if math.isinf(expected) or math.isinf(got):
        return expected == got
    difference = abs(expected - got)  # NaN makes both comparisons below False
    return difference <= rules.abs_tol or difference <= rules.rel_tol * abs(expected)


def plain_matches(expected: Any, got: Any, rules: Comparison) -> bool:
    """Returns True where a returned value matches; both as `plain_data.encode` writes them."""
    try:
        return _matches(expected, got, rules)
    except RecursionError:
        return False


def _matches(expected: Any, got: Any, rules: Comparison) -> bool:
    expected, got = _untuple(expected), _untuple(got)
    if isinstance(expected, list):
        if not isinstance(got, list) or len(expected) != len(got):
            return False
        if rules.unordered:
            return _match_unordered(expected, got, rules)
        return all(_matches(a, b, rules) for a, b in zip(expected, got, strict=True))
    number = _as_float(expected)
    if number is None and rules.floats == "always":
        number = _as_number(expected)
    if number is not None:
        other = _as_number(got)
        if rules.floats == "never":
            return other == number and type(expected) is type(got)
        return other is not None and _close(number, other, rules)
    if isinstance(expected, dict) and isinstance(got, dict):
        return _match_tagged(expected, got, rules)
    return type(expected) is type(got) and bool(expected == got)


def _untuple(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("tuple"), list):
        return value["tuple"]
    return value


def _as_float(value: Any) -> float | None:
    """The float that an encoded value is, or None where it is none."""
    if type(value) is float:
        return value
    if isinstance(value, dict) and value.get("float") in ("inf", "-inf", "nan"):
        return float(value["float"])
    return None


def _as_number(value: Any) -> float | None:
    """The float nearest to an encoded int or float, or None where it is neither."""
    if isinstance(value, dict) and isinstance(value.get("int"), str):
        text = value["int"]
        try:
            value = int(text, 16)
        except ValueError:
            return None
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return None  # beyond every float: matches none
    return _as_float(value)


def _match_tagged(expected: dict[str, Any], got: dict[str, Any], rules: Comparison) -> bool:
    if len(expected) != 1 or len(got) != 1:
        return False
    ((tag, wanted),) = expected.items()
    body = got.get(tag)
    if tag == "opaque" or body is None:
        return False
    if tag in ("set", "frozenset"):
        return _is_list(body) and len(body) == len(wanted) and _match_unordered(wanted, body, rules)
    if tag == "dict":
        if not _is_list(body) or len(body) != len(wanted):
            return False
        if not all(isinstance(pair, list) and len(pair) == 2 for pair in body):
            return False
        values = {_key(k, rules): v for k, v in body}
        if len(values) != len(wanted):
            return False
        missing = object()
        return all(_matches(v, values.get(_key(k, rules), missing), rules) for k, v in wanted)
    if tag == "complex":
        if not _is_list(body) or len(body) != 2 or any(_as_float(part) is None for part in body):
            return False
        return all(_matches(a, b, rules) for a, b in zip(wanted, body, strict=True))
    return bool(wanted == body)


def _match_unordered(expected: list[Any], got: list[Any], rules: Comparison) -> bool:
    """Exact items pair by their text; what is left, in the order of its text, by the rules."""
    rest: dict[str, list[Any]] = {}
    for item in got:
        rest.setdefault(_key(item, rules), []).append(item)
    left = []
    for item in expected:
        key = _key(item, rules)
        if rest.get(key) and _NAN not in key:
            rest[key].pop()
        else:
            left.append((_order(item, key), item))
    others = [(_order(item, key), item) for key, items in rest.items() for item in items]
    if len(left) != len(others):
        return False
    left.sort(key=_first)
    others.sort(key=_first)
    return all(_matches(a, b, rules) for (_, a), (_, b) in zip(left, others, strict=True))


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _order(item: Any, key: str) -> tuple[float, str]:
    number = _as_number(item)
    return (number if number is not None and not math.isnan(number) else 0.0, key)


def _key(item: Any, rules: Comparison) -> str:
    """One text for all items that are the same under the rules on tuples and order."""
    return json.dumps(_canonical(item, rules.unordered))


def _canonical(value: Any, unordered: bool) -> Any:
    if isinstance(value, list):
        items = [_canonical(v, unordered) for v in value]
        return sorted(items, key=json.dumps) if unordered else items
    if isinstance(value, dict):
        tag, body = next(iter(value.items()), ("", None))
        if tag == "tuple":
            return _canonical(body, unordered)
        if tag in ("set", "frozenset", "dict") and isinstance(body, list):
            pairs = [_canonical(v, False) for v in body]
            return {tag: sorted(pairs, key=json.dumps)}
        return {tag: body}
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
