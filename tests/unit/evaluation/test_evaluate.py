"""evaluate counts what is plain and says what is not; real programs through the real judge."""

import json
from pathlib import Path

import pytest

from coding_envs.data import ProblemSet, load_problems
from coding_envs.errors import InvalidValueError, SandboxError, UnknownNameError
from coding_envs.evaluation import EvalReport, evaluate
from coding_envs.judge import Judge
from coding_envs.problem import Problem, StdioTest
from coding_envs.sandbox import Ended, FakeSandbox, RunResult
from coding_envs.verdict import Verdict

DATA = Path(__file__).parents[2] / "data"


def echo(key, **kwargs):
    return Problem("echo", key, "?", hidden_tests=(StdioTest(key, key),), **kwargs)


PROBLEMS = ProblemSet([echo("a", solutions=("print input",)), echo("b"), echo("c")], name="echo")


def answer(run):
    """A program is one word: what becomes of it."""
    if run.source == "broken":
        raise SandboxError("the jail is out of order")
    right = run.source.startswith("right")
    return RunResult(Ended.EXITED, exit_code=0, stdout=run.stdin if right else b"wrong")


def run(samples, k=(1,), **kwargs):
    with FakeSandbox(answer) as sandbox, Judge(sandbox=sandbox) as judge:
        return evaluate(PROBLEMS, samples, judge, k, **kwargs)


def test_pass_at_k_is_the_average_over_problems():
    report = run(
        {"a": ["right", "wrong", "wrong"], "b": ["wrong"] * 3, "c": ["right", "wrong", "right"]},
        k=(3, 1, 2, 1),
    )
    assert isinstance(report, EvalReport)
    assert report.pass_at_k == pytest.approx({1: (1 / 3 + 0 + 2 / 3) / 3, 2: 5 / 9, 3: 2 / 3})
    assert list(report.pass_at_k) == [1, 2, 3]
    assert [(r.key, r.n, r.c) for r in report.rows] == [("a", 3, 1), ("b", 3, 0), ("c", 3, 2)]
    assert [(r.key, r.sample) for r in report.results[:4]] == [
        ("a", 0),
        ("a", 1),
        ("a", 2),
        ("b", 0),
    ]
    assert report.statuses == {"ACCEPTED": 3, "WRONG_ANSWER": 6}
    assert report.executions == 9
    assert report.notes == report.missing == ()


def test_a_problem_without_samples_counts_as_zero_and_is_said():
    report = run({"a": ["right"], "b": []})
    assert report.pass_at_k == pytest.approx({1: 1 / 3})
    assert report.missing == ("b", "c")
    assert report.notes == ("2 of 3 problems have no sample: they count as 0",)


def test_a_k_above_the_number_of_samples_is_left_out_with_a_note():
    report = run({"a": ["right"] * 4, "b": ["wrong"] * 2, "c": ["wrong"] * 4}, k=(1, 4))
    assert list(report.pass_at_k) == [1]
    assert report.notes == (
        "pass@4 is left out: 1 problems have fewer than 4 samples, such as b with 2",
    )


def test_a_fault_of_ours_is_no_wrong_answer():
    report = run({"a": ["right", "broken"], "b": ["wrong"], "c": ["broken"]})
    assert report.pass_at_k == {1: 0.5}
    assert [(r.n, r.c, r.faults) for r in report.rows] == [(1, 1, 1), (1, 0, 0), (0, 0, 1)]
    assert report.faults == 2
    assert report.missing == ()
    assert report.notes == (
        "2 samples could not be judged: they count neither way",
        "1 problems have no judged sample: they are left out",
    )


def test_reference_samples_and_progress():
    seen = []
    report = run("reference", on_verdict=seen.append)
    assert report.source == "reference"
    assert report.missing == ("b", "c")
    assert [type(verdict) for verdict in seen] == [Verdict]


def test_many_more_samples_than_may_be_in_flight():
    report = run({"a": ["right", "wrong"] * 100})
    assert [r.verdict.accepted for r in report.results] == [True, False] * 100


@pytest.mark.parametrize(
    ("samples", "k", "error", "says"),
    [
        ({"a": ["x"]}, (0,), InvalidValueError, "k must be ints >= 1, got 0"),
        ({"a": ["x"]}, (1.5,), InvalidValueError, "k must be ints >= 1, got 1.5"),
        ({"a": ["x"]}, (), InvalidValueError, "at least one k"),
        ({"z": ["x"]}, (1,), UnknownNameError, "no problem of echo/train named 'z'"),
        ("references", (1,), UnknownNameError, "did you mean 'reference'"),
    ],
)
def test_a_wrong_call_is_refused(samples, k, error, says):
    with pytest.raises(error) as caught:
        run(samples, k)
    assert says in str(caught.value)


def test_no_problems_at_all():
    with (
        FakeSandbox(answer) as sandbox,
        Judge(sandbox=sandbox) as judge,
        pytest.raises(InvalidValueError, match="no problems to evaluate: echo/train: 0 problems"),
    ):
        evaluate(PROBLEMS[:0], "reference", judge)


def test_the_report_as_json_text_and_files(tmp_path):
    report = run({"a": ["right", "wrong"], "c": ["broken"]})
    data = json.loads(json.dumps(report.to_json()))
    assert (data["dataset"], data["problems"], data["samples"]) == ("echo", 3, 3)
    assert data["pass_at_k"] == {"1": 0.25}
    assert data["statuses"] == {"ACCEPTED": 1, "WRONG_ANSWER": 1, "INTERNAL_ERROR": 1}
    assert data["executions"] == 2
    assert data["seconds"] >= 0
    assert data["rows"][0] == {
        "key": "a",
        "n": 2,
        "c": 1,
        "faults": 0,
        "statuses": {"ACCEPTED": 1, "WRONG_ANSWER": 1},
    }
    text = report.to_text()
    assert "pass@1" in text
    assert "0.2500" in text
    assert "c #0  INTERNAL_ERROR: " in text
    out = tmp_path / "new" / "folder"
    report.write(out)
    report.write(out)
    assert sorted(p.name for p in out.iterdir()) == [
        "report.html",
        "results.json",
        "verdicts.jsonl",
    ]
    assert json.loads((out / "results.json").read_text()) == data
    lines = [json.loads(line) for line in (out / "verdicts.jsonl").read_text().splitlines()]
    assert [(x["task_id"], x["sample"], x["status"]) for x in lines] == [
        ("a", 0, "ACCEPTED"),
        ("a", 1, "WRONG_ANSWER"),
        ("c", 0, "INTERNAL_ERROR"),
    ]


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path):
    report = run({"a": ["right"]})
    (tmp_path / "verdicts.jsonl").mkdir()
    (tmp_path / "verdicts.jsonl" / "x").touch()
    with pytest.raises(OSError, match="verdicts"):
        report.write(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["verdicts.jsonl"]


@pytest.mark.nsjail
@pytest.mark.parametrize(
    ("name", "config", "file"),
    [
        ("humaneval", None, "openai_humaneval.jsonl"),
        ("mbpp", "full", "mbpp_full.jsonl"),
        ("mbpp", "sanitized", "mbpp_sanitized.jsonl"),
    ],
)
def test_real_rows_through_the_real_judge(name, config, file):
    problems = load_problems(name, config=config, data_files=DATA / file)
    wrong = {p.key: [f"def {p.entry_point}(*args):\n    return None\n"] for p in problems}
    with Judge(workers=2) as judge:
        assert evaluate(problems, "reference", judge).pass_at_k == {1: 1.0}
        report = evaluate(problems, wrong, judge)
    assert report.pass_at_k == {1: 0.0}
    assert report.faults == 0
