"""A sandbox that runs nothing: it answers from a script. For tests of what stands on a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from ..errors import SandboxClosedError
from .run import Order, Run, RunResult, Sandbox

__all__ = ["FakeSandbox"]


class FakeSandbox(Sandbox):
    """Answers every run by calling `answer`; an exception that it raises goes into the future.

    Args:
      answer: Run (or Order) -> RunResult.
      delay: True holds answers back until `deliver()`; False answers at once.

    Attributes:
      runs: every run submitted, in order.
    """

    def __init__(self, answer: Callable[[Run | Order], RunResult], *, delay: bool = False) -> None:
        self.runs: list[Run | Order] = []
        self._answer = answer
        self._delay = delay
        self._waiting: list[tuple[Run | Order, Future[RunResult]]] = []
        self._closed = False

    def submit(self, run: Run | Order) -> Future[RunResult]:
        """Returns the scripted answer's future; see Sandbox."""
        if self._closed:
            raise SandboxClosedError("submitted to a closed sandbox; make a new one")
        self.runs.append(run)
        future: Future[RunResult] = Future()
        self._waiting.append((run, future))
        if not self._delay:
            self.deliver()
        return future

    def deliver(self, count: int | None = None) -> int:
        """Answers the oldest `count` waiting runs, or all of them; returns how many."""
        ready = self._waiting[:count]
        self._waiting = self._waiting[len(ready) :]
        for run, future in ready:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._answer(run))
                except Exception as error:
                    future.set_exception(error)
        return len(ready)

    def close(self) -> None:
        """Fails what still waits; see Sandbox."""
        self._closed = True
        for _run, future in self._waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(
                    SandboxClosedError("the sandbox was closed before the run ended")
                )
        self._waiting = []
