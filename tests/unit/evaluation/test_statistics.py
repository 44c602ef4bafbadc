"""Intervals and tests agree with their definitions, with each other and with known numbers."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs.errors import InvalidValueError
from coding_envs.evaluation import bootstrap_intervals, mcnemar, permutation_test


def test_the_interval_of_a_share_is_the_binomial_one():
    values = [1.0] * 60 + [0.0] * 40
    ((low, high),) = bootstrap_intervals({1: values}).values()
    spread = 1.96 * math.sqrt(0.6 * 0.4 / 100)
    assert low == pytest.approx(0.6 - spread, abs=0.011)
    assert high == pytest.approx(0.6 + spread, abs=0.011)


def test_intervals_cover_about_as_often_as_they_say():
    generator = np.random.default_rng(5)
    covered = 0
    for seed in range(200):
        values = generator.random(80) ** 2
        ((low, high),) = bootstrap_intervals({1: values}, draws=500, seed=seed).values()
        covered += low <= 1 / 3 <= high
    assert 178 <= covered <= 200


def test_the_same_seed_gives_the_same_interval_and_rows_share_their_draws():
    values = [0.0, 0.5, 1.0, 0.25]
    one = bootstrap_intervals({1: values, 2: values}, seed=3)
    assert one[1] == one[2]
    assert one == bootstrap_intervals({1: values, 2: values}, seed=3)
    many = [1 / (3 + n) for n in range(30)]
    assert bootstrap_intervals({1: many}, seed=3) != bootstrap_intervals({1: many}, seed=4)
    assert bootstrap_intervals({1: [0.7] * 9})[1] == pytest.approx((0.7, 0.7))
    assert bootstrap_intervals({}) == {}


@pytest.mark.parametrize("values", [{1: []}, {1: [0.0], 2: [0.0, 1.0]}])
def test_rows_without_values_are_refused(values):
    with pytest.raises(InvalidValueError, match="rows must be of one length"):
        bootstrap_intervals(values)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_tail(gained, lost):
    n = gained + lost
    tail = sum(math.comb(n, i) for i in range(min(gained, lost) + 1)) / 2**n
    assert mcnemar(gained, lost) == pytest.approx(min(1.0, 2 * tail))


def test_mcnemar_of_many():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5000, 5000) == 1.0
    # The normal approximation with continuity correction: z = (|b - c| - 1) / sqrt(b + c).
    assert mcnemar(5200, 4800) == pytest.approx(math.erfc(399 / 100 / math.sqrt(2)), rel=0.02)
    assert 0 <= mcnemar(0, 5000) < 1e-300
    with pytest.raises(InvalidValueError, match="counts must be >= 0, got -1 and 2"):
        mcnemar(-1, 2)


@given(st.lists(st.sampled_from([-1.0, -0.5, -0.1, 0.0, 0.1, 0.3, 1.0]), max_size=9))
def test_few_differences_are_tried_with_all_signs(differences):
    some = [d for d in differences if d]
    bound = abs(sum(some)) - 1e-9
    sums = [
        abs(sum(s * d for s, d in zip(signs, some, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(some))
    ]
    assert permutation_test(differences) == pytest.approx(np.mean([s >= bound for s in sums]))


def test_on_single_samples_both_tests_agree():
    differences = [1.0] * 40 + [-1.0] * 20 + [0.0] * 100
    assert permutation_test(differences) == pytest.approx(mcnemar(40, 20), abs=0.003)
    assert permutation_test(differences) == permutation_test(differences)
    assert 0 < permutation_test([1.0] * 100) < 2e-5
