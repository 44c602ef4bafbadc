"""What LSTM and Transformer share: the body that they are put over, and steps of episodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .coding import TokenSteps
from .flat import MLP, Logits

__all__ = ["Memory", "starts_of"]


class Memory(nn.Module):
    """A policy whose body reads and decides, and which itself remembers in between.

    Args:
      env: what to fit.
      policy: the body; None takes `TokenSteps` where the environment has a prompt and a program,
        else an `MLP` of one layer.
      hidden_size: width of that body. A body that is given has one of its own.
      seed: PyTorch is seeded with it before the weights are made.
    """

    recurrent = True

    def __init__(self, env: Any, policy: nn.Module | None, hidden_size: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        if policy is None:
            coding = hasattr(env, "prompt_tokens") and hasattr(env, "program_tokens")
            policy = (
                TokenSteps(env, hidden_size, seed=seed)
                if coding
                else MLP(env, hidden_size, layers=1, seed=seed)
            )
        self.policy: Any = policy
        self.hidden_size = int(getattr(policy, "hidden_size", hidden_size))
        self.is_continuous = bool(getattr(policy, "is_continuous", False))
        self._observation = tuple(env.single_observation_space.shape)

    def encode(self, observations: Tensor, state: Any) -> Tensor:
        """Returns float [N, hidden_size] of observations [N, ...]."""
        hidden: Tensor = self.policy.encode_observations(observations, state=state)
        return hidden

    def decode(self, hidden: Tensor, observations: Tensor) -> tuple[Logits, Tensor]:
        """Returns logits and values of hidden [N, hidden_size]; of observations [N, ...] too."""
        decoded: tuple[Logits, Tensor]
        if getattr(self.policy, "reads_observations", False):
            decoded = self.policy.decode_actions(hidden, observations)
        else:
            decoded = self.policy.decode_actions(hidden)
        return decoded

    def segments(self, observations: Tensor) -> tuple[Tensor, int, int]:
        """Returns observations [B * T, ...], B and T; [B, ...] are segments of one step.

        Raises:
          ValueError: the shape does not end with that of the observation space.
        """
        wanted, got = self._observation, tuple(observations.shape)
        steps = got[: len(got) - len(wanted)]
        if len(steps) not in (1, 2) or got[len(steps) :] != wanted:
            raise ValueError(f"observations must be [B, T, *{wanted}] or [B, *{wanted}], got {got}")
        batch, horizon = steps if len(steps) == 2 else (*steps, 1)
        return observations.reshape(-1, *wanted), batch, horizon


def starts_of(state: Mapping[str, Any], *shape: int, device: torch.device) -> Tensor:
    """Returns where episodes begin, bool of `shape`; nowhere where the state does not say."""
    starts = state.get("starts")
    if starts is None:
        return torch.zeros(shape, dtype=torch.bool, device=device)
    return torch.as_tensor(starts, device=device).bool().reshape(shape)
