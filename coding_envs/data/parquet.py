"""ParquetSource: the rows of a Parquet file by number, in bounded memory. Needs pyarrow.

Rows are read group by group, some MiB at a time. A single row of a large group cannot be reached
without reading the group up to it; such a group is therefore unpacked once into the cache folder
(`unpacked.py`), from where it is mapped into memory.
"""

from __future__ import annotations

import bisect
import importlib
import itertools
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import DatasetError
from .sources import line_of
from .unpacked import unpacked_file

__all__ = ["ParquetSource"]

_INSTALL = "pip install 'coding-envs[hf]'"
_BATCH_BYTES = 4 << 20  # rows of about this size are decoded at once
_BATCH_ROWS = 1024
_BUFFER_BYTES = 1 << 20  # read at once of a column
_SMALL_GROUP_BYTES = 16 << 20  # a group no larger is held in memory when one of its rows is wanted
_GROUPS = 4  # so many of them


class ParquetSource:
    """The rows of one file.

    Raises:
      DatasetError: pyarrow is not installed, or the file is no Parquet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._file() as file:
            metadata = file.metadata
            groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
            self.columns = tuple(file.schema_arrow.names)
            self._rows = [int(group.num_rows) for group in groups]
            self._starts = [0, *itertools.accumulate(self._rows)]
            self._bytes = []
            for group in groups:
                sizes: dict[str, int] = {}
                for at in range(group.num_columns):
                    column = group.column(at)
                    name = column.path_in_schema.split(".")[0]
                    sizes[name] = sizes.get(name, 0) + int(column.total_uncompressed_size)
                self._bytes.append(sizes)
        self.size_bytes = sum(sum(sizes.values()) for sizes in self._bytes)
        self._tables: OrderedDict[int, Any] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_tables": OrderedDict()}

    def rows(self) -> Iterator[Any]:
        """Yields every row."""
        for group in range(len(self._rows)):
            yield from self._read(group)

    def heads(self, columns: Sequence[str]) -> Iterator[Any]:
        """Yields these columns of every row; all of them where the file has none of these."""
        present = [name for name in columns if name in self.columns]
        for group in range(len(self._rows)):
            yield from self._read(group, present or None)

    def row(self, number: int) -> Any:
        """Returns one row."""
        group = bisect.bisect_right(self._starts, number) - 1
        return self._table(group).slice(number - self._starts[group], 1).to_pylist()[0]

    def row_bytes(self, number: int) -> int:
        """Returns the average of the row's group."""
        group = bisect.bisect_right(self._starts, number) - 1
        return sum(self._bytes[group].values()) // max(self._rows[group], 1)

    def pick(self, numbers: Sequence[int]) -> Iterator[Any]:
        """Yields the rows of these numbers; in one go through the file where they are rising."""
        if any(b <= a for a, b in itertools.pairwise(numbers)):
            yield from map(self.row, numbers)
            return
        place = 0
        for group, start in enumerate(self._starts[:-1]):
            end = bisect.bisect_left(numbers, start + self._rows[group])
            wanted = numbers[place:end]
            place = end
            if len(wanted) * 8 <= self._rows[group]:
                yield from map(self.row, wanted)
            else:
                chosen = iter([*wanted, -1])
                number = next(chosen)
                for at, row in enumerate(self._read(group), start):
                    if at == number:
                        yield row
                        number = next(chosen)

    def _read(self, group: int, columns: list[str] | None = None) -> Iterator[Any]:
        for batch in self._batches(group, columns):
            yield from batch.to_pylist()

    def _batches(self, group: int, columns: list[str] | None = None) -> Iterator[Any]:
        sizes = self._bytes[group]
        size = sum(sizes[name] for name in sizes if columns is None or name in columns)
        rows = max(self._rows[group] * _BATCH_BYTES // max(size, 1), 1)
        with self._file() as file:
            yield from file.iter_batches(
                batch_size=min(rows, _BATCH_ROWS),
                row_groups=[group],
                columns=columns,
                use_threads=False,
            )
        # A page may be as large as its group; the allocator would keep what it took.
        importlib.import_module("pyarrow").default_memory_pool().release_unused()

    def _table(self, group: int) -> Any:
        """Returns a row group as an Arrow table, in memory or mapped into it."""
        tables = self._tables
        table = tables.pop(group, None)
        if table is None:
            arrow = importlib.import_module("pyarrow")
            batches = self._batches(group)
            if sum(self._bytes[group].values()) <= _SMALL_GROUP_BYTES:
                table = arrow.Table.from_batches(list(batches), schema=self._schema())
            else:
                ipc = importlib.import_module("pyarrow.ipc")
                schema = self._schema()

                def write(file: BinaryIO) -> None:
                    with ipc.new_file(file, schema) as writer:
                        for batch in batches:
                            writer.write_batch(batch)

                path = unpacked_file(self._path, f"group {group}", write)
                table = ipc.open_file(arrow.memory_map(str(path))).read_all()
        tables[group] = table
        while len(tables) > _GROUPS:
            tables.popitem(last=False)
        return table

    def _schema(self) -> Any:
        with self._file() as file:
            return file.schema_arrow

    @contextmanager
    def _file(self) -> Iterator[Any]:
        try:
            parquet = importlib.import_module("pyarrow.parquet")
        except ImportError:
            raise DatasetError(
                f"reading {self._path} needs the package 'pyarrow': {_INSTALL}"
            ) from None
        try:
            with parquet.ParquetFile(
                self._path, buffer_size=_BUFFER_BYTES, pre_buffer=False
            ) as file:
                yield file
        except (OSError, ValueError) as error:  # pyarrow's errors derive from these
            raise DatasetError(f"cannot read {self._path}: {line_of(error)}") from error
