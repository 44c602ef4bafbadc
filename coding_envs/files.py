"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["whole_file", "write_whole"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields where to write: a path beside `path`, which takes its name where nothing is raised.

    Raises:
      OSError: it cannot be renamed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, parts: Iterable[str]) -> None:
    """Writes a text file that appears whole or not at all, and is on the disk then.

    Raises:
      OSError: it cannot be written.
    """
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
