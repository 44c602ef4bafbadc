"""The policies that `policy_name` and `rnn_name` of coding_envs.ini may name."""

from coding_envs_trainer.policies import Policy, Recurrent

__all__ = ["Policy", "Recurrent"]
