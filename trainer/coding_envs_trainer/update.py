"""Learning from complete segments: V-trace advantages, priorities, PPO's losses, one optimiser.

Before each minibatch the advantages of all segments are computed anew, with the importance ratios
as far as they are known, and with them the segments' priorities (see `vtrace`, `priority`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from . import priority, vtrace
from .buffer import RolloutBuffer
from .distributed import Group
from .loss import LossTerms, evaluate_actions, mask_logits, ppo_loss, scaled_advantages
from .timing import Timing

__all__ = ["Learner", "LearnerOptions"]

_KL = [field.name for field in fields(LossTerms)].index("approx_kl")


@dataclass(frozen=True)
class LearnerOptions:
    """What a `Learner` needs to know; the names are those of the configuration's [train]."""

    gamma: float
    gae_lambda: float
    vtrace_rho_clip: float
    vtrace_c_clip: float
    prio_alpha: float
    prio_beta0: float
    clip_coef: float
    vf_coef: float
    vf_clip_coef: float
    ent_coef: float
    max_grad_norm: float
    normalize: bool
    target_kl: float
    minibatches: int
    minibatch_segments: int
    chunk_segments: int
    vtrace_backend: str = "auto"


class Learner:
    """Updates a policy from the first rows of a buffer.

    Args:
      policy: has parameters; reads and writes `state` as the trainer's policies do.
      forward: its pass in training, `(observations, state) -> (logits, values)`.
      sequences: True where it takes [segments, horizon, ...], as a recurrent one does; else it gets
        the steps as one flat batch.
      upstream_state: True for PufferLib's recurrent policies: `lstm_h`, `lstm_c` are None.
    """

    def __init__(
        self,
        policy: nn.Module,
        forward: Callable[..., Any],
        optimizer: Any,
        buffer: RolloutBuffer,
        options: LearnerOptions,
        *,
        sequences: bool,
        upstream_state: bool,
        segment_state: bool,
        timing: Timing,
        autocast: Callable[[], AbstractContextManager[Any]],
        group: Group,
    ) -> None:
        self.policy, self.optimizer, self.options = policy, optimizer, options
        self._forward, self._buffer = forward, buffer
        self._sequences, self._upstream_state = sequences, upstream_state
        self._segment_state = segment_state
        self._timing, self._autocast, self._group = timing, autocast, group
        self._parameters = [p for p in policy.parameters() if p.requires_grad]
        count = buffer.segments
        self._importance = torch.ones(count, buffer.horizon, device=buffer.device)
        self._advantages = torch.zeros(count, buffer.horizon, device=buffer.device)
        self._priorities = torch.zeros(count, device=buffer.device)

    def update(self, progress: float) -> dict[str, float]:
        """Takes one pass of optimiser steps; returns the means of the losses over its minibatches.

        Args:
          progress: the part of the training that is over, for what is annealed.
        """
        options, buffer = self.options, self._buffer
        valid = buffer.valid[: buffer.segments]
        all_valid = bool(valid.all())
        self._importance.copy_(valid)  # 0 where a step does not count
        self._compute_advantages()
        # Before learning: the policy and its values as they acted.
        explained = self._explained_variance(None if all_valid else valid)
        beta = priority.annealed_beta(options.prio_beta0, progress)
        sums = torch.zeros(len(fields(LossTerms)), device=buffer.device)
        done = 0
        for number in range(options.minibatches):
            if number:
                self._compute_advantages()
            with self._timing("train_misc"):
                chances = priority.probabilities(self._priorities, options.prio_alpha)
                # Without replacement within one step of the optimiser.
                drawn, weights = priority.sample(chances, options.minibatch_segments, beta)
            terms = self._learn(drawn, weights[:, None], None if all_valid else valid)
            sums += terms
            done += 1
            self._step()
            if options.target_kl > 0:
                too_far = terms[_KL].item() > options.target_kl
                # Another process may have reached it: all stop, or none.
                if self._group.any(too_far, buffer.device):
                    break
        means = (self._group.sums(sums) / (done * self._group.size)).tolist()
        losses = dict(zip([field.name for field in fields(LossTerms)], means, strict=True))
        return losses | {
            "explained_variance": self._group.mean(explained, buffer.device),
            "minibatches": float(done),
        }

    def _compute_advantages(self) -> None:
        options, buffer = self.options, self._buffer
        count = buffer.segments
        with self._timing("advantage"):
            vtrace.advantages(
                buffer.values[:count],
                buffer.rewards[:count],
                buffer.terminals[:count],
                self._importance,
                gamma=options.gamma,
                gae_lambda=options.gae_lambda,
                rho_clip=options.vtrace_rho_clip,
                c_clip=options.vtrace_c_clip,
                out=self._advantages,
                priorities=self._priorities,
                backend=options.vtrace_backend,
            )

    def _explained_variance(self, valid: Tensor | None) -> float:
        values = self._buffer.values[: self._buffer.segments, :-1]
        advantages = self._advantages
        if valid is not None:
            values, advantages = values[valid], advantages[valid]
        returns = values + advantages
        variance = returns.var()
        if returns.numel() < 2 or variance == 0:
            return float("nan")
        return float(1 - advantages.var() / variance)

    def _learn(self, index: Tensor, weights: Tensor, valid: Tensor | None) -> Tensor:
        """Makes the gradient of one minibatch; returns its loss terms."""
        options = self.options
        with self._timing("train_copy"):
            advantages = self._advantages[index]
            chosen = None if valid is None else valid[index]
            scaled = scaled_advantages(
                advantages, weights=weights, valid=chosen, normalize=options.normalize
            )
            count: Tensor | float = (
                float(advantages.numel()) if chosen is None else chosen.sum().clamp(min=1)
            )
        sums = torch.zeros(len(fields(LossTerms)), device=self._buffer.device)
        # In pieces that the caches hold; the gradients add up to the minibatch's.
        for start in range(0, len(index), options.chunk_segments):
            piece = slice(start, start + options.chunk_segments)
            sums += self._learn_piece(
                index[piece],
                advantages[piece],
                scaled[piece],
                None if chosen is None else chosen[piece],
                count,
            )
        return sums

    def _learn_piece(
        self,
        index: Tensor,
        advantages: Tensor,
        scaled: Tensor,
        valid: Tensor | None,
        count: Tensor | float,
    ) -> Tensor:
        """Adds the gradient of some of a minibatch's segments; returns their part of its terms."""
        options, buffer = self.options, self._buffer
        with self._timing("train_copy"):
            place = buffer.observations.device
            observations = buffer.observations[index.to(place)].to(buffer.device, non_blocking=True)
            actions = buffer.actions[index]
            old_logprobs = buffer.logprobs[index]
            old_values = buffer.values[index][:, :-1]
            state: dict[str, Any] = {"action": actions}
            if self._upstream_state:
                state |= {"lstm_h": None, "lstm_c": None}
            starts = buffer.starts[index]
            if self._segment_state:
                starts[:, 0] = True
            state["starts"] = starts
            state |= {name: states[index] for name, states in buffer.states.items()}
            mask = None if buffer.action_masks is None else buffer.action_masks[index]
            shape = old_logprobs.shape
            if not self._sequences:
                observations = observations.flatten(0, 1)
        with self._timing("train_forward"):
            with self._autocast():
                logits, values = self._forward(observations, state)
            if mask is not None:
                logits = mask_logits(logits, mask.flatten(0, 1))
            logprobs, entropies = evaluate_actions(logits, actions.flatten(0, 1))
            terms, ratio = ppo_loss(
                logprobs=logprobs.view(shape),
                entropies=entropies.view(shape),
                values=values.float().reshape(shape),
                old_logprobs=old_logprobs,
                old_values=old_values,
                advantages=scaled,
                returns=advantages + old_values,
                valid=valid,
                count=count,
                clip_coef=options.clip_coef,
                vf_clip_coef=options.vf_clip_coef,
                vf_coef=options.vf_coef,
                ent_coef=options.ent_coef,
            )
        with self._timing("learn"):
            terms.loss.backward()  # type: ignore[no-untyped-call]
            self._importance[index] = ratio if valid is None else torch.where(valid, ratio, 0.0)
        return torch.stack([getattr(terms, one.name).detach() for one in fields(terms)])

    def _step(self) -> None:
        with self._timing("learn"):
            self._group.average_gradients(self._parameters)
            if self.options.max_grad_norm > 0:
                nn.utils.clip_grad_norm_(self._parameters, self.options.max_grad_norm)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
