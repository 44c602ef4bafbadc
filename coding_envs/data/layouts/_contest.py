"""What the layouts of contest problems have in common: tests, limits, comparison, references.

Decisions that hold for all of them:

- **Limits** that a row gives were set for C++ on another machine: Python gets four times the time,
  JavaScript twice, and two seconds at least; Python gets twice the memory, and all of them 256 MiB
  at least. The row's own numbers stay in `Problem.row`. Where a row gives none, the time is that of
  the dataset's own harness. Calls share one run, which gets a quarter more for each, at most three
  times in all.
- **Comparison** is the judge's, by tokens, with floats where the expected token is one. Where every
  test expects one number and some are floats, all of them are: 2.0 will do for 2. Where all words
  that are expected are yes or no, letters compare without case, as contests have it.
- **Lists of lines** are joined by newlines; an input gets one at its end.
- **References** are whole programs of Python 3. One that holds `return` outside of functions, as
  those of APPS may (its harness runs them inside of one), ends itself there instead. Python 2 and
  what does not parse stay in `Problem.row`, as do all beyond the first `MAX_SOLUTIONS`.
- **Expected values of calls** came through JSON: the keys of dicts match as the text that JSON
  makes of them; and where every expected value of a problem is a list of one item, which is how
  most of APPS' function problems were stored, the item itself is right, too, as in APPS' harness.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import PlainDataError
from ...problem import CallTest, Comparison, Limits, StdioTest
from ..rows import Row, parse_json, parse_python

__all__ = [
    "CALL_PRELUDE",
    "MAX_SOLUTIONS",
    "Tests",
    "call_test",
    "comparison_for",
    "entry_point_for",
    "flags_of_text",
    "io_head_style",
    "io_style",
    "io_tests",
    "limits_for",
    "parse_arguments",
    "platform_of",
    "python_programs",
    "unfenced",
]

MAX_SOLUTIONS = 8

CALL_PRELUDE = """\
from bisect import bisect, bisect_left, bisect_right, insort, insort_left, insort_right
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from functools import cache, cmp_to_key, lru_cache, partial, reduce
from heapq import *
from itertools import *
from math import ceil, comb, cos, exp, fabs, factorial, floor, gcd, inf, isqrt, lcm, log, log2, pi
from math import sin, sqrt, tan
from typing import *
import bisect, collections, copy, datetime, fractions, functools, heapq, itertools, json, math
import operator, random, re, statistics, string, sys, time
"""
"""What functions of LeetCode's kind take for granted; no name of it hides a builtin."""

_TIME_FACTORS = {"python": 4.0, "javascript": 2.0}
_MEMORY_FACTORS = {"python": 2}
_LEAST_CPU_S, _LEAST_BYTES = 2.0, 256 * 2**20
_MOST_CPU_S, _MOST_BYTES = 300.0, 4 * 2**30
_CALLS_MORE, _CALLS_MOST = 0.25, 3.0
_FN_NAME = re.compile(r'"fn_name"\s*:\s*"')
_PYTHON_2 = re.compile(r"\b(raw_input|xrange)\s*\(")
_OWN_NAMES = re.compile(r"\b(raw_input|xrange)\s*=|\bdef (raw_input|xrange)\b")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_NUMBER_CHARS = 100
_FENCED = re.compile(r"```[^\n`]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_ANY_ANSWER = re.compile(
    r"\b(?:any (?:of them|one of them|valid|correct|such|possible)|print any\b|output any\b"
    r"|(?:multiple|several|many) (?:\w+ )?(?:answers|solutions|outputs)"
    r"|more than one (?:\w+ )?(?:answer|solution|output))",
    re.IGNORECASE,
)
_PLATFORMS = (
    *("codeforces", "codechef", "codewars", "atcoder", "leetcode", "kattis", "hackerrank"),
    *("hackerearth", "geeksforgeeks", "aizu", "u-aizu"),
)


@dataclass(frozen=True)
class Tests:
    """What a row holds of tests.

    Attributes:
      tests: in the row's order.
      function: the name of the function that they call, or "" where they are on standard input.
    """

    tests: tuple[StdioTest | CallTest, ...]
    function: str = ""


# --- tests ---------------------------------------------------------------------------------------


def io_style(value: Any) -> str:
    """Returns the kind of the tests in a column of `inputs` and `outputs`, without decoding it."""
    if isinstance(value, str):
        at = value.find('"fn_name"')  # texts are large: a plain search first
        return "call" if at >= 0 and _FN_NAME.search(value, at) else "stdio" if value else ""
    if isinstance(value, Mapping) and value:
        return "call" if value.get("fn_name") else "stdio"
    return ""


def io_head_style(columns: Row, column: str) -> str:
    """Returns `io_style` of a row's column, or "" where a head is not given that column.

    Raises:
      DatasetRowError: the column holds no tests.
    """
    if column not in columns.columns:
        return ""
    style = io_style(columns.columns[column])
    if not style:
        raise columns.fault(column, "holds no tests")
    return style


def io_tests(columns: Row, column: str) -> Tests:
    """Returns the tests of a column in APPS' form: `inputs`, `outputs` and perhaps `fn_name`.

    Raises:
      DatasetRowError: it holds no tests, or malformed ones.
    """
    if not columns.columns.get(column):
        raise columns.fault(column, "holds no tests")
    data = columns.json(column)
    if not isinstance(data, Mapping):
        raise columns.fault(column, f"must hold an object, got {type(data).__name__}")
    pairs = _pairs(columns, column, data)
    function = data.get("fn_name") or ""
    if not function:
        texts = ((_joined(a, "\n"), _joined(b)) for a, b in pairs)
        return Tests(tuple(_stdio_test(columns, column, *pair) for pair in texts))
    return Tests(tuple(call_test(columns, column, a, b) for a, b in pairs), function)


def _pairs(columns: Row, column: str, data: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    inputs, outputs = data.get("inputs"), data.get("outputs")
    if not isinstance(inputs, list) or not isinstance(outputs, list):
        raise columns.fault(column, "must hold lists named inputs and outputs")
    if len(inputs) != len(outputs):
        raise columns.fault(column, f"holds {len(inputs)} inputs and {len(outputs)} outputs")
    if not inputs:
        raise columns.fault(column, "holds no tests")
    return list(zip(inputs, outputs, strict=True))


def _joined(value: Any, end: str = "") -> Any:
    """Returns a text, or the text that a list of lines makes; anything else as it is."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value) + (end if value else "")
    return value


def _stdio_test(columns: Row, column: str, given: Any, expected: Any) -> StdioTest:
    for value in (given, expected):
        if not isinstance(value, str):
            reason = f"must hold texts or lists of lines, got a {type(value).__name__}"
            raise columns.fault(column, reason)
    return StdioTest(given, expected)


def call_test(columns: Row, column: str, arguments: Any, expected: Any) -> CallTest:
    """Returns one test of a call.

    Raises:
      DatasetRowError: the arguments are no list, or a value is nested too deeply.
    """
    if not isinstance(arguments, list):
        kind = type(arguments).__name__
        raise columns.fault(column, f"must hold lists of arguments, got a {kind}")
    try:
        return CallTest(tuple(arguments), expected)
    except PlainDataError as error:
        raise columns.fault(column, str(error)) from None


def entry_point_for(columns: Row, function: object, code: Iterable[str]) -> str:
    """Returns what is called: the function, or where the code has it in a class, the method.

    Args:
      columns: the row.
      function: the function's name, or "".
      code: starter code and solutions; the first that defines anything tells.

    Raises:
      DatasetRowError: the name is none.
    """
    if not function:
        return ""
    if not isinstance(function, str) or not function.isidentifier():
        raise columns.fault("", f"must name a function to call, got {str(function)[:60]!r}")
    for text in code:
        if re.search(r"^class\s+Solution\b", text, re.MULTILINE):
            return f"Solution().{function}"
        if re.search(r"^(async\s+)?def\s", text, re.MULTILINE):
            break
    return function


# --- limits, comparison, flags -------------------------------------------------------------------


def limits_for(
    tests: Sequence[StdioTest | CallTest],
    *,
    language: str = "python",
    harness_s: float = 4.0,
    time_s: float | None = None,
    memory_bytes: float | None = None,
) -> Limits:
    """Returns a problem's limits.

    Args:
      tests: its tests; expected outputs must fit.
      language: what its programs are written in.
      harness_s: the time that the dataset's own harness gives one test, seconds.
      time_s: what the row gives, seconds, or None.
      memory_bytes: what the row gives, or None.
    """
    from_row = set()
    cpu_s = harness_s
    if time_s is not None and time_s > 0:
        from_row.add("cpu_time_s")
        cpu_s = max(_LEAST_CPU_S, _TIME_FACTORS.get(language, 1.0) * time_s)
    memory = _LEAST_BYTES
    if memory_bytes is not None and memory_bytes > 0:
        from_row.add("memory_bytes")
        memory = max(_LEAST_BYTES, int(_MEMORY_FACTORS.get(language, 1) * memory_bytes))
    calls = sum(isinstance(t, CallTest) for t in tests)
    if calls > 1:
        cpu_s *= min(1 + _CALLS_MORE * (calls - 1), _CALLS_MOST)
    longest = max((_output_chars(t) for t in tests), default=0)
    output = max(Limits.output_bytes, 2 * longest)
    return Limits(
        cpu_time_s=min(cpu_s, _MOST_CPU_S),
        memory_bytes=min(memory, _MOST_BYTES),
        output_bytes=output,
        file_size_bytes=max(Limits.file_size_bytes, output),
        from_row=frozenset(from_row),
    )


def _output_chars(test: StdioTest | CallTest) -> int:
    return test.answer_chars if isinstance(test, CallTest) else len(test.output)


def comparison_for(tests: Sequence[StdioTest | CallTest], *, abs_tol: float = 1e-6) -> Comparison:
    """Returns how a problem's answers are compared: see the module's docstring."""
    calls = [t.expected for t in tests if isinstance(t, CallTest)]
    outputs = [t.output for t in tests if isinstance(t, StdioTest)]
    return Comparison(
        abs_tol=abs_tol,
        floats="always" if _is_real(outputs) else "where_expected",
        ignore_case=_is_yes_or_no(outputs),
        unwrap=bool(calls) and all(isinstance(v, list) and len(v) == 1 for v in calls),
        json_keys=any(map(_holds_dict, calls)),
    )


def _is_real(outputs: Sequence[str]) -> bool:
    """Returns True where each test expects one number, and some of them are written as floats."""
    if any(len(output) > _NUMBER_CHARS for output in outputs):
        return False
    return all(map(_NUMBER.fullmatch, outputs)) and any(
        mark in output for output in outputs for mark in ".eE"
    )


def _is_yes_or_no(outputs: Sequence[str]) -> bool:
    """Returns True where all words are yes or no; looks at the others only where the first is."""
    if not outputs or outputs[0][:100].lower().split()[:1] not in (["yes"], ["no"]):
        return False
    return all(
        word in ("yes", "no") or not any(map(str.isalpha, word))
        for output in outputs
        for word in set(output.lower().split())
    )


def _holds_dict(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(item, (list, dict)) and _holds_dict(item) for item in value)
    return isinstance(value, dict)


def flags_of_text(statement: str) -> set[str]:
    """Returns "special_judge" where a statement says that several answers are right.

    Nothing else in these datasets tells; the tests then hold one of the answers.
    """
    return {"special_judge"} if _ANY_ANSWER.search(statement) else set()


def platform_of(url: str) -> str:
    """Returns the site that an address is of, such as "codeforces", or ""."""
    host = url.partition("://")[2].partition("/")[0].lower()
    found = next((name for name in _PLATFORMS if name in host), "")
    return "aizu" if found == "u-aizu" else found


# --- references ----------------------------------------------------------------------------------


def python_programs(texts: Iterable[str], *, most: int = MAX_SOLUTIONS) -> tuple[str, ...]:
    """Returns the first programs that are Python 3, as scripts that can be run on their own."""
    found: list[str] = []
    for text in texts:
        if len(found) == most:
            break
        program = _script(text.replace("\r\n", "\n"))
        if program is not None and program not in found:
            found.append(program)
    return tuple(found)


def _script(text: str) -> str | None:
    if not text.strip() or (_PYTHON_2.search(text) and not _OWN_NAMES.search(text)):
        return None
    try:
        tree = parse_python(text)
    except ValueError:
        return None
    if "return" not in text:
        return text
    lines = [line.encode() for line in text.split("\n")]
    for node in sorted(_module_returns(tree), key=lambda n: (n.lineno, n.col_offset), reverse=True):
        # The source as it stands, but for this: programs that read better than unparsed ones.
        value = ast.get_source_segment(text, node.value) if node.value else None
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        end = lines[last][node.end_col_offset :]
        stop = f"({value}); raise SystemExit" if value else "raise SystemExit"
        lines[first : last + 1] = [lines[first][: node.col_offset] + stop.encode() + end]
    return b"\n".join(lines).decode()


def _module_returns(node: ast.AST) -> Iterator[ast.Return]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)):
            yield from _module_returns(child)


def unfenced(text: str) -> str:
    """Returns what stands in the last fenced block of a text, or the text where there is none."""
    blocks = _FENCED.findall(text)
    return blocks[-1] + "\n" if blocks else text


def parse_arguments(text: str) -> list[Any]:
    """Returns arguments that are written as one JSON value per line.

    Raises:
      ValueError: a line is not JSON.
    """
    return [parse_json(line) for line in text.split("\n")] if text else []
