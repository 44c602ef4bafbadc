"""Which segments are learned from: more often those whose advantages are large."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["annealed_beta", "probabilities", "sample"]

_FLOOR = 1e-6  # of the largest weight, so that every segment can be drawn


def annealed_beta(beta0: float, progress: float) -> float:
    """Returns the exponent of the importance correction: `beta0` at first, 1 at the end.

    Args:
      beta0: in [0, 1].
      progress: the part of the training that is over, in [0, 1].
    """
    return beta0 + (1.0 - beta0) * min(max(progress, 0.0), 1.0)


def probabilities(priorities: Tensor, alpha: float) -> Tensor:
    """Returns the probability of each segment, proportional to priority^alpha.

    Prioritized experience replay (Schaul et al. 2016, arXiv:1511.05952), over segments, with the
    sum of the advantages' absolute values as the priority, as in PufferLib 3.0.

    Args:
      priorities: [segments], >= 0; one that is not finite counts as 0.
      alpha: 0 draws uniformly.
    """
    finite = torch.nan_to_num(priorities.float(), nan=0.0, posinf=0.0, neginf=0.0).clamp(min=0)
    largest = finite.max().clamp(min=torch.finfo(torch.float32).tiny)
    weights = (finite / largest).pow(alpha) + _FLOOR if alpha else torch.ones_like(finite)
    return weights / weights.sum()


def sample(
    probability: Tensor, count: int, beta: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Draws segments without replacement; returns their numbers and importance weights.

    Args:
      probability: [segments], of a single draw.
      count: at most the number of segments; none comes twice.
      beta: 1 corrects in full for the unequal probabilities, 0 not at all.
      generator: of random numbers; None: PyTorch's own.

    Returns:
      int64 [count]; float32 [count], `(segments * probability)^-beta` with a mean of 1, so that the
      step size does not depend on them.
    """
    if count == len(probability):  # whatever their weights, all are drawn, each once: no bias
        order = torch.randperm(count, device=probability.device, generator=generator)
        return order, torch.ones(count, device=probability.device)
    # The exponential race (Efraimidis & Spirakis 2006): the smallest E_i / p_i come first.
    race = torch.empty_like(probability).exponential_(generator=generator) / probability
    drawn = race.topk(count, largest=False).indices
    weights = (len(probability) * probability[drawn]).pow(-beta)
    return drawn, weights / weights.mean()
