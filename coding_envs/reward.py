"""Verdict -> reward. Pure; every reward is in [-1, 1].

Each form states what a policy can gain from it without solving anything: prefer `accepted`
wherever the policy can find solutions at all.
"""

from __future__ import annotations

from collections.abc import Callable

from .errors import InvalidValueError, UnknownNameError
from .verdict import Status, Verdict

__all__ = ["Reward", "accepted", "fraction", "make_reward", "pay", "reward_names", "shaped"]

Reward = Callable[[Verdict], float]
"""What turns a verdict into a reward in [-1, 1]; never asked about a fault of ours."""


def accepted(verdict: Verdict) -> float:
    """Returns 1 where every test passed, else 0.

    Hacking risk: none beyond the tests themselves; a program that passes weak tests is paid.
    """
    return 1.0 if verdict.accepted else 0.0


def fraction(verdict: Verdict) -> float:
    """Returns the part of the tests that passed.

    Hacking risk: a constant, or a special case of the public tests, is paid for the tests that it
    happens to pass; on yes-or-no problems that is about half.
    """
    return verdict.fraction


def shaped(verdict: Verdict) -> float:
    """Returns 1 for a solution, 0 for a wrong answer, and less for a program that does not run.

    No code -0.5, not compiling -0.3, raising or stopped at a limit -0.1. Leads a beginner to
    programs that run, and then pays for solutions alone.

    Hacking risk: a policy that never solves anything does best with any program that runs.
    """
    if verdict.accepted:
        return 1.0
    return _PENALTIES.get(verdict.status, -0.1)


_PENALTIES = {Status.WRONG_ANSWER: 0.0, Status.COMPILE_ERROR: -0.3, Status.NO_CODE: -0.5}
_REWARDS: dict[str, Reward] = {"accepted": accepted, "fraction": fraction, "shaped": shaped}


def pay(reward: Reward, verdict: Verdict) -> float:
    """Returns what `reward` gives for `verdict`, checked.

    Raises:
      InvalidValueError: it is not in [-1, 1], as NaN is not.
    """
    paid = float(reward(verdict))
    if not -1.0 <= paid <= 1.0:
        raise InvalidValueError(f"a reward must be in [-1, 1], got {paid} for {verdict.status}")
    return paid


def reward_names() -> tuple[str, ...]:
    """Returns the names that `make_reward` knows."""
    return tuple(_REWARDS)


def make_reward(reward: str | Reward) -> Reward:
    """Returns the reward of that name, or the function itself.

    Raises:
      UnknownNameError: there is none of that name.
      InvalidValueError: neither a name nor a function.
    """
    if callable(reward):
        return reward
    if not isinstance(reward, str):
        raise InvalidValueError(f"reward must be a name or a function, got {reward!r}")
    if reward not in _REWARDS:
        raise UnknownNameError("reward", reward, _REWARDS)
    return _REWARDS[reward]
