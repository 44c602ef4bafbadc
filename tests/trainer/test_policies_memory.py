"""LSTM and Transformer: training sees what the single steps of the rollout saw."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pufferlib.models
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from coding_envs.tokens import make_tokenizer
from coding_envs_trainer.policies import LSTM, MLP, Policy, TokenSteps, Transformer

PROMPT, PROGRAM = 10, 6
TOKENIZER = make_tokenizer("starter")
FLAT = SimpleNamespace(
    single_observation_space=spaces.Box(-1, 1, (5,), np.float32),
    single_action_space=spaces.Discrete(3),
    observation_space=spaces.Box(-1, 1, (5,), np.float32),
)
CODING = SimpleNamespace(
    single_observation_space=spaces.Box(0, TOKENIZER.size - 1, (PROMPT + PROGRAM + 1,), np.int32),
    single_action_space=spaces.Discrete(TOKENIZER.num_actions),
    prompt_tokens=PROMPT,
    program_tokens=PROGRAM,
    tokenizer=TOKENIZER,
)


@pytest.fixture(autouse=True)
def threads_and_seed() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def observe(env: Any, *shape: int) -> Tensor:
    if env is FLAT:
        return torch.randn(*shape, 5)
    rows = torch.randint(0, TOKENIZER.size, (*shape, PROMPT + PROGRAM + 1))
    written = torch.randint(0, PROGRAM, shape)
    rows[..., PROMPT:-1][torch.arange(PROGRAM) >= written[..., None]] = 0
    rows[..., -1] = written
    return rows.int()


def lively(policy: Any) -> Any:
    """Heads begin near zero, where every memory gives the same."""
    with torch.no_grad():
        for weight in policy.policy.parameters():
            if weight.ndim > 1:
                weight.add_(0.2 * torch.randn_like(weight))
    return policy


def roll(policy: Any, observations: Tensor, starts: Tensor, state: dict[str, Tensor]) -> Any:
    """Single steps over [B, T, ...]; returns logits [B * T, A], values [B, T] and the state."""
    held: dict[str, Any] = dict(state)
    logits, values = [], []
    with torch.no_grad():
        for t in range(observations.shape[1]):
            held["starts"] = starts[:, t]
            step = policy.forward_eval(observations[:, t], held)
            logits.append(step[0])
            values.append(step[1])
    del held["starts"]
    return torch.stack(logits, 1).flatten(0, 1), torch.cat(values, 1), held


def starting(kind: str, batch: int, horizon: int) -> Tensor:
    starts = torch.zeros(batch, horizon, dtype=torch.bool)
    if kind == "first":
        starts[:, 0] = True
    elif kind == "every":
        starts[:] = True
    elif kind == "random":
        starts = torch.rand(batch, horizon) < 0.25
    return starts


@pytest.mark.parametrize("kind", ["none", "first", "every", "random"])
@pytest.mark.parametrize("layers", [1, 2])
def test_an_lstm_gives_the_same_in_training(kind: str, layers: int) -> None:
    policy = lively(LSTM(FLAT, hidden_size=16, layers=layers))
    observations, starts = observe(FLAT, 7, 13), starting(kind, 7, 13)
    state = {name: torch.randn_like(one) for name, one in policy.initial_state(7).items()}
    logits, values, _ = roll(policy, observations, starts, state)
    trained, worth = policy(observations, {**state, "starts": starts})
    torch.testing.assert_close(trained, logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(worth, values, rtol=0, atol=1e-5)


def test_an_lstms_gradients_are_those_of_the_single_steps() -> None:
    policy = lively(LSTM(FLAT, hidden_size=8)).double()
    observations, starts = observe(FLAT, 4, 9).double(), starting("random", 4, 9)
    state = {name: torch.randn_like(one).double() for name, one in policy.initial_state(4).items()}
    policy(observations, {**state, "starts": starts})[1].square().sum().backward()
    packed = {name: weight.grad.clone() for name, weight in policy.lstm.named_parameters()}
    policy.zero_grad()
    held: dict[str, Any] = dict(state)
    total = torch.zeros((), dtype=torch.float64)
    for t in range(9):
        held["starts"] = starts[:, t]
        total = total + policy.forward_eval(observations[:, t], held)[1].square().sum()
    total.backward()
    for name, weight in policy.lstm.named_parameters():
        torch.testing.assert_close(packed[name], weight.grad)


def test_an_lstm_goes_on_over_segments() -> None:
    policy = lively(LSTM(FLAT, hidden_size=16))
    observations, starts = observe(FLAT, 3, 12), starting("random", 3, 12)
    _, whole, _ = roll(policy, observations, starts, policy.initial_state(3))
    _, _, between = roll(policy, observations[:, :6], starts[:, :6], policy.initial_state(3))
    _, values = policy(observations[:, 6:], {**between, "starts": starts[:, 6:]})
    torch.testing.assert_close(values, whole[:, 6:], rtol=0, atol=1e-5)
    _, forgot = policy(observations[:, 6:], {"starts": starts[:, 6:]})
    assert not torch.allclose(forgot, values, atol=1e-4)


def test_an_lstm_is_driven_as_pufferlib_drives_its_own() -> None:
    body = pufferlib.models.Default(FLAT, hidden_size=16)
    ours = LSTM(FLAT, body, input_size=16, hidden_size=16)
    theirs = pufferlib.models.LSTMWrapper(FLAT, body, input_size=16, hidden_size=16)
    theirs.lstm.load_state_dict(ours.lstm.state_dict())
    observations = observe(FLAT, 4, 5)
    assert ours.hidden_size == 16
    held = [{"lstm_h": torch.zeros(4, 16), "lstm_c": torch.zeros(4, 16)} for _ in range(2)]
    for t in range(5):
        mine, his = (
            policy.forward_eval(observations[:, t], state)
            for policy, state in zip((ours, theirs), held, strict=True)
        )
        torch.testing.assert_close(mine[0], his[0])
        torch.testing.assert_close(held[0]["lstm_c"], held[1]["lstm_c"])
    state = {"lstm_h": None, "lstm_c": None}
    mine, his = ours(observations, dict(state)), theirs(observations, dict(state))
    torch.testing.assert_close(mine[0], his[0])
    torch.testing.assert_close(mine[1], his[1])


@pytest.mark.parametrize("kind", ["none", "first", "every", "random"])
@pytest.mark.parametrize("env", [FLAT, CODING], ids=["flat", "coding"])
def test_a_transformer_gives_the_same_in_training(env: Any, kind: str) -> None:
    policy = lively(Transformer(env, hidden_size=32, heads=2, horizon=12))
    observations, starts = observe(env, 7, 12), starting(kind, 7, 12)
    logits, values, _ = roll(policy, observations, starts, policy.initial_state(7))
    trained, worth = policy(observations, {"starts": starts})
    torch.testing.assert_close(trained, logits, rtol=0, atol=1e-4)
    torch.testing.assert_close(worth, values, rtol=0, atol=1e-4)


def test_agents_of_a_transformer_may_be_at_different_positions() -> None:
    # Segments begin at a time of each agent's own; what is left in the cache must not matter.
    policy = lively(Transformer(FLAT, hidden_size=32, heads=2, horizon=6))
    batch, steps, begins = 5, 17, [0, 1, 2, 3, 5]
    observations, starts = observe(FLAT, batch, steps), starting("random", batch, steps)
    state = policy.initial_state(batch)
    state["kv_cache"].normal_()
    held: dict[str, Any] = dict(state)
    values = torch.empty(batch, steps)
    with torch.no_grad():
        for t in range(steps):
            for row, begin in enumerate(begins):
                if (t - begin) % 6 == 0:
                    held["position"][row] = 0
            held["starts"] = starts[:, t]
            values[:, t] = policy.forward_eval(observations[:, t], held)[1][:, 0]
    for row, begin in enumerate(begins):
        for at in range(begin, steps - 5, 6):
            cut = slice(at, at + 6)
            _, worth = policy(observations[row : row + 1, cut], {"starts": starts[row, cut][None]})
            torch.testing.assert_close(worth[0], values[row, cut], rtol=0, atol=1e-4)


def test_a_transformer_remembers_the_last_steps_where_the_cache_is_full() -> None:
    policy = lively(Transformer(FLAT, hidden_size=32, heads=2, layers=1, horizon=4))
    observations = observe(FLAT, 3, 11)
    none = starting("none", 3, 11)
    _, values, _ = roll(policy, observations, none, policy.initial_state(3))
    _, worth = policy(observations, {})
    torch.testing.assert_close(worth, values, rtol=0, atol=1e-4)
    _, worth = policy(observations[:, 7:], {})
    torch.testing.assert_close(worth[:, -1], values[:, -1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("cls", [LSTM, Transformer])
def test_a_step_that_is_looked_at_twice_is_one_step(cls: Any) -> None:
    # The trainer does so: once for the value that ends a segment, once as the first of the next.
    policy = lively(cls(FLAT, hidden_size=16))
    observations, starts = observe(FLAT, 3, 5), starting("random", 3, 5)
    _, once, _ = roll(policy, observations, starts, policy.initial_state(3))
    held: dict[str, Any] = dict(policy.initial_state(3))
    for t in range(5):
        held["starts"] = starts[:, t]
        policy.forward_eval(observations[:, t], dict(held))
        _, values = policy.forward_eval(observations[:, t], held)
        torch.testing.assert_close(values[:, 0], once[:, t])


def test_a_transformer_says_that_it_needs_a_cache() -> None:
    with pytest.raises(ValueError, match="initial_state"):
        Transformer(FLAT).forward_eval(observe(FLAT, 2), {"lstm_h": None})


def test_a_transformer_does_not_see_what_comes_or_another_episode() -> None:
    policy = lively(Transformer(FLAT, hidden_size=32, heads=2))
    observations = observe(FLAT, 1, 8)
    starts = torch.zeros(1, 8, dtype=torch.bool)
    starts[0, 4] = True
    _, values = policy(observations, {"starts": starts})
    changed = observations.clone()
    changed[0, 2] += 1
    _, others = policy(changed, {"starts": starts})
    same = (values == others)[0].tolist()
    assert same == [True, True, False, False, True, True, True, True]


@pytest.mark.parametrize("cls", [LSTM, Transformer])
@pytest.mark.parametrize("body", [None, Policy, TokenSteps])
def test_bodies_for_coding(cls: Any, body: Any) -> None:
    sized = {"hidden_size": 32}
    policy = cls(CODING, body and body(CODING, hidden_size=32), **sized)
    assert isinstance(policy.policy, body or TokenSteps)
    observations = observe(CODING, 3, 4)
    logits, values = policy(observations, {})
    assert logits.shape == (12, TOKENIZER.num_actions)
    assert values.shape == (3, 4)
    assert logits.isfinite().all()
    assert (logits < -1000).any()  # the grammar


@pytest.mark.parametrize("cls", [LSTM, Transformer])
def test_a_horizon_of_one_and_rows_without_time(cls: Any) -> None:
    policy = lively(cls(FLAT, hidden_size=16))
    observations = observe(FLAT, 6, 1)
    logits, values = policy(observations, {"starts": torch.ones(6, 1, dtype=torch.bool)})
    flat, same = policy(observations[:, 0], {"starts": torch.ones(6, dtype=torch.bool)})
    assert logits.shape == (6, 3)
    assert values.shape == (6, 1)
    torch.testing.assert_close(logits, flat)
    torch.testing.assert_close(values, same)
    with pytest.raises(ValueError, match="observations must be"):
        policy(observations[..., :2], {})


@pytest.mark.parametrize("cls", [LSTM, Transformer])
@pytest.mark.parametrize("env", [FLAT, CODING], ids=["flat", "coding"])
def test_gradients_reach_every_weight(cls: Any, env: Any) -> None:
    policy = cls(env, hidden_size=16)
    logits, values = policy(observe(env, 3, 8), {})
    (logits.log_softmax(-1)[:, 1].sum() + values.sum()).backward()
    for name, weight in policy.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("cls", [LSTM, Transformer])
@pytest.mark.parametrize("env", [FLAT, CODING], ids=["flat", "coding"])
def test_autocast_to_bfloat16(cls: Any, env: Any) -> None:
    policy = cls(env, hidden_size=32)
    observations, starts = observe(env, 4, 6), starting("random", 4, 6)
    wanted, _ = policy(observations, {"starts": starts})
    with torch.autocast("cpu", torch.bfloat16):
        trained, _ = policy(observations, {"starts": starts})
        logits, values, _ = roll(policy, observations, starts, policy.initial_state(4))
        (trained.float().square().sum()).backward()
    assert values.isfinite().all()
    for one in (trained, logits):
        torch.testing.assert_close(one.float(), wanted, rtol=0.05, atol=0.05)


@pytest.mark.gpu
@pytest.mark.parametrize("cls", [LSTM, Transformer])
@pytest.mark.parametrize("env", [FLAT, CODING], ids=["flat", "coding"])
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_what_the_cpu_gives(cls: Any, env: Any) -> None:
    policy = lively(cls(env, hidden_size=32))
    observations, starts = observe(env, 7, 12), starting("random", 7, 12)
    wanted, worth = policy(observations, {"starts": starts})
    policy.cuda()
    observations, starts = observations.cuda(), starts.cuda()
    trained, values = policy(observations, {"starts": starts})
    logits, _, _ = roll(policy, observations, starts, policy.initial_state(7, "cuda"))
    for found in (trained, logits):
        torch.testing.assert_close(found.cpu(), wanted, rtol=0, atol=1e-3)
    torch.testing.assert_close(values.cpu(), worth, rtol=0, atol=1e-3)
    values.sum().backward()
    with torch.autocast("cuda", torch.bfloat16):
        half, _ = policy(observations, {"starts": starts})
    assert half.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize(("cls", "graphs"), [(MLP, 1), (Transformer, 1), (LSTM, 3)])
@pytest.mark.filterwarnings("default")
def test_compiling_breaks_graphs_where_it_must_only(cls: Any, graphs: int) -> None:
    from torch._dynamo.utils import counters

    counters.clear()
    torch.compiler.reset()
    policy = cls(FLAT, hidden_size=16)
    compiled = torch.compile(policy, backend="eager")
    for _ in range(3):  # other episodes are no other graph
        observations, starts = observe(FLAT, 4, 8), starting("random", 4, 8)
        found, _ = compiled(observations, {"starts": starts})
        torch.testing.assert_close(found, policy(observations, {"starts": starts})[0])
    assert counters["stats"]["unique_graphs"] == graphs


@pytest.mark.parametrize("cls", [LSTM, Transformer])
def test_seeds_make_the_weights(cls: Any) -> None:
    one, two, other = (cls(FLAT, hidden_size=16, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_a_state_has_the_batch_first() -> None:
    for policy in (LSTM(FLAT, hidden_size=16, layers=2), Transformer(FLAT, hidden_size=16)):
        state = policy.initial_state(5)
        assert all(len(one) == 5 for one in state.values())
        assert all(not one.any() for one in state.values())
        assert policy.recurrent
    assert not LSTM.segment_state
    assert Transformer.segment_state
    assert not MLP.recurrent


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"multiple of 2 \* heads"):
        Transformer(FLAT, hidden_size=20, heads=4)
    with pytest.raises(ValueError, match="horizon must be >= 1"):
        Transformer(FLAT, horizon=0)
