# ruff: noqa: E501 -- programs and tables, a case a line
from __future__ import annotations

import itertools
import json
import math
import time
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding_envs import plain_data
from coding_envs.errors import PlainDataError
from coding_envs.plain_data import MAX_DEPTH, MAX_ITEMS, Opaque, TruncatedError

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
    ],
    ids=str,
)
def test_subclasses_arrive_as_their_base_and_run_no_override(value: Any, base: Any) -> None:
    back = plain_data.loads(plain_data.dumps(value))
    assert type(back) is type(base)
    assert back == base


MOVED = OrderedDict(a=1, b=2)
MOVED.move_to_end("a")  # an order that the dict beneath does not know


@pytest.mark.parametrize(
    "value",
    [
        bytearray(b"xy"), Decimal("1.50"), Decimal("-Infinity"), Decimal("1E+999999"), Fraction(-1, 3),
        Fraction(10**30, 7), date(2024, 2, 29), clock(12, 30, 1, 5), datetime(2024, 2, 29, 12, 30, 1, 5),
        datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        timedelta(days=-1, microseconds=3), deque([1, (2,)]), deque([1, 2], maxlen=5), range(3), range(10**30, 0, -2),
        Counter("abca"), Counter(a=0, b=-1), OrderedDict(b=1, a=[2]), MOVED, defaultdict(list, a=[1]),
        defaultdict(int, {(1, 2): 3}), np.int64(5), np.float32(0.5), np.bool_(True), np.complex64(1j),
    ],
    ids=repr,
)  # fmt: skip
def test_rich_values_keep_their_type(value: Any) -> None:
    text = plain_data.dumps([value])
    assert plain_data.is_rich(text)
    (back,) = plain_data.loads(text)
    assert type(back) is type(value)
    assert back == value
    assert repr(back) == repr(value)
    assert plain_data.dumps([back]) == text


def test_plain_text_that_looks_rich_is_not() -> None:
    assert not plain_data.is_rich(plain_data.dumps(['{"decimal": 1}', {"deque": (1,)}]))


@pytest.mark.parametrize(
    ("factory", "crosses"), [(int, int), (dict, dict), (None, None), (lambda: 5, None)]
)
def test_the_factory_of_a_defaultdict_crosses_where_it_is_a_builtin(
    factory: Any, crosses: Any
) -> None:
    back = plain_data.loads(plain_data.dumps(defaultdict(factory, a=1)))
    assert back == {"a": 1}
    assert back.default_factory is crosses


@pytest.mark.parametrize("view", ["keys", "values", "items"])
def test_views_of_a_dict(view: str) -> None:
    whole = {"b": 1, "a": 2}
    back = plain_data.loads(plain_data.dumps(getattr(whole, view)()))
    assert list(back) == list(getattr(whole, view)())
    assert type(back) is type(getattr(whole, view)())
    assert view == "values" or back == getattr(whole, view)()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3), np.array([]), np.array(3.5), np.array([1, 2], dtype="u1"),
        np.array([True, False]), np.array(["ab", "c"]), np.array([1 + 2j]), np.zeros((2, 0)),
        np.arange(9).reshape(3, 3).T, np.array([1.5], dtype=">f4"), np.array([[1], "a", None], dtype=object),
    ],
    ids=repr,
)  # fmt: skip
def test_numpy_arrays_keep_dtype_shape_and_data(array: Any) -> None:
    back = plain_data.loads(plain_data.dumps(array))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tolist() == array.tolist()
    assert back.flags.writeable


@pytest.mark.parametrize(
    "make",
    [
        lambda n: (i for i in range(n)), lambda n: map(int, range(n)), lambda n: iter(list(range(n))),
        lambda n: itertools.islice(itertools.count(), n), lambda n: filter(lambda i: True, range(n)),
    ],
)  # fmt: skip
def test_iterators_cross_as_their_first_items(make: Any) -> None:
    back = plain_data.loads(plain_data.dumps([make(3)], opaque=True))[0]
    assert list(back) == [0, 1, 2]
    back = plain_data.loads(plain_data.dumps(make(MAX_ITEMS + 1), opaque=True))
    assert list(itertools.islice(back, MAX_ITEMS)) == list(range(MAX_ITEMS))
    with pytest.raises(TruncatedError, match="first 10000 items"):
        next(back)
    with pytest.raises(PlainDataError, match="is not plain data"):
        plain_data.dumps(make(3))


def test_an_iterator_without_end_crosses_in_part() -> None:
    assert next(plain_data.loads(plain_data.dumps(itertools.repeat(7), opaque=True))) == 7


class Liar:
    """Says that it is a list, and notices when it is asked."""

    asked = 0

    @property
    def __class__(self) -> Any:
        type(self).asked += 1
        return list


class Meta(type):
    @property
    def __name__(cls) -> str:
        return "lie"


class Nameless(metaclass=Meta):
    pass


class Colourless(Enum):
    A = 1


class Walker:
    def __iter__(self) -> Any:
        raise AssertionError("run")

    __next__ = __len__ = __iter__


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "object"), (len, "builtin_function_or_method"), (type, "type"), (..., "ellipsis"),
        (Liar(), "Liar"), (Nameless(), "Nameless"), (Colourless.A, "Colourless"), (Walker(), "Walker"),
        (np.datetime64(1, "s"), "datetime64"), (np.zeros(2, dtype="i4,f8"), "ndarray"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_other_types_are_refused_or_opaque(value: Any, name: str) -> None:
    Liar.asked = 0
    with pytest.raises(PlainDataError, match=f"type {name} is not plain data"):
        plain_data.dumps(value)
    back = plain_data.loads(plain_data.dumps([value], opaque=True))[0]
    assert isinstance(back, Opaque)
    assert back != back
    assert back.type_name == name
    assert Liar.asked == 0
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
        plain_data.dumps(cyclic)
    assert "list nested more than 100 deep" in plain_data.dumps(cyclic, opaque=True)
    with pytest.raises(PlainDataError, match="nested"):
        plain_data.decode(nested(3 * MAX_DEPTH))


@pytest.mark.parametrize("cyclic", [False, True])
def test_a_value_that_holds_itself_many_times_over_is_refused_soon(cyclic: bool) -> None:
    value: list[Any] = []
    if cyclic:
        value += [value, value]
    else:
        for _ in range(60):
            value = [value, value]
    started = time.process_time()
    assert "list of more than" in plain_data.dumps(value, opaque=True)
    with pytest.raises(PlainDataError, match=r"nested more than|fewer parts"):
        plain_data.dumps(value)
    assert time.process_time() - started < 20


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
        '{"bytearray": "x"}', '{"decimal": 1}', '{"decimal": "x"}', '{"fraction": [1, 0]}', '{"fraction": [1]}',
        '{"fraction": [1.5, 2]}', '{"range": [1, 2]}', '{"range": [0, 1, 0]}', '{"range": ["a", 1, 1]}', '{"date": 5}',
        '{"date": "2024-13-01"}', '{"time": "x"}', '{"datetime": []}', '{"timedelta": [1, 2]}',
        '{"timedelta": [1e300, 0, 0]}', '{"timedelta": [9999999999999, 0, 0]}', '{"deque": [1]}', '{"deque": [[], "a"]}',
        '{"deque": [[], -1]}', '{"counter": 5}', '{"counter": [[[], 1]]}', '{"ordered_dict": [1]}',
        '{"default_dict": [[], "eval"]}', '{"default_dict": [[], [1]]}', '{"default_dict": []}', '{"dict_keys": [[]]}',
        '{"dict_values": 5}', '{"dict_items": [1]}', '{"iterator": 5}', '{"iterator": [5, true]}',
        '{"numpy_scalar": ["O", 1]}', '{"numpy_scalar": ["<i8", "x"]}', '{"numpy_array": ["<f8", [1], "AAAA"]}',
        '{"numpy_array": ["<f8", [-1], ""]}', '{"numpy_array": ["<f8", ["a"], ""]}', '{"numpy_array": ["|O", [2], [1]]}',
        '{"numpy_array": ["i4,f8", [1], ""]}', '{"numpy_array": ["<f8", [2], 7]}',
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
                sorted(
                    {*plain_data._DECODERS, *plain_data._SCALAR_DECODERS} - {"range"}
                )  # whose items may be endless
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
