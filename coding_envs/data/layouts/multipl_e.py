"""nuprl/MultiPL-E: HumanEval and MBPP in two dozen languages; config `{humaneval|mbpp}-{language}`.

What is ours to decide, and how it is decided:

- C++, JavaScript and Perl: the dataset's own harness runs prompt, completion and asserts as one
  program, and exit code 0 is a pass, which `exit(0)` before the asserts is as well. Here the
  asserts are taken apart: the program calls the function and prints what came back, and a checker
  in a jail of its own, which alone holds the expected values, compares; see `_drivers.py`. The one
  test's points are the part of the asserts that hold. Numbers, strings and containers of C++
  compare by value; JavaScript by `assert.deepEqual`; Perl as `eq_deeply` does.
- Where a C++ function returns one of the row's own unions or a `std::any`, whose values only the
  assert itself can compare, and in all other languages, the asserts stay in the program and the
  exit code decides, as in the dataset's harness. Such problems are flagged "exposed_oracle": a
  program can forge their verdict.
- Most of these other languages are not known to this package; a problem in one is loaded, and
  refused by the judge until `register_language` adds it.
- A completion is cut at the first of the row's stop tokens, and the function closed. A whole
  function takes the place of the prompt's, and keeps what stands before that.
- There are no reference solutions.

Source: Cassano et al. 2022 (arXiv:2208.08227); the dataset card; nuprl/MultiPL-E.
"""

from __future__ import annotations

import re
from typing import Any

from ...problem import JudgeProgram, Limits, Problem, StdioTest
from ..rows import Row
from ..spec import DatasetSpec
from ._drivers import DRIVERS, Driver

__all__ = ["SPECS", "problem_from_row"]

# The authors' harnesses give a program 5 to 15 s.
_LIMITS = Limits(cpu_time_s=10.0, memory_bytes=512 * 2**20)
_NAMES = {"go_test.go": "go", "js": "javascript", "pl": "perl"}
_UNCOMPARABLE = re.compile(r"\bUnion_|std::any\b")
_EXIT_CODE_DECIDES = "print(1)\n"


def problem_from_row(
    row: object, *, config: str, split: str, row_number: int, revision: str = ""
) -> Problem:
    """Returns the problem that a row of MultiPL-E holds.

    Args:
      row: name, language, prompt, doctests, original, prompt_terminology, tests, stop_tokens.
      config: such as "humaneval-cpp".
      split: "test".
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    columns = Row(row, dataset="multipl_e", split=split, number=row_number)
    key, spoken = columns.text("name"), columns.text("language")
    prompt, tests = columns.text("prompt"), columns.text("tests")
    if not key:
        raise columns.fault("name", "must not be empty")
    wanted = config.partition("-")[2]
    if wanted and spoken.partition("_")[0] != wanted:
        raise columns.fault("language", f"must be {wanted!r} in {config}, got {spoken[:40]!r}")
    driver = DRIVERS.get(spoken)
    known: dict[str, Any] = {"language": _NAMES.get(spoken, spoken), "entry_point": ""}
    name = None if driver is None else _function(prompt, spoken)
    if driver is None or name is None:
        known |= _as_they_are(tests)
    else:
        known["entry_point"] = name
        header, signature = _parted(prompt, name)
        if spoken == "cpp" and _UNCOMPARABLE.search(signature.partition(name)[0]):
            known |= _as_they_are(tests, driver.closing)
        else:
            known |= _apart(columns, driver, name, header, tests)
    return Problem(
        dataset="multipl_e",
        config=config,
        split=split,
        revision=revision,
        key=key,
        prompt=prompt,
        starter_code=prompt,
        stop_tokens=columns.texts("stop_tokens"),
        hidden_tests=(StdioTest("", ""),),
        limits=_LIMITS,
        source="nuprl/MultiPL-E",
        license="MIT",
        row=columns.columns,
        **known,
    )


def _as_they_are(tests: str, closing: str = "") -> dict[str, Any]:
    """Returns the fields of a problem whose program holds the asserts."""
    begins = bool(closing) and tests.lstrip().startswith(closing)
    return {
        "starter_end": closing if begins else "",
        "epilogue": tests.lstrip()[len(closing) :] if begins else tests,
        "checker": JudgeProgram(_EXIT_CODE_DECIDES, protocol="script"),
        "flags": frozenset({"exposed_oracle"}),
    }


def _apart(columns: Row, driver: Driver, name: str, header: str, tests: str) -> dict[str, Any]:
    """Returns the fields of a problem whose asserts are in a checker."""
    try:
        cases = driver.cases(tests)
    except ValueError as error:
        raise columns.fault("tests", f"cannot be taken apart: {error}") from None
    return {
        "prelude": driver.prelude,
        "starter_end": driver.closing,
        "epilogue": driver.driver(name, [arguments for arguments, _ in cases]),
        "checker": JudgeProgram(
            driver.checker(header, [expected for _, expected in cases]),
            protocol="script",
            language=driver.language,
        ),
    }


_SIGNATURES = {
    "cpp": re.compile(
        r"^(?!//|#|union\b|struct\b)\S[^\n]*?(\w+)\([^\n]*\)\s*\{\s*\Z", re.MULTILINE
    ),
    "js": re.compile(r"^function (\w+)\([^\n]*\)\s*\{\s*\Z", re.MULTILINE),
    "pl": re.compile(r"^sub (\w+)\s*\{", re.MULTILINE),
}


def _function(prompt: str, language: str) -> str | None:
    """Returns the name of the function that the prompt ends in."""
    found = _SIGNATURES[language].findall(prompt)
    return found[-1] if found else None


def _parted(prompt: str, name: str) -> tuple[str, str]:
    """Returns what stands before the function's signature, and the rest."""
    at = max(found.start() for found in re.finditer(rf"^\S[^\n]*\b{name}\b", prompt, re.MULTILINE))
    return prompt[:at], prompt[at:]


_ROWS = {
    "humaneval": {
        "adb": 157,
        "clj": 161,
        "cpp": 161,
        "cs": 158,
        "d": 156,
        "dart": 157,
        "elixir": 161,
        "go": 154,
        "hs": 156,
        "java": 158,
        "jl": 159,
        "js": 161,
        "lua": 161,
        "ml": 155,
        "php": 161,
        "pl": 161,
        "r": 161,
        "rb": 161,
        "rkt": 161,
        "rs": 156,
        "scala": 160,
        "sh": 158,
        "swift": 158,
        "ts": 159,
    },
    "mbpp": {
        "adb": 365,
        "clj": 397,
        "cpp": 397,
        "cs": 386,
        "d": 358,
        "elixir": 397,
        "go": 374,
        "hs": 355,
        "java": 386,
        "jl": 390,
        "js": 397,
        "lua": 397,
        "ml": 355,
        "php": 397,
        "pl": 396,
        "r": 397,
        "rb": 397,
        "rkt": 397,
        "rs": 354,
        "scala": 396,
        "sh": 382,
        "swift": 396,
        "ts": 390,
    },
}
_CONFIGS = tuple(f"{origin}-{name}" for origin, counts in _ROWS.items() for name in counts)

SPECS = (
    DatasetSpec(
        name="multipl_e",
        description="MultiPL-E: HumanEval and MBPP in two dozen languages, as C++",
        loader=problem_from_row,
        configs=_CONFIGS,
        default_config="humaneval-cpp",
        splits=("test",),
        default_split="test",
        hub_path="nuprl/MultiPL-E",
        expected_rows={
            (f"{origin}-{name}", "test"): count
            for origin, counts in _ROWS.items()
            for name, count in counts.items()
        },
        styles=("stdio",),
        license="MIT",
    ),
)
