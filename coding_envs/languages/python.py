"""Python: run by the sandbox's warm interpreters, hence without a command."""

from __future__ import annotations

from .language import Language, register_language

__all__ = ["PYTHON"]

PYTHON = register_language(
    Language("python", ("py", "python3", "py3", "pypy", "pypy3", "pypy3-64", "cpython"), "main.py")
)
