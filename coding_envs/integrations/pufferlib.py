"""PufferLib's command line: `puffer train coding_problem` finds its environments here."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from ..errors import UnknownNameError
from ..registry import puffer_names

__all__ = ["env_creator"]


def env_creator(name: str = "coding_problem") -> Callable[..., Any]:
    """Returns what makes the environment of that name: `coding_problem`, `coding_problem_mbpp`...

    Raises:
      UnknownNameError: there is none; says which are near.
    """
    names = puffer_names()
    if name not in names:
        raise UnknownNameError("PufferLib environment", name, names)
    return functools.partial(_make, names[name])


def _make(default_dataset: str, **kwargs: Any) -> Any:
    from ..envs.puffer_env import CodingPufferEnv

    # An ini file has one [env] section for all names: an empty dataset means the name's own.
    dataset = kwargs.pop("dataset", "") or default_dataset
    if "eval" in sys.orig_argv[1:4]:  # `puffer eval` shows what the policy can do by itself
        kwargs["hints"] = 0.0
    return CodingPufferEnv(dataset=dataset, **kwargs)
