"""Where the time goes: named sections, which may nest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Timing"]


class Timing:
    """Adds up the wall time of named sections.

    A section's seconds include those of the sections within it.

    Attributes:
      seconds: by name, since the last `clear()`.
      total_seconds: by name, since the beginning.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.total_seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Times what is done within it."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        """Adds seconds that were measured elsewhere."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.total_seconds[name] = self.total_seconds.get(name, 0.0) + seconds

    def clear(self) -> None:
        """Begins anew; the totals go on."""
        self.seconds = dict.fromkeys(self.seconds, 0.0)
