"""A judge under attack: problems whose answers nobody can guess, and what must hold after each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from coding_envs.judge import Judge
from coding_envs.judge.judge import jail_modules
from coding_envs.problem import CallTest, CodeTest, Limits, Problem, StdioTest
from coding_envs.sandbox import NativeSandbox, Run, WordFinder
from coding_envs.sandbox.launch import NsjailLauncher, rollback_obstacle
from coding_envs.verdict import Status, Verdict

SECRETS = {1: "s3cr3t-b41f", 2: "s3cr3t-07ce", 5: "s3cr3t-e9d2"}
TESTER_S = {"check": 7, "loop": 7, "assert": 7}  # to look at the answers, at most
REFERENCE = f"def f(x):\n    return {SECRETS}[x]\n"
LIMITS = Limits(cpu_time_s=0.5, wall_time_s=1.2, memory_bytes=128 * 2**20)


def _problems() -> dict[str, Problem]:
    asserts = [f"assert f({x}) == {s!r}" for x, s in SECRETS.items()]
    check = "def check(candidate):\n" + "".join(
        f"    assert candidate({x}) == {s!r}\n" for x, s in SECRETS.items()
    )
    loop = f"def check(candidate):\n    for got, want in zip(map(candidate, {list(SECRETS)}), "
    loop += f"{list(SECRETS.values())}):\n        assert got == want\n"
    tests = {
        "stdio": [StdioTest(f"{x}\n", s + "\n") for x, s in SECRETS.items()],
        "call": [CallTest((x,), s) for x, s in SECRETS.items()],
        "check": [CodeTest(check, check="check")],
        "loop": [CodeTest(loop, check="check")],
        "assert": [CodeTest(line) for line in asserts],
    }
    return {
        style: Problem(
            dataset="attacked",
            key=style,
            prompt="",
            entry_point="" if style == "stdio" else "f",
            hidden_tests=tuple(of_style),
            solutions=() if style == "stdio" else (REFERENCE,),
            limits=LIMITS,
        )
        for style, of_style in tests.items()
    }


PROBLEMS = _problems()
RIGHT = dict.fromkeys(PROBLEMS, REFERENCE) | {"stdio": REFERENCE + "print(f(int(input())))"}


@pytest.fixture(scope="session", params=["forked", "rolled back"])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    """Judges by each way of running programs; one that is rolled back gets all that may be."""
    obstacle = rollback_obstacle() if request.param == "rolled back" else None
    if obstacle is not None:
        pytest.skip(f"no rollback here: {obstacle}")
    launcher = NsjailLauncher(jail_modules(), rollback=request.param == "rolled back")
    with NativeSandbox(launcher, 2) as sandbox, Judge(sandbox=sandbox) as made:
        sandbox.spends = WordFinder()
        yield made


# A process that is rolled back holds a descriptor more, on which it is handed its next run.
_PROBE = "import os\ntry:\n    os.fstat(4)\n    print('shared')\nexcept OSError:\n    print('own')"


@pytest.fixture(autouse=True)
def _meets_the_executor(request: pytest.FixtureRequest) -> None:
    """Runs harmless programs until one is rolled back: after many hostile ones, runs are forked."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is None or callspec.params.get("judge") != "rolled back":
        return
    sandbox = request.getfixturevalue("judge")._sandbox
    for _ in range(200):
        if sandbox.submit(Run(_PROBE)).result(30).stdout == b"shared\n":
            return
    pytest.fail("no program is rolled back any more")


@pytest.fixture
def attack(judge: Judge) -> Callable[[str, str], Verdict]:
    """Judges a hostile program, then a right one; returns the hostile one's verdict.

    Fails where the hostile one is accepted, is called a fault of ours, or takes more than the wall
    limit of its runs; or where the right one after it is not accepted.
    """

    def attack(style: str, program: str) -> Verdict:
        problem = PROBLEMS[style]
        started = time.monotonic()
        future = judge.submit(problem, program)
        # Runs of tests may follow one another, and the tester after them: each has its own limit.
        verdict = future.result(timeout=30)
        took = time.monotonic() - started
        assert not verdict.accepted, verdict
        assert verdict.passed == 0, verdict
        assert not verdict.status.is_fault_of_ours, verdict
        assert took < max(verdict.runs, 1) * LIMITS.wall_limit_s + TESTER_S.get(style, 0) + 1, (
            took,
            verdict,
        )
        assert not any(secret in str(verdict) for secret in SECRETS.values())
        after = judge.judge_many([(problem, RIGHT[style])] * judge.workers)
        assert [v.status for v in after] == [Status.ACCEPTED] * judge.workers, after
        return verdict

    return attack
