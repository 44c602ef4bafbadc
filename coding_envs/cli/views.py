"""How problems, verdicts and lists look to a person. Pure: values in, text out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ..data import DatasetSpec, ProblemSet, cached_commits
from ..problem import CallTest, InteractiveTest, Problem, StdioTest, Test
from ..verdict import Status, Verdict

__all__ = [
    "checks_text",
    "heads_json",
    "heads_text",
    "listing",
    "problem_text",
    "spec_json",
    "verdict_text",
]

_MAX_NAMES = 4
_MAX_TESTS = 8
_MAX_CHARS = 400


def spec_json(spec: DatasetSpec) -> dict[str, Any]:
    """Returns a dataset's specification as JSON data."""
    return {
        "name": spec.name,
        "description": spec.description,
        "configs": list(spec.configs),
        "default_config": spec.default_config,
        "splits": list(spec.splits),
        "default_split": spec.default_split,
        "hub_path": spec.hub_path,
        "rows": spec.expected_rows.get((spec.default_config, spec.default_split)),
        "styles": list(spec.styles),
        "license": spec.license,
        "here": _here(spec),
    }


def listing(specs: Sequence[DatasetSpec], environments: Sequence[str]) -> str:
    """Returns the list of datasets and environments.

    ROWS are those of the default configuration and split, as last seen; HERE says whether the
    dataset can be read without a network.
    """
    rows = [("DATASET", "ROWS", "TESTS", "LICENSE", "HERE")]
    below: list[list[str]] = [[]]
    for spec in specs:
        count = spec.expected_rows.get((spec.default_config, spec.default_split))
        count_text = f"{count:,}" if count is not None else ""
        rows.append((spec.name, count_text, ", ".join(spec.styles), spec.license, _here(spec)))
        names = [
            f"{what}: {_starred(names, default)}"
            for what, names, default in (
                ("configs", spec.configs, spec.default_config),
                ("splits", spec.splits, spec.default_split),
            )
            if len(names) > 1
        ]
        below.append([f"    {line}" for line in (spec.description, "; ".join(names)) if line])
    lines = ["Datasets (* the default)"]
    for line, more in zip(_table(rows), below, strict=True):
        lines += [line.rstrip(), *more]
    return "\n".join([*lines, "", "Environments", *(f"  {name}" for name in environments)])


def _starred(names: Sequence[str], default: str) -> str:
    if len(names) == 1:
        return names[0]
    shown = [default, *(name for name in names if name != default)][:_MAX_NAMES]
    more = [f"{len(names) - len(shown)} more"] * (len(names) > len(shown))
    return ", ".join([f"{shown[0]}*", *shown[1:], *more])


def _here(spec: DatasetSpec) -> str:
    if spec.load_split is not None:
        return "bundled"
    return "cached" if spec.hub_path and cached_commits(spec.hub_path) else ""


def heads_text(problems: ProblemSet) -> str:
    """Returns the problems of a set, a line each."""
    rows = [("PROBLEM", "DIFFICULTY", "RATING", "TESTS", "LANGUAGE", "RELEASED", "TAGS")]
    rows += [
        (
            head.key,
            head.difficulty,
            f"{head.rating:g}" if head.rating is not None else "",
            head.style,
            head.language,
            head.release_date.isoformat() if head.release_date else "",
            _cut(", ".join(head.tags)),
        )
        for head in problems.heads()
    ]
    return "\n".join([problems.describe(), *_table(rows)])


def heads_json(problems: ProblemSet) -> dict[str, Any]:
    """Returns the problems of a set as JSON data."""
    rows = [asdict(head) for head in problems.heads()]
    for row in rows:
        row["release_date"] = row["release_date"] and row["release_date"].isoformat()
    return {
        "config": problems.config,
        "split": problems.split,
        "problems": rows,
        "dropped": [str(error) for error in problems.dropped],
        "num_dropped": problems.num_dropped,
    }


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return [
        "  " + "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]


def problem_text(problem: Problem, *, solution: bool = False) -> str:
    """Returns a problem as a page."""
    limits = problem.limits
    kinds = Counter(test.kind for test in problem.tests)
    public, hidden = len(problem.public_tests), len(problem.hidden_tests)
    files = [f"reads {problem.input_file}"] if problem.input_file else []
    files += [f"writes {problem.output_file}"] if problem.output_file else []
    facts = [
        ("entry point", problem.entry_point),
        ("files", ", ".join(files)),
        ("tests", f"{public} public, {hidden} hidden ({', '.join(kinds)})"),
        ("limits", f"{limits.cpu_time_s:g} s of CPU time, {limits.memory_bytes >> 20} MiB"),
        ("difficulty", problem.difficulty),
        ("family", problem.family),
        ("tags", ", ".join(problem.tags)),
        ("flags", ", ".join(sorted(problem.flags))),
        ("source", problem.source),
        ("license", problem.license),
    ]
    lines = [problem.uid, "=" * len(problem.uid)]
    lines += [f"{name:<12} {value}" for name, value in facts if value]
    lines += _section("Statement", problem.prompt.strip("\n"))
    if problem.starter_code and problem.starter_code not in problem.prompt:
        lines += _section("Starter code", problem.starter_code.rstrip())
    if problem.prelude:
        lines += _section("Runs before the program", problem.prelude.rstrip())
    shown = [_test(problem, test) for test in problem.public_tests[:_MAX_TESTS]]
    if shown:
        more = public - len(shown)
        lines += _section("Public tests", "\n".join(shown + [f"... {more} more"] * (more > 0)))
    if solution:
        text = problem.solutions[0].rstrip() if problem.solutions else "there is none"
        lines += _section("Reference solution", text)
    return "\n".join(lines)


def _section(title: str, text: str) -> list[str]:
    return ["", title, "-" * len(title), text]


def _test(problem: Problem, test: Test) -> str:
    if isinstance(test, CallTest):
        parts = [repr(a) for a in test.args] + [f"{k}={v!r}" for k, v in test.kwargs.items()]
        call = f"{test.entry_point or problem.entry_point}({', '.join(parts)})"
        return f"{_cut(call)} -> {_cut(repr(test.expected))}"
    if isinstance(test, StdioTest):
        texts = [("input", test.input), ("output", test.output)]
        return "\n".join(
            f"{name + ':':<8}" + _cut(text.rstrip("\n")).replace("\n", "\n        ")
            for name, text in texts
        )
    if isinstance(test, InteractiveTest):
        return "input:  " + _cut(test.input.rstrip("\n")).replace("\n", "\n        ")
    return _cut(test.code.strip())


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 3] + "..."


_MARKS = {Status.ACCEPTED: "+", Status.NOT_RUN: "-"}


def verdict_text(problem: Problem, verdict: Verdict) -> str:
    """Returns a verdict as a few lines: status, tests as a row of marks, message, end of stderr."""
    marks = "".join(_MARKS.get(test.status, "x") for test in verdict.tests[:80])
    more = "..." if verdict.total > 80 else ""
    lines = [
        f"{verdict.status}  {problem.uid}",
        f"tests    {verdict.passed}/{verdict.total} passed  {marks}{more}",
        f"time     {verdict.cpu_time_s:.3f} s of CPU time in {verdict.runs} runs",
        f"message  {verdict.message}",
    ]
    if verdict.stderr.strip():
        lines += ["stderr", *(f"  {line}" for line in verdict.stderr.rstrip().split("\n"))]
    return "\n".join(lines)


def checks_text(checks: Iterable[Any]) -> str:
    """Returns the doctor's checks, a line each, with the remedy under what failed."""
    marks = {True: "ok  ", False: "FAIL", None: "-   "}
    lines = []
    for check in checks:
        lines.append(f"{marks[check.ok]}  {check.name}: {check.detail}")
        if check.remedy and check.ok is not True:
            lines.append(f"      remedy: {check.remedy}")
    return "\n".join(lines)
