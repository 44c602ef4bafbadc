"""What holds for every layout of contest problems: heads, round trips, nothing lost, bad rows."""

import json
import pickle
from pathlib import Path

import pytest

from coding_envs.data import dataset_spec, load_problems
from coding_envs.errors import DatasetRowError, InvalidValueError
from coding_envs.problem import CallTest, Problem

DATA = Path(__file__).parents[2] / "data"
# dataset, configuration, split, file, columns that became tests
FILES = [
    ("apps", "all", "train", "codeparrot_apps", ["input_output"]),
    ("apps", "all", "train", "codeparrot_apps_raw_main", ["input_output"]),
    ("taco", "default", "train", "baai_taco", ["input_output"]),
    (
        *("code_contests", "default", "train", "deepmind_code_contests"),
        ["public_tests", "private_tests", "generated_tests"],
    ),
    (
        *("livecodebench", "release_v6", "test", "livecodebench_code_generation_lite"),
        ["public_test_cases", "private_test_cases"],
    ),
    ("codeforces", "verifiable", "train", "open_r1_codeforces", ["official_tests"]),
    (
        *("codeforces", "verifiable-prompts", "train", "open_r1_codeforces_verifiable_prompts"),
        ["official_tests"],
    ),
    (
        *("verifiable_coding", "default", "train", "primeintellect_verifiable_coding_problems"),
        ["verification_info"],
    ),
    (
        *("synthetic_1", "default", "train", "primeintellect_synthetic_1"),
        ["verification_info"],
    ),
    (
        *("verifiable_coding_python", "default", "train"),
        *("open_r1_verifiable_coding_problems_python", ["verification_info"]),
    ),
    ("deepcoder", "taco", "train", "deepcoder_preview_taco", ["tests"]),
    ("deepcoder", "primeintellect", "train", "deepcoder_preview_primeintellect", ["tests"]),
    ("deepcoder", "lcbv5", "train", "deepcoder_preview_lcbv5", ["tests"]),
    ("deepcoder", "codeforces", "test", "deepcoder_preview_codeforces", ["tests"]),
]
ROWS = [
    pytest.param(name, config, split, number, json.loads(line), tested, id=f"{file}-{number}")
    for name, config, split, file, tested in FILES
    for number, line in enumerate((DATA / f"{file}.jsonl").read_text().splitlines())
]
over_rows = pytest.mark.parametrize(("name", "config", "split", "number", "row", "tested"), ROWS)


def problem_of(name, config, split, number, row):
    """The row's problem, or the error that says why there is none."""
    try:
        return dataset_spec(name).loader(
            row, config=config, split=split, row_number=number, revision="abc"
        )
    except InvalidValueError as error:  # DatasetRowError among them: what loading makes of others
        return error


@over_rows
def test_a_head_says_what_the_problem_says(name, config, split, number, row, tested):
    spec = dataset_spec(name)
    problem = problem_of(name, config, split, number, row)
    if not isinstance(problem, Problem):
        return
    columns = (*spec.head_columns, *spec.style_columns)
    seen = {column: row[column] for column in columns if column in row}
    head = spec.head(seen, config=config, split=split, row_number=number)
    for field in ("key", "difficulty", "rating", "tags", "source", "release_date", "language"):
        assert getattr(head, field) == getattr(problem, field), field
    assert head.style == problem.tests[0].kind
    assert head.style in spec.styles


@over_rows
def test_nothing_of_a_row_is_lost(name, config, split, number, row, tested):
    problem = problem_of(name, config, split, number, row)
    if not isinstance(problem, Problem):
        return
    assert dict(problem.row) == {k: v for k, v in row.items() if k not in tested}
    assert problem.revision == "abc"
    again = Problem.from_json(json.loads(json.dumps(problem.to_json())))
    assert again == problem
    assert again.fingerprint() == problem.fingerprint()
    assert pickle.loads(pickle.dumps(problem)) == problem


@over_rows
def test_a_row_without_a_column_is_told_by_name(name, config, split, number, row, tested):
    """A column may be missing where the problem does without; else the error is one line."""
    for column in row:
        rest = {k: v for k, v in row.items() if k != column}
        error = problem_of(name, config, split, number, rest)
        if isinstance(error, DatasetRowError):
            assert "\n" not in str(error)
            assert error.row == number


@over_rows
def test_a_column_of_the_wrong_kind_is_told_by_name(name, config, split, number, row, tested):
    for column in row:
        for wrong in (7, True, ["x", 7], {"x": 7}, "[" * 100_000, "{'a': ", "\x00", [[[]]], None):
            made = problem_of(name, config, split, number, {**row, column: wrong})
            if isinstance(made, InvalidValueError):
                assert "\n" not in str(made)
                assert len(str(made)) < 1000


@pytest.mark.parametrize(
    "name", ["apps", "taco", "code_contests", "livecodebench", "codeforces", "deepcoder"]
)
def test_a_row_that_is_no_object_is_told(name):
    spec = dataset_spec(name)
    for wrong in ("text", None, 7, ["x"]):
        with pytest.raises(DatasetRowError, match="must be a JSON object"):
            spec.head(wrong, config=spec.default_config, split="test", row_number=0)


def test_they_load_from_files():
    for name, config, split, file, _ in FILES:
        path = DATA / f"{file}.jsonl"
        problems = load_problems(name, config=config, split=split, data_files={split: path})
        assert len(problems) + len(problems.dropped) == len(path.read_text().splitlines())
        assert len(problems) > 0


@pytest.mark.parametrize("name", sorted({file[0] for file in FILES}))
def test_a_spec_can_be_pickled(name):
    spec = dataset_spec(name)
    for function in (spec.loader, spec.head):
        copy = pickle.loads(pickle.dumps(function))
        assert copy is function or copy.func is function.func


def test_problems_load_from_parquet_as_from_json(tmp_path):
    """Structs, lists and nulls as pyarrow hands them over make the same problems."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    for name, config, split, file, _ in FILES:
        lines = (DATA / f"{file}.jsonl").read_text().splitlines()
        path = tmp_path / f"{file}.parquet"
        pq.write_table(pa.Table.from_pylist([json.loads(line) for line in lines]), path)
        options = {"config": config, "split": split}
        of_json = load_problems(name, data_files={split: DATA / f"{file}.jsonl"}, **options)
        of_parquet = load_problems(name, data_files={split: path}, **options)
        assert list(of_parquet) == list(of_json)
        assert len(of_parquet.dropped) == len(of_json.dropped)


def test_call_tests_stay_hidden_or_shown_as_their_dataset_has_them():
    path = DATA / "livecodebench_code_generation_lite.jsonl"
    problems = load_problems("livecodebench", data_files={"test": path})
    methods = problems.by_key("90001")
    assert all(isinstance(test, CallTest) for test in methods.tests)
    assert (len(methods.public_tests), len(methods.hidden_tests)) == (1, 2)
