"""Report: what a grader made of the conformance cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .cases import KINDS, Case

__all__ = ["Outcome", "Report"]


@dataclass(frozen=True)
class Outcome:
    """What a grader made of one case.

    Attributes:
      case: the case.
      got: "accepted", "not accepted", "raised", "hung", or "broken": it judged the case well and
        then a right program badly.
      passed: True where the grader did as it must.
      message: one line: why not; or what the grader said.
      status: the verdict's status, where the grader gives verdicts, else "".
      seconds: on the clock, for the case alone.
    """

    case: Case
    got: str
    passed: bool
    message: str = ""
    status: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as JSON data."""
        return {
            "id": self.case.id,
            "category": self.case.category,
            "problem": self.case.problem.key,
            "passed": self.passed,
            "got": self.got,
            "status": self.status,
            "message": self.message,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Report:
    """What a grader made of the conformance cases.

    Attributes:
      outcomes: one per case that was run, in the order of the cases.
      skipped: cases that were left out, because they are harmful.
      seconds: on the clock, for all.
    """

    outcomes: tuple[Outcome, ...]
    skipped: tuple[Case, ...] = ()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """True where the grader did as it must in every case that was run."""
        return not self.failures

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes of the cases in which the grader did not do as it must."""
        return tuple(o for o in self.outcomes if not o.passed)

    @property
    def by_kind(self) -> Mapping[str, tuple[int, int]]:
        """Kind -> (passed, total), in the order of `KINDS`."""
        found = {kind: [o for o in self.outcomes if o.case.kind == kind] for kind in KINDS}
        return {kind: _count(outcomes) for kind, outcomes in found.items() if outcomes}

    @property
    def by_category(self) -> Mapping[str, tuple[int, int]]:
        """Kind and category, as "kind/category" -> (passed, total), sorted within each kind."""
        found: dict[tuple[int, str], list[Outcome]] = {}
        for one in self.outcomes:
            key = (KINDS.index(one.case.kind), one.case.category)
            found.setdefault(key, []).append(one)
        return {f"{KINDS[kind]}/{name}": _count(found[kind, name]) for kind, name in sorted(found)}

    def to_json(self) -> dict[str, Any]:
        """Returns the report as JSON data."""
        return {
            "passed": self.passed,
            "by_kind": {kind: list(counts) for kind, counts in self.by_kind.items()},
            "by_category": {name: list(counts) for name, counts in self.by_category.items()},
            "skipped": [case.id for case in self.skipped],
            "seconds": round(self.seconds, 3),
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
        }

    def to_text(self) -> str:
        """Returns the score card for a person: counts, then a line per failure."""
        rows = [(kind, f"{good}/{total}") for kind, (good, total) in self.by_kind.items()]
        rows += [("seconds", f"{self.seconds:.1f}")]
        width = max(len(name) for name, _ in rows)
        digits = max(len(value) for _, value in rows)
        lines = [f"{name:<{width}}  {value:>{digits}}" for name, value in rows]
        if self.skipped:
            lines.append(f"note: {len(self.skipped)} harmful cases were left out")
        if self.failures:
            lines += ["", f"failed ({len(self.failures)}):"]
            lines += [f"  {_line(outcome)}" for outcome in self.failures]
        return "\n".join(lines)


def _count(outcomes: Iterable[Outcome]) -> tuple[int, int]:
    passed = [outcome.passed for outcome in outcomes]
    return sum(passed), len(passed)


def _line(outcome: Outcome) -> str:
    text = " ".join(f"{outcome.case.id}: {outcome.got}: {outcome.message}".split())
    return text if len(text) <= 200 else text[:197] + "..."
