"""BAAI/TACO: 26,443 problems from contest sites, on standard input or as a function.

What is ours to decide, beyond `_contest.py`:

- There is no id: the key is the row's number in the split. TACO-verified's `id` is taken where a
  row has one.
- Rows of geeksforgeeks are dropped: their tests are texts for people (`arr[] = {1,2}`), which no
  program can read.
- The tags are those of `tags`; `raw_tags` and `skill_types` stay in `Problem.row`.
- The flag "figure" says that the statement needs a picture.
- Time and memory come from the row where it has them, else 4 s per test, as in the harness.
  `Problem.row` is without `input_output`, which became tests.

Source: Li et al. 2023 (arXiv:2312.14852); FlagOpen/TACO, `compute_metric.py`.
"""

from __future__ import annotations

import re

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
    python_programs,
)

__all__ = ["SPECS", "head_from_row", "problem_from_row"]

_AMOUNT = re.compile(r"\s*([0-9.]+)\s*([a-z]+)\s*", re.IGNORECASE)
_UNITS = {
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), 1.0),
    **dict.fromkeys(("millisecond", "milliseconds", "ms"), 1e-3),
    **dict.fromkeys(("kilobyte", "kilobytes", "kb"), 2.0**10),
    **dict.fromkeys(("megabyte", "megabytes", "mb"), 2.0**20),
    **dict.fromkeys(("gigabyte", "gigabytes", "gb"), 2.0**30),
    **dict.fromkeys(("byte", "bytes"), 1.0),
}


def problem_from_row(
    row: object, *, config: str = "default", split: str, row_number: int, revision: str = ""
) -> Problem:
    """Returns the problem that a row of TACO holds.

    Args:
      row: question, solutions, starter_code, input_output, difficulty, raw_tags, name, source,
        tags, skill_types, url, time_limit, memory_limit, date, picture_num, and more that is kept.
      config: the configuration's name; there is only one.
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".

    Raises:
      DatasetRowError: a column is missing or malformed, or the row has no tests that a program
        could pass; names it.
    """
    columns = Row(row, dataset="taco", split=split, number=row_number)
    head = _head(columns, row_number)
    found = io_tests(columns, "input_output")
    programs = columns.json("solutions") if columns.columns.get("solutions") else []
    if not isinstance(programs, list) or not all(isinstance(text, str) for text in programs):
        raise columns.fault("solutions", "must hold a list of texts")
    starter = columns.optional_text("starter_code")
    question = columns.text("question")
    entry_point = entry_point_for(columns, found.function, [starter, *programs])
    flags = flags_of_text(question)
    if str(columns.columns.get("picture_num") or "0").strip() not in ("0", "0.0"):
        flags.add("figure")
    return Problem(
        dataset="taco",
        config=config,
        split=split,
        revision=revision,
        key=head.key,
        prompt=question,
        starter_code=starter if entry_point else "",
        prelude=CALL_PRELUDE if entry_point else "",
        entry_point=entry_point,
        hidden_tests=found.tests,
        limits=limits_for(
            found.tests,
            time_s=_amount(columns, "time_limit"),
            memory_bytes=_amount(columns, "memory_limit"),
        ),
        comparison=comparison_for(found.tests),
        solutions=python_programs(programs),
        difficulty=head.difficulty,
        tags=head.tags,
        source=head.source,
        license="Apache-2.0",
        release_date=head.release_date,
        flags=frozenset(flags),
        row=columns.without("input_output"),
    )


def head_from_row(row: object, *, config: str = "default", split: str, row_number: int) -> Head:  # noqa: ARG001
    """Returns the head of a row's problem; see `problem_from_row`.

    Raises:
      DatasetRowError: a column is missing or malformed, or the row has no tests that a program
        could pass; names it.
    """
    return _head(Row(row, dataset="taco", split=split, number=row_number), row_number)


def _head(columns: Row, row_number: int) -> Head:
    source = columns.optional_text("source").lower()
    if source == "geeksforgeeks":
        reason = "is geeksforgeeks, whose tests are texts for people that no program can read"
        raise columns.fault("source", reason)
    own = columns.columns.get("id")
    return Head(
        key=str(row_number if own is None or own == "" else own),
        difficulty=columns.optional_text("difficulty"),
        tags=columns.literals("tags"),
        source=source,
        release_date=columns.optional_date("date"),
        style=io_head_style(columns, "input_output"),
    )


def _amount(columns: Row, column: str) -> float | None:
    """Returns seconds or bytes, from text such as "2.0 seconds" or "256.0 megabytes"."""
    text = columns.optional_text(column)
    if not text:
        return None
    match = _AMOUNT.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    try:
        if match is None or unit is None:
            raise ValueError
        return float(match[1]) * unit
    except ValueError:
        reason = f'must be a number and a unit, such as "2.0 seconds", got {text[:40]!r}'
        raise columns.fault(column, reason) from None


SPECS = (
    DatasetSpec(
        name="taco",
        description="TACO: contest problems with tags, on standard input or as a function",
        loader=problem_from_row,
        head=head_from_row,
        head_columns=("id", "difficulty", "tags", "source", "date"),
        style_columns=("input_output",),
        splits=("train", "test"),
        default_split="train",
        hub_path="BAAI/TACO",
        hub_files={
            ("default", "train"): ("ALL/train-*.parquet",),
            ("default", "test"): ("ALL/test-*.parquet",),
        },
        expected_rows={("default", "train"): 25443, ("default", "test"): 1000},
        styles=("stdio", "call"),
        license="Apache-2.0",
    ),
)
