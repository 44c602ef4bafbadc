# ruff: noqa: E501 -- programs and tables, a case a line
"""Every style of test, judged in the jail: in place, pytest, unittest, checkers, interactors."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from coding_envs.judge import Judge
from coding_envs.problem import (
    CallTest,
    CodeTest,
    InteractiveTest,
    JudgeProgram,
    Limits,
    Problem,
    StdioTest,
)
from coding_envs.sandbox import Done, Order, Run
from coding_envs.verdict import Status

pytestmark = pytest.mark.nsjail
GOOD, WRONG, BROKEN = Status.ACCEPTED, Status.WRONG_ANSWER, Status.JUDGE_ERROR
CRASH, LATE = Status.RUNTIME_ERROR, Status.TIME_LIMIT_EXCEEDED


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(workers=4) as made:
        yield made


def problem(*tests: Any, reference: str = "", public: tuple[Any, ...] = (), **more: Any) -> Problem:
    solutions = (reference,) if reference else ()
    return Problem(**({
        "dataset": "d", "key": "k", "prompt": "", "entry_point": "f", "public_tests": public,
        "hidden_tests": tests, "solutions": solutions,
    } | more))  # fmt: skip


# --- arguments that are changed in place ---------------------------------------------------------

SORTED = CallTest(([3, 1, 2],), expected_args={0: [1, 2, 3]})


@pytest.mark.parametrize(
    ("test", "program", "status"),
    [
        (SORTED, "def f(x): x.sort()", GOOD),
        (SORTED, "def f(x):\n    x.sort()\n    return x", GOOD),
        (SORTED, "def f(x): return sorted(x)", WRONG),
        (SORTED, "def f(x): x = sorted(x)", WRONG),
        (SORTED, "def f(x): 1/0", CRASH),
        (CallTest(([3, 1],), None, expected_args={0: [1, 3]}), "def f(x):\n    x.sort()\n    return x", WRONG),
        (CallTest(([1, 1, 2],), 2, expected_args={0: [1, 2]}), "def f(x):\n    x[:] = sorted(set(x))\n    return len(x)", GOOD),
        (CallTest(([1, 1, 2],), 2, expected_args={0: [1, 2]}), "def f(x):\n    x[:] = sorted(set(x))\n    return 3", WRONG),
        (CallTest(([[1, 2], [3, 4]],), expected_args={0: [[3, 1], [4, 2]]}), "def f(m):\n    m[0][0], m[0][1], m[1][0], m[1][1] = m[1][0], m[0][0], m[1][1], m[0][1]", GOOD),
        (CallTest((1,), None, {"out": {}}, expected_args={"out": {1: 2}}), "def f(x, out): out[x] = x + 1", GOOD),
        (CallTest((1,), None, {"out": {}}, expected_args={"out": {1: 2}}), "def f(x, out): out[x] = x", WRONG),
        (CallTest(([0],), expected_args={0: [0.5]}), "def f(x): x[0] = 0.5 + 1e-9", GOOD),
        (CallTest(([0],), expected_args={0: [1]}), "def f(x): x[0] = object()", WRONG),
        (CallTest((bytearray(b"ab"),), expected_args={0: b"ba"}), "def f(x): x.reverse()", GOOD),
    ],
)  # fmt: skip
def test_call_tests_of_what_happens_in_place(
    judge: Judge, test: CallTest, program: str, status: Status
) -> None:
    verdict = judge.judge(problem(test), program)
    assert verdict.status is status, verdict


def test_the_message_names_the_argument(judge: Judge) -> None:
    twin = CallTest(([3, 1, 2],), expected_args={0: [1, 2, 3]})
    verdict = judge.judge(problem(SORTED, public=(twin,)), "def f(x): x.pop()")
    assert (
        verdict.tests[0].message == "f([3, 1, 2]): expected argument 0 to be [1, 2, 3], got [3, 1]"
    )
    assert verdict.tests[1].message == "a hidden test failed"


SORT = "def f(x): x.sort()"


@pytest.mark.parametrize(
    ("code", "right", "wrong"),
    [
        ("a = [3, 1, 2]\nf(a)\nassert a == [1, 2, 3]", SORT, "def f(x): return sorted(x)"),
        ("a = [3, 1, 2]\nb = a\nf(a)\nassert b is a and b[0] == 1", SORT, "def f(x): pass"),
        ("a = [3, 1]\nassert f(a) is None\nassert f(a) is None\nassert a == [1, 3]", SORT, "f = sorted"),
        ("a = [1, 2]\nassert f(a) == 3\nassert a == [1, 2]", "def f(x): return sum(x)", "def f(x): return x.pop() + x.pop()"),
        ("a = [2, 1]\nf(x=a)\nassert a == [1, 2]", SORT, "def f(x): return sorted(x)"),
        ("g = [[1], [2]]\nrow = g[1]\nf(g)\nassert row == [2, 9] and g[1] is row", "def f(g): g[1].append(9)", "def f(g): g[0].append(9)"),
        ("g = [[2], [1]]\nrow = g[0]\nf(g)\nassert g[1] is row and row == [2]", "def f(g): g.sort()", "def f(g): g.pop()"),
        ("d = {'a': [1]}\nv = d['a']\nf(d)\nassert v == [1, 2] and d['b'] == 3 and d['a'] is v", "def f(d):\n    d['a'].append(2)\n    d['b'] = 3", "def f(d): d['b'] = 3"),
        ("s = {1, 2}\nf(s)\nassert s == {2}", "def f(s): s.discard(1)", "def f(s): s.discard(2)"),
        ("b = bytearray(b'abc')\nf(b)\nassert b == b'cba'", "def f(b): b.reverse()", "def f(b): b.pop()"),
        ("from collections import deque\nq = deque([1, 2])\nf(q)\nassert list(q) == [2, 1]", "def f(q): q.rotate(1)", "def f(q): pass"),
        ("t = ([1], 2)\nf(t)\nassert t == ([1, 5], 2)", "def f(t): t[0].append(5)", "def f(t): pass"),
        ("a, b = [1], [2]\nf(a, b)\nassert a == [] and b == [2, 1]", "def f(a, b): b.append(a.pop())", "def f(a, b): b.append(1)"),
        ("def check(c):\n    x = [2, 1]\n    c(x)\n    assert x == [1, 2]\ncheck(f)", SORT, "def f(x): pass"),
        ("f([1])\nassert True", SORT, "def f(x): 1/0"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_reference", [True, False])
def test_code_tests_see_what_a_program_did_to_its_arguments(
    judge: Judge, code: str, right: str, wrong: str, with_reference: bool
) -> None:
    judged = problem(CodeTest(code), reference=right if with_reference else "")
    verdicts = [judge.judge(judged, program) for program in (right, wrong)]
    assert verdicts[0].status is GOOD, verdicts[0]
    assert verdicts[1].status in (WRONG, CRASH), verdicts[1]


# --- values that cross ---------------------------------------------------------------------------

RICH = [
    2**200, -(2**63) - 1, float("inf"), 1j, b"\0x", bytearray(b"x"), {1, (2, 3)}, frozenset({1}), {"b": 1, "a": [None]},
    Decimal("1.50"), Fraction(1, 3), date(2024, 2, 29), deque([1, 2], maxlen=2), Counter("aab"), OrderedDict(b=1, a=2), range(5),
    [[{1: (2.5, "x")}]],
]  # fmt: skip


@pytest.mark.parametrize("value", RICH, ids=repr)
def test_values_cross_into_the_program_and_back(judge: Judge, value: Any) -> None:
    names = "from collections import *\nfrom datetime import *\nfrom decimal import *\nfrom fractions import *\n"
    check = f"def f(x):\n    return x if type(x) is {type(value).__name__} and x == {value!r} else None".replace(
        "inf", "float('inf')"
    )
    if isinstance(value, date):
        check = check.replace("datetime.date", "date")
    verdict = judge.judge(problem(CallTest((value,), value)), names + check)
    assert verdict.status is GOOD, verdict


@pytest.mark.parametrize(
    ("code", "program", "status"),
    [
        ("assert list(f(3)) == [0, 1, 2]", "def f(n): yield from range(n)", GOOD),
        ("assert list(f(3)) == [0, 1, 3]", "def f(n): yield from range(n)", WRONG),
        ("assert list(f('ab')) == ['A', 'B']", "def f(s): return map(str.upper, s)", GOOD),
        ("assert next(f(0)) == 7", "import itertools\ndef f(n): return itertools.repeat(7)", GOOD),
        ("assert sum(f(0)) == 7", "import itertools\ndef f(n): return itertools.repeat(7)", WRONG),
        ("assert f('aab')['z'] == 0", "from collections import Counter\nf = Counter", GOOD),
        ("assert f(1) == {1: [2]}", "from collections import defaultdict\ndef f(n):\n    d = defaultdict(list)\n    d[n].append(2)\n    return d", GOOD),
        ("assert list(f({2: 1, 1: 2})) == [2, 1]", "def f(d): return d.keys()", GOOD),
        ("assert f(1) == 5", "def f(n): return object()", WRONG),
        ("assert f(1) == 5", "class Liar:\n    def __eq__(self, other): return True\ndef f(n): return Liar()", WRONG),
        ("assert f(1) == [5]", "def f(n):\n    x = []\n    x.append(x)\n    return x", WRONG),
        ("assert f(1) == [5]", "def f(n):\n    x = []\n    for _ in range(99): x = [x, x]\n    return x", WRONG),
    ],
)  # fmt: skip
def test_what_tests_make_of_values(judge: Judge, code: str, program: str, status: Status) -> None:
    verdict = judge.judge(problem(CodeTest(code)), program)
    assert verdict.status is status, verdict


@pytest.mark.parametrize("test", [CallTest((1,), 5), CodeTest("assert f(1) == 5")])
def test_a_value_that_cannot_cross_is_named(judge: Judge, test: Any) -> None:
    verdict = judge.judge(problem(test), "class Pear: pass\ndef f(n): return [1, Pear()]")
    assert (verdict.status, verdict.message) == (
        WRONG, "returned a value of type Pear, which cannot be compared",
    )  # fmt: skip


# --- pytest and unittest -------------------------------------------------------------------------

PROGRAM = """
import math
LIMIT = 10
class TooBig(ValueError):
    pass
def add(a, b):
    if a > LIMIT:
        raise TooBig(f"{a} is too big")
    return a + b
def push(stack, x):
    stack.append(x)
def half(x):
    return x / 2
class Stack:
    pass
"""
PYTEST = """
import pytest
from solution import *
from solution import LIMIT, TooBig, add as plus
import solution

@pytest.fixture
def stack():
    made = [1]
    yield made
    assert made[0] == 1

@pytest.fixture(params=[1, 2])
def number(request):
    return request.param

def test_add():
    assert add(1, 2) == 3 == plus(2, 1) == solution.add(0, 3)

@pytest.mark.parametrize("a, b, wanted", [(1, 1, 2), pytest.param(2, 2, 4, id="two")])
@pytest.mark.parametrize("c", [0, 1])
def test_table(a, b, c, wanted):
    assert add(a, b) + c == wanted + c

def test_push(stack, number):
    push(stack, number)
    assert stack == [1, number]

def test_limit():
    assert LIMIT == 10 == solution.LIMIT

def test_raises():
    with pytest.raises(TooBig, match="11 is") as caught:
        add(11, 0)
    assert str(caught.value) == "11 is too big"
    with pytest.raises(ValueError):
        add(12, 0)
    pytest.raises(TooBig, add, 99, 1)

def test_approx():
    assert half(0.2 + 0.4) == pytest.approx(0.3)
    assert [half(1), half(3)] == pytest.approx([0.5, 1.5], abs=1e-3)
    assert half(1) != pytest.approx(0.51)

class TestMore:
    def setup_method(self):
        self.base = 5

    @pytest.fixture
    def ten(self):
        return self.base * 2

    @pytest.mark.parametrize("n", range(3))
    @pytest.mark.slow
    def test_method(self, n, ten):
        assert add(self.base, n) + ten == 15 + n
"""
UNITTEST = """
import unittest
import solution
from solution import add, half, push

class Base(unittest.TestCase):
    def setUp(self):
        self.stack = []
        self.addCleanup(lambda: self.assertEqual(self.stack, [1]))

class Tests(Base):
    @classmethod
    def setUpClass(cls):
        cls.table = [(1, 2, 3), (0, 0, 0)]

    def test_table(self):
        for a, b, wanted in self.table:
            with self.subTest(a=a):
                self.assertEqual(add(a, b), wanted)
        push(self.stack, 1)

    def test_half(self):
        push(self.stack, 1)
        self.assertAlmostEqual(half(1), 0.5)
        self.assertIsInstance(half(2), float)

    def test_raises(self):
        push(self.stack, 1)
        with self.assertRaises(solution.TooBig) as caught:
            add(11, 1)
        self.assertIn("too big", str(caught.exception))
        self.assertRaisesRegex(ValueError, "big", add, 12, 1)

if __name__ == "__main__":
    unittest.main()
"""
CHANGES = [
    ("return a + b", "return a - b", {"test_add", "test_table", "TestMore.test_method", "Tests.test_table"}),
    ("stack.append(x)", "stack + [x]", {"test_push", "Tests.test_table", "Tests.test_half", "Tests.test_raises"}),
    ("LIMIT = 10", "LIMIT = 99", {"test_limit", "test_raises", "Tests.test_raises"}),
    ("x / 2", "x // 2", {"test_approx", "Tests.test_half"}),
    ("is too big", "is too large", {"test_raises", "Tests.test_raises"}),
    ("raise TooBig", "raise KeyError", {"test_raises", "Tests.test_raises"}),
    ("def add(a, b)", "def add(a, b, c)", {"test_add", "test_table", "test_raises", "TestMore.test_method", "Tests.test_table", "Tests.test_raises"}),
]  # fmt: skip


@pytest.mark.parametrize("file", [PYTEST, UNITTEST], ids=["pytest", "unittest"])
def test_files_of_tests(judge: Judge, file: str) -> None:
    tests = CodeTest.of_file(file)
    judged = problem(*tests, reference=PROGRAM, entry_point="add")
    verdict = judge.judge(judged, PROGRAM)
    assert verdict.status is GOOD, verdict
    assert verdict.total == len(tests) in (3, 7)
    for old, new, failing in CHANGES:
        assert old in PROGRAM
        verdict = judge.judge(judged, PROGRAM.replace(old, new))
        failed = {
            t.function for t, r in zip(tests, verdict.tests, strict=True) if r.status is not GOOD
        }
        assert failed == failing & {t.function for t in tests}, (new, verdict)
        assert verdict.status in (WRONG, CRASH)
        assert verdict.passed == len(tests) - len(failed)


def test_a_file_without_a_reference(judge: Judge) -> None:
    file = "from solution import add, half\ndef test_a():\n    assert add(1, add(1, 1)) == 3\ndef test_b():\n    assert half(1) == 0.5"
    judged = problem(*CodeTest.of_file(file))
    assert judge.judge(judged, PROGRAM).status is GOOD
    assert judge.judge(judged, PROGRAM.replace("x / 2", "x")).passed == 1


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("def test_a(capsys): pass", "the fixture 'capsys'"),
        ("import pytest\n@pytest.mark.xfail\ndef test_a(): assert False", "pytest.mark.xfail"),
        ("import pytest\ndef test_a():\n    with pytest.warns(UserWarning): pass", "pytest.warns"),
        ("import pytest\ndef test_a(): pytest.skip('later')", "pytest.skip('later')"),
        ("import pytest\ndef test_a():\n    try:\n        pytest.deprecated_call()\n    except Exception:\n        pass", "pytest.deprecated_call"),
        ("async def test_a(): pass", "async test functions"),
        ("from solution import Stack\nclass Mine(Stack): pass\ndef test_a(): pass", "derives from the class 'Stack'"),
        ("import unittest\nclass A(unittest.TestCase):\n    def test_a(self): self.skipTest('later')", "skipTest('later')"),
        ("import numpy\ndef test_a(): pass", "No module named 'numpy'"),
        ("from solution import missing\ndef test_a(): pass", "'missing'"),
    ],
)  # fmt: skip
def test_what_a_file_wants_that_is_not_here_is_named(judge: Judge, file: str, named: str) -> None:
    judged = problem(*CodeTest.of_file(file), reference=PROGRAM, entry_point="add")
    verdict = judge.judge(judged, PROGRAM)
    assert verdict.status is BROKEN, verdict
    assert named in verdict.message
    assert "\n" not in verdict.message


OBJECTS = """
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
import itertools

class Stack:
    LIMIT = 3
    made = 0
    def __init__(self, items=()):
        self.items = list(items)
        self.size = len(self.items)
    @classmethod
    def of(cls, *items):
        return cls(items)
    @staticmethod
    def double(x):
        return 2 * x
    @property
    def top(self):
        return self.items[-1]
    def push(self, x):
        if len(self.items) == self.LIMIT:
            raise OverflowError("full")
        self.items.append(x)
        self.size += 1
        return self
    def pop(self):
        self.size -= 1
        return self.items.pop()
    def __len__(self):
        return len(self.items)
    def __iter__(self):
        return iter(self.items)
    def __contains__(self, x):
        return x in self.items
    def __getitem__(self, n):
        return self.items[n]
    def __setitem__(self, n, x):
        self.items[n] = x
    def __add__(self, other):
        return Stack(self.items + other.items)
    def __eq__(self, other):
        return NotImplemented if not isinstance(other, Stack) else self.items == other.items
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.items.clear()

@dataclass
class Point:
    x: int
    y: int = 0

class Pair(NamedTuple):
    a: int
    b: int

class Colour(Enum):
    RED = 1
    BLUE = 2

class Node:
    def __init__(self, value, next=None):
        self.value, self.next = value, next

class Count:
    def __init__(self, n):
        self.n = n
    def __iter__(self):
        return self
    def __next__(self):
        if not self.n:
            raise StopIteration
        self.n -= 1
        return self.n

def chain(values):
    head = None
    for value in reversed(values):
        head = Node(value, head)
    return head
def last(node):
    return node if node.next is None else last(node.next)
def pairs(n):
    return [Pair(i, i + 1) for i in range(n)]
def adder(n):
    return lambda x: x + n
def sort(values):
    values.sort()
"""
OBJECT_TESTS = """
import pytest
import solution
from solution import *

@pytest.fixture
def stack():
    return Stack([1, 2])

def test_methods(stack):
    assert stack.push(3) is stack and stack.size == 3 == len(stack) and stack.top == 3
    with pytest.raises(OverflowError, match="full"):
        stack.push(4)
    assert stack.pop() == 3 and list(stack) == [1, 2] and 2 in stack and 5 not in stack
    assert isinstance(stack, Stack) and solution.Stack is Stack

def test_operators(stack):
    other = Stack.of(3)
    both = stack + other
    assert both == Stack([1, 2, 3]) and both != stack and both[0] == 1 and stack != [1, 2]
    both[0] = 9
    both.size = 7
    assert both.items == [9, 2, 3] and both.size == 7 and Stack.LIMIT == 3 and Stack.double(4) == 8

def test_context(stack):
    with stack as same:
        assert same is stack
    assert len(stack) == 0

def test_data():
    p = Point(1, y=2)
    assert p == Point(1, 2) and p != Point(2, 2) and (p.x, p.y) == (1, 2) and repr(p) == "Point(x=1, y=2)"
    assert p != 5

def test_pairs():
    assert [q.b for q in pairs(2)] == [1, 2] and pairs(1)[0] == Pair(0, 1) and Pair(3, 4).a == 3

def test_enum():
    assert Colour.RED.value == 1 and Colour.RED is Colour.RED and Colour(2) == Colour.BLUE
    assert Colour["RED"].name == "RED" and [c.value for c in Colour] == [1, 2]

def test_nodes():
    head = chain([1, 2, 3])
    assert head.next.next.value == 3 and last(head) is head.next.next and last(head).next is None
    assert chain([]) is None and Node(0, head).next is head

def test_iterator():
    assert list(Count(3)) == [2, 1, 0] and next(Count(1)) == 0

def test_closure():
    assert adder(2)(3) == 5

def test_plain():
    values = [2, 1]
    assert sort(values) is None and values == [1, 2]
"""
OBJECT_CHANGES = [
    ("self.size += 1", "self.size += 2", {"test_methods"}),
    ("raise OverflowError", "raise ValueError", {"test_methods"}),
    ("return self.items[-1]", "return self.items[0]", {"test_methods"}),
    ("self.items + other.items", "other.items + self.items", {"test_operators"}),
    ("return 2 * x", "return x", {"test_operators"}),
    ("self.items.clear()", "pass", {"test_context"}),
    ("    y: int = 0", "    y: int = 0\n    def __eq__(self, other): return True", {"test_data"}),
    ("Pair(i, i + 1)", "Pair(i, i)", {"test_pairs"}),
    ("BLUE = 2", "BLUE = 3", {"test_enum"}),
    ("last(node.next)", "Node(node.next.value)", {"test_nodes"}),
    ("return self.n", "return 0", {"test_iterator"}),
    ("x + n", "x - n", {"test_closure"}),
    ("values.sort()", "sorted(values)", {"test_plain"}),
]  # fmt: skip


def test_files_that_use_classes_of_the_program(judge: Judge) -> None:
    tests = CodeTest.of_file(OBJECT_TESTS)
    judged = problem(*tests, reference=OBJECTS, entry_point="")
    verdict = judge.judge(judged, OBJECTS)
    assert verdict.accepted, [
        (t.function, r) for t, r in zip(tests, verdict.tests, strict=True) if r.points < 1
    ]
    for old, new, failing in OBJECT_CHANGES:
        assert old in OBJECTS
        verdict = judge.judge(judged, OBJECTS.replace(old, new))
        failed = {
            t.function for t, r in zip(tests, verdict.tests, strict=True) if r.status is not GOOD
        }
        assert failed == failing, (new, verdict)
        assert verdict.status in (WRONG, CRASH)


def test_another_implementation_of_a_class_is_judged_by_what_it_does(judge: Judge) -> None:
    file = "from solution import Bag\ndef test_bag():\n    bag = Bag()\n    for n in (3, 1, 3): bag.add(n)\n    assert bag.count(3) == 2 and len(bag) == 3 and sorted(bag) == [1, 3, 3]\n    assert bag.merged(Bag()).count(1) == 1"
    lists = "class Bag:\n    def __init__(self): self.all = []\n    def add(self, n): self.all.append(n)\n    def count(self, n): return self.all.count(n)\n    def __len__(self): return len(self.all)\n    def __iter__(self): return iter(self.all)\n    def merged(self, other):\n        new = Bag()\n        new.all = self.all + other.all\n        return new"
    counters = "from collections import Counter\nclass Bag(Counter):\n    def add(self, n): self[n] += 1\n    def count(self, n): return self[n]\n    def __len__(self): return self.total()\n    def __iter__(self): return self.elements()\n    def merged(self, other): return Bag(self + other)"
    judged = problem(*CodeTest.of_file(file), reference=lists, entry_point="")
    assert judge.judge(judged, lists).accepted
    wrong = judge.judge(judged, lists.replace("self.all + other.all", "other.all"))
    assert wrong.status is WRONG
    assert judge.judge(judged, "class Bag: pass").status is CRASH
    assert judge.judge(judged, "def Bag(): return None").status is WRONG
    counters = counters.replace(
        "return Bag(self + other)",
        "\n        new = Bag()\n        for n in [*self, *other]: new.add(n)\n        return new",
    )
    verdict = judge.judge(judged, counters)
    assert verdict.accepted, verdict


# What a program may answer where it is asked for an object.
FORGED_OBJECTS = [
    "('__held__', 0, 'Box')", "('__held__', 10**30, 'Box')", "('__held__', -1, 'Box')", "('__held__', 'x', 'Box')",
    "('__held__', [1], 'Box')", "('__held__', 0, 'int')", "('__held__', 0, '__import__')", "('__held__', 0, 'a\\0b')",
    "('__held__', 0, 5)", "('__held__', {}, {})", "[('__held__', 0, 'Box')] * 3", "object()", "iter([1])", "lambda *a: 1", "5", "None",
]  # fmt: skip


@pytest.mark.parametrize("answer", FORGED_OBJECTS)
def test_forged_objects_win_nothing(judge: Judge, answer: str) -> None:
    reference = (
        "class Box:\n    def __init__(self, x): self.x = x\n    def get(self): return self.x\n"
    )
    file = "from solution import Box\ndef test_a():\n    box = Box(5)\n    assert box.get() == 5 and box.x == 5"
    judged = problem(*CodeTest.of_file(file), reference=reference, entry_point="")
    forger = f"def forge(*a, **k): return {answer}\n"
    wrong = reference.replace("self.x = x", "self.x = x + 1")
    programs = [
        forger + "class Box:\n    def __new__(cls, x): return forge()\n",
        forger + wrong + "import plain_data\nplain_data.encode = forge\n",
        forger
        + wrong
        + "class Names:\n    def __eq__(self, other): return True\nBox.get = lambda self: Names()\n",
        forger + wrong.replace("return self.x", "return forge()"),
    ]
    for program in programs:
        verdict = judge.judge(judged, program)
        assert not verdict.accepted, verdict
        assert not verdict.status.is_fault_of_ours, verdict


def test_an_assertion_that_catches_everything_still_asks_for_its_calls(judge: Judge) -> None:
    code = "try:\n    got = f(1)\nexcept BaseException:\n    got = 'caught'\nassert got == 2"
    judged = problem(CodeTest(code))
    assert judge.judge(judged, "def f(x): return 2").status is GOOD
    assert judge.judge(judged, "def f(x): return 3").status is WRONG


# --- checkers ------------------------------------------------------------------------------------

# Any two numbers of the given sum; quits as testlib does.
TESTLIB = """
import sys
want = int(open(sys.argv[1]).read())
assert open(sys.argv[3]).read().split() == ["1", str(want - 1)]
words = open(sys.argv[2]).read().split()
def quit_as(code, said):
    print(said, file=sys.stderr)
    sys.exit(code)
if len(words) != 2:
    quit_as(2, "wrong output format two numbers wanted")
if words[0] == "half":
    quit_as(7, "points 0.5 half of it")
if words[0] == "fail":
    quit_as(3, "FAIL the answer is worse")
if words[0] == "hang":
    while True: pass
if words[0] == "odd":
    quit_as(55, "who knows")
a, b = map(int, words)
quit_as(0 if a + b == want else 1, f"wrong answer {a} + {b} is not {want}")
"""
SCRIPT = """
import sys
want, _, got = [open(path).read().split() for path in sys.argv[1:]]
if got[0] == "half":
    print(0.5)
elif got[0] == "quiet":
    pass
elif got[0] == "many":
    print(3)
elif got[0] == "hundred":
    print(100)
else:
    print([False, "1"][int(got[0]) + int(got[1]) == int(want[0])])
"""
SUM = StdioTest("5\n", "1 4\n")


@pytest.mark.parametrize(
    ("protocol", "output", "status", "points"),
    [
        ("testlib", "2 3", GOOD, 1), ("testlib", "1 4", GOOD, 1), ("testlib", "2 2", WRONG, 0), ("testlib", "2", WRONG, 0),
        ("testlib", "", WRONG, 0), ("testlib", "half 1", WRONG, 0.5), ("testlib", "fail 1", BROKEN, 0), ("testlib", "x 1", WRONG, 0),
        ("testlib", "hang 1", WRONG, 0), ("testlib", "odd 1", WRONG, 0),
        ("script", "2 3", GOOD, 1), ("script", "2 2", WRONG, 0), ("script", "half", WRONG, 0.5), ("script", "", WRONG, 0),
        ("script", "quiet", WRONG, 0), ("script", "many", WRONG, 0), ("script", "x y", WRONG, 0),
        ("script", "hundred", GOOD, 1),
    ],
)  # fmt: skip
def test_checkers(judge: Judge, protocol: str, output: str, status: Status, points: float) -> None:
    checker = JudgeProgram(
        TESTLIB if protocol == "testlib" else SCRIPT, protocol, limits=Limits(cpu_time_s=0.5)
    )
    judged = problem(SUM, checker=checker, entry_point="")
    verdict = judge.judge(judged, f"print({output!r})")
    assert (verdict.status, verdict.fraction) == (status, points), verdict


def test_what_a_checker_says_is_shown_for_public_tests_alone(judge: Judge) -> None:
    judged = problem(
        SUM, public=(StdioTest("5\n", "1 4\n"),), checker=JudgeProgram(TESTLIB), entry_point=""
    )
    verdict = judge.judge(judged, "print(2, 2)")
    assert verdict.tests[0].message == "on input '5\\n': wrong answer 2 + 2 is not 5"
    assert verdict.tests[1].message == "a hidden test failed"
    verdict = judge.judge(judged, "print('x 1')")
    assert "cannot be checked: ValueError" in verdict.tests[0].message


@pytest.mark.parametrize(
    "source",
    ["1/0", "def f(:", "while True: pass", "import os; os._exit(9)", "raise SystemExit(99)", "x = 'a' * (1 << 40)", ""],
)  # fmt: skip
@pytest.mark.parametrize("protocol", ["testlib", "script"])
def test_a_broken_checker_is_a_judge_error(judge: Judge, source: str, protocol: str) -> None:
    if source == "" and protocol == "testlib":
        return  # says yes to everything, as it may
    checker = JudgeProgram(source, protocol, limits=Limits(cpu_time_s=0.3))
    verdict = judge.judge(problem(SUM, checker=checker, entry_point=""), "print(2, 3)")
    assert verdict.status is BROKEN, verdict


def test_a_program_that_fails_is_not_checked(judge: Judge) -> None:
    judged = problem(
        SUM,
        SUM,
        checker=JudgeProgram("raise SystemExit(0)"),
        entry_point="",
        limits=Limits(cpu_time_s=0.3),
    )
    for program, status in [
        ("1/0", CRASH),
        ("while True: pass", LATE),
        ("print(" + " " * 999, Status.COMPILE_ERROR),
    ]:
        assert judge.judge(judged, program).status is status


def test_a_program_sees_neither_answer_nor_checker(judge: Judge) -> None:
    program = "import os, sys\nprint(sorted(os.listdir('/tmp')), sys.argv[1:])\nopen('/tmp/answer.txt', 'w').write('2 3')"
    checker = "import sys\nprint(open(sys.argv[3]).read().strip() == \"[] []\" and open(sys.argv[2]).read() == '1 4\\n')"
    judged = problem(SUM, checker=JudgeProgram(checker, "script"), entry_point="")
    assert judge.judge(judged, program).status is GOOD


# --- interactors ---------------------------------------------------------------------------------

# The program is to find a number of 1..100 in at most 7 questions.
GUESS = """
import sys
secret = int(open(sys.argv[1]).read())
def quit_as(code, said):
    print(said, file=sys.stderr)
    sys.exit(code)
for _ in range(7):
    line = sys.stdin.readline()
    if not line:
        quit_as(2, "unexpected end")
    if line.startswith("fail"):
        quit_as(3, "FAIL")
    if line.startswith("half"):
        quit_as(7, "0.5 points")
    guess = int(line)
    if guess == secret:
        print("right", flush=True)
        quit_as(0, "found")
    print("more" if guess < secret else "less", flush=True)
quit_as(1, "too many questions")
"""
FIND = """
low, high = 1, 100
while True:
    middle = (low + high) // 2
    print(middle, flush=True)
    said = input()
    if said == "right":
        break
    if said == "more":
        low = middle + 1
    else:
        high = middle - 1
"""
LINEAR = (
    "n = 1\nprint(n, flush=True)\nwhile input() != 'right':\n    n += 1\n    print(n, flush=True)\n"
)


@pytest.mark.parametrize(
    ("program", "status"),
    [
        (FIND, GOOD),
        (LINEAR, WRONG),
        (LINEAR.replace("input()", "__import__('sys').stdin.readline().strip() or int('')"), WRONG),
        ("print(1, flush=True)", WRONG),
        ("", Status.NO_CODE),
        ("pass", WRONG),
        ("print('half', flush=True)\ninput()", WRONG),
        ("print('x', flush=True)", WRONG),
        ("print('fail', flush=True)", BROKEN),
        ("print(1, flush=True)\n1/0", CRASH),
        ("1/0", CRASH),
        ("import os; os.abort()", CRASH),
        ("input()", LATE),
        ("import time; time.sleep(100)", LATE),
        ("print(1, flush=True)\nwhile True: pass", LATE),
        ("while True: print(1, flush=True)", WRONG),
        ("import os; os._exit(3)", CRASH),
        ("print(" + " " * 999, Status.COMPILE_ERROR),
    ],
)  # fmt: skip
def test_interactors(judge: Judge, program: str, status: Status) -> None:
    limits = Limits(cpu_time_s=0.5, wall_time_s=1.0)
    judged = problem(
        InteractiveTest("37\n"), interactor=JudgeProgram(GUESS), reference=FIND, limits=limits, entry_point="",
    )  # fmt: skip
    verdict = judge.judge(judged, program)
    assert verdict.status is status, verdict


def test_points_and_messages_of_an_interactor(judge: Judge) -> None:
    tests = (InteractiveTest("37\n"), InteractiveTest("1\n"))
    judged = problem(tests[1], public=tests[:1], interactor=JudgeProgram(GUESS), entry_point="")
    verdict = judge.judge(judged, "print('half', flush=True)\n")
    assert verdict.fraction == 0.5
    verdict = judge.judge(judged, LINEAR)
    assert [t.status for t in verdict.tests] == [WRONG, GOOD]
    assert verdict.tests[0].message == "on input '37\\n': too many questions"


@pytest.mark.parametrize("interactor", ["1/0", "def f(:", "import os; os._exit(9)"])
@pytest.mark.parametrize("reference", [FIND, ""])
def test_a_broken_interactor_is_a_judge_error(
    judge: Judge, interactor: str, reference: str
) -> None:
    judged = problem(
        InteractiveTest("1"),
        interactor=JudgeProgram(interactor),
        reference=reference,
        entry_point="",
    )
    assert judge.judge(judged, "pass").status is BROKEN


# --- answers that were judged before ---------------------------------------------------------------


def test_the_same_answers_are_judged_once(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = []
    start = judge._sandbox.start

    def note(run: Run | Order, done: Done) -> None:
        orders.extend([run] if isinstance(run, Order) else [])
        start(run, done)

    monkeypatch.setattr(judge._sandbox, "start", note)
    one = problem(
        CodeTest("assert f(2) == 4\nassert f(3) == 6\nassert f(-0.5) == -1"),
        reference="def f(x): return 2 * x",
    )
    programs = {
        "def f(x): return 2 * x": (GOOD, 2),  # the calls are noted, then the answers judged
        "def f(x): return x + x": (GOOD, 0),
        "def f(x): return x * x": (WRONG, 1),
        "def f(x): return x ** 2": (WRONG, 0),
        "def f(x): return float(x + x)": (GOOD, 1),
        "def f(x): return str(2 * x)": (WRONG, 1),
        "def f(x): return True if x == 2 else 2 * x": (WRONG, 1),
        "def f(x): return 1 / (x - 2)": (CRASH, 1),
    }
    for program, (status, asked) in programs.items():
        before = len(orders)
        verdict = judge.judge(one, program)
        assert (verdict.status, len(orders) - before) == (status, asked), program
        assert (verdict.runs, verdict.cached) == (1, False)


def test_answers_belong_to_their_problem(judge: Judge) -> None:
    program = "def f(x): return x"
    for wanted, status in ((1, GOOD), (2, WRONG), (1, GOOD), (3, WRONG)):
        one = problem(CodeTest(f"assert f(1) == {wanted}"), reference=f"def f(x): return {wanted}")
        assert judge.judge(one, program).status is status
