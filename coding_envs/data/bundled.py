"""The bundled problem set, read without network and without the `datasets` package.

Its rows are those of the plain layout (`plain.py`) with fewer columns, all of which must be there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import DatasetError, DatasetRowError, UnknownNameError
from ..problem import Problem
from . import plain
from .problem_set import ProblemSet

__all__ = ["BUNDLED_CONFIGS", "BUNDLED_SPLITS", "load_bundled", "problem_from_row"]

BUNDLED_CONFIGS = ("starter", "basic")
BUNDLED_SPLITS = ("train", "test")

_FOLDER = Path(__file__).parent.parent / "_problems"
_TEXTS = ("key", "prompt", "starter_code", "entry_point", "difficulty", "family")
_TEXT_LISTS = ("solutions", "wrong_solutions", "tags", "flags")
_TESTS = ("public_tests", "hidden_tests")


def load_bundled(config: str, split: str | None = None) -> ProblemSet:
    """Returns one split of the bundled problems.

    Args:
      config: "starter" or "basic"; it is the dataset's name too.
      split: "train" or "test"; None means "train".

    Raises:
      UnknownNameError: there is no such configuration or split.
      DatasetError: the data file is missing or is not text.
      DatasetRowError: a row cannot become a problem. The files are ours, so none is dropped.
    """
    split = "train" if split is None else split
    if config not in BUNDLED_CONFIGS:
        raise UnknownNameError("bundled problem set", str(config), BUNDLED_CONFIGS)
    if split not in BUNDLED_SPLITS:
        raise UnknownNameError(f"split of {config}", str(split), BUNDLED_SPLITS)
    path = _FOLDER / config / f"{split}.jsonl"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"cannot read the bundled problems {path}: {error}; "
            "reinstall coding-envs, or in a checkout restore the link coding_envs/_problems"
        ) from error
    problems = []
    # By "\n" alone: splitlines() would cut at separators that JSON text may hold.
    for number, line in enumerate(text.removesuffix("\n").split("\n")):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DatasetRowError(config, split, number, "", f"not JSON: {error}") from None
        problems.append(problem_from_row(row, config=config, split=split, row_number=number))
    return ProblemSet(problems, name=config, split=split)


def problem_from_row(
    row: Mapping[str, Any], *, config: str, split: str, row_number: int
) -> Problem:
    """Returns the problem that a row of the bundled layout holds.

    Args:
      row: the columns of `problems/README.md`, from the data file or from `datasets`.
      config: the configuration, which is the dataset's name too.
      split: the split's name.
      row_number: the row's number in the split, from 0.

    Raises:
      DatasetRowError: a column is missing, unknown or malformed; names it.
    """

    def fail(column: str, reason: str) -> DatasetRowError:
        return DatasetRowError(config, split, row_number, column, reason)

    if not isinstance(row, Mapping):
        raise fail("", f"must be a JSON object, got {type(row).__name__}")
    columns = (*_TEXTS, *_TEXT_LISTS, *_TESTS)
    for column in columns:
        if column not in row:
            raise fail(column, "is missing")
        if row[column] is None:
            kind = "a list of texts" if column in _TEXT_LISTS else "text"
            raise fail(column, f"must be {kind}, got NoneType")
    for column in row:
        if column not in columns:
            raise fail(str(column), f"is unknown, wanted {', '.join(columns)}")
    return plain.problem_from_row(
        {**row, "source": "coding_envs", "license": "MIT"},
        dataset=config,
        config="default",
        split=split,
        row_number=row_number,
    )


def problem_from_files(
    row: Any, *, name: str, config: str, split: str, row_number: int, revision: str
) -> Problem:
    """Returns the problem of a row of other files in the layout of the bundled dataset `name`."""
    problem = problem_from_row(row, config=name, split=split, row_number=row_number)
    return problem.replace(config=config, revision=revision)


def load_split(name: str, config: str, split: str) -> ProblemSet:  # noqa: ARG001 - there is only one
    """Returns a split of the bundled dataset `name`."""
    return load_bundled(name, split)
