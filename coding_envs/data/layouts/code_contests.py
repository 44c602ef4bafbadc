"""deepmind/code_contests: 13,610 problems from contest sites, with right and wrong programs.

What is ours to decide, beyond `_contest.py`:

- `name` is not unique: the key is the row's number in the split and the name's first word.
- Numbers in the place of names are those of the dataset's protocol: `difficulty` goes from K (17)
  to L (19), though the hub's list of names does not skip one, and is off by one from there on.
- Public tests are shown; private and generated ones are hidden. The latter are mutated inputs on
  which many right programs agree; they may break the statement's constraints.
- Programs are Python's: right and wrong ones in Python 3 become `solutions` and
  `wrong_solutions`, all others stay in `Problem.row`.
- Time and memory come from the row; where it has none, 10 s per test as in the official runner.
  Floats may differ by 1e-5, as there.
- Few problems read and write files: `input_file` and `output_file` are taken over.
- `Problem.row` is without the three columns of tests.

Several answers are right for about a quarter of the problems, and the tests hold one: those whose
statement says so are flagged "special_judge". Interactive problems are not marked at all.

Source: Li et al. 2022 (arXiv:2203.07814); google-deepmind/code_contests, `contest_problem.proto`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...problem import Problem, StdioTest
from ..rows import Row
from ..spec import DatasetSpec, Head
from ._contest import comparison_for, flags_of_text, limits_for, python_programs

__all__ = ["SPECS", "head_from_row", "problem_from_row"]

_SOURCES = ("", "codechef", "codeforces", "hackerearth", "codejam", "atcoder", "aizu")
_WORDS = ("", "easy", "medium", "hard", "harder", "hardest", "external")
_DIFFICULTIES = dict(enumerate(_WORDS)) | {
    number: letter
    for first, letters in ((7, "ABCDEFGHIJK"), (19, "LMNOPQRSTUV"))
    for number, letter in enumerate(letters, start=first)
}
_PYTHON_3 = (3, "PYTHON3")
_TESTS = ("public_tests", "private_tests", "generated_tests")
_HARNESS_S = 10.0
_ODD = re.compile(r"[^\w.-]+")


def problem_from_row(
    row: object, *, config: str = "default", split: str, row_number: int, revision: str = ""
) -> Problem:
    """Returns the problem that a row of CodeContests holds.

    Args:
      row: the 20 columns of the dataset; tests and solutions as a record of lists or a list of
        records, classes as numbers or names.
      config: the configuration's name; there is only one.
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".

    Raises:
      DatasetRowError: a column is missing or malformed, or the row has no tests; names it.
    """
    columns = Row(row, dataset="code_contests", split=split, number=row_number)
    head = _head(columns, row_number)
    public, private, generated = (_tests(columns, name) for name in _TESTS)
    tests = public + private + generated
    if not tests:
        raise columns.fault("public_tests", "holds no tests, nor do the private and generated ones")
    description = columns.text("description")
    return Problem(
        dataset="code_contests",
        config=config,
        split=split,
        revision=revision,
        key=head.key,
        prompt=description,
        public_tests=public,
        hidden_tests=private + generated,
        input_file=columns.optional_text("input_file"),
        output_file=columns.optional_text("output_file"),
        limits=limits_for(
            tests,
            harness_s=_HARNESS_S,
            time_s=_seconds(columns),
            memory_bytes=columns.optional_number("memory_limit_bytes"),
        ),
        comparison=comparison_for(tests, abs_tol=1e-5),
        solutions=python_programs(_programs(columns, "solutions")),
        wrong_solutions=python_programs(_programs(columns, "incorrect_solutions")),
        difficulty=head.difficulty,
        rating=head.rating,
        tags=head.tags,
        source=head.source,
        license="CC-BY-4.0",
        flags=frozenset(flags_of_text(description)),
        row=columns.without(*_TESTS),
    )


def head_from_row(row: object, *, config: str = "default", split: str, row_number: int) -> Head:  # noqa: ARG001
    """Returns the head of a row's problem; see `problem_from_row`.

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    return _head(Row(row, dataset="code_contests", split=split, number=row_number), row_number)


def _head(columns: Row, row_number: int) -> Head:
    word = (columns.text("name").split() or [""])[0].rstrip(".")
    rating = columns.optional_number("cf_rating")
    return Head(
        key=f"{row_number}-{_ODD.sub('_', word)[:40]}".rstrip("-"),
        difficulty=_named(columns, "difficulty", _DIFFICULTIES),
        rating=rating or None,
        tags=tuple(filter(None, columns.optional_texts("cf_tags"))),
        source=_named(columns, "source", dict(enumerate(_SOURCES))),
        style="stdio",
    )


def _named(columns: Row, column: str, names: Mapping[int, str]) -> str:
    """Returns the name of a class that may come as its number."""
    value = columns.columns.get(column)
    if isinstance(value, str):
        return "" if value.startswith("UNKNOWN") else _as_ours(value, names)
    number = columns.integer(column)
    if number not in names:
        raise columns.fault(column, f"must be one of {len(names)} known numbers, got {number}")
    return names[number]


def _as_ours(name: str, names: Mapping[int, str]) -> str:
    return next((known for known in names.values() if known.lower() == name.lower()), name)


def _tests(columns: Row, column: str) -> tuple[StdioTest, ...]:
    return tuple(
        StdioTest(given, expected)
        for given, expected in columns.records(column, ("input", "output"))
    )


def _programs(columns: Row, column: str) -> list[str]:
    if columns.columns.get(column) is None:
        return []
    records = columns.records(column, ("language", "solution"))
    return [text for language, text in records if language in _PYTHON_3]


def _seconds(columns: Row) -> float | None:
    value: Any = columns.columns.get("time_limit")
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise columns.fault("time_limit", f"must hold seconds and nanos, got {str(value)[:40]!r}")
    return float(value.get("seconds") or 0) + float(value.get("nanos") or 0) / 1e9


SPECS = (
    DatasetSpec(
        name="code_contests",
        description="CodeContests: contest problems with right and wrong programs",
        loader=problem_from_row,
        head=head_from_row,
        head_columns=("name", "difficulty", "cf_rating", "cf_tags", "source"),
        splits=("train", "valid", "test"),
        default_split="train",
        hub_path="deepmind/code_contests",
        revision="802411c3010cb00d1b05bad57ca77365a3c699d6",
        expected_rows={
            ("default", "train"): 13328,
            ("default", "valid"): 117,
            ("default", "test"): 165,
        },
        styles=("stdio",),
        license="CC-BY-4.0",
    ),
)
