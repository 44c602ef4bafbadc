"""The estimator equals its definition, and is what one gets by drawing k samples."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs.errors import InvalidValueError
from coding_envs.evaluation import pass_at_k


@given(
    st.integers(1, 60).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))
    )
)
def test_it_equals_the_binomial_form(nck):
    n, c, k = nck
    exact = 1 - math.comb(n - c, k) / math.comb(n, k)
    assert math.isclose(pass_at_k(n, c, k), exact, abs_tol=1e-12)


def test_it_is_the_share_of_draws_with_a_right_one():
    right = [True, False, True, False, False, False]
    for k in range(1, 7):
        draws = list(itertools.combinations(right, k))
        assert math.isclose(pass_at_k(6, 2, k), sum(map(any, draws)) / len(draws))


def test_it_stays_exact_where_binomials_overflow():
    assert math.isclose(pass_at_k(100_000, 1, 50_000), 0.5)
    assert pass_at_k(100_000, 99_999, 2) == 1.0
    assert pass_at_k(10, 0, 10) == 0.0
    assert pass_at_k(1, 1, 1) == 1.0


@pytest.mark.parametrize(
    ("n", "c", "k", "says"),
    [
        (0, 0, 1, "n must be >= 1, got 0"),
        (3, 4, 1, "c must be in 0..n (3), got 4"),
        (3, -1, 1, "c must be in 0..n (3), got -1"),
        (3, 1, 4, "k must be in 1..n (3), got 4"),
        (3, 1, 0, "k must be in 1..n (3), got 0"),
    ],
)
def test_what_is_out_of_range_is_named(n, c, k, says):
    with pytest.raises(InvalidValueError) as caught:
        pass_at_k(n, c, k)
    assert says in str(caught.value)
