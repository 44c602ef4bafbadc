"""TACO's rows become problems; those that nobody can solve do not."""

import datetime as dt
import json
from pathlib import Path

import pytest

from coding_envs.data.layouts.taco import head_from_row, problem_from_row
from coding_envs.errors import DatasetRowError

DATA = Path(__file__).parents[2] / "data"
ROWS = [json.loads(x) for x in (DATA / "baai_taco.jsonl").read_text().splitlines()]


def make(number=0, /, **changes):
    return problem_from_row(ROWS[number] | changes, split="train", row_number=number)


def test_a_row_on_standard_input():
    problem = make()
    assert problem.uid == "taco/default/train/0"
    assert problem.tags == ("Implementation", "Mathematics")
    assert problem.release_date == dt.date(2020, 1, 1)
    limits = problem.limits
    assert (limits.cpu_time_s, limits.memory_bytes) == (8.0, 512 * 2**20)
    assert limits.from_row == {"cpu_time_s", "memory_bytes"}
    assert problem.row["time_limit"] == "2.0 seconds"


def test_limits_have_a_floor_and_an_origin():
    floor = make(time_limit="0.1 seconds", memory_limit="16 megabytes").limits
    assert (floor.cpu_time_s, floor.memory_bytes) == (2.0, 256 * 2**20)
    none = make(time_limit=None, memory_limit=None).limits
    assert (none.cpu_time_s, none.from_row) == (4.0, frozenset())


def test_outputs_must_fit():
    row = {"inputs": ["1"], "outputs": ["x" * 10_000_000]}
    limits = make(input_output=json.dumps(row)).limits
    assert limits.output_bytes == limits.file_size_bytes == 20_000_000


def test_a_function():
    problem = make(1)
    assert problem.entry_point == "is_even"
    assert problem.comparison.unwrap
    assert problem.limits.cpu_time_s == 5.0


def test_flags():
    assert make(3).flags == {"special_judge", "figure"}
    assert make(0).flags == frozenset()


def test_tests_for_people_are_refused():
    for one in (problem_from_row, head_from_row):
        with pytest.raises(DatasetRowError, match=r"'source'.*geeksforgeeks"):
            one(ROWS[2], config="default", split="train", row_number=2)


def test_an_id_is_the_key_where_there_is_one():
    assert make(id=77).key == "77"
    assert make(3).key == "3"


@pytest.mark.parametrize(
    "date",
    [
        "2021-05-05",
        "2021-05-05T00:00:00",
        "2021-05-05 00:00:00",
        dt.datetime(2021, 5, 5),
        dt.date(2021, 5, 5),
    ],
)
def test_dates_of_any_kind(date):
    problem = make(date=date)
    assert problem.release_date == dt.date(2021, 5, 5)
    json.dumps(problem.to_json())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("time_limit", "soon"), ("time_limit", "2 parsecs"), ("time_limit", "1.2.3 s"),
        ("tags", "['a', 1]"), ("tags", "['a'"), ("tags", "__import__('os')"), ("tags", 7),
        ("date", "yesterday"), ("date", 7), ("solutions", '{"a": 1}'), ("solutions", "[1]"),
        ("question", None),
    ],
)  # fmt: skip
def test_malformed_columns_are_told(column, value):
    with pytest.raises(DatasetRowError, match=rf"'{column}'"):
        make(**{column: value})
