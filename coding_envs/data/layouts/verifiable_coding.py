"""PrimeIntellect/verifiable-coding-problems, SYNTHETIC-1 and open-r1's copy in Python.

What is ours to decide, beyond `_contest.py`:

- Tests and metadata may be JSON or a Python literal, as text, or decoded records. In open-r1's
  copy, whose tests are records, arguments and expected values are texts of their own.
- The key is `problem_id`; in SYNTHETIC-1, whose rows are answers of a model, `response_id`. Only
  its rows of `verifiable_code` are problems, the others are dropped.
- The language is that of `verification_info`. Functions of other languages than Python cannot be
  called: such rows are dropped. So are those of GeeksforGeeks, whose tests are texts for people.
- Solutions stand in fenced blocks, which are taken off. Other languages' are a model's
  translations that nobody has run.
- Time and memory come from the metadata where they are there, else 5 s per test.
- `Problem.row` is without `verification_info`, which became tests.

Source: the dataset cards; PrimeIntellect-ai/genesys, `verifiers/code_test_verifier.py`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from ...problem import CallTest, Problem, StdioTest
from ..rows import Row, parse_json_or_python
from ..spec import DatasetSpec, Head
from ._contest import (
    CALL_PRELUDE,
    MAX_SOLUTIONS,
    call_test,
    comparison_for,
    entry_point_for,
    flags_of_text,
    limits_for,
    python_programs,
    unfenced,
)

__all__ = ["SPECS", "head_from_row", "problem_from_row", "typed_tests"]

_HARNESS_S = 5.0
_LANGUAGE = re.compile(r"""["']language["']\s*:\s*["']([^"']+)["']""")
_TYPE = re.compile(r"""["']type["']\s*:\s*["'](stdin_stdout|function_call)["']""")
_IN_PYTHON = "verifiable_coding_python"


def problem_from_row(
    row: object, *, config: str = "default", split: str, row_number: int, revision: str = ""
) -> Problem:
    """Returns the problem that a row of verifiable-coding-problems holds.

    Args:
      row: source, task_type, in_source_id, prompt or problem_statement, gold_standard_solution,
        verification_info, metadata, problem_id; more of it in SYNTHETIC-1.
      config: the configuration's name; there is only one.
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".

    Raises:
      DatasetRowError: a column is missing or malformed, or the row is none that can be judged;
        names it.
    """
    where: dict[str, Any] = {"config": config, "split": split, "row_number": row_number}
    return _problem("verifiable_coding", row, revision=revision, **where)


def _problem(
    dataset: str, row: object, *, config: str, split: str, row_number: int, revision: str = ""
) -> Problem:
    columns = Row(row, dataset=dataset, split=split, number=row_number)
    head = _head(columns)
    info = columns.json_or_python("verification_info")
    metadata = columns.json_or_python("metadata") if columns.columns.get("metadata") else {}
    if not isinstance(info, Mapping) or not isinstance(metadata, Mapping):
        raise columns.fault("verification_info", "must hold an object, as must metadata")
    tests, function = typed_tests(
        columns, "verification_info", info.get("test_cases"), as_texts=dataset == _IN_PYTHON
    )
    if function and head.language != "python":
        reason = f"calls a function of a {head.language} program, which cannot be judged"
        raise columns.fault("verification_info", reason)
    name = "prompt" if "prompt" in columns.columns else "problem_statement"
    prompt = columns.text(name)
    solution = columns.optional_text("gold_standard_solution")
    programs = [unfenced(solution)] if solution else []
    python = head.language == "python"
    entry_point = entry_point_for(columns, function, [*programs, prompt])
    time_s, memory_bytes = _limits_of(metadata)
    return Problem(
        dataset=dataset,
        config=config,
        split=split,
        revision=revision,
        key=head.key,
        prompt=prompt,
        prelude=CALL_PRELUDE if entry_point else "",
        entry_point=entry_point,
        language=head.language,
        hidden_tests=tests,
        limits=limits_for(
            tests,
            language=head.language,
            harness_s=_HARNESS_S,
            time_s=time_s,
            memory_bytes=memory_bytes,
        ),
        comparison=comparison_for(tests),
        solutions=python_programs(programs) if python else tuple(programs[:MAX_SOLUTIONS]),
        difficulty=head.difficulty,
        source=head.source,
        license="Apache-2.0" if dataset == "synthetic_1" else "",
        flags=frozenset(flags_of_text(prompt)),
        row=columns.without("verification_info"),
    )


def head_from_row(row: object, *, config: str = "default", split: str, row_number: int) -> Head:
    """Returns the head of a row's problem; see `problem_from_row`.

    Raises:
      DatasetRowError: a column is missing or malformed, or the row is no problem; names it.
    """
    return _head_of("verifiable_coding", row, config=config, split=split, row_number=row_number)


def _head_of(dataset: str, row: object, *, config: str, split: str, row_number: int) -> Head:  # noqa: ARG001
    return _head(Row(row, dataset=dataset, split=split, number=row_number))


def _head(columns: Row) -> Head:
    task = columns.optional_text("task_type")
    if task and task != "verifiable_code":
        raise columns.fault("task_type", f"is {task[:40]!r}, not 'verifiable_code'")
    metadata = columns.json_or_python("metadata") if columns.columns.get("metadata") else {}
    difficulty = metadata.get("difficulty") if isinstance(metadata, Mapping) else None
    address = metadata.get("problem_url") if isinstance(metadata, Mapping) else None
    if "geeksforgeeks" in str(address or "").lower():
        reason = "leads to GeeksforGeeks, whose tests are texts for people that no program can read"
        raise columns.fault("metadata", reason)
    told = "verification_info" in columns.columns
    language, style = _language_and_style(columns) if told else ("python", "")
    own = "response_id" if columns.dataset == "synthetic_1" else "problem_id"
    return Head(
        key=columns.text(own),
        difficulty="" if difficulty is None else str(difficulty),
        source=columns.optional_text("source"),
        language=language,
        style=style,
    )


def _language_and_style(columns: Row) -> tuple[str, str]:
    """Returns what the tests say of themselves, without decoding them."""
    info = columns.columns.get("verification_info")
    if isinstance(info, str):
        language, kind = _LANGUAGE.search(info), _TYPE.search(info)
        found = language[1] if language else "", kind[1] if kind else ""
    elif isinstance(info, Mapping):
        found = str(info.get("language") or ""), _first_type(info.get("test_cases"))
    else:
        found = "", ""
    if not found[0] or not found[1]:
        raise columns.fault("verification_info", "must hold a language and test_cases")
    return found[0].lower(), "call" if found[1] == "function_call" else "stdio"


def _first_type(cases: Any) -> str:
    if isinstance(cases, Mapping):
        return str((cases.get("type") or [""])[0])
    return str(cases[0].get("type") or "") if cases else ""


def typed_tests(
    columns: Row, column: str, cases: Any, *, as_texts: bool = False
) -> tuple[tuple[StdioTest | CallTest, ...], str]:
    """Returns the tests that cases of `type`, `input`, `output` and `fn_name` make.

    Args:
      columns: the row.
      column: the column's name, for errors.
      cases: a list of cases, or a record of lists.
      as_texts: True where arguments and expected values of calls are texts of their own.

    Returns:
      the tests, and the name of the function that they call, or "".

    Raises:
      DatasetRowError: there are none, or malformed ones.
    """
    tests: list[StdioTest | CallTest] = []
    functions = set()
    for case in _cases(columns, column, cases):
        kind, given, expected = case.get("type"), case.get("input"), case.get("output")
        if kind == "function_call":
            functions.add(case.get("fn_name") or "")
            if as_texts:
                given, expected = _value(given), _value(expected)
            tests.append(call_test(columns, column, given, expected))
        elif kind == "stdin_stdout":
            if not isinstance(given, str) or not isinstance(expected, str):
                raise columns.fault(column, "must hold texts for standard input and output")
            tests.append(StdioTest(given, expected))
        else:
            reason = f"type must be stdin_stdout or function_call, got {str(kind)[:40]!r}"
            raise columns.fault(column, reason)
    if len(functions) > 1 or functions == {""}:
        raise columns.fault(column, "must name one function to call in all of its cases")
    return tuple(tests), str(*functions)


def _cases(columns: Row, column: str, cases: Any) -> list[Mapping[str, Any]]:
    if isinstance(cases, Mapping):  # a record of lists
        names = list(cases)
        lists = [cases[name] for name in names]
        if not all(isinstance(one, (list, tuple)) for one in lists):
            raise columns.fault(column, "must hold a list of cases")
        cases = [dict(zip(names, values, strict=False)) for values in zip(*lists, strict=False)]
    if not isinstance(cases, (list, tuple)) or not all(isinstance(c, Mapping) for c in cases):
        raise columns.fault(column, f"must hold a list of cases, got {type(cases).__name__}")
    if not cases:
        raise columns.fault(column, "holds no tests")
    return list(cases)


def _value(text: Any) -> Any:
    """Returns what a text holds as JSON or as a Python literal; else the text."""
    if not isinstance(text, str):
        return text
    try:
        return parse_json_or_python(text)
    except ValueError:
        return text


def _limits_of(metadata: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Returns seconds and bytes, None where the metadata have none that can be read."""
    time_limit: Any = _value(metadata.get("time_limit"))
    seconds = None
    if isinstance(time_limit, Mapping):
        seconds = (time_limit.get("seconds") or 0) + (time_limit.get("nanos") or 0) / 1e9
    elif isinstance(time_limit, (int, float)) and not isinstance(time_limit, bool):
        seconds = time_limit
    elif isinstance(time_limit, str) and (match := re.match(r"([\d.]+)\s*second", time_limit)):
        seconds = float(match[1])
    memory: Any = _value(metadata.get("memory_limit_bytes"))
    if not isinstance(memory, (int, float)) or isinstance(memory, bool):
        text = str(metadata.get("memory_limit") or "")
        match = re.match(r"([\d.]+)\s*megabyte", text)
        memory = float(match[1]) * 2**20 if match else None
    return seconds, memory


_ROWS = {
    "verifiable_coding": ("PrimeIntellect/verifiable-coding-problems", 144169, ""),
    "synthetic_1": ("PrimeIntellect/SYNTHETIC-1", 1994262, "Apache-2.0"),
    _IN_PYTHON: ("open-r1/verifiable-coding-problems-python", 35735, ""),
}
_DESCRIPTIONS = {
    "verifiable_coding": "verifiable-coding-problems: APPS, TACO, CodeContests in four languages",
    "synthetic_1": "SYNTHETIC-1: the code problems among a model's answers",
    _IN_PYTHON: "open-r1's verifiable-coding-problems in Python",
}

SPECS = tuple(
    DatasetSpec(
        name=name,
        description=_DESCRIPTIONS[name],
        loader=functools.partial(_problem, name),
        head=functools.partial(_head_of, name),
        head_columns=(
            *("task_type", "source", "problem_id", "metadata"),
            *(("response_id",) if name == "synthetic_1" else ()),
        ),
        style_columns=("verification_info",),
        splits=("train",),
        default_split="train",
        hub_path=path,
        expected_rows={("default", "train"): rows},
        styles=("stdio", "call"),
        license=spdx,
    )
    for name, (path, rows, spdx) in _ROWS.items()
)
