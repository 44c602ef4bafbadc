"""`Comparison(equality="python")` is Python's `==`, and NumPy's `allclose` where asked for."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs import plain_data
from coding_envs.errors import InvalidValueError
from coding_envs.judge import plain_matches
from coding_envs.problem import Comparison

EXACT = Comparison(equality="python", floats="never")
PLUS = Comparison(equality="python", abs_tol=1e-6, rel_tol=1e-7)
ALWAYS = Comparison(equality="python", abs_tol=1e-6, rel_tol=1e-7, floats="always")

numbers = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([0.0, -0.0, 1.0, 2.5, 1e300, math.inf]),
)
keys = st.recursive(
    st.one_of(numbers, st.text(max_size=2), st.none()),
    lambda part: st.one_of(st.tuples(part), st.tuples(part, part), st.frozensets(part, max_size=2)),
    max_leaves=4,
)
values = st.recursive(
    keys,
    lambda part: st.one_of(
        st.lists(part, max_size=3),
        st.lists(part, max_size=3).map(tuple),
        st.dictionaries(keys, part, max_size=3),
        st.dictionaries(keys, part, max_size=2).map(OrderedDict),
        st.sets(keys, max_size=3),
        st.dictionaries(keys, st.integers(-1, 2), max_size=2).map(Counter),
    ),
    max_leaves=8,
)


def matches(expected: Any, got: Any, rules: Comparison) -> bool:
    return plain_matches(plain_data.encode(expected), plain_data.encode(got), rules)


@given(values, values)
def test_it_is_what_python_calls_equal(a: Any, b: Any) -> None:
    assert matches(a, b, EXACT) == (a == b)
    assert matches(a, a, EXACT)


def twin(value: Any) -> Any:
    """The same by `==`, of other types where there are any."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and abs(value) < 2**53:
        return float(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(twin, value))
    if isinstance(value, dict):
        return {twin(k): twin(v) for k, v in reversed(value.items())}
    return value


@given(values)
def test_types_of_numbers_and_the_order_of_keys_make_no_difference(a: Any) -> None:
    b = twin(a)
    assert matches(a, b, EXACT) == (a == b)


shapes = st.one_of(
    st.floats(allow_nan=True, width=16),
    st.lists(st.floats(width=16), min_size=1, max_size=3),
    st.lists(st.floats(width=16), min_size=1, max_size=3).map(tuple),
    st.lists(st.integers(-5, 5), min_size=1, max_size=3),
)
shifts = st.sampled_from([0.0, 1e-9, 0.9e-6, 1.1e-6, 1e-3])


def moved(value: Any, by: float) -> Any:
    if isinstance(value, (list, tuple)):
        return [moved(v, by) for v in value]
    return value + by


@given(shapes, shifts, st.sampled_from([PLUS, ALWAYS]))
def test_the_tolerance_is_that_of_allclose(exp: Any, by: float, rules: Comparison) -> None:
    out = moved(exp, by)
    items = exp if isinstance(exp, (list, tuple)) else [exp]
    floats = all(isinstance(item, float) for item in items)
    near = bool(np.allclose(out, exp, rtol=1e-7, atol=1e-6))
    wanted = out == exp or (near and (floats or rules is ALWAYS))
    assert matches(exp, out, rules) == wanted


@pytest.mark.parametrize(
    ("expected", "got", "rules", "wanted"),
    [
        ([1], (1,), PLUS, False),
        ([1.0], (1.0,), PLUS, True),  # as with allclose
        ([], (), PLUS, True),
        (40, 40.0, PLUS, True),
        (True, 1, PLUS, True),
        (1, 1.0000001, PLUS, False),
        (1, 1.0000001, ALWAYS, True),
        ([[1.0]], [[1.0000001]], PLUS, False),
        ([[1.0]], [[1.0000001]], ALWAYS, True),
        (5.0, [5.0], PLUS, False),  # no broadcasting
        ([], 0, PLUS, False),
        (1.0, "1.0", ALWAYS, False),
        (1.0, None, ALWAYS, False),
        (1 + 2j, 1 + 2.0000001j, ALWAYS, True),
        (math.nan, math.nan, ALWAYS, False),
        (math.inf, math.inf, PLUS, True),
        (math.inf, 1e308, ALWAYS, False),
        (2**100, 2.0**100, EXACT, True),
        (2**100 + 1, 2.0**100, EXACT, False),
        (10**400, 1e308, ALWAYS, False),
        ({1: 2}, {1.0: 2}, EXACT, True),
        ({(1, 2)}, {(1.0, True + 1)}, EXACT, True),
        (np.float64(2.5), 2.5, EXACT, True),
        (2.5, np.float32(2.5), PLUS, True),
    ],
)
def test_by_hand(expected: Any, got: Any, rules: Comparison, wanted: bool) -> None:
    assert matches(expected, got, rules) is wanted


def test_forged_values_match_nothing_and_break_nothing() -> None:
    for forged in (
        *({"set": 1}, {"dict": [[1]]}, {"tuple": None}, {"int": "x"}, {"opaque": "f"}, {}, []),
        *({"complex": [1]}, {"set": [1], "tuple": [1]}, {"counter": [[1, 2, 3]]}, None, "x"),
    ):
        for expected in ({1}, {1: 2}, (1,), 5, 2 + 1j, Counter("a"), [3]):
            for rules in (EXACT, PLUS, ALWAYS):
                assert not plain_matches(plain_data.encode(expected), forged, rules)


def test_the_rule_is_checked_and_kept() -> None:
    assert Comparison.from_json(PLUS.to_json()) == PLUS
    assert "equality" not in Comparison().to_json()  # older fingerprints stay
    with pytest.raises(InvalidValueError, match="equality must be typed or python, got 'loose'"):
        Comparison(equality="loose")
    with pytest.raises(InvalidValueError, match="unordered must be False"):
        Comparison(equality="python", unordered=True)
