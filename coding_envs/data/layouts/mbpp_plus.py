"""evalplus/mbppplus: 378 tasks of MBPP with some thirty-five times as many tests.

What is ours to decide, and how it is decided:

- The prompt is that of our MBPP: the task's text, then "Your code should pass these tests:" and
  all of `test_list`, where the function's name stands. These asserts are not run: what they call
  is among the inputs of `test`, which compares floats within a tolerance instead of exactly.
- Each input with its result is one hidden CallTest, under EvalPlus' own rule; see `_evalplus.py`.
- Eight tasks compare sets, two accept two answers, three compute what they expect from a reference
  of their own: these stay one CodeTest each.
- The tests of check_str, text_match_three and text_starta_endb compare and forget to assert, so
  that any program passes. The comparison is asserted here; such problems are flagged "repaired".
- EvalPlus' own releases (MbppPlus-*.jsonl: `base_input`, `plus_input`, `contract`, `atol`) are read
  too. Their task_id is "Mbpp/2", their prompt a docstring with one assert, left as it is. Tuples,
  sets and complex numbers, which JSON has not, are made again of the inputs of the tasks concerned.

`Problem.row` lacks `test`, or `base_input` and `plus_input`: the tests hold them.

Source: the dataset card of evalplus/mbppplus; evalplus/evalplus, `evalplus/data/mbpp.py`; Liu et
al. 2023 (arXiv:2305.01210).
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ...problem import Problem
from ..rows import Row
from ..spec import DatasetSpec
from . import _evalplus
from .humaneval_plus import light, release_tests

__all__ = ["SPECS", "problem_from_row"]


def problem_from_row(
    row: object, *, split: str, row_number: int, revision: str = "", config: str = "default"
) -> Problem:
    """Returns the problem that a row of MBPP+ holds.

    Args:
      row: task_id, code, prompt, source_file, test_imports, test_list, test; or, in EvalPlus' own
        releases, task_id, prompt, entry_point, canonical_solution, base_input, plus_input,
        contract, assertion and atol.
      split: the split's name; early revisions said "train".
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".
      config: the configuration's name; the hub has only one.

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    columns = Row(row, dataset="mbpp_plus", split=split, number=row_number)
    known: dict[str, Any] = {"dataset": "mbpp_plus", "config": config, "split": split}
    known["revision"] = revision
    if "base_input" in columns.columns and "test" not in columns.columns:
        return _of_release(columns, known)
    key = str(columns.integer("task_id"))
    text, test = columns.text("prompt"), columns.text("test")
    asserts = columns.texts("test_list")
    if not asserts:
        raise columns.fault("test_list", "must hold at least one assert")
    solution = "\n".join([*columns.texts("test_imports"), columns.text("code")])
    solution = solution.replace("\r\n", "\n").replace("\r", "\n")
    defined = _defined(columns.python("code", solution))
    found = _evalplus.plus_tests(columns, test, defined)
    shown = "\n".join(code.strip() for code in asserts)
    return Problem(
        key=key,
        prompt=f"{text.strip()}\nYour code should pass these tests:\n\n{shown}\n",
        entry_point=found.entry_point,
        hidden_tests=found.tests,
        comparison=found.comparison,
        limits=_evalplus.LIMITS,
        solutions=(solution,),
        source="evalplus/mbppplus",
        license="Apache-2.0",
        flags=found.flags,
        row=light(columns.columns),
        **known,
    )


def _defined(tree: ast.Module) -> set[str]:
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _of_release(columns: Row, known: dict[str, Any]) -> Problem:
    key = columns.text("task_id")
    head, _, number = key.partition("/")
    if head != "Mbpp" or not number.isdecimal():
        raise columns.fault("task_id", f"must be 'Mbpp/' and a number, got {key[:40]!r}")
    entry_point = columns.text("entry_point")
    solution = columns.text("canonical_solution")
    if entry_point not in _defined(columns.python("canonical_solution", solution)):
        raise columns.fault("entry_point", f"{entry_point[:80]!r} is not defined by the solution")
    as_python = _AS_PYTHON.get(int(number))
    return Problem(
        key=str(int(number)),
        prompt=columns.text("prompt"),
        entry_point=entry_point,
        hidden_tests=release_tests(columns, solution, entry_point, as_python=as_python),
        limits=_evalplus.LIMITS,
        solutions=(solution,),
        source="evalplus/mbppplus",
        license="Apache-2.0",
        row=light(columns.columns),
        **known,
    )


# --- inputs that JSON cannot hold ----------------------------------------------------------------

_Inputs = list[Any]


def _tuples(depth: int, *places: int) -> Callable[[_Inputs], _Inputs]:
    """Makes tuples of the lists `depth` levels below the arguments at `places` (none: all)."""

    def convert(value: Any, left: int) -> Any:
        if left:
            return [convert(part, left - 1) for part in value]
        return tuple(value)

    def convert_all(inputs: _Inputs) -> _Inputs:
        return [
            [convert(v, depth) if not places or i in places else v for i, v in enumerate(args)]
            for args in inputs
        ]

    return convert_all


def _deep_tuple(value: Any) -> Any:
    return tuple(map(_deep_tuple, value)) if isinstance(value, list) else value


def _all_tuples(inputs: _Inputs) -> _Inputs:
    return [[_deep_tuple(value) for value in args] for args in inputs]


def _sets(inputs: _Inputs) -> _Inputs:
    # An empty one is a dict there, whose tests were made so.
    return [[[set(item) if item else {} for item in args[0]]] for args in inputs]


def _tuple_of_tuples(inputs: _Inputs) -> _Inputs:
    return [[tuple(map(tuple, value)) for value in args] for args in inputs]


def _tuples_in_tuple(inputs: _Inputs) -> _Inputs:
    return [
        [tuple(tuple(item) if isinstance(item, list) else item for item in args[0])]
        for args in inputs
    ]


def _values_as_tuples(inputs: _Inputs) -> _Inputs:
    return [[{k: tuple(v) for k, v in args[0].items()}, *args[1:]] for args in inputs]


_KINDS: tuple[tuple[Callable[[_Inputs], _Inputs], tuple[int, ...]], ...] = (
    (
        _tuples(0),
        (
            *(2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616),
            *(630, 726, 740, 744, 809),
        ),
    ),
    (_tuples(1), (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780)),
    (_tuples(1, 0), (75, 413, 444, 753)),
    (_tuples(0, 1), (106, 750)),
    (_tuples(0, 0), (250, 307, 405, 446, 617, 720, 763, 808)),
    (_tuple_of_tuples, (259, 401, 445)),
    (_tuples_in_tuple, (278,)),
    (_all_tuples, (580, 615, 791)),
    (_sets, (115,)),
    (lambda inputs: [[float(a), complex(b)] for a, b in inputs], (124,)),
    (lambda inputs: [[complex(args[0])] for args in inputs], (252,)),
    (_values_as_tuples, (722,)),
)
_AS_PYTHON = {number: convert for convert, numbers in _KINDS for number in numbers}


SPECS = (
    DatasetSpec(
        name="mbpp_plus",
        description="MBPP+: MBPP's tasks with some thirty-five times as many tests",
        loader=problem_from_row,
        splits=("test", "train"),
        default_split="test",
        hub_path="evalplus/mbppplus",
        expected_rows={("default", "test"): 378},
        styles=("call", "code"),
        license="Apache-2.0",
        needs_packages=True,
    ),
)
