"""MBPP+: calls where EvalPlus' own rule compares, special oracles honoured, empty ones repaired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coding_envs.data import load_problems
from coding_envs.data.layouts.mbpp_plus import problem_from_row
from coding_envs.errors import DatasetRowError
from coding_envs.problem import CallTest, CodeTest, Problem

FILE = Path(__file__).parents[2] / "data" / "evalplus_mbppplus.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text().splitlines()]
SETS, SQUARE, SPHERE = ROWS


def make(row: Any) -> Problem:
    return problem_from_row(row, split="test", row_number=7)


def test_each_input_becomes_a_call() -> None:
    problem = make(SQUARE)
    assert problem.uid == "mbpp_plus/default/test/17"
    assert problem.entry_point == "square_perimeter"
    assert problem.tests == (CallTest((10,), 40), CallTest((0,), 0), CallTest((2.5,), 10.0))
    assert problem.prompt.startswith(SQUARE["prompt"])
    assert problem.prompt.endswith(SQUARE["test_list"][2] + "\n")
    assert problem.starter_code == ""
    assert problem.row == {k: v for k, v in SQUARE.items() if k != "test"}
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem
    assert make(SPHERE).solutions[0].startswith("import math\nimport math\n")


def test_sets_stay_code_with_a_stand_in_for_numpy() -> None:
    (test,) = make(SETS).tests
    assert isinstance(test, CodeTest)
    assert "assertion(similar_elements(*_copied(inp)), exp, 0)" in test.code
    assert "import numpy" not in test.code


NEVER_ASSERTS = """
import numpy as np
from math import inf

def is_floats(x) -> bool:
    return isinstance(x, float)

def assertion(out, exp, atol):
    if isinstance(out, bool):
        exact_match = out == exp
    else:
        exact_match = exp == (out is not None)

inputs = [['annie'], ['dawood']]
results = [True, False]
for i, (inp, exp) in enumerate(zip(inputs, results)):
    assertion(check_str(*inp), exp, 0)
"""


def test_a_comparison_that_is_never_asserted_is() -> None:
    row = SQUARE | {
        "code": "import re\ndef check_str(s):\n    return re.search('^[aeiou]', s)\n",
        "test": NEVER_ASSERTS,
        "test_list": ["assert check_str('annie')"],
    }
    problem = make(row)
    (test,) = problem.tests
    assert isinstance(test, CodeTest)
    assert problem.flags == {"repaired"}
    names: dict[str, Any] = {}
    exec(test.code.split("inputs =")[0], names)
    names["assertion"](True, True, 0)
    names["assertion"](object(), True, 0)
    for out in (None, False):
        with pytest.raises(AssertionError):
            names["assertion"](out, True, 0)


RELEASE = {
    "task_id": "Mbpp/2",
    "prompt": '"""\nWrite a function.\nassert set(similar_elements((3, 4), (4, 5))) == {4}\n"""\n',
    "entry_point": "similar_elements",
    "canonical_solution": "def similar_elements(a, b):\n    return tuple(set(a) & set(b))\n",
    "base_input": [[[3, 4], [4, 5]]],
    "plus_input": [],
    "contract": "",
    "assertion": "",
    "atol": 0,
}


@pytest.mark.parametrize(
    ("number", "inputs", "wanted"),
    [
        (2, [[[3], [4]]], "[[(3,), (4,)]]"),
        (63, [[[[1, 2], [3]]]], "[[[(1, 2), (3,)]]]"),
        (75, [[[[1, 2]], 6]], "[[[(1, 2)], 6]]"),
        (106, [[[1], [2]]], "[[[1], (2,)]]"),
        (115, [[[[1], []]]], "[[[{1}, {}]]]"),
        (124, [["0", "1j"]], "[[0.0, 1j]]"),
        (252, [["1+2j"]], "[[(1+2j)]]"),
        (250, [[[1, 2], 3]], "[[(1, 2), 3]]"),
        (259, [[[[1, 2]], [[3, 4]]]], "[[((1, 2),), ((3, 4),)]]"),
        (278, [[[1, [2], 3]]], "[[(1, (2,), 3)]]"),
        (307, [[[1, [2]], 0, 50]], "[[(1, [2]), 0, 50]]"),
        (580, [[[1, [2, [3]]]]], "[[(1, (2, (3,)))]]"),
        (722, [[{"a": [1.5, 2]}, 6.0]], "[[{'a': (1.5, 2)}, 6.0]]"),
        (3, [[[1]]], "[[[1]]]"),
    ],
)
def test_what_json_cannot_hold_is_made_again(number: int, inputs: Any, wanted: str) -> None:
    problem = make(RELEASE | {"task_id": f"Mbpp/{number}", "base_input": inputs})
    (test,) = problem.tests
    assert isinstance(test, CodeTest)
    assert f"for args in {wanted}:" in test.code
    assert problem.key == str(number)


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (SQUARE | {"task_id": "17"}, "task_id", "must be an int"),
        (SQUARE | {"test_list": []}, "test_list", "at least one assert"),
        (SQUARE | {"code": "x = 1"}, "test", "a loop that calls the function with them"),
        (SQUARE | {"test": "inputs = ["}, "test", "must be Python"),
        (RELEASE | {"task_id": "HumanEval/2"}, "task_id", "must be 'Mbpp/' and a number"),
        (RELEASE | {"entry_point": "f"}, "entry_point", "is not defined"),
        (RELEASE | {"base_input": [[1, 2]]}, "base_input", "is not as EvalPlus writes it"),
        (RELEASE | {"base_input": [3]}, "base_input", "must be a list of argument lists"),
    ],
)
def test_a_malformed_row_names_its_column(row: Any, column: str, reason: str) -> None:
    with pytest.raises(DatasetRowError) as caught:
        make(row)
    assert caught.value.column == column
    assert reason in caught.value.reason


def test_it_is_registered() -> None:
    assert len(load_problems("mbpp_plus", data_files=FILE, strict=True)) == len(ROWS)
