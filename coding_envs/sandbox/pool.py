"""A pool of workers on this machine, driven by one thread that waits on all of them at once."""

from __future__ import annotations

import array
import atexit
import collections
import contextlib
import functools
import itertools
import json
import marshal
import math
import os
import select
import signal
import socket
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from ..errors import SandboxClosedError, SandboxError, SandboxUnavailableError
from ..forks import check_owner
from . import guest_protocol as protocol
from .launch import Launcher
from .run import Done, Ended, Order, Run, RunResult, Sandbox
from .words import WordFinder
from .worker import Active, FileStream, Service, Stream, Task, Worker, explain_failed_start

__all__ = ["WorkerPool"]

_START_LIMIT_S = 20.0  # a worker says hello in about 0.1 s; a loaded machine gets its time
_TRIES = 3  # a run whose worker dies is repeated on another; then it is a SandboxError
_KILLED_TRIES = 20  # starts in a row that somebody else killed; then it is a failure like others
_GRACE_S = 0.5  # beyond a run's wall limit, then the worker itself is taken for wedged
_WEDGED_END_S = 0.3  # what a worker gets that is to be replaced: its run waits
_RETRY_S = 1.0  # before a worker that did not start is tried again while others still serve
_SCRIPT_CHANNEL_BYTES = 1 << 16  # a script's run has no answers to send, one error at most
_WATCH_AFTER_S = 0.002  # most runs are over by then, and their pipes never needed watching
_COMPILER = "guest_compiler:main"
_COMPILE_S = 0.1  # a source that takes longer is the run's own child's affair, within its limits
_MAX_COMPILED_CHARS = 1 << 16  # so is a longer one
_COMPILED_KEPT = 1024  # programs; the tests of one problem follow one another
_SERVICE_BYTES = 1 << 30  # address space of a service
_SERVICE_THREADS = 16
_MAX_REPLY_BYTES = 64 << 20
_SERVED_MOST = 1000  # orders to one service, then a fresh one takes over
_PIPE = os.O_CLOEXEC | os.O_NONBLOCK
_STREAM = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
_AHEAD = 2  # runs per worker that are made ready before they can begin
_EXTRA_MESSAGES = 8  # of a run, beyond one per call
# What a program imports that leaves something in the kernel: a process that is rolled back would
# not survive it, which costs more than a fork. A guess, for speed alone.
_SPENDS = WordFinder(
    modules=(
        *("threading", "_thread", "signal", "asyncio", "concurrent", "multiprocessing"),
        *("subprocess", "socket", "select", "selectors", "ctypes", "mmap", "resource"),
        *("faulthandler", "fcntl", "os"),
    )
)
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

    Attributes:
      spends: guesses of a program whether a process that is rolled back would not survive it.

    Raises:
      SandboxUnavailableError: the first worker did not start; says why.
    """

    _spares_own_signals = True  # in a pid namespace, nobody kills or stops its first process

    def __init__(self, launcher: Launcher, workers: int = 1) -> None:
        if workers < 1:
            raise ValueError(f"workers must be >= 1, got {workers}")
        self._launcher = launcher
        self.spends: Callable[[str], bool] = _SPENDS
        self._count = workers
        self._alone = len(os.sched_getaffinity(0)) == 1
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._queue: collections.deque[Task] = collections.deque()
        self._orders: collections.deque[Task] = collections.deque()
        self._calls: collections.deque[Callable[[], None]] = collections.deque()
        self._closing = False
        self._numbers = itertools.count(1)
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._woken = False
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._watch(self._wake_read, select.EPOLLIN, self._on_wake)
        self._null = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
        self._workers: dict[int, Worker] = {}
        self._compiled: collections.OrderedDict[str, bytes] = collections.OrderedDict()
        self._failures = self._killed = 0
        self._retry_at = 0.0
        self._done: collections.deque[tuple[Task, RunResult]] = collections.deque()
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

    def submit(self, run: Run | Order) -> Future[RunResult]:
        """Returns a future of the run's result; see Sandbox."""
        future: Future[RunResult] = Future()

        def done(outcome: RunResult | BaseException) -> None:
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        self._enqueue(Task(run, done, future.set_running_or_notify_cancel))
        return future

    def start(self, run: Run | Order, done: Done) -> None:
        """Starts a run whose result `done` is told, in the pool's own thread; see Sandbox."""
        self._enqueue(Task(run, done))

    def call_soon(self, call: Callable[[], None]) -> None:
        """Calls `call` in the pool's own thread, a little before a worker is free; see Sandbox."""
        check_owner("sandbox", self._owner)
        with self._lock:
            self._check_open()
            self._calls.append(call)
            self._wake()

    def _enqueue(self, task: Task) -> None:
        check_owner("sandbox", self._owner)
        with self._lock:
            self._check_open()
            (self._queue if isinstance(task.run, Run) else self._orders).append(task)
            self._wake()

    def _check_open(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._closing:
            raise SandboxClosedError("submitted to a closed sandbox; make a new one")

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
                # What can wait is done a piece at a time: a worker that is free must not wait. On
                # one processor it waits anyway.
                worked = self._do_a_piece()
                while worked and self._alone and not self._closing and self._do_a_piece():
                    pass
                timeout_s = 0.0 if worked else self._timeout_s()
        except BaseException as error:
            self._give_up(f"the sandbox's own thread failed: {error!r}")
            raise
        finally:
            self._end()

    def _spawn(self) -> None:
        worker = Worker(self._launcher)
        fd = worker.control.fileno()
        self._workers[fd] = worker
        self._watch(fd, select.EPOLLIN, functools.partial(self._on_control, worker))

    def _watch(self, fd: int, events: int, handler: Callable[[int], None]) -> None:
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def _unwatch(self, fd: int) -> None:
        # By hand: closing does not do it where a fork elsewhere keeps a copy.
        if self._handlers.pop(fd, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)

    def _tick(self, events: list[tuple[int, int]]) -> bool:
        """Handles what happened; returns False when the pool has closed."""
        for fd, event in events:
            handler = self._handlers.get(fd)
            if handler is not None:  # else of what an earlier event of this batch has ended
                handler(event)
        with self._lock:
            self._woken = False
            closing = self._closing
        if closing:
            return False
        self._check_clocks()
        self._assign()
        return not self._closing  # a callback may have closed us

    def _do_a_piece(self) -> bool:
        """Tells a caller a result, has one start something, or readies a run: one of these.

        Returns False where there was nothing to do.
        """
        if self._done:
            task, result = self._done.popleft()
            task.tell(result)
            return True
        if self._calls and len(self._queue) + len(self._orders) < _AHEAD * self._count:
            _call(self._calls.popleft())
            return True
        return self._prepare_one()

    def _on_wake(self, _event: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 64)

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
        if not self._orders and not self._queue:
            return
        for worker in list(self._workers.values()):
            if not worker.ready:
                continue
            while worker.alive and self._orders and (task := self._next_order(worker)) is not None:
                self._start_order(worker, task)
            self._feed(worker)

    def _feed(self, worker: Worker) -> None:
        """Gives a worker that is free the next run."""
        while worker.alive and self._queue and worker.task is None:
            with self._lock:
                task = self._queue.popleft()
            if task.wanted():
                self._start(worker, task)
            else:
                task.discard()

    def _next_order(self, worker: Worker) -> Task | None:
        """Takes the first order whose service is idle in `worker`, or returns None."""
        with self._lock:
            for index, task in enumerate(self._orders):
                assert isinstance(task.run, Order)
                if task.run.service not in worker.orders:
                    del self._orders[index]
                    return task
        return None

    def _start_failed(self, why: str) -> None:
        """Gives up where no worker serves any more, else tries again later."""
        self._failures += 1
        self._retry_at = time.monotonic() + _RETRY_S
        if any(worker.ready for worker in self._workers.values()):
            return
        if not self._first.done() or self._failures >= _TRIES:
            self._give_up(why)

    # --- runs ------------------------------------------------------------------------------------

    def _start(self, worker: Worker, task: Task) -> None:
        """Compiles the task's program, where that is not known yet, and launches it."""
        run = task.run
        assert isinstance(run, Run)
        task.tries += 1
        worker.task = task
        if task.prepared is not None and worker.rolls_back:
            active, task.prepared = task.prepared, None
            try:
                self._hand_over(worker, active)
            except OSError as error:
                self._replace(worker, f"the run could not be handed over: {error}")
            finally:
                active.close_theirs()
            return
        task.discard()
        task.shares = worker.rolls_back and self._may_share(task)
        if run.peer is not None or len(run.source) > _MAX_COMPILED_CHARS:
            self._launch(worker, task, None)
            return
        known = self._compiled.get(run.source)
        if known is not None:
            self._compiled.move_to_end(run.source)
            self._on_compiled(worker, task, known)
            return
        if task.shares:
            self._launch(worker, task, None)  # where the compiler is as warm as in its service
            return
        payload = run.source.encode("utf-8", "surrogatepass")
        answered = functools.partial(self._on_compiled, worker, task)
        self._ask(worker, _COMPILER, payload, _COMPILE_S, answered)

    def _may_share(self, task: Task) -> bool:
        """Returns True where a process that is rolled back after the run will probably do."""
        run = task.run
        assert isinstance(run, Run)
        if task.shares is None:
            task.shares = run.peer is None and not run.scratch and not self.spends(run.source)
        return task.shares

    def _on_compiled(self, worker: Worker, task: Task, reply: bytes | None) -> None:
        run = task.run
        assert isinstance(run, Run)
        kind, content = (reply[:1], reply[1:]) if reply else (b"", b"")
        if reply and kind in (b"C", b"E"):
            self._compiled[run.source] = reply
            if len(self._compiled) > _COMPILED_KEPT:
                self._compiled.popitem(last=False)
        if kind == b"E":
            worker.task = None
            message = {"compile_error": content.decode("utf-8", "replace")}
            channel = json.dumps(message).encode()
            self._done.append((task, RunResult(Ended.EXITED, exit_code=1, channel=channel)))
        else:
            self._launch(worker, task, content if kind == b"C" else None)

    def _launch(self, worker: Worker, task: Task, code: bytes | None) -> None:
        run = task.run
        assert isinstance(run, Run)
        given: list[int] = []
        try:
            if run.peer is None:
                self._launch_one(worker, run, code, None)
            else:
                forth, back = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
                given += [*forth, *back]
                self._launch_one(worker, run, code, (back[0], forth[1]))
                self._launch_one(worker, run.peer, None, (forth[0], back[1]))
        except OSError as error:
            self._replace(worker, f"the run could not be handed over: {error}")
        finally:
            for fd in given:
                os.close(fd)

    def _launch_one(
        self, worker: Worker, run: Run, code: bytes | None, joined: tuple[int, int] | None
    ) -> None:
        """Hands one run over, with `joined` as its standard input and output where it has a peer.

        Raises:
          OSError: the worker is gone, or no descriptors are left.
        """
        shares = worker.task is not None and worker.task.shares
        active = self._prepare(run, code, joined, shares=bool(shares))
        try:
            self._hand_over(worker, active)
        finally:
            active.close_theirs()

    def _prepare(
        self, run: Run, code: bytes | None, joined: tuple[int, int] | None, *, shares: bool
    ) -> Active:
        """Makes all that a run needs before it is handed over.

        Raises:
          OSError: no descriptors are left.
        """
        active = Active(next(self._numbers), run)
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
                ours, their = socket.socketpair(socket.AF_UNIX, _STREAM)
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

    def _hand_over(self, worker: Worker, active: Active) -> None:
        """Gives a worker a run that is prepared.

        Raises:
          OSError: the worker is gone.
        """
        limits = active.run.limits
        now = time.monotonic()
        active.deadline = now + limits.wall_limit_s + _GRACE_S
        active.watch_at = now + _WATCH_AFTER_S
        worker.actives[active.number] = active
        self._make_room(worker)
        if active.job:
            worker.put_job(active.job)
        packet = protocol.REQUEST.pack(
            active.number,
            protocol.RUN,
            active.flags,
            limits.cpu_time_s,
            limits.wall_limit_s,
            worker.base_bytes + limits.memory_bytes,
            limits.file_size_bytes,
            limits.open_files,
            limits.threads,
        )
        fds = array.array("i", active.theirs)
        worker.control.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        streams = active.streams
        done = streams["channel"].feed()
        active.close_theirs()
        stdin = streams.get("stdin")
        if stdin is not None:
            if stdin.feed():
                stdin.close()
            else:
                done = False
        if not done:
            self._watch_streams(worker, active)

    def _prepare_one(self) -> bool:
        """Readies one of the next runs, so that no worker waits for it; False: none is to be."""
        if self._alone or not self._queue:
            return False
        if not any(worker.rolls_back for worker in self._workers.values()):
            return False
        with self._lock:
            soon = list(itertools.islice(self._queue, self._count))
        for task in soon:
            run = task.run
            if task.tries or task.prepared is not None or not isinstance(run, Run):
                continue
            if len(run.source) <= _MAX_COMPILED_CHARS and self._may_share(task):
                known = self._compiled.get(run.source)
                if known is None or known[:1] == b"C":
                    code = None if known is None else known[1:]
                    with contextlib.suppress(OSError):  # then when it is its turn
                        task.prepared = self._prepare(run, code, None, shares=True)
                        return True
        return False

    def _make_room(self, worker: Worker) -> None:
        """Raises the caps of the worker's group to what may be used by all that goes on in it."""
        limits = [active.run.limits for active in worker.actives.values()]
        services = len(worker.services)
        memory_bytes = sum(one.memory_bytes + one.file_size_bytes for one in limits)
        tasks = sum(one.threads for one in limits) + services * _SERVICE_THREADS
        worker.group.allow(memory_bytes + services * _SERVICE_BYTES, tasks)

    def _watch_streams(self, worker: Worker, active: Active) -> None:
        """Looks at a run's streams from now on: it takes its time, or much is to be moved."""
        active.watch_at = math.inf
        for stream in active.streams.values():
            if stream.fd >= 0:
                events = select.EPOLLIN if stream.reads else 0
                events |= select.EPOLLOUT if stream.pending else 0
                handler = functools.partial(self._on_stream, worker, active, stream)
                self._watch(stream.fd, events, handler)

    def _on_stream(self, worker: Worker, active: Active, stream: Stream, event: int) -> None:
        writable = event & (select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP)
        if stream.pending and writable and stream.feed():
            if not stream.reads:
                self._drop(stream)
                return
            self._epoll.modify(stream.fd, select.EPOLLIN)
        if stream.reads and event & ~select.EPOLLOUT:
            if not stream.drain():
                self._drop(stream)
            if stream.size > stream.limit and not active.killed:
                active.killed = True
                self._send_kill(worker, active.number)

    def _drop(self, stream: Stream) -> None:
        self._unwatch(stream.fd)
        stream.close()

    def _send_kill(self, worker: Worker, number: int) -> None:
        packet = protocol.REQUEST.pack(number, protocol.KILL, 0, 0, 0, 0, 0, 0, 0)
        with contextlib.suppress(OSError):
            worker.control.send(packet)

    def _on_control(self, worker: Worker, _event: int) -> None:
        try:
            packet = worker.control.recv(protocol.STATUS.size)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if len(packet) != protocol.STATUS.size:
            self._replace(worker, "the worker died", died=True)
            return
        number, how, *measured = protocol.STATUS.unpack(packet)
        if how == protocol.HELLO:
            worker.ready = True
            worker.measure(measured[-1])
            self._failures = self._killed = 0
            if not self._first.done():
                self._first.set_result(None)
            return
        active = worker.actives.get(number)
        if active is None:
            return  # a service's end, which its channel tells as well
        if how == protocol.SETUP_FAILED:
            stderr = active.streams["stderr"]
            stderr.drain()
            said = stderr.content().decode("utf-8", "replace").strip()
            self._replace(worker, said or "a run could not be set up")
            return
        active.end((how, *measured))
        if all(a.status is not None for a in worker.actives.values()):
            self._finish(worker)

    def _finish(self, worker: Worker) -> None:
        """Makes the task's result; the worker is free again."""
        task = worker.task
        assert task is not None
        actives = list(worker.actives.values())
        worker.actives, worker.task = {}, None
        for active in actives:
            if active.memory:
                active.messages = worker.take_messages()
        doubtful = worker.isolated and self._spares_own_signals and task.tries < _TRIES
        if doubtful and any(map(_is_disturbed, actives)):
            for active in actives:
                self._result(active)  # which is nobody's
            with self._lock:
                self._queue.appendleft(task)
            return
        self._feed(worker)  # it goes on while this run's results are looked at
        result, *others = map(self._result, actives)
        if others:
            result = replace(result, peer=others[0])
        self._settle(task, result)

    def _settle(self, task: Task, result: RunResult) -> None:
        self._done.append((task, result))

    def _result(self, active: Active) -> RunResult:
        assert active.status is not None
        how, value, cpu_s, wall_s, peak = active.status
        limits = active.run.limits
        contents, over = {}, False
        # The program and all that could write for it are dead: what is in the pipes is all.
        for role, stream in active.streams.items():
            if stream.reads:
                while stream.fd >= 0 and stream.size <= stream.limit:
                    before = stream.size
                    if not stream.drain() or stream.size == before:
                        break
                contents[role] = stream.content()
                over = over or stream.size > stream.limit
            if active.watch_at == math.inf and stream.fd >= 0:
                self._unwatch(stream.fd)
            stream.close()
        ended = Ended.OUTPUT_LIMIT if over else _ENDS[how]
        if ended in (Ended.EXITED, Ended.SIGNALED) and cpu_s > limits.cpu_time_s:
            ended = Ended.CPU_LIMIT
        shown = active.streams["channel"]
        if isinstance(shown, FileStream):
            content = shown.read_file(limits.output_bytes)
            shown.close_file()
            contents["stdout"] = content[: limits.output_bytes]
            if len(content) > limits.output_bytes:
                ended = Ended.OUTPUT_LIMIT
        if active.messages:
            contents["channel"] = active.messages + contents["channel"]
        # A program's own lines are not looked at beyond what the calls could have answered.
        channel = contents["channel"]
        most = len(active.run.calls or ()) + _EXTRA_MESSAGES
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
            ended_at=active.ended_at,
            peak_memory_bytes=peak,
        )

    # --- services --------------------------------------------------------------------------------

    def _start_order(self, worker: Worker, task: Task) -> None:
        order = task.run
        assert isinstance(order, Order)
        if not task.wanted():
            return
        task.tries += 1
        worker.orders[order.service] = task
        answered = functools.partial(self._on_answered, worker, task)
        self._ask(worker, order.service, order.payload, order.limits.wall_limit_s, answered)

    def _on_answered(self, worker: Worker, task: Task, reply: bytes | None) -> None:
        order = task.run
        assert isinstance(order, Order)
        service = worker.services.get(order.service)
        worker.orders.pop(order.service, None)
        if reply is not None:
            self._done.append((task, RunResult(Ended.EXITED, exit_code=0, reply=reply)))
        elif service is not None and service.slow:
            wall_s = order.limits.wall_limit_s
            self._done.append((task, RunResult(Ended.WALL_LIMIT, wall_time_s=wall_s)))
        elif task.tries < _TRIES:
            with self._lock:
                self._orders.appendleft(task)
        else:
            self._done.append((task, RunResult(Ended.SIGNALED, signal=9)))

    def _ask(
        self,
        worker: Worker,
        name: str,
        payload: bytes,
        within_s: float,
        answered: Callable[[bytes | None], None],
    ) -> None:
        """Sends an order to a worker's service, which is started where it is not there."""
        try:
            service = worker.services.get(name) or self._start_service(worker, name)
        except OSError as error:
            self._replace(worker, f"the service {name} could not be started: {error}")
            return
        service.answered = answered
        service.deadline = time.monotonic() + within_s
        service.slow = False
        service.stream.pending = memoryview(protocol.LENGTH.pack(len(payload)) + payload)
        if not service.stream.feed():
            self._epoll.modify(service.stream.fd, select.EPOLLIN | select.EPOLLOUT)

    def _start_service(self, worker: Worker, name: str) -> Service:
        ours, their = socket.socketpair(socket.AF_UNIX, _STREAM)
        stream = Stream(ours.detach())
        with their:
            service = Service(name, next(self._numbers), stream)
            worker.services[name] = service
            self._make_room(worker)
            packet = protocol.REQUEST.pack(
                service.number,
                protocol.RUN,
                protocol.FLAG_SERVICE,
                0.0,
                0.0,
                worker.base_bytes + _SERVICE_BYTES,
                1 << 20,
                64,
                _SERVICE_THREADS,
            )
            fds = array.array("i", [their.fileno(), self._null])
            worker.control.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        job = marshal.dumps(name)
        os.write(stream.fd, protocol.LENGTH.pack(len(job)) + job)
        handler = functools.partial(self._on_service, worker, service)
        self._watch(stream.fd, select.EPOLLIN, handler)
        return service

    def _on_service(self, worker: Worker, service: Service, event: int) -> None:
        stream = service.stream
        if stream.pending and event & select.EPOLLOUT and stream.feed():
            self._epoll.modify(stream.fd, select.EPOLLIN)
        if not event & ~select.EPOLLOUT:
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
            self._end_service(worker, service)  # it died, or talks out of turn
        elif len(reply) >= 8 and len(reply) >= 8 + size:
            answered, service.answered = service.answered, None
            service.deadline = math.inf
            service.served += 1
            content = bytes(reply[8 : 8 + size])
            reply.clear()
            if service.served >= _SERVED_MOST:  # a fresh one: nothing gathers, nothing lingers
                self._end_service(worker, service)
            answered(content)

    def _end_service(self, worker: Worker, service: Service) -> None:
        """Ends a service; whoever waits for its answer is told."""
        answered, service.answered = service.answered, None
        self._drop(service.stream)
        self._send_kill(worker, service.number)
        if answered is not None:
            answered(None)
        if worker.services.get(service.name) is service:
            del worker.services[service.name]

    # --- failures --------------------------------------------------------------------------------

    def _check_clocks(self) -> None:
        now = time.monotonic()
        for worker in list(self._workers.values()):
            if not worker.ready:
                if now > worker.started + _START_LIMIT_S:
                    self._replace(worker, f"the worker did not start within {_START_LIMIT_S:g} s")
                continue
            for active in list(worker.actives.values()):
                if now > active.deadline:
                    self._replace(worker, "the worker did not answer within its run's wall limit")
                    break
                if now > active.watch_at:
                    self._watch_streams(worker, active)
            for service in list(worker.services.values()):
                if now > service.deadline:
                    service.slow = True
                    self._end_service(worker, service)

    def _replace(self, worker: Worker, why: str, died: bool = False) -> None:
        tasks, was_ready = worker.tasks, worker.ready
        self._forget(worker)
        said = worker.destroy(_WEDGED_END_S)
        if not was_ready:
            # By its own parent's account: nsjail says 128 and the signal's number of the guest.
            killed = died and worker.process.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
            killed = killed and self._killed < _KILLED_TRIES
            if killed:
                self._killed += 1  # says nothing of what the next one will do
            elif not self._launcher.do_without_rollback():
                self._start_failed(explain_failed_start(why, said, self._launcher.isolated))
        for task in tasks:
            if task.tries >= _TRIES or self._broken is not None:
                task.tell(
                    SandboxError(
                        f"a run failed on {task.tries} workers: {why}; see coding-envs doctor"
                    )
                )
            else:
                with self._lock:
                    (self._queue if isinstance(task.run, Run) else self._orders).appendleft(task)

    def _forget(self, worker: Worker) -> None:
        for active in worker.actives.values():
            for stream in active.streams.values():
                self._unwatch(stream.fd)
        for service in worker.services.values():
            self._unwatch(service.stream.fd)
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
            waiting = [*self._queue, *self._orders]
            self._queue, self._orders = collections.deque(), collections.deque()
            calls, self._calls = self._calls, collections.deque()
        for task in waiting:
            task.discard()
            if task.wanted():
                task.tell(broken)
        for call in calls:  # which are told when they start something
            _call(call)

    def _disown(self) -> None:
        if not self._thread.is_alive() and self._closing:
            return  # closed before the fork
        for worker in list(self._workers.values()):
            with contextlib.suppress(OSError):
                worker.disown()
        for task in list(self._queue):
            with contextlib.suppress(OSError):
                task.discard()
        with contextlib.suppress(OSError, ValueError):
            self._epoll.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
            os.close(self._null)

    def _timeout_s(self) -> float:
        soonest = math.inf
        for worker in self._workers.values():
            if not worker.ready:
                soonest = min(soonest, worker.started + _START_LIMIT_S)
            for active in worker.actives.values():
                soonest = min(soonest, active.watch_at, active.deadline)
            for service in worker.services.values():
                soonest = min(soonest, service.deadline)
        if len(self._workers) < self._count and self._broken is None:
            soonest = min(soonest, self._retry_at)
        if soonest == math.inf:
            return 60.0
        return max(0.0, soonest - time.monotonic()) + 0.0005

    def _end(self) -> None:
        for task, result in self._done:
            task.tell(result)
        self._done.clear()
        workers = list(self._workers.values())
        for worker in workers:  # all are told first, so that they end side by side
            worker.hang_up()
        tasks = [task for worker in workers for task in worker.tasks]
        for worker in workers:
            worker.destroy()
        self._workers.clear()
        self._handlers.clear()
        with self._lock:
            self._closing = True
            tasks += [*self._queue, *self._orders]
            self._queue.clear()
            self._orders.clear()
            calls, self._calls = self._calls, collections.deque()
        closed = SandboxClosedError("the sandbox was closed before the run ended")
        for task in tasks:
            task.discard()
            if task.wanted():
                task.tell(closed)
        for call in calls:
            _call(call)
        if not self._first.done():
            self._first.set_exception(closed)
        self._epoll.close()
        os.close(self._null)
        with self._lock:  # a late submit() has been told by now; none can still be waking us
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._woken = True
        close = getattr(self._launcher, "close", None)
        if close is not None:
            close()


def _call(call: Callable[[], None]) -> None:
    """Calls what a caller wants called; one that raises must not end everybody's pool."""
    with contextlib.suppress(Exception):
        call()


def _is_disturbed(active: Active) -> bool:
    """True where the run was killed or stopped from outside: it is repeated.

    In its own pid namespace a program can hardly do either to itself. Where the kernel's own limit
    on processor time killed it, it is over that limit.
    """
    assert active.status is not None
    how, value, cpu_s, *_ = active.status
    killed = how == protocol.SIGNALED and value == signal.SIGKILL
    return how == protocol.STOPPED or (killed and cpu_s <= active.run.limits.cpu_time_s)


@atexit.register
def _close_all() -> None:
    for pool in list(_open_pools):
        pool.close()


def _disown_all() -> None:
    """After a fork, in the child: lets go of every descriptor, so that no end of file is missed."""
    for pool in list(_open_pools):
        pool._disown()


os.register_at_fork(after_in_child=_disown_all)
