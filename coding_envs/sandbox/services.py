"""The services of all workers: processes in them that answer orders, one at a time each."""

from __future__ import annotations

import functools
import marshal
import math
import os
import socket
import time
from collections.abc import Callable, Iterator

from . import guest_protocol as protocol
from .reactor import READ, WRITE, Reactor
from .streams import Stream
from .worker import SERVICE_LIMITS, Service, Worker

__all__ = ["Services"]

_MAX_REPLY_BYTES = 64 << 20
_SERVED_MOST = 1000  # orders to one service, then a fresh one takes over
_SOCKET = socket.SOCK_STREAM | socket.SOCK_NONBLOCK


class Services:
    """Starts services, asks them, ends them; all of it in the pool's own thread.

    Args:
      reactor: is told of their channels.
      numbers: of runs and services in the protocol.
      failed: is told of a worker that cannot have a service, and why.
    """

    def __init__(
        self, reactor: Reactor, numbers: Iterator[int], failed: Callable[[Worker, str], None]
    ) -> None:
        self._reactor, self._numbers, self._failed = reactor, numbers, failed
        self._null = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)

    def ask(
        self,
        worker: Worker,
        name: str,
        payload: bytes,
        within_s: float,
        answered: Callable[[bytes | None], None],
    ) -> None:
        """Sends an order to a worker's service, which is started where it is not there.

        Args:
          worker: that has no other order to this service.
          name: of the service, `module:function` of the jail's side.
          payload: the order.
          within_s: seconds for the answer; then the service is ended.
          answered: is told the answer, or None where it died or was too slow.
        """
        try:
            service = worker.services.get(name) or self._start(worker, name)
        except OSError as error:
            self._failed(worker, f"the service {name} could not be started: {error}")
            return
        service.answered = answered
        service.deadline = time.monotonic() + within_s
        service.slow = False
        service.stream.pending = memoryview(protocol.LENGTH.pack(len(payload)) + payload)
        if not service.stream.feed():
            self._reactor.rewatch(service.stream.fd, READ | WRITE)

    def end_slow(self, worker: Worker, now: float) -> None:
        """Ends those of a worker's services whose time is over."""
        for service in list(worker.services.values()):
            if now > service.deadline:
                service.slow = True
                self._end(worker, service)

    def close(self) -> None:
        """Closes what is not any worker's."""
        os.close(self._null)

    def _start(self, worker: Worker, name: str) -> Service:
        ours, their = socket.socketpair(socket.AF_UNIX, _SOCKET)
        stream = Stream(ours.detach())
        with their:
            service = Service(name, next(self._numbers), stream)
            worker.services[name] = service
            fds = [their.fileno(), self._null]
            worker.request(service.number, protocol.FLAG_SERVICE, fds, SERVICE_LIMITS)
        job = marshal.dumps(name)
        os.write(stream.fd, protocol.LENGTH.pack(len(job)) + job)
        self._reactor.watch(stream.fd, READ, functools.partial(self._on_event, worker, service))
        return service

    def _on_event(self, worker: Worker, service: Service, events: int) -> None:
        stream = service.stream
        if stream.pending and events & WRITE and stream.feed():
            self._reactor.rewatch(stream.fd, READ)
        if not events & ~WRITE:
            return
        try:
            part = os.read(stream.fd, 1 << 20)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        reply = service.reply
        reply += part
        size = protocol.LENGTH.unpack_from(reply)[0] if len(reply) >= 8 else 0
        if not part or service.answered is None or size > _MAX_REPLY_BYTES:
            self._end(worker, service)  # it died, or talks out of turn
        elif len(reply) >= 8 and len(reply) >= 8 + size:
            answered, service.answered = service.answered, None
            service.deadline = math.inf
            service.served += 1
            content = bytes(reply[8 : 8 + size])
            reply.clear()
            if service.served >= _SERVED_MOST:  # a fresh one: nothing gathers, nothing lingers
                self._end(worker, service)
            answered(content)

    def _end(self, worker: Worker, service: Service) -> None:
        """Ends a service; whoever waits for its answer is told."""
        answered, service.answered = service.answered, None
        self._reactor.drop(service.stream)
        worker.kill(service.number)
        if answered is not None:
            answered(None)
        if worker.services.get(service.name) is service:
            del worker.services[service.name]
