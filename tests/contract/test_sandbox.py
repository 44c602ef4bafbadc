# ruff: noqa: E501, RUF001 -- programs and tables, a case a line
"""One contract, three sandboxes: nsjail, unsafe, and the fake where it applies."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from coding_envs import plain_data
from coding_envs.errors import SandboxClosedError, UnknownNameError
from coding_envs.problem import Limits
from coding_envs.sandbox import (
    Call,
    Ended,
    FakeSandbox,
    Run,
    RunResult,
    Sandbox,
    UnsafeSandboxWarning,
    make_sandbox,
)
from coding_envs.sandbox.launch import NsjailLauncher
from coding_envs.sandbox.pool import WorkerPool

NSJAIL = pytest.param("nsjail", marks=pytest.mark.nsjail)


def make(backend: str) -> Sandbox:
    if backend == "fake":
        return FakeSandbox(lambda run: RunResult(Ended.EXITED, exit_code=0, stdout=run.stdin))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnsafeSandboxWarning)
        if backend in WAYS:
            return WorkerPool(NsjailLauncher(**WAYS[backend]), 2)
        return make_sandbox(backend, workers=2)


# How a worker may serve its runs, beside what this machine takes by itself.
WAYS: dict[str, dict[str, bool]] = {
    "nsjail-forks": {"rollback": False},
    "nsjail-without-extension": {"compiled": False},
}
JAILS = [NSJAIL, *(pytest.param(name, marks=pytest.mark.nsjail) for name in WAYS)]


@pytest.fixture(scope="module", params=[*JAILS, "unsafe"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with make(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def jail() -> Iterator[Sandbox]:
    with make("nsjail") as made:
        yield made


def run(sandbox: Sandbox, source: str, stdin: str | bytes = b"", **more: object) -> RunResult:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    return sandbox.submit(Run(source, stdin=data, **more)).result(timeout=60)  # type: ignore[arg-type]


# --- the seam, which the fake keeps too ----------------------------------------------------------

ECHO = "import sys\nsys.stdout.write(sys.stdin.read())"


@pytest.fixture(params=[NSJAIL, "unsafe", "fake"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with make(request.param) as made:
        yield made


def test_submit_returns_a_future_and_many_may_be_in_flight(fresh: Sandbox) -> None:
    futures = [fresh.submit(Run(ECHO, stdin=str(i).encode())) for i in range(50)]
    assert all(isinstance(f, Future) for f in futures)
    assert [f.result(60).stdout for f in futures] == [str(i).encode() for i in range(50)]
    assert all(f.result().ended is Ended.EXITED and f.result().exit_code == 0 for f in futures)
    assert fresh.workers >= 1


def test_after_close_submit_raises_and_closing_again_is_fine(fresh: Sandbox) -> None:
    fresh.close()
    fresh.close()
    with pytest.raises(SandboxClosedError, match="make a new one"):
        fresh.submit(Run("1"))


def test_a_callback_may_submit(fresh: Sandbox) -> None:
    second: Future[bytes] = Future()

    def go_on(done: Future[RunResult]) -> None:
        again = fresh.submit(Run(ECHO, stdin=done.result().stdout + b"!"))
        again.add_done_callback(lambda f: second.set_result(f.result().stdout))

    fresh.submit(Run(ECHO, stdin=b"hello")).add_done_callback(go_on)
    assert second.result(60) == b"hello!"


def test_what_waits_at_close_fails_as_closed() -> None:
    fake = FakeSandbox(lambda run: RunResult(Ended.EXITED), delay=True)
    future = fake.submit(Run("1"))
    fake.close()
    assert isinstance(future.exception(1), SandboxClosedError)


def test_the_fake_delivers_in_parts_and_passes_errors_on() -> None:
    def answer(run: Run) -> RunResult:
        if run.source == "bad":
            raise OSError("no")
        return RunResult(Ended.EXITED, exit_code=7)

    fake = FakeSandbox(answer, delay=True)
    good, bad = fake.submit(Run("good")), fake.submit(Run("bad"))
    assert not good.done()
    assert fake.deliver(1) == 1
    assert good.result(1).exit_code == 7
    assert not bad.done()
    assert fake.deliver() == 1
    assert isinstance(bad.exception(1), OSError)
    assert [r.source for r in fake.runs] == ["good", "bad"]


def test_an_unknown_backend_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'nsjail'"):
        make_sandbox("nsjial")


def test_unsafe_warns() -> None:
    with pytest.warns(UnsafeSandboxWarning, match="without any isolation"):
        make_sandbox("unsafe", workers=1).close()


# --- programs and what comes of them -------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A program that must run to its end and print `stdout`."""

    name: str
    source: str
    stdout: str
    stdin: str = ""
    exit_code: int = 0
    stderr: str = ""
    limits: Limits = field(default_factory=Limits)


IDIOMS = [
    Case("print", "print('hi')", "hi\n"),
    Case("input", "print(int(input()) + int(input()))", "5\n", "2\n3\n"),
    Case("input_prompt", "n = input('n? ')\nprint(n)", "n? 4\n", "4"),
    Case("input_at_end", "try:\n    input()\nexcept EOFError:\n    print('end')", "end\n"),
    Case("iterate_stdin", "import sys\nfor line in sys.stdin: print(line.strip())", "a\nb\n", "a\nb"),
    Case("stdin_read", "import sys\nprint(sum(map(int, sys.stdin.read().split())))", "6\n", "1 2\n3"),
    Case("stdin_readlines", "import sys\nprint(len(sys.stdin.readlines()))", "3\n", "a\nb\nc\n"),
    Case("stdin_buffer", "import sys\nprint(sys.stdin.buffer.read())", "b'ab\\n'\n", "ab\n"),
    Case(
        "stdin_buffer_readline",
        "import sys\nr = sys.stdin.buffer.readline\nprint(int(r()) + int(r()), r())",
        "3 b''\n",
        "1\n2\n",
    ),
    Case("stdin_then_input", "import sys\nsys.stdin.readline()\nprint(input())", "b\n", "a\nb\n"),
    Case("rebind_input", "import sys\ninput = sys.stdin.readline\nprint(int(input()))", "7\n", "7\n"),
    Case("rebind_print", "import sys\nprint = sys.stdout.write\nprint('x\\n')", "x\n"),
    Case("rebind_stdin", "import io, os, sys\nsys.stdin = io.StringIO(os.read(0, 99).decode())\n"
         "print(input())", "q\n", "q\n"),
    Case("buffer_write", "import sys\nsys.stdout.buffer.write(b'raw\\n')", "raw\n"),
    Case("os_write", "import os\nos.write(1, b'os\\n')", "os\n"),
    Case("open_0", "print(open(0).read().split())", "['1', '2']\n", "1 2"),
    Case("open_0_iter", "it = iter(open(0))\nprint(next(it), end='')", "l1\n", "l1\nl2\n"),
    Case("open_1", "open(1, 'w', closefd=False).write('one\\n')", "one\n"),
    Case("os_fdopen", "import os\nprint(os.fdopen(0).readline())", "z\n", "z"),
    Case("stringio_out", "import io, sys\nout = io.StringIO()\nsys.stdout = out\nprint('a')\n"
         "sys.__stdout__.write(out.getvalue())", "a\n"),
    Case("main_guard", "def main():\n    print('main')\nif __name__ == '__main__':\n    main()",
         "main\n"),
    Case("global_at_top", "global x\nx = 1\nprint(x)", "1\n"),
    Case("exit_early", "import sys\nprint('a')\nsys.exit()\nprint('b')", "a\n"),
    Case("raise_exit", "raise SystemExit(0)", ""),
    Case("file_never_closed", "out = open(1, 'w', closefd=False)\nout.write('w')", "w"),
    Case("del_at_exit", "class A:\n    def __del__(self): print('gone')\na = A()", "gone\n"),
    Case("stdout_none", "import sys\nprint('a', flush=True)\nsys.stdout = None", "a\n"),
    Case("exit_builtin", "print('a')\nexit()\nprint('b')", "a\n"),
    Case("quit_builtin", "for i in range(9):\n    print(i)\n    if i == 1: quit(0)", "0\n1\n"),
    Case("exit_in_except", "try:\n    exit(0)\nexcept Exception:\n    print('caught')", ""),
    Case("file", "import os\nprint(os.path.basename(__file__))", "main.py\n"),
    Case("exit_3", "import sys\nsys.exit(3)", "", exit_code=3),
    Case("exit_text", "import sys\nsys.exit('bad')", "", exit_code=1, stderr="bad"),
    Case("exit_minus", "import sys\nsys.exit(-1)", "", exit_code=255),
    Case("quit_in_function", "import sys\ndef f():\n    sys.exit(0)\nprint('x')\nf()", "x\n"),
    Case("os_exit", "import os\nprint('lost')\nos._exit(0)", ""),
    Case("uncaught", "print('a')\n1/0", "a\n", exit_code=1, stderr="ZeroDivisionError"),
    Case("traceback_line", "x = 1\nraise ValueError('why')", "", exit_code=1,
         stderr="raise ValueError('why')"),
    Case("stderr_only", "import sys\nprint('e', file=sys.stderr)", "", stderr="e\n"),
    Case("class", "class A:\n    def __init__(self, x): self.x = x\nprint(A(3).x)", "3\n"),
    Case("dataclass", "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
         "print(P(1))", "P(x=1)\n"),
    Case("dataclass_strings", "from __future__ import annotations\nfrom dataclasses import *\n"
         "@dataclass(order=True)\nclass P:\n    x: int = 2\nprint(P() < P(3))", "True\n"),
    Case("generator", "def g():\n    yield from range(3)\nprint(list(g()))", "[0, 1, 2]\n"),
    Case("closure", "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n"
         "        return n\n    return g\nh = f()\nh()\nprint(h())", "2\n"),
    Case("namedtuple", "from collections import namedtuple\nP = namedtuple('P', 'x y')\n"
         "print(P(1, 2))", "P(x=1, y=2)\n"),
    Case("enum", "from enum import Enum\nclass C(Enum):\n    A = 1\nprint(C.A)", "C.A\n"),
    Case("typing", "from typing import *\nx: List[int] = [1]\nprint(get_type_hints(lambda: 0), x)",
         "{} [1]\n"),
    Case("match", "match [1, 2]:\n    case [a, b]:\n        print(a + b)", "3\n"),
    Case("walrus", "print([y for x in range(4) if (y := x * x) > 3])", "[4, 9]\n"),
    Case("exec", "exec('z = 4')\nprint(z, eval('z + 1'))", "4 5\n"),
    Case("globals", "globals()['q'] = 9\nprint(q, 'print' in dir(__builtins__))", "9 True\n"),
    Case("main_module", "import __main__\nv = 5\nprint(__main__.v)", "5\n"),
    Case("pickle_own_class", "import pickle\nclass A:\n    x = 1\n"
         "print(pickle.loads(pickle.dumps(A())).x)", "1\n"),
    Case("copy", "import copy\na = [[1]]\nb = copy.deepcopy(a)\nb[0][0] = 2\nprint(a, b)",
         "[[1]] [[2]]\n"),
    Case("recursion_50k", "import sys\nsys.setrecursionlimit(10**6)\ndef f(n):\n"
         "    return 0 if n == 0 else 1 + f(n - 1)\nprint(f(50_000))", "50000\n"),
    Case("recursion_in_thread", "import sys, threading\nsys.setrecursionlimit(10**6)\n"
         "threading.stack_size(64 * 2**20)\ndef f(n):\n    return 0 if n == 0 else 1 + f(n - 1)\n"
         "t = threading.Thread(target=lambda: print(f(50_000)))\nt.start()\nt.join()", "50000\n"),
    Case("recursion_cached", "import functools, sys\nsys.setrecursionlimit(10**5)\n"
         "@functools.lru_cache(None)\ndef f(n):\n    return n if n < 2 else f(n-1) + f(n-2)\n"
         "print(f(400) % 1000007)", ""),
    Case("recursion_error", "def f(n):\n    return f(n + 1)\ntry:\n    f(0)\n"
         "except RecursionError:\n    print('deep')", "deep\n"),
    Case("threads", "import threading\nout = []\nts = [threading.Thread(target=out.append, args=(i,))"
         " for i in range(8)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nprint(sorted(out))",
         "[0, 1, 2, 3, 4, 5, 6, 7]\n"),
    Case("thread_not_joined", "import threading, time\ndef f():\n    time.sleep(0.05)\n"
         "    print('late')\nthreading.Thread(target=f).start()\nprint('first')", "first\nlate\n"),
    Case("thread_pool", "from concurrent.futures import ThreadPoolExecutor\n"
         "with ThreadPoolExecutor(4) as p:\n    print(sum(p.map(abs, [-1, 2])))", "3\n"),
    Case("daemon_thread", "import threading, time\n"
         "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nprint('end')", "end\n"),
    Case("asyncio", "import asyncio\nasync def f():\n    await asyncio.sleep(0.001)\n    return 8\n"
         "print(asyncio.run(f()))", "8\n"),
    Case("atexit", "import atexit\natexit.register(print, 'bye')\nprint('hi')", "hi\nbye\n"),
    Case("finally", "import sys\ntry:\n    sys.exit(0)\nfinally:\n    print('f')", "f\n"),
    Case("alarm", "import signal\ndef h(*a):\n    print('ring')\n    raise SystemExit\n"
         "signal.signal(signal.SIGALRM, h)\nsignal.setitimer(signal.ITIMER_REAL, 0.02)\n"
         "while True: pass", "ring\n"),
    Case("import_resource", "import resource, sys\n"
         "resource.setrlimit(resource.RLIMIT_STACK, resource.getrlimit(resource.RLIMIT_STACK))\n"
         "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0)", "True\n"),
    Case("import_many", "import collections, itertools, heapq, bisect, math, re, string, functools,"
         " operator, decimal, fractions, statistics, random, json, datetime, time, hashlib, zlib,"
         " base64, struct, array, ast, copy, io, os, sys, csv, calendar, cmath, difflib, textwrap,"
         " unicodedata, uuid, secrets, queue, contextlib, abc, types, inspect, traceback, warnings,"
         " logging, timeit, platform, html, urllib.parse, xml.etree.ElementTree, argparse, shlex,"
         " glob, fnmatch, zoneinfo, graphlib, numbers, weakref, gc, select, socket\nprint('ok')", "ok\n"),
    Case("decimal", "from decimal import *\ngetcontext().prec = 30\nprint(Decimal(1) / 3)",
         "0.333333333333333333333333333333\n"),
    Case("big_int", "print(len(str(2 ** 50000)))", "15052\n"),
    Case("random_seeded", "import random\nrandom.seed(1)\nprint(random.randint(1, 100))", "18\n"),
    Case("hashes", "import hashlib\nprint(hashlib.sha256(b'').hexdigest()[:8])", "e3b0c442\n"),
    Case("clock", "import time\na = time.perf_counter()\ntime.sleep(0.001)\n"
         "print(time.perf_counter() > a, time.time() > 1e9)", "True True\n"),
    Case("date", "from datetime import datetime\nprint(datetime(2024, 2, 29).strftime('%j'))", "060\n"),
    Case("log", "import logging\nlogging.warning('w')\nprint(1)", "1\n", stderr="WARNING:root:w"),
    Case("unicode", "print('héllo ☃ 𝕏')\nprint(input())", "héllo ☃ 𝕏\nß€\n", "ß€\n"),
    Case("unicode_names", "größe = 3\nprint(größe)", "3\n"),
    Case("nul_in_output", "print('a\\0b')", "a\0b\n"),
    Case("crlf_source", "x = 1\r\nprint(x)\r\n", "1\n"),
    Case("tabs", "if 1:\n\tprint('t')", "t\n"),
    Case("bom_coding", "# -*- coding: utf-8 -*-\nprint('é')", "é\n"),
    Case("no_final_newline", "print('a', end='')", "a"),
    Case("empty_program", "", ""),
    Case("comment_only", "# nothing", ""),
    Case("one_mb_output", "print('x' * (1 << 20))", "x" * (1 << 20) + "\n"),
    Case("many_prints", "for i in range(20000): print(i)", "".join(f"{i}\n" for i in range(20000))),
    Case("one_mb_input", "import sys\nprint(len(sys.stdin.read()))", "1048576\n", "y" * (1 << 20)),
    Case("unread_input", "print('never read')", "never read\n", "y" * (1 << 20)),
    Case("isatty", "import sys\nprint(sys.stdin.isatty(), sys.stdout.isatty())", "False False\n"),
    Case("fileno", "import sys\nprint(sys.stdin.fileno(), sys.stdout.fileno())", "0 1\n"),
    Case("argv", "import sys\nprint(len(sys.argv))", "1\n"),
    Case("flush", "import sys\nprint('a', flush=True)\nsys.stdout.flush()", "a\n"),
    Case("close_stdout", "import sys\nprint('a')\nsys.stdout.close()", "a\n"),
    Case("warnings", "import warnings\nwarnings.warn('w')\nprint('on')", "on\n", stderr="UserWarning"),
    Case("getpass_free_env", "import os\nprint(os.environ.get('NO_SUCH', 'none'))", "none\n"),
    Case("doctest", "def f(x):\n    '''\n    >>> f(1)\n    2\n    '''\n    return x + 1\n"
         "if __name__ == '__main__':\n    import doctest\n    print(doctest.testmod())",
         "TestResults(failed=0, attempted=1)\n"),
    Case("unittest_mock_free", "import unittest\nclass T(unittest.TestCase):\n"
         "    def test(self): self.assertEqual(1, 1)\nprint(T('test').run().wasSuccessful())",
         "True\n"),
]  # fmt: skip


def fib_mod() -> str:
    a, b = 0, 1
    for _ in range(400):
        a, b = b, a + b
    return f"{a % 1000007}\n"


@pytest.mark.parametrize("case", IDIOMS, ids=lambda c: c.name)
def test_idiom(sandbox: Sandbox, case: Case) -> None:
    result = run(sandbox, case.source, case.stdin, limits=case.limits)
    wanted = fib_mod() if case.name == "recursion_cached" else case.stdout
    assert result.stdout.decode() == wanted, result.stderr.decode()
    assert result.ended is Ended.EXITED
    assert result.exit_code == case.exit_code
    assert case.stderr in result.stderr.decode()
    if not case.stderr:
        assert result.stderr == b""


SCRATCH = [
    Case("tempfile", "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as f:\n"
         "    f.write('t')\n    f.seek(0)\n    print(f.read())", "t\n"),
    Case("temp_dir", "import os, tempfile\nwith tempfile.TemporaryDirectory() as d:\n"
         "    open(d + '/a', 'w').write('x')\n    print(os.listdir(d))", "['a']\n"),
    Case("write_read_remove", "import os\nopen('a.txt', 'w').write('1')\nprint(open('a.txt').read())\n"
         "os.remove('a.txt')\nprint(os.path.exists('a.txt'))", "1\nFalse\n"),
    Case("makedirs", "import os, shutil\nos.makedirs('x/y')\nos.rename('x/y', 'x/z')\n"
         "print(os.listdir('x'))\nshutil.rmtree('x')", "['z']\n"),
    Case("pathlib", "from pathlib import Path\nPath('p').write_text('ü')\nprint(Path('p').read_text())",
         "ü\n"),
    Case("sqlite", "import sqlite3\nc = sqlite3.connect('d.db')\nc.execute('create table t (x)')\n"
         "c.execute('insert into t values (3)')\nc.commit()\n"
         "print(c.execute('select x from t').fetchall())", "[(3,)]\n"),
    Case("gzip", "import gzip\nwith gzip.open('g', 'wt') as f: f.write('z')\n"
         "print(gzip.open('g', 'rt').read())", "z\n"),
    Case("redirect", "import sys\nsys.stdout = open('o', 'w')\nprint('x')\nsys.stdout.close()\n"
         "sys.stdout = sys.__stdout__\nprint(open('o').read(), end='')", "x\n"),
]  # fmt: skip


@pytest.mark.nsjail
@pytest.mark.parametrize("case", SCRATCH, ids=lambda c: c.name)
def test_idiom_with_files(jail: Sandbox, case: Case) -> None:
    result = run(jail, case.source, case.stdin, scratch=True)
    assert result.stdout.decode() == case.stdout, result.stderr.decode()
    assert result.exit_code == 0


# --- calls ---------------------------------------------------------------------------------------


def call(sandbox: Sandbox, source: str, *calls: Call, **more: object) -> RunResult:
    return run(sandbox, source, calls=calls, **more)


def arguments(*args: object, **kwargs: object) -> str:
    return plain_data.dumps([list(args), kwargs])


VALUES = [
    None, True, False, 0, -1, 2**63 - 1, 2**63, -(2**200), 1.5, -0.0, 1e308, "", "text", "☃\ud800",
    b"", b"\x00\xff", 1 + 2j, [], [1, [2, [3]]], (), (1,), (1, (2, "x")), set(), {1, 2}, {(1, 2)},
    frozenset({1}), {}, {"a": 1}, {1: "int", "1": "str", (1, 2): "tuple", None: 0}, {True: 1},
    [None, True, 1, 1.0, "1"], {"b": 1, "a": 2}, [[]] * 3, float("inf"), float("-inf"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_cross_both_ways_unchanged(sandbox: Sandbox, value: object) -> None:
    source = "def f(x): return x\ndef t(x): return type(x).__name__"
    result = call(sandbox, source, Call("f", arguments(value)), Call("t", arguments(value)))
    loaded, back, kind = result.messages
    assert loaded == {"loaded": True}
    got = plain_data.decode(back["value"])
    assert type(got) is type(value)
    assert repr(got) == repr(value) or got == value
    assert kind["value"] == type(value).__name__


def test_calls_share_the_programs_state_and_keyword_arguments_arrive(sandbox: Sandbox) -> None:
    source = "n = 0\ndef f(k, *, by=1):\n    global n\n    n += k * by\n    return n"
    result = call(
        sandbox, source, Call("f", arguments(2)), Call("f", arguments(3, by=10)), Call("n + 1")
    )
    assert [m.get("value") for m in result.messages[1:]] == [2, 32, 33]


def test_a_method_of_a_fresh_object_per_call(sandbox: Sandbox) -> None:
    source = "class Solution:\n    n = 0\n    def f(self, x):\n        self.n += x\n        return self.n"
    once = Call("Solution().f", arguments(1))
    assert [m["value"] for m in call(sandbox, source, once, once).messages[1:]] == [1, 1]


def test_an_exception_ends_its_call_only(sandbox: Sandbox) -> None:
    source = "def f(x):\n    if x: raise KeyError('k')\n    return 'fine'"
    result = call(sandbox, source, Call("f", arguments(1)), Call("f", arguments(0)), Call("nope"))
    _, first, second, third = result.messages
    assert first == {"error": "KeyError: 'k'", "kind": "KeyError"}
    assert second == {"value": "fine"}
    assert third["kind"] == "NameError"
    assert b"KeyError" in result.stderr


def test_exit_at_load_and_in_a_call(sandbox: Sandbox) -> None:
    at_load = call(sandbox, "import sys\nsys.exit(0)", Call("f", arguments()))
    assert at_load.message("loaded") is None
    assert "SystemExit" in at_load.message("stopped")
    source = "import sys\ndef f(): sys.exit(0)"
    in_call = call(sandbox, source, Call("f", arguments()), Call("f", arguments()))
    assert in_call.message("loaded") is True
    assert not any("value" in m for m in in_call.messages)


def test_main_guard_does_not_run_for_calls(sandbox: Sandbox) -> None:
    source = "def f(): return __name__\nif __name__ == '__main__':\n    1/0"
    assert call(sandbox, source, Call("f", arguments())).message("value") == "solution"


def test_setup_runs_between_program_and_calls(sandbox: Sandbox) -> None:
    result = call(sandbox, "class A:\n    x = 3", Call("a.x"), setup="a = A()")
    assert result.message("value") == 3


def test_what_cannot_cross_is_opaque(sandbox: Sandbox) -> None:
    result = call(sandbox, "def f(): return f", Call("f", arguments()))
    assert result.message("value") == {"opaque": "function"}


def test_calls_print_and_return(sandbox: Sandbox) -> None:
    result = call(sandbox, "def f():\n    print('p')\n    return 1", Call("f", arguments()))
    assert (result.stdout, result.stderr, result.message("value")) == (b"", b"p\n", 1)


def test_a_thread_left_behind_does_not_hold_up_the_calls(sandbox: Sandbox) -> None:
    source = "import threading, time\ndef f():\n"
    source += "    threading.Thread(target=time.sleep, args=(30,)).start()\n    return 1"
    result = call(sandbox, source, Call("f", arguments()))
    assert result.message("value") == 1
    assert result.ended is Ended.EXITED
    assert result.wall_time_s < 2


BAD_SOURCES = {
    "syntax": "def f(:",
    "indentation": "if 1:\nprint()",
    "nul": "x = 1\0",
    "lone_surrogate": "x = '\ud800'",
    "return_at_top": "return 1",
    "unclosed": "print((1, 2",
    "nested_brackets": "(" * 500 + ")" * 500,
    "nested_lists": "[" * 100_000,
    "nested_unary": "x = " + "-" * 100_000 + "1",
    "nested_plus": "x = " + "1+(" * 3000 + "1" + ")" * 3000,
    "deep_blocks": "".join(" " * i + "if 1:\n" for i in range(200)) + " " * 200 + "pass",
    "huge_int": "x = " + "9" * 10_000,
    "bad_coding": "# coding: no-such-codec\nx = 1\ndef f(:",
}


@pytest.mark.parametrize("name", BAD_SOURCES)
def test_a_source_that_does_not_compile(sandbox: Sandbox, name: str) -> None:
    result = run(sandbox, BAD_SOURCES[name])
    assert isinstance(result.message("compile_error"), str), result
    assert result.message("loaded") is None
    assert result.exit_code == 1


# --- limits --------------------------------------------------------------------------------------


def test_cpu_limit(sandbox: Sandbox) -> None:
    result = run(sandbox, "while True: pass", limits=Limits(cpu_time_s=0.3))
    assert result.ended is Ended.CPU_LIMIT
    assert 0.25 <= result.cpu_time_s <= 0.8


def test_cpu_limit_counts_all_threads(sandbox: Sandbox) -> None:
    source = "import hashlib, threading\ndef f():\n    while True: hashlib.sha256(bytes(1 << 20))\n"
    source += "for _ in range(4): threading.Thread(target=f).start()"
    result = run(sandbox, source, limits=Limits(cpu_time_s=0.3, wall_time_s=20))
    assert result.ended is Ended.CPU_LIMIT
    assert result.cpu_time_s < 1


def test_wall_limit(sandbox: Sandbox) -> None:
    source = "import time\ntime.sleep(60)"
    result = run(sandbox, source, limits=Limits(cpu_time_s=5, wall_time_s=0.2))
    assert result.ended is Ended.WALL_LIMIT
    assert 0.2 <= result.wall_time_s < 1.2
    assert result.cpu_time_s < 0.2


def test_memory_limit(sandbox: Sandbox) -> None:
    limits = Limits(memory_bytes=64 * 2**20)
    result = run(sandbox, "x = bytearray(200 * 2**20)", limits=limits)
    assert (result.ended, result.exit_code) == (Ended.EXITED, 1)
    assert str(result.message("error")).startswith("MemoryError")
    fine = run(sandbox, "x = bytearray(40 * 2**20)\nprint(len(x))", limits=limits)
    assert fine.stdout == b"41943040\n"
    assert fine.peak_memory_bytes > 40 * 2**20


@pytest.mark.parametrize("fd", [1, 2])
def test_output_limit(sandbox: Sandbox, fd: int) -> None:
    source = f"import os\nwhile True: os.write({fd}, b'x' * 65536)"
    result = run(sandbox, source, limits=Limits(output_bytes=1 << 20))
    assert result.ended is Ended.OUTPUT_LIMIT
    assert len(result.stdout) + len(result.stderr) == 1 << 20


def test_output_just_at_the_limit_is_fine(sandbox: Sandbox) -> None:
    limits = Limits(output_bytes=1000)
    exact = run(sandbox, "import os\nos.write(1, b'x' * 1000)", limits=limits)
    assert (exact.ended, len(exact.stdout)) == (Ended.EXITED, 1000)
    over = run(sandbox, "import os\nos.write(1, b'x' * 1001)", limits=limits)
    assert (over.ended, len(over.stdout)) == (Ended.OUTPUT_LIMIT, 1000)


def test_open_files_limit(sandbox: Sandbox) -> None:
    source = "import os\nn = 0\ntry:\n    while True:\n        os.dup(0)\n        n += 1\n"
    source += "except OSError as e:\n    print(n, e.strerror)"
    result = run(sandbox, source, limits=Limits(open_files=20))
    assert result.stdout == b"16 Too many open files\n"


@pytest.mark.nsjail
def test_file_size_limit(jail: Sandbox) -> None:
    source = "f = open('big', 'wb')\ntry:\n    f.write(bytes(3 << 20))\n    f.flush()\n"
    source += "except OSError as e:\n    print(e.strerror)"
    result = run(jail, source, scratch=True, limits=Limits(file_size_bytes=1 << 20))
    assert result.stdout in (b"File too large\n", b"No space left on device\n")


@pytest.mark.nsjail
def test_scratch_folder_as_a_whole_is_limited(jail: Sandbox) -> None:
    source = "try:\n    for i in range(100):\n        open(f'f{i}', 'wb').write(bytes(1 << 19))\n"
    source += "except OSError as e:\n    print(e.strerror)"
    result = run(jail, source, scratch=True, limits=Limits(file_size_bytes=2 << 20))
    assert result.stdout == b"No space left on device\n"


@pytest.mark.nsjail
def test_thread_limit(jail: Sandbox) -> None:
    source = "import threading\ne = threading.Event()\nn = 0\ntry:\n    while n < 100:\n"
    source += "        threading.Thread(target=e.wait, daemon=True).start()\n        n += 1\n"
    source += "except RuntimeError:\n    pass\nprint(n)"
    result = run(jail, source, limits=Limits(threads=8))
    assert result.stdout == b"7\n"  # and the main one


def test_what_was_measured(sandbox: Sandbox) -> None:
    source = "import time\nt = time.process_time()\nwhile time.process_time() < t + 0.1: pass"
    result = run(sandbox, source)
    assert 0.1 <= result.cpu_time_s < 0.5
    assert result.wall_time_s >= 0.1
    assert 2**20 < result.peak_memory_bytes < 2**30


def test_a_segfault_is_a_signal(sandbox: Sandbox) -> None:
    result = run(sandbox, "import ctypes\nctypes.string_at(0)")
    assert (result.ended, result.signal, result.exit_code) == (Ended.SIGNALED, 11, None)


# --- a known state -------------------------------------------------------------------------------

# What a run does, and what the next run on the same worker must print all the same.
TRACES = {
    "global": ("x = 1", "print('x' in globals())", "False"),
    "module": ("import types, sys\nsys.modules['evil'] = types.ModuleType('evil')",
               "import sys\nprint('evil' in sys.modules)", "False"),
    "builtins": ("import builtins\nbuiltins.print = None\nbuiltins.len = lambda x: 0",
                 "print(len('ab'))", "2"),
    "json": ("import json\njson.dumps = json.loads = None", "import json\nprint(json.dumps([1]))",
             "[1]"),
    "math": ("import math\nmath.pi = 3", "import math\nprint(math.pi > 3)", "True"),
    "random": ("import random\nrandom.seed(7)\nrandom.random = lambda: 0.5",
               "import random\nprint(random.random() != 0.5)", "True"),
    "environ": ("import os\nos.environ['LEAK'] = '1'\nos.putenv('LEAK', '1')",
                "import os\nprint(os.environ.get('LEAK'))", "None"),
    "cwd": ("import os\nos.chdir('/usr' if os.path.isdir('/usr') else '/')",
            "import os\nprint(os.getcwd() == '/usr')", "False"),
    "umask": ("import os\nos.umask(0o777)", "import os\nprint(oct(os.umask(0)))", "0o22"),
    "signal": ("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
               "import signal\nprint(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)", "True"),
    "thread": ("import threading, time\n"
               "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
               "import threading\nprint(threading.active_count())", "1"),
    "recursion": ("import sys\nsys.setrecursionlimit(50)",
                  "import sys\nprint(sys.getrecursionlimit())", "1000"),
    "sys_path": ("import sys\nsys.path.insert(0, '/evil')", "import sys\nprint('/evil' in sys.path)",
                 "False"),
    "import_hook": ("import sys\nsys.meta_path.insert(0, None)",
                    "import sys\nprint(None in sys.meta_path)", "False"),
    "trace": ("import sys\nsys.settrace(lambda *a: None)", "import sys\nprint(sys.gettrace())", "None"),
    "gc": ("import gc\ngc.disable()", "import gc\nprint(gc.isenabled())", "True"),
    "decimal": ("import decimal\ndecimal.getcontext().prec = 2",
                "import decimal\nprint(decimal.Decimal(1) / 3)", "0.3333333333333333333333333333"),
    "locale_warnings": ("import warnings\nwarnings.simplefilter('error')",
                        "import warnings\nwarnings.warn('w')\nprint('fine')", "fine"),
    "atexit": ("import atexit\natexit.register(print, 'evil')", "print('only')", "only"),
    "limits": ("import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))",
               "import os\nprint(len([os.dup(0) for _ in range(20)]))", "20"),
    "plain_data": ("import plain_data\nplain_data.encode = plain_data.decode = None",
                   "import plain_data\nprint(plain_data.encode(1))", "1"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRACES)
def test_no_trace_of_an_earlier_run(sandbox: Sandbox, name: str) -> None:
    before, source, wanted = TRACES[name]
    for _ in range(sandbox.workers):  # whichever worker the next run falls to
        run(sandbox, before)
    first = [sandbox.submit(Run(before)) for _ in range(4)]
    assert all(f.result(60).exit_code == 0 for f in first), first[0].result().stderr
    futures = [sandbox.submit(Run(source)) for _ in range(4)]
    assert [f.result(60).stdout.decode().strip() for f in futures] == [wanted] * 4


@pytest.mark.nsjail
def test_scratch_folder_is_empty_private_and_gone(jail: Sandbox) -> None:
    source = "import os\nprint(os.listdir('.'), os.listdir('/tmp'), os.getcwd())\n"
    source += "open('left', 'w').write('x')\nprint(oct(os.stat('.').st_mode & 0o777))"
    results = [jail.submit(Run(source, scratch=True)) for _ in range(8)]
    assert {f.result(60).stdout for f in results} == {b"[] [] /tmp\n0o700\n"}
    bare = run(jail, "import os\nprint(os.listdir('/tmp'))")
    assert bare.stdout == b"[]\n"


@pytest.mark.nsjail
def test_without_scratch_nothing_can_be_written(jail: Sandbox) -> None:
    source = "import os\nfor d in ('/', '/tmp', '/python', '/guest', '.', '/dev'):\n    try:\n"
    source += "        open(os.path.join(d, 'x'), 'w')\n        print('wrote', d)\n"
    source += "    except OSError:\n        pass"
    assert run(jail, source).stdout == b""


@pytest.mark.nsjail
def test_the_environment_is_known(jail: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import json, os\nprint(json.dumps(dict(os.environ)))"
    environment = json.loads(run(jail, source).stdout)
    wanted = {
        *("HOME", "LANG", "LD_BIND_NOW", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "TMPDIR", "TZ"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONUTF8"),
    }
    assert set(environment) <= wanted | {"PATH", "LC_CTYPE"}
    assert environment["HOME"] == "/tmp"
    assert environment["PYTHONHASHSEED"] == "0"


def test_the_same_program_does_the_same_each_time(sandbox: Sandbox) -> None:
    source = "print(hash('a'), list({'x', 'y', 'z'}))"
    assert len({run(sandbox, source).stdout for _ in range(6)}) == 1


@pytest.mark.nsjail
def test_random_differs_from_run_to_run(jail: Sandbox) -> None:
    source = "import random\nprint(random.random())"
    assert len({run(jail, source).stdout for _ in range(4)}) == 4
