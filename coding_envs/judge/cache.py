"""Verdicts kept for identical submissions, in memory or in a file."""

from __future__ import annotations

import collections
import json
import os
import sqlite3
import threading
from pathlib import Path

from ..errors import InvalidValueError
from ..verdict import Verdict

__all__ = ["VerdictCache"]


class VerdictCache:
    """The most recently used verdicts, by fingerprint. Safe to use from several threads.

    Args:
      path: a file to keep them in between runs (SQLite), or None for memory alone.
      capacity: how many are held in memory.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, capacity: int = 200_000) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._held: collections.OrderedDict[str, Verdict] = collections.OrderedDict()
        self._file: sqlite3.Connection | None = None
        self.hits = 0
        self.misses = 0
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            try:
                self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
                self._file.execute("PRAGMA journal_mode=WAL")
                self._file.execute("PRAGMA synchronous=NORMAL")
                self._file.execute(
                    "CREATE TABLE IF NOT EXISTS verdicts (fingerprint TEXT PRIMARY KEY, json TEXT)"
                )
            except sqlite3.Error as error:
                raise InvalidValueError(
                    f"cache {os.fspath(path)!r} cannot be used: {error}; name another file"
                ) from None

    def get(self, fingerprint: str) -> Verdict | None:
        """Returns the verdict kept for `fingerprint`, or None."""
        with self._lock:
            verdict = self._held.get(fingerprint)
            if verdict is not None:
                self._held.move_to_end(fingerprint)
            elif self._file is not None:
                verdict = self._read(self._file, fingerprint)
                if verdict is not None:
                    self._hold(fingerprint, verdict)
            self.hits += verdict is not None
            self.misses += verdict is None
            return verdict

    @staticmethod
    def _read(file: sqlite3.Connection, fingerprint: str) -> Verdict | None:
        # What cannot be read is judged again: a cache never stands in the way of a verdict.
        try:
            row = file.execute(
                "SELECT json FROM verdicts WHERE fingerprint = ?", (fingerprint,)
            ).fetchone()
            return None if row is None else Verdict.from_json(json.loads(row[0]))
        except (sqlite3.Error, ValueError):
            return None

    def put(self, fingerprint: str, verdict: Verdict) -> None:
        """Keeps `verdict`."""
        with self._lock:
            self._hold(fingerprint, verdict)
            if self._file is not None:
                text = json.dumps(verdict.to_json())
                self._file.execute(
                    "INSERT OR REPLACE INTO verdicts VALUES (?, ?)", (fingerprint, text)
                )

    def _hold(self, fingerprint: str, verdict: Verdict) -> None:
        self._held[fingerprint] = verdict
        self._held.move_to_end(fingerprint)
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
