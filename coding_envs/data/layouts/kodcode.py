"""KodCode/KodCode-V1: 447 thousand functions and classes, each with a file of tests for pytest.

What is ours to decide, and how it is decided:

- The file becomes one hidden CodeTest per test function, so that each counts. Where it imports
  nothing from `solution`, `from solution import *` stands before it. pytest itself is not in the
  jail: what test files use of it is, and what is not is a JUDGE_ERROR that names it.
- pytest also collects what a file imports under a name that starts with `test`. Here only the
  functions that the file itself defines are tests.
- The entry point is `test_info`'s function name, else the first function or class that the
  reference defines and the test names, else the reference's last.
- "complete" rows put a signature with its docstring in `question`: it is the starter code as well.
- The difficulty is `gpt_difficulty`. `version` and `style` are among the tags, as is `subset`.
- Rows that need packages beyond the standard library are kept; the flag `needs:NAME` names each
  such package. A judge whose jail lacks one says so: JUDGE_ERROR, never a wrong answer. Where it is
  another one than NumPy, whose objects are no plain data, the tests run in the program's own
  process; such problems are flagged "exposed_oracle".
- Rows of V1.1 whose test is no file of Python with test functions, such as those of the kind
  stdin/stdout, are refused with the reason.
- The split "use_with_caution" failed the authors' own checks: flagged so. `Codeforces_12376_I` is
  flagged "known_bad".

Columns of V1.0 and of the first upload are read too: `test_code` for `test`, `conversation_id` for
`question_id`, `test_entry_point`. `Problem.row` lacks `test`, which the tests hold, and `trials`:
the earlier attempts' programs and tests, most of the row.

The license is non-commercial (CC-BY-NC-4.0).

Source: Xu et al. 2025 (arXiv:2503.02951); the dataset card of KodCode/KodCode-V1.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Any

from ...errors import InvalidValueError
from ...problem import CodeTest, Limits, Problem
from ..rows import Row, parse_python
from ..spec import DatasetSpec, Head
from ._packages import needed_packages

__all__ = ["SPECS", "head_from_row", "problem_from_row"]

_HEAVY = frozenset(("test", "test_code", "trials"))
_IMPORTS = re.compile(r"^\s*(?:from\s+solution\b|import\s+solution\b)", re.MULTILINE)
_KNOWN_BAD = frozenset(("Codeforces_12376_I",))
# The authors' harness gives 5 s to each test, others 30 s to a file; here one run makes all calls.
_LIMITS = Limits(cpu_time_s=10.0)


def problem_from_row(
    row: object, *, split: str, row_number: int, revision: str = "", config: str = "default"
) -> Problem:
    """Returns the problem that a row of KodCode holds.

    Args:
      row: version, style, subset, question_id, question, solution, test, test_info, gpt_difficulty
        and others; see above for older layouts.
      split: "train" or "use_with_caution".
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".
      config: the configuration's name; the hub has only one.

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    columns = Row(row, dataset="kodcode", split=split, number=row_number)
    head = _head(columns)
    question = columns.text("question")
    solution = columns.text("solution").replace("\r\n", "\n")
    column = "test" if "test" in columns.columns else "test_code"
    test = columns.text(column).replace("\r\n", "\n")
    trees = columns.python("solution", solution), columns.python(column, test)
    imports = "" if _IMPORTS.search(test) else "from solution import *\n"
    needed = needed_packages(*trees)
    together = not set(needed) <= {"numpy"}
    try:
        tests = CodeTest.of_file(test, imports=imports, together=together)
    except InvalidValueError:
        raise columns.fault(column, "must be a file with test functions") from None
    entry_point = _entry_point(columns, *trees)
    flags = {"use_with_caution"} if split == "use_with_caution" else set()
    if head.key in _KNOWN_BAD:
        flags.add("known_bad")
    flags |= {f"needs:{name}" for name in needed}
    if together:
        flags.add("exposed_oracle")
    complete = _optional_text(columns, "style") == "complete"
    return Problem(
        dataset="kodcode",
        config=config,
        split=split,
        revision=revision,
        key=head.key,
        prompt=question,
        starter_code=_starter(question, entry_point) if complete else "",
        entry_point=entry_point,
        hidden_tests=tests,
        limits=_LIMITS,
        solutions=(solution,),
        difficulty=head.difficulty,
        tags=head.tags,
        source=head.source,
        license="CC-BY-NC-4.0",
        flags=frozenset(flags),
        row={name: value for name, value in columns.columns.items() if name not in _HEAVY},
    )


def head_from_row(row: object, *, split: str, row_number: int, config: str = "default") -> Head:
    """Returns the head of a row of KodCode; reads question_id and the columns of labels alone."""
    del config
    return _head(Row(row, dataset="kodcode", split=split, number=row_number))


def _head(columns: Row) -> Head:
    named = "question_id" in columns.columns or "conversation_id" not in columns.columns
    key = columns.text("question_id" if named else "conversation_id")
    if not key:
        raise columns.fault("question_id", "must not be empty")
    labels = (_optional_text(columns, name) for name in ("version", "style", "subset"))
    return Head(
        key=key,
        difficulty=_optional_text(columns, "gpt_difficulty"),
        tags=tuple(label for label in labels if label),
        source="KodCode/KodCode-V1",
        style="code",
    )


def _optional_text(columns: Row, name: str) -> str:
    return columns.text(name) if columns.columns.get(name) is not None else ""


def _entry_point(columns: Row, solution: ast.Module, test: ast.Module) -> str:
    """Returns the name of the function or class that is wanted, or "" where there is none."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    defined = [node.name for node in solution.body if isinstance(node, kinds)]
    for name in _given_names(columns):
        if name in defined:
            return name
    used = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    for node in ast.walk(test):
        if isinstance(node, ast.ImportFrom) and node.module == "solution":
            used |= {alias.name for alias in node.names}
    return next((name for name in defined if name in used), defined[-1] if defined else "")


def _given_names(columns: Row) -> Iterable[str]:
    info: Any = columns.columns.get("test_info")
    if isinstance(info, dict):
        many = info.get("function_name")
        info = [{"function_name": n} for n in many] if isinstance(many, list) else [info]
    given = [one.get("function_name") for one in info or () if isinstance(one, dict)]
    return [
        name for name in (*given, columns.columns.get("test_entry_point")) if isinstance(name, str)
    ]


def _starter(question: str, entry_point: str) -> str:
    """Returns the signature and docstring that a "complete" row's question is, or ""."""
    text = question if question.endswith("\n") else question + "\n"
    try:
        tree = parse_python(text)
    except ValueError:
        return ""
    last = tree.body[-1] if tree.body else None
    is_it = isinstance(last, (ast.FunctionDef, ast.AsyncFunctionDef)) and last.name == entry_point
    return text if is_it else ""


SPECS = (
    DatasetSpec(
        name="kodcode",
        description="KodCode-V1: functions and classes with tests for pytest, made by a model",
        loader=problem_from_row,
        head=head_from_row,
        head_columns=(
            *("question_id", "conversation_id", "version", "style", "subset", "gpt_difficulty"),
        ),
        splits=("train", "use_with_caution"),
        hub_path="KodCode/KodCode-V1",
        styles=("code",),
        license="CC-BY-NC-4.0",
        needs_packages=True,
    ),
)
