"""What each command does; each returns the exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ..data import ProblemSet, dataset_names, dataset_spec, load_problems, parse_where
from ..errors import CodingEnvsError, DatasetError, InvalidValueError, UnknownNameError
from ..evaluation import evaluate, read_samples, reference_samples
from ..judge import Judge
from ..problem import Problem
from ..registry import environment_ids
from . import views
from .terminal import Progress, say, say_json

__all__ = [
    "load_asked",
    "narrowed",
    "run_convert",
    "run_doctor",
    "run_eval",
    "run_grade",
    "run_list",
    "run_show",
]


def run_list(options: argparse.Namespace) -> int:
    """Lists datasets and environments, or a dataset's problems."""
    if options.dataset is not None:
        problems = load_asked(options, options.dataset)
        if options.json:
            say_json({"dataset": problems.name, **views.heads_json(problems)})
        else:
            say(views.heads_text(problems))
        return 0
    specs = [dataset_spec(name) for name in dataset_names()]
    environments = environment_ids()
    if options.json:
        say_json({"datasets": [views.spec_json(s) for s in specs], "environments": environments})
    else:
        say(views.listing(specs, environments))
    return 0


def run_convert(options: argparse.Namespace) -> int:
    """Writes a dataset in the plain layout; broken rows are left out, and said."""
    name = options.out.name.lower()
    if not name.endswith((".jsonl", ".jsonl.gz", ".parquet")):
        raise InvalidValueError(f"OUT must end in .jsonl, .jsonl.gz or .parquet, got {options.out}")
    if not options.out.parent.is_dir():
        raise InvalidValueError(f"OUT: no such folder: {options.out.parent}")
    problems = load_asked(options, options.dataset).checked()
    if name.endswith(".parquet"):
        problems.to_parquet(options.out)
    else:
        problems.to_jsonl(options.out)
    if options.json:
        counts = {"problems": len(problems), "dropped": len(problems.dropped)}
        say_json({"dataset": problems.name, **counts, "out": str(options.out)})
    else:
        say(f"{problems.describe()}; written to {options.out}")
    return 0


def run_show(options: argparse.Namespace) -> int:
    """Shows a problem."""
    problem = _problem(options)
    if options.json:
        say_json({"uid": problem.uid, **problem.to_json()})
    else:
        say(views.problem_text(problem, solution=options.solution))
    return 0


def run_grade(options: argparse.Namespace) -> int:
    """Judges one program: 0 accepted, 1 not."""
    if options.file != "-":
        _require_path("FILE", options.file)
    problem = _problem(options)
    if options.file == "-":
        data = sys.stdin.buffer.read()
    else:
        data = Path(options.file).read_bytes()
    # What is not UTF-8 is the program's fault: the verdict says so.
    program = problem.assemble(data.decode("utf-8", "surrogateescape"))
    with Judge(workers=1) as judge:
        verdict = judge.judge(problem, program)
    if options.json:
        say_json({"problem": problem.uid, **verdict.to_json()})
    else:
        say(views.verdict_text(problem, verdict))
    return 0 if verdict.accepted else 1


def run_eval(options: argparse.Namespace) -> int:
    """Judges samples for a dataset: 0 where all could be judged, whatever the score."""
    kind = _kind_of_samples(options.samples)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)  # to fail before the work, not after it
    # Samples may be for problems that are not evaluated.
    problems = load_asked(options, options.dataset, narrow=False)
    kept = narrowed(problems, options)
    samples: Mapping[str, Sequence[str]]
    if kind == "reference":
        samples = reference_samples(kept)
    elif kind == "file":
        samples = read_samples(options.samples, problems)
    else:
        checkpoint = _optional("coding_envs.integrations.checkpoint", "a checkpoint")
        samples = checkpoint.samples_from_checkpoint(
            options.samples,
            kept,
            greedy=options.samples_per_problem == 1,
            samples=options.samples_per_problem,
            seed=options.seed,
        )
    samples = {p.key: samples[p.key] for p in kept if p.key in samples}
    total = sum(len(programs) for programs in samples.values())
    with Judge(workers=options.workers, cache="memory") as judge, Progress(total) as progress:
        report = evaluate(
            kept, samples, judge, options.k, source=options.samples, on_verdict=progress
        )
    if options.out is not None:
        report.write(options.out)
    if options.json:
        say_json(report.to_json())
    else:
        say(report.to_text())
    return 1 if report.faults else 0


def run_doctor(options: argparse.Namespace) -> int:
    """Checks the sandbox and the languages: 1 where a check failed."""
    doctor = _optional("coding_envs.sandbox.doctor", "the doctor")
    checks = doctor.diagnose()
    if all(check.ok is not False for check in checks):
        checks += _optional("coding_envs.languages.doctor", "the doctor").diagnose()
    works = all(check.ok is not False for check in checks)
    if options.json:
        names = ("name", "ok", "detail", "remedy")
        rows = [{name: getattr(check, name) for name in names} for check in checks]
        say_json({"works": works, "checks": rows})
    else:
        say(views.checks_text(checks))
    return 0 if works else 1


def _optional(module: str, what: str) -> Any:
    """Returns a module that one command alone needs, imported when it runs."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise CodingEnvsError(
            f"{what} needs the module {error.name}, which is not installed; "
            "pip install coding-envs coding-envs-trainer"
        ) from error


def _kind_of_samples(what: str) -> str:
    if what == "reference":
        return "reference"
    name = what.lower()
    if name.endswith((".jsonl", ".jsonl.gz", ".pt")):
        _require_path("--samples", what)
        return "checkpoint" if name.endswith(".pt") else "file"
    wanted = "'reference', a .jsonl or .jsonl.gz file, or a .pt checkpoint"
    raise InvalidValueError(f"--samples must be {wanted}, got {what!r}")


def _require_path(option: str, path: str) -> None:
    if not Path(path).exists():
        raise InvalidValueError(f"{option}: no such file: {path}")


def load_asked(options: argparse.Namespace, dataset: str, *, narrow: bool = True) -> ProblemSet:
    """Returns the problems that the options of `_add_source` ask for.

    Args:
      options: the parser's.
      dataset: its name.
      narrow: False leaves --where and --limit out; see `narrowed`.
    """
    where = parse_where(options.where or ())
    try:
        return load_problems(
            dataset,
            config=options.config,
            split=options.split,
            revision=options.revision,
            data_files=options.data_files,
            manifest=options.manifest,
            where=where if narrow else None,
            limit=options.limit if narrow else None,
        )
    except DatasetError as error:
        for path in options.data_files or ():
            if not Path(path).exists() and not any(c in path for c in "*?["):
                raise InvalidValueError(f"--data-files: no such file or folder: {path}") from error
        raise


def narrowed(problems: ProblemSet, options: argparse.Namespace) -> ProblemSet:
    """Returns the problems that --where and --limit leave."""
    kept = problems.where(parse_where(options.where or ()))
    return kept if options.limit is None else kept[: options.limit]


def _problem(options: argparse.Namespace) -> Problem:
    """Returns the problem that was asked for; its name may say dataset, config and split."""
    dataset, name = options.dataset, options.problem
    if dataset is None:
        dataset, _, name = name.partition("/")
        if not name:
            remedy = "a problem is DATASET/CONFIG/SPLIT/KEY, or --dataset DATASET KEY"
            if dataset in dataset_names():
                raise InvalidValueError(f"PROBLEM names a dataset only, got {dataset!r}; {remedy}")
            raise UnknownNameError("dataset", dataset, dataset_names(), remedy)
        spec = dataset_spec(dataset)
        for part, known in (("config", spec.configs), ("split", spec.splits)):
            first, _, rest = name.partition("/")
            if rest and first in known:
                if getattr(options, part) not in (None, first):
                    raise InvalidValueError(
                        f"--{part} {getattr(options, part)} contradicts {options.problem!r}"
                    )
                setattr(options, part, first)
                name = rest
    return load_asked(options, dataset).by_key(name)
