"""What each command does; each returns the exit code."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..data import dataset_names, dataset_spec
from ..errors import DatasetError, InvalidValueError, UnknownNameError
from ..judge import Judge
from ..problem import Problem
from ..registry import environment_ids
from . import views
from .asked import (
    asked_packages,
    load_asked,
    optional_module,
    require_file_name,
    require_path,
)
from .terminal import say, say_json

__all__ = [
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
    require_file_name("OUT", options.out)
    problems = load_asked(options, options.dataset).checked()
    if not problems:  # an empty file would replace one that is there, and serve nobody
        raise DatasetError(f"there are no problems to write: {problems.describe()}")
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
        require_path("FILE", options.file)
    problem = _problem(options)
    if options.file == "-":
        data = sys.stdin.buffer.read()
    else:
        data = Path(options.file).read_bytes()
    # What is not UTF-8 is the program's fault: the verdict says so.
    program = problem.assemble(data.decode("utf-8", "surrogateescape"))
    with Judge(workers=1, packages=asked_packages(options, [problem]).shown) as judge:
        verdict = judge.judge(problem, program)
    if options.json:
        say_json({"problem": problem.uid, **verdict.to_json()})
    else:
        say(views.verdict_text(problem, verdict))
    return 0 if verdict.accepted else 1


def run_doctor(options: argparse.Namespace) -> int:
    """Checks the sandbox and the languages: 1 where a check failed."""
    doctor = optional_module("coding_envs.sandbox.doctor", "the doctor")
    checks = doctor.diagnose()
    if all(check.ok is not False for check in checks):
        checks += optional_module("coding_envs.languages.doctor", "the doctor").diagnose()
    works = all(check.ok is not False for check in checks)
    if options.json:
        names = ("name", "ok", "detail", "remedy")
        rows = [{name: getattr(check, name) for name in names} for check in checks]
        say_json({"works": works, "checks": rows})
    else:
        say(views.checks_text(checks))
    return 0 if works else 1


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
