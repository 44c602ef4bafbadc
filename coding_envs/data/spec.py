"""DatasetSpec: what is known of a dataset before any of its rows is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from ..errors import InvalidValueError
from ..problem import Problem
from .head import STYLES, Head
from .problem_set import ProblemSet

__all__ = ["STYLES", "DatasetSpec", "Head", "HeadReader", "RowLoader"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class RowLoader(Protocol):
    """Makes a Problem of a dataset's row, or raises DatasetRowError."""

    def __call__(
        self, row: Any, *, config: str, split: str, row_number: int, revision: str
    ) -> Problem:
        """Returns the row's problem."""


class HeadReader(Protocol):
    """Makes a Head of `head_columns` and perhaps `style_columns`, or raises DatasetRowError."""

    def __call__(self, row: Any, *, config: str, split: str, row_number: int) -> Head:
        """Returns the row's head."""


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset known by name.

    Attributes:
      name: what `load_problems` takes; letters, digits, "-" and "_".
      description: one line for a person.
      loader: makes a Problem of a row.
      head: makes a Head of a row's `head_columns`; None where rows are small, and the whole
        problem is made instead.
      head_columns: the columns that `head` reads.
      style_columns: columns of tests, too large to be read with every head; `head` tells `style`
        and `language` by them, and where it is not given them leaves these as they are in Head.
        They are read only where a condition asks for one of the two.
      configs, default_config: the configurations; "default" where there is only one.
      splits, default_split: the splits.
      hub_path: the dataset's name on the Hugging Face hub, or "".
      hub_files: (config, split) -> files of the repository, or patterns, that hold the split;
        given where the repository's own description of them cannot be used, such as a script.
      revision: the hub's commit, tag or branch that is read unless another is asked for; "" the
        newest.
      load_split: (config, split) -> ProblemSet: loads it where it is on no hub, or None.
      expected_rows: (config, split) -> rows, as last seen; a difference is logged, never an error.
      styles: the kinds of tests that its problems have, of STYLES.
      license: SPDX identifier.
      needs_packages: True where problems may be flagged `needs:NAME`; of a large dataset where
        they are not, no row is read to find out.
    """

    name: str
    description: str
    loader: RowLoader
    head: HeadReader | None = None
    head_columns: tuple[str, ...] = ()
    style_columns: tuple[str, ...] = ()
    configs: tuple[str, ...] = ("default",)
    default_config: str = "default"
    splits: tuple[str, ...] = ("train", "test")
    default_split: str = "train"
    hub_path: str = ""
    hub_files: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    revision: str = ""
    load_split: Callable[[str, str], ProblemSet] | None = None
    expected_rows: Mapping[tuple[str, str], int] = field(default_factory=dict)
    styles: tuple[str, ...] = ()
    license: str = ""
    needs_packages: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(str(self.name)):
            raise InvalidValueError(
                f"name must be letters, digits, '-' and '_', got {self.name!r}; rename the dataset"
            )
        if not callable(self.loader):
            raise InvalidValueError(f"loader of {self.name} must be callable, got {self.loader!r}")
        for many, default in (("configs", "default_config"), ("splits", "default_split")):
            names = tuple(getattr(self, many))
            object.__setattr__(self, many, names)
            if getattr(self, default) not in names:
                raise InvalidValueError(
                    f"{default} of {self.name} must be one of {many} ({', '.join(names)}), "
                    f"got {getattr(self, default)!r}"
                )
        unknown = set(self.styles) - set(STYLES)
        if unknown:
            raise InvalidValueError(
                f"styles of {self.name} must be of {', '.join(STYLES)}, got {sorted(unknown)}"
            )
        for name in ("hub_files", "expected_rows"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
