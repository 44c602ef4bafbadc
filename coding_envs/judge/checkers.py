"""Special judges: programs of the judge's that decide on an output, or talk to the program.

A checker runs after the program, in a jail of its own, on files that the program never sees. One
that crashes, hangs or is killed is tried again on the right answer: where that passes, it was the
program's output that it could not read, a WRONG_ANSWER; else the test is at fault, a JUDGE_ERROR.

An interactor runs beside the program, each one's output being the other's input. Who ended first
decides: what happens to a program after the interactor's "wrong" is no fault of its own any more.
The control for an interactor that crashes is the reference solution.

Protocols: see `problem.JudgeProgram`; exit codes are those of testlib (Mirzayanov).
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..languages import CompileError, Program, language, prepare
from ..problem import InteractiveTest, JudgeProgram, Problem, StdioTest
from ..sandbox import Ended, Order, Run, RunResult
from ..verdict import Status, TestResult
from .calls import end_status, on_time

__all__ = ["check_outputs", "judge_interactive_tests"]

_INPUT, _OUTPUT, _ANSWER = "input.txt", "output.txt", "answer.txt"
_RIGHT, _FAULT, _POINTS = 0, 3, 7
_WRONG = (1, 2, 4, 8)  # wrong, badly formed, too much of it, too little of it
_NUMBER = re.compile(rb"-?\d+(\.\d+)?")
_CHUNK = 8
_MAX_TIME_OUTS = 2
_PIPE_ERRORS = ("BrokenPipeError", "EOFError", "ConnectionResetError")
_SIGPIPE = 13

_Steps = Generator[Sequence[Run | Order], list[RunResult], list[TestResult]]


@dataclass(frozen=True)
class _Opinion:
    """What a program of the judge's says.

    Attributes:
      status: ACCEPTED, WRONG_ANSWER, JUDGE_ERROR; or None where it crashed instead.
      points: for part of the answer.
      said: one line, its own words or what became of it.
    """

    status: Status | None
    points: float = 0.0
    said: str = ""

    def result(self, cpu_time_s: float, shown_input: str | None) -> TestResult:
        """Returns the test's result; `shown_input` is None for a hidden test."""
        if self.status is Status.ACCEPTED:
            return TestResult(Status.ACCEPTED, cpu_time_s)
        if self.status is not Status.WRONG_ANSWER:
            return TestResult(Status.JUDGE_ERROR, cpu_time_s, f"the special judge: {self.said}")
        message = "a hidden test failed"
        if shown_input is not None:  # its words may hold the right answer
            message = f"on input {_short(shown_input)}: {self.said or 'the checker says no'}"
        return TestResult(Status.WRONG_ANSWER, cpu_time_s, message, self.points)


def check_outputs(
    problem: Problem, checker: JudgeProgram, cases: Sequence[tuple[StdioTest, RunResult]]
) -> _Steps:
    """Returns one result per test whose program has ended well, by what the checker says."""
    if not cases:
        return []
    prepared = yield from prepare(language(checker.language), checker.source)
    if isinstance(prepared, CompileError):
        return [_not_compiled(prepared)] * len(cases)
    runs = [_checker_run(checker, prepared, test, result.stdout) for test, result in cases]
    opinions = [_opinion(checker, result) for result in (yield runs)]
    crashed = [n for n, opinion in enumerate(opinions) if opinion.status is None]
    if crashed:
        tests = [cases[n][0] for n in crashed]
        controls = yield [_checker_run(checker, prepared, t, _encoded(t.output)) for t in tests]
        for n, control in zip(crashed, controls, strict=True):
            opinions[n] = _after_control(opinions[n], _opinion(checker, control))
    public = {id(t) for t in problem.public_tests}
    return [
        opinion.result(result.cpu_time_s, test.input if id(test) in public else None)
        for opinion, (test, result) in zip(opinions, cases, strict=True)
    ]


def _not_compiled(error: CompileError) -> TestResult:
    return _Opinion(Status.JUDGE_ERROR, said=error.message).result(0.0, None)


def _after_control(opinion: _Opinion, control: _Opinion) -> _Opinion:
    if control.status is Status.ACCEPTED:
        return _Opinion(Status.WRONG_ANSWER, said=f"cannot be checked: {opinion.said}")
    return _Opinion(Status.JUDGE_ERROR, said=f"fails, on the right answer too: {opinion.said}")


def _checker_run(checker: JudgeProgram, prepared: Program, test: StdioTest, output: bytes) -> Run:
    names = (_INPUT, _OUTPUT, _ANSWER)
    if checker.protocol == "script":
        names = (_INPUT, _ANSWER, _OUTPUT)
    files = {_INPUT: _encoded(test.input), _OUTPUT: output, _ANSWER: _encoded(test.output)}
    return prepared.run(args=names, files=files, limits=checker.limits)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _opinion(program: JudgeProgram, result: RunResult) -> _Opinion:
    crashed = result.message("error") or result.message("compile_error")
    if result.ended is not Ended.EXITED or isinstance(crashed, str):
        said = crashed if isinstance(crashed, str) else end_status(result)[1]
        return _Opinion(None, said=said[:300])
    if program.protocol == "script":
        return _script_opinion(result)
    code = result.exit_code
    said = _first_line(result.stderr)
    if code == _RIGHT:
        return _Opinion(Status.ACCEPTED)
    if code in _WRONG:
        return _Opinion(Status.WRONG_ANSWER, said=said)
    if code == _FAULT:
        return _Opinion(Status.JUDGE_ERROR, said=said or "says that the test is at fault")
    if code == _POINTS:
        number = _NUMBER.search(result.stderr.partition(b"\n")[0])
        if number is not None and 0 <= float(number[0]) <= 1:
            return _with_points(float(number[0]), said)
        return _Opinion(Status.JUDGE_ERROR, said=f"points must be in [0, 1], got {said!r}")
    return _Opinion(None, said=f"exit code {code} {said}".strip())


def _script_opinion(result: RunResult) -> _Opinion:
    if result.exit_code != 0:
        return _Opinion(None, said=f"exit code {result.exit_code} {_first_line(result.stderr)}")
    lines = result.stdout.decode("utf-8", "replace").strip().splitlines()
    word = lines[-1].strip().lower() if lines else ""
    try:
        points = {"true": 1.0, "false": 0.0}[word] if word in ("true", "false") else float(word)
    except ValueError:
        points = math.nan
    if points == 100:  # the full score, where others print 1
        points = 1.0
    if not 0 <= points <= 1:
        return _Opinion(None, said=f"must print true, false or 0..1, got {_short(word)}")
    return _with_points(points, _first_line(result.stderr))


def _with_points(points: float, said: str) -> _Opinion:
    status = Status.ACCEPTED if points >= 1 else Status.WRONG_ANSWER
    return _Opinion(status, points, said)


def _first_line(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return lines[0][:200] if lines else ""


# --- interactors ---------------------------------------------------------------------------------


def judge_interactive_tests(problem: Problem, program: Program) -> _Steps:
    """Returns one result per interactive test, in the problem's order."""
    tests = [t for t in problem.tests if isinstance(t, InteractiveTest)]
    assert problem.interactor is not None  # the problem says so
    interactor = yield from prepare(
        language(problem.interactor.language), problem.interactor.source
    )
    if isinstance(interactor, CompileError):
        return [_not_compiled(interactor)] * len(tests)
    results: list[TestResult] = []
    while len(results) < len(tests):
        # The first alone: a program that does not even compile is run once, not once a test.
        chunk = tests[len(results) : len(results) + (_CHUNK if results else 1)]
        if results and results[0].status is Status.COMPILE_ERROR:
            results += [results[0]] * (len(tests) - len(results))
            break
        if sum(r.status is Status.TIME_LIMIT_EXCEEDED for r in results) >= _MAX_TIME_OUTS:
            rest = TestResult(Status.NOT_RUN, message="not run: earlier tests timed out")
            results += [rest] * (len(tests) - len(results))
            break
        results += yield from _judge_chunk(problem, program, interactor, chunk)
    return results


def _judge_chunk(
    problem: Problem, program: Program, interactor: Program, tests: list[InteractiveTest]
) -> _Steps:
    public = {id(t) for t in problem.public_tests}
    shown = [t.input if id(t) in public else None for t in tests]
    runs = [_joined_run(problem, program, interactor, t) for t in tests]
    results = yield from on_time(runs)
    made = [_talk(problem, r, s) for r, s in zip(results, shown, strict=True)]
    crashed = [n for n, one in enumerate(made) if isinstance(one, _Opinion)]
    if crashed:
        controls = list[RunResult]()
        if problem.solutions:
            right = yield from prepare(
                program.language,
                problem.solutions[0],
                prelude=problem.prelude,
                epilogue=problem.epilogue,
                scratch=True,
            )
            if isinstance(right, Program):
                controls = yield [
                    _joined_run(problem, right, interactor, tests[n]) for n in crashed
                ]
        for place, n in enumerate(crashed):
            control: Any = _talk(problem, controls[place], None) if controls else None
            good = isinstance(control, TestResult) and control.status is Status.ACCEPTED
            opinion = _after_control(made[n], _Opinion(Status.ACCEPTED if good else None))
            made[n] = opinion.result(results[n].cpu_time_s, shown[n])
    return made


def _joined_run(
    problem: Problem, program: Program, interactor: Program, test: InteractiveTest
) -> Run:
    assert problem.interactor is not None  # the problem says so
    files = {_INPUT: _encoded(test.input), _ANSWER: _encoded(test.answer)}
    names = (_INPUT, _OUTPUT, _ANSWER)
    peer = interactor.run(args=names, files=files, limits=problem.interactor.limits)
    return replace(program.run(limits=problem.limits), peer=peer)


def _talk(problem: Problem, result: RunResult, shown: str | None) -> Any:
    """Returns the result of a test; or the opinion of an interactor that crashed by itself."""
    cpu = result.cpu_time_s
    compile_error = result.message("compile_error")
    if isinstance(compile_error, str):
        return TestResult(Status.COMPILE_ERROR, cpu, compile_error)
    peer, interactor = result.peer, problem.interactor
    if peer is None or interactor is None:
        return TestResult(Status.JUDGE_ERROR, cpu, "the sandbox ran no interactor")
    opinion = _opinion(interactor, peer)
    if result.exit_code != 0:
        refused = opinion.status is Status.WRONG_ANSWER
        if refused and (peer.ended_at < result.ended_at or _lost_its_pipe(result)):
            return opinion.result(cpu, shown)
        status, message = end_status(result)
        return TestResult(status, cpu, message)
    if opinion.status is None:
        return opinion
    return opinion.result(cpu, shown)


def _lost_its_pipe(result: RunResult) -> bool:
    error = result.message("error")
    lost = isinstance(error, str) and error.partition(":")[0] in _PIPE_ERRORS
    return lost or (result.ended is Ended.SIGNALED and result.signal == _SIGPIPE)


def _short(value: object, width: int = 100) -> str:
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."
