"""Integers of thousands of digits, which CPython refuses to read and datasets hold."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..forks import module_lock

__all__ = ["MAX_DIGITS", "any_int_length"]

MAX_DIGITS = 100_000
"""Of one integer: APPS has some of 9,000; this many still take only milliseconds to read."""

_lifted = 0
_digits = 0
_lock = module_lock()


@contextmanager
def any_int_length() -> Iterator[None]:
    """Lifts CPython's limit on decimal digits, which is the whole process's, and puts it back."""
    global _lifted, _digits
    with _lock:
        if _lifted == 0:
            _digits = sys.get_int_max_str_digits()
            sys.set_int_max_str_digits(MAX_DIGITS)
        _lifted += 1
    try:
        yield
    finally:
        with _lock:
            _lifted -= 1
            if _lifted == 0:
                sys.set_int_max_str_digits(_digits)
