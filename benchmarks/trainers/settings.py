"""What all trainers are given alike: environment, policy, sizes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gymnasium
import torch
from mock_env import MockEnv
from torch import Tensor, nn

__all__ = ["Case", "Reread", "TokenNet", "make_env", "make_net"]

EMBEDDING = 32
SIZE, LAYERS, HEADS = 128, 4, 4  # of the Transformers


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
      policy: tiny, large, lstm or transformer.
      agents: how many.
      latency_ms: what an execution takes at each episode's end.
      horizon: steps of a segment.
      minibatch: steps of a minibatch; each step is learned from once.
    """

    policy: str = "tiny"
    agents: int = 1024
    latency_ms: float = 0.0
    horizon: int = 64
    minibatch: int = 8192

    @property
    def batch(self) -> int:
        """Steps of one update."""
        return self.agents * self.horizon


def make_env(case: Case, verdicts: str = "sync", **more: Any) -> MockEnv:
    """Returns the environment of a case."""
    return MockEnv(case.agents, latency_s=case.latency_ms / 1e3, verdicts=verdicts, **more)


class TokenNet(nn.Module):
    """An MLP over the observation's tokens, with PufferLib's entry points.

    Args:
      env: its spaces are read.
      hidden_size: width.
      embedded: True embeds each token in 32 numbers; False reads their numbers as they are.
      layers: hidden ones.
    """

    def __init__(self, env: Any, hidden_size: int, *, embedded: bool, layers: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden_size, self.is_continuous = hidden_size, False
        tokens = int(env.single_observation_space.high.max()) + 1
        width = env.single_observation_space.shape[0]
        self.scale = 1.0 / tokens
        self.embedding = nn.Embedding(tokens, EMBEDDING) if embedded else None
        sizes = [width * EMBEDDING if embedded else width] + [hidden_size] * layers
        body: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            body += [nn.Linear(before, after), nn.Tanh()]
        self.body = nn.Sequential(*body)
        self.actor = nn.Linear(hidden_size, int(env.single_action_space.n))
        self.critic = nn.Linear(hidden_size, 1)

    def encode_observations(self, observations: Tensor, state: Any = None) -> Tensor:
        """Returns hidden states [batch, hidden_size]."""
        if self.embedding is not None:
            return self.body(self.embedding(observations.long()).flatten(1))  # type: ignore[no-any-return]
        return self.body(observations.float() * self.scale)  # type: ignore[no-any-return]

    def decode_actions(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Returns logits and values."""
        return self.actor(hidden), self.critic(hidden)

    def forward(self, observations: Tensor, state: Any = None) -> tuple[Tensor, Tensor]:
        return self.decode_actions(self.encode_observations(observations))

    def forward_eval(self, observations: Tensor, state: Any = None) -> tuple[Tensor, Tensor]:
        """The same, in rollouts."""
        return self.forward(observations, state)


def make_net(case: Case, env: Any) -> nn.Module:
    """Returns the policy of a case; of a recurrent one what encodes and decodes."""
    if case.policy == "tiny":
        return TokenNet(env, 32, embedded=False, layers=1)
    return TokenNet(env, 256 if case.policy == "large" else 128, embedded=True, layers=2)


class Reread(nn.Module):
    """A Transformer without memory: at each step, and for each sample, it reads all tokens anew.

    Its blocks and sizes are those of ours.
    """

    def __init__(self, env: Any) -> None:
        super().__init__()
        from coding_envs_trainer.policies import Transformer

        space = env.single_observation_space
        self.width = space.shape[0]
        token = SimpleNamespace(
            single_observation_space=gymnasium.spaces.Box(
                space.low[:1], space.high[:1], (1,), space.dtype
            ),
            single_action_space=env.single_action_space,
        )
        body = TokenNet(token, SIZE, embedded=True, layers=1)
        self.inner = Transformer(token, policy=body, layers=LAYERS, heads=HEADS, horizon=self.width)
        self.hidden_size, self.is_continuous = SIZE, False

    def forward(self, observations: Tensor, state: Any = None) -> tuple[Tensor, Tensor]:
        tokens = observations.reshape(-1, self.width, 1)
        starts = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        starts[:, 0] = True
        logits, values = self.inner(tokens, {"starts": starts})
        last = logits.reshape(len(tokens), self.width, -1)[:, -1]
        return last, values.reshape(len(tokens), self.width)[:, -1:]

    def forward_eval(self, observations: Tensor, state: Any = None) -> tuple[Tensor, Tensor]:
        """The same, in rollouts."""
        return self.forward(observations, state)
