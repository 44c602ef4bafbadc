"""Distributions over actions, and PPO's losses.

PPO: Schulman et al. 2017, arXiv:1707.06347. A policy's logits are a tensor [..., actions] for a
Discrete space, several of them for MultiDiscrete, a `torch.distributions.Normal` for a Box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal

__all__ = ["MASKED_LOGIT", "Logits", "LossTerms", "evaluate_actions", "mask_logits", "ppo_loss",
           "sample_actions", "scaled_advantages"]  # fmt: skip

Logits = Tensor | Sequence[Tensor] | Normal

MASKED_LOGIT = -1e9  # finite: an entropy of -inf * 0 would be NaN


def mask_logits(logits: Logits, mask: Tensor | None) -> Logits:
    """Returns logits in which the actions that `mask` (bool, True: allowed) rules out are hopeless.

    Raises:
      TypeError: the action space is not Discrete.
    """
    if mask is None:
        return logits
    if not isinstance(logits, Tensor):
        raise TypeError("action masks are for Discrete action spaces")
    fill = MASKED_LOGIT if logits.dtype is not torch.float16 else -6e4
    return logits.masked_fill(~mask.reshape(logits.shape), fill)


def sample_actions(logits: Logits) -> tuple[Tensor, Tensor]:
    """Draws an action per row.

    Returns:
      actions [batch] for Discrete, [batch, parts] otherwise; and their log-probabilities [batch].
    """
    if isinstance(logits, Normal):
        actions: Tensor = logits.sample()  # type: ignore[no-untyped-call]
        logprobs: Tensor = logits.log_prob(actions)  # type: ignore[no-untyped-call]
        return actions, logprobs.flatten(1).sum(1)
    if isinstance(logits, Tensor):
        return _sample(logits)
    drawn = [_sample(part) for part in logits]
    actions = torch.stack([action for action, _ in drawn], 1)
    return actions, torch.stack([logprob for _, logprob in drawn], 1).sum(1)


def _sample(logits: Tensor) -> tuple[Tensor, Tensor]:
    logits = logits.float()
    # Where sums are made in parallel, the distribution function need not grow from one action to
    # the next: an action without probability could be drawn.
    return _by_inversion(logits) if logits.device.type == "cpu" else _by_race(logits)


def _by_race(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The action with the least of E_i / p_i, E_i exponentially distributed."""
    normalized = logits.log_softmax(-1)
    chances = normalized.exp()
    actions = (chances / torch.empty_like(chances).exponential_()).argmax(-1, keepdim=True)
    return actions[:, 0], normalized.gather(-1, actions)[:, 0]


def _by_inversion(logits: Tensor) -> tuple[Tensor, Tensor]:
    """By the inverse of the distribution function: one random number a row, not one a logit."""
    shifted = logits - logits.amax(-1, keepdim=True)
    cumulated = shifted.exp().cumsum(-1)
    total = cumulated[:, -1:]
    # In (0, total]: an action without probability is never drawn.
    drawn = (1.0 - torch.rand_like(total)) * total
    actions = (cumulated < drawn).sum(-1, keepdim=True)
    logprobs = shifted.gather(-1, actions) - total.log()
    return actions[:, 0], logprobs[:, 0]


def evaluate_actions(logits: Logits, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the log-probabilities of `actions` and the entropies, both [batch].

    Args:
      logits: of a batch; a flattened one, where there is time.
      actions: [batch] or [batch, parts].
    """
    if isinstance(logits, Normal):
        batch = logits.loc.shape[0]
        taken = actions.view_as(logits.loc).to(logits.loc.dtype)
        logprobs = logits.log_prob(taken)  # type: ignore[no-untyped-call]
        entropies = logits.entropy()  # type: ignore[no-untyped-call]
        return logprobs.reshape(batch, -1).sum(1), entropies.reshape(batch, -1).sum(1)
    if isinstance(logits, Tensor):
        return _evaluate(logits, actions)
    columns = actions.reshape(len(logits[0]), -1)
    parts = [_evaluate(part, columns[:, i]) for i, part in enumerate(logits)]
    logprobs = torch.stack([logprob for logprob, _ in parts], 1).sum(1)
    return logprobs, torch.stack([entropy for _, entropy in parts], 1).sum(1)


def _evaluate(logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    logprobs, entropies = _Categorical.apply(logits.float(), actions.reshape(-1, 1).long())
    return logprobs, entropies


class _Categorical(torch.autograd.Function):
    """Log-probabilities and entropies of categorical distributions, in half of autograd's passes.

    With l the normalised logits, p their exponentials, H the entropy and a the action:
        d log p_a / d logits = onehot(a) - p
        d H / d logits = -p * (l + H)
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        normalized = logits.log_softmax(-1)
        chances = normalized.exp()
        # A product row by row, without the array of products.
        entropies = -torch.linalg.vecdot(chances, normalized)
        ctx.save_for_backward(normalized, chances, entropies, actions)
        return normalized.gather(-1, actions)[:, 0], entropies

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        normalized, chances, entropies, actions = ctx.saved_tensors
        of_logprob, of_entropy = gradients[0][:, None], gradients[1][:, None]
        gradient = normalized + entropies[:, None]
        gradient.mul_(-of_entropy).sub_(of_logprob).mul_(chances)
        return gradient.scatter_add_(-1, actions, of_logprob), None


@dataclass(frozen=True)
class LossTerms:
    """The loss, and what it is made of: scalars, all but `loss` without a gradient."""

    loss: Tensor
    policy_loss: Tensor
    value_loss: Tensor
    entropy: Tensor
    old_approx_kl: Tensor
    approx_kl: Tensor
    clipfrac: Tensor
    importance: Tensor


def scaled_advantages(
    advantages: Tensor, *, weights: Tensor | None, valid: Tensor | None, normalize: bool
) -> Tensor:
    """Returns the advantages of a minibatch as the policy loss takes them.

    Args:
      advantages: [segments, horizon].
      weights: of each segment's part in the policy loss, [segments, 1], or None.
      valid: bool, False where a step does not count; None where all do.
      normalize: to mean 0 and deviation 1 over the valid steps, before they are weighted.
    """
    if normalize:
        mean = _mean(advantages, valid)
        deviation = _mean((advantages - mean).square(), valid).sqrt()
        advantages = (advantages - mean) / (deviation + 1e-8)
    return advantages if weights is None else advantages * weights


def ppo_loss(
    *,
    logprobs: Tensor,
    entropies: Tensor,
    values: Tensor,
    old_logprobs: Tensor,
    old_values: Tensor,
    advantages: Tensor,
    returns: Tensor,
    valid: Tensor | None,
    count: Tensor | float | None = None,
    clip_coef: float,
    vf_clip_coef: float,
    vf_coef: float,
    ent_coef: float,
) -> tuple[LossTerms, Tensor]:
    """Returns PPO's clipped loss and the importance ratio of each step.

    A minibatch can be given in pieces: with `count`, the losses of its pieces add up to its own.

    Args:
      logprobs: of the actions taken, by the policy that learns, [segments, horizon].
      entropies: of its distributions.
      values: its values.
      old_logprobs: by the policy that acted.
      old_values: of the policy that acted.
      advantages: as `scaled_advantages` returns them.
      returns: what the values are to become, without a gradient.
      valid: bool, False where a step neither learns nor counts; None where all are valid.
      count: valid steps of the whole minibatch; None: these are all.
      clip_coef: of the policy's ratio.
      vf_clip_coef: of the value's change; 0 or less does not clip it.
      vf_coef: of the value loss in the loss.
      ent_coef: of the entropy in it.

    Returns:
      the terms; and pi / pi_old, [segments, horizon], without a gradient, 1 where not valid.
    """

    def mean(of: Tensor) -> Tensor:
        return _mean(of, valid, count)

    if valid is not None:
        # Before the losses: what they leave out afterwards has a gradient of 0 times what it holds.
        logprobs, old_logprobs, values, old_values, advantages, returns = (
            torch.where(valid, of, 0.0)
            for of in (logprobs, old_logprobs, values, old_values, advantages, returns)
        )
    log_ratio = logprobs - old_logprobs
    ratio = log_ratio.exp()
    unclipped = -advantages * ratio
    clipped = -advantages * ratio.clamp(1.0 - clip_coef, 1.0 + clip_coef)
    policy_loss = mean(torch.maximum(unclipped, clipped))
    errors = (values - returns).square()
    if vf_clip_coef > 0:
        near = old_values + (values - old_values).clamp(-vf_clip_coef, vf_clip_coef)
        errors = torch.maximum(errors, (near - returns).square())
    value_loss = 0.5 * mean(errors)
    entropy = mean(entropies)
    loss = policy_loss + vf_coef * value_loss - ent_coef * entropy
    with torch.no_grad():
        away = (ratio - 1.0).abs() > clip_coef
        terms = LossTerms(
            loss,
            policy_loss.detach(),
            value_loss.detach(),
            entropy.detach(),
            # k1 and k3 of http://joschu.net/blog/kl-approx.html
            mean(-log_ratio),
            mean(ratio - 1.0 - log_ratio),
            mean(away.to(ratio.dtype)),
            mean(ratio),
        )
    return terms, ratio.detach()


def _mean(values: Tensor, valid: Tensor | None, count: Tensor | float | None = None) -> Tensor:
    if valid is None:
        return values.mean() if count is None else values.sum() / count
    # Not by multiplication: what is masked may be anything, even NaN.
    total = torch.where(valid, values, 0.0).sum()
    return total / (valid.sum().clamp(min=1) if count is None else count)
