"""Plain data: the only kind of value that crosses the sandbox's boundary.

The format is JSON in which every value keeps its exact type: `None`, `bool`, `str`, `int`, finite
`float` and `list` are JSON's own; everything else is an object with one key, its tag:

    {"tuple": [...]}  {"set": [...]}  {"frozenset": [...]}  {"dict": [[key, value], ...]}
    {"bytes": "hex"}  {"bytearray": "hex"}  {"complex": [re, im]}  {"float": "inf"}
    {"int": "0x..."}  {"decimal": "1.50"}  {"fraction": [1, 3]}  {"range": [start, stop, step]}
    {"date": "iso"}  {"time": "iso"}  {"datetime": "iso"}  {"timedelta": [days, s, us]}
    {"deque": [[...], maxlen]}  {"counter": [[key, count], ...]}  {"ordered_dict": [[k, v], ...]}
    {"default_dict": [[[key, value], ...], "factory"]}
    {"dict_keys": [...]}  {"dict_values": [...]}  {"dict_items": [[key, value], ...]}
    {"iterator": [[...], complete]}  {"numpy_scalar": ["<i8", 5]}
    {"numpy_array": ["<f8", [2, 3], "base64"]}  {"numpy_array": ["|O", [2], [...]]}
    {"opaque": "type"}

An int beyond 64 bits travels in hexadecimal, whose conversion takes linear time and which
CPython's limit on decimal digits does not concern. An iterator crosses as its first `MAX_ITEMS`
items, with a mark that says whether these were all. NumPy is looked at only where the program has
imported it, and imported only where a value of its tags is met.

Nothing is ever evaluated, and no class of a program's own is rebuilt: a subclass arrives as its
base, anything else as `Opaque`. Looking at a value calls the base classes' own methods, never an
override of the program's; only an iterator has to be run to be seen.

This module runs on both sides: in the host and, as a source file, inside the jail. It imports the
standard library alone.
"""

from __future__ import annotations

import binascii
import itertools
import json
import math
import re
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

try:
    from .errors import PlainDataError
except ImportError:  # inside the jail this file stands alone

    class PlainDataError(ValueError):  # type: ignore[no-redef]
        """A value, or a text, that is outside the plain data."""


__all__ = [
    "MAX_DEPTH",
    "MAX_ITEMS",
    "Opaque",
    "TruncatedError",
    "decode",
    "dumps",
    "encode",
    "has_too_many_parts",
    "is_rich",
    "loads",
]

MAX_DEPTH = 100  # far above real tests, far below the depth at which json itself gives up
MAX_ITEMS = 10_000  # of an iterator: some have no end
MAX_PARTS = 1_000_000  # lists, dicts ... in one value: a small one may hold itself many times over
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_MANY = 8  # items: from here on looking at all of them at once is faster than one by one
_AS_THEY_ARE = frozenset({str, bool, type(None)})
_JSON_SCALARS = frozenset({str, bool, type(None), int})
_FACTORIES = {kind.__name__: kind for kind in (int, float, str, list, dict, set, tuple, bool)}
_DTYPE = re.compile(r"[<>|=][biufcSU]\d{1,9}\Z")
_RICH = re.compile(
    r'\{"(?:bytearray|decimal|fraction|range|date|time|datetime|timedelta|deque|counter|'
    r'ordered_dict|default_dict|dict_keys|dict_values|dict_items|iterator|numpy_scalar|numpy_array)"'
)
_type_name = type.__dict__["__name__"].__get__  # a metaclass of the program's may say otherwise
_type_module = type.__dict__["__module__"].__get__
_text_of = json.encoder.encode_basestring_ascii


class TruncatedError(PlainDataError):
    """An iterator was read beyond the items that crossed."""


class Opaque:
    """A value that could not cross: it equals nothing, not even itself.

    Attributes:
      type_name: the name of the value's class, for messages only.
    """

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<opaque {self.type_name}>"


def encode(value: Any, *, opaque: bool = False) -> Any:
    """Returns `value` as objects that `json.dumps` writes without loss; it may share their lists.

    Args:
      value: any value; subclasses of the plain types count as their base.
      opaque: True turns a value that cannot cross into an opaque tag instead of raising, and runs
        iterators for their items.

    Raises:
      PlainDataError: a value is of no plain type, nested too deeply, or of too many parts (and
        `opaque` is False).
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int and _LEAST <= value <= _MOST:
        return value
    try:
        return _encode(value, 0, opaque, [MAX_PARTS])
    except _TooManyError:
        what = f"{_type_name(type(value))} of more than {MAX_PARTS} parts"
        if opaque:
            return {"opaque": what}
        raise PlainDataError(f"a value must have fewer parts, got a {what}") from None


class _TooManyError(Exception):
    """The value has more parts than anyone wants to see."""


def _encode(value: Any, depth: int, opaque: bool, left: list[int]) -> Any:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return value if _LEAST <= value <= _MOST else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    left[0] -= 1
    if depth >= MAX_DEPTH or left[0] < 0:
        return _refuse(kind, left, opaque)
    if kind is list:
        return _encode_all(value, depth + 1, opaque, left)
    if kind is tuple:
        return {"tuple": _encode_all(value, depth + 1, opaque, left)}
    if kind is dict:
        return {"dict": _encode_pairs(value.items(), depth + 1, opaque, left)}
    return _encode_other(value, kind, depth + 1, opaque, left)


def _refuse(kind: type, left: list[int], opaque: bool) -> Any:
    if left[0] < 0:
        raise _TooManyError
    if opaque:
        return {"opaque": f"{_type_name(kind)[:100]} nested more than {MAX_DEPTH} deep"}
    raise PlainDataError(f"value nested more than {MAX_DEPTH} deep; flatten it")


def _encode_all(values: Any, depth: int, opaque: bool, left: list[int]) -> list[Any]:
    """Encodes the items of a list or tuple; many of one plain kind are looked at all at once."""
    if len(values) >= _MANY:
        kinds = set(map(type, values))
        if kinds <= _AS_THEY_ARE or (
            len(kinds) == 1
            and (
                (int in kinds and min(values) >= _LEAST and max(values) <= _MOST)
                or (float in kinds and all(map(math.isfinite, values)))
            )
        ):
            return values if type(values) is list else list(values)
    return [
        v
        if (kind := type(v)) in _AS_THEY_ARE or (kind is int and _LEAST <= v <= _MOST)
        else _encode(v, depth, opaque, left)
        for v in values
    ]


def _encode_pairs(pairs: Any, depth: int, opaque: bool, left: list[int]) -> list[list[Any]]:
    return [
        [
            k if type(k) is str else _encode(k, depth, opaque, left),
            v if type(v) is str else _encode(v, depth, opaque, left),
        ]
        for k, v in pairs
    ]


def _encode_set(members: Any, depth: int, opaque: bool, left: list[int]) -> list[Any]:
    """Sorted by the text of its members: the same set is the same whatever the hash seed was."""
    items = _encode_all(list(members), depth, opaque, left)
    kinds = set(map(type, items))
    if kinds == {int}:
        return sorted(items, key=str)
    if kinds == {str}:
        return sorted(items, key=_text_of)
    return sorted(items, key=json.dumps)


def _encode_other(value: Any, kind: type, depth: int, opaque: bool, left: list[int]) -> Any:
    # issubclass looks at the class alone; isinstance would ask the value for its __class__ too.
    if issubclass(kind, (list, tuple, dict, set, frozenset)):
        return _encode_container(value, kind, depth, opaque, left)
    # Subclasses of scalars: their base's own methods, so that no override runs or lies.
    if issubclass(kind, bytes):
        return {"bytes": bytes.hex(value)}
    if issubclass(kind, bytearray):
        return {"bytearray": bytearray.hex(value)}
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, int):
        return _encode(int.__int__(value), depth, opaque, left)
    if issubclass(kind, float):
        return _encode(float.__float__(value), depth, opaque, left)
    if issubclass(kind, complex):
        plain = complex.__pos__(value)
        return {"complex": _encode_all([plain.real, plain.imag], depth, opaque, left)}
    encoded = _encode_library(value, kind, depth, opaque, left)
    if encoded is None and opaque:
        encoded = _encode_iterator(value, kind, depth, left)
    if encoded is not None:
        return encoded
    if opaque:
        return {"opaque": _type_name(kind)[:100]}
    raise PlainDataError(
        f"a value of type {_type_name(kind)} is not plain data; use None, bool, int, float, "
        "complex, str, bytes, list, tuple, set, frozenset, dict, or what the standard library's "
        "collections, decimal, fractions and datetime make of them"
    )


def _encode_container(value: Any, kind: type, depth: int, opaque: bool, left: list[int]) -> Any:
    if issubclass(kind, list):
        return _encode_all(list(list.__iter__(value)), depth, opaque, left)
    if issubclass(kind, tuple):
        return {"tuple": _encode_all(list(tuple.__iter__(value)), depth, opaque, left)}
    if issubclass(kind, set):
        return {"set": _encode_set(set.__iter__(value), depth, opaque, left)}
    if issubclass(kind, frozenset):
        return {"frozenset": _encode_set(frozenset.__iter__(value), depth, opaque, left)}
    if issubclass(kind, OrderedDict):  # whose order a dict's own items() does not know
        return {"ordered_dict": _encode_pairs(OrderedDict.items(value), depth, opaque, left)}
    pairs = _encode_pairs(dict.items(value), depth, opaque, left)
    if issubclass(kind, Counter):
        return {"counter": pairs}
    if issubclass(kind, defaultdict):
        factory = defaultdict.__dict__["default_factory"].__get__(value)
        name = next((name for name, known in _FACTORIES.items() if factory is known), "")
        return {"default_dict": [pairs, name]}
    return {"dict": pairs}


def _encode_library(value: Any, kind: type, depth: int, opaque: bool, left: list[int]) -> Any:
    """Encodes what a module of the standard library, or NumPy, made; None where neither did."""
    if kind is range:
        return {"range": _encode_all([value.start, value.stop, value.step], depth, opaque, left)}
    if issubclass(kind, deque):
        items = _encode_all(list(deque.__iter__(value)), depth, opaque, left)
        return {"deque": [items, deque.__dict__["maxlen"].__get__(value)]}
    if kind is _Items:
        return {"iterator": [_encode_all(value.left[::-1], depth, opaque, left), value.whole]}
    if kind is _DictKeys:
        return {"dict_keys": _encode_all(list(value), depth, opaque, left)}
    if kind is _DictValues:
        return {"dict_values": _encode_all(list(value), depth, opaque, left)}
    if kind is _DictItems:
        return {"dict_items": _encode_pairs(value, depth, opaque, left)}
    module = sys.modules.get("decimal")
    if module is not None and issubclass(kind, module.Decimal):
        return {"decimal": module.Decimal.__str__(value)}
    module = sys.modules.get("fractions")
    if module is not None and issubclass(kind, module.Fraction):
        pair = [value._numerator, value._denominator]
        if [type(part) for part in pair] == [int, int]:
            return {"fraction": _encode_all(pair, depth, opaque, left)}
    module = sys.modules.get("datetime")
    if module is not None and issubclass(kind, (module.date, module.time, module.timedelta)):
        return _encode_time(value, kind, module)
    module = sys.modules.get("numpy")
    if module is not None and issubclass(kind, (module.ndarray, module.generic)):
        return _encode_numpy(value, kind, module, depth, opaque, left)
    return None


def _encode_time(value: Any, kind: type, module: Any) -> Any:
    if issubclass(kind, module.timedelta):
        names = ("days", "seconds", "microseconds")
        return {
            "timedelta": [module.timedelta.__dict__[name].__get__(value) for name in names],
        }
    for name in ("datetime", "date", "time"):  # a datetime is a date too
        base = getattr(module, name)
        if issubclass(kind, base):
            zone = None if name == "date" else base.__dict__["tzinfo"].__get__(value)
            if zone is not None and _type_module(type(zone)) not in ("datetime", "zoneinfo"):
                return None  # its offset is what the program's own class says
            return {name: base.isoformat(value)}
    return None


def _encode_numpy(
    value: Any, kind: type, module: Any, depth: int, opaque: bool, left: list[int]
) -> Any:
    if issubclass(kind, module.generic):
        item = module.generic.item(value)
        if type(item) not in (bool, int, float, complex, str, bytes):
            return None
        text = module.dtype(kind).str
        return {"numpy_scalar": [text, _encode(item, depth, opaque, left)]}
    array = module.ndarray.__array__(value)
    shape, text = list(array.shape), array.dtype.str
    if array.dtype.kind == "O":
        return {
            "numpy_array": [text, shape, _encode_all(array.ravel().tolist(), depth, opaque, left)]
        }
    if not _DTYPE.match(text):
        return None
    data = binascii.b2a_base64(array.tobytes(), newline=False).decode("ascii")
    return {"numpy_array": [text, shape, data]}


_DictKeys: type = type({}.keys())
_DictValues: type = type({}.values())
_DictItems: type = type({}.items())


def _encode_iterator(value: Any, kind: type, depth: int, left: list[int]) -> Any:
    """Runs an iterator of the interpreter's own; None where it is none."""
    if _type_module(kind) not in ("builtins", "itertools") or not hasattr(kind, "__next__"):
        return None
    items = list(itertools.islice(value, MAX_ITEMS + 1))
    whole = len(items) <= MAX_ITEMS
    return {"iterator": [_encode_all(items[:MAX_ITEMS], depth, True, left), whole]}


def decode(data: Any) -> Any:
    """Returns the value that `encode` wrote.

    Raises:
      PlainDataError: `data` is not of the format.
    """
    return _decode(data, 0)


def _decode(data: Any, depth: int) -> Any:
    kind = type(data)
    if kind in _JSON_SCALARS:
        return data
    if kind is float:
        if not math.isfinite(data):
            raise PlainDataError("a float of plain data must be finite; others have a tag")
        return data
    if depth > 2 * MAX_DEPTH:
        raise PlainDataError(f"plain data nested more than {MAX_DEPTH} deep")
    if kind is list:
        return _decode_all(data, depth + 1)
    if kind is not dict or len(data) != 1:
        raise PlainDataError("plain data must be a JSON value or an object with one tag")
    ((tag, body),) = data.items()
    try:
        if tag in _DECODERS:
            return _DECODERS[tag](body, depth + 1)
        if tag in _SCALAR_DECODERS:
            return _SCALAR_DECODERS[tag](body)
    except PlainDataError:
        raise
    except (TypeError, ValueError, OverflowError, ArithmeticError) as error:
        raise PlainDataError(f"malformed body of tag {tag!r}: {str(error)[:100]}") from None
    raise PlainDataError(f"unknown tag {str(tag)[:40]!r} in plain data")


def _decode_all(items: Any, depth: int) -> list[Any]:
    if type(items) is not list:
        raise TypeError("a list is wanted")
    if len(items) >= _MANY and set(map(type, items)) <= _JSON_SCALARS:
        return items.copy()
    return [v if type(v) in _JSON_SCALARS else _decode(v, depth) for v in items]


def _decode_pairs(items: Any, depth: int) -> list[tuple[Any, Any]]:
    if type(items) is not list or not all(type(pair) is list for pair in items):
        raise ValueError("a list of pairs is wanted")
    return [(_decode(k, depth), _decode(v, depth)) for k, v in items]


def _integers(body: Any, depth: int, count: int) -> list[int]:
    values = _decode_all(body, depth)
    if len(values) != count or any(type(v) is not int for v in values):
        raise TypeError(f"{count} integers are wanted")
    return values


def _text(body: Any) -> str:
    if type(body) is not str:
        raise TypeError("text is wanted")
    return body


def _decode_float(body: Any) -> float:
    if body not in ("inf", "-inf", "nan"):
        raise ValueError(body)
    return float(body)


def _decode_complex(body: Any, depth: int) -> complex:
    real, imag = _decode_all(body, depth)
    if type(real) is not float or type(imag) is not float:
        raise TypeError("two floats are wanted")
    return complex(real, imag)


def _decode_decimal(body: Any) -> Any:
    from decimal import Decimal

    return Decimal(_text(body))


def _decode_fraction(body: Any, depth: int) -> Any:
    from fractions import Fraction

    return Fraction(*_integers(body, depth, 2))


def _decode_date(body: Any) -> Any:
    from datetime import date

    return date.fromisoformat(_text(body))


def _decode_time(body: Any) -> Any:
    from datetime import time

    return time.fromisoformat(_text(body))


def _decode_datetime(body: Any) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(_text(body))


def _decode_timedelta(body: Any, depth: int) -> Any:
    from datetime import timedelta

    return timedelta(*_integers(body, depth, 3))


def _decode_deque(body: Any, depth: int) -> Any:
    items, maxlen = body
    if maxlen is not None and type(maxlen) is not int:
        raise TypeError("maxlen is an int or null")
    return deque(_decode_all(items, depth), maxlen)


def _decode_counter(body: Any, depth: int) -> Any:
    return Counter(dict(_decode_pairs(body, depth)))


def _decode_default_dict(body: Any, depth: int) -> Any:
    pairs, factory = body
    if factory and _text(factory) not in _FACTORIES:
        raise ValueError("an unknown factory")
    return defaultdict(_FACTORIES.get(factory), _decode_pairs(pairs, depth))


def _decode_iterator(body: Any, depth: int) -> Any:
    items, whole = body
    return _Items(_decode_all(items, depth), whole is True)


class _Items:
    """The items of an iterator that crossed; it can cross again."""

    def __init__(self, items: list[Any], whole: bool) -> None:
        self.left, self.whole = items[::-1], whole

    def __iter__(self) -> _Items:
        return self

    def __next__(self) -> Any:
        if self.left:
            return self.left.pop()
        if self.whole:
            raise StopIteration
        raise TruncatedError(f"an iterator crosses as its first {MAX_ITEMS} items")


def _numpy() -> Any:
    try:
        import numpy as np
    except ImportError:
        raise PlainDataError("a value of NumPy's where there is no NumPy") from None
    return np


def _dtype(text: Any) -> str:
    if not _DTYPE.match(_text(text)):
        raise ValueError("an unknown dtype")
    return str(text)


def _decode_numpy_scalar(body: Any, depth: int) -> Any:
    text, item = body
    return _numpy().dtype(_dtype(text)).type(_decode(item, depth))


def _decode_numpy_array(body: Any, depth: int) -> Any:
    text, shape, data = body
    if type(shape) is not list or any(type(n) is not int or n < 0 for n in shape):
        raise TypeError("a shape is a list of ints")
    np = _numpy()
    if text == "|O":
        items = _decode_all(data, depth)
        if len(items) != math.prod(shape):
            raise ValueError("as many items as the shape says are wanted")
        array = np.empty(len(items), dtype=object)
        for number, item in enumerate(items):  # one by one: an item may be a list itself
            array[number] = item
        return array.reshape(shape)
    flat = np.frombuffer(binascii.a2b_base64(_text(data)), dtype=_dtype(text))
    return flat.reshape(shape).copy()  # writable


_SCALAR_DECODERS: dict[str, Any] = {
    "bytes": lambda body: bytes.fromhex(_text(body)),
    "bytearray": lambda body: bytearray.fromhex(_text(body)),
    "int": lambda body: int(_text(body), 16),
    "float": _decode_float,
    "decimal": _decode_decimal,
    "date": _decode_date,
    "time": _decode_time,
    "datetime": _decode_datetime,
    "opaque": lambda body: Opaque(_text(body)[:200]),
}
_DECODERS: dict[str, Any] = {  # of what has parts
    "tuple": lambda body, depth: tuple(_decode_all(body, depth)),
    "dict": lambda body, depth: dict(_decode_pairs(body, depth)),
    "set": lambda body, depth: set(_decode_all(body, depth)),
    "frozenset": lambda body, depth: frozenset(_decode_all(body, depth)),
    "complex": _decode_complex,
    "fraction": _decode_fraction,
    "range": lambda body, depth: range(*_integers(body, depth, 3)),
    "timedelta": _decode_timedelta,
    "deque": _decode_deque,
    "counter": _decode_counter,
    "ordered_dict": lambda body, depth: OrderedDict(_decode_pairs(body, depth)),
    "default_dict": _decode_default_dict,
    "dict_keys": lambda body, depth: dict.fromkeys(_decode_all(body, depth)).keys(),
    "dict_values": lambda body, depth: dict(enumerate(_decode_all(body, depth))).values(),
    "dict_items": lambda body, depth: dict(_decode_pairs(body, depth)).items(),
    "iterator": _decode_iterator,
    "numpy_scalar": _decode_numpy_scalar,
    "numpy_array": _decode_numpy_array,
}


def _make_writer() -> Callable[[Any], str]:
    """Returns what JSONEncoder.encode does, with its inner part made once instead of every time."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return json.JSONEncoder(separators=(",", ":")).encode
    write = make(None, None, _text_of, None, ":", ",", False, False, True)
    return lambda data: "".join(write(data, 0))


_write = _make_writer()


def dumps(value: Any, *, opaque: bool = False) -> str:
    """Returns `value` as one line of ASCII text."""
    return _write(encode(value, opaque=opaque))


def loads(text: str | bytes) -> Any:
    """Returns the value that `dumps` wrote.

    Raises:
      PlainDataError: the text is not of the format.
    """
    try:
        return decode(json.loads(text))
    except (ValueError, RecursionError) as error:
        if isinstance(error, PlainDataError):
            raise
        raise PlainDataError(f"malformed plain data: {str(error)[:100]}") from None


def has_too_many_parts(text: bytes) -> bool:
    """Returns True where JSON text holds more lists and objects than `encode` lets through.

    So says a look at the text, which takes a hundredth of the time that parsing it would; brackets
    within strings count as well.
    """
    return text.count(b"[") + text.count(b"{") > 2 * MAX_PARTS  # two where a part has a tag


def is_rich(text: str) -> bool:
    """Returns True where the plain data of `text` holds what `marshal` would not keep as it is."""
    return _RICH.search(text) is not None
