"""Processes of the sandbox are killed and stopped from outside: each submission still gets its
one right verdict, and the pool goes on.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from coding_envs.judge import Judge
from coding_envs.judge.judge import jail_modules
from coding_envs.problem import CallTest, CodeTest, Limits, Problem, StdioTest
from coding_envs.sandbox import Ended, Run, RunResult, make_sandbox
from coding_envs.sandbox.launch import NsjailLauncher
from coding_envs.sandbox.pool import WorkerPool
from coding_envs.sandbox.worker import Worker
from coding_envs.verdict import Status, Verdict

pytestmark = pytest.mark.nsjail

LIMITS = Limits(cpu_time_s=0.3, wall_time_s=0.8)
KINDS = ("nsjail", "guest", "program")


def pool(workers: int = 1) -> WorkerPool:
    made = make_sandbox(workers=workers, preload=jail_modules())
    assert isinstance(made, WorkerPool)
    return made


def children_of(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_image(pid: int) -> bool:
    """Tells whether this is the image of a guest's memory, the one process deaf to SIGTERM."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    lines = (line.split()[1] for line in text.splitlines() if line.startswith("SigBlk:"))
    return bool(int(next(lines, "0"), 16) >> (signal.SIGTERM - 1) & 1)


def process_of(worker: Worker, kind: str) -> int | None:
    """Returns nsjail's process, the guest's in it, or the program's that runs; None: not there."""
    nsjail = worker.process.pid
    guest = next(iter(children_of(nsjail)), None)
    if kind == "nsjail":
        return nsjail
    if kind == "guest" or guest is None:
        return guest
    inside = [p for p in children_of(guest) if not is_image(p)]  # services among them
    return inside[-1] if worker.actives and len(inside) > len(worker.services) else None


def only_worker(sandbox: WorkerPool) -> Worker:
    (worker,) = sandbox._workers.values()
    return worker


def wait_for(find: Callable[[], int | None], within_s: float = 5.0) -> int:
    deadline = time.monotonic() + within_s
    while (found := find()) is None:
        assert time.monotonic() < deadline, "no such process came up"
        time.sleep(0.001)
    return found


def state(pid: int) -> str:
    """Returns the process's state as ps shows it, or X where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def send(pid: int | None, number: int) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def goes_on(sandbox: WorkerPool) -> bool:
    results = [sandbox.submit(Run(f"print({n})")) for n in range(10)]
    return [r.result(30).stdout for r in results] == [b"%d\n" % n for n in range(10)]


@pytest.fixture
def sandbox() -> Iterator[WorkerPool]:
    with pool() as made:
        yield made


# --- at random, under load -----------------------------------------------------------------------


def problems() -> dict[str, Problem]:
    check = "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(5) == 6\n"
    tests = {
        "call": (CallTest((1,), 2), CallTest((5,), 6)),
        "code": (CodeTest(check, check="check"),),
        "stdio": (StdioTest("1\n", "2\n"), StdioTest("5\n", "6\n")),
    }
    return {
        style: Problem(
            dataset="resilience",
            key=style,
            prompt="",
            entry_point="" if style == "stdio" else "f",
            hidden_tests=of_style,
            solutions=("def f(x):\n    return x + 1\n",),
            limits=LIMITS,
        )
        for style, of_style in tests.items()
    }


SUBMISSIONS = [
    ("call", "import time\ndef f(x):\n    time.sleep(0.005)\n    return x + 1\n", Status.ACCEPTED),
    ("code", "def f(x):\n    return x + 1\n", Status.ACCEPTED),
    ("stdio", "import time\ntime.sleep(0.01)\nprint(int(input()) + 1)\n", Status.ACCEPTED),
    ("call", "def f(x):\n    return x\n", Status.WRONG_ANSWER),
    ("code", "def f(x):\n    return min(x + 1, 2)\n", Status.WRONG_ANSWER),
    ("stdio", "print(2)\n", Status.WRONG_ANSWER),
    ("call", "def f(x):\n    return 1 // 0\n", Status.RUNTIME_ERROR),
    ("call", "import os\ndef f(x):\n    os._exit(3)\n", Status.RUNTIME_ERROR),
    ("stdio", "print('x' * (9 << 20))\n", Status.OUTPUT_LIMIT_EXCEEDED),
    ("call", "def f(x):\n    return bytearray(1 << 30)\n", Status.MEMORY_LIMIT_EXCEEDED),
    ("code", "def f(x)\n    return x + 1\n" + "#" * 500, Status.COMPILE_ERROR),
]
ENDLESS = [("call", "def f(x):\n    while True: pass\n", Status.TIME_LIMIT_EXCEEDED)]


class Vandal:
    """Sends a signal to a random process of a busy worker after each so many verdicts.

    It counts verdicts, not seconds: so it hits as many runs on a busy machine as on an idle one,
    and never the same run three times, which would be a fault of the sandbox.
    """

    def __init__(self, sandbox: WorkerPool, number: int, every: int, seed: int) -> None:
        self._sandbox, self._number, self._every = sandbox, number, every
        self._random = random.Random(seed)
        self.verdicts: Counter[int] = Counter()
        self.hits: Counter[str] = Counter()

    def saw(self, submission: int) -> None:
        """Called in the pool's own thread, between two looks at its workers."""
        self.verdicts[submission] += 1
        if self.verdicts.total() % self._every:
            return
        workers = self._sandbox._workers.values()
        busy = [w for w in workers if w.ready and w.task is not None and w.task.tries < 3]
        targets = [
            (self.hits[kind], self._random.random(), kind, pid)
            for worker in busy
            for kind in KINDS
            if (pid := process_of(worker, kind)) is not None
        ]
        if targets:  # a kind that was hit least so far
            _, _, kind, pid = min(targets)
            send(pid, self._number)
            self.hits[kind] += 1


@pytest.mark.parametrize(
    ("number", "every", "copies", "seed"),
    [
        pytest.param(signal.SIGKILL, 6, 15, 1, id="SIGKILL"),
        pytest.param(signal.SIGSTOP, 12, 6, 2, id="SIGSTOP"),
    ],
)
def test_each_submission_gets_its_one_right_verdict(
    number: int, every: int, copies: int, seed: int
) -> None:
    by_style = problems()
    submissions = SUBMISSIONS * copies + ENDLESS * 4
    random.Random(seed).shuffle(submissions)
    with pool(2) as sandbox, Judge(sandbox=sandbox) as judge:
        vandal = Vandal(sandbox, number, every, seed)
        futures: list[Future[Verdict]] = []
        for index, (style, program, _) in enumerate(submissions):
            future = judge.submit(by_style[style], program)
            future.add_done_callback(lambda _, index=index: vandal.saw(index))
            futures.append(future)
        verdicts = [future.result(60) for future in futures]
        wrong = [
            f"{style} {program!r}: {wanted} wanted, got {verdict}"
            for (style, program, wanted), verdict in zip(submissions, verdicts, strict=True)
            if verdict.status is not wanted
        ]
        assert not wrong, f"{len(wrong)} wrong; {wrong[0]}"
        assert vandal.verdicts == Counter(range(len(submissions)))
        assert vandal.hits.total() >= len(submissions) / every / 2, vandal.hits
        assert min(vandal.hits[kind] for kind in KINDS) >= 1, vandal.hits
        assert goes_on(sandbox)


@pytest.mark.parametrize("seed", range(3))
def test_a_program_over_a_limit_did_not_exit(sandbox: WorkerPool, seed: int) -> None:
    # Whether it comes to its own end before it is killed is a matter of microseconds.
    limits = Limits(output_bytes=1 << 16)
    runs = [Run(f"print('x' * {(1 << 16) + 1 + seed})", limits=limits) for _ in range(20)]
    for future in [sandbox.submit(run) for run in runs]:
        result = future.result(30)
        assert (result.ended, result.exit_code, result.signal) == (Ended.OUTPUT_LIMIT, None, None)


# --- at each stage of a run ----------------------------------------------------------------------


def test_killed_while_starting(sandbox: WorkerPool) -> None:
    # At every depth that a worker has on its way up: unshare, its shell, nsjail, the guest.
    (first,) = sandbox.worker_pids()
    send(first, signal.SIGKILL)
    future = sandbox.submit(Run("print(7)"))
    seen = {first}
    for delay_s in (0.0, 0.02):

        def next_worker() -> int | None:
            if future.done():  # a guest that was just made has outlived its nsjail, and served
                return 0
            return next((pid for pid in sandbox.worker_pids() if pid not in seen), None)

        worker = wait_for(next_worker)
        if worker:
            seen.add(worker)
            time.sleep(delay_s)
            send(worker, signal.SIGKILL)
    assert future.result(30).stdout == b"7\n"
    assert goes_on(sandbox)


SLOW = "import time\ntime.sleep(0.15)\nprint(7)"
ALONE = f"import os\n{SLOW}"  # never in a process that serves more than one run


@pytest.mark.parametrize("kind", KINDS)
def test_killed_while_the_program_runs(sandbox: WorkerPool, kind: str) -> None:
    worker = only_worker(sandbox)
    future = sandbox.submit(Run(SLOW))
    wait_for(lambda: process_of(worker, "program"))
    send(process_of(worker, kind), signal.SIGKILL)
    result = future.result(30)
    assert (result.ended, result.stdout) == (Ended.EXITED, b"7\n")
    assert goes_on(sandbox)


@pytest.mark.parametrize("kind", ["nsjail", "guest"])
def test_killed_before_the_request_is_read(sandbox: WorkerPool, kind: str) -> None:
    worker = only_worker(sandbox)
    guest = process_of(worker, "guest")
    assert guest is not None
    send(guest, signal.SIGSTOP)
    future = sandbox.submit(Run("print(7)"))
    time.sleep(0.05)
    send(process_of(worker, kind), signal.SIGKILL)
    assert future.result(30).stdout == b"7\n"
    assert goes_on(sandbox)


def test_killed_between_the_programs_end_and_the_status(sandbox: WorkerPool) -> None:
    worker = only_worker(sandbox)
    future = sandbox.submit(Run(ALONE))
    program = wait_for(lambda: process_of(worker, "program"))
    guest = process_of(worker, "guest")
    assert guest is not None
    send(guest, signal.SIGSTOP)
    wait_for(lambda: 1 if state(program) == "Z" else None)
    send(guest, signal.SIGKILL)
    result = future.result(30)
    assert (result.exit_code, result.stdout) == (0, b"7\n")  # once, not twice
    assert goes_on(sandbox)


@pytest.mark.parametrize(
    ("source", "stdin", "stdout"),
    [
        ("import sys\nprint(len(sys.stdin.read()))", b"x" * (4 << 20), b"%d\n" % (4 << 20)),
        ("import time\nprint('x' * 300000)\ntime.sleep(0.1)", b"", b"x" * 300000 + b"\n"),
    ],
    ids=["reads", "writes"],
)
def test_killed_while_data_flows(
    sandbox: WorkerPool, source: str, stdin: bytes, stdout: bytes
) -> None:
    worker = only_worker(sandbox)
    future = sandbox.submit(Run(source, stdin=stdin))
    wait_for(lambda: process_of(worker, "program"))
    send(process_of(worker, "guest"), signal.SIGKILL)
    assert future.result(30).stdout == stdout
    assert goes_on(sandbox)


def test_killed_while_a_flood_is_stopped(sandbox: WorkerPool) -> None:
    worker = only_worker(sandbox)
    guest = process_of(worker, "guest")
    assert guest is not None
    flood = Run("while True: print('x' * 10000)", limits=Limits(output_bytes=1 << 20))
    future = sandbox.submit(flood)
    wait_for(lambda: process_of(worker, "program"))
    send(guest, signal.SIGSTOP)  # it will not read the order to kill
    time.sleep(0.2)
    send(guest, signal.SIGKILL)
    assert future.result(30).ended is Ended.OUTPUT_LIMIT
    assert goes_on(sandbox)


@pytest.mark.parametrize("workers", [1, 4])
def test_all_killed_at_once_and_again(workers: int) -> None:
    with pool(workers) as sandbox:
        futures = [sandbox.submit(Run(SLOW)) for _ in range(2 * workers)]
        for _ in range(2):
            time.sleep(0.1)
            for worker in sandbox.worker_pids():
                send(worker, signal.SIGKILL)
        assert [f.result(30).stdout for f in futures] == [b"7\n"] * len(futures)
        assert goes_on(sandbox)


# --- stopped, not dead ---------------------------------------------------------------------------


def timed(future: Future[RunResult]) -> tuple[RunResult, float]:
    started = time.monotonic()
    return future.result(30), time.monotonic() - started


def test_a_wedged_worker_is_gone_within_a_second_of_its_runs_limit(sandbox: WorkerPool) -> None:
    worker = only_worker(sandbox)
    guest = process_of(worker, "guest")
    assert guest is not None
    send(guest, signal.SIGSTOP)
    started = time.monotonic()
    future = sandbox.submit(Run("print(7)", limits=LIMITS))
    wait_for(lambda: 1 if state(guest) in "ZX" else None, LIMITS.wall_limit_s + 1)
    assert time.monotonic() - started > LIMITS.wall_limit_s
    assert future.result(30).stdout == b"7\n"
    assert goes_on(sandbox)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
@pytest.mark.parametrize("source", [SLOW, ALONE], ids=["slow", "alone"])
@pytest.mark.parametrize("compiled", [True, False])
def test_a_disturbed_program_is_run_again(compiled: bool, source: str, number: int) -> None:
    with WorkerPool(NsjailLauncher(compiled=compiled)) as sandbox:
        worker = only_worker(sandbox)
        future = sandbox.submit(Run(source, limits=LIMITS))
        send(wait_for(lambda: process_of(worker, "program")), number)
        result = future.result(30)
        assert (result.ended, result.stdout) == (Ended.EXITED, b"7\n")
        if source == ALONE:
            assert only_worker(sandbox) is worker  # the worker was all right


def test_a_stopped_nsjail_disturbs_nobody(sandbox: WorkerPool) -> None:
    worker = only_worker(sandbox).process.pid
    send(worker, signal.SIGSTOP)
    assert goes_on(sandbox)
    sandbox.close()
    assert state(worker) in "ZX"


@pytest.mark.parametrize("lower", ["(0, 0)", "(1, 1)"])
def test_a_program_that_kills_itself_is_no_fault_of_ours(sandbox: WorkerPool, lower: str) -> None:
    source = f"import resource\nresource.setrlimit(resource.RLIMIT_CPU, {lower})\nwhile True: pass"
    result = sandbox.submit(Run(source, limits=Limits(cpu_time_s=5))).result(30)
    assert (result.ended, result.signal) == (Ended.SIGNALED, signal.SIGKILL)
    assert goes_on(sandbox)


# --- afterwards ----------------------------------------------------------------------------------


def test_recovery_is_quick(sandbox: WorkerPool) -> None:
    took_s = []
    for _ in range(3):
        assert goes_on(sandbox)
        send(sandbox.worker_pids()[0], signal.SIGKILL)
        result, one_s = timed(sandbox.submit(Run("print(7)")))
        assert result.stdout == b"7\n"
        took_s.append(one_s)
    assert min(took_s) < 0.3, took_s  # 0.08 s on an idle machine


def test_nothing_is_left_after_many_deaths() -> None:
    fds = len(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    gone: set[int] = set()
    with pool(2) as sandbox:
        folders = set()
        for _ in range(5):
            for worker in list(sandbox._workers.values()):
                folders |= {part.folder for part in worker.group._parts}
                gone |= {pid for kind in KINDS if (pid := process_of(worker, kind))}
                send(worker.process.pid, signal.SIGKILL)
            assert goes_on(sandbox)
    wait_for(lambda: 1 if all(state(pid) == "X" for pid in gone) else None)
    assert len(os.listdir("/proc/self/fd")) == fds
    assert threading.active_count() == threads
    assert not any(folder.exists() for folder in folders)
