"""Judges test code (`check`, asserts, pytest, unittest) with the oracle out of reach.

    once per problem   the tester runs the tests around the reference and notes the calls
    per program        the program's process answers all those calls at once;
                       the tester runs the tests again, against the answers

Where the tests call otherwise than they did around the reference, because an argument depends on
an earlier answer, the tester says which calls it needs and both are repeated with them.

What the tester says depends on the answers alone. It is kept for a while, so that answers that were
judged before, byte for byte, as those of every correct program often are, need not be judged again.
What the tests call is kept too; a problem that was forgotten is recorded again.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..problem import CodeTest, Limits, Problem
from ..sandbox import Call, Calls, Order, Run, RunResult
from ..verdict import Status, TestResult
from .calls import Outcome, Outcomes, call_all, end_status, uncrossed
from .kept import Kept
from .objects import SETUP

__all__ = ["Recordings", "judge_code_tests"]

_TESTER = "coding_envs_tester:answer"
_MAX_ROUNDS = 64  # without a reference each call that depends on an earlier one takes a round
_RECORD_LIMITS = Limits(cpu_time_s=10.0, memory_bytes=1 << 30, output_bytes=64 << 20)
_NO_ANSWER = b'{"error":"","kind":"RuntimeError"}\n'
_TRIES = 2  # at answers that the tester fails on; then they are wrong
_RECORDED_BYTES, _REPORTED_BYTES = 256 << 20, 64 << 20  # of each judge
_CALL_BYTES, _CONTROL_BYTES = 400, 100  # the objects around a call; what is noted of a test
_PASSED = TestResult(Status.ACCEPTED)


_Call = list[Any]  # expression, arguments as JSON text or None, whether they are wanted after it


@dataclass(frozen=True)
class _Wanted:
    """What one test calls: see `tester.py`; and why it fails around the reference, or ""."""

    calls: list[_Call]
    error: str


_Reports = list[dict[str, Any]]
"""What the tester says of some answers, per test."""


@dataclass(frozen=True)
class _Group:
    """Tests that share a process of the program's, made ready once per problem.

    Attributes:
      wanted: test number -> what it calls.
      setup: source that runs in the program's process before the calls.
      as_source: True where the arguments are made of the program's own classes, or of what its
        set-up made: such calls are evaluated in the program's process from their source. It holds
        arguments only, never an expected value.
      calls: all of their calls.
      order: what the tester is told, but for the answers.
      digest: of the order.
      control: whether the reference passes each test of a file, once a program has failed one.
    """

    wanted: dict[int, _Wanted]
    setup: str
    as_source: bool
    calls: Calls
    order: bytes
    digest: bytes
    control: dict[int, bool] = field(default_factory=dict)


class Recordings:
    """What code tests call, and what the tester said; the least recently used is forgotten first.

    Args:
      most_bytes: how much may be kept of what tests call.
      reported_bytes: how much of what the tester said.

    Attributes:
      groups: problem fingerprint -> groups of tests with what they call; or why that cannot be
        found out.
      reports: digest of an order and of answers -> what the tester said of them.
    """

    def __init__(
        self, most_bytes: int = _RECORDED_BYTES, reported_bytes: int = _REPORTED_BYTES
    ) -> None:
        self.groups: Kept[str, list[_Group] | str] = Kept(most_bytes)
        self.reports: Kept[bytes, _Reports] = Kept(reported_bytes)


_Steps = Generator[Sequence[Run | Order], list[RunResult], Any]


class _TesterError(Exception):
    """The test code, not the program, is at fault."""


def judge_code_tests(
    problem: Problem, program: str, recordings: Recordings, *, scratch: bool
) -> Generator[Sequence[Run | Order], list[RunResult], list[TestResult]]:
    """Returns one result per test that is apart from the program, in the problem's order."""
    tests = _apart(problem)
    count = len(tests)
    results: list[TestResult] = [TestResult(Status.NOT_RUN)] * count
    try:
        groups = recordings.groups.get(problem.fingerprint())
        if groups is None:
            groups = yield from _recorded(problem, recordings)
        if isinstance(groups, str):
            raise _TesterError(groups)
        for group in groups:
            found = yield from _judge_group(problem, program, group, recordings, scratch)
            found = yield from _controlled(problem, tests, group, recordings, found)
            for index, result in found.items():
                results[index] = result
    except _TesterError as error:
        return [TestResult(Status.JUDGE_ERROR, message=str(error))] * count
    return results


def _apart(problem: Problem) -> list[CodeTest]:
    return [t for t in problem.tests if isinstance(t, CodeTest) and not t.together]


def _spec(problem: Problem) -> dict[str, Any]:
    tests = [t.to_json() for t in _apart(problem)]
    helpers = problem.solutions[0] if problem.solutions else problem.starter_header()
    texts = {"entry_point": problem.entry_point, "prelude": problem.prelude, "helpers": helpers}
    return {**texts, "tests": tests}


def _recorded(problem: Problem, recordings: Recordings) -> _Steps:
    """Finds out what the tests call, and makes their groups ready."""
    tests = _apart(problem)
    spec, key = _spec(problem), problem.fingerprint()
    reports: _Reports
    reports = [{"calls": [], "uncrossable": False, "objects": False, "error": ""} for _ in tests]
    if problem.solutions:
        try:
            reports = yield from _ask_tester(_order("record", spec), _RECORD_LIMITS)
        except _TesterError as error:
            # So that it is not tried again for each program.
            recordings.groups.put(key, str(error), len(str(error)))
            raise
    by_source = [
        # Only plain asserts can be rewritten: a check(candidate) calls by another name.
        bool(t.program_setup) or (r["uncrossable"] and not (t.check or t.function))
        for t, r in zip(tests, reports, strict=True)
    ]
    calls = [report["calls"] for report in reports]
    if any(by_source):
        sources = yield from _ask_tester(_order("expressions", spec), _RECORD_LIMITS)
        rows = zip(by_source, sources, calls, strict=True)
        calls = [source if by else made for by, source, made in rows]
    # Tests with a set-up of their own need a process of their own.
    together: dict[tuple[str, bool, int], list[int]] = {}
    for index, (test, by) in enumerate(zip(tests, by_source, strict=True)):
        # So do those with objects of the program's classes, which are counted from 0 in each.
        setup, own = test.program_setup, -1
        if reports[index]["objects"]:
            setup, own = f"{setup}\n{SETUP}", index
        together.setdefault((setup, by, own), []).append(index)
    groups = []
    for (setup, by, _), members in together.items():
        wanted = {i: _Wanted(calls[i], "" if by else reports[i]["error"]) for i in members}
        groups.append(_group(problem, setup, by, wanted))
    recordings.groups.put(key, groups, sum(_size(group) for group in groups))
    return groups


def _group(problem: Problem, setup: str, as_source: bool, wanted: dict[int, _Wanted]) -> _Group:
    spec = _spec(problem)
    calls = [Call(*call) for one in wanted.values() for call in one.calls]
    spec["tests"] = [
        {**spec["tests"][i], "calls": one.calls, "expressions": as_source}
        for i, one in wanted.items()
    ]
    order = _order("replay", spec)
    return _Group(wanted, setup, as_source, Calls(calls), order, _digest(order))


def _size(group: _Group) -> int:
    # A call is there as text, and packed for the jail once it was made.
    texts = sum(len(c.expression) + len(c.arguments or "") for c in group.calls)
    notes = sum(len(one.error) for one in group.wanted.values())
    objects = _CALL_BYTES * len(group.calls) + _CONTROL_BYTES * len(group.wanted)
    return len(group.order) + len(group.setup) + 2 * texts + notes + objects


def _digest(data: bytes, of: bytes = b"") -> bytes:
    # Cryptographic: a program must not find other answers that look like the right ones.
    digest = hashlib.blake2b(of, digest_size=32)
    digest.update(data)
    return digest.digest()


def _judge_group(
    problem: Problem, program: str, group: _Group, recordings: Recordings, scratch: bool
) -> _Steps:
    """Judges tests that share a process of the program's; returns their results, by number."""
    results: dict[int, TestResult] = {}
    members, setup = list(group.wanted), group.setup
    limits = _replay_limits(problem.limits)
    for _ in range(_MAX_ROUNDS):
        # Even without a call to make the program must load.
        outcomes = yield from call_all(
            program,
            group.calls,
            problem.limits,
            prelude=problem.prelude,
            setup=setup,
            scratch=scratch,
        )
        if isinstance(outcomes, Outcome):
            failure = TestResult(outcomes.status, message=outcomes.error)
            return {i: results.get(i, failure) for i in members}
        reports = yield from _reports(group, recordings, outcomes.text, limits)
        if reports is None:
            message = "the returned values could not be checked within the limits"
            failure = TestResult(Status.WRONG_ANSWER, message=message)
            return {i: results.get(i, failure) for i in members}
        again, end = {}, 0
        for (i, wanted), report in zip(group.wanted.items(), reports, strict=True):
            start, end = end, end + len(wanted.calls)
            if report["status"] == "needs":
                again[i] = replace(wanted, calls=report["calls"])
            elif report["status"] == "passed":
                results[i] = _PASSED
            else:
                results[i] = _failed(report, outcomes, range(start, end), wanted.error)
        if not again:
            return results
        group = _group(problem, setup, group.as_source, again)
    message = f"a test asked for new calls in each of {_MAX_ROUNDS} rounds"
    if not problem.solutions:
        raise _TesterError(message)
    # Around the reference the calls are known: the program's own answers led astray.
    failure = TestResult(Status.WRONG_ANSWER, message=message)
    return {i: results.get(i, failure) for i in members}


def _controlled(
    problem: Problem,
    tests: list[CodeTest],
    group: _Group,
    recordings: Recordings,
    found: dict[int, TestResult],
) -> _Steps:
    """Returns the results, in which no program is blamed for what the reference fails as well.

    The tests and the program are apart. A test of a file that patches the program's libraries, or
    that writes what the program is to read, passes around the reference, and fails for whatever
    program; which the reference, judged as a program, shows.
    """
    failed = [
        i for i, result in found.items() if tests[i].function and result.status in _PERHAPS_OURS
    ]
    if not failed or not problem.solutions:
        return found
    if not group.control:
        reference = problem.solutions[0]
        judged = yield from _judge_group(problem, reference, group, recordings, True)
        group.control.update((i, r.status is Status.ACCEPTED) for i, r in judged.items())
    message = (
        "test cannot be judged: apart from the test, as programs run, the reference solution fails "
        "it too"
    )
    ours = TestResult(Status.JUDGE_ERROR, message=message)
    return {
        i: ours if i in failed and not group.control.get(i, True) else result
        for i, result in found.items()
    }


_PERHAPS_OURS = (Status.WRONG_ANSWER, Status.RUNTIME_ERROR)


def _reports(
    group: _Group, recordings: Recordings, answers: bytes, limits: Limits
) -> Generator[Sequence[Run | Order], list[RunResult], _Reports | None]:
    """Returns what the tester says of the answers; None where it is they that it cannot judge.

    Raises:
      _TesterError: it is not the answers' fault.
    """
    key = _digest(answers, group.digest)
    reports = recordings.reports.get(key)
    for _ in range(_TRIES):
        if reports is not None:
            return reports
        try:
            reports = yield from _ask_tester(group.order + answers, limits)
            recordings.reports.put(key, reports, 4 * len(repr(reports)))
        except _TesterError:
            # Who is at fault: the test, or what the program answered? Ask without the answers; and
            # then with them again: somebody may have stopped the tester.
            yield from _ask_tester(group.order + _NO_ANSWER * len(group.calls), limits)
    return reports


def _failed(report: dict[str, Any], outcomes: Outcomes, numbers: range, error: str) -> TestResult:
    """Returns the result of a test that did not pass, whose calls have these numbers."""
    if report["status"] == "unjudgeable":
        return TestResult(Status.JUDGE_ERROR, message=f"test cannot be judged: {report['error']}")
    if error:
        message = f"test cannot be judged: it fails for the reference solution too: {error}"
        return TestResult(Status.JUDGE_ERROR, message=message)
    at = report.get("failed_at", -1)
    if 0 <= at < len(numbers):
        outcome = outcomes[numbers[at]]
        if outcome.status is not Status.ACCEPTED:
            return TestResult(outcome.status, message=outcome.error)
    if "why" in report:
        return TestResult(Status.WRONG_ANSWER, message=report["why"])
    if b'"opaque"' in outcomes.text:  # else not worth parsing them
        for number in numbers:
            opaque = uncrossed(outcomes[number].value)
            if opaque is not None:
                return TestResult(Status.WRONG_ANSWER, message=opaque)
    # The text of a failed assertion may hold the expected value: it stays here.
    return TestResult(Status.WRONG_ANSWER, message="an assertion of the test does not hold")


@functools.lru_cache(maxsize=1024)
def _replay_limits(limits: Limits) -> Limits:
    # The answers may be made to be slow to look at: no more time than the program itself had.
    return replace(_RECORD_LIMITS, cpu_time_s=max(3.0, limits.cpu_time_s))


def _order(what: str, spec: dict[str, Any]) -> bytes:
    """An order as the tester takes it: a line of JSON; answers follow as further lines."""
    return json.dumps({**spec, "order": what}).encode() + b"\n"


def _ask_tester(order: bytes, limits: Limits) -> _Steps:
    (result,) = yield [Order(_TESTER, order, limits)]
    if result.reply is None:
        raise _TesterError(f"the test code failed: {end_status(result)[1]}")
    try:
        reply = json.loads(result.reply)
    except (ValueError, RecursionError) as error:
        raise _TesterError(f"the test code forged its report: {error}") from None
    if isinstance(reply, dict):
        raise _TesterError(f"the test code failed: {reply.get('error')}")
    return reply
