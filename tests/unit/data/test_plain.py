"""The plain layout: what is exported comes back equal; what is written by hand is understood."""

import json
import os
import re
import subprocess
import sys
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coding_envs import plain_data
from coding_envs.data import Head, ProblemSet, load_problems, plain
from coding_envs.errors import DatasetError, DatasetRowError
from coding_envs.problem import (
    NOT_COMPARED,
    CallTest,
    CodeTest,
    Comparison,
    InteractiveTest,
    JudgeProgram,
    Limits,
    Problem,
    StdioTest,
)

pytest.importorskip("pyarrow")

# --- any problem at all ---------------------------------------------------------------------------

# Lone surrogates too; but two halves side by side are one character to JSON.
texts = st.text(st.characters(exclude_categories=()), max_size=12).filter(
    lambda text: re.search("[\ud800-\udbff][\udc00-\udfff]", text) is None
)
numbers = st.floats(0.01, 1000, allow_nan=False)
scalars = st.none() | st.booleans() | texts | st.floats(allow_nan=False) | st.binary(max_size=4)
integers = st.integers() | st.integers(-(10**40), 10**40) | st.just(7**4000)
values = st.recursive(
    scalars | integers,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers() | texts, inner, max_size=3)
        | st.sets(st.integers(), max_size=3)
    ),
    max_leaves=6,
)
limits = st.builds(
    Limits,
    cpu_time_s=numbers,
    wall_time_s=st.none() | numbers,
    memory_bytes=st.integers(1, 2**61),
    from_row=st.sets(st.sampled_from(["cpu_time_s", "memory_bytes"])),
)
judge_programs = st.builds(
    JudgeProgram, texts, st.just("testlib"), st.sampled_from(["python", "cpp"]), limits
)
stdio = st.builds(StdioTest, texts, texts)
interactive = st.builds(InteractiveTest, texts, texts)
code = st.builds(CodeTest, texts, imports=texts, program_setup=texts, function=texts)
calls = st.builds(
    lambda args, expected, kwargs, entry, after: CallTest(
        tuple(args), expected, kwargs, entry, {0: after} if args and after is not None else {}
    ),
    st.lists(values, max_size=3),
    values,
    st.dictionaries(st.text("abc", min_size=1), values, max_size=2),
    st.none() | st.just("Solution().g"),
    st.none() | values,
)
tests = st.lists(stdio, max_size=3) | st.lists(calls | code, max_size=3)
problems = st.builds(
    Problem,
    dataset=texts.filter(bool),
    key=texts.filter(bool),
    prompt=texts,
    config=texts.filter(bool),
    split=texts.filter(bool),
    revision=texts,
    starter_code=texts,
    entry_point=st.just("f"),
    language=st.sampled_from(["python", "cpp"]),
    public_tests=tests,
    hidden_tests=st.lists(interactive, max_size=2) | tests,
    limits=limits,
    comparison=st.builds(Comparison, abs_tol=numbers, unordered=st.booleans()),
    checker=st.none() | judge_programs,
    interactor=judge_programs,
    solutions=st.lists(texts, max_size=2),
    wrong_solutions=st.lists(texts, max_size=2),
    difficulty=texts,
    rating=st.none() | st.integers() | st.floats(allow_nan=False),
    family=texts,
    tags=st.lists(texts, max_size=2),
    source=texts,
    license=texts,
    release_date=st.none() | st.dates(),
    flags=st.sets(texts, max_size=2).map(lambda flags: flags | {"no_tests"}),
    row=st.none()
    | st.dictionaries(texts, st.none() | texts | integers | st.lists(integers), max_size=2),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(problem=problems)
def test_a_problem_becomes_a_row_and_comes_back(problem):
    row = plain.row_from_problem(problem)
    assert tuple(row) == plain.COLUMNS
    json.dumps(row, ensure_ascii=False).encode()  # what UTF-8 can hold
    where = {"config": "?", "split": "?", "row_number": 0}
    back = plain.problem_from_row(row, **where)
    assert back == problem
    assert back.fingerprint() == problem.fingerprint()
    # What is empty is left out; a mapping proxy equals no dict.
    assert dict(back.row or {}) == dict(problem.row or {})
    assert plain.head_from_row(row, **where) == Head.of(problem)
    without = {name: value for name, value in row.items() if name != "style"}
    assert plain.head_from_row(without, **where) == Head.of(problem)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(some=st.lists(problems, max_size=5, unique_by=lambda problem: problem.key))
@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz", "p.parquet"])
def test_export_and_load(tmp_path_factory, name, some):
    path = tmp_path_factory.mktemp("export") / name
    written = ProblemSet(some, name="p")
    (written.to_parquet if name.endswith("parquet") else written.to_jsonl)(path)
    assert os.listdir(path.parent) == [name]
    for check in (True, False):
        assert list(load_problems(path, strict=True, check=check)) == some
    assert list(load_problems("plain", data_files=path, streaming=True, strict=True)) == some
    assert load_problems(path).heads() == written.heads()


def test_through_the_package_datasets(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    basic = load_problems("basic")
    made = basic.to_dataset()
    assert made.column_names == list(plain.COLUMNS)
    made.to_parquet(tmp_path / "made.parquet")
    made.to_json(tmp_path / "made.jsonl")
    for name in ("made.parquet", "made.jsonl"):
        loaded = load_problems(tmp_path / name, strict=True)
        assert list(loaded) == list(basic)
        assert loaded.fingerprint() == basic.fingerprint()
    datasets.disable_progress_bars()
    basic.to_jsonl(tmp_path / "ours.jsonl")
    theirs = datasets.load_dataset(
        "json", data_files={"train": str(tmp_path / "ours.jsonl")}, split="train"
    )
    where = {"config": "c", "split": "s", "row_number": 0}
    assert [plain.problem_from_row(row, **where) for row in theirs] == list(basic)


def test_the_same_problems_make_the_same_file(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        load_problems("basic").to_jsonl(tmp_path / name)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert (tmp_path / "a.jsonl.gz").stat().st_mode & 0o777 == 0o666 & ~os.umask(os.umask(0o22))


def test_nothing_is_left_of_half_an_export(tmp_path, monkeypatch):
    problems = ProblemSet([Problem("d", "k", "p", hidden_tests=(StdioTest("", ""),))], name="d")
    monkeypatch.setattr(plain.json, "dumps", lambda *args, **kwargs: 1 / 0)
    for write in (problems.to_jsonl, problems.to_parquet):
        with pytest.raises(ZeroDivisionError):
            write(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# --- written by hand -----------------------------------------------------------------------------


def write(tmp_path, *rows, name="mine.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_key_prompt_and_tests_are_enough(tmp_path):
    path = write(
        tmp_path,
        {"key": "one", "prompt": "Print 1.", "tests": [{"input": "", "output": "1\n"}]},
        {
            "key": "inc",
            "prompt": "Add one.",
            "entry_point": "inc",
            "tests": '[{"args": [1], "expected": 2}, {"args": [[]], "expected": null}]',
            "public_tests": [{"kind": "code", "code": "assert inc(0) == 1"}],
            "limits": {"cpu_time_s": 1.5},
            "release_date": "2024-08-01T00:00:00",
            "tags": ["maths"],
        },
    )
    problems = load_problems(path, strict=True)
    assert (problems.name, problems.config, problems.split) == ("mine", "default", "train")
    assert problems[0] == Problem("mine", "one", "Print 1.", hidden_tests=(StdioTest("", "1\n"),))
    assert problems[1] == Problem(
        "mine",
        "inc",
        "Add one.",
        entry_point="inc",
        public_tests=(CodeTest("assert inc(0) == 1"),),
        hidden_tests=(CallTest((1,), 2), CallTest(([],), None)),
        limits=Limits(cpu_time_s=1.5),
        release_date=date(2024, 8, 1),
        tags=("maths",),
    )
    assert load_problems(path, check=False).heads() == problems.heads()
    assert problems[1].hidden_tests[1].expected is not NOT_COMPARED


def test_a_folder_in_the_hubs_layout_is_a_dataset(tmp_path):
    row = {"key": "one", "prompt": "", "tests": [{"input": "", "output": "1\n"}]}
    folder = tmp_path / "my set.v1"
    folder.mkdir()
    write(folder, row, name="test.jsonl")
    problems = load_problems(folder)
    assert (problems[0].uid, problems.name) == ("my-set/default/test/one", "my-set")
    write(folder, row, row | {"key": "two"}, name="train.jsonl")
    assert load_problems(str(folder)).keys == ("one", "two")
    assert load_problems(folder, split="test").keys == ("one",)
    with pytest.raises(DatasetError, match="no data file of split 'dev'"):
        load_problems(folder, split="dev")


GOOD = {"key": "k", "prompt": "p", "tests": [{"input": "", "output": ""}]}
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("change", "column", "says"),
    [
        ({"key": None}, "key", "is missing"),
        ({"key": ""}, "key", "non-empty"),
        ({"key": 5}, "key", "must be text, got int"),
        ({"prompt": None}, "prompt", "is missing"),
        ({"tests": None}, "tests", "at least one test; or flag the row"),
        ({"tests": []}, "tests", "at least one test"),
        ({"tests": "  "}, "tests", "at least one test"),
        ({"tests": "[{"}, "tests", "must be JSON: Expecting"),
        ({"tests": DEEP}, "tests", "must be JSON: maximum recursion"),
        ({"tests": 7}, "tests", "must be text or JSON, got int"),
        ({"tests": "{}"}, "tests", "must be a list of tests, got dict"),
        ({"tests": [3]}, "tests", "each test must be a JSON object, got int"),
        ({"tests": [{"kind": "stdin"}]}, "tests", "kind must be stdio"),
        ({"tests": [{"input": ""}]}, "tests", "kind must be stdio"),
        ({"tests": [{"input": "", "output": 1}]}, "tests", "output must be text"),
        ({"tests": [{"args": 1, "expected": 1}]}, "tests", "args must be a list"),
        ({"tests": [{"args": [{"a": 1}], "expected": 1}]}, "tests", "tag"),
        ({"tests": [{"args": [], "expected": 1}]}, "entry_point", "given for its tests"),
        ({"hidden_tests": [{"code": ""}]}, "tests", "stands beside 'hidden_tests'"),
        ({"entrypoint": "f"}, "entrypoint", "is unknown, wanted dataset, key, prompt"),
        ({"limits": {"cpu_time_s": -1}}, "limits", "cpu_time_s must be > 0 seconds"),
        ({"limits": '{"cpu": 1}'}, "limits", "Limits keys must be among"),
        ({"tags": "dp"}, "tags", "must be a list of texts, got str"),
        ({"tags": ["dp", 1]}, "tags", "must be a list of texts, got a int"),
        ({"rating": "hard"}, "rating", "a number or None"),
        ({"release_date": "soon"}, "release_date", "YYYY-MM-DD, got 'soon'"),
        ({"style": "call"}, "style", "must be that of the first test, 'stdio'"),
        ({"exact": "[1]"}, "exact", "must be a JSON object, got list"),
        ({"interactor": {"protocol": "testlib"}}, "interactor", "source"),
    ],
)
def test_a_bad_row_is_refused_by_column(change, column, says):
    row = {**GOOD, **change}
    with pytest.raises(DatasetRowError) as caught:
        plain.problem_from_row(row, config="c", split="s", row_number=4)
    assert caught.value.column == column
    assert says in caught.value.reason
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_integers_of_thousands_of_digits(tmp_path):
    number = 7**20_000
    problem = Problem("d", "k", "p", entry_point="f", hidden_tests=(CallTest((number,), -number),))
    for name in ("p.jsonl", "p.parquet"):
        written = ProblemSet([problem], name="d")
        (written.to_parquet if name == "p.parquet" else written.to_jsonl)(tmp_path / name)
        assert load_problems(tmp_path / name)[0] == problem
    digits = "7" * 9_000
    path = tmp_path / "hand.jsonl"
    path.write_text(
        '{"key": "k", "prompt": "", "entry_point": "f", '
        f'"tests": [{{"args": [{digits}], "expected": "{plain_data.MAX_DEPTH}"}}]}}\n'
        f'{{"key": "l", "prompt": "", "tests": "[{"7" * 200_000}]"}}\n'
    )
    problems = load_problems(path)
    assert problems[0].tests[0].args == (7 * (10**9000 - 1) // 9,)
    assert "Exceeds the limit (100000 digits)" in problems.dropped[0].reason


def test_a_full_disk_is_said_with_the_users_path_and_nothing_is_left(tmp_path):
    script = """
import resource, signal, sys
from coding_envs.data import load_problems
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (9999, 9999))
try:
    load_problems("starter").to_jsonl(sys.argv[1])
except OSError as error:
    print(error.filename)
"""
    path = tmp_path / "out.jsonl"
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"{path}\n"
    assert not list(tmp_path.iterdir())
