"""Priority sampling of segments."""

from __future__ import annotations

import pytest
import torch

from coding_envs_trainer.priority import annealed_beta, probabilities, sample


def test_alpha_zero_is_uniform() -> None:
    chances = probabilities(torch.tensor([0.0, 1.0, 100.0, 3.0]), 0.0)
    assert torch.equal(chances, torch.full((4,), 0.25))
    drawn, weights = sample(chances, 2, 1.0)
    assert torch.allclose(weights, torch.ones(2))
    assert len(set(drawn.tolist())) == 2


def test_probabilities_are_powers() -> None:
    chances = probabilities(torch.tensor([1.0, 4.0, 16.0]), 0.5)
    assert torch.allclose(chances, torch.tensor([1.0, 2.0, 4.0]) / 7, atol=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_what_is_not_finite_counts_as_nothing(bad: float) -> None:
    chances = probabilities(torch.tensor([bad, 1.0]), 1.0)
    assert chances[0] < 1e-5
    assert chances.sum() == pytest.approx(1)


def test_no_priorities_at_all() -> None:
    assert torch.allclose(probabilities(torch.zeros(5), 0.8), torch.full((5,), 0.2))


def test_frequencies_follow_the_probabilities() -> None:
    torch.manual_seed(0)
    chances = torch.tensor([0.1, 0.2, 0.3, 0.4])
    counts = torch.zeros(4)
    for _ in range(4000):
        counts[sample(chances, 1, 0.5)[0]] += 1
    assert torch.allclose(counts / 4000, chances, atol=0.03)


def test_nothing_is_drawn_twice() -> None:
    chances = probabilities(torch.tensor([1e6] + [1e-3] * 31), 1.0)
    for _ in range(100):
        assert len(set(sample(chances, 16, 0.4)[0].tolist())) == 16


def test_weights_undo_unequal_probabilities() -> None:
    chances = torch.tensor([0.5, 0.25, 0.125, 0.125])
    drawn, weights = sample(chances, 3, 1.0)
    raw = (4 * chances[drawn]) ** -1
    assert torch.allclose(weights, raw / raw.mean())


def test_who_draws_all_needs_no_correction() -> None:
    drawn, weights = sample(torch.tensor([0.7, 0.2, 0.1]), 3, 1.0)
    assert sorted(drawn.tolist()) == [0, 1, 2]
    assert torch.equal(weights, torch.ones(3))


def test_beta_goes_to_one() -> None:
    assert [annealed_beta(0.2, p) for p in (0.0, 0.5, 1.0, 2.0)] == pytest.approx(
        [0.2, 0.6, 1.0, 1.0]
    )
