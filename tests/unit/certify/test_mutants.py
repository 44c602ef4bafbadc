"""Mutants: each is one change, none is the program itself, and a seed decides which."""

import ast
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coding_envs.certify.mutants import mutants_of, stub_of
from coding_envs.data import load_bundled

REFERENCE = textwrap.dedent('''
    def f(items, k=2):
        """Returns something."""
        best = 0
        for i, item in enumerate(items[1:]):
            if item < k and not item == 3:
                best += item % 5
            elif i > 4 or -item in (1, 2):
                break
            else:
                best = max(best, item)
        return best if best else 1.5
''')


def result(program, *args):
    scope = {}
    exec(program, scope)
    return scope["f"](*args)


@pytest.fixture(scope="module")
def everything():
    return mutants_of([REFERENCE], 1000, "s")


def test_every_kind_of_change_is_made(everything):
    text = "\n".join(everything)
    for part in (
        *("item <= k", "item != 3", "item < k or", "best -= item", "best += item * 5"),
        *("i >= 4", "i > 5", "i > 3", "not in (1, 2)", "item in (1, 2)", "continue", "min(best"),
        *("items[0:]", "return 0", "return ''", "best = 1"),
        *("not (item < k", "and item == 3", "1.5 if best else best", "else 2.5", "        pass"),
    ):
        assert part in text, part
    assert ("items[1 + 1:]" in text) + ("items[2:]" in text) == 1  # the same code, so only one


def test_each_differs_and_is_python(everything):
    assert len(set(everything)) == len(everything) > 30
    original = ast.dump(ast.parse(REFERENCE))
    for mutant in everything:
        assert ast.dump(ast.parse(mutant)) != original
        assert '"""Returns something."""' in mutant  # no test could tell a changed docstring


def test_making_one_leaves_nothing_behind_in_the_next(everything):
    lines = ast.unparse(ast.parse(REFERENCE)).splitlines()
    for mutant in everything:
        changed = [a for a in mutant.splitlines() if a not in lines]
        assert len(changed) <= 6, mutant  # swapped branches are the largest


def test_the_seed_decides():
    assert mutants_of([REFERENCE], 10, "a") == mutants_of([REFERENCE], 10, "a")
    assert mutants_of([REFERENCE], 10, "a") != mutants_of([REFERENCE], 10, "b")
    assert mutants_of([REFERENCE], 10, "a") == mutants_of([REFERENCE], 99, "a")[:10]


def test_mutants_that_compile_to_the_same_code_are_one():
    once = mutants_of(["def f(x):\n    return x + 1\n"], 99, "s")
    more = ["def f(x):\n    return x + 1\n", "def f(x):\n\n    return x + (1)  # the same\n"]
    assert len(mutants_of(more, 99, "s")) == len(once) > 5


@pytest.mark.parametrize(
    "program", ["", "pass", "def f(:", "x = " + "9" * 5000, "(" * 5000, "a\0b", "return 1"]
)
def test_programs_that_have_none(program):
    assert mutants_of([program], 10, "s") == []


def test_a_program_too_long_to_be_logic_has_none():
    assert mutants_of([f"x = {'[1], ' * 20_000}"], 10, "s") == []
    assert len(mutants_of(["x = [1]"], 10, "s")) > 0


def test_references_take_turns():
    both = mutants_of(["a = 1\na = 2\na = 3", "b = 1\nb = 2\nb = 3"], 4, "s")
    assert [text[0] for text in both] == ["a", "b", "a", "b"]


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_mutants_of_the_bundled_references_compile(number):
    problems = load_bundled("basic", "train")
    problem = problems[number % len(problems)]
    mutants = mutants_of(problem.solutions, 8, str(number))
    assert mutants
    for mutant in mutants:
        compile(mutant, "", "exec")


def test_a_stub_does_nothing():
    assert result(stub_of(REFERENCE, "f"), [1, 2]) is None
    assert stub_of("print(input())", "") == "pass\n"
    method = "class Solution:\n    def go(self, x):\n        return x\n"
    assert "return None" in stub_of(method, "Solution().go")
    assert stub_of("f = abs", "f") is None
    assert stub_of("def f(:", "f") is None
