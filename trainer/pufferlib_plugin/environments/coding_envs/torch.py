"""The policies that `policy_name` and `rnn_name` of coding_envs.ini may name."""

from coding_envs_trainer.policies import LSTM, MLP, CausalLM, Policy, TokenSteps, Transformer

__all__ = ["LSTM", "MLP", "CausalLM", "Policy", "TokenSteps", "Transformer"]
