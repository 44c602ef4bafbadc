"""A folder for what was unpacked once: rows of compressed files that are read at random.

It is $CODING_ENVS_CACHE, else $XDG_CACHE_HOME/coding_envs, else ~/.cache/coding_envs; all of it may
be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..errors import DatasetError

__all__ = ["cache_folder", "unpacked_file"]

_SPARE = 256 << 20  # bytes that are left free on the disk
_CHUNK = 4 << 20


def cache_folder() -> Path:
    """Returns the folder; it need not exist."""
    own = os.environ.get("CODING_ENVS_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coding_envs"


def unpacked_file(source: Path, part: str, write: Callable[[BinaryIO], None]) -> Path:
    """Returns the file that holds an unpacked part of `source`; made where it is not there yet.

    Args:
      source: what is unpacked; a change of its size or time makes another file.
      part: which part of it, such as "lines".
      write: writes it; errors pass through, and nothing is left then.

    Raises:
      DatasetError: the disk has no room for it.
    """
    about = source.stat()
    identity = f"{source.resolve()}\0{about.st_size}\0{about.st_mtime_ns}\0{part}"
    digest = hashlib.blake2b(os.fsencode(identity), digest_size=16).hexdigest()
    folder = cache_folder() / "unpacked"
    path = folder / digest
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=digest, suffix=".part", dir=folder)
    except OSError as error:
        raise DatasetError(
            f"cannot unpack {source} into {folder}: {error}; set CODING_ENVS_CACHE to a folder "
            "that can be written"
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(_Guarded(file, source, folder))  # type: ignore[arg-type]
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


class _Guarded:
    """A file that stops growing before the disk is full, as that of a gzip bomb would not."""

    def __init__(self, file: BinaryIO, source: Path, folder: Path) -> None:
        self._file, self._source, self._folder = file, source, folder
        self._unseen = _CHUNK

    def write(self, data: bytes) -> int:
        self._unseen += len(data)
        if self._unseen >= _CHUNK:
            self._unseen = 0
            if shutil.disk_usage(self._folder).free < _SPARE + len(data):
                raise DatasetError(
                    f"cannot unpack {self._source}: {self._folder} has no room for it; set "
                    "CODING_ENVS_CACHE to a folder on a larger disk"
                )
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    @property
    def closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        """Is the caller's to do."""
