"""How a result is compared with the expected one. Pure; never raises, never runs a program's code.

Standard output: both texts are split on white space; the tokens must be equal one by one. A token
is compared as a float where the expected token is written with a point or an exponent (or the
problem's `Comparison` says otherwise), within an absolute or relative tolerance. An expected
integer is never matched by a float, and no number is matched by NaN. (A word `nan` in the expected
text is text like any other.)

Returned values: type-exact after tuple -> list; a bool is not an int; where the expected value is
a float, an int or float within the tolerance matches; NaN matches nothing. What Python itself
calls equal is equal here too: the kinds of dict among each other (two OrderedDicts in their order,
two Counters but for zeros), bytes and bytearray, Decimals and aware datetimes by value, a number
of NumPy's and the plain one. Arrays match by shape and by their items under the same rules. Where
`Comparison.equality` is "python", Python's own `==` decides, and for floats the tolerance of
NumPy's `allclose`.

Both sides stay in their plain-data encoding (see `plain_data.py`): a set or dict of a program's is
never rebuilt here, so that keys made to collide cost us nothing.
"""

from __future__ import annotations

import cmath
import json
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .. import plain_data
from ..errors import PlainDataError
from ..problem import Comparison

if TYPE_CHECKING:
    import numpy as np

__all__ = ["plain_matches", "stdout_matches"]

_FLOAT = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?\Z", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+\Z", re.ASCII)
_NAN = '{"float": "nan"}'
_MAX_FLOAT_TOKEN = 400  # longer than any float that anyone prints
_DICTS = ("dict", "ordered_dict", "counter", "default_dict")
_BYTES = ("bytes", "bytearray")
_SETS = ("set", "frozenset", "dict_keys", "dict_items")
_NUMBERS_OF_NUMPY = (bool, int, float)


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
        if rules.equality == "python":
            return _equals(expected, got) or _all_close(expected, got, rules)
        if _matches(expected, got, rules):
            return True
        wrapped = rules.unwrap and isinstance(expected, list) and len(expected) == 1
        return wrapped and _matches(expected[0], got, rules)
    except RecursionError:
        return False


# --- as Python's == has it -----------------------------------------------------------------------

_TYPED = Comparison(floats="never")


def _equals(expected: Any, got: Any) -> bool:
    """Returns what `==` says of two encoded values: 1, 1.0 and True are equal, [1] and (1,) not."""
    if isinstance(expected, list) or isinstance(got, list):
        both = isinstance(expected, list) and isinstance(got, list)
        return both and len(expected) == len(got) and all(map(_equals, expected, got))
    if expected is None or isinstance(expected, str):
        return type(got) is type(expected) and bool(got == expected)
    left, right = _as_exact(expected), _as_exact(got)
    if left is not None or right is not None:
        return left is not None and left == right  # NaN equals nothing
    if not isinstance(expected, dict) or not isinstance(got, dict):
        return False
    if len(expected) != 1 or len(got) != 1:
        return False
    ((tag, wanted),) = expected.items()
    ((other, body),) = got.items()
    if tag == other == "tuple":
        return _is_list(body) and len(wanted) == len(body) and all(map(_equals, wanted, body))
    if tag in _SETS and other in _SETS:
        return _is_list(body) and _same_keys(wanted, body)
    if tag in _DICTS and other in _DICTS:
        return _equal_dicts(tag, wanted, other, body)
    return _match_tagged(expected, got, _TYPED)


def _as_exact(value: Any) -> int | float | None:
    """Returns the number that an encoded value is, exactly, or None where it is none."""
    if isinstance(value, dict) and "numpy_scalar" in value:
        value = _plainer(value)
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict) and isinstance(value.get("int"), str):
        try:
            return int(value["int"], 16)
        except ValueError:
            return None
    return _as_float(value)


def _key_text(value: Any) -> str:
    """Returns one text for all hashables that Python calls equal."""
    number = _as_exact(value)
    if number is not None:
        whole = isinstance(number, int) or (math.isfinite(number) and number.is_integer())
        return hex(int(number)) if whole else repr(number)
    if isinstance(value, dict) and len(value) == 1:
        ((tag, body),) = value.items()
        if isinstance(body, list) and (tag == "tuple" or tag in _SETS):
            texts = list(map(_key_text, body))
            return f"({','.join(texts)})" if tag == "tuple" else f"{{{','.join(sorted(texts))}}}"
    return json.dumps(value)


def _same_keys(wanted: list[Any], body: list[Any]) -> bool:
    if len(wanted) != len(body):
        return False
    return set(map(_key_text, wanted)) == set(map(_key_text, body))


def _equal_dicts(tag: str, wanted: Any, other: str, body: Any) -> bool:
    pairs, others = _pairs(tag, wanted), _pairs(other, body)
    if pairs is None or others is None:
        return False
    if tag == other == "counter":
        pairs = [pair for pair in pairs if not _equals(pair[1], 0)]
        others = [pair for pair in others if not _equals(pair[1], 0)]
    if len(pairs) != len(others):
        return False
    if tag == other == "ordered_dict":
        return all(_equals(a, b) for a, b in zip(pairs, others, strict=True))
    values = {_key_text(k): v for k, v in others}
    missing = object()
    return all(_equals(v, values.get(_key_text(k), missing)) for k, v in pairs)


def _all_close(expected: Any, got: Any, rules: Comparison) -> bool:
    """Returns True where numbers, or sequences of them in the same shape, are near enough."""
    if rules.floats == "never" or not (rules.floats == "always" or _is_floats(expected)):
        return False
    return _near(expected, got, rules)


def _is_floats(value: Any) -> bool:
    items = _items(value)
    return _as_float(value) is not None if items is None else None not in map(_as_float, items)


def _items(value: Any) -> list[Any] | None:
    """Returns the items of a list or a tuple; None where it is neither."""
    if isinstance(value, dict):
        value = value.get("tuple") if len(value) == 1 else None
    return value if isinstance(value, list) else None


def _near(expected: Any, got: Any, rules: Comparison) -> bool:
    items, others = _items(expected), _items(got)
    if items is not None or others is not None:
        if items is None or others is None or len(items) != len(others):
            return False
        return all(_near(a, b, rules) for a, b in zip(items, others, strict=True))
    wanted, number = _as_complex(expected), _as_complex(got)
    if wanted is None or number is None:
        return False
    if wanted == number:
        return True
    if cmath.isinf(wanted) or cmath.isinf(number):
        return False
    return abs(wanted - number) <= rules.abs_tol + rules.rel_tol * abs(wanted)


def _as_complex(value: Any) -> complex | float | None:
    """Returns the number that an encoded value is, as NumPy would take it; None for none."""
    if isinstance(value, dict) and _is_pair(value.get("complex")):
        parts = [_as_float(part) for part in value["complex"]]
        return None if None in parts else complex(*parts)  # type: ignore[arg-type]
    number = _as_exact(value)
    try:
        return None if number is None else float(number)
    except OverflowError:
        return None


def _matches(expected: Any, got: Any, rules: Comparison) -> bool:
    expected, got = _plainer(expected), _plainer(got)
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


def _plainer(value: Any) -> Any:
    """A tuple as the list, a number of NumPy's as the number that it is."""
    if isinstance(value, dict):
        if isinstance(value.get("tuple"), list):
            return value["tuple"]
        pair = value.get("numpy_scalar")
        if isinstance(pair, list) and len(pair) == 2:
            number = pair[1]
            tagged = isinstance(number, dict) and ("float" in number or "int" in number)
            return number if tagged or type(number) in _NUMBERS_OF_NUMPY else value
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
    ((other, body),) = got.items()
    if tag in _DICTS and other in _DICTS:
        return _match_dicts(tag, wanted, other, body, rules)
    if tag in _BYTES and other in _BYTES:
        return bool(wanted == body)
    if tag != other or tag in ("opaque", "iterator"):
        return False
    if tag in _SETS:
        return _is_list(body) and len(body) == len(wanted) and _match_unordered(wanted, body, rules)
    if tag == "deque":  # its greatest length is no part of its value
        return _is_pair(body) and _is_list(body[0]) and _matches(wanted[0], body[0], rules)
    if tag == "complex":
        if not _is_pair(body) or any(_as_float(part) is None for part in body):
            return False
        return all(_matches(a, b, rules) for a, b in zip(wanted, body, strict=True))
    if tag in ("decimal", "datetime", "range", "numpy_array"):
        if wanted == body and tag in ("datetime", "range"):
            return True
        try:
            left, right = plain_data.decode(expected), plain_data.decode(got)
        except PlainDataError:
            return False
        if tag == "numpy_array":
            return _match_arrays(left, right, rules)
        if tag == "decimal" and not (_is_number(left) and _is_number(right)):
            return False  # NaN
        return bool(left == right)
    return bool(wanted == body)


def _match_dicts(tag: str, wanted: Any, other: str, body: Any, rules: Comparison) -> bool:
    pairs, others = _pairs(tag, wanted), _pairs(other, body)
    if pairs is None or others is None:
        return False
    if tag == other == "counter":
        pairs = [pair for pair in pairs if pair[1] != 0]
        others = [pair for pair in others if pair[1] != 0]
    if len(pairs) != len(others):
        return False
    if tag == other == "ordered_dict":
        keys = zip(pairs, others, strict=True)
        if any(_key(a[0], rules) != _key(b[0], rules) for a, b in keys):
            return False
    if rules.json_keys:
        others = [[_as_json_key(k), v] for k, v in others]
    values = {_key(k, rules): v for k, v in others}
    if len(values) != len(pairs):
        return False
    missing = object()
    return all(_matches(v, values.get(_key(k, rules), missing), rules) for k, v in pairs)


def _as_json_key(key: Any) -> Any:
    """The text that JSON writes for a key that is a number, True, False or None."""
    return json.dumps(key) if key is None or isinstance(key, (bool, int, float)) else key


def _pairs(tag: str, body: Any) -> list[Any] | None:
    if tag == "default_dict":
        body = body[0] if _is_pair(body) else None
    return body if _is_list(body) and all(_is_pair(pair) for pair in body) else None


def _match_arrays(
    expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any], rules: Comparison
) -> bool:
    import numpy as np

    if expected.shape != got.shape:
        return False
    kinds = expected.dtype.kind, got.dtype.kind
    if "O" in kinds:
        items = [plain_data.encode(array.ravel().tolist()) for array in (expected, got)]
        return kinds[0] == kinds[1] and _matches(items[0], items[1], rules)
    if kinds[0] in "fc" and kinds[1] in "iuf" + kinds[0] and rules.floats != "never":
        with np.errstate(all="ignore"):
            apart = np.abs(expected - got)
            near = (apart <= rules.abs_tol) | (apart <= rules.rel_tol * np.abs(expected))
            finite = np.isfinite(expected) & np.isfinite(got)
            return bool(np.all(np.where(finite, near, expected == got)))
    same_kind = kinds[0] == kinds[1] or set(kinds) <= set("iu")
    return same_kind and bool(np.array_equal(expected, got))


def _is_number(value: Decimal) -> bool:
    return not value.is_nan()


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


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2
