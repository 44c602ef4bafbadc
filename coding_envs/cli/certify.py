"""What the commands `certify` and `overlap` do; each returns the exit code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..certify import (
    Certification,
    Settings,
    certify,
    overlap,
    read_statements,
    write_reports,
)
from ..data import ProblemSet, dataset_names, load_problems
from ..data.manifest import ManifestRow
from ..errors import InvalidValueError
from ..judge import Judge
from .asked import asked_packages, load_asked, require_file_name, require_folder_name
from .terminal import Progress, complain, say, say_json

__all__ = ["run_certify", "run_overlap"]

_SHOWN = 10


def run_certify(options: argparse.Namespace) -> int:
    """Certifies a dataset: 0 where every problem could be judged, whatever was found."""
    settings = Settings(
        repeats=options.repeats,
        mutants=options.mutants,
        inputs=options.inputs,
        seed=options.seed,
        multiple=options.multiple,
        floor_s=options.floor,
        ceiling_s=options.ceiling,
        limits=options.limits,
        max_references=options.references,
        require_reference=options.require_reference,
    )
    if options.out is not None:
        require_folder_name("--out", options.out)
    problems = load_asked(options, options.dataset)
    folder = options.out or Path(f"certified-{problems.name}-{problems.config}-{problems.split}")
    require_folder_name("--out", folder)
    packages = asked_packages(options, problems)
    if packages.note:
        complain(f"note: {packages.note}")
    with (
        Judge(workers=options.workers, packages=packages.shown) as judge,
        Progress(len(problems), "kept") as progress,
    ):

        def on_row(row: ManifestRow) -> None:
            progress.count(row.decision != "dropped")

        done = certify(problems, judge, settings, folder=folder, on_row=on_row)
    paths = write_reports(done, folder)
    if options.json:
        say_json(_json(done, paths))
    else:
        say(_text(done, paths))
    return 1 if done.not_judged else 0


def run_overlap(options: argparse.Namespace) -> int:
    """Finds the statements that two sets have in common: 0, whatever was found."""
    if options.out is not None:
        require_file_name("--out", options.out)
    sides = [_statements(options.a), _statements(options.b)]
    found = overlap(*sides, min_share=options.min_share, names=(options.a, options.b))
    if options.out is not None:
        text = json.dumps(found.to_json(), indent=1) + "\n"
        options.out.write_text(text, encoding="utf-8")
    if options.json:
        say_json(found.to_json())
    else:
        say(found.to_text())
    return 0


def _json(done: Certification, paths: tuple[Path, ...]) -> dict[str, Any]:
    rows = done.manifest.rows
    reasons: dict[str, int] = {}
    for row in rows:
        for reason in row.reasons:
            reasons[reason] = reasons.get(reason, 0) + 1
    return {
        "set": done.manifest.where,
        "problems": len(rows),
        **done.manifest.counts(),
        "reasons": reasons,
        "mutants": sum(row.mutants for row in rows),
        "mutants_killed": sum(row.mutants_killed for row in rows),
        "rows_without_problem": dict(done.no_problems),
        "resumed": done.resumed,
        "executions": done.executions,
        "seconds": round(done.seconds, 3),
        "not_judged": list(done.not_judged),
        "files": [str(path) for path in paths],
        "rows": [row.to_json() for row in rows],
    }


def _text(done: Certification, paths: tuple[Path, ...]) -> str:
    counts = ", ".join(f"{n} {name}" for name, n in done.manifest.counts().items())
    lines = [f"{done.manifest.where}: {len(done.manifest)} problems, {counts}"]
    decided = [row for row in done.manifest if row.decision != "kept"]
    decided.sort(key=lambda row: row.decision)  # dropped before repaired
    for row in decided[:_SHOWN]:
        note = row.notes[-1] if row.decision == "dropped" else row.notes[0] if row.notes else ""
        lines.append(f"  {row.decision:<8}  {row.key}: {note[:100]}")
    if len(decided) > _SHOWN:
        lines.append(f"  ... {len(decided) - _SHOWN} more: see the report")
    for why, count in list(done.no_problems.items())[:_SHOWN]:
        lines.append(f"  no problem  {count} of the rows: {why[:100]}")
    lines += [f"  not judged: {line}" for line in done.not_judged[:_SHOWN]]
    lines.append(
        f"{done.executions} executions in {done.seconds:.1f} s, {done.resumed} rows before"
    )
    return "\n".join(lines + [f"wrote {path}" for path in paths])


def _statements(what: str) -> ProblemSet | Mapping[str, str]:
    """Returns the statements of a file, or of a dataset: NAME, NAME/SPLIT, NAME/CONFIG/SPLIT."""
    if Path(what).is_file():
        return read_statements(what)
    name, *parts = what.split("/")
    if name not in dataset_names():
        return load_problems(what)  # of the hub, or a folder; or says what there is
    if len(parts) > 2:
        raise InvalidValueError(
            f"a set must be NAME, NAME/SPLIT or NAME/CONFIG/SPLIT, got {what!r}"
        )
    split = parts[-1] if parts else None
    return load_problems(name, config=parts[0] if len(parts) == 2 else None, split=split)
