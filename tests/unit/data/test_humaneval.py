"""HumanEval's rows become problems that its references solve and trivial programs do not."""

import json
from pathlib import Path

import pytest

from coding_envs.data import load_problems
from coding_envs.data.layouts.humaneval import problem_from_row
from coding_envs.errors import DatasetRowError
from coding_envs.judge import Judge
from coding_envs.problem import Limits

FILE = Path(__file__).parents[2] / "data" / "openai_humaneval.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text().splitlines()]


def make(row):
    return problem_from_row(row, split="test", row_number=7)


def changed(**changes):
    return {k: v for k, v in (ROWS[0] | changes).items() if v is not ...}


def test_a_row_becomes_a_problem_without_loss():
    problem = problem_from_row(ROWS[0], split="test", row_number=0, revision="abc")
    assert problem.uid == "humaneval/default/test/HumanEval/0"
    assert problem.revision == "abc"
    assert problem.prompt == problem.starter_code == ROWS[0]["prompt"]
    assert problem.entry_point == "has_close_elements"
    assert problem.public_tests == ()
    (test,) = problem.hidden_tests
    assert test.code == ROWS[0]["test"]
    assert test.check == "check"
    assert problem.solutions == (ROWS[0]["prompt"] + ROWS[0]["canonical_solution"],)
    assert problem.assemble(ROWS[0]["canonical_solution"]) == problem.solutions[0]
    assert (problem.license, problem.source) == ("MIT", "openai/openai_humaneval")
    assert problem.limits == Limits(cpu_time_s=3.0)
    assert problem.row == ROWS[0]
    assert type(problem).from_json(json.loads(json.dumps(problem.to_json()))) == problem


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (changed(task_id=...), "task_id", "is missing"),
        (changed(task_id=0), "task_id", "must be text, got int"),
        (changed(task_id=""), "task_id", "must not be empty"),
        (changed(prompt=None), "prompt", "must be text, got NoneType"),
        (changed(canonical_solution=...), "canonical_solution", "is missing"),
        (changed(canonical_solution="    return (\n"), "canonical_solution", "must be Python"),
        (changed(test="def check(candidate:\n"), "test", "must be Python"),
        (changed(test="def check(candidate):\n    x = '\0'"), "test", "must be Python"),
        (changed(test="x = '\ud800'"), "test", "must be Python"),
        (changed(test="(" * 5000), "test", "must be Python"),
        (changed(test="assert True"), "test", "must define check(candidate)"),
        (changed(entry_point="no_such"), "entry_point", "is not defined by the solution"),
        (changed(entry_point="a b"), "entry_point", "must be a function's name"),
        (["not", "a", "row"], "", "must be a JSON object, got list"),
    ],
)
def test_a_malformed_row_is_named(row, column, reason):
    with pytest.raises(DatasetRowError) as caught:
        make(row)
    error = caught.value
    assert (error.dataset, error.split, error.row) == ("humaneval", "test", 7)
    assert error.column == column
    assert reason in error.reason
    assert "\n" not in str(error)


@pytest.mark.nsjail
def test_references_are_accepted_and_trivial_programs_are_not():
    problems = load_problems("humaneval", data_files=FILE, strict=True)
    assert len(problems) == 8
    trivial = ["    pass\n", "    return None\n", "    return 0\n", "    return True\n"]
    with Judge(workers=2) as judge:
        right = judge.judge_many((p, p.solutions[0]) for p in problems)
        pairs = [(p, p.assemble(body)) for p in problems for body in trivial]
        wrong = judge.judge_many(pairs)
    assert [str(v.status) for v in right] == ["ACCEPTED"] * 8
    assert not any(v.accepted or v.status.is_fault_of_ours for v in wrong)


@pytest.mark.nsjail
def test_a_whole_function_may_replace_the_prompt():
    problem = load_problems("humaneval", data_files=FILE).by_key("HumanEval/38")
    reply = "def decode_cyclic(s):\n    return encode_cyclic(encode_cyclic(s))\n"
    with Judge(workers=1) as judge:
        assert judge.judge(problem, problem.assemble(reply)).accepted
