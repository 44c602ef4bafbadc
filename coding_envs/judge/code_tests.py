"""Judges test code (`check`, asserts, pytest, unittest) with the oracle out of reach.

    once per problem   the tester runs the tests around the reference and notes the calls
    per program        the program's process answers all those calls at once;
                       the tester runs the tests again, against the answers

Where the tests call otherwise than they did around the reference, because an argument depends on
an earlier answer, the tester says which calls it needs and both are repeated with them.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..problem import CodeTest, Limits, Problem
from ..sandbox import Call, Order, Run, RunResult
from ..verdict import Status, TestResult
from .calls import Outcome, call_all, end_status, uncrossed

__all__ = ["Recordings", "judge_code_tests"]

_TESTER = "coding_envs_tester:answer"
_MAX_ROUNDS = 64  # without a reference each call that depends on an earlier one takes a round
_RECORD_LIMITS = Limits(cpu_time_s=10.0, memory_bytes=1 << 30, output_bytes=64 << 20)
_NO_ANSWER = {"error": "", "kind": "RuntimeError"}


_Call = list[Any]  # expression, arguments as JSON text or None, whether they are wanted after it


@dataclass(frozen=True)
class Recording:
    """The calls that one test makes.

    Attributes:
      calls: what the test calls: see `tester.py`.
      as_source: True where the arguments are made of the program's own classes, or of what its
        set-up made: such calls are evaluated in the program's process from their source. It holds
        arguments only, never an expected value.
      error: why the test fails even around the reference, or "".
    """

    calls: tuple[_Call, ...]
    as_source: bool
    error: str = ""


Recordings = dict[str, list[Recording] | str]
"""Problem fingerprint -> per test, what it calls; or why that cannot be found out."""

_Steps = Generator[Sequence[Run | Order], list[RunResult], Any]


class _TesterError(Exception):
    """The test code, not the program, is at fault."""


def judge_code_tests(
    problem: Problem, program: str, recordings: Recordings, *, scratch: bool
) -> Generator[Sequence[Run | Order], list[RunResult], list[TestResult]]:
    """Returns one result per test, in the problem's order."""
    tests = [t for t in problem.tests if isinstance(t, CodeTest)]
    spec = {
        "entry_point": problem.entry_point,
        "helpers": problem.solutions[0] if problem.solutions else problem.starter_header(),
        "tests": [t.to_json() for t in tests],
    }
    results: list[TestResult] = [TestResult(Status.NOT_RUN)] * len(tests)
    try:
        recorded = yield from _recorded(problem, spec, tests, recordings)
        # Tests with a set-up of their own need a process of their own.
        groups: dict[tuple[str, bool], list[int]] = {}
        for index, (test, recording) in enumerate(zip(tests, recorded, strict=True)):
            groups.setdefault((test.program_setup, recording.as_source), []).append(index)
        for members in groups.values():
            group = yield from _judge_group(
                problem, program, spec, members, [recorded[i] for i in members], scratch
            )
            for index, result in zip(members, group, strict=True):
                results[index] = result
    except _TesterError as error:
        return [TestResult(Status.JUDGE_ERROR, message=str(error))] * len(tests)
    return results


def _recorded(
    problem: Problem, spec: dict[str, Any], tests: Sequence[CodeTest], recordings: Recordings
) -> _Steps:
    key = problem.fingerprint()
    known = recordings.get(key)
    if isinstance(known, str):
        raise _TesterError(known)
    if known is None:
        reports: list[dict[str, Any]]
        reports = [{"calls": [], "uncrossable": False, "error": ""} for _ in tests]
        if problem.solutions:
            try:
                reports = yield from _ask_tester({**spec, "order": "record"}, _RECORD_LIMITS)
            except _TesterError as error:
                recordings[key] = str(error)  # so that it is not tried again for each program
                raise
        by_source = [
            # Only plain asserts can be rewritten: a check(candidate) calls by another name.
            bool(t.program_setup) or (r["uncrossable"] and not (t.check or t.function))
            for t, r in zip(tests, reports, strict=True)
        ]
        calls = [report["calls"] for report in reports]
        if any(by_source):
            sources = yield from _ask_tester({**spec, "order": "expressions"}, _RECORD_LIMITS)
            rows = zip(by_source, sources, calls, strict=True)
            calls = [source if by else made for by, source, made in rows]
        errors = ["" if by else r["error"] for by, r in zip(by_source, reports, strict=True)]
        columns = zip(calls, by_source, errors, strict=True)
        known = [Recording(tuple(made), by, error) for made, by, error in columns]
        recordings[key] = known
    return known


def _judge_group(
    problem: Problem,
    program: str,
    spec: dict[str, Any],
    members: list[int],
    recorded: list[Recording],
    scratch: bool,
) -> _Steps:
    """Judges tests that share a process of the program's; returns their results."""
    results: dict[int, TestResult] = {}
    as_source = recorded[0].as_source
    setup = spec["tests"][members[0]].get("program_setup", "")
    wanted = {i: list(r.calls) for i, r in zip(members, recorded, strict=True)}
    errors = {i: r.error for i, r in zip(members, recorded, strict=True)}
    for _ in range(_MAX_ROUNDS):
        open_tests = list(wanted)
        calls = [_as_call(*call) for i in open_tests for call in wanted[i]]
        # Even without a call to make the program must load.
        outcomes = yield from call_all(program, calls, problem.limits, setup=setup, scratch=scratch)
        if isinstance(outcomes, Outcome):
            failure = TestResult(outcomes.status, message=outcomes.error)
            return [results.get(i, failure) for i in members]
        rest = iter(outcomes)
        by_test = {i: [next(rest) for _ in wanted[i]] for i in open_tests}
        orders = []
        for i in open_tests:
            pairs = zip(wanted[i], by_test[i], strict=True)
            known = [[call, _as_message(outcome, call[1])] for call, outcome in pairs]
            orders.append({**spec["tests"][i], "known": known, "expressions": as_source})
        order = {**spec, "tests": orders, "order": "replay"}
        try:
            reports = yield from _ask_tester(order, _replay_limits(problem))
        except _TesterError:
            # Who is at fault: the test, or what the program answered? Ask without the answers.
            blank = [[[call, _NO_ANSWER] for call in wanted[i]] for i in open_tests]
            control = [{**test, "known": known} for test, known in zip(orders, blank, strict=True)]
            yield from _ask_tester({**order, "tests": control}, _replay_limits(problem))
            message = "the returned values could not be checked within the limits"
            failure = TestResult(Status.WRONG_ANSWER, message=message)
            return [results.get(i, failure) for i in members]
        wanted = {}
        for i, report in zip(open_tests, reports, strict=True):
            if report["status"] == "needs":
                wanted[i] = report["calls"]
            else:
                results[i] = _result(report, by_test[i], errors[i])
        if not wanted:
            return [results[i] for i in members]
    message = f"a test asked for new calls in each of {_MAX_ROUNDS} rounds"
    if not problem.solutions:
        raise _TesterError(message)
    # Around the reference the calls are known: the program's own answers led astray.
    failure = TestResult(Status.WRONG_ANSWER, message=message)
    return [results.get(i, failure) for i in members]


def _as_call(expression: str, arguments: str | None, after: bool) -> Call:
    # Only where it is wanted: sending arguments back costs as much as sending the value.
    return (
        Call(expression, arguments, arguments_after=True) if after else Call(expression, arguments)
    )


def _as_message(outcome: Outcome, arguments: str | None) -> dict[str, Any]:
    if outcome.status is Status.ACCEPTED:
        message = {"value": outcome.value}
        if outcome.arguments is not None and outcome.arguments != json.loads(arguments or ""):
            message["args"] = outcome.arguments
        return message
    return {"error": outcome.error, "kind": outcome.kind}


def _result(report: dict[str, Any], outcomes: list[Outcome], error: str) -> TestResult:
    if report["status"] == "passed":
        return TestResult(Status.ACCEPTED)
    if report["status"] == "unjudgeable":
        return TestResult(Status.JUDGE_ERROR, message=f"test cannot be judged: {report['error']}")
    if error:
        message = f"test cannot be judged: it fails for the reference solution too: {error}"
        return TestResult(Status.JUDGE_ERROR, message=message)
    at = report.get("failed_at", -1)
    if 0 <= at < len(outcomes):
        return TestResult(outcomes[at].status, message=outcomes[at].error)
    if "why" in report:
        return TestResult(Status.WRONG_ANSWER, message=report["why"])
    for outcome in outcomes:
        opaque = uncrossed(outcome.value)
        if opaque is not None:
            return TestResult(Status.WRONG_ANSWER, message=opaque)
    # The text of a failed assertion may hold the expected value: it stays here.
    return TestResult(Status.WRONG_ANSWER, message="an assertion of the test does not hold")


def _replay_limits(problem: Problem) -> Limits:
    # The answers may be made to be slow to look at: no more time than the program itself had.
    return replace(_RECORD_LIMITS, cpu_time_s=max(3.0, problem.limits.cpu_time_s))


def _ask_tester(order: dict[str, Any], limits: Limits) -> _Steps:
    (result,) = yield [Order(_TESTER, json.dumps(order).encode(), limits)]
    if result.reply is None:
        raise _TesterError(f"the test code failed: {end_status(result)[1]}")
    try:
        reply = json.loads(result.reply)
    except (ValueError, RecursionError) as error:
        raise _TesterError(f"the test code forged its report: {error}") from None
    if isinstance(reply, dict):
        raise _TesterError(f"the test code failed: {reply.get('error')}")
    return reply
