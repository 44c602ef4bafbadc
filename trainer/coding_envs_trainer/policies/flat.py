"""Policies over any Gymnasium space: what they read is flattened, what they do is what is asked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.distributions import Normal

__all__ = ["MLP", "ActorCritic", "FlatEncoder", "Logits"]

# What a policy says about its next action: of a Discrete, a MultiDiscrete and a Box action space.
Logits = Tensor | tuple[Tensor, ...] | Normal

_TORCH_DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, name)
    for name in (
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "float32",
        "float64",
    )
}


class FlatEncoder(nn.Module):
    """One linear layer over a whole observation, whatever its space.

    Numbers are flattened; those of an integer type are scaled to at most 1 where the space has
    bounds. What is one of n (Discrete, MultiDiscrete) is embedded: its rows are summed, as a linear
    layer over one-hot vectors would sum them. Dict and Tuple spaces that PufferLib's emulation has
    packed into an array are unpacked.

    Args:
      env: `single_observation_space` is read, and `emulated` and the space behind it if there.
      size: width of the result.

    Raises:
      ValueError: a kind of space that has no reading, or one that the emulation did not pack whole.
    """

    offsets: Tensor  # int64 [choices], where each choice's rows begin, less its first value
    scale: Tensor  # float32 [numbers]

    def __init__(self, env: Any, size: int) -> None:
        super().__init__()
        packed = env.single_observation_space
        space, layout = _unpacked_space(env)
        self.shape: tuple[int, ...] = _shape(packed)
        self._leaves = _leaves(space, layout)
        self._unpack = layout is not None
        if layout is not None and layout.itemsize > packed.dtype.itemsize * math.prod(self.shape):
            raise ValueError(
                f"the emulated observation holds {packed.dtype.itemsize * math.prod(self.shape)} "
                f"bytes of the {layout.itemsize} of {space}; wrap it in a Dict with a Box"
            )
        choices = [n for leaf, _, _ in self._leaves for n in _choices(leaf)]
        scales = [_scale(leaf) for leaf, _, _ in self._leaves if not _choices(leaf)]
        self.numbers = nn.Linear(sum(map(len, scales)), size) if scales else None
        self.choices = nn.Embedding(sum(choices), size) if choices else None
        if self.choices is not None:  # as the columns of a linear layer with as many inputs
            nn.init.normal_(self.choices.weight, std=len(choices) ** -0.5)
        # The environment's, not learned: a checkpoint without them fits.
        firsts = [first for leaf, _, _ in self._leaves for first in _firsts(leaf)]
        offsets = torch.tensor([0, *choices]).cumsum(0)[:-1] - torch.tensor(firsts).long()
        self.register_buffer("offsets", offsets, persistent=False)
        scale = torch.from_numpy(np.concatenate(scales) if scales else np.ones(0, np.float32))
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, observations: Tensor) -> Tensor:
        """Returns float [N, size].

        Args:
          observations: [N, *single_observation_space.shape].
        """
        rows = observations.reshape(observations.shape[0], -1)
        if self._unpack:
            rows = rows.contiguous().view(torch.uint8)
        numbers: list[Tensor] = []
        choices: list[Tensor] = []
        for space, start, dtype in self._leaves:
            values = rows
            if self._unpack:
                stop = start + math.prod(_shape(space)) * dtype.itemsize
                values = rows[:, start:stop].contiguous().view(dtype)
            (choices if _choices(space) else numbers).append(values)
        hidden: Tensor | None = None
        if self.numbers is not None:
            values = torch.cat(numbers, 1) if len(numbers) > 1 else numbers[0]
            hidden = self.numbers(values.to(self.scale.dtype) * self.scale)
        if self.choices is not None:
            rows_of = torch.cat(choices, 1).long() + self.offsets
            embedded = self.choices(rows_of).sum(1)
            hidden = embedded if hidden is None else hidden + embedded
        assert hidden is not None
        return hidden


def _unpacked_space(env: Any) -> tuple[spaces.Space[Any], np.dtype[Any] | None]:
    """Returns the space that is meant, and how it lies in the array; None where it is the array."""
    packed: spaces.Space[Any] = env.single_observation_space
    emulated = getattr(env, "emulated", None)
    if not emulated:
        return packed, None
    original = getattr(env, "env_single_observation_space", None)
    original = original or getattr(env.env, "observation_space", packed)
    if isinstance(original, spaces.Box) or not isinstance(original, spaces.Space):
        return packed, None
    return original, np.dtype(emulated["emulated_observation_dtype"])


def _leaves(
    space: spaces.Space[Any], layout: np.dtype[Any] | None, start: int = 0
) -> list[tuple[spaces.Space[Any], int, torch.dtype]]:
    """Returns the spaces without parts, each with its first byte and its type in the array."""
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        if layout is None or layout.fields is None:
            raise ValueError(f"{space} is no array: wrap the environment in PufferLib's emulation")
        named = (
            space.spaces.items()
            if isinstance(space, spaces.Dict)
            else ((f"f{i}", part) for i, part in enumerate(space.spaces))
        )
        found = []
        for name, part in named:
            field = layout.fields[name]
            found += _leaves(part, field[0], start + field[1])
        return found
    if not isinstance(
        space, (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
    ):
        raise ValueError(
            f"no reading of a {type(space).__name__} observation; use a Box, Discrete, "
            "MultiDiscrete or MultiBinary space, or a Dict or Tuple of them"
        )
    name = (layout.base if layout is not None else np.dtype(np.float32)).name
    if name not in _TORCH_DTYPES:
        raise ValueError(f"no reading of observations of type {name}; use float32 or int32")
    return [(space, start, _TORCH_DTYPES[name])]


def _shape(space: spaces.Space[Any]) -> tuple[int, ...]:
    return tuple(space.shape or ())


def _choices(space: spaces.Space[Any]) -> list[int]:
    """Returns of how many each value is one; nothing where values are numbers."""
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    if isinstance(space, spaces.MultiDiscrete):
        return [int(n) for n in space.nvec.reshape(-1)]
    return []


def _firsts(space: spaces.Space[Any]) -> list[int]:
    """Returns the least value of each choice."""
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        return [int(first) for first in np.reshape(space.start, -1)]
    return []


def _scale(space: spaces.Space[Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    count = math.prod(_shape(space))
    if not isinstance(space, spaces.Box) or np.dtype(space.dtype).kind not in "iu":
        return np.ones(count, np.float32)
    largest = np.maximum(np.abs(space.low.astype(np.float64)), np.abs(space.high))
    unbounded = largest >= np.iinfo(np.int32).max  # "any number" is written so
    return np.where(unbounded, 1.0, 1.0 / np.maximum(largest, 1.0)).reshape(-1).astype(np.float32)


class ActorCritic(nn.Module):
    """The two heads: what to do, and what it is worth.

    Args:
      env: `single_action_space` is read: Discrete, MultiDiscrete, or a Box of one dimension.
      size: width of what is decoded.

    Raises:
      ValueError: another action space.

    Source: the small first actor and the orthogonal weights are those of Andrychowicz et al. 2021
    (arXiv:2006.05990).
    """

    def __init__(self, env: Any, size: int) -> None:
        super().__init__()
        space = env.single_action_space
        self.is_continuous = isinstance(space, spaces.Box)
        self._sizes: tuple[int, ...] = ()
        if isinstance(space, spaces.Discrete):
            outputs = int(space.n)
        elif isinstance(space, spaces.MultiDiscrete):
            self._sizes = tuple(int(n) for n in space.nvec.reshape(-1))
            outputs = sum(self._sizes)
        elif isinstance(space, spaces.Box) and len(space.shape) == 1:
            outputs = space.shape[0]
            self.log_std = nn.Parameter(torch.zeros(outputs))
        else:
            raise ValueError(
                f"no head for the action space {space}; use Discrete, MultiDiscrete or a flat Box"
            )
        self.actor, self.critic = nn.Linear(size, outputs), nn.Linear(size, 1)
        for layer, gain in ((self.actor, 0.01), (self.critic, 1.0)):
            nn.init.orthogonal_(layer.weight, gain)
            nn.init.zeros_(layer.bias)

    def forward(self, hidden: Tensor) -> tuple[Logits, Tensor]:
        """Returns logits and values [N, 1] of hidden [N, size].

        Logits are [N, n] of a Discrete space, a tuple of them of a MultiDiscrete one, and a Normal
        with float32 [N, n] of a Box.
        """
        outputs, values = self.actor(hidden), self.critic(hidden)
        if self.is_continuous:
            mean = outputs.float()
            return Normal(mean, self.log_std.exp().expand_as(mean), validate_args=False), values
        if self._sizes:
            return tuple(outputs.split(list(self._sizes), 1)), values
        return outputs, values


class MLP(nn.Module):
    """A multilayer perceptron over the flattened observation; one trunk for actor and critic.

    Args:
      env: what to fit: `single_observation_space` and `single_action_space` are read.
      hidden_size: width of every layer.
      layers: number of hidden layers, at least 1.
      seed: PyTorch is seeded with it before the weights are made; PufferLib does not.

    Shapes: observations [N, ...] or [B, T, ...] (N = B * T); logits [N, num_actions], a tuple of
    them, or a Normal, by the action space; values [N, 1].
    """

    recurrent = False
    reads_observations = False

    def __init__(self, env: Any, hidden_size: int = 128, layers: int = 2, seed: int = 0) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers must be >= 1, got {layers}")
        torch.manual_seed(seed)
        self.hidden_size = hidden_size
        self.encoder = FlatEncoder(env, hidden_size)
        trunk: list[nn.Module] = [nn.GELU()]
        for _ in range(layers - 1):
            trunk += [nn.Linear(hidden_size, hidden_size), nn.GELU()]
        for part in (self.encoder.numbers, *trunk):
            if isinstance(part, nn.Linear):
                nn.init.orthogonal_(part.weight, 2**0.5)
                nn.init.zeros_(part.bias)
        self.trunk = nn.Sequential(*trunk)
        self.heads = ActorCritic(env, hidden_size)
        self.is_continuous = self.heads.is_continuous

    def encode_observations(
        self,
        observations: Tensor,
        state: Any = None,  # noqa: ARG002 - PufferLib passes it
    ) -> Tensor:
        """Returns float [N, hidden_size] of observations [N, ...]."""
        hidden: Tensor = self.trunk(self.encoder(observations))
        return hidden

    def decode_actions(self, hidden: Tensor) -> tuple[Logits, Tensor]:
        """Returns logits and values [N, 1] of float [N, hidden_size]."""
        decoded: tuple[Logits, Tensor] = self.heads(hidden)
        return decoded

    def forward_eval(self, observations: Tensor, state: Any = None) -> tuple[Logits, Tensor]:
        """Returns logits and values [B, 1] for one step."""
        return self.forward(observations, state)

    def forward(self, observations: Tensor, state: Any = None) -> tuple[Logits, Tensor]:
        """Returns logits and values [N, 1] of observations [N, ...] or [B, T, ...]."""
        rows = observations.reshape(-1, *self.encoder.shape)
        return self.decode_actions(self.encode_observations(rows, state))
