"""LeetCodeDataset: asserts become calls, nodes are made and read off in the program's jail."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs.data import dataset_spec, load_problems
from coding_envs.data.layouts.leetcode import _NODES, _levels, head_from_row, problem_from_row
from coding_envs.data.spec import Head
from coding_envs.errors import DatasetRowError
from coding_envs.problem import CallTest, CodeTest, Problem

FILE = Path(__file__).parents[2] / "data" / "leetcode_dataset.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text().splitlines()]
SUM, LIST, WORD = ROWS


def make(row: Any) -> Problem:
    return problem_from_row(row, split="train", row_number=7)


def with_asserts(*asserts: str, row: Any = SUM) -> Problem:
    lines = "\n".join(f"    assert {text}" for text in asserts)
    return make(row | {"test": f"def check(candidate):\n{lines}\n"})


def test_each_assert_is_a_call() -> None:
    problem = make(SUM)
    assert problem.uid == "leetcode/default/train/authored-sum-of-evens"
    assert problem.tests == (
        CallTest((), 6, {"nums": [1, 2, 4]}),
        CallTest((), 0, {"nums": []}),
    )
    assert problem.entry_point == "Solution().sumEvens"
    assert problem.prelude.startswith(SUM["prompt"].rstrip())
    assert problem.solutions == (SUM["completion"],)
    assert problem.release_date == date(2025, 1, 5)
    assert (problem.difficulty, problem.tags) == ("Easy", ("Array",))
    assert problem.prompt.endswith(SUM["starter_code"])
    assert problem.row == {k: v for k, v in SUM.items() if k not in ("test", "input_output")}
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem


def test_nodes_travel_as_marked_lists() -> None:
    first, second = make(LIST).tests
    entry = "__nodes__(Solution().reverseList)"
    assert first == CallTest(
        (),
        ("__list_node__", [3, 2, 1]),
        {"head": ("__list_node__", [1, 2, 3])},
        entry,
    )
    assert second == CallTest((), None, {"head": ("__list_node__", [])}, entry)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("candidate(nums = [1]) == 1", "call"),
        ("candidate([1], k = -2.5) == [None, True, 'x', inf]", "call"),
        ("candidate(lists = [list_node([1]), list_node([2])]) == 3", "call"),
        ("is_same_tree(candidate(root = tree_node([1, None, 2])), tree_node([1]))", "call"),
        ("is_same_tree(candidate(root = tree_node([1])), None)", "call"),
        ("is_same_list(candidate(nums = [1]), candidate(nums = [2]))", "code"),
        ("abs(candidate(nums = [1]) - 1) < 1e-5", "code"),
        ("candidate(nums = [1]) == list_node([1])", "code"),
        ("candidate(nums = list(range(3))) == 3", "code"),
        ("candidate(nums = [1]) in (1, 2)", "code"),
        ("candidate(**{'nums': [1]}) == 1", "code"),
    ],
)
def test_forms_of_asserts(text: str, kind: str) -> None:
    (test,) = with_asserts(text).tests
    assert test.kind == kind
    if isinstance(test, CodeTest):
        assert test.check == "check"


def test_statements_that_hang_together_stay_together() -> None:
    code = "def check(candidate):\n    x = candidate(nums = [1])\n    assert x == 1\n"
    assert make(SUM | {"test": code}).tests == (CodeTest(code, check="check"),)


def test_the_first_test_is_of_the_head_s_kind() -> None:
    problem = with_asserts("candidate(nums = f(3)) == 1", "candidate(nums = [1]) == 1")
    assert [t.kind for t in problem.tests] == ["call", "code"]


class Tree:
    def __init__(self, val: Any) -> None:
        self.val, self.left, self.right = val, None, None


trees = st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=12).map(lambda rest: [1, *rest])


@given(trees)
def test_a_tree_is_read_off_as_it_was_written(values: list[Any]) -> None:
    def tree_node(values: list[Any]) -> Any:  # as in the dataset's prompts
        root, i, queue = Tree(values[0]), 1, []
        queue.append(root)
        while queue:
            node = queue.pop(0)
            for side in ("left", "right"):
                if i < len(values) and values[i] is not None:
                    setattr(node, side, Tree(values[i]))
                    queue.append(getattr(node, side))
                i += 1
        return root

    names: dict[str, Any] = {"tree_node": tree_node}
    exec(_NODES, names)
    echo = names["__nodes__"](lambda root: root)
    assert echo(("__tree_node__", values)) == ("__tree_node__", list(_levels(values)))


def test_an_endless_list_is_an_error() -> None:
    names: dict[str, Any] = {}
    exec(_NODES, names)

    class Node:
        val = 1

    node: Any = Node()
    node.next = node
    with pytest.raises(ValueError, match="has no end"):
        names["__nodes__"](lambda: node)()


def test_the_older_layout_is_read() -> None:
    row = {
        "task_id": "old",
        "prompt": SUM["prompt"],
        "completion": SUM["completion"],
        "entry_point": SUM["entry_point"],
        "test": SUM["test"],
        "query": SUM["query"],
        "response": SUM["response"],
        "input_output": [],
        "meta": {"question_id": 1, "difficulty": "Easy", "lang_code": SUM["starter_code"]},
    }
    problem = make(row)
    assert problem.prompt.startswith("Return the sum of the even numbers of nums.\n")
    assert (problem.starter_code, problem.difficulty) == (SUM["starter_code"], "Easy")
    assert problem.tests == make(SUM).tests
    row["meta"] = None
    assert make(row).starter_code == SUM["starter_code"]


@pytest.mark.parametrize(
    "value", ["2025-01-05", "2025-01-05T00:00:00", datetime(2025, 1, 5), date(2025, 1, 5)]
)
def test_dates_come_in_many_forms(value: Any) -> None:
    assert make(SUM | {"estimated_date": value}).release_date == date(2025, 1, 5)
    assert make(SUM | {"estimated_date": None}).release_date is None


@pytest.mark.parametrize("row", ROWS)
def test_the_head_says_what_the_problem_says(row: Any) -> None:
    problem = make(row)
    spec = dataset_spec("leetcode")
    columns = (*spec.head_columns, *spec.style_columns)
    head = head_from_row(
        {k: v for k, v in row.items() if k in columns}, split="train", row_number=7
    )
    fields = {name: getattr(problem, name) for name in Head.__dataclass_fields__ if name != "style"}
    assert head == Head(**fields, style=problem.tests[0].kind)


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"task_id": ""}, "task_id", "must not be empty"),
        ({"entry_point": "Solution("}, "entry_point", "must be such as Solution().f"),
        ({"entry_point": "__import__('os').f"}, "entry_point", "must be such as Solution().f"),
        ({"test": "x = 1"}, "test", "must define check(candidate)"),
        ({"test": "def check(candidate):\n    pass"}, "test", "must hold at least one assert"),
        ({"test": "def check(:"}, "test", "must be Python"),
        ({"completion": "class"}, "completion", "must be Python"),
        ({"estimated_date": "soon"}, "estimated_date", "must be a date"),
        ({"prompt": 3}, "prompt", "must be text"),
    ],
)
def test_a_malformed_row_names_its_column(changes: Any, column: str, reason: str) -> None:
    with pytest.raises(DatasetRowError) as caught:
        make(SUM | changes)
    assert caught.value.column == column
    assert reason in caught.value.reason


def test_it_is_registered() -> None:
    assert len(load_problems("leetcode", data_files=FILE, strict=True)) == len(ROWS)
    assert len(WORD) == len(SUM)
