"""Finds names in a program's text: a guess, made once per run, at what it will do."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["WordFinder"]


class WordFinder:
    """Tells whether a program may use one of some names.

    A word that stands before another one is none of Python's, such as `open` in "each open brace";
    where it is imported (`import os as o`, `from os import path`), it is.

    Args:
      words: identifiers, looked for everywhere.
      modules: names that a program can only use where it imports them, looked for in such lines.
    """

    def __init__(self, *words: str, modules: Sequence[str] = ()) -> None:
        self._words, self._modules = tuple(words), tuple(modules)
        self._word_pattern, self._module_pattern = _pattern(words), _pattern(modules)

    def __call__(self, text: str) -> bool:
        """Returns True where one of the words is there."""
        # The plain look is ten times faster than the pattern, and mostly finds none.
        for word in self._words:
            if word in text and self._word_pattern.search(text) is not None:
                return True
        at = text.find("import") if self._modules else -1
        while at >= 0:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            line = text[text.rfind("\n", 0, at) + 1 : end]
            if self._module_pattern.search(line) is not None:
                return True
            at = text.find("import", end)
        return False


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    if not words:
        return re.compile(r"(?!)")
    prose = r"(?! (?!(?:import|as|if|for|in|or|and)\b)[a-z])"
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b{prose}")
