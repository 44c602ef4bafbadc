"""agentica-org/DeepCoder-Preview-Dataset: problems of four others whose references pass.

What is ours to decide, beyond `_contest.py`:

- The configurations are the datasets it is made of: taco, primeintellect, lcbv5, codeforces. Each
  holds its tests in a form of its own, which is that of the dataset; codeforces' have none but
  input and output.
- There is no id: the key is the row's number in the split.
- All tests are hidden, and all are run, where the dataset's own harness takes the 15 longest.
- Solutions of primeintellect stand in fenced blocks, which are taken off.
- Time is 6 s per test, the least of the harness; lcbv5 gets LiveCodeBench's prelude.
- `Problem.row` is without `tests`.

Source: the dataset card; agentica-project/rllm, `rewards/code_reward.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...problem import CallTest, Problem, StdioTest
from ..rows import Row
from ..spec import DatasetSpec, Head
from ._contest import (
    CALL_PRELUDE,
    comparison_for,
    entry_point_for,
    flags_of_text,
    io_style,
    io_tests,
    limits_for,
    python_programs,
    unfenced,
)
from .livecodebench import HARNESS_S, PRELUDE, plain_tests
from .verifiable_coding import typed_tests

__all__ = ["SPECS", "head_from_row", "problem_from_row"]

_CALL = re.compile(r'"(?:type|testtype)"\s*:\s*"(stdin_stdout|stdin|function_call|functional)"')


def problem_from_row(
    row: object, *, config: str = "primeintellect", split: str, row_number: int, revision: str = ""
) -> Problem:
    """Returns the problem that a row of DeepCoder's dataset holds.

    Args:
      row: problem, tests; in some configurations solutions, starter_code, metadata.
      config: the dataset that the row came from.
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".

    Raises:
      DatasetRowError: a column is missing or malformed, or the row has no tests; names it.
    """
    columns = Row(row, dataset="deepcoder", split=split, number=row_number)
    statement = columns.text("problem")
    tests, function = _tests(columns, config)
    if not tests:
        raise columns.fault("tests", "holds no tests")
    programs = [unfenced(text) for text in columns.optional_texts("solutions")]
    starter = columns.optional_text("starter_code")
    entry_point = entry_point_for(columns, function, [starter, *programs, statement])
    prelude = PRELUDE if config == "lcbv5" else CALL_PRELUDE if entry_point else ""
    return Problem(
        dataset="deepcoder",
        config=config,
        split=split,
        revision=revision,
        key=str(row_number),
        prompt=statement,
        starter_code=starter if entry_point else "",
        prelude=prelude,
        entry_point=entry_point,
        hidden_tests=tests,
        limits=limits_for(tests, harness_s=HARNESS_S),
        comparison=comparison_for(tests),
        solutions=python_programs(programs),
        source=config,
        license="MIT",
        flags=frozenset(flags_of_text(statement)),
        row=columns.without("tests"),
    )


def head_from_row(
    row: object, *, config: str = "primeintellect", split: str, row_number: int
) -> Head:
    """Returns the head of a row's problem; see `problem_from_row`.

    Raises:
      DatasetRowError: the column of tests is given and empty.
    """
    columns = Row(row, dataset="deepcoder", split=split, number=row_number)
    head = Head(key=str(row_number), source=config)
    if "tests" not in columns.columns:
        return head
    value = columns.columns["tests"]
    if not value:
        raise columns.fault("tests", "holds no tests")
    return replace(head, style=_style(value, config))


def _style(value: Any, config: str) -> str:
    if config == "taco":
        return io_style(value)
    if isinstance(value, str):
        match = _CALL.search(value)
        kind = match[1] if match else ""
    else:
        first = value[0]
        kind = first.get("type") or first.get("testtype") or ""
    return "call" if kind in ("function_call", "functional") else "stdio"


def _tests(columns: Row, config: str) -> tuple[tuple[StdioTest | CallTest, ...], str]:
    """Returns the tests, and the name of the function that they call, or ""."""
    if not columns.columns.get("tests"):
        return (), ""
    if config == "taco":
        found = io_tests(columns, "tests")
        return found.tests, found.function
    cases = columns.json("tests")
    if config == "primeintellect":
        return typed_tests(columns, "tests", cases)
    found = plain_tests(columns, "tests", cases)
    called = any(isinstance(test, CallTest) for test in found.tests)
    return found.tests, _function(columns, cases) if called else ""


def _function(columns: Row, cases: Any) -> str:
    """Returns the function's name, which may stand in the row's metadata or in the first case's."""
    own = columns.json("metadata") if columns.columns.get("metadata") else {}
    first = cases[0].get("metadata") if cases else {}
    names = [m["func_name"] for m in (own, first) if isinstance(m, Mapping) and m.get("func_name")]
    if not names:
        raise columns.fault("metadata", "must name the function to call, as func_name")
    return str(names[0])


_ROWS = {
    ("primeintellect", "train"): 16252,
    ("taco", "train"): 7436,
    ("lcbv5", "train"): 599,
    ("lcbv5", "test"): 279,
    ("codeforces", "test"): 408,
}

SPECS = (
    DatasetSpec(
        name="deepcoder",
        description="DeepCoder: problems of TACO, PrimeIntellect, LiveCodeBench and Codeforces",
        loader=problem_from_row,
        head=head_from_row,
        head_columns=("problem",),
        style_columns=("tests",),
        configs=("primeintellect", "taco", "lcbv5", "codeforces"),
        default_config="primeintellect",
        splits=("train", "test"),
        default_split="train",
        hub_path="agentica-org/DeepCoder-Preview-Dataset",
        expected_rows=_ROWS,
        styles=("stdio", "call"),
        license="MIT",
    ),
)
