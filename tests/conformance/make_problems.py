"""Writes `problems/*.json`, the problems of the conformance suite, in `Problem.to_json`'s format.

    python tests/conformance/make_problems.py [--check]

Expected values are computed by the reference that stands in each problem; `--check` compares the
files with what would be written, and writes nothing.

No program can guess an answer: those of the `vault-*` problems are random words that stand in the
reference alone, those of the others are numbers and texts of many digits.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from coding_envs.problem import CallTest, CodeTest, Comparison, Limits, Problem, StdioTest

FOLDER = Path(__file__).parent / "problems"
# Ordinary programs get time to spare; attacks, many of which wait for the limit, do not.
ORDINARY = Limits(cpu_time_s=1.0, wall_time_s=3.0, memory_bytes=256 * 2**20)
DEEP = Limits(cpu_time_s=2.0, wall_time_s=5.0, memory_bytes=768 * 2**20)
ATTACKED = Limits(cpu_time_s=0.5, wall_time_s=1.0, memory_bytes=128 * 2**20, output_bytes=2 * 2**20)


def _run(source: str, given: str) -> str:
    out = io.StringIO()
    with mock.patch("sys.stdin", io.StringIO(given)), contextlib.redirect_stdout(out):
        exec(compile(source, "reference.py", "exec"), {"__name__": "__main__"})
    return out.getvalue()


def stdio(
    key: str, prompt: str, reference: str, inputs: list[str], limits: Limits = ORDINARY, **more: Any
) -> Problem:
    """Returns a problem whose programs read and print; its first input is public."""
    tests = tuple(StdioTest(given, _run(reference, given)) for given in inputs)
    return Problem(
        dataset="conformance", key=key, prompt=prompt, public_tests=tests[:1],
        hidden_tests=tests[1:], solutions=(reference,), limits=limits, tags=("stdio",), **more,
    )  # fmt: skip


def call(
    key: str, entry: str, prompt: str, reference: str, calls: list[tuple[Any, ...]],
    limits: Limits = ORDINARY, **more: Any,
) -> Problem:  # fmt: skip
    """Returns a problem whose programs are called; its first call is public."""
    tests = []
    for args in calls:
        names: dict[str, Any] = {}
        exec(reference, names)
        tests.append(CallTest(args, eval(entry, names)(*json.loads(json.dumps(args)))))
    return Problem(
        dataset="conformance", key=key, prompt=prompt, entry_point=entry,
        public_tests=tuple(tests[:1]), hidden_tests=tuple(tests[1:]), solutions=(reference,),
        limits=limits, tags=("call",), **more,
    )  # fmt: skip


def code(
    key: str, entry: str, prompt: str, reference: str, tests: list[CodeTest],
    limits: Limits = ORDINARY,
) -> Problem:  # fmt: skip
    """Returns a problem with test code."""
    return Problem(
        dataset="conformance", key=key, prompt=prompt, entry_point=entry,
        hidden_tests=tuple(tests), solutions=(reference,), limits=limits, tags=("code",),
    )  # fmt: skip


# --- programs that read and print ----------------------------------------------------------------

SUM = """\
n = int(input())
numbers = []
while len(numbers) < n:
    numbers += map(int, input().split())
print(sum(numbers))
"""

TOTALS = """\
import sys
totals = {}
for line in sys.stdin:
    if line.strip():
        name, amount = line.split()
        totals[name] = totals.get(name, 0) + int(amount)
for name, amount in totals.items():
    print(name, amount)
"""

CHAIN = """\
n = int(input())
parents = [0, 0] + list(map(int, input().split()))
depth = [0] * (n + 1)
for i in range(2, n + 1):
    depth[i] = depth[parents[i]] + 1
print(max(depth), sum(depth))
"""

POWERS = """\
import sys
for line in sys.stdin:
    a, b = map(int, line.split())
    print(a ** b)
"""

MEAN = """\
values = list(map(float, input().split()))
mean = sum(values) / len(values)
deviation = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
print(f"{mean:.12g} {deviation:.12g}")
"""

BANNER = """\
n, width = map(int, input().split())
for i in range(1, n + 1):
    print(str(i * i % 7) * width)
"""

MIRROR = """\
line = input()
print(line[::-1])
print(len(line), sum(map(ord, line)))
"""

HEAP = """\
import heapq
heap = []
for _ in range(int(input())):
    word, *rest = input().split()
    if word == "push":
        heapq.heappush(heap, int(rest[0]))
    elif word == "pop":
        print(heapq.heappop(heap) if heap else "Empty")
    else:
        print(len(heap), sum(heap))
"""

GRID = """\
from collections import deque
rows, columns = map(int, input().split())
grid = [input() for _ in range(rows)]
distance = {(0, 0): 0}
queue = deque(distance)
while queue:
    r, c = queue.popleft()
    for s, d in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
        if 0 <= s < rows and 0 <= d < columns and grid[s][d] == "." and (s, d) not in distance:
            distance[s, d] = distance[r, c] + 1
            queue.append((s, d))
print("Yes" if (rows - 1, columns - 1) in distance else "No")
print(len(distance), sum(distance.values()))
"""


def _maze(seed: int, rows: int, columns: int) -> str:
    draw = random.Random(seed)
    lines = ["".join(draw.choices(".#", (7, 3), k=columns)) for _ in range(rows)]
    lines[0] = "." * 2 + lines[0][2:]
    return "\n".join([f"{rows} {columns}", *lines]) + "\n"


def _tree(seed: int, n: int, spread: int) -> str:
    draw = random.Random(seed)
    parents = [max(1, i - draw.randint(1, spread)) for i in range(2, n + 1)]
    return f"{n}\n{' '.join(map(str, parents))}\n"


def _orders(seed: int, n: int) -> str:
    draw = random.Random(seed)
    lines = []
    for _ in range(n):
        kind = draw.choice(["push", "push", "push", "pop", "show"])
        lines.append(f"push {draw.randint(-(10**6), 10**6)}" if kind == "push" else kind)
    return "\n".join([str(n), *lines]) + "\n"


def _stdio_problems() -> list[Problem]:
    draw = random.Random(5)
    many = " ".join(str(draw.randint(-(10**12), 10**12)) for _ in range(2000))
    return [
        stdio(
            "sum",
            "The first line holds n, the lines after it n integers in all. Print their sum.",
            SUM,
            ["3\n4 5 -6\n", "1\n-987654321\n", "4\n1000000000000000000 1 \n\n 2\n40\n",
             f"2000\n{many}\n", "5\n2 2 3 4 500001"],
        ),
        stdio(
            "totals",
            "Each line holds a name and an integer. Print each name with the sum of its integers, "
            "in the order in which the names first appear.",
            TOTALS,
            ["ann 3\nbob 4\nann 10\n", "zoe 100\nabe -250\nZoe 7\nabe 1\nzoe 5003",
             "k 12\r\nj 30\r\nk 5555\r\n", "a 1\n\nb 2\n\n\na 70707\n"],
        ),
        stdio(
            "chain",
            "Node 1 is the root of a tree of n nodes. The first line holds n, the second the "
            "parents of the nodes 2 to n, each smaller than its child. Print the largest depth and "
            "the sum of all depths; the root's depth is 0.",
            CHAIN,
            ["4\n1 2 2\n", _tree(1, 20000, 1), _tree(2, 3000, 40), "2\n1\n"],
            DEEP,
        ),
        stdio(
            "powers",
            "Each line holds two integers a and b. Print a to the power of b for each.",
            POWERS,
            ["2 10\n", "3 5000\n-7 333\n", "12345678901234567890 9\n1 0\n"],
        ),
        stdio(
            "mean",
            "Read numbers from one line; print their mean and their standard deviation (of the "
            "whole population). An absolute error of 1e-9 or a relative one of 1e-6 is accepted.",
            MEAN,
            ["1 2 4\n", "1e-7 2e-7 4.5e-7\n", "1000000.5 2000000.25 3500000\n", "0.1 0.2 0.7 -3\n"],
            comparison=Comparison(abs_tol=1e-9, rel_tol=1e-6),
        ),
        stdio(
            "banner",
            "Read n and w. For i from 1 to n print a line of w times the digit i * i % 7.",
            BANNER,
            ["3 5\n", "1 1\n", "10000 100\n", "77 3\n"],
        ),
        stdio(
            "mirror",
            "Read one line of text in UTF-8. Print it backwards, character by character; then, on "
            "a second line, how many characters it has and the sum of their code points.",
            MIRROR,
            ["abc\n", "naïve café Straße\n", "日本語のテキスト\n", "tape 🧵 and 𝛑\n"],
        ),
        stdio(
            "heap",
            "The first line holds the number of orders: `push X`, `pop` (print and remove the "
            "smallest number, or print Empty) and `show` (print how many numbers there are, and "
            "their sum).",
            HEAP,
            ["5\npush 3\npush 1\npop\nshow\npop\n", _orders(3, 60), _orders(4, 800),
             "7\npop\npush -12345\npush 8\npush 8\npop\nshow\npop\n"],
        ),
        stdio(
            "grid",
            "Read rows and columns, then a map of . (free) and # (wall). Walk from the upper left "
            "cell in four directions. Print Yes or No: is the lower right cell reached? Then "
            "print how many cells are reached and the sum of their distances.",
            GRID,
            ["2 2\n..\n#.\n", _maze(1, 12, 14), _maze(2, 30, 30), "3 3\n..#\n###\n..."],
        ),
    ]  # fmt: skip


# --- functions -----------------------------------------------------------------------------------

PAIRS = """\
class Solution:
    def pairs(self, numbers, target):
        found = []
        for i, a in enumerate(numbers):
            for j in range(i + 1, len(numbers)):
                if a + numbers[j] == target:
                    found.append([i, j])
        return found
"""

WORD_INDEX = """\
def word_index(text):
    index = {}
    for position, word in enumerate(text.split()):
        index.setdefault(word, []).append(position)
    return index
"""

STATISTICS = """\
def statistics(values):
    mean = sum(values) / len(values)
    return mean, sum((v - mean) ** 2 for v in values) / len(values)
"""

ROTATE = """\
def rotate(matrix):
    return [list(row) for row in zip(*matrix[::-1])]
"""

DESCRIBE = """\
def describe(n):
    names = {7: "seven", 1000003: "million and three"}
    return {"even": n % 2 == 0, "digits": len(str(abs(n))), "name": names.get(n), "half": n / 2}
"""

FIBONACCI = """\
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
"""

FLATTEN = """\
def flatten(nested):
    flat = []
    for item in nested:
        flat += flatten(item) if isinstance(item, list) else [item]
    return flat
"""

FACTORS = """\
def factors(numbers):
    counts = {}
    for n in numbers:
        p = 2
        while n > 1:
            while n % p == 0:
                counts[p] = counts.get(p, 0) + 1
                n //= p
            p += 1
    return counts
"""


def _call_problems() -> list[Problem]:
    draw = random.Random(6)
    numbers = [draw.randint(-30, 30) for _ in range(60)]
    return [
        call(
            "pairs",
            "Solution().pairs",
            "Return all pairs [i, j] with i < j and numbers[i] + numbers[j] == target, in order.",
            PAIRS,
            [([2, 7, 11, -2], 9), (numbers, 11), ([0, 0, 0, 0], 0), (numbers[::-1], -3)],
        ),
        call(
            "word-index",
            "word_index",
            "Return, for each word of the text, the list of its positions.",
            WORD_INDEX,
            [("to be or not to be",), ("a b A a  c\tb",), ("été ete été",), ("",)],
        ),
        call(
            "statistics",
            "statistics",
            "Return the mean and the variance (of the whole population) as a pair of floats.",
            STATISTICS,
            [([1, 2, 4],), ([3, 5],), ([1e-3, 2.5e-3, -7e-3],), ([123456.5, 99999.25, 3],)],
        ),
        call(
            "rotate",
            "rotate",
            "Return the matrix turned by a quarter, clockwise.",
            ROTATE,
            [([[1, 2], [3, 4]],), ([[5, 6, 7]],), ([[1, 2, 3], [4, 5, 6], [7, 8, 9]],), ([[8]],)],
        ),
        call(
            "describe",
            "describe",
            "Return a dict: even (a bool), digits (their number), name (seven for 7, million and "
            "three for 1000003, else None) and half (a float).",
            DESCRIBE,
            [(7,), (-1234,), (1000003,), (0,)],
        ),
        call(
            "fibonacci",
            "fibonacci",
            "Return the n-th Fibonacci number; the 0th is 0.",
            FIBONACCI,
            [(10,), (1,), (87,), (400,), (0,)],
        ),
        call(
            "flatten",
            "flatten",
            "Return the integers of a nested list in one list.",
            FLATTEN,
            [
                ([1, [2, [3]], 4],),
                ([[], [[[-5]]], 0, [1, 1]],),
                ([],),
                ([[9, 8], [[7]], [[6], 5]],),
            ],
        ),
        call(
            "factors",
            "factors",
            "Return how often each prime divides the product of the numbers, as a dict.",
            FACTORS,
            [([12, 5],), ([97, 2, 1024],), ([1],), ([360, 1001, 49],)],
        ),
    ]


# --- test code -----------------------------------------------------------------------------------

LONGEST_RUN = """\
def longest_run(text):
    best = ("", 0)
    start = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or text[i] != text[start]:
            if i - start > best[1]:
                best = (text[start], i - start)
            start = i
    return best
"""

LONGEST_RUN_CHECK = """\
METADATA = {"author": "conformance"}


def check(candidate):
    assert candidate("aabbbc") == ("b", 3)
    assert candidate("") == ("", 0)
    assert candidate("xyz") == ("x", 1)
    assert candidate("11000110000") == ("0", 4), "the later, longer run"
    for n in range(1, 40, 6):
        text = "ab" * n + "q" * (n + 1) + "ab"
        assert candidate(text) == ("q", n + 1)
        assert candidate(text[::-1])[1] == n + 1
"""

DIGIT_SUMS = """\
def digit_sums(numbers):
    return sorted(sum(map(int, str(abs(n)))) for n in numbers)
"""

ORBIT = """\
def orbit(x):
    return (x * 7919 + 104729) % 1000003
"""

ORBIT_CHECK = """\
def check(candidate):
    x = 12
    for _ in range(5):
        x = candidate(x)
    assert x == {final}
    assert isinstance(candidate(3), int)
    assert abs(candidate(500000) - {half}) < 1e-6
"""


def _code_problems() -> list[Problem]:
    names: dict[str, Any] = {}
    exec(ORBIT, names)
    final = 12
    for _ in range(5):
        final = names["orbit"](final)
    check = ORBIT_CHECK.format(final=final, half=names["orbit"](500000))
    return [
        code(
            "longest-run",
            "longest_run",
            "Return the character of the first longest run of equal characters, and its length.",
            LONGEST_RUN,
            [CodeTest(LONGEST_RUN_CHECK, check="check")],
        ),
        code(
            "digit-sums",
            "digit_sums",
            "Return the digit sums of the numbers, sorted.",
            DIGIT_SUMS,
            [
                CodeTest("assert digit_sums([305, 12, -9]) == [3, 8, 9]"),
                CodeTest("assert digit_sums([]) == []"),
                CodeTest(
                    "assert math.fsum(digit_sums(range(100))) == 900.0", imports="import math"
                ),
                CodeTest("assert digit_sums([10**30, 99999999])[-1] == 72"),
            ],
        ),
        code(
            "orbit",
            "orbit",
            "Return (x * 7919 + 104729) modulo 1000003.",
            ORBIT,
            [CodeTest(check, check="check")],
        ),
    ]


# --- vaults: what no program can know ------------------------------------------------------------


def _vault(key: str) -> dict[int, str]:
    """Returns 4 random-looking words, always the same."""
    digest = hashlib.sha256(f"conformance {key}".encode()).hexdigest()
    return {n: f"vault-{digest[16 * i : 16 * i + 12]}" for i, n in enumerate((1, 2, 5, 77))}


def _vault_problems() -> list[Problem]:
    prompt = "Return the word that belongs to the number. Only the reference knows them."
    printing = prompt.replace("Return", "Read a number and print")
    words = {key: _vault(key) for key in ("stdio", "call", "method", "check", "asserts")}
    references = {key: f"def word(n):\n    return {known}[n]\n" for key, known in words.items()}
    known = words["check"]
    check = "def check(candidate):\n" + "".join(
        f"    assert candidate({n}) == {word!r}\n" for n, word in known.items()
    )
    asserts = [CodeTest(f"assert word({n}) == {word!r}") for n, word in words["asserts"].items()]
    method = f"class Vault:\n    def word(self, n):\n        return {words['method']}[n]\n"
    numbers = list(words["call"])
    return [
        stdio(
            "vault-stdio",
            printing,
            f"print({words['stdio']}[int(input())])\n",
            [f"{n}\n" for n in numbers],
            ATTACKED,
        ),
        call("vault-call", "word", prompt, references["call"], [(n,) for n in numbers], ATTACKED),
        call("vault-method", "Vault().word", prompt, method, [(n,) for n in numbers], ATTACKED),
        code(
            "vault-check",
            "word",
            prompt,
            references["check"],
            [CodeTest(check, check="check")],
            ATTACKED,
        ),
        code("vault-asserts", "word", prompt, references["asserts"], asserts, ATTACKED),
    ]


def make() -> dict[str, str]:
    """Returns the text of each problem's file, by its key."""
    problems = [*_stdio_problems(), *_call_problems(), *_code_problems(), *_vault_problems()]
    return {p.key: json.dumps(p.to_json(), indent=1, ensure_ascii=False) + "\n" for p in problems}


def main(arguments: list[str]) -> int:
    """Writes the files, or with --check compares them; returns the exit code."""
    texts = make()
    there = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    if "--check" in arguments:
        different = sorted(k for k in {*texts, *there} if texts.get(k) != there.get(k))
        print("\n".join(f"differs: problems/{key}.json" for key in different) or "all the same")
        return 1 if different else 0
    FOLDER.mkdir(exist_ok=True)
    for key in there.keys() - texts.keys():
        (FOLDER / f"{key}.json").unlink()
    for key, text in texts.items():
        (FOLDER / f"{key}.json").write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(texts)} problems")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
