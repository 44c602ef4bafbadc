# ruff: noqa: E501 -- programs and tables, a case a line
"""Workers that die, pools that close: nothing is lost, nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from coding_envs.errors import SandboxClosedError, SandboxError, SandboxUnavailableError
from coding_envs.problem import Limits
from coding_envs.sandbox import Run, RunResult, make_sandbox
from coding_envs.sandbox.launch import NsjailLauncher
from coding_envs.sandbox.pool import WorkerPool

pytestmark = pytest.mark.nsjail


def pool(workers: int = 2) -> WorkerPool:
    made = make_sandbox(workers=workers)
    assert isinstance(made, WorkerPool)
    return made


def descendants(pid: int) -> list[int]:
    found = []
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    for child in map(int, text.split()):
        found += [child, *descendants(child)]
    return found


def all_of(sandbox: WorkerPool) -> list[int]:
    return [p for pid in sandbox.worker_pids() for p in (pid, *descendants(pid))]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(pids: list[int], within_s: float = 3.0) -> bool:
    deadline = time.monotonic() + within_s
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(alive, pids))


def numbered(sandbox: WorkerPool, count: int, body: str = "") -> list[Future[RunResult]]:
    return [sandbox.submit(Run(f"{body}\nprint({i})")) for i in range(count)]


def right(futures: list[Future[RunResult]]) -> bool:
    return [f.result(60).stdout for f in futures] == [b"%d\n" % i for i in range(len(futures))]


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_thousands_in_flight_leak_no_descriptor() -> None:
    before = open_fds()
    with pool() as sandbox:
        assert right(numbered(sandbox, 1000))
        during = open_fds()
        assert right(numbered(sandbox, 100))
        assert open_fds() == during
    assert open_fds() == before


def test_threads_may_submit_at_once() -> None:
    good: list[bool] = []
    with pool() as sandbox:
        threads = [
            threading.Thread(target=lambda: good.append(right(numbered(sandbox, 50))))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert good == [True] * 8


@pytest.mark.parametrize("depth", ["outermost", "innermost"])
def test_killed_workers_lose_nothing(depth: str) -> None:
    with pool() as sandbox:
        futures = numbered(sandbox, 200, "import time\ntime.sleep(0.005)")
        for _ in range(6):
            time.sleep(0.1)
            for pid in sandbox.worker_pids()[:1]:
                inner = descendants(pid)[:1] or [pid]
                os.kill(pid if depth == "outermost" else inner[0], signal.SIGKILL)
        assert right(futures)


def test_a_killed_worker_is_replaced_within_a_second() -> None:
    with pool(1) as sandbox:
        assert right(numbered(sandbox, 1))
        (pid,) = sandbox.worker_pids()
        os.kill(pid, signal.SIGKILL)
        started = time.monotonic()
        assert right(numbered(sandbox, 1))
        assert time.monotonic() - started < 1


def test_a_wedged_worker_is_replaced() -> None:
    with pool(1) as sandbox:
        (pid,) = sandbox.worker_pids()
        for one in descendants(pid):
            os.kill(one, signal.SIGSTOP)
        limits = Limits(cpu_time_s=0.3, wall_time_s=0.3)
        started = time.monotonic()
        assert sandbox.submit(Run("print(1)", limits=limits)).result(30).stdout == b"1\n"
        assert time.monotonic() - started < 5


def test_a_run_that_always_kills_its_worker_is_a_sandbox_error() -> None:
    with pool(1) as sandbox:
        stop = threading.Event()

        def killer() -> None:
            while not stop.wait(0.02):
                for pid in sandbox.worker_pids():
                    if descendants(pid)[1:]:  # a run is on
                        os.kill(pid, signal.SIGKILL)

        thread = threading.Thread(target=killer)
        thread.start()
        try:
            future = sandbox.submit(Run("import time\ntime.sleep(2)"))
            error = future.exception(30)
        finally:
            stop.set()
            thread.join()
        assert isinstance(error, SandboxError)
        assert "failed on 3 workers" in str(error)
        assert right(numbered(sandbox, 3))  # and the pool goes on


def test_a_run_that_cannot_be_set_up_is_a_sandbox_error_not_a_result() -> None:
    with pool(1) as sandbox:
        # More open files than the worker itself may have: the child cannot get them.
        error = sandbox.submit(Run("print(1)", limits=Limits(open_files=10**6))).exception(30)
        assert isinstance(error, SandboxError)
        assert "set-up failed" in str(error)
        assert right(numbered(sandbox, 3))


def test_close_with_runs_in_flight() -> None:
    sandbox = pool()
    futures = [sandbox.submit(Run("while True: pass")) for _ in range(6)]
    time.sleep(0.1)
    pids = all_of(sandbox)
    started = time.monotonic()
    sandbox.close()
    assert time.monotonic() - started < 1
    assert all(isinstance(f.exception(0), SandboxClosedError) for f in futures)
    assert gone(pids)


def test_close_from_several_threads_and_from_a_callback() -> None:
    sandbox = pool(1)
    future = sandbox.submit(Run("print(1)"))
    future.add_done_callback(lambda _: sandbox.close())
    threads = [threading.Thread(target=sandbox.close) for _ in range(4)]
    future.exception(30)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    with pytest.raises(SandboxClosedError):
        sandbox.submit(Run("1"))


def test_a_callback_that_raises_does_not_end_the_pool() -> None:
    def leave(_: object) -> None:
        raise SystemExit(1)

    with pool(1) as sandbox:
        sandbox.submit(Run("1")).add_done_callback(leave)
        assert right(numbered(sandbox, 3))


def test_a_cancelled_run_is_not_run() -> None:
    with pool(1) as sandbox:
        first = sandbox.submit(Run("import time\ntime.sleep(0.2)"))
        second = sandbox.submit(Run("1"))
        assert second.cancel()
        assert first.result(30).exit_code == 0
        assert right(numbered(sandbox, 2))


def test_after_a_fork_the_parent_goes_on_and_the_child_is_told() -> None:
    script = """
import os, sys, warnings
warnings.simplefilter("ignore")
from coding_envs.sandbox import make_sandbox, Run
from coding_envs.errors import SandboxError
sandbox = make_sandbox(workers=1)
slow = sandbox.submit(Run("import sys, time\\ntime.sleep(0.2)\\nprint(sys.stdin.read())", stdin=b"x" * 10**6))
pid = os.fork()
if pid == 0:
    try:
        sandbox.submit(Run("1"))
    except SandboxError as error:
        print("child:", error, flush=True)
    sandbox.close()
    own = make_sandbox(workers=1)
    print("own:", own.submit(Run("print(2)")).result(20).stdout, flush=True)
    own.close()
    os._exit(0)
os.waitpid(pid, 0)
print("parent:", len(slow.result(20).stdout), sandbox.submit(Run("print(1)")).result(20).stdout)
sandbox.close()
"""
    done = python(script)
    assert "child: this sandbox belongs to another process" in done.stdout
    assert "own: b'2\\n'" in done.stdout
    assert "parent: 1000001 b'1\\n'" in done.stdout, done


def test_copies_of_a_busy_process_are_told_at_once_whoever_held_a_lock() -> None:
    script = """
import os, signal, threading, warnings
warnings.simplefilter("ignore")
from coding_envs.errors import SandboxError
from coding_envs.judge import Judge
from coding_envs.data import load_problems
problem, judge = load_problems("starter")[0], Judge(cache="memory")
over = threading.Event()
def keep_busy(k):
    n = 0
    while not over.is_set():
        judge.judge_many([(problem, f"print({k}, {n + i})") for i in range(64)])
        n += 64
threads = [threading.Thread(target=keep_busy, args=(k,)) for k in range(2)]
for thread in threads:
    thread.start()
told = 0
for _ in range(40):
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)  # where a lock is held for ever
        try:
            judge.submit(problem, "print(1)")
        except SandboxError as error:
            judge.close()
            os._exit("belongs to another process" in str(error))
        os._exit(0)
    told += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
over.set()
for thread in threads:
    thread.join()
print("told", told, judge.judge(problem, "print(1)").status.name)
judge.close()
"""
    assert python(script).stdout.startswith("told 40 RUNTIME_ERROR"), python(script)


# --- whole scripts, and what is left of them -----------------------------------------------------

HEAD = """
import os, signal, sys, time
from coding_envs.sandbox import make_sandbox, Run
sandbox = make_sandbox(workers=2)
def below(pid):
    out = []
    for c in map(int, open(f"/proc/{pid}/task/{pid}/children").read().split()):
        out += [c, *below(c)]
    return out
flying = [sandbox.submit(Run("while True: pass")) for _ in range(4)]
time.sleep(0.2)
print(*[p for w in sandbox.worker_pids() for p in (w, *below(w))], flush=True)
"""


def python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("pass", 0),
        ("sandbox.close()", 0),
        ("raise ValueError('mine')", 1),
        ("sys.exit(3)", 3),
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), signal.SIGTERM)", -15),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", -2),
    ],
)
def test_nothing_is_left_of_a_script(ending: str, code: int) -> None:
    done = python(HEAD + ending)
    assert done.returncode == code, done
    pids = [int(p) for p in done.stdout.split()]
    assert len(pids) >= 4
    assert gone(pids)


def test_ctrl_c_while_waiting_in_a_with_block() -> None:
    script = HEAD + "with sandbox:\n    flying[0].result()"
    process = subprocess.Popen(
        [sys.executable, "-c", script.replace("while True: pass", "import time; time.sleep(3)")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    pids = [int(p) for p in process.stdout.readline().split()]
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert stderr.rstrip().endswith("KeyboardInterrupt")
    assert len(pids) >= 4
    assert gone(pids)


def test_nsjail_leaves_no_folder_behind() -> None:
    def folders() -> set[str]:
        roots = [Path(p) for p in ("/run/user", f"/run/user/{os.getuid()}", "/tmp", "/dev/shm")]
        found = [p.glob("nsjail*") for p in roots if p.is_dir()]
        return {str(path) for paths in found for path in paths}

    for stale in folders():  # of another nsjail: it would hide ours
        with contextlib.suppress(OSError):
            Path(stale).rmdir()
    before = folders()
    with pool(1) as sandbox:
        assert right(numbered(sandbox, 2))
        assert folders() <= before
    assert folders() <= before


# --- machines on which it cannot work ------------------------------------------------------------


def script_at(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("fake", "message"),
    [
        (
            "echo 'error while loading shared libraries: libnl-3.so' >&2; exit 127",
            "libnl-route-3-200",
        ),
        ("echo '[E] clone(): Operation not permitted' >&2; exit 255", "user namespaces"),
        ("exit 0", "it said nothing"),
    ],
)
def test_a_broken_nsjail_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: str, message: str
) -> None:
    monkeypatch.setenv("NSJAIL", script_at(tmp_path / "nsjail", f"#!/bin/sh\n{fake}\n"))
    before = open_fds()
    with pytest.raises(SandboxUnavailableError, match=message) as caught:
        make_sandbox(workers=2)
    assert "\n" not in str(caught.value)
    assert open_fds() == before


def test_no_nsjail_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSJAIL", str(tmp_path / "none"))
    with pytest.raises(SandboxUnavailableError, match="NSJAIL"):
        make_sandbox(workers=1)


def test_a_worker_that_stops_starting_later_leaves_the_others_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = WorkerPool(NsjailLauncher(), 2)
    try:
        assert right(numbered(sandbox, 20))
        monkeypatch.setattr(
            sandbox._launcher, "_nsjail", script_at(tmp_path / "nsjail", "#!/bin/sh\nexit 1\n")
        )
        first, _ = sandbox.worker_pids()
        os.kill(first, signal.SIGKILL)
        time.sleep(0.3)
        assert right(numbered(sandbox, 20))
        (last,) = [p for p in sandbox.worker_pids() if descendants(p)]
        inside = descendants(last)
        os.kill(last, signal.SIGKILL)
        assert gone([last, *inside])
        for _ in range(2):  # through the future, then at once
            with pytest.raises(SandboxUnavailableError):
                sandbox.submit(Run("1")).result(30)
    finally:
        sandbox.close()


def test_workers_must_be_a_number() -> None:
    with pytest.raises(ValueError, match="workers must be >= 1, got 0"):
        make_sandbox(workers=0)
