"""evaluate: judges the samples of a problem set, many at a time, into a report."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future

from ..data import ProblemSet
from ..errors import DatasetRowError, InvalidValueError, UnknownNameError
from ..judge import JUDGE_VERSION, Judge
from ..verdict import Status, Verdict
from .pass_at_k import pass_at_k
from .report import EvalReport, ProblemResult, SampleResult
from .samples import Samples, reference_samples

__all__ = ["evaluate"]

_IN_FLIGHT_PER_WORKER = 8  # enough that no worker waits, few enough that Ctrl-C is quick


def evaluate(
    problems: ProblemSet,
    samples: Samples | str,
    judge: Judge,
    k: Iterable[int] = (1,),
    *,
    source: str = "",
    on_verdict: Callable[[Verdict], None] | None = None,
) -> EvalReport:
    """Returns what the judge says of every sample, and pass@k.

    How the cases are counted that are not plain:
    - A problem without a sample counts as 0 in every pass@k, and the report says so.
    - A sample that could not be judged (INTERNAL_ERROR, JUDGE_ERROR) is no wrong answer: it is not
      among the n samples of its problem. A problem with no judged sample left is left out.
    - A k above some problem's n is left out of `pass_at_k`, with a note: the unbiased estimate
      does not exist there, and an average over the other problems would be another quantity.

    Args:
      problems: what is evaluated; all of them count.
      samples: problem key -> whole programs, or "reference": each problem's first solution.
      judge: stays the caller's to close.
      k: the ks of pass@k.
      source: what the report calls the samples' source; default "reference" or "samples".
      on_verdict: called in this thread after each verdict, in the order of the samples.

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
    for key in samples:
        problems.index_of(key)
    executions, started = judge.executions, time.monotonic()
    results: list[SampleResult] = []
    by_key: dict[str, list[Verdict]] = {key: [] for key in problems.keys}
    broken: dict[str, DatasetRowError] = {}
    for result in _judged(problems, samples, judge, broken):
        results.append(result)
        by_key[result.key].append(result.verdict)
        if on_verdict is not None:
            on_verdict(result.verdict)
    seconds = time.monotonic() - started
    rows = [_row(key, verdicts) for key, verdicts in by_key.items() if key not in broken]
    notes: list[str] = []
    if broken:
        notes.append(f"{len(broken)} problems have a broken row: they are left out")
    return EvalReport(
        dataset=problems.name,
        config=problems.config,
        split=problems.split,
        source=source or "samples",
        pass_at_k=_averages(rows, ks, notes),
        rows=tuple(rows),
        results=tuple(results),
        executions=judge.executions - executions,
        seconds=seconds,
        problem_set=problems.fingerprint(),
        judge_version=JUDGE_VERSION,
        dropped=tuple(str(error) for error in (*problems.dropped, *broken.values())),
        notes=tuple(notes),
    )


def _checked_ks(k: Iterable[int]) -> list[int]:
    ks = list(k)
    for one in ks:
        if type(one) is not int or one < 1:
            raise InvalidValueError(f"k must be ints >= 1, got {one!r}")
    if not ks:
        raise InvalidValueError("k must name at least one k, got none")
    return sorted(set(ks))


def _judged(
    problems: ProblemSet, samples: Samples, judge: Judge, broken: dict[str, DatasetRowError]
) -> Iterator[SampleResult]:
    """Yields the results in the order of problems and samples, with a bounded number in flight.

    Problems whose rows turn out to be broken go into `broken`.
    """
    waiting: deque[tuple[str, int, Future[Verdict]]] = deque()
    most = _IN_FLIGHT_PER_WORKER * judge.workers
    for key, problem in problems.each():
        if isinstance(problem, DatasetRowError):
            broken[key] = problem
            continue
        for index, program in enumerate(samples.get(problem.key, ())):
            waiting.append((problem.key, index, judge.submit(problem, program)))
            if len(waiting) >= most:
                key, number, future = waiting.popleft()
                yield SampleResult(key, number, future.result())
    for key, number, future in waiting:
        yield SampleResult(key, number, future.result())


def _row(key: str, verdicts: Sequence[Verdict]) -> ProblemResult:
    judged = [v for v in verdicts if not v.status.is_fault_of_ours]
    return ProblemResult(
        key=key,
        n=len(judged),
        c=sum(v.accepted for v in judged),
        faults=len(verdicts) - len(judged),
        statuses=_counted(v.status for v in verdicts),
    )


def _counted(statuses: Iterable[Status]) -> Mapping[str, int]:
    counts = Counter(statuses)
    return {str(status): counts[status] for status in Status if status in counts}


def _averages(
    rows: Sequence[ProblemResult], ks: Sequence[int], notes: list[str]
) -> dict[int, float]:
    """Returns k -> the average over problems; adds to `notes` what is not plain about it."""
    missing = sum(row.is_missing for row in rows)
    if missing:
        notes.append(f"{missing} of {len(rows)} problems have no sample: they count as 0")
    faults = sum(row.faults for row in rows)
    if faults:
        notes.append(f"{faults} samples could not be judged: they count neither way")
    counted = [row for row in rows if row.n or row.is_missing]
    if len(counted) < len(rows):
        notes.append(
            f"{len(rows) - len(counted)} problems have no judged sample: they are left out"
        )
    averages = {}
    for k in ks:
        few = [row for row in counted if 0 < row.n < k]
        if few:
            notes.append(
                f"pass@{k} is left out: {len(few)} problems have fewer than {k} samples, "
                f"such as {few[0].key} with {few[0].n}"
            )
        elif counted:
            values = [pass_at_k(row.n, row.c, k) if row.n else 0.0 for row in counted]
            averages[k] = sum(values) / len(values)
    return averages
