"""What each command does; each returns the exit code."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from ..data import ProblemSet, dataset_names, dataset_spec, load_problems, parse_where
from ..errors import CodingEnvsError, DatasetError, InvalidValueError, UnknownNameError
from ..judge import Judge
from ..problem import Problem
from ..registry import environment_ids
from . import views
from .terminal import say, say_json

__all__ = [
    "load_asked",
    "narrowed",
    "run_convert",
    "run_doctor",
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
        counts = {"problems": len(problems), "dropped": problems.num_dropped}
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
