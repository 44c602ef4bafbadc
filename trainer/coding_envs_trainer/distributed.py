"""Several processes that learn together, started by `torchrun`: gradients are averaged.

By hand, after each backward pass, instead of with DistributedDataParallel: a policy has two
entry points, and what is sent is one flat tensor.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

__all__ = ["Group"]

_LEAVE = timedelta(seconds=10)


class Group:
    """The processes that learn together; one alone where `torchrun` has not started us.

    Attributes:
      rank: this process's number; 0 writes checkpoints and logs.
      size: how many there are.
    """

    def __init__(self) -> None:
        active = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if active else 0
        self.size = distributed.get_world_size() if active else 1

    @classmethod
    def join(cls, device: str) -> Group:
        """Joins the group that the environment variables of `torchrun` name, if they do."""
        if "LOCAL_RANK" in os.environ and not distributed.is_initialized():
            on_gpu = device.startswith("cuda")
            if on_gpu:
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            distributed.init_process_group("nccl" if on_gpu else "gloo")
        return cls()

    @staticmethod
    def leave() -> None:
        """Leaves it, all together; again and again is fine."""
        if distributed.is_available() and distributed.is_initialized():
            if distributed.get_backend() == "gloo":
                with contextlib.suppress(RuntimeError):  # somebody is gone already
                    distributed.monitored_barrier(timeout=_LEAVE)
            distributed.destroy_process_group()

    @property
    def writes(self) -> bool:
        """True in the one process that writes."""
        return self.rank == 0

    def share_weights(self, policy: nn.Module) -> None:
        """Gives everybody the weights and buffers of the first process."""
        if self.size > 1:
            for tensor in (*policy.parameters(), *policy.buffers()):
                distributed.broadcast(tensor.data, 0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Averages the gradients over the processes; all must have made them of the same ones."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        start = 0
        for gradient in gradients:
            end = start + gradient.numel()
            gradient.copy_(flat[start:end].view_as(gradient))
            start = end

    def sums(self, values: Tensor) -> Tensor:
        """Returns the sums over the processes, on the CPU."""
        if self.size > 1:
            values = values.clone()
            distributed.all_reduce(values)
        return values.cpu()

    def means_by_name(self, means: dict[str, float]) -> dict[str, float]:
        """Returns the mean of each value over the processes that have it."""
        if self.size == 1:
            return means
        every: list[dict[str, float] | None] = [None] * self.size
        distributed.all_gather_object(every, means)
        gathered: dict[str, list[float]] = {}
        for one in every:
            for name, value in (one or {}).items():
                gathered.setdefault(name, []).append(value)
        return {name: sum(values) / len(values) for name, values in gathered.items()}

    def mean(self, value: float, device: torch.device) -> float:
        """Returns the mean over the processes whose value is not NaN."""
        if self.size == 1:
            return value
        known = not math.isnan(value)
        parts = torch.tensor([value if known else 0.0, float(known)], device=device)
        total, count = self.sums(parts).tolist()
        return total / count if count else math.nan

    def any(self, flag: bool, device: torch.device) -> bool:
        """Returns True everywhere where it is True anywhere."""
        if self.size == 1:
            return flag
        total = torch.tensor(float(flag), device=device)
        distributed.all_reduce(total)
        return bool(total.item() > 0)
