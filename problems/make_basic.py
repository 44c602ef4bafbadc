"""Makes the `basic` problems: `python problems/make_basic.py [--check]`.

The problems of `basic_source` become rows. Expected results come from the first solution; that
the other solutions agree with it on every test, and that each known-wrong program fails at least
one hidden test, is asserted while the files are made. The package `coding_envs` writes the tests,
so it must be installed.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import math
import sys
from collections import Counter
from typing import Any
from unittest import mock

from basic_source import PROBLEMS, Function, Program, code
from jsonl_files import Row, main, run_program, same_value

from coding_envs.problem import CallTest, StdioTest

Result = tuple[str, Any]  # "value" or "output" with it, or "raised" with the exception's name


def result_of_call(program: str, name: str, args: tuple[Any, ...]) -> Result:
    """Returns what a function gives; also asserts that it leaves its arguments as they are."""
    given = copy.deepcopy(args)
    try:
        value = run_program(program)[name](*given)
    except Exception as error:  # whatever a wrong program does
        return "raised", type(error).__name__
    assert not isinstance(value, float) or math.isfinite(value), program
    return "value", value if given == args else ("arguments changed", value)


def result_of_run(program: str, text: str) -> Result:
    """Returns what a program prints for the input."""
    out = io.StringIO()
    with mock.patch("sys.stdin", io.StringIO(text)), contextlib.redirect_stdout(out):
        try:
            run_program(program)
        except Exception as error:  # whatever a wrong program does
            return "raised", type(error).__name__
    return "output", out.getvalue()


def agree(got: Result, expected: Result) -> bool:
    """Returns whether the judge would take one for the other."""
    if got[0] != expected[0] or got[0] == "raised":
        return False
    if got[0] == "output":
        return bool(got[1].split() == expected[1].split())
    if isinstance(expected[1], float) and isinstance(got[1], float):
        return math.isclose(got[1], expected[1], rel_tol=1e-6, abs_tol=1e-6)
    return same_value(got[1], expected[1])


def result(problem: Function | Program, program: str, given: Any) -> Result:
    """Returns the result of one test's call or run."""
    if isinstance(problem, Function):
        return result_of_call(program, problem.key, given)
    return result_of_run(program, given)


def tests(problem: Function | Program, solution: str, inputs: list[Any]) -> list[dict[str, Any]]:
    """Returns the tests as the package writes them."""
    out = []
    for given in inputs:
        kind, expected = result(problem, solution, given)
        assert kind != "raised", (problem.key, given, expected)
        made = StdioTest(given, expected) if kind == "output" else CallTest(given, expected)
        out.append(made.to_json())
    return out


def shown(value: Any) -> str:
    """Returns the value as Python writes it, but a set always in the same order."""
    if isinstance(value, set) and value:
        return "{" + ", ".join(map(repr, sorted(value))) + "}"
    return repr(value)


def prompt(problem: Function | Program, solution: str) -> str:
    """Returns the statement with the public tests as examples."""
    parts = [problem.statement]
    for number, given in enumerate(problem.public, 1):
        _, expected = result(problem, solution, given)
        if isinstance(problem, Function):
            call = f"{problem.key}({', '.join(map(repr, given))})"
            parts.append(f"Example {number}: {call} returns {shown(expected)}")
        else:
            parts.append(f"Example {number} input:\n{given}Example {number} output:\n{expected}")
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def make_row(problem: Function | Program) -> Row:
    """Returns one problem; asserts all that the module's docstring promises."""
    solutions = [code(text) for text in problem.solutions]
    wrong = [code(text) for text in problem.wrong]
    solution = solutions[0]
    every = problem.public + problem.hidden
    assert len(problem.public) >= 2, problem.key
    assert len(problem.hidden) >= 6, problem.key
    assert len({repr(given) for given in every}) == len(every), problem.key
    expected = [result(problem, solution, given) for given in every]
    for other in solutions:
        for given, wanted in zip(every, expected, strict=True):
            assert agree(result(problem, other, given), wanted), (problem.key, other, given)
    hidden = list(zip(problem.hidden, expected[len(problem.public) :], strict=True))
    assert len(wrong) >= 2, problem.key
    for program in wrong:
        compile(program, "<program>", "exec")
        failed = [
            given for given, wanted in hidden if not agree(result(problem, program, given), wanted)
        ]
        assert failed, (problem.key, program)
    is_function = isinstance(problem, Function)
    starter = f"def {problem.key}{problem.signature}:\n" if isinstance(problem, Function) else ""
    assert all(starter in program for program in solutions), problem.key
    return {
        "key": problem.key,
        "prompt": prompt(problem, solution),
        "starter_code": starter,
        "entry_point": problem.key if is_function else "",
        "public_tests": json.dumps(tests(problem, solution, problem.public)),
        "hidden_tests": json.dumps(tests(problem, solution, problem.hidden)),
        "solutions": solutions,
        "wrong_solutions": wrong,
        "difficulty": problem.difficulty,
        "family": problem.family,
        "tags": ["function" if is_function else "program"],
        "flags": [],
    }


def make() -> dict[str, list[Row]]:
    """Returns the rows of both splits."""
    rows: dict[str, list[Row]] = {"train": [], "test": []}
    for problem in PROBLEMS:
        rows[problem.split].append(make_row(problem))
    keys = Counter(problem.key for problem in PROBLEMS)
    assert keys.most_common(1)[0][1] == 1, keys.most_common(2)
    return rows


if __name__ == "__main__":
    sys.exit(main("basic", make, __doc__ or ""))
