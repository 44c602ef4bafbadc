# ruff: noqa: A002, ARG001, ARG002, ARG005, N818 -- pytest's names and signatures
"""The part of pytest that test files of datasets use, and unittest's test classes, run by hand.

`raises`, `approx`, `fixture`, `param`, `fail`, `skip` and the marks `parametrize` and `skip` behave
as pytest's; marks that pytest does not know do nothing, as there. A fixture is made anew for each
run of a test function, whatever its scope. Everything else is an UnsupportedError that names it:
the judge then says that the test cannot be judged, instead of passing or failing it.

Inside the jail it stands under the name `coding_envs_pytest`; test files find it as `pytest`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import itertools
import math
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["UnsupportedError", "module", "run"]


class UnsupportedError(BaseException):
    """The test wants something that is not here; a BaseException, so that no test passes by it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"it uses {what}, which is not supported")


class Failed(AssertionError):
    """What `fail` and `raises` raise."""


def fail(reason: str = "", pytrace: bool = True, msg: str | None = None) -> None:
    """Fails the test."""
    raise Failed(msg or reason)


def skip(reason: str = "", *, allow_module_level: bool = False, msg: str | None = None) -> None:
    """Is no verdict: a test that runs nothing says nothing of the program."""
    raise UnsupportedError(f"pytest.skip({msg or reason!r})")


def importorskip(modname: str, *_args: Any, **_kwargs: Any) -> types.ModuleType:
    """Returns the module, or skips the test."""
    try:
        return importlib.import_module(modname)
    except ImportError:
        raise UnsupportedError(f"the module {modname}") from None


# --- raises --------------------------------------------------------------------------------------


class ExceptionInfo:
    """What `raises` caught."""

    def __init__(self) -> None:
        self._value: BaseException | None = None

    @property
    def value(self) -> BaseException:
        if self._value is None:
            raise AssertionError("nothing has been raised yet")
        return self._value

    @property
    def type(self) -> type[BaseException]:
        return type(self.value)

    @property
    def typename(self) -> str:
        return self.type.__name__

    def match(self, pattern: str | re.Pattern[str]) -> bool:
        """Returns True where the message matches; else fails the test."""
        if not re.search(pattern, str(self.value)):
            raise Failed(f"{pattern!r} does not match {str(self.value)!r}")
        return True

    def __str__(self) -> str:
        return repr(self.value)


class _Raises:
    def __init__(self, expected: Any, match: Any) -> None:
        self.expected, self.match, self.info = expected, match, ExceptionInfo()

    def __enter__(self) -> ExceptionInfo:
        return self.info

    def __exit__(self, kind: Any, error: BaseException | None, _trace: Any) -> bool:
        if error is None:
            raise Failed(f"did not raise {self.expected}")
        if not issubclass(kind, self.expected):
            return False
        self.info._value = error
        if self.match is not None:
            self.info.match(self.match)
        return True


def raises(expected_exception: Any, *args: Any, match: Any = None, **kwargs: Any) -> Any:
    """Returns a context that wants the exception; or calls `args[0]`, which has to raise it."""
    context = _Raises(expected_exception, None if args else match)
    if not args:
        if kwargs:
            raise UnsupportedError(f"pytest.raises with {', '.join(kwargs)}")
        return context
    with context:
        args[0](*args[1:], **(kwargs if match is None else {**kwargs, "match": match}))
    return context.info


# --- approx --------------------------------------------------------------------------------------


class approx:  # noqa: N801 -- pytest's name
    """Equals numbers, and sequences and mappings of them, within a tolerance."""

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, expected: Any, rel: Any = None, abs: Any = None, nan_ok: bool = False
    ) -> None:
        self.expected, self.rel, self.abs, self.nan_ok = expected, rel, abs, nan_ok

    def __eq__(self, actual: object) -> bool:
        return self._near(self.expected, actual)

    def _near(self, expected: Any, actual: Any) -> bool:
        shape = getattr(expected, "shape", ())
        if hasattr(expected, "tolist") and shape:
            same = getattr(actual, "shape", None) == shape
            return same and self._near(expected.tolist(), actual.tolist())
        if isinstance(expected, Mapping):
            return (
                isinstance(actual, Mapping)
                and expected.keys() == actual.keys()
                and all(self._near(value, actual[key]) for key, value in expected.items())
            )
        if isinstance(expected, (list, tuple)):
            if hasattr(actual, "tolist"):
                actual = actual.tolist()
            return (
                isinstance(actual, (list, tuple))
                and len(expected) == len(actual)
                and all(map(self._near, expected, actual))
            )
        if isinstance(expected, (str, bytes, bool, type(None))):
            return bool(expected == actual)
        if isinstance(expected, (set, frozenset, Iterator)):
            raise TypeError(f"approx wants numbers in an order, got {type(expected).__name__}")
        return self._near_number(expected, actual)

    def _near_number(self, expected: Any, actual: Any) -> bool:
        if expected == actual:
            return True
        try:
            if math.isnan(abs(expected)):
                return self.nan_ok and math.isnan(abs(actual))
            if math.isinf(abs(expected)):
                return False
            kind = type(expected) if type(expected).__name__ == "Decimal" else float
            least = kind("1e-12") if self.abs is None else kind(self.abs)
            # As in pytest, a tolerance that is given alone is the only one.
            if self.rel is None and self.abs is not None:
                tolerance = least
            else:
                rel = kind("1e-6") if self.rel is None else kind(self.rel)
                tolerance = max(least, rel * abs(expected))
            return bool(abs(expected - actual) <= tolerance)
        except TypeError:
            return False

    def __repr__(self) -> str:
        return f"approx({self.expected!r})"


# --- marks and fixtures --------------------------------------------------------------------------


class _Parameters:
    """One row of `parametrize`."""

    def __init__(self, *values: Any, id: Any = None, marks: Any = ()) -> None:
        if marks:
            raise UnsupportedError("pytest.param with marks")
        self.values = values


class _Mark:
    """A mark, as a decorator with or without arguments; keeps what it was given."""

    def __init__(self, name: str, args: tuple[Any, ...] = (), kwargs: Any = None) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs or {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if (
            len(args) == 1
            and not kwargs
            and (inspect.isfunction(args[0]) or inspect.isclass(args[0]))
        ):
            marks = list(args[0].__dict__.get("pytestmark", ()))
            setattr(args[0], "pytestmark", [*marks, self])  # noqa: B010 -- a function is marked
            return args[0]
        return _Mark(self.name, args, kwargs)


class _Marks:
    def __getattr__(self, name: str) -> _Mark:
        return _Mark(name)


class _Fixture:
    def __init__(self, function: Any, name: str, params: Any, autouse: bool) -> None:
        self.function, self.name, self.params, self.autouse = function, name, params, autouse

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise Failed(f"fixture {self.name!r} called directly")


def fixture(
    function: Any = None, *, scope: Any = "function", params: Any = None, autouse: bool = False,
    ids: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Marks a function as a fixture."""
    if function is None:
        return lambda f: _Fixture(f, name or f.__name__, params, autouse)
    return _Fixture(function, function.__name__, params, autouse)


class _Request:
    """What a fixture finds as `request`."""

    def __init__(self, param: Any) -> None:
        self.param = param

    def __getattr__(self, name: str) -> Any:
        raise UnsupportedError(f"request.{name}")


@functools.cache
def module() -> types.ModuleType:
    """Returns the module that a test file imports as `pytest`."""

    class Pytest(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            raise UnsupportedError(f"pytest.{name}")

    made = Pytest("pytest")
    made.__dict__.update(
        raises=raises, approx=approx, fixture=fixture, param=_Parameters, fail=fail, skip=skip,
        importorskip=importorskip, mark=_Marks(), ExceptionInfo=ExceptionInfo, __path__=[],
    )  # fmt: skip
    return made


# --- running one test function -------------------------------------------------------------------


def run(name: str, names: Mapping[str, Any]) -> None:
    """Runs the test function `name` (`test_x` or `Class.test_x`) of a file's `names`.

    Raises:
      Exception: what the test raised; it passed where it raised nothing.
      UnsupportedError: the test wants something that is not here.
    """
    owner, _, method = name.rpartition(".")
    found = names.get(owner) if owner else names.get(method)
    if found is None or (owner and not hasattr(found, method)):
        raise UnsupportedError(f"a test function {name!r} that the file does not define")
    if _is_test_case(found):
        _run_test_case(found, method, names)
        return
    function = getattr(found, method) if owner else found
    if inspect.iscoroutinefunction(function):
        raise UnsupportedError("async test functions")
    marks = _marks_of(names) + _marks_of(vars(found))
    if owner:
        marks += _marks_of(vars(function))
    rows = [_rows(mark) for mark in marks if mark.name == "parametrize"]
    fixtures = {f.name: f for f in names.values() if isinstance(f, _Fixture)}
    if owner:
        members = [value for base in found.__mro__[::-1] for value in vars(base).values()]
        fixtures |= {f.name: f for f in members if isinstance(f, _Fixture)}
    wanted = [f for f in fixtures.values() if f.params is not None]
    wanted = [f for f in wanted if f.name in _needs(function, fixtures, owner != "")]
    for row in itertools.product(*rows):
        given = {key: value for part in row for key, value in part.items()}
        for params in itertools.product(*(f.params for f in wanted)):
            chosen = {f.name: p for f, p in zip(wanted, params, strict=True)}
            _Run(names, found if owner else None, fixtures, dict(given), chosen).run(function)


def _marks_of(names: Mapping[str, Any]) -> list[_Mark]:
    marks = names.get("pytestmark", [])
    marks = [marks] if isinstance(marks, _Mark) else list(marks)
    for mark in marks:
        if mark.name in ("skip", "skipif", "xfail", "usefixtures", "asyncio", "filterwarnings"):
            raise UnsupportedError(f"pytest.mark.{mark.name}")
    return marks


def _rows(mark: _Mark) -> list[dict[str, Any]]:
    arguments = inspect.signature(lambda argnames, argvalues, ids=None: None)
    try:
        bound = arguments.bind(*mark.args, **mark.kwargs).arguments
    except TypeError as error:
        raise UnsupportedError(f"pytest.mark.parametrize: {error}") from None
    names = bound["argnames"]
    bare = False
    if isinstance(names, str):
        names = [part.strip() for part in names.split(",") if part.strip()]
        bare = len(names) == 1
    rows = []
    for row in bound["argvalues"]:
        if isinstance(row, _Parameters):
            values = row.values
        else:
            values = (row,) if bare else tuple(row)
        if len(values) != len(names):
            raise UnsupportedError(
                f"pytest.mark.parametrize with {len(values)} of {len(names)} values"
            )
        rows.append(dict(zip(names, values, strict=True)))
    return rows


def _parameters(function: Any, is_method: bool) -> list[str]:
    """The names that a test or fixture is to be given."""
    static = isinstance(function, (staticmethod, classmethod))
    wanted = inspect.signature(function).parameters.values()
    names = [
        p.name
        for p in wanted
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return names[1:] if is_method and not static else names


def _needs(function: Any, fixtures: Mapping[str, _Fixture], is_method: bool) -> set[str]:
    """All fixtures that a test uses, through others too."""
    seen: set[str] = set()
    todo = _parameters(function, is_method) + [f.name for f in fixtures.values() if f.autouse]
    while todo:
        name = todo.pop()
        if name in fixtures and name not in seen:
            seen.add(name)
            todo += _parameters(fixtures[name].function, False)
    return seen


class _Run:
    """One run of a test function, with its parameters and fixtures."""

    def __init__(
        self,
        names: Mapping[str, Any],
        owner: type | None,
        fixtures: Mapping[str, _Fixture],
        given: dict[str, Any],
        chosen: dict[str, Any],
    ) -> None:
        self.names, self.owner, self.fixtures = names, owner, fixtures
        self.chosen, self.made = chosen, given
        self.instance = owner() if owner is not None else None

    def run(self, function: Any) -> None:
        with contextlib.ExitStack() as stack:
            self._frame(stack, self.names.get, "module", None)
            if self.owner is not None:
                self._frame(stack, functools.partial(getattr, self.owner), "class", self.owner)
                self._frame(stack, functools.partial(getattr, self.instance), "method", function)
            else:
                self._frame(stack, self.names.get, "function", function)
            for fixture_ in self.fixtures.values():
                if fixture_.autouse:
                    self.value(fixture_.name, stack)
            bound = function if self.owner is None else getattr(self.instance, function.__name__)
            arguments = {n: self.value(n, stack) for n in _parameters(bound, False)}
            if bound(**arguments) is not None and inspect.isgeneratorfunction(bound):
                raise UnsupportedError("test functions that yield")

    def _frame(self, stack: contextlib.ExitStack, get: Any, level: str, argument: Any) -> None:
        """Calls setup_<level> now, teardown_<level> in the end."""
        for step, do in (("setup", _call_now), ("teardown", stack.callback)):
            function = get(f"{step}_{level}", None)
            if callable(function) and not isinstance(function, _Fixture):
                takes = bool(inspect.signature(function).parameters)
                do(function, *([argument] if takes else []))

    def value(self, name: str, stack: contextlib.ExitStack) -> Any:
        if name in self.made:
            return self.made[name]
        found = self.fixtures.get(name)
        if found is None:
            raise UnsupportedError(f"the fixture {name!r}")
        function = found.function
        is_method = self.owner is not None and any(
            found in vars(base).values() for base in self.owner.__mro__
        )
        if is_method:
            function = function.__get__(self.instance)
        arguments = {}
        for wanted in _parameters(function, False):
            if wanted == "request":
                arguments[wanted] = _Request(self.chosen.get(name))
            else:
                arguments[wanted] = self.value(wanted, stack)
        if inspect.isgeneratorfunction(function):
            value = stack.enter_context(contextlib.contextmanager(function)(**arguments))
        else:
            value = function(**arguments)
        self.made[name] = value
        return value


def _call_now(function: Callable[..., Any], *args: Any) -> None:
    function(*args)


# --- unittest ------------------------------------------------------------------------------------


def _is_test_case(found: Any) -> bool:
    unittest = sys.modules.get("unittest")  # which the file has imported, if it is one
    return unittest is not None and isinstance(found, type) and issubclass(found, unittest.TestCase)


def _run_test_case(case: Any, method: str, names: Mapping[str, Any]) -> None:
    """Runs one method as unittest's own runner would, which would swallow what stops a test."""
    function = getattr(case, method)
    for thing in (case, function):
        if getattr(thing, "__unittest_skip__", False):
            raise UnsupportedError("unittest.skip")
        if getattr(thing, "__unittest_expecting_failure__", False):
            raise UnsupportedError("unittest.expectedFailure")
    if inspect.iscoroutinefunction(function):
        raise UnsupportedError("async test functions")
    test = case(method)
    steps = [names.get("setUpModule"), case.setUpClass, test.setUp]
    ends = [names.get("tearDownModule"), case.tearDownClass, test.tearDown]
    with contextlib.ExitStack() as stack:
        for step, end in zip(steps, ends, strict=True):
            if step is not None:
                step()
            if end is not None:
                stack.callback(end)
        stack.callback(_clean_up, test)
        try:
            getattr(test, method)()
        except sys.modules["unittest"].SkipTest as error:
            raise UnsupportedError(f"skipTest({str(error)!r})") from None


def _clean_up(test: Any) -> None:
    while test._cleanups:
        function, args, kwargs = test._cleanups.pop()
        function(*args, **kwargs)
