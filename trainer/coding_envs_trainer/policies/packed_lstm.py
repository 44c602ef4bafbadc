"""One layer of an LSTM over pieces of unlike lengths, for the CPU: both passes by hand.

PyTorch's own backward pass of a packed sequence takes time by the square of its length, as each
step's gradient is laid into one of all steps, and it makes each weight's gradient step by step.
Here what is not a recurrence is done for all steps at once.

Packed are the first steps of all pieces, then their second steps, and so on, the longest pieces
first; so the pieces that run at a place are the first so many of those that ran before.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

__all__ = ["PackedLayer"]


class PackedLayer(torch.autograd.Function):
    """`apply(packed, h, c, w_ih, w_hh, b_ih, b_hh, running)` returns the outputs, packed.

    Args:
      packed: [steps, input_size].
      h, c: the pieces' first states, [pieces, hidden_size].
      w_ih, w_hh, b_ih, b_hh: as of `nn.LSTM`: input, forget, cell and output gate.
      running: how many pieces have a step at each place; descending.

    The gradient is Hochreiter & Schmidhuber's without truncation:

        c_t = f c_(t-1) + i g,  h_t = o tanh(c_t)
        dc_t = dh_t o (1 - tanh(c_t)^2) + dc_(t+1) f_(t+1)
        before the gates' functions: di = dc g i (1 - i),  df = dc c_(t-1) f (1 - f),
                                     dg = dc i (1 - g^2),  do = dh tanh(c) o (1 - o)
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(  # type: ignore[override]
        ctx: Any,
        packed: Tensor,
        h: Tensor,
        c: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor,
        b_hh: Tensor,
        running: Sequence[int],
    ) -> Tensor:
        """Returns the outputs, [steps, hidden_size]."""
        size = w_hh.shape[1]
        gates = torch.addmm(b_ih + b_hh, packed, w_ih.t())  # [steps, 4 * size]
        cells, outputs = gates.new_empty(2, len(packed), size)
        tanh_cells = torch.empty_like(cells)
        h_before, c_before = h, c
        for at, count in _places(running):
            here = slice(at, at + count)
            gate = gates[here].addmm_(h_before[:count], w_hh.t())
            gate[:, : 2 * size].sigmoid_()
            gate[:, 2 * size : 3 * size].tanh_()
            gate[:, 3 * size :].sigmoid_()
            i, f, g, o = gate.chunk(4, 1)
            torch.mul(f, c_before[:count], out=cells[here]).addcmul_(i, g)
            torch.tanh(cells[here], out=tanh_cells[here])
            torch.mul(o, tanh_cells[here], out=outputs[here])
            h_before, c_before = outputs[here], cells[here]
        ctx.running = running
        ctx.save_for_backward(packed, h, c, w_ih, w_hh, gates, cells, tanh_cells, outputs)
        return outputs

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Returns the gradients of `forward`'s arguments."""
        packed, h, c, w_ih, w_hh, gates, cells, tanh_cells, outputs = ctx.saved_tensors
        running: Sequence[int] = ctx.running
        size = w_hh.shape[1]
        i, f, g, o = gates.chunk(4, 1)
        # What dc and dh are multiplied with, of all steps; dc itself is a recurrence.
        slopes = torch.empty_like(gates).view(-1, 4, size)
        torch.mul(i * g, 1 - i, out=slopes[:, 0])
        torch.mul(f * _before(c, cells, running), 1 - f, out=slopes[:, 1])
        torch.mul(i, 1 - g * g, out=slopes[:, 2])
        torch.mul(o * tanh_cells, 1 - o, out=slopes[:, 3])
        through = o * (1 - tanh_cells * tanh_cells)
        dgates = torch.empty_like(slopes)
        dh, dc = torch.zeros_like(h), torch.zeros_like(c)
        for at, count in reversed(_places(running)):
            here = slice(at, at + count)
            dh_here, dc_here = dh[:count], dc[:count]
            dh_here += grad[here]
            dc_here.addcmul_(dh_here, through[here])
            torch.mul(slopes[here, :3], dc_here[:, None], out=dgates[here, :3])
            torch.mul(slopes[here, 3], dh_here, out=dgates[here, 3])
            dc_here *= f[here]
            torch.mm(dgates[here].view(count, -1), w_hh, out=dh_here)
        flat = dgates.view(-1, 4 * size)
        bias = flat.sum(0)
        return (
            flat @ w_ih if ctx.needs_input_grad[0] else None,
            *(dh, dc),
            flat.t() @ packed,
            flat.t() @ _before(h, outputs, running),
            *(bias, bias.clone()),
            None,
        )


def _places(running: Sequence[int]) -> list[tuple[int, int]]:
    """Returns of each place where its steps begin, and how many there are."""
    places, at = [], 0
    for count in running:
        places.append((at, count))
        at += count
    return places


def _before(first: Tensor, packed: Tensor, running: Sequence[int]) -> Tensor:
    """Returns the states that the steps began with, of those that they ended with."""
    pairs = pairwise(_places(running))
    parts = [packed[at : at + count] for (at, _), (_, count) in pairs]
    return torch.cat([first[: running[0]], *parts])
