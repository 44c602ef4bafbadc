"""What a sandbox is asked to run, and what it says of the run. Frozen values."""

from __future__ import annotations

import functools
import json
import marshal
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from .. import plain_data
from ..errors import InvalidValueError
from ..problem import Limits

__all__ = ["Call", "Calls", "Done", "Ended", "Order", "Run", "RunResult", "Sandbox"]


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
      arguments_after: True adds to the outcome, as "args", what the arguments are after the call.
    """

    expression: str
    arguments: str | None = None
    arguments_after: bool = False


class Calls(tuple[Call, ...]):
    """Calls that many programs are to answer: they are packed for the jail only once."""

    @functools.cached_property
    def packed(self) -> bytes:
        """The calls as the child unpacks them."""
        return marshal.dumps(
            [(c.expression, _packed_arguments(c.arguments), c.arguments_after) for c in self]
        )


@dataclass(frozen=True)
class Run:
    """One program, to be run once, in a process of its own.

    Attributes:
      source: the program.
      stdin: what it finds on standard input, bytes.
      calls: None runs it as a script (`__main__`); else it is loaded as the module `solution` and
        these calls are made one after another. What such a program prints, on standard output or
        error, is the result's `stderr`.
      prelude: source run in the program's names before it; what fails in it fails the program.
      setup: source run in the program's names between loading and calls.
      limits: what it may use.
      scratch: True gives it a private, empty, writable `/tmp` as its working folder.
      args: its command-line arguments (`sys.argv[1:]`).
      files: path in the scratch folder -> content, written before it starts; implies `scratch`.
      output_file: a file's name in the scratch folder, or ""; its content is the result's `stdout`,
        in the place of what went to standard output. The file is there, empty, from the start;
        one that the program puts in its place is not seen. Implies `scratch`.
      peer: another run that goes on at the same time, its standard input joined to this one's
        standard output and the other way round; neither has a `stdin` or captured output then.
    """

    source: str
    stdin: bytes = b""
    calls: tuple[Call, ...] | None = None
    prelude: str = ""
    setup: str = ""
    limits: Limits = field(default_factory=Limits)
    scratch: bool = False
    args: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    output_file: str = ""
    peer: Run | None = None

    def __post_init__(self) -> None:
        for path in (*self.files, *([self.output_file] if self.output_file else ())):
            parts = path.split("/")
            if not all(parts) or ".." in parts or "\0" in path:
                raise InvalidValueError(
                    f"files must have relative paths without '..', got {path!r}; rename it"
                )
        if (self.files or self.output_file) and not self.scratch:
            object.__setattr__(self, "scratch", True)
        if self.output_file and (self.peer is not None or self.calls is not None):
            raise InvalidValueError(
                "a run with an output_file must be a script without a peer; leave it out"
            )
        if self.peer is not None and (self.peer.peer is not None or self.stdin or self.peer.stdin):
            raise InvalidValueError(
                "a run with a peer must have no standard input, and its peer no peer; "
                "they are each other's input"
            )

    def with_limits(self, limits: Limits) -> Self:
        """Returns a copy with other limits."""
        other = object.__new__(type(self))  # without checking all anew, once per run
        other.__dict__.update(self.__dict__, limits=limits)
        return other

    def job(self, code: bytes | None = None) -> bytes:
        """Returns what the jailed child reads: marshalled, with its length before it.

        Marshal goes from the host into the jail only, where both are the same interpreter; what
        comes back is JSON, which can do nothing to its reader.

        Args:
          code: the marshalled code, where it has been compiled already.
        """
        calls = self.calls
        if calls is not None and not isinstance(calls, Calls):
            calls = Calls(calls)
        packed = None if calls is None else calls.packed
        files = (dict(self.files), self.output_file)
        texts = (self.prelude, self.setup)
        job = marshal.dumps((self.source, code, texts, packed, self.args, files))
        return len(job).to_bytes(8, "little") + job


def _packed_arguments(arguments: str | None) -> bytes | str | None:
    if arguments is None:
        return None
    if plain_data.is_rich(arguments):  # beyond what marshal keeps as it is: the child decodes it
        return arguments
    args, kwargs = plain_data.loads(arguments)
    return marshal.dumps((args, kwargs))


@dataclass(frozen=True)
class Order:
    """One order to a service: a function, in a jailed process that serves many orders.

    Services are for the judge's own code: what one order leaves behind the next one may find.

    Attributes:
      service: `module:function`, bytes -> bytes, of a module that is preloaded in the jail.
      payload: the function's argument.
      limits: what it may use; of the times, the wall limit counts.
    """

    service: str
    payload: bytes
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class RunResult:
    """What was measured of one run.

    Attributes:
      ended: how the run ended.
      exit_code: 0..255 where it exited, else None.
      signal: the signal's number where one killed it, else None.
      stdout, stderr: what it wrote, bytes, cut at the output limit; `stdout` is what it wrote to
        its `output_file` where the run has one.
      channel: what the jailed interpreter and the program sent on the run's channel: JSON, a
        message a line, cut at the output limit. The program may have written any of it: claims,
        never facts.
      cpu_time_s, wall_time_s: seconds.
      ended_at: when its end was learned, seconds of the host's monotonic clock; of a run and its
        peer, who ended first: neither notices the other's end before.
      peak_memory_bytes: the largest resident size.
      reply: what a service answered to an order, or None.
      peer: what was measured of the run's peer, or None.
    """

    ended: Ended
    exit_code: int | None = None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    channel: bytes = b""
    cpu_time_s: float = 0.0
    wall_time_s: float = 0.0
    ended_at: float = 0.0
    peak_memory_bytes: int = 0
    reply: bytes | None = None
    peer: RunResult | None = None

    @functools.cached_property
    def messages(self) -> tuple[dict[str, Any], ...]:
        """The messages on the channel, up to the first line that is none."""
        messages: list[dict[str, Any]] = []
        for line in self.channel.splitlines():
            try:
                message = json.loads(line)
            except (ValueError, RecursionError, MemoryError):
                break  # cut at the limit, or the program wrote here itself
            if not isinstance(message, dict):
                break
            messages.append(message)
        return tuple(messages)

    def message(self, key: str) -> Any:
        """Returns the value of the first message that has `key`, or None."""
        return next((m[key] for m in self.messages if key in m), None)


Done = Callable[[RunResult | BaseException], None]
"""Told the result of a run, or why there is none."""


class Sandbox(ABC):
    """Runs programs. Everything else is built on this one method."""

    @abstractmethod
    def submit(self, run: Run | Order) -> Future[RunResult]:
        """Returns at once; the future holds the result, or a SandboxError where we failed.

        Raises:
          SandboxClosedError: the sandbox was closed.
        """

    def start(self, run: Run | Order, done: Done) -> None:
        """Does as `submit`, and tells `done`, which is called once, in any thread."""

        def tell(future: Future[RunResult]) -> None:
            try:
                outcome: RunResult | BaseException = future.result()
            except BaseException as error:
                outcome = error
            done(outcome)

        self.submit(run).add_done_callback(tell)

    def call_soon(self, call: Callable[[], None]) -> None:
        """Calls `call`, once, when what it starts can soon be run, in any thread.

        For work that comes before a run: done just in time, it holds up nobody's earlier runs. It
        must not raise.

        Raises:
          SandboxClosedError: the sandbox was closed.
        """
        call()

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
