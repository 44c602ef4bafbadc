"""Who uses a lazy set survives a row that turns out to be broken."""

import json
import logging

import numpy as np
import pytest

from coding_envs.data import load_problems
from coding_envs.envs.setup import draw_problem
from coding_envs.episodes import EpisodeCore
from coding_envs.errors import DatasetRowError, InvalidValueError
from coding_envs.evaluation import evaluate, read_samples
from coding_envs.judge import Judge
from coding_envs.reward import make_reward
from coding_envs.sandbox import Ended, FakeSandbox, RunResult
from coding_envs.tokens import make_tokenizer

TOKENIZER = make_tokenizer("starter")


@pytest.fixture
def lazy(tmp_path):
    """Ten problems, of which three have tests that cannot be read."""
    path = tmp_path / "some.jsonl"
    with path.open("w") as file:
        for number in range(10):
            row = {"key": f"k{number}", "prompt": f"Return {number} times x.", "style": "stdio"}
            row["tests"] = "no JSON" if number in (2, 5, 7) else [{"input": "", "output": "x"}]
            row["solutions"] = ["x"]
            file.write(json.dumps(row) + "\n")
    problems = load_problems(path, check=False)
    assert problems.is_lazy
    assert len(problems) == 10
    return problems


def core(problems, judge, agents=64, **more):
    return EpisodeCore(
        problems, judge, TOKENIZER, make_reward("accepted"), num_agents=agents, prompt_tokens=10,
        program_tokens=6, **more,
    )  # fmt: skip


@pytest.fixture
def judge():
    with Judge(
        sandbox=FakeSandbox(
            lambda run: RunResult(Ended.EXITED, exit_code=0, stdout=run.source.encode())
        ),
        cache="memory",
    ) as judge:
        yield judge


@pytest.mark.parametrize("hints", [0.0, 0.5])
def test_episodes_draw_another_problem_and_say_so_once(lazy, judge, caplog, hints):
    large, small = core(lazy, judge, hints=hints), core(lazy.checked(), judge, hints=hints)
    assert not large._prompts.any()  # nothing is read before it is drawn
    with caplog.at_level(logging.WARNING):
        large.reset(0)
        small.reset(0)
        solved = 0
        for action in [*TOKENIZER.encode_program("x"), 0] * 20:
            for episode in large.step(np.full(64, action)):
                assert episode.problem.key not in ("k2", "k5", "k7")
                solved += episode.verdict.accepted
    assert solved > 100 or hints
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(set(said)) == 3
    assert all("another problem is drawn: row " in line for line in said)
    assert {large.program(agent)[0].key for agent in range(64)} <= set(small.problems.keys)
    state = large.state_dict()
    again = core(lazy, judge, hints=hints)
    again.load_state_dict(state)
    for action in [*TOKENIZER.encode_program("x + 1"), 0] * 3:
        large.step(np.full(64, action))
        again.step(np.full(64, action))
        np.testing.assert_array_equal(large.observations, again.observations)
        np.testing.assert_array_equal(large.rewards, again.rewards)


def test_a_broken_problem_that_was_asked_for_is_an_error(lazy, judge):
    one = core(lazy, judge, 1)
    with pytest.raises(DatasetRowError, match="row 5 of some/train: column 'tests'"):
        one.reset(0, problem=5)
    one.reset(0, problem=6)
    assert one.program(0)[0].key == "k6"


def test_a_set_of_broken_problems_is_an_error(lazy, judge):
    nothing = lazy.where({"key": ("k2", "k5", "k7")})
    with pytest.raises(InvalidValueError, match="problems must hold one that can be used"):
        core(nothing, judge).reset(0)
    with pytest.raises(DatasetRowError):
        draw_problem(nothing, np.random.default_rng(0))


def test_the_text_environment_draws_another_problem(lazy):
    draws = np.random.default_rng(0)
    drawn = {draw_problem(lazy, draws).key for _ in range(200)}
    assert drawn == set(lazy.checked().keys)


def test_an_evaluation_leaves_them_out_and_says_so(lazy, judge, tmp_path):
    report = evaluate(lazy, "reference", judge)
    assert report.pass_at_k == {1: 1.0}
    assert [row.key for row in report.rows] == list(lazy.checked().keys)
    assert "3 rows turned out to be broken and are left out" in report.notes
    assert len(report.dropped) == 3
    path = tmp_path / "samples.jsonl"
    names = ["k0", "some/default/train/k2"]
    path.write_text("\n".join(json.dumps({"task_id": name, "solution": "x"}) for name in names))
    samples = read_samples(path, lazy)
    assert samples == {"k0": ["x"], "k2": ["x"]}
    assert [r.key for r in evaluate(lazy, samples, judge).results] == ["k0"]
