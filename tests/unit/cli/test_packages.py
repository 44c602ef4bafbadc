"""Packages in the jail: by default what the problems need and this machine has; else --packages."""

import json

import pytest

from coding_envs.cli import main
from coding_envs.data import ProblemSet
from coding_envs.envs.gym_env import CodingProblemEnv
from coding_envs.envs.setup import open_judge
from coding_envs.envs.text_env import CodingProblemTextEnv
from coding_envs.errors import InvalidValueError
from coding_envs.judge import Judge
from coding_envs.problem import CallTest, Problem
from coding_envs.sandbox import FakeSandbox
from coding_envs.sandbox.packages import installed_packages

NUMPY = Problem(
    dataset="mine",
    key="numpy",
    prompt="The sum of the first n numbers.",
    entry_point="f",
    hidden_tests=(CallTest((4,), 6), CallTest((5,), 10)),
    solutions=("import numpy as np\n\n\ndef f(n):\n    return int(np.arange(n).sum())\n",),
    flags=frozenset({"needs:numpy"}),
)
MISSING = NUMPY.replace(key="missing", flags=frozenset({"needs:numpy", "needs:no_such_package"}))
PLAIN = NUMPY.replace(
    key="plain", flags=frozenset({"known_bad"}), solutions=("def f(n):\n    return n * ~-n // 2\n",)
)

pytestmark = pytest.mark.nsjail


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.jsonl"
    ProblemSet([NUMPY, MISSING, PLAIN], name="mine").to_jsonl(path)
    return path


def as_json(capsys, *arguments):
    code = main([*(str(a) for a in arguments), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def test_what_a_problem_needs():
    assert MISSING.needed_packages == {"numpy", "no_such_package"}
    assert PLAIN.needed_packages == frozenset()
    assert installed_packages(MISSING.needed_packages) == ("numpy",)


def test_eval_shows_what_is_needed_and_notes_what_is_missing(capsys, file, tmp_path):
    arguments = ("eval", file, "--samples", "reference", "--workers", "1")
    code, data, err = as_json(capsys, *arguments, "--out", tmp_path / "out")
    assert (code, err) == (1, "")  # one could not be judged
    (note,) = [note for note in data["notes"] if "packages" in note]
    assert "no_such_package (1)" in note
    assert "numpy" not in note
    assert data["pass_at_k"] == {"1": 1.0}
    code, data, err = as_json(capsys, "eval", "--rejudge", tmp_path / "out", "--workers", "1")
    assert (data["changed"], data["problems_differ"]) == (0, 0)
    assert "no_such_package (1)" in err
    assert err.count("\n") == 1


def test_packages_by_name(capsys, file):
    arguments = ("eval", file, "--samples", "reference", "--workers", "1", "--limit", "1")
    assert as_json(capsys, *arguments, "--packages", "numpy")[0] == 0
    code, data, _ = as_json(capsys, *arguments, "--packages", "")
    assert (code, data["notes"] != [], data["pass_at_k"]) == (1, True, {})
    assert main([*map(str, arguments), "--packages", "no_such_package"]) == 1
    assert "package 'no_such_package' is not installed" in capsys.readouterr().err
    assert main([*map(str, arguments), "--packages", "a b"]) == 2
    assert "--packages: must be names of modules, got 'a b'" in capsys.readouterr().err


def test_grade_and_certify(capsys, file, tmp_path):
    right = tmp_path / "right.py"
    right.write_text(NUMPY.solutions[0])
    grade = ("grade", "--dataset", file)
    assert as_json(capsys, *grade, "numpy", right)[1]["status"] == "ACCEPTED"
    code, data, _ = as_json(capsys, *grade, "missing", right)
    assert (code, data["status"]) == (1, "JUDGE_ERROR")
    assert "needs no_such_package" in data["message"]
    # A problem that needs none: the jail has none.
    assert as_json(capsys, *grade, "plain", right)[1]["status"] == "RUNTIME_ERROR"
    assert as_json(capsys, *grade, "plain", right, "--packages", "numpy")[0] == 0

    options = ("--repeats", "1", "--mutants", "1", "--inputs", "0", "--workers", "1")
    _, data, err = as_json(capsys, "certify", file, *options, "--out", tmp_path / "certified")
    rows = {row["key"]: row for row in data["rows"]}
    assert rows["numpy"]["decision"] == "kept", rows["numpy"]
    assert "no_such_package (1)" in err


def test_environments_take_packages():
    env = CodingProblemTextEnv([NUMPY], packages=["numpy"])
    env.reset(seed=0)
    *_, info = env.step(NUMPY.solutions[0])
    env.close()
    assert info["status"] == "ACCEPTED"
    env = CodingProblemEnv([NUMPY], packages="numpy", tokenizer="bytes", program_tokens=99)
    env.reset(seed=0)
    for action in env.tokenizer.encode_program(NUMPY.solutions[0]):
        env.step(int(action))
    *_, info = env.step(0)
    env.close()
    assert info["status"] == "ACCEPTED"
    with pytest.raises(InvalidValueError, match="packages must be left out beside a judge"):
        open_judge(
            Judge(sandbox=FakeSandbox(lambda run: None)),
            workers=1,
            sandbox="nsjail",
            cache=None,
            packages="numpy",
        )
    with pytest.raises(InvalidValueError, match="packages must be left out beside a sandbox"):
        open_judge(
            None, workers=1, sandbox=FakeSandbox(lambda run: None), cache="", packages=["numpy"]
        )


def test_the_packages_are_part_of_the_fingerprint():
    with Judge(workers=1) as without, Judge(workers=1, packages=["numpy"]) as having:
        program = PLAIN.solutions[0]
        assert without.judge(PLAIN, program).fingerprint != having.judge(PLAIN, program).fingerprint
