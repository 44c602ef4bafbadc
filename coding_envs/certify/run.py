"""certify: examines the problems of a set on this machine, many at a time, into a manifest."""

from __future__ import annotations

import os
import platform
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..data import ProblemSet
from ..data.manifest import Manifest, ManifestRow, problem_digest
from ..errors import (
    DatasetError,
    DatasetRowError,
    InvalidValueError,
    SandboxClosedError,
    SandboxError,
)
from ..judge import JUDGE_VERSION, Judge
from ..problem import Problem
from ..verdict import Status, Verdict
from .examine import Judgement, NotJudgedError, examine
from .journal import Journal
from .settings import Settings

__all__ = ["Certification", "certify", "machine_facts"]

_IN_FLIGHT_PER_WORKER = 8  # enough that no worker waits, few enough that Ctrl-C is quick
_DEFAULT = Settings()
_TRIES = 3  # at a judgement that the sandbox failed


@dataclass(frozen=True)
class Certification:
    """What came of a certification.

    Attributes:
      manifest: a row per problem that was examined.
      settings: how it was made.
      not_judged: a line for each problem that is in no manifest, because the sandbox failed or the
        row cannot be read; the same call tries these again.
      executions: processes run, without those of an earlier call that was interrupted.
      seconds: on the clock, likewise.
      resumed: how many rows came from an earlier call.
      no_problems: why rows of the dataset became no problem at all -> how many; they have no key,
        and so no row in the manifest.
    """

    manifest: Manifest
    settings: Settings
    not_judged: tuple[str, ...] = ()
    executions: int = 0
    seconds: float = 0.0
    resumed: int = 0
    no_problems: Mapping[str, int] = field(default_factory=dict)


def certify(
    problems: ProblemSet,
    judge: Judge,
    settings: Settings = _DEFAULT,
    *,
    folder: str | os.PathLike[str] | None = None,
    on_row: Callable[[ManifestRow], None] | None = None,
) -> Certification:
    """Returns what holds of each problem on this machine: kept, repaired or dropped, and why.

    Every reference is run several times, then known-wrong programs and mutants of the references;
    see docs/certification.md.

    Args:
      problems: the set.
      judge: without a cache, as every run shall be one; stays the caller's to close.
      settings: how it is made.
      folder: keeps the rows that are done, so that a call that was interrupted in any way goes on
        where it was; None keeps none.
      on_row: called in this thread after each problem, done ones included.

    Raises:
      InvalidValueError: there are no problems, the judge has a cache, or `folder` holds rows of
        another set, other settings or another machine, or is being written by another process.
      DatasetError: not one problem could be judged.
      SandboxError: the judge was closed.
    """
    if not problems:
        raise InvalidValueError(f"there are no problems to certify: {problems.describe()}")
    if judge.keeps_verdicts:
        raise InvalidValueError(
            "judge must be without a cache, so that repeated runs are runs; make it with cache=None"
        )
    started, executions = time.monotonic(), judge.executions
    machine = machine_facts()
    header = {
        "dataset": f"{problems.name}/{problems.config}/{problems.split}",
        "settings": settings.to_json(),
        "machine": machine,
        "judge_version": JUDGE_VERSION,
    }
    journal = None if folder is None else Journal(Path(folder), header)
    run = _Run(problems, judge, settings, {} if journal is None else journal.rows)
    # Named for the set: a file may hold problems of several datasets.
    names = {"dataset": problems.name, "config": problems.config, "split": problems.split}
    stamp: dict[str, Any] = {**names, "machine": machine, "judge_version": JUDGE_VERSION}
    try:
        for row, is_new in run.rows():
            stamped = row
            if is_new:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                stamped = replace(row, time=now, **stamp)
                if journal is not None:
                    journal.add(stamped)
            run.done[stamped.key] = stamped
            if on_row is not None:
                on_row(stamped)
    finally:
        if journal is not None:
            journal.close()
    if not run.done:
        raise DatasetError(f"not one problem could be judged, first: {run.not_judged[0]}")
    return Certification(
        manifest=Manifest(tuple(_without_duplicates([run.done[key] for key in run.order()]))),
        settings=settings,
        not_judged=tuple(run.not_judged),
        executions=judge.executions - executions,
        seconds=time.monotonic() - started,
        resumed=run.resumed,
        no_problems=dict(problems.dropped_reasons),
    )


def machine_facts() -> dict[str, Any]:
    """Returns what decides how fast programs run here: cpu, cores, python."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }


def _cpu_model() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() in ("model name", "Model", "cpu model"):
                    return value.strip()
    except OSError:
        pass
    return platform.machine()


class _Examination:
    """One problem on its way: the judgements that its examination waits for."""

    def __init__(self, number: int, problem: Problem, settings: Settings) -> None:
        self.number, self.problem = number, problem
        self._steps = examine(problem, settings)
        self.row: ManifestRow | None = None
        self.asked: deque[tuple[int, Judgement]] = deque()
        self._verdicts: list[Verdict | None] = []
        self._missing = 0
        self._take(None)

    def answer(self, at: int, verdict: Verdict) -> bool:
        """Takes a verdict; returns True where it was the last one, and the examination went on.

        Raises:
          NotJudgedError: the sandbox failed.
        """
        self._verdicts[at] = verdict
        self._missing -= 1
        if self._missing:
            return False
        self._take([v for v in self._verdicts if v is not None])
        return True

    def _take(self, verdicts: list[Verdict] | None) -> None:
        try:
            asked = next(self._steps) if verdicts is None else self._steps.send(verdicts)
        except StopIteration as stop:
            self.row = stop.value
            return
        self.asked = deque(enumerate(asked))
        self._verdicts, self._missing = [None] * len(asked), len(asked)


class _Run:
    """All examinations of one call, with a bounded number of judgements in flight.

    Attributes:
      done: problem key -> row.
      not_judged: a line for each problem that could not be.
      resumed: rows that were there before.
    """

    def __init__(
        self,
        problems: ProblemSet,
        judge: Judge,
        settings: Settings,
        before: dict[str, ManifestRow],
    ) -> None:
        self._problems, self._judge, self._settings = problems, judge, settings
        self._before = dict(before)
        self._active: deque[_Examination] = deque()  # those with judgements to submit
        self._flying: dict[Future[Verdict], tuple[_Examination, int, Judgement, int]] = {}
        self._keys: dict[str, int] = {}  # problem key -> its place in the set
        self._next = 0
        self.done: dict[str, ManifestRow] = {}
        self.not_judged: list[str] = []
        self.resumed = 0

    def order(self) -> list[str]:
        """Returns the keys of the rows in the order of the set."""
        return sorted(self.done, key=self._keys.__getitem__)

    def rows(self) -> Iterator[tuple[ManifestRow, bool]]:
        """Yields the rows as they are done, and whether they are new."""
        most = _IN_FLIGHT_PER_WORKER * self._judge.workers
        while True:
            while len(self._flying) < most:
                if self._active:
                    row = self._submit(self._active[0])
                elif self._next < len(self._problems):
                    kept = self._begin(self._next)
                    self._next += 1
                    if kept is not None:
                        yield kept
                    continue
                else:
                    break
                if row is not None:
                    yield row, True
            if not self._flying:
                return
            ended, _ = wait(self._flying, return_when=FIRST_COMPLETED)
            for future in ended:
                row = self._land(future)
                if row is not None:
                    yield row, True

    def _begin(self, number: int) -> tuple[ManifestRow, bool] | None:
        """Starts on a problem; returns its row where that is known at once."""
        try:
            problem = self._problems[number]
        except DatasetRowError as error:  # a row that was not looked at before
            self.not_judged.append(str(error))
            return None
        self._keys[problem.key] = number
        before = self._before.get(problem.key)
        if before is not None and before.fingerprint == problem_digest(problem):
            self.resumed += 1
            return before, False
        examination = _Examination(number, problem, self._settings)
        if examination.row is not None:
            return examination.row, True
        self._active.append(examination)
        return None

    def _submit(self, examination: _Examination) -> ManifestRow | None:
        """Submits the next judgement of an examination; returns the row where it cannot be."""
        at, (problem, program) = examination.asked.popleft()
        if not examination.asked:
            self._active.remove(examination)
        return self._fly(examination, at, (problem, program), 1)

    def _fly(
        self, examination: _Examination, at: int, judgement: Judgement, attempt: int
    ) -> ManifestRow | None:
        problem = examination.problem
        try:
            future = self._judge.submit(*judgement)
        except SandboxClosedError:
            raise
        except InvalidValueError as error:  # such as a language that we do not know
            self._give_up(examination)
            return replace(_unjudgeable(problem, str(error)), repeats=self._settings.repeats)
        except SandboxError as error:  # such as a compiler that is not on this machine
            self._give_up(examination)
            self.not_judged.append(f"{problem.uid}: {error}")
            return None
        self._flying[future] = (examination, at, judgement, attempt)
        return None

    def _land(self, future: Future[Verdict]) -> ManifestRow | None:
        """Takes a verdict; returns the problem's row if it was the last one."""
        if future not in self._flying:
            return None  # of an examination that was given up
        examination, at, judgement, attempt = self._flying.pop(future)
        verdict = future.result()
        if verdict.status is Status.INTERNAL_ERROR and attempt < _TRIES:
            return self._fly(examination, at, judgement, attempt + 1)
        try:
            went_on = examination.answer(at, verdict)
        except NotJudgedError as error:
            self.not_judged.append(f"{examination.problem.uid}: {error}")
            return None
        if went_on and examination.asked:
            # First come, first served: few problems at a time, and their rows soon in the journal.
            self._active.appendleft(examination)
        return examination.row

    def _give_up(self, examination: _Examination) -> None:
        examination.asked.clear()
        if examination in self._active:
            self._active.remove(examination)
        for future, (other, *_) in list(self._flying.items()):
            if other is examination:
                del self._flying[future]


def _unjudgeable(problem: Problem, why: str) -> ManifestRow:
    return ManifestRow(
        dataset=problem.dataset,
        config=problem.config,
        split=problem.split,
        key=problem.key,
        fingerprint=problem_digest(problem),
        decision="dropped",
        reasons=("not_judgeable",),
        notes=(" ".join(why.split()),),
        references=len(problem.solutions),
    )


def _without_duplicates(rows: list[ManifestRow]) -> Iterator[ManifestRow]:
    """Yields the rows; of those with the same statement and tests the first kept one stays."""
    first: dict[tuple[str, str], str] = {}
    statements: dict[str, str] = {}
    for row in rows:
        both = (row.statement_digest, row.tests_digest)
        if row.decision == "dropped" or not row.statement_digest:
            yield row
        elif both in first:
            note = f"statement and tests are those of {first[both]}"
            yield replace(
                row,
                decision="dropped",
                repairs={},
                reasons=(*row.reasons, "duplicate"),
                notes=(*row.notes, note),
            )
        else:
            first[both] = row.key
            other = statements.setdefault(row.statement_digest, row.key)
            if other != row.key:
                note = f"the statement is that of {other}; the tests are others"
                reasons = (*row.reasons, "same_statement")
                yield replace(row, reasons=reasons, notes=(*row.notes, note))
            else:
                yield row
