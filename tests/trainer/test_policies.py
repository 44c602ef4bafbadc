"""The policy: shapes, grammar, seeds, gradients, and that it can copy from the statement."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from coding_envs.data import load_problems
from coding_envs.episodes import EpisodeCore, encode_prompts
from coding_envs.judge import Judge
from coding_envs.reward import make_reward
from coding_envs.sandbox import Ended, FakeSandbox, RunResult
from coding_envs.tokens import SUBMIT_ACTION, Tokenizer, make_tokenizer
from coding_envs_trainer.policies import Policy

PROMPT, PROGRAM = 24, 12
STARTER = load_problems("starter", split="train")
TOKENIZER = make_tokenizer("starter")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait for each other busily: on a busy machine that takes seconds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def env(tokenizer: Tokenizer = TOKENIZER) -> Any:
    high = max(tokenizer.size - 1, PROGRAM)
    return SimpleNamespace(
        single_observation_space=spaces.Box(0, high, (PROMPT + PROGRAM + 1,), np.int32),
        single_action_space=spaces.Discrete(tokenizer.num_actions),
        prompt_tokens=PROMPT,
        program_tokens=PROGRAM,
        tokenizer=tokenizer,
    )


def observe(*texts: str, tokenizer: Tokenizer = TOKENIZER) -> torch.Tensor:
    """One observation per text written, of the first problems."""
    rows = np.zeros((len(texts), PROMPT + PROGRAM + 1), np.int32)
    rows[:, :PROMPT] = encode_prompts(STARTER[: len(texts)], tokenizer, PROMPT)
    for row, text in zip(rows, texts, strict=True):
        actions = tokenizer.encode_program(text)
        row[PROMPT : PROMPT + len(actions)] = np.array(actions) + 1
        row[-1] = len(actions)
    return torch.from_numpy(rows)


def masked(logits: torch.Tensor) -> torch.Tensor:
    return logits < -1000


def action(text: str) -> int:
    (number,) = TOKENIZER.encode_program(text)
    return number


@pytest.mark.parametrize("name", ["starter", "python", "bytes"])
def test_shapes(name: str) -> None:
    tokenizer = make_tokenizer(name)
    policy = Policy(env(tokenizer), hidden_size=32, embedding_size=8, pointers=2)
    observations = observe("", "x", "x + 1", tokenizer=tokenizer)
    logits, values = policy(observations)
    assert logits.shape == (3, tokenizer.num_actions)
    assert values.shape == (3, 1)
    assert logits.isfinite().all()
    assert values.isfinite().all()
    assert (~masked(logits)).any(1).all()


def test_rollout_and_training_see_the_same() -> None:
    policy = Policy(env())
    observations = observe("", "x", "x + 1", "x * ")
    state = {"lstm_h": None}
    logits, values = policy(observations, state)
    same, also = policy.forward_eval(observations, state)
    assert torch.equal(logits, same)
    assert torch.equal(values, also)
    # PufferLib may hand over whole segments.
    segments, _ = policy(observations.reshape(2, 2, -1))
    assert torch.equal(segments, logits)


def test_each_row_is_by_itself() -> None:
    policy = Policy(env())
    together, _ = policy(observe("", "x", "x + 1"))
    alone, _ = policy(observe("", "x", "x + 1")[1:2])
    torch.testing.assert_close(together[1:2], alone)


def test_the_grammar_masks_what_cannot_follow() -> None:
    policy = Policy(env())
    texts = ("", "x", "x + ", "len(", "len(x", "len(x)", "12", "[")
    logits, _ = policy(observe(*texts))
    follow = TOKENIZER.follow_table()
    allowed = ~masked(logits)
    for row, text in enumerate(texts):
        last = TOKENIZER.encode_program(text)[-1] + 1 if text else 0
        wanted = follow[last].copy()
        depth = text.count("(") + text.count("[") - text.count(")")
        if depth:
            wanted[SUBMIT_ACTION] = False
        else:
            wanted[[action(")"), action("]")]] = False
        assert allowed[row].tolist() == wanted.tolist(), text
    by_text = dict(zip(texts, allowed, strict=True))
    assert not by_text[""][SUBMIT_ACTION]
    assert by_text["x"][SUBMIT_ACTION]
    assert not by_text["x + "][SUBMIT_ACTION]
    assert not by_text["len(x"][SUBMIT_ACTION]
    assert by_text["len(x"][action(")")]
    assert not by_text["x"][action(")")]
    assert by_text["len(x)"][SUBMIT_ACTION]


def test_every_starter_solution_can_be_sampled() -> None:
    policy = Policy(env(), hidden_size=16, embedding_size=8)
    rows, wanted = [], []
    for problem in STARTER[::5]:
        actions = TOKENIZER.encode_program(problem.solutions[0].removeprefix(problem.starter_code))
        prompt = encode_prompts([problem], TOKENIZER, PROMPT)[0]
        for count, following in enumerate([*actions, SUBMIT_ACTION]):
            row = np.zeros(PROMPT + PROGRAM + 1, np.int32)
            row[:PROMPT] = prompt
            row[PROMPT : PROMPT + count] = np.array(actions[:count]) + 1
            row[-1] = count
            rows.append(row)
            wanted.append(following)
    logits, _ = policy(torch.from_numpy(np.array(rows)))
    assert not masked(logits).gather(1, torch.tensor(wanted)[:, None]).any()


def test_without_a_grammar_every_action_is_open() -> None:
    for policy in (
        Policy(env(), grammar=0),
        Policy(env(make_tokenizer("python"))),
    ):
        tokenizer = TOKENIZER if policy.num_actions == TOKENIZER.num_actions else None
        observations = observe("", "x + ", tokenizer=tokenizer or make_tokenizer("python"))
        assert not masked(policy(observations)[0]).any()


def test_an_environment_without_a_tokenizer_is_fine() -> None:
    bare = env()
    del bare.tokenizer
    assert not masked(Policy(bare)(observe("", "x + "))[0]).any()


def test_seeds_make_the_weights() -> None:
    one, two, other = (Policy(env(), seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["actor.weight"], other["actor.weight"])


def test_the_tables_are_no_weights() -> None:
    assert not {"follow", "brackets", "closes"} & set(Policy(env()).state_dict())


def test_submitting_is_likely_at_first() -> None:
    likely = Policy(env(), submit_bias=3.0)(observe("x"))[0].softmax(-1)[0, SUBMIT_ACTION]
    unlikely = Policy(env(), submit_bias=-3.0)(observe("x"))[0].softmax(-1)[0, SUBMIT_ACTION]
    assert likely > 10 * unlikely


def test_a_pointer_with_a_gain_copies_from_the_statement() -> None:
    # They begin without one: a policy that has learned nothing copies nothing.
    policy = Policy(env())
    torch.nn.init.constant_(policy.gain.bias, 2.0)
    row = observe("")
    row[0, :PROMPT] = 0
    plain, _ = policy(row)
    row[0, 0] = action("7") + 1
    pointed, _ = policy(row)
    others = [action(str(digit)) for digit in (1, 2, 3)]
    gained = (pointed - plain)[0]
    assert gained[action("7")] > gained[others].max() + 1


def test_gradients_reach_every_weight() -> None:
    policy = Policy(env())
    logits, values = policy(observe("", "x", "len(", "x + 1"))
    loss = logits.log_softmax(-1)[:, action("x")].sum() + values.sum()
    loss.backward()
    for name, weight in policy.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name


def test_entropy_is_finite_where_all_but_one_is_masked() -> None:
    logits, _ = Policy(env())(observe("x + ", "len("))
    log = logits.log_softmax(-1)
    entropy = -(log.exp() * log).sum(-1)
    assert entropy.isfinite().all()
    entropy.sum().backward()


def test_it_learns_to_write_what_it_is_shown() -> None:
    policy = Policy(env(), hidden_size=64, embedding_size=16, seed=1)
    problems = [p for p in STARTER if p.family == "constant"][:16]
    prompts = encode_prompts(problems, TOKENIZER, PROMPT)
    rows = np.zeros((len(problems), PROMPT + PROGRAM + 1), np.int32)
    rows[:, :PROMPT] = prompts
    observations = torch.from_numpy(rows)
    wanted = torch.tensor(
        [TOKENIZER.encode_program(p.solutions[0].removeprefix(p.starter_code))[0] for p in problems]
    )
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    for _ in range(60):
        logits, _ = policy(observations)
        loss = torch.nn.functional.cross_entropy(logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (policy(observations)[0].argmax(-1) == wanted).float().mean() >= 0.9


def test_it_fits_the_episode_core() -> None:
    judge = Judge(sandbox=FakeSandbox(lambda run: RunResult(Ended.EXITED, exit_code=0)))
    core = EpisodeCore(
        STARTER, judge, TOKENIZER, make_reward("accepted"), num_agents=32,
        prompt_tokens=PROMPT, program_tokens=PROGRAM,
    )  # fmt: skip
    policy = Policy(env())
    generator = torch.Generator().manual_seed(0)
    core.reset(0)
    for _ in range(30):
        with torch.no_grad():
            logits, _ = policy.forward_eval(torch.from_numpy(core.observations))
        chosen = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
        core.step(chosen.numpy())
    assert core.statistics.episodes > 50
    assert core.statistics.statuses.get("NO_CODE", 0) == 0  # the grammar wants an operand first
