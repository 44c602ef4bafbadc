"""What one thread waits for: descriptors, each with somebody who is told of its events."""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable

from .streams import Stream

__all__ = ["READ", "WRITE", "Reactor"]

READ, WRITE = select.EPOLLIN, select.EPOLLOUT

Handler = Callable[[int], None]  # told the events, epoll's bits


class Reactor:
    """An epoll set whose descriptors have handlers."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}

    def wait(self, timeout_s: float) -> list[tuple[int, int]]:
        """Returns what happened, at the latest after the timeout."""
        return self._epoll.poll(timeout_s)

    def handle(self, happened: list[tuple[int, int]]) -> None:
        """Tells the handlers what happened."""
        for fd, events in happened:
            handler = self._handlers.get(fd)
            if handler is not None:  # else of what an earlier event of this batch has ended
                handler(events)

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        """Tells `handler` of the events of a descriptor from now on."""
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def rewatch(self, fd: int, events: int) -> None:
        """Watches for other events of a descriptor that is watched."""
        self._epoll.modify(fd, events)

    def unwatch(self, fd: int) -> None:
        """Forgets a descriptor, before it is closed; again is fine."""
        # By hand: closing does not do it where a fork elsewhere keeps a copy.
        if self._handlers.pop(fd, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)

    def drop(self, stream: Stream) -> None:
        """Forgets a stream and closes it."""
        self.unwatch(stream.fd)
        stream.close()

    def close(self) -> None:
        """Forgets everything."""
        self._handlers.clear()
        self._epoll.close()
