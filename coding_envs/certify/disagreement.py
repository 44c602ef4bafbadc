"""Do accepted references agree where no test looks? Inputs are made from those of the tests.

One reference takes the judge's place: it answers each made-up input beside the tests, in a jail of
its own (the tester's for calls, a checker's for standard input), and the other's answer must be the
same. An input on which it fails says nothing.

The inputs may break the statement's rules, so that a disagreement alone decides nothing: it says
that several answers may be right, or that the tests leave something open.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from typing import Any

from ..problem import CallTest, CodeTest, JudgeProgram, Problem, StdioTest

__all__ = ["crossed"]

_MAX_CHARS = 2000  # of an input: larger ones are for speed, not for corners
_MAX_DEPTH = 12
_TRIES = 20  # per input wanted
_NUMBER = re.compile(r"-?\d+")
_PLAIN = (bool, int, float, str, type(None))

_CALLS = """
import copy as _copy

_scope = {{"__name__": "reference"}}
exec({source!r}, _scope)
_reference = eval({entry_point!r}, _scope)

def _same(a, b):
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b))
    if isinstance(a, float) or isinstance(b, float):
        try:
            return a == b or (a != a and b != b) or abs(a - b) <= 1e-6 * max(1.0, abs(a))
        except TypeError:
            return False
    return a == b

def check(candidate):
    args = {args!r}
    try:
        wanted = _reference(*_copy.deepcopy(args))
    except Exception:
        return
    assert _same(wanted, candidate(*args))
"""

_CHECKER = """
import io, os, sys

source = {source!r}
with open(sys.argv[3]) as file:
    got = file.read().split()
os.dup2(os.open(sys.argv[1], os.O_RDONLY), 0)  # for those that read the descriptor itself
stdin, stdout = sys.stdin, sys.stdout
sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False))
sys.stdout = io.TextIOWrapper(io.BytesIO(), write_through=True)
try:
    exec(compile(source, "reference", "exec"), {{"__name__": "__main__"}})
    wanted = sys.stdout.buffer.getvalue().decode().split()
except SystemExit:
    wanted = sys.stdout.buffer.getvalue().decode().split()
except BaseException:
    wanted = None
sys.stdin, sys.stdout = stdin, stdout

def same(a, b):
    if a == b:
        return True
    try:
        return abs(float(a) - float(b)) <= 1e-6 * max(1.0, abs(float(a)))
    except ValueError:
        return False

print(int(wanted is None or (len(wanted) == len(got) and all(map(same, wanted, got)))))
"""


def crossed(problem: Problem, reference: str, count: int, seed: str) -> Problem | None:
    """Returns a problem in which a program must answer as `reference` does; None if there is none.

    Args:
      problem: in Python, with tests of one kind: calls with plain arguments, or standard input
        without a checker.
      reference: answers in the place of the tests.
      count: at most so many made-up inputs, each a test.
      seed: decides which.
    """
    if problem.language != "python" or problem.checker is not None:
        return None
    rng = random.Random(seed)
    kinds = {test.kind for test in problem.tests}
    if kinds == {"stdio"}:
        texts = [t.input for t in problem.tests if isinstance(t, StdioTest)]
        inputs = list(_other_texts(texts, count, rng))
        if not inputs:
            return None
        return problem.replace(
            public_tests=(),
            hidden_tests=tuple(StdioTest(text, "") for text in inputs),
            checker=JudgeProgram(_CHECKER.format(source=reference), protocol="script"),
        )
    if kinds != {"call"} or any(not _is_simple(test) for test in problem.tests):
        return None
    calls = [t.args for t in problem.tests if isinstance(t, CallTest)]
    made = list(_other_calls(calls, count, rng))
    if not made:
        return None
    shared = {"source": reference, "entry_point": problem.entry_point}
    tests = tuple(CodeTest(_CALLS.format(args=args, **shared), check="check") for args in made)
    return problem.replace(public_tests=(), hidden_tests=tests, solutions=(reference,))


def _is_simple(test: object) -> bool:
    return (
        isinstance(test, CallTest)
        and test.compares_value
        and not test.kwargs
        and test.entry_point is None
        and _is_plain(test.args)
    )


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether `repr` writes a value so that Python reads the same."""
    if depth > _MAX_DEPTH:
        return False
    if type(value) is float:
        return math.isfinite(value)
    if type(value) in (list, tuple):
        return all(_is_plain(item, depth + 1) for item in value)
    if type(value) is dict:
        return all(_is_plain(k, depth + 1) and _is_plain(v, depth + 1) for k, v in value.items())
    return type(value) in _PLAIN


def _other_calls(
    calls: list[tuple[Any, ...]], count: int, rng: random.Random
) -> Iterator[tuple[Any, ...]]:
    known = {repr(args) for args in calls}
    small = [args for args in calls if args and len(repr(args)) <= _MAX_CHARS]
    for _ in range(_TRIES * count if small else 0):
        args = list(rng.choice(small))
        at = rng.randrange(len(args))
        args[at] = _changed(args[at], rng)
        text = repr(tuple(args))
        if text not in known:
            known.add(text)
            yield tuple(args)
            count -= 1
            if not count:
                return


def _changed(value: Any, rng: random.Random) -> Any:
    """Returns a value of the same shape with one change."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice([value + 1, value - 1, 0, 2 * value])
    if isinstance(value, float):
        return rng.choice([value + 0.5, -value, 0.0])
    if isinstance(value, (str, list, tuple)) and value:
        items = list(value)
        at = rng.randrange(len(items))
        what = rng.randrange(4)
        if what == 0:
            del items[at]
        elif what == 1:
            items.insert(at, rng.choice(items))
        elif what == 2:
            rng.shuffle(items)
        elif not isinstance(value, str):
            items[at] = _changed(items[at], rng)
        return "".join(items) if isinstance(value, str) else type(value)(items)
    if isinstance(value, dict) and value:
        key = rng.choice(list(value))
        return value | {key: _changed(value[key], rng)}
    return value


def _other_texts(texts: list[str], count: int, rng: random.Random) -> Iterator[str]:
    """Yields texts with one number changed, or two of a line swapped, so that lines fit still."""
    known = set(texts)
    small = [text for text in texts if len(text) <= _MAX_CHARS and _NUMBER.search(text)]
    for _ in range(_TRIES * count if small else 0):
        text = rng.choice(small)
        found = list(_NUMBER.finditer(text))
        one, two = rng.choice(found), rng.choice(found)
        line = text[min(one.start(), two.start()) : max(one.end(), two.end())]
        if one.start() < two.start() and "\n" not in line and rng.random() < 0.5:
            between = text[one.end() : two.start()]
            made = text[: one.start()] + two.group() + between + one.group() + text[two.end() :]
        elif len(one.group()) > 18:
            continue
        else:
            number = int(one.group()) + rng.choice([1, -1])
            made = text[: one.start()] + str(number) + text[one.end() :]
        if made not in known:
            known.add(made)
            yield made
            count -= 1
            if not count:
                return
