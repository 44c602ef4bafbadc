"""Journal: the rows that are done so far, in a file that survives a kill -9.

The first line says how the certification is made; each other line is a row of the manifest. A line
that was cut off is forgotten. The file is locked while it is open, by the kernel, so that nothing
has to be cleaned up after a crash.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..data.manifest import ManifestRow
from ..errors import DatasetError, InvalidValueError

__all__ = ["JOURNAL_FILE", "Journal"]

JOURNAL_FILE = "certificates.jsonl"


class Journal:
    """The rows that are done, by problem key.

    Args:
      folder: is made where it is missing.
      header: what must be the same for rows to belong together; JSON data.

    Raises:
      InvalidValueError: the folder's rows were made otherwise, which says what differs; or another
        process is writing them.
      DatasetError: the file is another's.
      OSError: it cannot be written.
    """

    def __init__(self, folder: str | os.PathLike[str], header: Mapping[str, Any]) -> None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / JOURNAL_FILE
        self.rows: dict[str, ManifestRow] = {}
        self._file = self._path.open("a+b")
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidValueError(
                    f"{self._path} is being written by another process; wait for it, "
                    "or take another folder"
                ) from None
            self._read(json.loads(json.dumps(header)))
        except BaseException:
            self._file.close()
            raise

    def add(self, row: ManifestRow) -> None:
        """Notes a row; it is in the file when this returns."""
        self.rows[row.key] = row
        self._write(row.to_json())

    def close(self) -> None:
        """Closes the file, and unlocks it; again is fine."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, data: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(data).encode() + b"\n")
        self._file.flush()  # to the kernel, which a kill leaves alone

    def _read(self, header: Mapping[str, Any]) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file):
            if not line.endswith(b"\n"):
                break  # cut off in the middle
            try:
                data = json.loads(line)
                if not isinstance(data, dict):
                    raise InvalidValueError("not a JSON object")
                row = ManifestRow.from_json(data) if number else None
            except ValueError as error:
                raise DatasetError(
                    f"{self._path}:{number + 1} is no row of a certification: {error}; "
                    "take another folder"
                ) from None
            if row is None:
                _require_same(self._path, data, header)
            else:
                self.rows[row.key] = row  # a later one replaces an earlier one
            whole += len(line)
        self._file.truncate(whole)
        self._file.seek(0, os.SEEK_END)
        if whole == 0:
            self._write(header)


def _require_same(path: Path, made: Mapping[str, Any], header: Mapping[str, Any]) -> None:
    for name in sorted(header.keys() | made.keys()):
        was, now = made.get(name), header.get(name)
        if was == now:
            continue
        if isinstance(was, dict) and isinstance(now, dict):  # of settings, only those that differ
            others = [key for key in was.keys() | now.keys() if was.get(key) != now.get(key)]
            name = min(others)
            was, now = was.get(name), now.get(name)
        raise InvalidValueError(
            f"{path} was made with {name} {was!r}, got {now!r}; "
            "go on with the same, or take another folder"
        )
