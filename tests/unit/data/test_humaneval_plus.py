"""HumanEval+: inputs and results become calls, what cannot be taken apart stays code."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from coding_envs.data import load_problems
from coding_envs.data.layouts.humaneval_plus import problem_from_row
from coding_envs.errors import DatasetRowError
from coding_envs.problem import CallTest, CodeTest, Comparison, Problem

FILE = Path(__file__).parents[2] / "data" / "evalplus_humanevalplus.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text().splitlines()]
BY_KEY = {row["task_id"]: row for row in ROWS}


def make(row: Any) -> Problem:
    return problem_from_row(row, split="test", row_number=7)


def changed(**changes: Any) -> dict[str, Any]:
    return {k: v for k, v in (ROWS[0] | changes).items() if v is not ...}


def with_test(old: str, new: str, key: str = "HumanEval/0") -> dict[str, Any]:
    assert old in BY_KEY[key]["test"]
    return BY_KEY[key] | {"test": BY_KEY[key]["test"].replace(old, new)}


def test_each_input_becomes_a_call() -> None:
    problem = make(ROWS[0])
    assert problem.uid == "humaneval_plus/default/test/HumanEval/0"
    assert problem.prompt == problem.starter_code == ROWS[0]["prompt"]
    assert problem.hidden_tests[1] == CallTest(([1.0, 2.0, 3.9, 4.0, 5.0, 2.2], 0.05), False)
    assert [t.kind for t in problem.tests] == ["call"] * 5
    assert problem.comparison == Comparison(abs_tol=1e-6, rel_tol=1e-7, equality="python")
    assert problem.solutions == (ROWS[0]["prompt"] + ROWS[0]["canonical_solution"],)
    assert problem.row == {k: v for k, v in ROWS[0].items() if k != "test"}
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem


def test_the_tolerance_is_the_task_s() -> None:
    comparison = make(BY_KEY["HumanEval/2"]).comparison
    assert comparison == Comparison(abs_tol=1e-6, rel_tol=1e-7, floats="always", equality="python")


def test_older_texts_of_the_same_rule_are_known() -> None:
    row = with_test(
        "assert np.allclose(out, exp, rtol=1e-07, atol=atol)",
        "np.testing.assert_allclose(out, exp, atol=atol)",
    )
    assert make(row).tests == make(ROWS[0]).tests
    row = with_test("assert exact_match", 'assert exact_match, f"out: {out}"')
    assert make(row).tests == make(ROWS[0]).tests


def test_infinities_and_huge_integers_are_read() -> None:
    literal = "results = [True, False, False, False, True]"
    row = with_test(literal, f"results = [inf, -inf, nan, 1{'0' * 5000}, set()]")
    tests = make(row).tests
    expected = [t.expected for t in tests if isinstance(t, CallTest)]
    assert expected[:2] == [math.inf, -math.inf]
    assert math.isnan(expected[2])
    assert expected[3:] == [10**5000, set()]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("assert exact_match", "assert exact_match or out is None"),
        ("assertion(candidate(*inp), exp, 0)", "assertion(sorted(candidate(*inp)), exp, 0)"),
        ("results = [True,", "results = [object(),"),
        ("results = [True,", "results = ["),
    ],
)
def test_what_is_compared_in_another_way_stays_code(old: str, new: str) -> None:
    (test,) = make(with_test(old, new)).tests
    assert isinstance(test, CodeTest)
    assert test.check == "check"
    assert "import numpy" not in test.code
    assert "candidate(*_copied(inp))" in test.code


def test_a_cross_check_stays_code_and_the_broken_oracle_is_repaired() -> None:
    (test,) = make(BY_KEY["HumanEval/14"]).tests
    assert isinstance(test, CodeTest)
    assert "ref_func(*inp)" in test.code
    problem = make(BY_KEY["HumanEval/32"])
    (test,) = problem.tests
    assert isinstance(test, CodeTest)
    assert problem.flags == {"repaired"}
    assert "abs(_poly(xs, candidate(list(xs)))) <= 0.0001" in test.code
    assert "[-3.0, -6.0, -7.0, 7.0]" in test.code


RELEASE = changed(
    test=...,
    base_input=[[[1.0, 2.0], 0.5]],
    plus_input=[[[1.0, 1.1], 0.5], [[math.inf], 0.1]],
    contract="\n    assert threshold > 0\n",
    atol=0,
)


def test_the_authors_own_releases_are_read() -> None:
    problem = make(RELEASE)
    base, plus = problem.tests
    assert isinstance(base, CodeTest)
    assert isinstance(plus, CodeTest)
    assert "[[[1.0, 2.0], 0.5]]" in base.code
    assert "[[inf], 0.1]" in plus.code
    assert problem.row is not None
    assert set(problem.row) == set(RELEASE) - {"base_input", "plus_input"}


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (changed(test=...), "test", "is missing"),
        (changed(test="x = 1"), "test", "must hold inputs, and a loop"),
        (changed(test="(" * 5000), "test", "must be Python"),
        (changed(task_id=""), "task_id", "must not be empty"),
        (changed(entry_point="a b"), "entry_point", "must be a function's name"),
        (changed(entry_point="other"), "entry_point", "is not defined by the solution"),
        (with_test("[[-10, -2]]", "[[f()]]", "HumanEval/32"), "test", "lists of coefficients"),
        (RELEASE | {"base_input": [], "plus_input": None}, "base_input", "at least one input"),
        (RELEASE | {"base_input": {"a": 1}}, "base_input", "must be a list of argument lists"),
        (RELEASE | {"atol": "0"}, "atol", "must be a number in [0, 1), got '0'"),
        (RELEASE | {"atol": math.nan}, "atol", "must be a number"),
    ],
)
def test_a_malformed_row_names_its_column(row: Any, column: str, reason: str) -> None:
    with pytest.raises(DatasetRowError) as caught:
        make(row)
    assert (caught.value.column, caught.value.row) == (column, 7)
    assert reason in caught.value.reason


def test_it_is_registered() -> None:
    problems = load_problems("humaneval_plus", data_files=FILE, strict=True)
    assert len(problems) == len(ROWS)
