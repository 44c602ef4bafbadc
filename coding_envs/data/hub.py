"""The rows of a dataset: from the Hugging Face hub, or from local files.

Local files are `.jsonl` and `.json` (also with `.gz`), read without any other package, and
`.parquet`, for which pyarrow must be there. A folder is read as the hub lays one out: by the
`configs` of its README.md where it has one, else by file names:

    <config>/<split>-*.parquet   <config>/<split>/*.parquet   data/<split>-*.parquet
    <split>-*.parquet            <split>.jsonl                ...
"""

from __future__ import annotations

import glob
import gzip
import importlib
import json
import logging
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DatasetError, UnknownNameError
from ..forks import module_lock

__all__ = ["BadRow", "DataFiles", "find_files", "rows_from_files", "rows_from_hub"]

type _Path = str | os.PathLike[str]
type DataFiles = _Path | Sequence[_Path] | Mapping[str, _Path | Sequence[_Path]]
"""A path, a list of paths, or either of them per split; a path may be a file, folder or glob."""

_JSON = (".jsonl", ".jsonl.gz", ".json", ".json.gz")
_SUFFIXES = (".parquet", *_JSON)
_INSTALL = "pip install 'coding-envs[hf]'"


@dataclass(frozen=True)
class BadRow:
    """Stands in the place of a row that could not even be read.

    Attributes:
      reason: why, in one line.
    """

    reason: str


# --- the hub -------------------------------------------------------------------------------------


def rows_from_hub(
    path: str, *, config: str | None, split: str, revision: str | None = None
) -> Iterator[Any]:
    """Yields the rows of one split through the package `datasets`, which keeps a copy on disk.

    Args:
      path: the dataset's name on the hub, such as "openai/openai_humaneval"; or a local folder.
      config: the configuration's name, or None for the default one.
      split: the split's name.
      revision: a commit, tag or branch, or None for the newest.

    Raises:
      DatasetError: the package or the network is missing, or there is no such dataset.
    """
    remedy = f"check the network, or pass data_files= with a local copy of {path}"
    try:
        import datasets
    except ImportError:
        raise DatasetError(
            f"reading {path} from the hub needs the package 'datasets': {_INSTALL}, "
            "or pass data_files= with local files"
        ) from None
    try:
        with _any_int_length(), _quiet(datasets):
            rows = datasets.load_dataset(path, config, split=split, revision=revision)
        yield from _iterate(rows)
    except DatasetError:
        raise
    except Exception as error:  # anything from a time-out to a changed layout of the dataset
        raise DatasetError(f"cannot read {path} from the hub: {_line(error)}; {remedy}") from error


def _iterate(rows: Iterable[Any]) -> Iterator[Any]:
    iterator, end = iter(rows), object()
    while True:
        with _any_int_length():
            row = next(iterator, end)
        if row is end:
            return
        yield row


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """No lines on retries, and progress bars only where standard error is a terminal."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    bars = not sys.stderr.isatty() and not datasets.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    if bars:
        datasets.disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if bars:
            datasets.enable_progress_bars()


_lifted = 0
_digits = 0
_lock = module_lock()


@contextmanager
def _any_int_length() -> Iterator[None]:
    """Lifts CPython's limit on decimal digits, which is the whole process's, and puts it back."""
    global _lifted, _digits
    with _lock:
        if _lifted == 0:
            _digits = sys.get_int_max_str_digits()
            sys.set_int_max_str_digits(0)
        _lifted += 1
    try:
        yield
    finally:
        with _lock:
            _lifted -= 1
            if _lifted == 0:
                sys.set_int_max_str_digits(_digits)


# --- files ---------------------------------------------------------------------------------------


def rows_from_files(paths: Iterable[Path]) -> Iterator[Any]:
    """Yields the rows of files, in order; a line that is not JSON becomes a BadRow.

    Raises:
      DatasetError: a file cannot be read at all, or is of no known type.
    """
    for path in paths:
        name = path.name.lower()
        try:
            if name.endswith(".parquet"):
                yield from _rows_of_parquet(path)
            elif name.endswith((".jsonl", ".jsonl.gz")):
                with _open(path) as lines:
                    yield from _rows_of_lines(lines)
            elif name.endswith((".json", ".json.gz")):
                with _open(path) as file:
                    yield from _rows_of_json(file.read())
            else:
                raise DatasetError(
                    f"{path} must be one of {', '.join(_SUFFIXES)}; rename or convert it"
                )
        except (OSError, EOFError, zlib.error) as error:
            raise DatasetError(f"cannot read {path}: {_line(error)}") from error


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


def _rows_of_lines(lines: Iterable[bytes]) -> Iterator[Any]:
    for line in lines:
        if line.strip():
            yield _loads(line)


def _rows_of_json(text: bytes) -> Iterator[Any]:
    whole = _loads(text)
    if isinstance(whole, list):
        yield from whole
    elif isinstance(whole, BadRow):  # JSON lines under the other name
        yield from _rows_of_lines(text.split(b"\n"))
    else:
        yield whole


def _loads(text: bytes) -> Any:
    try:
        with _any_int_length():
            return json.loads(text)
    except (ValueError, RecursionError) as error:
        return BadRow(f"not JSON: {_line(error)}")


def _rows_of_parquet(path: Path) -> Iterator[Any]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise DatasetError(f"reading {path} needs the package 'pyarrow': {_INSTALL}") from None
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                yield from batch.to_pylist()
    except ValueError as error:  # pyarrow.ArrowInvalid
        raise DatasetError(f"cannot read {path}: {_line(error)}") from error


def find_files(data_files: DataFiles, *, config: str, split: str) -> list[Path]:
    """Returns the files that hold a split.

    Args:
      data_files: see DataFiles.
      config: the configuration's name; "default" is that of a dataset with one only.
      split: the split's name.

    Raises:
      DatasetError: there is no such file, or the folder holds no such split.
      UnknownNameError: `data_files` is a mapping without that split.
    """
    if isinstance(data_files, Mapping):
        if split not in data_files:
            raise UnknownNameError("split in data_files", split, map(str, data_files))
        return find_files(data_files[split], config=config, split=split)
    if isinstance(data_files, (str, os.PathLike)):
        data_files = [data_files]
    found: list[Path] = []
    for one in data_files:
        path = Path(one).expanduser()
        if path.is_dir():
            found += _files_of_folder(path, config, split)
        elif path.exists():
            found.append(path)
        else:
            matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - may be absolute
            if not matches:
                raise DatasetError(f"no such file or folder: {path}; data_files= takes local paths")
            found += map(Path, matches)
    if not found:
        raise DatasetError("data_files must name at least one file, got none")
    return found


def _files_of_folder(folder: Path, config: str, split: str) -> list[Path]:
    configs = _configs_of_card(folder / "README.md")
    if configs:
        return _files_by_card(folder, configs, config, split)
    for base in (folder / config, folder / "data", folder):
        files = _files_named(base, split)
        if files:
            return files
    if config == "default":  # the hub's name of the only configuration is not ours
        found = [f for f in (_files_named(p, split) for p in sorted(folder.iterdir())) if f]
        if len(found) == 1:
            return found[0]
    raise DatasetError(
        f"no data file of split {split!r} (config {config!r}) in {folder}; "
        f"wanted such as {split}.jsonl or {config}/{split}-00000-of-00001.parquet, "
        "or pass data_files={split: path}"
    )


def _files_named(base: Path, split: str) -> list[Path]:
    """Returns the files of a folder whose names say the split, all of one type."""
    if not base.is_dir():
        return []
    names = sorted(p for p in base.iterdir() if p.is_file())
    inside = base / split
    names_inside = sorted(p for p in inside.iterdir() if p.is_file()) if inside.is_dir() else []
    for suffix in _SUFFIXES:
        files = [
            path
            for path in names
            if path.name.endswith(suffix)
            and (path.name[: -len(suffix)] == split or path.name.startswith(f"{split}-"))
        ]
        files = files or [path for path in names_inside if path.name.endswith(suffix)]
        if files:
            return files
    return []


def _configs_of_card(card: Path) -> list[dict[str, Any]]:
    """Returns the `configs` in the YAML head of a dataset card, or [] where there are none."""
    try:
        head = card.read_text(encoding="utf-8").split("\n---", 1)[0]
        yaml = importlib.import_module("yaml")
    except (OSError, UnicodeDecodeError, ImportError):
        return []  # then file names must do
    if not head.startswith("---"):
        return []
    try:
        data = yaml.safe_load(head.removeprefix("---"))
    except yaml.YAMLError as error:
        raise DatasetError(f"cannot read the YAML head of {card}: {_line(error)}") from None
    configs = data.get("configs") if isinstance(data, dict) else None
    if not isinstance(configs, list):
        return []
    return [c for c in configs if isinstance(c, dict) and c.get("data_files")]


def _files_by_card(
    folder: Path, configs: list[dict[str, Any]], config: str, split: str
) -> list[Path]:
    named = {str(c.get("config_name", "default")): c for c in configs}
    chosen = named.get(config)
    if chosen is None and config == "default":
        marked = [c for c in configs if c.get("default")] or configs
        chosen = marked[0] if len(marked) == 1 else None
    if chosen is None:
        raise UnknownNameError(f"config in {folder / 'README.md'}", config, named)
    patterns = _patterns(chosen["data_files"])
    if split not in patterns:
        raise UnknownNameError(f"split in {folder / 'README.md'}", split, patterns)
    files = [path for pattern in patterns[split] for path in sorted(folder.glob(pattern))]
    if not files:
        raise DatasetError(f"no file in {folder} matches {', '.join(patterns[split])}")
    return files


def _patterns(data_files: Any) -> dict[str, list[str]]:
    """Returns split -> patterns, from each of the forms that a dataset card may write."""
    if isinstance(data_files, dict):
        entries = list(data_files.items())
    elif isinstance(data_files, list) and all(isinstance(d, dict) for d in data_files):
        entries = [(d.get("split", "train"), d.get("path", [])) for d in data_files]
    else:
        entries = [("train", data_files)]
    found: dict[str, list[str]] = {}
    for split, paths in entries:
        texts = [paths] if isinstance(paths, str) else list(paths)
        found.setdefault(str(split), []).extend(map(str, texts))
    return found


def _line(error: BaseException) -> str:
    """Returns an error in one line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
