"""What a judge keeps of problems stays within bounds, and what it forgot is found out again."""

from __future__ import annotations

import sys
import threading
import tracemalloc

import pytest

from coding_envs.judge import Judge, VerdictCache
from coding_envs.judge.code_tests import Recordings
from coding_envs.judge.judge import _Kept
from coding_envs.judge.kept import ENTRY_BYTES, Kept
from coding_envs.problem import CallTest, CodeTest, Problem
from coding_envs.sandbox import Ended, FakeSandbox, Run, RunResult
from coding_envs.verdict import Status, TestResult, Verdict


def test_the_least_recently_used_go_first() -> None:
    kept: Kept[str, int] = Kept(3 * (ENTRY_BYTES + 10))
    for number, key in enumerate("abc"):
        kept.put(key, number, 10)
    assert kept.get("a") == 0
    kept.put("d", 3, 10)
    assert [kept.get(key) for key in "abcd"] == [0, None, 2, 3]
    kept.put("c", 9, 10 + ENTRY_BYTES)  # in its own place, but larger
    assert [kept.get(key) for key in "acd"] == [None, 9, 3]
    assert kept.bytes == 3 * ENTRY_BYTES + 20
    kept.put("large", 1, 1 << 30)  # is in use: stays alone
    assert (len(kept), kept.get("large")) == (1, 1)
    kept.put("small", 2, 0)
    assert (len(kept), kept.bytes) == (1, ENTRY_BYTES)


def test_threads_share_it() -> None:
    kept: Kept[int, int] = Kept(50 * ENTRY_BYTES)
    wrong: list[tuple[int, int]] = []

    def work(seed: int) -> None:
        for step in range(3000):
            key = (seed * 7919 + step * 31) % 200
            found = kept.get(key)
            if found is not None and found != key:
                wrong.append((key, found))
            kept.put(key, key, 0)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert (len(kept), kept.bytes) == (50, 50 * ENTRY_BYTES)


def answer(run: Run) -> RunResult:
    return RunResult(Ended.EXITED, exit_code=0, channel=b'{"loaded":true}\n{"value":3}\n')


def test_the_calls_of_many_problems_take_no_more_than_they_may() -> None:
    sandbox = FakeSandbox(answer)
    judge = Judge(sandbox=sandbox)
    judge._kept = _Kept(calls_of=Kept(1 << 20))
    tracemalloc.start()
    try:
        for number in range(600):
            test = CallTest((f"{number} " * 4000,), 3 if number % 2 else 4)
            problem = Problem(
                dataset="d", key=f"{number}", prompt="", entry_point="f", hidden_tests=(test,)
            )
            wanted = Status.ACCEPTED if number % 2 else Status.WRONG_ANSWER
            assert judge.judge(problem, "x").status is wanted
            sandbox.runs.clear()
            if number == 100:
                before = tracemalloc.get_traced_memory()[0]
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert judge._kept.calls_of.bytes <= 1 << 20
    assert grown < 2 << 20  # where all was kept: 500 problems of 20 kB


def test_a_cache_of_verdicts_takes_no_more_than_it_may() -> None:
    cache = VerdictCache(most_bytes=1 << 20)
    wrong = TestResult(Status.WRONG_ANSWER, message="m" * 1000)
    for number in range(2000):
        cache.put(f"{number}", Verdict(Status.WRONG_ANSWER, (wrong,) * 5))
    assert cache.get("0") is None
    assert cache.get("1999") is not None
    held = cache._held
    assert 100 < len(held) < 250
    assert held.bytes <= 1 << 20


@pytest.mark.nsjail
def test_problems_that_were_forgotten_are_recorded_again() -> None:
    problems = [
        Problem(
            dataset="d",
            key=f"{number}",
            prompt="",
            entry_point="f",
            hidden_tests=(CodeTest(code=f"assert f({number}) == {number + 1}"),),
            solutions=("def f(n): return n + 1\n",),
        )
        for number in range(6)
    ]
    right, wrong = "def f(n): return 1 + n\n", "def f(n): return 1\n"
    with Judge(workers=1) as judge:
        judge._kept = _Kept(recordings=Recordings(5 * ENTRY_BYTES, 5 * ENTRY_BYTES))
        recordings = judge._kept.recordings
        for _ in range(2):  # the second time round all have been forgotten
            for number, problem in enumerate(problems):
                assert judge.judge(problem, right).accepted
                assert judge.judge(problem, wrong).accepted is (number == 0)
                assert 1 <= len(recordings.groups) < 6
                assert recordings.groups.bytes <= max(5 * ENTRY_BYTES, _largest(recordings))
        # Many threads on few places: each verdict is right all the same.
        pairs = [(p, program) for p in problems for program in (right, wrong)] * 4
        verdicts = judge.judge_many(pairs)
    expected = [program is right or p.key == "0" for p, program in pairs]
    assert [v.accepted for v in verdicts] == expected


def _largest(recordings: Recordings) -> int:
    return max(size for _, size in recordings.groups._held.values())


@pytest.mark.nsjail
def test_what_is_kept_of_code_tests_is_counted_about_right() -> None:
    # By bytes, not by entries: a problem with long tests counts for what it takes.
    long = Problem(
        dataset="d",
        key="long",
        prompt="",
        entry_point="f",
        hidden_tests=(CodeTest(code="".join(f"assert f({n}) == {n}\n" for n in range(2000))),),
        solutions=("def f(n): return n\n",),
    )
    with Judge(workers=1) as judge:
        assert judge.judge(long, "def f(n): return n\n").accepted
        recordings = judge._kept.recordings
        (group,) = recordings.groups.get(long.fingerprint()) or ()
        least = sys.getsizeof(group.order) + sum(sys.getsizeof(call) for call in group.calls)
        assert least < recordings.groups.bytes < 20 * least


def test_the_same_program_on_shown_and_on_hidden_tests() -> None:
    judge = Judge(sandbox=FakeSandbox(answer), cache="memory")
    hidden = Problem(
        dataset="d", key="k", prompt="", entry_point="f", hidden_tests=(CallTest((1,), "secret"),)
    )
    shown = hidden.replace(public_tests=hidden.tests, hidden_tests=())
    first, second = judge.judge(shown, "x"), judge.judge(hidden, "x")
    assert first.fingerprint == second.fingerprint  # the verdict is the same
    assert "secret" in first.message
    assert "secret" not in second.message + second.tests[0].message
    assert not second.cached
    again = [judge.judge(shown, "x"), judge.judge(hidden, "x")]
    assert [v.cached for v in again] == [True, True]
    assert ["secret" in v.message for v in again] == [True, False]


def test_shown_and_hidden_in_flight_do_not_wait_for_each_other() -> None:
    sandbox = FakeSandbox(answer, delay=True)
    judge = Judge(sandbox=sandbox, cache="memory")
    hidden = Problem(
        dataset="d", key="k", prompt="", entry_point="f", hidden_tests=(CallTest((1,), "secret"),)
    )
    shown = hidden.replace(public_tests=hidden.tests, hidden_tests=())
    futures = [judge.submit(shown, "x"), judge.submit(hidden, "x")]
    sandbox.deliver()
    assert ["secret" in f.result(10).message for f in futures] == [True, False]
