"""Plain data: the only kind of value that crosses the sandbox's boundary.

The format is JSON in which every value keeps its exact type: `None`, `bool`, `str`, `int`, finite
`float` and `list` are JSON's own; everything else is an object with one key, its tag:

    {"tuple": [...]}  {"set": [...]}  {"frozenset": [...]}  {"dict": [[key, value], ...]}
    {"bytes": "hex"}  {"complex": [re, im]}  {"float": "inf"}  {"int": "0x..."}  {"opaque": "type"}

An int beyond 64 bits travels in hexadecimal, whose conversion takes linear time and which
CPython's limit on decimal digits does not concern. Nothing is ever evaluated or imported, and no
class of a program's own is rebuilt: a subclass arrives as its base, anything else as `Opaque`.

This module runs on both sides: in the host and, as a source file, inside the jail. It imports the
standard library alone.
"""

from __future__ import annotations

import json
import math
from typing import Any

try:
    from .errors import PlainDataError
except ImportError:  # inside the jail this file stands alone

    class PlainDataError(ValueError):  # type: ignore[no-redef]
        """A value, or a text, that is outside the plain data."""


__all__ = ["MAX_DEPTH", "Opaque", "decode", "dumps", "encode", "loads"]

MAX_DEPTH = 100  # far above real tests, far below the depth at which json itself gives up
_INT64 = 1 << 63
_TAGS_OF_LISTS = ("tuple", "set", "frozenset", "dict", "complex")


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


def encode(value: Any, *, opaque: bool = False, _depth: int = 0) -> Any:
    """Returns `value` as objects that `json.dumps` writes without loss.

    Args:
      value: any value; subclasses of the plain types count as their base.
      opaque: True turns a value that cannot cross into an opaque tag instead of raising.

    Raises:
      PlainDataError: a value is of no plain type (and `opaque` is False), or nested too deeply.
    """
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is str:
        return value
    if kind is int:
        return value if -_INT64 <= value < _INT64 else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if _depth >= MAX_DEPTH:
        raise PlainDataError(f"value nested more than {MAX_DEPTH} deep; flatten it")
    deeper = _depth + 1
    if isinstance(value, list):
        return [encode(v, opaque=opaque, _depth=deeper) for v in list.__iter__(value)]
    if isinstance(value, tuple):
        return {"tuple": [encode(v, opaque=opaque, _depth=deeper) for v in tuple.__iter__(value)]}
    if isinstance(value, dict):
        pairs = dict.items(value)
        return {
            "dict": [
                [encode(k, opaque=opaque, _depth=deeper), encode(v, opaque=opaque, _depth=deeper)]
                for k, v in pairs
            ]
        }
    if isinstance(value, (set, frozenset)):
        # The base's own iterator, so that no override of a subclass lies.
        if isinstance(value, set):
            tag, members = "set", set.__iter__(value)
        else:
            tag, members = "frozenset", frozenset.__iter__(value)
        # Sorted by its encoding: the same set is the same text whatever the hash seed was.
        items = [encode(v, opaque=opaque, _depth=deeper) for v in members]
        return {tag: sorted(items, key=json.dumps)}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value).hex()}
    # Subclasses of scalars: their base's own methods, so that no override runs or lies.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return encode(int.__int__(value), _depth=deeper)
    if isinstance(value, float):
        return encode(float.__float__(value), _depth=deeper)
    if isinstance(value, complex):
        plain = complex.__pos__(value)
        return {"complex": [encode(plain.real, _depth=deeper), encode(plain.imag, _depth=deeper)]}
    if opaque:
        return {"opaque": str(kind.__name__)[:100]}
    raise PlainDataError(
        f"a value of type {kind.__name__} is not plain data; use None, bool, int, float, complex, "
        "str, bytes, list, tuple, set, frozenset or dict"
    )


def decode(data: Any, _depth: int = 0) -> Any:
    """Returns the value that `encode` wrote.

    Raises:
      PlainDataError: `data` is not of the format.
    """
    if data is None or isinstance(data, (bool, int, str)):
        return data
    if isinstance(data, float):
        if not math.isfinite(data):
            raise PlainDataError("a float of plain data must be finite; others have a tag")
        return data
    if _depth > 2 * MAX_DEPTH:
        raise PlainDataError(f"plain data nested more than {MAX_DEPTH} deep")
    if isinstance(data, list):
        return [decode(v, _depth + 1) for v in data]
    if not isinstance(data, dict) or len(data) != 1:
        raise PlainDataError("plain data must be a JSON value or an object with one tag")
    ((tag, body),) = data.items()
    if tag in _TAGS_OF_LISTS and not isinstance(body, list):
        raise PlainDataError(f"malformed body of tag {tag!r}: a list is wanted")
    try:
        if tag == "tuple":
            return tuple(decode(v, _depth + 1) for v in body)
        if tag == "dict":
            if not all(isinstance(pair, list) for pair in body):
                raise ValueError("pairs are wanted")
            return {decode(k, _depth + 1): decode(v, _depth + 1) for k, v in body}
        if tag == "set":
            return {decode(v, _depth + 1) for v in body}
        if tag == "frozenset":
            return frozenset(decode(v, _depth + 1) for v in body)
        if tag == "bytes":
            return bytes.fromhex(body)
        if tag == "int":
            return int(body, 16)
        if tag == "float":
            if body not in ("inf", "-inf", "nan"):
                raise ValueError(body)
            return float(body)
        if tag == "complex":
            real, imag = body
            return complex(_as_float(real), _as_float(imag))
        if tag == "opaque" and isinstance(body, str):
            return Opaque(body[:200])
    except PlainDataError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise PlainDataError(f"malformed body of tag {tag!r}: {str(error)[:100]}") from None
    raise PlainDataError(f"unknown tag {str(tag)[:40]!r} in plain data")


def _as_float(data: Any) -> float:
    value = decode(data)
    if not isinstance(value, float):
        raise TypeError("a float is wanted")
    return value


def dumps(value: Any, *, opaque: bool = False) -> str:
    """Returns `value` as one line of ASCII text."""
    return json.dumps(encode(value, opaque=opaque), separators=(",", ":"))


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
