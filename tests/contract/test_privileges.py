"""As root and as an ordinary user, with control groups and without: the same verdicts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import coding_envs
from coding_envs.problem import Limits
from coding_envs.sandbox import Ended, Run, cgroups, make_sandbox
from coding_envs.sandbox.cgroups import Group, Groups, Place, find_place
from coding_envs.sandbox.pool import WorkerPool

pytestmark = pytest.mark.nsjail

PLACE = find_place()
needs_groups = pytest.mark.skipif(
    not PLACE.folders, reason=f"no control group can be made here: {PLACE.why}"
)
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become somebody else; all tests ran as this user"
)


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def folders_of(group: Group) -> list[Path]:
    return [part.folder for part in group._parts]


def cap(group: Group, name: str) -> int:
    files = {"memory": ("memory.max", "memory.limit_in_bytes"), "pids": ("pids.max",)}[name]
    found = [f / file for f in folders_of(group) for file in files if (f / file).is_file()]
    return int(found[0].read_text())


# --- control groups ------------------------------------------------------------------------------


@pytest.fixture
def group() -> Iterator[Group]:
    made = Groups().make()
    yield made
    made.close()


@needs_groups
def test_a_worker_is_in_a_group_of_its_own_and_its_caps_grow() -> None:
    sandbox = make_sandbox(workers=2)
    assert isinstance(sandbox, WorkerPool)
    with sandbox:
        sandbox.submit(Run("print(1)")).result(30)
        (*_, worker) = [w for w in sandbox._workers.values() if w.ready]
        folders = folders_of(worker.group)
        nsjail = worker.process.pid
        assert worker.group.processes() >= {nsjail, *children(nsjail)}
        assert os.getpid() not in worker.group.processes()
        big = Limits(memory_bytes=1 << 30, threads=40)
        for _ in range(4):
            assert sandbox.submit(Run("print(1)", limits=big)).result(30).exit_code == 0
        grown = [w.group for w in sandbox._workers.values()]
        if "memory" in PLACE.controllers:
            assert max(cap(g, "memory") for g in grown) > 1 << 30
        if "pids" in PLACE.controllers:
            assert max(cap(g, "pids") for g in grown) >= 40
    assert not any(f.exists() for f in folders)


BUSY = {
    "memory": "held = bytearray(600 << 20); print('got it')",
    "pids": """
import os, time
for _ in range(60):
    if os.fork() == 0:
        time.sleep(20)
print('got it')
""",
}


@needs_groups
@pytest.mark.parametrize("controller", ["memory", "pids"])
def test_the_caps_hold_and_what_is_in_a_group_ends_with_it(group: Group, controller: str) -> None:
    if controller not in PLACE.controllers:
        pytest.skip(f"no controller {controller} here")
    script = f"input()\n{BUSY[controller]}"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        group.add(process.pid)
        assert group.processes() == {process.pid}
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.wait(30) != 0
        inside = group.processes()
        assert bool(inside) == (controller == "pids")
        group.close()
        assert not any(map(alive, inside))
        assert process.stdout.read() == ""


@needs_groups
def test_a_process_of_before_is_held(group: Group) -> None:
    with subprocess.Popen([shutil.which("sleep") or "sleep", "20"]) as process:
        group.hold(process.pid)
        assert group.processes() == {process.pid}
        group.close()
        assert process.wait(10) == -signal.SIGKILL


HOST = """
import os, signal, sys, time
from coding_envs.sandbox import make_sandbox, Run
sandbox = make_sandbox(workers=2)
for _ in range(4):
    sandbox.submit(Run("import time; time.sleep(0.1)")).result()
workers = list(sandbox._workers.values())
print(*(part.folder for worker in workers for part in worker.group._parts))
inside = sorted(set().union(*(worker.group.processes() for worker in workers)))
"""
ENDINGS = {
    # So that they do not notice that the host is gone.
    "its workers stopped": """
for pid in inside:
    os.kill(pid, signal.SIGSTOP)
""",
    "a forked copy alive": """
import warnings
warnings.simplefilter("ignore")
pid = os.fork()
if pid == 0:
    os.close(1)
    os.close(2)
    time.sleep(5)
    os._exit(0)
time.sleep(0.5)
""",
}


@needs_groups
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_killed_host_left_is_removed_at_the_next_start(group: Group, ending: str) -> None:
    last_words = "print(*inside, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run(
        [sys.executable, "-c", HOST + ENDINGS[ending] + last_words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    folders = [Path(name) for name in done.stdout.splitlines()[0].split()]
    pids = [int(pid) for pid in done.stdout.splitlines()[1].split()]
    assert len(folders) == 2 * len(PLACE.folders)
    assert len(pids) >= 2
    Groups()
    # Somebody else's start may be at it at the same time, and the end of a process takes its time.
    deadline = time.monotonic() + 3
    left = True
    while left and time.monotonic() < deadline:
        left = any(folder.exists() for folder in folders) or any(map(alive, pids))
        time.sleep(0.01)
    assert not left
    assert all(folder.is_dir() for folder in folders_of(group))  # of a live owner: ours


def test_without_groups_all_limits_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "find_place", lambda: Place(0, why="none"))
    with make_sandbox(workers=1) as sandbox:
        assert isinstance(sandbox, WorkerPool)
        (worker,) = sandbox._workers.values()
        assert worker.group.processes() == set()
        limits = Limits(memory_bytes=64 << 20)
        result = sandbox.submit(Run("held = bytearray(200 << 20)", limits=limits)).result(30)
        assert result.ended is Ended.EXITED
        assert b"MemoryError" in result.stderr


# --- other users, other machines -----------------------------------------------------------------

SCRIPT = """
import os
from coding_envs import CallTest, Judge, Limits, Problem, StdioTest
from coding_envs.sandbox.cgroups import find_place

limits = Limits(cpu_time_s=0.5, wall_time_s=2, memory_bytes=128 << 20, output_bytes=1 << 16)
call = Problem("d", "call", "", entry_point="f", hidden_tests=(CallTest((1,), 2),), limits=limits)
stdio = Problem("d", "stdio", "", hidden_tests=(StdioTest("1", "2"),), limits=limits)
programs = [
    (call, "def f(x): return x + 1"),
    (call, "def f(x): return x"),
    (call, "def f(x):\\n while True: pass"),
    (call, "def f(x): return len(bytearray(1 << 30))"),
    (call, "import os\\ndef f(x): return os.fork()"),
    (call, "import socket\\ndef f(x): return socket.create_connection(('127.0.0.1', 9))"),
    (call, "def f(x): return open('/etc/passwd').read()"),
    (call, "def f(x):\\n with open('a', 'w') as a: a.write('2')\\n return int(open('a').read())"),
    (stdio, "print(int(input()) + 1)"),
    (stdio, "while True: print('x' * 1000)"),
]
with Judge(workers=2) as judge:
    verdicts = judge.judge_many(programs)
print(os.getuid(), find_place().version, bool(find_place().folders))
print(*(v.status for v in verdicts))
"""
STATUSES = [
    *("ACCEPTED", "WRONG_ANSWER", "TIME_LIMIT_EXCEEDED", "MEMORY_LIMIT_EXCEEDED"),
    *("RUNTIME_ERROR", "RUNTIME_ERROR", "RUNTIME_ERROR", "ACCEPTED"),
    *("ACCEPTED", "OUTPUT_LIMIT_EXCEEDED"),
]


def elsewhere(preparation: str, command: list[str]) -> list[str]:
    """Runs SCRIPT in a mount namespace of its own, prepared by a shell; returns its lines."""
    shell = textwrap.dedent(preparation) + '\nexec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-ec", shell, "sh", *command],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@needs_root
def test_as_an_ordinary_user() -> None:
    # The interpreter may lie where only root can go, such as beneath /root: it is bound elsewhere.
    interpreter = Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()
    prefix = Path(sys.base_prefix).resolve()
    binds = {
        "python": prefix,
        "source": Path(coding_envs.__file__).resolve().parents[1],
        "packages": Path(np.__file__).resolve().parents[1],
    }
    lines = ["mount -t tmpfs tmpfs /mnt"]
    for name, source in binds.items():
        lines += [f"mkdir /mnt/{name}", f"mount --bind '{source}' /mnt/{name}"]
    library = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib").resolve()
    inside = Path("/mnt/python") / interpreter.relative_to(prefix)
    environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "PYTHONDONTWRITEBYTECODE=1"]
    environment.append("PYTHONPATH=/mnt/source:/mnt/packages")
    if library.is_relative_to(prefix):
        environment.append(f"LD_LIBRARY_PATH=/mnt/python/{library.relative_to(prefix)}")
    user = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--"]
    command = [*user, "env", "-i", *environment, str(inside), "-c", SCRIPT]
    first, second = elsewhere("\n".join(lines), command)
    assert first.split()[0] == "1000"
    assert second.split() == STATUSES


@needs_root
@pytest.mark.parametrize("hidden", ["nothing", "control groups"])
def test_as_root(hidden: str) -> None:
    # Whatever is mounted beneath it goes too, in this namespace alone.
    preparation = "umount -R /sys/fs/cgroup" if hidden == "control groups" else ":"
    if hidden == "control groups" and not os.path.ismount("/sys/fs/cgroup"):
        pytest.skip("no control groups are mounted in the first place")
    first, second = elsewhere(preparation, [sys.executable, "-c", SCRIPT])
    assert second.split() == STATUSES
    if hidden == "control groups":
        assert first.split() == ["0", "0", "False"]
