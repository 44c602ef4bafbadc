# ruff: noqa: E501 -- programs and tables, a case a line
"""Programs in languages other than Python, judged as Python's are."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from coding_envs.errors import (
    InvalidValueError,
    SandboxClosedError,
    SandboxError,
    SandboxUnavailableError,
    UnknownNameError,
)
from coding_envs.judge import Judge
from coding_envs.languages import (
    CPP,
    CPP20,
    JAVASCRIPT,
    PYTHON,
    C,
    CompilerCache,
    Language,
    language,
    languages,
    prepare,
    register_language,
)
from coding_envs.languages.doctor import diagnose
from coding_envs.languages.program import Program
from coding_envs.problem import (
    CallTest,
    InteractiveTest,
    JudgeProgram,
    Limits,
    Problem,
    StdioTest,
)
from coding_envs.sandbox import (
    Ended,
    FakeSandbox,
    Order,
    Run,
    RunResult,
    Sandbox,
    UnsafeSandboxWarning,
    make_sandbox,
)
from coding_envs.sandbox.native import CompilerRun, NativeRun, NativeSandbox
from coding_envs.verdict import Status

pytestmark = pytest.mark.nsjail

LIMITS = Limits(cpu_time_s=2.0, memory_bytes=128 * 2**20)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(workers=2) as made:
        yield made


def needs(name: str) -> Language:
    found = language(name)
    if not found.available():
        pytest.skip(f"no {' or '.join(found.tools)} on this machine: {found.remedy}")
    return found


def problem(name: str, *tests: tuple[str, str], limits: Limits = LIMITS) -> Problem:
    given = tuple(StdioTest(stdin, stdout) for stdin, stdout in tests)
    return Problem("d", "p", "", language=name, public_tests=given, limits=limits)


@dataclass(frozen=True)
class Case:
    """A program that must be accepted: it reads `stdin` and prints `stdout`."""

    name: str
    source: str
    stdout: str
    stdin: str = ""


ALL = "#include <bits/stdc++.h>\nusing namespace std;\n"
CPP_IDIOMS = [
    Case(
        "cin_cout",
        "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }",
        "5\n",
        "2\n3\n",
    ),
    Case(
        "scanf_printf",
        '#include <cstdio>\nint main() { int a, b; while (scanf("%d %d", &a, &b) == 2) printf("%d\\n", a * b); }',
        "6\n20\n",
        "2 3\n4 5\n",
    ),
    Case(
        "sync_off",
        ALL
        + "int main() { ios::sync_with_stdio(false); cin.tie(nullptr); long long s = 0, x; while (cin >> x) s += x; cout << s << '\\n'; }",
        "4999950000\n",
        " ".join(map(str, range(100000))),
    ),
    Case(
        "getline",
        ALL
        + "int main() { string s; int n = 0; while (getline(cin, s)) cout << ++n << \":\" << s << '\\n'; }",
        "1:a b\n2:\n3:c\n",
        "a b\n\nc",
    ),
    Case(
        "getchar",
        "#include <cstdio>\nint main() { int c, n = 0; while ((c = getchar()) != EOF) n += c == 'x'; printf(\"%d\", n); }",
        "3",
        "xaxbx",
    ),
    Case(
        "fread",
        "#include <cstdio>\nchar b[1 << 20];\nint main() { size_t n = fread(b, 1, sizeof b, stdin); fwrite(b, 1, n, stdout); }",
        "abc\n",
        "abc\n",
    ),
    Case(
        "stringstream",
        ALL
        + "int main() { string l; getline(cin, l); stringstream s(l); int x, t = 0; while (s >> x) t += x; cout << t; }",
        "6",
        "1 2 3",
    ),
    Case(
        "containers",
        ALL
        + 'int main() { map<string, int> m; set<int> s{3, 1, 2}; unordered_map<int, int> u; priority_queue<int> q; q.push(4); q.push(9); m["k"] = q.top(); u[1]++; cout << m["k"] << *s.begin() << u[1] << s.size(); }',
        "9113",
    ),
    Case(
        "threads",
        ALL
        + "int main() { atomic<long> n{0}; vector<thread> t; for (int i = 0; i < 8; i++) t.emplace_back([&] { for (int k = 0; k < 1000; k++) n++; }); for (auto& x : t) x.join(); cout << n; }",
        "8000",
    ),
    Case(
        "async",
        ALL + "int main() { auto f = async(launch::async, [] { return 42; }); cout << f.get(); }",
        "42",
    ),
    Case(
        "deep_recursion",
        ALL
        + "long f(long n) { if (n == 0) return 0; long r = f(n - 1); return (r ^ n) + 1; }\nint main() { volatile long n = 1000000; cout << (f(n) != 0); }",
        "1",
    ),
    Case(
        "exceptions",
        ALL
        + 'int main() { try { vector<int> v; v.at(3); } catch (const out_of_range&) { cout << "caught"; } try { throw 7; } catch (int x) { cout << x; } }',
        "caught7",
    ),
    Case(
        "bad_alloc_caught",
        ALL
        + 'int main() { try { vector<char> v(1ull << 40); } catch (const bad_alloc&) { cout << "full"; } }',
        "full",
    ),
    Case(
        "long_double",
        '#include <cstdio>\nint main() { long double x = 1.0L / 3; printf("%.18Lf %zu", x, sizeof x); }',
        "0.333333333333333333 16",
    ),
    Case(
        "int128",
        ALL
        + "int main() { __int128 x = 1; for (int i = 0; i < 100; i++) x *= 2; cout << (long long)(x >> 60); }",
        "1099511627776",
    ),
    Case(
        "lambda_structured",
        ALL
        + "int main() { map<int, int> m{{1, 2}}; for (auto& [k, v] : m) cout << [=] { return k + v; }(); }",
        "3",
    ),
    Case(
        "iomanip",
        ALL
        + "int main() { cout << fixed << setprecision(3) << 3.14159 << ' ' << setw(5) << setfill('0') << 42; }",
        "3.142 00042",
    ),
    Case(
        "random_chrono",
        ALL
        + "int main() { mt19937 g(1); auto t = chrono::steady_clock::now(); cout << (g() > 0) << (chrono::steady_clock::now() >= t); }",
        "11",
    ),
    Case(
        "regex",
        ALL + 'int main() { cout << regex_replace(string("a1b2"), regex("[0-9]"), "#"); }',
        "a#b#",
    ),
    Case(
        "gcc_extensions",
        ALL + "int main() { cout << __builtin_popcountll(255) << __gcd(12, 18); }",
        "86",
    ),
    Case(
        "pragmas",
        '#pragma GCC optimize("O3,unroll-loops")\n#pragma GCC target("sse4.2")\n'
        + ALL
        + "int main() { cout << 1; }",
        "1",
    ),
    Case(
        "pbds",
        ALL
        + "#include <ext/pb_ds/assoc_container.hpp>\n#include <ext/pb_ds/tree_policy.hpp>\nusing namespace __gnu_pbds;\nint main() { tree<int, null_type, less<int>, rb_tree_tag, tree_order_statistics_node_update> t; t.insert(5); t.insert(9); cout << *t.find_by_order(1) << t.order_of_key(9); }",
        "91",
    ),
    Case(
        "exit_zero",
        '#include <cstdlib>\n#include <cstdio>\nint main() { printf("x"); exit(0); }',
        "x",
    ),
    Case(
        "own_files",
        ALL
        + 'int main() { { ofstream f("a.txt"); f << 5; } ifstream g("a.txt"); int x; g >> x; cout << x; }',
        "5",
    ),
    Case(
        "freopen",
        '#include <cstdio>\nint main() { FILE* f = fopen("in.txt", "w"); fputs("7", f); fclose(f); freopen("in.txt", "r", stdin); int x; scanf("%d", &x); printf("%d", x); }',
        "7",
    ),
    Case(
        "big_array",
        '#include <cstdio>\nint a[20000000];\nint main() { for (int i = 0; i < 20000000; i += 1000) a[i] = i; printf("%d", a[19999000]); }',
        "19999000",
    ),
    Case(
        "no_newline_unicode",
        '#include <iostream>\nint main() { std::cout << "\\u00e9\\u6f22 é"; }',
        "é漢 é",
    ),
    Case(
        "stderr_ignored",
        '#include <iostream>\nint main() { std::cerr << "debug"; std::cout << 1; }',
        "1",
    ),
]

READ = "const fs = require('fs');\n"
JS_IDIOMS = [
    Case(
        "read_fd_0",
        READ
        + "const [a, b] = fs.readFileSync(0, 'utf8').split(/\\s+/).map(Number);\nconsole.log(a + b);",
        "5\n",
        "2 3\n",
    ),
    Case(
        "read_fd_0_buffer",
        READ + "console.log(fs.readFileSync(0).toString().trim().length);",
        "3\n",
        "abc\n",
    ),
    Case(
        "read_dev_stdin",
        READ + "console.log(fs.readFileSync('/dev/stdin', 'utf8').trim());",
        "hi\n",
        "hi\n",
    ),
    Case(
        "read_dev_stdin_big",
        READ + "console.log(fs.readFileSync('/dev/stdin').length);",
        "1000000\n",
        "x" * 1000000,
    ),
    Case(
        "open_dev_stdin",
        READ
        + "const fd = fs.openSync('/dev/stdin');\nconst b = Buffer.alloc(9);\nconsole.log(fs.readSync(fd, b));",
        "3\n",
        "abc",
    ),
    Case(
        "stream_dev_stdin",
        READ
        + "let n = 0;\nfs.createReadStream('/dev/stdin').on('data', d => n += d.length).on('end', () => console.log(n));",
        "3\n",
        "abc",
    ),
    Case(
        "readline",
        "const rl = require('readline').createInterface({ input: process.stdin });\nlet n = 0;\nrl.on('line', l => n += Number(l));\nrl.on('close', () => console.log(n));",
        "6\n",
        "1\n2\n3",
    ),
    Case(
        "readline_async",
        "(async () => {\n  const rl = require('readline').createInterface({ input: process.stdin });\n  for await (const line of rl) console.log(line.toUpperCase());\n})();",
        "A\nB\n",
        "a\nb\n",
    ),
    Case(
        "process_stdin_data",
        "let s = '';\nprocess.stdin.on('data', d => s += d).on('end', () => console.log(s.trim().split('\\n').length));",
        "2\n",
        "a\nb\n",
    ),
    Case(
        "stdin_for_await",
        "(async () => { let s = ''; for await (const d of process.stdin) s += d; console.log(s.length); })();",
        "4\n",
        "abcd",
    ),
    Case("stdin_empty", READ + "console.log(fs.readFileSync(0, 'utf8') === '');", "true\n"),
    Case("stdout_write", "process.stdout.write('a');\nprocess.stdout.write('b\\n');", "ab\n"),
    Case(
        "big_output",
        "const out = [];\nfor (let i = 0; i < 100000; i++) out.push(i);\nconsole.log(out.join('\\n'));",
        "\n".join(map(str, range(100000))),
    ),
    Case("bigint", "console.log(String(2n ** 100n));", "1267650600228229401496703205376\n"),
    Case(
        "deep_recursion",
        "const f = n => n === 0 ? 0 : 1 + f(n - 1);\nconsole.log(f(100000));",
        "100000\n",
    ),
    Case(
        "collections",
        "const m = new Map([[1, 2]]), s = new Set([3, 3]);\nconsole.log(m.get(1), s.size, [3, 1, 2].sort((a, b) => a - b).join(''));",
        "2 1 123\n",
    ),
    Case(
        "typed_arrays",
        "const a = new Int32Array(1e6).fill(7);\nconsole.log(a.reduce((x, y) => x + y));",
        "7000000\n",
    ),
    Case(
        "classes",
        "class A { #x = 1; get x() { return this.#x; } static of() { return new A(); } }\nconsole.log(A.of().x ?? 0, null?.y);",
        "1 undefined\n",
    ),
    Case(
        "promises",
        "setTimeout(() => console.log('b'), 5);\nPromise.resolve().then(() => console.log('a'));",
        "a\nb\n",
    ),
    Case("eval", "console.log(eval('1 + 1'), new Function('return 3')());", "2 3\n"),
    Case(
        "assert_and_modules",
        "require('assert').strictEqual(1, 1);\nconsole.log(require('util').inspect([1]), require('os').EOL === '\\n');",
        "[ 1 ] true\n",
    ),
    Case(
        "es_module",
        "import { readFileSync } from 'fs';\nconsole.log(readFileSync(0, 'utf8').trim());",
        "a\n",
        "a\n",
    ),
    Case("top_level_return", "if (true) { console.log(1); return; }\nconsole.log(2);", "1\n"),
    Case("exit_zero", "console.log(1);\nprocess.exit(0);", "1\n"),
    Case(
        "own_files",
        READ
        + "fs.writeFileSync('a.txt', '5');\nconsole.log(fs.readFileSync('/tmp/a.txt', 'utf8'));",
        "5\n",
    ),
]

C_IDIOMS = [
    Case(
        "scanf",
        '#include <stdio.h>\nint main(void) { int a; scanf("%d", &a); printf("%d\\n", a * 2); return 0; }',
        "4\n",
        "2",
    ),
    Case(
        "libm",
        '#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\nint main(void) { double x; scanf("%lf", &x); printf("%.3f", sqrt(x)); return EXIT_SUCCESS; }',
        "1.414",
        "2",
    ),
    Case(
        "malloc",
        "#include <stdlib.h>\n#include <stdio.h>\n#include <string.h>\nint main() { char* p = malloc(1 << 20); memset(p, 'x', 1 << 20); printf(\"%c\", p[5]); free(p); }",
        "x",
    ),
    Case(
        "pthread",
        '#include <pthread.h>\n#include <stdio.h>\nvoid* f(void* x) { *(int*)x = 3; return 0; }\nint main() { int v = 0; pthread_t t; pthread_create(&t, 0, f, &v); pthread_join(t, 0); printf("%d", v); }',
        "3",
    ),
]
IDIOMS = [
    pytest.param(name, case, id=f"{name}-{case.name}")
    for name, cases in (("cpp", CPP_IDIOMS), ("javascript", JS_IDIOMS), ("c", C_IDIOMS))
    for case in cases
]


@pytest.mark.parametrize(("name", "case"), IDIOMS)
def test_what_programs_commonly_do_works(judge: Judge, name: str, case: Case) -> None:
    needs(name)
    verdict = judge.judge(problem(name, (case.stdin, case.stdout)), case.source)
    assert verdict.accepted, verdict


FAILURES = [
    ("cpp", "int main() { return 3; }", Status.RUNTIME_ERROR, "with code 3"),
    ("cpp", "#include <cassert>\nint main() { assert(1 == 2); }", Status.RUNTIME_ERROR, r"signal 6: .*Assertion `1 == 2' failed"),
    ("cpp", "int main() { return *(volatile int*)8; }", Status.RUNTIME_ERROR, "signal 11"),
    ("cpp", "int main() { volatile int zero = 0; return 7 / zero; }", Status.RUNTIME_ERROR, "signal 8"),
    ("cpp", "int main() { throw 1; }", Status.RUNTIME_ERROR, "signal 6: terminate called"),
    ("cpp", "#include <cstdlib>\nint main() { abort(); }", Status.RUNTIME_ERROR, "signal 6"),
    ("cpp", "#include <cstdio>\nint main() { puts(\"no\"); }", Status.WRONG_ANSWER, r"expected 'yes\\n', got 'no"),
    ("cpp", "int main() { for (;;) asm(\"\"); }", Status.TIME_LIMIT_EXCEEDED, "stopped at a limit after"),
    ("cpp", "#include <unistd.h>\nint main() { pause(); }", Status.TIME_LIMIT_EXCEEDED, "1.[012]. s in all"),
    ("cpp", "#include <vector>\nint main() { std::vector<int> v(1 << 28); }", Status.MEMORY_LIMIT_EXCEEDED, "terminate called"),
    ("cpp", "#include <cstdlib>\n#include <cstring>\nint main() { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }", Status.MEMORY_LIMIT_EXCEEDED, "signal 11"),
    ("cpp", "int a[1 << 27];\nint main() { return a[3]; }", Status.MEMORY_LIMIT_EXCEEDED, ""),
    ("cpp", "int f(int n) { volatile char c[999]; c[n % 999] = 1; return f(n + 1) + c[0]; }\nint main() { return f(0); }", Status.MEMORY_LIMIT_EXCEEDED, "signal 11"),
    ("cpp", "#include <cstdio>\nint main() { for (;;) puts(\"xxxxxxxxxxxxxxxxxxxxxxxxxx\"); }", Status.OUTPUT_LIMIT_EXCEEDED, ""),
    ("cpp", "int main() { x = 1; }", Status.COMPILE_ERROR, r"main.cpp:1:14: error: .x. was not declared"),
    ("cpp", "#include <nothing.h>\nint main() {}", Status.COMPILE_ERROR, "nothing.h: No such file"),
    ("cpp", "int f();\nint main() { return f(); }", Status.COMPILE_ERROR, "undefined reference|ld returned"),
    ("cpp", "print(3)\n", Status.COMPILE_ERROR, "error"),
    ("cpp", "  \n", Status.NO_CODE, "no code"),
    ("c", "int main() { return x; }", Status.COMPILE_ERROR, "main.c:1:21: error"),
    ("javascript", "let = 3 +;", Status.COMPILE_ERROR, "main.js:1: SyntaxError"),
    ("javascript", "console.log('no')", Status.WRONG_ANSWER, "got 'no"),
    ("javascript", "null.x", Status.RUNTIME_ERROR, "code 1: TypeError: Cannot read"),
    ("javascript", "throw 3", Status.RUNTIME_ERROR, "code 1"),
    ("javascript", "Promise.reject(new Error('lost'))", Status.RUNTIME_ERROR, "Error: lost"),
    ("javascript", "process.exit(7)", Status.RUNTIME_ERROR, "code 7"),
    ("javascript", "while (true);", Status.TIME_LIMIT_EXCEEDED, ""),
    ("javascript", "setInterval(() => 0, 1000)", Status.TIME_LIMIT_EXCEEDED, ""),
    ("javascript", "const f = () => f() + 1;\nf()", Status.RUNTIME_ERROR, "RangeError: Maximum call stack"),
    ("javascript", "const x = [];\nfor (;;) x.push(Buffer.alloc(1 << 20, 1))", Status.MEMORY_LIMIT_EXCEEDED, ""),
    ("javascript", "console.log('x'.repeat(1 << 20))", Status.OUTPUT_LIMIT_EXCEEDED, ""),
]  # fmt: skip
TIGHT = Limits(cpu_time_s=0.4, wall_time_s=1.0, memory_bytes=64 * 2**20, output_bytes=1 << 18)


@pytest.mark.parametrize(
    ("name", "source", "status", "message"),
    FAILURES,
    ids=[f"{name}-{status}-{source[:30]!r}" for name, source, status, _ in FAILURES],
)
def test_failures_have_the_verdicts_that_python_programs_get(
    judge: Judge, name: str, source: str, status: Status, message: str
) -> None:
    needs(name)
    verdict = judge.judge(problem(name, ("", "yes\n"), limits=TIGHT), source)
    assert verdict.status is status, verdict
    assert re.search(message, verdict.message), verdict.message
    assert "\n" not in verdict.message


# --- limits and what runs are given --------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with make_sandbox("nsjail", workers=1) as made:
        yield made


def made(sandbox: Sandbox, name: str, source: str) -> Program:
    steps = prepare(needs(name), source)
    runs = next(steps)
    with pytest.raises(StopIteration) as stopped:
        steps.send([sandbox.submit(run).result(60) for run in runs])
    program = stopped.value.value
    assert isinstance(program, Program), program
    return program


ECHO = {
    "cpp": "#include <fstream>\n#include <iostream>\nint main(int c, char** v) { std::string s; std::ifstream f(v[1]); f >> s; std::cout << c << v[2] << s; }",
    "c": "#include <stdio.h>\nint main(int c, char** v) { char s[99]; FILE* f = fopen(v[1], \"r\"); fscanf(f, \"%98s\", s); printf(\"%d%s%s\", c, v[2], s); }",
    "javascript": "const [, , file, word, ...rest] = process.argv;\nprocess.stdout.write(3 + rest.length + word + require('fs').readFileSync(file, 'utf8').trim());",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ECHO))
def test_programs_get_arguments_and_files(sandbox: Sandbox, name: str) -> None:
    program = made(sandbox, name, ECHO[name])
    run = program.run(args=("answer.txt", "-x"), files={"answer.txt": b"42\n"})
    result = sandbox.submit(run).result(60)
    assert (result.exit_code, result.stdout) == (0, b"3-x42"), result


def test_what_is_measured(sandbox: Sandbox) -> None:
    source = "#include <cstring>\nchar a[50 << 20];\nint main() { for (int i = 0; i < 20; i++) memset(a, i, sizeof a); return a[7] != 19; }"
    result = sandbox.submit(made(sandbox, "cpp", source).run(limits=LIMITS)).result(60)
    assert result.exit_code == 0, result
    assert 50 << 20 < result.peak_memory_bytes < 80 << 20
    assert 0.01 < result.cpu_time_s <= result.wall_time_s + 0.02
    threads = '#include <thread>\nint main() { std::thread t[2]; for (auto& x : t) x = std::thread([] { for (int i = 0; i < 1 << 28; i++) asm(""); }); for (auto& x : t) x.join(); }'
    both = sandbox.submit(made(sandbox, "cpp", threads).run(limits=LIMITS)).result(60)
    assert both.cpu_time_s > 0.1, "the time of all threads counts"


def test_each_run_starts_anew(sandbox: Sandbox) -> None:
    source = '#include <fstream>\n#include <iostream>\nint main() { std::ifstream f("a"); std::cout << f.good(); std::ofstream("a") << 1; }'
    program = made(sandbox, "cpp", source)
    runs = [sandbox.submit(program.run()).result(60) for _ in range(3)]
    assert [r.stdout for r in runs] == [b"0"] * 3


def test_signals_are_as_a_program_expects_them(sandbox: Sandbox) -> None:
    source = '#include <csignal>\n#include <cstdio>\nint main() { int all[] = {SIGPIPE, SIGXFSZ, SIGINT, SIGCHLD}; for (int s : all) printf("%d", signal(s, SIG_DFL) == SIG_DFL); fflush(stdout); raise(SIGTERM); }'
    result = sandbox.submit(made(sandbox, "cpp", source).run()).result(60)
    assert (result.stdout, result.ended, result.signal) == (b"1111", Ended.SIGNALED, 15)


def test_peak_memory_and_time_of_a_verdict_are_the_program_s_own(judge: Judge) -> None:
    needs("cpp")
    verdict = judge.judge(
        problem("cpp", ("", "1")), "#include <bits/stdc++.h>\nint main() { std::cout << 1; }"
    )
    assert verdict.accepted
    assert (verdict.runs, verdict.peak_memory_bytes < 40 << 20) == (1, True)
    assert verdict.cpu_time_s < 0.1, "compiling is not the program's time"


# --- special judges ------------------------------------------------------------------------------

CHECKERS = {
    "python": "import sys\nwanted, got = (sorted(open(sys.argv[n]).read().split()) for n in (3, 2))\nprint('order', file=sys.stderr)\nsys.exit(wanted != got)",
    "cpp": ALL + "int main(int, char** v) { auto words = [](const char* p) { ifstream f(p); multiset<string> s; string w; while (f >> w) s.insert(w); return s; }; cerr << \"order\"; return words(v[2]) != words(v[3]); }",
    "javascript": "const words = n => require('fs').readFileSync(process.argv[n], 'utf8').split(/\\s+/).filter(Boolean).sort().join();\nconsole.error('order');\nprocess.exit(words(3) === words(4) ? 0 : 1);",
}  # fmt: skip


@pytest.mark.parametrize("of_program", ["cpp", "javascript", "python"])
@pytest.mark.parametrize("of_checker", sorted(CHECKERS))
def test_checkers_in_any_language(judge: Judge, of_checker: str, of_program: str) -> None:
    for name in (of_checker, of_program):
        needs(name)
    checker = JudgeProgram(CHECKERS[of_checker], language=of_checker)
    task = problem(of_program, ("", "1 2 3")).replace(checker=checker)
    prints = {
        "cpp": '#include <cstdio>\nint main() {{ puts("{}"); }}',
        "javascript": "console.log('{}')",
        "python": "print('{}')",
    }[of_program]
    assert judge.judge(task, prints.format("3 1 2")).accepted
    verdict = judge.judge(task, prints.format("3 1"))
    assert (verdict.status, "order" in verdict.message) == (Status.WRONG_ANSWER, True), verdict


INTERACTORS = {
    "python": "import sys\nsecret = int(open(sys.argv[1]).read())\nfor _ in range(20):\n    guess = int(input())\n    print('=' if guess == secret else '<' if guess < secret else '>', flush=True)\n    if guess == secret: sys.exit(0)\nsys.exit('too many')",
    "cpp": ALL + "int main(int, char** v) { int secret, guess; ifstream(v[1]) >> secret; for (int i = 0; i < 20; i++) { cin >> guess; cout << (guess == secret ? '=' : guess < secret ? '<' : '>') << endl; if (guess == secret) return 0; } return 1; }",
}  # fmt: skip
GUESSERS = {
    "python": "low, high = 1, 1000\nwhile True:\n    middle = (low + high) // 2\n    print(middle, flush=True)\n    answer = input()\n    if answer == '=': break\n    if answer == '<': low = middle + 1\n    else: high = middle - 1",
    "cpp": ALL + "int main() { int low = 1, high = 1000; for (;;) { int middle = (low + high) / 2; cout << middle << endl; char c; cin >> c; if (c == '=') break; if (c == '<') low = middle + 1; else high = middle - 1; } }",
    "javascript": "const rl = require('readline').createInterface({ input: process.stdin });\nlet low = 1, high = 1000, middle = 500;\nconsole.log(middle);\nrl.on('line', c => { if (c === '=') process.exit(0); if (c === '<') low = middle + 1; else high = middle - 1; middle = (low + high) >> 1; console.log(middle); });",
}  # fmt: skip


@pytest.mark.parametrize("of_program", sorted(GUESSERS))
@pytest.mark.parametrize("of_interactor", sorted(INTERACTORS))
def test_interactors_in_any_language(judge: Judge, of_interactor: str, of_program: str) -> None:
    for name in (of_interactor, of_program):
        needs(name)
    interactor = JudgeProgram(INTERACTORS[of_interactor], language=of_interactor)
    task = Problem(
        "d",
        "p",
        "",
        language=of_program,
        hidden_tests=(InteractiveTest("37"), InteractiveTest("1000")),
        interactor=interactor,
        solutions=(GUESSERS[of_program],),
    )
    assert judge.judge(task, GUESSERS[of_program]).accepted
    wrong = {
        "python": "while True:\n    print(7, flush=True)\n    input()",
        "cpp": "#include <cstdio>\nint main() { for (char s[9];;) { puts(\"7\"); fflush(stdout); if (!fgets(s, 9, stdin)) return 0; } }",
        "javascript": "console.log(7);\nprocess.stdin.on('data', () => console.log(7));",
    }[of_program]  # fmt: skip
    assert judge.judge(task, wrong).status is Status.WRONG_ANSWER


@pytest.mark.parametrize("role", ["checker", "interactor"])
def test_a_special_judge_that_does_not_compile_is_our_fault(judge: Judge, role: str) -> None:
    needs("cpp")
    broken = JudgeProgram("int main() { return x; }", language="cpp")
    task = problem("python", ("", "")).replace(**{role: broken})
    if role == "interactor":
        task = task.replace(public_tests=(InteractiveTest(""),))
    verdict = judge.judge(task, "print(1)")
    assert verdict.status is Status.JUDGE_ERROR
    assert "main.cpp:1:21: error" in verdict.message


# --- workers -------------------------------------------------------------------------------------


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def native_pids(sandbox: Sandbox) -> list[int]:
    assert isinstance(sandbox, NativeSandbox)
    return [pid for pool in sandbox._native.values() for pid in pool.worker_pids()]


def test_native_workers_start_when_needed_and_end_with_the_sandbox() -> None:
    needs("c")
    sandbox = make_sandbox("nsjail", workers=2)
    try:
        assert sandbox.submit(Run("print(1)")).result(60).stdout == b"1\n"
        assert native_pids(sandbox) == []
        program = made(sandbox, "c", C.example)
        assert sandbox.submit(program.run()).result(60).stdout == b"hello\n"
        pids = native_pids(sandbox)
        assert len(pids) == len(alive(pids)) == 4, "two for compilers, two for programs"
        endless = made(sandbox, "c", "int main() { for (;;); }")
        waiting = sandbox.submit(endless.run(limits=Limits(cpu_time_s=100)))
    finally:
        sandbox.close()
    assert alive(pids) == []
    assert isinstance(waiting.exception(10), SandboxClosedError)
    with pytest.raises(SandboxClosedError):
        sandbox.submit(program.run())
    sandbox.close()


def test_a_forked_copy_of_the_sandbox_runs_nothing() -> None:
    with make_sandbox("nsjail", workers=1) as sandbox:
        read, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons': threads and forks
            pid = os.fork()
        if pid == 0:  # pragma: no cover -- another process
            try:
                sandbox.submit(NativeRun(command=("/bin/true",)))
            except SandboxError as error:
                os.write(write, str(error).encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as said:
            assert b"belongs to another process" in said.read()
        os.waitpid(pid, 0)
        assert sandbox.submit(Run("print(1)")).result(60).stdout == b"1\n"


def test_a_native_worker_that_dies_is_replaced_and_its_run_repeated() -> None:
    needs("c")
    with make_sandbox("nsjail", workers=1) as sandbox:
        program = made(
            sandbox,
            "c",
            '#include <stdio.h>\n#include <unistd.h>\nint main() { sleep(1); puts("done"); }',
        )
        future = sandbox.submit(program.run())
        time.sleep(0.5)
        before = native_pids(sandbox)
        os.kill(before[-1], signal.SIGKILL)  # of the pool that was started last
        assert future.result(60).stdout == b"done\n"
        assert native_pids(sandbox)[:-1] == before[:-1]
        assert native_pids(sandbox)[-1] != before[-1]


# --- compiled once -------------------------------------------------------------------------------


def test_the_same_program_is_compiled_once_also_when_submitted_together() -> None:
    compiled = []

    def answer(run: Run | Order) -> RunResult:
        if isinstance(run, CompilerRun):
            compiled.append(run)
            return RunResult(Ended.EXITED, exit_code=0, stdout=b"code")
        assert isinstance(run, NativeRun)
        assert run.executable == b"code"
        return RunResult(Ended.EXITED, exit_code=0, stdout=run.stdin)

    needs("cpp")
    fake = FakeSandbox(answer, delay=True)
    judge = Judge(sandbox=fake)
    task = problem("cpp", ("1", "1"), ("2", "2"))
    futures = [judge.submit(task, "int main() {}") for _ in range(5)]
    while fake.deliver():
        pass
    assert all(f.result(1).accepted for f in futures)
    assert len(compiled) == 1
    assert compiled[0].files == {"main.cpp": b"int main() {}"}
    assert judge.executions == 10
    other = [
        judge.submit(task, "int main() { }"),
        judge.submit(task.replace(language="c++20"), "int main() {}"),
    ]
    while fake.deliver():
        pass
    assert all(f.result(1).accepted for f in other)
    assert len(compiled) == 3, "another text, and the same text in another language"


def ask(cache: CompilerCache, sandbox: Sandbox, text: bytes) -> RunResult | BaseException:
    told: list[RunResult | BaseException] = []
    cache.start(sandbox, CompilerRun(command=("c",), files={"s": text}), told.append)
    return told[0]


def test_the_cache_keeps_what_fits_and_nothing_that_was_stopped() -> None:
    def answer(run: Run | Order) -> RunResult:
        assert isinstance(run, CompilerRun)
        stopped = run.files["s"] == b"stopped"
        return RunResult(Ended.WALL_LIMIT if stopped else Ended.EXITED, stdout=bytes(600))

    fake, cache = FakeSandbox(answer), CompilerCache(most_bytes=2 * (600 + 1024))
    for text, runs in ((b"a", 1), (b"b", 2), (b"a", 2), (b"c", 3), (b"a", 3), (b"b", 4)):
        assert isinstance(ask(cache, fake, text), RunResult)
        assert len(fake.runs) == runs, "the one least recently used has gone"
    for runs in (5, 6):
        ask(cache, fake, b"stopped")
        assert len(fake.runs) == runs


def test_faults_of_the_sandbox_are_not_kept() -> None:
    def fail(run: Run | Order) -> RunResult:
        raise OSError("no")

    fake, cache = FakeSandbox(fail), CompilerCache()
    for count in (1, 2):
        assert isinstance(ask(cache, fake, b"x"), OSError)
        assert len(fake.runs) == count
    fake.close()
    assert isinstance(ask(cache, fake, b"x"), SandboxClosedError)


def test_many_threads_may_submit(judge: Judge) -> None:
    needs("cpp")
    task = problem("cpp", ("3", "3"))
    verdicts = []

    def submit() -> None:
        verdicts.append(
            judge.judge(
                task, "#include <iostream>\nint main() { int x; std::cin >> x; std::cout << x; }"
            )
        )

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [v.status for v in verdicts] == [Status.ACCEPTED] * 8


def test_a_large_header_is_compiled_beforehand() -> None:
    needs("cpp")
    source = "#include <bits/stdc++.h>\nint main() { std::cout << __INCLUDE_LEVEL__ << %d; }"
    with make_sandbox("nsjail", workers=1) as sandbox:
        compiler_run = CPP.compiler_run(source)
        assert compiler_run is not None
        times_s = []
        for number in range(6):  # after the third, the header is the next in the queue
            given = replace(compiler_run, files={"main.cpp": (source % number).encode()})
            result = sandbox.submit(given).result(120)
            assert result.exit_code == 0, result
            times_s.append(result.cpu_time_s)
            program = CPP.native_run(result.stdout, b"", LIMITS, (), {}, scratch=False)
            assert sandbox.submit(program).result(60).stdout == f"0{number}".encode()
        assert max(times_s[4:]) < 0.7 * min(times_s[:3]), times_s
        # Used only where it means the same.
        macros = b"#define vector 5\n#define NDEBUG\n#include <bits/stdc++.h>\nint main() { assert(0); return vector; }"
        result = sandbox.submit(replace(compiler_run, files={"main.cpp": macros})).result(60)
        assert result.exit_code == 1, "as without a header compiled beforehand"
        quiet = (
            b"#define NDEBUG\n#include <bits/stdc++.h>\nint main() { assert(0); std::cout << 1; }"
        )
        result = sandbox.submit(replace(compiler_run, files={"main.cpp": quiet})).result(60)
        program = CPP.native_run(result.stdout, b"", LIMITS, (), {}, scratch=False)
        assert sandbox.submit(program).result(60).stdout == b"1", "the macro still counts"


# --- the registry --------------------------------------------------------------------------------

SPELLINGS = {
    **dict.fromkeys(("python", "Python3", "Python 3", "py3", "PyPy 3-64", " python "), PYTHON),
    **dict.fromkeys(
        (
            "cpp",
            "C++",
            "C++17",
            "cpp17",
            "c++14",
            "G++",
            "GNU C++17",
            "C++14 (GCC 6-32)",
            "gnu++11",
        ),
        CPP,
    ),
    **dict.fromkeys(("cpp20", "C++20", "GNU C++20 (64)"), CPP20),
    **dict.fromkeys(("c", "C", "c11", "GNU C11"), C),
    **dict.fromkeys(("js", "javascript", "JavaScript", "node", "Node.js"), JAVASCRIPT),
}


@pytest.mark.parametrize(("spelling", "wanted"), SPELLINGS.items(), ids=list(SPELLINGS))
def test_datasets_spell_languages_as_they_like(spelling: str, wanted: Language) -> None:
    assert language(spelling) is wanted


def test_python_has_other_spellings_too(judge: Judge) -> None:
    verdict = judge.judge(problem("Python3", ("4", "4")), "print(input())")
    assert verdict.accepted


def test_an_unknown_language_is_named_with_near_ones() -> None:
    with pytest.raises(UnknownNameError):
        language("Python 2")
    with pytest.raises(UnknownNameError, match=r"no language named 'pythn': did you mean 'python'"):
        language("pythn")
    judge = Judge(sandbox=FakeSandbox(lambda run: RunResult(Ended.EXITED)))
    with pytest.raises(
        InvalidValueError, match=r"problem d/default/train/p: no language named 'cobol'"
    ):
        judge.submit(problem("cobol", ("", "")), "x")


def test_the_unsafe_sandbox_refuses_what_it_cannot_run() -> None:
    needs("c")
    with pytest.warns(UnsafeSandboxWarning), Judge(sandbox="unsafe", workers=1) as judge:
        verdict = judge.judge(problem("c", ("", "")), "int main() { return 0; }")
    assert verdict.status is Status.INTERNAL_ERROR
    assert "'unsafe' sandbox runs Python programs only; use the backend nsjail" in verdict.message


def test_call_tests_are_python_s() -> None:
    needs("cpp")
    judge = Judge(sandbox=FakeSandbox(lambda run: RunResult(Ended.EXITED)))
    task = Problem("d", "p", "", language="cpp", entry_point="f", hidden_tests=(CallTest((1,), 2),))
    with pytest.raises(
        InvalidValueError, match="is in cpp and has tests that call Python functions"
    ):
        judge.submit(task, "x")


MISSING = Language(
    "missing",
    compile=("no-such-compiler", "x"),
    output="x",
    remedy="install nothing",
)


def test_a_missing_toolchain_is_one_line_with_the_remedy() -> None:
    register_language(MISSING, override=True)
    assert not language("missing").available()
    judge = Judge(sandbox=FakeSandbox(lambda run: RunResult(Ended.EXITED)))
    with pytest.raises(
        SandboxUnavailableError,
        match=r"missing programs need no-such-compiler, which is not in .*; install nothing",
    ) as caught:
        judge.submit(problem("missing", ("", "")), "x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "must be non-empty"),
        ({"file_name": "a/b"}, "without '/'"),
        ({"output": "x"}, "needs a command"),
        ({"memory": "all"}, "address_space or data"),
    ],
)
def test_a_language_is_checked_when_made(fields: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        Language(**{"name": "x", **fields})  # type: ignore[arg-type]


def test_names_are_taken_once() -> None:
    with pytest.raises(InvalidValueError, match="'JS' is taken by javascript"):
        register_language(Language("jscript", ("JS",)))
    with pytest.raises(UnknownNameError):
        language("jscript")
    with pytest.raises(InvalidValueError, match="'cpp' is taken"):
        register_language(CPP)
    assert register_language(CPP, override=True) is language("c++")


# Each is all that adding a language takes.
ADDED = [
    (
        Language("awk", file_name="main.awk", run=("awk", "-f", "main.awk"), remedy="install mawk"),
        "{ s += $1 }\nEND { print s }",
    ),
    (
        Language("sh", ("posix shell",), "main.sh", compile=("sh", "-n", "main.sh"), run=("sh", "main.sh")),
        "s=0\nwhile read -r x; do s=$((s + x)); done\necho $s",
    ),
    (
        Language("assembly", file_name="main.s", compile=("gcc", "main.s", "-o", "main"), output="main"),
        ".globl main\nmain:\n sub $8, %rsp\n lea s(%rip), %rdi\n call puts@plt\n xor %eax, %eax\n add $8, %rsp\n ret\n.data\ns: .asciz \"6\"\n.section .note.GNU-stack\n",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("added", "source"), ADDED, ids=[added.name for added, _ in ADDED])
def test_another_language_is_one_line_away(judge: Judge, added: Language, source: str) -> None:
    register_language(added, override=True)
    needs(added.name)
    task = problem(added.name, ("1\n2\n3\n", "6\n"))
    assert judge.judge(task, source).accepted
    assert not judge.judge(task, "((").accepted
    assert added in languages()


def test_the_doctor_runs_an_example_of_each() -> None:
    register_language(MISSING, override=True)
    checks = {check.name: check for check in diagnose()}
    assert set(checks) == {one.name for one in languages() if not one.is_resident}
    assert [c for c in checks.values() if c.ok is False] == []
    assert (checks["missing"].ok, checks["missing"].remedy) == (None, "install nothing")
    assert "no-such-compiler" in checks["missing"].detail
    for one in (CPP, CPP20, C, JAVASCRIPT):
        assert checks[one.name].ok is (True if one.available() else None), checks[one.name]
    assert all("\n" not in c.detail + c.remedy for c in checks.values())


def test_the_doctor_says_what_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("c")
    bad = [
        replace(C, name="bye", example=C.example.replace("hello", "bye")),
        replace(C, name="bad", example="int"),
    ]
    monkeypatch.setattr("coding_envs.languages.doctor.languages", lambda: tuple(bad))
    bye, broken = diagnose()
    assert (bye.ok, "printed b'bye" in bye.detail) == (False, True)
    assert (broken.ok, "main.c" in broken.detail) == (False, True)


def test_verdicts_know_the_compiler_s_version(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("cpp")
    assert "g++" in CPP.version()
    before = CPP.digest()
    assert replace(CPP, compile=(*CPP.compile, "-O3")).digest() != before
    monkeypatch.setattr(Language, "version", lambda self: "another")
    assert CPP.digest() != before


def test_the_jail_shows_no_packages() -> None:
    from coding_envs.sandbox.native import _hidden

    package = Path(__file__).parents[2] / "coding_envs"
    assert package in _hidden([package.parent, package.parents[1]])
    assert all(
        not p.is_relative_to("/usr/bin")
        for p in _hidden([Path("/usr/lib"), Path("/usr/local/lib")])
    )
