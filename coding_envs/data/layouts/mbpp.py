"""google-research-datasets/mbpp: short tasks, each with a few asserts; configs full and sanitized.

What is ours to decide, and how it is decided:

- The prompt is the literature's: the task's text, then "Your code should pass these tests:" and
  all of `test_list`. The function's name stands nowhere else.
- The tests that the prompt shows are therefore public; there are no hidden ones. A policy can pass
  by memorising three answers, and that is a property of this dataset.
- `challenge_test_list` is not run, as in the literature; it stays in `Problem.row`.
- `test_setup_code` runs in the program's process, after the program, because it builds trees of
  the program's own class.

Source: Austin et al. 2021 (arXiv:2108.07732); the dataset card of google-research-datasets/mbpp.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...problem import CodeTest, Limits, Problem
from ..rows import Row
from ..spec import DatasetSpec

__all__ = ["SPECS", "problem_from_row"]

_TEXT_COLUMN = {"full": "text", "sanitized": "prompt"}

# The reference of 123 sums divisors for some 3 s, which is the default limit.
_LIMITS = {123: Limits(cpu_time_s=12.0)}


def problem_from_row(
    row: object, *, config: str = "full", split: str, row_number: int, revision: str = ""
) -> Problem:
    r"""Returns the problem that a row of MBPP holds.

    Args:
      row: for "full" task_id, text, code, test_list, test_setup_code, challenge_test_list; for
        "sanitized" task_id, prompt, code, test_imports, test_list, source_file.
      config: "full" or "sanitized".
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    columns = Row(row, dataset="mbpp", split=split, number=row_number)
    if _TEXT_COLUMN[config] not in columns.columns:
        raise _wrong_layout(columns, config)
    task_id = columns.integer("task_id")
    text = columns.text(_TEXT_COLUMN[config])
    solution = columns.text("code").replace("\r\n", "\n").replace("\r", "\n")
    asserts = columns.texts("test_list")
    imports, setup = "", ""
    if config == "sanitized":
        imports = "\n".join(columns.texts("test_imports"))
        columns.python("test_imports", imports)
    else:
        setup = columns.text("test_setup_code").replace("\r\n", "\n")
        columns.python("test_setup_code", setup)
    entry_point = _entry_point(columns, columns.python("code", solution), asserts)
    tests = [CodeTest(code=code, imports=imports, program_setup=setup) for code in asserts]
    shown = "\n".join(code.strip() for code in asserts)
    return Problem(
        dataset="mbpp",
        config=config,
        split=split,
        revision=revision,
        key=str(task_id),
        prompt=f"{text.strip()}\nYour code should pass these tests:\n\n{shown}\n",
        entry_point=entry_point,
        public_tests=tuple(tests),
        limits=_LIMITS.get(task_id, Limits()),
        solutions=(solution,),
        source="google-research-datasets/mbpp",
        license="CC-BY-4.0",
        row=columns.columns,
    )


def _wrong_layout(columns: Row, config: str) -> Exception:
    wanted = _TEXT_COLUMN[config]
    for other, column in _TEXT_COLUMN.items():
        if column in columns.columns:
            reason = f"is missing; the row has the layout of {other!r}: load it with config={other}"
            return columns.fault(wanted, reason)
    return columns.fault(wanted, "is missing")


def _entry_point(columns: Row, solution: ast.Module, asserts: tuple[str, ...]) -> str:
    """Returns the first function called in the first assert that the reference defines."""
    if not asserts:
        raise columns.fault("test_list", "must hold at least one assert")
    trees = [columns.python("test_list", code) for code in asserts]
    for code, tree in zip(asserts, trees, strict=True):
        if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
            raise columns.fault("test_list", f"must hold asserts, got {code[:60]!r}")
    defined = set(_defined(solution))
    for name in _called(trees[0]):
        if name in defined:
            return name
    raise columns.fault("test_list", "the first assert calls no function that the code defines")


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _called(node: ast.AST) -> Iterator[str]:
    """Yields the names of called functions in the order of the text, outer calls first."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        yield node.func.id
    for child in ast.iter_child_nodes(node):
        yield from _called(child)


_ROWS = {"full": (374, 500, 90, 10), "sanitized": (120, 257, 43, 7)}
_SPLITS = ("train", "test", "validation", "prompt")

SPECS = (
    DatasetSpec(
        name="mbpp",
        description="MBPP: mostly basic Python programs, from a sentence and three asserts",
        loader=problem_from_row,
        configs=tuple(_ROWS),
        default_config="full",
        splits=_SPLITS,
        default_split="test",
        hub_path="google-research-datasets/mbpp",
        expected_rows={
            (config, split): count
            for config, counts in _ROWS.items()
            for split, count in zip(_SPLITS, counts, strict=True)
        },
        styles=("code",),
        license="CC-BY-4.0",
    ),
)
