"""DeepCoder's rows, of all four configurations, become problems."""

import json
from pathlib import Path

import pytest

from coding_envs.data.layouts.deepcoder import head_from_row, problem_from_row
from coding_envs.errors import DatasetRowError
from coding_envs.problem import CallTest, StdioTest

DATA = Path(__file__).parents[2] / "data"
ROWS = {
    name: [
        json.loads(x) for x in (DATA / f"deepcoder_preview_{name}.jsonl").read_text().splitlines()
    ]
    for name in ("taco", "primeintellect", "lcbv5", "codeforces")
}


def make(config, number=0, /, **changes):
    row = ROWS[config][number] | changes
    return problem_from_row(row, config=config, split="train", row_number=number)


def test_taco():
    problem = make("taco")
    assert problem.uid == "deepcoder/taco/train/0"
    assert problem.hidden_tests[0] == StdioTest("1 2\n", "3\n")
    assert make("taco", 1).entry_point == "neg"
    assert make("taco", 1).comparison.unwrap


def test_primeintellect():
    assert make("primeintellect").solutions == ("a, b = map(int, input().split())\nprint(a * b)\n",)
    assert make("primeintellect", 1).hidden_tests == (CallTest((1, 2), [3]),)


def test_lcbv5():
    assert make("lcbv5").hidden_tests[1] == StdioTest("4\n", "16\n")
    problem = make("lcbv5", 1)
    assert problem.entry_point == "Solution().total"
    assert problem.hidden_tests == (CallTest(([1, 2, 3],), 6),)
    assert "setrecursionlimit" in problem.prelude


def test_the_function_stands_in_either_place():
    assert make("lcbv5", 1, metadata=None) == make("lcbv5", 1)
    bare = [{"input": "[1]", "output": "1", "testtype": "functional"}]
    assert make("lcbv5", 1, tests=json.dumps(bare)).entry_point == "Solution().total"
    with pytest.raises(DatasetRowError, match=r"'metadata'.*func_name"):
        make("lcbv5", 1, tests=json.dumps(bare), metadata=None)


def test_codeforces():
    assert make("codeforces").hidden_tests == (StdioTest("3\n", "6\n"), StdioTest("5\n", "10\n"))


def test_decoded_tests():
    for config in ROWS:
        for number, row in enumerate(ROWS[config]):
            decoded = json.loads(row["tests"])
            assert make(config, number, tests=decoded) == make(config, number)
            head = head_from_row(
                {"tests": decoded}, config=config, split="train", row_number=number
            )
            assert head.style == make(config, number).tests[0].kind


@pytest.mark.parametrize("config", ROWS)
@pytest.mark.parametrize("tests", ["", None, "[]", "nonsense", "7"])
def test_a_row_without_tests_is_told(config, tests):
    with pytest.raises(DatasetRowError):
        make(config, tests=tests)
