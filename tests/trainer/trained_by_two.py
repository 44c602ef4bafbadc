"""What each of the processes does that test_distributed.py starts."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import Any

import gymnasium
import numpy as np
import pufferlib
import torch
from torch import nn

from coding_envs_trainer.distributed import Group
from coding_envs_trainer.pufferl import PuffeRL


class Guess(pufferlib.PufferEnv):
    """Shows a number below 3 to each agent and pays for the same one."""

    def __init__(self, agents: int) -> None:
        self.single_observation_space = gymnasium.spaces.Box(0, 1, (3,), np.float32)
        self.single_action_space = gymnasium.spaces.Discrete(3)
        self.num_agents = self.agents_per_batch = agents
        super().__init__(None)

    def _show(self) -> None:
        self.wanted = self.draws.integers(0, 3, self.num_agents)
        self.observations[:] = np.eye(3)[self.wanted]

    def reset(self, seed: int | None = None) -> Any:
        self.draws = np.random.default_rng(seed)
        self._show()
        return self.observations, []

    def step(self, actions: Any) -> Any:
        right = np.asarray(actions).reshape(-1) == self.wanted
        self.rewards[:] = right
        self.terminals[:] = True
        self._show()
        infos = [{"right": right.astype(float)}]
        return self.observations, self.rewards, self.terminals, self.truncations, infos

    def close(self) -> None:
        pass


class Linear(nn.Module):
    hidden_size, is_continuous = 3, False

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)  # each process begins with other weights: the first one's count
        self.actor, self.critic = nn.Linear(3, 3), nn.Linear(3, 1)

    def forward_eval(self, observations: Any, state: Any = None) -> Any:
        return self.forward(observations, state)

    def forward(self, observations: Any, state: Any = None) -> Any:
        return self.actor(observations), self.critic(observations)


def main() -> None:
    folder, target_kl = sys.argv[1], float(sys.argv[2])
    group = Group.join("cpu")
    torch.set_num_threads(1)
    policy = Linear(group.rank)
    config = {
        "device": "cpu", "optimizer": "adam", "learning_rate": 0.02, "bptt_horizon": 4,
        "minibatch_size": 64, "update_epochs": 2, "total_timesteps": 2 * 128 * 20, "seed": 5,
        "data_dir": folder, "dashboard": "none", "env": "guess", "target_kl": target_kl,
        "checkpoint_interval": 10, "gamma": 0.0,
    }  # fmt: skip
    trainer = PuffeRL(config, Guess(32), policy)
    logs: Any = {}
    while trainer.epoch < trainer.total_epochs:
        trainer.evaluate()
        logs = trainer.train()
    flat = torch.cat([p.detach().flatten() for p in policy.parameters()]).numpy()
    digest = hashlib.sha256(flat.tobytes()).hexdigest()
    seen = trainer.vecenv.draws.random()
    print(
        f"RANK {group.rank} {digest} {trainer.global_step} {trainer.epoch} {seen} "
        f"{logs['environment/right']} {logs['losses/policy_loss']} "
        f"{logs['losses/explained_variance']}",
        flush=True,
    )
    trainer.close()
    Group.leave()
    # PyTorch's own threads have been seen to abort an interpreter that ends here.
    os._exit(0)


if __name__ == "__main__":
    main()
