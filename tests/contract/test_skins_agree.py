"""The same seed and actions: bit-identical steps in every skin, with real verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray
from pufferlib.emulation import GymnasiumPufferEnv

from coding_envs.data import ProblemSet, load_problems
from coding_envs.envs import CodingPufferEnv
from coding_envs.judge import Judge
from coding_envs.tokens import SUBMIT_ACTION, Tokenizer

pytestmark = pytest.mark.nsjail

AGENTS, STEPS, SEED = 6, 250, 21
PROBLEMS = load_problems("starter", split="train")
OPTIONS: dict[str, Any] = {"dataset": PROBLEMS, "reward": "shaped", "program_tokens": 8}


@dataclass
class Recorded:
    """What a skin showed: one row per step, one column per agent."""

    observations: NDArray[np.int32]  # [STEPS + 1, AGENTS, size]
    rewards: NDArray[np.float32]  # [STEPS, AGENTS]
    terminals: NDArray[np.bool_]  # [STEPS, AGENTS]
    truncations: NDArray[np.bool_]  # [STEPS, AGENTS]


@pytest.fixture(scope="module")
def judges() -> Iterator[list[Judge]]:
    """One for each skin: none answers from what another has run."""
    made = [Judge(workers=1, cache="memory") for _ in range(3)]
    yield made
    for judge in made:
        judge.close()


def choose(
    agent: int, step: int, key: str, written: int, problems: ProblemSet, tokenizer: Tokenizer
) -> int:
    """The action: of the reference solution for two thirds of the agents' time, else any."""
    draw = np.random.default_rng((agent, step))
    if (agent + step // 40) % 3 == 0:
        return int(draw.integers(tokenizer.num_actions))
    problem = problems.by_key(key)
    text = problem.solutions[0].removeprefix(problem.starter_code)
    reference = [*tokenizer.encode_program(text), SUBMIT_ACTION]
    return reference[written] if written < len(reference) else SUBMIT_ACTION


def native(judge: Judge) -> tuple[Recorded, NDArray[np.int64], int]:
    """Plays the native environment; returns also the actions, and how many programs it ran."""
    env = CodingPufferEnv(num_agents=AGENTS, judge=judge, seed=SEED, **OPTIONS)
    observations, _ = env.reset(SEED)
    rows: list[list[NDArray[Any]]] = [[observations.copy()], [], [], []]
    played = np.zeros((STEPS, AGENTS), np.int64)
    for step in range(STEPS):
        for agent in range(AGENTS):
            problem, _ = env._core.program(agent)
            written = int(observations[agent, -1])
            played[step, agent] = choose(agent, step, problem.key, written, PROBLEMS, env.tokenizer)
        observations, *rest, _infos = env.step(played[step])
        for row, values in zip(rows, (observations, *rest), strict=True):
            row.append(values.copy())
    env.close()
    return Recorded(*map(np.array, rows)), played, judge.executions


def single(judge: Judge, played: NDArray[np.int64], *, emulated: bool) -> Recorded:
    """Plays the same actions, one environment per agent."""
    envs = [gymnasium.make("CodingProblem-v0", judge=judge, **OPTIONS) for _ in range(AGENTS)]
    made: list[Any] = [GymnasiumPufferEnv(e.unwrapped) if emulated else e.unwrapped for e in envs]
    size = made[0].observation_space.shape[0]
    seen = Recorded(
        np.zeros((STEPS + 1, AGENTS, size), np.int32), np.zeros((STEPS, AGENTS), np.float32),
        np.zeros((STEPS, AGENTS), bool), np.zeros((STEPS, AGENTS), bool),
    )  # fmt: skip
    for agent, env in enumerate(made):
        seen.observations[0, agent] = env.reset(seed=SEED + agent)[0]
        for step in range(STEPS):
            observation, reward, terminated, truncated, _ = env.step(played[step, agent])
            seen.rewards[step, agent] = reward
            seen.terminals[step, agent], seen.truncations[step, agent] = terminated, truncated
            if emulated:
                # What PufferLib's vector reads are the buffers.
                assert env.rewards[0] == np.float32(reward)
                assert (env.terminals[0], env.truncations[0]) == (terminated, truncated)
                assert observation is env.observations
            if terminated or truncated:
                observation, _ = env.reset()  # the native one shows the next episode at once
            seen.observations[step + 1, agent] = observation
        env.close()
    return seen


@pytest.fixture(scope="module")
def played(judges: list[Judge]) -> tuple[Recorded, NDArray[np.int64], int]:
    return native(judges[0])


@pytest.mark.parametrize("emulated", [False, True], ids=["gymnasium", "pufferlib emulation"])
def test_every_skin_shows_the_same(
    judges: list[Judge], played: tuple[Recorded, NDArray[np.int64], int], emulated: bool
) -> None:
    wanted, actions, _ = played
    seen = single(judges[1 + emulated], actions, emulated=emulated)
    for name in ("observations", "rewards", "terminals", "truncations"):
        one, other = getattr(wanted, name), getattr(seen, name)
        assert one.dtype == other.dtype, name
        assert one.tobytes() == other.tobytes(), name


def test_the_comparison_saw_all_sorts_of_steps(
    played: tuple[Recorded, NDArray[np.int64], int],
) -> None:
    wanted, _, executions = played
    assert executions > 50  # real runs
    assert wanted.terminals.sum() > 150
    assert not wanted.truncations.any()
    paid = set(wanted.rewards[wanted.terminals].round(2).tolist())
    assert {1.0, -0.5} <= paid
    assert len(paid) >= 4
    assert not wanted.rewards[~wanted.terminals].any()
    full = (wanted.observations[:-1, :, -1] == 7) & wanted.terminals
    assert full.any()  # the length limit was reached


def test_the_same_again_in_the_same_skin(
    judges: list[Judge], played: tuple[Recorded, NDArray[np.int64], int]
) -> None:
    wanted, actions, _ = played
    again, actions_again, _ = native(judges[0])
    assert (actions == actions_again).all()
    assert again.observations.tobytes() == wanted.observations.tobytes()
    assert again.rewards.tobytes() == wanted.rewards.tobytes()
