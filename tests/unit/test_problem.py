# ruff: noqa: E501 -- tables, a case a line
from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from coding_envs.errors import InvalidValueError
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


def problem(**more: Any) -> Problem:
    return Problem(**({"dataset": "d", "key": "k", "prompt": "p"} | more))


FULL = Problem(
    dataset="d", key="k/1", prompt="Add.", config="c", split="test", revision="r1",
    starter_code="def add(a, b):\n", entry_point="add",
    public_tests=(CallTest((1, 2), 3),),
    hidden_tests=(
        CallTest(([1, (2,)],), {1: {2}}, {"k": b"x"}, "add.__call__"),
        CodeTest("assert add(1, 1) == 2", imports="import math", program_setup="x = 1"),
        CodeTest("def check(c): pass", check="check"), StdioTest("1\n", "2\n"),
        CallTest(([3, 1],), expected_args={0: [1, 3]}), CallTest(([2],), None, {"k": []}, expected_args={"k": [2]}),
        CodeTest("def test_a(): pass", function="test_a"), InteractiveTest("5\n", "6\n"), InteractiveTest("7\n"),
    ),
    limits=Limits(cpu_time_s=2, from_row=frozenset({"cpu_time_s"})),
    comparison=Comparison(floats="always", unordered=True),
    checker=JudgeProgram("print(1)", protocol="script", limits=Limits(cpu_time_s=1)), interactor=JudgeProgram("exit(0)"),
    solutions=("def add(a, b): return a + b",), wrong_solutions=("def add(a, b): return a",),
    difficulty="easy", rating=800.0, family="sum", tags=("math",), source="s", license="MIT",
    release_date=date(2024, 2, 29), flags=frozenset({"held_out_family"}), row={"id": 7},
)  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Limits(cpu_time_s=0), r"cpu_time_s must be > 0 seconds, got 0"),
        (lambda: Limits(cpu_time_s=float("nan")), "cpu_time_s must be > 0 seconds, got nan"),
        (lambda: Limits(cpu_time_s=float("inf")), "cpu_time_s must be"),
        (lambda: Limits(cpu_time_s=10**400), "cpu_time_s must be"),
        (lambda: Limits(cpu_time_s=True), "cpu_time_s must be"),
        (lambda: Limits(cpu_time_s="3"), r"cpu_time_s must be > 0 seconds, got '3'"),  # type: ignore[arg-type]
        (lambda: Limits(wall_time_s=-1), "wall_time_s must be > 0 seconds, got -1"),
        (lambda: Limits(memory_bytes=0), r"memory_bytes must be an int > 0, got 0"),
        (lambda: Limits(memory_bytes=1.5), "memory_bytes must be an int > 0, got 1.5"),  # type: ignore[arg-type]
        (lambda: Limits(output_bytes=2**70), "output_bytes must be"),
        (lambda: Limits(threads=False), "threads must be"),
        (lambda: Limits(open_files=3), "open_files must be at least 8, got 3"),
        (
            lambda: Limits(from_row=frozenset({"x"})),
            r"from_row must be names of limits, got \['x'\]",
        ),
        (lambda: Limits(from_row=5), "from_row must be"),  # type: ignore[arg-type]
        (
            lambda: Limits.from_json({"cpu": 1}),
            r"Limits keys must be among .*cpu_time_s.*got \['cpu'\]",
        ),
        (lambda: Limits.from_json([1]), "Limits must be a JSON object"),  # type: ignore[arg-type]
        (lambda: Comparison(abs_tol=-1), "abs_tol must be a finite number >= 0, got -1"),
        (lambda: Comparison(rel_tol=float("nan")), "rel_tol must be"),
        (lambda: Comparison(floats="yes"), "floats must be where_expected or always or never"),
        (lambda: Comparison(unordered=1), "unordered must be a bool"),  # type: ignore[arg-type]
        (lambda: StdioTest("a", 5), "output must be text"),  # type: ignore[arg-type]
        (lambda: StdioTest(None, "a"), "input must be text"),  # type: ignore[arg-type]
        (lambda: CallTest("ab", 1), "args must be a tuple"),  # type: ignore[arg-type]
        (lambda: CallTest((1,), 1, {1: 2}), "kwargs must be a mapping with str keys"),  # type: ignore[dict-item]
        (lambda: CallTest((object(),), 1), "type object is not plain data"),
        (lambda: CallTest((1,), len), "is not plain data"),
        (lambda: CallTest((1,)), "expected must be given where expected_args is empty"),
        (lambda: CallTest((1,), 1, expected_args=[1]), "expected_args must be a mapping"),  # type: ignore[arg-type]
        (lambda: CallTest((1,), 1, expected_args={1: 2}), "expected_args key must be the position"),
        (lambda: CallTest((1,), 1, expected_args={-1: 2}), "expected_args key must be"),
        (
            lambda: CallTest((1,), 1, {"k": 1}, expected_args={"j": 2}),
            "keyword of an argument, got",
        ),
        (lambda: CallTest((1,), expected_args={0: 2}).expected_data, "expected must be a value"),
        (lambda: CodeTest(b"x"), "code must be text"),  # type: ignore[arg-type]
        (lambda: CodeTest("", check="c", function="f"), 'check must be "" beside a function'),
        (lambda: CodeTest.of_file("def f(: pass"), "code must be Python: invalid syntax"),
        (lambda: CodeTest.of_file("def f(): pass"), "code must be a file with test functions"),
        (lambda: InteractiveTest(5), "input must be text"),  # type: ignore[arg-type]
        (lambda: JudgeProgram("", protocol="x"), "protocol must be testlib or script, got 'x'"),
        (lambda: JudgeProgram("", limits=5), "limits must be Limits, got 5"),  # type: ignore[arg-type]
        (lambda: problem(checker="x"), "checker must be a JudgeProgram or None, got 'x'"),
        (
            lambda: problem(interactor=JudgeProgram("", protocol="script")),
            "interactor protocol must be testlib",
        ),
        (
            lambda: problem(hidden_tests=(InteractiveTest(""),)),
            "interactor must be given for interactive tests",
        ),
        (lambda: problem(dataset=""), "dataset must be non-empty text"),
        (lambda: problem(prompt=None), "prompt must be text"),
        (lambda: problem(hidden_tests=[1]), "hidden_tests must be a tuple of tests"),
        (lambda: problem(hidden_tests=None), "hidden_tests must be a tuple of tests"),
        (lambda: problem(solutions="text"), "solutions must be a tuple of texts"),
        (lambda: problem(solutions=[1]), "solutions must be a tuple of texts"),
        (lambda: problem(tags=None), "tags must be"),
        (lambda: problem(flags="abc"), "flags must be"),
        (lambda: problem(rating="hard"), "rating must be a number or None"),
        (
            lambda: problem(hidden_tests=(CallTest((), 1),)),
            "entry_point must be given for its tests",
        ),
        (lambda: problem(entry_point="def f("), "entry_point must be a Python name or expression"),
        (lambda: problem(entry_point="x = 1"), "entry_point must be"),
        (lambda: problem(entry_point="a\0"), "entry_point must be"),
        (lambda: Problem.from_json({}), "Problem dataset must be present"),
        (lambda: Problem.from_json({"dataset": "d", "key": "k"}), "Problem prompt must be present"),
        (lambda: Problem.from_json(problem().to_json() | {"oops": 1}), r"got \['oops'\]"),
        (lambda: Problem.from_json(problem().to_json() | {"hidden_tests": {}}), "must be a list"),
        (
            lambda: Problem.from_json(problem().to_json() | {"hidden_tests": [{}]}),
            "test kind must be",
        ),
        (lambda: Problem.from_json(problem().to_json() | {"hidden_tests": [1]}), "must be"),
        (
            lambda: Problem.from_json(
                problem().to_json() | {"hidden_tests": [{"kind": "stdio", "input": ""}]}
            ),
            "StdioTest output must be present",
        ),
        (
            lambda: Problem.from_json(
                problem().to_json() | {"hidden_tests": [{"kind": "call", "args": 5, "expected": 1}]}
            ),
            "args must be a list",
        ),
        (lambda: Problem.from_json(problem().to_json() | {"release_date": "June"}), "YYYY-MM-DD"),
        (lambda: Problem.from_json(problem().to_json() | {"release_date": 5}), "YYYY-MM-DD"),
    ],
)
def test_bad_values_are_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_json_round_trip() -> None:
    data = FULL.to_json()
    back = Problem.from_json(json.loads(json.dumps(data)))
    assert back == FULL
    assert back.to_json() == data
    assert back.row == {"id": 7}
    assert back.fingerprint() == FULL.fingerprint()
    plain = problem()
    assert set(plain.to_json()) == {"dataset", "key", "prompt"} | (
        {"config", "split", "language"} & set(plain.to_json())
    )
    assert Problem.from_json(plain.to_json()) == plain


def test_copies_and_pickles() -> None:
    for twin in (pickle.loads(pickle.dumps(FULL)), copy.deepcopy(FULL), copy.copy(FULL)):
        assert twin == FULL
        assert twin.row == {"id": 7}
        assert hash(twin) == hash(FULL)
        with pytest.raises(TypeError):
            twin.row["id"] = 8


def test_frozen_through_and_through() -> None:
    given = [1, 2]
    test = CallTest((given,), 3)
    given.append(9)
    assert json.loads(test.call_text)[0] == [[1, 2]]
    with pytest.raises(AttributeError):
        FULL.key = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        FULL.row["id"] = 1  # type: ignore[index]


def test_call_tests_are_equal_by_exact_type() -> None:
    assert CallTest((1,), 2) == CallTest((1,), 2)
    assert CallTest((1,), 2) != CallTest((True,), 2)
    assert CallTest((1,), 2) != CallTest((1.0,), 2)
    assert CallTest((), float("nan")) == CallTest((), float("nan"))
    assert len({CallTest((1,), 2), CallTest((1,), 2), CallTest((1,), 3)}) == 2
    assert CallTest((1,), 2) != CallTest((1,), expected_args={0: 2})
    assert CallTest((1,), None) != CallTest((1,), None, expected_args={0: 1})
    assert pickle.loads(pickle.dumps(CallTest((1,), expected_args={0: 1}))).expected is NOT_COMPARED


FILE = """
import unittest
import pytest
from solution import f

def helper(): pass
def test_one(): pass
@pytest.mark.skip(reason="no")
def test_two(): pass
@pytest.mark.parametrize("x", [1, 2])
def test_three(x): pass
async def test_four(): pass

class TestFive:
    def setup_method(self): pass
    def test_a(self): pass
    @pytest.mark.skip
    def test_b(self): pass

class Base(unittest.TestCase):
    def test_c(self): pass

class Six(Base):
    def test_d(self): pass

@unittest.skip("no")
class Seven(Base):
    def test_e(self): pass

class Helper:
    def test_f(self): pass
"""


def test_a_file_becomes_one_test_per_test_function() -> None:
    tests = CodeTest.of_file(FILE, imports="import math")
    names = ["test_one", "test_three", "test_four", "TestFive.test_a", "Base.test_c"]
    assert [t.function for t in tests] == [*names, "Six.test_c", "Six.test_d"]
    assert {(t.code, t.imports) for t in tests} == {(FILE, "import math")}


@pytest.mark.parametrize(
    "change",
    [
        {"entry_point": "sub"}, {"starter_code": ""}, {"hidden_tests": FULL.hidden_tests[:1]},
        {"limits": Limits(cpu_time_s=3)}, {"comparison": Comparison()},
        {"solutions": ("def add(a, b): return b + a",)}, {"checker": None}, {"interactor": JudgeProgram("exit(1)")},
        {"checker": JudgeProgram("print(1)", protocol="script")},
    ],
    ids=lambda c: next(iter(c)),
)  # fmt: skip
def test_the_fingerprint_changes_with_what_decides_a_verdict(change: dict[str, Any]) -> None:
    assert FULL.replace(**change).fingerprint() != FULL.fingerprint()


@pytest.mark.parametrize("change", [{"prompt": "x"}, {"key": "other"}, {"tags": ()}, {"row": None}])
def test_the_fingerprint_stays_with_the_rest(change: dict[str, Any]) -> None:
    assert FULL.replace(**change).fingerprint() == FULL.fingerprint()


STARTER = "import math\n\ndef helper(x):\n    return x\n\ndef add(a, b):\n    '''Adds.'''\n"


@pytest.mark.parametrize(
    ("starter", "entry", "completion", "wanted"),
    [
        ("", "", "print(1)", "print(1)"),
        (STARTER, "add", "    return a + b\n", STARTER + "    return a + b\n"),
        (STARTER, "add", STARTER + "    return 1", STARTER + "    return 1"),
        (
            STARTER,
            "add",
            "def add(a, b): return helper(a) + b",
            "import math\n\ndef helper(x):\n    return x\n\n\ndef add(a, b): return helper(a) + b",
        ),
        ("def add(a):\n", "add", "add = lambda a: a", "add = lambda a: a"),
        ("def add(a):\n", "add", "async def add(a): pass", "async def add(a): pass"),
        (
            "class Solution:\n",
            "Solution().f",
            "class Solution:\n    f = 1",
            "class Solution:\n    f = 1",
        ),
        ("class Solution:\n", "Solution().f", "    f = 1", "class Solution:\n    f = 1"),
        ("def add(a):\n", "add", "    def add(b): pass\n", "def add(a):\n    def add(b): pass\n"),
        ("def add(a):\n", "add", "    return address\n", "def add(a):\n    return address\n"),
    ],
)
def test_assemble(starter: str, entry: str, completion: str, wanted: str) -> None:
    made = problem(starter_code=starter, entry_point=entry).assemble(completion)
    assert made == wanted


def test_assemble_wants_text() -> None:
    with pytest.raises(InvalidValueError, match="completion must be text"):
        problem().assemble(None)  # type: ignore[arg-type]


def test_names_and_tests() -> None:
    assert FULL.uid == "d/c/test/k/1"
    assert FULL.tests == FULL.public_tests + FULL.hidden_tests
    assert Limits().wall_limit_s == 7.0
    assert Limits(wall_time_s=2).wall_limit_s == 2
    assert Limits.from_json(FULL.limits.to_json()) == FULL.limits
    assert Comparison.from_json(FULL.comparison.to_json()) == FULL.comparison
