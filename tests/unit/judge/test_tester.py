# ruff: noqa: E501 -- programs and tables, a case a line
"""The tester as one process that serves many orders, and its pytest against the real one."""

from __future__ import annotations

import builtins
import decimal
import json
import math
import os
import random
import sys
import types
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from coding_envs import plain_data
from coding_envs.judge import pytest_shim

sys.modules.setdefault("plain_data", plain_data)  # as it is called in the jail
from coding_envs.judge import tester  # noqa: E402


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The names under which the tester finds its modules in the jail."""
    monkeypatch.setitem(sys.modules, "coding_envs_pytest", pytest_shim)
    real, main = sys.modules["pytest"], sys.modules["__main__"]
    yield
    assert sys.modules["pytest"] is real
    assert sys.modules["__main__"] is main
    assert "solution" not in sys.modules


def ask(order: str, *tests: dict[str, Any], helpers: str = "", entry: str = "f") -> Any:
    spec = {"order": order, "entry_point": entry, "helpers": helpers, "tests": list(tests)}
    outcomes: list[Any] = []
    for test in tests:  # as the judge sends them: the order with all calls, then the outcomes
        pairs = test.pop("known", [])
        test["calls"] = [made for made, _ in pairs]
        outcomes += [outcome for _, outcome in pairs]
    lines = b"".join(json.dumps(outcome).encode() + b"\n" for outcome in outcomes)
    return json.loads(tester.main(json.dumps(spec).encode(), lines))


def call(*args: Any, after: bool = False, name: str = "f", **kwargs: Any) -> list[Any]:
    return [name, plain_data.dumps([list(args), kwargs]), after]


def known(*pairs: tuple[list[Any], dict[str, Any]]) -> list[Any]:
    return [list(pair) for pair in pairs]


def replayed(code: str, *pairs: Any, **more: Any) -> Any:
    (report,) = ask("replay", {"code": code, "known": known(*pairs), **more})
    return report


ABSENT = object()


@pytest.mark.parametrize(
    ("code", "look"),
    [
        ("import sys; sys.setrecursionlimit(5000)", sys.getrecursionlimit),
        ("import sys; sys.set_int_max_str_digits(5000)", sys.get_int_max_str_digits),
        ("import os; os.chdir('/')", os.getcwd),
        ("import builtins; builtins.len = None", lambda: builtins.len),
        ("import builtins; builtins.extra = 1", lambda: getattr(builtins, "extra", ABSENT)),
        ("import sys; sys.modules['json'] = None", lambda: sys.modules["json"]),
        ("import sys; sys.path.append('/x')", lambda: list(sys.path)),
        ("import sys; sys.stdout = None", lambda: sys.stdout),
        ("import sys; sys.argv = ['x']", lambda: sys.argv),
        ("import decimal; decimal.getcontext().prec = 3", lambda: decimal.getcontext().prec),
    ],
)
def test_nothing_of_one_order_reaches_the_next(code: str, look: Any) -> None:
    before = look()
    assert replayed(code) == {"status": "passed"}
    assert look() == before


def test_names_of_one_test_are_unknown_to_the_next() -> None:
    reports = ask("replay", {"code": "x = 1", "known": []}, {"code": "x", "known": []})
    assert reports[1]["error"] == "NameError: name 'x' is not defined"
    assert replayed("x")["status"] == "failed"


def test_random_numbers_are_the_same_in_each_order() -> None:
    random.seed(5)
    code = "import random\nf(random.random())"
    first = replayed(code)
    random.random()
    assert replayed(code) == first
    assert first["status"] == "needs"


def test_compiled_code_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    code, helpers = "assert f(12345) == 1", "def f(x): return 54321"
    compiled: list[Any] = []

    def spy(*args: Any, **kwargs: Any) -> Any:
        compiled.append(args[1])
        return real(*args, **kwargs)

    real = builtins.compile
    for _ in range(2):
        test = {"code": code, "known": known((call(12345), {"value": 1}))}
        with monkeypatch.context() as patch:
            patch.setattr(builtins, "compile", spy)
            reports = ask("replay", test, helpers=helpers)
        assert reports == [{"status": "passed"}]
    assert [name for name in compiled if name in ("test.py", "helpers.py")] == [
        "helpers.py",
        "test.py",
    ]


@pytest.mark.parametrize(
    ("code", "check", "looks"),
    [
        ("assert f([1], {2: (3, {4})}, -5 + 1) == 1", "", False),
        ("assert f(x=[1]) == 1", "", False),
        ("def check(c):\n    assert c([1]) == 1", "check", False),
        ("def check(c):\n    x = [1]\n    assert c(x) == 1", "check", True),
        ("x = [1]\nf(x)", "", True),
        ("f([x, 1])", "", True),
        ("f(*[[1]])", "", True),
        ("f(**{'x': [1]})", "", False),
        ("f(**y)", "", True),
        ("g = f\ng([1])", "", True),
        ("map(f, [[1]])", "", True),
        ("def check(c):\n    help(c)", "check", True),
        ("import solution\nsolution.f([1])", "", True),
        ("from solution import f as g\ng([1])", "", True),
        ("from solution import f\nf([1])", "", False),
        ("import solution\ngetattr(solution, 'f')([1])", "", True),
        ("f([1 for _ in y])", "", True),
        ("def f(:", "", True),
    ],
)
def test_arguments_are_wanted_after_a_call_only_where_a_test_can_look(
    code: str, check: str, looks: bool
) -> None:
    assert tester._looks_at_arguments(code, "f", check) is looks


def test_scalars_are_never_wanted_after_a_call() -> None:
    code = "x, y = 1, [1]\nf(x, 'a')\nf(y)"
    (report,) = ask("record", {"code": code}, helpers="def f(*a): pass")
    assert report["calls"] == [call(1, "a"), call([1], after=True)]


def test_forged_arguments_change_nothing() -> None:
    code = "x = [1]\nf(x)\nassert x == [1]"
    for forged in (5, [], [[5]], [[1, 2], {"dict": []}], {"opaque": "x"}, [["x"], {}]):
        answer = {"value": None, "args": forged}
        assert replayed(code, (call([1], after=True), answer)) == {"status": "passed"}


@pytest.mark.parametrize(
    ("kind", "line", "wanted"),
    [
        ("ValueError", "ValueError: no: really", "ValueError('no: really')"),
        ("ValueError", "ValueError", "ValueError()"),
        ("KeyError", "KeyError: 'a'", "KeyError('a')"),
        ("TypeError", "TypeError: x", "TypeError('x')"),
        ("Own", "solution.Own: x", "Own('x')"),
        ("ZeroDivisionError", "division by zero", "ZeroDivisionError('division by zero')"),
    ],
)
def test_exceptions_arrive_with_their_message(kind: str, line: str, wanted: str) -> None:
    code = f"try:\n    f(1)\nexcept Exception as error:\n    assert repr(error) == {wanted!r}, repr(error)"
    helpers = "class Own(Exception): pass"
    test = {"code": code, "known": known((call(1), {"error": line, "kind": kind}))}
    assert ask("replay", test, helpers=helpers) == [{"status": "passed"}]


@pytest.mark.parametrize(
    "kind",
    ["StopIteration", "SystemExit", "KeyboardInterrupt", "UnicodeDecodeError", "Unknown", "print"],
)
def test_other_exceptions_fail_the_test(kind: str) -> None:
    report = replayed("for _ in iter(f, 0): pass", (call(), {"error": "x", "kind": kind}))
    assert (report["status"], report["failed_at"]) == ("failed", 0)


def test_answer_says_what_went_wrong() -> None:
    assert "JSONDecodeError" in json.loads(tester.answer(b"{"))["error"]
    assert "KeyError" in json.loads(tester.answer(b'{"order": "x"}'))["error"]
    assert json.loads(tester.answer(b'{"order": "replay", "tests": []}')) == []


# --- pytest --------------------------------------------------------------------------------------

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("expected", "actual", "options"),
    [
        (0.3, 0.1 + 0.2, {}), (1.0, 1.000001, {}), (1.0, 1.0000011, {}), (0.0, 1e-12, {}), (0.0, 1e-11, {}), (1, 1, {}),
        (1.0, 1.05, {"abs": 0.1}), (1.0, 1.05, {"rel": 0.1}), (100.0, 101.0, {"abs": 0.5}), (100.0, 100.00001, {"abs": 1e-9}),
        (100.0, 101.0, {"rel": 1e-3, "abs": 2}), (NAN, NAN, {}), (NAN, NAN, {"nan_ok": True}), (INF, INF, {}), (INF, -INF, {}),
        (INF, 1e308, {}), (1.0, NAN, {}), (1j, 1j + 1e-9, {}), ([1.0, 2.0], [1.0, 2.0 + 1e-9], {}), ([1.0], [1.1], {}),
        ([1.0, 2.0], [1.0], {}), ((1.0,), (1.0,), {}), ([1.0], (1.0,), {}), ({"a": 1.0}, {"a": 1.0 + 1e-9}, {}),
        ({"a": 1.0}, {"b": 1.0}, {}), ({"a": 1.0}, {"a": 1.0, "b": 2.0}, {}), ("x", "x", {}), ("x", "y", {}), (None, None, {}),
        (1.0, "1.0", {}), (1.0, None, {}), (True, True, {}), (True, False, {}), ([True, 1.0], [True, 1.0], {}),
        (decimal.Decimal("1.0"), decimal.Decimal("1.0000001"), {}), (Fraction(1, 3), 1 / 3, {}), (["x", 1.0], ["x", 1.0 + 1e-9], {}),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-9]), {}), (np.array([1.0]), np.array([1.1]), {}), ([1.0], np.array([1.0]), {}),
        (np.float64(1), 1 + 1e-9, {}), (2.0, np.float32(2), {}), (1, 2, {"rel": 1}), (-1.0, -1.0000001, {}),
    ],
)  # fmt: skip
def test_approx_is_that_of_pytest(expected: Any, actual: Any, options: Any) -> None:
    real = pytest.approx(expected, **options)
    ours = pytest_shim.approx(expected, **options)
    assert (actual == ours) is bool(actual == real)
    assert (ours == actual) is bool(real == actual)
    assert (ours != actual) is bool(real != actual)


def boom(error: BaseException | None) -> None:
    if error is not None:
        raise error


@pytest.mark.parametrize(
    ("expected", "raised", "match"),
    [
        (ValueError, ValueError("no way"), None), (ValueError, ValueError("no way"), "way$"), (ValueError, ValueError("no"), "yes"),
        (ValueError, None, None), (ValueError, KeyError("x"), None), ((KeyError, ValueError), KeyError("x"), None),
        (Exception, ValueError("x"), None), (LookupError, KeyError("a"), "'a'"), (ValueError, ValueError("[x]"), r"\[x\]"),
    ],
)  # fmt: skip
def test_raises_is_that_of_pytest(expected: Any, raised: Any, match: Any) -> None:
    outcomes = []
    for raises in (pytest.raises, pytest_shim.raises):
        try:
            with raises(expected, match=match) as caught:
                boom(raised)
            outcomes.append((caught.type, caught.value, caught.typename))
        except (ValueError, KeyError) as error:
            outcomes.append(type(error))
        except BaseException:  # pytest's Failed is one
            outcomes.append("failed")
    assert outcomes[0] == outcomes[1]


def run_file(code: str, name: str) -> dict[str, Any]:
    module = types.ModuleType("test_file")
    sys.modules["pytest"], real = pytest_shim.module(), sys.modules["pytest"]
    try:
        exec(code, module.__dict__)
        pytest_shim.run(name, module.__dict__)
    finally:
        sys.modules["pytest"] = real
    return module.__dict__


FIXTURES = """
import pytest
log = []
@pytest.fixture(autouse=True)
def around():
    log.append("up")
    yield
    log.append("down")
@pytest.fixture(scope="module", params=["x", "y"], name="letter")
def make_letter(request):
    return request.param
@pytest.fixture
def pair(letter):
    return letter * 2
def setup_function(function):
    log.append(function.__name__)
def teardown_function():
    log.append("end")
@pytest.mark.parametrize("n", [1, 2], ids=str)
def test_a(pair, n):
    log.append(pair + str(n))
class TestB:
    @classmethod
    def setup_class(cls):
        log.append("class")
    def setup_method(self, method):
        log.append(method.__name__)
    @staticmethod
    def test_c():
        log.append("c")
    @pytest.mark.parametrize(("m",), [(3,)])
    def test_d(self, m):
        log.append(m)
def test_fails(around):
    assert 0
"""


def test_fixtures_parameters_and_frames() -> None:
    log = run_file(FIXTURES, "test_a")["log"]
    one = [
        ["test_a", "up", f"{letter}{letter}{n}", "down", "end"] for n in (1, 2) for letter in "xy"
    ]
    assert log == [word for words in one for word in words]
    assert run_file(FIXTURES, "TestB.test_c")["log"] == ["class", "test_c", "up", "c", "down"]
    assert run_file(FIXTURES, "TestB.test_d")["log"] == ["class", "test_d", "up", 3, "down"]
    with pytest.raises(AssertionError):
        run_file(FIXTURES, "test_fails")


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("def test_a(tmp_path): pass", "the fixture 'tmp_path'"),
        ("import pytest\n@pytest.mark.skipif(True, reason='x')\ndef test_a(): pass", "pytest.mark.skipif"),
        ("import pytest\npytestmark = pytest.mark.usefixtures('x')\ndef test_a(): pass", "pytest.mark.usefixtures"),
        ("import pytest\n@pytest.fixture\ndef x(request): return request.node\ndef test_a(x): pass", "request.node"),
        ("import pytest\n@pytest.mark.parametrize('a,b', [(1,)])\ndef test_a(a, b): pass", "1 of 2 values"),
        ("import pytest\npytest.param(1, marks=pytest.mark.skip)\ndef test_a(): pass", "pytest.param with marks"),
        ("def test_b(): pass", "'test_a'"),
    ],
)  # fmt: skip
def test_what_is_not_here_is_named(code: str, named: str) -> None:
    with pytest.raises(pytest_shim.UnsupportedError) as caught:
        run_file(code, "test_a")
    assert named in str(caught.value)
