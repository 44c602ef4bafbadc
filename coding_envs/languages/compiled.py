"""What compiling made, kept: the same program is compiled once, however often it is submitted."""

from __future__ import annotations

import collections
import hashlib
import threading

from ..sandbox import Done, Ended, RunResult, Sandbox
from ..sandbox.native import CompilerRun

__all__ = ["CompilerCache"]

_ENTRY_BYTES = 1024  # what an entry takes beside its result


class CompilerCache:
    """Answers compilers' runs from earlier identical ones. Usable from any thread.

    A run is known by its whole job: command, source, limits. Those that come while it goes on wait
    for it. The results least recently used go when there are too many; what a limit stopped, or a
    fault of the sandbox, does not stay.

    Args:
      most_bytes: how much may be kept, in bytes.
    """

    def __init__(self, most_bytes: int = 256 * 2**20) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: collections.OrderedDict[bytes, RunResult] = collections.OrderedDict()
        self._waiting: dict[bytes, list[Done]] = {}
        self._bytes = 0

    def start(self, sandbox: Sandbox, run: CompilerRun, done: Done) -> None:
        """Tells `done` the result of an identical run, or else of this one; see Sandbox."""
        key = hashlib.blake2b(run.job(), digest_size=16).digest()
        with self._lock:
            kept = self._kept.get(key)
            first = kept is None and key not in self._waiting
            if kept is not None:
                self._kept.move_to_end(key)
            else:
                self._waiting.setdefault(key, []).append(done)
        if kept is not None:
            done(kept)
        elif first:
            try:
                sandbox.start(run, lambda outcome: self._ended(key, outcome))
            except BaseException as error:
                self._ended(key, error)

    def _ended(self, key: bytes, outcome: RunResult | BaseException) -> None:
        with self._lock:
            waiting = self._waiting.pop(key)
            if isinstance(outcome, RunResult) and outcome.ended is Ended.EXITED:
                self._kept[key] = outcome
                self._bytes += _size(outcome)
                while self._bytes > self._most_bytes:
                    self._bytes -= _size(self._kept.popitem(last=False)[1])
        for done in waiting:
            done(outcome)


def _size(result: RunResult) -> int:
    return len(result.stdout) + len(result.stderr) + _ENTRY_BYTES
