"""Makes the `starter` problems: `python problems/make_starter.py [--check]`.

Each family of `starter_families.py` becomes ten train and two test problems, a held-out family
four test problems. The tests of a problem are chosen so that no constant passes more than 60% of
them and that each known-wrong program, and the reference of every other family with any constant,
fails at least one unless it is right on hundreds of other inputs too. All of this is asserted
while the files are made. Standard library only; the same files on every run.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import product
from random import Random
from typing import Any

from jsonl_files import Row, main, run_program, same_value
from starter_families import FAMILIES, PIECES, Args, Family, Inputs, fill

SEED = 20261120
TRAIN_INSTANCES, TEST_INSTANCES, HELD_OUT_INSTANCES = 10, 2, 4
PUBLIC_TESTS, HIDDEN_TESTS, MOST_HIDDEN_TESTS = 2, 8, 16
MOST_ALIKE = 0.6  # the largest part of a problem's tests that one constant may pass
FRESH_INPUTS = 200  # on which a program that passes all tests must agree with the reference

Instance = tuple[int, tuple[str, ...], int]  # wording, names, constant (0: none)
FAILED = object()


def count_pieces(completion: str) -> int:
    """Returns the least number of pieces that write the completion.

    Raises:
      ValueError: it cannot be written with them.
    """
    least: list[float] = [0] + [math.inf] * len(completion)
    for end in range(1, len(completion) + 1):
        for piece in PIECES:
            if completion.endswith(piece, 0, end) and len(piece) <= end:
                least[end] = min(least[end], least[end - len(piece)] + 1)
    if least[-1] == math.inf:
        raise ValueError(f"{completion!r} is not made of the pieces")
    return int(least[-1])


def instances(family: Family, rng: Random) -> tuple[list[Instance], list[Instance]]:
    """Returns the train and test instances; names with a constant are never in both."""
    pairs = list(product(family.names, family.constants or (0,)))
    rng.shuffle(pairs)
    # Constants in turn, so that each is met with several names before one comes back.
    turn: Counter[int] = Counter()
    order = []
    for names, c in pairs:
        order.append((turn[c], names, c))
        turn[c] += 1
    order.sort(key=lambda entry: entry[0])
    kept = [(names, c) for _, names, c in order]
    wordings = range(len(family.wordings))
    if family.held_out:
        return [], [(0, names, c) for names, c in kept[:HELD_OUT_INSTANCES]]
    if len(kept) >= TRAIN_INSTANCES + TEST_INSTANCES:
        chosen = [(i % len(wordings), *pair) for i, pair in enumerate(kept)]
        test = chosen[TRAIN_INSTANCES : TRAIN_INSTANCES + TEST_INSTANCES]
        return chosen[:TRAIN_INSTANCES], test
    held, rest = kept[: -(-TEST_INSTANCES // len(wordings))], kept
    chosen = [(w, *pair) for w in wordings for pair in rest if pair not in held]
    test = [(w, *pair) for w in wordings for pair in held]
    return chosen[:TRAIN_INSTANCES], test[:TEST_INSTANCES]


@cache
def function(program: str) -> Callable[..., Any]:
    """Returns `f` of the program."""
    found: Callable[..., Any] = run_program(program)["f"]
    return found


def call(program: str, args: Args) -> object:
    """Returns the program's result, or FAILED where it raises."""
    try:
        return function(program)(*json.loads(json.dumps(args)))
    except Exception:  # whatever a wrong program does
        return FAILED


@cache
def neighbours(names: tuple[str, ...], arity: int) -> tuple[str, ...]:
    """Returns every family's reference over these names, and the constants."""
    names = (*names, "y" if names[0] != "y" else "x") if len(names) == 1 else names
    found = dict.fromkeys(
        family.starter_code(names, c) + fill(family.completion, names, c)
        for family in FAMILIES
        if family.arity == arity
        for c in (family.constants and range(10)) or (0,)
    )
    head = f"def f({', '.join(names[:arity])}):\n    return "
    for text in ("True", "False", '""', "[]", "[0]", *names[:arity], "None"):
        found[head + text] = None
    return tuple(found)


def draw(inputs: Inputs, rng: Random) -> list[Args]:
    """Returns up to FRESH_INPUTS different arguments, none of them an edge."""
    edges = {json.dumps(args) for args in inputs.edges}
    found: dict[str, Args] = {}
    for _ in range(10 * FRESH_INPUTS):
        args = inputs.sample(rng)
        text = json.dumps(args)
        if text not in edges and len(found) < FRESH_INPUTS:
            found.setdefault(text, args)
    return list(found.values())


def choose_tests(
    family: Family, names: tuple[str, ...], c: int, solution: str, wrong: list[str], rng: Random
) -> tuple[list[Args], list[Args]]:
    """Returns the arguments of the public and of the hidden tests."""
    inputs = family.inputs(c)
    spare = draw(inputs, rng)
    answers: Counter[str] = Counter()

    @cache
    def answer_to(text: str) -> str:
        return repr(call(solution, json.loads(text)))

    def answer(args: Args) -> str:
        return answer_to(json.dumps(args))

    def take() -> Args:
        # The first whose answer is the rarest so far: keeps booleans balanced.
        args = min(spare, key=lambda entry: answers[answer(entry)])
        spare.remove(args)
        answers[answer(args)] += 1
        return args

    public = [take() for _ in range(PUBLIC_TESTS)]
    hidden = list(inputs.edges)
    answers.update(answer(args) for args in hidden)
    while len(hidden) < HIDDEN_TESTS:
        hidden.append(take())
    rivals = [p for p in (*neighbours(names, family.arity), *wrong) if p != solution]
    for rival in rivals:
        if all(agrees(rival, solution, args) for args in hidden):
            for args in spare:
                if not agrees(rival, solution, args):
                    hidden.append(args)
                    spare.remove(args)
                    answers[answer(args)] += 1
                    break
    # Balance again, where the inputs that tell programs apart have tipped it.
    constant = family.completion == "{c}"
    while not constant and max(answers.values()) > MOST_ALIKE * answers.total():
        hidden.append(take())
    assert len(hidden) <= MOST_HIDDEN_TESTS, (solution, len(hidden))
    return public, hidden


def agrees(program: str, solution: str, args: Args) -> bool:
    """Returns whether two programs give the same result, type for type."""
    return same_value(call(program, args), call(solution, args))


def hard_coded(family: Family, names: tuple[str, ...], tests: list[dict[str, Any]]) -> str:
    """Returns a whole program that knows the answers of the public tests and nothing else."""
    args = names[: family.arity]
    lines = [f"def f({', '.join(args)}):"]
    for test in tests:
        checks = " and ".join(f"{a} == {v!r}" for a, v in zip(args, test["args"], strict=True))
        lines += [f"    if {checks}:", f"        return {test['expected']!r}"]
    return "\n".join([*lines, "    return None"])


def difficulty(pieces: int) -> str:
    """Returns the difficulty of finding a completion of so many pieces."""
    for most, name in ((2, "trivial"), (3, "easy"), (5, "medium")):
        if pieces <= most:
            return name
    return "hard"


def make_row(family: Family, instance: Instance, split: str, rng: Random) -> Row:
    """Returns one problem; asserts all that the module's docstring promises."""
    wording, names, c = instance
    starter = family.starter_code(names, c)
    completion = fill(family.completion, names, c)
    solution = starter + completion
    wrong = [starter + fill(template, names, c) for template in family.wrong]
    public_args, hidden_args = choose_tests(family, names, c, solution, wrong, rng)
    public, hidden = (
        [{"kind": "call", "args": list(args), "expected": call(solution, args)} for args in part]
        for part in (public_args, hidden_args)
    )
    wrong.append(hard_coded(family, names, public))
    wrong = [
        program
        for program in dict.fromkeys(wrong)
        if not all(agrees(program, solution, args) for args in hidden_args)
    ]
    assert len(wrong) >= 2, solution
    assert all(callable(function(program)) for program in wrong), wrong
    for test in (*public, *hidden):
        assert test["expected"] is not FAILED, (solution, test)
        assert json.loads(json.dumps(test)) == test, test
    assert family.completion == "{c}" or public[0]["expected"] != public[1]["expected"], solution
    pieces = count_pieces(completion)
    flags = {"train": [], "test": ["held_out_family" if family.held_out else "held_out_instance"]}
    constant = [str(c)] if family.constants else []
    second = ["alt"] if wording else []
    return {
        "key": "-".join([family.name, *names, *constant, *second]),
        "prompt": fill(family.wordings[wording], names, c),
        "starter_code": starter,
        "entry_point": "f",
        "public_tests": json.dumps(public),
        "hidden_tests": json.dumps(hidden),
        "solutions": [solution],
        "wrong_solutions": wrong,
        "difficulty": difficulty(pieces),
        "family": family.name,
        "tags": [f"pieces:{pieces}"],
        "flags": flags[split],
    }


def make() -> dict[str, list[Row]]:
    """Returns the rows of both splits."""
    rows: dict[str, list[Row]] = {"train": [], "test": []}
    for family in FAMILIES:
        rng = Random(f"{SEED} {family.name}")  # its own: a change of one family leaves the others
        for split, chosen in zip(rows, instances(family, rng), strict=True):
            rows[split] += [make_row(family, instance, split, rng) for instance in chosen]
    for column in ("key", "prompt"):
        counts = Counter(row[column] for part in rows.values() for row in part)
        assert counts.most_common(1)[0][1] == 1, counts.most_common(3)
    return rows


if __name__ == "__main__":
    sys.exit(main("starter", make, __doc__ or ""))
