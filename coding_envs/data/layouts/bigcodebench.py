"""bigcode/bigcodebench and bigcode/bigcodebench-hard: functions that use many libraries.

What is ours to decide, and how it is decided:

- Each test method of the `unittest` file is one hidden CodeTest, which sees the program as the
  module `solution` and by the function's bare name, as the file does.
- The prompt is `complete_prompt`, which is the starter code too: its imports stand before whatever
  is written, as in the authors' "calibrated" mode. The natural-language form, `instruct_prompt`,
  is in `Problem.row`.
- The flag `needs:NAME` names each package beyond the standard library that the reference or the
  tests import. A judge whose jail lacks one says so: JUDGE_ERROR, never a wrong answer.
- Tests that patch the program's libraries, touch files, or need packages, whose objects are no
  plain data (figures, data frames), run in the program's own process, where a program that means
  to can find them; such problems are flagged "exposed_oracle". The others run apart from it, as
  all code tests do. There is no network, and no other process, in either place: what needs one
  fails for the reference too, a JUDGE_ERROR.
- The version is the name of the split, such as "v0.1.4".
- The limits are 20 s and 2 GiB for all tests of a problem; the authors' are 240 s and 30 GiB.

Source: Zhuo et al. 2024 (arXiv:2406.15877); the dataset cards; bigcode-project/bigcodebench.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from ...errors import InvalidValueError
from ...problem import CodeTest, Limits, Problem
from ..rows import Row
from ..spec import DatasetSpec, RowLoader
from ._packages import needed_packages

__all__ = ["SPECS", "problem_from_row"]

_LIMITS = Limits(cpu_time_s=20.0, memory_bytes=2 << 30)
_SHARES = re.compile(
    r"\b(?:patch|mock|Mock|MagicMock|mock_open|os|sys|io|shutil|tempfile|pathlib|glob|open|random|"
    r"logging|sqlite3|zipfile|csv|time|datetime|redirect_stdout)\b"
)


def problem_from_row(
    row: object,
    *,
    split: str,
    row_number: int,
    revision: str = "",
    config: str = "default",
    dataset: str = "bigcodebench",
) -> Problem:
    """Returns the problem that a row of BigCodeBench, or of BigCodeBench-Hard, holds.

    Args:
      row: task_id, complete_prompt, instruct_prompt, canonical_solution, code_prompt, test,
        entry_point, doc_struct, libs; BigCodeBench-Hard has _id, q_idx, question, score besides.
      split: the version, such as "v0.1.4".
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".
      config: the configuration's name; the hub has only one.
      dataset: "bigcodebench" or "bigcodebench_hard".

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    columns = Row(row, dataset=dataset, split=split, number=row_number)
    key, prompt = columns.text("task_id"), columns.text("complete_prompt")
    if not key:
        raise columns.fault("task_id", "must not be empty")
    entry_point, test = columns.text("entry_point"), columns.text("test")
    if not entry_point.isidentifier():
        raise columns.fault("entry_point", f"must be a function's name, got {entry_point[:80]!r}")
    solution = prompt + columns.text("canonical_solution")
    trees = columns.python("canonical_solution", solution), columns.python("test", test)
    defined = [node.name for node in trees[0].body if isinstance(node, ast.FunctionDef)]
    if entry_point not in defined:
        raise columns.fault("entry_point", f"{entry_point!r} is not defined by the solution")
    flags = {f"needs:{name}" for name in needed_packages(*trees)}
    together = bool(flags) or _SHARES.search(test) is not None
    if together:
        flags.add("exposed_oracle")
    try:
        tests = CodeTest.of_file(test, together=together)
    except InvalidValueError:
        raise columns.fault("test", "must be a file with test functions") from None
    return Problem(
        dataset=dataset,
        config=config,
        split=split,
        revision=revision,
        key=key,
        prompt=prompt,
        starter_code=prompt,
        entry_point=entry_point,
        hidden_tests=tests,
        limits=_LIMITS,
        solutions=(solution,),
        tags=_libraries(columns),
        source=f"bigcode/{dataset.replace('_', '-')}",
        license="Apache-2.0",
        flags=frozenset(flags),
        row=columns.columns,
    )


def _libraries(columns: Row) -> tuple[str, ...]:
    """Returns the libraries that `libs` names: a list, or Python's text of one."""
    libs: Any = columns.columns.get("libs")
    if isinstance(libs, str):
        try:
            libs = ast.literal_eval(libs)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise columns.fault("libs", "must be Python's text of a list of names") from None
    if libs is None:
        return ()
    if not isinstance(libs, list) or not all(isinstance(name, str) for name in libs):
        raise columns.fault("libs", "must be a list of names")
    return tuple(libs)


def _loader(dataset: str) -> RowLoader:
    def load(row: Any, *, config: str, split: str, row_number: int, revision: str) -> Problem:
        return problem_from_row(
            row,
            config=config,
            split=split,
            row_number=row_number,
            revision=revision,
            dataset=dataset,
        )

    return load


_SPLITS = ("v0.1.4", "v0.1.3", "v0.1.2", "v0.1.1", "v0.1.0_hf")


def _spec(name: str, hub_path: str, rows: int, description: str) -> DatasetSpec:
    return DatasetSpec(
        name=name,
        description=description,
        loader=_loader(name),
        splits=_SPLITS,
        default_split=_SPLITS[0],
        hub_path=hub_path,
        expected_rows={("default", _SPLITS[0]): rows},
        styles=("code",),
        license="Apache-2.0",
        needs_packages=True,
    )


SPECS = (
    _spec(
        "bigcodebench",
        "bigcode/bigcodebench",
        1140,
        "BigCodeBench: functions that use many libraries, with unit tests",
    ),
    _spec(
        "bigcodebench_hard",
        "bigcode/bigcodebench-hard",
        148,
        "BigCodeBench-Hard: the hardest 148 of BigCodeBench",
    ),
)
