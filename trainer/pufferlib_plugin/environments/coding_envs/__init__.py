"""coding_envs as PufferLib's command line finds it: `puffer train coding_problem`.

PufferLib calls `env_creator(name)` and looks policies up in the attribute `torch`, which must
therefore be this package's submodule and never PyTorch.
"""

from coding_envs.integrations.pufferlib import env_creator

from . import torch

__all__ = ["env_creator", "torch"]
