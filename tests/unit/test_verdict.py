from __future__ import annotations

import json

import pytest

from coding_envs.errors import InvalidValueError
from coding_envs.verdict import Status, TestResult, Verdict

GOOD = TestResult(Status.ACCEPTED, 0.1)
BAD = TestResult(Status.WRONG_ANSWER, 0.2, "no")


def test_what_is_counted() -> None:
    verdict = Verdict(Status.WRONG_ANSWER, (GOOD, BAD, GOOD))
    assert (verdict.passed, verdict.total, verdict.fraction) == (2, 3, 2 / 3)
    assert not verdict.accepted
    assert Verdict(Status.ACCEPTED, (GOOD,)).accepted
    assert Verdict(Status.NO_CODE).fraction == 0.0


def test_part_of_a_test_counts_by_its_points() -> None:
    part = TestResult(Status.WRONG_ANSWER, points=0.25)
    verdict = Verdict(Status.WRONG_ANSWER, (GOOD, BAD, part, part))
    assert (verdict.passed, verdict.fraction) == (1, 1.5 / 4)
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
    assert TestResult(Status.ACCEPTED).points == 1.0
    for points in (1.0, -0.1, float("nan")):
        with pytest.raises(InvalidValueError, match=r"points must be in \[0, 1\)"):
            TestResult(Status.WRONG_ANSWER, points=points)


@pytest.mark.parametrize(
    ("status", "tests"),
    [(Status.ACCEPTED, ()), (Status.ACCEPTED, (GOOD, BAD)), (Status.WRONG_ANSWER, (GOOD,))],
)
def test_accepted_exactly_when_all_passed(status: Status, tests: tuple[TestResult, ...]) -> None:
    with pytest.raises(InvalidValueError, match="status must be ACCEPTED exactly when"):
        Verdict(status, tests)


def test_json_round_trip() -> None:
    verdict = Verdict(
        Status.WRONG_ANSWER, (GOOD, BAD), "no", "trace", 0.3, 0.4, 1 << 20, 2, False, "ab"
    )
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


@pytest.mark.parametrize(
    "data",
    [
        {}, {"status": "FINE"}, {"status": "NO_CODE", "oops": 1}, {"status": "NO_CODE", "tests": 5},
        {"status": "NO_CODE", "tests": [5]}, {"status": "NO_CODE", "tests": [{"status": "X"}]},
        {"status": "NO_CODE", "tests": [{"oops": 1}]}, {"status": "ACCEPTED"}, {"status": None},
    ],
    ids=str,
)  # fmt: skip
def test_malformed_json(data: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError):
        Verdict.from_json(data)


def test_only_two_statuses_are_ours() -> None:
    ours = {s for s in Status if s.is_fault_of_ours}
    assert ours == {Status.INTERNAL_ERROR, Status.JUDGE_ERROR}
