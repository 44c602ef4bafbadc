"""coding_envs: the judge over its nsjail sandbox, warm, without a cache of verdicts."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from coding_envs import CallTest, Judge, Problem, Verdict, load_problems
from coding_envs.data.layouts.humaneval import problem_from_row
from coding_envs.judge.judge import jail_modules
from coding_envs.sandbox.guest_protocol import STATUS
from coding_envs.sandbox.launch import NsjailLauncher
from coding_envs.sandbox.worker import Worker

from .contract import Grader
from .corpus import Task

__all__ = ["CodingEnvs", "own_bytes", "processes_of", "start_ms", "worker_start_ms"]


class CodingEnvs(Grader):
    """`Judge` with a fixed number of workers."""

    def __init__(self, tasks: Sequence[Task], workers: int) -> None:
        super().__init__(tasks)
        bundled = {p.key: p for p in load_problems("starter")} if tasks[0].bundled else {}
        self._problems = {
            task.task_id: bundled[task.task_id]
            if task.bundled
            else problem_from_row(asdict(task), split="test", row_number=number)
            for number, task in enumerate(tasks)
        }
        self.judge = Judge(workers)

    def accepts(self, task: Task) -> bool:
        problem = self._problems[task.task_id]
        return _executed(self.judge.judge(problem, task.solution)).accepted

    def rejected(self, tasks: Sequence[Task]) -> list[str]:
        verdicts = self.judge.judge_many((self._problems[t.task_id], t.solution) for t in tasks)
        pairs = zip(tasks, verdicts, strict=True)
        return [t.task_id for t, verdict in pairs if not _executed(verdict).accepted]

    def recovery_ms(self) -> float:
        """Kills a worker with SIGKILL, all of it; returns the time to the next verdict."""
        tests = (CallTest((1,), 2),)
        problem = Problem("benchmark", "one", "", entry_point="f", hidden_tests=tests)
        program = "def f(x):\n    return x + 1\n"
        self.judge.judge(problem, program)
        # The innermost first: what is left of a worker could else give one more verdict.
        doomed = processes_of(self._worker_pids()[0])[::-1]
        started = time.perf_counter()
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        verdict = self.judge.judge(problem, program)
        took_ms = 1e3 * (time.perf_counter() - started)
        assert _executed(verdict).accepted, verdict
        return took_ms

    def private_mb(self) -> float:
        """Returns the memory that one worker has for itself, all its processes together."""
        pid = self._worker_pids()[0]
        return sum(map(own_bytes, processes_of(pid))) / 1e6

    def _worker_pids(self) -> list[int]:
        return self.judge._sandbox.worker_pids()  # type: ignore[attr-defined]

    def close(self) -> None:
        self.judge.close()


def start_ms() -> float:
    """Returns the time from nothing to a judge whose one worker is ready."""
    started = time.perf_counter()
    judge = Judge(1)
    took_ms = 1e3 * (time.perf_counter() - started)
    judge.close()
    return took_ms


def worker_start_ms() -> float:
    """Returns the time that one more worker takes until it says that it is ready."""
    launcher = NsjailLauncher(jail_modules())
    Worker(launcher).destroy()  # what only the first one does
    started = time.perf_counter()
    worker = Worker(launcher)
    select.select([worker.control], [], [])
    took_ms = 1e3 * (time.perf_counter() - started)
    said_hello = bool(worker.control.recv(STATUS.size))
    words = worker.destroy()
    assert said_hello, words
    return took_ms


def _executed(verdict: Verdict) -> Verdict:
    assert not verdict.cached, verdict
    assert verdict.runs >= 1, verdict
    return verdict


def processes_of(pid: int) -> list[int]:
    """Returns a process and all that descend from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(p for child in children for p in processes_of(int(child)))]


def own_bytes(pid: int) -> int:
    """Returns a process's share of the memory that is no file's: what n processes share, by n each.

    So that the sum over a worker counts what its processes share among each other, once.
    """
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(map(int, re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB", text, re.MULTILINE)))
