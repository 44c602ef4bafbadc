"""One run that goes on in a worker: its descriptors, its end, and what it left behind."""

from __future__ import annotations

import math
import os
import socket
import time
from signal import SIGKILL

from . import guest_protocol as protocol
from .run import Ended, Run, RunResult
from .streams import FileStream, Stream

__all__ = ["Active"]

_SCRIPT_CHANNEL_BYTES = 1 << 16  # a script's run has no answers to send, one error at most
_EXTRA_MESSAGES = 8  # of a run, beyond one per call
_PIPE = os.O_CLOEXEC | os.O_NONBLOCK
_SOCKET = socket.SOCK_STREAM | socket.SOCK_NONBLOCK

_ENDS = {
    protocol.EXITED: Ended.EXITED,
    protocol.SIGNALED: Ended.SIGNALED,
    protocol.CPU_LIMIT: Ended.CPU_LIMIT,
    protocol.WALL_LIMIT: Ended.WALL_LIMIT,
    protocol.STOPPED: Ended.WALL_LIMIT,
    protocol.KILLED: Ended.OUTPUT_LIMIT,
}


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

    @classmethod
    def prepared(
        cls,
        number: int,
        run: Run,
        code: bytes | None,
        joined: tuple[int, int] | None = None,
        *,
        shares: bool,
    ) -> Active:
        """Makes all that a run needs before it is handed over.

        Args:
          number: of its own in the protocol.
          run: what shall run.
          code: its program compiled, or None.
          joined: its standard input and output where it has a peer.
          shares: whether it may run in a process that is rolled back after it.

        Raises:
          OSError: no descriptors are left.
        """
        active = cls(number, run)
        active.memory = joined is None
        limits, streams, theirs = run.limits, active.streams, active.theirs
        flags = protocol.FLAG_SCRATCH if run.scratch else 0
        flags |= protocol.FLAG_MEMORY if active.memory else 0
        most = _SCRIPT_CHANNEL_BYTES if run.calls is None else limits.output_bytes
        job = run.job(code)
        try:
            if shares and len(job) <= protocol.MEMORY_BYTES:
                flags |= protocol.FLAG_ROLLBACK | protocol.FLAG_JOB
                active.job = job
                read, write = os.pipe2(_PIPE)
                theirs.append(write)
                streams["channel"] = Stream(read, most)
            else:
                ours, their = socket.socketpair(socket.AF_UNIX, _SOCKET)
                theirs.append(their.detach())
                if run.output_file:
                    streams["channel"] = FileStream(ours, most, job)
                else:
                    streams["channel"] = Stream(ours.detach(), most, job)
            if joined is not None:
                flags |= protocol.FLAG_STDIN | protocol.FLAG_SPLIT
                theirs += [os.dup(fd) for fd in joined]
                active.held = (os.dup(joined[0]), os.dup(joined[1]))
            elif run.stdin:
                flags |= protocol.FLAG_STDIN
                read, write = os.pipe2(_PIPE)
                theirs.append(read)
                streams["stdin"] = Stream(write, 0, run.stdin, reads=False)
            if run.calls is None and joined is None:
                flags |= protocol.FLAG_SPLIT
                read, write = os.pipe2(_PIPE)
                theirs.append(write)
                streams["stdout"] = Stream(read, limits.output_bytes)
            read, write = os.pipe2(_PIPE)
            theirs.append(write)
            streams["stderr"] = Stream(read, limits.output_bytes)
        except BaseException:
            active.close()
            raise
        active.flags = flags
        return active

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

    @property
    def disturbed(self) -> bool:
        """True where the run was killed or stopped from outside: it is repeated.

        In its own pid namespace a program can hardly do either to itself. Where the kernel's own
        limit on processor time killed it, it is over that limit.
        """
        assert self.status is not None
        how, value, cpu_s, *_ = self.status
        killed = how == protocol.SIGNALED and value == SIGKILL
        return how == protocol.STOPPED or (killed and cpu_s <= self.run.limits.cpu_time_s)

    def result(self) -> RunResult:
        """Returns what became of the run, which has ended, and closes all that it had."""
        assert self.status is not None
        how, value, cpu_s, wall_s, peak = self.status
        limits = self.run.limits
        contents, over = {}, False
        # The program and all that could write for it are dead: what is in the pipes is all.
        for role, stream in self.streams.items():
            if stream.reads:
                while stream.fd >= 0 and stream.size <= stream.limit:
                    before = stream.size
                    if not stream.drain() or stream.size == before:
                        break
                contents[role] = stream.content()
                over = over or stream.size > stream.limit
            stream.close()
        ended = Ended.OUTPUT_LIMIT if over else _ENDS[how]
        if ended in (Ended.EXITED, Ended.SIGNALED) and cpu_s > limits.cpu_time_s:
            ended = Ended.CPU_LIMIT
        shown = self.streams["channel"]
        if isinstance(shown, FileStream):
            content = shown.read_file(limits.output_bytes)
            shown.close_file()
            contents["stdout"] = content[: limits.output_bytes]
            if len(content) > limits.output_bytes:
                ended = Ended.OUTPUT_LIMIT
        if self.messages:
            contents["channel"] = self.messages + contents["channel"]
        # A program's own lines are not looked at beyond what the calls could have answered.
        channel = contents["channel"]
        most = len(self.run.calls or ()) + _EXTRA_MESSAGES
        if channel.count(b"\n") > most:
            channel = b"\n".join(channel.split(b"\n", most)[:most]) + b"\n"
        return RunResult(
            ended=ended,
            # A program may have ended by itself just before it was found to be over a limit.
            exit_code=value if ended is Ended.EXITED else None,
            signal=value if ended is Ended.SIGNALED else None,
            stdout=contents.get("stdout", b""),
            stderr=contents["stderr"],
            channel=channel,
            cpu_time_s=cpu_s,
            wall_time_s=wall_s,
            ended_at=self.ended_at,
            peak_memory_bytes=peak,
        )
