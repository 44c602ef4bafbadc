"""rejudge: gives the verdicts of an earlier evaluation anew, and says which came out otherwise."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from ..data import ProblemSet
from ..errors import DatasetRowError
from ..judge import JUDGE_VERSION, Judge
from ..verdict import Status, Verdict
from .folder import SampleResult, read_verdicts

__all__ = ["Change", "Rejudged", "rejudge"]

_IN_FLIGHT_PER_WORKER = 8
_SHOWN = 50


@dataclass(frozen=True)
class Change:
    """A verdict that came out otherwise.

    Attributes:
      key, sample: which one.
      before, after: the verdicts.
    """

    key: str
    sample: int
    before: Verdict
    after: Verdict

    def to_json(self) -> dict[str, Any]:
        """Returns the change as JSON data."""
        data: dict[str, Any] = {"task_id": self.key, "sample": self.sample}
        for name, verdict in (("before", self.before), ("after", self.after)):
            data[name] = {
                "status": str(verdict.status),
                "passed": verdict.passed,
                "total": verdict.total,
                "message": verdict.message,
            }
        return data


@dataclass(frozen=True)
class Rejudged:
    """What came of giving verdicts anew.

    Attributes:
      verdicts: how many were given.
      changes: those that came out otherwise, in their file's order.
      problems_differ: how many verdicts were first given on other tests, limits or by another
        version of the judge, as their fingerprints say.
      judge_version: of the judge now.
    """

    verdicts: int
    changes: tuple[Change, ...]
    problems_differ: int
    judge_version: str

    def to_json(self) -> dict[str, Any]:
        """Returns the outcome as JSON data."""
        return {
            "verdicts": self.verdicts,
            "changed": len(self.changes),
            "problems_differ": self.problems_differ,
            "judge_version": self.judge_version,
            "changes": [change.to_json() for change in self.changes],
        }

    def to_text(self) -> str:
        """Returns the outcome as a page for a person."""
        lines = [f"{self.verdicts} verdicts given anew, {len(self.changes)} changed"]
        if self.problems_differ:
            lines.append(
                f"note: {self.problems_differ} were first given on other tests or limits, or by "
                "another version of the judge"
            )
        kinds = Counter((c.before.status, c.after.status) for c in self.changes)
        lines += [f"  {count} x {_arrow(*pair)}" for pair, count in kinds.most_common()]
        if self.changes:
            more = f", the first {_SHOWN}" if len(self.changes) > _SHOWN else ""
            lines += ["", f"changed{more}:"]
            lines += [_line(change) for change in self.changes[:_SHOWN]]
        return "\n".join(lines)


def rejudge(
    path: str | os.PathLike[str],
    problems: ProblemSet,
    judge: Judge,
    *,
    on_verdict: Callable[[bool], None] | None = None,
) -> Rejudged:
    """Returns which verdicts of a `verdicts.jsonl` come out otherwise now.

    A verdict counts as changed where its status or that of any of its tests differs. Hidden tests
    may be named in the messages, as `evaluate(show_hidden=True)` does.

    Args:
      path: the file.
      problems: of its samples.
      judge: stays the caller's to close.
      on_verdict: called in this thread after each, with whether the verdict is as it was.

    Raises:
      InvalidValueError: the file is malformed; names the line.
      UnknownNameError: a verdict is on no problem of these.
      OSError: the file cannot be read.
    """
    results = read_verdicts(path)
    changes: list[Change] = []
    differ = 0
    for before, after in _judged(results, problems, judge):
        differ += before.verdict.fingerprint not in ("", after.fingerprint)
        changed = _statuses(before.verdict) != _statuses(after)
        if changed:
            changes.append(Change(before.key, before.sample, before.verdict, after))
        if on_verdict is not None:
            on_verdict(not changed)
    return Rejudged(len(results), tuple(changes), differ, JUDGE_VERSION)


def _judged(
    results: Iterable[SampleResult], problems: ProblemSet, judge: Judge
) -> Iterator[tuple[SampleResult, Verdict]]:
    """Yields (result, the verdict now), in their order, with a bounded number in flight."""
    waiting: deque[tuple[SampleResult, Future[Verdict]]] = deque()
    for result in results:
        try:
            problem = problems.by_key(result.key)
        except DatasetRowError as error:
            future: Future[Verdict] = Future()
            future.set_result(Verdict(Status.JUDGE_ERROR, message=str(error)))
        else:
            shown = problem
            if problem.hidden_tests:
                shown = problem.replace(public_tests=problem.tests, hidden_tests=())
            future = judge.submit(shown, result.program)
        waiting.append((result, future))
        if len(waiting) >= _IN_FLIGHT_PER_WORKER * judge.workers:
            first, done = waiting.popleft()
            yield first, done.result()
    for result, future in waiting:
        yield result, future.result()


def _statuses(verdict: Verdict) -> tuple[Status, ...]:
    return (verdict.status, *(test.status for test in verdict.tests))


def _arrow(before: Status, after: Status) -> str:
    return f"{before} -> {after}" if before is not after else f"{before} (other tests)"


def _line(change: Change) -> str:
    before, after = change.before, change.after
    tests = f"{before.passed}/{before.total} -> {after.passed}/{after.total} tests"
    message = " ".join(after.message.split())[:100]
    statuses = _arrow(before.status, after.status)
    return f"  {change.key} #{change.sample}  {statuses}, {tests}: {message}"
