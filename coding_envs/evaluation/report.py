"""EvalReport: what came out of an evaluation, as values, JSON, a table and files."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..files import write_whole
from ..verdict import Status
from .folder import SampleResult
from .summary import Group, LengthGroup, ProblemResult, by_length, groups

__all__ = ["EvalReport"]

_SHOWN_FAILURES = 10


@dataclass(frozen=True)
class EvalReport:
    """What came out of an evaluation.

    Attributes:
      dataset, config, split: which problems.
      source: where the samples came from: "reference", a file, a checkpoint, a model.
      pass_at_k: k -> the average over problems; see `evaluate` for what is left out.
      rows: one per problem, in their order.
      results: one per sample, in their order.
      executions: processes run; fewer than samples where some were identical.
      seconds: on the clock, for judging; over all parts of an evaluation that was interrupted.
      problem_set: the fingerprint of the problems.
      judge_version: of the judge.
      intervals: k -> (low, high), the 95% bootstrap interval over problems.
      dropped: the dataset's rows that could not become problems, and why.
      notes: what a reader of the numbers must know.
      settings: of the model that wrote the samples, where one did.
      tokens: "prompt" and "completion" -> how many the model read and wrote, where it says so.
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
    intervals: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("pass_at_k", "intervals", "settings", "tokens"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

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

    @property
    def cpu_time_s(self) -> float:
        """Processor time of the programs, seconds."""
        return sum(result.verdict.cpu_time_s for result in self.results if result.verdict.runs)

    @cached_property
    def by_difficulty(self) -> list[Group]:
        """The problems by difficulty; none where the dataset does not say."""
        if not any(row.difficulty for row in self.rows):
            return []
        return groups(self.rows, list(self.pass_at_k), lambda r: [r.difficulty or "not said"])

    @cached_property
    def by_tag(self) -> list[Group]:
        """The problems by tag, at most the 40 largest groups; a problem counts for each of its."""
        return groups(self.rows, list(self.pass_at_k), lambda row: row.tags)

    @cached_property
    def by_length(self) -> list[LengthGroup]:
        """The programs by their length, in about equal parts."""
        return by_length(self.results)

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
            "intervals": {str(k): list(pair) for k, pair in self.intervals.items()},
            "statuses": self.statuses,
            "executions": self.executions,
            "seconds": round(self.seconds, 3),
            "cpu_time_s": round(self.cpu_time_s, 3),
            "tokens": dict(self.tokens),
            "problem_set": self.problem_set,
            "judge_version": self.judge_version,
            "settings": dict(self.settings),
            "missing": list(self.missing),
            "dropped": list(self.dropped),
            "notes": list(self.notes),
            "difficulties": [group.to_json() for group in self.by_difficulty],
            "tags": [group.to_json() for group in self.by_tag],
            "lengths": [group.to_json() for group in self.by_length],
            "rows": [row.to_json() for row in self.rows],
        }

    def to_text(self) -> str:
        """Returns the report as a table for a person."""
        where = "/".join([self.dataset, self.config, self.split])
        numbers = [("problems", f"{len(self.rows)}"), ("samples", f"{len(self.results)}")]
        numbers += [(f"pass@{k}", f"{value:.4f}") for k, value in self.pass_at_k.items()]
        numbers += [(name, f"{count}") for name, count in self.statuses.items()]
        numbers += [("executions", f"{self.executions}"), ("seconds", f"{self.seconds:.1f}")]
        numbers += [(f"{name} tokens", f"{count}") for name, count in self.tokens.items()]
        width = max(len(name) for name, _ in numbers)
        digits = max(len(value) for _, value in numbers)
        title = f"{where}  ({self.source})"
        lines = [title, "-" * max(len(title), width + 2 + digits)]
        beside = {
            f"pass@{k}": f"  95%: {low:.4f} to {high:.4f}"
            for k, (low, high) in self.intervals.items()
        }
        lines += [f"{n:<{width}}  {value:>{digits}}{beside.get(n, '')}" for n, value in numbers]
        if len(self.by_difficulty) > 1:
            lines += ["", *_table("by difficulty", self.by_difficulty)]
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
        """Writes `verdicts.jsonl`, `report.html` and `results.json` into a folder.

        Each file appears whole or not at all, `results.json` last.

        Raises:
          OSError: the folder or a file cannot be written.
        """
        from .page import report_page

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        elapsed = {"elapsed_s": round(self.seconds, 6)}
        lines = (json.dumps(r.to_json() | elapsed) + "\n" for r in self.results)
        write_whole(folder / "verdicts.jsonl", lines)
        write_whole(folder / "report.html", [report_page(self)])
        write_whole(folder / "results.json", [json.dumps(self.to_json(), indent=1), "\n"])


def _table(title: str, some: Iterable[Group]) -> list[str]:
    rows = [[group.name, f"{group.problems}"] for group in some]
    ks: list[int] = []
    for row, group in zip(rows, some, strict=True):
        ks = list(group.pass_at_k)
        row += [f"{value:.4f}" for value in group.pass_at_k.values()]
    rows = [[title, "problems", *(f"pass@{k}" for k in ks)], *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def _message(result: SampleResult) -> str:
    text = " ".join(result.verdict.message.split())
    return text if len(text) <= 100 else text[:97] + "..."
