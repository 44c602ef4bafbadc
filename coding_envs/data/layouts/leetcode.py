"""newfacade/LeetCodeDataset: LeetCode's problems with some hundred asserts each.

What is ours to decide, and how it is decided:

- `check(candidate)` is taken apart: each statement of it is one hidden test. `assert candidate(...)
  == value` of literals is a CallTest under Python's `==`; a float may be off by 1e-5, as LeetCode
  itself has it. Other statements stay CodeTests.
- Each call is made on a fresh `Solution()`. The dataset's own harness calls a bound method of one
  single instance, so that what a program keeps on `self` leaks from one assert into the next.
- Linked lists and binary trees are made of lists in the program's process, with the row's own
  helpers, and what comes back is read off into lists again. `is_same_list(candidate(...),
  list_node(...))` is a CallTest as well; no helper that the program could replace decides anything.
- `prompt` is no prompt, but imports and helper classes: it is the prelude. It ends with `from
  builtins import pow` here, as `from math import *` hides the one with three arguments.
- What the policy is shown is the description, then the starter code.
- `input_output` is not used: it holds errors as outputs, and lists in the place of nodes.

`Problem.row` lacks `test` and `input_output`; `query` and `response` repeat what other columns say
and stay. The older layout is read too (v0.1, v0.2: `meta` with lang_code, difficulty, question_id).

Source: Xia et al. 2025 (arXiv:2504.14655); the dataset card of newfacade/LeetCodeDataset.
"""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from ...errors import PlainDataError
from ...problem import CallTest, CodeTest, Comparison, Limits, Problem
from ..rows import Row
from ..spec import DatasetSpec, Head

__all__ = ["SPECS", "head_from_row", "problem_from_row"]

_HEAVY = frozenset(("test", "input_output"))
_LIMITS = Limits(cpu_time_s=10.0)  # that of the authors' harness, for all asserts
_COMPARISON = Comparison(abs_tol=1e-5, rel_tol=0.0, equality="python")
_QUESTION = re.compile(r"### Question:\n(.*?)\n### Format:", re.DOTALL)
_STARTER = re.compile(r"```python\n(.*?)\n?```", re.DOTALL)

# Makes nodes of the marked lists among the arguments, and marked lists of the nodes in what comes
# back. A program that changes these functions changes what it claims, and knows no answer.
_NODES = """
from builtins import pow
def __nodes__(function):
    marks = ("__list_node__", "__tree_node__")
    makers = {}
    for mark, name in zip(marks, ("list_node", "tree_node")):
        makers[mark] = __makers__.get(name)
    def made(value):
        if type(value) is tuple and len(value) == 2 and value[0] in marks:
            return makers[value[0]](value[1])
        return [made(v) for v in value] if type(value) is list else value
    def shown(value):
        if type(value) in (list, tuple):
            return type(value)(map(shown, value))
        if hasattr(value, "val") and hasattr(value, "next"):
            values = []
            while value is not None:
                values.append(value.val)
                value = value.next
                if len(values) > 1_000_000:
                    raise ValueError("the linked list has no end")
            return (marks[0], values)
        if hasattr(value, "val") and hasattr(value, "left"):
            values, level = [], [value]
            while level:
                values += [None if node is None else node.val for node in level]
                level = [n for node in level if node is not None for n in (node.left, node.right)]
                if len(values) > 1_000_000:
                    raise ValueError("the tree has no end")
            while values and values[-1] is None:
                values.pop()
            return (marks[1], values)
        return value
    def call(*args, **kwargs):
        args = [made(v) for v in args]
        return shown(function(*args, **{k: made(v) for k, v in kwargs.items()}))
    return call
__makers__ = {k: v for k, v in globals().items() if k in ("list_node", "tree_node")}
"""


def problem_from_row(
    row: object, *, split: str, row_number: int, revision: str = "", config: str = "default"
) -> Problem:
    """Returns the problem that a row of LeetCodeDataset holds.

    Args:
      row: task_id, question_id, difficulty, tags, problem_description, starter_code,
        estimated_date, prompt, completion, entry_point, test and others; see above for the older
        layout.
      split: "train" or "test"; rows move between them from version to version.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".
      config: the configuration's name; the hub has only one.

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    columns = Row(row, dataset="leetcode", split=split, number=row_number)
    head = _head(columns)
    description, starter = _statement(columns)
    prelude, completion = columns.text("prompt"), columns.text("completion")
    entry_point = columns.text("entry_point")
    try:
        is_call_of = ast.unparse(ast.parse(entry_point, mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        is_call_of = ""
    if not re.fullmatch(r"(\w+\(\)\.)?\w+", is_call_of):
        reason = f"must be such as Solution().f, got {entry_point[:80]!r}"
        raise columns.fault("entry_point", reason)
    columns.python("prompt", prelude)
    columns.python("completion", completion)
    tests = _tests(columns, is_call_of)
    tests.sort(key=lambda test: test.kind != head.style)  # stable: the first one is of that kind
    return Problem(
        dataset="leetcode",
        config=config,
        split=split,
        revision=revision,
        key=head.key,
        prompt=f"{description.strip()}\n\nComplete this code:\n\n{starter}",
        starter_code=starter,
        prelude=f"{prelude.rstrip()}\n{_NODES}",
        entry_point=is_call_of,
        hidden_tests=tuple(tests),
        comparison=_COMPARISON,
        limits=_LIMITS,
        solutions=(completion,),
        difficulty=head.difficulty,
        tags=head.tags,
        source=head.source,
        license="Apache-2.0",
        release_date=head.release_date,
        row={name: value for name, value in columns.columns.items() if name not in _HEAVY},
    )


def head_from_row(row: object, *, split: str, row_number: int, config: str = "default") -> Head:
    """Returns the head of a row of LeetCodeDataset; of its tests it reads the first line."""
    del config
    return _head(Row(row, dataset="leetcode", split=split, number=row_number))


def _head(columns: Row) -> Head:
    key = columns.text("task_id")
    if not key:
        raise columns.fault("task_id", "must not be empty")
    meta = columns.columns.get("meta")
    labels: Any = {**(meta if isinstance(meta, dict) else {}), **columns.columns}
    difficulty, tags = labels.get("difficulty"), labels.get("tags")
    good = isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)
    test = columns.text("test") if "test" in columns.columns else None
    return Head(
        key=key,
        difficulty=difficulty if isinstance(difficulty, str) else "",
        tags=tuple(tags) if good and tags else (),
        source="newfacade/LeetCodeDataset",
        release_date=_date(columns, labels.get("estimated_date")),
        style="" if test is None else _style(test),
    )


_FIRST_IS_CALL = re.compile(
    r"def check\(candidate\):\s+assert (?:candidate\(.*\) == |is_same_(?:list|tree)\(candidate\()"
)
_MOST_HEAD = 100_000


def _style(test: str) -> str:
    return "call" if _FIRST_IS_CALL.search(test, 0, _MOST_HEAD) else "code"


def _date(columns: Row, value: Any) -> date | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(value).date()
    except (TypeError, ValueError):
        reason = f"must be a date, YYYY-MM-DD, got {value!r}"[:120]
        raise columns.fault("estimated_date", reason) from None


def _statement(columns: Row) -> tuple[str, str]:
    """Returns the description and the starter code."""
    if "problem_description" in columns.columns:
        return columns.text("problem_description"), columns.text("starter_code")
    query, meta = columns.text("query"), columns.columns.get("meta")
    question, code = _QUESTION.search(query), _STARTER.search(query)
    starter = meta.get("lang_code") if isinstance(meta, dict) else None
    if not isinstance(starter, str):
        starter = code[1] if code else ""
    return question[1] if question else query, starter


# --- the asserts ---------------------------------------------------------------------------------


def _tests(columns: Row, entry_point: str) -> list[CallTest | CodeTest]:
    test = columns.text("test")
    tree = columns.python("test", test)
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "check"]
    if len(found) != 1 or len(found[0].args.args) != 1:
        raise columns.fault("test", "must define check(candidate)")
    name, body = found[0].args.args[0].arg, found[0].body
    asserts = [node for node in body if isinstance(node, ast.Assert)]
    if not asserts:
        raise columns.fault("test", "must hold at least one assert")
    if len(asserts) != len(body) or len(tree.body) != 1:
        return [CodeTest(code=test, check="check")]  # its statements hang together
    tests: list[CallTest | CodeTest] = []
    for node in asserts:
        made: CallTest | CodeTest | None = _call_test(node.test, name, entry_point)
        if made is None:
            code = f"def check({name}):\n    {ast.unparse(node)}\n"
            made = CodeTest(code=code, check="check")
        tests.append(made)
    return tests


def _call_test(node: ast.expr, name: str, entry_point: str) -> CallTest | None:
    """Returns the test that an assertion makes; None where it is of another kind."""
    nodes, expected = False, None
    try:
        match node:
            case ast.Compare(left=ast.Call(), ops=[ast.Eq()], comparators=[right]):
                call = node.left
                expected = _value(right)
            case ast.Call(
                func=ast.Name(id="is_same_list" | "is_same_tree" as same),
                args=[ast.Call(), right],
                keywords=[],
            ):
                nodes, call = True, node.args[0]
                mark = "__list_node__" if same == "is_same_list" else "__tree_node__"
                expected = _value(right)
                if isinstance(expected, tuple) and expected[0] == mark:
                    expected = None if not expected[1] else (mark, _canonical(*expected))
                elif expected is not None:
                    return None
            case _:
                return None
        assert isinstance(call, ast.Call)  # by the patterns
        if not (isinstance(call.func, ast.Name) and call.func.id == name):
            return None
        if any(keyword.arg is None for keyword in call.keywords):
            return None
        args = [_value(arg) for arg in call.args]
        kwargs = {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
        values = [*args, *kwargs.values()]
        if not nodes and _has_nodes(expected):
            return None
        nodes = nodes or any(map(_has_nodes, values))
        entry = f"__nodes__({entry_point})" if nodes else None
        return CallTest(tuple(args), expected, kwargs, entry)
    except (ValueError, TypeError, RecursionError, MemoryError, PlainDataError):
        return None


_MAKERS = {"list_node": "__list_node__", "tree_node": "__tree_node__"}


def _value(node: ast.expr) -> Any:
    """Returns the value of a literal in which nodes may be made of lists."""
    if isinstance(node, ast.List):
        return [_value(part) for part in node.elts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MAKERS:
        if len(node.args) != 1 or node.keywords:
            raise ValueError("not as the helpers are called")
        return (_MAKERS[node.func.id], ast.literal_eval(node.args[0]))
    if isinstance(node, ast.Name) and node.id == "inf":
        return float("inf")
    return ast.literal_eval(node)


def _has_nodes(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_nodes, value))
    return isinstance(value, tuple) and len(value) == 2 and value[0] in _MAKERS.values()


def _canonical(mark: str, values: list[Any]) -> list[Any]:
    """Returns the list that the nodes made of `values` are read off into."""
    if mark == "__list_node__":
        return values
    return list(_levels(values))


def _levels(values: list[Any]) -> Iterator[Any]:
    """Yields a tree's values by level, None for a child that is missing, without trailing ones."""
    root: list[Any] = [values[0], None, None]
    waiting, rest = deque([root]), deque(values[1:])
    while waiting and rest:
        parent = waiting.popleft()
        for side in (1, 2):
            if rest and (value := rest.popleft()) is not None:
                parent[side] = [value, None, None]
                waiting.append(parent[side])
    found: list[Any] = []
    level: list[Any] = [root]
    while level:
        found += [None if node is None else node[0] for node in level]
        level = [child for node in level if node is not None for child in node[1:]]
    while found and found[-1] is None:
        found.pop()
    yield from found


_ROWS = {"train": 2641, "test": 228}

SPECS = (
    DatasetSpec(
        name="leetcode",
        description="LeetCodeDataset: LeetCode's problems with some hundred asserts each",
        loader=problem_from_row,
        head=head_from_row,
        head_columns=("task_id", "difficulty", "tags", "estimated_date", "meta"),
        style_columns=("test",),
        splits=tuple(_ROWS),
        hub_path="newfacade/LeetCodeDataset",
        expected_rows={("default", split): count for split, count in _ROWS.items()},
        styles=("call", "code"),
        license="Apache-2.0",
    ),
)
