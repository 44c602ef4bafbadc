"""The rows of a dataset on the Hugging Face hub: newly loaded, from the hub's cache, or streamed.

A dataset that the hub describes well is loaded by the package `datasets`. Where the repository
still ships a script, which `datasets` refuses, or describes its files in a way of no use, the spec
names the files (`DatasetSpec.hub_files`): they are fetched as they are into the hub's cache and
read by `sources.py`. No script is ever run.

The commit is resolved first and asked for by its number, so that what is recorded is what was read.
Without a network the newest commit in the cache is taken: its files are read from the cache's
snapshot, else what `datasets` has prepared.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DatasetError
from .digits import any_int_length
from .files import find_files
from .sources import RowSource, line_of, open_files

__all__ = ["HubRows", "cached_commits", "dataset_of", "rows_from_hub", "stream_from_hub"]

_INSTALL = "pip install 'coding-envs[hf]'"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(.*)")
_NOWHERE = "the hub cannot be reached, and the cache does not have it"
_TIMEOUT_S = 10.0  # of the question which commit it is; files take what they take


@dataclass(frozen=True)
class HubRows:
    """What was read.

    Attributes:
      source: the rows.
      commit: the commit of the dataset's repository; "" where `path` is a local folder.
    """

    source: RowSource
    commit: str


def rows_from_hub(
    path: str,
    *,
    config: str | None,
    split: str,
    revision: str | None = None,
    files: Sequence[str] = (),
) -> HubRows:
    """Returns the rows of one split, which the hub's package keeps on disk.

    Args:
      path: the dataset's name on the hub, such as "openai/openai_humaneval"; or a local folder.
      config: the configuration's name, or None for the default one.
      split: the split's name.
      revision: a commit, tag or branch, or None for the newest.
      files: the repository's files that hold the split, or patterns; () as the hub describes.

    Raises:
      DatasetError: the package or the network is missing, or there is no such dataset.
    """
    datasets = _datasets(path)
    try:
        with _quiet(datasets):
            commit, reached = _resolve(path, revision)
            if not reached:
                snapshot = _from_snapshot(path, commit, config, split, files)
                if snapshot is not None:
                    return HubRows(snapshot, commit)
                if files or revision:
                    raise DatasetError(_NOWHERE)
                return _prepared(datasets, path, config, split)
            if files:
                folder = _fetched(path, commit, files)
                return HubRows(open_files(_matching(folder, files)), commit)
            with any_int_length():
                rows = datasets.load_dataset(path, config, split=split, revision=commit or None)
            return HubRows(_Table(rows), commit or _prepared_commit(rows))
    except Exception as error:  # anything from a time-out to a changed layout of the dataset
        raise _unreadable(path, revision, files, error) from error


def stream_from_hub(
    path: str,
    *,
    config: str | None,
    split: str,
    revision: str | None = None,
    files: Sequence[str] = (),
) -> tuple[Iterator[Any], str]:
    """Returns the rows of one split as they come over the network, and the commit.

    Nothing is kept on disk. See `rows_from_hub` for the arguments; without a network, what is
    cached is read.

    Raises:
      DatasetError: the package or the network is missing, or there is no such dataset.
    """
    datasets = _datasets(path)
    try:
        with _quiet(datasets):
            commit, reached = _resolve(path, revision)
        if not reached:
            rows = rows_from_hub(path, config=config, split=split, revision=revision, files=files)
            return rows.source.rows(), rows.commit
        with _quiet(datasets):
            if files:
                kind = "parquet" if files[0].endswith(".parquet") else "json"
                root = f"hf://datasets/{path}@{commit}" if commit else path
                places = [f"{root}/{file}" for file in files]
                stream = datasets.load_dataset(
                    kind, data_files={split: places}, split=split, streaming=True
                )
            else:
                stream = datasets.load_dataset(
                    path, config, split=split, revision=commit or None, streaming=True
                )
        return _iterate(stream, path), commit
    except DatasetError:
        raise
    except Exception as error:
        raise _unreadable(path, revision, files, error) from error


def _prepared(datasets: Any, path: str, config: str | None, split: str) -> HubRows:
    """Returns what `datasets` prepared earlier; else it would try the hub for half a minute."""
    constants: Any = importlib.import_module("huggingface_hub.constants")
    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        with any_int_length():
            rows = datasets.load_dataset(path, config, split=split)
    except ConnectionError:
        raise DatasetError(_NOWHERE) from None
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before
    return HubRows(_Table(rows), _prepared_commit(rows))


def _fetched(path: str, commit: str, files: Sequence[str]) -> Path:
    """Returns the folder that holds files of a repository, as they are."""
    if not commit:
        return Path(path)  # a local folder
    hub = importlib.import_module("huggingface_hub")
    folder = hub.snapshot_download(
        path, repo_type="dataset", revision=commit, allow_patterns=list(files)
    )
    return Path(folder)


def _iterate(rows: Iterable[Any], path: str) -> Iterator[Any]:
    iterator, end = iter(rows), object()
    while True:
        try:
            with any_int_length():
                row = next(iterator, end)
        except Exception as error:
            raise _unreadable(path, None, (), error) from error
        if row is end:
            return
        yield row


def _datasets(path: str) -> Any:
    try:
        import datasets
    except ImportError:
        if not path:
            raise DatasetError(f"a Dataset needs the package 'datasets': {_INSTALL}") from None
        raise DatasetError(
            f"reading {path} from the hub needs the package 'datasets': {_INSTALL}, "
            "or pass data_files= with local files"
        ) from None
    return datasets


def _unreadable(
    path: str, revision: str | None, files: Sequence[str], error: Exception
) -> DatasetError:
    fetch = f"hf download {path} --repo-type dataset"
    if revision:
        fetch += f" --revision {revision}"
    fetch += "".join(f" --include '{file}'" for file in files)
    return DatasetError(
        f"cannot read {path} from the hub: {line_of(error)}; fetch it with `{fetch}` where there "
        f"is a network, or pass data_files= with a local copy of {path}"
    )


def _resolve(path: str, revision: str | None) -> tuple[str, bool]:
    """Returns the commit ("" where none is known), and whether the hub could be reached."""
    if Path(path).exists():  # a local folder, which `datasets` reads as well
        return "", True
    hub = importlib.import_module("huggingface_hub")
    errors = importlib.import_module("huggingface_hub.errors")
    offline = importlib.import_module("huggingface_hub.constants").HF_HUB_OFFLINE
    if not offline:
        try:
            info = hub.HfApi().dataset_info(path, revision=revision, timeout=_TIMEOUT_S)
            return str(info.sha or ""), True
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
            raise
        except Exception as error:
            # No network, or a hub in trouble: what is cached will do, and else says why.
            _logger.info("the hub cannot be asked about %s: %s", path, line_of(error))
    return _cached_commit(path, revision), False


_logger = logging.getLogger("coding_envs.data")


def _from_snapshot(
    path: str, commit: str, config: str | None, split: str, files: Sequence[str]
) -> RowSource | None:
    """Returns the rows of files in the hub's cache, or None where the split's are not there."""
    folder = _hub_folder(path) / "snapshots" / commit
    if not commit or not folder.is_dir():
        return None
    try:
        if files:
            found = _matching(folder, files)
        else:
            found = find_files(folder, config=config or "default", split=split)
    except (DatasetError, LookupError) as error:
        _logger.info("not in the cache: %s", line_of(error))
        return None
    _check_shards(found)
    return open_files(found)


def _matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    found = []
    for pattern in patterns:
        matches = [path for path in sorted(folder.glob(pattern)) if path.is_file()]
        if not matches:
            raise DatasetError(f"no file in {folder} matches {pattern}")
        found += matches
    return found


def _check_shards(files: Sequence[Path]) -> None:
    """Raises where the cache has some parts of a split only."""
    parts: dict[tuple[str, int], set[int]] = {}
    for file in files:
        found = _SHARD.fullmatch(str(file))
        if found:
            whole = int(found[3])
            parts.setdefault((found[1], whole), set()).add(int(found[2]))
    for (name, whole), there in parts.items():
        if len(there) < whole:
            raise DatasetError(f"the cache has {len(there)} of {whole} files {name}-*")


# --- the hub's cache -----------------------------------------------------------------------------


def _home(environment: Mapping[str, str] = os.environ) -> Path:
    base = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(environment.get("HF_HOME") or f"{base}/huggingface").expanduser()


def _hub_folder(path: str) -> Path:
    """Returns where the hub's package keeps a dataset's files, without importing it.

    Source: huggingface_hub, `constants.py` and "Understand caching".
    """
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    root = Path(named).expanduser() if named else _home() / "hub"
    return root / ("datasets--" + path.replace("/", "--"))


def cached_commits(path: str) -> tuple[str, ...]:
    """Returns the commits of a dataset of which something is in the hub's cache; a quick look."""
    folder = _hub_folder(path) / "snapshots"
    if not folder.is_dir():
        return ()
    return tuple(sorted(one.name for one in folder.iterdir() if any(one.iterdir())))


def _cached_commit(path: str, revision: str | None) -> str:
    """Returns the commit in the cache that a revision means, or ""."""
    commits = cached_commits(path)
    if revision in commits:
        return str(revision)
    reference = _hub_folder(path) / "refs" / (revision or "main")
    if ".." not in reference.parts and reference.is_file():
        commit = reference.read_text().strip()
        return commit if commit in commits else ""
    return commits[0] if revision is None and len(commits) == 1 else ""


def _prepared_commit(rows: Any) -> str:
    """Returns the commit that is in the name of what `datasets` has prepared, or ""."""
    for file in getattr(rows, "cache_files", ()):
        name = Path(file["filename"]).parent.name
        if _COMMIT.fullmatch(name):
            return name
    return ""


# --- the package `datasets` ----------------------------------------------------------------------


class _Table:
    """A `datasets.Dataset` as a RowSource: mapped into memory, so that nothing is held."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows.with_format(None)
        self.columns = tuple(rows.column_names)
        self.size_bytes = int(rows.data.nbytes)

    def rows(self) -> Iterator[Any]:
        return map(self.row, range(len(self._rows)))

    def heads(self, columns: Sequence[str]) -> Iterator[Any]:
        present = [name for name in columns if name in self.columns]
        return iter(self._rows.select_columns(present) if present else self._rows)

    def row(self, number: int) -> Any:
        with any_int_length():
            return self._rows[number]

    def row_bytes(self, number: int) -> int:  # noqa: ARG002 - they are not measured one by one
        return self.size_bytes // max(len(self._rows), 1)

    def pick(self, numbers: Sequence[int]) -> Iterator[Any]:
        return map(self.row, numbers)


def dataset_of(
    rows: Iterable[Mapping[str, Any]],
    names: Sequence[str],
    lists: Sequence[str],
    numbers: Sequence[str],
) -> Any:
    """Returns a `datasets.Dataset` of rows that have the columns `names`.

    Args:
      rows: columns by name.
      names: of all columns.
      lists: those that hold lists of texts.
      numbers: those that hold numbers; all others hold text.

    Raises:
      DatasetError: the package is not installed.
    """
    datasets = _datasets("")
    text = datasets.Value("large_string")
    features = dict.fromkeys(names, text)
    features |= dict.fromkeys(lists, datasets.List(text))
    features |= dict.fromkeys(numbers, datasets.Value("float64"))
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        for name in names:
            columns[name].append(row[name])
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


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
