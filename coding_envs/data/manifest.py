"""Manifest: what a certification decided on each problem of a set, and how it is applied.

A manifest is a table with a row per problem. It is kept as Parquet (`manifest.parquet`) where
pyarrow is installed, else as JSON lines (`manifest.jsonl`), with the same columns; the file's name
says which. The making of one is in `coding_envs.certify`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import DatasetError, InvalidValueError
from ..files import whole_file
from ..problem import Comparison, Limits, Problem
from .head import Head
from .problem_set import ProblemSet

__all__ = [
    "DECISIONS",
    "MANIFEST_FILES",
    "Manifest",
    "ManifestRow",
    "apply_manifest",
    "apply_repairs",
    "problem_digest",
]

DECISIONS = ("kept", "repaired", "dropped")
MANIFEST_FILES = ("manifest.parquet", "manifest.jsonl")

_logger = logging.getLogger("coding_envs.data")
_REPAIRS = ("limits", "comparison", "removed_tests", "removed_solutions")
_REMEDY = "certify this dataset again: coding-envs certify"


@dataclass(frozen=True)
class ManifestRow:
    """What was decided on one problem, and on what grounds.

    Attributes:
      dataset, config, split: the set's names.
      key: the problem's.
      fingerprint: `problem_digest` of the problem as it was before any repair.
      decision: "kept", "repaired" or "dropped".
      reasons: codes, such as "references_fail"; docs/certification.md lists them.
      notes: a sentence for each of what was found.
      repairs: what `apply_repairs` changes; JSON data, empty unless the decision is "repaired".
      limit_s: the calibrated limit on CPU time, seconds; 0 where no reference was accepted.
      slowest_s: CPU time of the slowest accepted run of a reference, seconds.
      repeats: how often each reference was run.
      references, accepted_references: how many there are; how many were accepted every time.
      wrong, wrong_rejected: known-wrong programs that were judged; how many were rejected.
      mutants, mutants_killed: mutated references that were judged; how many were rejected.
      weak_tests: indices, in `Problem.tests` after repair, of tests that rejected no program.
      statement_digest, tests_digest: equal for problems with the same statement, the same tests.
      machine: facts of the machine: cpu, cores, python.
      judge_version: the judge's.
      time: when it was decided: ISO 8601, UTC.
    """

    dataset: str
    config: str
    split: str
    key: str
    fingerprint: str
    decision: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    repairs: Mapping[str, Any] = field(default_factory=dict)
    limit_s: float = 0.0
    slowest_s: float = 0.0
    repeats: int = 0
    references: int = 0
    accepted_references: int = 0
    wrong: int = 0
    wrong_rejected: int = 0
    mutants: int = 0
    mutants_killed: int = 0
    weak_tests: tuple[int, ...] = ()
    statement_digest: str = ""
    tests_digest: str = ""
    machine: Mapping[str, Any] = field(default_factory=dict)
    judge_version: str = ""
    time: str = ""

    def __post_init__(self) -> None:
        if self.decision not in DECISIONS:
            raise InvalidValueError(
                f"decision of {self.key!r} must be one of {', '.join(DECISIONS)}, "
                f"got {self.decision!r}"
            )
        unknown = sorted(set(self.repairs) - set(_REPAIRS))
        if unknown:
            raise InvalidValueError(
                f"repairs of {self.key!r} must be among {', '.join(_REPAIRS)}, got {unknown}"
            )
        for name in ("reasons", "notes", "weak_tests"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("repairs", "machine"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, ...]:
        return (ManifestRow.from_json, (self.to_json(),))  # a mapping proxy cannot be pickled

    def to_json(self) -> dict[str, Any]:
        """Returns the row as JSON data."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("reasons", "notes", "weak_tests"):
            data[name] = list(data[name])
        for name in ("repairs", "machine"):
            data[name] = dict(data[name])
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ManifestRow:
        """Returns what `to_json` wrote; unknown keys of later versions are passed over.

        Raises:
          InvalidValueError: a column is missing or malformed.
        """
        known = {f.name: data[f.name] for f in fields(cls) if data.get(f.name) is not None}
        try:
            for name in ("repairs", "machine"):
                if isinstance(known.get(name), str):  # a Parquet column holds JSON text
                    known[name] = json.loads(known[name])
            return cls(**known)
        except (TypeError, ValueError, AttributeError) as error:
            raise InvalidValueError(f"malformed row of a manifest: {error}") from None


@dataclass(frozen=True)
class Manifest:
    """The rows of one problem set, in its order.

    Attributes:
      rows: at least one, all of one dataset, configuration and split.
    """

    rows: tuple[ManifestRow, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(self.rows))
        if not self.rows:
            raise InvalidValueError("a manifest must have at least one row")
        names = {_names(row) for row in self.rows}
        if len(names) > 1:
            raise InvalidValueError(f"a manifest must be of one split, got {sorted(names)[:3]}")
        by_key = {row.key: row for row in self.rows}
        if len(by_key) < len(self.rows):
            raise InvalidValueError("a manifest must have one row per key, got a key twice")
        object.__setattr__(self, "_by_key", by_key)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[ManifestRow]:
        return iter(self.rows)

    @property
    def where(self) -> str:
        """The set's name: `dataset/config/split`."""
        return "/".join(_names(self.rows[0]))

    def get(self, key: str) -> ManifestRow | None:
        """Returns the row of a problem, or None where there is none."""
        rows: dict[str, ManifestRow] = self._by_key  # type: ignore[attr-defined]
        return rows.get(key)

    def counts(self) -> dict[str, int]:
        """Returns decision -> how many problems."""
        counts = Counter(row.decision for row in self.rows)
        return {decision: counts[decision] for decision in DECISIONS}

    def keeps(self, key: str) -> bool:
        """Returns True where a problem was certified, and not dropped; reads no problem."""
        row = self.get(key)
        return row is not None and row.decision != "dropped"

    def amend(self, problem: Problem) -> Problem:
        """Returns a problem as it was certified: with its repairs.

        Raises:
          DatasetError: the manifest has no such problem, dropped it, or certified another problem
            under this key.
        """
        row = self.get(problem.key)
        if row is None or row.decision == "dropped":
            what = "is not in" if row is None else "was dropped by"
            raise DatasetError(f"problem {problem.uid} {what} the manifest of {self.where}")
        digest = problem_digest(problem)
        if digest != row.fingerprint:
            raise DatasetError(
                f"problem {problem.uid} is not what was certified: its fingerprint is {digest}, "
                f"the manifest's {row.fingerprint}; {_REMEDY} {problem.dataset}"
            )
        return apply_repairs(problem, row.repairs)

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Writes the manifest, whole or not at all, and returns its path.

        Args:
          path: a file whose name ends in .parquet or .jsonl; or a folder, which gets
            `manifest.parquet` where pyarrow is installed, else `manifest.jsonl`.

        Raises:
          DatasetError: it is to be Parquet, and pyarrow is missing.
          InvalidValueError: the name ends otherwise.
          OSError: it cannot be written.
        """
        path = Path(path)
        if path.is_dir():
            path = path / MANIFEST_FILES[0 if _pyarrow() is not None else 1]
            other = path.with_name(MANIFEST_FILES[path.name == MANIFEST_FILES[0]])
            other.unlink(missing_ok=True)  # an older one would contradict
        with whole_file(path) as temporary:
            if path.suffix == ".parquet":
                self._write_parquet(temporary)
            elif path.suffix == ".jsonl":
                lines = (json.dumps(row.to_json()) + "\n" for row in self.rows)
                with temporary.open("w", encoding="utf-8") as file:
                    file.writelines(lines)
            else:
                raise InvalidValueError(
                    f"a manifest's name must end in .parquet or .jsonl, got {path.name!r}"
                )
        return path

    def _write_parquet(self, path: Path) -> None:
        pa = _pyarrow()
        if pa is None:
            raise DatasetError(
                f"writing {path.name} needs the package 'pyarrow': pip install 'coding-envs[hf]', "
                "or write .jsonl"
            )
        types = {"float": pa.float64(), "int": pa.int64(), "str": pa.string()}
        types |= {"tuple[str, ...]": pa.list_(pa.string()), "tuple[int, ...]": pa.list_(pa.int64())}
        schema = pa.schema(
            [(f.name, types.get(str(f.type), pa.string())) for f in fields(ManifestRow)]
        )
        rows = [row.to_json() for row in self.rows]
        for row in rows:
            for name, value in row.items():
                if isinstance(value, dict):
                    row[name] = json.dumps(value)
                elif isinstance(value, str):
                    row[name] = _encodable(value)
                elif isinstance(value, list):
                    row[name] = [_encodable(v) if isinstance(v, str) else v for v in value]
        parquet = importlib.import_module("pyarrow.parquet")
        parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Manifest:
        """Returns the manifest of a file, or of a folder that `coding-envs certify` wrote.

        Raises:
          DatasetError: there is none, it is damaged, or pyarrow is missing for Parquet.
        """
        path = Path(path)
        if path.is_dir():
            found = [path / name for name in MANIFEST_FILES if (path / name).is_file()]
            if not found:
                raise DatasetError(
                    f"no manifest in {path}, wanted {' or '.join(MANIFEST_FILES)}; a certification "
                    "that was interrupted goes on with the same command"
                )
            path = found[0]
        try:
            rows = _parquet_rows(path) if path.suffix == ".parquet" else _json_rows(path)
            return cls(tuple(ManifestRow.from_json(row) for row in rows))
        except FileNotFoundError:
            raise DatasetError(f"no such manifest: {path}; make it: coding-envs certify") from None
        except (OSError, ValueError) as error:  # InvalidValueError and pyarrow's are ValueErrors
            line = " ".join(str(error).split())[:300].rstrip(".")
            raise DatasetError(f"cannot read the manifest {path}: {line}; {_REMEDY}") from None


def apply_manifest(
    problems: ProblemSet, manifest: Manifest | str | os.PathLike[str], *, strict: bool = False
) -> ProblemSet:
    """Returns the problems that a manifest keeps, repaired; in the same order.

    Problems that it drops, or does not list, are left out; a line in the log says how many.

    Args:
      problems: the set that was certified, or a part of it.
      manifest: a Manifest, its file, or the folder of a certification.
      strict: a problem that is not what was certified raises; else such problems are left out
        with one warning for all. Those of a lazy set are found when they are used, and raise then.

    Raises:
      DatasetError: the manifest cannot be read or is of another set; or see `strict`.
    """
    if not isinstance(manifest, Manifest):
        manifest = Manifest.read(manifest)
    where = (problems.name, problems.config, problems.split)
    if _names(manifest.rows[0]) != where:
        raise DatasetError(
            f"the manifest is of {manifest.where}, the problems of {'/'.join(where)}; "
            f"{_REMEDY} {problems.name}"
        )
    kept = problems.where(_Kept(manifest))
    left_out = len(problems) - len(kept)
    _logger.info("manifest of %s: %d problems, %d left out", manifest.where, len(kept), left_out)
    if kept.is_lazy or strict:
        return kept.map(manifest.amend)
    others: list[str] = []
    amended: list[Problem] = []
    for problem in kept:
        try:
            amended.append(manifest.amend(problem))
        except DatasetError as error:
            others.append(str(error))
    if others:
        warnings.warn(
            f"{len(others)} problems left out that are not what was certified, first: {others[0]}",
            stacklevel=2,
        )
    return ProblemSet(
        amended,
        name=problems.name,
        config=problems.config,
        split=problems.split,
        dropped=problems._dropped,
    )


@dataclass(frozen=True)
class _Kept:
    """A condition on heads: the manifest keeps the problem."""

    manifest: Manifest

    def __call__(self, head: Head) -> bool:
        return self.manifest.keeps(head.key)


def apply_repairs(problem: Problem, repairs: Mapping[str, Any]) -> Problem:
    """Returns a problem with a manifest's repairs.

    Args:
      problem: as it was loaded.
      repairs: any of
        limits: {name: value}, of `Limits`;
        comparison: {name: value}, of `Comparison`;
        removed_tests: indices in `Problem.tests`;
        removed_solutions: indices in `Problem.solutions`.
    """
    changes: dict[str, Any] = {}
    if repairs.get("limits"):
        changes["limits"] = _with(problem.limits, repairs["limits"])
    if repairs.get("comparison"):
        changes["comparison"] = _with(problem.comparison, repairs["comparison"])
    if repairs.get("removed_tests"):
        removed, public = set(repairs["removed_tests"]), len(problem.public_tests)
        numbered = list(enumerate(problem.tests))
        changes["public_tests"] = tuple(t for i, t in numbered[:public] if i not in removed)
        changes["hidden_tests"] = tuple(t for i, t in numbered[public:] if i not in removed)
    if repairs.get("removed_solutions"):
        removed = set(repairs["removed_solutions"])
        kept = (s for i, s in enumerate(problem.solutions) if i not in removed)
        changes["solutions"] = tuple(kept)
    return problem.replace(**changes) if changes else problem


def problem_digest(problem: Problem) -> str:
    """Returns a digest of what a problem shows, its tests and programs; of no name or revision.

    So a manifest that was made from local files holds for the same problems from the hub.
    """
    data = problem.to_json()
    names = (
        *("prompt", "starter_code", "entry_point", "language", "public_tests", "hidden_tests"),
        *("limits", "comparison", "checker", "interactor", "solutions", "wrong_solutions"),
    )
    return _digest([data.get(name) for name in names])


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _with(value: Any, changes: Mapping[str, Any]) -> Any:
    assert isinstance(value, (Limits, Comparison))
    known = {f.name for f in fields(value)}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise InvalidValueError(
            f"repairs must be of {type(value).__name__}'s fields, got {unknown}; {_REMEDY}"
        )
    return replace(value, **changes)


def _names(row: ManifestRow) -> tuple[str, str, str]:
    return row.dataset, row.config, row.split


def _encodable(text: str) -> str:
    """Text without lone surrogates, which Parquet cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _pyarrow() -> Any:
    try:
        return importlib.import_module("pyarrow")
    except ImportError:
        return None


def _parquet_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    if _pyarrow() is None:
        raise DatasetError(
            f"reading {path} needs the package 'pyarrow': pip install 'coding-envs[hf]'"
        )
    parquet = importlib.import_module("pyarrow.parquet")
    if not path.is_file():
        raise FileNotFoundError(path)
    rows: list[Mapping[str, Any]] = parquet.ParquetFile(path).read().to_pylist()
    return rows


def _json_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            row = json.loads(line)
            if not isinstance(row, dict):
                raise InvalidValueError(f"line {number} must be a JSON object")
            yield row
