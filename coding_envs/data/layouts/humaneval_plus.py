"""evalplus/humanevalplus: HumanEval's functions with some eighty times as many tests.

What is ours to decide, and how it is decided:

- Each input with its result is one hidden CallTest, under EvalPlus' own rule: `==`, else within
  atol + 1e-7 * |expected| where the task gives a tolerance or the expected value is a float or a
  sequence of floats (atol then is 1e-6). `_evalplus.py` says what differs.
- Six tasks have no results: their tests compute them from a reference of their own at run time, and
  stay one CodeTest each, as does what cannot be taken apart.
- HumanEval/32's test calls `_poly(*candidate(*inp), inp)`, which cannot succeed. It is asserted as
  what it means, `abs(poly(*inp, candidate(*inp))) <= 1e-4`; the problem is flagged "repaired".
- EvalPlus' own releases (HumanEvalPlus-*.jsonl: `base_input`, `plus_input`, `contract`, `atol`) are
  read too. They hold no results: one CodeTest for each of the two lists computes them from the
  reference, in the jail. `contract` stays in `Problem.row`.
- The limits are for all inputs of a problem together: 10 s and 1 GiB.

`Problem.row` lacks `test`, or `base_input` and `plus_input`: the tests hold them.

Source: the dataset card of evalplus/humanevalplus; Liu et al. 2023 (arXiv:2305.01210).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ...problem import CallTest, CodeTest, Comparison, Problem
from ..rows import Row
from ..spec import DatasetSpec
from . import _evalplus

__all__ = ["SPECS", "problem_from_row"]

_HEAVY = ("test", "base_input", "plus_input")
_BROKEN = "_poly(*candidate("

_FIND_ZERO = """
import math

def _poly(xs, x):
    return sum([coeff * math.pow(x, i) for i, coeff in enumerate(xs)])

def check(candidate):
    for xs in {inputs!r}:
        assert abs(_poly(xs, candidate(list(xs)))) <= 0.0001
"""


def problem_from_row(
    row: object, *, split: str, row_number: int, revision: str = "", config: str = "default"
) -> Problem:
    """Returns the problem that a row of HumanEval+ holds.

    Args:
      row: task_id, prompt, canonical_solution, entry_point, and test; or, in EvalPlus' own
        releases, base_input, plus_input, contract and atol instead of the last.
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".
      config: the configuration's name; the hub has only one.

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    columns = Row(row, dataset="humaneval_plus", split=split, number=row_number)
    key, prompt = columns.text("task_id"), columns.text("prompt")
    solution = prompt + columns.text("canonical_solution")
    entry_point = columns.text("entry_point")
    if not key:
        raise columns.fault("task_id", "must not be empty")
    if not entry_point.isidentifier():
        raise columns.fault("entry_point", f"must be a function's name, got {entry_point[:80]!r}")
    if entry_point not in _functions(columns.python("canonical_solution", solution)):
        raise columns.fault("entry_point", f"{entry_point!r} is not defined by the solution")
    tests: tuple[CallTest | CodeTest, ...]
    comparison, flags = Comparison(), frozenset[str]()
    if "test" not in columns.columns and "base_input" in columns.columns:
        tests = release_tests(columns, solution, entry_point)
    else:
        test = columns.text("test")
        if _BROKEN in test:
            tests, flags = (_find_zero(columns, test),), frozenset({"repaired"})
        else:
            found = _evalplus.plus_tests(columns, test)
            tests, comparison, flags = found.tests, found.comparison, found.flags
    return Problem(
        dataset="humaneval_plus",
        config=config,
        split=split,
        revision=revision,
        key=key,
        prompt=prompt,
        starter_code=prompt,
        entry_point=entry_point,
        hidden_tests=tests,
        comparison=comparison,
        limits=_evalplus.LIMITS,
        solutions=(solution,),
        source="evalplus/humanevalplus",
        license="Apache-2.0",
        flags=flags,
        row=light(columns.columns),
    )


def _functions(tree: ast.Module) -> set[str]:
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def light(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the columns without those that the tests hold."""
    return {name: value for name, value in columns.items() if name not in _HEAVY}


def _find_zero(columns: Row, test: str) -> CodeTest:
    """Returns HumanEval/32's test, repaired."""
    for node in ast.walk(columns.python("test", test)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "inputs":
            try:
                inputs = [list(map(float, args[0])) for args in ast.literal_eval(node.value)]
            except (ValueError, TypeError, LookupError, RecursionError) as error:
                reason = f"its inputs must be lists of coefficients: {error}"
                raise columns.fault("test", reason) from None
            return CodeTest(_FIND_ZERO.format(inputs=inputs), check="check")
    raise columns.fault("test", "must hold inputs")


def release_tests(
    columns: Row, solution: str, entry_point: str, *, as_python: Any = None
) -> tuple[CodeTest, ...]:
    """Returns the tests of a row of EvalPlus' own releases: base inputs, then the further ones.

    Args:
      columns: the row.
      solution: the reference, whole.
      entry_point: the function's name.
      as_python: turns a list of inputs, as JSON has them, into what the function takes; or None.
    """
    atol = columns.columns.get("atol", 0)
    if not isinstance(atol, (int, float)) or isinstance(atol, bool) or not 0 <= atol < 1:
        raise columns.fault("atol", f"must be a number in [0, 1), got {atol!r}"[:120])
    tests = []
    for name in ("base_input", "plus_input"):
        inputs = columns.columns.get(name) or []
        if not isinstance(inputs, list) or not all(isinstance(args, list) for args in inputs):
            raise columns.fault(name, "must be a list of argument lists")
        if inputs:
            if as_python is not None:
                try:
                    inputs = as_python(inputs)
                except (TypeError, ValueError, LookupError, AttributeError) as error:
                    raise columns.fault(name, f"is not as EvalPlus writes it: {error}") from None
            tests.append(_evalplus.cross_checked(solution, entry_point, inputs, atol))
    if not tests:
        raise columns.fault("base_input", "must hold at least one input")
    return tuple(tests)


SPECS = (
    DatasetSpec(
        name="humaneval_plus",
        description="HumanEval+: HumanEval's functions with some eighty times as many tests",
        loader=problem_from_row,
        splits=("test",),
        default_split="test",
        hub_path="evalplus/humanevalplus",
        expected_rows={("default", "test"): 164},
        styles=("call", "code"),
        license="Apache-2.0",
        needs_packages=True,
    ),
)
