"""Compiles programs, inside the jail: as a service for many programs, or in a run's own child.

A service saves each child the compiler's first steps, which cost more than the compilation. It is
a process without rights like a run's, and started anew every few hundred sources; what it cannot
do (a source that is too big for it, or kills it) the run's own child does again, within its limits.
"""

from __future__ import annotations

import marshal
import types

ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


def compile_program(source: str) -> types.CodeType:
    """Returns the program's code.

    Raises:
      One of ERRORS: it is no program.
    """
    # surrogatepass: a lone surrogate is a fault of the program's text, found by compile().
    text = source.encode("utf-8", "surrogatepass")
    code: types.CodeType = compile(text, "main.py", "exec", 0, True)
    return code


def describe(error: BaseException) -> str:
    """Returns one line, such as `SyntaxError: invalid syntax (main.py, line 3)`."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def main(order: bytes) -> bytes:
    """Compiles one source.

    Returns:
      b"C" and the marshalled code, b"E" and what is wrong with it in one line, or b"R": refused,
      the run's own child shall find out.
    """
    try:
        return b"C" + marshal.dumps(compile(order, "main.py", "exec", 0, True))
    except SyntaxError as error:
        return b"E" + describe(error).encode("utf-8", "replace")
    except Exception:
        return b"R"
