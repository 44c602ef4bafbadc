"""coding-envs conformance: the score card, its exit codes, and mistakes."""

import json

import pytest

from coding_envs.cli import main
from coding_envs.testing import load_cases

GRADERS = "def none(problem, program): return False\nnumber = 5\n"
CASES = ["--case", "idioms/input-loop", "--case", "wrong/off-by-one-range"]


def call(capsys, *arguments):
    code = main(["conformance", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_graders.py").write_text(GRADERS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_list(capsys):
    code, out, err = call(capsys, "--list")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == [case.id for case in load_cases()]
    wrong = call(capsys, "--list", "--kind", "wrong")[1].splitlines()
    assert [line.split()[0] for line in wrong] == [case.id for case in load_cases("wrong")]


@pytest.mark.nsjail
def test_our_judge_and_a_report(capsys, tmp_path):
    file = tmp_path / "report.json"
    code, out, err = call(capsys, *CASES, "--case", "exploits/fork-bomb", "--json", file)
    assert (code, err) == (0, "")
    assert out.split()[:6] == ["idioms", "1/1", "wrong", "1/1", "exploits", "1/1"]
    report = json.loads(file.read_text())
    assert (report["grader"], report["passed"], report["skipped"]) == ("judge", True, [])
    assert report["by_category"]["wrong/arithmetic"] == [1, 1]
    assert [o["status"] for o in report["outcomes"]][:2] == ["ACCEPTED", "WRONG_ANSWER"]


def test_another_grader(capsys, folder):
    harmful = ["--case", "exploits/fork-bomb"]
    code, out, err = call(capsys, "--grader", "my_graders:none", *CASES, *harmful, "--jobs", 2)
    assert (code, err) == (1, "")
    assert out.split()[:4] == ["idioms", "0/1", "wrong", "1/1"]
    assert "note: 1 harmful cases were left out" in out
    assert "idioms/input-loop: not accepted: input() in a comprehension" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--kind", "idiom"], "invalid choice: 'idiom'"),
        (["--case", "idioms/input-lop"], "did you mean 'idioms/input-loop'"),
        (["--grader", "my_graders"], "must be MODULE:CALLABLE, got 'my_graders'"),
        (["--grader", "my_graders:nun"], "has no attribute 'nun'"),
        (["--grader", "my_graders:number"], "is not callable: 5"),
        (["--grader", "nothing:none"], "No module named 'nothing'"),
        (["--timeout", "0"], "--timeout: must be seconds > 0, got '0'"),
        (["--timeout", "nan"], "--timeout: must be seconds > 0, got 'nan'"),
        (["--jobs", "0"], "--jobs: must be an int >= 1"),
        (["--json", "no/such/folder.json"], "no such file or directory"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(capsys, folder, arguments, says):
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
