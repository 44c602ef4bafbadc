"""The hand-made problems of `basic`, one module per kind."""

from . import algorithms, collections_, lists, maths, programs_numbers, programs_text, strings
from .problem import Function, Program, code

__all__ = ["PROBLEMS", "Function", "Program", "code"]

PROBLEMS: tuple[Function | Program, ...] = (
    *strings.PROBLEMS,
    *lists.PROBLEMS,
    *collections_.PROBLEMS,
    *maths.PROBLEMS,
    *algorithms.PROBLEMS,
    *programs_numbers.PROBLEMS,
    *programs_text.PROBLEMS,
)
