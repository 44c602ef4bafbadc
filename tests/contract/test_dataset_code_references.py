"""Datasets whose tests are code: the samples' references pass in the jail, nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coding_envs import Judge, Problem
from coding_envs.data import dataset_spec
from coding_envs.errors import InvalidValueError, SandboxUnavailableError
from coding_envs.languages import language
from coding_envs.problem import CallTest, CodeTest
from coding_envs.verdict import Status

pytestmark = pytest.mark.nsjail

DATA = Path(__file__).parents[1] / "data"
FILES = {
    "humaneval_plus": "evalplus_humanevalplus.jsonl",
    "mbpp_plus": "evalplus_mbppplus.jsonl",
    "kodcode": "kodcode_v1.jsonl",
    "leetcode": "leetcode_dataset.jsonl",
    "bigcodebench": "bigcodebench.jsonl",
}


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(workers=2) as made:
        yield made


def rows_of(file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / file).read_text().splitlines()]


def load(dataset: str, row: Any, config: str | None = None) -> Problem:
    spec = dataset_spec(dataset)
    config = config or spec.default_config
    return spec.loader(row, config=config, split=spec.default_split, row_number=0, revision="")


PROBLEMS = [load(name, row) for name, file in FILES.items() for row in rows_of(file)]
CASES = [pytest.param(problem, id=problem.uid) for problem in PROBLEMS]


@pytest.mark.parametrize("problem", CASES)
def test_the_reference_is_accepted(judge: Judge, problem: Problem) -> None:
    verdict = judge.judge(problem, problem.solutions[0])
    assert verdict.accepted, verdict


def constant(problem: Problem, value: str) -> str:
    name = problem.entry_point
    if "Solution" in name:
        method = name.rpartition(".")[2]
        return f"class Solution:\n    def {method}(self, *a, **k):\n        return {value}\n"
    return f"def {name}(*a, **k):\n    return {value}\n"


@pytest.mark.parametrize("problem", CASES)
@pytest.mark.parametrize("value", ["None", "0", "[]", "True", "''", "float('nan')", "object()"])
def test_no_constant_is(judge: Judge, problem: Problem, value: str) -> None:
    verdict = judge.judge(problem, constant(problem, value))
    assert not verdict.accepted
    assert not verdict.status.is_fault_of_ours, verdict


@pytest.mark.parametrize("problem", CASES)
@pytest.mark.parametrize(
    "program", ["x = 1\n", "import sys\nsys.exit(0)\n", "import os\nos._exit(0)\n", "def f(:\n"]
)
def test_no_program_without_an_answer_is(judge: Judge, problem: Problem, program: str) -> None:
    verdict = judge.judge(problem, program)
    assert not verdict.accepted
    assert not verdict.status.is_fault_of_ours, verdict


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("HumanEval/0", "return False", "return True"),
        ("HumanEval/0", "idx != idx2", "idx == idx2"),
        ("HumanEval/2", "number % 1.0", "number % 1.0 + 1e-5"),
        ("HumanEval/53", "x + y", "x - y"),
        ("HumanEval/53", "x + y", "int(float(x) + float(y))"),
        ("HumanEval/14", "i+1", "i"),
        ("HumanEval/32", "return begin", "return -begin"),
        ("HumanEval/32", "return begin", "xs[:] = [0] * len(xs)\n    return 1.0"),
        ("2", "&", "|"),
        ("17", "4*a", "4*a+(a>5)"),
        ("82", "4/3", "4/3.001"),
        ("Prefill_00000001_I", "min(x, hi)", "x"),
        ("Leetcode_00000002_I", "append(x)", "insert(0, x)"),
        ("Leetcode_00000002_I", "IndexError('empty')", "KeyError('empty')"),
        ("authored-sum-of-evens", "== 0", "== 1"),
        ("authored-reverse-linked-list", "return prev", "return head"),
        ("BigCodeBench/928", "zip(word, word[1:])", "zip(word, word)"),
        ("BigCodeBench/854", "math.factorial(n)", "n"),
    ],
)
def test_no_mutant_is(judge: Judge, key: str, old: str, new: str) -> None:
    problem = next(p for p in PROBLEMS if p.key == key)
    assert old in problem.solutions[0]
    verdict = judge.judge(problem, problem.solutions[0].replace(old, new))
    assert not verdict.accepted
    assert not verdict.status.is_fault_of_ours, verdict


def test_answers_that_python_calls_equal_are_accepted(judge: Judge) -> None:
    by_key = {p.key: p for p in PROBLEMS}
    right = {
        "17": "def square_perimeter(a):\n    return 4.0 * a\n",
        "HumanEval/2": "def truncate_number(n):\n    return n - int(n) + 1e-8\n",
        "2": "def similar_elements(a, b):\n    return list(set(a) & set(b)) * 2\n",
        "HumanEval/14": "def all_prefixes(s):\n    return [s[:i] for i in range(1, len(s) + 1)]\n",
    }
    for key, program in right.items():
        verdict = judge.judge(by_key[key], program)
        assert verdict.accepted, (key, verdict)


def test_the_authors_own_releases_are_judged_by_the_reference(judge: Judge) -> None:
    row = rows_of(FILES["humaneval_plus"])[0]
    del row["test"]
    inputs = {"base_input": [[[1.0, 2.0], 1.5]], "plus_input": [[[1.0, 2.0, 9.0], 0.5]]}
    problem = load("humaneval_plus", row | inputs | {"contract": "", "atol": 0})
    assert judge.judge(problem, problem.solutions[0]).accepted
    verdict = judge.judge(problem, constant(problem, "True"))
    assert [t.status for t in verdict.tests] == [Status.ACCEPTED, Status.WRONG_ANSWER]
    release = {
        "task_id": "Mbpp/2",
        "prompt": "",
        "entry_point": "similar_elements",
        "canonical_solution": "def similar_elements(a, b):\n    return tuple(set(a) & set(b))\n",
        "base_input": [[[3, 4], [4, 5]]],
        "plus_input": [[[], []]],
        "atol": 0,
    }
    problem = load("mbpp_plus", release)
    assert judge.judge(problem, "def similar_elements(a, b): return [4] if a else ()").accepted
    assert not judge.judge(problem, "def similar_elements(a, b): return [3]").accepted


def test_a_comparison_that_was_never_asserted_rejects(judge: Judge) -> None:
    row = rows_of(FILES["mbpp_plus"])[1] | {
        "code": "import re\ndef check_str(s):\n    return re.search('^[aeiou]', s)\n",
        "test_list": ["assert check_str('annie')"],
        "test": "import numpy as np\n\ndef assertion(out, exp, atol):\n"
        "    exact_match = exp == (out is not None)\n\n"
        "inputs = [['annie'], ['dawood']]\nresults = [True, False]\n"
        "for i, (inp, exp) in enumerate(zip(inputs, results)):\n"
        "    assertion(check_str(*inp), exp, 0)\n",
    }
    problem = load("mbpp_plus", row)
    assert judge.judge(problem, problem.solutions[0]).accepted
    assert judge.judge(problem, "def check_str(s): return s[0] in 'aeiou'").accepted
    for value in ("None", "True", "False", "'x'"):
        verdict = judge.judge(problem, constant(problem, value))
        assert verdict.status is Status.WRONG_ANSWER, (value, verdict)


# --- LeetCode ------------------------------------------------------------------------------------


def leetcode(**changes: Any) -> Problem:
    return load("leetcode", rows_of(FILES["leetcode"])[1] | changes)


def test_programs_may_bring_their_own_nodes(judge: Judge) -> None:
    program = """
class ListNode:
    def __init__(self, val=0, next=None):
        self.val, self.next = val, next
def is_same_list(*a): return True
def list_node(*a): return None
class Solution:
    def reverseList(self, head):
        found = None
        while head:
            found, head = ListNode(head.val, found), head.next
        return found
"""
    assert judge.judge(leetcode(), program).accepted
    cheat = program.replace("head.val, found", "7, found")
    assert judge.judge(leetcode(), cheat).status is Status.WRONG_ANSWER


def test_state_does_not_leak_from_call_to_call(judge: Judge) -> None:
    problem = load("leetcode", rows_of(FILES["leetcode"])[0])
    program = """
class Solution:
    def __init__(self):
        self.total = 0
    def sumEvens(self, nums):
        for n in nums:
            self.total += n if pow(n, 1, 2) == 0 else 0
        return self.total
"""
    assert judge.judge(problem, program).accepted


def test_trees_cross_both_ways(judge: Judge) -> None:
    tree = """
class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val, self.left, self.right = val, left, right
def tree_node(values):
    if not values:
        return None
    nodes = [None if v is None else TreeNode(v) for v in values]
    children = nodes[1:][::-1]
    for node in nodes:
        if node is not None:
            node.left = children.pop() if children else None
            node.right = children.pop() if children else None
    return nodes[0]
"""
    problem = leetcode(
        prompt=rows_of(FILES["leetcode"])[0]["prompt"] + tree,
        entry_point="Solution().invert",
        completion="class Solution:\n    def invert(self, root):\n        if root:\n"
        "            root.left, root.right = self.invert(root.right), self.invert(root.left)\n"
        "        return root\n",
        test="def check(candidate):\n"
        "    assert is_same_tree(candidate(root = tree_node([1, None, 2, 3])), "
        "tree_node([1, 2, None, None, 3]))\n"
        "    assert is_same_tree(candidate(root = tree_node([])), tree_node([]))\n",
    )
    assert [t.kind for t in problem.tests] == ["call", "call"]
    assert judge.judge(problem, problem.solutions[0]).accepted
    same = "class Solution:\n    def invert(self, root): return root\n"
    verdict = judge.judge(problem, same)
    assert [t.status for t in verdict.tests] == [Status.WRONG_ANSWER, Status.ACCEPTED]


# --- tests that share the program's process ------------------------------------------------------

SHARED = """
import unittest, tempfile, os
from unittest.mock import patch, mock_open
class TestCases(unittest.TestCase):
    def setUp(self):
        self.path = os.path.join(tempfile.mkdtemp(), "a.txt")
        with open(self.path, "w") as file:
            file.write("hello")
    def tearDown(self):
        os.remove(self.path)
    def test_a_file(self):
        self.assertEqual(task_func(self.path), 5)
    @patch("builtins.open", new_callable=mock_open, read_data="abc")
    def test_a_mock(self, opened):
        self.assertEqual(task_func("whatever"), 3)
        opened.assert_called_once_with("whatever")
    def test_errors(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertRaises(FileNotFoundError, task_func, f"no{number}")
"""


def shared(body: str, test: str = SHARED, imports: str = "") -> Problem:
    row = rows_of(FILES["bigcodebench"])[0]
    prompt = f'{imports}def task_func(path):\n    """Return the file\'s length."""\n'
    return load(
        "bigcodebench",
        row | {"complete_prompt": prompt, "canonical_solution": body, "test": test},
    )


def test_files_and_mocks_are_shared(judge: Judge) -> None:
    problem = shared("    with open(path) as file:\n        return len(file.read())\n")
    assert "exposed_oracle" in problem.flags
    assert judge.judge(problem, problem.solutions[0]).accepted
    wrong = {
        "return 5": [Status.ACCEPTED, Status.WRONG_ANSWER, Status.WRONG_ANSWER],
        "raise FileNotFoundError": [Status.RUNTIME_ERROR, Status.RUNTIME_ERROR, Status.ACCEPTED],
        "import os; os._exit(0)": [Status.RUNTIME_ERROR] * 3,
        "return path": [Status.WRONG_ANSWER] * 3,
    }
    for line, statuses in wrong.items():
        verdict = judge.judge(problem, f"{problem.starter_code}    {line}\n")
        assert [t.status for t in verdict.tests] == statuses, (line, verdict)
    forged = "__together__ = lambda *a: True\n"
    verdict = judge.judge(problem, problem.starter_code + "    return 5\n" + forged)
    assert not verdict.accepted


def test_what_the_reference_fails_too_is_no_fault_of_the_program(judge: Judge) -> None:
    body = "    import subprocess\n    return subprocess.run(['echo']).returncode\n"
    test = (
        "import os, unittest\nclass TestCases(unittest.TestCase):\n"
        "    def test_it(self):\n        self.assertEqual(task_func('x'), 0)\n"
    )
    problem = shared(body, test)
    for program in (problem.solutions[0], problem.starter_code + "    return 1\n"):
        verdict = judge.judge(problem, program)
        assert verdict.status is Status.JUDGE_ERROR
        assert "the reference solution fails it too" in verdict.message


def test_a_file_test_that_patches_the_program_apart_from_it_blames_nobody(judge: Judge) -> None:
    code = (
        "from unittest.mock import patch\nimport math\nfrom solution import f\n"
        "def test_patched():\n    with patch('math.sqrt', return_value=7):\n"
        "        assert f(4) == 7\n"
        "def test_plain():\n    assert f(4) == 2\n"
    )
    reference = "import math\ndef f(x):\n    return math.sqrt(x)\n"
    problem = Problem(
        dataset="d",
        key="patched",
        prompt="p",
        entry_point="f",
        hidden_tests=CodeTest.of_file(code),
        solutions=(reference,),
    )
    verdict = judge.judge(problem, reference + "# mine\n")
    assert [t.status for t in verdict.tests] == [Status.JUDGE_ERROR, Status.ACCEPTED]
    assert "apart from the test" in verdict.message
    verdict = judge.judge(problem, "def f(x): return 3")
    assert [t.status for t in verdict.tests] == [Status.JUDGE_ERROR, Status.WRONG_ANSWER]


# --- packages ------------------------------------------------------------------------------------


def test_a_missing_package_is_named_and_no_fault_of_the_program(judge: Judge) -> None:
    row = rows_of(FILES["kodcode"])[0]
    problem = load("kodcode", row | {"solution": "import numpy as np\n" + row["solution"]})
    verdict = judge.judge(problem, problem.solutions[0])
    assert verdict.status is Status.JUDGE_ERROR
    assert "needs numpy, which the judge's jail lacks" in verdict.message
    assert "packages=['numpy']" in verdict.message
    with pytest.raises(SandboxUnavailableError, match="package 'no_such' is not installed"):
        Judge(workers=1, packages=["no_such"])
    with pytest.raises(InvalidValueError, match="packages must be left out beside a sandbox"):
        Judge(sandbox=judge._sandbox, packages=["numpy"])


def test_programs_and_tests_may_use_packages_that_the_judge_was_given() -> None:
    check = "import numpy as np\ndef check(f):\n    assert np.allclose(f(4), np.arange(4.0))\n"
    reference = "import numpy as np\ndef f(n):\n    return np.linspace(0, n - 1, n)\n"
    problem = Problem(
        dataset="d",
        key="numpy",
        prompt="p",
        entry_point="f",
        hidden_tests=(CodeTest(check, check="check"), CallTest((2,), [0.0, 1.0], entry_point="g")),
        solutions=(reference,),
        flags=frozenset({"needs:numpy"}),
    )
    more = "def g(n): return f(n).tolist()\n"
    with Judge(workers=1, packages=["numpy"]) as judge:
        assert judge.judge(problem, reference + more).accepted
        assert judge.judge(problem, "def f(n): return range(n)\ndef g(n): return [0.0, 1]").accepted
        assert not judge.judge(
            problem, "import numpy\ndef f(n): return numpy.ones(n)\n" + more
        ).accepted
        huge = "import numpy as np\ndef f(n): return np.ones((20_000, 20_000)) @ np.ones(20_000)\n"
        assert judge.judge(problem, huge + more).status is Status.MEMORY_LIMIT_EXCEEDED
        peek = "import os\ndef f(n): return n\ndef g(n): return sorted(os.listdir('/packages'))\n"
        public = problem.replace(
            public_tests=(CallTest((2,), [], entry_point="g"),), hidden_tests=()
        )
        message = judge.judge(public, peek).message
        assert "numpy" in message
        assert "coding_envs" not in message  # nothing but what was asked for


# --- MultiPL-E -----------------------------------------------------------------------------------

MULTIPL_E = {row["language"]: row for row in rows_of("multipl_e.jsonl")}
PERL = {
    "name": "HumanEval_2_truncate_number",
    "language": "pl",
    "prompt": "# Return the decimal part.\nsub truncate_number {\n    my($number) = @_;\n",
    "doctests": "transform",
    "original": "",
    "prompt_terminology": "reworded",
    "tests": "use Test::Deep;\n\n\nsub testhumaneval {\n    my $candidate = \\&truncate_number;\n"
    '        if(eq_deeply($candidate->(3.5),0.5)) {\n        print "ok!" }else{\n'
    "        exit 1;\n        }\n"
    '        if(eq_deeply($candidate->(1.25),0.25)) {\n        print "ok!" }else{\n'
    "        exit 1;\n        }\n}\n\ntesthumaneval();\n",
    "stop_tokens": ["\nsub", "\n#", "\n\n"],
}


def multipl_e(name: str, **changes: Any) -> Problem:
    row = PERL if name == "pl" else MULTIPL_E[name]
    problem = load("multipl_e", row | changes, f"humaneval-{name}")
    if (missing := language(problem.language).missing()) is not None:
        pytest.skip(missing)
    return problem


CLOSE = """    std::cout << "looking" << std::endl;
    for (size_t i = 0; i < numbers.size(); i++)
        for (size_t j = 0; j < i; j++)
            if (std::fabs(numbers[i] - numbers[j]) < threshold) return true;
    return false;
"""


@pytest.mark.parametrize(
    ("name", "completion", "passed"),
    [
        ("cpp", CLOSE + "}\nint main() { return 1; }\n", 7),
        ("cpp", "    return true;\n", 4),
        ("cpp", "    exit(0);\n", 0),
        ("js", "  console.log('thinking');\n  return number % 1.0;\n}\n", 3),
        ("js", "  process.exit(0);\n}\n", 0),
        ("js", "  return 0.5;\n}\n", 1),
        ("js", "  require('node:assert').deepEqual = () => {}; return 7;\n}\n", 0),
        (
            "js",
            "  require('fs').writeSync(1, '=> 0 0.5\\n=> 1 1\\n=> 2 1\\n'); process.exit(0)\n}",
            1,
        ),
        ("pl", "    print 'x'; return $number - int($number);\n}\n", 2),
        ("pl", "    exit 0;\n}\n", 0),
        ("pl", "    return 0.5;\n}\n", 1),
    ],
)
def test_asserts_in_other_languages_count_what_the_function_returns(
    judge: Judge, name: str, completion: str, passed: int
) -> None:
    problem = multipl_e(name)
    verdict = judge.judge(problem, problem.assemble(completion))
    total = {"cpp": 7, "js": 3, "pl": 2}[name]
    assert not verdict.status.is_fault_of_ours, verdict
    assert verdict.accepted == (passed == total), verdict
    assert verdict.fraction == pytest.approx(passed / total, abs=1e-3)


KINDS = """}
int main() {
    auto candidate = f;
    assert(candidate((std::string)"a)") == (std::make_tuple(std::vector<bool>({true, false}), \
std::map<std::string,long>({{"x", 1}, {"y", -2}}), std::optional<long>(3), "q\\"", 0.5f)));
}
"""
RETURNS = (
    "std::tuple<std::vector<bool>,std::map<std::string,long>,std::optional<long>,std::string,float>"
)


def test_containers_of_cpp_compare_by_value(judge: Judge) -> None:
    prompt = f"#include<assert.h>\n#include<bits/stdc++.h>\n// f\n{RETURNS} f(std::string s) {{\n"
    problem = multipl_e("cpp", prompt=prompt, tests=KINDS)
    right = '    return {{true, false}, {{"y", -2}, {"x", 1}}, 3, "q\\"", 0.5};\n'
    assert judge.judge(problem, problem.assemble(right)).accepted
    wrong = right.replace("3,", "std::nullopt,")
    assert judge.judge(problem, problem.assemble(wrong)).status is Status.WRONG_ANSWER


def test_a_language_that_is_not_known_is_refused(judge: Judge) -> None:
    problem = load("multipl_e", MULTIPL_E["rs"], "humaneval-rs")
    with pytest.raises(InvalidValueError, match="no language named 'rs'"):
        judge.submit(problem, "fn main() {}")
