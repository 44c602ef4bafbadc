"""Row reads columns in whatever shape a reader gives them, and names what is wrong."""

import datetime as dt
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs.data.rows import Row, parse_json, parse_json_or_python
from coding_envs.errors import DatasetRowError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def row(**columns):
    return Row(columns, dataset="d", split="train", number=7)


@given(VALUES)
def test_json_and_literals_are_read_back(value):
    assert parse_json(json.dumps(value)) == value
    assert parse_json_or_python(repr(value)) == value
    assert row(x=json.dumps(value)).json("x") == value


@given(st.integers(4000, 20_000), st.booleans())
def test_ints_of_any_length_leave_the_interpreter_alone(digits, negative):
    limit = sys.get_int_max_str_digits()
    found = parse_json("[" + "-" * negative + "7" * digits + "]")[0]
    assert abs(found) == 7 * (10**digits - 1) // 9
    assert (found < 0) == negative
    assert sys.get_int_max_str_digits() == limit


def test_limits_on_what_is_parsed(monkeypatch):
    with pytest.raises(ValueError, match="too deeply"):
        parse_json("[" * 1_000_000)
    monkeypatch.setattr("coding_envs.data.rows.MAX_TEXT_CHARS", 10)
    with pytest.raises(ValueError, match="at most 10 characters, got 11"):
        parse_json(" " * 11)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "__import__('os')",
        "1 +",
        "f(x)",
        "\0",
        "(" * 300,
        "'a' * 10**9",
        "9" * 5000 + ",",
    ],
)
def test_no_literal(text):
    with pytest.raises(ValueError, match="must be JSON") as caught:
        parse_json_or_python(text)
    assert "\n" not in str(caught.value)


def test_records():
    pairs = [("a", 1), ("b", 2)]
    names = ("x", "y")
    assert row(r={"x": ["a", "b"], "y": [1, 2], "z": 3}).records("r", names) == pairs
    assert row(r=[{"x": "a", "y": 1}, {"y": 2, "x": "b"}]).records("r", names) == pairs
    assert row(r=None).records("r", names) == row(r=[]).records("r", names) == []
    for wrong, words in [
        ({"x": ["a"], "y": []}, "one length"),
        ({"x": ["a"]}, "lists named x, y"),
        ([{"x": 1}], "records with x, y"),
        (["x"], "records with x, y"),
        ("text", "list of records"),
        (7, "list of records"),
    ]:
        with pytest.raises(DatasetRowError, match=rf"column 'r'.*{words}"):
            row(r=wrong).records("r", names)


def test_dates():
    day = dt.date(2024, 8, 1)
    moment = dt.datetime(2024, 8, 1, 12)
    for value in (day, moment, "2024-08-01", "2024-08-01 12:00:00", "2024-08-01T12:00:00Z"):
        assert row(d=value).optional_date("d") == day
    assert (
        row(d=None).optional_date("d") is row(d="").optional_date("d") is row().optional_date("d")
    )
    with pytest.raises(DatasetRowError, match="must be a date, got 7"):
        row(d=7).optional_date("d")


def test_what_may_be_missing():
    assert row().optional_text("x") == row(x=None).optional_text("x") == ""
    assert row().optional_texts("x") == row(x=[]).optional_texts("x") == ()
    assert row().optional_number("x") is row(x=float("nan")).optional_number("x") is None
    assert row(x=2).optional_number("x") == 2
    for method in ("optional_text", "optional_texts", "optional_number"):
        with pytest.raises(DatasetRowError, match="column 'x'"):
            getattr(row(x=True), method)("x")


def test_literals():
    assert row(x="['a', \"b\"]").literals("x") == row(x=["a", "b"]).literals("x") == ("a", "b")
    assert row(x="").literals("x") == row().literals("x") == ()
    with pytest.raises(DatasetRowError, match="list of texts"):
        row(x="{'a': 1}").literals("x")


def test_what_is_kept_is_json_data():
    moment = dt.datetime(2024, 8, 1, 12)
    kept = row(a=moment, b=[{"c": moment.date()}], t="tests", n=[1.5, None]).without("t")
    assert kept == {"a": "2024-08-01T12:00:00", "b": [{"c": "2024-08-01"}], "n": [1.5, None]}
    json.dumps(kept)
