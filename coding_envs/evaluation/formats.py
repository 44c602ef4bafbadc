"""write_format: the files that other evaluators write, from a report of ours.

human-eval     NAME_results.jsonl: each sample as it was given, with `result` and `passed`
evalplus       eval_results.json
livecodebench  NAME_codegeneration_output_eval_all.json, and ..._eval.json

Sources: openai/human-eval, human_eval/evaluation.py; evalplus/evalplus 0.3, evalplus/evaluate.py;
LiveCodeBench/LiveCodeBench, lcb_runner/benchmarks/code_generation.py (insert_output_evaluation),
lcb_runner/runner/custom_evaluator.py, lcb_runner/evaluation/compute_code_generation_metrics.py and
lcb_runner/evaluation/testing_util.py (codes of results).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ..data import ProblemSet
from ..errors import UnknownNameError
from ..files import write_whole
from ..problem import CallTest, Problem, StdioTest
from ..verdict import Status, Verdict
from .folder import SampleResult
from .pass_at_k import pass_at_k
from .report import EvalReport
from .samples import SAMPLE_FILES, sample_lines

__all__ = ["FORMATS", "write_format"]

FORMATS = ("human-eval", "evalplus", "livecodebench")

_KS = (1, 10, 100)
_LCB_KS = (1, 5, 10, 20, 40, 50, 75, 100, 125, 150, 200, 500, 1000)


def write_format(
    name: str,
    report: EvalReport,
    problems: ProblemSet,
    folder: str | os.PathLike[str],
    samples: str | os.PathLike[str] | None = None,
) -> list[Path]:
    """Writes the files that another evaluator writes, in its own keys; returns them.

    What these files cannot say: of a sample that could not be judged, by no fault of its own, that
    it was not; it counts as failed there, as it would in the other evaluator.

    Args:
      name: one of FORMATS.
      report: of the evaluation.
      problems: of the evaluation, or more.
      folder: where the files go.
      samples: the file that the samples came from, whose name the others take; or None.

    Raises:
      UnknownNameError: there is no such format.
      OSError: a file cannot be written.
    """
    writers = {
        "human-eval": _write_human_eval,
        "evalplus": _write_evalplus,
        "livecodebench": _write_livecodebench,
    }
    if name not in writers:
        raise UnknownNameError("format", name, FORMATS)
    source = None if samples is None else Path(samples)
    if source is not None and not (source.is_file() and source.name.lower().endswith(SAMPLE_FILES)):
        source = None
    return writers[name](report, problems, Path(folder), source)


# --- human-eval -------------------------------------------------------------------------------


def _write_human_eval(
    report: EvalReport, problems: ProblemSet, folder: Path, source: Path | None
) -> list[Path]:
    name = source.name if source is not None else "samples.jsonl"
    path = folder / f"{name}_results.jsonl"
    lines = _given(report, problems, source) if source is not None else _made(report, problems)
    write_whole(path, (json.dumps(line) + "\n" for line in lines))
    return [path]


def _given(report: EvalReport, problems: ProblemSet, source: Path) -> Iterator[dict[str, Any]]:
    """Yields the samples of a file as they stand there, with their results."""
    by_key = _by_key(report)
    turns: Counter[str] = Counter()
    for key, line in sample_lines(source, problems):
        results = by_key.get(key, [])
        if turns[key] < len(results):  # else the problem is beyond the limit
            yield {**line, **_human_eval_result(results[turns[key]].verdict)}
        turns[key] += 1


def _made(report: EvalReport, problems: ProblemSet) -> Iterator[dict[str, Any]]:
    by_key = _by_key(report)
    for problem in problems.usable():
        for result in by_key.get(problem.key, ()):
            completion = result.program.removeprefix(problem.starter_code)
            line = {"task_id": problem.key, "completion": completion}
            yield line | _human_eval_result(result.verdict)


def _human_eval_result(verdict: Verdict) -> dict[str, Any]:
    if verdict.accepted:
        result = "passed"
    elif verdict.status is Status.TIME_LIMIT_EXCEEDED:
        result = "timed out"
    else:
        result = f"failed: {verdict.message}"
    return {"result": result, "passed": verdict.accepted}


# --- EvalPlus -----------------------------------------------------------------------------------


def _write_evalplus(
    report: EvalReport, problems: ProblemSet, folder: Path, source: Path | None
) -> list[Path]:
    """Writes `eval_results.json`.

    EvalPlus has base tests and more ("plus") of each problem. Of a plus dataset all are run as one
    here: who passes them has passed both; of who does not, it is not said which failed (null).
    """
    del source
    plus = "plus" in report.dataset.casefold() or report.dataset.endswith("+")
    by_key = _by_key(report)
    table: dict[str, list[dict[str, Any]]] = {}
    for problem in problems.usable():
        name = _evalplus_name(problem)
        for result in by_key.get(problem.key, ()):
            status = _evalplus_status(result.verdict)
            failed = _failed_inputs(problem, result)
            table.setdefault(name, []).append(
                {
                    "task_id": name,
                    "solution": result.program,
                    "base_status": status if not plus or status == "pass" else None,
                    "plus_status": status if plus else None,
                    "base_fail_tests": [] if plus else failed,
                    "plus_fail_tests": failed if plus else [],
                }
            )
    counts = [
        (len(rows), sum(_evalplus_passed(row, plus=plus) for row in rows))
        for rows in table.values()
    ]
    estimates = {
        f"pass@{k}": _mean(pass_at_k(n, c, k) for n, c in counts)
        for k in _KS
        if counts and all(n >= k for n, _ in counts)
    }
    data = {
        "date": datetime.now().strftime("%Y-%m-%d %H:%M"),
        "hash": report.problem_set,
        "eval": table,
        "pass_at_k": {"plus" if plus else "base": estimates},
    }
    path = folder / "eval_results.json"
    write_whole(path, [json.dumps(data)])
    return [path]


def _evalplus_name(problem: Problem) -> str:
    """Returns the name there: MBPP's are numbers in the dataset, `Mbpp/2` in EvalPlus."""
    is_mbpp = problem.key.isdecimal() and problem.dataset.casefold().startswith("mbpp")
    return f"Mbpp/{problem.key}" if is_mbpp else problem.key


def _evalplus_status(verdict: Verdict) -> str:
    if verdict.accepted:
        return "pass"
    return "timeout" if verdict.status is Status.TIME_LIMIT_EXCEEDED else "fail"


def _evalplus_passed(row: Mapping[str, Any], *, plus: bool) -> bool:
    return bool(row["plus_status" if plus else "base_status"] == "pass")


def _failed_inputs(problem: Problem, result: SampleResult) -> list[Any]:
    """Returns the arguments of the first failing call, where the tests are calls."""
    if result.failed is None:
        return []
    test = problem.tests[result.failed.number]
    if not isinstance(test, CallTest):
        return []
    return [json.loads(json.dumps(list(test.args), default=repr))]


# --- LiveCodeBench ------------------------------------------------------------------------------

_LCB_TEXTS = ("question_title", "question_content", "platform", "contest_id")
_LCB_CODES = {
    Status.WRONG_ANSWER: (-2, "Wrong Answer"),
    Status.OUTPUT_LIMIT_EXCEEDED: (-2, "Wrong Answer"),
    Status.TIME_LIMIT_EXCEEDED: (-3, "Time Limit Exceeded"),
}
_LCB_OURS = (-5, "TestRunnerError")
_LCB_ERROR = (-4, "Runtime Error")


def _write_livecodebench(
    report: EvalReport, problems: ProblemSet, folder: Path, source: Path | None
) -> list[Path]:
    stem = "samples" if source is None else source.name.removesuffix(".gz").rpartition(".")[0]
    said = _outputs(problems, source)
    by_key = _by_key(report)
    rows: list[dict[str, Any]] = []
    results: dict[str, list[list[int | bool]]] = {}
    metadata: list[list[str]] = []
    for problem in problems.usable():
        some = by_key.get(problem.key, [])
        if not some:
            continue
        notes = [json.dumps(_lcb_metadata(problem, result)) for result in some]
        graded = [result.verdict.accepted for result in some]
        codes = [result.program for result in some]
        outputs = said.get(problem.key, [])
        rows.append(
            {
                **_lcb_problem(problem),
                "output_list": outputs if len(outputs) == len(some) else codes,
                "code_list": codes,
                "graded_list": graded,
                "pass@1": graded.count(True) / len(graded),
                "metadata": notes,
            }
        )
        results[str(len(metadata))] = [_lcb_results(result.verdict) for result in some]
        metadata.append(notes)
    metrics = _lcb_metrics([row["graded_list"] for row in rows])
    name = f"{stem}_codegeneration_output"
    paths = [folder / f"{name}_eval_all.json", folder / f"{name}_eval.json"]
    write_whole(paths[0], [json.dumps(rows, indent=4)])
    write_whole(paths[1], [json.dumps([metrics, results, metadata], indent=4)])
    return paths


def _outputs(problems: ProblemSet, source: Path | None) -> dict[str, list[str]]:
    """Returns problem key -> what the model said, where the samples' file holds it."""
    found: dict[str, list[str]] = {}
    if source is None:
        return found
    for key, line in sample_lines(source, problems):
        texts = line.get("output_list")
        if isinstance(texts, list):
            found[key] = [text for text in texts if isinstance(text, str)]
        elif isinstance(line.get("output"), str):
            found.setdefault(key, []).append(line["output"])
    return found


def _lcb_problem(problem: Problem) -> dict[str, Any]:
    row = problem.row or {}
    data: dict[str, Any] = {name: row.get(name, "") for name in _LCB_TEXTS}
    data["question_content"] = data["question_content"] or problem.prompt
    when = row.get("contest_date") or problem.release_date
    if isinstance(when, datetime):
        when = when.isoformat()
    elif isinstance(when, date):
        when = f"{when.isoformat()}T00:00:00"
    return {
        "question_title": data["question_title"],
        "question_content": data["question_content"],
        "platform": data["platform"],
        "question_id": problem.key,
        "contest_id": data["contest_id"],
        "contest_date": when or "",
        "starter_code": problem.starter_code,
        "difficulty": problem.difficulty,
    }


def _lcb_code(status: Status) -> tuple[int, str]:
    return _LCB_OURS if status.is_fault_of_ours else _LCB_CODES.get(status, _LCB_ERROR)


def _lcb_results(verdict: Verdict) -> list[int | bool]:
    """Returns one entry per test up to the first failure, at which their runner stops."""
    found: list[int | bool] = []
    for test in verdict.tests:
        if test.status is Status.ACCEPTED:
            found.append(True)
            continue
        found.append(_lcb_code(test.status)[0])
        break
    return found


def _lcb_metadata(problem: Problem, result: SampleResult) -> dict[str, Any]:
    verdict = result.verdict
    if verdict.accepted:
        return {"execution time": verdict.cpu_time_s}
    code, text = _lcb_code(verdict.status)
    data: dict[str, Any] = {"error": verdict.message, "error_code": code, "error_message": text}
    if result.failed is not None:
        test = problem.tests[result.failed.number]
        if isinstance(test, (StdioTest, CallTest)):
            data |= {"inputs": result.failed.shown, "expected": result.failed.expected}
    return data


def _lcb_metrics(graded: Sequence[Sequence[bool]]) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    detail: dict[str, dict[str, float]] = {}
    for k in _LCB_KS:
        if graded and all(len(some) >= k for some in graded):
            values = [pass_at_k(len(some), sum(some), k) for some in graded]
            metrics[f"pass@{k}"] = _mean(values)
            detail[f"pass@{k}"] = {str(at): value for at, value in enumerate(values)}
    return metrics | {"detail": detail}


def _by_key(report: EvalReport) -> dict[str, list[SampleResult]]:
    found: dict[str, list[SampleResult]] = {}
    for result in report.results:
        found.setdefault(result.key, []).append(result)
    return found


def _mean(values: Iterable[float]) -> float:
    some = list(values)
    return sum(some) / len(some)
