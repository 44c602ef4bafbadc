"""Cases, the runner, its report, graders in processes of their own, the pytest base class."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from coding_envs.errors import InvalidValueError, UnknownNameError
from coding_envs.problem import Limits
from coding_envs.testing import (
    KINDS,
    GraderConformance,
    SubprocessGrader,
    load_cases,
    run_conformance,
)
from coding_envs.testing.cases import parse_case
from coding_envs.testing.conformance import time_allowed_s
from coding_envs.verdict import Status, TestResult, Verdict

BY_ID = {case.id: case for case in load_cases()}
IDIOM = BY_ID["idioms/exit-builtin"]
WRONG = BY_ID["wrong/crash-after-right-output"]
EXPLOIT = BY_ID["exploits/always-equal"]
QUICK = replace(  # for graders that hang
    EXPLOIT, problem=EXPLOIT.problem.replace(limits=Limits(cpu_time_s=0.1, wall_time_s=0.1))
)
HARMFUL = BY_ID["exploits/fork-bomb"]
THREE = [IDIOM, WRONG, EXPLOIT]
RIGHT = {p for c in THREE for p in (c.problem.solutions[0], *([c.program] * c.must_be_accepted))}


def perfect(problem, program):
    return program in RIGHT


def verdict(status):
    return Verdict(status, (TestResult(status),), "said so")


def outcome_of(grader, case, **options):
    (outcome,) = run_conformance(grader, [case], timeout_s=0.5, **options).outcomes
    return outcome


# --- cases ----------------------------------------------------------------------------------------


def test_cases_are_loaded_by_kind():
    assert [case.kind for case in load_cases("wrong")] == ["wrong"] * len(load_cases("wrong"))
    assert load_cases() == tuple(case for kind in KINDS for case in load_cases(kind))
    with pytest.raises(UnknownNameError, match=r"no kind of case named 'exploit'.*'exploits'"):
        load_cases("exploit")


HEAD = "# problem: sum\n# category: c\n# why: w\n"


def test_a_case_is_parsed_byte_for_byte():
    case = parse_case(
        "wrong", "x", HEAD + "# status: NO_CODE\n# harmful: yes\n\n\ufeffa\r\n\n\nb\0"
    )
    assert case.program == "\ufeffa\r\n\n\nb\0"
    assert (case.id, case.status, case.harmful) == ("wrong/x", Status.NO_CODE, True)
    assert parse_case("wrong", "x", HEAD + "\n").program == ""
    two = parse_case("exploits", "x", HEAD + "# defeats: marker, pickled\n\npass\n")
    assert two.defeats == ("marker", "pickled")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# problem: sum\n\npass", "wrong/x.py: the header lacks '# category: ...'"),
        (HEAD + "# status: FINE\n\n", "wrong/x.py: status must be one of Status, got 'FINE'"),
        (HEAD + "# color: red\n\n", "wrong/x.py: a header line must be '# KEY: VALUE'"),
        (HEAD + "# why: again\n\n", "each once, got '# why: again'"),
        (HEAD + "import os\n\n", "got 'import os'"),
        ("", "wrong/x.py: a header line must be"),
    ],
)
def test_a_malformed_case_is_named(text, says):
    with pytest.raises(InvalidValueError) as caught:
        parse_case("wrong", "x", text)
    assert says in str(caught.value)


# --- the runner -----------------------------------------------------------------------------------


def test_a_perfect_grader_passes():
    seen = []
    report = run_conformance(perfect, THREE, jobs=2, progress=seen.append)
    assert report.passed
    assert report.by_kind == dict.fromkeys(KINDS, (1, 1))
    assert [o.case for o in report.outcomes] == THREE  # in order, whatever ended first
    assert sorted(o.case.id for o in seen) == sorted(c.id for c in THREE)


def leaving(problem, program):
    raise SystemExit(0)


def hanging(problem, program):
    time.sleep(30)


BAD = {
    "accepts_all": (lambda p, s: True, IDIOM, "accepted", True),
    "accepts_wrong": (lambda p, s: True, WRONG, "accepted", False),
    "accepts_exploit": (lambda p, s: True, EXPLOIT, "accepted", False),
    "accepts_nothing": (lambda p, s: False, IDIOM, "not accepted", False),
    "broken_by_exploit": (lambda p, s: False, EXPLOIT, "broken", False),
    "raises": (lambda p, s: 1 / 0, WRONG, "raised", False),
    "leaves": (leaving, WRONG, "raised", False),
    "says_none": (lambda p, s: None, WRONG, "raised", False),
    "says_one": (lambda p, s: 1, IDIOM, "raised", False),
    "right_status": (lambda p, s: verdict(Status.RUNTIME_ERROR), WRONG, "not accepted", True),
    "other_status": (lambda p, s: verdict(Status.WRONG_ANSWER), WRONG, "not accepted", False),
    "blames_itself": (lambda p, s: verdict(Status.INTERNAL_ERROR), EXPLOIT, "not accepted", False),
    "blames_the_tests": (lambda p, s: verdict(Status.JUDGE_ERROR), WRONG, "not accepted", False),
}


@pytest.mark.parametrize("name", BAD)
def test_graders_are_scored(name):
    grader, case, got, passed = BAD[name]
    outcome = outcome_of(grader, case)
    assert (outcome.got, outcome.passed) == (got, passed), outcome
    report = run_conformance(grader, [case])
    assert report.passed == passed
    assert report.to_json()["outcomes"][0]["passed"] == passed
    assert (case.id in report.to_text()) != passed


def test_a_grader_that_hangs_is_left_behind():
    started = time.monotonic()
    outcome = outcome_of(hanging, QUICK)
    assert (outcome.got, outcome.passed) == ("hung", False)
    assert time.monotonic() - started < time_allowed_s(QUICK.problem, 0.5) + 3


def test_harmful_cases_are_left_out_unless_asked_for():
    report = run_conformance(perfect, [IDIOM, HARMFUL])
    assert [o.case for o in report.outcomes] == [IDIOM]
    assert report.skipped == (HARMFUL,)
    assert "1 harmful cases were left out" in report.to_text()
    assert run_conformance(lambda p, s: False, [HARMFUL], harmful=True).skipped == ()


def test_jobs_go_on_side_by_side():
    both = threading.Barrier(2, timeout=10)

    def grader(problem, program):
        both.wait()
        return perfect(problem, program)

    assert run_conformance(grader, [IDIOM, WRONG], jobs=2).passed


@pytest.mark.parametrize("options", [{"jobs": 0}, {"timeout_s": 0}, {"timeout_s": float("nan")}])
def test_wrong_options_are_refused(options):
    with pytest.raises(InvalidValueError, match="timeout_s and jobs must be > 0"):
        run_conformance(perfect, THREE, **options)


# --- graders in processes of their own ------------------------------------------------------------

MODULE = f"""
import os, sys, time
from coding_envs.verdict import Status, TestResult, Verdict
def perfect(problem, program):
    print("noise", flush=True)
    return program in {RIGHT!r}
def judged(problem, program):
    return Verdict(Status.RUNTIME_ERROR, (TestResult(Status.RUNTIME_ERROR),), "said so")
def dies(problem, program): os._exit(0)
def hangs(problem, program): time.sleep(60)
def stops(problem, program):
    os.kill(os.getpid(), 19)
def reads(problem, program): return sys.stdin.read() == ""
def raises(problem, program): raise ValueError("no")
def says_none(problem, program): pass
def stateful(problem, program):
    os.environ["CALLS"] = str(int(os.environ.get("CALLS", 0)) + 1)
    return os.environ["CALLS"] == "2"
number = 5
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_graders.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return "my_graders"


def test_a_grader_in_a_process_of_its_own(module):
    with SubprocessGrader(f"{module}:perfect") as grader:
        assert run_conformance(grader, THREE, jobs=2).passed
    with SubprocessGrader(f"{module}:judged") as grader:
        assert outcome_of(grader, WRONG).status == "RUNTIME_ERROR"
    with SubprocessGrader(f"{module}:reads") as grader:  # nothing, and not the next call
        assert [grader(IDIOM.problem, "") for _ in range(2)] == [True, True]
    with SubprocessGrader(f"{module}:stateful") as grader:  # one process serves many calls
        assert [grader(IDIOM.problem, "") for _ in range(3)] == [False, True, False]


@pytest.mark.parametrize(
    ("name", "got", "says"),
    [
        ("dies", "raised", "the grader's process ended: 0"),
        ("hangs", "hung", "no answer within"),
        ("stops", "hung", "no answer within"),
        ("raises", "raised", "ValueError: no"),
        ("says_none", "raised", "must return a bool or a Verdict, got None"),
    ],
)
def test_a_process_that_fails_costs_one_call(module, name, got, says):
    with SubprocessGrader(f"{module}:{name}", timeout_s=0.5) as grader:
        for _ in range(2):
            outcome = outcome_of(grader, QUICK)
            assert (outcome.got, outcome.passed) == (got, False)
            assert says in outcome.message


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my_graders", "must be MODULE:CALLABLE"),
        (":perfect", "must be MODULE:CALLABLE"),
        ("my_graders:", "must be MODULE:CALLABLE"),
        ("no_such_module:grade", "no grader 'no_such_module:grade': ModuleNotFoundError"),
        ("my_graders:perfekt", "has no attribute 'perfekt'"),
        ("my_graders:number", "is not callable"),
    ],
)
def test_a_wrong_name_is_told_at_once(module, name, says):
    with pytest.raises(InvalidValueError) as caught:
        SubprocessGrader(name)
    assert says in str(caught.value)


def test_no_process_and_no_descriptor_is_left(module):
    before = len(os.listdir("/proc/self/fd"))
    with SubprocessGrader(f"{module}:perfect") as grader:
        assert run_conformance(grader, THREE, jobs=3).passed
    with SubprocessGrader(f"{module}:dies") as grader:
        outcome_of(grader, IDIOM)
    assert len(os.listdir("/proc/self/fd")) == before
    with open(f"/proc/self/task/{os.getpid()}/children") as children:
        pids = children.read().split()
    names = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
    assert not any("my_graders" in name for name in names)


# --- pytest ---------------------------------------------------------------------------------------

SUITE = """
from coding_envs.testing import GraderConformance
class TestMine(GraderConformance):
    kinds = ("idioms",)
    grader = staticmethod(lambda problem, program: problem.key != "mirror")
"""


def test_the_base_class_makes_a_test_per_case(tmp_path):
    (tmp_path / "test_mine.py").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    idioms = load_cases("idioms")
    failed = [case for case in idioms if case.problem.key == "mirror"]
    assert f"{len(failed)} failed, {len(idioms) - len(failed)} passed" in done.stdout
    assert f"test_case[{failed[0].id}]" in done.stdout
    assert f"{failed[0].id}: not accepted: {failed[0].why}" in done.stdout


class TestPerfectGrader(GraderConformance):
    """The base class, used as its docstring says."""

    kinds = ("wrong",)
    grader = staticmethod(lambda problem, program: program == problem.solutions[0])
