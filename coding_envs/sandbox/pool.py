"""A pool of workers on this machine, driven by one thread that waits on all of them at once."""

from __future__ import annotations

import array
import atexit
import collections
import contextlib
import itertools
import os
import select
import signal
import socket
import threading
import time
import weakref
from concurrent.futures import Future

from ..errors import SandboxClosedError, SandboxError, SandboxUnavailableError
from . import guest_protocol as protocol
from .launch import Launcher
from .run import Ended, Run, RunResult, Sandbox
from .worker import Stream, Task, Worker, explain_failed_start, parse_messages

__all__ = ["WorkerPool"]

_START_LIMIT_S = 20.0  # a worker says hello in about 0.1 s; a loaded machine gets its time
_TRIES = 3  # a run whose worker dies is repeated on another; then it is a SandboxError
_KILLED_TRIES = 20  # starts in a row that somebody else killed; then it is a failure like others
_GRACE_S = 0.5  # beyond a run's wall limit, then the worker itself is taken for wedged
_WEDGED_END_S = 0.3  # what a worker gets that is to be replaced: its run waits
_RETRY_S = 1.0  # before a worker that did not start is tried again while others still serve
_SCRIPT_CHANNEL_BYTES = 1 << 16  # a script's run has no answers to send, one error at most
_EXTRA_MESSAGES = 8  # of a run, beyond one per call
_open_pools: weakref.WeakSet[WorkerPool] = weakref.WeakSet()

_ENDS = {
    protocol.EXITED: Ended.EXITED,
    protocol.SIGNALED: Ended.SIGNALED,
    protocol.CPU_LIMIT: Ended.CPU_LIMIT,
    protocol.WALL_LIMIT: Ended.WALL_LIMIT,
    protocol.STOPPED: Ended.WALL_LIMIT,
    protocol.KILLED: Ended.OUTPUT_LIMIT,
}


class WorkerPool(Sandbox):
    """Runs programs on a fixed number of warm workers.

    Futures complete in any order. A worker that dies is replaced, its run repeated on another; a
    run that failed so on three workers is a SandboxError.

    Args:
      launcher: starts a worker.
      workers: how many; each serves one run at a time.

    Raises:
      SandboxUnavailableError: the first worker did not start; says why.
    """

    def __init__(self, launcher: Launcher, workers: int = 1) -> None:
        if workers < 1:
            raise ValueError(f"workers must be >= 1, got {workers}")
        self._launcher = launcher
        self._count = workers
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._queue: collections.deque[Task] = collections.deque()
        self._closing = False
        self._numbers = itertools.count(1)
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._woken = False
        self._epoll = select.epoll()
        self._epoll.register(self._wake_read, select.EPOLLIN)
        self._workers: dict[int, Worker] = {}
        self._owner_of: dict[int, Worker] = {}
        self._failures = self._killed = 0
        self._retry_at = 0.0
        self._done: list[tuple[Task, RunResult]] = []
        self._broken: SandboxError | None = None
        self._first: Future[None] = Future()
        # A daemon, so that a forgotten pool does not keep the interpreter from ending; _close_all
        # then ends its workers, and where even that does not run, they end with the socket.
        self._thread = threading.Thread(target=self._drive, name="coding_envs-sandbox", daemon=True)
        _open_pools.add(self)
        self._thread.start()
        try:
            self._first.result()
        except BaseException:
            self.close()
            raise

    @property
    def workers(self) -> int:
        """How many runs go on at one time."""
        return self._count

    def submit(self, run: Run) -> Future[RunResult]:
        """Returns a future of the run's result; see Sandbox."""
        if os.getpid() != self._owner:
            raise SandboxError(
                "this sandbox belongs to another process; make one in each process, after the fork"
            )
        future: Future[RunResult] = Future()
        with self._lock:
            if self._broken is not None:
                raise self._broken
            if self._closing:
                raise SandboxClosedError("submitted to a closed sandbox; make a new one")
            self._queue.append(Task(run, future))
            self._wake()
        return future

    def _wake(self) -> None:
        """Makes the pool's thread look at its queue; the lock is held."""
        if not self._woken and threading.current_thread() is not self._thread:
            self._woken = True
            os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Ends every worker; runs that were not finished fail with SandboxClosedError."""
        if os.getpid() != self._owner:
            return  # a forked copy: the workers are the parent's
        with self._lock:
            if not self._closing:
                self._closing = True
                self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def worker_pids(self) -> list[int]:
        """Returns the process number of each worker's outermost process."""
        return [w.process.pid for w in list(self._workers.values())]

    # --- all below runs in the pool's own thread -------------------------------------------------

    def _drive(self) -> None:
        timeout_s = 0.0
        try:
            while self._tick(self._epoll.poll(timeout_s)):
                timeout_s = self._timeout_s()
        except BaseException as error:
            self._give_up(f"the sandbox's own thread failed: {error!r}")
            raise
        finally:
            self._end()

    def _spawn(self) -> None:
        worker = Worker(self._launcher)
        fd = worker.control.fileno()
        self._workers[fd] = worker
        self._owner_of[fd] = worker
        self._epoll.register(fd, select.EPOLLIN)

    def _tick(self, events: list[tuple[int, int]]) -> bool:
        """Handles what happened; returns False when the pool has closed."""
        for fd, event in events:
            if fd == self._wake_read:
                with contextlib.suppress(BlockingIOError):
                    os.read(fd, 64)
                continue
            worker = self._owner_of.get(fd)
            if worker is None:
                continue  # of a run that an earlier event of this batch has ended
            if fd in self._workers:
                self._on_control(worker)
            else:
                self._on_stream(worker, fd, event)
        with self._lock:
            self._woken = False
            closing = self._closing
        if closing:
            return False
        self._check_clocks()
        # Workers get their next runs before callers look at results, and again after it: a
        # caller's callback often submits.
        self._assign()
        if self._done:
            self._deliver()
            self._assign()
        return not self._closing  # a callback may have closed us

    def _deliver(self) -> None:
        done, self._done = self._done, []
        for task, result in done:
            # A callback that raises SystemExit must not end everybody's pool.
            with contextlib.suppress(BaseException):
                task.future.set_result(result)

    def _assign(self) -> None:
        while (
            len(self._workers) < self._count
            and self._broken is None
            and time.monotonic() >= self._retry_at
        ):
            try:
                self._spawn()
            except (OSError, SandboxError) as error:
                self._start_failed(f"a sandbox worker cannot be started: {error}")
        for worker in list(self._workers.values()):
            while worker.ready and worker.task is None:
                with self._lock:
                    if not self._queue:
                        return
                    task = self._queue.popleft()
                if task.tries or task.future.set_running_or_notify_cancel():
                    self._start(worker, task)

    def _start_failed(self, why: str, killed: bool = False) -> None:
        """Gives up where no worker serves any more, else tries again later."""
        if killed and self._killed < _KILLED_TRIES:
            self._killed += 1  # says nothing of what the next one will do
            return
        self._failures += 1
        self._retry_at = time.monotonic() + _RETRY_S
        if any(worker.ready for worker in self._workers.values()):
            return
        if not self._first.done() or self._failures >= _TRIES:
            self._give_up(why)

    def _start(self, worker: Worker, task: Task) -> None:
        run, limits = task.run, task.run.limits
        task.tries += 1
        worker.task, worker.number, worker.killed = task, next(self._numbers), False
        worker.deadline = time.monotonic() + limits.wall_limit_s + _GRACE_S
        scratch_bytes = limits.file_size_bytes if run.scratch else 0
        worker.group.allow(limits.memory_bytes + scratch_bytes, limits.threads)
        theirs: list[int] = []

        def open_stream(role: str, ours: int, their: int, stream: Stream) -> None:
            theirs.append(their)
            stream.fd = ours
            worker.roles[role] = worker.streams[ours] = stream
            os.set_blocking(ours, False)

        try:
            ours, their = (end.detach() for end in socket.socketpair())
            job = memoryview(run.job())
            most = _SCRIPT_CHANNEL_BYTES if run.calls is None else limits.output_bytes
            open_stream("channel", ours, their, Stream(-1, most, job))
            their, ours = os.pipe2(os.O_CLOEXEC)
            open_stream("stdin", ours, their, Stream(-1, 0, memoryview(run.stdin), reads=False))
            for role in ("stdout", "stderr"):
                ours, their = os.pipe2(os.O_CLOEXEC)
                open_stream(role, ours, their, Stream(-1, limits.output_bytes))
            packet = protocol.REQUEST.pack(
                worker.number,
                protocol.RUN,
                protocol.FLAG_SCRATCH if run.scratch else 0,
                limits.cpu_time_s,
                limits.wall_limit_s,
                worker.base_bytes + limits.memory_bytes,
                limits.file_size_bytes,
                limits.open_files,
                limits.threads,
            )
            order = [theirs[1], theirs[2], theirs[3], theirs[0]]  # 0, 1, 2 and the channel as 3
            fds = array.array("i", order).tobytes()
            for stream in list(worker.streams.values()):
                if stream.pending or not stream.reads:
                    self._write(worker, stream, register=True)
                if stream.reads:
                    self._epoll.register(
                        stream.fd,
                        select.EPOLLIN | (select.EPOLLOUT if stream.pending else 0),
                    )
                    self._owner_of[stream.fd] = worker
            worker.control.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        except OSError as error:
            self._replace(worker, f"the run could not be handed over: {error}")
        finally:
            for fd in theirs:
                os.close(fd)

    def _write(self, worker: Worker, stream: Stream, register: bool = False) -> None:
        """Writes what goes; closes standard input, or stops watching, when all is written."""
        try:
            while stream.pending:
                count = os.write(stream.fd, stream.pending[: 1 << 20])
                stream.pending = stream.pending[count:]
        except BlockingIOError:
            if register and not stream.reads:
                self._epoll.register(stream.fd, select.EPOLLOUT)
                self._owner_of[stream.fd] = worker
            return
        except OSError:
            stream.pending = memoryview(b"")  # the program has closed its end: its own affair
        if not stream.reads:
            self._drop(worker, stream)
        elif not register:
            self._epoll.modify(stream.fd, select.EPOLLIN)

    def _drop(self, worker: Worker, stream: Stream) -> None:
        worker.streams.pop(stream.fd, None)
        self._unwatch(stream.fd)
        os.close(stream.fd)

    def _unwatch(self, fd: int) -> None:
        # By hand: closing does not do it where a fork elsewhere keeps a copy.
        if self._owner_of.pop(fd, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)

    def _on_stream(self, worker: Worker, fd: int, event: int) -> None:
        stream = worker.streams[fd]
        if stream.pending and event & (select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP):
            self._write(worker, stream)
        if stream.reads and event & ~select.EPOLLOUT:
            self._read(worker, stream)

    def _read(self, worker: Worker, stream: Stream) -> None:
        if not stream.drain():
            self._drop(worker, stream)
        if stream.size > stream.limit and not worker.killed:
            worker.killed = True
            packet = protocol.REQUEST.pack(worker.number, protocol.KILL, 0, 0, 0, 0, 0, 0, 0)
            with contextlib.suppress(OSError):
                worker.control.send(packet)

    def _on_control(self, worker: Worker) -> None:
        try:
            packet = worker.control.recv(protocol.STATUS.size)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if len(packet) != protocol.STATUS.size:
            self._replace(worker, "the worker died", died=True)
            return
        number, how, value, cpu_s, wall_s, peak = protocol.STATUS.unpack(packet)
        if how == protocol.HELLO:
            worker.ready = True
            worker.measure()
            self._failures = self._killed = 0
            if not self._first.done():
                self._first.set_result(None)
            return
        if number != worker.number or worker.task is None:
            return
        if how == protocol.SETUP_FAILED:
            stderr = worker.roles["stderr"]
            stderr.drain()
            said = b"".join(stderr.parts).decode("utf-8", "replace").strip()
            self._replace(worker, said or "a run could not be set up")
            return
        self._finish(worker, how, value, cpu_s, wall_s, peak)

    def _finish(
        self, worker: Worker, how: int, value: int, cpu_s: float, wall_s: float, peak: int
    ) -> None:
        task, roles = worker.task, worker.roles
        assert task is not None
        limits = task.run.limits
        # In its own pid namespace a program can hardly do either to itself: somebody else did.
        killed = how == protocol.SIGNALED and value == signal.SIGKILL
        killed = killed and cpu_s <= limits.cpu_time_s  # else the kernel's own limit did
        if worker.isolated and task.tries < _TRIES and (killed or how == protocol.STOPPED):
            self._release(worker)
            with self._lock:
                self._queue.appendleft(task)
            return
        # The program and all that could write for it are dead: what is in the pipes is all.
        for name in ("channel", "stdout", "stderr"):
            stream = roles[name]
            while stream.fd in worker.streams and stream.size <= stream.limit:
                before = stream.size
                if not stream.drain() or stream.size == before:
                    break
        self._release(worker)
        over = any(s.size > s.limit for s in roles.values() if s.reads)
        ended = Ended.OUTPUT_LIMIT if over else _ENDS[how]
        if ended in (Ended.EXITED, Ended.SIGNALED) and cpu_s > limits.cpu_time_s:
            ended = Ended.CPU_LIMIT
        result = RunResult(
            ended=ended,
            # A program may have ended by itself just before it was found to be over a limit.
            exit_code=value if ended is Ended.EXITED else None,
            signal=value if ended is Ended.SIGNALED else None,
            stdout=b"".join(roles["stdout"].parts),
            stderr=b"".join(roles["stderr"].parts),
            messages=parse_messages(
                b"".join(roles["channel"].parts), len(task.run.calls or ()) + _EXTRA_MESSAGES
            ),
            cpu_time_s=cpu_s,
            wall_time_s=wall_s,
            peak_memory_bytes=peak,
        )
        self._done.append((task, result))

    def _release(self, worker: Worker) -> None:
        for fd in worker.streams:
            self._unwatch(fd)
        streams, worker.roles = worker.streams, {}
        worker.streams = {}
        for stream in streams.values():
            os.close(stream.fd)
        worker.task = None

    def _check_clocks(self) -> None:
        now = time.monotonic()
        for worker in list(self._workers.values()):
            if worker.task is not None and now > worker.deadline:
                self._replace(worker, "the worker did not answer within its run's wall limit")
            elif not worker.ready and now > worker.started + _START_LIMIT_S:
                self._replace(worker, f"the worker did not start within {_START_LIMIT_S:g} s")

    def _replace(self, worker: Worker, why: str, died: bool = False) -> None:
        task, was_ready = worker.task, worker.ready
        self._forget(worker)
        said = worker.destroy(_WEDGED_END_S)
        if not was_ready:
            # By its own parent's account: nsjail says 128 and the signal's number of the guest.
            killed = died and worker.process.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
            self._start_failed(explain_failed_start(why, said, self._launcher.isolated), killed)
        if task is None:
            return
        if task.tries >= _TRIES or self._broken is not None:
            task.future.set_exception(
                SandboxError(f"a run failed on {task.tries} workers: {why}; see coding-envs doctor")
            )
        else:
            with self._lock:
                self._queue.appendleft(task)

    def _forget(self, worker: Worker) -> None:
        for fd in worker.streams:
            self._unwatch(fd)
        fd = worker.control.fileno()
        self._workers.pop(fd, None)
        self._unwatch(fd)

    def _give_up(self, why: str) -> None:
        """No worker can be started any more: everybody who waits is told, and all who come."""
        broken = SandboxUnavailableError(why)
        if not self._first.done():
            self._first.set_exception(broken)
        with self._lock:
            self._broken = broken
            waiting, self._queue = list(self._queue), collections.deque()
        for task in waiting:
            if task.tries or task.future.set_running_or_notify_cancel():
                task.future.set_exception(broken)

    def _disown(self) -> None:
        if not self._thread.is_alive() and self._closing:
            return  # closed before the fork
        for worker in list(self._workers.values()):
            with contextlib.suppress(OSError):
                worker.disown()
        with contextlib.suppress(OSError, ValueError):
            self._epoll.close()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _timeout_s(self) -> float:
        clocks = [w.deadline for w in self._workers.values() if w.task is not None]
        clocks += [w.started + _START_LIMIT_S for w in self._workers.values() if not w.ready]
        if len(self._workers) < self._count and self._broken is None:
            clocks.append(self._retry_at)
        return max(0.0, min(clocks) - time.monotonic()) + 0.01 if clocks else 60.0

    def _end(self) -> None:
        self._deliver()
        workers = list(self._workers.values())
        for worker in workers:  # all are told first, so that they end side by side
            worker.hang_up()
        tasks = [w.task for w in workers if w.task is not None]
        for worker in workers:
            worker.destroy()
        self._workers.clear()
        self._owner_of.clear()
        with self._lock:
            self._closing = True
            tasks += self._queue
            self._queue.clear()
        closed = SandboxClosedError("the sandbox was closed before the run ended")
        for task in tasks:
            if task.tries or task.future.set_running_or_notify_cancel():
                task.future.set_exception(closed)
        if not self._first.done():
            self._first.set_exception(closed)
        self._epoll.close()
        with self._lock:  # a late submit() has been told by now; none can still be waking us
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._woken = True
        close = getattr(self._launcher, "close", None)
        if close is not None:
            close()


@atexit.register
def _close_all() -> None:
    for pool in list(_open_pools):
        pool.close()


def _disown_all() -> None:
    """After a fork, in the child: lets go of every descriptor, so that no end of file is missed."""
    for pool in list(_open_pools):
        pool._disown()


os.register_at_fork(after_in_child=_disown_all)
