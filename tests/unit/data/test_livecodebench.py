"""LiveCodeBench's rows become problems; packed tests are unpacked, and nothing else."""

import base64
import datetime as dt
import json
import pickle
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs.data import dataset_spec
from coding_envs.data.layouts.livecodebench import (
    decode_private_tests,
    encode_private_tests,
    problem_from_row,
)
from coding_envs.errors import DatasetRowError
from coding_envs.problem import CallTest, StdioTest

DATA = Path(__file__).parents[2] / "data"
FILE = DATA / "livecodebench_code_generation_lite.jsonl"
ROWS = [json.loads(x) for x in FILE.read_text().splitlines()]


def make(number=0, /, **changes):
    return problem_from_row(ROWS[number] | changes, split="test", row_number=number)


def packed(data):
    return base64.b64encode(zlib.compress(data)).decode()


def test_a_row_on_standard_input():
    problem = make()
    assert problem.uid == "livecodebench/release_v6/test/auth900_a"
    assert problem.public_tests == (StdioTest("3", "14"),)
    assert len(problem.hidden_tests) == 2
    assert problem.release_date == dt.date(2024, 10, 5)
    assert (problem.source, problem.difficulty) == ("atcoder", "easy")
    assert problem.limits.cpu_time_s == 6.0
    assert "setrecursionlimit" in problem.prelude


def test_a_method():
    problem = make(2)
    assert problem.entry_point == "Solution().countEqualPairs"
    assert problem.public_tests == (CallTest(([1, 2, 1, 1], 2), 2),)


def test_private_tests_as_json_or_decoded():
    cases = json.loads(ROWS[4]["private_test_cases"])
    assert make(4, private_test_cases=cases) == make(4)
    assert make(4, private_test_cases=encode_private_tests(cases)) == make(4)


def test_a_date_of_any_kind():
    when = dt.datetime(2024, 10, 5)
    assert make(contest_date=when).release_date == dt.date(2024, 10, 5)
    assert make(contest_date=when).row["contest_date"] == "2024-10-05T00:00:00"


@pytest.mark.parametrize(
    ("question", "flag"),
    [("abc311_c", "special_judge"), ("abc355_e", "interactive"), ("arc189_a", "known_bad")],
)
def test_errata_are_flagged(question, flag):
    assert make(question_id=question).flags == {flag}
    assert make(0).flags == frozenset()


def test_errata_by_title():
    assert make(2, question_title="find-the-peaks").flags == {"special_judge"}


def test_releases_are_files():
    spec = dataset_spec("livecodebench")
    assert spec.hub_files["release_v3", "test"] == ("test.jsonl", "test2.jsonl", "test3.jsonl")
    assert spec.hub_files["v6", "test"] == ("test6.jsonl",)
    assert spec.expected_rows["release_v6", "test"] == 1055
    assert spec.expected_rows["release_v4", "test"] == 713


TEXT = st.text(max_size=50)  # surrogates too: JSON escapes them
CASES = st.lists(st.fixed_dictionaries({"input": TEXT, "output": TEXT, "testtype": TEXT}))


@given(CASES)
def test_packing_goes_both_ways(cases):
    assert decode_private_tests(encode_private_tests(cases)) == cases


@given(CASES, st.integers(2, 5))
def test_other_pickles_of_plain_cases(cases, protocol):
    plain = [{k: v.encode("utf-8", "replace").decode() for k, v in case.items()} for case in cases]
    assert decode_private_tests(packed(pickle.dumps(plain, protocol))) == plain
    assert decode_private_tests(packed(pickle.dumps(json.dumps(cases), protocol))) == cases


@given(st.binary(max_size=300))
def test_any_bytes_are_unpacked_or_refused(data):
    for text in (packed(data), base64.b64encode(data).decode(), data.decode("latin-1")):
        try:
            decode_private_tests(text, max_bytes=10_000)
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017 - one or the other


class Exploit:
    def __reduce__(self):
        return (Path.touch, (Path("exploited"),))


def test_no_pickle_runs_anything(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = [
        pickle.dumps(Exploit()),
        pickle.dumps([Exploit()], 2),
        pickle.dumps(Path("x")),
        pickle.dumps(dt.date(2024, 1, 1), 0),
        b"cos\nsystem\n(S'touch exploited'\ntR.",
        b"(S'touch exploited'\nios\nsystem\n.",
        b"Pname\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ftouch exploited\x85R.",
        b"\x80\x02]r\xff\xff\xff\x7f.",  # makes room for 2**31 objects
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
    ]
    for data in evil:
        with pytest.raises(ValueError, match="must be"):
            decode_private_tests(packed(data))
    assert list(tmp_path.iterdir()) == []


def test_a_bomb_is_refused_at_once():
    bomb = packed(b"\0" * 300_000_000)
    began = time.perf_counter()
    with pytest.raises(ValueError, match="at most 1000000 bytes"):
        decode_private_tests(bomb, max_bytes=1_000_000)
    assert time.perf_counter() - began < 1


def test_shared_parts_do_not_multiply():
    """Lists that hold each other twice are no cases, however small their pickle."""
    nested = []
    for _ in range(60):
        nested = [nested, nested]
    with pytest.raises(DatasetRowError, match="list of cases"):
        make(private_test_cases=packed(pickle.dumps(nested)))


def test_cut_short():
    whole = ROWS[0]["private_test_cases"]
    for part in (whole[:-8], whole[:40], whole[:3]):
        with pytest.raises(DatasetRowError, match="'private_test_cases'"):
            make(private_test_cases=part)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("public_test_cases", '[{"input": "1"}]', "as texts"),
        ("public_test_cases", '["x"]', "list of cases"),
        ("public_test_cases", '[{"input":"1","output":"1","testtype":"odd"}]', "testtype"),
        ("public_test_cases", '[{"input":"[1","output":"1","testtype":"functional"}]', "JSON"),
        ("metadata", '{"func_name": "f"}', "unlike the tests' type"),
        ("metadata", "x", "JSON"),
        ("question_id", None, "must be text"),
    ],
)
def test_malformed_columns_are_told(column, value, words):
    with pytest.raises(DatasetRowError, match=rf"'{column}'.*{words}"):
        make(**{column: value})


def test_no_tests():
    with pytest.raises(DatasetRowError, match="no tests"):
        make(public_test_cases="[]", private_test_cases="")
