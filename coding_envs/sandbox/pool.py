"""A pool of workers on this machine, driven by one thread that waits on all of them at once."""

from __future__ import annotations

import atexit
import collections
import contextlib
import functools
import itertools
import json
import math
import os
import select
import signal
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from ..errors import SandboxClosedError, SandboxError, SandboxUnavailableError
from ..forks import check_owner
from . import guest_protocol as protocol
from .active import Active
from .launch import Launcher
from .reactor import READ, WRITE, Reactor
from .run import Done, Ended, Order, Run, RunResult, Sandbox
from .services import Services
from .streams import Stream
from .words import WordFinder
from .worker import Task, Worker, explain_failed_start

__all__ = ["WorkerPool"]

_START_LIMIT_S = 20.0  # a worker says hello in about 0.1 s; a loaded machine gets its time
_TRIES = 3  # a run whose worker dies is repeated on another; then it is a SandboxError
_KILLED_TRIES = 20  # starts in a row that somebody else killed; then it is a failure like others
_GRACE_S = 0.5  # beyond a run's wall limit, then the worker itself is taken for wedged
_WEDGED_END_S = 0.3  # what a worker gets that is to be replaced: its run waits
_RETRY_S = 1.0  # before a worker that did not start is tried again while others still serve
_WATCH_AFTER_S = 0.002  # most runs are over by then, and their pipes never needed watching
_COMPILER = "guest_compiler:main"
_COMPILE_S = 0.1  # a source that takes longer is the run's own child's affair, within its limits
_MAX_COMPILED_CHARS = 1 << 16  # so is a longer one
_COMPILED_KEPT = 1024  # programs; the tests of one problem follow one another
_AHEAD = 2  # runs per worker that are made ready before they can begin
# What a program imports that leaves something in the kernel: a process that is rolled back would
# not survive it, which costs more than a fork. And the clocks of its own processor time, which such
# a process is told by another one, each time it looks. A guess, for speed alone.
_SPENDS = WordFinder(
    *("process_time", "process_time_ns", "thread_time", "thread_time_ns"),
    modules=(
        *("threading", "_thread", "signal", "asyncio", "concurrent", "multiprocessing"),
        *("subprocess", "socket", "select", "selectors", "ctypes", "mmap", "resource"),
        *("faulthandler", "fcntl", "os"),
    ),
)
_open_pools: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


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
        self._reactor = Reactor()
        self._reactor.watch(self._wake_read, READ, self._on_wake)
        self._services = Services(self._reactor, self._numbers, self._replace)
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
            while self._tick(self._reactor.wait(timeout_s)):
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
        self._reactor.watch(fd, READ, functools.partial(self._on_control, worker))

    def _tick(self, happened: list[tuple[int, int]]) -> bool:
        """Handles what happened; returns False when the pool has closed."""
        self._reactor.handle(happened)
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
        self._services.ask(worker, _COMPILER, payload, _COMPILE_S, answered)

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
        active = Active.prepared(next(self._numbers), run, code, joined, shares=bool(shares))
        try:
            self._hand_over(worker, active)
        finally:
            active.close_theirs()

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
        if active.job:
            worker.put_job(active.job)
        worker.request(active.number, active.flags, active.theirs, limits)
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
                        number = next(self._numbers)
                        task.prepared = Active.prepared(number, run, code, shares=True)
                        return True
        return False

    def _watch_streams(self, worker: Worker, active: Active) -> None:
        """Looks at a run's streams from now on: it takes its time, or much is to be moved."""
        active.watch_at = math.inf
        for stream in active.streams.values():
            if stream.fd >= 0:
                events = (READ if stream.reads else 0) | (WRITE if stream.pending else 0)
                handler = functools.partial(self._on_stream, worker, active, stream)
                self._reactor.watch(stream.fd, events, handler)

    def _on_stream(self, worker: Worker, active: Active, stream: Stream, events: int) -> None:
        writable = events & (WRITE | select.EPOLLERR | select.EPOLLHUP)
        if stream.pending and writable and stream.feed():
            if not stream.reads:
                self._reactor.drop(stream)
                return
            self._reactor.rewatch(stream.fd, READ)
        if stream.reads and events & ~WRITE:
            if not stream.drain():
                self._reactor.drop(stream)
            if stream.size > stream.limit and not active.killed:
                active.killed = True
                worker.kill(active.number)

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
        if doubtful and any(active.disturbed for active in actives):
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
        if active.watch_at == math.inf:
            for stream in active.streams.values():
                self._reactor.unwatch(stream.fd)
        return active.result()

    # --- orders ----------------------------------------------------------------------------------

    def _start_order(self, worker: Worker, task: Task) -> None:
        order = task.run
        assert isinstance(order, Order)
        if not task.wanted():
            return
        task.tries += 1
        worker.orders[order.service] = task
        answered = functools.partial(self._on_answered, worker, task)
        self._services.ask(
            worker, order.service, order.payload, order.limits.wall_limit_s, answered
        )

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
            self._services.end_slow(worker, now)

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
                self._reactor.unwatch(stream.fd)
        for service in worker.services.values():
            self._reactor.unwatch(service.stream.fd)
        fd = worker.control.fileno()
        self._workers.pop(fd, None)
        self._reactor.unwatch(fd)

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
            self._reactor.close()
            self._services.close()
            os.close(self._wake_read)
            os.close(self._wake_write)

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
        self._reactor.close()
        self._services.close()
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


@atexit.register
def _close_all() -> None:
    for pool in list(_open_pools):
        pool.close()


def _disown_all() -> None:
    """After a fork, in the child: lets go of every descriptor, so that no end of file is missed."""
    for pool in list(_open_pools):
        pool._disown()


os.register_at_fork(after_in_child=_disown_all)
