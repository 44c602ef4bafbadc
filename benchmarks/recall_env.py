"""A task that nothing without memory can do: a cue, blank steps, and a question about the cue."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pufferlib
from numpy.typing import NDArray

__all__ = ["RecallEnv"]


class RecallEnv(pufferlib.PufferEnv):
    """Shows one of `symbols` cues, then nothing, then asks for it; the answer pays 1 or -1.

    All agents are in step: where a segment is a multiple of `length`, it holds whole episodes.
    Observation: the cue as one of n, and a last number that is 1 when the question is asked. The
    actions of all other steps do nothing.

    Args:
      num_agents: how many.
      symbols: cues; guessing is right in 1 of so many episodes.
      length: steps of an episode: the cue is seen at the first, the answer is given at the last.
      buf, seed: PufferLib's.
    """

    def __init__(
        self,
        num_agents: int = 128,
        *,
        symbols: int = 4,
        length: int = 16,
        buf: Any = None,
        seed: int = 0,
    ) -> None:
        self.single_observation_space = gymnasium.spaces.Box(0, 1, (symbols + 1,), np.float32)
        self.single_action_space = gymnasium.spaces.Discrete(symbols)
        self.num_agents = self.agents_per_batch = num_agents
        super().__init__(buf)
        self._symbols, self._length, self._seed = symbols, length, seed
        self._agents = np.arange(num_agents)

    def reset(self, seed: int | None = None) -> tuple[NDArray[np.float32], list[Any]]:
        self._draws = np.random.default_rng(self._seed if seed is None else seed)
        self._begin()
        return self.observations, []

    def _begin(self) -> None:
        self._step = 0
        self._cues = self._draws.integers(0, self._symbols, self.num_agents)
        self.observations[:] = 0
        self.observations[self._agents, self._cues] = 1

    def step(self, actions: NDArray[Any]) -> tuple[Any, ...]:
        self._step += 1
        ended = self._step == self._length
        self.terminals[:] = ended
        self.rewards[:] = 0
        infos = []
        if ended:
            right = np.asarray(actions).reshape(-1) == self._cues
            self.rewards[:] = 2.0 * right - 1.0
            infos = [{"recalled": float(right.mean())}]
            self._begin()
        else:
            self.observations[:] = 0
            self.observations[:, -1] = self._step == self._length - 1
        return self.observations, self.rewards, self.terminals, self.truncations, infos

    def close(self) -> None:
        pass
