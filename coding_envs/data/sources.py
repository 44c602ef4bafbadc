"""RowSource: the rows of files by their numbers, read when they are used.

JSON lines are found by their offsets; a compressed file is unpacked once, in memory where it is
small and else into the cache folder (`unpacked.py`); a large JSON array is read item by item.
Parquet has a module of its own (`parquet.py`).
"""

from __future__ import annotations

import bisect
import gzip
import io
import itertools
import json
import mmap
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ..errors import DatasetError
from .digits import any_int_length
from .unpacked import unpacked_file

__all__ = [
    "IN_MEMORY_BYTES",
    "SUFFIXES",
    "BadRow",
    "RowSource",
    "line_of",
    "open_files",
    "rows_from_files",
]

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".json", ".json.gz")
"""The kinds of files that are read."""

IN_MEMORY_BYTES = 64 << 20
"""What is smaller than this, unpacked, is held in memory."""

_MAX_LINE_BYTES = 1 << 30  # no row of any known dataset has a tenth of it
_CHUNK = 1 << 20


@dataclass(frozen=True)
class BadRow:
    """Stands in the place of a row that could not even be read.

    Attributes:
      reason: why, in one line.
    """

    reason: str


class RowSource(Protocol):
    """Rows by number. Can be pickled, also for a process that is spawned."""

    @property
    def size_bytes(self) -> int:
        """About how much all rows take in memory, unpacked."""

    def rows(self) -> Iterator[Any]:
        """Yields every row, in order: its columns, or a BadRow."""

    def heads(self, columns: Sequence[str]) -> Iterator[Any]:
        """Yields of every row these columns, where it has them, and maybe more; or a BadRow."""

    def row(self, number: int) -> Any:
        """Returns the row of that number, which `rows` or `heads` has yielded before."""

    def row_bytes(self, number: int) -> int:
        """Returns about how much that row takes in memory."""

    def pick(self, numbers: Sequence[int]) -> Iterator[Any]:
        """Yields the rows of these numbers, in the order given."""


def line_of(error: BaseException) -> str:
    """Returns an error in one line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


def open_files(paths: Sequence[Path]) -> RowSource:
    """Returns the rows of files, one after the other.

    Raises:
      DatasetError: a file cannot be read at all, or is of no known type.
    """
    parts = [_open_file(path) for path in paths]
    return parts[0] if len(parts) == 1 else _Chain(parts)


def rows_from_files(paths: Iterable[Path]) -> Iterator[Any]:
    """Yields the rows of files, one after the other, without holding more than one.

    What is no JSON lines (a JSON array, Parquet) is read as `open_files` reads it.

    Raises:
      DatasetError: a file cannot be read at all, or is of no known type.
    """
    for path in paths:
        name = path.name.lower()
        if name.endswith((".jsonl", ".jsonl.gz")):
            with _faults_of(path), _open(path) as file:
                for line in _lines(file, path):
                    yield _loads(line)
        else:
            yield from _open_file(path).rows()


def _open_file(path: Path) -> RowSource:
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise DatasetError(f"{path} must be one of {', '.join(SUFFIXES)}; rename or convert it")
    with _faults_of(path):
        if name.endswith(".parquet"):
            from .parquet import ParquetSource

            return ParquetSource(path)
        if name.endswith(".gz"):
            small = _unpacked_in_memory(path)
            if small is not None:
                return _open_text(small, path, is_lines=name.endswith(".jsonl.gz"))
            plain = unpacked_file(path, "text", lambda file: _unpack(path, file))
        else:
            plain = path
        if name.endswith((".jsonl", ".jsonl.gz")):
            return LineSource(plain, shown=path)
        if plain.stat().st_size <= IN_MEMORY_BYTES:
            return _open_text(plain.read_bytes(), path, is_lines=False)
        return _open_large_json(plain, path)


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    """Turns what the system says of a file into a DatasetError that names it."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"cannot read {path}: {line_of(error)}") from error


def _open(path: Path) -> Any:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rb")
    return path.open("rb", buffering=_CHUNK)


def _unpacked_in_memory(path: Path) -> bytes | None:
    """Returns a .gz file's content where it is small, else None."""
    with gzip.open(path, "rb") as file:
        data = file.read(IN_MEMORY_BYTES + 1)
    return data if len(data) <= IN_MEMORY_BYTES else None


def _unpack(path: Path, into: BinaryIO) -> None:
    with gzip.open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            into.write(chunk)


def _open_text(text: bytes, path: Path, *, is_lines: bool) -> RowSource:
    """Returns the rows of a small file's text: JSON lines, a JSON array, or one object."""
    if not is_lines:
        whole = _loads(text)
        if isinstance(whole, list):
            return _Listed(whole, len(text))
        if not isinstance(whole, BadRow):
            return _Listed([whole], len(text))
        if text.lstrip()[:1] == b"[":
            raise DatasetError(f"cannot read {path}: {whole.reason}")
    return LineSource(path, shown=path, text=text)  # JSON lines, maybe under the other name


def _loads(text: bytes) -> Any:
    try:
        with any_int_length():
            return json.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        return BadRow(f"not JSON: {line_of(error)}")


# --- rows in memory ------------------------------------------------------------------------------


class _Source:
    """What is the same for all of them."""

    def row(self, number: int) -> Any:
        raise NotImplementedError

    def pick(self, numbers: Sequence[int]) -> Iterator[Any]:
        return map(self.row, numbers)


class _Listed(_Source):
    """Rows that are held in memory."""

    def __init__(self, rows: list[Any], size_bytes: int) -> None:
        self._rows, self.size_bytes = rows, size_bytes

    def rows(self) -> Iterator[Any]:
        return iter(self._rows)

    def heads(self, columns: Sequence[str]) -> Iterator[Any]:  # noqa: ARG002 - all are here anyway
        return iter(self._rows)

    def row(self, number: int) -> Any:
        return self._rows[number]

    def row_bytes(self, number: int) -> int:  # noqa: ARG002 - they are not measured one by one
        return self.size_bytes // max(len(self._rows), 1)


class _Chain(_Source):
    """Several sources, one after the other."""

    def __init__(self, parts: list[RowSource]) -> None:
        self._parts = parts
        self._starts = [0]  # of the parts whose beginning is known: those that were read

    @property
    def size_bytes(self) -> int:
        return sum(part.size_bytes for part in self._parts)

    def rows(self) -> Iterator[Any]:
        return self._counted(part.rows() for part in self._parts)

    def heads(self, columns: Sequence[str]) -> Iterator[Any]:
        return self._counted(part.heads(columns) for part in self._parts)

    def _counted(self, parts: Iterable[Iterator[Any]]) -> Iterator[Any]:
        starts = [0]
        for rows in parts:
            number = starts[-1]
            for row in rows:
                number += 1
                yield row
            starts.append(number)
            if len(starts) > len(self._starts):
                self._starts = list(starts)

    def row(self, number: int) -> Any:
        part, inside = self._place(number)
        return self._parts[part].row(inside)

    def row_bytes(self, number: int) -> int:
        part, inside = self._place(number)
        return self._parts[part].row_bytes(inside)

    def pick(self, numbers: Sequence[int]) -> Iterator[Any]:
        for part, run in itertools.groupby(map(self._place, numbers), key=lambda place: place[0]):
            yield from self._parts[part].pick([inside for _, inside in run])

    def _place(self, number: int) -> tuple[int, int]:
        starts = self._starts[: len(self._parts)]
        part = bisect.bisect_right(starts, number) - 1
        return part, number - starts[part]


# --- rows by offset ------------------------------------------------------------------------------


class LineSource(_Source):
    """The lines of a file, or of text; or the items of a JSON array, whose offsets are given."""

    def __init__(
        self,
        path: Path,
        *,
        shown: Path,
        text: bytes | None = None,
        places: tuple[array[int], array[int]] | None = None,
    ) -> None:
        self._path, self._shown, self._text = path, shown, text
        self._begins, self._ends = places or (array("Q"), array("Q"))
        self._complete = places is not None
        about = path.stat()
        self._state = about.st_size, about.st_mtime_ns
        self.size_bytes = about.st_size if text is None else len(text)

    def rows(self) -> Iterator[Any]:
        return map(_loads, self._all())

    def heads(self, columns: Sequence[str]) -> Iterator[Any]:
        if self._text is not None or not columns:
            return self.rows()
        read = _HeadReader(columns)
        return map(read, self._all())

    def row(self, number: int) -> Any:
        return _loads(self._bytes(number))

    def row_bytes(self, number: int) -> int:
        return int(self._ends[number] - self._begins[number])

    def _bytes(self, number: int) -> bytes:
        begin, end = self._begins[number], self._ends[number]
        if self._text is not None:
            return self._text[begin:end]
        with _faults_of(self._shown), self._path.open("rb", buffering=0) as file:
            about = self._path.stat()
            if (about.st_size, about.st_mtime_ns) != self._state:
                raise DatasetError(f"{self._shown} was changed while it is used; load it again")
            return _read_at(file, begin, end - begin)

    def _all(self) -> Iterator[bytes]:
        """Yields the text of every row; the first time, notes where they are."""
        if self._complete:
            yield from map(self._bytes, range(len(self._begins)))
            return
        begins, ends = array("Q"), array("Q")
        self._begins, self._ends = begins, ends
        with _faults_of(self._shown), self._stream() as file:
            for line in _lines(file, self._shown):
                ends.append(file.tell())
                begins.append(ends[-1] - len(line))
                yield line
        self._complete = True

    def _stream(self) -> Any:
        if self._text is None:
            return self._path.open("rb", buffering=_CHUNK)
        return io.BytesIO(self._text)


def _read_at(file: Any, begin: int, size: int) -> bytes:
    file.seek(begin)
    parts = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _lines(file: Any, path: Path) -> Iterator[bytes]:
    """Yields the lines of a file that are not blank."""
    first = True
    while line := file.readline(_MAX_LINE_BYTES):
        if first:
            first = False
            if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise DatasetError(f"cannot read {path}: it is UTF-16; convert it to UTF-8")
        if len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
            raise DatasetError(
                f"cannot read {path}: a line is longer than {_MAX_LINE_BYTES >> 20} MiB; "
                "write one JSON object per line"
            )
        if not line.isspace():
            yield line


class _HeadReader:
    """Decodes some columns of a line; the others are only passed over.

    msgspec finds where each column's value begins and ends without making anything of it. Where it
    refuses what Python's own reader takes (NaN, a byte order mark), that one reads all.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        import msgspec

        self._columns = columns
        self._decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        self._text = msgspec.json.Decoder(str).decode  # faster than json's, and texts are long
        self._refused = (msgspec.MsgspecError, ValueError, RecursionError)

    def __call__(self, line: bytes) -> Any:
        try:
            found = self._decode(line)
        except self._refused:
            return _loads(line)
        head = {}
        for name in self._columns:
            if name in found:
                raw = bytes(found[name])
                try:
                    value = self._text(raw) if raw[:1] == b'"' else _loads(raw)
                except self._refused:
                    value = _loads(raw)
                if isinstance(value, BadRow):
                    return value
                head[name] = value
        return head


def _open_large_json(plain: Path, path: Path) -> RowSource:
    with plain.open("rb") as file:
        start = file.read(64).lstrip()
    if start[:1] != b"[":
        return LineSource(plain, shown=path)
    import msgspec
    import numpy as np

    with plain.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        base = np.frombuffer(text, np.uint8).ctypes.data
        begins, ends = array("Q"), array("Q")
        try:
            items = msgspec.json.Decoder(list[msgspec.Raw]).decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise DatasetError(
                f"cannot read {path}: {line_of(error)}; write one JSON object per line, as .jsonl"
            ) from None
        while items:  # each holds on to the file's pages
            value = np.frombuffer(memoryview(items.pop()), np.uint8)
            begins.append(value.ctypes.data - base)
            ends.append(begins[-1] + len(value))
            del value
    begins.reverse()
    ends.reverse()
    return LineSource(plain, shown=path, places=(begins, ends))
