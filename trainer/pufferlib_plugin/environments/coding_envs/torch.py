"""The policies that `policy_name` of coding_envs.ini may name."""

from coding_envs_trainer.policies import Policy

__all__ = ["Policy"]
