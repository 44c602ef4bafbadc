"""Problem, its tests and its limits: frozen values that hold every dataset without loss."""

from __future__ import annotations

import ast
import difflib
import functools
import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, Final

from . import plain_data
from .errors import InvalidValueError

__all__ = [
    "NOT_COMPARED",
    "CallTest",
    "CodeTest",
    "Comparison",
    "InteractiveTest",
    "JudgeProgram",
    "Limits",
    "Problem",
    "StdioTest",
    "Test",
]


_MAX_SECONDS = 1e6  # twelve days: beyond it somebody has mixed up units


def _require(condition: bool, name: str, got: object, wanted: str) -> None:
    if not condition:
        shown = repr(got)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        raise InvalidValueError(f"{name} must be {wanted}, got {shown}")


def _require_text(name: str, value: object) -> None:
    _require(isinstance(value, str), name, value, "text (str)")


def _require_flag(name: str, value: object) -> None:
    _require(isinstance(value, bool), name, value, "a bool")


@dataclass(frozen=True)
class Limits:
    """What one run of a program may use.

    A run serves one stdio test, or all call or code tests of a problem.

    Attributes:
      cpu_time_s: processor time of all threads, seconds; this is what programs are judged on.
      wall_time_s: the backstop on the clock, seconds; default 2 * cpu_time_s + 1.
      memory_bytes: address space beyond what the bare interpreter takes.
      output_bytes: standard output and standard error, each.
      file_size_bytes: each file written, and all of the scratch folder.
      threads: threads at one time, the main one included.
      open_files: file descriptors.
      from_row: names of the limits that the dataset's row gave; the others are defaults.
    """

    cpu_time_s: float = 3.0
    wall_time_s: float | None = None
    memory_bytes: int = 256 * 2**20
    output_bytes: int = 8 * 2**20
    file_size_bytes: int = 16 * 2**20
    threads: int = 16
    open_files: int = 64
    from_row: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in ("cpu_time_s", "wall_time_s"):
            value = getattr(self, name)
            if value is None and name == "wall_time_s":
                continue
            good = isinstance(value, (int, float)) and not isinstance(value, bool)
            _require(good and 0 < value <= _MAX_SECONDS, name, value, "> 0 seconds")
        for name in ("memory_bytes", "output_bytes", "file_size_bytes", "threads", "open_files"):
            value = getattr(self, name)
            good = isinstance(value, int) and not isinstance(value, bool)
            _require(good and 0 < value < 2**62, name, value, "an int > 0")
        _require(self.open_files >= 8, "open_files", self.open_files, "at least 8")
        good = isinstance(self.from_row, (set, frozenset, list, tuple))
        _require(good, "from_row", self.from_row, "a set of names of limits")
        object.__setattr__(self, "from_row", frozenset(map(str, self.from_row)))
        unknown = self.from_row - {f.name for f in fields(self)}
        _require(not unknown, "from_row", sorted(unknown), "names of limits")

    @property
    def wall_limit_s(self) -> float:
        """The wall limit in force, seconds."""
        return self.wall_time_s if self.wall_time_s is not None else 2 * self.cpu_time_s + 1

    def to_json(self) -> dict[str, Any]:
        """Returns the limits as JSON data."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        return data | {"from_row": sorted(self.from_row)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Limits:
        """Returns what `to_json` wrote; a missing key takes its default."""
        return cls(**_known(cls, data))


@dataclass(frozen=True)
class Comparison:
    """How a result is compared with the expected one. The rules stand in `judge/compare.py`.

    Attributes:
      abs_tol, rel_tol: a float matches when either bound holds.
      floats: "where_expected" compares as floats only where the expected token is written with a
        point or exponent (stdio) or is a float (calls); "always" and "never" say so for all.
      unordered: lists and lines may come in any order.
      ignore_case: letters compare without case (stdio only).
      unwrap: an expected list of one item also matches the item itself (calls only).
      json_keys: expected values came out of JSON, which has no other keys than text: a key of a
        returned dict matches the text that JSON makes of it (calls only).
      equality: of returned values. "typed": a list and a tuple are the same, a bool is no int.
        "python": as `==` has it, where 1, 1.0 and True are equal and a list is no tuple; a float
        matches within abs_tol + rel_tol * |expected|, as NumPy's `allclose` has it, where the
        expected value is a float or a sequence of floats (`floats` "always": of any numbers).
    """

    abs_tol: float = 1e-6
    rel_tol: float = 1e-6
    floats: str = "where_expected"
    unordered: bool = False
    ignore_case: bool = False
    unwrap: bool = False
    json_keys: bool = False
    equality: str = "typed"

    def __post_init__(self) -> None:
        for name in ("abs_tol", "rel_tol"):
            value = getattr(self, name)
            good = isinstance(value, (int, float)) and not isinstance(value, bool)
            _require(good and 0 <= value <= 1e300, name, value, "a finite number >= 0")
        wanted = ("where_expected", "always", "never")
        _require(self.floats in wanted, "floats", self.floats, " or ".join(wanted))
        for name in ("unordered", "ignore_case", "unwrap", "json_keys"):
            _require(isinstance(getattr(self, name), bool), name, getattr(self, name), "a bool")
        good = self.equality in ("typed", "python")
        _require(good, "equality", self.equality, "typed or python")
        for name in ("unordered", "unwrap", "json_keys"):
            good = self.equality == "typed" or not getattr(self, name)
            _require(good, name, getattr(self, name), "False where equality is python")

    def to_json(self) -> dict[str, Any]:
        """Returns the rules as JSON data; the last three only where they are set."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        unset = {"unwrap": False, "json_keys": False, "equality": "typed"}
        return {k: v for k, v in data.items() if k not in unset or v != unset[k]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Comparison:
        """Returns what `to_json` wrote."""
        return cls(**_known(cls, data))


@dataclass(frozen=True)
class JudgeProgram:
    """A program of the judge's own, a checker or an interactor; it runs in a jail of its own.

    Protocols, by what the program is called with and how it answers:

    - "testlib": arguments `input output answer` (files); exit code 0 right, 1 wrong, 2 and 8 badly
      formed (wrong), 4 too much output (wrong), 7 part of the points (the number in the first line
      of its standard error, 0..1), 3 a fault of its own. An interactor talks to the program on its
      standard input and output meanwhile, and writes the file `output` itself, if at all.
    - "script": arguments `input answer output`; prints 1 or true for right, 0 or false for wrong,
      or a number between as part of the points; 100 is right, too (the generated checkers of
      open-r1/codeforces).

    Attributes:
      source: the program's text.
      protocol: "testlib" or "script"; an interactor is always of testlib's.
      language: "python", or another name that `coding_envs.languages` knows, such as "cpp".
      limits: what one run of it may use.
    """

    source: str
    protocol: str = "testlib"
    language: str = "python"
    limits: Limits = Limits(cpu_time_s=10.0, memory_bytes=2**30, file_size_bytes=2**28)

    def __post_init__(self) -> None:
        for name in ("source", "protocol", "language"):
            _require_text(name, getattr(self, name))
        known = self.protocol in ("testlib", "script")
        _require(known, "protocol", self.protocol, "testlib or script")
        _require(isinstance(self.limits, Limits), "limits", self.limits, "Limits")

    def to_json(self) -> dict[str, Any]:
        """Returns the program as JSON data; a field at its default is left out."""
        data: dict[str, Any] = {"source": self.source}
        for name in ("protocol", "language"):
            if getattr(self, name) != getattr(JudgeProgram, name):
                data[name] = getattr(self, name)
        if self.limits != JudgeProgram.limits:
            data["limits"] = self.limits.to_json()
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> JudgeProgram:
        """Returns what `to_json` wrote."""
        kept = _known(cls, data)
        if "limits" in kept:
            kept["limits"] = Limits.from_json(kept["limits"])
        return cls(**kept)


@dataclass(frozen=True)
class StdioTest:
    """The program reads `input` on standard input and must print `output`.

    Attributes:
      input: the text on standard input.
      output: the expected standard output; where the problem has a checker, the right answer that
        the checker is given.
    """

    input: str
    output: str
    kind: ClassVar[str] = "stdio"

    def __post_init__(self) -> None:
        _require_text("input", self.input)
        _require_text("output", self.output)

    def to_json(self) -> dict[str, Any]:
        """Returns the test as JSON data."""
        return {"kind": self.kind, "input": self.input, "output": self.output}


@dataclass(frozen=True)
class InteractiveTest:
    """The program talks to the problem's interactor on standard input and output.

    Attributes:
      input: the text of the interactor's input file; the program does not see it.
      answer: the text of its answer file, which many interactors do without.
    """

    input: str
    answer: str = ""
    kind: ClassVar[str] = "interactive"

    def __post_init__(self) -> None:
        _require_text("input", self.input)
        _require_text("answer", self.answer)

    def to_json(self) -> dict[str, Any]:
        """Returns the test as JSON data."""
        return {"kind": self.kind, "input": self.input, "answer": self.answer}


class _Mark(Enum):
    NOT_COMPARED = "NOT_COMPARED"


NOT_COMPARED: Final = _Mark.NOT_COMPARED
"""In the place of a CallTest's `expected`: whatever the call returns will do."""


@dataclass(frozen=True)
class CallTest:
    """The entry point is called with `args` and must return `expected`; all plain data.

    A function that works in place is judged by its arguments: `CallTest(([3, 1, 2],),
    expected_args={0: [1, 2, 3]})` leaves open what it returns, `expected=None` does not.

    Attributes:
      args: positional arguments.
      expected: the value to be returned, or NOT_COMPARED.
      kwargs: keyword arguments.
      entry_point: overrides the problem's.
      expected_args: what arguments must hold after the call, by position or keyword.
    """

    args: tuple[Any, ...]
    expected: Any = NOT_COMPARED
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    entry_point: str | None = None
    expected_args: Mapping[int | str, Any] = field(default_factory=dict)
    kind: ClassVar[str] = "call"

    def __post_init__(self) -> None:
        _require(isinstance(self.args, (tuple, list)), "args", self.args, "a tuple")
        object.__setattr__(self, "args", tuple(self.args))
        _require(isinstance(self.kwargs, Mapping), "kwargs", self.kwargs, "a mapping")
        good = all(isinstance(name, str) for name in self.kwargs)
        _require(good, "kwargs", self.kwargs, "a mapping with str keys")
        object.__setattr__(self, "kwargs", MappingProxyType(dict(self.kwargs)))
        _require(
            isinstance(self.expected_args, Mapping),
            "expected_args",
            self.expected_args,
            "a mapping from an argument's position or keyword",
        )
        object.__setattr__(self, "expected_args", MappingProxyType(dict(self.expected_args)))
        for name in self.expected_args:
            known = name in self.kwargs if isinstance(name, str) else name in range(len(self.args))
            _require(known, "expected_args key", name, "the position or keyword of an argument")
        compares = self.compares_value or bool(self.expected_args)
        _require(compares, "expected", self.expected, "given where expected_args is empty")
        # Encoded once, here: a value that cannot cross is refused when the test is made, and a
        # caller who keeps the list cannot change the test behind our back.
        text = plain_data.dumps([list(self.args), dict(self.kwargs)])
        object.__setattr__(self, "_call_text", text)
        expected = plain_data.dumps(self.expected) if self.compares_value else ""
        object.__setattr__(self, "_expected_text", expected)
        after = plain_data.dumps(dict(self.expected_args)) if self.expected_args else ""
        object.__setattr__(self, "_after_text", after)

    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.args, self.expected, dict(self.kwargs), self.entry_point)
        return (type(self), (*values, dict(self.expected_args)))

    def __hash__(self) -> int:
        return hash(self._texts())

    def __eq__(self, other: object) -> bool:
        # By encoding: 1 is not True, and a NaN in a test does not make it unequal to itself.
        return isinstance(other, CallTest) and self._texts() == other._texts()

    def _texts(self) -> tuple[str | None, ...]:
        texts = (self._call_text, self._expected_text, self._after_text)  # type: ignore[attr-defined]
        return (*texts, self.entry_point)

    @property
    def call_text(self) -> str:
        """The arguments as plain data: JSON text of `[args, kwargs]`."""
        return self._call_text  # type: ignore[attr-defined, no-any-return]

    @property
    def compares_value(self) -> bool:
        """True where the returned value is compared."""
        return self.expected is not NOT_COMPARED

    @functools.cached_property
    def answer_chars(self) -> int:
        """The length of what a right answer sends: value, and arguments where they are compared."""
        size = len(self._expected_text)  # type: ignore[attr-defined]
        if self.expected_args:
            size += len(self.call_text) + len(self._after_text)  # type: ignore[attr-defined]
        return size

    @functools.cached_property
    def expected_data(self) -> Any:
        """The expected value as plain data, for reading only: every judgement shares it.

        Raises:
          InvalidValueError: the returned value is not compared.
        """
        text = self._expected_text  # type: ignore[attr-defined]
        _require(text != "", "expected", self.expected, "a value, to be read as plain data")
        return json.loads(text)

    @functools.cached_property
    def expected_args_data(self) -> Mapping[int | str, Any]:
        """What arguments must hold after the call, as plain data, for reading only."""
        text = self._after_text  # type: ignore[attr-defined]
        return dict(json.loads(text)["dict"]) if text else {}

    def to_json(self) -> dict[str, Any]:
        """Returns the test as JSON data, its values as plain data."""
        args, kwargs = json.loads(self.call_text)
        data: dict[str, Any] = {"kind": self.kind, "args": args}
        if self.compares_value:
            data["expected"] = json.loads(self._expected_text)  # type: ignore[attr-defined]
        if self.kwargs:
            data["kwargs"] = kwargs
        if self.entry_point is not None:
            data["entry_point"] = self.entry_point
        if self.expected_args:
            data["expected_args"] = json.loads(self._after_text)  # type: ignore[attr-defined]
        return data


@dataclass(frozen=True)
class CodeTest:
    """Test code that calls the program: HumanEval's `check(candidate)`, asserts, pytest, unittest.

    The code runs in a jail of its own; the program's functions are reached through proxies. A file
    of tests for pytest or unittest becomes one CodeTest per test function, so that each counts by
    itself: see `of_file`.

    Attributes:
      code: Python source; passes when it ends without an exception.
      check: name of a function in `code` that is called with the entry point, or "".
      imports: source that runs before `code`, such as MBPP's `test_imports`.
      program_setup: source that must run in the program's own process, after it, because it uses
        the program's classes (MBPP 367 and 927). It never holds an expected value.
      function: the test function that is run after `code`, as `test_name` (pytest's, all its
        parameters) or `Class.test_name` (pytest's or unittest's), or "". The program is then
        imported as the module `solution`.
      together: True runs a test function in the program's own process, where the program can find
        it: for tests that patch what it calls, share its files, or look at what is no plain data.
    """

    code: str
    check: str = ""
    imports: str = ""
    program_setup: str = ""
    function: str = ""
    together: bool = False
    kind: ClassVar[str] = "code"

    def __post_init__(self) -> None:
        for name in ("code", "check", "imports", "program_setup", "function"):
            _require_text(name, getattr(self, name))
        _require(not (self.check and self.function), "check", self.check, '"" beside a function')
        _require_flag("together", self.together)
        good = bool(self.function) or not self.together
        _require(good, "together", self.together, "False where there is no function")

    @classmethod
    def of_file(
        cls, code: str, *, imports: str = "", together: bool = False
    ) -> tuple[CodeTest, ...]:
        """Returns one test per test function of a file for pytest or unittest, in its order.

        Test functions are `test*` at the top level, and methods `test*` of classes `Test*` and of
        those that derive from a TestCase. Those that are marked to be skipped are left out.

        Raises:
          InvalidValueError: `code` is no Python, or holds no test function.
        """
        _require_text("code", code)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InvalidValueError(f"code must be Python: {error}") from None
        names = list(dict.fromkeys(_test_functions(tree)))
        _require(bool(names), "code", code, "a file with test functions")
        return tuple(cls(code, imports=imports, function=name, together=together) for name in names)

    def to_json(self) -> dict[str, Any]:
        """Returns the test as JSON data."""
        data = {"kind": self.kind} | {f.name: getattr(self, f.name) for f in fields(self)}
        return {n: v for n, v in data.items() if v not in ("", False) or n == "code"}


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _test_functions(tree: ast.Module) -> Iterator[str]:
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in tree.body:
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)) or _is_skipped(node):
            continue
        if isinstance(node, ast.ClassDef):
            if node.name.startswith("Test") or _is_test_case(node, classes):
                yield from (f"{node.name}.{name}" for name in _methods(node, classes))
        elif node.name.startswith("test"):
            yield node.name


def _is_test_case(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> bool:
    names = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
    return any(
        name.endswith("TestCase")
        or (name in classes and name != node.name and _is_test_case(classes[name], classes))
        for name in names
    )


def _methods(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> Iterator[str]:
    for base in node.bases:
        name = ast.unparse(base)
        if name in classes and name != node.name:
            yield from _methods(classes[name], classes)
    for item in node.body:
        if not isinstance(item, _FUNCTIONS) or _is_skipped(item):
            continue
        if item.name.startswith("test"):
            yield item.name


def _is_skipped(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    marks = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(ast.unparse(mark).split(".")[-1] == "skip" for mark in marks)


Test = StdioTest | CallTest | CodeTest | InteractiveTest


def _test_from_json(data: Mapping[str, Any]) -> Test:
    _require(isinstance(data, Mapping), "test", data, "a JSON object")
    kind = data.get("kind")
    if kind == "stdio":
        return StdioTest(**_known(StdioTest, data))
    if kind == "code":
        return CodeTest(**_known(CodeTest, data))
    if kind == "interactive":
        return InteractiveTest(**_known(InteractiveTest, data))
    if kind == "call":
        kept = _known(CallTest, data)
        _require(isinstance(kept["args"], list), "args", kept["args"], "a list")
        kept["args"] = tuple(plain_data.decode(kept["args"]))
        for name in ("expected", "kwargs", "expected_args"):
            if name in kept:
                kept[name] = plain_data.decode(kept[name])
        return CallTest(**kept)
    raise InvalidValueError(f"test kind must be stdio, call, code or interactive, got {kind!r}")


def _known(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    _require(isinstance(data, Mapping), cls.__name__, data, "a JSON object")
    names = {f.name for f in fields(cls)}
    for f in fields(cls):
        if f.default is MISSING and f.default_factory is MISSING:
            _require(f.name in data, f"{cls.__name__} {f.name}", None, "present")
    unknown = sorted(set(data) - names - {"kind"})
    if unknown:
        known = ", ".join(sorted(names))
        if len(known) > 200:
            near = difflib.get_close_matches(unknown[0], sorted(names), n=3, cutoff=0.3)
            known = ", ".join([*near, "..."]) if near else f"its {len(names)} fields"
        _require(False, f"{cls.__name__} keys", unknown, f"among {known}")
    return {name: value for name, value in data.items() if name != "kind"}


_NEEDS = "needs:"


@dataclass(frozen=True)
class Problem:
    """One coding problem, whatever dataset it came from.

    Attributes:
      dataset, config, split, revision, key: its identity; `key` is unique in the split.
      prompt: what the policy reads, without the tests.
      starter_code: what the program starts with; a completion is written after it.
      prelude: what runs before every program, in its names, without being part of it: imports
        and classes that its dataset takes for granted. It may use no expected value.
      stop_tokens: where a completion of the starter code ends, such as at the next function; what
        stands before the first of them counts. Not for Python.
      starter_end: what is written after such a completion, such as a closing bracket.
      epilogue: what is written after every program of stdio and interactive tests, such as a `main`
        that calls its function. It may hold no expected value.
      entry_point: what call and code tests call: a name or an expression such as
        `Solution().two_sum`; "" for programs that read standard input.
      language: "python", or another name that `coding_envs.languages` knows, such as "cpp".
      public_tests: may be shown to the policy.
      hidden_tests: never shown.
      input_file, output_file: where its programs read and write instead of standard input and
        output, such as "input.txt": names in their working folder, or "".
      limits, comparison: how its tests are run and compared.
      checker: decides on the output of stdio tests in the place of `comparison`, or None.
      interactor: what the program of interactive tests talks to, or None.
      solutions: known-right whole programs.
      wrong_solutions: known-wrong whole programs.
      difficulty: as the dataset gives it.
      rating: difficulty as a number, where there is one.
      family: problems of one family differ only in their instance, or "".
      tags, source, license, release_date: where it comes from.
      flags: such as "special_judge", "interactive", "no_tests", "known_bad", "held_out_family";
        `needs:NAME` names a package, see `needed_packages`.
      row: the untouched dataset row, where losslessness needs it; JSON data.
    """

    dataset: str
    key: str
    prompt: str
    config: str = "default"
    split: str = "train"
    revision: str = ""
    starter_code: str = ""
    prelude: str = ""
    stop_tokens: tuple[str, ...] = ()
    starter_end: str = ""
    epilogue: str = ""
    entry_point: str = ""
    language: str = "python"
    public_tests: tuple[Test, ...] = ()
    hidden_tests: tuple[Test, ...] = ()
    input_file: str = ""
    output_file: str = ""
    limits: Limits = field(default_factory=Limits)
    comparison: Comparison = field(default_factory=Comparison)
    checker: JudgeProgram | None = None
    interactor: JudgeProgram | None = None
    solutions: tuple[str, ...] = ()
    wrong_solutions: tuple[str, ...] = ()
    difficulty: str = ""
    rating: float | None = None
    family: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""
    license: str = ""
    release_date: date | None = None
    flags: frozenset[str] = frozenset()
    row: Mapping[str, Any] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in (
            *("dataset", "key", "prompt", "config", "split", "revision", "starter_code"),
            *("prelude", "starter_end", "epilogue", "input_file", "output_file", "entry_point"),
            *("language", "difficulty", "family", "source", "license"),
        ):
            _require_text(name, getattr(self, name))
        for name in ("dataset", "key", "config", "split"):
            _require(getattr(self, name) != "", name, "", "non-empty text")
        for name in ("input_file", "output_file"):
            file = getattr(self, name)
            good = file not in (".", "..") and not set(file) & set("/\0")
            _require(good, name, file, "a file's name, without a folder")
        if self.output_file:
            _require(
                self.output_file != self.input_file, "output_file", self.output_file, "another"
            )
        for name in ("public_tests", "hidden_tests"):
            tests = getattr(self, name)
            _require(isinstance(tests, (tuple, list)), name, tests, "a tuple of tests")
            tests = tuple(tests)
            good = all(isinstance(t, Test) for t in tests)
            _require(good, name, tests, "a tuple of tests")
            object.__setattr__(self, name, tests)
        for name in ("checker", "interactor"):
            value = getattr(self, name)
            good = value is None or isinstance(value, JudgeProgram)
            _require(good, name, value, "a JudgeProgram or None")
        if self.interactor is not None:
            protocol = self.interactor.protocol
            _require(protocol == "testlib", "interactor protocol", protocol, "testlib")
        talks = any(isinstance(t, InteractiveTest) for t in self.tests)
        good = self.interactor is not None or not talks
        _require(good, "interactor", None, "given for interactive tests")
        for name in ("solutions", "wrong_solutions", "tags", "stop_tokens"):
            got = getattr(self, name)
            _require(isinstance(got, (tuple, list)), name, got, "a tuple of texts")
            texts = tuple(got)
            _require(all(isinstance(t, str) for t in texts), name, texts, "a tuple of texts")
            object.__setattr__(self, name, texts)
        good = isinstance(self.flags, (set, frozenset, tuple, list))
        _require(good and all(isinstance(f, str) for f in self.flags), "flags", self.flags, "texts")
        object.__setattr__(self, "flags", frozenset(self.flags))
        good = isinstance(self.rating, (int, float)) and not isinstance(self.rating, bool)
        _require(self.rating is None or good, "rating", self.rating, "a number or None")
        if self.row is not None:
            object.__setattr__(self, "row", MappingProxyType(dict(self.row)))
        needs_entry = any(
            (isinstance(t, CallTest) and t.entry_point is None)
            or (isinstance(t, CodeTest) and t.check)
            for t in self.tests
        )
        _require(
            bool(self.entry_point) or not needs_entry, "entry_point", "", "given for its tests"
        )
        if self.entry_point and self.language == "python":
            try:
                ast.parse(self.entry_point, mode="eval")
            except (SyntaxError, ValueError):
                _require(False, "entry_point", self.entry_point, "a Python name or expression")

    def __getstate__(self) -> dict[str, Any]:
        # A mapping proxy can be neither pickled nor copied.
        return self.__dict__ | {"row": None if self.row is None else dict(self.row)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.row is not None:
            object.__setattr__(self, "row", MappingProxyType(dict(self.row)))

    @property
    def uid(self) -> str:
        """The problem's name over all datasets: `dataset/config/split/key`."""
        return f"{self.dataset}/{self.config}/{self.split}/{self.key}"

    @property
    def tests(self) -> tuple[Test, ...]:
        """Public tests, then hidden ones."""
        return self.public_tests + self.hidden_tests

    @property
    def needed_packages(self) -> frozenset[str]:
        """Packages beyond the standard library that its flags `needs:NAME` name."""
        return frozenset(f[len(_NEEDS) :] for f in self.flags if f.startswith(_NEEDS))

    def fingerprint(self) -> str:
        """Returns a digest of all that decides a verdict, and of the dataset's revision."""
        known: str | None = self.__dict__.get("_fingerprint")
        if known is not None:
            return known
        parts: dict[str, Any] = {
            "entry_point": self.entry_point,
            "language": self.language,
            "starter_code": self.starter_code,
            "tests": [t.to_json() for t in self.tests],
            "limits": self.limits.to_json(),
            "comparison": self.comparison.to_json(),
            # Code tests take their helpers and recorded calls from the first solution.
            "oracle": self.solutions[:1] if any(t.kind == "code" for t in self.tests) else (),
        }
        for name in ("prelude", "epilogue", "input_file", "output_file"):
            if getattr(self, name):
                parts[name] = getattr(self, name)
        if self.revision:  # so that a verdict says which state of the dataset it is of
            parts["revision"] = self.revision
        for name in ("checker", "interactor"):
            program: JudgeProgram | None = getattr(self, name)
            if program is not None:
                parts[name] = {**program.to_json(), "limits": program.limits.to_json()}
        text = json.dumps(parts, sort_keys=True)
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        object.__setattr__(self, "_fingerprint", digest)  # frozen, so it cannot go stale
        return digest

    def assemble(self, completion: str) -> str:
        """Returns the whole program that `completion` makes.

        A completion that itself defines the entry point at its top level is a whole program and
        still gets the starter code's helpers and imports before it (a later definition wins); any
        other is written directly after the starter code, up to the first of `stop_tokens` and with
        `starter_end` after it.
        """
        _require_text("completion", completion)
        if not self.starter_code:
            return completion
        if self.language != "python":
            return self._assembled_elsewhere(completion)
        if self._is_whole(completion):
            if completion.startswith(self.starter_code):
                return completion
            header = self.starter_header()
            return f"{header}\n\n{completion}" if header.strip() else completion
        return self.starter_code + completion

    def _assembled_elsewhere(self, completion: str) -> str:
        """Returns the whole program in a language other than Python."""
        if self.entry_point:
            # A line at the left edge that names the function and is no statement: its definition.
            name = re.escape(self.entry_point)
            line = rf"^(?!(?:return|if|for|while|else)\b)[A-Za-z_][^\n;]*\b{name}\s*(?:[=({{]|$)"
            if re.search(line, completion, re.MULTILINE):
                if completion.startswith(self.starter_code):
                    return completion
                starts = [m.start() for m in re.finditer(line, self.starter_code, re.MULTILINE)]
                return self.starter_code[: starts[-1] if starts else 0] + completion
        ends = [completion.find(token) for token in self.stop_tokens if token]
        end = min((at for at in ends if at >= 0), default=len(completion))
        closing = f"\n{self.starter_end}\n" if self.starter_end else ""
        return self.starter_code + completion[:end] + closing

    def _is_whole(self, completion: str) -> bool:
        name = self.entry_point.split("(", 1)[0].split(".", 1)[0].strip()
        if not name or name not in completion:
            return False
        for line in completion.splitlines():
            words = line.replace("(", " ").replace(":", " ").replace("=", " = ").split()
            if not line[:1].isspace() and len(words) >= 2:
                head = words[1:] if words[0] == "async" else words
                if head[0] in ("def", "class") and head[1:2] == [name]:
                    return True
                if head[:2] == [name, "="]:
                    return True
        return False

    def starter_header(self) -> str:
        """Returns the starter code before its last top-level `def` or `class`: imports, helpers."""
        lines = self.starter_code.splitlines()
        starts = [i for i, s in enumerate(lines) if s.startswith(("def ", "class ", "async def "))]
        if not starts:
            return ""
        last = starts[-1]
        while last > 0 and lines[last - 1].startswith("@"):
            last -= 1
        return "\n".join(lines[:last])

    def replace(self, **changes: Any) -> Problem:
        """Returns a copy with some fields changed."""
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Returns the problem as JSON data; a field at its default is left out."""
        data: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in ("public_tests", "hidden_tests"):
                value = [t.to_json() for t in value]
            elif isinstance(value, JudgeProgram):
                value = value.to_json()
            elif isinstance(value, (Limits, Comparison)):
                value = {} if value == type(value)() else value.to_json()
            elif isinstance(value, frozenset):
                value = sorted(value)
            elif isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, date):
                value = value.isoformat()
            elif isinstance(value, Mapping):
                value = dict(value)
            if value not in (None, "", [], {}) or f.name in ("dataset", "key", "prompt"):
                data[f.name] = value
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Problem:
        """Returns what `to_json` wrote.

        Raises:
          InvalidValueError: a key is unknown or missing, or a value breaks the contract.
        """
        kept = _known(cls, data)
        for name in ("public_tests", "hidden_tests"):
            tests = kept.get(name, [])
            _require(isinstance(tests, list), name, tests, "a list")
            kept[name] = tuple(_test_from_json(t) for t in tests)
        if "limits" in kept:
            kept["limits"] = Limits.from_json(kept["limits"])
        if "comparison" in kept:
            kept["comparison"] = Comparison.from_json(kept["comparison"])
        for name in ("checker", "interactor"):
            if kept.get(name) is not None:
                kept[name] = JudgeProgram.from_json(kept[name])
        if kept.get("release_date") is not None:
            try:
                kept["release_date"] = date.fromisoformat(kept["release_date"])
            except (TypeError, ValueError):
                _require(False, "release_date", kept["release_date"], "a date, YYYY-MM-DD")
        return cls(**kept)
