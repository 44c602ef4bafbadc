"""The environment that trainers are measured with: the same steps and rewards in both ways."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

AGENTS, STEPS = 32, 80


@pytest.fixture(scope="module")
def mock_env() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "mock_env.py"
    spec = importlib.util.spec_from_file_location("mock_env", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def play(env: Any) -> tuple[Any, Any]:
    """Returns all observations, and each reward where it was earned, be it paid by ticket."""
    env.reset(3)
    draws = np.random.default_rng(0)
    observations, rewards = [], np.zeros((STEPS, AGENTS), np.float32)
    where: dict[int, tuple[int, int]] = {}

    def collect(timeout_s: float = 0.0) -> None:
        for ticket, reward, mask in zip(*env.collect(timeout_s), strict=True):
            rewards[where.pop(int(ticket))] = reward
            assert mask

    for step in range(STEPS):
        # A third of them write the right word.
        right, any_word = env.observations[:, 0] - 1, draws.integers(71, size=AGENTS)
        env.step(np.where(draws.random(AGENTS) < 1 / 3, right, any_word))
        observations.append(env.observations.copy())
        rewards[step] = env.rewards
        for agent in np.flatnonzero(env.tickets):
            where[int(env.tickets[agent])] = step, int(agent)
            assert env.terminals[agent]
        collect()
    while where:
        collect(1.0)
    return observations, rewards


@pytest.mark.parametrize("random_length", [True, False])
def test_verdicts_pay_the_same_in_every_way(mock_env: ModuleType, random_length: bool) -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"latency_s": 0.001},
        {"verdicts": "deferred"},
        {"verdicts": "deferred", "latency_s": 0.004},
        {"verdicts": "deferred", "latency_s": 0.002, "workers": 20},
    ]
    played = [play(mock_env.MockEnv(AGENTS, random_length=random_length, **way)) for way in ways]
    observations, rewards = played[0]
    assert 0.2 < rewards[rewards > 0].mean() < 0.9
    ends = (rewards > 0).any(1)
    assert ends.sum() == STEPS // 12 if not random_length else ends.mean() > 0.9
    for other in played[1:]:
        assert np.array_equal(observations, other[0])
        assert np.array_equal(rewards, other[1])


def test_an_execution_takes_its_time(mock_env: ModuleType) -> None:
    one_step = {"episode_length": 1, "latency_s": 0.02}
    for workers, rounds in ((0, 1), (2, 2)):  # four programs
        env = mock_env.MockEnv(4, workers=workers, **one_step)
        started = time.monotonic()
        env.step(np.zeros(4, int))
        assert 0.02 * rounds <= time.monotonic() - started < 0.02 * rounds + 0.5
        env = mock_env.MockEnv(4, workers=workers, verdicts="deferred", **one_step)
        env.step(np.zeros(4, int))
        assert env.tickets.tolist() == [1, 2, 3, 4]
        assert env.collect()[0].tolist() == []
        assert env.collect(timeout_s=10.0)[0].tolist() == list(range(1, 1 + 4 // rounds))
        env.close()
        assert env.collect(timeout_s=10.0)[0].tolist() == []


def test_malformed_arguments_are_named(mock_env: ModuleType) -> None:
    with pytest.raises(ValueError, match="verdicts must be 'sync' or 'deferred', got 'later'"):
        mock_env.MockEnv(4, verdicts="later")
    with pytest.raises(ValueError, match=r"episode_length must be in 1\.\.12, got 13"):
        mock_env.MockEnv(4, episode_length=13)
