"""open-r1/codeforces' rows become problems; generated tests and submissions are joined."""

import datetime as dt
import json
from pathlib import Path

import pytest

from coding_envs.data import load_problems
from coding_envs.data.layouts.codeforces import (
    head_from_row,
    problem_from_row,
    with_generated_tests,
    with_submissions,
)
from coding_envs.errors import DatasetRowError
from coding_envs.problem import StdioTest

DATA = Path(__file__).parents[2] / "data"


def rows(name):
    return [
        json.loads(x) for x in (DATA / f"open_r1_codeforces{name}.jsonl").read_text().splitlines()
    ]


ROWS = rows("")


def make(number=0, /, **changes):
    return problem_from_row(ROWS[number] | changes, split="train", row_number=number)


def test_a_row():
    problem = make()
    assert problem.uid == "codeforces/verifiable/train/9100/A"
    assert problem.public_tests == (StdioTest("3\n", "6\n"),)
    assert problem.hidden_tests == (StdioTest("0\n", "0\n"), StdioTest("-4\n", "-8\n"))
    assert problem.limits.cpu_time_s == 8.0
    assert problem.limits.memory_bytes == 512 * 2**20
    assert problem.release_date == dt.date(2023, 11, 14)
    assert problem.checker is None
    assert problem.flags == frozenset()
    assert problem.prompt == (
        "# Twice\n\nGiven n print 2n.\n\n## Input\n\nOne integer n.\n\n## Output\n\n"
        "One integer.\n\n"
        "## Examples\n\nInput\n```\n3\n```\nOutput\n```\n6\n```\n"
    )


def test_a_checker():
    problem = make(1)
    assert problem.checker.protocol == "script"
    assert problem.checker.source == ROWS[1]["generated_checker"]
    assert problem.flags == {"special_judge"}


def test_file_mode():
    problem = make(2)
    assert (problem.input_file, problem.output_file) == ("input.txt", "output.txt")
    assert problem.flags == {"generated_tests_elsewhere", "incomplete_tests"}
    assert "input.txt" in problem.prompt


def test_interactive_rows_are_refused():
    for one in (problem_from_row, head_from_row):
        with pytest.raises(DatasetRowError, match=r"'interaction_format'.*interactive"):
            one(ROWS[3], config="default", split="train", row_number=3)


def test_what_cannot_be_executed_is_flagged():
    assert "not_executable" in make(executable=False).flags


def test_no_tests():
    with pytest.raises(DatasetRowError, match="no tests"):
        make(examples=None, official_tests=[])


def test_carriage_returns_go():
    pair = {"input": "1\r\n2\r\n", "output": "3\r\n"}
    assert make(official_tests=[pair]).hidden_tests == (StdioTest("1\n2\n", "3\n"),)


def test_prompts_of_their_own_in_two_languages():
    found = load_problems(
        "codeforces",
        config="verifiable-prompts",
        split="train",
        data_files={"train": DATA / "open_r1_codeforces_verifiable_prompts.jsonl"},
    )
    python, cpp = found
    assert (python.key, cpp.key) == ("9100/B:python", "9100/B:cpp")
    assert (python.limits.cpu_time_s, cpp.limits.cpu_time_s) == (8.0, 2.0)
    assert cpp.prompt.startswith("You will be given a competitive programming problem.")
    assert {p.language for p in found} == {"python", "cpp"}


def test_generated_tests_are_joined_in_their_order():
    generated = rows("_generated_tests")
    problem = with_generated_tests(make(2), reversed(generated))
    assert problem.hidden_tests == (StdioTest("10 20\n", "30\n"), StdioTest("-1 1\n", "0\n"))
    assert problem.flags == {"incomplete_tests"}
    assert problem.fingerprint() != make(2).fingerprint()
    assert with_generated_tests(problem, generated).tests == problem.tests
    assert with_generated_tests(make(0), generated) == make(0)


def test_generated_tests_need_room():
    long = {"problem_id": "9100/A", "test_case_i": 0, "input": "1", "output": "x" * 10_000_000}
    assert with_generated_tests(make(), [long]).limits.output_bytes == 20_000_000


def test_generated_tests_that_are_none_are_told():
    with pytest.raises(DatasetRowError, match=r"'output'.*missing"):
        with_generated_tests(make(), [{"problem_id": "9100/A", "test_i": 0, "input": "1"}])


def test_submissions_become_references():
    submissions = rows("_submissions")
    problem = with_submissions(make(), submissions)
    assert problem.solutions == (submissions[0]["source"],)
    assert problem.wrong_solutions == (submissions[1]["source"],)
    cpp = with_submissions(make().replace(language="cpp"), submissions)
    assert cpp.solutions == (submissions[2]["source"],)
    assert with_submissions(make(1), submissions).solutions == ()


def test_submissions_under_another_name_of_the_problem():
    submissions = [one | {"problem_id": "9101/A"} for one in rows("_submissions")]
    assert len(with_submissions(make(1), submissions).solutions) == 1


@pytest.mark.parametrize(
    ("spelling", "language"),
    [
        ("GNU C++17", "cpp"), ("GNU C++", "cpp"), ("C++20 (GCC 13-64)", "cpp"), ("MS C++", "cpp"),
        ("Clang++17 Diagnostics", "cpp"), ("Python 3", "python"), ("PyPy 3-64", "python"),
        ("JavaScript", "javascript"), ("Node.js", "javascript"), ("Python 2", None),
        ("PyPy 2", None), ("Java 8", None), ("GNU C11", None), ("MS C#", None),
    ],
)  # fmt: skip
def test_spellings_of_languages(spelling, language):
    one = rows("_submissions")[0] | {"programmingLanguage": spelling, "source": "print(1)"}
    for name in ("python", "cpp", "javascript"):
        problem = with_submissions(make().replace(language=name), [one])
        assert bool(problem.solutions) == (name == language)
