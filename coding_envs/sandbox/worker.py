"""One worker as the host sees it: its process, its control socket, and what goes on in it."""

from __future__ import annotations

import array
import contextlib
import math
import mmap
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..problem import Limits
from .active import Active
from .cgroups import descendants
from .guest_protocol import FLAG_SERVICE, KILL, LENGTH, MEMORY_BYTES, REQUEST, RUN
from .launch import Launcher
from .run import Done, Order, Run, RunResult
from .streams import Stream

__all__ = [
    "SERVICE_LIMITS",
    "Service",
    "Task",
    "Worker",
    "explain_failed_start",
]

SERVICE_LIMITS = Limits(memory_bytes=1 << 30, file_size_bytes=1 << 20)

_CHUNK = 1 << 16
_PAGE = mmap.PAGESIZE
_END_S = 3.0  # for an idle worker to end by itself on a loaded machine; then it is killed
_BASE_BYTES = 64 * 2**20  # address space of a warm interpreter, where /proc does not tell


@dataclass(eq=False, slots=True)
class Task:
    """One submitted run, or order, on its way."""

    run: Run | Order
    done: Done
    begin: Callable[[], bool] | None = None  # returns False where nobody wants it any more
    tries: int = 0
    shares: bool | None = None  # may run in a process that is rolled back; None: not looked at
    prepared: Active | None = None  # all that can be done before a worker is free

    def discard(self) -> None:
        """Lets go of what was prepared."""
        if self.prepared is not None:
            self.prepared.close()
            self.prepared = None

    def wanted(self) -> bool:
        """Returns False where it has been cancelled; it cannot be from now on."""
        return self.tries > 0 or self.begin is None or self.begin()

    def tell(self, outcome: RunResult | BaseException) -> None:
        """Tells the caller; one that raises, even SystemExit, must not end everybody's pool."""
        try:  # noqa: SIM105 -- on the path of every run
            self.done(outcome)
        except BaseException:
            pass


class Service:
    """A process in a worker that answers orders, one at a time.

    Attributes:
      stream: its channel.
      answered: called with the reply to the order that it is on, or with None where it died or was
        too slow (`slow`); None while it is idle.
      deadline: of that order (monotonic clock, seconds).
      served: orders so far.
    """

    __slots__ = ("answered", "deadline", "name", "number", "reply", "served", "slow", "stream")

    def __init__(self, name: str, number: int, stream: Stream) -> None:
        self.name, self.number, self.stream = name, number, stream
        self.answered: Callable[[bytes | None], None] | None = None
        self.deadline = math.inf
        self.served = 0
        self.slow = False
        self.reply = bytearray()


class Worker:
    """One worker's process, the task that it is on, and its services."""

    def __init__(self, launcher: Launcher) -> None:
        self.isolated, self.rolls_back = launcher.isolated, launcher.rollback
        host, guest = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        log_read, log_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.control, self.log = host, log_read
        self.memory = os.memfd_create("messages", os.MFD_CLOEXEC)  # which nobody can seal
        self.group = launcher.groups.make()
        try:
            os.ftruncate(self.memory, MEMORY_BYTES)
            # It cannot shrink under us: the guest closes its descriptor before any program runs.
            self.messages = mmap.mmap(self.memory, MEMORY_BYTES)
            self.process = launcher.launch(guest, self.memory, log_write)
            # Each move takes the kernel some milliseconds: while the worker starts.
            self._gathering = threading.Thread(target=self._gather, daemon=True)
            self._gathering.start()
        except BaseException:
            self.group.close()
            host.close()
            os.close(log_read)
            os.close(self.memory)
            raise
        finally:
            guest.close()
            os.close(log_write)
        host.setblocking(False)
        self.started = time.monotonic()
        self.ready = False
        self._used_bytes = _PAGE  # of the shared memory, from its beginning
        self.base_bytes = _BASE_BYTES
        self.task: Task | None = None
        self.actives: dict[int, Active] = {}  # of the task: the run, and its peer
        self.services: dict[str, Service] = {}
        self.orders: dict[str, Task] = {}  # by service

    @property
    def alive(self) -> bool:
        """False once it has been told to end."""
        return self.control.fileno() >= 0

    @property
    def tasks(self) -> list[Task]:
        """All that is lost when the worker dies."""
        return ([self.task] if self.task else []) + list(self.orders.values())

    def _gather(self) -> None:
        self.group.add(self.process.pid)
        self.group.hold(self.process.pid)  # what it had started before it was moved

    def measure(self, told_bytes: int) -> None:
        """Notes the guest's address space, which a run's memory limit is added to.

        All that is in the worker is in its group from now on.
        """
        self._gathering.join()
        self.group.hold(self.process.pid)
        # Whom a worker's process is woken by, this process, goes on first: it has the next run.
        for pid in descendants(self.process.pid):
            with contextlib.suppress(OSError):
                os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))
        if told_bytes:
            self.base_bytes = told_bytes
            return
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = _youngest_descendant(self.process.pid)
            with Path(f"/proc/{pid}/statm").open(encoding="ascii") as file:
                self.base_bytes = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")

    def request(self, number: int, flags: int, fds: list[int], limits: Limits) -> None:
        """Asks for a run or a service that `actives` or `services` hold already.

        Args:
          number: its own in the protocol.
          flags: the protocol's; a service's time is not limited.
          fds: the worker's ends of its descriptors.
          limits: what it may use.

        Raises:
          OSError: the worker is gone.
        """
        self._make_room()
        timed = not flags & FLAG_SERVICE
        packet = REQUEST.pack(
            number,
            RUN,
            flags,
            limits.cpu_time_s if timed else 0.0,
            limits.wall_limit_s if timed else 0.0,
            self.base_bytes + limits.memory_bytes,
            limits.file_size_bytes,
            limits.open_files,
            limits.threads,
        )
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
        self.control.sendmsg([packet], [rights])

    def _make_room(self) -> None:
        """Raises the caps of the worker's group to what may be used by all that goes on in it."""
        limits = [active.run.limits for active in self.actives.values()]
        limits += [SERVICE_LIMITS] * len(self.services)
        memory_bytes = sum(one.memory_bytes + one.file_size_bytes for one in limits)
        self.group.allow(memory_bytes, sum(one.threads for one in limits))

    def kill(self, number: int) -> None:
        """Asks for the end of a run or service."""
        with contextlib.suppress(OSError):
            self.control.send(REQUEST.pack(number, KILL, 0, 0, 0, 0, 0, 0, 0))

    def put_job(self, job: bytes) -> None:
        """Puts a run's job, its length before it, where its messages will go."""
        self.messages[: len(job)] = job
        self._used_bytes = -(-len(job) // _PAGE) * _PAGE

    def take_messages(self) -> bytes:
        """Returns what a run that has ended left in the shared memory, and empties it."""
        messages = self.messages
        end = LENGTH.size + LENGTH.unpack_from(messages)[0]
        data = messages[LENGTH.size : min(end, MEMORY_BYTES)]
        # All of it, as the program may have written anywhere; mostly there are no other pages than
        # those of the job, or the first.
        used, self._used_bytes = self._used_bytes, _PAGE
        if os.fstat(self.memory).st_blocks * 512 <= used:
            messages[:used] = bytes(used)
        else:
            os.ftruncate(self.memory, 0)
            os.ftruncate(self.memory, MEMORY_BYTES)
        return data

    def close_streams(self) -> None:
        """Closes the host's ends of all descriptors of runs and services."""
        for active in self.actives.values():
            active.close()
        for service in self.services.values():
            service.stream.close()

    def hang_up(self) -> None:
        """Tells the worker to end: the guest ends itself, and nsjail all that is in it."""
        self.control.close()
        if self.isolated:
            self.process.terminate()

    def destroy(self, patience_s: float = _END_S) -> str:
        """Ends the worker's processes and returns the end of what it said."""
        self.close_streams()
        self.hang_up()
        # First the quiet way, in which each process is reaped by its parent: a container whose
        # first process reaps nothing would else gather zombies.
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        self._gathering.join()
        self.group.close()
        said = self._last_words()
        os.close(self.log)
        self.messages.close()
        os.close(self.memory)
        return said.decode("utf-8", "replace").strip()

    def _last_words(self) -> bytes:
        """Reads the log to its end, which comes when the last process of the worker is gone."""
        said = b""
        deadline = time.monotonic() + _END_S
        ready = select.poll()
        ready.register(self.log, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0 and ready.poll(1000 * left):
            try:
                part = os.read(self.log, _CHUNK)
            except OSError:
                break
            if not part:
                break
            said = (said + part)[-4000:]
        return said

    def disown(self) -> None:
        """In a forked copy of this process: lets go of the worker, which is the parent's."""
        self.group.disown()
        self.close_streams()
        self.control.close()
        os.close(self.log)
        self.messages.close()
        os.close(self.memory)
        self.process.returncode = 0  # nothing to wait for


def _youngest_descendant(pid: int) -> int:
    while True:
        with Path(f"/proc/{pid}/task/{pid}/children").open(encoding="ascii") as file:
            children = file.read().split()
        if not children:
            return pid
        pid = int(children[-1])


def explain_failed_start(why: str, said: str, isolated: bool) -> str:
    """Returns one line on why a worker did not start, from what it said, with the remedy."""
    lines = [line for line in said.splitlines() if "no version information" not in line]
    detail = lines[-1] if lines else "it said nothing"
    for line in lines:
        if "[E]" in line or "[F]" in line or "error while loading" in line or "Error" in line:
            detail = line
            break
    if "error while loading shared libraries" in said:
        remedy = "install the library (Debian, Ubuntu: apt-get install libnl-route-3-200)"
    elif "clone" in said or "unshare" in said or "uid_map" in said:
        remedy = (
            "user namespaces seem to be forbidden here; coding-envs doctor says how to allow them"
        )
    else:
        remedy = "run coding-envs doctor"
    kind = "nsjail" if isolated else "sandbox"
    return f"{kind} worker did not start: {why}: {detail.strip()[:300]}; {remedy}"
