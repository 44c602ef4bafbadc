"""The datasets known by name, and `load_problems`, which loads any of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import DatasetError, DatasetRowError, InvalidValueError, UnknownNameError
from ..problem import Problem
from . import bundled, layouts
from .hub import BadRow, DataFiles, find_files, rows_from_files, rows_from_hub
from .manifest import apply_manifest
from .problem_set import ProblemSet
from .spec import DatasetSpec

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
    if spec.name in _registered and not replace:
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


def load_problems(
    name: str,
    *,
    config: str | None = None,
    split: str | None = None,
    data_files: DataFiles | None = None,
    revision: str | None = None,
    manifest: str | os.PathLike[str] | None = None,
    strict: bool = False,
) -> ProblemSet:
    """Returns the problems of one split of a dataset.

    Args:
      name: a registered dataset; see `dataset_names`.
      config: its configuration, or None for its default.
      split: its split, or None for its default.
      data_files: local files instead of the hub: a path, a list of paths, or {split: path}; a path
        may be a .jsonl, .json (also .gz) or .parquet file, or a folder in the hub's layout.
      revision: of the dataset on the hub; for local files it is only noted.
      manifest: what `coding-envs certify` wrote, its folder or its file: leaves out what was
        dropped, and repairs what was repaired. Problems that are not what was certified are left
        out with a warning; or raise, where `strict` is True.
      strict: True raises at the first row that cannot become a problem; False drops such rows and
        keeps their errors in `ProblemSet.dropped`.

    Raises:
      UnknownNameError: there is no such dataset, configuration or split.
      DatasetError: it cannot be read: no such file, no network, a missing package; or the
        manifest is of another set.
      DatasetRowError: a row cannot become a problem, and `strict` is True.
    """
    if manifest is not None:
        problems = load_problems(
            name, config=config, split=split, data_files=data_files, revision=revision,
            strict=strict,
        )  # fmt: skip
        return apply_manifest(problems, manifest, strict=strict)
    spec = dataset_spec(name)
    config = spec.default_config if config is None else config
    if config not in spec.configs:
        raise UnknownNameError(f"config of {name}", str(config), spec.configs)
    split = _chosen_split(spec, split, data_files)
    if data_files is None and spec.load_split is not None:
        if revision is not None:
            raise DatasetError(f"{name} has no revisions, got revision={revision!r}; leave it out")
        return spec.load_split(config, split)
    rows: Iterable[Any]
    if data_files is not None:
        rows = rows_from_files(find_files(data_files, config=config, split=split))
    elif spec.hub_path:
        hub_config = config if config != "default" else None
        rows = rows_from_hub(spec.hub_path, config=hub_config, split=split, revision=revision)
    else:
        raise DatasetError(f"{name} is on no hub; pass data_files= with its files")
    problems = _problems_of(spec, rows, config, split, revision or "", strict=strict)
    expected = spec.expected_rows.get((config, split))
    count = len(problems) + len(problems.dropped)
    if data_files is None and expected is not None and count != expected:
        _logger.info("%s/%s/%s has %d rows, expected %d", name, config, split, count, expected)
    _logger.info("loaded %s", problems.describe())
    return problems


def _chosen_split(spec: DatasetSpec, split: str | None, data_files: DataFiles | None) -> str:
    if isinstance(data_files, Mapping):  # its own names, whatever the dataset's are
        if split is None and spec.default_split not in data_files and len(data_files) == 1:
            return str(next(iter(data_files)))
        return spec.default_split if split is None else split
    split = spec.default_split if split is None else split
    if split not in spec.splits:
        raise UnknownNameError(f"split of {spec.name}", str(split), spec.splits)
    return split


def _problems_of(
    spec: DatasetSpec,
    rows: Iterable[Any],
    config: str,
    split: str,
    revision: str,
    *,
    strict: bool,
) -> ProblemSet:
    problems: dict[str, Problem] = {}
    numbers: dict[str, int] = {}
    dropped: list[DatasetRowError] = []
    for number, row in enumerate(rows):
        try:
            if isinstance(row, BadRow):
                raise DatasetRowError(spec.name, split, number, "", row.reason)
            problem = _problem_of(spec, row, config, split, number, revision)
            if problem.key in problems:
                reason = f"has the key {problem.key!r} of row {numbers[problem.key]}"
                raise DatasetRowError(spec.name, split, number, "", reason)
            problems[problem.key], numbers[problem.key] = problem, number
        except DatasetRowError as error:
            if strict:
                raise
            dropped.append(error)
    return ProblemSet(
        problems.values(), name=spec.name, config=config, split=split, dropped=dropped
    )


def _problem_of(
    spec: DatasetSpec, row: Any, config: str, split: str, number: int, revision: str
) -> Problem:
    try:
        return spec.loader(row, config=config, split=split, row_number=number, revision=revision)
    except DatasetRowError:
        raise
    except InvalidValueError as error:  # such as a limit of -1, found by Problem itself
        raise DatasetRowError(spec.name, split, number, "", str(error)) from error


def _bundled(name: str, description: str) -> DatasetSpec:
    def loader(row: Any, *, config: str, split: str, row_number: int, revision: str) -> Problem:
        problem = bundled.problem_from_row(row, config=name, split=split, row_number=row_number)
        return problem.replace(config=config, revision=revision)

    def load_split(config: str, split: str) -> ProblemSet:  # noqa: ARG001 - there is only one
        return bundled.load_bundled(name, split)

    return DatasetSpec(
        name=name,
        description=description,
        loader=loader,
        splits=bundled.BUNDLED_SPLITS,
        load_split=load_split,
        styles=("call", "stdio"),
        license="MIT",
    )


register_dataset(_bundled("starter", "bundled: one short expression or a few statements each"))
register_dataset(_bundled("basic", "bundled: small functions and stdin/stdout programs"))
for _spec in layouts.SPECS:
    register_dataset(_spec)
