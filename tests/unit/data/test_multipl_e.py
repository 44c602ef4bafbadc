"""MultiPL-E: asserts parted into a driver, which knows no answer, and a checker, which does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coding_envs.data import dataset_spec
from coding_envs.data.layouts._drivers import DRIVERS
from coding_envs.data.layouts.multipl_e import problem_from_row
from coding_envs.errors import DatasetRowError
from coding_envs.problem import Problem, StdioTest

FILE = Path(__file__).parents[2] / "data" / "multipl_e.jsonl"
ROWS = {row["language"]: row for row in map(json.loads, FILE.read_text().splitlines())}
CPP, JS = ROWS["cpp"], ROWS["js"]


def make(row: Any, config: str = "") -> Problem:
    config = config or f"humaneval-{row['language'].partition('_')[0]}"
    return problem_from_row(row, config=config, split="test", row_number=7)


def test_the_expected_values_are_in_the_checker_alone() -> None:
    problem = make(CPP)
    assert problem.uid == "multipl_e/humaneval-cpp/test/HumanEval_0_has_close_elements"
    assert (problem.language, problem.entry_point) == ("cpp", "has_close_elements")
    assert problem.tests == (StdioTest("", ""),)
    assert problem.checker is not None
    assert problem.checker.language == "cpp"
    assert problem.checker.source.count("show((true))") == 4
    assert "(true)" not in problem.epilogue
    assert problem.epilogue.count("candidate((std::vector<float>") == 7
    assert problem.row == CPP
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem
    assert problem.fingerprint() != problem.replace(epilogue="").fingerprint()


def test_a_language_without_a_driver_is_loaded_as_it_is() -> None:
    for name in ("java", "ts", "go_test.go", "rs", "sh", "lua", "rb"):
        problem = make(ROWS[name])
        assert problem.language == name.partition("_")[0]
        assert problem.flags == {"exposed_oracle"}
        assert problem.epilogue == ROWS[name]["tests"]


def test_values_that_only_the_assert_can_compare_stay_in_the_program() -> None:
    prompt = CPP["prompt"].replace("bool has_close", "std::any has_close")
    problem = make(CPP | {"prompt": prompt})
    assert problem.flags == {"exposed_oracle"}
    assert problem.starter_end == "}"
    assert problem.epilogue.startswith("\nint main() {")


BODY = "    return false;\n"


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        (BODY, CPP["prompt"] + BODY + "\n}\n"),
        (BODY + "}\nint main() {}", CPP["prompt"] + BODY.rstrip() + "\n}\n"),
        (
            "bool has_close_elements(std::vector<float> v, float t) { return 1; }",
            CPP["prompt"][: CPP["prompt"].rindex("bool ")]
            + "bool has_close_elements(std::vector<float> v, float t) { return 1; }",
        ),
        (CPP["prompt"] + BODY + "}", CPP["prompt"] + BODY + "}"),
    ],
)
def test_a_completion_is_cut_and_closed(completion: str, program: str) -> None:
    assert make(CPP).assemble(completion) == program


def test_javascript_closes_its_function_itself() -> None:
    problem = make(JS)
    body = "  return number % 1.0;\n}\n"
    assert problem.assemble(body) == JS["prompt"] + body
    assert problem.assemble(body + "\nconsole.log(1)") == JS["prompt"] + body
    whole = "const truncate_number = x => x % 1;\n"
    assert problem.assemble(whole) == JS["prompt"][: JS["prompt"].index("function")] + whole


def test_asserts_are_parted_at_their_brackets() -> None:
    tests = 'assert(candidate(("a)\\"("), {1, (2)}) == (std::string(")")));\n'
    assert DRIVERS["cpp"].cases(tests) == [('("a)\\"("), {1, (2)}', '(std::string(")"))')]
    for broken in ("", "assert(candidate(1);", "assert(other(1) == 2);", "assert(candidate(1));"):
        with pytest.raises(ValueError, match=r"there is no|not closed|does not begin|is missing"):
            DRIVERS["cpp"].cases(broken)


@pytest.mark.parametrize(
    ("row", "config", "column", "reason"),
    [
        (CPP, "humaneval-js", "language", "must be 'js' in humaneval-js, got 'cpp'"),
        (CPP | {"name": ""}, "", "name", "must not be empty"),
        (CPP | {"tests": "}\nint main() {}"}, "", "tests", "cannot be taken apart: there is no"),
        (CPP | {"tests": "assert(candidate(1"}, "", "tests", "a bracket is not closed"),
        (CPP | {"stop_tokens": "\n}"}, "", "stop_tokens", "must be a list of texts"),
        (CPP | {"prompt": None}, "", "prompt", "must be text"),
    ],
)
def test_a_malformed_row_names_its_column(row: Any, config: str, column: str, reason: str) -> None:
    with pytest.raises(DatasetRowError) as caught:
        make(row, config)
    assert caught.value.column == column
    assert reason in caught.value.reason


def test_every_configuration_is_known() -> None:
    spec = dataset_spec("multipl_e")
    assert len(spec.configs) == 24 + 23
    assert spec.expected_rows["mbpp-rs", "test"] == 354
