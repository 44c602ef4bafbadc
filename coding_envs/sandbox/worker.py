"""One worker as the host sees it: its process, its control socket, the run that it is on."""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .cgroups import descendants
from .guest_protocol import LENGTH, MEMORY_BYTES, SHOWN
from .launch import Launcher
from .run import Done, Order, Run, RunResult

__all__ = [
    "Active",
    "FileStream",
    "Service",
    "Stream",
    "Task",
    "Worker",
    "explain_failed_start",
]

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


class Stream:
    """One of a run's descriptors at the host's end: what is to be written, what was read.

    Attributes:
      fd: the descriptor, which does not block; -1 once it is closed.
      limit: bytes that are kept of what is read.
      size: bytes that came, kept or not.
    """

    __slots__ = ("fd", "limit", "parts", "pending", "reads", "size")

    def __init__(
        self, fd: int, limit: int = 0, pending: bytes = b"", *, reads: bool = True
    ) -> None:
        self.fd, self.limit, self.reads = fd, limit, reads
        self.pending = memoryview(pending)
        self.parts: list[bytes] = []
        self.size = 0

    def drain(self) -> bool:
        """Reads what is there; returns False at the end of the stream."""
        try:
            for _ in range(16):  # then the other runs get their turn
                part = os.read(self.fd, _CHUNK)
                if not part:
                    return False
                room = self.limit - self.size
                if room > 0:
                    self.parts.append(part[:room])
                self.size += len(part)
                if self.size > self.limit:
                    return True
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def feed(self) -> bool:
        """Writes what goes; returns True when nothing is left to be written."""
        try:
            while self.pending:
                self.pending = self.pending[os.write(self.fd, self.pending[: 1 << 20]) :]
        except BlockingIOError:
            return False
        except OSError:
            self.pending = memoryview(b"")  # the program has closed its end: its own affair
        return True

    def content(self) -> bytes:
        """Returns what was read, up to the limit."""
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)

    def close(self) -> None:
        """Closes the host's end; again is fine."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class FileStream(Stream):
    """The channel of a run that has an output file, whose descriptor comes on it.

    Attributes:
      file: the descriptor, or -1.
    """

    __slots__ = ("file", "socket")

    def __init__(self, channel: socket.socket, limit: int, pending: bytes) -> None:
        super().__init__(channel.fileno(), limit, pending)
        self.socket = channel
        self.file = -1

    def drain(self) -> bool:
        """Reads what is there; returns False at the end of the stream."""
        try:
            for _ in range(16):
                part, rights, _, _ = self.socket.recvmsg(
                    _CHUNK, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC
                )
                for _, _, data in rights:
                    fd = int.from_bytes(data[:4], sys.byteorder)
                    # The first was sent before the program began; it may send others.
                    if self.file < 0 and self.size == 0 and part.startswith(SHOWN):
                        self.file = fd
                    else:
                        os.close(fd)
                if not part:
                    return False
                if self.size <= self.limit:
                    self.parts.append(part[: self.limit - self.size])
                self.size += len(part)
                if self.size > self.limit:
                    return True
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def read_file(self, limit: int) -> bytes:
        """Returns the file's content, up to one byte beyond the limit."""
        parts, at = [], 0
        while self.file >= 0 and at <= limit:
            part = os.pread(self.file, min(limit + 1 - at, 1 << 20), at)
            if not part:
                break
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Closes the host's end, but for the file; again is fine."""
        self.socket.close()
        self.fd = -1

    def close_file(self) -> None:
        """Closes the file; again is fine."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


class Active:
    """A run that is going on in a worker.

    Attributes:
      number: its number in the protocol.
      run: what runs.
      deadline: when the worker is taken for wedged (monotonic clock, seconds).
      watch_at: when its streams are first looked at; most runs have ended by then.
      streams: by role: channel, stdin, stdout, stderr.
      status: the worker's status, once it is there: how it ended, its value, CPU and wall seconds,
        peak bytes.
      theirs: the worker's ends of its descriptors, until they are handed over.
      flags: those of the request.
      memory: True where its messages come through the worker's shared memory.
      messages: what they were, once it has ended.
      job: what is put into that memory before it begins, or b"".
      ended_at: when that was (monotonic clock, seconds).
      held: copies of its standard input and output where it has a peer, which notices its end only
        when they are closed: after the host has learned of it.
    """

    __slots__ = (
        *("deadline", "ended_at", "flags", "held", "job", "killed", "memory", "messages"),
        *("number", "run", "status", "streams", "theirs", "watch_at"),
    )

    def __init__(self, number: int, run: Run) -> None:
        self.number, self.run = number, run
        self.deadline = self.watch_at = math.inf
        self.streams: dict[str, Stream] = {}
        self.theirs: list[int] = []
        self.flags = 0
        self.messages = self.job = b""
        self.status: tuple[int, int, float, float, int] | None = None
        self.ended_at = 0.0
        self.held: tuple[int, ...] = ()
        self.killed = self.memory = False

    def end(self, status: tuple[int, int, float, float, int]) -> None:
        """Takes note of its end, and only then lets its peer notice."""
        self.status, self.ended_at = status, time.monotonic()
        self.let_go()

    def let_go(self) -> None:
        """Closes the copies of its standard input and output."""
        for fd in self.held:
            os.close(fd)
        self.held = ()

    def close_theirs(self) -> None:
        """Closes the worker's ends, which it has or will never get."""
        for fd in self.theirs:
            os.close(fd)
        self.theirs = []

    def close(self) -> None:
        """Closes the host's ends of its descriptors, and the worker's that it has not got."""
        self.let_go()
        self.close_theirs()
        for stream in self.streams.values():
            stream.close()
            if isinstance(stream, FileStream):
                stream.close_file()


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
