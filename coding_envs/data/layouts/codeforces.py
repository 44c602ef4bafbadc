r"""open-r1/codeforces: 10,000 problems of Codeforces with official tests and generated checkers.

What is ours to decide, beyond `_contest.py`:

- The examples are public tests; official tests that are none of them are hidden. `\r` is removed.
- A generated checker is a "script" JudgeProgram. Without one, answers are compared by tokens.
- `input_mode` "file" reads input.txt and writes output.txt.
- The prompt is the statement with its sections and examples; in the configuration
  verifiable-prompts the row's own, and the key there is `852/A:python`, as each problem comes in
  two languages.
- Interactive problems, and others without tests, are dropped. Flags: "not_executable" (the dataset
  says that it cannot be judged), "incomplete_tests" (official ones are missing: too long),
  "generated_tests_elsewhere" (the row counts generated tests, which lie in other files),
  "special_judge" (has a checker, or the statement says that several answers are right).
- `Problem.row` is without `official_tests`.

Generated tests lie in `generated_tests/test_cases_NNNN.parquet` of the same repository, NNNN being
the contest, and reference solutions in open-r1/codeforces-submissions. Both are joined by hand, for
they take some hundred gigabytes:

    problem = problems.by_key("852/A")
    rows = rows_from_files([Path("generated_tests/test_cases_0852.parquet")])
    problem = with_generated_tests(problem, rows)
    problem = with_submissions(problem, submissions)

Source: the dataset cards of open-r1/codeforces and open-r1/codeforces-submissions;
huggingface/open-r1, `competitive_programming/cf_scoring.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ...problem import JudgeProgram, Problem, StdioTest
from ..rows import Row
from ..spec import DatasetSpec, Head
from ._contest import MAX_SOLUTIONS, comparison_for, flags_of_text, limits_for, python_programs

__all__ = [
    "SPECS",
    "head_from_row",
    "problem_from_row",
    "with_generated_tests",
    "with_submissions",
]

_UNKNOWN_S = 8.0  # what most problems come to
_LANGUAGES = {
    "python": re.compile(r"(python|pypy) ?3", re.IGNORECASE),
    "cpp": re.compile(r"((gnu|ms) ?)?c\+\+|clang\+\+", re.IGNORECASE),
    "javascript": re.compile(r"node|javascript", re.IGNORECASE),
}
_ELSEWHERE = "generated_tests_elsewhere"


def problem_from_row(
    row: object, *, config: str = "verifiable", split: str, row_number: int, revision: str = ""
) -> Problem:
    """Returns the problem that a row of open-r1/codeforces holds.

    Args:
      row: the columns of the dataset card; with language and prompt for verifiable-prompts.
      config: "default", "verifiable" or "verifiable-prompts".
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".

    Raises:
      DatasetRowError: a column is missing or malformed, or the row has no tests; names it.
    """
    columns = Row(row, dataset="codeforces", split=split, number=row_number)
    head = _head(columns)
    public = _tests(columns, "examples")
    official = _tests(columns, "official_tests")
    shown = set(public)
    hidden = tuple(t for t in official if t not in shown)
    if not public and not hidden:
        raise columns.fault("official_tests", "holds no tests, nor does examples")
    checker = columns.optional_text("generated_checker")
    is_file = _is_file(columns)
    memory = columns.optional_number("memory_limit")
    return Problem(
        dataset="codeforces",
        config=config,
        split=split,
        revision=revision,
        key=head.key,
        prompt=columns.optional_text("prompt") or _statement(columns, public),
        language=head.language,
        public_tests=public,
        hidden_tests=hidden,
        input_file="input.txt" if is_file else "",
        output_file="output.txt" if is_file else "",
        limits=limits_for(
            public + hidden,
            language=head.language,
            harness_s=_UNKNOWN_S,
            time_s=columns.optional_number("time_limit"),
            memory_bytes=memory * 2**20 if memory is not None else None,
        ),
        comparison=comparison_for(public + hidden),
        checker=JudgeProgram(checker, protocol="script") if checker else None,
        rating=head.rating,
        tags=head.tags,
        source="codeforces",
        license="CC-BY-4.0",
        release_date=head.release_date,
        flags=frozenset(_flags(columns)),
        row=columns.without("official_tests"),
    )


def head_from_row(row: object, *, config: str = "verifiable", split: str, row_number: int) -> Head:  # noqa: ARG001
    """Returns the head of a row's problem; see `problem_from_row`.

    Raises:
      DatasetRowError: a column is missing or malformed, or the problem is interactive; names it.
    """
    return _head(Row(row, dataset="codeforces", split=split, number=row_number))


def _head(columns: Row) -> Head:
    if columns.optional_text("interaction_format").strip():
        reason = "is given: the problem is interactive, and there is no interactor"
        raise columns.fault("interaction_format", reason)
    language = columns.optional_text("language")
    key = columns.text("id")
    started = columns.optional_number("contest_start")
    return Head(
        key=f"{key}:{language}" if language else key,
        rating=columns.optional_number("rating"),
        tags=columns.optional_texts("tags"),
        source="codeforces",
        release_date=datetime.fromtimestamp(started, UTC).date() if started else None,
        language=language or "python",
        style="stdio",
    )


def _tests(columns: Row, column: str) -> tuple[StdioTest, ...]:
    if columns.columns.get(column) is None:
        return ()
    return tuple(_test(*pair) for pair in columns.records(column, ("input", "output")))


def _test(given: str, expected: str) -> StdioTest:
    return StdioTest(given.replace("\r\n", "\n"), expected.replace("\r\n", "\n"))


def _is_file(columns: Row) -> bool:
    mode = columns.optional_text("input_mode") or "stdio"
    if mode not in ("stdio", "file"):
        raise columns.fault("input_mode", f"must be stdio or file, got {mode[:40]!r}")
    return mode == "file"


def _flags(columns: Row) -> set[str]:
    text = columns.optional_text("description") + columns.optional_text("output_format")
    flags = flags_of_text(text)
    if columns.optional_text("generated_checker"):
        flags.add("special_judge")
    if columns.columns.get("executable") is False:
        flags.add("not_executable")
    if columns.columns.get("official_tests_complete") is False:
        flags.add("incomplete_tests")
    if columns.optional_number("generated_tests"):
        flags.add(_ELSEWHERE)
    return flags


def _statement(columns: Row, examples: Iterable[StdioTest]) -> str:
    """Returns the statement with its sections, as a contestant reads it."""
    parts = [f"# {columns.optional_text('title')}".rstrip(), columns.optional_text("description")]
    if _is_file(columns):
        parts.append("Read from the file input.txt and write to the file output.txt.")
    for title, column in (("Input", "input_format"), ("Output", "output_format")):
        if text := columns.optional_text(column):
            parts.append(f"## {title}\n\n{text}")
    shown = [
        f"Input\n```\n{one.input.rstrip()}\n```\nOutput\n```\n{one.output.rstrip()}\n```"
        for one in examples
    ]
    if shown:
        parts.append("## Examples\n\n" + "\n\n".join(shown))
    if note := columns.optional_text("note"):
        parts.append(f"## Note\n\n{note}")
    return "\n\n".join(part.strip() for part in parts if part.strip(" #")) + "\n"


# --- what lies elsewhere -------------------------------------------------------------------------


def with_generated_tests(problem: Problem, rows: Iterable[Mapping[str, Any]]) -> Problem:
    """Returns a problem with its generated tests as further hidden ones.

    Args:
      problem: one of this dataset's.
      rows: those of its contest's file: problem_id, input, output, test_i (or test_case_i); those
        of other problems are passed over.

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    name = _id(problem)
    found: list[tuple[int, StdioTest]] = []
    for number, row in enumerate(rows):
        columns = Row(row, dataset="codeforces", split="generated_tests", number=number)
        if columns.text("problem_id") != name:
            continue
        order = columns.integer("test_i" if "test_i" in columns.columns else "test_case_i")
        found.append((order, _test(columns.text("input"), columns.text("output"))))
    if not found:
        return problem
    known = set(problem.tests)
    tests = tuple(test for _, test in sorted(found, key=_first) if test not in known)
    hidden = problem.hidden_tests + tests
    sizes = limits_for([t for t in problem.tests + tests if isinstance(t, StdioTest)])
    limits = problem.limits.to_json() | {
        "output_bytes": max(problem.limits.output_bytes, sizes.output_bytes),
        "file_size_bytes": max(problem.limits.file_size_bytes, sizes.file_size_bytes),
    }
    return problem.replace(
        hidden_tests=hidden,
        limits=type(problem.limits).from_json(limits),
        flags=problem.flags - {_ELSEWHERE},
    )


def with_submissions(problem: Problem, rows: Iterable[Mapping[str, Any]]) -> Problem:
    """Returns a problem with reference solutions, and wrong ones, from contestants' submissions.

    Args:
      problem: one of this dataset's.
      rows: those of open-r1/codeforces-submissions: source, programmingLanguage, verdict, testset,
        problem_id, and more; those of other problems and languages are passed over.

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    names = {_id(problem), *((problem.row or {}).get("aliases") or ())}
    spoken = _LANGUAGES.get(problem.language)
    right, wrong = list(problem.solutions), list(problem.wrong_solutions)
    for number, row in enumerate(rows):
        columns = Row(row, dataset="codeforces", split="submissions", number=number)
        if columns.text("problem_id") not in names or spoken is None:
            continue
        if not spoken.match(columns.optional_text("programmingLanguage")):
            continue
        verdict, whole = columns.text("verdict"), columns.optional_text("testset") == "TESTS"
        if verdict == "OK":
            right.append(columns.text("source"))
        elif verdict == "WRONG_ANSWER" and whole:
            wrong.append(columns.text("source"))
    if problem.language == "python":
        return problem.replace(
            solutions=python_programs(right), wrong_solutions=python_programs(wrong)
        )
    return problem.replace(
        solutions=tuple(right[:MAX_SOLUTIONS]), wrong_solutions=tuple(wrong[:MAX_SOLUTIONS])
    )


def _id(problem: Problem) -> str:
    return str((problem.row or {}).get("id", problem.key.partition(":")[0]))


def _first(pair: tuple[int, StdioTest]) -> int:
    return pair[0]


SPECS = (
    DatasetSpec(
        name="codeforces",
        description="open-r1/codeforces: problems of Codeforces with official tests and checkers",
        loader=problem_from_row,
        head=head_from_row,
        head_columns=("id", "language", "interaction_format", "contest_start", "rating", "tags"),
        configs=("default", "verifiable", "verifiable-prompts"),
        default_config="verifiable",
        splits=("train", "test"),
        default_split="train",
        hub_path="open-r1/codeforces",
        expected_rows={("default", "train"): 9556, ("default", "test"): 468},
        styles=("stdio",),
        license="CC-BY-4.0",
    ),
)
