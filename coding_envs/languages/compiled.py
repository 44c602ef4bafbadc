"""What compiling made, kept: the same program is compiled once, however often it is submitted."""

from __future__ import annotations

import collections
import hashlib
import threading
from concurrent.futures import Future

from ..sandbox import Ended, RunResult, Sandbox
from ..sandbox.native import CompilerRun

__all__ = ["CompilerCache"]

_ENTRY_BYTES = 1024  # what an entry takes beside its result


class CompilerCache:
    """Answers compilers' runs from earlier identical ones. Usable from any thread.

    A run is known by its whole job: command, source, limits. Two submitted at one time share one
    run. The results least recently used go when there are too many; what a limit stopped, or a
    fault of the sandbox, does not stay.

    Args:
      most_bytes: how much may be kept, in bytes.
    """

    def __init__(self, most_bytes: int = 256 * 2**20) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: collections.OrderedDict[bytes, Future[RunResult]] = collections.OrderedDict()
        self._sizes: dict[bytes, int] = {}
        self._bytes = 0

    def submit(self, sandbox: Sandbox, run: CompilerRun) -> Future[RunResult]:
        """Returns the future of an identical run, or else of this one, submitted now."""
        key = hashlib.blake2b(run.job(), digest_size=16).digest()
        with self._lock:
            future = self._kept.get(key)
            if future is not None:
                self._kept.move_to_end(key)
                return future
            future = sandbox.submit(run)
            self._kept[key] = future
        # Outside the lock: where it has ended already, this calls at once.
        future.add_done_callback(lambda done: self._keep(key, done))
        return future

    def _keep(self, key: bytes, done: Future[RunResult]) -> None:
        with self._lock:
            failed = done.cancelled() or done.exception() is not None
            if failed or done.result().ended is not Ended.EXITED:  # on a free machine, it may end
                self._kept.pop(key, None)
                return
            result = done.result()
            self._sizes[key] = len(result.stdout) + len(result.stderr) + _ENTRY_BYTES
            self._bytes += self._sizes[key]
            if self._bytes > self._most_bytes:
                for old in [k for k in self._kept if k in self._sizes]:
                    self._bytes -= self._sizes.pop(old)
                    del self._kept[old]
                    if self._bytes <= self._most_bytes:
                        break
