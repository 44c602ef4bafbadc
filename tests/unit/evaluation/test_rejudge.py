"""Verdicts are given anew, and what came out otherwise is said."""

import json

import pytest

from coding_envs.data import ProblemSet
from coding_envs.errors import InvalidValueError, UnknownNameError
from coding_envs.evaluation import evaluate, rejudge
from coding_envs.judge import Judge
from coding_envs.problem import Problem, StdioTest
from coding_envs.sandbox import Ended, FakeSandbox, RunResult
from coding_envs.verdict import Status


def problems(answer="4"):
    tests = (StdioTest("1", "1"), StdioTest("2", answer))
    return ProblemSet([Problem("d", key, "?", hidden_tests=tests) for key in "ab"], name="d")


def answer(run):
    number = int(run.stdin)
    text = number**2 if run.source == "square" else number
    return RunResult(Ended.EXITED, exit_code=0, stdout=str(text).encode())


@pytest.fixture
def judge():
    with FakeSandbox(answer) as sandbox, Judge(sandbox=sandbox) as made:
        yield made


@pytest.fixture
def file(tmp_path, judge):
    samples = {"a": ["square", "same"], "b": ["same", "square"]}
    evaluate(problems(), samples, judge).write(tmp_path)
    return tmp_path / "verdicts.jsonl"


def test_the_same_problems_give_the_same_verdicts(file, judge):
    seen = []
    outcome = rejudge(file, problems(), judge, on_verdict=seen.append)
    assert (outcome.verdicts, outcome.changes, outcome.problems_differ) == (4, (), 0)
    assert seen == [True] * 4
    assert outcome.to_text() == "4 verdicts given anew, 0 changed"


def test_other_tests_give_others(file, judge):
    outcome = rejudge(file, problems("2"), judge)
    assert [(c.key, c.sample, c.before.status, c.after.status) for c in outcome.changes] == [
        ("a", 0, Status.ACCEPTED, Status.WRONG_ANSWER),
        ("a", 1, Status.WRONG_ANSWER, Status.ACCEPTED),
        ("b", 0, Status.WRONG_ANSWER, Status.ACCEPTED),
        ("b", 1, Status.ACCEPTED, Status.WRONG_ANSWER),
    ]
    assert outcome.problems_differ == 4
    text = outcome.to_text()
    assert "2 x ACCEPTED -> WRONG_ANSWER" in text
    assert "a #1  WRONG_ANSWER -> ACCEPTED, 1/2 -> 2/2 tests" in text
    assert json.loads(json.dumps(outcome.to_json()))["changed"] == 4


def test_a_verdict_that_was_forged_is_found(file, judge):
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for test in lines[1]["tests"]:
        test["status"] = "ACCEPTED"
    lines[1]["status"] = "ACCEPTED"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (change,) = rejudge(file, problems(), judge).changes
    assert (change.key, change.sample, change.after.status) == ("a", 1, Status.WRONG_ANSWER)


def test_malformed_files(file, judge, tmp_path):
    with pytest.raises(UnknownNameError):
        rejudge(file, problems()[:1], judge)
    for text, says in (
        ("", "holds no verdicts"),
        ("{\n", ":1: not JSON"),
        ('{"task_id": "a"}\n', ":1: malformed verdict"),
        ('{"status": "NO_CODE"}\n', ":1: malformed result"),
    ):
        file.write_text(text)
        with pytest.raises(InvalidValueError, match=r"^[^\n]*$") as caught:
            rejudge(file, problems(), judge)
        assert says in str(caught.value)
