"""The commands and their options."""

from __future__ import annotations

import argparse
import json
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from ..errors import InvalidValueError
from ..evaluation import FORMATS, PROMPTS
from . import commands
from .certify import run_certify, run_overlap
from .conformance import run_conformance_command
from .evaluation import run_compare, run_eval

__all__ = ["COMMANDS", "TRAINER_COMMANDS", "make_parser"]

# What coding_envs_trainer does; its `eval` is `python -m coding_envs_trainer eval`.
TRAINER_COMMANDS = {
    "train": "train a policy; needs coding-envs-trainer, as do the next four",
    "sweep": "try settings of a training",
    "export": "write a policy's weights for other programs",
    "profile": "say where each second of a training goes",
    "plot": "draw trainings from their logs",
}
COMMANDS = (
    *("list", "show", "grade", "eval", "compare", "certify", "overlap", "convert"),
    *("conformance", "doctor"),
    *TRAINER_COMMANDS,
)

_CODES = "exit code: 0 fine, 1 the work failed, 2 the call was wrong, 130 interrupted"

_DATASET = """DATASET is a registered name, a dataset's path on the Hugging Face hub, or a file or
folder in the plain layout. A condition of --where is one of
  difficulty=easy,medium   source=NAME   language=python   style=stdio   key=A,B
  tags=dp                  rating=1200..1600
  released_after=2024-08-01   released_before=2025-01-01   (without the day itself)"""

_PROBLEM = """PROBLEM is DATASET/CONFIG/SPLIT/KEY, where CONFIG and SPLIT may be left out; or, with
--dataset, only the key."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InvalidValueError(f"{message}; see {self.prog} --help")


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser; its result's `run` is the command's function."""
    parser = _Parser(
        prog="coding-envs",
        description="Coding problems, graded in a sandbox: look at them, grade programs, evaluate.",
        epilog=f"""examples:
  coding-envs doctor                              does the sandbox work on this machine?
  coding-envs list                                datasets and environments
  coding-envs show starter/constant-n-1           a problem
  coding-envs grade starter/constant-n-1 mine.py  a verdict on a program
  coding-envs eval humaneval --samples s.jsonl    pass@k of a file of samples
  coding-envs compare results-a results-b         is the one better than the other?
  coding-envs certify starter                     is a dataset fit to learn from?
  coding-envs conformance                         is the judge itself right?
  coding-envs train coding_problem                a policy that learns to write programs

{_CODES}""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    version = metadata.version("coding-envs")
    parser.add_argument("--version", action="version", version=f"coding-envs {version}")
    into = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_list(into)
    _add_show(into)
    _add_grade(into)
    _add_eval(into)
    _add_compare(into)
    _add_certify(into)
    _add_overlap(into)
    _add_convert(into)
    _add_conformance(into)
    _add_doctor(into)
    for name, text in TRAINER_COMMANDS.items():
        into.add_parser(name, help=text, add_help=False)  # main hands them over
    return parser


type _Commands = argparse._SubParsersAction[_Parser]


def _add(into: _Commands, name: str, text: str, examples: str) -> argparse.ArgumentParser:
    return into.add_parser(
        name,
        help=text,
        description=f"{text[:1].upper()}{text[1:]}.",
        epilog=f"examples:\n{examples}\n\n{_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_list(into: _Commands) -> None:
    parser = _add(
        into,
        "list",
        "list the datasets and the environments, or the problems of a dataset",
        f"""  coding-envs list
  coding-envs list --json
  coding-envs list starter --where difficulty=easy --limit 20
  coding-envs list my_problems.jsonl

{_DATASET}""",
    )
    parser.add_argument(
        "dataset", nargs="?", metavar="DATASET", help="list the problems of this dataset"
    )
    _add_source(parser)
    _add_json(parser)
    parser.set_defaults(run=commands.run_list)


def _add_show(into: _Commands) -> None:
    parser = _add(
        into,
        "show",
        "show a problem: its statement, public tests, limits",
        f"""  coding-envs show starter/default/train/constant-n-1
  coding-envs show starter/constant-n-1 --solution
  coding-envs show --dataset humaneval --data-files HumanEval.jsonl HumanEval/0

{_PROBLEM}""",
    )
    parser.add_argument("problem", metavar="PROBLEM", help="the problem's name; see below")
    _add_dataset(parser)
    parser.add_argument("--solution", action="store_true", help="show the reference solution too")
    _add_json(parser)
    parser.set_defaults(run=commands.run_show)


def _add_grade(into: _Commands) -> None:
    parser = _add(
        into,
        "grade",
        "judge one program, in the sandbox",
        f"""  coding-envs grade starter/constant-n-1 mine.py
  echo 1 | coding-envs grade starter/constant-n-1 - --json
  coding-envs grade --dataset humaneval --data-files HumanEval.jsonl HumanEval/0 mine.py

{_PROBLEM}
The file holds a whole program, or what is to be written after the problem's starter code.
Exit code 0 means accepted, 1 not accepted or not judged.""",
    )
    parser.add_argument("problem", metavar="PROBLEM", help="the problem's name; see below")
    parser.add_argument("file", metavar="FILE", help="the program, or - for standard input")
    _add_dataset(parser)
    _add_packages(parser)
    _add_json(parser)
    parser.set_defaults(run=commands.run_grade)


def _add_eval(into: _Commands) -> None:
    parser = _add(
        into,
        "eval",
        "judge samples for a whole dataset, and report pass@k",
        """  coding-envs eval starter --samples reference
  coding-envs eval humaneval --samples samples.jsonl --data-files HumanEval.jsonl --k 1,10
  coding-envs eval mbpp --config sanitized --samples samples.jsonl.gz --out results --json
  coding-envs eval starter --split test --samples model.pt --n 10
  coding-envs eval humaneval --model ./my-model --n 10 --k 1,10 --out results
  coding-envs eval humaneval --endpoint http://localhost:8000/v1 --model qwen --out results
  coding-envs eval humaneval --samples samples.jsonl --out results --format human-eval
  coding-envs eval --rejudge results/verdicts.jsonl

Samples are JSON lines with task_id and completion (as OpenAI's human-eval writes them) or task_id
and solution (as EvalPlus does); a folder HumanEval_0/0.py, ... of EvalPlus; or a JSON list with
question_id and code_list or output_list (as LiveCodeBench writes it). Of a completion with fenced
blocks the last one for Python is taken. A problem without a sample counts as 0. A k above the
number of samples of some problem is left out, with a note. Samples that could not be judged, by no
fault of theirs, count neither way: then the exit code is 1.

With --out, the same command goes on where an earlier one was interrupted. --rejudge gives the
verdicts of an earlier evaluation anew; its exit code is 1 where any came out otherwise.""",
    )
    parser.add_argument(
        "dataset", metavar="DATASET", nargs="?", help="a dataset's name; see coding-envs list"
    )
    parser.add_argument(
        "--samples",
        metavar="WHAT",
        help="'reference' for the dataset's own solutions, a file of samples (.jsonl or .json, "
        "also .gz), a folder as EvalPlus writes it, or a checkpoint (.pt) of a policy",
    )
    parser.add_argument(
        "--model", metavar="M", help="a causal language model on the hub or in a folder"
    )
    parser.add_argument(
        "--endpoint", metavar="URL", help="ask --model at a server that speaks OpenAI's protocol"
    )
    parser.add_argument(
        "--rejudge", type=Path, metavar="FILE", help="give the verdicts in a verdicts.jsonl anew"
    )
    _add_source(parser)
    parser.add_argument(
        "--k", type=_ks, default=(1,), metavar="K,K", help="the ks of pass@k (default: 1)"
    )
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="runs at one time (default: one per processor)"
    )
    _add_packages(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write results.json, verdicts.jsonl and report.html there",
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="write the files of that evaluator there too"
    )
    _add_sampling(parser)
    _add_json(parser)
    parser.set_defaults(run=run_eval)


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("samples that a model or a checkpoint writes")
    group.add_argument(
        "--n",
        "--samples-per-problem",
        dest="n",
        type=_count,
        default=1,
        metavar="N",
        help="programs to write per problem (default: 1)",
    )
    group.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="0 takes the likeliest token each time (default: 0 where N is 1, else 0.8)",
    )
    group.add_argument("--top-p", type=float, default=1.0, metavar="P", help="(default: 1)")
    group.add_argument(
        "--max-tokens", type=_count, default=2048, metavar="N", help="per program (default: 2048)"
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    group.add_argument(
        "--prompt",
        choices=PROMPTS,
        help="ask for an answer, or for the rest of a text (default: chat where the model can)",
    )
    group.add_argument(
        "--batch-size", type=_count, default=8, metavar="N", help="of --model (default: 8)"
    )
    group.add_argument("--device", metavar="D", help="of --model (default: a GPU if there is one)")
    group.add_argument(
        "--concurrency",
        type=_count,
        default=8,
        metavar="N",
        help="of --endpoint: requests at one time (default: 8)",
    )
    group.add_argument(
        "--timeout",
        type=_seconds,
        default=300.0,
        metavar="S",
        help="of --endpoint: for one request (default: 300)",
    )
    group.add_argument(
        "--api-key-env",
        default="OPENAI_API_KEY",
        metavar="NAME",
        help="of --endpoint: the environment variable with the key (default: OPENAI_API_KEY)",
    )
    group.add_argument(
        "--body",
        type=_json_object,
        metavar="JSON",
        help="of --endpoint: more keys of each request; null removes one",
    )


def _add_compare(into: _Commands) -> None:
    parser = _add(
        into,
        "compare",
        "say whether two evaluations differ by more than chance",
        """  coding-envs compare results-a results-b
  coding-envs compare results-a results-b --json

A and B are folders that eval --out wrote, for the same problems. The second is held against the
first, problem by problem: McNemar's exact test where each has one sample per problem, else a
permutation test.""",
    )
    parser.add_argument("first", metavar="A", help="a folder of results")
    parser.add_argument("second", metavar="B", help="another one")
    _add_json(parser)
    parser.set_defaults(run=run_compare)


def _add_certify(into: _Commands) -> None:
    parser = _add(
        into,
        "certify",
        "find what is wrong with a dataset on this machine, and write a manifest",
        """  coding-envs certify starter --split test
  coding-envs certify humaneval --data-files HumanEval.jsonl --out certified
  coding-envs certify mbpp --config sanitized --repeats 5 --mutants 50 --json

Runs every reference several times, then known-wrong programs and mutants of the references, and
decides on each problem: kept, repaired or dropped. Writes a manifest, report.md and report.html;
load_problems(..., manifest=DIR) applies it. A call that was interrupted goes on with the same call.
Exit code 0 means that every problem could be judged, whatever was found.""",
    )
    parser.add_argument("dataset", metavar="DATASET", help="a dataset's name; see coding-envs list")
    _add_source(parser)
    parser.add_argument(
        "--repeats", type=_count, default=3, metavar="N", help="runs of each reference (default: 3)"
    )
    parser.add_argument(
        "--references",
        type=_count,
        metavar="N",
        help="at most so many references per problem (default: all)",
    )
    parser.add_argument(
        "--mutants",
        type=_whole,
        default=20,
        metavar="N",
        help="at most so many mutants per problem (default: 20)",
    )
    parser.add_argument(
        "--inputs",
        type=_whole,
        default=10,
        metavar="N",
        help="at most so many made-up inputs per problem to compare references on (default: 10)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the choice of mutants and inputs (default: 0)",
    )
    parser.add_argument(
        "--multiple",
        type=_seconds,
        default=3.0,
        metavar="X",
        help="a limit is X times the slowest accepted reference (default: 3)",
    )
    parser.add_argument(
        "--floor", type=_seconds, default=2.0, metavar="S", help="... at least (default: 2 s)"
    )
    parser.add_argument(
        "--ceiling", type=_seconds, default=30.0, metavar="S", help="... at most (default: 30 s)"
    )
    parser.add_argument(
        "--limits",
        choices=("raise", "calibrated"),
        default="raise",
        help="raise only limits that are too short (default), or set all as calibrated",
    )
    parser.add_argument(
        "--require-reference", action="store_true", help="drop problems without a reference"
    )
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="runs at one time (default: one per processor)"
    )
    _add_packages(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where manifest, reports and what is done so far are kept "
        "(default: certified-DATASET-CONFIG-SPLIT)",
    )
    _add_json(parser)
    parser.set_defaults(run=run_certify)


def _add_overlap(into: _Commands) -> None:
    parser = _add(
        into,
        "overlap",
        "find the statements that two sets have in common",
        """  coding-envs overlap starter/train starter/test
  coding-envs overlap mbpp/sanitized/test training.jsonl --min-share 0.2 --json

A and B are each a dataset (NAME, NAME/SPLIT or NAME/CONFIG/SPLIT; or another of the hub) or a file
of rows (.jsonl, .json, .parquet) with a column such as prompt or question. Two statements match
where they are equal but for case and punctuation, or share a run of 13 words that is no common
phrase.""",
    )
    parser.add_argument("a", metavar="A", help="a dataset, or a file of rows")
    parser.add_argument("b", metavar="B", help="another")
    parser.add_argument(
        "--min-share",
        type=float,
        default=0.0,
        metavar="X",
        help="leave out pairs that share less of their runs of words, 0 to 1 (default: 0)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write all matches there, as JSON")
    _add_json(parser)
    parser.set_defaults(run=run_overlap)


def _add_convert(into: _Commands) -> None:
    parser = _add(
        into,
        "convert",
        "write a dataset in the plain layout, as JSON lines or Parquet",
        f"""  coding-envs convert starter problems.jsonl
  coding-envs convert humaneval he.parquet --data-files HumanEval.jsonl
  coding-envs convert mbpp some.jsonl.gz --config sanitized --limit 20

{_DATASET}""",
    )
    parser.add_argument("dataset", metavar="DATASET", help="what is written; see below")
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="the file: .jsonl, .jsonl.gz or .parquet"
    )
    _add_source(parser)
    _add_json(parser)
    parser.set_defaults(run=commands.run_convert)


def _add_conformance(into: _Commands) -> None:
    parser = _add(
        into,
        "conformance",
        "test a grader: right programs, wrong ones, and attempts to cheat",
        """  coding-envs conformance
  coding-envs conformance --kind exploits --json report.json
  coding-envs conformance --grader my_module:grade --jobs 4
  coding-envs conformance --list

Without --grader the judge of this package is tested. A grader is a function of a problem and a
program's text that returns a bool or a Verdict; it runs in processes of its own. Exit code 0 means
that it did as it must in every case, 1 that it did not.""",
    )
    parser.add_argument(
        "--grader", metavar="MODULE:CALLABLE", help="test this grader (default: our judge)"
    )
    parser.add_argument(
        "--kind",
        action="append",
        choices=("idioms", "wrong", "exploits"),
        help="only these cases; may be given again (default: all)",
    )
    parser.add_argument(
        "--case", action="append", metavar="ID", help="only this case; may be given again"
    )
    parser.add_argument(
        "--harmful",
        action="store_true",
        help="with --grader: run the cases too that a machine without a sandbox may not survive",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=10.0,
        metavar="S",
        help="seconds that a grader may take beyond a problem's limits (default: 10)",
    )
    parser.add_argument(
        "--jobs", type=_count, metavar="N", help="cases at one time (default: one per processor)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the report there too")
    parser.add_argument("--list", action="store_true", help="list the cases; run nothing")
    parser.set_defaults(run=run_conformance_command)


def _add_doctor(into: _Commands) -> None:
    parser = _add(
        into,
        "doctor",
        "check whether the sandbox works on this machine, and say what to do",
        """  coding-envs doctor
  coding-envs doctor --json""",
    )
    _add_json(parser)
    parser.set_defaults(run=commands.run_doctor)


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", metavar="D", help="a dataset's name; PROBLEM is then a key")
    _add_source(parser)


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="C", help="the dataset's configuration")
    parser.add_argument("--split", metavar="S", help="the dataset's split")
    parser.add_argument(
        "--data-files",
        action="append",
        metavar="PATH",
        help="read the dataset from this file, or folder in the hub's layout, instead of the hub; "
        "may be given again",
    )
    parser.add_argument(
        "--manifest",
        type=Path,
        metavar="DIR",
        help="keep what a certification kept, as it repaired it (see coding-envs certify)",
    )
    parser.add_argument(
        "--revision", metavar="R", help="the dataset's commit, tag or branch on the hub"
    )
    parser.add_argument(
        "--where",
        action="append",
        metavar="KEY=VALUE",
        help="only problems that meet this condition, such as difficulty=easy,medium, tags=dp, "
        "rating=1200..1600, released_after=2024-08-01; may be given again",
    )
    parser.add_argument(
        "--limit", type=_count, metavar="N", help="only the first N problems (default: all)"
    )


def _add_packages(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--packages",
        type=_names,
        metavar="NAME,NAME",
        help="installed packages that programs and tests may import, '' for none (default: those "
        "that the problems are flagged to need and that are installed)",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an int >= 1, got {text!r}")
    return int(text)


def _whole(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 1e6:
        raise argparse.ArgumentTypeError(f"must be seconds > 0, got {text!r}")
    return seconds


def _json_object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"must be JSON: {error}") from None
    if not isinstance(data, dict):
        raise argparse.ArgumentTypeError(f"must be a JSON object, got {text[:80]!r}")
    return data


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in names:
        if not name.isidentifier():
            raise argparse.ArgumentTypeError(f"must be names of modules, got {name!r}")
    return names


def _ks(text: str) -> tuple[int, ...]:
    return tuple(_count(part.strip()) for part in text.split(","))
