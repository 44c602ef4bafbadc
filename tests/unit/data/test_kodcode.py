"""KodCode: files for pytest, one test per function, in all layouts that the hub has had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coding_envs.data import dataset_spec, load_problems
from coding_envs.data.layouts.kodcode import head_from_row, problem_from_row
from coding_envs.data.spec import Head
from coding_envs.errors import DatasetRowError
from coding_envs.problem import CodeTest, Problem

FILE = Path(__file__).parents[2] / "data" / "kodcode_v1.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text().splitlines()]
CLAMP, STACK, COMPLETE = ROWS


def make(row: Any, split: str = "train") -> Problem:
    return problem_from_row(row, split=split, row_number=7)


def test_each_function_of_the_file_is_a_test() -> None:
    problem = make(CLAMP)
    assert problem.uid == "kodcode/default/train/Prefill_00000001_I"
    assert [t.function for t in problem.tests if isinstance(t, CodeTest)] == [
        *("test_inside", "test_below", "test_above"),
    ]
    assert (problem.entry_point, problem.difficulty) == ("clamp", "easy")
    assert problem.tags == ("v1.0", "instruct", "Prefill")
    assert problem.starter_code == ""
    assert problem.row == {k: v for k, v in CLAMP.items() if k not in ("test", "trials")}
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem


def test_a_file_without_an_import_gets_one() -> None:
    first, _ = make(STACK).tests
    assert isinstance(first, CodeTest)
    assert first.imports == "from solution import *\n"
    assert make(STACK).entry_point == "Stack"
    (given, *_) = make(CLAMP).tests
    assert isinstance(given, CodeTest)
    assert given.imports == ""


def test_a_function_that_is_imported_is_no_test() -> None:
    row = CLAMP | {
        "solution": "def test_score(x):\n    return x\n",
        "test": "from solution import test_score\ndef test_it():\n    assert test_score(1) == 1\n",
        "test_info": None,
    }
    problem = make(row)
    assert [t.function for t in problem.tests if isinstance(t, CodeTest)] == ["test_it"]
    assert problem.entry_point == "test_score"


def test_a_complete_row_s_question_is_its_starter_code() -> None:
    problem = make(COMPLETE)
    assert problem.starter_code == COMPLETE["question"] + "\n"
    assert problem.assemble("    return max(lo, min(x, hi))\n").endswith(
        '"""\n    return max(lo, min(x, hi))\n'
    )
    assert make(COMPLETE | {"question": "Write clamp."}).starter_code == ""


def test_packages_and_doubts_are_flags() -> None:
    row = CLAMP | {
        "solution": "import numpy as np\nfrom scipy.stats import norm\n" + CLAMP["solution"]
    }
    assert make(row).flags == {"needs:numpy", "needs:scipy", "exposed_oracle"}
    assert make(CLAMP, "use_with_caution").flags == {"use_with_caution"}
    assert make(CLAMP | {"question_id": "Codeforces_12376_I"}).flags == {"known_bad"}


def test_older_layouts_are_read() -> None:
    row = {k: v for k, v in CLAMP.items() if k not in ("test", "test_info")}
    row["test_code"] = CLAMP["test"]
    assert make(row).tests == make(CLAMP).tests
    first = {
        "conversation_id": "abc",
        "question": "q",
        "solution": CLAMP["solution"],
        "test_code": CLAMP["test"],
        "test_entry_point": "clamp",
        "subset": "Prefill",
    }
    problem = make(first)
    assert (problem.key, problem.entry_point, problem.tags) == ("abc", "clamp", ("Prefill",))
    bare = CLAMP | {"test_info": CLAMP["test_info"][0]}
    assert make(bare).entry_point == "clamp"


@pytest.mark.parametrize("row", ROWS)
def test_the_head_says_what_the_problem_says(row: Any) -> None:
    problem = make(row)
    columns = dataset_spec("kodcode").head_columns
    head = head_from_row(
        {k: v for k, v in row.items() if k in columns}, split="train", row_number=7
    )
    fields = {name: getattr(problem, name) for name in Head.__dataclass_fields__ if name != "style"}
    assert head == Head(**fields, style=problem.tests[0].kind)


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"question_id": ""}, "question_id", "must not be empty"),
        ({"solution": "def f(:"}, "solution", "must be Python"),
        ({"test": "3 4"}, "test", "must be Python"),
        ({"test": "def helper(): pass"}, "test", "must be a file with test functions"),
        ({"test": None}, "test", "must be text"),
        ({"gpt_difficulty": 3}, "gpt_difficulty", "must be text"),
    ],
)
def test_a_malformed_row_names_its_column(changes: Any, column: str, reason: str) -> None:
    with pytest.raises(DatasetRowError) as caught:
        make(CLAMP | changes)
    assert caught.value.column == column
    assert reason in caught.value.reason


def test_it_is_registered() -> None:
    assert len(load_problems("kodcode", data_files=FILE, strict=True)) == len(ROWS)
