"""Runs of a program: their time, and the calls made in them with what came of each."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from .. import plain_data
from ..problem import Limits
from ..sandbox import Call, Ended, Order, Run, RunResult
from ..verdict import Status

__all__ = ["Again", "Outcome", "Outcomes", "Plan", "call_all", "end_status", "on_time", "uncrossed"]

Plan = Generator[Sequence[Run | Order], list[RunResult], Any]
"""A judging step: yields runs that may go on side by side, gets their results, returns its own."""

_WORTH_A_LOOK = 1 << 16  # bytes from a run; fewer are parsed in no time
_MAX_LOOKS = 10_000  # parts of a value that are looked at for what to say of it
_MAX_RUNS = 3  # a program that dies in one call gets the later ones judged too, but not for ever


_LOADED = b'{"loaded":true}\n'  # a run's first message when its calls begin
_STRETCH = 1.1  # of the CPU limit, so that a near miss can be told from an endless loop
_IDLE = 0.1  # of the CPU limit: who used less until the wall limit was waiting, not kept waiting
_MAX_TIME_OUTS = 2  # of one program's runs; then its later calls are not made


@dataclass(frozen=True)
class Again(Run):
    """A run that is repeated because its time was in doubt: no other such run beside it.

    Attributes:
      run: the run itself, of whatever kind.
    """

    run: Run = field(default_factory=lambda: Run(""))


def on_time(runs: list[Run]) -> Generator[Sequence[Run | Order], list[RunResult], list[RunResult]]:
    """Runs programs within their CPU limits; one whose time is in doubt gets a second chance.

    In doubt is a run that ended by itself within a tenth beyond its limit, and one that was stopped
    by the clock before it had used up its CPU time, as on a loaded machine. Its second run counts.

    Returns:
      one result per run; `ended` is a limit where the time was really used up.
    """
    results = yield [run.with_limits(_stretched(run.limits)) for run in runs]
    judged = list(results)
    for number, (run, result) in enumerate(zip(runs, results, strict=True)):
        if _in_doubt(run, result):
            longer = replace(run, limits=_stretched(run.limits))
            (judged[number],) = yield [Again(run.source, run=longer)]
    return [_at_its_limit(*pair) for pair in zip(runs, judged, strict=True)]


@lru_cache(maxsize=1024)
def _stretched(limits: Limits) -> Limits:
    more = (_STRETCH - 1) * limits.cpu_time_s
    cpu, wall = limits.cpu_time_s + more, limits.wall_limit_s + more
    return replace(limits, cpu_time_s=cpu, wall_time_s=wall)


def _in_doubt(run: Run, result: RunResult) -> bool:
    limit = run.limits.cpu_time_s
    if result.ended in (Ended.EXITED, Ended.SIGNALED):
        return result.cpu_time_s > limit
    return result.ended is Ended.WALL_LIMIT and _IDLE * limit < result.cpu_time_s < limit


def _at_its_limit(run: Run, result: RunResult) -> RunResult:
    over = result.cpu_time_s > run.limits.cpu_time_s
    if over and result.ended in (Ended.EXITED, Ended.SIGNALED):
        return replace(result, ended=Ended.CPU_LIMIT, exit_code=None, signal=None)
    return result


@dataclass(frozen=True)
class Outcome:
    """What came of one call.

    Attributes:
      status: ACCEPTED where the call returned, else what happened instead.
      value: the returned value, encoded, where it returned.
      error: one line on what happened instead.
      kind: the exception's class name, or "" where the process ended.
      arguments: `[args, kwargs]` after the call, encoded, where they were asked for.
    """

    status: Status
    value: Any = None
    error: str = ""
    kind: str = ""
    arguments: Any = None


def uncrossed(value: Any) -> str | None:
    """Returns a line on the first part of an encoded value that could not cross, or None."""
    left = [value]
    for _ in range(_MAX_LOOKS):
        if not left:
            return None
        part = left.pop()
        if isinstance(part, dict):
            name = part.get("opaque")
            if isinstance(name, str):
                return f"returned a value of type {name[:150]}, which cannot be compared"
            left += part.values()
        elif isinstance(part, list):
            left += part[::-1]
    return None


def end_status(result: RunResult) -> tuple[Status, str]:
    """Returns the status, and a line, for a program that ended before its time."""
    limits = {
        Ended.CPU_LIMIT: Status.TIME_LIMIT_EXCEEDED,
        Ended.WALL_LIMIT: Status.TIME_LIMIT_EXCEEDED,
        Ended.OUTPUT_LIMIT: Status.OUTPUT_LIMIT_EXCEEDED,
    }
    if result.ended in limits:
        used = f"after {result.cpu_time_s:.2f} s of CPU time, {result.wall_time_s:.2f} s in all"
        return limits[result.ended], f"stopped at a limit {used}"
    if result.ended is Ended.SIGNALED:
        if result.signal == 31:  # SIGSYS: a system call of another architecture
            return Status.SECURITY_VIOLATION, "a forbidden system call"
        return Status.RUNTIME_ERROR, f"killed by signal {result.signal}"
    error = result.message("error") or result.message("stopped")
    if isinstance(error, str):
        return error_status(error), error[:500]
    return Status.RUNTIME_ERROR, f"the program ended itself with code {result.exit_code}"


def error_status(error: str) -> Status:
    """Returns the status for an exception's one-line text."""
    name = error.partition(":")[0].strip()
    if name == "MemoryError" or name.endswith("._ArrayMemoryError"):  # NumPy's
        return Status.MEMORY_LIMIT_EXCEEDED
    return Status.RUNTIME_ERROR


class Outcomes:
    """What came of each call of a run; looked into only where somebody must.

    Attributes:
      count: how many calls.
      text: the outcomes as the program's process sent them, a line each.
    """

    def __init__(self, count: int, text: bytes = b"", known: list[Outcome] | None = None) -> None:
        self.count, self._text, self._known = count, text, known

    @property
    def text(self) -> bytes:
        """The outcomes as the tester reads them."""
        if self._known is None:
            return self._text
        lines = [json.dumps(_as_message(outcome)).encode() for outcome in self._known]
        return b"".join(line + b"\n" for line in lines)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._all())

    def __getitem__(self, index: int) -> Outcome:
        return self._all()[index]

    def _all(self) -> list[Outcome]:
        if self._known is None:
            self._known = [_outcome(message) for message in _parsed(self._text, self.count)]
        return self._known


def _parsed(text: bytes, count: int) -> list[dict[str, Any]]:
    """Returns `count` messages; a line that is none, as only a program writes, is an error."""
    messages: list[Any] = []
    try:
        if not plain_data.has_too_many_parts(text):
            messages = json.loads(b"[" + text.replace(b"\n", b",")[:-1] + b"]")
        else:
            messages = [_parsed_line(line) for line in text.splitlines()]
    except (ValueError, RecursionError, MemoryError):
        messages = []
    if len(messages) != count:
        messages = []
    forged = {"error": "the program sent something else than an outcome", "kind": ""}
    good = [
        m if isinstance(m, dict) and ("value" in m or "kind" in m) else forged for m in messages
    ]
    return good + [forged] * (count - len(good))


def _parsed_line(line: bytes) -> Any:
    return None if plain_data.has_too_many_parts(line) else json.loads(line)


def _as_message(outcome: Outcome) -> dict[str, Any]:
    if outcome.status is not Status.ACCEPTED:
        return {"error": outcome.error, "kind": outcome.kind}
    message = {"value": outcome.value}
    return message if outcome.arguments is None else message | {"args": outcome.arguments}


def call_all(
    program: str,
    calls: tuple[Call, ...],
    limits: Limits,
    *,
    prelude: str = "",
    setup: str = "",
    scratch: bool = False,
    most: Sequence[int] = (),
) -> Generator[Sequence[Run | Order], list[RunResult], Outcomes | Outcome]:
    """Makes all calls, in one run unless one of them ends the process.

    Args:
      program: the program's text.
      calls: what is to be called, in order.
      limits: of each run.
      prelude: source that runs in the program's names before it.
      setup: source that runs in the program's names before the calls.
      scratch: True gives it a scratch folder.
      most: per call, the bytes of an outcome beyond which it is wrong whatever it holds; or empty.

    Returns:
      The outcome of each call; or a single Outcome where the program did not even load.
    """
    outcomes: list[Outcome] = []
    time_outs = 0
    for _ in range(_MAX_RUNS):
        rest = calls[len(outcomes) :] if outcomes else calls
        run = Run(program, calls=rest, prelude=prelude, setup=setup, limits=limits, scratch=scratch)
        (result,) = yield from on_time([run])
        if most and len(result.channel) > _WORTH_A_LOOK:
            shortened = _shortened(result.channel, most[len(outcomes) :])
            result = replace(result, channel=shortened)
        channel = result.channel
        if (
            not outcomes
            and result.exit_code == 0
            and result.ended is Ended.EXITED
            and channel.startswith(_LOADED)
            and channel.count(b"\n") == 1 + len(rest)
            and channel.endswith(b"\n")
        ):
            return Outcomes(len(rest), channel[len(_LOADED) :])  # as nearly always
        compile_error = result.message("compile_error")
        if isinstance(compile_error, str) and not result.message("loaded"):
            return Outcome(Status.COMPILE_ERROR, error=compile_error)
        late = result.ended in (Ended.CPU_LIMIT, Ended.WALL_LIMIT)
        if result.message("loaded") is not True or (late and not rest):
            status, error = end_status(result)
            return Outcome(status, error=error)
        made = [m for m in result.messages if "value" in m or "kind" in m][: len(rest)]
        # What the program claims is taken as it is: it gains nothing, as it knows no answer.
        outcomes += [_outcome(message) for message in made]
        if len(made) == len(rest) and not late:
            return Outcomes(len(calls), known=outcomes)
        if len(made) == len(rest):
            outcomes.pop()  # all answers are there, the last one beyond the time
        status, error = end_status(result)
        outcomes.append(Outcome(status, error=error))
        time_outs += late
        if len(outcomes) == len(calls):
            return Outcomes(len(calls), known=outcomes)
        if time_outs == _MAX_TIME_OUTS:
            break
    missing = len(calls) - len(outcomes)
    outcomes += [Outcome(Status.NOT_RUN, error="not run: earlier calls failed")] * missing
    return Outcomes(len(calls), known=outcomes)


def _shortened(channel: bytes, most: Sequence[int]) -> bytes:
    """Returns what a run sent without what is not worth parsing: it would hold up everybody's runs.

    The first line says that the program was loaded; then comes one line per call.
    """
    lines = channel.split(b"\n")
    for number, size in enumerate(most[: len(lines) - 1], start=1):
        if len(lines[number]) > size:
            note = b"(%d bytes, far more than expected)" % len(lines[number])
            lines[number] = b'{"value":{"opaque":"%s"}}' % note
    rest = [line[:_WORTH_A_LOOK] for line in (lines[0], *lines[1 + len(most) :])]
    return b"\n".join([rest[0], *lines[1 : 1 + len(most)], *rest[1:]])


def _outcome(message: dict[str, Any]) -> Outcome:
    if "value" in message:
        return Outcome(Status.ACCEPTED, value=message["value"], arguments=message.get("args"))
    error, kind = message.get("error"), message["kind"]  # of any type: the program may have sent it
    error = error[:500] if isinstance(error, str) else "an error without a message"
    kind = kind[:100] if isinstance(kind, str) else ""
    return Outcome(error_status(error), error=error, kind=kind)
