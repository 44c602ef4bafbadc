"""Mutants: small changes to a right program, most of which make it wrong.

Each mutant has one change, of one of these kinds:

    comparison  < and <=, > and >=, == and !=, in and not in, is and is not
    arithmetic  + and -, * and +, / and *, // and *, % and *, ** and *, & and |, << and >>, ^ to &
    constant    an int one more or one less, a float one more, a bool turned, a text emptied
    boolean     and and or; `not x` to `x`; -x to x; a condition negated
    branches    the two ways of an if, or of an if expression, swapped
    statement   one removed; break and continue
    return      a constant in the place of what is returned
    slice       a bound one further
    builtin     min and max, any and all

A mutant may be equivalent to the program that it came from: no test can then tell, so that a
mutation score of 100% is not to be expected. Two mutants that compile to the same code are one.

Source: the operators are those of DeMillo, Lipton and Sayward 1978 (doi:10.1109/C-M.1978.218136)
and of its successors, for Python. No program is run here: they are parsed and written again.
"""

from __future__ import annotations

import ast
import hashlib
import random
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..data.rows import parse_python

__all__ = ["mutants_of", "stub_of"]

_MAX_CHARS = 100_000  # a longer program is data rather than logic, and slow to write again

type _Change = Callable[[], Callable[[], None]]
"""Makes a change to the tree, and returns what takes it back."""

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_BUILTINS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_SIGNS = (ast.Not, ast.USub)
_CONSTANTS = (None, 0, 1, "", True)


def mutants_of(programs: Sequence[str], count: int, seed: str) -> list[str]:
    """Returns at most `count` different mutants, drawn from all programs in turn.

    The same programs, count and seed give the same mutants, in the same order. A program that is
    not Python, or of more than 100,000 characters, has none.

    Args:
      programs: right programs.
      count: how many to draw; fewer where the programs have fewer.
      seed: any text.
    """
    seen: set[bytes] = set()
    drawn: list[Iterator[str]] = []
    for number, program in enumerate(programs):
        if len(program) > _MAX_CHARS:
            continue
        try:
            tree = parse_python(program)
        except ValueError:
            continue
        original = _code_digest(program)
        if original is None:
            continue
        seen.add(original)
        drawn.append(_draw(tree, random.Random(f"{seed}/{number}")))
    found: list[str] = []
    while drawn and len(found) < count:
        for source in list(drawn):
            mutant = next(source, None)
            if mutant is None:
                drawn.remove(source)
                continue
            digest = _code_digest(mutant)
            if digest is not None and digest not in seen and len(found) < count:
                seen.add(digest)
                found.append(mutant)
    return found


def stub_of(program: str, entry_point: str) -> str | None:
    """Returns a program that does nothing, or None where it cannot be made.

    Args:
      program: a right program.
      entry_point: the function of it that shall return None at once; "" for a program that reads
        standard input: then all of it is left out, and nothing is printed.
    """
    if not entry_point:
        return "pass\n"
    name = entry_point.rpartition(".")[2].strip()
    try:
        tree = parse_python(program)
    except ValueError:
        return None
    found = False
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            node.body, found = [ast.Return(ast.Constant(None))], True
    return _written(tree) if found else None


def _draw(tree: ast.Module, rng: random.Random) -> Iterator[str]:
    """Yields the tree's mutants as programs, in an order that `rng` decides."""
    texts = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}  # docstrings too
    changes = [c for node in ast.walk(tree) if id(node) not in texts for c in _changes(node)]
    rng.shuffle(changes)
    for change in changes:
        take_back = change()
        text = _written(tree)
        take_back()
        if text is not None:
            yield text


def _written(tree: ast.Module) -> str | None:
    try:
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    except (ValueError, RecursionError):  # such as an int too long to be written
        return None


def _code_digest(program: str) -> bytes | None:
    """Returns a digest of what a program compiles to, without line numbers; None if it does not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(program, "", "exec", dont_inherit=True, optimize=0)
        return hashlib.blake2b(repr(_plain(code)).encode(), digest_size=16).digest()
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _plain(code: types.CodeType) -> tuple[object, ...]:
    constants = tuple(
        _plain(c) if isinstance(c, types.CodeType) else (type(c).__name__, repr(c))
        for c in code.co_consts
    )
    names = (code.co_names, code.co_varnames, code.co_freevars)
    return (code.co_code, constants, *names, code.co_exceptiontable)


# --- the changes ---------------------------------------------------------------------------------


def _changes(node: ast.AST) -> Iterator[_Change]:
    """Yields the changes that can be made at a node itself."""
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            yield _put(node.ops, at, _COMPARISONS[type(operator)]())
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        if type(node.op) in _ARITHMETIC:
            yield _set(node, "op", _ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield _set(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.Constant):
        yield from (_set(node, "value", value) for value in _near(node.value))
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield _set(node, "test", ast.UnaryOp(ast.Not(), node.test))
        if isinstance(node, ast.IfExp) or (isinstance(node, ast.If) and node.orelse):
            yield _swap(node)
    elif isinstance(node, ast.Return) and node.value is not None:
        same = node.value.value if isinstance(node.value, ast.Constant) else ...
        for value in _CONSTANTS:
            if value is not same:
                yield _set(node, "value", ast.Constant(value))
    elif isinstance(node, ast.Slice):
        for name in ("lower", "upper"):
            bound = getattr(node, name)
            if bound is not None:
                yield _set(node, name, ast.BinOp(bound, ast.Add(), ast.Constant(1)))
    elif isinstance(node, ast.Name) and node.id in _BUILTINS:
        yield _set(node, "id", _BUILTINS[node.id])
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            yield from _removals(value)
            for at, item in enumerate(value):
                if isinstance(item, ast.UnaryOp) and isinstance(item.op, _SIGNS):
                    yield _put(value, at, item.operand)
        elif isinstance(value, ast.UnaryOp) and isinstance(value.op, _SIGNS):
            yield _set(node, name, value.operand)


def _removals(body: list[ast.AST]) -> Iterator[_Change]:
    """Yields the changes to the statements of a block."""
    for at, statement in enumerate(body):
        if not isinstance(statement, ast.stmt) or isinstance(statement, _DEFINITIONS):
            continue
        if isinstance(statement, ast.Break):
            yield _put(body, at, ast.Continue())
        elif isinstance(statement, ast.Continue):
            yield _put(body, at, ast.Break())
        elif not isinstance(statement, ast.Pass) and not _is_text(statement):
            yield _put(body, at, ast.Pass())


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _near(value: object) -> tuple[object, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1)
    if isinstance(value, float):
        return (value + 1,)
    if isinstance(value, str):
        return ("",) if value else ("x",)
    return ()


def _set(node: ast.AST, name: str, value: object) -> _Change:
    def change() -> Callable[[], None]:
        before = getattr(node, name)
        setattr(node, name, value)
        return lambda: setattr(node, name, before)

    return change


def _put(items: list[Any], at: int, value: ast.AST) -> _Change:
    def change() -> Callable[[], None]:
        before = items[at]
        items[at] = value

        def take_back() -> None:
            items[at] = before

        return take_back

    return change


def _swap(node: ast.If | ast.IfExp) -> _Change:
    def change() -> Callable[[], None]:
        node.body, node.orelse = node.orelse, node.body

        def take_back() -> None:
            node.body, node.orelse = node.orelse, node.body

        return take_back

    return change
