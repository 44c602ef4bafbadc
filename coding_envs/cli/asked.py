"""What several commands do with their options: problems, files, packages, optional modules."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..data import ProblemSet, dataset_names, dataset_spec, load_problems, parse_where
from ..errors import CodingEnvsError, DatasetError, InvalidValueError
from ..problem import Problem
from ..sandbox.packages import installed_packages

__all__ = [
    "AskedPackages",
    "asked_packages",
    "load_asked",
    "narrowed",
    "optional_module",
    "require_file_name",
    "require_folder_name",
    "require_path",
]


def optional_module(module: str, what: str) -> Any:
    """Returns a module that one command alone needs, imported when it runs."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise CodingEnvsError(
            f"{what} needs the module {error.name}, which is not installed; "
            "pip install coding-envs coding-envs-trainer"
        ) from error


def require_path(option: str, path: str | Path) -> None:
    """Refuses a path that is not there."""
    if not Path(path).exists():
        raise InvalidValueError(f"{option}: no such file: {path}")


def require_file_name(option: str, path: Path) -> None:
    """Checks, before the work and not after it, that a file can have this name."""
    if not path.parent.is_dir():
        raise InvalidValueError(f"{option}: no such folder: {path.parent}")
    if path.is_dir():
        raise InvalidValueError(f"{option} must be a file, {path} is a folder")


def require_folder_name(option: str, path: Path) -> None:
    """Checks that nothing else than a folder has this name."""
    if path.exists() and not path.is_dir():
        raise InvalidValueError(f"{option} must be a folder, {path} is a file")


def load_asked(options: argparse.Namespace, dataset: str, *, narrow: bool = True) -> ProblemSet:
    """Returns the problems that the options of `_add_source` ask for.

    Args:
      options: the parser's.
      dataset: its name.
      narrow: False leaves --where and --limit out; see `narrowed`.
    """
    where = parse_where(options.where or ())
    if not dataset:
        raise InvalidValueError("DATASET is empty; see coding-envs list")
    if options.manifest is not None:
        require_path("--manifest", options.manifest)
    try:
        return load_problems(
            dataset,
            config=options.config,
            split=options.split,
            revision=options.revision,
            data_files=options.data_files,
            manifest=options.manifest,
            where=where if narrow else None,
            limit=options.limit if narrow else None,
        )
    except DatasetError as error:
        for path in options.data_files or ():
            if not Path(path).exists() and not any(c in path for c in "*?["):
                raise InvalidValueError(f"--data-files: no such file or folder: {path}") from error
        raise


def narrowed(problems: ProblemSet, options: argparse.Namespace) -> ProblemSet:
    """Returns the problems that --where and --limit leave."""
    kept = problems.where(parse_where(options.where or ()))
    return kept if options.limit is None else kept[: options.limit]


@dataclass(frozen=True)
class AskedPackages:
    """The packages that a command's jail shows.

    Attributes:
      shown: their names.
      note: one line on those that problems need and that are not installed here, or "".
    """

    shown: tuple[str, ...]
    note: str = ""


def asked_packages(
    options: argparse.Namespace, problems: ProblemSet | Iterable[Problem]
) -> AskedPackages:
    """Returns what --packages names, or else what the problems need and this machine has."""
    if options.packages is not None:
        return AskedPackages(options.packages)
    needed: Counter[str] = Counter()
    for problem in _perhaps_needy(problems):
        needed.update(problem.needed_packages)
    if not needed:
        return AskedPackages(())
    shown = installed_packages(needed)
    missing = sorted(set(needed) - set(shown))
    if not missing:
        return AskedPackages(shown)
    names = ", ".join(f"{name} ({needed[name]})" for name in missing)
    return AskedPackages(
        shown,
        f"packages that problems need and that are not installed here, so that these "
        f"problems are not judged: {names}; install them beside coding-envs",
    )


def _perhaps_needy(problems: ProblemSet | Iterable[Problem]) -> Iterable[Problem]:
    if not isinstance(problems, ProblemSet):
        return problems
    known = problems.name in dataset_names()
    if problems.is_lazy and known and not dataset_spec(problems.name).needs_packages:
        return ()
    return problems.usable([])
