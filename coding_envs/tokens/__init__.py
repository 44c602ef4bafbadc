"""Tokenizers: what the policy reads and writes, as ids.

starter   about 70 pieces, as a byte-pair tokenizer would learn them on short programs
python    lexemes of Python (keywords, builtins, signs, indentation) and every ASCII character
bytes     one token per byte
"""

from __future__ import annotations

import builtins
import keyword
import string

from ..errors import UnknownNameError
from .tokenizer import PAD, SUBMIT_ACTION, ByteTokenizer, PieceTokenizer, Tokenizer

__all__ = [
    "PAD",
    "SUBMIT_ACTION",
    "ByteTokenizer",
    "PieceTokenizer",
    "Tokenizer",
    "make_tokenizer",
    "tokenizer_names",
]

_STARTER_PIECES = (
    *("x", "y", "n", "a", "b", "s", "t", "xs"),
    *string.digits,
    *(" + ", " - ", " * ", " // ", " % ", " == ", " != ", " < ", " > ", " <= ", " >= "),
    *(" and ", " or ", "not ", " in ", " if ", " else ", " for "),
    *("(", ")", "[", "]", ", ", ":", "-"),
    *("len(", "sum(", "max(", "min(", "abs(", "sorted(", "set(", "str(", "int(", "list("),
    *(".upper()", ".lower()", ".strip()", ".split()", ".count("),
    *("[::-1]", "[0]", "[-1]", '"', '""', " ", "True", "False"),
    *("\n    ", "return ", " = ", " += "),
)

_KEYWORDS = tuple(word + " " for word in keyword.kwlist if word not in ("True", "False", "None"))
_BUILTINS = tuple(
    name for name in dir(builtins) if name[0].islower() and callable(getattr(builtins, name))
)
_PYTHON_PIECES = tuple(
    dict.fromkeys(
        (
            *("\n" + " " * indent for indent in (0, 4, 8, 12, 16, 20)),
            *_KEYWORDS,
            *("True", "False", "None"),
            *(name + "(" for name in _BUILTINS),
            *(" + ", " - ", " * ", " / ", " // ", " % ", " ** ", " = ", " += ", " -= "),
            *(" == ", " != ", " < ", " > ", " <= ", " >= ", " and ", " or ", " in ", " not in "),
            *(" if ", " else ", " for ", " is ", ", ", ": ", "):", "()", "[]", "{}", "[0]", "[-1]"),
            *(".append(", ".join(", ".split(", ".strip()", ".lower()", ".upper()", ".items()"),
            *(".keys()", ".values()", ".count(", ".index(", ".pop(", ".sort()", ".get("),
            *("self", "result", "input()", "[::-1]"),
            *(c for c in string.printable if c not in "\r\x0b\x0c"),
        )
    )
)


def tokenizer_names() -> tuple[str, ...]:
    """Returns the names that `make_tokenizer` knows."""
    return ("starter", "python", "bytes")


def make_tokenizer(name: str) -> Tokenizer:
    """Returns the tokenizer of that name.

    Raises:
      UnknownNameError: there is none.
    """
    if name == "starter":
        return PieceTokenizer("starter", _STARTER_PIECES, expressions=True)
    if name == "python":
        return PieceTokenizer("python", _PYTHON_PIECES, buckets=4096)
    if name == "bytes":
        return ByteTokenizer()
    raise UnknownNameError("tokenizer", name, tokenizer_names())
