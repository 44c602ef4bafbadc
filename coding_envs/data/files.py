"""Which local files hold a split.

A folder is read as the hub lays one out: by the `configs` of its README.md where it has one, else
by file names:

    <config>/<split>-*.parquet   <config>/<split>/*.parquet   data/<split>-*.parquet
    <split>-*.parquet            <split>.jsonl                ...
"""

from __future__ import annotations

import glob
import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import DatasetError, UnknownNameError
from .sources import SUFFIXES, line_of

__all__ = ["DataFiles", "find_files"]

type _Path = str | os.PathLike[str]
type DataFiles = _Path | Sequence[_Path] | Mapping[str, _Path | Sequence[_Path]]
"""A path, a list of paths, or either of them per split; a path may be a file, folder or glob."""


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
    for suffix in SUFFIXES:
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
        raise DatasetError(f"cannot read the YAML head of {card}: {line_of(error)}") from None
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
