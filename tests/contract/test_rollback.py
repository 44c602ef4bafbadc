# ruff: noqa: E501 -- programs and tables, a case a line
"""Runs that share a process: after each, it is as it was, or it is gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from coding_envs.problem import Limits
from coding_envs.sandbox import Ended, Run, RunResult, WordFinder
from coding_envs.sandbox.launch import NsjailLauncher, rollback_obstacle
from coding_envs.sandbox.pool import WorkerPool

OBSTACLE = rollback_obstacle()
pytestmark = [
    pytest.mark.nsjail,
    pytest.mark.skipif(OBSTACLE is not None, reason=f"no rollback here: {OBSTACLE}"),
]
LIMITS = Limits(cpu_time_s=1.0, wall_time_s=3.0, memory_bytes=128 * 2**20)
WHERE = "import os\nprint(os.getpid(), len(os.listdir('/')))\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[WorkerPool]:
    """One worker whose every run may be rolled back; a difference in memory would end it."""
    with WorkerPool(NsjailLauncher(verify=True), 1) as made:
        made.spends = WordFinder()
        yield made


def run(sandbox: WorkerPool, source: str, **more: object) -> RunResult:
    return sandbox.submit(Run(source, limits=LIMITS, **more)).result(60)  # type: ignore[arg-type]


def worker(sandbox: WorkerPool) -> int:
    (pid,) = sandbox.worker_pids()
    return pid


# For programs that change mappings: a page of the snapshot's, and the calls.
MAPS = """
import ctypes
l = ctypes.CDLL(None)
l.mmap.restype = l.mremap.restype = l.sbrk.restype = l.getauxval.restype = ctypes.c_void_p
P = ctypes.c_void_p
def mmap(at, size, flags=0x22, access=3): return l.mmap(P(at), P(size), access, flags, -1, P(0))
def munmap(at, size): return l.munmap(P(at), P(size))
def mremap(at, size, new, flags, to=0): return l.mremap(P(at), P(size), P(new), flags, P(to))
def fill(at, size=4096): ctypes.memset(at, 7, size)
FIXED, GROWS_DOWN, NO_REPLACE = 0x32, 0x122, 0x100022
page = id(len) & ~4095
assert mmap(0, 4096) != 2**64 - 1
"""

# What a program may do to the process that it is in; PROBE then has to find everything in order.
DEEDS = {
    "nothing": "",
    "raise": "raise ValueError(1)",
    "exit": "import sys; sys.exit(3)",
    "hard_exit": "import os; os._exit(4)",
    "globals": "import sys\nsys.modules['left'] = 1\nimport builtins\nbuiltins.left = 1",
    "patched_builtins": "import builtins\nbuiltins.len = lambda x: 7\nbuiltins.print = None",
    "patched_json": "import json\njson.dumps = json.JSONEncoder.encode = lambda *a: '1'",
    "patched_guest": "import sys\nfor m in list(sys.modules.values()):\n    for n in list(vars(m)):\n        if n.startswith('_send') or n in ('encode', '_messages'): setattr(m, n, None)",
    "no_modules": "import sys\nsys.modules.clear()",
    "recursion": "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return n and f(n - 1)\nf(5000)",
    "endless_recursion": "def f(): f()\nf()",
    "gc": "import gc\ngc.disable()\ngc.set_threshold(1)\ngc.unfreeze()\ngc.collect()",
    "heap": "x = [bytes(200_000) for _ in range(200)]",
    "arenas": "x = [object() for _ in range(10**6)]",
    "one_large": "x = bytearray(100 * 2**20)\nx[::4096] = b'x' * len(x[::4096])",
    "too_large": "x = bytearray(10**12)",
    "freed": "import gc\nx = [bytes(5000) for _ in range(10**4)]\ndel x\ngc.collect()",
    "hash_seed_state": "import random\nrandom.seed(1)\nrandom.random()",
    "poke": "import ctypes\nctypes.memset(id(len), 255, 8)",
    "poke_none": "import ctypes\nctypes.memset(id(None) + 8, 0, 8)",
    "write_code": "import ctypes\nl = ctypes.CDLL(None)\na = ctypes.cast(l.getpid, ctypes.c_void_p).value & ~4095\nl.mprotect(ctypes.c_void_p(a), 4096, 3)\nctypes.memset(a, 0xCC, 16)",
    "unmap": "import ctypes\nl = ctypes.CDLL(None)\nfor a in range(0, 1 << 20, 4096): l.munmap(ctypes.c_void_p((id(len) & ~4095) + a), 4096)",
    "dontneed": "import ctypes\nl = ctypes.CDLL(None)\nl.madvise(ctypes.c_void_p(id(len) & ~4095), 4096, 4)",
    "map": "import mmap\nm = [mmap.mmap(-1, 4096) for _ in range(500)]\nfor x in m: x[0] = 1",
    "brk": "import ctypes\nl = ctypes.CDLL(None)\nl.sbrk.restype = ctypes.c_void_p\nl.sbrk(ctypes.c_long(1 << 20))",
    "brk_down": "import ctypes\nl = ctypes.CDLL(None)\nl.sbrk(ctypes.c_long(-(1 << 20)))",
    "segfault": "import ctypes\nctypes.string_at(0)",
    "threads": "import threading, time\nfor _ in range(5): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
    "busy_thread": "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f, daemon=True).start()",
    "handler": "import signal\nsignal.signal(signal.SIGUSR1, lambda *a: None)",
    "ignored": "import signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)",
    "masked": "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 30))",
    "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "stopped": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "timer": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\nimport time\ntry: time.sleep(0.1)\nexcept BaseException: pass",
    "alarm_later": "import signal\nsignal.alarm(1)",
    "limits": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))\nresource.setrlimit(resource.RLIMIT_AS, (1 << 24, 1 << 24))",
    "umask": "import os\nos.umask(0o777)",
    "chdir": "import os\nos.chdir('/usr')",
    "dumpable": "import ctypes\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)",
    "filter": "import ctypes\nl = ctypes.CDLL(None)\nl.prctl(22, 1, 0, 0, 0)",
    "close_all": "import os\nos.closerange(0, 300)",
    "close_some": "import os\nfor n in (0, 1, 2): os.close(n)",
    "open_many": "x = []\nimport os\nfor _ in range(20): x.append(os.open('/', os.O_RDONLY))",
    "nonblocking": "import os\nfor n in range(4): os.set_blocking(n, False)",
    "pipes": "import os\nx = [os.pipe() for _ in range(5)]\nos.write(x[0][1], b'left')",
    "over_control": "import os\nfor n in (4, 5, 6):\n    try: os.dup2(1, n)\n    except OSError: pass",
    "read_control": "import os\ntry: os.set_blocking(4, False); os.read(4, 10)\nexcept OSError: pass",
    "loop": "while True: pass",
    "sleep": "import time\ntime.sleep(100)",
    "flood": "while True: print('x' * 1000)",
    "trace": "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)",
    "exit_handler": "import atexit\natexit.register(print, 'left')",
    "import_hook": "import sys\nsys.meta_path.insert(0, None)\nsys.path_hooks.clear()\nsys.path[:] = []",
    "codecs": "import codecs\ncodecs.register(lambda n: None)\ncodecs.register_error('strict', lambda e: ('', e.end))",
    "floats": "import ctypes\nl = ctypes.CDLL('libm.so.6')\nl.fesetround(0x400)\nl.fesetenv(ctypes.c_void_p(-1))",
    "unmap_and_map": MAPS + "munmap(page, 4096)\nmmap(page, 4096, FIXED)\nfill(page)",
    "map_over": MAPS + "mmap(page, 4096, FIXED)",
    "map_over_many": MAPS + "mmap(page - 4096 * 100, 4096 * 200, FIXED)",
    "map_no_replace": MAPS + "mmap(page, 4096, NO_REPLACE)",
    "map_over_own": MAPS + "a = mmap(0, 1 << 20)\nfill(a)\nmmap(a + 8192, 4096, FIXED)\nfill(a + 8192)",
    "map_in_gaps": MAPS + "for n in range(-2000, 2000): mmap(page + 4096 * 64 * n, 4096, NO_REPLACE)",
    "map_beside": MAPS + "a = l.getauxval(33)\nfor n in range(-40, 40): mmap(a + 4096 * n, 4096)",
    "unmap_own": MAPS + "for n in range(1, 200):\n    a = mmap(0, 4096 * n)\n    fill(a)\n    munmap(a, 4096 * n)",
    "unmap_own_in_part": MAPS + "a = mmap(0, 1 << 20)\nfill(a, 1 << 20)\nmunmap(a + 4096, 8192)",
    "unmap_all": MAPS + "munmap(0, 0x7ffffffff000)",
    "unmap_wrapping": MAPS + "munmap(page, -4096)\nmunmap(page, 2**64 - page)",
    "unmap_vdso": MAPS + "munmap(l.getauxval(33), 8192)",
    "move_vdso": MAPS + "mremap(l.getauxval(33), 8192, 8192, 3, mmap(0, 8192))",
    "map_over_vvar": MAPS + "mmap(l.getauxval(33) - 8192, 8192, FIXED)",
    "move_away": MAPS + "mremap(page, 4096, 4096, 3, mmap(0, 4096))",
    "move_away_and_back": MAPS + "a = mremap(page, 4096, 4096, 3, mmap(0, 4096))\nmremap(a, 4096, 4096, 3, page)",
    "move_onto": MAPS + "mremap(mmap(0, 4096), 4096, 4096, 3, page)",
    "move_growing_onto": MAPS + "mremap(mmap(0, 4096), 4096, 8192, 3, page - 4096)",
    "move_and_keep": MAPS + "mremap(page, 4096, 4096, 5)",
    "move_own": MAPS + "a = mmap(0, 4096)\nfill(a)\nfill(mremap(a, 4096, 1 << 20, 1), 1 << 20)",
    "break_down_and_up": MAPS + "l.sbrk(P(-(1 << 20)))\nfill(l.sbrk(P(1 << 20)), 1 << 20)",
    "break_up_and_down": MAPS + "fill(l.sbrk(P(1 << 20)), 1 << 20)\nl.sbrk(P(-(1 << 20)))",
    "break_within_a_page": MAPS + "l.sbrk(P(-1))\nl.sbrk(P(8))",
    "break_to_nothing": MAPS + "l.brk(P(1))\nl.brk(P(2**64 - 1))\nl.brk(P(2**33))",
    "grows_down": MAPS + "a = mmap(0, 1 << 20)\nmunmap(a, 1 << 20)\nb = mmap(a + (1 << 20) - 4096, 4096, GROWS_DOWN)\nfor n in range(200): ctypes.memset(b - n * 4096, 7, 1)",
    "grows_down_fixed": MAPS + "mmap(page, 4096, GROWS_DOWN | 16)\nfill(page)",
    "protect_own": MAPS + "a = mmap(0, 1 << 20)\nl.mprotect(P(a), P(4096), 0)",
    "lock": MAPS + "l.mlock(P(page), P(4096))\nl.mlockall(3)",
    "not_forked": MAPS + "l.madvise(P(page), P(4096), 10)",
    "refused_maps": MAPS + "l.remap_file_pages(P(page), P(4096), 0, 1, 0)\nl.shmat(0, P(page), 0)\nl.syscall(329, P(page), P(4096), 1, 0)\nl.syscall(462, P(page), P(4096), 0)",
    "map_over_in_a_thread": MAPS + "import threading\nt = threading.Thread(target=mmap, args=(page, 4096, FIXED))\nt.start()\nt.join()",
    "unmap_in_a_thread": MAPS + "import threading\nt = threading.Thread(target=munmap, args=(page, 4096))\nt.start()\nt.join()",
    "library_data": MAPS + "import datetime, decimal\nclass D(datetime.datetime): pass\nprint(D(2000, 1, 1), decimal.getcontext())\ndecimal.getcontext().prec = 5",
    "library_table": MAPS + "import zlib\nfill((ctypes.cast(l.getpid, P).value & ~4095) + (1 << 20), 1)",
}  # fmt: skip

PROBE = """
import sys, json, gc, random, signal, builtins, resource, os, threading
assert 'left' not in sys.modules and not hasattr(builtins, 'left')
assert json.dumps([1, {'a': None}]) == '[1, {"a": null}]' and len('abc') == 3
assert sys.getrecursionlimit() == 1000 and gc.isenabled() and gc.get_threshold()[0] > 1
assert threading.active_count() == 1 and sys.gettrace() is None and sys.getprofile() is None
assert not [n for n in range(1, 32) if n not in (9, 13, 19, 25) and signal.getsignal(n) not in
            (signal.SIG_DFL, signal.default_int_handler, None)]
assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (64, 64)
assert os.getcwd() == '/' and os.umask(0o022) == 0o022
assert sys.path and all(sys.meta_path) and sys.path_hooks
assert 0.1 + 0.2 == 0.30000000000000004 and 1 / 3 == 0.3333333333333333
x = [bytes(1000) for _ in range(1000)]
print(input(), sum(map(len, x)))
"""


@pytest.mark.parametrize("name", DEEDS)
def test_nothing_is_left_of_a_run(sandbox: WorkerPool, name: str) -> None:
    before = worker(sandbox)
    run(sandbox, DEEDS[name])
    for number in range(2):
        result = run(sandbox, PROBE, stdin=b"%d\n" % number)
        assert result.stdout == b"%d 1000000\n" % number, result
    assert worker(sandbox) == before  # whose memory was as it had been, else it had ended itself


def test_each_program_by_turns(sandbox: WorkerPool) -> None:
    futures = []
    for number in range(300):
        source = f"x = {{}}\nfor i in range({number}): x[i] = str(i) * {number % 7}\nprint(len(x))"
        futures.append(sandbox.submit(Run(source, limits=LIMITS)))
    assert [f.result(60).stdout for f in futures] == [b"%d\n" % n for n in range(300)]


def test_time_is_each_runs_own(sandbox: WorkerPool) -> None:
    busy = "import time\nt = time.process_time()\nassert t < 0.2, t\nwhile time.process_time() < t + 0.3: pass"
    # It asks another process for the time: on a busy machine that takes turns.
    patient = Limits(cpu_time_s=1.0, wall_time_s=30.0, memory_bytes=LIMITS.memory_bytes)
    for _ in range(5):  # together more than the limit
        result = sandbox.submit(Run(busy, limits=patient)).result(60)
        assert result.ended is Ended.EXITED, result
        assert result.exit_code == 0, result
        assert 0.3 <= result.cpu_time_s < 0.9


def test_other_limits_get_another_process(sandbox: WorkerPool) -> None:
    small = Limits(cpu_time_s=1.0, wall_time_s=3.0, memory_bytes=32 * 2**20)
    for limits, fits in [(LIMITS, True), (small, False)] * 12:
        source = "try:\n    x = bytearray(64 * 2**20)\n    print('fits')\nexcept MemoryError:\n    print('does not')"
        result = sandbox.submit(Run(source, limits=limits)).result(60)
        assert result.stdout == (b"fits\n" if fits else b"does not\n")


@pytest.mark.parametrize("file", [False, True])
def test_a_program_has_as_many_threads_as_it_may(sandbox: WorkerPool, file: bool) -> None:
    run(sandbox, "pass")  # so that all processes of the worker are there, which count, too
    source = (
        ("import threading, tempfile\n" if file else "import threading\n")
        + """
done = threading.Event()
for number in range(9):
    try:
        threading.Thread(target=done.wait).start()
    except RuntimeError:
        break
done.set()
print(number)
"""
    )
    for threads in (1, 2, 4):
        limits = Limits(cpu_time_s=1.0, wall_time_s=3.0, threads=threads)
        result = sandbox.submit(Run(source, limits=limits, scratch=file)).result(60)
        assert result.stdout == b"%d\n" % (threads - 1), result


def test_a_lost_image_costs_one_process() -> None:
    with WorkerPool(NsjailLauncher(), 1) as sandbox:
        before = worker(sandbox)
        run(sandbox, "pass")
        assert len(executor(sandbox)) == 2
        image = min(executor(sandbox))
        os.kill(image, signal.SIGKILL)
        for number in range(40):
            source = f"x = [str(i) * {number} for i in range({number * 1000})]\nprint({number})"
            assert run(sandbox, source).stdout == b"%d\n" % number
        assert worker(sandbox) == before
        (later,) = executor(sandbox) - {image}
        run(sandbox, "pass")
        assert executor(sandbox) == {image, later}


def test_a_machine_that_cannot_forks() -> None:
    launcher = NsjailLauncher(rollback=False)
    assert not launcher.rollback
    with WorkerPool(launcher, 1) as sandbox:
        assert sandbox.submit(Run("print(1)")).result(60).stdout == b"1\n"


def test_a_worker_that_does_not_start_with_it_starts_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As where /proc is masked: the guest is told that there is one, and finds none.
    launcher = NsjailLauncher()
    config = launcher._config
    kept = [m for m in config.mount if m.dst != "/proc"]
    monkeypatch.setattr(config, "mount", kept)
    with WorkerPool(launcher, 1) as sandbox:
        assert sandbox.submit(Run("print(1)")).result(60).stdout == b"1\n"
    assert not launcher.rollback


def executor(sandbox: WorkerPool) -> set[int]:
    """The processes in the worker's guest between two runs."""
    pid = worker(sandbox)
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found = set(map(int, children))
        pid = min(found)
        if len(found) > 1 or Path(f"/proc/{pid}/task/{pid}/children").read_text() == "":
            return found
    return set()


def test_one_process_serves_many_runs_until_it_is_spent() -> None:
    with WorkerPool(NsjailLauncher(), 1) as sandbox:
        for spends in ("import signal", "import time\nprint(time.process_time_ns())"):
            assert sandbox.spends(spends)
        assert not sandbox.spends("import time\nprint(time.time(), time.perf_counter())")
        run(sandbox, "pass")
        first = executor(sandbox)
        assert first
        for number in range(20):
            assert run(sandbox, f"print({number})").stdout == b"%d\n" % number
        assert executor(sandbox) == first
        sandbox.spends = WordFinder()  # it does not guess
        for name in ("map_over_own", "unmap_own", "unmap_own_in_part", "move_own", "protect_own"):
            run(sandbox, DEEDS[name])
            assert executor(sandbox) == first, name
        # Not named, so that the host does not guess what it will do.
        run(sandbox, "s = __import__('sig' + 'nal')\ns.signal(10, lambda *a: None)")
        assert executor(sandbox) != first
        for _ in range(20):  # forked at first: what it has cost is to be earned again
            run(sandbox, "pass")
        later = executor(sandbox)
        assert later
        assert later != first
