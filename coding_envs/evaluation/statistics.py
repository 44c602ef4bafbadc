"""Intervals and tests over problems. Pure; seeded, so that the same numbers come out again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InvalidValueError

__all__ = ["bootstrap_intervals", "mcnemar", "permutation_test"]

_DRAWS = 10_000
_CHUNK = 1 << 20  # resampled problems at one time
_LEVEL = 0.95


def bootstrap_intervals[K](
    values: Mapping[K, Sequence[float]],
    *,
    level: float = _LEVEL,
    draws: int = _DRAWS,
    seed: int = 0,
) -> dict[K, tuple[float, float]]:
    """Returns for each row of values the percentile interval of its mean.

    Problems are drawn with replacement; the samples of a problem stay as they are. So the interval
    says how the score would move with other problems of the kind, which is most of what moves it.
    Where all values are equal it has no width, whatever their number.

    Args:
      values: name -> one value per problem; all rows of one length, > 0. Each draw takes the same
        problems for all rows.
      level: the part of the draws that lie inside.
      draws: how often the problems are drawn.
      seed: of the draws.

    Raises:
      InvalidValueError: a row is empty, or rows differ in length.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    lengths = {len(row) for row in values.values()}
    if not values:
        return {}
    if len(lengths) > 1 or 0 in lengths:
        raise InvalidValueError(f"rows must be of one length > 0, got lengths {sorted(lengths)}")
    (size,) = lengths
    table = np.array(list(values.values()), dtype=np.float64)  # (rows, problems)
    generator = np.random.default_rng(seed)
    means = np.empty((len(table), draws))
    step = max(1, _CHUNK // size)
    for start in range(0, draws, step):
        end = min(start + step, draws)
        drawn = generator.integers(0, size, (end - start, size), dtype=np.int32)
        for row, means_of_row in zip(table, means, strict=True):
            means_of_row[start:end] = row[drawn].mean(axis=1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, (tail, 1 - tail), axis=1)
    return {name: (float(a), float(b)) for name, a, b in zip(values, low, high, strict=True)}


def mcnemar(gained: int, lost: int) -> float:
    """Returns the two-sided p-value of McNemar's exact test.

    Under the null hypothesis a problem that exactly one of two systems solves is as likely solved
    by either: the smaller count is binomial with probability 1/2.

    Args:
      gained: problems that only the one solves, >= 0.
      lost: problems that only the other solves, >= 0.

    Source: McNemar 1947; the exact form as in Fagerland, Lydersen & Laake 2013
      (doi:10.1186/1471-2288-13-91), equation 2.
    """
    if gained < 0 or lost < 0:
        raise InvalidValueError(f"counts must be >= 0, got {gained} and {lost}")
    n, least = gained + lost, min(gained, lost)
    if n == 0:
        return 1.0
    # As integers: 2**-n is no float for large n, the quotient is.
    below = term = 1
    for i in range(least):
        term = term * (n - i) // (i + 1)
        below += term
    return min(1.0, _quotient(2 * below, n))


def _quotient(numerator: int, power: int) -> float:
    """Returns numerator / 2**power, where neither need be a float."""
    shift = max(0, numerator.bit_length() - 64)
    return math.ldexp(numerator >> shift, shift - power)


def permutation_test(
    differences: Sequence[float], *, draws: int = 10 * _DRAWS, seed: int = 0
) -> float:
    """Returns the two-sided p-value of the paired sign-flip test of a mean of zero.

    Under the null hypothesis each problem's difference could as well have had the other sign. The
    observed signs count as one draw, so that no p-value is 0.

    Args:
      differences: one per problem.
      draws: random assignments of signs; all of them are tried where there are fewer.
      seed: of the draws.

    Source: Fisher 1935; Phipson & Smyth 2010 (doi:10.2202/1544-6115.1585) for the added one.
    """
    some = np.array([d for d in differences if d], dtype=np.float64)
    if not len(some):
        return 1.0
    bound = abs(some.sum()) - 1e-9  # sums of the same terms in another order differ by rounding
    if 2 ** len(some) <= draws:
        codes = np.arange(2 ** len(some))[:, None] >> np.arange(len(some)) & 1
        return float((np.abs((1 - 2 * codes) @ some) >= bound).mean())
    generator = np.random.default_rng(seed)
    hits, step = 0, max(1, _CHUNK // len(some))
    for start in range(0, draws, step):
        count = min(step, draws - start)
        signs = generator.integers(0, 2, (count, len(some)), dtype=np.int8)
        hits += int((np.abs((1.0 - 2.0 * signs) @ some) >= bound).sum())
    return (hits + 1) / (draws + 1)
