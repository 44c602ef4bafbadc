"""pass@k: the chance that at least one of k samples is right, estimated without bias."""

from __future__ import annotations

from ..errors import InvalidValueError

__all__ = ["pass_at_k"]


def pass_at_k(n: int, c: int, k: int) -> float:
    """Returns the unbiased estimate of pass@k from n samples of which c are right.

    That is 1 - C(n - c, k) / C(n, k), computed as a product, in which no binomial coefficient
    grows beyond what a float holds.

    Args:
      n: samples judged, >= 1.
      c: accepted ones, 0..n.
      k: samples that may be tried, 1..n.

    Returns:
      float in [0, 1].

    Raises:
      InvalidValueError: an argument is out of its range; names it.

    Source: Chen et al. 2021, equation 1 (arXiv:2107.03374).
    """
    if n < 1:
        raise InvalidValueError(f"n must be >= 1, got {n}")
    if not 0 <= c <= n:
        raise InvalidValueError(f"c must be in 0..n ({n}), got {c}")
    if not 1 <= k <= n:
        raise InvalidValueError(f"k must be in 1..n ({n}), got {k}; judge more samples")
    if n - c < k:
        return 1.0  # among any k there is a right one
    failing = 1.0
    for i in range(n - c + 1, n + 1):
        failing *= 1.0 - k / i
    return 1.0 - failing
