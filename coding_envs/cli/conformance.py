"""What the command `conformance` does; returns the exit code."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import UnknownNameError
from ..judge import Judge
from ..testing import Case, Outcome, Report, SubprocessGrader, load_cases, run_conformance
from .terminal import Progress, say

__all__ = ["run_conformance_command"]


def run_conformance_command(options: argparse.Namespace) -> int:
    """Tests a grader: 0 where it did as it must in every case, else 1."""
    cases = _cases(options)
    if options.list:
        say(_listing(cases))
        return 0
    if options.json is not None:
        Path(options.json).touch()  # to fail before the work, not after it
    report = _run(options, cases)
    if options.json is not None:
        data = {"grader": options.grader or "judge", **report.to_json()}
        Path(options.json).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    say(report.to_text())
    return 0 if report.passed else 1


def _cases(options: argparse.Namespace) -> list[Case]:
    cases = [c for c in load_cases() if options.kind is None or c.kind in options.kind]
    if options.case is None:
        return cases
    by_id = {case.id: case for case in cases}
    for one in options.case:
        if one not in by_id:
            raise UnknownNameError("case", one, by_id, "see coding-envs conformance --list")
    return [by_id[one] for one in options.case]


def _run(options: argparse.Namespace, cases: Sequence[Case]) -> Report:
    jobs = options.jobs or len(os.sched_getaffinity(0))
    with Progress(len(cases), "passed") as bar:

        def progress(outcome: Outcome) -> None:
            bar.count(outcome.passed)

        if options.grader is None:
            with Judge(workers=jobs) as judge:
                return run_conformance(
                    judge.judge, cases, timeout_s=options.timeout, jobs=jobs, harmful=True,
                    progress=progress,
                )  # fmt: skip
        with SubprocessGrader(options.grader, timeout_s=options.timeout) as grader:
            return run_conformance(
                grader, cases, timeout_s=options.timeout, jobs=jobs, harmful=options.harmful,
                progress=progress,
            )  # fmt: skip


def _listing(cases: Sequence[Case]) -> str:
    width = max((len(case.id) for case in cases), default=0)
    return "\n".join(f"{case.id:<{width}}  {case.problem.key}: {case.why}" for case in cases)
