"""Safe printing, and the progress bar.

Programs, verdicts and datasets are other people's text: their control characters are shown, never
sent to the terminal.
"""

from __future__ import annotations

import json
import re
import sys
import time
from types import TracebackType
from typing import Any, Self, TextIO

from ..verdict import Verdict

__all__ = ["Progress", "complain", "printable", "say", "say_json"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")


def printable(text: str) -> str:
    """Returns text with its control characters as escapes; newlines and tabs stay."""
    text = text.replace("\r\n", "\n")
    return _CONTROL.sub(lambda match: ascii(match.group())[1:-1], text)


def say(text: str) -> None:
    """Prints text for a person on standard output."""
    _print(text, sys.stdout)


def say_json(data: Any) -> None:
    """Prints one JSON object on one line of standard output."""
    print(json.dumps(data))


def complain(text: str) -> None:
    """Prints one line on standard error, after the program's name."""
    _print(f"coding-envs: {' '.join(text.split())}", sys.stderr)


def _print(text: str, stream: TextIO | None) -> None:
    if stream is None:  # closed by the caller
        return
    encoding = stream.encoding or "utf-8"
    print(printable(text).encode(encoding, "backslashreplace").decode(encoding), file=stream)


class Progress:
    """A bar of one line on standard error, where that is a terminal; else nothing.

    Args:
      total: how many there will be.
      word: what the good ones are called.
    """

    _WIDTH = 24
    _PAUSE_S = 0.1  # between two drawings

    def __init__(self, total: int, word: str = "accepted") -> None:
        self._total, self._word = total, word
        self._done = self._good = 0
        self._started = time.monotonic()
        self._drawn = 0.0
        self._shown = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, verdict: Verdict) -> None:
        """Counts one verdict."""
        self.count(verdict.accepted)

    def count(self, good: bool) -> None:
        """Counts one, which is good or not."""
        self._done += 1
        self._good += good
        now = time.monotonic()
        if self._shown and (now - self._drawn > self._PAUSE_S or self._done == self._total):
            self._drawn = now
            print(f"\r{self._line(now)}\x1b[K", end="", file=sys.stderr, flush=True)

    def _line(self, now: float) -> str:
        filled = self._WIDTH * self._done // max(self._total, 1)
        bar = "#" * filled + "." * (self._WIDTH - filled)
        rate = self._done / max(now - self._started, 1e-9)
        return f"[{bar}] {self._done}/{self._total}  {self._good} {self._word}  {rate:.0f}/s"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown and self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
