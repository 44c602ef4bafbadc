"""openai/openai_humaneval: 164 functions to be completed, each with a `check(candidate)`.

Source: Chen et al. 2021 (arXiv:2107.03374); the dataset card of openai/openai_humaneval.
"""

from __future__ import annotations

import ast

from ...problem import CodeTest, Problem
from ..rows import Row
from ..spec import DatasetSpec

__all__ = ["SPECS", "problem_from_row"]


def problem_from_row(
    row: object, *, split: str, row_number: int, revision: str = "", config: str = "default"
) -> Problem:
    """Returns the problem that a row of HumanEval holds.

    The starter code is the prompt itself, whose helper functions some tests use. The limits are
    the defaults, whose 3 s are those of the reference harness.

    Args:
      row: task_id, prompt, canonical_solution, test, entry_point.
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".
      config: the configuration's name; the hub has only one.

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    columns = Row(row, dataset="humaneval", split=split, number=row_number)
    key = columns.text("task_id")
    prompt = columns.text("prompt")
    solution = prompt + columns.text("canonical_solution")
    test = columns.text("test")
    entry_point = columns.text("entry_point")
    if not key:
        raise columns.fault("task_id", "must not be empty")
    if not entry_point.isidentifier():
        raise columns.fault("entry_point", f"must be a function's name, got {entry_point[:80]!r}")
    if "check" not in _functions(columns.python("test", test)):
        raise columns.fault("test", "must define check(candidate)")
    if entry_point not in _functions(columns.python("canonical_solution", solution)):
        raise columns.fault("entry_point", f"{entry_point!r} is not defined by the solution")
    return Problem(
        dataset="humaneval",
        config=config,
        split=split,
        revision=revision,
        key=key,
        prompt=prompt,
        starter_code=prompt,
        entry_point=entry_point,
        hidden_tests=(CodeTest(code=test, check="check"),),
        solutions=(solution,),
        source="openai/openai_humaneval",
        license="MIT",
        row=columns.columns,
    )


def _functions(tree: ast.Module) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


SPECS = (
    DatasetSpec(
        name="humaneval",
        description="HumanEval: complete a Python function from its docstring",
        loader=problem_from_row,
        splits=("test",),
        default_split="test",
        hub_path="openai/openai_humaneval",
        expected_rows={("default", "test"): 164},
        styles=("code",),
        license="MIT",
    ),
)
