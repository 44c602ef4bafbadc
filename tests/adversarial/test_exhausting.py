# ruff: noqa: E501 -- programs and tables, a case a line
"""Programs that want to hang, exhaust or slow down what judges them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from coding_envs.judge import Judge
from coding_envs.problem import Limits, Problem, StdioTest
from coding_envs.sandbox import Ended, Run, RunResult, Sandbox
from coding_envs.verdict import Status, Verdict

pytestmark = pytest.mark.nsjail

LIMITS = Limits(cpu_time_s=0.4, wall_time_s=1.0, memory_bytes=128 * 2**20, output_bytes=1 << 20)
IGNORE = (
    "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\n"
)
LIBC = "import ctypes\nlibc = ctypes.CDLL(None)\n"

# Each must be settled within its wall limit, and the next run must be as if nothing had been.
PROGRAMS = {
    "loop": "while True: pass",
    "loop_signals_ignored": IGNORE + "while True: pass",
    "loop_signals_blocked": "import signal\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    "loop_catching_all": "while True:\n    try:\n        while True: pass\n"
    "    except BaseException: pass",
    "sleep": "import time\ntime.sleep(1000)",
    "sleep_signals_ignored": IGNORE + "import time\nwhile True: time.sleep(1000)",
    "pause": "import signal\nsignal.pause()",
    "read_for_ever": "import sys\nwhile True: sys.stdin.read()",
    "select_for_ever": "import select\nselect.select([], [], [])",
    "deadlock": "import threading\na = threading.Lock()\na.acquire()\na.acquire()",
    "stop_itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nos.kill(0, signal.SIGSTOP)"
    "\nwhile True: pass",
    "stop_by_thread": "import os, signal, threading\n"
    "signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)\nwhile True: pass",
    "fork_bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "spawn_bomb": "import subprocess, sys\nwhile True:\n"
    "    try: subprocess.Popen([sys.executable, '-c', ''])\n    except OSError: pass",
    "multiprocessing": "import multiprocessing as m\nwhile True:\n"
    "    try: m.Process(target=print).start()\n    except OSError: pass",
    "clone_bomb": LIBC + "while True: libc.syscall(56, 17, 0, 0, 0, 0); libc.syscall(435, 0, 0)",
    "vfork_bomb": LIBC + "while True: libc.vfork() == 0 and libc._exit(0)",
    "thread_bomb": "import threading, time\nwhile True:\n"
    "    try: threading.Thread(target=time.sleep, args=(99,)).start()\n    except RuntimeError: pass",
    "busy_threads": "import threading\ndef f():\n    while True: pass\n"
    "for _ in range(15): threading.Thread(target=f).start()",
    "memory_list": "x = []\nwhile True: x.append(bytearray(1 << 20))",
    "memory_small": "x = []\nwhile True: x.append(object())",
    "memory_caught": "x = []\nwhile True:\n    try: x.append(bytearray(1 << 20))\n"
    "    except MemoryError: pass",
    "memory_at_once": "x = 'a' * 10**11",
    "memory_mmap": "import mmap\nx = []\nwhile True:\n    try: x.append(mmap.mmap(-1, 1 << 24))\n"
    "    except (OSError, MemoryError): pass\n    else: x[-1].write(bytes(1 << 24))",
    "memory_mmap_noreserve": LIBC + "libc.mmap.restype = ctypes.c_long\nwhile True:\n"
    "    libc.mmap(None, ctypes.c_size_t(1 << 40), 3, 0x4022, -1, 0)",
    "memory_pipes": "import os\nx = []\nwhile True:\n    try:\n        r, w = os.pipe()\n"
    "        os.set_blocking(w, False)\n        x.append((r, w))\n"
    "        while True: os.write(w, bytes(1 << 16))\n    except OSError: pass",
    "memory_socketpairs": "import socket\nx = []\nwhile True:\n    try:\n"
    "        a, b = socket.socketpair()\n        a.setblocking(False)\n        x.append((a, b))\n"
    "        while True: a.send(bytes(1 << 16))\n    except OSError: pass",
    "memory_mlock": LIBC + "b = ctypes.create_string_buffer(1 << 26)\n"
    "while True: libc.mlock(b, 1 << 26)",
    "memory_shared": "import multiprocessing.shared_memory as m\n"
    "x = [m.SharedMemory(create=True, size=1 << 28) for _ in range(99)]",
    "memory_memfd": "import os\nfds = [os.memfd_create('x') for _ in range(40)]\n"
    "for fd in fds: os.truncate(fd, 1 << 40); os.write(fd, bytes(1 << 26))",
    "recursion": "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "recursion_c": "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n"
    "    __getattr__ = lambda s, n: getattr(s, n)\n    __repr__ = lambda s: repr(s)\nrepr(A())",
    "recursion_sort": "import sys\nsys.setrecursionlimit(10**9)\n"
    "def f(x): return sorted([1, 2], key=f)\nf(1)",
    "recursion_json": "import json, sys\nsys.setrecursionlimit(10**9)\njson.loads('[' * 10**6)",
    "recursion_del": "x = None\nfor _ in range(10**6): x = [x]\ndel x\nx = ()\n"
    "for _ in range(10**6): x = (x,)\nhash(x)",
    "regex_bomb": "import re\nre.match('(a+)+$', 'a' * 64 + 'b')",
    "regex_nested": "import re\nre.compile('(' * 5000 + ')' * 5000)",
    "int_power": "x = 10 ** 10 ** 9",
    "int_text": "x = str(7 ** 3_000_000)",
    "int_shift": "x = 1 << (1 << 40)",
    "int_factorial": "import math\nx = math.factorial(10**8)",
    "format_width": "x = f'{1:{10**10}}'",
    "repeat": "x = [0] * 10**12",
    "range_sum": "x = sum(range(10**12))",
    "itertools": "import itertools\nx = list(itertools.repeat(0))",
    "zip_bomb": "import zlib\nd = zlib.compressobj()\nx = d.compress(bytes(1 << 26))\n"
    "zlib.decompress(zlib.compress(bytes(1 << 30)))",
    "pickle_bomb": "import pickle\npickle.loads(b'\\x80\\x04(' * 10**7)",
    "flood": "while True: print('x' * 1000)",
    "flood_stderr": "import sys\nwhile True: sys.stderr.write('x' * 1000)",
    "flood_one_line": "import sys\nwhile True: sys.stdout.write('x')",
    "flood_channel": "import os\nwhile True: os.write(3, b'x' * 65536)",
    "flood_channel_lines": "import os\nwhile True: os.write(3, b'{}\\n' * 20000)",
    "flood_all": "import os, threading\ndef f(fd):\n    while True: os.write(fd, b'y' * 65536)\n"
    "for fd in (1, 2, 3): threading.Thread(target=f, args=(fd,)).start()",
    "flood_then_close": "import os\nos.write(1, b'x' * 60000)\nos.closerange(0, 9)\nwhile True: pass",
    "close_all_and_loop": "import os\nos.closerange(0, 256)\nwhile True: pass",
    "segfault": "import ctypes\nctypes.string_at(1)",
    "abort": "import os\nos.abort()",
    "illegal_instruction": "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(b'\\x0f\\x0b')\n"
    "ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()",
    "bad_bytecode": "def f(): pass\nf.__code__ = f.__code__.replace(co_code=b'\\xff\\x63' * 50)\nf()",
    "stack_of_threads": "import threading\nthreading.stack_size(1 << 30)\n"
    "threading.Thread(target=print).start()",
    "dup_bomb": "import os\nwhile True:\n    try: os.dup(0)\n    except OSError: pass",
    "epoll_bomb": "import select\nx = []\nwhile True:\n    try: x.append(select.epoll())\n"
    "    except OSError: pass",
    "timers": "import ctypes\nl = ctypes.CDLL(None)\nt = ctypes.c_void_p()\n"
    "while True: l.syscall(222, 0, 0, ctypes.byref(t))",
    "signal_queue": "import os, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
    "while True: os.kill(os.getpid(), 40)",
    "ptrace": LIBC + "libc.ptrace(0, 0, 0, 0)\nlibc.ptrace(16, 1, 0, 0)\nwhile True: pass",
    "priority": "import os\ntry: os.setpriority(0, 0, -20)\nexcept (OSError, AttributeError): pass\n"
    "while True: pass",
    "limits_raised": "import resource\nfor r in range(16):\n"
    "    try: resource.setrlimit(r, (-1, -1))\n    except (OSError, ValueError): pass\n"
    "x = bytearray(1 << 29)\nwhile True: pass",
    "alarm_cleared": "import signal\nsignal.alarm(0)\nsignal.setitimer(signal.ITIMER_REAL, 0)\n"
    "while True: pass",
    "atexit_loop": "import atexit\n@atexit.register\ndef f():\n    while True: pass",
    "del_loop": "class A:\n    def __del__(self):\n        while True: pass\na = A()",
    "thread_at_end": "import threading\ndef f():\n    while True: pass\n"
    "threading.Thread(target=f).start()",
    "flush_loop": "import sys\nclass O:\n    def write(self, s): pass\n    def flush(self):\n"
    "        while True: pass\nsys.stdout = O()",
    "exit_loop": "while True:\n    try: raise SystemExit\n    except SystemExit: pass",
    "gc_bomb": "import gc\ngc.set_threshold(1)\nx = []\nwhile True: x.append([x])",
    "hash_bomb": "x = {i * (2**61 - 1) for i in range(10**6)}",
}  # fmt: skip

# At compile time.
SOURCES = {
    "constant_repeat": "x = 'a' * 10**9",
    "constant_repeats": "x = " + " + ".join(["'a' * 4096"] * 2000),
    "constant_tuple": "x = ((((1,) * 20, ) * 20, ) * 20, ) * 200",
    "constant_power": "x = 9**9**9**9",
    "constant_shift": "x = 1 << (1 << 62)",
    "constant_format": "x = '%1000000000d' % 1",
    "parentheses": "(" * 100_000 + ")" * 100_000,
    "brackets": "x = " + "[" * 90 + "]" * 90,
    "unary": "x = " + "not " * 100_000 + "1",
    "power_chain": "x = " + "1**" * 50_000 + "1",
    "compare_chain": "x = " + "1<" * 100_000 + "1",
    "attribute_chain": "x" + ".a" * 100_000,
    "call_chain": "x" + "()" * 100_000,
    "lambda_chain": "lambda: " * 50_000 + "1",
    "if_else_chain": "x = " + "1 if 1 else " * 50_000 + "1",
    "elif_chain": "if 0: pass\n" + "elif 0: pass\n" * 20_000,
    "string_concatenation": "x = " + "'a' " * 200_000,
    "f_string": "x = f'" + "{" * 5000 + "1" + "}" * 5000 + "'",
    "nested_f_string": "x = " + "f'{" * 150 + "1" + "}'" * 150,
    "decorators": "@f\n" * 50_000 + "def f(): pass",
    "try_nested": "".join(" " * i + "try:\n" for i in range(90)),
    "with_nested": "with " + ", ".join(["a"] * 50_000) + ": pass",
    "star_args": "f(" + "*a, " * 100_000 + ")",
    "match_deep": "match 1:\n case " + "[" * 5000 + "]" * 5000 + ": pass",
    "comprehensions": "x = [" + "y for y in " * 1 + " ".join(["[1] for y in"] * 5000) + " [1]]",
    "names": "\n".join(f"a{i} = {i}" for i in range(40_000)),
    "digits": "x = " + "1" * 900_000,
    "hex_digits": "x = 0x" + "f" * 900_000,
    "one_long_line": "x = [" + "1, " * 300_000 + "]",
    "one_long_name": "x" * 1_000_000,
    "newlines": "\n" * 1_000_000,
    "semicolons": "1;" * 400_000,
    "nul_bytes": "\0" * 1000,
    "lone_surrogates": "x = '" + "\ud800" * 1000 + "'",
    "surrogate_name": "\udfff = 1",
    "codec_rot13": "# coding: rot13\nvzcbeg bf",
    "codec_utf7": "# coding: utf-7\n+AGkAbQBwAG8AcgB0- os",
    "codec_idna": "# coding: idna\nx = '" + "a" * 100_000 + "'",
    "bom": "\ufeff\ufeffx = 1",
    "tabs": "\t" * 10_000 + "x",
    "form_feeds": "\f" * 500_000,
    "backslashes": "\\\n" * 400_000,
    "open_string": "'''" + "a" * 900_000,
    "unicode_escapes": "x = '" + "\\N{SNOWMAN}" * 50_000 + "'",
    "control": "".join(map(chr, range(1, 32))),
    "bidi": "x = 1 \u202e\u2066 # \u2069",
    "astral": "\U0001f600 = 1",
    "type_params": "def f[" + ", ".join(f"T{i}" for i in range(5000)) + "](): pass",
    "annotations": "x: " + "list[" * 5000 + "int" + "]" * 5000,
}


@pytest.fixture(scope="module")
def sandbox(judge: Judge) -> Sandbox:
    return judge._sandbox


def settle(
    sandbox: Sandbox, source: str, *, scratch: bool = False, limits: Limits = LIMITS
) -> RunResult:
    """Runs a hostile program beside a friendly one; both must be right and in time."""
    started = time.monotonic()
    hostile = sandbox.submit(Run(source, limits=limits, scratch=scratch))
    result = hostile.result(30)
    took = time.monotonic() - started
    assert took < limits.wall_limit_s + 1, (took, result)
    friends = [sandbox.submit(Run("print(sum(range(10)))")) for _ in range(2 * sandbox.workers)]
    assert [f.result(30).stdout for f in friends] == [b"45\n"] * len(friends)
    return result


@pytest.mark.parametrize("name", PROGRAMS)
def test_settles(sandbox: Sandbox, name: str) -> None:
    result = settle(sandbox, PROGRAMS[name])
    assert result.cpu_time_s < LIMITS.cpu_time_s + 0.5
    assert result.peak_memory_bytes < LIMITS.memory_bytes + (64 << 20)
    assert len(result.stdout) <= LIMITS.output_bytes
    assert len(result.stderr) <= LIMITS.output_bytes


@pytest.mark.parametrize("name", SOURCES)
def test_source_settles(sandbox: Sandbox, name: str) -> None:
    settle(sandbox, SOURCES[name])


ENDS = {
    "loop_signals_ignored": Ended.CPU_LIMIT,
    "sleep_signals_ignored": Ended.WALL_LIMIT,
    "busy_threads": Ended.CPU_LIMIT,
    "flood": Ended.OUTPUT_LIMIT,
    "flood_stderr": Ended.OUTPUT_LIMIT,
    "flood_channel": Ended.OUTPUT_LIMIT,
    "segfault": Ended.SIGNALED,
    "regex_bomb": Ended.CPU_LIMIT,
    "close_all_and_loop": Ended.CPU_LIMIT,
}


@pytest.mark.parametrize("name", ENDS)
def test_the_end_is_named_rightly(sandbox: Sandbox, name: str) -> None:
    limits = LIMITS
    if ENDS[name] is Ended.CPU_LIMIT:  # of which a loaded machine gives less per second
        limits = replace(LIMITS, wall_time_s=20.0)
    assert settle(sandbox, PROGRAMS[name], limits=limits).ended is ENDS[name]


STATUSES = {
    "loop": Status.TIME_LIMIT_EXCEEDED,
    "sleep": Status.TIME_LIMIT_EXCEEDED,
    "memory_list": Status.MEMORY_LIMIT_EXCEEDED,
    "memory_at_once": Status.MEMORY_LIMIT_EXCEEDED,
    "flood": Status.OUTPUT_LIMIT_EXCEEDED,
    "segfault": Status.RUNTIME_ERROR,
    "fork_bomb": Status.TIME_LIMIT_EXCEEDED,
}


@pytest.mark.parametrize("name", STATUSES)
def test_the_verdict_is_named_rightly(judge: Judge, name: str) -> None:
    test = StdioTest("", "no such answer")
    problem = Problem(dataset="a", key="k", prompt="", hidden_tests=(test,), limits=LIMITS)
    verdict = judge.judge(problem, PROGRAMS[name])
    assert verdict.status is STATUSES[name], verdict


def test_ten_megabytes_of_program_text(judge: Judge, attack: Callable[[str, str], Verdict]) -> None:
    verdict = attack("call", "x = 1\n" * (10 * 2**20 // 6))
    assert verdict.status is Status.COMPILE_ERROR
    assert verdict.runs == 0


@pytest.mark.parametrize("style", ["stdio", "call", "check", "assert"])
@pytest.mark.parametrize("name", ["nul_bytes", "lone_surrogates", "parentheses", "digits"])
def test_a_broken_text_is_a_compile_error(
    attack: Callable[[str, str], Verdict], style: str, name: str
) -> None:
    assert attack(style, SOURCES[name]).status is Status.COMPILE_ERROR


IN_CALL = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(99)",
    "memory": "x = [bytearray(1 << 20) for _ in range(10**6)]",
    "recursion": "return f(x)",
    "flood": "while True: print('x' * 1000)",
    "infinite_generator": "import itertools; return list(itertools.count())",
    "infinite_len": "class L(list):\n        __len__ = lambda s: 1 << 60\n    return L()",
    "endless_encoding": "class L(list):\n        def __iter__(s):\n            while True: yield 1\n"
    "    return L([1])",
}


@pytest.mark.parametrize("style", ["call", "check", "assert"])
@pytest.mark.parametrize("name", IN_CALL)
def test_in_call(attack: Callable[[str, str], Verdict], name: str, style: str) -> None:
    attack(style, f"def f(x):\n    {IN_CALL[name]}\n")


def test_many_hostile_ones_at_once_leave_the_others_alone(sandbox: Sandbox) -> None:
    limits = Limits(cpu_time_s=0.2, wall_time_s=0.5)
    names = ["loop", "flood", "memory_list", "fork_bomb", "segfault", "stop_itself"]
    hostile = [sandbox.submit(Run(PROGRAMS[n], limits=limits)) for n in names * 2]
    friendly = [sandbox.submit(Run(f"print({i})")) for i in range(50)]
    assert [f.result(60).stdout for f in friendly] == [f"{i}\n".encode() for i in range(50)]
    assert all(f.result(60) for f in hostile)
