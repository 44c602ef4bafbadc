"""APPS' rows, of both layouts, become problems."""

import json
from pathlib import Path

import pytest

from coding_envs.data.layouts.apps import head_from_row, problem_from_row
from coding_envs.errors import DatasetRowError
from coding_envs.problem import CallTest, Comparison, Limits, StdioTest

DATA = Path(__file__).parents[2] / "data"
ROWS = [json.loads(x) for x in (DATA / "codeparrot_apps.jsonl").read_text().splitlines()]
RAW = [json.loads(x) for x in (DATA / "codeparrot_apps_raw_main.jsonl").read_text().splitlines()]


def make(row, config="all"):
    return problem_from_row(row, config=config, split="train", row_number=3)


def changed(number=0, /, **changes):
    return ROWS[number] | changes


def with_tests(**data):
    return changed(input_output=json.dumps(data))


def test_a_row_on_standard_input():
    problem = make(ROWS[0])
    assert problem.uid == "apps/all/train/0"
    assert problem.public_tests == ()
    assert problem.hidden_tests[1] == StdioTest("1\n2\n-3 -8\n", "5\n")
    assert problem.entry_point == problem.starter_code == problem.prelude == ""
    assert problem.limits == Limits(cpu_time_s=4.0)
    assert problem.comparison == Comparison()
    assert (problem.difficulty, problem.license) == ("interview", "MIT")


def test_return_outside_of_functions_ends_the_reference():
    wrapped = make(ROWS[0]).solutions[2]
    assert wrapped.splitlines()[:3] == ["t = int(input())", "if t == 0:", "    raise SystemExit"]
    assert make(changed(solutions=json.dumps(["if 1: return print('é'), 2 # so"]))).solutions == (
        "if 1: (print('é'), 2); raise SystemExit # so",
    )
    inside = "def f():\n    return 1\nprint(f())"
    assert make(changed(solutions=json.dumps([inside]))).solutions == (inside,)


def test_python_2_stays_in_the_row():
    programs = [
        "print 1",
        "x = raw_input()\nprint(x)",
        "",
        "print(1)",
        "print(1)",
        "raw_input = input\nraw_input()",
    ]
    problem = make(changed(solutions=json.dumps(programs)))
    assert problem.solutions == ("print(1)", "raw_input = input\nraw_input()")
    assert json.loads(problem.row["solutions"]) == programs


def test_a_method():
    problem = make(ROWS[1])
    assert problem.entry_point == "Solution().countPairs"
    assert problem.hidden_tests[0] == CallTest(([1, 2, 3, 4], 5), 2)
    assert "from typing import *" in problem.prelude
    assert problem.starter_code == ROWS[1]["starter_code"]
    assert not problem.comparison.unwrap


def test_a_function_in_a_class_that_only_the_solution_shows():
    assert make(changed(1, starter_code="")).entry_point == "Solution().countPairs"
    plain = changed(1, starter_code="", solutions='["def countPairs(n, k): return 0"]')
    assert make(plain).entry_point == "countPairs"


def test_a_function_with_wrapped_values_and_dicts():
    problem = make(ROWS[2])
    assert problem.entry_point == "letter_counts"
    assert problem.comparison == Comparison(unwrap=True, json_keys=True)
    assert problem.hidden_tests[0].expected == [{"1": 1, "2": 2, "3": 1}]


def test_ints_of_thousands_of_digits():
    digits = make(ROWS[3]).hidden_tests[1].args[0]
    assert digits == 7 * (10**5000 - 1) // 9
    row = with_tests(fn_name="f", inputs=[["-X"]], outputs=[1])
    text = row["input_output"].replace('"-X"', "-" + "123456789" * 2000)
    found = make(row | {"input_output": text}).hidden_tests[0].args[0]
    assert found % 10**9 == 10**9 - 123456789
    assert -found > 10**17999
    with pytest.raises(DatasetRowError, match="at most 1000000 digits"):
        make(row | {"input_output": row["input_output"].replace('"-X"', "1" * 1_000_001)})


def test_lists_of_lines():
    assert make(ROWS[4]).hidden_tests[0] == StdioTest("1 2\n", "1.5000000000")
    problem = make(with_tests(inputs=[["1", "2"], []], outputs=[["3", "4"], ""]))
    assert problem.hidden_tests == (StdioTest("1\n2\n", "3\n4"), StdioTest("", ""))


def test_the_raw_layout():
    problem = make(RAW[1])
    assert (problem.key, problem.entry_point) == ("1", "Solution().countPairs")


def test_decoded_columns():
    decoded = {name: json.loads(ROWS[2][name]) for name in ("solutions", "input_output")}
    assert make(ROWS[2] | decoded) == make(ROWS[2])
    seen = {**ROWS[2], **decoded}
    head = head_from_row(seen, config="all", split="train", row_number=0)
    assert head.style == "call"


def test_configurations_are_difficulties():
    assert make(ROWS[0], "interview").uid == "apps/interview/train/0"
    with pytest.raises(DatasetRowError, match="'difficulty': is 'interview', not 'competition'"):
        make(ROWS[0], "competition")


def test_the_source_is_the_address_host():
    for url, source in [
        ("https://codeforces.com/problemset/problem/1/A", "codeforces"),
        ("https://atcoder.jp/contests/abc1", "atcoder"),
        ("https://www.codewars.com/kata/x", "codewars"),
        ("", ""),
    ]:
        assert make(changed(url=url)).source == source


def test_yes_and_no_in_any_case_where_there_are_no_other_words():
    def ignores_case(*outputs):
        row = with_tests(inputs=["1"] * len(outputs), outputs=list(outputs))
        return make(row).comparison.ignore_case

    assert ignores_case("YES\nNO", "No\n", "yes 1 2")
    assert not ignores_case("YES", "Yes sir")
    assert not ignores_case("1", "YES")
    assert not ignores_case("")


def test_one_real_number_is_one_in_every_test():
    def floats(*outputs):
        row = with_tests(inputs=["1"] * len(outputs), outputs=list(outputs))
        return make(row).comparison.floats

    assert floats("1.5", "2\n", "-3e-7") == "always"
    assert floats("1", "2") == "where_expected"
    assert floats("1.5", "2 3") == "where_expected"
    assert floats("1.5", "no") == "where_expected"
    assert floats("1.5", "9" * 200) == "where_expected"
    assert floats("", "1.5") == "where_expected"


def test_several_answers_are_flagged():
    assert make(changed(question="If there are several answers, print any.")).flags == {
        "special_judge"
    }
    assert make(changed(question="Print many companies.")).flags == frozenset()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"inputs": [], "outputs": []}, "no tests"),
        ({"inputs": ["1"], "outputs": []}, "1 inputs and 0 outputs"),
        ({"inputs": ["1"]}, "lists named inputs and outputs"),
        ({"inputs": [1], "outputs": ["1"]}, "texts or lists of lines, got a int"),
        ({"inputs": [["1", 2]], "outputs": ["1"]}, "texts or lists of lines, got a list"),
        ({"fn_name": "f", "inputs": ["1"], "outputs": ["1"]}, "lists of arguments, got a str"),
        ({"fn_name": "f.g", "inputs": [[1]], "outputs": [1]}, "name a function to call"),
        ({"fn_name": ["f"], "inputs": [[1]], "outputs": [1]}, "name a function to call"),
    ],
)
def test_malformed_tests_are_told(data, words):
    with pytest.raises(DatasetRowError, match=words):
        make(with_tests(**data))


@pytest.mark.parametrize("text", ["", None, "nonsense", "[]", "[1]", "[" * 10_000, '{"inputs": ['])
def test_a_row_without_tests_is_told(text):
    with pytest.raises(DatasetRowError, match="'input_output'"):
        make(changed(input_output=text))
