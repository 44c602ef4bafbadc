"""PPO's losses and the distributions, against float64 written differently, by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Normal

from coding_envs_trainer.loss import (
    LossTerms,
    _by_race,
    evaluate_actions,
    mask_logits,
    ppo_loss,
    sample_actions,
    scaled_advantages,
)


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def options(**more: Any) -> dict[str, Any]:
    return {
        "weights": None, "valid": None, "clip_coef": 0.2, "vf_clip_coef": 0.2, "vf_coef": 0.5,
        "ent_coef": 0.01, "normalize": True,
    } | more  # fmt: skip


def loss(made: dict[str, torch.Tensor], opts: dict[str, Any]) -> tuple[LossTerms, torch.Tensor]:
    opts = dict(opts)
    how = {name: opts.pop(name) for name in ("weights", "normalize")}
    advantages = scaled_advantages(made["advantages"], valid=opts["valid"], **how)
    return ppo_loss(**(made | {"advantages": advantages}), **opts)


def batch(segments: int = 6, horizon: int = 5) -> dict[str, torch.Tensor]:
    names = (
        "logprobs",
        "entropies",
        "values",
        "old_logprobs",
        "old_values",
        "advantages",
        "returns",
    )
    made = {name: numbers(segments, horizon, seed=i) for i, name in enumerate(names)}
    made["logprobs"] = made["old_logprobs"] + 0.2 * made["logprobs"]
    return made


def expected(made: dict[str, torch.Tensor], opts: dict[str, Any]) -> dict[str, float]:
    m = {name: value.numpy() for name, value in made.items()}
    rows = np.ones(m["values"].shape, bool) if opts["valid"] is None else opts["valid"].numpy()
    adv = m["advantages"].copy()
    if opts["normalize"]:
        adv = (adv - adv[rows].mean()) / (adv[rows].std() + 1e-8)
    if opts["weights"] is not None:
        adv = adv * opts["weights"].numpy()
    ratio = np.exp(m["logprobs"] - m["old_logprobs"])
    gain = np.minimum(
        ratio * adv, np.clip(ratio, 1 - opts["clip_coef"], 1 + opts["clip_coef"]) * adv
    )
    errors = (m["values"] - m["returns"]) ** 2
    if opts["vf_clip_coef"] > 0:
        c = opts["vf_clip_coef"]
        near = m["old_values"] + np.clip(m["values"] - m["old_values"], -c, c)
        errors = np.maximum(errors, (near - m["returns"]) ** 2)
    policy, value = -gain[rows].mean(), 0.5 * errors[rows].mean()
    entropy = m["entropies"][rows].mean()
    return {
        "policy_loss": policy, "value_loss": value, "entropy": entropy,
        "loss": policy + opts["vf_coef"] * value - opts["ent_coef"] * entropy,
        "clipfrac": (np.abs(ratio - 1) > opts["clip_coef"])[rows].mean(),
        "approx_kl": (ratio - 1 - np.log(ratio))[rows].mean(), "importance": ratio[rows].mean(),
    }  # fmt: skip


VALID = torch.rand(6, 5, generator=torch.Generator().manual_seed(3)) > 0.3


@pytest.mark.parametrize(
    "more",
    [
        {}, {"normalize": False}, {"vf_clip_coef": 0.0}, {"valid": VALID},
        {"weights": torch.rand(6, 1, dtype=torch.float64) + 0.5, "valid": VALID},
    ],
    ids=["plain", "raw", "free-values", "masked", "weighted"],
)  # fmt: skip
def test_ppo_loss(more: dict[str, Any]) -> None:
    made, opts = batch(), options(**more)
    terms, ratio = loss(made, opts)
    for name, value in expected(made, opts).items():
        assert getattr(terms, name).item() == pytest.approx(value, rel=1e-10), name
    wanted = (made["logprobs"] - made["old_logprobs"]).exp()
    if opts["valid"] is not None:
        wanted[~opts["valid"]] = 1.0
    assert torch.allclose(ratio, wanted)


@pytest.mark.parametrize("held", [1e30, float("inf"), float("nan")])
def test_a_masked_step_teaches_nothing_whatever_it_holds(held: float) -> None:
    made = batch()
    for name in ("logprobs", "values", "entropies"):
        made[name].requires_grad_()
    poisoned = {name: value.detach().clone() for name, value in made.items()}
    poisoned["returns"][~VALID] = held
    poisoned["advantages"][~VALID] = -held
    for name in ("old_logprobs", "old_values", "logprobs", "values"):
        poisoned[name][~VALID] = -held
    gradients = []
    for one in (made, poisoned):
        leaves = {n: one[n].detach().requires_grad_() for n in ("logprobs", "values", "entropies")}
        loss(one | leaves, options(valid=VALID))[0].loss.backward()  # type: ignore[no-untyped-call]
        gradients.append({name: leaf.grad for name, leaf in leaves.items()})
    for name, gradient in gradients[0].items():
        assert gradient is not None
        assert torch.allclose(gradient, gradients[1][name])  # type: ignore[arg-type]
        assert not gradient[~VALID].any()


@pytest.mark.parametrize("draw", [sample_actions, _by_race])
def test_sampling_follows_the_probabilities(draw: Any) -> None:
    torch.manual_seed(0)
    logits = torch.tensor([[0.0, 1.0, -1.0, 3.0]]).repeat(200_000, 1)
    actions, logprobs = draw(logits)
    counts = torch.bincount(actions, minlength=4) / len(actions)
    wanted = torch.softmax(logits[0], -1)
    assert torch.allclose(counts, wanted, atol=5e-3)
    assert torch.allclose(logprobs, wanted.log()[actions], atol=1e-5)


@pytest.mark.parametrize("draw", [sample_actions, _by_race])
@pytest.mark.parametrize("seed", range(5))
def test_an_action_that_is_masked_is_never_drawn(seed: int, draw: Any) -> None:
    torch.manual_seed(seed)
    logits = torch.randn(5000, 7) * 20
    mask = torch.rand(5000, 7) > 0.5
    mask[:, 3] |= ~mask.any(1)
    masked = mask_logits(logits, mask)
    actions, logprobs = draw(masked)
    assert mask.gather(1, actions[:, None]).all()
    again, entropies = evaluate_actions(masked, actions)
    assert torch.allclose(again, logprobs, atol=1e-4)
    assert entropies.isfinite().all()


def test_evaluation_is_torchs() -> None:
    logits, actions = torch.randn(50, 9), torch.randint(9, (50,))
    logprobs, entropies = evaluate_actions(logits, actions)
    truth = Categorical(logits=logits)
    assert torch.allclose(logprobs, truth.log_prob(actions), atol=1e-6)
    assert torch.allclose(entropies, truth.entropy(), atol=1e-6)


def test_several_parts_add_up() -> None:
    torch.manual_seed(0)
    logits = [torch.randn(50, 3), torch.randn(50, 5)]
    actions, logprobs = sample_actions(logits)
    assert actions.shape == (50, 2)
    truth = [Categorical(logits=part) for part in logits]
    wanted = sum(t.log_prob(actions[:, i]) for i, t in enumerate(truth))
    assert torch.allclose(logprobs, wanted, atol=1e-5)
    again, entropies = evaluate_actions(logits, actions)
    assert torch.allclose(again, wanted, atol=1e-5)
    assert torch.allclose(entropies, sum(t.entropy() for t in truth), atol=1e-5)


def test_continuous_actions() -> None:
    torch.manual_seed(0)
    logits = Normal(torch.randn(50, 2), torch.rand(50, 2) + 0.1)
    actions, logprobs = sample_actions(logits)
    wanted = logits.log_prob(actions).sum(1)
    assert torch.allclose(logprobs, wanted)
    again, entropies = evaluate_actions(logits, actions)
    assert torch.allclose(again, wanted)
    assert torch.allclose(entropies, logits.entropy().sum(1))


def test_continuous_actions_of_float64_have_the_policys_precision() -> None:
    """A Box of float64 ended in an error: ratios of float64 did not fit the importance kept."""
    logits = Normal(torch.randn(50, 2), torch.rand(50, 2) + 0.1)
    actions, wanted = sample_actions(logits)
    logprobs, _ = evaluate_actions(logits, actions.double())
    assert logprobs.dtype is torch.float32
    assert torch.equal(logprobs, wanted)


def test_gradients_are_those_of_autograd() -> None:
    logits = torch.randn(20, 7, dtype=torch.float32)
    actions = torch.randint(7, (20,))
    weights = torch.randn(2, 20)
    gradients = []
    for ours in (True, False):
        leaf = logits.clone().requires_grad_()
        if ours:
            logprobs, entropies = evaluate_actions(leaf, actions)
        else:
            truth = Categorical(logits=leaf)
            logprobs, entropies = truth.log_prob(actions), truth.entropy()
        (weights[0] * logprobs + weights[1] * entropies).sum().backward()  # type: ignore[no-untyped-call]
        gradients.append(leaf.grad)
    assert torch.allclose(*gradients, atol=1e-6)  # type: ignore[arg-type]


def test_gradients_of_masked_logits_are_finite() -> None:
    leaf = torch.randn(50, 7).requires_grad_()
    mask = torch.rand(50, 7) > 0.5
    mask[:, 0] = True
    logprobs, entropies = evaluate_actions(
        mask_logits(leaf, mask), torch.zeros(50, dtype=torch.long)
    )
    (logprobs + entropies).sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()
    assert not leaf.grad[~mask].any()


@pytest.mark.parametrize("valid", [None, VALID], ids=["all", "masked"])
def test_the_pieces_of_a_minibatch_add_up(valid: torch.Tensor | None) -> None:
    made, opts = batch(), options(valid=valid)
    whole, _ = loss(made, opts)
    advantages = scaled_advantages(made["advantages"], weights=None, valid=valid, normalize=True)
    count = 30.0 if valid is None else valid.sum()
    opts = {name: opts[name] for name in opts if name not in ("weights", "normalize", "valid")}
    parts = [
        ppo_loss(
            **{name: value[rows] for name, value in (made | {"advantages": advantages}).items()},
            valid=None if valid is None else valid[rows], count=count, **opts,
        )[0]
        for rows in (slice(0, 1), slice(1, 4), slice(4, 6))
    ]  # fmt: skip
    for name in ("loss", "policy_loss", "value_loss", "entropy", "approx_kl", "clipfrac"):
        total = sum(getattr(part, name) for part in parts)
        assert torch.allclose(total, getattr(whole, name)), name
