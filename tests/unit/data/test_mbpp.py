"""MBPP's rows, of both layouts, become problems; the entry point is found in the asserts."""

import json
from pathlib import Path

import pytest

from coding_envs.data import load_problems
from coding_envs.data.layouts.mbpp import problem_from_row
from coding_envs.errors import DatasetRowError
from coding_envs.judge import Judge

DATA = Path(__file__).parents[2] / "data"
FILES = {name: DATA / f"mbpp_{name}.jsonl" for name in ("full", "sanitized")}
ROWS = {name: [json.loads(x) for x in f.read_text().splitlines()] for name, f in FILES.items()}


def make(row, config="full"):
    return problem_from_row(row, config=config, split="test", row_number=3)


def full(**changes):
    return {k: v for k, v in (ROWS["full"][0] | changes).items() if v is not ...}


def sanitized(**changes):
    return {k: v for k, v in (ROWS["sanitized"][0] | changes).items() if v is not ...}


def test_a_full_row_becomes_a_problem():
    row = ROWS["full"][0]
    problem = make(row)
    assert problem.uid == "mbpp/full/test/2"
    assert problem.prompt == (
        "Write a function to find the similar elements from the given two tuple lists.\n"
        "Your code should pass these tests:\n\n" + "\n".join(row["test_list"]) + "\n"
    )
    assert problem.starter_code == ""
    assert [t.code for t in problem.public_tests] == row["test_list"]
    assert problem.hidden_tests == ()
    assert "\r" not in problem.solutions[0]
    assert "\r" in row["code"]
    assert problem.row == row
    assert (problem.license, problem.source) == ("CC-BY-4.0", "google-research-datasets/mbpp")
    assert type(problem).from_json(json.loads(json.dumps(problem.to_json()))) == problem


def test_a_sanitized_row_becomes_a_problem():
    problem = make(next(r for r in ROWS["sanitized"] if r["task_id"] == 82), "sanitized")
    assert problem.uid == "mbpp/sanitized/test/82"
    assert problem.entry_point == "volume_sphere"
    assert {t.imports for t in problem.tests} == {"import math"}
    assert problem.prompt.startswith("Write a function to find the volume of a sphere.\n")


def test_set_up_code_runs_with_the_program():
    problem = make(next(r for r in ROWS["full"] if r["task_id"] == 367))
    assert all("root = Node(1)" in t.program_setup for t in problem.tests)


def test_entry_points_of_real_rows():
    found = {make(row).key: make(row).entry_point for row in ROWS["full"]}
    assert found == {
        "2": "similar_elements",
        "11": "remove_Occ",
        "20": "is_woodall",
        "56": "check",
        "367": "is_tree_balanced",
        "571": "max_sum_pair_diff_lessthan_K",
        "601": "max_chain_length",
        "927": "max_height",
    }


@pytest.mark.parametrize(
    ("code", "test", "entry_point"),
    [
        ("def f(x):\n    return x", "assert set(f(1)) == set([1])", "f"),
        ("def f(x):\n    return x", "assert math.isclose(len(f([1])), 1)", "f"),
        ("def g(x):\n    return x\ndef f(x):\n    return x", "assert f(g(1)) == 1", "f"),
        ("class P:\n    pass\ndef f(x):\n    return x", "assert P() != f(P())", "f"),
        ("f = lambda x: x", "assert f(1) == 1", "f"),
        ("async def f(x):\n    return x", "assert f(1)", "f"),
        ("def f(x):\n    return '\\d'", "assert f(1)", "f"),  # a warning when compiled
    ],
)
def test_the_entry_point_is_the_first_call_of_what_the_reference_defines(code, test, entry_point):
    assert make(full(code=code, test_list=[test])).entry_point == entry_point


@pytest.mark.parametrize(
    ("row", "config", "column", "reason"),
    [
        (full(task_id=...), "full", "task_id", "is missing"),
        (full(task_id="2"), "full", "task_id", "must be an int, got str"),
        (full(task_id=True), "full", "task_id", "must be an int, got bool"),
        (full(text=...), "full", "text", "is missing"),
        (full(text=5), "full", "text", "must be text, got int"),
        (full(code="def f(:"), "full", "code", "must be Python"),
        (full(code="x = 1"), "full", "test_list", "calls no function that the code defines"),
        (full(test_list="assert f(1)"), "full", "test_list", "must be a list of texts, got str"),
        (full(test_list=["assert f(1)", 2]), "full", "test_list", "list of texts, got a int"),
        (full(test_list=[]), "full", "test_list", "at least one assert"),
        (full(test_list=["similar_elements(1, 2)"]), "full", "test_list", "must hold asserts"),
        (full(test_list=["assert ("]), "full", "test_list", "must be Python"),
        (full(test_setup_code=None), "full", "test_setup_code", "must be text"),
        (full(test_setup_code="root = ("), "full", "test_setup_code", "must be Python"),
        (sanitized(test_imports=...), "sanitized", "test_imports", "is missing"),
        (sanitized(test_imports=["import"]), "sanitized", "test_imports", "must be Python"),
        (sanitized(), "full", "text", "load it with config=sanitized"),
        (full(), "sanitized", "prompt", "load it with config=full"),
        (None, "full", "", "must be a JSON object, got NoneType"),
    ],
)
def test_a_malformed_row_is_named(row, config, column, reason):
    with pytest.raises(DatasetRowError) as caught:
        make(row, config)
    error = caught.value
    assert (error.dataset, error.split, error.row) == ("mbpp", "test", 3)
    assert error.column == column
    assert reason in error.reason
    assert "\n" not in str(error)


@pytest.mark.nsjail
@pytest.mark.parametrize("config", ["full", "sanitized"])
def test_references_are_accepted_and_trivial_programs_are_not(config):
    problems = load_problems("mbpp", config=config, data_files=FILES[config], strict=True)
    assert len(problems) == len(ROWS[config])
    with Judge(workers=2) as judge:
        right = judge.judge_many((p, p.solutions[0]) for p in problems)
        pairs = [
            (p, f"def {p.entry_point}(*args):\n    return {value}\n")
            for p in problems
            for value in ("None", "args", "[]")
        ]
        wrong = judge.judge_many(pairs)
    assert [str(v.status) for v in right] == ["ACCEPTED"] * len(problems)
    assert not any(v.accepted or v.status.is_fault_of_ours for v in wrong)
