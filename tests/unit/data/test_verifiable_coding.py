"""The rows of verifiable-coding-problems, SYNTHETIC-1 and open-r1's copy become problems."""

import json
from pathlib import Path

import pytest

from coding_envs.data import dataset_spec
from coding_envs.errors import DatasetRowError
from coding_envs.problem import CallTest, StdioTest

DATA = Path(__file__).parents[2] / "data"
FILES = {
    "verifiable_coding": "primeintellect_verifiable_coding_problems",
    "synthetic_1": "primeintellect_synthetic_1",
    "verifiable_coding_python": "open_r1_verifiable_coding_problems_python",
}
ROWS = {
    name: [json.loads(x) for x in (DATA / f"{file}.jsonl").read_text().splitlines()]
    for name, file in FILES.items()
}


def make(dataset, number=0, /, **changes):
    row = ROWS[dataset][number] | changes
    loader = dataset_spec(dataset).loader
    return loader(row, config="default", split="train", row_number=number, revision="")


def test_a_row_on_standard_input():
    problem = make("verifiable_coding")
    assert problem.uid == "verifiable_coding/default/train/vfc_auth_0"
    assert problem.hidden_tests[0] == StdioTest("2 3\n", "6\n")
    assert problem.solutions == ("a, b = map(int, input().split())\nprint(a * b)\n",)
    assert (problem.source, problem.difficulty) == ("apps", "introductory")
    assert problem.limits.cpu_time_s == 5.0


def test_a_python_literal_with_a_function():
    problem = make("verifiable_coding", 1)
    assert problem.entry_point == "add"
    assert problem.hidden_tests[0] == CallTest((1, 2), [3])
    assert problem.comparison.unwrap


def test_another_language():
    problem = make("verifiable_coding", 2)
    assert problem.language == "cpp"
    assert problem.limits.cpu_time_s == 2.0
    assert problem.limits.from_row == {"cpu_time_s", "memory_bytes"}
    javascript = ROWS["verifiable_coding"][2]["verification_info"].replace("cpp", "JavaScript")
    found = make("verifiable_coding", 2, verification_info=javascript)
    assert (found.language, found.limits.cpu_time_s) == ("javascript", 4.0)


def test_functions_of_other_languages_are_refused():
    info = ROWS["verifiable_coding"][1]["verification_info"].replace("'python'", "'rust'")
    with pytest.raises(DatasetRowError, match=r"'verification_info'.*rust"):
        make("verifiable_coding", 1, verification_info=info)


def test_answers_of_a_model_have_keys_of_their_own():
    assert [make("synthetic_1", n).key for n in (0, 1)] == ["vfc_auth_0_resp", "vfc_auth_1_resp"]


def test_other_tasks_are_refused():
    with pytest.raises(DatasetRowError, match="'task_type': is 'math'"):
        make("synthetic_1", 0, task_type="math")


def test_structs_hold_texts():
    problem = make("verifiable_coding_python")
    assert problem.hidden_tests == (StdioTest("2 3\n", "6\n"), StdioTest("-1 4\n", "-4\n"))
    case = {"type": "function_call", "fn_name": "f", "input": '["a", 1]', "output": '["b"]'}
    info = {"language": "python", "test_cases": [case]}
    called = make("verifiable_coding_python", verification_info=info)
    assert called.hidden_tests == (CallTest(("a", 1), ["b"]),)
    literal = case | {"input": "['a', (1, 2)]", "output": "word"}
    info = {"language": "python", "test_cases": [literal]}
    called = make("verifiable_coding_python", verification_info=info)
    assert called.hidden_tests == (CallTest(("a", (1, 2)), "word"),)


def test_records_of_lists_as_well():
    cases = ROWS["verifiable_coding_python"][0]["verification_info"]["test_cases"]
    lists = {name: [case[name] for case in cases] for name in cases[0]}
    info = {"language": "python", "test_cases": lists}
    assert make("verifiable_coding_python", verification_info=info) == make(
        "verifiable_coding_python"
    )


def test_decoded_values_stay_as_they_are():
    row = ROWS["verifiable_coding"][0]
    case = {"type": "function_call", "fn_name": "f", "input": ["1"], "output": "3"}
    info = {"language": "python", "test_cases": [case]}
    for given in (info, json.dumps(info), repr(info)):
        problem = make("verifiable_coding", 0, verification_info=given)
        assert problem.hidden_tests == (CallTest(("1",), "3"),)
    assert make("verifiable_coding", metadata=json.loads(row["metadata"])) == make(
        "verifiable_coding"
    )


def test_limits_in_words():
    metadata = {"time_limit": "1.5 seconds", "memory_limit": "300.0 megabytes"}
    limits = make("verifiable_coding", metadata=json.dumps(metadata)).limits
    assert (limits.cpu_time_s, limits.memory_bytes) == (6.0, 600 * 2**20)


def test_tests_for_people_are_refused():
    metadata = {"problem_url": "https://practice.geeksforgeeks.org/problems/x"}
    with pytest.raises(DatasetRowError, match=r"'metadata'.*GeeksforGeeks"):
        make("verifiable_coding", metadata=json.dumps(metadata))


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        ([], "no tests|language and test_cases"),
        ([{"type": "odd", "input": "1", "output": "1"}], "language and test_cases|type must be"),
        ([{"type": "stdin_stdout", "input": 1, "output": "1"}], "texts"),
        ([{"type": "function_call", "input": [1], "output": 1}], "name one function"),
        (
            [{"type": "function_call", "fn_name": n, "input": [1], "output": 1} for n in "fg"],
            "name one function",
        ),
        ("x", "language and test_cases|list of cases"),
    ],
)
def test_malformed_tests_are_told(cases, words):
    info = {"language": "python", "test_cases": cases}
    with pytest.raises(DatasetRowError, match=words):
        make("verifiable_coding", verification_info=json.dumps(info))


@pytest.mark.parametrize(
    "fence", ["```python\nprint(1)\n```", "so:\n```py\nprint(1)\n```\nend", "print(1)"]
)
def test_fences_are_taken_off(fence):
    problem = make("verifiable_coding", gold_standard_solution=fence)
    assert problem.solutions[0].strip() == "print(1)"
