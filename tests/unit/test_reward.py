"""Rewards: in [-1, 1] whatever the verdict, and in the order that they promise."""

from __future__ import annotations

import pytest

from coding_envs.errors import InvalidValueError, UnknownNameError
from coding_envs.reward import (
    Reward,
    accepted,
    fraction,
    make_reward,
    pay,
    reward_names,
    shaped,
)
from coding_envs.verdict import Status, TestResult, Verdict

OK = TestResult(Status.ACCEPTED)
REWARDS = {name: make_reward(name) for name in reward_names()}


def verdict(status: Status, passed: int = 0, total: int = 4) -> Verdict:
    if status is Status.ACCEPTED:
        return Verdict(status, (OK,) * total)
    return Verdict(status, (OK,) * passed + (TestResult(status),) * (total - passed))


def test_the_names() -> None:
    assert set(REWARDS) == {"accepted", "fraction", "shaped"}
    assert (REWARDS["accepted"], REWARDS["fraction"]) == (accepted, fraction)


@pytest.mark.parametrize("reward", REWARDS.values(), ids=REWARDS)
@pytest.mark.parametrize("status", Status)
def test_every_reward_of_every_status_is_in_bounds(status: Status, reward: Reward) -> None:
    for passed in range(4):
        paid = pay(reward, verdict(status, passed))
        assert isinstance(paid, float)
        assert -1.0 <= paid <= 1.0
    assert -1.0 <= reward(verdict(Status.NO_CODE, 0, 0)) <= 1.0


@pytest.mark.parametrize("reward", REWARDS.values(), ids=REWARDS)
def test_a_solution_is_paid_most(reward: Reward) -> None:
    best = reward(verdict(Status.ACCEPTED))
    assert best == 1.0
    others = [s for s in Status if s is not Status.ACCEPTED]
    assert all(reward(verdict(s, p)) < best for s in others for p in range(4))


def test_accepted_is_one_or_nothing() -> None:
    others = [s for s in Status if s is not Status.ACCEPTED]
    assert {accepted(verdict(s, 3)) for s in others} == {0.0}


def test_fraction_is_the_part_that_passed() -> None:
    assert [fraction(verdict(Status.WRONG_ANSWER, p)) for p in range(4)] == [0.0, 0.25, 0.5, 0.75]
    assert fraction(Verdict(Status.NO_CODE)) == 0.0


def test_shaped_leads_from_nothing_to_programs_that_run() -> None:
    steps = (Status.NO_CODE, Status.COMPILE_ERROR, Status.RUNTIME_ERROR, Status.WRONG_ANSWER)
    paid = [shaped(verdict(s)) for s in (*steps, Status.ACCEPTED)]
    assert paid == sorted(set(paid))
    assert paid == [-0.5, -0.3, -0.1, 0.0, 1.0]
    limits = (Status.TIME_LIMIT_EXCEEDED, Status.MEMORY_LIMIT_EXCEEDED)
    assert {shaped(verdict(s)) for s in (*limits, Status.OUTPUT_LIMIT_EXCEEDED)} == {-0.1}
    # Tests that happen to pass are not paid for: that would pay for constants.
    assert shaped(verdict(Status.WRONG_ANSWER, 3)) == shaped(verdict(Status.WRONG_ANSWER, 0))


def test_a_function_is_a_reward_itself() -> None:
    def own(verdict: Verdict) -> float:
        return 0.25

    assert make_reward(own) is own
    assert pay(own, verdict(Status.NO_CODE)) == 0.25


@pytest.mark.parametrize("paid", [1.01, -1.01, float("nan"), float("inf")])
def test_a_reward_out_of_bounds_is_refused(paid: float) -> None:
    with pytest.raises(InvalidValueError, match=r"in \[-1, 1\], got .* for NO_CODE"):
        pay(lambda _: paid, verdict(Status.NO_CODE))


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="no reward named 'acepted': did you mean 'accepted"):
        make_reward("acepted")


def test_what_is_neither_name_nor_function_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="a name or a function, got 3"):
        make_reward(3)  # type: ignore[arg-type]
