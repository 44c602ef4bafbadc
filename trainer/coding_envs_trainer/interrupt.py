"""Ctrl-C, SIGTERM, a closed terminal: the first ends a training in order, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Self

import psutil

__all__ = ["Interrupt", "Interrupted"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What comes so soon after the first is the same one again: torchrun passes on to its processes
# what the terminal has sent to all of them.
_SAME_S = 0.3


class Interrupted(KeyboardInterrupt):
    """A signal has ended the work, in order.

    Attributes:
      exit_code: 130, 143 or 129.
    """

    def __init__(self, exit_code: int, message: str) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class Interrupt:
    """Notes the first signal; the second ends this process and all that it has started.

    As a context: made before processes are started, which inherit it. In them Ctrl-C, which reaches
    all processes of a terminal, does nothing, and the others end them.
    Outside of the main thread, where Python takes no handlers, it notes nothing.

    Attributes:
      signum: the signal that has come; None: none has.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._pid = os.getpid()
        self._since = 0.0
        self._message = ""
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int:
        """As shells have it: 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP, else 0."""
        return 0 if self.signum is None else 128 + self.signum

    @contextlib.contextmanager
    def at_once(self, message: str) -> Iterator[None]:
        """Within it the first signal raises Interrupted: there is nothing to be saved yet."""
        self._message = message
        try:
            yield
        finally:
            self._message = ""

    def __bool__(self) -> bool:
        return self.signum is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for one in _SIGNALS:
                if one == signal.SIGHUP and signal.getsignal(one) is signal.SIG_IGN:
                    continue  # nohup: it shall go on
                self._before[one] = signal.signal(one, self._came)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _came(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if os.getpid() != self._pid:
            if signum != signal.SIGINT:
                os._exit(128 + signum)
            return
        if self.signum is None:
            self.signum, self._since = signum, time.monotonic()
            if self._message:
                raise Interrupted(self.exit_code, self._message)
            return
        if time.monotonic() - self._since < _SAME_S:
            return
        # Nothing that could wait: no finally, no atexit, no thread is joined.
        for process in psutil.Process().children(recursive=True):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if sys.stdout.isatty():
            os.write(sys.stdout.fileno(), b"\x1b[?25h\n")  # the cursor, which the dashboard hides
        os._exit(128 + signum)
