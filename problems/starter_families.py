"""The families of the `starter` problems: wordings, reference, wrong programs, inputs.

Templates are filled with `{x}` and `{y}` (the names in the function's signature, or one more name
of the body), `{c}` (the constant) and `{d}` (another constant). Every completion is written with
`PIECES` alone, put together without anything between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

__all__ = ["FAMILIES", "PIECES", "Family", "Inputs"]

PIECES = (
    *("x", "y", "n", "a", "b", "s", "t", "xs"),
    *"0123456789",
    *(" + ", " - ", " * ", " // ", " % "),
    *(" == ", " != ", " < ", " > ", " <= ", " >= "),
    *(" and ", " or ", "not ", " in ", " if ", " else ", " for "),
    *("(", ")", "[", "]", ", ", ":", "-"),
    *("len(", "sum(", "max(", "min(", "abs(", "sorted(", "set(", "str(", "int(", "list("),
    *(".upper()", ".lower()", ".strip()", ".split()", ".count(", "[::-1]", "[0]", "[-1]"),
    *('"', '""', " ", "True", "False"),
    *("\n    ", "return ", " = ", " += "),
)

Args = tuple[Any, ...]


@dataclass(frozen=True)
class Inputs:
    """Arguments to test with.

    Attributes:
      edges: at most five that must be tested: limits, ties, signs.
      sample: draws one more.
    """

    edges: tuple[Args, ...]
    sample: Callable[[Random], Args]


@dataclass(frozen=True)
class Family:
    """Problems that differ in their names, their constant and their wording only.

    Attributes:
      name: unique.
      wordings: one or two prompts.
      completion: the reference, written after the starter code.
      names: the choices of `(x,)` or `(x, y)`.
      wrong: completions that are wrong for every instance.
      inputs: from the constant (0 where there is none) to what is tested.
      constants: the choices of `c`, or none.
      body: what the starter code holds after the `def` line.
      arity: how many of the names are arguments.
      held_out: True keeps the whole family out of the train split.
    """

    name: str
    wordings: tuple[str, ...]
    completion: str
    names: tuple[tuple[str, ...], ...]
    wrong: tuple[str, ...]
    inputs: Callable[[int], Inputs]
    constants: tuple[int, ...] = ()
    body: str = "return "
    arity: int = 1
    held_out: bool = False

    def starter_code(self, names: tuple[str, ...], c: int) -> str:
        """Returns what the program starts with."""
        head = f"def f({', '.join(names[: self.arity])}):\n    "
        return head + fill(self.body, names, c)


def fill(template: str, names: tuple[str, ...], c: int) -> str:
    """Returns the template with names and constants in place."""
    x, y = names[0], names[1] if len(names) > 1 else ""
    return template.format(x=x, y=y, c=c, d=c + 1 if c < 9 else c - 1)


# --- names -----------------------------------------------------------------------------

INT = tuple((name,) for name in ("x", "n", "a", "y", "b", "t"))
TEXT = tuple((name,) for name in ("s", "t", "a", "b", "x", "y"))
LIST = tuple((name,) for name in ("xs", "a", "b", "x", "y", "t"))
ITEMS = tuple((name,) for name in ("xs", "a", "b", "s", "t"))  # "x" is what runs over them
ANY = tuple((name,) for name in ("x", "n", "a", "y", "b", "t", "s", "xs"))
PAIR = tuple(
    tuple(pair.split())
    for pair in ("x y", "a b", "n x", "b a", "y n", "a n", "x t", "b y", "t a", "n b", "y x", "x a")
)
TEXT_PAIR = tuple(
    tuple(pair.split())
    for pair in ("s t", "a b", "t s", "x y", "s a", "b t", "y s", "t x", "a s", "b x", "y b", "s x")
)
DIGITS = tuple(range(1, 10))
FROM_2 = tuple(range(2, 10))

# --- inputs ----------------------------------------------------------------------------

WORDS = (
    *("Apple", "river", "Stone", "cloud", "GREEN", "window", "Paper", "light", "North", "silver"),
    *("Tiger", "ocean", "BREAD", "forest", "Music", "planet", "Snow", "quiet", "Lemon", "bridge"),
)


def _int(rng: Random) -> int:
    return rng.choice((rng.randint(-9, 9), rng.randint(10, 60), rng.randint(-60, -10)))


def _list(rng: Random, low: int = -9, high: int = 20, shortest: int = 2) -> list[int]:
    return [rng.randint(low, high) for _ in range(rng.randint(shortest, 6))]


def ints(c: int) -> Inputs:
    """Whole numbers, with the constant and its neighbours among them."""
    edges: tuple[int, ...] = (c, c + 1, c - 1, -c, 0) if c else (0, 1, -1, -7)
    return Inputs(tuple((v,) for v in dict.fromkeys(edges)), lambda rng: (_int(rng),))


def multiples(c: int) -> Inputs:
    """Whole numbers, half of them multiples of the constant (of 2 where there is none)."""
    m = c or 2

    def sample(rng: Random) -> Args:
        v = m * rng.randint(-9, 9)
        return (v if rng.random() < 0.5 else v + rng.randint(1, m - 1),)

    return Inputs(((m,), (m + 1,), (0,), (-m,), (1 - m,)), sample)


def int_pairs(_: int) -> Inputs:
    """Two whole numbers: equal, opposite, zero, and any."""
    edges = ((4, 4), (3, -3), (0, 5), (-6, -2), (8, 1))

    def sample(rng: Random) -> Args:
        a = _int(rng)
        return (a, a if rng.random() < 0.3 else _int(rng))

    return Inputs(edges, sample)


def lists(_: int) -> Inputs:
    """Lists of whole numbers, never empty: one item, ties, negative ones."""
    edges = (([4],), ([-5, -2, -9],), ([3, 3, 1, 3],), ([0, 7, -7, 2],))
    return Inputs(edges, lambda rng: (_list(rng),))


def lists_or_empty(c: int) -> Inputs:
    """Lists of whole numbers, where the prompt says what an empty one gives."""
    kept = lists(c)
    return Inputs((([],), *kept.edges), kept.sample)


def lists_with(c: int) -> Inputs:
    """Lists in which the constant is often found, at the ends and within."""

    def sample(rng: Random) -> Args:
        items = _list(rng, 0, 9)
        for _ in range(rng.choice((0, 0, 1, 2, 3))):
            items.insert(rng.randint(0, len(items)), c)
        return (items,)

    edges = (([c],), ([c, c, c + 1],), ([c + 1, c - 1],), ([-c, 2, c],), ([c, 0],))
    return Inputs(edges, sample)


def lists_ending(c: int) -> Inputs:
    """Lists of which half end with the constant."""

    def sample(rng: Random) -> Args:
        items = _list(rng, 0, 9)
        return ([*items, c] if rng.random() < 0.5 else items,)

    return Inputs((([c, c],), ([c, 0],), ([c + 1, c],), ([c + 1],), ([-c, c - 1],)), sample)


def longer_lists(c: int) -> Inputs:
    """Lists in which the index `c` exists."""

    def sample(rng: Random) -> Args:
        return (rng.sample(range(-20, 40), c + rng.randint(1, 4)),)

    edges = ((list(range(10, 11 + c)),), (list(range(9, 5 - c, -1)),))
    return Inputs(edges, sample)


def tied_lists(_: int) -> Inputs:
    """Lists with many equal items."""
    edges: tuple[Args, ...] = (([],), ([5],), ([2, 2, 2],), ([1, -1, 1, 0],))
    return Inputs(edges, lambda rng: ([rng.randint(-2, 3) for _ in range(rng.randint(2, 8))],))


def texts(_: int) -> Inputs:
    """Words and phrases in mixed case, never empty."""

    def sample(rng: Random) -> Args:
        return (" ".join(rng.sample(WORDS, rng.randint(1, 3))),)

    return Inputs((("Q",), ("ab",), ("Level 42",), ("zZ top",)), sample)


def texts_or_empty(c: int) -> Inputs:
    """Texts, the empty one too."""
    kept = texts(c)
    return Inputs((("",), *kept.edges), kept.sample)


def padded_texts(_: int) -> Inputs:
    """Texts with spaces at either end and within."""

    def sample(rng: Random) -> Args:
        inner = " ".join(rng.sample(WORDS, rng.randint(1, 2)))
        return (" " * rng.randint(0, 3) + inner + " " * rng.randint(0, 3),)

    return Inputs((("  a b  ",), ("   ",), ("End  ",), ("  Start",)), sample)


def text_pairs(_: int) -> Inputs:
    """Two texts, one of them empty at times."""
    edges = (("", "left"), ("right", ""), ("ab", "ab"), ("A", "z"))
    return Inputs(edges, lambda rng: tuple(rng.sample(WORDS, 2)))


def anything(_: int) -> Inputs:
    """Values of several types."""

    def sample(rng: Random) -> Args:
        return (rng.choice((_int(rng), rng.choice(WORDS), _list(rng))),)

    return Inputs(((0,), ("",), ([],), (True,), (-4,)), sample)


def anything_twice(_: int) -> Inputs:
    """Two different values."""

    def sample(rng: Random) -> Args:
        a, b = rng.sample(range(-50, 50), 2)
        return rng.choice(((a, b), (a, rng.choice(WORDS)), (rng.choice(WORDS), b)))

    return Inputs(((0, 1), (5, -5), ("a", "b"), (False, True)), sample)


# --- the families, by length of their reference -------------------------------------------

FAMILIES = (
    # one piece
    Family(
        "constant",
        ("Ignore {x} and return {c}.", "Return {c} for every {x}."),
        "{c}",
        INT,
        ("{d}", "{x} + {c}", "-{c}"),
        ints,
        DIGITS,
    ),
    Family(
        "identity", ("Return {x}.", "Return {x} as it is."), "{x}", ANY, ("-{x}", "0"), anything
    ),
    Family(
        "named",
        ("Ignore {x} and return {y}.",),
        "{y}",
        PAIR,
        ("{x}", "{x} + {y}"),
        anything_twice,
        arity=2,
    ),
    Family(
        "first_of_two",
        ("Return the first of {x} and {y}.",),
        "{x}",
        PAIR,
        ("{y}", "max({x}, {y})"),
        int_pairs,
        arity=2,
    ),
    # two pieces
    Family(
        "negate",
        ("Return minus {x}.", "Return 0 minus {x}."),
        "-{x}",
        INT,
        ("{x}", "abs({x})"),
        ints,
    ),
    Family(
        "first_item",
        ("Return the first item of {x}.", "Return item 0 of {x}."),
        "{x}[0]",
        LIST,
        ("{x}[-1]", "{x}[1]", "min({x})"),
        lists,
    ),
    Family(
        "last_item",
        ("Return the last item of {x}.", "Return the end item of {x}."),
        "{x}[-1]",
        LIST,
        ("{x}[0]", "{x}[1]", "max({x})"),
        lists,
    ),
    Family(
        "reverse_list",
        ("Return list {x} in reverse.", "Return the items of {x} in reverse."),
        "{x}[::-1]",
        LIST,
        ("{x}", "sorted({x})[::-1]"),
        lists_or_empty,
    ),
    Family(
        "upper",
        ("Return text {x} in upper case.", "Return {x} with all letters in upper case."),
        "{x}.upper()",
        TEXT,
        ("{x}.lower()", "{x}[0].upper()"),
        texts,
    ),
    Family(
        "lower",
        ("Return text {x} in lower case.", "Return {x} with all letters in lower case."),
        "{x}.lower()",
        TEXT,
        ("{x}.upper()", "{x}"),
        texts,
    ),
    Family(
        "strip",
        ("Return text {x} without spaces at its ends.", "Return {x} with its end spaces cut."),
        "{x}.strip()",
        TEXT,
        ("{x}", "{x}.split()[0]"),
        padded_texts,
    ),
    Family(
        "reverse_text",
        ("Return text {x} in reverse.", "Return the characters of {x} in reverse."),
        "{x}[::-1]",
        TEXT,
        ("{x}", "sorted({x})"),
        texts_or_empty,
    ),
    Family(
        "first_letter",
        ("Return the first letter of {x}.", "Return letter 0 of {x}."),
        "{x}[0]",
        TEXT,
        ("{x}[-1]", "{x}[0].upper()"),
        texts,
    ),
    # three pieces
    Family(
        "add",
        ("Return {x} plus {c}.", "Return the sum of {x} and {c}."),
        "{x} + {c}",
        INT,
        ("{x} + {d}", "{x} - {c}", "{x} * {c}"),
        ints,
        DIGITS,
    ),
    Family(
        "subtract",
        ("Return {x} minus {c}.", "Return {c} less than {x}."),
        "{x} - {c}",
        INT,
        ("{x} - {d}", "{x} + {c}", "{c} - {x}"),
        ints,
        DIGITS,
    ),
    Family(
        "multiply",
        ("Return {x} times {c}.", "Return the product of {x} and {c}."),
        "{x} * {c}",
        INT,
        ("{x} * {d}", "{x} + {c}", "{x} // {c}"),
        ints,
        tuple(range(3, 10)),  # times 2 is the family "double"
    ),
    Family(
        "divide",
        ("Return {x} divided by {c}, rounded down.",),
        "{x} // {c}",
        INT,
        ("{x} % {c}", "int({x} / {c})", "{x} // {d}"),
        ints,
        FROM_2,
    ),
    Family(
        "remainder",
        ("Return the remainder of {x} divided by {c}.", "Return {x} modulo {c}."),
        "{x} % {c}",
        INT,
        ("{x} // {c}", "{x} % {d}", "{x} % {c} == 0"),
        ints,
        FROM_2,
    ),
    Family(
        "add_two",
        ("Return {x} plus {y}.",),
        "{x} + {y}",
        PAIR,
        ("{x} - {y}", "{x} * {y}", "{x} + {y} + 1"),
        int_pairs,
        arity=2,
    ),
    Family(
        "subtract_two",
        ("Return {x} minus {y}.",),
        "{x} - {y}",
        PAIR,
        ("{y} - {x}", "{x} + {y}", "abs({x} - {y})"),
        int_pairs,
        arity=2,
    ),
    Family(
        "multiply_two",
        ("Return {x} times {y}.",),
        "{x} * {y}",
        PAIR,
        ("{x} + {y}", "{x} * {x}", "{x} ** {y}"),
        int_pairs,
        arity=2,
    ),
    Family(
        "square",
        ("Return {x} times {x}.", "Return the square of {x}."),
        "{x} * {x}",
        INT,
        ("{x} * 2", "{x} + {x}", "abs({x})"),
        ints,
    ),
    Family(
        "double",
        ("Return twice {x}.", "Return {x} plus {x}."),
        "{x} * 2",
        INT,
        ("{x} * {x}", "{x} + 2", "{x} * 3"),
        ints,
    ),
    Family(
        "absolute",
        ("Return the absolute value of {x}.", "Return {x} without its sign."),
        "abs({x})",
        INT,
        ("{x}", "-{x}", "max({x}, 0)"),
        ints,
    ),
    Family(
        "more_than",
        ("Return True if {x} is more than {c}.", "Return True if {x} exceeds {c}."),
        "{x} > {c}",
        INT,
        ("{x} >= {c}", "{x} < {c}", "{x} > {d}"),
        ints,
        DIGITS,
    ),
    Family(
        "less_than",
        ("Return True if {x} is less than {c}.", "Return True if {x} is below {c}."),
        "{x} < {c}",
        INT,
        ("{x} <= {c}", "{x} > {c}", "{x} < {d}"),
        ints,
        DIGITS,
    ),
    Family(
        "at_least",
        ("Return True if {x} is at least {c}.",),
        "{x} >= {c}",
        INT,
        ("{x} > {c}", "{x} <= {c}", "{x} >= {d}"),
        ints,
        DIGITS,
    ),
    Family(
        "at_most",
        ("Return True if {x} is at most {c}.",),
        "{x} <= {c}",
        INT,
        ("{x} < {c}", "{x} >= {c}", "{x} <= {d}"),
        ints,
        DIGITS,
    ),
    Family(
        "negative",
        ("Return True if {x} is negative.", "Return True if {x} is below 0."),
        "{x} < 0",
        INT,
        ("{x} <= 0", "{x} > 0", "-{x}"),
        ints,
    ),
    Family(
        "equal",
        ("Return True if {x} equals {y}.",),
        "{x} == {y}",
        PAIR,
        ("{x} != {y}", "{x} >= {y}", "abs({x}) == abs({y})"),
        int_pairs,
        arity=2,
    ),
    Family(
        "more_than_other",
        ("Return True if {x} is more than {y}.",),
        "{x} > {y}",
        PAIR,
        ("{x} >= {y}", "{y} > {x}", "{x} != {y}"),
        int_pairs,
        arity=2,
    ),
    Family(
        "count_items",
        ("Return the number of items in {x}.", "Return how many items {x} has."),
        "len({x})",
        LIST,
        ("len({x}) - 1", "len(set({x}))", "sum({x})"),
        lists_or_empty,
    ),
    Family(
        "total",
        ("Return the sum of {x}.", "Return the sum of the items of {x}."),
        "sum({x})",
        LIST,
        ("sum({x}) + 1", "len({x})", "max({x})"),
        lists,
    ),
    Family(
        "largest",
        ("Return the largest item of {x}.", "Return the maximum of {x}."),
        "max({x})",
        LIST,
        ("min({x})", "{x}[-1]", "max(0, max({x}))"),
        lists,
    ),
    Family(
        "smallest",
        ("Return the smallest item of {x}.", "Return the minimum of {x}."),
        "min({x})",
        LIST,
        ("max({x})", "{x}[0]", "min(0, min({x}))"),
        lists,
    ),
    Family(
        "ascending",
        ("Return list {x} sorted.", "Return the items of {x} sorted."),
        "sorted({x})",
        LIST,
        ("{x}", "sorted({x})[::-1]", "sorted(set({x}))"),
        lists_or_empty,
    ),
    Family(
        "contains",
        ("Return True if {c} is in {x}.", "Return True if {x} has item {c}."),
        "{c} in {x}",
        LIST,
        ("{d} in {x}", "{c} == {x}[0]", "len({x}) > {c}"),
        lists_with,
        DIGITS,
    ),
    Family(
        "text_length",
        ("Return the length of text {x}.", "Return how many characters {x} has."),
        "len({x})",
        TEXT,
        ("len({x}) - 1", "len({x}.split())", "len(set({x}))"),
        texts_or_empty,
    ),
    Family(
        "join",
        ("Return text {x} followed by {y}.",),
        "{x} + {y}",
        TEXT_PAIR,
        ("{y} + {x}", '{x} + " " + {y}'),
        text_pairs,
        arity=2,
    ),
    Family(
        "repeat",
        ("Return text {x} repeated {c} times.",),
        "{x} * {c}",
        TEXT,
        ("{x} * {d}", "{x}", "len({x}) * {c}"),
        texts,
        FROM_2,
    ),
    Family(
        "number_to_text",
        ("Return number {x} as text.", "Return the text of number {x}."),
        "str({x})",
        INT,
        ("{x}", "str(abs({x}))", "str({x})[::-1]"),
        ints,
    ),
    Family(
        "finish_return",
        ("{y} is {x} plus {c}, return {y}.",),
        "\n    return {y}",
        PAIR,
        ("\n    return {x}", "\n    return {c}"),
        ints,
        DIGITS,
        body="{y} = {x} + {c}",
    ),
    # four and five pieces
    Family(
        "larger",
        ("Return the larger of {x} and {y}.",),
        "max({x}, {y})",
        PAIR,
        ("min({x}, {y})", "{x}", "max(abs({x}), abs({y}))"),
        int_pairs,
        arity=2,
    ),
    Family(
        "smaller",
        ("Return the smaller of {x} and {y}.",),
        "min({x}, {y})",
        PAIR,
        ("max({x}, {y})", "{y}", "min({x}, {y}, 0)"),
        int_pairs,
        arity=2,
    ),
    Family(
        "distance",
        ("Return the distance between {x} and {y}.",),
        "abs({x} - {y})",
        PAIR,
        ("{x} - {y}", "abs({x} + {y})", "abs({x}) - abs({y})"),
        int_pairs,
        arity=2,
    ),
    Family(
        "divisible",
        ("Return True if {x} is divisible by {c}.", "Return True if {c} divides {x}."),
        "{x} % {c} == 0",
        INT,
        ("{x} % {c}", "{x} // {c} == 0", "{x} % {d} == 0"),
        multiples,
        tuple(range(3, 10)),
    ),
    Family(
        "even",
        ("Return True if {x} is even.", "Return True if {x} is divisible by 2."),
        "{x} % 2 == 0",
        INT,
        ("{x} % 2 == 1", "{x} % 4 == 0", "{x} % 2"),
        multiples,
    ),
    Family(
        "count_of",
        ("Return how many times {x} has {c}.", "Return the number of items {c} in {x}."),
        "{x}.count({c})",
        LIST,
        ("{c} in {x}", "{x}.count({d})", "len({x})"),
        lists_with,
        DIGITS,
    ),
    Family(
        "item_at",
        ("Return item {c} of {x}.", "Return the item at index {c} of {x}."),
        "{x}[{c}]",
        LIST,
        ("{x}[{c} - 1]", "{x}[-1]", "{x}[-{c}]"),
        longer_lists,
        (1, 2, 3, 4, 5),
    ),
    Family(
        "total_plus",
        ("Return the sum of {x}, plus {c}.",),
        "sum({x}) + {c}",
        LIST,
        ("sum({x})", "sum({x}) + {d}", "max({x}) + {c}"),
        lists,
        DIGITS,
    ),
    Family(
        "count_distinct",
        (
            "Return how many different items {x} has.",
            "Return the number of different items in {x}.",
        ),
        "len(set({x}))",
        LIST,
        ("len({x})", "len(set({x})) + 1", "max({x}, default=0)"),
        tied_lists,
    ),
    Family(
        "descending",
        ("Return list {x} sorted in reverse.", "Return {x} sorted from largest to smallest."),
        "sorted({x})[::-1]",
        LIST,
        ("sorted({x})", "{x}[::-1]", "sorted(set({x}))[::-1]"),
        lists_or_empty,
    ),
    Family(
        "last_is",
        ("Return True if the last item of {x} is {c}.",),
        "{x}[-1] == {c}",
        LIST,
        ("{x}[0] == {c}", "{c} in {x}", "{x}[-1] == {d}"),
        lists_ending,
        DIGITS,
    ),
    # six to nine pieces
    Family(
        "spread",
        (
            "Return the largest item of {x} minus the smallest.",
            "Return the maximum of {x} minus its minimum.",
        ),
        "max({x}) - min({x})",
        LIST,
        ("max({x}) + min({x})", "{x}[-1] - {x}[0]", "max({x})"),
        lists,
    ),
    Family(
        "or_zero",
        ("Return {x} if it is more than {c}, else 0.",),
        "{x} if {x} > {c} else 0",
        INT,
        ("{x} if {x} >= {c} else 0", "max({x}, 0)", "{x} > {c}"),
        ints,
        DIGITS,
    ),
    Family(
        "scale_items",
        ("Return list {x} with every item times {c}.",),
        "[x * {c} for x in {x}]",
        ITEMS,
        ("{x} * {c}", "[x + {c} for x in {x}]", "[x * {d} for x in {x}]"),
        lists_or_empty,
        FROM_2,
    ),
    Family(
        "add_then_return",
        ("Add {c} to {x}, then return {x}.",),
        "{x} += {c}\n    return {x}",
        INT,
        ("return {x}", "{x} += {d}\n    return {x}", "{x} += {c}"),
        ints,
        DIGITS,
        body="",
    ),
    Family(
        "store_then_return",
        ("Let {y} be {x} times {c}, then return {y}.",),
        "{x} * {c}\n    return {y}",
        PAIR,
        ("{x} * {c}\n    return {x}", "{x} * {d}\n    return {y}", "{x} * {c}"),
        ints,
        FROM_2,
        body="{y} = ",
    ),
    Family(
        "set_then_return",
        ("Let {y} be {x} minus {c}, then return {y}.",),
        "{y} = {x} - {c}\n    return {y}",
        PAIR,
        ("{y} = {x} - {c}\n    return {x}", "{y} = {c} - {x}\n    return {y}", "{y} = {x} - {c}"),
        ints,
        DIGITS,
        body="",
    ),
    # held out: what the families above teach, put together anew
    Family(
        "less_than_other",
        ("Return True if {x} is less than {y}.",),
        "{x} < {y}",
        PAIR,
        ("{x} <= {y}", "{x} > {y}"),
        int_pairs,
        arity=2,
        held_out=True,
    ),
    Family(
        "reverse_upper",
        ("Return text {x} in reverse in upper case.",),
        "{x}[::-1].upper()",
        TEXT,
        ("{x}.upper()", "{x}[::-1]"),
        texts,
        held_out=True,
    ),
    Family(
        "last_plus",
        ("Return the last item of {x}, plus {c}.",),
        "{x}[-1] + {c}",
        LIST,
        ("{x}[0] + {c}", "{x}[-1]", "{x}[-1] + {d}"),
        lists,
        DIGITS,
        held_out=True,
    ),
    Family(
        "twice_plus",
        ("Return twice {x}, plus {c}.",),
        "{x} * 2 + {c}",
        INT,
        ("{x} + {c}", "{x} * 2 + {d}", "({x} + {c}) * 2"),
        ints,
        DIGITS,
        held_out=True,
    ),
    Family(
        "square_minus",
        ("Return the square of {x}, minus {c}.",),
        "{x} * {x} - {c}",
        INT,
        ("{x} * {x}", "{x} * {x} - {d}", "({x} - {c}) * ({x} - {c})"),
        ints,
        DIGITS,
        held_out=True,
    ),
    Family(
        "total_minus",
        ("Return the sum of {x}, minus {c}.",),
        "sum({x}) - {c}",
        LIST,
        ("sum({x})", "sum({x}) - {d}", "sum({x}) + {c}"),
        lists,
        DIGITS,
        held_out=True,
    ),
    Family(
        "count_plus",
        ("Return the number of items in {x}, plus {c}.",),
        "len({x}) + {c}",
        LIST,
        ("len({x})", "len({x}) + {d}", "sum({x}) + {c}"),
        lists_or_empty,
        DIGITS,
        held_out=True,
    ),
    Family(
        "largest_times",
        ("Return the largest item of {x}, times {c}.",),
        "max({x}) * {c}",
        LIST,
        ("max({x}) + {c}", "min({x}) * {c}", "max({x}) * {d}"),
        lists,
        FROM_2,
        held_out=True,
    ),
    Family(
        "ends_sum",
        ("Return the first item of {x} plus the last.",),
        "{x}[0] + {x}[-1]",
        LIST,
        ("{x}[0] - {x}[-1]", "sum({x})", "{x}[0] + {x}[0]"),
        lists,
        held_out=True,
    ),
    Family(
        "odd",
        ("Return True if the remainder of {x} divided by 2 is 1.",),
        "{x} % 2 == 1",
        INT,
        ("{x} % 2 == 0", "{x} % 2", "{x} % 4 == 1"),
        multiples,
        held_out=True,
    ),
)
