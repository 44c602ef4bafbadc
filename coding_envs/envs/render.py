"""A problem, the program so far and the verdict, as text that a person likes to read."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from collections.abc import Callable

from ..problem import CallTest, Problem, StdioTest
from ..verdict import Status, TestResult, Verdict

__all__ = ["render_episode"]

_RESET, _BOLD, _DIM = "\033[0m", "\033[1m", "\033[2m"
_GREEN, _RED, _YELLOW, _CYAN = "\033[32m", "\033[31m", "\033[33m", "\033[36m"
# A program, and what it prints, is not ours: it must not steer the terminal, nor break `print`.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_MAX_TESTS = 3
_MAX_PROGRAM_LINES = 40
_MAX_LINE = 400


def render_episode(
    problem: Problem,
    program: str,
    verdict: Verdict | None = None,
    *,
    reward: float | None = None,
    color: bool | None = None,
) -> str:
    """Returns the picture of one episode; control characters in it are shown as escapes.

    Args:
      problem: what is to be solved.
      program: what is written so far, the starter code included.
      verdict: the judge's, once there is one.
      reward: what the policy got.
      color: ANSI colours; default: unless NO_COLOR is set.
    """
    colored = "NO_COLOR" not in os.environ if color is None else color

    def paint(style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if colored else text

    width = min(shutil.get_terminal_size((80, 24)).columns, 100)
    rule = paint(_DIM, "─" * width)
    lines = [paint(_BOLD + _CYAN, _printable(problem.uid)), rule]
    for paragraph in _printable(problem.prompt).strip().splitlines():
        lines += textwrap.wrap(paragraph, width, drop_whitespace=False) or [""]
    examples = [_example(problem, t) for t in problem.public_tests[:_MAX_TESTS]]
    lines += [paint(_DIM, "  " + line) for line in examples if line]
    lines.append(rule)
    code = _printable(program).splitlines() or [""]
    hidden = max(0, len(code) - _MAX_PROGRAM_LINES)
    if hidden:
        lines.append(paint(_DIM, f"     … {hidden} lines above"))
    for number, line in enumerate(code[hidden:], hidden + 1):
        cursor = paint(_YELLOW, "▏") if verdict is None and number == len(code) else ""
        lines.append(f"{paint(_DIM, f'{number:4d}')} {_short(line, _MAX_LINE)}{cursor}")
    lines.append(rule)
    if verdict is None:
        lines.append(paint(_YELLOW, "writing …"))
    else:
        style = _GREEN if verdict.accepted else _RED
        head = paint(_BOLD + style, str(verdict.status).replace("_", " "))
        paid = "" if reward is None else f"   reward {reward:+.2f}"
        lines.append(f"{head}   {verdict.passed}/{verdict.total} tests{paid}")
        lines.append("".join(_mark(t, paint) for t in verdict.tests[:width]))
        if not verdict.accepted and verdict.message:
            lines += textwrap.wrap(_printable(verdict.message), width)[:4]
    return "\n".join(lines)


def _printable(text: str) -> str:
    text = text.replace("\r\n", "\n")
    return _CONTROL.sub(lambda match: ascii(match.group())[1:-1], text)


def _mark(result: TestResult, paint: Callable[[str, str], str]) -> str:
    marks = {Status.ACCEPTED: (_GREEN, "✓"), Status.NOT_RUN: (_DIM, "·")}
    style, mark = marks.get(result.status, (_RED, "✗"))
    return paint(style, mark)


def _example(problem: Problem, test: object) -> str:
    if isinstance(test, CallTest):
        parts = [_short(repr(a)) for a in test.args]
        parts += [f"{k}={_short(repr(v))}" for k, v in test.kwargs.items()]
        entry = test.entry_point or problem.entry_point
        return f"{entry}({', '.join(parts)}) -> {_short(repr(test.expected))}"
    if isinstance(test, StdioTest):
        return f"input {_short(repr(test.input))} -> output {_short(repr(test.output))}"
    return ""


def _short(text: str, width: int = 40) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
