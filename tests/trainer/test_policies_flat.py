"""MLP over every kind of space: shapes, embedding, scaling, unpacking, gradients."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pufferlib.emulation
import pytest
import torch
from gymnasium import spaces
from torch.distributions import Normal

from coding_envs_trainer.policies import MLP
from coding_envs_trainer.policies.flat import FlatEncoder

BOX = spaces.Box(-1.0, 1.0, (2, 3), np.float32)


def env(observation: spaces.Space[Any] = BOX, action: spaces.Space[Any] | None = None) -> Any:
    return SimpleNamespace(
        single_observation_space=observation, single_action_space=action or spaces.Discrete(4)
    )


@pytest.mark.parametrize(
    "observation",
    [
        BOX,
        spaces.Box(0, 255, (4, 4), np.uint8),
        spaces.Discrete(7),
        spaces.MultiDiscrete([3, 4, 5]),
        spaces.MultiBinary(6),
    ],
)
def test_any_observation(observation: spaces.Space[Any]) -> None:
    policy = MLP(env(observation), hidden_size=16)
    rows = np.stack([observation.sample() for _ in range(6)])
    logits, values = policy(torch.from_numpy(rows))
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (6, 4)
    assert values.shape == (6, 1)
    segments, _ = policy(torch.from_numpy(rows.reshape(2, 3, *rows.shape[1:])))
    assert torch.equal(segments, logits)
    assert torch.equal(policy.forward_eval(torch.from_numpy(rows), {})[0], logits)


def test_an_embedded_choice_is_a_linear_layer_over_one_hot_vectors() -> None:
    encoder = FlatEncoder(env(spaces.MultiDiscrete([3, 4])), 8)
    rows = torch.tensor([[0, 0], [2, 3], [1, 2]])
    hot = torch.cat((torch.eye(3)[rows[:, 0]], torch.eye(4)[rows[:, 1]]), 1)
    assert encoder.choices is not None
    torch.testing.assert_close(encoder(rows), hot @ encoder.choices.weight)


def test_bounded_integers_are_scaled_and_other_numbers_are_not() -> None:
    bytes_ = FlatEncoder(env(spaces.Box(0, 255, (3,), np.uint8)), 8)
    unbounded = FlatEncoder(env(spaces.Box(-(2**31), 2**31 - 1, (3,), np.int32)), 8)
    floats = FlatEncoder(env(spaces.Box(-9.0, 9.0, (3,), np.float32)), 8)
    torch.testing.assert_close(bytes_.scale, torch.full((3,), 1 / 255))
    assert unbounded.scale.tolist() == floats.scale.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("space", "plain"),
    [
        (spaces.Discrete(3, start=-1), spaces.Discrete(3)),
        (spaces.MultiDiscrete([3, 2], start=[1, 5]), spaces.MultiDiscrete([3, 2])),
    ],
)
def test_choices_that_do_not_begin_at_zero(space: Any, plain: Any) -> None:
    """Their values were taken for rows: those of the next choice, or of none."""
    encoder, wanted = FlatEncoder(env(space), 8), FlatEncoder(env(plain), 8)
    wanted.load_state_dict(encoder.state_dict())
    rows = np.stack([space.sample() for _ in range(20)])
    shown = torch.from_numpy(rows.reshape(20, -1)).float()
    first = torch.from_numpy(np.asarray(space.start).reshape(1, -1))
    assert torch.equal(encoder(shown), wanted(shown - first))


def test_action_spaces() -> None:
    rows = torch.randn(5, 2, 3)
    several, _ = MLP(env(action=spaces.MultiDiscrete([2, 3])))(rows)
    assert isinstance(several, tuple)
    assert [one.shape for one in several] == [(5, 2), (5, 3)]
    policy = MLP(env(action=spaces.Box(-1, 1, (2,), np.float32)))
    continuous, _ = policy(rows)
    assert policy.is_continuous
    assert isinstance(continuous, Normal)
    assert continuous.mean.shape == continuous.stddev.shape == (5, 2)
    assert continuous.log_prob(torch.zeros(5, 2)).isfinite().all()


def test_spaces_without_a_reading_are_refused() -> None:
    with pytest.raises(ValueError, match="no reading of a Text observation"):
        MLP(env(spaces.Text(5)))
    with pytest.raises(ValueError, match="PufferLib's emulation"):
        MLP(env(spaces.Dict({"a": BOX})))
    with pytest.raises(ValueError, match="no head for the action space"):
        MLP(env(action=spaces.Text(5)))
    with pytest.raises(ValueError, match="layers must be >= 1"):
        MLP(env(), layers=0)


MIXED = spaces.Dict(
    {
        "byte": spaces.Discrete(5),
        "flags": spaces.MultiBinary(3),
        "pair": spaces.Tuple((spaces.Box(0, 255, (3,), np.uint8), spaces.MultiDiscrete([2, 6]))),
        "reals": spaces.Box(-1, 1, (2,), np.float32),
    }
)
ALIKE = spaces.Dict({"a": BOX, "b": spaces.Box(-1, 1, (3,), np.float32)})


class Emulated(gymnasium.Env[Any, Any]):
    """Shows samples of a space."""

    action_space = spaces.Discrete(2)

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.observation_space = space
        space.seed(0)
        self.shown: list[Any] = []

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.shown.append(self.observation_space.sample())
        return self.shown[-1], {}


def test_what_the_emulation_packed_is_unpacked() -> None:
    inner = Emulated(MIXED)
    packed = pufferlib.emulation.GymnasiumPufferEnv(inner)
    encoder = FlatEncoder(packed, 8)
    rows = torch.from_numpy(np.stack([packed.reset()[0].copy().reshape(-1) for _ in range(4)]))
    assert encoder.numbers is not None
    assert encoder.choices is not None
    for row, shown in zip(encoder(rows), inner.shown, strict=True):
        bytes_, choices = shown["pair"]
        numbers = np.concatenate((shown["flags"], bytes_ / 255, shown["reals"]), dtype=np.float32)
        picked = [shown["byte"], 5 + choices[0], 7 + choices[1]]
        wanted = encoder.numbers(torch.from_numpy(numbers))
        wanted = wanted + encoder.choices.weight[picked].sum(0)
        torch.testing.assert_close(row, wanted)


def test_parts_of_one_type_are_unpacked_from_that_type() -> None:
    inner = Emulated(ALIKE)
    packed = pufferlib.emulation.GymnasiumPufferEnv(inner)
    encoder = FlatEncoder(packed, 8)
    row = torch.from_numpy(packed.reset()[0].copy().reshape(1, -1))
    assert encoder.numbers is not None
    flat = np.concatenate([inner.shown[0]["a"].reshape(-1), inner.shown[0]["b"]])
    torch.testing.assert_close(encoder(row)[0], encoder.numbers(torch.from_numpy(flat)))


def test_an_observation_that_the_emulation_lost_is_refused() -> None:
    # PufferLib 3.0.0 makes an array of no elements of a Discrete observation.
    lost = SimpleNamespace(
        single_observation_space=spaces.Box(0, 1, (0,), np.int64),
        single_action_space=spaces.Discrete(2),
        emulated={"emulated_observation_dtype": np.dtype((np.int32, ()))},
        env=SimpleNamespace(observation_space=spaces.Discrete(4)),
    )
    with pytest.raises(ValueError, match="holds 0 bytes of the 4"):
        MLP(lost)


def test_seeds_make_the_weights() -> None:
    one, two, other = (MLP(env(), seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["heads.actor.weight"], other["heads.actor.weight"])


def test_gradients_reach_every_weight() -> None:
    policy = MLP(env(action=spaces.Box(-1, 1, (2,), np.float32)))
    logits, values = policy(torch.randn(5, 2, 3))
    assert isinstance(logits, Normal)
    (logits.log_prob(torch.ones(5, 2)).sum() + values.sum()).backward()
    for name, weight in policy.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
