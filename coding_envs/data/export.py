"""Writes problem sets in the plain layout: JSON lines, Parquet, a `datasets.Dataset`."""

from __future__ import annotations

import gzip
import importlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import DatasetError
from .hub import dataset_of
from .plain import COLUMNS, LIST_COLUMNS, NUMBER_COLUMNS, row_from_problem
from .problem_set import ProblemSet

__all__ = ["to_dataset", "write_jsonl", "write_parquet"]

_BATCH_BYTES = 16 << 20  # of rows that are written at once: a row group


def write_jsonl(problems: ProblemSet, path: Path) -> None:
    """Writes a JSON object per line; see `ProblemSet.to_jsonl`."""
    with _whole(path) as file:
        compressed = path.name.lower().endswith(".gz")
        into: Any = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if compressed else file
        for problem in problems:
            into.write(json.dumps(row_from_problem(problem)).encode() + b"\n")
        if compressed:
            into.close()


def write_parquet(problems: ProblemSet, path: Path) -> None:
    """Writes Parquet, in row groups of some MiB; see `ProblemSet.to_parquet`."""
    try:
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise DatasetError(
            "writing Parquet needs the package 'pyarrow': pip install 'coding-envs[hf]'"
        ) from None
    text = arrow.large_string()
    kinds = {name: arrow.list_(text) for name in LIST_COLUMNS}
    kinds |= dict.fromkeys(NUMBER_COLUMNS, arrow.float64())
    schema = arrow.schema([(name, kinds.get(name, text)) for name in COLUMNS])
    with _whole(path) as file, parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in _batches(problems):
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))


def to_dataset(problems: ProblemSet) -> Any:
    """Returns a `datasets.Dataset`; see `ProblemSet.to_dataset`."""
    return dataset_of(map(row_from_problem, problems), COLUMNS, LIST_COLUMNS, NUMBER_COLUMNS)


def _batches(problems: ProblemSet) -> Iterator[list[dict[str, Any]]]:
    rows, size = [], 0
    for row in map(row_from_problem, problems):
        rows.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, (str, list)))
        if size >= _BATCH_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """Yields a file that takes its name once all is written; nothing is left of half a one."""
    name = ""
    try:
        with tempfile.NamedTemporaryFile(
            prefix=f".{path.name[:40]}.", dir=path.parent, delete=False
        ) as file:
            name = file.name
            yield file  # type: ignore[misc]
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException as error:  # also of closing, which writes what is still held
        if name:
            Path(name).unlink(missing_ok=True)
        ours = not name or getattr(error, "filename", None) in (None, name)
        if isinstance(error, OSError) and error.errno and ours:
            # The user's name for it, not the temporary one.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _umask() -> int:
    """Returns the process's, which can only be read by setting it, from where it is written."""
    status = Path("/proc/self/status").read_text()
    return next(
        (int(line.split()[1], 8) for line in status.splitlines() if line.startswith("Umask:")), 0o22
    )
