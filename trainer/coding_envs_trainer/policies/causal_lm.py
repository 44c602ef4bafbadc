"""A causal language model of `transformers` as a policy for the token environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from coding_envs.tokens import PAD, SUBMIT_ACTION

__all__ = ["CausalLM"]


class CausalLM(nn.Module):
    """Reads statement and program with a language model; its own logits choose the next token.

    Each row is the statement, then what is written of the program, without padding between them.
    The logits after the last token, those of the ids that actions write, are the policy's; a linear
    head over the last hidden state gives the value. A row whose successor goes on writing the same
    text is not read by itself: all steps of an episode in a segment are one pass over the last of
    them. Keys and values are not kept between the steps of a rollout.

    Args:
      env: what to fit: `single_action_space`, `prompt_tokens` and `program_tokens` are read.
      model: a causal model of `transformers`, or the name or folder to load one from, which
        imports `transformers`.
      token_ids: the model's id of each of the environment's tokens, [tokens]; None takes the
        tokenizer's `model_ids` if it has them, else the tokens' own ids.
      seed: PyTorch is seeded with it before the value head is made; PufferLib does not.

    Shapes: observations int32 [N, prompt_tokens + program_tokens + 1] or [B, T, ...]; logits
    float32 [N, num_actions]; values [N, 1].

    Raises:
      ValueError: an id is beyond the model's vocabulary.

    Source: a value head on a language model: Ziegler et al. 2019 (arXiv:1909.08593).
    """

    recurrent = False
    is_continuous = False

    token_ids: Tensor  # int64 [tokens]

    def __init__(
        self,
        env: Any,
        model: Any,
        token_ids: Sequence[int] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        if not isinstance(model, nn.Module):
            from transformers import AutoModelForCausalLM

            model = AutoModelForCausalLM.from_pretrained(model)
        self.model = model
        config = model.config.get_text_config()
        self.hidden_size = int(config.hidden_size)
        self.num_actions = int(env.single_action_space.n)
        self.prompt_tokens, self.program_tokens = int(env.prompt_tokens), int(env.program_tokens)
        tokens = int(env.single_observation_space.high.max()) + 1
        if token_ids is None:
            token_ids = getattr(getattr(env, "tokenizer", None), "model_ids", range(tokens))
        ids = torch.as_tensor(list(token_ids), dtype=torch.long)
        if int(ids.max()) >= config.vocab_size or int(ids.min()) < 0:
            raise ValueError(
                f"token_ids must be in 0..{config.vocab_size - 1}, the model's vocabulary, got "
                f"{int(ids.min())}..{int(ids.max())}; give the model's id of each token"
            )
        if len(ids) <= self.num_actions:
            raise ValueError(
                f"token_ids must hold an id of every token, so more than {self.num_actions}, "
                f"got {len(ids)}"
            )
        # The environment's: a checkpoint fits wherever its tokenizer is.
        self.register_buffer("token_ids", ids, persistent=False)
        self.critic = nn.Linear(self.hidden_size, 1)
        nn.init.zeros_(self.critic.weight)
        nn.init.zeros_(self.critic.bias)

    def forward_eval(self, observations: Tensor, state: Any = None) -> tuple[Tensor, Tensor]:
        """Returns logits [B, num_actions] and values [B, 1] for one step."""
        return self.forward(observations, state)

    def forward(
        self,
        observations: Tensor,
        state: Any = None,  # noqa: ARG002 - PufferLib passes it
    ) -> tuple[Tensor, Tensor]:
        """Returns logits [N, num_actions] and values [N, 1]."""
        observations = observations.reshape(-1, observations.shape[-1]).long()
        tokens = observations[:, :-1]
        length = (
            (tokens != PAD).sum(1).clamp(min=1)
        )  # an empty text is read as one token of padding
        read = self._last_of_each_text(tokens)  # (N,), False where the next row says it all
        text = read.long().cumsum(0) - read.long()  # (N,), which of the rows read has it
        tokens, end = tokens[read], length[read]
        there = tokens != PAD
        # Padding to the left: every text ends in the last column.
        order = there.long().argsort(stable=True, dim=1)
        tokens, there = tokens.gather(1, order), there.gather(1, order)
        there[:, -1] = True
        back = end[text] - length  # (N,), columns from the last one to the row's own last token
        found = self.model(
            input_ids=self.token_ids[tokens],
            attention_mask=there.long(),
            position_ids=(there.cumsum(1) - 1).clamp(min=0),
            output_hidden_states=True,
            logits_to_keep=int(back.max()) + 1,
            use_cache=False,
        )
        written = self.token_ids[SUBMIT_ACTION + 1 : self.num_actions + 1]
        logits = found.logits[text, -1 - back][:, written].float()
        hidden = found.hidden_states[-1][text, -1 - back]
        return logits, self.critic(hidden.to(self.critic.weight.dtype))

    def _last_of_each_text(self, tokens: Tensor) -> Tensor:
        """Returns which rows the next one does not go on from, bool [N], of tokens [N, tokens]."""
        same = tokens[:-1] == tokens[1:]
        same[:, self.prompt_tokens :] |= tokens[:-1, self.prompt_tokens :] == PAD
        last = tokens.new_ones(len(tokens), dtype=torch.bool)
        # An empty text is no beginning of another: a token of padding stands for it.
        last[:-1] = ~(same.all(1) & (tokens[:-1] != PAD).any(1))
        return last
