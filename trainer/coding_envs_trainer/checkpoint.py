"""From a checkpoint's weights back to a policy, and to the programs that it writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from coding_envs.data import ProblemSet
from coding_envs.episodes import encode_prompts, submission
from coding_envs.errors import CodingEnvsError, InvalidValueError
from coding_envs.tokens import SUBMIT_ACTION, Tokenizer, make_tokenizer, tokenizer_names

from .policies import Policy

__all__ = ["load", "write_programs"]

_BATCH = 1024


def load(path: str | os.PathLike[str]) -> tuple[Policy, Tokenizer]:
    """Returns the policy whose weights `path` holds, and the tokenizer that it was trained with.

    Sizes are read off the weights themselves: a checkpoint needs no file beside it.

    Raises:
      CodingEnvsError: there is no such file, or it holds no `Policy`.
    """
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CodingEnvsError(f"no checkpoint {os.fspath(path)!r}") from None
    except Exception as error:  # whatever a damaged archive or pickle makes of itself
        raise CodingEnvsError(f"{os.fspath(path)!r} is no checkpoint: {_reason(error)}") from None
    wanted = "actor.weight", "embedding.weight", "position.weight", "place", "gain.weight"
    if not isinstance(weights, Mapping) or not all(
        isinstance(weights.get(name), Tensor) and weights[name].ndim == 2 for name in wanted
    ):
        raise CodingEnvsError(
            f"{os.fspath(path)!r} holds no weights of coding_envs_trainer.policies.Policy"
        )
    tokenizer = _tokenizer(len(weights["actor.weight"]), path)
    try:
        return _policy(weights, tokenizer).eval(), tokenizer
    except (RuntimeError, ValueError) as error:
        raise CodingEnvsError(
            f"{os.fspath(path)!r} does not fit this version of coding_envs_trainer.policies.Policy:"
            f" {_reason(error)}; train anew, or use the version that wrote it"
        ) from None


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # PyTorch gives the class first, and what is wrong with it on the lines after.
    shown = lines[1] if len(lines) > 1 and lines[0].endswith(":") else "".join(lines[:1])
    return shown[:300] or type(error).__name__


def _policy(weights: Mapping[str, Tensor], tokenizer: Tokenizer) -> Policy:
    num_actions, hidden_size = weights["actor.weight"].shape
    tokens, embedding_size = weights["embedding.weight"].shape
    program_tokens, prompt_tokens = len(weights["position.weight"]) - 1, len(weights["place"])
    size = prompt_tokens + program_tokens + 1
    env = SimpleNamespace(
        single_observation_space=spaces.Box(0, tokens - 1, (size,), np.int32),
        single_action_space=spaces.Discrete(num_actions),
        prompt_tokens=prompt_tokens,
        program_tokens=program_tokens,
        tokenizer=tokenizer,
    )
    metadata = getattr(weights, "_metadata", {}).get("", {})
    policy = Policy(
        env,
        hidden_size,
        embedding_size,
        pointers=len(weights["gain.weight"]),
        grammar=metadata.get("grammar", 1),
    )
    policy.load_state_dict(weights)
    return policy


def _tokenizer(num_actions: int, path: object) -> Tokenizer:
    for name in tokenizer_names():
        tokenizer = make_tokenizer(name)
        if tokenizer.num_actions == num_actions:
            return tokenizer
    raise CodingEnvsError(
        f"{path!s} was trained with a tokenizer of {num_actions} actions: unknown"
    )


@torch.no_grad()
def write_programs(
    policy: Policy,
    tokenizer: Tokenizer,
    problems: ProblemSet,
    *,
    greedy: bool = True,
    samples: int = 1,
    seed: int = 0,
) -> dict[str, list[str]]:
    """Returns problem key -> `samples` whole programs; see integrations.checkpoint.

    Raises:
      InvalidValueError: `samples` is below 1.
    """
    if samples < 1:
        raise InvalidValueError(f"samples must be >= 1, got {samples}")
    generator = torch.Generator().manual_seed(seed)
    prompts = encode_prompts(problems, tokenizer, policy.prompt_tokens)
    rows = np.repeat(np.arange(len(problems)), samples)
    programs: dict[str, list[str]] = {problem.key: [] for problem in problems}
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        written = _write(policy, torch.from_numpy(prompts[batch]), greedy, generator)
        for row, actions in zip(batch, written, strict=True):
            problem = problems[int(row)]
            completion = tokenizer.decode_actions(actions)
            programs[problem.key].append(submission(problem, completion))
    return programs


def _write(
    policy: Policy, prompts: Tensor, greedy: bool, generator: torch.Generator
) -> list[list[int]]:
    """Returns each row's actions up to, and without, the submit action."""
    count = len(prompts)
    blank = torch.zeros(count, policy.program_tokens + 1, dtype=prompts.dtype)
    observations = torch.cat((prompts, blank), 1)
    written = torch.full((count, policy.program_tokens), SUBMIT_ACTION, dtype=torch.long)
    running = torch.ones(count, dtype=torch.bool)
    for at in range(policy.program_tokens):
        logits, _value = policy.forward_eval(observations)
        if greedy:
            actions = logits.argmax(-1)
        else:
            actions = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
        running &= actions != SUBMIT_ACTION
        if not running.any():
            break
        actions = torch.where(running, actions, SUBMIT_ACTION)
        written[:, at] = actions
        tokens = torch.where(running, actions + 1, 0).to(observations.dtype)
        observations[:, policy.prompt_tokens + at] = tokens
        observations[:, -1] += running.to(observations.dtype)
    lengths = observations[:, -1].tolist()
    return [row[:length] for row, length in zip(written.tolist(), lengths, strict=True)]
