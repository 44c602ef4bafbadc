"""V-trace advantages blended with GAE's lambda, and the segments' priorities, in one pass.

Row i of each array holds `horizon` consecutive steps of one agent. `values[i, t]` is V of the
observation seen at step t, column `horizon` that of the observation after the last step;
`rewards[i, t]` is what the action of step t earned, `terminals[i, t]` 1 where it ended the episode.
For t from the last step to the first:

    rho_t = min(importance_t, rho_clip),  c_t = min(importance_t, c_clip)
    delta_t = rho_t * (r_t + gamma * (1 - d_t) * V_{t+1} - V_t)
    A_t = delta_t + gamma * lambda * c_t * (1 - d_t) * A_{t+1},   A behind the last step is 0
    return_t = A_t + V_t,   priority = sum over t of |A_t|

A masked step has importance 0: its advantage is 0, it hands nothing back, and the step before it
bootstraps from its value. A NaN or infinity spoils its own step and those before it in its row, and
nothing else; a terminal or a mask does not stop it, since 0 times infinity is NaN.

Source: Espeholt et al. 2018, equation 1 and remark 2 (arXiv:1802.01561).
"""

from __future__ import annotations

import torch
from torch import Tensor

from coding_envs.errors import InvalidValueError

from .kernels import cpu, cuda
from .kernels.job import job_of

__all__ = ["BACKENDS", "advantages", "path", "reference"]

BACKENDS = ("auto", "kernel", "torch")
_BYTES = (torch.bool, torch.uint8)


def advantages(
    values: Tensor,
    rewards: Tensor,
    terminals: Tensor,
    importance: Tensor | None,
    *,
    gamma: float,
    gae_lambda: float,
    rho_clip: float = 1.0,
    c_clip: float = 1.0,
    out: Tensor | None = None,
    priorities: Tensor | None = None,
    returns: Tensor | None = None,
    backend: str = "auto",
) -> tuple[Tensor, Tensor]:
    """Returns advantages and priorities, detached.

    Rows may lie any distance apart, as in slices of larger arrays; what has not the elements of a
    row side by side is copied first.

    Args:
      values: float32 [segments, horizon + 1].
      rewards: float32 [segments, horizon].
      terminals: float32, bool or uint8 [segments, horizon].
      importance: probability of the action now over that when it was taken, 0 where masked.
        float32 [segments, horizon]; None: all ones.
      gamma: discount of a step.
      gae_lambda: 0: one step's error, 1: all that follow.
      rho_clip: bound of the importance of a step's own error.
      c_clip: bound of the importance with which later errors are handed back.
      out: takes the advantages, float32 [segments, horizon].
      priorities: takes the priorities, float32 [segments].
      returns: takes the returns where given, float32 [segments, horizon].
      backend: "auto": the compiled kernel where there is one, else torch; "kernel"; "torch".

    Returns:
      Advantages float32 [segments, horizon], priorities float32 [segments].

    Raises:
      InvalidValueError: a shape, dtype or device does not match, or "kernel" was asked for and is
        not there.
    """
    segments, horizon = _checked(values, rewards, terminals, importance)
    given = [tensor for tensor in (out, priorities, returns) if tensor is not None]
    if out is None:
        out = torch.empty((segments, horizon), dtype=torch.float32, device=values.device)
    else:
        _check("out", out, (segments, horizon), values.device)
    if priorities is None:
        priorities = torch.empty(segments, dtype=torch.float32, device=values.device)
    else:
        _check("priorities", priorities, (segments,), values.device)
    if returns is not None:
        _check("returns", returns, (segments, horizon), values.device)

    kernel = _kernel(values.device, backend)
    if kernel is None or segments == 0 or horizon == 0:
        _with_torch(
            values, rewards, terminals, importance, gamma, gae_lambda, rho_clip, c_clip,
            out, priorities, returns,
        )  # fmt: skip
        return out, priorities

    values, rewards, terminals = _rows(values), _rows(rewards), _rows(terminals)
    importance = None if importance is None else _rows(importance)
    # What the kernel writes, if that is not where it has to go in the end.
    to, to_priorities, to_returns = out, priorities, returns
    if given:
        inputs = (values, rewards, terminals, importance)
        taken = [_extent(tensor, horizon + 1) for tensor in inputs if tensor is not None]
        to, to_priorities = _writable(out, taken), _writable(priorities, taken)
        to_returns = None if returns is None else _writable(returns, taken)
    settings = (gamma, gae_lambda, rho_clip, c_clip)
    kernel.run(
        job_of(values, rewards, terminals, importance, to, to_returns, to_priorities, settings)
    )
    for written, wanted in ((to, out), (to_priorities, priorities), (to_returns, returns)):
        if written is not wanted and written is not None and wanted is not None:
            wanted.detach().copy_(written)
    return out, priorities


@torch.no_grad()
def reference(
    values: Tensor,
    rewards: Tensor,
    terminals: Tensor,
    importance: Tensor | None,
    *,
    gamma: float,
    gae_lambda: float,
    rho_clip: float = 1.0,
    c_clip: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Returns what `advantages` does, in plain torch: any floating dtype, any device, any layout.

    The truth that the kernels are tested against, in float64.
    """
    segments, horizon = rewards.shape
    result = torch.empty((segments, horizon), dtype=values.dtype, device=values.device)
    advantage = torch.zeros(segments, dtype=values.dtype, device=values.device)
    goes_on = 1 - terminals.to(values.dtype)
    weights = torch.ones_like(result) if importance is None else importance
    rho, c = weights.clamp(max=rho_clip), weights.clamp(max=c_clip)
    delta = rho * (rewards + gamma * goes_on * values[:, 1:] - values[:, :-1])
    slope = gamma * gae_lambda * goes_on * c
    for t in reversed(range(horizon)):
        advantage = delta[:, t] + slope[:, t] * advantage
        result[:, t] = advantage
    return result, result.abs().sum(dim=1)


def path() -> str:
    """Returns which path runs on the CPU and on CUDA, and why, in one line."""
    on_cpu = cpu.load()
    if isinstance(on_cpu, str):
        on_cpu = f"torch: compiled kernel {on_cpu}"
    on_cuda = cuda.missing() or cuda.load(torch.cuda.current_device())
    return f"cpu: {on_cpu}; cuda: {on_cuda}"


def _kernel(device: torch.device, backend: str) -> cpu.CpuKernel | cuda.CudaKernel | None:
    """Returns the kernel for a device; None: torch does it."""
    if backend not in BACKENDS:
        raise InvalidValueError(f"backend: one of {', '.join(BACKENDS)} wanted, got {backend!r}")
    if backend == "torch":
        return None
    found: cpu.CpuKernel | cuda.CudaKernel | str
    if device.type == "cpu":
        found = cpu.load()
    elif device.type == "cuda":
        found = cuda.load(device.index)
    else:
        found = f"not there for {device.type}"
    if not isinstance(found, str):
        return found
    if backend == "kernel":
        raise InvalidValueError(f"backend: 'kernel' wanted, but it is {found}; or pass 'auto'")
    return None


def _checked(
    values: Tensor, rewards: Tensor, terminals: Tensor, importance: Tensor | None
) -> tuple[int, int]:
    if rewards.dim() != 2:
        raise InvalidValueError(
            f"rewards: shape [segments, horizon] wanted, got {list(rewards.shape)}"
        )
    segments, horizon = rewards.shape
    device = values.device
    _check("values", values, (segments, horizon + 1), device)
    _check("rewards", rewards, (segments, horizon), device)
    _check("terminals", terminals, (segments, horizon), device, (torch.float32, *_BYTES))
    if importance is not None:
        _check("importance", importance, (segments, horizon), device)
    return segments, horizon


def _check(
    name: str,
    tensor: Tensor,
    shape: tuple[int, ...],
    device: torch.device,
    dtypes: tuple[torch.dtype, ...] = (torch.float32,),
) -> None:
    if tensor.shape != shape:
        raise InvalidValueError(f"{name}: shape {list(shape)} wanted, got {list(tensor.shape)}")
    if tensor.dtype not in dtypes:
        wanted = " or ".join(str(dtype) for dtype in dtypes)
        raise InvalidValueError(f"{name}: {wanted} wanted, got {tensor.dtype}; convert it")
    if tensor.device != device:
        raise InvalidValueError(f"{name}: on {device} wanted, as values are, got {tensor.device}")


def _rows(tensor: Tensor) -> Tensor:
    """Returns the tensor, or a copy whose rows have their elements side by side."""
    return tensor if tensor.stride(1) == 1 else tensor.contiguous()


def _writable(tensor: Tensor, taken: list[tuple[int, int]]) -> Tensor:
    """Returns the tensor, or a new one where the kernel cannot write into it.

    It can where no element lies at two places, and nothing that it reads or writes lies there too:
    `taken` is where that is, and gets what is returned.
    """
    rows = tensor.dim() == 2
    width = tensor.shape[1] if rows else 1
    begin, end = _extent(tensor, width)
    fits = (tensor.stride(1) == 1 and tensor.stride(0) >= width) if rows else tensor.stride(0) == 1
    if not fits or any(begin < other_end and other < end for other, other_end in taken):
        tensor = torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)
        begin, end = _extent(tensor, width)
    taken.append((begin, end))
    return tensor


def _extent(tensor: Tensor, width: int) -> tuple[int, int]:
    """Returns the addresses of the first byte, and of one behind the last, of rows of `width`.

    No element has more than four bytes.
    """
    begin = tensor.data_ptr()
    return begin, begin + 4 * ((tensor.shape[0] - 1) * tensor.stride(0) + width)


@torch.no_grad()
def _with_torch(
    values: Tensor,
    rewards: Tensor,
    terminals: Tensor,
    importance: Tensor | None,
    gamma: float,
    gae_lambda: float,
    rho_clip: float,
    c_clip: float,
    out: Tensor,
    priorities: Tensor,
    returns: Tensor | None,
) -> None:
    result, sums = reference(
        values, rewards, terminals, importance,
        gamma=gamma, gae_lambda=gae_lambda, rho_clip=rho_clip, c_clip=c_clip,
    )  # fmt: skip
    if returns is not None:
        returns.copy_(result + values[:, :-1])
    out.copy_(result)
    priorities.copy_(sums)
