"""One worker as the host sees it: its process, its control socket, the run that it is on."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .launch import Launcher
from .run import Run, RunResult

__all__ = ["Stream", "Task", "Worker", "explain_failed_start", "parse_messages"]

_CHUNK = 1 << 16
_END_S = 3.0  # for an idle worker to end by itself on a loaded machine; then it is killed
_BASE_BYTES = 64 * 2**20  # address space of a warm interpreter, where /proc does not tell


@dataclass
class Task:
    """One submitted run on its way."""

    run: Run
    future: Future[RunResult]
    tries: int = 0


@dataclass
class Stream:
    """One of a run's descriptors at the host's end: what is to be written, what was read."""

    fd: int
    limit: int = 0
    pending: memoryview = field(default_factory=lambda: memoryview(b""))
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    reads: bool = True

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
                if self.size > self.limit or len(part) < _CHUNK:
                    return True
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True


class Worker:
    """One worker's process, and the run that it is on."""

    def __init__(self, launcher: Launcher) -> None:
        self.isolated = launcher.isolated
        host, guest = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        log_read, log_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.control, self.log = host, log_read
        self.group = launcher.groups.make()
        try:
            self.process = launcher.launch(guest, log_write)
            self.group.add(self.process.pid)
        except BaseException:
            self.group.close()
            host.close()
            os.close(log_read)
            raise
        finally:
            guest.close()
            os.close(log_write)
        host.setblocking(False)
        self.started = time.monotonic()
        self.ready = False
        self.base_bytes = _BASE_BYTES
        self.task: Task | None = None
        self.number = 0
        self.deadline = 0.0
        self.killed = False
        self.streams: dict[int, Stream] = {}
        self.roles: dict[str, Stream] = {}

    def measure(self) -> None:
        """Reads the guest's address space, which a run's memory limit is added to."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = _youngest_descendant(self.process.pid)
            self.group.hold(pid)
            with Path(f"/proc/{pid}/statm").open(encoding="ascii") as file:
                self.base_bytes = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")

    def close_streams(self) -> None:
        """Closes the host's ends of the run's descriptors."""
        for stream in self.streams.values():
            os.close(stream.fd)
        self.streams.clear()
        self.roles.clear()

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
        self.group.close()
        said = self._last_words()
        os.close(self.log)
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
        self.process.returncode = 0  # nothing to wait for


def _youngest_descendant(pid: int) -> int:
    while True:
        with Path(f"/proc/{pid}/task/{pid}/children").open(encoding="ascii") as file:
            children = file.read().split()
        if not children:
            return pid
        pid = int(children[-1])


def parse_messages(data: bytes, most: int) -> tuple[dict[str, Any], ...]:
    """Returns the first `most` messages; stops at the first line that is none."""
    messages: list[dict[str, Any]] = []
    start = 0
    while start < len(data) and len(messages) < most:
        end = data.find(b"\n", start)
        line = data[start : end if end >= 0 else len(data)]
        start = end + 1 if end >= 0 else len(data)
        if line:
            try:
                message = json.loads(line)
            except (ValueError, RecursionError, MemoryError):
                break  # cut at the limit, or the program wrote here itself
            if not isinstance(message, dict):
                break
            messages.append(message)
    return tuple(messages)


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
