"""What HumanEval+ and MBPP+ have in common: EvalPlus' tests, taken apart.

A row of either holds its tests as a program text: a list of argument lists, a list of results, and
a loop that compares them. Where the comparison is one of EvalPlus' standard ones, each pair
becomes a CallTest under `Comparison(equality="python")`, which is the same rule without NumPy;
else the text stays a CodeTest. What differs from EvalPlus' own harness, and why:

- NumPy broadcasts: its `allclose` takes `[5.0]`, or `0.0` beside `[]`, for equal to `5.0` and `[]`.
  Here shapes must be the same.
- Arguments are fresh for each call, and for the reference in a cross-check: a program that changes
  its arguments changes nobody else's.
- NumPy is not in the jail. The texts that stay CodeTests use its `allclose` and two type names;
  they find a stand-in for these.

Source: evalplus/evalplus, `tools/humaneval/to_original_fmt.py`, `tools/mbpp/to_original_fmt.py`,
`evalplus/eval/__init__.py`, `evalplus/eval/_special_oracle.py` (Liu et al. 2023, arXiv:2305.01210).
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import PlainDataError
from ...problem import CallTest, CodeTest, Comparison, Limits
from ..rows import Row, parse_python

__all__ = ["LIMITS", "PlusTests", "cross_checked", "plus_tests"]

# EvalPlus gives each input max(4 s, 4 times the reference's time), and 4 GiB to all. Here one run
# makes all calls of a problem.
LIMITS = Limits(cpu_time_s=10.0, memory_bytes=1 << 30)

_RTOL = 1e-7
_ATOL = 1e-6  # where the expected value is a float and the task gives no tolerance

# `assertion` and `is_floats` as the standard tests have them, but for messages: see _shape.
_IS_FLOATS = """
def is_floats(x) -> bool:
    if isinstance(x, float):
        return True
    if isinstance(x, (list, tuple)):
        return all(isinstance(i, float) for i in x)
    if isinstance(x, np.ndarray):
        return x.dtype == np.float64 or x.dtype == np.float32
    return False
"""
_ASSERTION = """
def assertion(out, exp, atol):
    exact_match = out == exp
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        {near}
    else:
        assert exact_match
"""
_NEAR = (
    "assert np.allclose(out, exp, rtol=1e-07, atol=atol)",
    "np.testing.assert_allclose(out, exp, atol=atol)",
    "np.testing.assert_allclose(out, exp, rtol=1e-07, atol=atol)",
)

# Stands for NumPy in the tests that stay texts.
_STAND_IN = '''
from collections import Counter, OrderedDict, defaultdict, deque
class np:
    """What EvalPlus' tests use of NumPy."""
    class ndarray: pass
    float32 = float64 = None
    @staticmethod
    def allclose(out, exp, rtol=1e-07, atol=1e-08):
        if isinstance(exp, (list, tuple)):
            same = isinstance(out, (list, tuple)) and len(out) == len(exp)
            return same and all(np.allclose(a, b, rtol, atol) for a, b in zip(out, exp))
        if not isinstance(out, (int, float, complex)) or not isinstance(exp, (int, float, complex)):
            raise TypeError("allclose wants numbers")
        return out == exp or abs(out - exp) <= atol + rtol * abs(exp)
    class testing:
        @staticmethod
        def assert_allclose(out, exp, rtol=1e-07, atol=0):
            assert np.allclose(out, exp, rtol, atol)
def _copied(values):
    import copy
    return copy.deepcopy(values)
'''
_USES_OF_NUMPY = frozenset({"ndarray", "float32", "float64", "allclose", "testing"})


@dataclass(frozen=True)
class PlusTests:
    """The tests of a row, as a Problem holds them.

    Attributes:
      tests: one CallTest per input, or a single CodeTest.
      comparison: how the former compare.
      entry_point: the name that the loop calls; "candidate" where it is an argument of `check`.
      repaired: True where the row's own test compares and forgets to assert.
    """

    tests: tuple[CallTest | CodeTest, ...]
    comparison: Comparison
    entry_point: str
    repaired: bool = False

    @property
    def flags(self) -> frozenset[str]:
        """The problem's flags."""
        texts = [test.code for test in self.tests if isinstance(test, CodeTest)]
        needs = {"needs:numpy"} if any("import numpy" in text for text in texts) else set()
        return frozenset(needs | ({"repaired"} if self.repaired else set()))


def plus_tests(row: Row, test: str, defined: Collection[str] = ()) -> PlusTests:
    """Returns the tests that the column `test` holds.

    Args:
      row: the row.
      test: the text.
      defined: names that the reference defines, one of which the loop calls; not needed where the
        test is a `check(candidate)`.

    Raises:
      DatasetRowError: it is no Python, or holds no inputs and no loop over them.
    """
    tree = row.python("test", _LONG.sub(_in_hexadecimal, test))
    check = _functions(tree).get("check")
    body = tree.body if check is None else check.body
    loop = next((node for node in body if isinstance(node, ast.For)), None)
    values = {name: node for statement in body for name, node in _assigned(statement)}
    names = defined if check is None else {argument.arg for argument in check.args.args}
    called = None if loop is None else _called(loop, names)
    if loop is None or called is None or "inputs" not in values:
        raise row.fault("test", "must hold inputs, and a loop that calls the function with them")
    name = "check" if check is not None else ""
    assertion = _functions(tree).get("assertion")
    if assertion is not None and (called in _NONES or not _asserts(assertion)):
        return PlusTests((_repaired(test, called, name),), Comparison(), called, True)
    atol = _tolerance(loop, called) if _is_standard(tree) else None
    if atol is not None and "results" in values:
        tests: tuple[CallTest | CodeTest, ...] = _call_tests(values["inputs"], values["results"])
        if tests:
            return PlusTests(tests, _comparison(atol), called)
    return PlusTests(
        (CodeTest(_standing_alone(test, tree, called), check=name),), Comparison(), called
    )


# CPython reads no decimal literal of more than 4300 digits; hexadecimal ones have no limit.
_CHUNK = 4000
_LONG = re.compile(rf"(?<![\w'\".])\d{{{_CHUNK},}}(?![\w'\".])")


def _in_hexadecimal(found: re.Match[str]) -> str:
    digits, value = found[0], 0
    for start in range(0, len(digits), _CHUNK):
        chunk = digits[start : start + _CHUNK]
        value = value * 10 ** len(chunk) + int(chunk)
    return hex(value)


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value


def _called(loop: ast.For, names: Collection[str]) -> str | None:
    """Returns which of the functions the loop calls with nothing but `*inp`."""
    for node in ast.walk(loop):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Starred()]) if name in names:
                return name
    return None


def _asserts(function: ast.FunctionDef) -> bool:
    return any("assert" in ast.unparse(statement) for statement in function.body)


def _is_standard(tree: ast.Module) -> bool:
    """Returns True where `assertion` compares as the standard tests do."""
    functions = _functions(tree)
    if not {"assertion", "is_floats"} <= set(functions):
        return False
    shapes = {_shape(parse_python(_ASSERTION.format(near=near)).body[0]) for near in _NEAR}
    floats = _shape(parse_python(_IS_FLOATS).body[0])
    return _shape(functions["assertion"]) in shapes and _shape(functions["is_floats"]) == floats


def _shape(node: ast.AST) -> str:
    """Returns a function as text, without the messages of its assertions."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assert):
            part.msg = None
    return ast.unparse(node)


def _tolerance(loop: ast.For, called: str) -> float | None:
    """Returns the `atol` of `assertion(f(*inp), exp, atol)`, or None where the loop does else."""
    if len(loop.body) != 1 or not isinstance(loop.body[0], ast.Expr):
        return None
    call = loop.body[0].value
    if not isinstance(call, ast.Call) or len(call.args) != 3 or call.keywords:
        return None
    value, expected, atol = call.args
    wanted = (ast.unparse(call.func), ast.unparse(value), ast.unparse(expected))
    if wanted != ("assertion", f"{called}(*inp)", "exp") or not isinstance(atol, ast.Constant):
        return None
    if ast.unparse(loop.iter) != "enumerate(zip(inputs, results))":
        return None
    number = atol.value
    if not isinstance(number, (int, float)) or isinstance(number, bool) or not 0 <= number < 1:
        return None
    return float(number)


def _comparison(atol: float) -> Comparison:
    return Comparison(
        abs_tol=atol or _ATOL,
        rel_tol=_RTOL,
        floats="always" if atol else "where_expected",
        equality="python",
    )


def _call_tests(inputs: ast.expr, results: ast.expr) -> tuple[CallTest, ...]:
    """Returns one test per pair of literals; () where they are not all plain data."""
    try:
        pairs = zip(_literal(inputs), _literal(results), strict=True)
        return tuple(CallTest(tuple(args), expected) for args, expected in pairs)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, PlainDataError):
        return ()


_NUMBERS = {"inf": math.inf, "nan": math.nan}


class _Numbers(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(_NUMBERS[node.id]) if node.id in _NUMBERS else node


def _literal(node: ast.expr) -> list[Any]:
    value = ast.literal_eval(_Numbers().visit(node))
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def _standing_alone(test: str, tree: ast.Module, called: str) -> str:
    """Returns the test's text without NumPy, each call with arguments of its own."""
    uses = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "np"
    }
    lines = test.splitlines()
    if uses <= _USES_OF_NUMPY:
        lines = [line for line in lines if line.strip() != "import numpy as np"]
    text = "\n".join(lines).replace(f"{called}(*inp)", f"{called}(*_copied(inp))")
    return f"{_STAND_IN}\n{text}\n"


# --- tests that compare nothing ------------------------------------------------------------------

_NOT_NONE = """
def assertion(out, exp, atol):
    assert exp == (out if isinstance(out, bool) else out is not None)
"""


def _repaired(test: str, called: str, check: str) -> CodeTest:
    """Returns the test with the comparison that it computes and forgets to assert.

    check_str, text_match_three and text_starta_endb of MBPP+: the reference returns a match object
    or None, and `results` say which; a bool is taken as it is.
    """
    tree = parse_python(test)
    tree.body = [
        n for n in tree.body if not isinstance(n, ast.FunctionDef) or n.name != "assertion"
    ]
    at = next(i for i, n in enumerate(tree.body) if not isinstance(n, (ast.Import, ast.ImportFrom)))
    tree.body[at:at] = parse_python(_NOT_NONE).body
    text = ast.unparse(tree)
    return CodeTest(_standing_alone(text, tree, called), check=check)


# --- EvalPlus' own releases ----------------------------------------------------------------------

_SETS = frozenset(
    ("similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum")
    + ("intersection_array", "find_dissimilar", "Diff")
)
_NONES = frozenset(("check_str", "text_match_three", "text_starta_endb"))
_ORACLES = {
    "are_equivalent": "return True",  # Mbpp/164: the statement can be read in two ways
    "sum_div": "return out == 0",  # Mbpp/295
    "surface_Area": """
    slant = ((args[0] / 2) ** 2 + args[1] ** 2) ** 0.5
    return abs(out - round(args[0] ** 2 + 2 * args[0] * slant)) <= atol""",
    "digit_distance_nums": """
    a, b = map(str, args)
    width = max(len(a), len(b))
    pairs = zip(a.zfill(width), b.zfill(width))
    return out == sum(abs(int(x) - int(y)) for x, y in pairs)""",
    "find_zero": """
    return abs(sum(c * out ** i for i, c in enumerate(args[0]))) <= atol""",
}
_CROSS_CHECK = """
inf, nan = float("inf"), float("nan")
_names = {{"__name__": "reference"}}
exec({source!r}, _names)
def is_floats(x):
    return isinstance(x, float) or (
        isinstance(x, (list, tuple)) and all(isinstance(i, float) for i in x)
    )
def also(out, args, atol):
    {also}
def same(out, exp):
    {same}
def check(candidate):
    for args in {inputs!r}:
        exp = _names[{name!r}](*_copied(args))
        out = candidate(*_copied(args))
        if same(out, exp) or also(out, args, {atol!r}):
            continue
        atol = {atol!r} or (1e-6 if is_floats(exp) else 0)
        assert atol and np.allclose(out, exp, rtol=1e-07, atol=atol)
"""


def cross_checked(reference: str, name: str, inputs: list[Any], atol: float) -> CodeTest:
    """Returns a test that computes what it expects from the reference, in the tester's jail.

    EvalPlus' own releases hold inputs and no results, and loading must run nothing.
    """
    same = "return out == exp"
    if name in _SETS:
        same = "return set(out) == set(exp)"
    elif name in _NONES:
        same = "return (exp is not None) == (out if isinstance(out, bool) else out is not None)"
    also = _ORACLES.get(name, "return False")
    values = {"source": reference, "name": name, "inputs": inputs, "atol": atol}
    return CodeTest(_STAND_IN + _CROSS_CHECK.format(same=same, also=also, **values), check="check")
