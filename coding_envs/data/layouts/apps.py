"""codeparrot/apps: 10,000 problems from contest sites, on standard input or as a function.

What is ours to decide, beyond `_contest.py`:

- The key is `problem_id`, in the raw files on the hub's `main` called `id`. It begins at 0 in each
  split.
- The hub's own description of the files is a script, which nobody runs any more; its branch of
  Parquet files is read instead. The configurations are the difficulties, and "all"; of files that
  hold all of them, those of others are dropped.
- All tests are hidden: which of them the statement shows is not recorded.
- A function is called as a method of `Solution` where the starter code, or else the first solution,
  has that class.
- Time is the harness' 4 s per test. `Problem.row` is without `input_output`, which became tests.

About 4% of the training rows have no tests and are dropped; a quarter of the test rows have no
solutions. The tests are weak (false positives of 60% by AlphaCode's count, arXiv:2203.07814).

Source: Hendrycks et al. 2021 (arXiv:2105.09938); hendrycks/apps, `eval/testing_util.py`.
"""

from __future__ import annotations

from ...problem import Problem
from ..rows import Row
from ..spec import DatasetSpec, Head
from ._contest import (
    CALL_PRELUDE,
    comparison_for,
    entry_point_for,
    flags_of_text,
    io_head_style,
    io_tests,
    limits_for,
    platform_of,
    python_programs,
)

__all__ = ["SPECS", "head_from_row", "problem_from_row"]

_LEVELS = ("introductory", "interview", "competition")


def problem_from_row(
    row: object, *, config: str = "all", split: str, row_number: int, revision: str = ""
) -> Problem:
    """Returns the problem that a row of APPS holds.

    Args:
      row: problem_id or id, question, solutions, input_output, difficulty, url, starter_code;
        solutions and input_output as JSON text, or decoded.
      config: "all", or a difficulty.
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".

    Raises:
      DatasetRowError: a column is missing or malformed, or the row has no tests; names it.
    """
    columns = Row(row, dataset="apps", split=split, number=row_number)
    difficulty = _difficulty(columns, config)
    found = io_tests(columns, "input_output")
    programs = _solutions(columns)
    starter = columns.optional_text("starter_code")
    url = columns.optional_text("url")
    question = columns.text("question")
    entry_point = entry_point_for(columns, found.function, [starter, *programs])
    return Problem(
        dataset="apps",
        config=config,
        split=split,
        revision=revision,
        key=_key(columns),
        prompt=question,
        starter_code=starter if entry_point else "",
        prelude=CALL_PRELUDE if entry_point else "",
        entry_point=entry_point,
        hidden_tests=found.tests,
        limits=limits_for(found.tests),
        comparison=comparison_for(found.tests),
        solutions=python_programs(programs),
        difficulty=difficulty,
        source=platform_of(url),
        license="MIT",
        flags=frozenset(flags_of_text(question)),
        row=columns.without("input_output"),
    )


def head_from_row(row: object, *, config: str = "all", split: str, row_number: int) -> Head:
    """Returns the head of a row's problem; see `problem_from_row`.

    Raises:
      DatasetRowError: a column is missing or malformed, or the row has no tests; names it.
    """
    columns = Row(row, dataset="apps", split=split, number=row_number)
    return Head(
        key=_key(columns),
        difficulty=_difficulty(columns, config),
        source=platform_of(columns.optional_text("url")),
        style=io_head_style(columns, "input_output"),
    )


def _key(columns: Row) -> str:
    return str(columns.integer("id" if "id" in columns.columns else "problem_id"))


def _difficulty(columns: Row, config: str) -> str:
    difficulty = columns.text("difficulty")
    if config in _LEVELS and difficulty != config:
        raise columns.fault("difficulty", f"is {difficulty[:40]!r}, not {config!r} as asked for")
    return difficulty


def _solutions(columns: Row) -> list[str]:
    if not columns.columns.get("solutions"):
        return []
    programs = columns.json("solutions")
    if not isinstance(programs, list) or not all(isinstance(text, str) for text in programs):
        raise columns.fault("solutions", "must hold a list of texts")
    return programs


_ROWS = {
    "all": (5000, 5000),
    "introductory": (2639, 1000),
    "interview": (2000, 3000),
    "competition": (361, 1000),
}
_SPLITS = ("train", "test")

SPECS = (
    DatasetSpec(
        name="apps",
        description="APPS: contest problems, on standard input or as a function",
        loader=problem_from_row,
        head=head_from_row,
        head_columns=("id", "problem_id", "difficulty", "url"),
        style_columns=("input_output",),
        configs=tuple(_ROWS),
        default_config="all",
        splits=_SPLITS,
        default_split="train",
        hub_path="codeparrot/apps",
        hub_files={
            (config, split): (f"{config}/{split}/*.parquet",)
            for config in _ROWS
            for split in _SPLITS
        },
        revision="refs/convert/parquet",
        expected_rows={
            (config, split): count
            for config, counts in _ROWS.items()
            for split, count in zip(_SPLITS, counts, strict=True)
        },
        styles=("stdio", "call"),
        license="MIT",
    ),
)
