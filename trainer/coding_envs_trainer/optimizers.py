"""Optimisers by name: Adam, AdamW, and Muon for matrices beside AdamW for all else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from coding_envs.errors import InvalidValueError

__all__ = ["OPTIMIZERS", "SCHEDULES", "Optimizer", "learning_rate", "make_optimizer"]

OPTIMIZERS = ("adam", "adamw", "muon")
SCHEDULES = ("cosine", "linear", "constant")


class Optimizer:
    """Several of PyTorch's optimisers that step together."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self._parts = parts

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """All groups of parameters, as PyTorch's optimisers have them."""
        return [group for part in self._parts for group in part.param_groups]

    def set_learning_rate(self, rate: float) -> None:
        """Sets the learning rate of everything."""
        for group in self.param_groups:
            group["lr"] = rate

    def step(self) -> None:
        """Takes one step."""
        for part in self._parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients."""
        for part in self._parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of all parts."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state_dict` returned."""
        for part, saved in zip(self._parts, state["parts"], strict=True):
            part.load_state_dict(saved)


def make_optimizer(policy: nn.Module, config: Mapping[str, Any]) -> Optimizer:
    """Returns the optimiser that the configuration's [train] names.

    Muon (https://kellerjordan.github.io/posts/muon/) is for the matrices within a network. What
    stands at its ends, embeddings and heads, and all that is no matrix, is AdamW's, at the same
    learning rate: PyTorch's Muon scales its steps to those of AdamW (Moonlight: Liu et al. 2025,
    arXiv:2502.16982).

    Raises:
      InvalidValueError: there is no such optimiser.
    """
    name = config["optimizer"]
    rate, decay = config["learning_rate"], config["weight_decay"]
    adam = {
        "lr": rate,
        "betas": (config["adam_beta1"], config["adam_beta2"]),
        "eps": config["adam_eps"],
        "weight_decay": decay,
    }
    parameters = [p for p in policy.parameters() if p.requires_grad]
    # One kernel for all tensors instead of several: most of ours are small.
    fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
    if name == "adam":
        return Optimizer(torch.optim.Adam(parameters, **adam, fused=fused))
    if name == "adamw":
        return Optimizer(torch.optim.AdamW(parameters, **adam, fused=fused))
    if name == "muon":
        matrices = list(_inner_matrices(policy))
        chosen = {id(p) for p in matrices}
        others = [p for p in parameters if id(p) not in chosen]
        parts: list[torch.optim.Optimizer] = []
        if matrices:
            parts.append(
                torch.optim.Muon(
                    matrices,
                    lr=rate,
                    weight_decay=decay,
                    momentum=config["adam_beta1"],
                    adjust_lr_fn="match_rms_adamw",
                )
            )
        if others:
            parts.append(torch.optim.AdamW(others, **adam, fused=fused))
        return Optimizer(*parts)
    raise InvalidValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {name!r}")


def _inner_matrices(policy: nn.Module) -> Iterator[nn.Parameter]:
    """Yields the weights of linear and recurrent layers whose results other layers read."""
    ends = {"actor", "critic", "decoder", "decoder_mean", "value", "value_fn", "head", "lm_head"}
    seen: set[int] = set()
    for path, module in policy.named_modules():
        if not isinstance(module, nn.Linear | nn.RNNBase | nn.RNNCellBase):
            continue
        if ends & set(path.split(".")):
            continue
        for parameter in module.parameters(recurse=False):
            if parameter.ndim == 2 and parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                yield parameter


def learning_rate(base: float, schedule: str, progress: float) -> float:
    """Returns the learning rate when `progress` (in [0, 1]) of the training is over.

    Args:
      base: at the beginning.
      schedule: `cosine` and `linear` end at 0; `constant` stays.
      progress: in [0, 1].

    Raises:
      InvalidValueError: there is no such schedule.
    """
    progress = min(max(progress, 0.0), 1.0)
    if schedule == "cosine":
        return 0.5 * base * (1.0 + math.cos(math.pi * progress))
    if schedule == "linear":
        return base * (1.0 - progress)
    if schedule == "constant":
        return base
    raise InvalidValueError(f"lr_schedule must be one of {', '.join(SCHEDULES)}, got {schedule!r}")
