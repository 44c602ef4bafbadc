"""What upstream's examples (examples/pufferl.py, pufferl_lstm_wrapper.py) do with the trainer.

    python as_upstream.py MODULE HOW

MODULE is `pufferlib.pufferl` or `coding_envs_trainer`: nothing else differs. Sizes are small.
"""

import sys
from importlib import import_module
from typing import Any

import pufferlib.models
import pufferlib.ocean
import pufferlib.pytorch
import pufferlib.vector
import torch
from torch import nn

ENV = "puffer_pysquared"  # the one of Ocean that is not compiled
SIZES = {"device": "cpu", "bptt_horizon": 8, "batch_size": 128, "minibatch_size": 64}


class Policy(nn.Module):
    """A policy of one's own."""

    def __init__(self, env: Any) -> None:
        super().__init__()
        first = nn.Linear(env.single_observation_space.shape[0], 32)
        self.net = nn.Sequential(pufferlib.pytorch.layer_init(first), nn.ReLU())
        self.action_head = nn.Linear(32, env.single_action_space.n)
        self.value_head = nn.Linear(32, 1)

    def forward_eval(self, observations: Any, state: Any = None) -> Any:
        hidden = self.net(observations.float())
        return self.action_head(hidden), self.value_head(hidden)

    def forward(self, observations: Any, state: Any = None) -> Any:
        return self.forward_eval(observations, state)


def simple(pufferl: Any) -> None:
    """All of it by the configuration."""
    args = pufferl.load_config(ENV)
    args["vec"] |= {"num_envs": 8, "backend": "Serial"}
    args["policy"]["hidden_size"] = 64
    args["rnn"] |= {"input_size": 64, "hidden_size": 64}
    args["train"] |= SIZES | {"total_timesteps": 1024, "learning_rate": 0.03}
    vecenv = pufferl.load_env(ENV, args)
    policy = pufferl.load_policy(args, vecenv)
    trainer = pufferl.PuffeRL(args["train"], vecenv, policy)
    while trainer.epoch < trainer.total_epochs:
        trainer.evaluate()
        trainer.train()
    trainer.print_dashboard()
    trainer.close()


def own(pufferl: Any, *, recurrent: bool) -> None:
    """A vecenv and a policy of one's own."""
    vecenv = pufferlib.vector.make(
        pufferlib.ocean.env_creator(ENV), num_envs=8, num_workers=2, batch_size=4,
        backend=pufferlib.vector.Multiprocessing,
    )  # fmt: skip
    policy: nn.Module = Policy(vecenv.driver_env)
    if recurrent:
        inner = pufferlib.models.Default(vecenv.driver_env)
        policy = pufferlib.models.LSTMWrapper(vecenv.driver_env, inner)
    args = pufferl.load_config("default")
    args["train"] |= SIZES | {"env": ENV}
    if recurrent:
        args["train"]["use_rnn"] = True
    trainer = pufferl.PuffeRL(args["train"], vecenv, policy)
    for _ in range(4):
        trainer.evaluate()
        trainer.train()
    trainer.print_dashboard()
    trainer.close()


if __name__ == "__main__":
    module, how = sys.argv[1:]
    del sys.argv[1:]  # load_config reads flags
    torch.set_num_threads(1)
    trainers = import_module(module)
    if how == "simple":
        simple(trainers)
    else:
        own(trainers, recurrent=how == "recurrent")
