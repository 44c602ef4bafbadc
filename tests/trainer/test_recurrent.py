"""Recurrent policies in the trainer: what they say in rollouts is what they say in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from coding_envs_trainer.policies import LSTM, Transformer


@pytest.mark.parametrize("kind", [LSTM, Transformer])
@pytest.mark.parametrize("times", [1, 2])
def test_the_ratio_is_one_before_anything_is_learned(
    counter: Any, make: Any, kind: Any, times: int
) -> None:
    env = counter(8)
    more = {"horizon": 16} if kind is Transformer else {}
    policy = kind(env, hidden_size=16, **more)
    size = times * 8 * 16
    trainer = make(env, policy, bptt_horizon=16, batch_size=size, minibatch_size=size)
    for _ in range(3):
        trainer.evaluate()
        logs = trainer.train()
        assert logs["losses/importance"] == pytest.approx(1.0, abs=1e-4)
        assert abs(logs["losses/approx_kl"]) < 1e-6
        assert logs["losses/clipfrac"] == 0


@pytest.mark.parametrize("kind", [LSTM, Transformer])
@pytest.mark.parametrize("seed", range(2))
def test_also_where_agents_return_in_any_order(
    counter: Any, shuffled: Any, make: Any, kind: Any, seed: int
) -> None:
    vecenv = shuffled([counter(3) for _ in range(4)], seed)
    more = {"horizon": 8} if kind is Transformer else {}
    policy = kind(vecenv, hidden_size=16, **more)
    trainer = make(vecenv, policy, batch_size=8 * 14, minibatch_size=8 * 14, learning_rate=1e-30)
    for _ in range(4):
        trainer.evaluate()
        logs = trainer.train()
        assert logs["losses/importance"] == pytest.approx(1.0, abs=1e-4)
        assert logs["losses/clipfrac"] == 0


class Recall:
    """Shows a bit, then nothing for some steps, then asks for it: nothing without memory."""

    def __new__(cls, counter: Any, agents: int) -> Any:
        class Env(counter):  # type: ignore[misc]
            def reset(self, seed: int | None = None) -> Any:
                self.draws = np.random.default_rng(seed)
                self.bits = self.draws.integers(0, 2, self.num_agents)
                return super().reset(seed)

            def _show(self, actions: Any) -> None:
                self.observations[:, 0] = np.where(self.steps == 0, 1 + self.bits, 0)
                self.observations[:, 1] = self.steps == self.length - 1
                self.observations[:, 2] = 0

            def step(self, actions: Any) -> Any:
                asked = self.steps == self.length - 1
                right = np.asarray(actions).reshape(-1) == self.bits
                self.bits = np.where(asked, self.draws.integers(0, 2, self.num_agents), self.bits)
                found = super().step(actions)
                self.rewards[:] = np.where(asked, 2.0 * right - 1.0, 0.0)
                infos = [{"recalled": right[asked].astype(float)}] if asked.any() else []
                return *found[:4], infos

        return Env(agents, length=4, actions=2)


# Settings with which each of 16 seeds has learned it. A Transformer's memory ends with the segment:
# a tenth of the questions ask for what it cannot know.
@pytest.mark.parametrize(
    ("kind", "rate", "entropy", "most"),
    [(LSTM, 0.003, 0.03, 1.0), (Transformer, 0.005, 0.01, 0.9)],
)
def test_they_remember(
    counter: Any, make: Any, kind: Any, rate: float, entropy: float, most: float
) -> None:
    env = Recall(counter, 64)
    more = {"horizon": 16} if kind is Transformer else {}
    policy = kind(env, hidden_size=32, **more)
    trainer = make(env, policy, bptt_horizon=16, minibatch_size=512, update_epochs=4, gamma=0.9,
                   learning_rate=rate, ent_coef=entropy, total_timesteps=60 * 1024)  # fmt: skip
    logs = []
    while trainer.epoch < trainer.total_epochs:
        trainer.evaluate()
        logs.append(trainer.train()["environment/recalled"])
    assert logs[0] < 0.65
    assert np.mean(logs[-3:]) > most - 0.1


def test_an_lstms_state_is_part_of_a_checkpoint(counter: Any, make: Any) -> None:
    def start(**more: Any) -> Any:
        env = counter(8)
        return make(env, LSTM(env, hidden_size=16), checkpoint_interval=3, **more)

    def train(trainer: Any, updates: int) -> list[Any]:
        found = []
        for _ in range(updates):
            trainer.evaluate()
            logs = trainer.train()
            found.append([logs[k] for k in ("losses/policy_loss", "losses/value_loss")])
        return found

    whole = start()
    six = train(whole, 6)
    resumed = start(resume=str(whole.run_folder))
    assert resumed.epoch == 6
    half = start()
    three = train(half, 3)
    again = start(resume=str(half.run_folder))
    assert three + train(again, 3) == six
    for name, value in whole.policy.state_dict().items():
        assert torch.equal(value, again.policy.state_dict()[name]), name
