"""run_conformance: a grader against the cases, each call under a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from ..errors import InvalidValueError
from ..problem import Problem, StdioTest
from ..verdict import Verdict
from .cases import Case, load_cases
from .report import Outcome, Report

__all__ = ["Grader", "run_case", "run_conformance", "time_allowed_s"]

Grader = Callable[[Problem, str], "bool | Verdict"]
"""What is tested: says whether a program solves a problem, as a bool or as a Verdict."""

_FAULTS = "a fault of the grader's own, where the program is at fault"


def run_conformance(
    grader: Grader,
    cases: Iterable[Case] | None = None,
    *,
    timeout_s: float = 10.0,
    jobs: int = 1,
    harmful: bool = False,
    progress: Callable[[Outcome], None] | None = None,
) -> Report:
    """Returns what a grader makes of the cases.

    A case is passed where the grader accepts an idiom, or does not accept a wrong program or an
    exploit. After each exploit the grader must also accept the problem's reference solution. A
    grader that raises, or does not come back in time, has failed the case: each call runs in a
    thread of its own, which is left behind where it hangs. A grader that may take its process with
    it (because it runs programs in there) belongs in a `SubprocessGrader`.

    From a grader that returns verdicts more is asked: INTERNAL_ERROR and JUDGE_ERROR, which say
    that the grader is at fault, fail a case; and so does another status than the case names.

    Args:
      grader: called from `jobs` threads at once.
      cases: default all.
      timeout_s: seconds that the grader may take over a program beyond what the problem's limits
        allow the program itself; see `time_allowed_s`.
      jobs: how many cases go on at one time.
      harmful: True runs the cases too that could cost a grader without a sandbox its machine.
      progress: called after each case, in some thread, one call at a time.

    Raises:
      InvalidValueError: `timeout_s` or `jobs` is not positive.
    """
    if not timeout_s > 0 or jobs < 1:
        raise InvalidValueError(f"timeout_s and jobs must be > 0, got {timeout_s} and {jobs}")
    every = tuple(load_cases() if cases is None else cases)
    chosen = [case for case in every if harmful or not case.harmful]
    lock = threading.Lock()

    def run(case: Case) -> Outcome:
        outcome = run_case(grader, case, timeout_s=timeout_s)
        if progress is not None:
            with lock:
                progress(outcome)
        return outcome

    started = time.monotonic()
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="conformance")
    try:
        outcomes = tuple(executor.map(run, chosen))
    finally:
        executor.shutdown(cancel_futures=True)  # on Ctrl-C: those under way end, no other begins
    skipped = tuple(case for case in every if case.harmful and not harmful)
    return Report(outcomes, skipped, time.monotonic() - started)


def time_allowed_s(problem: Problem, timeout_s: float) -> float:
    """Returns how long a grader may take over one program, seconds.

    That is `timeout_s` and the wall limit once for each test that reads and prints, or three times
    for a problem whose tests are calls: enough to call again what an ended process left uncalled.
    """
    runs = sum(isinstance(test, StdioTest) for test in problem.tests) or 3
    return timeout_s + runs * problem.limits.wall_limit_s


def run_case(grader: Grader, case: Case, *, timeout_s: float = 10.0) -> Outcome:
    """Returns what a grader makes of one case; see `run_conformance`."""
    started = time.monotonic()
    answer = _ask(grader, case.problem, case.program, timeout_s)
    outcome = _judged(case, answer, time.monotonic() - started)
    if case.kind != "exploits" or not outcome.passed:
        return outcome
    after = _ask(grader, case.problem, case.problem.solutions[0], timeout_s)
    if isinstance(after, Exception) or not _accepts(after):
        message = f"afterwards it does not accept the reference solution: {_said(after)}"
        return Outcome(case, "broken", False, message, outcome.status, outcome.seconds)
    return outcome


class _GraderError(Exception):
    """The grader raised, or gave something that is no answer."""


def _ask(
    grader: Grader, problem: Problem, program: str, timeout_s: float
) -> bool | Verdict | TimeoutError | _GraderError:
    future: Future[bool | Verdict] = Future()

    def call() -> None:
        try:
            answer: object = grader(problem, program)
            if not isinstance(answer, (bool, Verdict)):
                raise TypeError(f"a grader must return a bool or a Verdict, got {answer!r}")
            future.set_result(answer)
        except BaseException as error:  # SystemExit too: a submission may have raised it in there
            future.set_exception(error)

    threading.Thread(target=call, name="grader", daemon=True).start()
    limit_s = time_allowed_s(problem, timeout_s)
    try:
        error = future.exception(None if getattr(grader, "keeps_time", False) else limit_s)
    except TimeoutError:
        return TimeoutError(f"no answer within {limit_s:.1f} s")
    if isinstance(error, TimeoutError):
        return error
    if error is not None:
        return _GraderError(f"{type(error).__name__}: {error}")
    return future.result()


def _accepts(answer: bool | Verdict) -> bool:
    return answer.accepted if isinstance(answer, Verdict) else answer


def _said(answer: bool | Verdict | Exception) -> str:
    if isinstance(answer, Verdict):
        return f"{answer.status}: {answer.message}"
    if isinstance(answer, Exception):
        return str(answer)
    return "accepted" if answer else "not accepted"


def _judged(
    case: Case, answer: bool | Verdict | TimeoutError | _GraderError, seconds: float
) -> Outcome:
    if isinstance(answer, TimeoutError):
        return Outcome(case, "hung", False, str(answer), seconds=seconds)
    if isinstance(answer, _GraderError):
        return Outcome(case, "raised", False, str(answer), seconds=seconds)
    accepted = _accepts(answer)
    got = "accepted" if accepted else "not accepted"
    status = str(answer.status) if isinstance(answer, Verdict) else ""
    message = _said(answer) if status else case.why
    passed = accepted == case.must_be_accepted
    if isinstance(answer, Verdict) and passed:
        if answer.status.is_fault_of_ours:
            passed, message = False, f"{_FAULTS}: {message}"
        elif case.status is not None and answer.status is not case.status:
            passed, message = False, f"the status must be {case.status}, got {message}"
    elif not passed:
        message = f"{case.why} [{message}]" if status else case.why
    return Outcome(case, got, passed, message, status, seconds)
