"""Kept: what was found out and may be wanted again, as much of it as a number of bytes holds."""

from __future__ import annotations

import collections
import threading
from collections.abc import Hashable

__all__ = ["ENTRY_BYTES", "Kept"]

ENTRY_BYTES = 512
"""What an entry takes whatever it holds: keys, the objects around it."""


class Kept[K: Hashable, V]:
    """The values used last; those least recently used go. Safe to use from several threads.

    A value that went is found out again: what is kept never decides anything.

    Args:
      most_bytes: how much may be kept, by the sizes that `put` is told; the value used last stays,
        however large.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._held: collections.OrderedDict[K, tuple[V, int]] = collections.OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def bytes(self) -> int:
        """How much is kept, by the sizes that `put` was told, with ENTRY_BYTES for each entry."""
        return self._bytes

    def get(self, key: K) -> V | None:
        """Returns what was put there, or None."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keeps `value`, which takes about `size` bytes, in the place of what was there."""
        size += ENTRY_BYTES
        with self._lock:
            old = self._held.pop(key, None)
            self._bytes += size - (old[1] if old is not None else 0)
            self._held[key] = value, size
            while self._bytes > self._most_bytes and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1][1]
