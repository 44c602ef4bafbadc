"""What a grader offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

from .corpus import Task

__all__ = ["Grader", "NotInstalledError"]


class NotInstalledError(Exception):
    """The grader cannot take part here; says why."""


class Grader(ABC):
    """Grades reference solutions; made once, in a process of its own.

    Raises:
      NotInstalledError: by the constructor, where what it needs is missing.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = tasks

    @abstractmethod
    def accepts(self, task: Task) -> bool:
        """Runs one reference solution on all its tests; True where it was accepted."""

    def rejected(self, tasks: Sequence[Task]) -> list[str]:
        """Grades tasks, as many at one time as the grader likes; returns those not accepted."""
        return [task.task_id for task in tasks if not self.accepts(task)]

    def close(self) -> None:  # noqa: B027 -- most have nothing to end
        """Ends what the grader has started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
