"""How a result is compared with the expected one. Pure; never raises, never runs a program's code.

Standard output: both texts are split on white space; the tokens must be equal one by one. A token
is compared as a float where the expected token is written with a point or an exponent (or the
problem's `Comparison` says otherwise), within an absolute or relative tolerance. An expected
integer is never matched by a float, and NaN matches nothing.

Returned values: type-exact after tuple -> list; a bool is not an int; where the expected value is a
float, an int or float within the tolerance matches. Both sides stay in their plain-data encoding
(see `plain_data.py`): a set or dict of a program's is never rebuilt here, so that keys made to
collide cost us nothing.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ..problem import Comparison

__all__ = ["plain_matches", "stdout_matches"]

_FLOAT = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?\Z")
_INTEGER = re.compile(r"[+-]?\d+\Z")
_MAX_FLOAT_TOKEN = 400  # longer than any float that anyone prints


def stdout_matches(expected: str, got: str, rules: Comparison) -> bool:
    """Returns True where the program printed what was expected."""
    if rules.ignore_case:
        expected, got = expected.lower(), got.lower()
    if rules.unordered:
        return _lines_match_unordered(expected, got, rules)
    wanted, tokens = expected.split(), got.split()
    if len(wanted) != len(tokens):
        return False
    return all(map(_token_matches, wanted, tokens, [rules] * len(wanted)))


def _lines_match_unordered(expected: str, got: str, rules: Comparison) -> bool:
    wanted = sorted(line.split() for line in expected.splitlines() if line.strip())
    lines = sorted(line.split() for line in got.splitlines() if line.strip())
    if len(wanted) != len(lines):
        return False
    return all(
        len(a) == len(b) and all(_token_matches(x, y, rules) for x, y in zip(a, b, strict=True))
        for a, b in zip(wanted, lines, strict=True)
    )


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
    if number is not None and rules.floats != "never":
        other = _as_number(got)
        return other is not None and _close(number, other, rules)
    if rules.floats == "always" and type(expected) is int:
        other = _as_number(got)
        return other is not None and _close(float(expected), other, rules)
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
    if type(value) is int:
        return float(value)
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
        values = {_key(k): v for k, v in body}
        if len(values) != len(wanted):
            return False
        missing = object()
        return all(_matches(v, values.get(_key(k), missing), rules) for k, v in wanted)
    if tag == "complex":
        pairs = zip(wanted, body, strict=True) if _is_list(body) and len(body) == 2 else ()
        return all([_matches(float(a), b, rules) for a, b in pairs] or [False])
    return bool(wanted == body)


def _match_unordered(expected: list[Any], got: list[Any], rules: Comparison) -> bool:
    """Exact items pair by their text; what is left, in the order of its text, by the rules."""
    rest = {}
    for item in got:
        key = _key(item)
        rest[key] = rest.get(key, 0) + 1
    left = []
    for item in expected:
        key = _key(item)
        if rest.get(key, 0):
            rest[key] -= 1
        else:
            left.append(item)
    others = [json.loads(key) for key, count in rest.items() for _ in range(count)]
    if len(left) != len(others):
        return False
    left.sort(key=_order)
    others.sort(key=_order)
    return all(_matches(a, b, rules) for a, b in zip(left, others, strict=True))


def _order(item: Any) -> tuple[float, str]:
    number = _as_number(item)
    return (number if number is not None and not math.isnan(number) else 0.0, _key(item))


def _key(item: Any) -> str:
    return json.dumps(_untuple(item), sort_keys=True)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
