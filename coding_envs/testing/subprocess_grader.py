"""SubprocessGrader: a grader in processes of its own, which may hang or die without harm to us.

Such a process reads one JSON object per line on standard input, a problem and a program, and
answers each with a line on a descriptor of its own.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import operator
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import InvalidValueError
from ..problem import Problem
from ..verdict import Verdict
from .conformance import time_allowed_s

__all__ = ["SubprocessGrader"]

_SERVE = "from coding_envs.testing.subprocess_grader import _serve; _serve()"
_START_S = 60.0  # to import what a grader needs


class SubprocessGrader:
    """Calls a grader, found by its name, in processes of its own: one per call at a time.

    A process that dies costs the call (RuntimeError), one that hangs is killed with all that it
    started (TimeoutError); the next call gets a new one.

    Args:
      name: MODULE:CALLABLE; the working folder is searched too.
      timeout_s: see `run_conformance`.

    Attributes:
      keeps_time: True: `run_conformance` leaves the time limit to it, for the start of a process is
        none of the grader's time.

    Raises:
      InvalidValueError: the name is malformed, or there is no such callable; says why.
    """

    keeps_time = True

    def __init__(self, name: str, *, timeout_s: float = 10.0) -> None:
        if not all(name.partition(":")):
            raise InvalidValueError(f"a grader must be MODULE:CALLABLE, got {name!r}")
        self._name, self._timeout_s = name, timeout_s
        self._lock = threading.Lock()
        # The first one, now: a mistake in the name is better told at once than in every call.
        self._idle = [_Process(name)]

    def __call__(self, problem: Problem, program: str) -> bool | Verdict:
        """Returns the grader's answer.

        Raises:
          TimeoutError: none came in time.
          RuntimeError: the grader raised, or its process died.
        """
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        process = idle or _Process(self._name)
        order = {"problem": problem.to_json(), "program": program}
        try:
            answer = process.ask(order, time_allowed_s(problem, self._timeout_s))
        except BaseException:
            process.kill()
            raise
        with self._lock:
            self._idle.append(process)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        if "verdict" in answer:
            return Verdict.from_json(answer["verdict"])
        return answer["accepted"] is True

    def close(self) -> None:
        """Ends the processes that wait for calls."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Process:
    """One process that holds the grader.

    Raises:
      InvalidValueError: it could not import the grader.
    """

    def __init__(self, name: str) -> None:
        source, self._orders = os.pipe()
        self._answers, theirs = os.pipe()
        os.set_blocking(self._orders, False)  # who does not read must not make us wait
        command = [sys.executable, "-c", _SERVE, name, str(theirs)]
        try:
            self._process = subprocess.Popen(
                command, stdin=source, stdout=subprocess.DEVNULL, pass_fds=[theirs],
                start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(source)
            os.close(theirs)
        try:
            problem = self._answer(_START_S).get("unusable")
        except BaseException:
            self.kill()
            raise
        if problem is not None:
            self.kill()
            raise InvalidValueError(f"no grader {name!r}: {problem}")

    def ask(self, order: dict[str, Any], limit_s: float) -> dict[str, Any]:
        """Returns the answer; raises TimeoutError or RuntimeError where none came."""
        deadline = time.monotonic() + limit_s
        data = memoryview(json.dumps(order).encode() + b"\n")
        with contextlib.suppress(BrokenPipeError):  # it has died: there will be no answer
            while data:
                left_s = max(0.0, deadline - time.monotonic())
                if not select.select([], [self._orders], [], left_s)[1]:
                    raise TimeoutError(f"not even read within {limit_s:.1f} s")
                data = data[os.write(self._orders, data) :]
        return self._answer(limit_s)

    def _answer(self, limit_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + limit_s
        line = b""
        while not line.endswith(b"\n"):
            left_s = max(0.0, deadline - time.monotonic())
            if not select.select([self._answers], [], [], left_s)[0]:
                raise TimeoutError(f"no answer within {limit_s:.1f} s")
            part = os.read(self._answers, 1 << 16)
            if not part:
                self.kill()
                raise RuntimeError(f"the grader's process ended: {self._process.returncode}")
            line += part
        answer: dict[str, Any] = json.loads(line)
        return answer

    def kill(self) -> None:
        """Ends the process and all of its group; again is fine."""
        if self._process.returncode is None:  # else its number may be somebody else's by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._answers >= 0:
            os.close(self._orders)
            os.close(self._answers)
            self._answers = -1


def _serve() -> None:
    """Answers calls until standard input ends: what the process does."""
    name, answers_fd = sys.argv[1], int(sys.argv[2])
    os.set_inheritable(answers_fd, False)
    orders = os.fdopen(os.dup(0), "rb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # a program that the grader runs in here reads no orders
    module, _, attribute = name.partition(":")
    try:
        grader: Any = operator.attrgetter(attribute)(importlib.import_module(module))
        if not callable(grader):
            raise TypeError(f"{name} is not callable: {grader!r}")
    except Exception as error:
        _reply(answers_fd, {"unusable": f"{type(error).__name__}: {error}"})
        return
    _reply(answers_fd, {"ready": True})
    for line in orders:
        order = json.loads(line)
        answer: dict[str, Any]
        try:
            got: Any = grader(Problem.from_json(order["problem"]), order["program"])
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        else:
            if isinstance(got, Verdict):
                answer = {"verdict": got.to_json()}
            elif isinstance(got, bool):
                answer = {"accepted": got}
            else:
                answer = {"error": f"a grader must return a bool or a Verdict, got {got!r}"}
        _reply(answers_fd, answer)


def _reply(fd: int, answer: dict[str, Any]) -> None:
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(json.dumps(answer).encode() + b"\n")
