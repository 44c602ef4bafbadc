"""Judges test files that have to share a process with the program: its tests are within its reach.

Some tests patch what the program calls, read the files that it wrote, or look at objects that are
no plain data, such as figures and data frames. Apart from the program they cannot be judged
(`code_tests.py`), so they run where it runs: in its jail, after it, in its names, one call each,
with a folder to write in. Ending the process is no pass; but a program that goes looking for the
tests can find them there, and forge their outcome. Problems with such tests are flagged
"exposed_oracle".

Where a program fails a test, the reference is judged as well, once: what it fails is no fault of
the program's.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Generator, Sequence

from ..plain_data import dumps
from ..problem import CodeTest, Problem
from ..sandbox import Call, Calls, Order, Run, RunResult
from ..verdict import Status, TestResult
from .calls import Outcome, call_all
from .kept import Kept

__all__ = ["Controls", "judge_together"]

type Controls = Kept[str, list[TestResult]]
"""Problem fingerprint -> how the reference fares."""

_RESULT_BYTES = 100

_Steps = Generator[Sequence[Run | Order], list[RunResult], list[TestResult]]

_SETUP = """
def __together__(texts, word):
    import sys
    import coding_envs_pytest as shim
    sys.modules["pytest"] = shim.module()
    sys.modules["solution"] = sys.modules["__main__"]
    names, made = globals(), set()
    def run(file, function):
        if file not in made:
            made.add(file)
            exec(compile(texts[file], "test.py", "exec", 0, True), names)
        try:
            shim.run(function, names)
        except shim.UnsupportedError as error:
            raise NotImplementedError(str(error)) from None
        return word
    return run
__together__ = __together__({texts!r}, {word!r})
"""


def judge_together(problem: Problem, program: str, controls: Controls) -> _Steps:
    """Returns one result per test that shares the program's process, in the problem's order."""
    results = yield from _judge(problem, program)
    if not problem.solutions or all(r.status is Status.ACCEPTED for r in results):
        return results
    key = problem.fingerprint()
    reference = controls.get(key)
    if reference is None:
        reference = yield from _judge(problem, problem.solutions[0])
        size = sum(_RESULT_BYTES + len(result.message) for result in reference)
        controls.put(key, reference, size)
    judged = []
    for result, control in zip(results, reference, strict=True):
        if result.status is not Status.ACCEPTED and control.status is not Status.ACCEPTED:
            said = f"test cannot be judged: the reference solution fails it too: {control.message}"
            result = TestResult(Status.JUDGE_ERROR, message=said)
        judged.append(result)
    return judged


def _judge(problem: Problem, program: str) -> _Steps:
    tests = [t for t in problem.tests if isinstance(t, CodeTest) and t.together]
    word = secrets.token_hex(8)  # a call that another function answers is no pass
    texts = list(dict.fromkeys(f"{t.imports}\n{t.code}" for t in tests))
    names = [(texts.index(f"{t.imports}\n{t.code}"), t.function) for t in tests]
    calls = Calls(Call("__together__", dumps([list(pair), {}]), False) for pair in names)
    outcomes = yield from call_all(
        program,
        calls,
        problem.limits,
        prelude=problem.prelude,
        setup=_SETUP.format(texts=texts, word=word),
        scratch=True,
    )
    if isinstance(outcomes, Outcome):
        return [TestResult(outcomes.status, message=outcomes.error)] * len(tests)
    return [_result(outcome, json.loads(dumps(word))) for outcome in outcomes]


def _result(outcome: Outcome, passed: object) -> TestResult:
    if outcome.status is Status.ACCEPTED:
        if outcome.value == passed:
            return TestResult(Status.ACCEPTED)
        return TestResult(Status.WRONG_ANSWER, message="the test gave no answer")
    if outcome.kind in ("AssertionError", "Failed"):
        # Its text may hold the expected value: it stays here.
        message = "an assertion of the test does not hold"
        return TestResult(Status.WRONG_ANSWER, message=message)
    return TestResult(outcome.status, message=outcome.error)
