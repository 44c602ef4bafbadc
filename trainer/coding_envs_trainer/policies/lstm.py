"""An LSTM over any body."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from .body import Memory, starts_of
from .flat import Logits

__all__ = ["LSTM"]


class LSTM(Memory):
    """A body with an LSTM between its halves; the state goes on from segment to segment.

    In rollouts it is a cell; in training one call over all steps of all segments. Episodes that end
    inside segments cost nothing there: a segment is cut into its episodes' pieces, and all pieces
    run side by side, the longest first, so that each time step is one product over the pieces that
    are still running. The results are those of the single steps.

    Args:
      env: what to fit.
      policy: the body; None: see `Memory`. PufferLib's own policies are bodies too.
      input_size: what the body's first half gives, where it does not say so itself.
      hidden_size: width of the LSTM, and of a body that is not given.
      layers: number of LSTM layers.
      seed: PyTorch is seeded with it before the weights are made; PufferLib does not.

    State: `lstm_h`, `lstm_c`: float [B, layers * hidden_size], the layers side by side, as
    PufferLib keeps them where there is one; `starts`: bool [B] in rollouts, [B, T] in training.

    Shapes: observations [B, ...] in rollouts, [B, T, ...] in training; logits of B or B * T rows;
    values [B, 1] or [B, T].

    Source: Hochreiter & Schmidhuber 1997; the forget gate's first bias of 1:
    Jozefowicz et al. 2015.
    """

    segment_state = False

    def __init__(
        self,
        env: Any,
        policy: nn.Module | None = None,
        input_size: int = 128,
        hidden_size: int = 128,
        layers: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(env, policy, hidden_size, seed)
        self.input_size = int(getattr(self.policy, "hidden_size", input_size))
        self.hidden_size, self.layers = hidden_size, layers
        self.lstm = nn.LSTM(self.input_size, hidden_size, layers)
        for name, weight in self.lstm.named_parameters():
            if name.startswith("weight"):
                nn.init.orthogonal_(weight)
            else:
                nn.init.zeros_(weight)
            if name.startswith("bias_ih"):
                with torch.no_grad():  # input, forget, cell, output
                    weight[hidden_size : 2 * hidden_size] = 1.0

    def initial_state(self, batch: int, device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """Returns the state before the first step: zeros [batch, layers * hidden_size]."""
        size = batch, self.layers * self.hidden_size
        return {name: torch.zeros(size, device=device) for name in ("lstm_h", "lstm_c")}

    def forward_eval(
        self, observations: Tensor, state: MutableMapping[str, Any]
    ) -> tuple[Logits, Tensor]:
        """Returns logits and values [B, 1] for one step; `state` holds the new state afterwards."""
        hidden = self.encode(observations, state)
        h, c = self._state(state, len(hidden), hidden.device)
        running = ~starts_of(state, len(hidden), device=hidden.device)[:, None]
        hs, cs = [], []
        for layer, weights in enumerate(self.lstm.all_weights):
            before = h[layer] * running, c[layer] * running
            hidden, cell = torch.lstm_cell(hidden, before, *weights)
            hs.append(hidden)
            cs.append(cell)
        state["lstm_h"], state["lstm_c"] = torch.cat(hs, 1), torch.cat(cs, 1)
        return self.decode(hidden, observations)

    def forward(
        self, observations: Tensor, state: Mapping[str, Any] | None = None
    ) -> tuple[Logits, Tensor]:
        """Returns logits of B * T rows and values [B, T] of segments [B, T, ...]."""
        state = {} if state is None else state
        rows, batch, horizon = self.segments(observations)
        hidden = self.encode(rows, state)
        starts = starts_of(state, batch, horizon, device=hidden.device)
        # The pieces' lengths are data, which a compiled graph cannot have in it: it breaks here
        # once. (A decorator would import the compiler, which takes seconds, without need.)
        remember = self._remember
        if torch.compiler.is_compiling():
            remember = torch.compiler.disable(self._remember)  # type: ignore[no-untyped-call]
        hidden = remember(hidden, starts, *self._state(state, batch, hidden.device))
        logits, values = self.decode(hidden, rows)
        return logits, values.reshape(batch, horizon)

    def _state(
        self, state: Mapping[str, Any], batch: int, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Returns both states as [layers, batch, hidden_size]."""
        found = []
        for name in ("lstm_h", "lstm_c"):
            value = state.get(name)
            if value is None:
                value = torch.zeros(batch, self.layers * self.hidden_size, device=device)
            found.append(value.reshape(batch, self.layers, self.hidden_size).transpose(0, 1))
        return found[0], found[1]

    def _remember(self, hidden: Tensor, starts: Tensor, h: Tensor, c: Tensor) -> Tensor:
        """Returns the LSTM's outputs [B * T, hidden_size] of hidden [B * T, input_size]."""
        batch, horizon = starts.shape
        first = starts.clone()
        first[:, 0] = True
        begins = first.flatten().nonzero()[:, 0]  # each piece's first step, [pieces]
        ends = torch.cat((begins[1:], begins.new_tensor([batch * horizon])))
        lengths, order = (ends - begins).sort(descending=True, stable=True)
        begins = begins[order]
        # Pieces whose first step is a segment's go on from there, unless an episode begins too.
        goes_on = (begins % horizon == 0) & ~starts.flatten()[begins]
        row = begins // horizon
        h, c = (value[:, row] * goes_on[:, None] for value in (h, c))
        # Of how many pieces each place has a step: as they are sorted, of the first so many.
        counts = lengths.new_zeros(int(lengths[0]) + 1).scatter_add(
            0, lengths, torch.ones_like(lengths)
        )
        running = len(lengths) - counts.cumsum(0)[:-1]
        offset = running.cumsum(0) - running
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(order), device=order.device)
        piece = first.flatten().cumsum(0) - 1  # of each step, unsorted
        steps = torch.arange(batch * horizon, device=hidden.device)
        place = steps - steps[first.flatten()][piece]
        packed_at = offset[place] + rank[piece]  # [B * T]
        taken = torch.empty_like(packed_at)
        taken[packed_at] = steps
        outputs = self._run(hidden[taken], running.cpu(), h.to(hidden.dtype), c.to(hidden.dtype))
        return outputs[packed_at]

    def _run(self, packed: Tensor, running: Tensor, h: Tensor, c: Tensor) -> Tensor:
        """Returns the LSTM's outputs, packed as its inputs [steps, input_size] are.

        Args:
          packed: the first steps of all pieces, then their second steps, and so on.
          running: how many pieces have a step at each place; descending, int64 on the CPU.
          h: the pieces' first states, [layers, pieces, hidden_size].
          c: the same.
        """
        if packed.is_cuda:
            outputs: Tensor = self.lstm(PackedSequence(packed, running), (h, c))[0].data
            return outputs
        # On the CPU the backward pass of a packed sequence takes time by the square of its length
        # (each step's gradient is laid into one of all steps). Places of as many pieces are run
        # together, which are segments again.
        sizes = [(len(list(places)), pieces) for pieces, places in groupby(running.tolist())]
        parts = torch.split(packed, [steps * pieces for steps, pieces in sizes])
        found = []
        for (steps, pieces), part in zip(sizes, parts, strict=True):
            state = h[:, :pieces].contiguous(), c[:, :pieces].contiguous()
            output, (h, c) = self.lstm(part.view(steps, pieces, -1), state)
            found.append(output.flatten(0, 1))
        return torch.cat(found)
