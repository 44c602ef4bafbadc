"""Finds syntax errors of short programs without a run. Parses only: nothing is ever executed.

A policy that begins writes mostly what does not parse, and a run costs a thousand times as much as
a look. Only programs are looked at whose parse is short and silent whatever they hold: few
characters, shallow nesting, nothing that makes the parser warn. All others take the usual way, and
what parses is compiled in the jail all the same, which finds the rest.
"""

from __future__ import annotations

import ast
import re

__all__ = ["quick_syntax_error"]

_MAX_CHARS = 400
_MAX_BRACKETS = 24
# The parser warns of odd escapes and of a number run into a word (`0in x`); a warning may be an
# error to its process, which would make a verdict depend on the host's settings.
_MAY_WARN = re.compile(r"\\|\d[A-Za-z_]")


def quick_syntax_error(program: str) -> str | None:
    """Returns the one-line syntax error of `program`, or None where there is none or no telling."""
    if len(program) > _MAX_CHARS or not program.isascii() or "\0" in program:
        return None
    if sum(map(program.count, "([{")) > _MAX_BRACKETS or _MAY_WARN.search(program):
        return None
    try:
        ast.parse(program, "main.py")
    except SyntaxError as error:
        return f"{type(error).__name__}: {error.msg}"
    except (MemoryError, RecursionError, ValueError):
        return None
    return None
