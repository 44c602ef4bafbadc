"""read_statements: the statements of a file of rows, whatever its layout."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..data import BadRow, rows_from_files
from ..errors import DatasetError

__all__ = ["KEY_COLUMNS", "STATEMENT_COLUMNS", "read_statements"]

# As the widely used datasets call them; the first that a row has is taken.
STATEMENT_COLUMNS = (
    *("prompt", "question_content", "problem_description", "description", "question"),
    *("problem_statement", "complete_prompt", "problem", "statement", "text", "content"),
)
KEY_COLUMNS = ("key", "task_id", "question_id", "problem_id", "id", "name")


def read_statements(path: str | os.PathLike[str]) -> dict[str, str]:
    """Returns key -> statement of a .jsonl, .json (also .gz) or .parquet file.

    The statement is the first of the columns prompt, question_content, problem_description,
    description, question, problem_statement, complete_prompt, problem, statement, text and content
    that holds text; the key is key, task_id, question_id, problem_id, id or name, or the row's
    number. Rows without a statement are passed over.

    Raises:
      DatasetError: the file cannot be read, or no row of it has a statement.
    """
    statements: dict[str, str] = {}
    for number, row in enumerate(rows_from_files([Path(path)])):
        if isinstance(row, BadRow) or not isinstance(row, Mapping):
            continue
        text = next((row[c] for c in STATEMENT_COLUMNS if isinstance(row.get(c), str)), "")
        if not text.strip():
            continue
        key = _key(row, number)
        statements[key if key not in statements else f"{key}#{number}"] = text
    if not statements:
        raise DatasetError(
            f"{path} has no statements; wanted rows with one of the columns "
            f"{', '.join(STATEMENT_COLUMNS)}"
        )
    return statements


def _key(row: Mapping[str, Any], number: int) -> str:
    for column in KEY_COLUMNS:
        value = row.get(column)
        if isinstance(value, (str, int)) and value != "":
            return str(value)
    return str(number)
