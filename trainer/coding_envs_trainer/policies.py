"""Actor-critic policies for the token environments.

`Policy` reads the whole observation at every step: it needs no recurrent state. It has the two
entry points that PufferLib calls, `forward_eval` in rollouts and `forward` in training.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from coding_envs.tokens import SUBMIT_ACTION

__all__ = ["Policy"]

_MASKED = -1e4  # far below any logit, yet finite: an entropy of -inf * 0 would be NaN


class Policy(nn.Module):
    """An MLP over token embeddings, with a pointer that copies from the statement.

    Names and numbers that a program needs stand in its statement. Besides the logits of an MLP
    over all tokens, the policy has pointers: each attends over the statement's tokens and adds its
    attention weight, times a gain, to the logits of the actions that write the same tokens
    (pointer networks: Vinyals et al. 2015, arXiv:1506.03134; as a mixture with a vocabulary: See
    et al. 2017, arXiv:1704.04368).

    Where the environment's tokenizer knows what can follow what in an expression, logits of the
    other actions are masked (grammar-constrained decoding).

    Args:
      env: what to fit: `single_observation_space`, `single_action_space`, `prompt_tokens` and
        `program_tokens` are read.
      hidden_size: width of the MLP.
      embedding_size: width of a token's embedding.
      pointers: number of pointers.
      grammar: 0 leaves every action open.
      submit_bias: added to the submit action's logit at the start: first programs are short then.
      seed: PyTorch is seeded with it before the weights are made; PufferLib does not.
    """

    follow: Tensor  # bool [tokens, num_actions]
    brackets: Tensor  # int64 [tokens]
    closes: Tensor  # bool [num_actions]

    def __init__(
        self,
        env: Any,
        hidden_size: int = 256,
        embedding_size: int = 32,
        pointers: int = 4,
        grammar: int = 1,
        submit_bias: float = 2.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.hidden_size = hidden_size
        self.is_continuous = False
        self.num_actions = int(env.single_action_space.n)
        self.prompt_tokens, self.program_tokens = int(env.prompt_tokens), int(env.program_tokens)
        tokens = int(env.single_observation_space.high.max()) + 1
        length = self.prompt_tokens + self.program_tokens
        self.embedding = nn.Embedding(tokens, embedding_size, padding_idx=0)
        self.position = nn.Embedding(self.program_tokens + 1, hidden_size)
        self.encoder = nn.Sequential(
            nn.LayerNorm(length * embedding_size), nn.Linear(length * embedding_size, hidden_size)
        )
        self.body = nn.Sequential(nn.GELU(), nn.Linear(hidden_size, hidden_size), nn.GELU())
        self.actor = nn.Linear(hidden_size, self.num_actions)
        self.critic = nn.Linear(hidden_size, 1)
        self.pointers = pointers
        # A pointer's key is the token, the token before it, and its place.
        self.key = nn.Linear(2 * embedding_size, embedding_size)
        self.place = nn.Parameter(torch.zeros(self.prompt_tokens, embedding_size))
        self.query = nn.Linear(hidden_size, pointers * embedding_size)
        self.gain = nn.Linear(hidden_size, pointers)
        for layer, scale in ((self.actor, 0.01), (self.critic, 0.1), (self.gain, 0.01)):
            nn.init.orthogonal_(layer.weight, scale)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.actor.bias[SUBMIT_ACTION] = submit_bias
        tokenizer = getattr(env, "tokenizer", None)
        follow = torch.ones(tokens, self.num_actions, dtype=torch.bool)
        brackets = torch.zeros(tokens, dtype=torch.long)
        if tokenizer is not None and grammar:
            follow[: tokenizer.size] = torch.from_numpy(tokenizer.follow_table())
            brackets[: tokenizer.size] = torch.from_numpy(tokenizer.bracket_table())
        # Not saved with the weights: they are the tokenizer's.
        self.register_buffer("follow", follow, persistent=False)
        self.register_buffer("brackets", brackets, persistent=False)
        closes = brackets[1 : self.num_actions + 1] < 0
        self.register_buffer("closes", closes, persistent=False)
        # Whether there is a grammar is the policy's: a checkpoint has to say so. As metadata, which
        # PyTorch saves along, and not as one of the weights: there is nothing to load into.
        self.grammar = int(bool(grammar))
        self.register_state_dict_post_hook(_note_grammar)  # type: ignore[no-untyped-call]

    def forward_eval(self, observations: Tensor, state: Any = None) -> tuple[Tensor, Tensor]:
        """Returns logits [batch, num_actions] and values [batch, 1] for one step."""
        return self.forward(observations, state)

    def forward(
        self,
        observations: Tensor,
        state: Any = None,  # noqa: ARG002 - PufferLib passes it
    ) -> tuple[Tensor, Tensor]:
        """Returns logits [batch, num_actions] and values [batch, 1].

        Args:
          observations: int32 [batch, prompt_tokens + program_tokens + 1].
          state: PufferLib's; not used.
        """
        observations = observations.reshape(-1, observations.shape[-1]).long()
        tokens, written = observations[:, :-1], observations[:, -1]
        embedded = self.embedding(tokens)  # (B, T, E)
        hidden = self.encoder(embedded.flatten(1)) + self.position(written)
        hidden = hidden + self.body(hidden)
        logits = self.actor(hidden) + self._copied(tokens, embedded, hidden)
        return logits.masked_fill(~self._allowed(tokens, written), _MASKED), self.critic(hidden)

    def _allowed(self, tokens: Tensor, written: Tensor) -> Tensor:
        """Returns which actions the grammar allows, bool [batch, num_actions]."""
        last = (self.prompt_tokens + written - 1).clamp(min=0)[:, None]
        last_token = tokens.gather(1, last)[:, 0] * (written > 0)
        allowed = self.follow[last_token]
        depth = self.brackets[tokens[:, self.prompt_tokens :]].sum(1)
        allowed = allowed & ~(self.closes & (depth <= 0)[:, None])
        allowed[:, SUBMIT_ACTION] &= (depth <= 0) | ~self.closes.any()
        return allowed

    def _copied(self, tokens: Tensor, embedded: Tensor, hidden: Tensor) -> Tensor:
        """Returns what the pointers add to the logits, [batch, num_actions]."""
        prompt = tokens[:, : self.prompt_tokens]
        words = embedded[:, : self.prompt_tokens]
        before = pad(words, (0, 0, 1, 0))[:, :-1]
        keys = self.key(torch.cat((words, before), -1)) + self.place  # (B, P, E)
        queries = self.query(hidden).view(len(hidden), self.pointers, -1)  # (B, K, E)
        scores = torch.einsum("bke,bpe->bkp", queries, keys) / keys.shape[-1] ** 0.5
        scores = scores.masked_fill((prompt == 0)[:, None], -1e9)
        weights = (scores.softmax(-1) * self.gain(hidden)[..., None]).sum(1)  # (B, P)
        # Token t is written by action t - 1; words that no action writes go to column 0, cut off.
        actions = torch.where((prompt >= 1) & (prompt <= self.num_actions), prompt, 0)
        added = weights.new_zeros(len(hidden), self.num_actions + 1)
        copied: Tensor = added.scatter_add(1, actions, weights)
        return copied[:, 1:]


def _note_grammar(policy: nn.Module, _state: Any, _prefix: str, metadata: dict[str, Any]) -> None:
    metadata["grammar"] = policy.grammar
