"""Judge: a problem and a program -> a verdict. Owns a sandbox; blocking, batched, asynchronous."""

from __future__ import annotations

import asyncio
import collections
import functools
import hashlib
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from importlib import resources
from types import TracebackType
from typing import Any, Self

from ..errors import InvalidValueError, SandboxClosedError, SandboxError, UnknownNameError
from ..forks import check_owner
from ..languages import CompileError, CompilerCache, Program, language, prepare
from ..problem import CallTest, CodeTest, InteractiveTest, Problem, StdioTest
from ..sandbox import Call, Calls, Done, Order, Run, RunResult, Sandbox, WordFinder, make_sandbox
from ..sandbox.native import CompilerRun
from ..sandbox.packages import package_paths
from ..verdict import Status, TestResult, Verdict
from .cache import VerdictCache
from .calls import Again, Outcome, call_all, end_status, on_time, uncrossed
from .checkers import check_outputs, judge_interactive_tests
from .code_tests import Recordings, judge_code_tests
from .compare import plain_matches, stdout_matches
from .kept import Kept
from .together import Controls, judge_together

__all__ = ["JUDGE_VERSION", "MAX_PROGRAM_CHARS", "Judge"]

JUDGE_VERSION = "2"
"""Changes whenever the same program could get another verdict; part of every fingerprint."""

MAX_PROGRAM_CHARS = 1 << 20
_STDERR_CHARS = 2000
_STDIO_CHUNK = 8
# The longest answer that can match the expected one: a float may be written in 24 characters
# instead of 3, a number of NumPy's in 30 instead of one.
_LONGER, _LONG_BYTES = 64, 4096
_PASSED = TestResult(Status.ACCEPTED)
_CALLS_BYTES, _CONTROLS_BYTES = 128 << 20, 16 << 20  # kept of what problems call; of controls
_CALL_BYTES = 400  # the objects around a call
_MAX_TIME_OUTS = 2  # then the other tests of a stdio problem are not run

# What a program that writes files, or asks for a folder to do so, has in its text. Such programs
# get a scratch folder of their own, which costs a mount; the others run without any.
_WRITES_FILES = WordFinder(
    *("open", "FileIO", "FileHandler", "mkdir", "makedirs", "mkfifo", "symlink"),
    modules=(
        *("tempfile", "shutil", "pathlib", "sqlite3", "shelve", "dbm", "zipfile", "tarfile"),
        *("gzip", "bz2", "lzma"),
    ),
)

_Steps = Generator[Sequence[Run | Order], list[RunResult], Any]


@dataclass(frozen=True)
class _Kept:
    """What was found out of problems, by their fingerprints; what was forgotten is found out again.

    Attributes:
      recordings: what code tests call.
      calls_of: what call tests call.
      controls: how the reference fares in tests that share its process.
    """

    recordings: Recordings = field(default_factory=Recordings)
    calls_of: Kept[str, Calls] = field(default_factory=lambda: Kept(_CALLS_BYTES))
    controls: Controls = field(default_factory=lambda: Kept(_CONTROLS_BYTES))


class Judge:
    """Judges programs. Usable from any thread, and from asyncio through `judge_async`.

    It keeps what it found out of problems, at most some 460 MiB; of those least recently used it is
    found out again. A cache holds at most some 512 MiB in memory.

    Args:
      workers: runs that may go on at one time; default: one per processor.
      sandbox: the backend's name, or a Sandbox, which then stays the caller's to close.
      cache: None, "memory", or a file's path: answers identical submissions from earlier verdicts.
      packages: installed packages that programs and tests may import, such as "numpy"; they are
        imported once, before the first run. A problem that is flagged `needs:NAME` is a
        JUDGE_ERROR where its package is not among them, or among what these require.

    Raises:
      InvalidValueError: `packages` beside a Sandbox, which has what it has.
      SandboxUnavailableError: nsjail cannot work here, or a package is not installed; says what is
        missing and the remedy.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        sandbox: str | Sandbox = "nsjail",
        cache: str | os.PathLike[str] | None = None,
        packages: Iterable[str] = (),
    ) -> None:
        self._owns_sandbox = isinstance(sandbox, str)
        packages = tuple(packages)
        if packages and not self._owns_sandbox:
            raise InvalidValueError(
                f"packages must be left out beside a sandbox of the caller's, got {packages}; pass "
                "them to make_sandbox"
            )
        # What they require comes along; None where the sandbox is not ours, and has what it has.
        self._packages: frozenset[str] | None = None
        self._shown = ""
        if isinstance(sandbox, str):
            names = package_paths(packages)
            self._packages = frozenset(name.partition(".")[0] for name in names)
            self._shown = " ".join(sorted(names))  # with the folders that tell their versions
        self._cache: VerdictCache | None = None
        if cache is not None:
            self._cache = VerdictCache(None if cache == "memory" else cache)
        self._sandbox = (
            make_sandbox(sandbox, workers=workers, preload=jail_modules(), packages=packages)
            if isinstance(sandbox, str)
            else sandbox
        )
        self._kept = _Kept()
        self._compiled = CompilerCache()
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._pending: dict[str, list[Future[Verdict]]] = {}
        self._executions = 0
        self._repeated: collections.deque[tuple[Run, Done]] = collections.deque()

    @property
    def workers(self) -> int:
        """How many runs go on at one time."""
        return self._sandbox.workers

    @property
    def keeps_verdicts(self) -> bool:
        """Whether identical submissions are answered from earlier verdicts."""
        return self._cache is not None

    @property
    def executions(self) -> int:
        """How many processes have been run so far."""
        return self._executions

    def submit(self, problem: Problem, program: str) -> Future[Verdict]:
        """Returns at once with the verdict's future.

        A fault of the sandbox is a verdict with status INTERNAL_ERROR, not an exception; where the
        judge was closed, the future holds a SandboxClosedError.

        Raises:
          InvalidValueError: `program` is not text, the problem has no tests, a language is not
            known, or the tests call functions and the problem's language is not Python.
          SandboxUnavailableError: a language's compiler or interpreter is not on this machine.
          SandboxError: this process is a forked copy of the one that the judge was made in.
        """
        check_owner("judge", self._owner)
        if not isinstance(program, str):
            raise InvalidValueError(f"program must be text (str), got {type(program).__name__}")
        if not problem.tests:
            raise InvalidValueError(f"problem {problem.uid} has no tests: it cannot be judged")
        _check_languages(problem)
        future: Future[Verdict] = Future()
        future.set_running_or_notify_cancel()
        fingerprint = _fingerprint(problem, program, self._shown)
        # Messages show what public tests expect, so that each kind has verdicts of its own.
        key = f"{fingerprint}-{len(problem.public_tests)}"
        early = _without_run(problem, program) or self._without_packages(problem)
        if early is not None:
            future.set_result(replace(early, fingerprint=fingerprint))
            return future
        if self._cache is not None:
            kept = self._cache.get(key)
            if kept is not None:
                future.set_result(replace(kept, cached=True, runs=0, wall_time_s=0.0))
                return future
        with self._lock:
            waiting = self._pending.get(key) if self._cache is not None else None
            if waiting is not None:  # the same is being judged just now
                waiting.append(future)
                return future
            if self._cache is not None:
                self._pending[key] = []
        settle = functools.partial(self._settle, key, future)
        judgement = _Judgement(self, problem, program, fingerprint, settle)
        if language(problem.language).is_resident:
            judgement.begin()
        else:
            judgement.advance()  # its workers may have to be started first: not in others' time
        return future

    def judge(self, problem: Problem, program: str) -> Verdict:
        """Returns the verdict on one program; see `submit`."""
        return self.submit(problem, program).result()

    def judge_many(self, pairs: Iterable[tuple[Problem, str]]) -> list[Verdict]:
        """Returns the verdicts on (problem, program) pairs, in order; see `submit`."""
        futures = [self.submit(problem, program) for problem, program in pairs]
        # Waited for in reverse: mostly the last one wakes this thread, instead of each.
        for future in reversed(futures):
            future.result()
        return [future.result() for future in futures]

    async def judge_async(self, problem: Problem, program: str) -> Verdict:
        """Returns the verdict on one program, without blocking the event loop; see `submit`."""
        return await asyncio.wrap_future(self.submit(problem, program))

    def close(self) -> None:
        """Ends the sandbox, if it is this judge's own; again and again is fine."""
        if os.getpid() != self._owner:
            return  # a forked copy: all of it is the parent's
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

    def _without_packages(self, problem: Problem) -> Verdict | None:
        """Returns the verdict on whatever program where the jail lacks a package, or None."""
        if not problem.flags or self._packages is None:
            return None
        missing = sorted(problem.needed_packages - self._packages)
        if not missing:
            return None
        names = ", ".join(missing)
        message = (
            f"problem {problem.uid} needs {names}, which the judge's jail lacks; install what is "
            f"missing and make the judge with packages={missing}"
        )
        tests = (TestResult(Status.JUDGE_ERROR, message=message),) * len(problem.tests)
        return Verdict(Status.JUDGE_ERROR, tests, message=message)

    # --- called by a _Judgement ------------------------------------------------------------------

    def _start(self, run: Run | Order, done: Done) -> None:
        """Starts a run; those that are repeated go on one at a time."""
        if isinstance(run, CompilerRun):
            self._compiled.start(self._sandbox, run, done)
            return
        if not isinstance(run, Again):
            self._sandbox.start(run, done)
            return
        with self._lock:
            self._repeated.append((run.run, done))
            first = len(self._repeated) == 1
        if first:
            self._repeat_next()

    def _repeat_next(self) -> None:
        run, done = self._repeated[0]

        def ended(outcome: RunResult | BaseException) -> None:
            with self._lock:
                self._repeated.popleft()
                more = bool(self._repeated)
            if more:
                self._repeat_next()
            done(outcome)

        try:
            self._sandbox.start(run, ended)
        except Exception as error:
            ended(error)

    def _settle(self, key: str, future: Future[Verdict], outcome: Verdict | Exception) -> None:
        ours = isinstance(outcome, Verdict) and outcome.status.is_fault_of_ours
        if isinstance(outcome, Verdict) and self._cache is not None and not ours:
            try:
                self._cache.put(key, outcome)
            except Exception as error:  # a full disk must not lose the verdict
                outcome = replace(outcome, message=f"{outcome.message} (not cached: {error})")
        with self._lock:
            waiting = self._pending.pop(key, []) if self._cache is not None else []
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
        settle: Callable[[Verdict | Exception], None],
    ) -> None:
        self._judge = judge
        self._problem, self._fingerprint, self._settle = problem, fingerprint, settle
        self._steps = _judge_tests(problem, program, judge._kept)
        self._results: list[RunResult] = []
        self._runs = self._programs = 0  # so far; of the step that goes on
        self._compiles = False
        self._said = b""
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._remaining = 0
        self._outcomes: list[RunResult | BaseException | None] = []

    def begin(self) -> None:
        """Takes the first steps when the sandbox has room for them."""
        try:
            self._judge._sandbox.call_soon(self.advance)
        except SandboxClosedError as error:
            self._settle(error)
        except SandboxError as error:
            self._fail(Status.INTERNAL_ERROR, str(error))

    def advance(self) -> None:
        """Takes steps while their runs have ended; then whoever ends the last one goes on."""
        try:
            while True:
                results = self._take()
                try:
                    # A generator that has just been made takes only None.
                    runs = self._steps.send(results) if results else next(self._steps)
                except StopIteration as stop:
                    self._finish(stop.value)
                    return
                self._outcomes = [None] * len(runs)
                self._compiles = any(isinstance(run, CompilerRun) for run in runs)
                self._remaining = len(runs) + 1  # one for this thread, so that nothing recurses
                self._programs = sum(isinstance(run, Run) for run in runs)
                for index, run in enumerate(runs):
                    self._judge._start(run, functools.partial(self._done, index))
                if not self._count_down():
                    return
        except (SandboxClosedError, CancelledError):
            closed = SandboxClosedError("the sandbox was closed before the verdict")
            self._settle(closed)
        except SandboxError as error:
            self._fail(Status.INTERNAL_ERROR, str(error))
        except Exception as error:
            self._fail(Status.JUDGE_ERROR, f"the judge failed: {type(error).__name__}: {error}")

    def _done(self, index: int, outcome: RunResult | BaseException) -> None:
        self._outcomes[index] = outcome
        if self._count_down():
            self.advance()

    def _count_down(self) -> bool:
        """Returns True for whoever ends the last of this step's runs."""
        with self._lock:
            self._remaining -= 1
            return self._remaining == 0

    def _take(self) -> list[RunResult]:
        results = []
        for outcome in self._outcomes:
            if isinstance(outcome, (SandboxError, CancelledError)):
                raise outcome
            if not isinstance(outcome, RunResult):  # a fault of the sandbox, whatever its name
                raise SandboxError(f"{type(outcome).__name__}: {outcome}")
            results.append(outcome)
        if self._compiles:  # shared with whoever submits the same: not what this program took
            self._said = results[0].stderr
        else:
            self._results += results
            self._runs += self._programs  # not those that the sandbox failed
        return results

    def _fail(self, status: Status, message: str) -> None:
        tests = (TestResult(status),) * len(self._problem.tests)
        self._finish(tests, message)

    def _finish(self, tests: Iterable[TestResult], message: str = "") -> None:
        tests = tuple(tests)
        decisive = None
        for test in tests:
            if test.status is not Status.ACCEPTED:
                decisive = decisive or test
                # Ours before theirs: a verdict that rests on a fault of ours is no verdict.
                if test.status.is_fault_of_ours:
                    decisive = test
                    break
        stderr, cpu_s, peak_bytes = b"", 0.0, 0
        for result in self._results:
            stderr = stderr or result.stderr
            cpu_s += result.cpu_time_s
            peak_bytes = max(peak_bytes, result.peak_memory_bytes)
        verdict = Verdict(
            status=decisive.status if decisive else Status.ACCEPTED,
            tests=tests,
            message=message or (decisive.message if decisive else "every test passed"),
            stderr=(stderr or self._said).decode("utf-8", "replace")[-_STDERR_CHARS:],
            cpu_time_s=cpu_s,
            wall_time_s=time.monotonic() - self._started,
            peak_memory_bytes=peak_bytes,
            runs=self._runs,
            fingerprint=self._fingerprint,
        )
        with self._judge._lock:
            self._judge._executions += self._runs
        self._settle(verdict)


@functools.cache
def jail_modules() -> dict[str, str]:
    """Returns the modules that the judge needs inside the jail, by name."""
    folder = resources.files(__package__)
    files = {"tester": "tester.py", "pytest": "pytest_shim.py", "objects": "objects.py"}
    texts = {name: folder.joinpath(file).read_text("utf-8") for name, file in files.items()}
    return {f"coding_envs_{name}": text for name, text in texts.items()}


def _check_languages(problem: Problem) -> None:
    graders = {"checker": problem.checker, "interactor": problem.interactor}
    names = {"problem": problem.language}
    names |= {role: grader.language for role, grader in graders.items() if grader is not None}
    for role, name in names.items():
        whose = "" if role == "problem" else f"the {role} of "
        try:
            spoken = language(name)
        except UnknownNameError as error:
            raise InvalidValueError(f"{whose}problem {problem.uid}: {error}") from None
        spoken.require()
    if language(problem.language).is_resident:
        return
    if not all(isinstance(t, (StdioTest, InteractiveTest)) for t in problem.tests):
        raise InvalidValueError(
            f"problem {problem.uid} is in {problem.language} and has tests that call Python "
            "functions; give it tests on standard input and output"
        )


def _fingerprint(problem: Problem, program: str, packages: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{JUDGE_VERSION}\0{problem.fingerprint()}\0".encode())
    digest.update(program.encode("utf-8", "surrogatepass"))
    for part in (problem, problem.checker, problem.interactor):
        if part is not None and not (spoken := language(part.language)).is_resident:
            digest.update(f"\0{spoken.digest()}".encode())
    if packages:  # a program that imports one fares otherwise without it
        digest.update(f"\0packages {packages}".encode())
    return digest.hexdigest()


def _without_run(problem: Problem, program: str) -> Verdict | None:
    """Returns the verdict that needs no run, or None."""
    if not program.strip():
        status, message = Status.NO_CODE, "there is no code"
    elif len(program) > MAX_PROGRAM_CHARS:
        status = Status.COMPILE_ERROR
        message = f"the program has {len(program)} characters; at most {MAX_PROGRAM_CHARS} are read"
    else:
        return None
    tests = (TestResult(status, message=message),) * len(problem.tests)
    return Verdict(status, tests, message=message)


def _judge_tests(
    problem: Problem,
    program: str,
    kept: _Kept,
) -> Generator[Sequence[Run | Order], list[RunResult], list[TestResult]]:
    """Judges the tests of each kind in turn; returns one result per test, in their order."""
    scratch = _WRITES_FILES(program)
    types = [type(t) for t in problem.tests]
    kinds = set(types)
    found: dict[type, list[TestResult]] = {}
    if CallTest in kinds:
        found[CallTest] = yield from _judge_call_tests(problem, program, kept.calls_of, scratch)
    if CodeTest in kinds:
        found[CodeTest] = yield from _judge_code_tests(problem, program, kept, scratch)
    if InteractiveTest in kinds or StdioTest in kinds:
        prepared = yield from prepare(
            language(problem.language),
            program,
            prelude=problem.prelude,
            epilogue=problem.epilogue,
            scratch=scratch,
        )
        if isinstance(prepared, CompileError):
            failed = TestResult(Status.COMPILE_ERROR, message=prepared.message)
            return [failed] * len(problem.tests)
        if InteractiveTest in kinds:
            found[InteractiveTest] = yield from judge_interactive_tests(problem, prepared)
        if StdioTest in kinds:
            found[StdioTest] = yield from _judge_stdio_tests(problem, prepared)
    if len(found) == 1:
        return next(iter(found.values()))
    queues = {kind: iter(results) for kind, results in found.items()}
    return [next(queues[kind]) for kind in types]


def _judge_code_tests(problem: Problem, program: str, kept: _Kept, scratch: bool) -> _Steps:
    together = [t.together for t in problem.tests if isinstance(t, CodeTest)]
    results: dict[bool, list[TestResult]] = {True: [], False: []}
    if not all(together):
        apart = judge_code_tests(problem, program, kept.recordings, scratch=scratch)
        results[False] = yield from apart
    if any(together):
        results[True] = yield from judge_together(problem, program, kept.controls)
    queues = {where: iter(found) for where, found in results.items()}
    return [next(queues[where]) for where in together]


def _judge_call_tests(
    problem: Problem, program: str, calls_of: Kept[str, Calls], scratch: bool
) -> _Steps:
    tests = [t for t in problem.tests if isinstance(t, CallTest)]
    # Arguments only where they are looked at: sending them back costs as much as the value.
    calls = calls_of.get(problem.fingerprint())
    if calls is None:
        calls = Calls(
            Call(t.entry_point or problem.entry_point, t.call_text, bool(t.expected_args))
            for t in tests
        )
        texts = sum(len(t.call_text) for t in tests)  # there as text, and packed for the jail
        calls_of.put(problem.fingerprint(), calls, 2 * texts + _CALL_BYTES * len(calls))
    most = [_LONGER * test.answer_chars + _LONG_BYTES for test in tests]
    outcomes = yield from call_all(
        program, calls, problem.limits, prelude=problem.prelude, scratch=scratch, most=most
    )
    if isinstance(outcomes, Outcome):
        return [TestResult(outcomes.status, message=outcomes.error)] * len(tests)
    public = {id(t) for t in problem.public_tests}
    return [
        _call_result(problem, test, outcome, shown=id(test) in public)
        for test, outcome in zip(tests, outcomes, strict=True)
    ]


def _call_result(problem: Problem, test: CallTest, outcome: Outcome, *, shown: bool) -> TestResult:
    if outcome.status is not Status.ACCEPTED:
        return TestResult(outcome.status, message=outcome.error)
    looks = [("", test.expected, test.expected_data, outcome.value)] if test.compares_value else []
    for name, data in test.expected_args_data.items():
        got = _argument(outcome.arguments, name)
        looks.append((f"argument {name!r} to be ", test.expected_args[name], data, got))
    rules = problem.comparison
    wrong = next((look for look in looks if not plain_matches(look[2], look[3], rules)), None)
    if wrong is None:
        return _PASSED
    what, wanted, _, got = wrong
    message = uncrossed(got) or "a hidden test failed"
    if shown:
        call = _shown_call(problem, test)
        message = f"{call}: expected {what}{_short(wanted)}, got {_short_json(got)}"
    return TestResult(Status.WRONG_ANSWER, message=message)


def _argument(arguments: Any, name: int | str) -> Any:
    """Returns an argument as it was after the call, from `[args, kwargs]`, which may be forged."""
    try:
        args, kwargs = arguments
        return args[name] if isinstance(name, int) else dict(kwargs["dict"])[name]
    except (TypeError, ValueError, LookupError):
        return {"opaque": "nothing"}


def _judge_stdio_tests(problem: Problem, program: Program) -> _Steps:
    tests = [t for t in problem.tests if isinstance(t, StdioTest)]
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
        ran = yield from on_time([_stdio_run(problem, program, given) for given in inputs])
        results += yield from _stdio_results(problem, program, chunk, ran)
    return results


def _stdio_run(problem: Problem, program: Program, given: bytes) -> Run:
    if not problem.input_file and not problem.output_file:
        return program.run(given, problem.limits)
    files = {problem.input_file: given} if problem.input_file else {}
    stdin = b"" if problem.input_file else given
    return program.run(stdin, problem.limits, files=files, output_file=problem.output_file)


def _stdio_results(
    problem: Problem, program: Program, tests: list[StdioTest], results: list[RunResult]
) -> _Steps:
    """Returns one result per test: from the checker, where there is one and something to check."""
    public = {id(t) for t in problem.public_tests}
    ended = [_how_it_ended(problem, program, result) for result in results]
    if problem.checker is not None:
        pairs = zip(tests, results, ended, strict=True)
        cases = [(test, result) for test, result, failure in pairs if failure is None]
        checked = iter((yield from check_outputs(problem, problem.checker, cases)))
        return [failure or next(checked) for failure in ended]
    return [
        failure or _compared(problem, test, result, shown=id(test) in public)
        for test, result, failure in zip(tests, results, ended, strict=True)
    ]


def _how_it_ended(problem: Problem, program: Program, result: RunResult) -> TestResult | None:
    """Returns why a run has no output to look at, or None."""
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
    return None


def _compared(problem: Problem, test: StdioTest, result: RunResult, *, shown: bool) -> TestResult:
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
    try:
        text = repr(value)
    except ValueError:  # an int beyond CPython's limit on decimal digits
        text = f"a value of type {type(value).__name__} with an int of thousands of digits"
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
