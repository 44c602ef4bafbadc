r"""livecodebench/code_generation_lite: contest problems by date, of AtCoder, LeetCode, Codeforces.

What is ours to decide, beyond `_contest.py`:

- Configurations are the releases, `release_v1` to `release_v6`, each of which holds those before,
  and `v1` to `v6`, what each added. On the hub they are files.
- Private tests are base64 of zlib of a pickle of JSON text. They are decoded when the problem is
  made, by an unpickler that knows no classes, up to `MAX_PRIVATE_BYTES`; plain JSON will do, too.
- Public tests are shown, private ones hidden. A functional test's input is one JSON value per line.
- Programs get the prelude of the dataset's own harness, on standard input, too; it imports nearly
  everything by star, and a recursion limit of 50,000.
- Time is the harness' 6 s per test. Floats may differ by 1e-6, where the harness compares text.
- What the repository's ERRATA.md lists is flagged: "special_judge" (several answers), "interactive"
  (cannot be solved here), "known_bad" (wrong tests).
- `Problem.row` is without the two columns of tests.

Source: Jain et al. 2024 (arXiv:2403.07974); LiveCodeBench/LiveCodeBench,
`lcb_runner/benchmarks/code_generation.py`, `lcb_runner/evaluation/testing_util.py`, `ERRATA.md`.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
import pickletools
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ...problem import CallTest, Problem, StdioTest
from ..rows import Row, parse_json
from ..spec import DatasetSpec, Head
from ._contest import (
    Tests,
    call_test,
    comparison_for,
    entry_point_for,
    flags_of_text,
    limits_for,
    parse_arguments,
)

__all__ = [
    "MAX_PRIVATE_BYTES",
    "PRELUDE",
    "SPECS",
    "decode_private_tests",
    "encode_private_tests",
    "head_from_row",
    "plain_tests",
    "problem_from_row",
]

MAX_PRIVATE_BYTES = 1 << 30
"""How much a row's private tests may hold, decoded; the largest real ones take some 10%."""

HARNESS_S = 6.0
"""The time that the dataset's own harness gives one test, seconds."""

_STARS = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random"),
    *("statistics", "itertools", "functools", "operator", "io", "sys", "json", "builtins"),
    "typing",
)
PRELUDE = "".join(
    [f"from {name} import *\n" for name in _STARS]
    + [f"import {name}\n" for name in _STARS[:-2]]
    + ["sys.setrecursionlimit(50000)\n"]
)
"""What the dataset's harness puts before a program; `builtins` undoes what hides its names."""

_SEVERAL_ANSWERS = frozenset(
    (
        *("abc311_c", "abc326_d", "abc327_b", "abc333_e", "abc343_a", "abc343_e", "abc362_c"),
        *("arc185_c", "find-words-containing-character", "find-the-peaks"),
        "generate-binary-strings-without-adjacent-zeros",
    )
)
_INTERACTIVE = frozenset(("abc337_e", "abc355_e"))
_WRONG_TESTS = frozenset(
    ("abc350_c", "arc189_a", "apply-operations-to-make-string-empty", "most-frequent-ids")
)


def problem_from_row(
    row: object, *, config: str = "release_v6", split: str, row_number: int, revision: str = ""
) -> Problem:
    """Returns the problem that a row of LiveCodeBench holds.

    Args:
      row: question_title, question_content, platform, question_id, contest_id, contest_date,
        starter_code, difficulty, public_test_cases, private_test_cases, metadata.
      config: the release.
      split: the split's name.
      row_number: the row's number in the split, from 0.
      revision: the dataset's revision, or "".

    Raises:
      DatasetRowError: a column is missing or malformed, or the row has no tests; names it.
    """
    columns = Row(row, dataset="livecodebench", split=split, number=row_number)
    head = _head(columns)
    function = _function(columns)
    public = plain_tests(columns, "public_test_cases", columns.json("public_test_cases"))
    private = plain_tests(columns, "private_test_cases", _private(columns))
    tests = public.tests + private.tests
    if not tests:
        raise columns.fault("private_test_cases", "holds no tests, nor does public_test_cases")
    calls = any(isinstance(t, CallTest) for t in tests)
    if calls != bool(function):
        raise columns.fault("metadata", f"names the function {function!r}, unlike the tests' type")
    starter = columns.optional_text("starter_code")
    content = columns.text("question_content")
    names = {head.key, columns.optional_text("question_title")}
    flags = flags_of_text(content)
    for flag, known in (
        ("special_judge", _SEVERAL_ANSWERS),
        ("interactive", _INTERACTIVE),
        ("known_bad", _WRONG_TESTS),
    ):
        if names & known:
            flags.add(flag)
    return Problem(
        dataset="livecodebench",
        config=config,
        split=split,
        revision=revision,
        key=head.key,
        prompt=content,
        starter_code=starter,
        prelude=PRELUDE,
        entry_point=entry_point_for(columns, function, [starter]),
        public_tests=public.tests,
        hidden_tests=private.tests,
        limits=limits_for(tests, harness_s=HARNESS_S),
        comparison=comparison_for(tests),
        difficulty=head.difficulty,
        source=head.source,
        license="LicenseRef-CC",
        release_date=head.release_date,
        flags=frozenset(flags),
        row=columns.without("public_test_cases", "private_test_cases"),
    )


def head_from_row(row: object, *, config: str = "release_v6", split: str, row_number: int) -> Head:  # noqa: ARG001
    """Returns the head of a row's problem; see `problem_from_row`.

    Raises:
      DatasetRowError: a column is missing or malformed; names it.
    """
    return _head(Row(row, dataset="livecodebench", split=split, number=row_number))


def _head(columns: Row) -> Head:
    return Head(
        key=columns.text("question_id"),
        difficulty=columns.optional_text("difficulty"),
        source=columns.optional_text("platform"),
        release_date=columns.optional_date("contest_date"),
        style="call" if _function(columns) else "stdio",
    )


def _function(columns: Row) -> str:
    """Returns the name of the function that the tests call, or ""."""
    if not columns.columns.get("metadata"):
        return ""
    metadata = columns.json("metadata")
    name = metadata.get("func_name") if isinstance(metadata, Mapping) else None
    return str(name) if name else ""


def plain_tests(columns: Row, column: str, cases: Any) -> Tests:
    """Returns the tests that cases of `input`, `output` and `testtype` make.

    Raises:
      DatasetRowError: a case is malformed.
    """
    if cases is None or cases == "":
        return Tests(())
    if not isinstance(cases, (list, tuple)) or not all(isinstance(c, Mapping) for c in cases):
        raise columns.fault(column, f"must hold a list of cases, got {type(cases).__name__}")
    tests: list[StdioTest | CallTest] = []
    for case in cases:
        given, expected = case.get("input"), case.get("output")
        if not isinstance(given, str) or not isinstance(expected, str):
            raise columns.fault(column, "must hold cases with an input and an output, as texts")
        kind = case.get("testtype", "stdin")
        if kind == "stdin":
            tests.append(StdioTest(given, expected))
        elif kind == "functional":
            try:
                arguments, value = parse_arguments(given), parse_json(expected)
            except ValueError as error:
                raise columns.fault(column, f"a functional case {error}") from None
            tests.append(call_test(columns, column, arguments, value))
        else:
            raise columns.fault(column, f"testtype must be stdin or functional, got {kind!r}")
    return Tests(tuple(tests))


# --- private tests -------------------------------------------------------------------------------


def _private(columns: Row) -> Any:
    if not columns.columns.get("private_test_cases"):
        return None
    value = columns.columns["private_test_cases"]
    if not isinstance(value, str) or value.lstrip()[:1] == "[":
        return columns.json("private_test_cases")
    try:
        return decode_private_tests(value)
    except ValueError as error:
        raise columns.fault("private_test_cases", str(error)) from None


def decode_private_tests(text: str, *, max_bytes: int = MAX_PRIVATE_BYTES) -> Any:
    """Returns the cases that base64 of zlib of a pickle of JSON text, or of the cases, holds.

    Nothing of the pickle is ever executed: it may hold texts, numbers, lists and dicts alone.

    Args:
      text: the column's text.
      max_bytes: how much it may hold once it is uncompressed.

    Raises:
      ValueError: it is something else, or more; says so in one line.
    """
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"must be JSON, or base64 of it packed, got {text[:40]!r}") from None
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, max_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"must be packed by zlib: {error}") from None
    if len(data) > max_bytes:
        raise ValueError(f"must hold at most {max_bytes} bytes, got more")
    if not unpacker.eof:
        raise ValueError("must be packed by zlib: it is cut short")
    cases = _unpickled(data)
    return parse_json(cases) if isinstance(cases, str) else cases


def encode_private_tests(cases: Sequence[Mapping[str, str]]) -> str:
    """Returns the text that holds cases the way that LiveCodeBench writes them."""
    data = pickle.dumps(json.dumps(list(cases)), protocol=4)
    return base64.b64encode(zlib.compress(data)).decode("ascii")


# All that builds texts, numbers, lists and dicts; nothing that names a class, calls or imports.
_HARMLESS = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET"),
        "LONG_BINGET",
        *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "NONE", "NEWTRUE", "NEWFALSE"),
        *("BININT", "BININT1", "BININT2", "BINFLOAT", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "SETITEM", "SETITEMS"),
    )
)


class _NoClasses(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"names {module}.{name}")

    def persistent_load(self, _pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("names an object elsewhere")


def _unpickled(data: bytes) -> Any:
    harmful = ""
    try:
        for count, (opcode, value, _) in enumerate(pickletools.genops(data)):
            # An unpickler makes room for as many objects as the index says.
            index = value if opcode.name == "LONG_BINPUT" and isinstance(value, int) else 0
            if opcode.name not in _HARMLESS or index > count:
                harmful = opcode.name
                break
        else:
            return _NoClasses(io.BytesIO(data)).load()
    except Exception as error:  # whatever a malformed pickle leads to
        line = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"must be a pickle: {line}"[:200]) from None
    raise ValueError(f"must be a pickle of texts and lists, got {harmful}")


_FILES = ("test.jsonl", *(f"test{number}.jsonl" for number in range(2, 7)))
_NEW_ROWS = (400, 111, 101, 101, 167, 175)
_RELEASES = {f"release_v{n}": range(n) for n in range(1, 7)} | {
    f"v{n}": range(n - 1, n) for n in range(1, 7)
}

SPECS = (
    DatasetSpec(
        name="livecodebench",
        description="LiveCodeBench: contest problems with dates, on standard input or as a method",
        loader=problem_from_row,
        head=head_from_row,
        head_columns=("question_id", "difficulty", "platform", "contest_date", "metadata"),
        configs=tuple(_RELEASES),
        default_config="release_v6",
        splits=("test",),
        default_split="test",
        hub_path="livecodebench/code_generation_lite",
        hub_files={
            (config, "test"): tuple(_FILES[n] for n in numbers)
            for config, numbers in _RELEASES.items()
        },
        expected_rows={
            (config, "test"): sum(_NEW_ROWS[n] for n in numbers)
            for config, numbers in _RELEASES.items()
        },
        styles=("stdio", "call"),
        license="LicenseRef-CC",
    ),
)
