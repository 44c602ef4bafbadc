"""How a hand-made problem is written down."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent
from typing import Any

__all__ = ["Function", "Program", "code"]


def code(text: str) -> str:
    """Returns a block of source without its margin, ending in one newline."""
    return dedent(text).strip("\n") + "\n"


@dataclass(frozen=True)
class Function:
    """A function to be written; expected values come from the first solution.

    Attributes:
      key: the function's name and the problem's key.
      family: the topic.
      difficulty: easy, medium or hard.
      signature: what stands between the name and the colon.
      statement: the task; examples are added from the public tests.
      solutions: right programs.
      wrong: plausible wrong programs.
      public, hidden: tuples of arguments.
      split: train or test.
    """

    key: str
    family: str
    difficulty: str
    signature: str
    statement: str
    solutions: tuple[str, ...]
    wrong: tuple[str, ...]
    public: list[tuple[Any, ...]]
    hidden: list[tuple[Any, ...]]
    split: str = "train"


@dataclass(frozen=True)
class Program:
    """A program that reads standard input; expected outputs come from the first solution.

    Attributes:
      key: the problem's key.
      family: the topic.
      difficulty: easy, medium or hard.
      statement: the task; examples are added from the public tests.
      solutions: right programs.
      wrong: plausible wrong programs.
      public, hidden: texts on standard input.
      split: train or test.
    """

    key: str
    family: str
    difficulty: str
    statement: str
    solutions: tuple[str, ...]
    wrong: tuple[str, ...]
    public: list[str]
    hidden: list[str]
    split: str = "train"
