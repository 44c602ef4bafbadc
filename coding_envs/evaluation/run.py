"""evaluate: judges the samples of a problem set, many at a time, into a report."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial

from ..data import ProblemSet
from ..errors import DatasetRowError, InvalidValueError, UnknownNameError
from ..judge import JUDGE_VERSION, Judge
from ..problem import CallTest, CodeTest, InteractiveTest, Problem, StdioTest, Test
from ..verdict import Status, Verdict
from .folder import FailedTest, ResultsFolder, SampleResult
from .generation import Wanted, Writer, Written
from .report import EvalReport
from .samples import Samples, reference_samples
from .summary import ProblemResult, averages, intervals

__all__ = ["evaluate", "identity_of", "write_samples"]

_IN_FLIGHT_PER_WORKER = 8  # enough that no worker waits, few enough that Ctrl-C is quick
_SHOWN_CHARS = 2000


def evaluate(
    problems: ProblemSet,
    samples: Samples | str,
    judge: Judge,
    k: Iterable[int] = (1,),
    *,
    source: str = "",
    on_verdict: Callable[[Verdict], None] | None = None,
    folder: ResultsFolder | None = None,
    show_hidden: bool = False,
) -> EvalReport:
    """Returns what the judge says of every sample, and pass@k.

    How the cases are counted that are not plain:
    - A problem without a sample counts as 0 in every pass@k, and the report says so.
    - A sample that could not be judged (INTERNAL_ERROR, JUDGE_ERROR) is no wrong answer: it is not
      among the n samples of its problem. A problem with no judged sample left is left out.
    - A k above some problem's n is left out of `pass_at_k`, with a note: the unbiased estimate
      does not exist there, and an average over the other problems would be another quantity.
    - A dataset row that turns out to be broken is dropped, with a note.

    Args:
      problems: what is evaluated; all of them count.
      samples: problem key -> whole programs, or "reference": each problem's first solution.
      judge: stays the caller's to close.
      k: the ks of pass@k.
      source: what the report calls the samples' source; default "reference" or "samples".
      on_verdict: called in this thread after each verdict, as they come.
      folder: keeps the verdicts as they come; those that it has already are not given anew. The
        report is not written there; see `EvalReport.write`.
      show_hidden: hidden tests' expected values may stand in the messages; never in those that
        the same judge gives others for the same program.

    Raises:
      InvalidValueError: there are no problems, or a k is no int >= 1.
      UnknownNameError: samples are for no problem of these.
      SandboxError: the judge was closed.
    """
    ks = _checked_ks(k)
    if not problems:
        raise InvalidValueError(f"there are no problems to evaluate: {problems.describe()}")
    if isinstance(samples, str):
        if samples != "reference":
            raise UnknownNameError("kind of samples", samples, ("reference",))
        source, samples = source or samples, reference_samples(problems)
    else:
        known = set(problems.keys)
        for key in samples:
            if key not in known:
                problems.by_key(key)  # says so, and which are near
    started = time.monotonic()
    results: list[SampleResult] = []
    broken: list[DatasetRowError] = []
    facts: dict[str, Problem] = {}
    walk = _noted(problems.usable(broken), facts)
    for result in _judged(walk, samples, judge, folder, show_hidden):
        results.append(result)
        if on_verdict is not None:
            on_verdict(result.verdict)
    seconds = time.monotonic() - started + (folder.earlier_s if folder is not None else 0.0)
    order = {key: number for number, key in enumerate(facts)}
    results.sort(key=lambda result: (order[result.key], result.sample))
    by_key: dict[str, list[Verdict]] = {key: [] for key in facts}
    for result in results:
        by_key[result.key].append(result.verdict)
    rows = tuple(_row(facts[key], verdicts) for key, verdicts in by_key.items())
    notes: list[str] = []
    pass_at_k = averages(rows, ks, notes)
    dropped = [str(error) for error in (*problems.dropped, *broken)]
    if problems.num_dropped > len(problems.dropped):
        more = problems.num_dropped - len(problems.dropped)
        notes.append(f"{more} more rows were dropped than are listed: {problems.describe()}")
    if broken:
        notes.append(f"{len(broken)} rows turned out to be broken and are left out")
    return EvalReport(
        dataset=problems.name,
        config=problems.config,
        split=problems.split,
        source=source or "samples",
        pass_at_k=pass_at_k,
        intervals=intervals(rows, list(pass_at_k)),
        rows=rows,
        results=tuple(results),
        executions=sum(result.verdict.runs for result in results),
        seconds=seconds,
        problem_set=problems.fingerprint(),
        judge_version=JUDGE_VERSION,
        dropped=tuple(dropped),
        notes=tuple(notes),
    )


def identity_of(
    problems: ProblemSet, source: str, settings: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Returns what tells one evaluation from another, for a `ResultsFolder`."""
    return {
        "dataset": problems.name,
        "config": problems.config,
        "split": problems.split,
        "problem_set": problems.fingerprint(),
        "judge_version": JUDGE_VERSION,
        "source": source,
        "settings": dict(settings or {}),
    }


def write_samples(
    problems: ProblemSet,
    writer: Writer,
    n: int = 1,
    *,
    folder: ResultsFolder | None = None,
    on_written: Callable[[Written], None] | None = None,
) -> dict[str, list[Written]]:
    """Returns problem key -> n samples, in their order, that a model writes.

    Args:
      problems: what to write for.
      writer: the model.
      n: samples per problem, >= 1.
      folder: keeps the samples as they come; those that it has already are not written anew.
      on_written: called in this thread after each sample, also for those that were there.

    Raises:
      CodingEnvsError: the model failed; what it wrote until then is in the folder.
    """
    if n < 1:
        raise InvalidValueError(f"n must be >= 1, got {n}")
    found: dict[tuple[str, int], Written] = {}
    missing: list[tuple[str, int]] = []
    keys = problems.keys
    for pair in [(key, number) for key in keys for number in range(n)]:
        kept = None if folder is None else folder.written.get(pair)
        if kept is None:
            missing.append(pair)
            continue
        found[pair] = kept
        if on_written is not None:
            on_written(kept)
    for sample in _written(problems, writer, missing):
        if folder is not None:
            folder.add_written(sample)
        found[sample.key, sample.sample] = sample
        if on_written is not None:
            on_written(sample)
    return {key: [found[key, number] for number in range(n)] for key in keys}


def _written(problems: ProblemSet, writer: Writer, wanted: Wanted) -> Iterator[Written]:
    if wanted:  # a folder that has them all needs no model
        yield from writer.write(problems, wanted)


def _checked_ks(k: Iterable[int]) -> list[int]:
    ks = list(k)
    for one in ks:
        if type(one) is not int or one < 1:
            raise InvalidValueError(f"k must be ints >= 1, got {one!r}")
    if not ks:
        raise InvalidValueError("k must name at least one k, got none")
    return sorted(set(ks))


def _noted(problems: Iterator[Problem], facts: dict[str, Problem]) -> Iterator[Problem]:
    """Yields the problems; keeps of each what the report says, without its tests."""
    for problem in problems:
        facts[problem.key] = Problem(
            dataset=problem.dataset,
            key=problem.key,
            prompt="",
            difficulty=problem.difficulty,
            tags=problem.tags,
        )
        yield problem


def _judged(
    problems: Iterable[Problem],
    samples: Samples,
    judge: Judge,
    folder: ResultsFolder | None,
    show_hidden: bool,
) -> Iterator[SampleResult]:
    """Yields the results as they come, with a bounded number in flight."""
    done: queue.SimpleQueue[tuple[Problem, int, str, Future[Verdict]]] = queue.SimpleQueue()
    in_flight, most = 0, _IN_FLIGHT_PER_WORKER * judge.workers
    for problem in problems:
        programs = samples.get(problem.key, ())
        shown = problem
        if show_hidden and programs and problem.hidden_tests:
            shown = problem.replace(public_tests=problem.tests, hidden_tests=())
        for number, program in enumerate(programs):
            kept = None if folder is None else folder.kept(problem.key, number, program)
            if kept is not None:
                yield kept
                continue
            future = judge.submit(shown, program)
            in_flight += 1
            future.add_done_callback(partial(_put, done, problem, number, program))
            while in_flight >= most or not done.empty():
                in_flight -= 1
                yield _taken(done, folder)
    for _ in range(in_flight):
        yield _taken(done, folder)


def _put(
    done: queue.SimpleQueue[tuple[Problem, int, str, Future[Verdict]]],
    problem: Problem,
    number: int,
    program: str,
    future: Future[Verdict],
) -> None:
    done.put((problem, number, program, future))


def _taken(
    done: queue.SimpleQueue[tuple[Problem, int, str, Future[Verdict]]],
    folder: ResultsFolder | None,
) -> SampleResult:
    problem, number, program, future = done.get()
    verdict = future.result()
    failed = _failed_test(problem, verdict)
    result = SampleResult(problem.key, number, verdict, program, failed)
    if folder is not None:
        folder.add_result(result)
    return result


def _failed_test(problem: Problem, verdict: Verdict) -> FailedTest | None:
    """Returns the test that the verdict names, as text; None where there was nothing to run."""
    if verdict.accepted or verdict.status in (Status.NO_CODE, Status.COMPILE_ERROR):
        return None
    at = next((i for i, t in enumerate(verdict.tests) if t.status is verdict.status), None)
    if at is None or at >= len(problem.tests):
        return None
    shown, expected = _test_text(problem, problem.tests[at])
    return FailedTest(at, _cut(shown), _cut(expected))


def _test_text(problem: Problem, test: Test) -> tuple[str, str]:
    if isinstance(test, StdioTest):
        return test.input, test.output
    if isinstance(test, CallTest):
        parts = [repr(a) for a in test.args] + [f"{k}={v!r}" for k, v in test.kwargs.items()]
        call = f"{test.entry_point or problem.entry_point}({', '.join(parts)})"
        wanted = [repr(test.expected)] if test.compares_value else []
        wanted += [f"argument {n!r} is {v!r} then" for n, v in test.expected_args.items()]
        return call, ", ".join(wanted)
    if isinstance(test, InteractiveTest):
        return test.input, test.answer
    assert isinstance(test, CodeTest)
    return test.code, ""


def _cut(text: str) -> str:
    more = len(text) - _SHOWN_CHARS
    return text if more <= 0 else f"{text[:_SHOWN_CHARS]}\n... {more} more characters"


def _row(problem: Problem, verdicts: Sequence[Verdict]) -> ProblemResult:
    judged = [v for v in verdicts if not v.status.is_fault_of_ours]
    return ProblemResult(
        key=problem.key,
        n=len(judged),
        c=sum(v.accepted for v in judged),
        faults=len(verdicts) - len(judged),
        statuses=_counted(v.status for v in verdicts),
        difficulty=problem.difficulty,
        tags=problem.tags,
    )


def _counted(statuses: Iterable[Status]) -> Mapping[str, int]:
    counts = Counter(statuses)
    return {str(status): counts[status] for status in Status if status in counts}
