"""Stable-Baselines3's PPO on the same environment and network."""

from __future__ import annotations

import time
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from .settings import Case, make_env, make_net

__all__ = ["StableBaselines"]


class _VecEnv(VecEnv):
    """The mock environment as SB3 wants it."""

    def __init__(self, case: Case) -> None:
        self.env = make_env(case)
        box = self.env.single_observation_space
        # SB3 checks each batch against the space: float32 spares it a conversion.
        space = gymnasium.spaces.Box(box.low, box.high, box.shape, np.int32)
        super().__init__(case.agents, space, self.env.single_action_space)
        self._infos: list[dict[str, Any]] = [{} for _ in range(case.agents)]

    def reset(self) -> Any:
        return self.env.reset(0)[0].copy()

    def step_async(self, actions: Any) -> None:
        self._actions = actions

    def step_wait(self) -> Any:
        seen, reward, ended, cut, _ = self.env.step(self._actions)
        return seen.copy(), reward.copy(), ended | cut, self._infos

    def close(self) -> None:
        self.env.close()

    def get_attr(self, name: str, indices: Any = None) -> Any:
        return [getattr(self.env, name, None)] * self.num_envs

    def set_attr(self, name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, name: str, *args: Any, indices: Any = None, **more: Any) -> Any:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper: Any, indices: Any = None) -> Any:
        return [False] * self.num_envs


class _Policy(ActorCriticPolicy):
    """The network of the case instead of SB3's own."""

    def __init__(self, *args: Any, net: Any, **more: Any) -> None:
        self._made = net
        super().__init__(*args, **more)

    def _build(self, lr_schedule: Any) -> None:
        self.net = self._made()
        self.optimizer = self.optimizer_class(
            self.net.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    def forward(self, obs: Any, deterministic: bool = False) -> Any:
        logits, values = self.net(obs)
        chances = self.action_dist.proba_distribution(action_logits=logits)
        actions = chances.get_actions(deterministic=deterministic)
        return actions, values, chances.log_prob(actions)

    def evaluate_actions(self, obs: Any, actions: Any) -> Any:
        logits, values = self.net(obs)
        chances = self.action_dist.proba_distribution(action_logits=logits)
        return values, chances.log_prob(actions), chances.entropy()

    def predict_values(self, obs: Any) -> Any:
        return self.net(obs)[1]


class _Silent(BaseCallback):
    def _on_step(self) -> bool:
        return True


class StableBaselines:
    """`update()` collects a batch and learns from it once."""

    def __init__(self, case: Case) -> None:
        env = _VecEnv(case)
        self.case = case
        self.ppo = PPO(
            _Policy, env, learning_rate=1e-3, n_steps=case.horizon, batch_size=case.minibatch,
            n_epochs=1, gamma=0.99, gae_lambda=0.95, clip_range=0.2, clip_range_vf=0.2,
            ent_coef=0.01, vf_coef=0.5, max_grad_norm=0.5, device="cpu", verbose=0,
            policy_kwargs={"net": lambda: make_net(case, env.env)},
        )  # fmt: skip
        self.ppo._setup_learn(10**9, None)
        self.callback = _Silent()
        self.callback.init_callback(self.ppo)

    def update(self) -> tuple[int, float]:
        started = time.perf_counter()
        self.ppo.collect_rollouts(
            self.ppo.env, self.callback, self.ppo.rollout_buffer, n_rollout_steps=self.case.horizon
        )
        self.ppo.train()
        return self.case.batch, time.perf_counter() - started
