"""What a sandbox is asked to run, and what it says of the run. Frozen values."""

from __future__ import annotations

import functools
import marshal
from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from .. import plain_data
from ..problem import Limits

__all__ = ["Call", "Ended", "Run", "RunResult", "Sandbox"]


class Ended(StrEnum):
    """How a run ended; measured from outside the program, which cannot forge it."""

    EXITED = "EXITED"
    SIGNALED = "SIGNALED"
    CPU_LIMIT = "CPU_LIMIT"
    WALL_LIMIT = "WALL_LIMIT"
    OUTPUT_LIMIT = "OUTPUT_LIMIT"


@dataclass(frozen=True)
class Call:
    """One call to be made in the program's process.

    Attributes:
      expression: Python expression that is evaluated in the program's names.
      arguments: JSON text of `[args, kwargs]` as plain data: the expression's value is called with
        them; or None: the expression's own value is the outcome.
    """

    expression: str
    arguments: str | None = None


@dataclass(frozen=True)
class Run:
    """One program, to be run once, in a process of its own.

    Attributes:
      source: the program.
      stdin: what it finds on standard input, bytes.
      calls: None runs it as a script (`__main__`); else it is loaded as the module `solution` and
        these calls are made one after another.
      setup: source run in the program's names between loading and calls.
      limits: what it may use.
      scratch: True gives it a private, empty, writable `/tmp` as its working folder.
    """

    source: str
    stdin: bytes = b""
    calls: tuple[Call, ...] | None = None
    setup: str = ""
    limits: Limits = field(default_factory=Limits)
    scratch: bool = False

    def job(self) -> bytes:
        """Returns what the jailed child reads: marshalled, with its length before it.

        Marshal goes from the host into the jail only, where both are the same interpreter; what
        comes back is JSON, which can do nothing to its reader.
        """
        calls = None
        if self.calls is not None:
            calls = [(c.expression, _packed(c.arguments)) for c in self.calls]
        job = marshal.dumps({"source": self.source, "setup": self.setup, "calls": calls})
        return len(job).to_bytes(8, "little") + job


@functools.lru_cache(maxsize=1 << 16)
def _packed(arguments: str | None) -> bytes | None:
    """Returns a call's arguments as the child unpacks them; the same tests come again and again."""
    if arguments is None:
        return None
    args, kwargs = plain_data.loads(arguments)
    return marshal.dumps((args, kwargs))


@dataclass(frozen=True)
class RunResult:
    """What was measured of one run.

    Attributes:
      ended: how the run ended.
      exit_code: 0..255 where it exited, else None.
      signal: the signal's number where one killed it, else None.
      stdout, stderr: what it wrote, bytes, cut at the output limit.
      messages: what the jailed interpreter and the program sent on the run's channel, JSON data.
        The program may have written any of them: they are its claims, never facts.
      cpu_time_s, wall_time_s: seconds.
      peak_memory_bytes: the largest resident size.
    """

    ended: Ended
    exit_code: int | None = None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    messages: tuple[dict[str, Any], ...] = ()
    cpu_time_s: float = 0.0
    wall_time_s: float = 0.0
    peak_memory_bytes: int = 0

    def message(self, key: str) -> Any:
        """Returns the value of the first message that has `key`, or None."""
        return next((m[key] for m in self.messages if key in m), None)


class Sandbox(ABC):
    """Runs programs. Everything else is built on this one method."""

    @abstractmethod
    def submit(self, run: Run) -> Future[RunResult]:
        """Returns at once; the future holds the result, or a SandboxError where we failed.

        Raises:
          SandboxClosedError: the sandbox was closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends every run and process of this sandbox; again and again is fine."""

    @property
    def workers(self) -> int:
        """How many runs go on at one time."""
        return 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
