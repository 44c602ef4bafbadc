"""Where the policy computes: a device by its name, looked at before anything is put there."""

from __future__ import annotations

import torch

from coding_envs.errors import InvalidValueError

__all__ = ["find_device"]


def find_device(name: str) -> torch.device:
    """Returns the device of that name; a number alone is CUDA's, as PufferLib writes it.

    Raises:
      InvalidValueError: there is no such device here.
    """
    wanted = "train.device must be cpu, cuda, cuda:1 ... or auto"
    try:
        device = torch.device(int(name) if name.isdigit() else name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidValueError(f"{wanted}, got {name!r}: {reason[:200]}") from None
    return device
