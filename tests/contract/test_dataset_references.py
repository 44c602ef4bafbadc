# ruff: noqa: E501 -- programs and tables, a case a line
"""Contest datasets' own programs get the verdicts that they deserve, judged in the jail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from coding_envs.data import load_problems
from coding_envs.data.layouts.codeforces import with_generated_tests, with_submissions
from coding_envs.judge import Judge
from coding_envs.languages import language
from coding_envs.problem import Problem
from coding_envs.verdict import Status

pytestmark = pytest.mark.nsjail
DATA = Path(__file__).parents[1] / "data"
GOOD, WRONG = Status.ACCEPTED, Status.WRONG_ANSWER
CPP = pytest.mark.skipif(not language("cpp").available(), reason="needs g++")

FILES = [
    ("apps", "all", "train", "codeparrot_apps"),
    ("apps", "all", "train", "codeparrot_apps_raw_main"),
    ("taco", "default", "train", "baai_taco"),
    ("code_contests", "default", "train", "deepmind_code_contests"),
    ("verifiable_coding", "default", "train", "primeintellect_verifiable_coding_problems"),
    ("synthetic_1", "default", "train", "primeintellect_synthetic_1"),
    (
        *("verifiable_coding_python", "default", "train"),
        "open_r1_verifiable_coding_problems_python",
    ),
    ("deepcoder", "taco", "train", "deepcoder_preview_taco"),
    ("deepcoder", "primeintellect", "train", "deepcoder_preview_primeintellect"),
]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(workers=4) as made:
        yield made


def load(name: str, config: str, split: str, file: str) -> list[Problem]:
    return list(
        load_problems(name, config=config, split=split, data_files={split: DATA / f"{file}.jsonl"})
    )


def rows(file: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / f"{file}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("name", "config", "split", "file"), FILES)
def test_right_programs_pass_and_wrong_ones_do_not(
    judge: Judge, name: str, config: str, split: str, file: str
) -> None:
    problems = load(name, config, split, file)
    right = [(p, solution) for p in problems for solution in p.solutions]
    wrong = [(p, program) for p in problems for program in p.wrong_solutions]
    assert right
    verdicts = judge.judge_many(right)
    assert [v.message for v in verdicts] == ["every test passed"] * len(right)
    assert all(v.status is not GOOD for v in judge.judge_many(wrong))


LIVE = {
    "auth900_a": "n = int(input())\nprint(sum(i * i for i in range(n + 1)))",
    "9000_A": "for _ in range(int(input())):\n    s = input()\n    print('yes' if list(s) == sorted(s) else 'No')",
    "90001": "class Solution:\n    def countEqualPairs(self, nums: List[int], k: int) -> int:\n"
    "        return sum(a == b for i, a in enumerate(nums) for b in nums[i + 1 : i + k + 1])",
    "90002": "class Solution:\n    def meanLength(self, words: List[str]) -> float:\n"
    "        return mean(map(len, words)) if words else 0",
    "auth901_b": "print(int(input()) / 2)",
}  # the dataset has no references


def test_live_code_bench(judge: Judge) -> None:
    problems = load("livecodebench", "release_v6", "test", "livecodebench_code_generation_lite")
    found = {}
    for problem in problems:
        verdict = judge.judge(problem, LIVE[problem.key])
        found[problem.key] = verdict.status
        if problem.starter_code:  # what a policy writes after the starter code
            body = LIVE[problem.key].split(":\n", 2)[2]
            assert judge.judge(problem, problem.assemble(body.lstrip())).accepted
    assert found == dict.fromkeys(LIVE, GOOD)  # the last one prints 2.0 where 2 is expected


def test_deep_coder_live(judge: Judge) -> None:
    numbers, method = load("deepcoder", "lcbv5", "train", "deepcoder_preview_lcbv5")
    assert judge.judge(numbers, "print(int(input()) ** 2)").accepted
    assert not judge.judge(numbers, "print(int(input()) ** 3)").accepted
    program = (
        "class Solution:\n    def total(self, nums: List[int]) -> int:\n        return sum(nums)"
    )
    assert judge.judge(method, program).accepted
    (double,) = load("deepcoder", "codeforces", "test", "deepcoder_preview_codeforces")
    assert judge.judge(double, "print(2 * int(input()))").accepted


class TestCodeforces:
    problems = load("codeforces", "verifiable", "train", "open_r1_codeforces")

    def test_submissions(self, judge: Judge) -> None:
        problem = with_submissions(self.problems[0], rows("open_r1_codeforces_submissions"))
        assert judge.judge(problem, problem.solutions[0]).status is GOOD
        assert judge.judge(problem, problem.wrong_solutions[0]).status is WRONG

    @CPP
    def test_submissions_in_another_language(self, judge: Judge) -> None:
        problem = self.problems[0].replace(language="cpp")
        problem = with_submissions(problem, rows("open_r1_codeforces_submissions"))
        assert judge.judge(problem, problem.solutions[0]).status is GOOD

    def test_a_checker_takes_every_right_answer(self, judge: Judge) -> None:
        program = "n = int(input())\nprint(-1 if n < 2 else f'{n - 1} 1')"
        assert judge.judge(self.problems[1], program).status is GOOD
        for wrong in ("print(input(), 0)", "print(-1)", "print()", "print('x y')"):
            assert judge.judge(self.problems[1], wrong).status is WRONG

    @CPP
    def test_a_checker_in_another_language(self, judge: Judge) -> None:
        python, cpp = load(
            *("codeforces", "verifiable-prompts", "train"),
            "open_r1_codeforces_verifiable_prompts",
        )
        program = '#include <cstdio>\nint main() { int n; scanf("%d", &n); n < 2 ? printf("-1") : printf("%d 1", n - 1); }'
        assert judge.judge(cpp, program).status is GOOD
        assert judge.judge(python, program).status is Status.COMPILE_ERROR

    def test_files_and_generated_tests(self, judge: Judge) -> None:
        generated = rows("open_r1_codeforces_generated_tests")
        problem = with_generated_tests(self.problems[2], generated)
        right = (
            "print(sum(map(int, open('input.txt').read().split())), file=open('output.txt', 'w'))"
        )
        verdict = judge.judge(problem, right)
        assert (verdict.status, verdict.total) == (GOOD, 3)
        on_streams = "print(sum(map(int, input().split())))"
        assert judge.judge(problem, on_streams).status is not GOOD

    @CPP
    def test_files_in_another_language(self, judge: Judge) -> None:
        program = (
            '#include <fstream>\nint main() { std::ifstream in("input.txt"); '
            'std::ofstream out("output.txt"); long long s = 0, x; while (in >> x) s += x; out << s; }'
        )
        assert judge.judge(self.problems[2].replace(language="cpp"), program).status is GOOD


class TestWhatJsonLost:
    """Values that JSON changed when APPS was stored do not fail a right program."""

    problems = load("apps", "all", "train", "codeparrot_apps")

    @pytest.mark.parametrize(
        ("program", "status"),
        [
            ("def letter_counts(s):\n    return {str(len(w)): 0 for w in s.split()}", WRONG),
            ("def letter_counts(s):\n    import collections\n    return collections.Counter(map(len, s.split()))", GOOD),
            ("def letter_counts(s):\n    return [{str(k): v for k, v in Counter(map(len, s.split())).items()}]", GOOD),
            ("def letter_counts(s):\n    return [[Counter(map(len, s.split()))]]", WRONG),
            ("def letter_counts(s):\n    return {**Counter(map(len, s.split())), '1': 1}", WRONG),
        ],
    )  # fmt: skip
    def test_keys_and_wrapping(self, judge: Judge, program: str, status: Status) -> None:
        assert judge.judge(self.problems[2], program).status is status

    def test_wrong_sums_of_long_ints(self, judge: Judge) -> None:
        program = "def digit_sum(n):\n    return sum(map(int, str(n))) + (n > 9999)"
        verdict = judge.judge(self.problems[3], program)
        assert [t.status for t in verdict.tests] == [GOOD, WRONG]
