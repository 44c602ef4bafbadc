"""Verdicts kept for identical submissions, in memory or in a file."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from pathlib import Path

from ..errors import InvalidValueError
from ..verdict import Verdict
from .kept import Kept

__all__ = ["VerdictCache"]

_VERDICT_BYTES, _TEST_BYTES = 512, 96


class VerdictCache:
    """The most recently used verdicts, by fingerprint. Safe to use from several threads.

    Args:
      path: a file to keep them in between runs (SQLite), or None for memory alone.
      most_bytes: how much is held in memory, about; some 400,000 verdicts of a few tests each.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, most_bytes: int = 512 << 20
    ) -> None:
        self._lock = threading.Lock()
        self._held: Kept[str, Verdict] = Kept(most_bytes)
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
            if verdict is None and self._file is not None:
                verdict = self._read(self._file, fingerprint)
                if verdict is not None:
                    self._held.put(fingerprint, verdict, _size(verdict))
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
            self._held.put(fingerprint, verdict, _size(verdict))
            if self._file is not None:
                text = json.dumps(verdict.to_json())
                self._file.execute(
                    "INSERT OR REPLACE INTO verdicts VALUES (?, ?)", (fingerprint, text)
                )

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None


def _size(verdict: Verdict) -> int:
    texts = len(verdict.message) + len(verdict.stderr) + sum(len(t.message) for t in verdict.tests)
    return _VERDICT_BYTES + _TEST_BYTES * len(verdict.tests) + texts
