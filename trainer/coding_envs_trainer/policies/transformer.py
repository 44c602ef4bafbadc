"""A Transformer over any body: one position per step of the environment."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

from .body import Memory, starts_of
from .flat import Logits

__all__ = ["Transformer"]

_ROTARY_BASE = 10_000.0


class Transformer(Memory):
    """A body with causal attention between its halves, over the episode's steps in the segment.

    In training whole segments go through in one pass; in rollouts a step reads the keys and values
    of those before it from a cache, in place, each agent at its own position. Both give the same.
    A position sees those of its own episode and segment only, of them the last `horizon` (a cache
    that is full is written round and round).

    Args:
      env: what to fit.
      policy: the body; None: see `Memory`. Its width is the Transformer's.
      hidden_size: width of a body that is not given; a multiple of 2 * heads.
      layers: number of blocks.
      heads: attention heads per block.
      horizon: steps that the cache holds; give the trainer's `bptt_horizon`.
      seed: PyTorch is seeded with it before the weights are made; PufferLib does not.

    State: `kv_cache`: float [B, layers, 2, heads, horizon, head_size], keys and values;
    `position`: int64 [B], steps in the cache; `starts`: bool [B] in rollouts, [B, T] in training. A
    row whose `position` is set to 0, or whose `starts` is True, begins anew; the cache need not be
    cleared. `forward_eval` writes the step's keys and values into the tensor that it is given, and
    puts a new `position` into `state`. Training needs `starts` only.

    Shapes: observations [B, ...] in rollouts, [B, T, ...] in training; logits of B or B * T rows;
    values [B, 1] or [B, T].

    Source: Vaswani et al. 2017 (arXiv:1706.03762); normalised before each part: Xiong et al. 2020
    (arXiv:2002.04745); RMSNorm: Zhang & Sennrich 2019 (arXiv:1910.07467); SwiGLU: Shazeer 2020
    (arXiv:2002.05202); rotary positions: Su et al. 2021 (arXiv:2104.09864); for actors and critics:
    Parisotto et al. 2019 (arXiv:1910.06764).
    """

    segment_state = True
    frequencies: Tensor  # float32 [head_size / 2]

    def __init__(
        self,
        env: Any,
        policy: nn.Module | None = None,
        hidden_size: int = 128,
        layers: int = 2,
        heads: int = 4,
        horizon: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__(env, policy, hidden_size, seed)
        size = self.hidden_size
        if size % (2 * heads):
            raise ValueError(f"hidden_size must be a multiple of 2 * heads, got {size}, {heads}")
        if horizon < 1:
            raise ValueError(f"horizon must be >= 1, got {horizon}")
        self.heads, self.head_size, self.horizon = heads, size // heads, horizon
        self.blocks: Any = nn.ModuleList(_Block(size, heads, layers) for _ in range(layers))
        self.norm = nn.RMSNorm(size)
        steps = torch.arange(0, self.head_size, 2, dtype=torch.float32) / self.head_size
        self.register_buffer("frequencies", _ROTARY_BASE**-steps, persistent=False)

    def initial_state(self, batch: int, device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """Returns an empty cache; its type is that of autocast where that is on."""
        kind = torch.device(device).type
        dtype = self.frequencies.dtype
        if torch.is_autocast_enabled(kind):
            dtype = torch.get_autocast_dtype(kind)
        shape = batch, len(self.blocks), 2, self.heads, self.horizon, self.head_size
        return {
            "kv_cache": torch.zeros(shape, dtype=dtype, device=device),
            "position": torch.zeros(batch, dtype=torch.long, device=device),
        }

    def forward_eval(
        self, observations: Tensor, state: MutableMapping[str, Any]
    ) -> tuple[Logits, Tensor]:
        """Returns logits and values [B, 1] for one step, and notes it in the cache.

        Raises:
          ValueError: `state` holds no cache.
        """
        if "kv_cache" not in state:
            raise ValueError(
                "state must hold kv_cache and position, as initial_state() gives them; PufferLib's "
                "own trainer keeps none: use coding_envs_trainer's"
            )
        hidden = self._stream(self.encode(observations, state))
        cache, position = state["kv_cache"], state["position"]
        starts = starts_of(state, len(hidden), device=hidden.device)
        position = position.masked_fill(starts, 0)
        turn = self._turn(position[:, None, None])  # (B, 1, 1, D)
        rows = torch.arange(len(hidden), device=hidden.device)
        slot = position % self.horizon
        # On the CPU it costs nothing to ask how far the fullest cache is filled.
        filled = self.horizon
        if hidden.device.type == "cpu" and not torch.compiler.is_compiling():
            filled = min(int(position.max()) + 1, filled)
        seen = torch.arange(filled, device=hidden.device) <= position[:, None]
        seen = seen[:, None, None]  # (B, 1, 1, filled)
        for layer, block in enumerate(self.blocks):
            query, key, value = block.attended(hidden[:, None], turn)
            cache[rows, layer, 0, :, slot] = key[:, :, 0].to(cache.dtype)
            cache[rows, layer, 1, :, slot] = value[:, :, 0].to(cache.dtype)
            keys, values = cache[:, layer, :, :, :filled].unbind(1)
            with torch.autocast(hidden.device.type, enabled=False):  # would copy the whole cache
                found = scaled_dot_product_attention(query.to(cache.dtype), keys, values, seen)
            hidden = block(hidden[:, None], found)[:, 0]
        # Not in place: a step that is looked at twice is one step.
        state["position"] = position + 1
        return self.decode(self.norm(hidden), observations)

    def forward(
        self, observations: Tensor, state: Mapping[str, Any] | None = None
    ) -> tuple[Logits, Tensor]:
        """Returns logits of B * T rows and values [B, T] of segments [B, T, ...]."""
        state = {} if state is None else state
        rows, batch, horizon = self.segments(observations)
        hidden = self._stream(self.encode(rows, state)).view(batch, horizon, -1)
        device = hidden.device
        episode = starts_of(state, batch, horizon, device=device).cumsum(1)
        seen = episode[:, :, None] == episode[:, None, :]
        seen = seen.tril().triu(1 - self.horizon)[:, None]  # (B, 1, T, T)
        # Only differences of positions matter: they need not begin anew with an episode.
        turn = self._turn(torch.arange(horizon, device=device))  # (T, D)
        for block in self.blocks:
            query, key, value = block.attended(hidden, turn)
            hidden = block(hidden, scaled_dot_product_attention(query, key, value, seen))
        logits, values = self.decode(self.norm(hidden).flatten(0, 1), rows)
        return logits, values.reshape(batch, horizon)

    def _stream(self, hidden: Tensor) -> Tensor:
        """Returns `hidden` in the weights' type: the sum over the blocks is not autocast's."""
        return hidden.to(self.norm.weight.dtype)

    def _turn(self, position: Tensor) -> Tensor:
        """Returns the angles' cosines and sines, float32 [*position.shape, head_size]."""
        angles = position[..., None] * self.frequencies
        return torch.cat((angles.cos(), angles.sin()), -1)


class _Block(nn.Module):
    """Attention's two sides and the perceptron after it; the attending itself is the caller's."""

    def __init__(self, size: int, heads: int, layers: int) -> None:
        super().__init__()
        self.heads = heads
        # Two thirds of four times the width: as many weights as a perceptron without the gate.
        inner = -(-size // 3) * 8
        self.attention_norm, self.norm = nn.RMSNorm(size), nn.RMSNorm(size)
        self.attention = nn.Linear(size, 3 * size, bias=False)
        self.mixed = nn.Linear(size, size, bias=False)
        self.gated = nn.Linear(size, 2 * inner, bias=False)
        self.out = nn.Linear(inner, size, bias=False)
        for part in (self.attention, self.gated):
            nn.init.orthogonal_(part.weight)
        for part in (self.mixed, self.out):  # the sum over all blocks begins small
            nn.init.orthogonal_(part.weight, (2 * layers) ** -0.5)

    def attended(self, hidden: Tensor, turn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns queries, keys and values, [B, heads, T, head_size] each, of hidden [B, T, size].

        Args:
          hidden: float [B, T, size].
          turn: cosines and sines by position, float32; broadcast to [B, heads, T, head_size].
        """
        batch, steps, _ = hidden.shape
        parts = self.attention(self.attention_norm(hidden))
        parts = parts.view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        both = _rotate(parts[:2], turn).to(parts.dtype)
        return both[0], both[1], parts[2]

    def forward(self, hidden: Tensor, found: Tensor) -> Tensor:
        """Returns hidden [B, T, size] after what was found, [B, heads, T, head_size]."""
        hidden = hidden + self.mixed(found.transpose(1, 2).flatten(2))
        gate, value = self.gated(self.norm(hidden)).chunk(2, -1)
        passed: Tensor = hidden + self.out(silu(gate) * value)
        return passed


def _rotate(vectors: Tensor, turn: Tensor) -> Tensor:
    """Returns vectors [..., head_size], each pair (i, i + half) turned by its position's angle."""
    one, two = vectors.chunk(2, -1)
    cos, sin = turn.chunk(2, -1)
    return torch.cat((one * cos - two * sin, one * sin + two * cos), -1)
