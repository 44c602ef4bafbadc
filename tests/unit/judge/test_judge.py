# ruff: noqa: E501 -- programs and tables, a case a line
from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coding_envs.errors import InvalidValueError, SandboxClosedError, SandboxError
from coding_envs.judge import MAX_PROGRAM_CHARS, Judge, code_tests
from coding_envs.problem import (
    CallTest,
    CodeTest,
    Comparison,
    JudgeProgram,
    Limits,
    Problem,
    StdioTest,
)
from coding_envs.sandbox import Ended, FakeSandbox, Run, RunResult
from coding_envs.verdict import Status, Verdict

ADD = Problem(
    dataset="d", key="add", prompt="", entry_point="add",
    public_tests=(CallTest((1, 2), 3),), hidden_tests=(CallTest((5, 5), 10), CallTest((0, 0), 0)),
)  # fmt: skip
ECHO = Problem(
    dataset="d", key="echo", prompt="",
    public_tests=(StdioTest("1\n", "1\n"),), hidden_tests=tuple(StdioTest(f"{i}\n", f"{i}\n") for i in range(2, 30)),
)  # fmt: skip


def code_problem(*tests: CodeTest, reference: str = "", entry: str = "f", **more: Any) -> Problem:
    return Problem(
        dataset="d", key="code", prompt="", entry_point=entry, hidden_tests=tests,
        solutions=(reference,) if reference else (), **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(workers=2) as made:
        yield made


def lines(*messages: object) -> bytes:
    return b"".join(json.dumps(m, separators=(",", ":")).encode() + b"\n" for m in messages)


def echo(run: Run) -> RunResult:
    """Answers as a program that prints what it reads, or adds."""
    if run.calls is None:
        return RunResult(Ended.EXITED, exit_code=0, stdout=run.stdin, cpu_time_s=0.1)
    values = [sum(json.loads(call.arguments or "[[]]")[0]) for call in run.calls]
    messages = ({"loaded": True}, *({"value": v} for v in values))
    return RunResult(Ended.EXITED, exit_code=0, channel=lines(*messages), peak_memory_bytes=9)


def fake(answer: Callable[[Run], RunResult] = echo, **more: Any) -> tuple[Judge, FakeSandbox]:
    sandbox = FakeSandbox(answer, delay=more.pop("delay", False))
    return Judge(sandbox=sandbox, **more), sandbox


# --- what needs no jail --------------------------------------------------------------------------


def test_a_verdict_has_one_result_per_test_public_first() -> None:
    judge, sandbox = fake()
    verdict = judge.judge(ADD, "x")
    assert (verdict.status, verdict.passed, verdict.total) == (Status.ACCEPTED, 3, 3)
    assert verdict.runs == 1 == len(sandbox.runs) == judge.executions
    assert verdict.peak_memory_bytes == 9
    verdict = judge.judge(ECHO, "x")
    assert (verdict.accepted, verdict.runs, verdict.total) == (True, 29, 29)
    assert verdict.cpu_time_s == pytest.approx(2.9)


def test_thousands_of_tests_on_a_sandbox_that_answers_at_once() -> None:
    judge, _ = fake()
    tests = tuple(StdioTest(f"{i}\n", f"{i}\n") for i in range(5000))
    assert judge.judge(ECHO.replace(hidden_tests=tests), "x").passed == 5001


def test_the_status_is_that_of_the_first_failure() -> None:
    def answer(run: Run) -> RunResult:
        number = int(run.stdin)
        if number == 3:
            return RunResult(Ended.CPU_LIMIT, cpu_time_s=3.0)
        return RunResult(Ended.EXITED, exit_code=0, stdout=b"7" if number == 5 else run.stdin)

    verdict = fake(answer)[0].judge(ECHO, "x")
    assert verdict.status is Status.TIME_LIMIT_EXCEEDED
    assert [i for i, t in enumerate(verdict.tests) if t.status is not Status.ACCEPTED] == [2, 4]


def test_after_two_time_outs_the_rest_is_not_run() -> None:
    judge, sandbox = fake(lambda run: RunResult(Ended.WALL_LIMIT))
    verdict = judge.judge(ECHO, "x")
    assert verdict.tests[-1].status is Status.NOT_RUN
    assert len(sandbox.runs) < 15


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (RunResult(Ended.EXITED, exit_code=0, stdout=b"1"), Status.ACCEPTED),
        (RunResult(Ended.EXITED, exit_code=0, stdout=b"2"), Status.WRONG_ANSWER),
        (RunResult(Ended.EXITED, exit_code=0, stdout=b"\xff"), Status.WRONG_ANSWER),
        (RunResult(Ended.EXITED, exit_code=1, stdout=b"1"), Status.RUNTIME_ERROR),
        (RunResult(Ended.SIGNALED, signal=11, stdout=b"1"), Status.RUNTIME_ERROR),
        (RunResult(Ended.SIGNALED, signal=31), Status.SECURITY_VIOLATION),
        (RunResult(Ended.CPU_LIMIT, stdout=b"1"), Status.TIME_LIMIT_EXCEEDED),
        (RunResult(Ended.WALL_LIMIT, stdout=b"1"), Status.TIME_LIMIT_EXCEEDED),
        (RunResult(Ended.OUTPUT_LIMIT, stdout=b"1"), Status.OUTPUT_LIMIT_EXCEEDED),
        (
            RunResult(Ended.EXITED, exit_code=1, channel=lines({"error": "MemoryError"})),
            Status.MEMORY_LIMIT_EXCEEDED,
        ),
        (
            RunResult(Ended.EXITED, exit_code=1, channel=lines({"error": "MemoryErrors: x"})),
            Status.RUNTIME_ERROR,
        ),
        (
            RunResult(
                Ended.EXITED, exit_code=1, channel=lines({"compile_error": "SyntaxError: x"})
            ),
            Status.COMPILE_ERROR,
        ),
    ],
)
def test_stdio_statuses(result: RunResult, status: Status) -> None:
    problem = ECHO.replace(hidden_tests=())
    assert fake(lambda run: result)[0].judge(problem, "x").status is status


@pytest.mark.parametrize("program", ["", " \n\t\n", "\f"])
def test_no_code(program: str) -> None:
    judge, sandbox = fake()
    verdict = judge.judge(ADD, program)
    assert (verdict.status, verdict.total, verdict.runs) == (Status.NO_CODE, 3, 0)
    assert verdict.fingerprint
    assert sandbox.runs == []


def test_a_program_beyond_the_limit_is_a_compile_error() -> None:
    judge, sandbox = fake()
    verdict = judge.judge(ADD, "#" * (MAX_PROGRAM_CHARS + 1))
    assert verdict.status is Status.COMPILE_ERROR
    assert sandbox.runs == []


def test_bad_calls_are_refused() -> None:
    judge, _ = fake()
    with pytest.raises(InvalidValueError, match=r"program must be text \(str\), got bytes"):
        judge.judge(ADD, b"x")  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="d/default/train/add has no tests"):
        judge.judge(ADD.replace(public_tests=(), hidden_tests=()), "x")
    with pytest.raises(InvalidValueError, match="'rust'"):
        judge.judge(ADD.replace(language="rust"), "x")


def fails(error: Exception) -> Callable[[Run], RunResult]:
    def answer(run: Run) -> RunResult:
        raise error

    return answer


@pytest.mark.parametrize("error", [SandboxError("worker died"), OSError("no"), KeyError("x")])
def test_a_fault_of_the_sandbox_is_an_internal_error_and_never_cached(error: Exception) -> None:
    judge, sandbox = fake(fails(error), cache="memory")
    for _ in range(2):
        verdict = judge.judge(ADD, "x")
        assert verdict.status is Status.INTERNAL_ERROR
        assert verdict.status.is_fault_of_ours
        assert not verdict.cached
        assert verdict.total == 3
    assert len(sandbox.runs) == 2


def test_one_fault_among_many_runs_spoils_the_whole_verdict() -> None:
    def answer(run: Run) -> RunResult:
        if run.stdin == b"4\n":
            raise SandboxError("died")
        return echo(run)

    assert fake(answer)[0].judge(ECHO, "x").status is Status.INTERNAL_ERROR


def test_closed_while_waiting() -> None:
    judge, sandbox = fake(delay=True, cache="memory")
    futures = [judge.submit(ADD, "x"), judge.submit(ADD, "x"), judge.submit(ECHO, "y")]
    sandbox.close()
    assert all(isinstance(f.exception(1), SandboxClosedError) for f in futures)
    assert isinstance(judge.submit(ADD, "z").exception(1), SandboxClosedError)


def test_cache_answers_identical_submissions() -> None:
    judge, sandbox = fake(cache="memory")
    first, second = judge.judge(ADD, "x"), judge.judge(ADD, "x")
    assert (first.cached, second.cached) == (False, True)
    assert (second.runs, second.status, second.tests) == (0, first.status, first.tests)
    assert second.fingerprint == first.fingerprint
    assert len(sandbox.runs) == 1
    assert judge.judge(ADD.replace(prompt="other words"), "x").cached
    assert not judge.judge(ADD, "y").cached
    assert not judge.judge(ADD.replace(limits=Limits(cpu_time_s=9)), "x").cached
    assert not judge.judge(ADD.replace(comparison=Comparison(floats="always")), "x").cached


def test_without_a_cache_each_submission_is_run() -> None:
    judge, sandbox = fake()
    assert not judge.judge(ADD, "x").cached
    assert not judge.judge(ADD, "x").cached
    assert len(sandbox.runs) == 2


def test_identical_submissions_in_flight_share_one_run() -> None:
    judge, sandbox = fake(cache="memory", delay=True)
    futures = [judge.submit(ADD, "x") for _ in range(5)] + [judge.submit(ADD, "y")]
    assert len(sandbox.runs) == 2
    sandbox.deliver()
    verdicts = [f.result(1) for f in futures]
    assert [v.cached for v in verdicts] == [False, True, True, True, True, False]
    assert all(v.accepted for v in verdicts)


def test_those_that_wait_for_a_run_share_its_fault() -> None:
    judge, sandbox = fake(fails(SandboxError("died")), cache="memory", delay=True)
    futures = [judge.submit(ADD, "x") for _ in range(3)]
    sandbox.deliver()
    assert {f.result(1).status for f in futures} == {Status.INTERNAL_ERROR}


def test_a_cache_file_lasts(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "verdicts.db"
    judge, _ = fake(cache=path)
    first = judge.judge(ADD, "x")
    judge.close()
    judge, sandbox = fake(cache=path)
    second = judge.judge(ADD, "x")
    assert second.cached
    assert sandbox.runs == []
    assert second.tests == first.tests
    judge.close()
    judge.close()


def test_a_cache_file_with_a_broken_row_is_judged_again(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.db"
    judge, _ = fake(cache=path)
    judge.judge(ADD, "x")
    judge.close()
    with sqlite3.connect(path) as file:
        file.execute("UPDATE verdicts SET json = '{\"status\": 5}'")
    file.close()
    judge, sandbox = fake(cache=path)
    assert judge.judge(ADD, "x").accepted
    assert len(sandbox.runs) == 1
    judge.close()


def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    path = tmp_path / "not.db"
    path.write_text("this is text, not a database, and long enough to be looked at" * 20)
    with pytest.raises(InvalidValueError, match=r"cache '.*not.db' cannot be used"):
        fake(cache=path)


def test_asyncio() -> None:
    judge, _ = fake()

    async def main() -> list[Verdict]:
        return await asyncio.gather(*(judge.judge_async(ADD, str(i)) for i in range(20)))

    assert all(v.accepted for v in asyncio.run(main()))


def test_judge_many_keeps_the_order() -> None:
    judge, _ = fake(lambda run: RunResult(Ended.EXITED, exit_code=0, stdout=run.source.encode()))
    problem = ECHO.replace(hidden_tests=())
    verdicts = judge.judge_many((problem, str(i)) for i in (2, 1, 3))
    assert [v.accepted for v in verdicts] == [False, True, False]


def test_a_judge_leaves_a_sandbox_that_was_given_to_it_open() -> None:
    judge, sandbox = fake()
    with judge:
        pass
    assert sandbox.submit(Run("1", stdin=b"a")).result(1).stdout == b"a"


# --- time ----------------------------------------------------------------------------------------

ONE = ECHO.replace(hidden_tests=(), limits=Limits(cpu_time_s=3.0))


def in_turn(*results: RunResult) -> Callable[[Run], RunResult]:
    left = iter(results)
    return lambda run: next(left)


def ended(ended: Ended, cpu_time_s: float, **more: Any) -> RunResult:
    code = 0 if ended is Ended.EXITED else None
    return RunResult(ended, exit_code=code, stdout=b"1", cpu_time_s=cpu_time_s, **more)


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([ended(Ended.EXITED, 2.99)], Status.ACCEPTED),
        ([ended(Ended.EXITED, 3.05), ended(Ended.EXITED, 2.95)], Status.ACCEPTED),
        ([ended(Ended.EXITED, 3.05), ended(Ended.EXITED, 3.05)], Status.TIME_LIMIT_EXCEEDED),
        ([ended(Ended.EXITED, 3.05), ended(Ended.CPU_LIMIT, 3.3)], Status.TIME_LIMIT_EXCEEDED),
        ([ended(Ended.CPU_LIMIT, 3.3)], Status.TIME_LIMIT_EXCEEDED),
        ([ended(Ended.WALL_LIMIT, 1.0), ended(Ended.EXITED, 2.0)], Status.ACCEPTED),
        ([ended(Ended.WALL_LIMIT, 1.0), ended(Ended.WALL_LIMIT, 1.0)], Status.TIME_LIMIT_EXCEEDED),
        ([ended(Ended.WALL_LIMIT, 0.01)], Status.TIME_LIMIT_EXCEEDED),  # asleep
        ([ended(Ended.WALL_LIMIT, 3.1)], Status.TIME_LIMIT_EXCEEDED),
        ([ended(Ended.SIGNALED, 3.05, signal=11), ended(Ended.EXITED, 1)], Status.ACCEPTED),
        ([ended(Ended.OUTPUT_LIMIT, 3.05)], Status.OUTPUT_LIMIT_EXCEEDED),
    ],
)
def test_a_time_in_doubt_gets_a_second_run(results: list[RunResult], status: Status) -> None:
    judge, sandbox = fake(in_turn(*results))
    verdict = judge.judge(ONE, "x")
    assert verdict.status is status
    assert verdict.runs == len(results) == len(sandbox.runs)
    for run in sandbox.runs:  # stopped a little later, so that a near miss shows
        assert run.limits.cpu_time_s == pytest.approx(3.3)
        assert run.limits.wall_limit_s == pytest.approx(7.3)


def answers(count: int, cpu_time_s: float, ended: Ended = Ended.EXITED) -> RunResult:
    values = ({"value": v} for v in (3, 10, 0)[:count])
    code = 0 if ended is Ended.EXITED else None
    return RunResult(
        ended, exit_code=code, channel=lines({"loaded": True}, *values), cpu_time_s=cpu_time_s
    )


def test_calls_beyond_their_time_are_late_even_where_all_are_answered() -> None:
    late = Status.TIME_LIMIT_EXCEEDED
    verdict = fake(in_turn(answers(3, 3.1), answers(3, 2.9)))[0].judge(ADD, "x")
    assert (verdict.status, verdict.runs) == (Status.ACCEPTED, 2)
    verdict = fake(in_turn(answers(3, 3.1), answers(3, 3.1)))[0].judge(ADD, "x")
    assert [t.status for t in verdict.tests] == [Status.ACCEPTED, Status.ACCEPTED, late]


def test_calls_that_time_out_are_not_made_again_and_again() -> None:
    judge, sandbox = fake(lambda run: answers(0, 3.3, Ended.CPU_LIMIT))
    verdict = judge.judge(ADD, "x")
    late = Status.TIME_LIMIT_EXCEEDED
    assert [t.status for t in verdict.tests] == [late, late, Status.NOT_RUN]
    assert len(sandbox.runs) == 2


@pytest.mark.parametrize("exit_code", [0, 1])
def test_answers_far_longer_than_expected_are_not_parsed(
    monkeypatch: pytest.MonkeyPatch, exit_code: int
) -> None:
    long = b'{"value":[' + b"[]," * 1_000_000 + b"[]]}\n"
    channel = lines({"loaded": True}, {"value": 3}) + long + lines({"value": 0}) + long
    parsed: list[int] = []

    def loads(text: bytes) -> Any:
        parsed.append(len(text))
        return real(text)

    real = json.loads
    result = RunResult(Ended.EXITED, exit_code=exit_code, channel=channel)
    judge, _ = fake(lambda run: result)
    monkeypatch.setattr(json, "loads", loads)
    verdict = judge.judge(ADD, "x")
    good = Status.ACCEPTED
    assert [t.status for t in verdict.tests] == [good, Status.WRONG_ANSWER, good]
    assert "bytes, far more than expected" in verdict.message
    assert max(parsed, default=0) < 70_000


def test_repeated_runs_go_on_one_at_a_time() -> None:
    seen: dict[str, int] = {}

    def answer(run: Run) -> RunResult:
        seen[run.source] = seen.get(run.source, 0) + 1
        return ended(Ended.EXITED, 3.1 if seen[run.source] == 1 else 1.0)

    judge, sandbox = fake(answer, delay=True)
    futures = [judge.submit(ONE, name) for name in "abcd"]
    sandbox.deliver()
    assert [run.source for run in sandbox.runs] == [*"abcd", "a"]
    for name in "bcd":
        sandbox.deliver()
        assert sandbox.runs[-1].source == name
    sandbox.deliver()
    assert all(future.result(1).accepted for future in futures)


@pytest.mark.parametrize("error", [SandboxError("died"), OSError("no")])
def test_a_fault_of_a_repeated_run_is_an_internal_error(error: Exception) -> None:
    def answer(run: Run) -> RunResult:
        if len(sandbox.runs) > 1:
            raise error
        return ended(Ended.EXITED, 3.1)

    judge, sandbox = fake(answer)
    assert judge.judge(ONE, "x").status is Status.INTERNAL_ERROR


@pytest.mark.parametrize("name", ["checker", "interactor"])
def test_a_special_judge_in_an_unknown_language_is_refused(name: str) -> None:
    other = JudgeProgram("int main() {}", language="cobol")
    with pytest.raises(
        InvalidValueError, match=f"the {name} of problem .*: no language named 'cobol'"
    ):
        fake()[0].judge(ECHO.replace(**{name: other}), "x")


# --- in the jail ---------------------------------------------------------------------------------

RIGHT = "def add(a, b):\n    return a + b\n"


@pytest.mark.nsjail
@pytest.mark.parametrize(
    ("program", "status", "passed"),
    [
        (RIGHT, Status.ACCEPTED, 3),
        ("add = lambda a, b: a + b", Status.ACCEPTED, 3),
        ("def add(a, b): return float(a + b)", Status.WRONG_ANSWER, 0),
        ("def add(a, b): return a", Status.WRONG_ANSWER, 1),
        ("def add(a, b): return a + b if a else None", Status.WRONG_ANSWER, 2),
        ("def add(a, b):\n    if a == 5: 1/0\n    return a + b", Status.RUNTIME_ERROR, 2),
        ("def add(a, b):\n    if a == 5: exit()\n    return a + b", Status.RUNTIME_ERROR, 2),
        ("def add(a, b):\n    while a == 5: pass\n    return a + b", Status.TIME_LIMIT_EXCEEDED, 2),
        (
            "def add(a, b):\n    if a == 5: bytearray(1 << 40)\n    return a + b",
            Status.MEMORY_LIMIT_EXCEEDED,
            2,
        ),
        ("def add(a, b): return object()", Status.WRONG_ANSWER, 0),
        ("def add(a): return 1", Status.RUNTIME_ERROR, 0),
        ("def sub(a, b): return 1", Status.RUNTIME_ERROR, 0),
        ("def add(a, b) return 1", Status.COMPILE_ERROR, 0),
        ("import no_such_module", Status.RUNTIME_ERROR, 0),
        ("x = 1 / 0", Status.RUNTIME_ERROR, 0),
    ],
)
def test_call_tests(judge: Judge, program: str, status: Status, passed: int) -> None:
    problem = ADD.replace(limits=Limits(cpu_time_s=0.5))
    verdict = judge.judge(problem, program)
    assert (verdict.status, verdict.passed) == (status, passed), verdict


@pytest.mark.nsjail
def test_messages_show_public_tests_and_hide_hidden_ones(judge: Judge) -> None:
    verdict = judge.judge(ADD, "def add(a, b): return (1, [2])")
    assert verdict.tests[0].message == "add(1, 2): expected 3, got (1, [2])"
    assert {t.message for t in verdict.tests[1:]} == {"a hidden test failed"}
    verdict = judge.judge(ECHO, "print(input() * 2)")
    assert verdict.tests[0].message == "on input '1\\n': expected '1\\n', got '11\\n'"
    assert {t.message for t in verdict.tests[1:]} == {"a hidden test failed"}
    assert "ZeroDivisionError" in judge.judge(ECHO, "1/0").stderr


@pytest.mark.nsjail
def test_stdio_tests_share_no_state(judge: Judge) -> None:
    program = (
        "import builtins\nbuiltins.n = getattr(builtins, 'n', 0) + 1\nassert n == 1\nprint(input())"
    )
    assert judge.judge(ECHO, program).accepted


@pytest.mark.nsjail
def test_a_syntax_error_is_run_once(judge: Judge) -> None:
    # The jail's compiler finds it, and one test is enough to know.
    verdict = judge.judge(ECHO, "print(")
    assert (verdict.status, verdict.runs, verdict.total) == (Status.COMPILE_ERROR, 1, 29)


CHECK = CodeTest(
    "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(3) == 9",
    check="check",
)
ASSERTS = (CodeTest("assert f(2) == 4"), CodeTest("assert f(3) == 9"))
SQUARE = "def f(x):\n    return x * x\n"


@pytest.mark.nsjail
@pytest.mark.parametrize("reference", [SQUARE, ""], ids=["reference", "none"])
@pytest.mark.parametrize(
    "tests", [(CHECK,), ASSERTS, (CHECK, *ASSERTS)], ids=["check", "asserts", "both"]
)
@pytest.mark.parametrize(
    ("program", "status"),
    [
        (SQUARE, Status.ACCEPTED),
        ("f = lambda x: x ** 2", Status.ACCEPTED),
        ("def f(x): return 4", Status.WRONG_ANSWER),
        ("def f(x): return x * x if x < 3 else 1/0", Status.RUNTIME_ERROR),
        ("def f(x): raise AssertionError", Status.WRONG_ANSWER),
        ("def f(x):\n    while True: pass", Status.TIME_LIMIT_EXCEEDED),
        ("def g(x): return 1", Status.RUNTIME_ERROR),
        ("def f(x) return", Status.COMPILE_ERROR),
        ("import sys; sys.exit(0)", Status.RUNTIME_ERROR),
    ],
)
def test_code_tests(
    judge: Judge, tests: tuple[CodeTest, ...], reference: str, program: str, status: Status
) -> None:
    problem = code_problem(*tests, reference=reference, limits=Limits(cpu_time_s=0.3))
    verdict = judge.judge(problem, program)
    assert verdict.status is status, verdict


def accepts(judge: Judge, problem: Problem, *programs: str) -> None:
    for program in programs:
        verdict = judge.judge(problem, program)
        assert verdict.accepted, verdict


@pytest.mark.nsjail
def test_arguments_that_depend_on_earlier_answers(judge: Judge) -> None:
    # decode(encode(s)) as in HumanEval/38 and 50: another right encoding makes other calls.
    test = CodeTest("x = 1\nfor _ in range(5):\n    x = f(x)\nassert x >= 6")
    reference = "def f(x): return x + 1"
    for solutions in (reference, ""):
        problem = code_problem(test, reference=solutions)
        accepts(judge, problem, reference, "def f(x): return x * 2")
        assert judge.judge(problem, "def f(x): return x").status is Status.WRONG_ANSWER


@pytest.mark.nsjail
def test_a_program_that_leads_the_test_astray_for_ever_is_wrong(judge: Judge) -> None:
    test = CodeTest("x = 0\nwhile x >= 0:\n    x = f(x)\nassert x == -1")
    problem = code_problem(test, reference="def f(x): return -1")
    accepts(judge, problem, "def f(x): return -1")
    verdict = judge.judge(problem, "def f(x): return x + 1")
    assert verdict.status is Status.WRONG_ANSWER


@pytest.mark.nsjail
def test_a_program_that_mutates_its_arguments(judge: Judge) -> None:
    test = CodeTest("a = [3, 1, 2]\nassert f(a) == [1, 2, 3]\nassert f(a) == [1, 2, 3]")
    problem = code_problem(test, reference="def f(x):\n    x.sort()\n    return x")
    accepts(judge, problem, "def f(x):\n    x.sort()\n    return x", "f = sorted")


@pytest.mark.nsjail
def test_random_inputs_of_a_test_are_the_same_each_time(judge: Judge) -> None:
    test = CodeTest(
        "import random\nfor _ in range(20):\n    n = random.randint(0, 9**9)\n    assert f(n) == n + 1"
    )
    problem = code_problem(test, reference="def f(x): return x + 1")
    verdict = judge.judge(problem, "def f(x): return 1 + x")
    assert verdict.accepted
    assert verdict.runs <= 3


@pytest.mark.nsjail
@pytest.mark.parametrize(
    ("code", "program"),
    [
        (
            "try:\n    f(-1)\n    assert False\nexcept ValueError:\n    pass",
            "def f(x): raise ValueError('no')",
        ),
        (
            "try:\n    f(-1)\n    assert False\nexcept Exception:\n    pass",
            "class E(Exception): pass\ndef f(x): raise E",
        ),
        ("assert f(1) is None", "def f(x): pass"),
        ("assert f(2) in (1, 2)", "def f(x): return x"),
        ("assert abs(f(1) - 0.1) < 1e-6", "def f(x): return 0.1"),
        ("assert f(1) == (1, 2)", "def f(x): return (1, 2)"),
        ("assert sorted(f(1)) == [1, 2]", "def f(x): return {2, 1}"),
        ("assert f(1)['a'] == b'x'", "def f(x): return {'a': b'x'}"),
        ("assert f([[1], {2: 3}], k=(4,)) == 4", "def f(x, k): return k[0]"),
        ("assert isinstance(f(1), float)", "def f(x): return 1.0"),
        ("assert f(10**30) == 10**30", "def f(x): return x"),
        ("assert len(str(f(1))) == 6001", "def f(x): return 10 ** 6000"),
        ("assert f.__name__ == 'f'", "def f(x): pass"),
        ("assert callable(f)", "def f(x): pass"),
        ("pass", "def f(x): pass"),
    ],
)
def test_what_tests_do(judge: Judge, code: str, program: str) -> None:
    for reference in (program, ""):
        accepts(judge, code_problem(CodeTest(code), reference=reference), program)


@pytest.mark.nsjail
def test_an_empty_test_still_wants_a_program_that_loads(judge: Judge) -> None:
    problem = code_problem(CodeTest("pass"))
    assert judge.judge(problem, "1/0").status is Status.RUNTIME_ERROR
    assert judge.judge(problem, "def f(:").status is Status.COMPILE_ERROR


@pytest.mark.nsjail
def test_imports_helpers_and_set_up(judge: Judge) -> None:
    reference = "import math\ndef helper(x): return math.floor(x)\ndef f(x): return helper(x)"
    test = CodeTest("assert f(2.5) == helper(2.5) == floor(2.5)", imports="from math import *")
    accepts(judge, code_problem(test, reference=reference), "def f(x): return int(x)")
    node = "class Node:\n    def __init__(self, v): self.v = v\ndef f(n): return n.v\n"
    setup = CodeTest("assert f(root) == 5", program_setup="root = Node(5)")
    problem = code_problem(setup, reference=node)
    accepts(judge, problem, node)
    assert judge.judge(problem, node.replace("n.v", "0")).status is Status.WRONG_ANSWER
    uncrossable = code_problem(CodeTest("assert f(Node(5)) == 5"), reference=node)
    accepts(judge, uncrossable, node)
    assert judge.judge(uncrossable, node.replace("n.v", "0")).status is Status.WRONG_ANSWER


@pytest.mark.nsjail
@pytest.mark.parametrize("reference", [SQUARE, ""], ids=["reference", "none"])
@pytest.mark.parametrize(
    "test",
    [
        CodeTest("assert f(2) == = 4"),
        CodeTest("assert True", imports="import no_such_module"),
        CodeTest("x = 1", check="check"),
        CodeTest("while True: pass"),
        CodeTest("import os; os._exit(0)"),
        CodeTest("assert f(2) == 4\0"),
    ],
    ids=["syntax", "import", "no_check", "endless", "exits", "nul"],
)
def test_a_broken_test_is_a_judge_error(
    judge: Judge, test: CodeTest, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_tests, "_RECORD_LIMITS", Limits(cpu_time_s=1.0))
    problem = code_problem(test, reference=reference, limits=Limits(cpu_time_s=0.3))
    verdict = judge.judge(problem, SQUARE)
    assert verdict.status is Status.JUDGE_ERROR, verdict
    assert "\n" not in verdict.message


@pytest.mark.nsjail
def test_a_test_that_fails_for_the_reference_too_is_a_judge_error(judge: Judge) -> None:
    problem = code_problem(CodeTest("assert f(2) == 5"), reference=SQUARE)
    assert judge.judge(problem, SQUARE).status is Status.JUDGE_ERROR
    accepts(judge, problem, "def f(x): return 5")


@pytest.mark.nsjail
def test_judge_errors_are_never_cached() -> None:
    with Judge(workers=1, cache="memory") as judge:
        problem = code_problem(CodeTest("assert f(2) == = 4"))
        assert not judge.judge(problem, SQUARE).cached
        assert not judge.judge(problem, SQUARE).cached


@pytest.mark.nsjail
def test_kinds_of_tests_may_be_mixed(judge: Judge) -> None:
    problem = Problem(
        dataset="d", key="mixed", prompt="", entry_point="f",
        public_tests=(StdioTest("", "hi"),),
        hidden_tests=(CallTest((2,), 4), CodeTest("assert f(3) == 9"), StdioTest("", "ho"), CallTest((1,), 2)),
    )  # fmt: skip
    verdict = judge.judge(problem, SQUARE + "print('hi')")
    good, bad = Status.ACCEPTED, Status.WRONG_ANSWER
    assert [t.status for t in verdict.tests] == [good, good, good, bad, bad]


@pytest.mark.nsjail
def test_threads_and_tasks_share_a_judge(judge: Judge) -> None:
    good: list[bool] = []

    def work(number: int) -> None:
        for i in range(20):
            right = (number + i) % 2 == 0
            program = RIGHT if right else "def add(a, b): return 0.5"
            good.append(judge.judge(ADD, program).accepted is right)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert good == [True] * 120


@pytest.mark.nsjail
def test_programs_that_write_files_get_a_folder(judge: Judge) -> None:
    program = "open('a', 'w').write(input())\nprint(open('a').read())"
    assert judge.judge(ECHO, program).accepted


@pytest.mark.nsjail
def test_the_same_submission_gets_the_same_verdict(judge: Judge) -> None:
    first, second = (judge.judge(ADD, RIGHT) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != judge.judge(ADD, RIGHT + " ").fingerprint
    assert first.tests == second.tests
