# ruff: noqa: E501 -- programs and tables, a case a line
from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs import plain_data
from coding_envs.errors import PlainDataError
from coding_envs.plain_data import MAX_DEPTH, Opaque

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62, max_value=2**70)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
)
HASHABLE = st.recursive(
    SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4), max_leaves=6
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.sets(HASHABLE, max_size=5)
        | st.frozensets(HASHABLE, max_size=5)
        | st.dictionaries(HASHABLE, inner, max_size=5)
    ),
    max_leaves=20,
)


def shape(value: Any) -> Any:
    """The value with the types of all its parts, so that 1, 1.0 and True differ."""
    if isinstance(value, (list, tuple)):
        return (type(value), [shape(v) for v in value])
    if isinstance(value, dict):
        return (dict, [(shape(k), shape(v)) for k, v in value.items()])
    if isinstance(value, (set, frozenset)):
        return (type(value), sorted(map(repr, map(shape, value))))
    return (type(value), repr(value))


@given(VALUES)
def test_round_trip_keeps_value_and_types(value: Any) -> None:
    text = plain_data.dumps(value)
    assert text.isascii()
    assert "\n" not in text
    back = plain_data.loads(text)
    assert shape(back) == shape(value)
    assert plain_data.dumps(back) == text


def test_nan_crosses() -> None:
    assert math.isnan(plain_data.loads(plain_data.dumps(math.nan)))
    assert math.isnan(plain_data.loads(plain_data.dumps(complex(0, math.nan))).imag)


@given(st.sets(st.integers() | st.text(), max_size=8))
def test_a_set_is_one_text_whatever_its_order(value: set[Any]) -> None:
    backwards = list(value)[::-1]
    assert plain_data.dumps(value) == plain_data.dumps(set(backwards))


class Text(str):
    def __str__(self) -> str:
        return "lie"

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class Number(int):
    def __int__(self) -> int:
        return 99


class Items(list[Any]):
    def __iter__(self) -> Any:
        return iter("lie")


class Colour(IntEnum):
    RED = 3


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (Text("t"), "t"),
        (Number(5), 5),
        (Items([1]), [1]),
        (Colour.RED, 3),
        (Point(1, 2), (1, 2)),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (Counter("aa"), {"a": 2}),
        (bytearray(b"x"), b"x"),
    ],
    ids=str,
)
def test_subclasses_arrive_as_their_base_and_run_no_override(value: Any, base: Any) -> None:
    back = plain_data.loads(plain_data.dumps(value))
    assert type(back) is type(base)
    assert back == base


@pytest.mark.parametrize("value", [object(), len, type, range(3), iter([]), ..., NotImplemented])
def test_other_types_are_refused_or_opaque(value: Any) -> None:
    with pytest.raises(PlainDataError, match="is not plain data"):
        plain_data.dumps(value)
    back = plain_data.loads(plain_data.dumps([value], opaque=True))[0]
    assert isinstance(back, Opaque)
    assert back != back
    assert back.type_name == type(value).__name__
    with pytest.raises(TypeError):
        hash(back)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_bounded_both_ways() -> None:
    assert plain_data.loads(plain_data.dumps(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    with pytest.raises(PlainDataError, match="nested more than"):
        plain_data.dumps(nested(MAX_DEPTH + 1))
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    with pytest.raises(PlainDataError, match="nested more than"):
        plain_data.dumps(cyclic, opaque=True)
    with pytest.raises(PlainDataError, match="nested"):
        plain_data.decode(nested(3 * MAX_DEPTH))


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "nul", "[1", '{"value"', "[" * 100_000, "NaN", "Infinity", "[-Infinity]", "1e999",
        "9" * 5000, "{}", '{"a": 1}', '{"tuple": [], "set": []}', '{"tuple": 5}', '{"tuple": "ab"}',
        '{"tuple": {"a": 1}}', '{"set": {}}', '{"set": "ab"}', '{"set": [[1]]}', '{"set": [{"dict": []}]}',
        '{"frozenset": 1}', '{"dict": 5}', '{"dict": [5]}', '{"dict": ["ab"]}', '{"dict": [[1]]}',
        '{"dict": [[1, 2, 3]]}', '{"dict": [[[1], 2]]}', '{"dict": {"a": 1}}', '{"bytes": 5}',
        '{"bytes": "xy"}', '{"bytes": ["00"]}', '{"int": 5}', '{"int": "zz"}', '{"int": ""}',
        '{"float": "1.5"}', '{"float": 1.5}', '{"float": []}', '{"complex": 1}', '{"complex": [1]}',
        '{"complex": [1.0, 2]}', '{"complex": ["1", "2"]}', '{"complex": [[], {}]}',
        '{"complex": [{"complex": [1.0, 1.0]}, 1.0]}', '{"opaque": 5}', '{"opaque": {"a": 1}}',
        '{"complex": [' * 3000 + "1" + "]}" * 3000,
    ],
    ids=lambda t: t[:30],
)  # fmt: skip
def test_malformed_text_is_a_plain_data_error(text: str) -> None:
    with pytest.raises(PlainDataError):
        plain_data.loads(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["tuple", "set", "frozenset", "dict", "bytes", "int", "float", "complex", "opaque"]
            )
            | st.text(max_size=3),
            inner,
            max_size=2,
        )
    ),
    max_leaves=15,
)


@given(JSON)
def test_any_json_decodes_or_is_a_plain_data_error(data: Any) -> None:
    try:
        value = plain_data.decode(data)
    except PlainDataError:
        return
    plain_data.encode(value, opaque=True)


@given(st.binary(max_size=50))
def test_any_bytes_load_or_are_a_plain_data_error(data: bytes) -> None:
    try:
        plain_data.loads(data)
    except PlainDataError:
        return


def test_the_module_runs_alone_as_it_does_in_the_jail() -> None:
    with open(plain_data.__file__, encoding="utf-8") as file:
        names: dict[str, Any] = {"__name__": "plain_data", "__package__": ""}
        exec(compile(file.read(), "plain_data.py", "exec"), names)
    assert issubclass(names["PlainDataError"], ValueError)
    assert json.loads(names["dumps"]([(1,)])) == [{"tuple": [1]}]
