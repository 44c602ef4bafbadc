"""A token environment without a sandbox: what trainers are measured with.

Observations and actions have the shapes of the coding environments: a statement and the program so
far as token ids, one piece of text per action. The rule that pays is cheap and can be learned: the
part of an episode's actions that wrote the first word of its statement. Where the end of an episode
costs an execution, its verdict comes `latency_s` later, as from a sandbox that takes so long: the
step waits for it ("sync"), or hands out a ticket ("deferred").

The sandbox's speed is that of its `workers`: each runs one program at a time, first come, first
served. 0 is as many as there are programs. When each is done is known beforehand, so that no thread
takes processor time from the trainer that is measured.
"""

from __future__ import annotations

import collections
import heapq
import time
from typing import Any

import gymnasium
import numpy as np
import pufferlib
from numpy.typing import NDArray

__all__ = ["MockEnv"]

Outcomes = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]


class MockEnv(pufferlib.PufferEnv):
    """Steps `num_agents` agents in place; pays the same for the same seed and actions.

    Args:
      num_agents: how many.
      num_actions: size of the action space; token ids are 0..num_actions, as action a writes a + 1.
      prompt_tokens, program_tokens: lengths of an observation's two parts.
      episode_length: steps per episode; at most program_tokens.
      random_length: True draws each episode's length from 1..episode_length instead.
      latency_s: how long an execution takes; 0 where there is none.
      workers: executions that go on at one time; 0 for any number.
      verdicts: "sync" or "deferred", as CodingPufferEnv's.
      report_interval: steps between reports.
      buf, seed: PufferLib's.

    Attributes:
      deferred, tickets: as CodingPufferEnv's; without latency there are no tickets.
      waited_s: how long steps have waited for executions.
    """

    def __init__(
        self,
        num_agents: int = 1024,
        *,
        num_actions: int = 71,
        prompt_tokens: int = 24,
        program_tokens: int = 12,
        episode_length: int = 12,
        random_length: bool = True,
        latency_s: float = 0.0,
        workers: int = 0,
        verdicts: str = "sync",
        report_interval: int = 64,
        buf: Any = None,
        seed: int = 0,
    ) -> None:
        if not 1 <= episode_length <= program_tokens:
            raise ValueError(f"episode_length must be in 1..{program_tokens}, got {episode_length}")
        if verdicts not in ("sync", "deferred"):
            raise ValueError(f"verdicts must be 'sync' or 'deferred', got {verdicts!r}")
        size = prompt_tokens + program_tokens + 1
        high = max(num_actions, program_tokens)
        self.single_observation_space = gymnasium.spaces.Box(0, high, (size,), np.int32)
        self.single_action_space = gymnasium.spaces.Discrete(num_actions)
        self.num_agents = self.agents_per_batch = num_agents
        super().__init__(buf)
        self.deferred = verdicts == "deferred"
        self.tickets = np.zeros(num_agents, np.int64)
        self.waited_s = 0.0
        self.prompt_tokens, self.program_tokens = prompt_tokens, program_tokens
        self._longest, self._random_length = episode_length, random_length
        self._latency_s, self._workers = latency_s, workers
        self._interval, self._seed = report_interval, seed
        self._agents = np.arange(num_agents)
        self.reset()

    def reset(self, seed: int | None = None) -> tuple[NDArray[np.int32], list[Any]]:
        self._draws = np.random.default_rng(self._seed if seed is None else seed)
        self._lengths = np.zeros(self.num_agents, np.int64)
        self._limits = np.zeros(self.num_agents, np.int64)
        self._right = np.zeros(self.num_agents, np.int64)
        self._steps = self._episodes = self._length_sum = 0
        self._reward_sum = 0.0
        self._last_ticket = 0
        # Batches of tickets with the same end, by that end; and when each worker is free.
        self._open: collections.deque[tuple[float, NDArray[np.int64], NDArray[np.float32]]] = (
            collections.deque()
        )
        self._free = [0.0] * self._workers
        self._begin(self._agents)
        self._clear()
        return self.observations, []

    def step(self, actions: NDArray[Any]) -> tuple[Any, ...]:
        actions = np.asarray(actions).reshape(-1)
        self._clear()
        self._right += actions + 1 == self.observations[:, 0]
        self.observations[self._agents, self.prompt_tokens + self._lengths] = actions + 1
        self._lengths += 1
        self.observations[:, -1] = self._lengths
        ended = np.flatnonzero(self._lengths == self._limits)
        if len(ended):
            self.terminals[ended] = True
            lengths = self._limits[ended]
            rewards = (self._right[ended] / lengths).astype(np.float32)
            self._episodes += len(ended)
            self._length_sum += int(lengths.sum())
            self._reward_sum += float(rewards.sum())
            self._execute(ended, rewards)
            self._begin(ended)
        self._steps += 1
        infos = []
        if self._steps % self._interval == 0 and self._episodes:
            score = self._reward_sum / self._episodes
            length = self._length_sum / self._episodes
            infos.append({"score": score, "episode_return": score, "episode_length": length})
            self._episodes = self._length_sum = 0
            self._reward_sum = 0.0
        return self.observations, self.rewards, self.terminals, self.truncations, infos

    def collect(self, timeout_s: float = 0.0) -> Outcomes:
        """Returns what has come of tickets since: tickets, rewards and masks."""
        if self._open and timeout_s > 0:
            self._sleep(min(self._open[0][0], time.monotonic() + timeout_s))
        tickets, rewards, now = [], [], time.monotonic()
        while self._open and self._open[0][0] <= now:
            _, numbers, paid = self._open.popleft()
            tickets.append(numbers)
            rewards.append(paid)
        if not tickets:
            return np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, bool)
        arrived = np.concatenate(tickets)
        return arrived, np.concatenate(rewards), np.ones(len(arrived), bool)

    def render(self) -> str:
        return f"{self._lengths[0]} of {self._limits[0]} tokens written"

    def close(self) -> None:
        self._open.clear()

    def _execute(self, agents: NDArray[np.int64], rewards: NDArray[np.float32]) -> None:
        if not self._latency_s:
            self.rewards[agents] = rewards
            return
        ends = self._ends(len(agents))
        if not self.deferred:
            self._sleep(max(ends))
            self.rewards[agents] = rewards
            return
        tickets = self._last_ticket + np.arange(1, len(agents) + 1)
        self._last_ticket = int(tickets[-1])
        self.tickets[agents] = tickets
        if len(ends) == 1:
            self._open.append((ends[0], tickets, rewards))
        else:  # rising: workers take the programs in order
            for at, end in enumerate(ends):
                self._open.append((end, tickets[at : at + 1], rewards[at : at + 1]))

    def _ends(self, count: int) -> list[float]:
        """Returns when `count` programs submitted now are done; once where that is one time."""
        now = time.monotonic()
        if not self._workers:
            return [now + self._latency_s]
        ends = []
        for _ in range(count):
            end = max(now, self._free[0]) + self._latency_s
            heapq.heapreplace(self._free, end)
            ends.append(end)
        return ends

    def _sleep(self, until: float) -> None:
        started = time.monotonic()
        if until > started:
            time.sleep(until - started)
        self.waited_s += time.monotonic() - started

    def _clear(self) -> None:
        self.rewards[:] = 0
        self.terminals[:] = False
        self.truncations[:] = False
        self.masks[:] = True
        self.tickets[:] = 0

    def _begin(self, agents: NDArray[np.int64]) -> None:
        words = self._draws.integers(
            2, self.single_action_space.n + 1, (len(agents), self.prompt_tokens), np.int32
        )
        self.observations[agents, : self.prompt_tokens] = words
        self.observations[agents, self.prompt_tokens :] = 0
        self._lengths[agents] = 0
        self._right[agents] = 0
        drawn = self._draws.integers(1, self._longest + 1, len(agents))
        self._limits[agents] = drawn if self._random_length else self._longest
