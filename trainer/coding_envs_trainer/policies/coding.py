"""Policies for the token environments: a statement is read, a program is written.

`Policy` reads the whole observation at every step: it needs no recurrent state. `TokenSteps` reads
what a step adds, for a policy that remembers the others. Both decide alike (`TokenHeads`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear, pad

from coding_envs.tokens import SUBMIT_ACTION

__all__ = ["Policy", "TokenHeads", "TokenSteps"]

_MASKED = -1e4  # far below any logit, yet finite: an entropy of -inf * 0 would be NaN


class TokenHeads(nn.Module, ABC):
    """Decides what to write next: actor, critic, pointers and grammar.

    Names and numbers that a program needs stand in its statement. Besides the logits of a linear
    layer over all tokens there are pointers: each attends over the statement's tokens and adds its
    attention weight, times a gain, to the logits of the actions that write the same tokens
    (pointer networks: Vinyals et al. 2015, arXiv:1506.03134; as a mixture with a vocabulary: See
    et al. 2017, arXiv:1704.04368).

    Where the environment's tokenizer knows what can follow what in an expression, logits of the
    other actions are masked (grammar-constrained decoding).

    Subclasses read: `_make_encoder` makes their layers, `encode_observations` uses them.

    Args:
      env: what to fit: `single_observation_space`, `single_action_space`, `prompt_tokens` and
        `program_tokens` are read.
      hidden_size: width of what is decoded.
      embedding_size: width of a token's embedding.
      pointers: number of pointers.
      grammar: 0 leaves every action open.
      submit_bias: added to the submit action's logit at the start: first programs are short then.
      seed: PyTorch is seeded with it before the weights are made; PufferLib does not.
    """

    recurrent = False
    reads_observations = True

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
        self.embedding = nn.Embedding(tokens, embedding_size, padding_idx=0)
        self._make_encoder(tokens, hidden_size, embedding_size)
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

    @abstractmethod
    def _make_encoder(self, tokens: int, hidden_size: int, embedding_size: int) -> None:
        """Makes the layers that read; `self.embedding` is there already."""

    @abstractmethod
    def encode_observations(self, observations: Tensor, state: Any = None) -> Tensor:
        """Returns float [N, hidden_size] of observations int32 [N, observation_size]."""

    def decode_actions(self, hidden: Tensor, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Returns logits [N, num_actions] and values [N, 1].

        Args:
          hidden: float [N, hidden_size].
          observations: what it was read from, int32 [N, observation_size].
        """
        observations = observations.long()
        tokens, written = observations[:, :-1], observations[:, -1]
        logits = self.actor(hidden) + self._copied(tokens[:, : self.prompt_tokens], hidden)
        return logits.masked_fill(~self._allowed(tokens, written), _MASKED), self.critic(hidden)

    def forward_eval(self, observations: Tensor, state: Any = None) -> tuple[Tensor, Tensor]:
        """Returns logits [batch, num_actions] and values [batch, 1] for one step."""
        return self.forward(observations, state)

    def forward(self, observations: Tensor, state: Any = None) -> tuple[Tensor, Tensor]:
        """Returns logits [batch, num_actions] and values [batch, 1].

        Args:
          observations: int32 [batch, prompt_tokens + program_tokens + 1].
          state: PufferLib's; not used.
        """
        observations = observations.reshape(-1, observations.shape[-1])
        return self.decode_actions(self.encode_observations(observations, state), observations)

    def _allowed(self, tokens: Tensor, written: Tensor) -> Tensor:
        """Returns which actions the grammar allows, bool [batch, num_actions]."""
        allowed = self.follow[self._last_token(tokens, written)]
        depth = self.brackets[tokens[:, self.prompt_tokens :]].sum(1)
        allowed = allowed & ~(self.closes & (depth <= 0)[:, None])
        allowed[:, SUBMIT_ACTION] &= (depth <= 0) | ~self.closes.any()
        return allowed

    def _last_token(self, tokens: Tensor, written: Tensor) -> Tensor:
        """Returns the token written last, int64 [batch]; 0 where there is none."""
        last = (self.prompt_tokens + written - 1).clamp(min=0)[:, None]
        return tokens.gather(1, last)[:, 0] * (written > 0)

    def _keys(self, tokens: Tensor, place: Tensor) -> Tensor:
        """Returns what tokens are found by, [batch, len(place), E]: token, token before, place."""
        # Linear in both embeddings: done once per token of the vocabulary, then looked up.
        table, size = self.embedding.weight, self.embedding.weight.shape[1]
        itself = linear(table, self.key.weight[:, :size], self.key.bias)
        before = linear(table, self.key.weight[:, size:])
        previous = pad(tokens, (1, 0))[:, :-1]
        found = embedding(tokens, itself, 0) + embedding(previous, before, 0)  # 0: padding
        return found + place

    def _copied(self, prompt: Tensor, hidden: Tensor) -> Tensor:
        """Returns what the pointers add to the logits, [batch, num_actions]."""
        keys = self._keys(prompt, self.place)  # (B, P, E)
        queries = self.query(hidden).view(len(hidden), self.pointers, -1)  # (B, K, E)
        scores = torch.einsum("bke,bpe->bkp", queries, keys) / keys.shape[-1] ** 0.5
        scores = scores.masked_fill((prompt == 0)[:, None], -1e9)
        weights = (scores.softmax(-1) * self.gain(hidden)[..., None]).sum(1)  # (B, P)
        # Token t is written by action t - 1; words that no action writes go to column 0, cut off.
        actions = torch.where((prompt >= 1) & (prompt <= self.num_actions), prompt, 0)
        added = weights.new_zeros(len(hidden), self.num_actions + 1)
        copied: Tensor = added.scatter_add(1, actions, weights)
        return copied[:, 1:]


class Policy(TokenHeads):
    """An MLP over token embeddings, with a pointer that copies from the statement.

    It reads all tokens of statement and program at every step; see `TokenHeads` for its arguments
    and for how it decides.

    Shapes: observations int32 [N, prompt_tokens + program_tokens + 1]; logits [N, num_actions];
    values [N, 1].
    """

    def _make_encoder(self, tokens: int, hidden_size: int, embedding_size: int) -> None:  # noqa: ARG002
        length = self.prompt_tokens + self.program_tokens
        self.position = nn.Embedding(self.program_tokens + 1, hidden_size)
        self.encoder = nn.Sequential(
            nn.LayerNorm(length * embedding_size), nn.Linear(length * embedding_size, hidden_size)
        )
        self.body = nn.Sequential(nn.GELU(), nn.Linear(hidden_size, hidden_size), nn.GELU())

    def encode_observations(
        self,
        observations: Tensor,
        state: Any = None,  # noqa: ARG002 - PufferLib passes it
    ) -> Tensor:
        """Returns float [N, hidden_size] of observations int32 [N, observation_size]."""
        observations = observations.long()
        tokens, written = observations[:, :-1], observations[:, -1]
        embedded = self.embedding(tokens)  # (N, T, E)
        hidden = self.encoder(embedded.flatten(1)) + self.position(written)
        encoded: Tensor = hidden + self.body(hidden)
        return encoded


class TokenSteps(TokenHeads):
    """Reads what a step adds: the token written last, its place, and a summary of all that stands.

    A body for `LSTM` and `Transformer`, which remember the steps before. Tokens written before the
    memory reaches back (hints; an episode older than its segment) are in the summary only. It is
    what learned queries find among the tokens, by the pointers' keys (pooling by attention: Lee et
    al. 2019, arXiv:1810.00825): its cost is tokens times the embedding's width, with no layer over
    the whole text. See `TokenHeads` for its arguments.

    Shapes: as those of `Policy`.
    """

    SUMMARIES = 8  # queries of the summary

    def _make_encoder(self, tokens: int, hidden_size: int, embedding_size: int) -> None:
        self.last = nn.Embedding(tokens, hidden_size)
        self.position = nn.Embedding(self.program_tokens + 1, hidden_size)
        self.program_place = nn.Parameter(torch.zeros(self.program_tokens, embedding_size))
        self.summary_query = nn.Parameter(torch.randn(self.SUMMARIES, embedding_size))
        self.summary = nn.Linear(self.SUMMARIES * embedding_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size)

    def encode_observations(
        self,
        observations: Tensor,
        state: Any = None,  # noqa: ARG002 - PufferLib passes it
    ) -> Tensor:
        """Returns float [N, hidden_size] of observations int32 [N, observation_size]."""
        observations = observations.long()
        tokens, written = observations[:, :-1], observations[:, -1]
        keys = self._keys(tokens, torch.cat((self.place, self.program_place)))
        scores = keys @ self.summary_query.T / keys.shape[-1] ** 0.5  # (N, T, S)
        weights = scores.masked_fill((tokens == 0)[..., None], -1e9).softmax(1)
        summary = self.summary((weights.mT @ self.embedding(tokens)).flatten(1))
        hidden = self.last(self._last_token(tokens, written)) + self.position(written)
        encoded: Tensor = self.norm(hidden + summary)
        return encoded


def _note_grammar(policy: nn.Module, _state: Any, _prefix: str, metadata: dict[str, Any]) -> None:
    metadata["grammar"] = policy.grammar
