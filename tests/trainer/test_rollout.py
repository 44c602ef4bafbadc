"""What is collected: every number of the buffer against the environment's own rules."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pufferlib.emulation
import pufferlib.models
import pufferlib.vector
import pytest
import torch

from coding_envs_trainer.policies import MLP
from coding_envs_trainer.pufferl import PuffeRL

ACTIONS, LENGTH = 3, 5


def check_rows(trainer: PuffeRL, rows: Any, *, paid: bool = True) -> None:
    """Checks rows of Counter's, which says in its observations what must be."""
    b = trainer.buffer
    agent, step, before = b.observations[rows].unbind(-1)
    assert (agent == agent[:, :1]).all(), "a row is one agent's"
    assert torch.equal(b.terminals[rows], (step == LENGTH - 1).float())
    if paid:
        assert torch.equal(b.rewards[rows], (b.actions[rows] == step % ACTIONS).float())
    # Steps follow one another, and so do actions, but over the end of an episode.
    assert torch.equal(step[:, 1:], (step[:, :-1] + 1) % LENGTH)
    went_on = step[:, 1:] > 0
    assert torch.equal(before[:, 1:][went_on], b.actions[rows][:, :-1][went_on].float())
    assert torch.equal(b.starts[rows][:, 1:], step[:, 1:] == 0)
    assert b.valid[rows].all()
    with torch.no_grad():
        logits, values = trainer.uncompiled_policy(b.observations[rows].flatten(0, 1))
        assert torch.allclose(b.values[rows][:, :-1].flatten(), values.flatten(), atol=1e-6)
        after = b.observations[rows][:, -1].clone()
        after[:, 1] = (after[:, 1] + 1) % LENGTH
        after[:, 2] = torch.where(after[:, 1] == 0, 0, b.actions[rows][:, -1])
        _, bootstrap = trainer.uncompiled_policy(after)
        assert torch.allclose(b.values[rows][:, -1], bootstrap.flatten(), atol=1e-6)
        logprobs = logits.log_softmax(-1).gather(-1, b.actions[rows].flatten()[:, None].long())
        assert torch.allclose(b.logprobs[rows].flatten(), logprobs.flatten(), atol=1e-5)


@pytest.mark.parametrize("horizon", [1, 2, 8])
@pytest.mark.parametrize("times", [1, 3])
def test_all_step_together(counter: Any, make: Any, horizon: int, times: int) -> None:
    batch = times * 4 * horizon
    trainer = make(counter(4, LENGTH), bptt_horizon=horizon, batch_size=batch, minibatch_size=batch)
    assert trainer.buffer.rows == trainer.buffer.segments == 4 * times
    for _ in range(3):
        trainer.evaluate()
        check_rows(trainer, slice(0, trainer.buffer.segments))
        steps = trainer.global_step
        trainer.train()
    assert steps == 3 * batch


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("per_batch", [1, 3])
def test_agents_return_in_any_order(
    counter: Any, shuffled: Any, make: Any, seed: int, per_batch: int
) -> None:
    vecenv = shuffled([counter(per_batch, LENGTH) for _ in range(4)], seed)
    agents = 4 * per_batch
    trainer = make(vecenv, batch_size=8 * (agents + 2), minibatch_size=16, learning_rate=1e-30)
    # Counter numbers its agents from 0 in each environment: rows are still one agent's.
    for _ in range(6):
        trainer.evaluate()
        assert trainer.buffer.complete >= trainer.buffer.segments
        trainer.buffer.arrange()
        check_rows(trainer, slice(0, trainer.buffer.segments))
        trainer.train()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("together", [2, 3])
def test_a_batch_may_mix_agents_after_the_reset_with_others(
    counter: Any, shuffled: Any, make: Any, seed: int, together: int
) -> None:
    """Outcomes were dropped, or went to a row of somebody else's, as the first agent's case was."""

    class Mixed(shuffled):  # type: ignore[misc]
        def recv(self) -> Any:
            ready = self._random.permutation(sorted(self._results))
            self._sent_to = ready[:together].tolist()
            infos = [info for number in self._sent_to for info in self._results.pop(number)[1]]
            arrays = [
                np.concatenate([getattr(self.envs[number], name) for number in self._sent_to])
                for name in ("observations", "rewards", "terminals", "truncations", "masks")
            ]
            ids = np.concatenate([2 * number + np.arange(2) for number in self._sent_to])
            return *arrays[:4], infos, ids, arrays[4]

        def send(self, actions: Any) -> None:
            for number, taken in zip(self._sent_to, np.split(actions, together), strict=True):
                self._results[number] = (None, self.envs[number].step(taken)[-1])

    vecenv = Mixed([counter(2, LENGTH) for _ in range(5)], seed)
    vecenv.agents_per_batch = 2 * together
    trainer = make(vecenv, batch_size=8 * 12, learning_rate=1e-30)
    for _ in range(4):
        trainer.evaluate()
        trainer.buffer.arrange()
        check_rows(trainer, slice(0, trainer.buffer.segments))
        trainer.train()


@pytest.mark.parametrize("latency", [0, 1, 3, 7, 30])
def test_verdicts_that_come_later(counter: Any, make: Any, latency: int) -> None:
    """An update learns from what it would have learned from, had they come at once."""

    def losses(**more: Any) -> list[dict[str, float]]:
        trainer = make(counter(4, LENGTH, **more), batch_size=64)
        found = []
        for _ in range(8):
            trainer.evaluate()
            check_rows(trainer, slice(0, trainer.buffer.segments))
            trainer.train()
            found.append(trainer.losses)
        assert trainer.buffer.rows == trainer.buffer.segments
        return found

    assert losses(latency=latency) == losses()


@pytest.mark.parametrize("latency", [0, 1, 3, 7, 30])
def test_the_policy_acts_while_verdicts_are_open(counter: Any, make: Any, latency: int) -> None:
    more = {"batch_size": 64, "learning_rate": 1e-30, "act_ahead": 0.25}
    trainer = make(counter(4, LENGTH, latency=latency), **more)
    for _ in range(8):
        trainer.evaluate()
        trainer.buffer.arrange()
        check_rows(trainer, slice(0, trainer.buffer.segments))
        trainer.train()
    if latency <= 3:  # within a quarter of an update's steps
        assert trainer.timing.total_seconds.get("sandbox_wait", 0.0) == 0.0


def test_the_rollout_does_not_run_ahead_of_late_verdicts(counter: Any, make: Any) -> None:
    """It did, by two batches: updates then learned from what policies of long ago had done."""
    trainer = make(counter(4, LENGTH, latency=30), batch_size=32, act_ahead=0.25)
    learned = 0
    for _ in range(6):
        trainer.evaluate()
        assert trainer.global_step - learned <= 32 + 32 // 4
        trainer.train()
        learned += 32


def test_dead_agents_neither_learn_nor_count(counter: Any, make: Any) -> None:
    trainer = make(counter(4, LENGTH, dead=(1,)))
    trainer.evaluate()
    assert trainer.global_step == 3 * 8
    valid = trainer.buffer.valid[:4]
    assert not valid[1].any()
    assert valid[[0, 2, 3]].all()
    before = [p.clone() for p in trainer.policy.parameters()]
    trainer.buffer.observations[1] = float("inf")  # would spoil all that looks at it
    trainer.buffer.observations[1] = 1e4
    trainer.buffer.values[1] = 1e9
    trainer.train()
    assert all(p.isfinite().all() for p in trainer.policy.parameters())
    assert any(
        not torch.equal(a, b) for a, b in zip(before, trainer.policy.parameters(), strict=True)
    )
    assert abs(trainer.losses["value_loss"]) < 100


def test_faults_that_a_checkpoint_waits_for_do_not_count(counter: Any, make: Any) -> None:
    """They were taken off the collector's count only: the training ended too early."""

    class Faulty(counter):  # type: ignore[misc]
        good = before = 0

        def step(self, actions: Any) -> Any:
            self.before = self.good
            found = super().step(actions)
            self.good += int((~self.terminals).sum())
            return found

        def collect(self, timeout_s: float = 0.0) -> Any:
            tickets, rewards, valid = super().collect(timeout_s)
            return tickets, rewards, np.zeros_like(valid)

    env = Faulty(4, LENGTH, latency=9)
    trainer = make(env, act_ahead=0.5, batch_size=64)
    for _ in range(4):
        trainer.evaluate()
        trainer.train()
        trainer.save_checkpoint()
        assert trainer.global_step in (env.before, env.good)  # the last may be on its way


def test_a_native_environment_that_cuts_off(counter: Any, make: Any) -> None:
    """The observation at the cut is gone: the value of the one before stands in for it."""
    trainer = make(counter(4, LENGTH, truncates=True), gamma=0.9)
    trainer.evaluate()
    b = trainer.buffer
    cut = b.observations[..., 1] == LENGTH - 1
    assert torch.equal(b.terminals.bool(), cut)
    plain = (b.actions == b.observations[..., 1] % ACTIONS).float()
    wanted = plain + 0.9 * b.values[:, :-1] * cut
    assert torch.allclose(b.rewards, wanted, atol=1e-6)


class Asks(MLP):
    """Looks at all that PufferLib's trainer tells a policy."""

    def forward_eval(self, observations: Any, state: Any = None) -> Any:
        assert len(state["done"]) == len(state["reward"]) == len(state["mask"]) == len(observations)
        return super().forward_eval(observations, state)


@pytest.mark.parametrize("kind", ["native", "serial"])
def test_a_native_environment_that_keeps_the_last_observation(
    counter: Any, make: Any, kind: str
) -> None:
    """Those of a Serial were passed over."""

    class Keeps(counter):  # type: ignore[misc]
        def __init__(self, **more: Any) -> None:
            super().__init__(4, LENGTH, truncates=True, **more)
            self.final_observations = np.full((4, 3), 2.0, np.float32)

    if kind == "native":
        vecenv = Keeps()
    else:
        vecenv = pufferlib.vector.make(Keeps, backend=pufferlib.vector.Serial, num_envs=2)
    trainer = make(vecenv, Asks(vecenv, hidden_size=16), gamma=0.9)
    trainer.evaluate()
    b = trainer.buffer
    cut = b.terminals.bool()
    with torch.no_grad():
        _, final = trainer.policy(torch.full((1, 3), 2.0))
    plain = (b.actions == b.observations[..., 1] % ACTIONS).float()
    assert torch.allclose(b.rewards[cut], plain[cut] + 0.9 * final.item(), atol=1e-6)


class Line(gymnasium.Env[Any, Any]):
    """Walks 0, 1, 2, ...; cut off, or ended, at 3; the reward is the position."""

    observation_space = gymnasium.spaces.Box(0, 100, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(ACTIONS)
    render_mode = "ansi"

    def __init__(self, truncates: bool) -> None:
        self.truncates = truncates

    def _show(self) -> Any:
        return np.full(3, self.at, np.float32)

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        self.at = 0
        return self._show(), {}

    def step(self, action: Any) -> Any:
        self.at += 1
        end = self.at == 3
        return self._show(), 0.1 * self.at, end and not self.truncates, end and self.truncates, {}


@pytest.mark.parametrize("truncates", [True, False])
def test_an_emulated_environment_resets_a_step_later(make: Any, truncates: bool) -> None:
    vecenv = pufferlib.vector.make(
        lambda **more: pufferlib.emulation.GymnasiumPufferEnv(Line(truncates), **more),
        backend=pufferlib.vector.Serial, num_envs=2,
    )  # fmt: skip
    trainer = make(vecenv, bptt_horizon=8, gamma=0.5)
    trainer.evaluate()
    b = trainer.buffer
    at = b.observations[0, :, 0].tolist()
    assert at == [0, 1, 2, 3, 0, 1, 2, 3]  # 3 is the last one of an episode
    assert b.valid[0].tolist() == [True, True, True, False] * 2  # whose action is ignored
    assert b.starts[0].tolist() == [True, False, False, False] * 2
    assert b.terminals[0].tolist() == [0, 0, 1, 0] * 2
    final = b.values[0, 3].item()
    wanted = 0.3 + (0.5 * final if truncates else 0.0)
    assert b.rewards[0, :4].tolist() == pytest.approx([0.1, 0.2, wanted, 0.0], abs=1e-6)
    assert trainer.global_step == 12


PARTS = {"a": gymnasium.spaces.Discrete(2), "b": gymnasium.spaces.Discrete(3)}


@pytest.mark.parametrize(
    "space", [gymnasium.spaces.Tuple(PARTS.values()), gymnasium.spaces.Dict(PARTS)], ids=type
)
def test_actions_of_several_parts_reach_an_emulated_environment(make: Any, space: Any) -> None:
    """They came as int64, whose bytes PufferLib's emulation reads as int32: an error."""
    taken = []

    class Parts(Line):
        action_space = space

        def step(self, action: Any) -> Any:
            assert self.action_space.contains(action)
            taken.append(list(action.values()) if isinstance(action, dict) else list(action))
            return super().step(0)

    vecenv = pufferlib.vector.make(
        lambda **more: pufferlib.emulation.GymnasiumPufferEnv(Parts(False), **more),
        backend=pufferlib.vector.Serial, num_envs=1,
    )  # fmt: skip
    trainer = make(vecenv, MLP(vecenv.driver_env, 8))
    trainer.evaluate()
    b = trainer.buffer
    assert taken == b.actions[0][b.valid[0]].tolist()


def test_rewards_are_clipped_as_configured(make: Any) -> None:
    class Rich(Line):
        def step(self, action: Any) -> Any:
            observation, _, end, cut, info = super().step(action)
            return observation, 7.0, end, cut, info

    for clip, wanted in ((1.0, 1.0), (0.0, 7.0), (3.0, 3.0)):
        vecenv = pufferlib.vector.make(
            lambda **more: pufferlib.emulation.GymnasiumPufferEnv(Rich(False), **more),
            backend=pufferlib.vector.Serial, num_envs=2,
        )  # fmt: skip
        trainer = make(vecenv, reward_clip=clip)
        trainer.evaluate()
        assert trainer.buffer.rewards[0, 0].item() == wanted


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.float64])
def test_observations_of_any_type(counter: Any, make: Any, dtype: Any) -> None:
    class Typed(Line):
        observation_space = gymnasium.spaces.Box(0, 100, (3,), dtype)

        def _show(self) -> Any:
            return super()._show().astype(dtype)

    vecenv = pufferlib.vector.make(
        lambda **more: pufferlib.emulation.GymnasiumPufferEnv(Typed(False), **more),
        backend=pufferlib.vector.Serial, num_envs=2,
    )  # fmt: skip
    trainer = make(vecenv, pufferlib.models.Default(vecenv.driver_env), batch_size=48)
    trainer.evaluate()
    at = trainer.buffer.observations[0, :, 0].tolist()
    assert at == [0, 1, 2, 3, 0, 1, 2, 3]
    assert trainer.train() is not None


def test_actions_of_64_bits(make: Any) -> None:
    """What they made float64 did not fit the buffer."""

    class Wide(Line):
        action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float64)

    vecenv = pufferlib.vector.make(
        lambda **more: pufferlib.emulation.GymnasiumPufferEnv(Wide(False), **more),
        backend=pufferlib.vector.Serial, num_envs=2,
    )  # fmt: skip
    trainer = make(vecenv, pufferlib.models.Default(vecenv.driver_env))
    trainer.evaluate()
    logs = trainer.train()
    assert logs["losses/importance"] == pytest.approx(1.0, abs=1e-5)


def test_statistics_can_be_gathered_without_learning(counter: Any, make: Any) -> None:
    """PufferLib's own `train` does so at its end, until there are some; it never came to that."""
    trainer = make(counter(4, LENGTH))
    trainer.evaluate()
    trainer.train()
    for times in range(1, 4):
        assert len(trainer.evaluate()["right"]) == times * 32
    check_rows(trainer, slice(0, 4))
    assert trainer.global_step == 4 * 32
    assert trainer.train() is not None


def test_it_can_be_stopped_and_goes_on(counter: Any, make: Any) -> None:
    trainer = make(counter(4, LENGTH))
    calls = iter([False, False, False, True])
    trainer.collector.stop = lambda: next(calls, False)
    trainer.evaluate()
    assert trainer.buffer.complete == 0
    assert trainer.train() is None
    trainer.evaluate()
    check_rows(trainer, slice(0, 4))
    assert trainer.global_step == 32


@pytest.mark.parametrize("kind", ["native", "serial"])
def test_action_masks_are_honoured(counter: Any, make: Any, kind: str) -> None:
    class Masked(counter):  # type: ignore[misc]
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.action_masks = np.ones((self.num_agents, ACTIONS), bool)

        def _show(self, actions: Any) -> None:
            super()._show(actions)
            self.action_masks[:] = True
            self.action_masks[self.steps == 0, 0] = False

    if kind == "native":
        vecenv = Masked(8, LENGTH)
    else:
        vecenv = pufferlib.vector.make(
            lambda **more: Masked(4, LENGTH, **more),
            backend=pufferlib.vector.Serial, num_envs=2,
        )  # fmt: skip
    trainer = make(vecenv, minibatch_size=64)
    for _ in range(4):
        trainer.evaluate()
        b = trainer.buffer
        first = b.observations[..., 1] == 0
        assert b.action_masks is not None
        assert not b.action_masks[first][:, 0].any()
        assert (b.actions[first] != 0).all()
        assert (b.actions[~first] == 0).any()
        logs = trainer.train()
        assert logs["losses/importance"] == pytest.approx(1.0, abs=1e-5)
