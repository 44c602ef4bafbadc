"""Writes the data files of the problem set, or checks that they are what would be written."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["COLUMNS", "Row", "main", "run_program", "same_value"]

Row = dict[str, Any]
HERE = Path(__file__).parent

# One flat layout for both configs; README.md says what each column holds.
COLUMNS = (
    *("key", "prompt", "starter_code", "entry_point", "public_tests", "hidden_tests"),
    *("solutions", "wrong_solutions", "difficulty", "family", "tags", "flags"),
)


def same_value(got: object, expected: object) -> bool:
    """Returns whether two results are equal, type for type: 1 is neither True nor 1.0."""
    if type(got) is not type(expected):
        return False
    if isinstance(got, (list, tuple)) and isinstance(expected, (list, tuple)):
        return len(got) == len(expected) and all(map(same_value, got, expected))
    if isinstance(got, dict) and isinstance(expected, dict):
        return len(got) == len(expected) and all(
            key in got and same_value(got[key], value) for key, value in expected.items()
        )
    return got == expected


def run_program(program: str) -> dict[str, Any]:
    """Returns the names that a program of this problem set defines; it is trusted."""
    names: dict[str, Any] = {"__name__": "__program__"}
    exec(compile(program, "<program>", "exec"), names)
    return names


def _text(rows: Iterable[Mapping[str, Any]]) -> str:
    lines = []
    for row in rows:
        if tuple(row) != COLUMNS:
            raise ValueError(f"row {row.get('key')!r} must have the columns {COLUMNS}, in order")
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(lines)


def main(config: str, make: Callable[[], Mapping[str, list[Row]]], about: str) -> int:
    """Writes `<config>/<split>.jsonl` for each split, or with `--check` compares them.

    Args:
      config: the folder to write to.
      make: returns the rows of each split.
      about: what the command's help says.

    Returns:
      The exit code: 1 where a check found a difference.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if files differ"
    )
    check = parser.parse_args().check
    stale = False
    for split, rows in make().items():
        path = HERE / config / f"{split}.jsonl"
        data = _text(rows).encode()
        if check:
            if not path.is_file() or path.read_bytes() != data:
                print(
                    f"{path.name} of {config} is not what its generator writes; "
                    f"run python problems/make_{config}.py",
                    file=sys.stderr,
                )
                stale = True
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            print(f"{config}/{path.name}: {len(rows)} problems")
    return int(stale)
