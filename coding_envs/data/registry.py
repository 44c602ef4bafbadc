"""The datasets known by name, and `load_problems`, which loads any of them."""

from __future__ import annotations

import functools
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

from ..errors import DatasetError, InvalidValueError, UnknownNameError
from . import bundled, layouts, plain
from .files import DataFiles, find_files
from .hub import rows_from_hub, stream_from_hub
from .loading import ProblemStream, Wanted, problems_of
from .manifest import Manifest, apply_manifest
from .problem_set import ProblemSet
from .sources import open_files, rows_from_files
from .spec import DatasetSpec
from .where import Where

__all__ = [
    "dataset_names",
    "dataset_spec",
    "load_problems",
    "register_dataset",
]

_logger = logging.getLogger("coding_envs.data")


_registered: dict[str, DatasetSpec] = {}


def register_dataset(spec: DatasetSpec, *, replace: bool = False) -> None:
    """Makes a dataset known by its name.

    Raises:
      InvalidValueError: the name is taken, and `replace` is False.
    """
    if (spec.name in _registered and not replace) or spec.name == _PLAIN.name:
        raise InvalidValueError(
            f"a dataset named {spec.name!r} is registered; take another name or pass replace=True"
        )
    _registered[spec.name] = spec


def dataset_names() -> tuple[str, ...]:
    """Returns the names of the registered datasets, in the order of their registration."""
    return tuple(_registered)


def dataset_spec(name: str) -> DatasetSpec:
    """Returns what is registered under a name.

    Raises:
      UnknownNameError: there is no such dataset; the message suggests near names.
    """
    try:
        return _registered[name]
    except (KeyError, TypeError):
        raise UnknownNameError("dataset", str(name), _registered) from None


@overload
def load_problems(
    name: str | Path,
    *,
    config: str | None = None,
    split: str | None = None,
    revision: str | None = None,
    data_files: DataFiles | None = None,
    limit: int | None = None,
    where: Where | None = None,
    manifest: Manifest | str | os.PathLike[str] | None = None,
    strict: bool = False,
    check: bool | None = None,
    streaming: Literal[False] = False,
) -> ProblemSet: ...


@overload
def load_problems(
    name: str | Path,
    *,
    config: str | None = None,
    split: str | None = None,
    revision: str | None = None,
    data_files: DataFiles | None = None,
    limit: int | None = None,
    where: Where | None = None,
    manifest: None = None,
    strict: bool = False,
    check: bool | None = None,
    streaming: Literal[True],
) -> ProblemStream: ...


def load_problems(
    name: str | Path,
    *,
    config: str | None = None,
    split: str | None = None,
    revision: str | None = None,
    data_files: DataFiles | None = None,
    limit: int | None = None,
    where: Where | None = None,
    manifest: Manifest | str | os.PathLike[str] | None = None,
    strict: bool = False,
    check: bool | None = None,
    streaming: bool = False,
) -> ProblemSet | ProblemStream:
    """Returns the problems of one split of a dataset.

    Args:
      name: a registered dataset (see `dataset_names`); or its path on the hub, such as
        "openai/openai_humaneval"; or, in the plain layout (`docs/datasets.md`), a file or folder,
        or any other dataset on the hub.
      config: its configuration, or None for its default.
      split: its split, or None for its default.
      revision: of the dataset on the hub: a commit, tag or branch; None for the spec's own, else
        the newest. The commit that was read is noted in `Problem.revision`. For local files it is
        only noted.
      data_files: local files instead of the hub: a path, a list of paths, or {split: path}; a path
        may be a .jsonl, .json (also .gz) or .parquet file, or a folder in the hub's layout.
      limit: only the first so many of those that meet `where`.
      where: conditions on problems, such as {"difficulty": {"easy", "medium"}, "tags": "dp",
        "rating": (None, 1600), "released_after": "2024-08-01"}, or a predicate on Head; see
        `coding_envs.data.WHERE_KEYS`. A window of release dates drops problems without a date.
      manifest: what `coding-envs certify` wrote, its folder or its file: leaves out what was
        dropped and what was not certified, and repairs what was repaired; `limit` counts what is
        left. See `apply_manifest` for problems that are not what was certified.
      strict: True raises at the first row that cannot become a problem; False drops such rows and
        keeps the first errors in `ProblemSet.dropped`.
      check: whether every row is made a problem now, so that broken ones are found. None does so
        for up to 64 MiB; of larger files only the heads are read, and a problem whose row turns
        out to be broken raises DatasetRowError when it is used.
      streaming: True returns a ProblemStream, which reads one row after the other, of the hub
        without keeping a copy; it cannot be indexed.

    Raises:
      UnknownNameError: there is no such dataset, configuration, split or condition.
      InvalidValueError: a condition or the limit is malformed, or a stream was to have a manifest.
      DatasetError: it cannot be read: no such file, no network, a missing package; or the
        manifest is of another set.
      DatasetRowError: a row cannot become a problem, and `strict` is True.
    """
    if manifest is not None:
        if streaming:
            raise InvalidValueError("manifest= needs a set, got streaming=True; leave one out")
        certified = load_problems(
            name, config=config, split=split, revision=revision, data_files=data_files,
            where=where, strict=strict, check=check,
        )  # fmt: skip
        certified = apply_manifest(certified, manifest, strict=strict)
        return certified if limit is None else certified[:limit]
    spec, data_files = _chosen(name, config, split, data_files)
    config = spec.default_config if config is None else config
    if config not in spec.configs:
        raise UnknownNameError(f"config of {spec.name}", str(config), spec.configs)
    split = _chosen_split(spec, split, data_files)
    wanted = Wanted(spec, config, split, revision or "", where, limit, strict)
    if data_files is None and spec.load_split is not None:
        if revision is not None:
            raise DatasetError(f"{spec.name} has no revisions, got {revision!r}; leave it out")
        problems = spec.load_split(config, split).where(where)
        problems = problems if limit is None else problems[:limit]
        return _streamed(problems, wanted) if streaming else problems
    if data_files is not None:
        files = find_files(data_files, config=config, split=split)
        if streaming:
            return ProblemStream(functools.partial(rows_from_files, files), wanted)
        problems = problems_of(open_files(files), wanted, check=check)
    elif spec.hub_path:
        asked: dict[str, Any] = {
            "config": config if config != "default" else None,
            "split": split,
            "revision": revision or spec.revision or None,
            "files": spec.hub_files.get((config, split), ()),
        }
        if streaming:
            rows, commit = stream_from_hub(spec.hub_path, **asked)
            return ProblemStream(
                _again(rows, lambda: stream_from_hub(spec.hub_path, **asked)[0]),
                replace(wanted, revision=commit),
            )
        found = rows_from_hub(spec.hub_path, **asked)
        problems = problems_of(found.source, replace(wanted, revision=found.commit), check=check)
    else:
        raise DatasetError(f"{spec.name} is on no hub; pass data_files= with its files")
    expected = spec.expected_rows.get((config, split))
    count = len(problems) + problems.num_dropped
    if data_files is None and wanted.is_all and expected is not None and count != expected:
        where_ = f"{spec.name}/{config}/{split}"
        _logger.info("%s has %d rows, expected %d", where_, count, expected)
    _logger.info("loaded %s", problems.describe())
    return problems


def _streamed(problems: ProblemSet, wanted: Wanted) -> ProblemStream:
    """Returns problems that are there anyway as a stream."""

    def loader(row: Any, **_where: Any) -> Any:
        return row

    spec = replace(wanted.spec, loader=loader)
    return ProblemStream(lambda: problems, replace(wanted, spec=spec))


def _again(first: Iterable[Any], rows: Callable[[], Iterable[Any]]) -> Callable[[], Iterable[Any]]:
    """Returns a function that returns `first` once, and then what `rows` returns."""
    left = [first]
    return lambda: left.pop() if left else rows()


def _chosen(
    name: str | Path, config: str | None, split: str | None, data_files: DataFiles | None
) -> tuple[DatasetSpec, DataFiles | None]:
    """Returns the dataset that a name means, and its files where the name says them."""
    text = str(name)
    if text in _registered:
        return _registered[text], data_files
    if text == _PLAIN.name:
        if data_files is None:
            raise DatasetError("the plain layout is on no hub; pass data_files= with its files")
        return _plain_spec(text, config, split, data_files), data_files
    for spec in _registered.values():
        if text and spec.hub_path == text:
            return spec, data_files
    path = Path(name).expanduser()
    if data_files is None and path.exists():
        return _plain_spec(_stem(path), config, split, path), path
    if isinstance(name, str) and re.fullmatch(r"[\w.-]+/[\w.-]+", text):
        spec = _plain_spec(re.sub(r"[^A-Za-z0-9_-]", "-", text.split("/")[1]), config, split, None)
        return replace(spec, hub_path=text), data_files
    if isinstance(name, Path) or "/" in text or text.endswith((".jsonl", ".json", ".parquet")):
        raise DatasetError(f"no such file or folder: {path}, nor a dataset of that name")
    return dataset_spec(text), data_files


def _stem(path: Path) -> str:
    stem = path.resolve().name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]", "-", stem).lstrip("-_") or "plain"


def _plain_spec(
    name: str, config: str | None, split: str | None, data_files: DataFiles | None
) -> DatasetSpec:
    """Returns the plain layout under another name, with the configuration and split asked for."""
    config, split = config or "default", split or _only_split(data_files)
    return replace(
        _PLAIN,
        name=name,
        loader=functools.partial(plain.problem_from_row, dataset=name),
        head=functools.partial(plain.head_from_row, dataset=name),
        configs=(config,),
        default_config=config,
        splits=(split,),
        default_split=split,
    )


def _only_split(data_files: DataFiles | None) -> str:
    """Returns "train", or the only split that there is."""
    if isinstance(data_files, Mapping) and len(data_files) == 1:
        return str(next(iter(data_files)))
    if isinstance(data_files, (str, Path)) and Path(data_files).is_dir():
        for split in ("train", "test", "validation"):
            try:
                find_files(data_files, config="default", split=split)
            except (DatasetError, LookupError):
                continue
            return split
    return "train"


def _chosen_split(spec: DatasetSpec, split: str | None, data_files: DataFiles | None) -> str:
    if isinstance(data_files, Mapping):  # its own names, whatever the dataset's are
        if split is None and spec.default_split not in data_files and len(data_files) == 1:
            return str(next(iter(data_files)))
        return spec.default_split if split is None else split
    split = spec.default_split if split is None else split
    if split not in spec.splits:
        raise UnknownNameError(f"split of {spec.name}", str(split), spec.splits)
    return split


_PLAIN = DatasetSpec(
    name="plain",
    description="the plain layout: your own files, with a problem's fields as columns",
    loader=plain.problem_from_row,
    head=plain.head_from_row,
    head_columns=plain.HEAD_COLUMNS,
    style_columns=plain.STYLE_COLUMNS,
)


def _bundled(name: str, description: str, counts: Mapping[str, int]) -> DatasetSpec:
    return DatasetSpec(
        name=name,
        description=description,
        loader=functools.partial(bundled.problem_from_files, name=name),
        splits=bundled.BUNDLED_SPLITS,
        load_split=functools.partial(bundled.load_split, name),
        expected_rows={("default", split): rows for split, rows in counts.items()},
        styles=("call", "stdio"),
        license="MIT",
    )


for _name, _text, _train, _test in (
    ("starter", "bundled: one short expression or a few statements each", 590, 158),
    ("basic", "bundled: small functions and stdin/stdout programs", 52, 17),
):
    register_dataset(_bundled(_name, _text, {"train": _train, "test": _test}))
for _spec in layouts.SPECS:
    register_dataset(_spec)
