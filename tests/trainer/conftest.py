"""Small environments whose every number is known, and what the trainer's tests share."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pufferlib
import pytest
import torch
from torch import nn

from coding_envs_trainer.config import TRAIN_DEFAULTS
from coding_envs_trainer.pufferl import PuffeRL


class Counter(pufferlib.PufferEnv):
    """Each agent counts its steps; episodes end after `length` steps; the right action pays 1.

    Observation: [agent, step of the episode, the last action]. The right action is the step's
    number modulo the number of actions.

    Args:
      truncates: True cuts episodes off instead of ending them.
      dead: agents that are masked at every step.
      latency: steps after which a deferred verdict arrives; None: rewards come at once.
    """

    def __init__(
        self,
        num_agents: int = 4,
        length: int = 5,
        actions: int = 3,
        *,
        truncates: bool = False,
        dead: tuple[int, ...] = (),
        latency: int | None = None,
        buf: Any = None,
        seed: int = 0,
    ) -> None:
        self.single_observation_space = gymnasium.spaces.Box(0, 1e6, (3,), np.float32)
        self.single_action_space = gymnasium.spaces.Discrete(actions)
        self.num_agents = self.agents_per_batch = num_agents
        super().__init__(buf)
        self.length, self.truncates, self.dead = length, truncates, list(dead)
        self.steps = np.zeros(num_agents, np.int64)
        self.moves = 0
        self.seeds: list[int | None] = []
        self.deferred = latency is not None
        self.latency = latency or 0
        self.tickets = np.zeros(num_agents, np.int64)
        self.open: list[tuple[int, int, float]] = []  # due, ticket, reward
        self._numbers = itertools.count(1)

    def reset(self, seed: int | None = None) -> Any:
        self.seeds.append(seed)
        # Not all in step: episodes end at different times.
        self.steps[:] = (np.arange(self.num_agents) + (seed or 0)) % self.length
        self._show(np.zeros(self.num_agents))
        self.masks[:] = True
        self.masks[self.dead] = False
        return self.observations, []

    def _show(self, actions: Any) -> None:
        self.observations[:, 0] = np.arange(self.num_agents)
        self.observations[:, 1] = self.steps
        self.observations[:, 2] = actions

    def step(self, actions: Any) -> Any:
        actions = np.asarray(actions).reshape(-1)
        right = actions == self.steps % self.single_action_space.n
        self.rewards[:] = right
        self.steps += 1
        self.moves += 1
        ended = self.steps == self.length
        self.terminals[:] = ended & (not self.truncates)
        self.truncations[:] = ended & self.truncates
        self.tickets[:] = 0
        if self.deferred:
            for agent in np.flatnonzero(ended):
                ticket = next(self._numbers)
                self.tickets[agent] = ticket
                due = self.moves + self.latency
                self.open.append((due, ticket, float(self.rewards[agent])))
                self.rewards[agent] = 0
        self.steps[ended] = 0
        self._show(np.where(ended, 0, actions))
        infos = [{"right": right.astype(float), "nested": {"ended": int(ended.sum())}, "name": "x"}]
        return self.observations, self.rewards, self.terminals, self.truncations, infos

    def collect(self, timeout_s: float = 0.0) -> Any:
        if timeout_s > 0:  # whoever waits lets time go by
            self.moves += 1
        due = [one for one in self.open if one[0] <= self.moves]
        self.open = [one for one in self.open if one[0] > self.moves]
        tickets = np.array([one[1] for one in due], np.int64)
        return tickets, np.array([one[2] for one in due], np.float32), np.ones(len(due), bool)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps.copy(), "moves": self.moves}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps[:] = state["steps"]
        self.moves = state["moves"]

    def close(self) -> None:
        pass


class Small(nn.Module):
    """Two layers; reads the observation's three numbers."""

    def __init__(self, env: Any, hidden_size: int = 16, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.hidden_size, self.is_continuous = hidden_size, False
        self.body = nn.Sequential(nn.Linear(10, hidden_size), nn.Tanh())
        self.actor = nn.Linear(hidden_size, int(env.single_action_space.n))
        self.critic = nn.Linear(hidden_size, 1)

    def forward_eval(self, observations: Any, state: Any = None) -> Any:
        return self.forward(observations, state)

    def forward(self, observations: Any, state: Any = None) -> Any:
        steps = nn.functional.one_hot(observations[..., 1].long().clamp(0, 7), 8)
        hidden = self.body(torch.cat((observations[..., ::2] / 10, steps), -1))
        return self.actor(hidden), self.critic(hidden)


@pytest.fixture
def counter() -> type[Counter]:
    return Counter


@pytest.fixture
def small() -> type[Small]:
    return Small


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """Makes trainers in a folder of the test's own and closes them."""
    made = []

    def make(vecenv: Any, policy: Any = None, **config: Any) -> PuffeRL:
        known: dict[str, Any] = {
            **TRAIN_DEFAULTS, "device": "cpu", "optimizer": "adam", "learning_rate": 0.01,
            "bptt_horizon": 8, "batch_size": "auto", "minibatch_size": 16, "adam_eps": 1e-8,
            "total_timesteps": 10_000, "data_dir": str(tmp_path / "runs"), "seed": 1,
            "checkpoint_interval": 1000, "dashboard": False, "env": "test",
        }  # fmt: skip
        trainer = PuffeRL(known | config, vecenv, policy or Small(vecenv))
        made.append(trainer)
        return trainer

    yield make
    for trainer in made:
        trainer.close()


class Shuffled:
    """A vecenv whose environments return in any order, some more often than others."""

    def __init__(self, envs: list[Any], seed: int = 0) -> None:
        self.envs, self.driver_env = envs, envs[0]
        self.num_agents = sum(env.num_agents for env in envs)
        self.agents_per_batch = envs[0].num_agents
        self.single_observation_space = envs[0].single_observation_space
        self.single_action_space = envs[0].single_action_space
        self._random = np.random.default_rng(seed)
        self._weights = self._random.random(len(envs)) + 0.1
        self._results: dict[int, Any] = {}
        self._sent_to = -1

    def async_reset(self, seed: int) -> None:
        for number, env in enumerate(self.envs):
            env.reset(seed + number)
            self._results[number] = (np.zeros(env.num_agents, np.float32), [])

    def recv(self) -> Any:
        ready = sorted(self._results)
        weights = self._weights[ready] / self._weights[ready].sum()
        number = int(self._random.choice(ready, p=weights))
        _, infos = self._results.pop(number)
        env, self._sent_to = self.envs[number], number
        ids = np.arange(env.num_agents) + number * env.num_agents
        return (env.observations, env.rewards, env.terminals, env.truncations, infos, ids,
                env.masks)  # fmt: skip

    def send(self, actions: Any) -> None:
        *_, infos = self.envs[self._sent_to].step(actions)
        self._results[self._sent_to] = (None, infos)

    def close(self) -> None:
        pass


@pytest.fixture
def shuffled() -> type[Shuffled]:
    return Shuffled
