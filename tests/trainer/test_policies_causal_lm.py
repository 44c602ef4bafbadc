"""A tiny language model with random weights as a policy; `transformers` is not always there."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from coding_envs_trainer.policies import CausalLM

PROMPT, PROGRAM, TOKENS, ACTIONS = 6, 4, 30, 12


def env() -> Any:
    return SimpleNamespace(
        single_observation_space=spaces.Box(0, TOKENS - 1, (PROMPT + PROGRAM + 1,), np.int32),
        single_action_space=spaces.Discrete(ACTIONS),
        prompt_tokens=PROMPT,
        program_tokens=PROGRAM,
    )


def observe(*pairs: tuple[list[int], list[int]]) -> torch.Tensor:
    rows = torch.zeros(len(pairs), PROMPT + PROGRAM + 1, dtype=torch.int32)
    for row, (prompt, program) in zip(rows, pairs, strict=True):
        row[: len(prompt)] = torch.tensor(prompt)
        row[PROMPT : PROMPT + len(program)] = torch.tensor(program)
        row[-1] = len(program)
    return rows


@pytest.fixture(params=["llama", "gpt2"])
def model(request: pytest.FixtureRequest) -> Any:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    if request.param == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=64, n_positions=32, n_embd=32, n_layer=2, n_head=2,
            bos_token_id=1, eos_token_id=1,
        )  # fmt: skip
        return transformers.GPT2LMHeadModel(config).eval()
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=32,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


def test_its_logits_are_the_models_own(model: Any) -> None:
    ids = [(7 * token + 3) % 64 for token in range(TOKENS)]
    policy = CausalLM(env(), model, ids)
    prompt, program = [20, 21, 5], [4, 9]
    logits, values = policy(observe((prompt, program), ([2], []), ([], [])))
    assert logits.shape == (3, ACTIONS)
    assert values.shape == (3, 1)
    assert logits.isfinite().all()
    plain = model(torch.tensor([[ids[token] for token in prompt + program]])).logits[0, -1]
    wanted = plain[[ids[action + 1] for action in range(ACTIONS)]]
    torch.testing.assert_close(logits[0], wanted, rtol=1e-4, atol=1e-5)


def test_it_takes_segments_and_learns(model: Any) -> None:
    policy = CausalLM(env(), model)
    rows = observe(([2, 3], []), ([2, 3], [4]), ([5], []), ([5], [6, 7]))
    logits, _ = policy.forward_eval(rows, {})
    segments, values = policy(rows.view(2, 2, -1), {})
    torch.testing.assert_close(segments, logits)
    (segments.log_softmax(-1)[:, 1].sum() + values.sum()).backward()
    assert policy.critic.weight.grad is not None
    assert all(weight.grad is not None for weight in model.parameters())


def test_an_episodes_steps_are_one_pass(model: Any) -> None:
    policy = CausalLM(env(), model)
    rows = observe(
        ([2, 3], []), ([2, 3], [4]), ([2, 3], [4, 9]), ([2], [4]), ([2, 3], [5]), ([], []),
        ([], [7]), ([2, 3], [4, 9, 8]), ([2, 3], [4]), ([2, 3], [4]),
    )  # fmt: skip
    read: list[int] = []
    model.register_forward_pre_hook(
        lambda _, args, kwargs: read.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    logits, values = policy(rows)
    assert read == [7]
    for row, logit, value in zip(rows, logits, values, strict=True):
        alone, worth = policy(row[None])
        torch.testing.assert_close(logit, alone[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(value, worth[0], rtol=1e-4, atol=1e-5)


def test_ids_beyond_the_model_are_refused(model: Any) -> None:
    with pytest.raises(ValueError, match=r"token_ids must be in 0\.\.63"):
        CausalLM(env(), model, [64] * TOKENS)
    with pytest.raises(ValueError, match="more than 12"):
        CausalLM(env(), model, range(12))


def test_the_tokenizer_may_know_the_models_ids(model: Any) -> None:
    one = env()
    one.tokenizer = SimpleNamespace(model_ids=[token + 9 for token in range(TOKENS)])
    assert CausalLM(one, model).token_ids.tolist() == one.tokenizer.model_ids


def test_importing_the_policies_loads_neither_transformers_nor_the_compiler() -> None:
    script = (
        "import sys, coding_envs_trainer.policies\n"
        "assert not {'transformers', 'torch._dynamo'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
