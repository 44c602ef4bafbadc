"""Judge: a problem and a program -> a verdict. Owns a sandbox; blocking, batched, asynchronous."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
import re
import threading
import time
from collections.abc import Generator, Iterable
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from importlib import resources
from types import TracebackType
from typing import Any, Self

from ..errors import InvalidValueError, SandboxClosedError, SandboxError, UnknownNameError
from ..languages import CompileError, CompilerCache, Program, language, prepare
from ..problem import CallTest, CodeTest, Problem, StdioTest
from ..sandbox import Call, Run, RunResult, Sandbox, make_sandbox
from ..sandbox.native import CompilerRun
from ..verdict import Status, TestResult, Verdict
from .cache import VerdictCache
from .calls import Outcome, call_all, end_status
from .code_tests import Recordings, judge_code_tests
from .compare import plain_matches, stdout_matches
from .syntax import quick_syntax_error

__all__ = ["JUDGE_VERSION", "MAX_PROGRAM_CHARS", "Judge"]

JUDGE_VERSION = "1"
"""Changes whenever the same program could get another verdict; part of every fingerprint."""

MAX_PROGRAM_CHARS = 1 << 20
_STDERR_CHARS = 2000
_STDIO_CHUNK = 8
_MAX_TIME_OUTS = 2  # then the other tests of a stdio problem are not run

# What a program that writes files, or asks for a folder to do so, has in its text. Such programs
# get a scratch folder of their own, which costs a mount; the others run without any.
_WRITES_FILES = re.compile(
    r"\b(open|FileIO|FileHandler|tempfile|shutil|pathlib|mkdir|makedirs|mkfifo|symlink|sqlite3"
    r"|shelve|dbm|zipfile|tarfile|gzip|bz2|lzma)\b"
)

_Steps = Generator[list[Run], list[RunResult], Any]


class Judge:
    """Judges programs. Usable from any thread, and from asyncio through `judge_async`.

    Args:
      workers: runs that may go on at one time; default: one per processor.
      sandbox: the backend's name, or a Sandbox, which then stays the caller's to close.
      cache: None, "memory", or a file's path: answers identical submissions from earlier verdicts.

    Raises:
      SandboxUnavailableError: nsjail cannot work here; says what is missing and the remedy.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        sandbox: str | Sandbox = "nsjail",
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        self._owns_sandbox = isinstance(sandbox, str)
        self._cache: VerdictCache | None = None
        if cache is not None:
            self._cache = VerdictCache(None if cache == "memory" else cache)
        self._sandbox = (
            make_sandbox(sandbox, workers=workers, preload=jail_modules())
            if isinstance(sandbox, str)
            else sandbox
        )
        self._recordings: Recordings = {}
        self._compiled = CompilerCache()
        self._lock = threading.Lock()
        self._pending: dict[str, list[Future[Verdict]]] = {}
        self._executions = 0

    @property
    def workers(self) -> int:
        """How many runs go on at one time."""
        return self._sandbox.workers

    @property
    def executions(self) -> int:
        """How many processes have been run so far."""
        return self._executions

    def submit(self, problem: Problem, program: str) -> Future[Verdict]:
        """Returns at once with the verdict's future.

        A fault of the sandbox is a verdict with status INTERNAL_ERROR, not an exception; where the
        judge was closed, the future holds a SandboxClosedError.

        Raises:
          InvalidValueError: `program` is not text, the problem has no tests, its language is not
            known, or its tests call functions and its language is not Python.
          SandboxUnavailableError: the language's compiler or interpreter is not on this machine.
        """
        if not isinstance(program, str):
            raise InvalidValueError(f"program must be text (str), got {type(program).__name__}")
        if not problem.tests:
            raise InvalidValueError(f"problem {problem.uid} has no tests: it cannot be judged")
        _check_language(problem)
        future: Future[Verdict] = Future()
        future.set_running_or_notify_cancel()
        fingerprint = _fingerprint(problem, program)
        early = _without_run(problem, program)
        if early is not None:
            future.set_result(replace(early, fingerprint=fingerprint))
            return future
        if self._cache is not None:
            kept = self._cache.get(fingerprint)
            if kept is not None:
                future.set_result(replace(kept, cached=True, runs=0, wall_time_s=0.0))
                return future
        with self._lock:
            waiting = self._pending.get(fingerprint) if self._cache is not None else None
            if waiting is not None:  # the same is being judged just now
                waiting.append(future)
                return future
            if self._cache is not None:
                self._pending[fingerprint] = []
        _Judgement(self, problem, program, fingerprint, future).start()
        return future

    def judge(self, problem: Problem, program: str) -> Verdict:
        """Returns the verdict on one program; see `submit`."""
        return self.submit(problem, program).result()

    def judge_many(self, pairs: Iterable[tuple[Problem, str]]) -> list[Verdict]:
        """Returns the verdicts on (problem, program) pairs, in order; see `submit`."""
        futures = [self.submit(problem, program) for problem, program in pairs]
        return [future.result() for future in futures]

    async def judge_async(self, problem: Problem, program: str) -> Verdict:
        """Returns the verdict on one program, without blocking the event loop; see `submit`."""
        return await asyncio.wrap_future(self.submit(problem, program))

    def close(self) -> None:
        """Ends the sandbox, if it is this judge's own; again and again is fine."""
        if self._owns_sandbox:
            self._sandbox.close()
        if self._cache is not None:
            self._cache.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # shared: Gymnasium copies the arguments that an environment was made with

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- called by a _Judgement ------------------------------------------------------------------

    def _submit(self, run: Run) -> Future[RunResult]:
        if isinstance(run, CompilerRun):
            return self._compiled.submit(self._sandbox, run)
        return self._sandbox.submit(run)

    def _settle(
        self, fingerprint: str, future: Future[Verdict], outcome: Verdict | Exception
    ) -> None:
        ours = isinstance(outcome, Verdict) and outcome.status.is_fault_of_ours
        if isinstance(outcome, Verdict) and self._cache is not None and not ours:
            try:
                self._cache.put(fingerprint, outcome)
            except Exception as error:  # a full disk must not lose the verdict
                outcome = replace(outcome, message=f"{outcome.message} (not cached: {error})")
        with self._lock:
            waiting = self._pending.pop(fingerprint, []) if self._cache is not None else []
        # The waiting ones share the outcome: a fault too, for it was their run as well.
        for number, one in enumerate([future, *waiting]):
            if isinstance(outcome, Verdict):
                one.set_result(replace(outcome, cached=True, runs=0) if number else outcome)
            else:
                one.set_exception(outcome)


class _Judgement:
    """One submission on its way: resumes its steps whenever their runs have ended."""

    def __init__(
        self,
        judge: Judge,
        problem: Problem,
        program: str,
        fingerprint: str,
        future: Future[Verdict],
    ) -> None:
        self._judge = judge
        self._problem, self._fingerprint, self._future = problem, fingerprint, future
        scratch = _WRITES_FILES.search(program) is not None
        self._steps = _judge_tests(problem, program, judge._recordings, scratch=scratch)
        self._results: list[RunResult] = []
        self._compiles = False
        self._said = b""
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def start(self) -> None:
        self._advance(None)

    def _advance(self, futures: list[Future[RunResult]] | None) -> None:
        """Takes steps while their runs have ended; then whoever ends the last one goes on.

        Runs in the submitter's thread first, then in the sandbox's.
        """
        try:
            while True:
                runs = self._step(futures)
                if runs is None:
                    return
                self._compiles = any(isinstance(run, CompilerRun) for run in runs)
                futures = [self._judge._submit(run) for run in runs]
                if not self._all_done(futures):
                    return
        except (SandboxClosedError, CancelledError):
            closed = SandboxClosedError("the sandbox was closed before the verdict")
            self._judge._settle(self._fingerprint, self._future, closed)
        except SandboxError as error:
            self._fail(Status.INTERNAL_ERROR, str(error))
        except Exception as error:
            self._fail(Status.JUDGE_ERROR, f"the judge failed: {type(error).__name__}: {error}")

    def _step(self, futures: list[Future[RunResult]] | None) -> list[Run] | None:
        """Returns the next runs, or None where the verdict has been given."""
        try:
            if futures is None:
                return next(self._steps)
            results = self._take(futures)
            return self._steps.send(results)
        except StopIteration as stop:
            self._finish(stop.value)
            return None

    def _take(self, futures: list[Future[RunResult]]) -> list[RunResult]:
        try:
            results = [future.result() for future in futures]
        except (SandboxError, CancelledError):
            raise
        except Exception as error:  # a fault of the sandbox, whatever it is called
            raise SandboxError(f"{type(error).__name__}: {error}") from error
        if self._compiles:  # shared with whoever submits the same: not what this program took
            self._said = results[0].stderr
            return results
        self._results += results
        with self._judge._lock:
            self._judge._executions += len(results)
        return results

    def _all_done(self, futures: list[Future[RunResult]]) -> bool:
        """Returns True where all have ended already; else the last one to end goes on."""
        remaining = [len(futures) + 1]  # one more for this thread, so that no callback recurses

        def count_down() -> bool:
            with self._lock:
                remaining[0] -= 1
                return remaining[0] == 0

        def one_done(_future: Future[RunResult]) -> None:
            if count_down():
                self._advance(futures)

        for future in futures:
            future.add_done_callback(one_done)
        return count_down()

    def _fail(self, status: Status, message: str) -> None:
        tests = (TestResult(status),) * len(self._problem.tests)
        self._finish(tests, message)

    def _finish(self, tests: Iterable[TestResult], message: str = "") -> None:
        tests = tuple(tests)
        bad = next((t for t in tests if t.status is not Status.ACCEPTED), None)
        # Ours before theirs: a verdict that rests on a fault of ours is no verdict.
        ours = next((t for t in tests if t.status.is_fault_of_ours), None)
        decisive = ours or bad
        results = self._results
        stderr = results[0].stderr if len(results) == 1 else self._said
        for result in results:
            stderr = stderr or result.stderr
        verdict = Verdict(
            status=decisive.status if decisive else Status.ACCEPTED,
            tests=tests,
            message=message or (decisive.message if decisive else "every test passed"),
            stderr=stderr.decode("utf-8", "replace")[-_STDERR_CHARS:],
            cpu_time_s=sum(r.cpu_time_s for r in results),
            wall_time_s=time.monotonic() - self._started,
            peak_memory_bytes=max((r.peak_memory_bytes for r in results), default=0),
            runs=len(results),
            fingerprint=self._fingerprint,
        )
        self._judge._settle(self._fingerprint, self._future, verdict)


@functools.cache
def jail_modules() -> dict[str, str]:
    """Returns the modules that the judge needs inside the jail, by name."""
    text = resources.files(__package__).joinpath("tester.py").read_text(encoding="utf-8")
    return {"coding_envs_tester": text}


def _check_language(problem: Problem) -> None:
    try:
        spoken = language(problem.language)
    except UnknownNameError as error:
        raise InvalidValueError(f"problem {problem.uid}: {error}") from None
    if spoken.is_resident:
        return
    if not all(isinstance(t, StdioTest) for t in problem.tests):
        raise InvalidValueError(
            f"problem {problem.uid} is in {spoken.name} and has tests that call Python functions; "
            "give it tests on standard input and output"
        )
    spoken.require()


def _fingerprint(problem: Problem, program: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{JUDGE_VERSION}\0{problem.fingerprint()}\0".encode())
    digest.update(program.encode("utf-8", "surrogatepass"))
    spoken = language(problem.language)
    if not spoken.is_resident:
        digest.update(f"\0{spoken.digest()}".encode())
    return digest.hexdigest()


def _without_run(problem: Problem, program: str) -> Verdict | None:
    """Returns the verdict that needs no run, or None."""
    if not program.strip():
        status, message = Status.NO_CODE, "there is no code"
    elif len(program) > MAX_PROGRAM_CHARS:
        status = Status.COMPILE_ERROR
        message = f"the program has {len(program)} characters; at most {MAX_PROGRAM_CHARS} are read"
    elif (
        language(problem.language).is_resident
        and (error := quick_syntax_error(program)) is not None
    ):
        status, message = Status.COMPILE_ERROR, error
    else:
        return None
    tests = (TestResult(status, message=message),) * len(problem.tests)
    return Verdict(status, tests, message=message)


def _judge_tests(
    problem: Problem, program: str, recordings: Recordings, *, scratch: bool
) -> Generator[list[Run], list[RunResult], list[TestResult]]:
    """Judges the tests of each kind in turn; returns one result per test, in their order."""
    kinds = {type(t) for t in problem.tests}
    found: dict[type, list[TestResult]] = {}
    if CallTest in kinds:
        found[CallTest] = yield from _judge_call_tests(problem, program, scratch)
    if CodeTest in kinds:
        found[CodeTest] = yield from judge_code_tests(problem, program, recordings, scratch=scratch)
    if StdioTest in kinds:
        found[StdioTest] = yield from _judge_stdio_tests(problem, program, scratch)
    queues = {kind: iter(results) for kind, results in found.items()}
    return [next(queues[type(t)]) for t in problem.tests]


def _judge_call_tests(problem: Problem, program: str, scratch: bool) -> _Steps:
    tests = [t for t in problem.tests if isinstance(t, CallTest)]
    calls = [Call(t.entry_point or problem.entry_point, t.call_text) for t in tests]
    outcomes = yield from call_all(program, calls, problem.limits, scratch=scratch)
    if isinstance(outcomes, Outcome):
        return [TestResult(outcomes.status, message=outcomes.error)] * len(tests)
    results = []
    public = {id(t) for t in problem.public_tests}
    for test, outcome in zip(tests, outcomes, strict=True):
        if outcome.status is not Status.ACCEPTED:
            results.append(TestResult(outcome.status, message=outcome.error))
        elif plain_matches(test.expected_data, outcome.value, problem.comparison):
            results.append(TestResult(Status.ACCEPTED))
        else:
            message = "a hidden test failed"
            if id(test) in public:
                message = f"{_shown_call(problem, test)}: expected {_short(test.expected)}, got "
                message += _short_json(outcome.value)
            results.append(TestResult(Status.WRONG_ANSWER, message=message))
    return results


def _judge_stdio_tests(problem: Problem, program: str, scratch: bool) -> _Steps:
    tests = [t for t in problem.tests if isinstance(t, StdioTest)]
    public = {id(t) for t in problem.public_tests}
    prepared = yield from prepare(language(problem.language), program, scratch=scratch)
    if isinstance(prepared, CompileError):
        return [TestResult(Status.COMPILE_ERROR, message=prepared.message)] * len(tests)
    results: list[TestResult] = []
    while len(results) < len(tests):
        # The first alone: a program that does not even compile is run once, not once a test.
        count = _STDIO_CHUNK if results else 1
        chunk = tests[len(results) : len(results) + count]
        if results and results[0].status is Status.COMPILE_ERROR:
            results += [results[0]] * (len(tests) - len(results))
            break
        if sum(r.status is Status.TIME_LIMIT_EXCEEDED for r in results) >= _MAX_TIME_OUTS:
            rest = TestResult(Status.NOT_RUN, message="not run: earlier tests timed out")
            results += [rest] * (len(tests) - len(results))
            break
        inputs = [t.input.encode("utf-8", "surrogatepass") for t in chunk]
        runs = [prepared.run(stdin, problem.limits) for stdin in inputs]
        for test, result in zip(chunk, (yield runs), strict=True):
            shown = id(test) in public
            results.append(_stdio_result(problem, prepared, test, result, shown=shown))
    return results


def _stdio_result(
    problem: Problem, program: Program, test: StdioTest, result: RunResult, *, shown: bool
) -> TestResult:
    compile_error = result.message("compile_error")
    if isinstance(compile_error, str):
        return TestResult(Status.COMPILE_ERROR, result.cpu_time_s, compile_error)
    if result.exit_code != 0:
        status, message = end_status(result)
        if status is Status.RUNTIME_ERROR and program.out_of_memory(result, problem.limits):
            status = Status.MEMORY_LIMIT_EXCEEDED
        if words := program.last_words(result):
            message = f"{message}: {words}"
        return TestResult(status, result.cpu_time_s, message)
    text = result.stdout.decode("utf-8", "replace")
    if stdout_matches(test.output, text, problem.comparison):
        return TestResult(Status.ACCEPTED, result.cpu_time_s)
    message = "a hidden test failed"
    if shown:
        message = f"on input {_short(test.input)}: expected {_short(test.output)}, got "
        message += _short(text)
    return TestResult(Status.WRONG_ANSWER, result.cpu_time_s, message)


def _shown_call(problem: Problem, test: CallTest) -> str:
    parts = [_short(a) for a in test.args] + [f"{k}={_short(v)}" for k, v in test.kwargs.items()]
    return f"{test.entry_point or problem.entry_point}({', '.join(parts)})"


def _short(value: Any, width: int = 100) -> str:
    text = repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."


def _short_json(value: Any) -> str:
    """Shows a program's value without rebuilding it: its encoding, with plain tags unwrapped."""
    try:
        return _unwrapped(value)[:200]
    except RecursionError:
        return "a deeply nested value"


def _unwrapped(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_unwrapped(v) for v in value[:20]) + "]"
    if isinstance(value, dict) and len(value) == 1:
        ((tag, body),) = value.items()
        if tag == "tuple" and isinstance(body, list):
            return "(" + ", ".join(_unwrapped(v) for v in body[:20]) + ")"
        return f"{tag[:40]} {_short(body)}"
    return _short(value)
