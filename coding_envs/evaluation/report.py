"""EvalReport: what came out of an evaluation, as values, JSON, a table and files."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..verdict import Status, Verdict

__all__ = ["EvalReport", "ProblemResult", "SampleResult"]

_SHOWN_FAILURES = 10


@dataclass(frozen=True)
class SampleResult:
    """One sample's verdict.

    Attributes:
      key: the problem's.
      sample: the sample's number among those of its problem, from 0.
      verdict: what the judge said.
    """

    key: str
    sample: int
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Returns the result as JSON data."""
        return {"task_id": self.key, "sample": self.sample, **self.verdict.to_json()}


@dataclass(frozen=True)
class ProblemResult:
    """What came of one problem's samples.

    Attributes:
      key: the problem's.
      n: samples judged.
      c: samples accepted.
      faults: samples that could not be judged, by no fault of theirs.
      statuses: status -> how many samples.
    """

    key: str
    n: int
    c: int
    faults: int = 0
    statuses: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "statuses", MappingProxyType(dict(self.statuses)))

    @property
    def is_missing(self) -> bool:
        """True where the problem had no sample at all."""
        return self.n + self.faults == 0

    def to_json(self) -> dict[str, Any]:
        """Returns the row as JSON data."""
        data: dict[str, Any] = {"key": self.key, "n": self.n, "c": self.c}
        return data | {"faults": self.faults, "statuses": dict(self.statuses)}


@dataclass(frozen=True)
class EvalReport:
    """What came out of an evaluation.

    Attributes:
      dataset, config, split: which problems.
      source: where the samples came from: "reference", a file, a checkpoint.
      pass_at_k: k -> the average over problems; see `evaluate` for what is left out.
      rows: one per problem, in their order.
      results: one per sample, in their order.
      executions: processes run; fewer than samples where some were identical.
      seconds: on the clock.
      problem_set: the fingerprint of the problems.
      judge_version: of the judge.
      dropped: the dataset's rows that could not become problems, and why.
      notes: what a reader of the numbers must know.
    """

    dataset: str
    config: str
    split: str
    source: str
    pass_at_k: Mapping[int, float]
    rows: tuple[ProblemResult, ...]
    results: tuple[SampleResult, ...] = field(repr=False)
    executions: int
    seconds: float
    problem_set: str
    judge_version: str
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "pass_at_k", MappingProxyType(dict(self.pass_at_k)))

    @property
    def statuses(self) -> dict[str, int]:
        """Status -> how many samples, for those that occurred."""
        counts = Counter(result.verdict.status for result in self.results)
        return {str(status): counts[status] for status in Status if status in counts}

    @property
    def faults(self) -> int:
        """How many samples could not be judged, by no fault of theirs."""
        return sum(row.faults for row in self.rows)

    @property
    def missing(self) -> tuple[str, ...]:
        """The keys of the problems without a sample."""
        return tuple(row.key for row in self.rows if row.is_missing)

    def to_json(self) -> dict[str, Any]:
        """Returns the report as JSON data, without the verdicts."""
        return {
            "dataset": self.dataset,
            "config": self.config,
            "split": self.split,
            "source": self.source,
            "problems": len(self.rows),
            "samples": len(self.results),
            "pass_at_k": {str(k): value for k, value in self.pass_at_k.items()},
            "statuses": self.statuses,
            "executions": self.executions,
            "seconds": round(self.seconds, 3),
            "problem_set": self.problem_set,
            "judge_version": self.judge_version,
            "missing": list(self.missing),
            "dropped": list(self.dropped),
            "notes": list(self.notes),
            "rows": [row.to_json() for row in self.rows],
        }

    def to_text(self) -> str:
        """Returns the report as a table for a person."""
        where = "/".join([self.dataset, self.config, self.split])
        numbers = [("problems", f"{len(self.rows)}"), ("samples", f"{len(self.results)}")]
        numbers += [(f"pass@{k}", f"{value:.4f}") for k, value in self.pass_at_k.items()]
        numbers += [(name, f"{count}") for name, count in self.statuses.items()]
        numbers += [("executions", f"{self.executions}"), ("seconds", f"{self.seconds:.1f}")]
        width = max(len(name) for name, _ in numbers)
        digits = max(len(value) for _, value in numbers)
        title = f"{where}  ({self.source})"
        lines = [title, "-" * max(len(title), width + 2 + digits)]
        lines += [f"{name:<{width}}  {value:>{digits}}" for name, value in numbers]
        lines += [f"note: {note}" for note in self.notes]
        if self.dropped:
            lines.append(f"note: {len(self.dropped)} rows dropped, first: {self.dropped[0]}")
        failed = [r for r in self.results if not r.verdict.accepted]
        if failed:
            lines += ["", f"not accepted (the first {_SHOWN_FAILURES} of {len(failed)}):"]
            shown = failed[:_SHOWN_FAILURES]
            lines += [f"  {r.key} #{r.sample}  {r.verdict.status}: {_message(r)}" for r in shown]
        return "\n".join(lines)

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Writes `report.json`, and `results.jsonl` with a verdict per line, into a folder.

        Each file appears whole or not at all.

        Raises:
          OSError: the folder or a file cannot be written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "results.jsonl", (json.dumps(r.to_json()) + "\n" for r in self.results))
        _write(folder / "report.json", [json.dumps(self.to_json(), indent=1), "\n"])


def _message(result: SampleResult) -> str:
    text = " ".join(result.verdict.message.split())
    return text if len(text) <= 100 else text[:97] + "..."


def _write(path: Path, parts: Iterable[str]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
