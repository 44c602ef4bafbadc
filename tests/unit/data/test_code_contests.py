"""CodeContests' rows become problems, in whichever form their structs and classes come."""

import json
from pathlib import Path

import pytest

from coding_envs.data.layouts.code_contests import problem_from_row
from coding_envs.errors import DatasetRowError
from coding_envs.problem import StdioTest

DATA = Path(__file__).parents[2] / "data"
ROWS = [json.loads(x) for x in (DATA / "deepmind_code_contests.jsonl").read_text().splitlines()]


def make(number=0, /, **changes):
    return problem_from_row(ROWS[number] | changes, split="train", row_number=number)


def test_a_row():
    problem = make()
    assert problem.uid == "code_contests/default/train/0-9001_A"
    assert problem.public_tests == (StdioTest("3\n1 5 2\n", "10\n"),)
    assert len(problem.hidden_tests) == 4
    assert (problem.difficulty, problem.rating, problem.source) == ("A", 800, "codeforces")
    assert problem.limits.cpu_time_s == 8.0
    assert problem.limits.memory_bytes == 512_000_000
    assert problem.comparison.abs_tol == 1e-5
    assert [len(x) for x in (problem.solutions, problem.wrong_solutions)] == [1, 1]
    assert len(problem.row["solutions"]["solution"]) == 4


def test_unknown_limits_are_the_harness():
    limits = make(1).limits
    assert (limits.cpu_time_s, limits.memory_bytes) == (10.0, 256 * 2**20)
    assert limits.from_row == frozenset()
    assert make(1).comparison.ignore_case


def test_files_in_the_place_of_streams():
    problem = make(2)
    assert (problem.input_file, problem.output_file) == ("input.txt", "output.txt")
    assert problem.limits.cpu_time_s == 6.0
    assert problem.flags == {"special_judge"}


def test_lists_of_records_as_well():
    def records(column):
        lists = ROWS[0][column]
        return [
            dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)
        ]

    names = ("public_tests", "private_tests", "generated_tests", "solutions", "incorrect_solutions")
    assert make(**{name: records(name) for name in names}) == make()


def test_classes_by_number_or_name():
    numbers = {7: "A", 17: "K", 19: "L", 29: "V", 0: "", 6: "external"}
    for number, difficulty in numbers.items():
        assert make(difficulty=number).difficulty == difficulty
    assert make(difficulty="UNKNOWN_DIFFICULTY", source="CODEFORCES").difficulty == ""
    assert make(difficulty="L", source="CODEFORCES").source == "codeforces"
    for number in (18, 30, -1):
        with pytest.raises(DatasetRowError, match=rf"'difficulty'.*got {number}"):
            make(difficulty=number)
    language = {"language": ["PYTHON3", "PYTHON"], "solution": ["print(1)", "print(2)"]}
    assert make(solutions=language).solutions == ("print(1)",)


def test_a_rating_of_none():
    assert make(cf_rating=0).rating is None


def test_no_tests():
    empty = {"input": [], "output": []}
    with pytest.raises(DatasetRowError, match="no tests"):
        make(public_tests=empty, private_tests=empty, generated_tests=None)


def test_lists_of_unequal_length_are_told():
    with pytest.raises(DatasetRowError, match=r"'private_tests'.*one length"):
        make(private_tests={"input": ["1"], "output": []})
