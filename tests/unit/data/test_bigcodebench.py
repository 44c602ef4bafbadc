"""BigCodeBench: unit tests one by one, packages named, tests that share state told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coding_envs.data import dataset_spec, load_problems
from coding_envs.data.layouts.bigcodebench import problem_from_row
from coding_envs.errors import DatasetRowError
from coding_envs.problem import CodeTest, Problem

FILE = Path(__file__).parents[2] / "data" / "bigcodebench.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text().splitlines()]


def make(row: Any) -> Problem:
    return problem_from_row(row, split="v0.1.4", row_number=7)


def changed(**changes: Any) -> dict[str, Any]:
    return {k: v for k, v in (ROWS[0] | changes).items() if v is not ...}


def test_each_method_is_a_test() -> None:
    problem = make(ROWS[0])
    assert problem.uid == "bigcodebench/default/v0.1.4/BigCodeBench/928"
    tests = [t for t in problem.tests if isinstance(t, CodeTest)]
    assert [t.function for t in tests] == [f"TestCases.test_case_{i}" for i in range(1, 6)]
    assert not any(t.together for t in tests)
    assert problem.prompt == problem.starter_code == ROWS[0]["complete_prompt"]
    assert problem.tags == ("collections", "itertools", "string")
    assert problem.flags == frozenset()
    assert problem.row == ROWS[0]
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem


def test_packages_and_shared_state_are_flags() -> None:
    row = changed(canonical_solution="    import pandas as pd\n    return {}\n")
    problem = make(row)
    assert problem.flags == {"needs:pandas", "exposed_oracle"}
    assert all(isinstance(t, CodeTest) and t.together for t in problem.tests)
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem
    row = changed(test="from unittest.mock import patch\n" + ROWS[0]["test"])
    assert make(row).flags == {"exposed_oracle"}


@pytest.mark.parametrize("libs", [["a", "b"], "['a', 'b']"])
def test_libraries_are_a_list_or_python_s_text_of_one(libs: Any) -> None:
    assert make(changed(libs=libs)).tags == ("a", "b")
    assert make(changed(libs=...)).tags == ()


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (changed(task_id=""), "task_id", "must not be empty"),
        (changed(entry_point="f"), "entry_point", "is not defined by the solution"),
        (changed(entry_point="f()"), "entry_point", "must be a function's name"),
        (changed(test="import unittest\n"), "test", "must be a file with test functions"),
        (changed(canonical_solution="  ("), "canonical_solution", "must be Python"),
        (changed(libs="__import__('os')"), "libs", "must be Python's text of a list"),
        (changed(libs="{'a': 1}"), "libs", "must be a list of names"),
    ],
)
def test_a_malformed_row_names_its_column(row: Any, column: str, reason: str) -> None:
    with pytest.raises(DatasetRowError) as caught:
        make(row)
    assert caught.value.column == column
    assert reason in caught.value.reason


def test_both_are_registered() -> None:
    problems = load_problems("bigcodebench_hard", data_files=FILE, strict=True)
    assert problems[0].uid == "bigcodebench_hard/default/v0.1.4/BigCodeBench/928"
    assert problems[0].source == "bigcode/bigcodebench-hard"
    assert dataset_spec("bigcodebench").default_split == "v0.1.4"
