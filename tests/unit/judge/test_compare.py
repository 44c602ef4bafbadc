# ruff: noqa: E501, RUF001 -- programs and tables, a case a line
from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs import plain_data
from coding_envs.judge import plain_matches, stdout_matches
from coding_envs.problem import Comparison

RULES = Comparison()
ALWAYS = Comparison(floats="always")
NEVER = Comparison(floats="never")
UNORDERED = Comparison(unordered=True)
ORDERED = OrderedDict(a=1, b=2)


@pytest.mark.parametrize(
    ("expected", "got", "rules", "wanted"),
    [
        # white space
        ("1 2\n", "1 2", RULES, True), ("1 2", "1\n2\n\n", RULES, True), ("", "\n \n", RULES, True),
        ("a", "a\r\n", RULES, True), ("", "x", RULES, False), ("x", "", RULES, False),
        # every token counts, as often as it stands
        ("1 2 3", "1 2", RULES, False), ("1 2", "1 2 3", RULES, False), ("1", "11", RULES, False),
        ("1\n2\n3", "1\n2", RULES, False), ("yes", "Yes", RULES, False), ("12", "1 2", RULES, False),
        ("yes", "yes indeed", RULES, False), ("ab", "abc", RULES, False),
        # integers never by tolerance
        ("1000000000", "1000000001", RULES, False), ("1", "1.0", RULES, False),
        ("100", "1e2", RULES, False), ("1", "+1", RULES, False), ("1", "01", RULES, False),
        ("-0", "0", RULES, False), ("7", "7.0000001", RULES, False),
        # floats by tolerance, where the expected token says so
        ("0.5", "0.50", RULES, True), ("0.5", ".5", RULES, True), ("1.0", "1", RULES, True),
        ("1e2", "100", RULES, True), ("2.0", "1.9999999", RULES, True), ("0.1", "0.1001", RULES, False),
        ("1.5", "1.500001", RULES, True), ("1.5", "1.50001", RULES, False),
        ("1000000.0", "1000000.9", RULES, True), ("1000000.0", "1000002.0", RULES, False),
        ("0.0", "-0.0", RULES, True), ("-1.5", "-1.5000000001", RULES, True),
        ("3.14", "3,14", RULES, False), ("3.14", "3.14f", RULES, False), ("3.14", "0x3", RULES, False),
        ("3.14", "1_0.0", RULES, False), ("10.0", "1_0", RULES, False), ("1.0", "١", RULES, False),
        # no number is matched by NaN or infinity
        ("1.0", "nan", RULES, False), ("0.0", "NaN", RULES, False), ("1.0", "inf", RULES, False),
        ("1.0", "1e999", RULES, False), ("1e308", "1e309", RULES, False), ("nan", "1.0", RULES, False),
        ("1.0", "nan", ALWAYS, False), ("nan", "NaN", ALWAYS, False), ("nan", "nan", RULES, True),
        # where the problem says otherwise
        ("1", "1.0", ALWAYS, True), ("1", "1.0000001", ALWAYS, True), ("1", "2", ALWAYS, False),
        ("0.5", "0.50", NEVER, False), ("0.5", "0.5", NEVER, True),
        ("1.0", "1.01", Comparison(abs_tol=0.1), True), ("0.0", "0.5", Comparison(rel_tol=1.0), False),
        ("b\na", "a\nb", UNORDERED, True), ("b\na", "a\na", UNORDERED, False),
        ("a b\nc", "c\na b", UNORDERED, True), ("a b", "b a", UNORDERED, False),
        ("1.0\n2.0", "2.00\n1.00", UNORDERED, True), ("a", "a\nb", UNORDERED, False),
        ("10.0\n9.0", "9\n10", UNORDERED, True), ("a\n", "x" * 50_000, UNORDERED, False),
        ("YES", "yes", Comparison(ignore_case=True), True),
        ("1.5", "1" * 1000 + ".5", RULES, False), ("x", "y " * 100_000, RULES, False),
    ],
)  # fmt: skip
def test_stdout(expected: str, got: str, rules: Comparison, wanted: bool) -> None:
    assert stdout_matches(expected, got, rules) is wanted


@given(st.text(), st.text())
def test_stdout_never_raises_and_equal_texts_match(expected: str, got: str) -> None:
    for rules in (RULES, ALWAYS, NEVER, UNORDERED):
        assert stdout_matches(expected, got, rules) in (True, False)
        assert stdout_matches(got, got, rules)


def match(expected: Any, got: Any, rules: Comparison = RULES) -> bool:
    return plain_matches(plain_data.encode(expected), plain_data.encode(got, opaque=True), rules)


INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("expected", "got", "rules", "wanted"),
    [
        (1, 1, RULES, True), (1, 2, RULES, False), ("a", "a", RULES, True), ("a", "A", RULES, False),
        (None, None, RULES, True), (None, 0, RULES, False), (None, False, RULES, False),
        ([], None, RULES, False), ("", None, RULES, False), (b"a", "a", RULES, False),
        (b"a", b"a", RULES, True), ("1", 1, RULES, False),
        # bool is not int, in neither direction, at any depth
        (1, True, RULES, False), (True, 1, RULES, False), (0, False, RULES, False),
        ([1], [True], RULES, False), ({1: 1}, {True: 1}, RULES, False), (1.0, True, RULES, False),
        ({1}, {True}, RULES, False), (True, True, RULES, True), (True, 1.0, ALWAYS, False),
        # integers never by tolerance
        (10**9, 10**9 + 1, RULES, False), (1, 1.0, RULES, False), (2**70, 2**70, RULES, True),
        (2**70, 2**70 + 1, RULES, False), (2**70, float(2**70), RULES, False),
        # floats
        (0.3, 0.1 + 0.2, RULES, True), (1.0, 1, RULES, True), (1.0, 1.1, RULES, False),
        (1e20, 10**20, RULES, True), (1e20, 10**400, RULES, False), (0.0, -0.0, RULES, True),
        (1.0, "1.0", RULES, False), (INF, INF, RULES, True), (INF, -INF, RULES, False),
        (INF, 1e308, RULES, False), (1e308, INF, RULES, False), (NAN, NAN, RULES, False),
        (1.0, NAN, RULES, False), (NAN, 1.0, RULES, False), ([NAN], [NAN], RULES, False),
        ({NAN}, {NAN}, RULES, False), ([NAN], [NAN], UNORDERED, False), ({1: NAN}, {1: NAN}, RULES, False),
        (1.0, 1.0 + 1e-9, NEVER, False), (1.0, 1.0, NEVER, True), (1.0, 1, NEVER, False),
        (1, 1.0, ALWAYS, True), (2**70, float(2**70), ALWAYS, True), (10**400, 10**400, ALWAYS, True),
        (1.0, 1.05, Comparison(abs_tol=0.1), True),
        # containers
        ((1, 2), [1, 2], RULES, True), ([1, 2], (1, 2), RULES, True), ([[1], (2,)], ((1,), [2]), RULES, True),
        ([1, 2], [1, 2, 3], RULES, False), ([1, 2, 3], [1, 2], RULES, False), ([1, 2], [2, 1], RULES, False),
        ([1], 1, RULES, False), ([], {}, RULES, False), ([], set(), RULES, False), ([1], {1}, RULES, False),
        ({1, 2}, {2, 1}, RULES, True), ({1, 2}, {1, 3}, RULES, False), ({1}, frozenset({1}), RULES, False),
        ({1.0}, {1.0 + 1e-9}, RULES, True), ({(1, 2)}, {(1, 2)}, RULES, True), ({1, "1"}, {"1", 1}, RULES, True),
        ({"a": 1}, {"a": 1}, RULES, True), ({"a": 1, "b": 2}, {"b": 2, "a": 1}, RULES, True),
        ({"a": 1}, {"a": 1, "b": 2}, RULES, False), ({"a": 1, "b": 2}, {"a": 1}, RULES, False),
        ({"a": 1.0}, {"a": 1.0 + 1e-9}, RULES, True), ({1: "a"}, {"1": "a"}, RULES, False),
        ({(1, 2): 3}, {(1, 2): 3}, RULES, True), ({"a": [1, (2,)]}, {"a": [1, [2]]}, RULES, True),
        (1 + 2j, 1 + 2j, RULES, True), (1 + 2j, 1 + 3j, RULES, False), (1 + 0j, 1.0, RULES, False),
        (complex(INF, 1), complex(INF, 1), RULES, True), (complex(NAN, 1), complex(NAN, 1), RULES, False),
        # unordered
        ([1, 2, 2], [2, 1, 2], UNORDERED, True), ([1, 2, 2], [1, 1, 2], UNORDERED, False),
        ([[1, 9], [2, 3]], [[3, 2], [9, 1]], UNORDERED, True), ([[1, 2], [3]], [[3], [2, 1]], UNORDERED, True),
        ([[1, 2], [3]], [[3], [2, 2]], UNORDERED, False), ([1.0, 2.0], [2.0 + 1e-9, 1], UNORDERED, True),
        ([1, "1"], ["1", 1], UNORDERED, True), ([True, 1], [1, True], UNORDERED, True),
        ([1, 1], [1, True], UNORDERED, False), ([{"a": [1, 2]}], [{"a": [2, 1]}], UNORDERED, True),
        # what Python calls equal
        (bytearray(b"x"), b"x", RULES, True), (b"x", bytearray(b"y"), RULES, False), (b"x", "78", RULES, False),
        ({"a": 2}, Counter("aa"), RULES, True), (Counter("aa"), {"a": 2}, RULES, True), (Counter("a"), Counter("b"), RULES, False),
        (Counter(a=1), Counter(a=1, b=0), RULES, True), ({"a": 1}, Counter(a=1, b=0), RULES, False),
        (ORDERED, OrderedDict(b=2, a=1), RULES, False), (ORDERED, OrderedDict(a=1, b=2), RULES, True),
        (ORDERED, {"b": 2, "a": 1}, RULES, True), ({"b": 2, "a": 1}, ORDERED, RULES, True),
        (OrderedDict(a=1.0), OrderedDict(a=1.0 + 1e-9), RULES, True), ({"a": [1]}, defaultdict(list, a=[1]), RULES, True),
        (defaultdict(list, a=[1]), defaultdict(list, a=[2]), RULES, False), ([1], defaultdict(list), RULES, False),
        (deque([1, (2,)]), deque([1, [2]], maxlen=3), RULES, True), (deque([1]), [1], RULES, False), ([1], deque([1]), RULES, False),
        (Decimal("1.0"), Decimal("1.00"), RULES, True), (Decimal("1"), 1, RULES, False), (Decimal("nan"), Decimal("nan"), RULES, False),
        (Decimal(1), Decimal("1e999999"), RULES, False), (Fraction(1, 3), Fraction(2, 6), RULES, True), (Fraction(1, 2), 0.5, RULES, False),
        (date(2024, 1, 2), date(2024, 1, 2), RULES, True), (date(2024, 1, 2), datetime(2024, 1, 2), RULES, False),
        (datetime(2024, 1, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=1))), RULES, True),
        (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1), RULES, False), (timedelta(1), timedelta(hours=24), RULES, True),
        (range(0), range(5, 5), RULES, True), (range(3), range(0, 3, 1), RULES, True), (range(0, 3, 2), range(0, 4, 2), RULES, True),
        (range(3), [0, 1, 2], RULES, False), ([0, 1, 2], range(3), RULES, False), ([0, 1], iter([0, 1]), RULES, False),
        ([0, 1], (i for i in range(2)), RULES, False), ({1: 2}.keys(), {1: 3}.keys(), RULES, True),
        # NumPy
        (3, np.int64(3), RULES, True), (True, np.bool_(True), RULES, True), (1, np.bool_(True), RULES, False),
        (0.5, np.float32(0.5), RULES, True), (3, np.float64(3), RULES, False), (2.0, np.float64(2), RULES, True), (NAN, np.float32(NAN), RULES, False),
        ([1, 2], np.array([1, 2]), RULES, False), (np.array([1, 2]), np.array([1, 2], dtype="i2"), RULES, True),
        (np.array([1, 2]), np.array([[1, 2]]), RULES, False), (np.array([1, 2]), np.array([1.0, 2.0]), RULES, False),
        (np.array([1.0, 2.0]), np.array([1, 2]), RULES, True), (np.array([0.3]), np.array([0.1 + 0.2]), RULES, True),
        (np.array([0.3]), np.array([0.1 + 0.2]), NEVER, False), (np.array([NAN]), np.array([NAN]), RULES, False),
        (np.array([INF, 1]), np.array([INF, 1]), RULES, True), (np.array([INF]), np.array([-INF]), RULES, False),
        (np.array([1e308]), np.array([-1e308]), RULES, False), (np.array(["a"]), np.array(["a"]), RULES, True),
        (np.array([1, None]), np.array([1, None]), RULES, True), (np.array([1, None]), np.array([1, 2]), RULES, False),
        (np.array([True]), np.array([1]), RULES, False), (np.array([]), np.array([]), RULES, True), (np.array([1]), [1], RULES, False),
        # what cannot cross equals nothing
        (1, object(), RULES, False), ([1], [len], RULES, False), ({"opaque": "int"}, 5, RULES, False),
    ],
)  # fmt: skip
def test_values(expected: Any, got: Any, rules: Comparison, wanted: bool) -> None:
    assert match(expected, got, rules) is wanted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(sorted({*plain_data._DECODERS, *plain_data._SCALAR_DECODERS}))
            | st.text(max_size=3),
            inner,
            max_size=2,
        )
    ),
    max_leaves=15,
)
EXPECTED = st.sampled_from(
    [
        1,
        1.5,
        True,
        "x",
        [1, 2],
        (1,),
        {1},
        {"a": 1},
        {1: {2: [3.0]}},
        1j,
        b"x",
        2**80,
        [[1.5], {2}],
        INF,
        ORDERED,
        Counter("a"),
        deque([1]),
        Decimal(1),
        datetime(2024, 1, 1),
        range(3),
        np.int64(1),
        np.array([1.5, 2.0]),
        defaultdict(int, a=1),
        {1: 2}.items(),
    ]
)


@given(EXPECTED, JSON, st.sampled_from([RULES, ALWAYS, NEVER, UNORDERED]))
def test_forged_values_never_raise(expected: Any, got: Any, rules: Comparison) -> None:
    assert plain_matches(plain_data.encode(expected), got, rules) in (True, False)


@given(
    st.recursive(
        st.integers() | st.text(max_size=3) | st.booleans(), lambda i: st.lists(i, max_size=4)
    )
)
def test_a_value_matches_itself_and_any_order_of_itself(value: Any) -> None:
    assert match(value, value)
    if isinstance(value, list):
        assert match(value, value[::-1], UNORDERED)
        assert not match(value, [*value, 1], UNORDERED)


def test_deep_values_are_no_match() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    for rules in (RULES, UNORDERED):
        assert plain_matches([[1]], deep, rules) is False
    while isinstance(deep, list):  # taken apart here: freeing it at once would overflow the stack
        deep = deep[0]


UNWRAP, JSON_KEYS = Comparison(unwrap=True), Comparison(json_keys=True)


@pytest.mark.parametrize(
    ("expected", "got", "rules", "wanted"),
    [
        ([3], 3, UNWRAP, True), ([3], [3], UNWRAP, True), ([3], (3,), UNWRAP, True),
        ([[3]], [3], UNWRAP, True), ([[3]], 3, UNWRAP, False), ([3], 4, UNWRAP, False),
        (3, [3], UNWRAP, False), ([3, 4], 3, UNWRAP, False), ([3], 3, RULES, False),
        ({"a": [3]}, {"a": 3}, UNWRAP, False), ([], None, UNWRAP, False), ([None], None, UNWRAP, True),
        ({"1": 2}, {1: 2}, JSON_KEYS, True), ({"1": 2}, {"1": 2}, JSON_KEYS, True),
        ({"1": 2}, {1: 2}, RULES, False), ({"1": 2}, {1.0: 2}, JSON_KEYS, False),
        ({"1.5": 2, "true": 1, "null": 0}, {1.5: 2, True: 1, None: 0}, JSON_KEYS, True),
        ({"1": 2}, {1: 2, "1": 2}, JSON_KEYS, False), ({"1": {"2": 3}}, {1: {2: 3}}, JSON_KEYS, True),
        ({"1": 2}, {1: 3}, JSON_KEYS, False), ({"1": 2}, {2: 2}, JSON_KEYS, False),
        ([{"1": 2}], {1: 2}, Comparison(unwrap=True, json_keys=True), True),
        ({"1": 2}, Counter({1: 2}), JSON_KEYS, True), ({"(1, 2)": 3}, {(1, 2): 3}, JSON_KEYS, False),
    ],
)  # fmt: skip
def test_what_json_changed(expected: Any, got: Any, rules: Comparison, wanted: bool) -> None:
    sides = plain_data.encode(expected), plain_data.encode(got)
    assert plain_matches(*sides, rules) is wanted


def test_the_rules_for_json_are_written_only_where_they_are_set() -> None:
    assert set(RULES.to_json()) == {"abs_tol", "rel_tol", "floats", "unordered", "ignore_case"}
    for rules in (UNWRAP, JSON_KEYS):
        assert Comparison.from_json(rules.to_json()) == rules
