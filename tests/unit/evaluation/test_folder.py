"""A folder of results goes on where an evaluation was interrupted, and refuses another one's."""

import json
import subprocess
import sys
from types import MappingProxyType

import pytest

from coding_envs.data import ProblemSet
from coding_envs.errors import InvalidValueError, SandboxError
from coding_envs.evaluation import (
    ResultsFolder,
    Written,
    evaluate,
    identity_of,
    read_samples,
    read_verdicts,
    write_samples,
)
from coding_envs.judge import Judge
from coding_envs.problem import Problem, StdioTest
from coding_envs.sandbox import Ended, FakeSandbox, RunResult

PROBLEMS = ProblemSet(
    [Problem("echo", key, "?", hidden_tests=(StdioTest(key, key),)) for key in "abcdef"],
    name="echo",
)
SAMPLES = {key: [f"right {key}", f"wrong {key}", f"odd \udcff {key}"] for key in "abcdef"}


class Counting:
    """A sandbox that counts what it is asked, and breaks after a while."""

    def __init__(self, breaks_after=None):
        self.ran, self.breaks_after = [], breaks_after

    def __call__(self, run):
        self.ran.append(run.source)
        return RunResult(
            Ended.EXITED, exit_code=0, stdout=run.stdin if "right" in run.source else b"-"
        )


def run(folder, sandbox, samples=SAMPLES, on_verdict=None, problems=PROBLEMS):
    with (
        FakeSandbox(sandbox) as fake,
        Judge(sandbox=fake) as judge,
        ResultsFolder(folder, identity_of(problems, "s")) as results,
    ):
        report = evaluate(
            problems, samples, judge, folder=results, on_verdict=on_verdict, show_hidden=True
        )
        report.write(folder)
        return report


def stop_after(count):
    seen = []

    def on_verdict(verdict):
        seen.append(verdict)
        if len(seen) == count:
            raise KeyboardInterrupt

    return on_verdict


def plain(path):
    """The lines of a file without what is the clock's."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [{k: v for k, v in row.items() if not k.endswith("_s")} for row in rows]


@pytest.mark.parametrize("count", [1, 7, 17])
def test_an_interrupted_evaluation_goes_on(tmp_path, count):
    whole = run(tmp_path / "whole", Counting())
    first, second = Counting(), Counting()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", first, on_verdict=stop_after(count))
    assert not (tmp_path / "parts" / "results.json").exists()
    kept = len((tmp_path / "parts" / "verdicts.jsonl").read_text().splitlines())
    assert kept >= count
    seen = []
    report = run(tmp_path / "parts", second, on_verdict=seen.append)
    assert len(seen) == 18
    assert len(second.ran) == 18 - kept
    assert report.pass_at_k == whole.pass_at_k
    assert report.executions == whole.executions == 18
    name = "verdicts.jsonl"
    assert plain(tmp_path / "parts" / name) == plain(tmp_path / "whole" / name)
    third = Counting()
    again = run(tmp_path / "parts", third)
    assert third.ran == []
    assert again.executions == 18
    assert again.seconds >= report.seconds


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_half_a_line_is_cut_off(tmp_path, cut):
    run(tmp_path, Counting())
    path = tmp_path / "verdicts.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(read_verdicts(path)) == 17
    sandbox = Counting()
    run(tmp_path, sandbox)
    assert len(sandbox.ran) == 1
    assert len(read_verdicts(path)) == 18


def test_changed_samples_and_faults_of_ours_are_judged_again(tmp_path):
    def broken(run):
        if "wrong" in run.source:
            raise SandboxError("the jail is out of order")
        return Counting()(run)

    assert run(tmp_path, broken).faults == 6
    changed = SAMPLES | {"a": ["right now", *SAMPLES["a"][1:]]}
    sandbox = Counting()
    report = run(tmp_path, sandbox, changed)
    assert report.faults == 0
    assert sorted(sandbox.ran) == sorted(["right now", *(f"wrong {key}" for key in "abcdef")])


def test_verdicts_hold_the_programs_and_can_be_read_as_samples(tmp_path):
    run(tmp_path, Counting())
    assert read_samples(tmp_path / "verdicts.jsonl", PROBLEMS) == SAMPLES
    one = read_verdicts(tmp_path / "verdicts.jsonl")[1]
    assert (one.failed.number, one.failed.shown, one.failed.expected) == (0, "a", "a")
    assert one.verdict.message == "on input 'a': expected 'a', got '-'"


def test_another_evaluation_is_refused(tmp_path):
    run(tmp_path, Counting())
    for identity, says in (
        (identity_of(PROBLEMS[:5], "s"), "(problems (other rows, limits or tests): "),
        (identity_of(PROBLEMS, "t"), '(source of the samples: "s", now "t")'),
        (identity_of(PROBLEMS, "s", {"seed": 1}), '(settings of the model: {}, now {"seed": 1})'),
    ):
        with pytest.raises(InvalidValueError) as caught:
            ResultsFolder(tmp_path, identity)
        assert says in str(caught.value)
        assert "name another folder" in str(caught.value)
    run(tmp_path, Counting())  # and nothing was damaged by that


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("verdicts.jsonl", "{}\n", "malformed"),
        ("verdicts.jsonl", "[]\n", "verdicts.jsonl:1: must be a JSON object, got list"),
        ("samples.jsonl", "{\n", "samples.jsonl:1: not JSON"),
        ("samples.jsonl", '{"task_id": 3}\n', "malformed sample"),
        ("run.json", "", "run.json: not JSON"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, text, says):
    with ResultsFolder(tmp_path, identity_of(PROBLEMS, "s")):
        pass
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidValueError) as caught:
        ResultsFolder(tmp_path, identity_of(PROBLEMS, "s"))
    assert says in str(caught.value)


def test_files_of_unknown_origin_are_left_alone(tmp_path):
    (tmp_path / "verdicts.jsonl").write_text("mine")
    with pytest.raises(InvalidValueError, match=r"holds verdicts.jsonl and no run.json"):
        ResultsFolder(tmp_path, identity_of(PROBLEMS, "s"))
    assert (tmp_path / "verdicts.jsonl").read_text() == "mine"


def test_two_processes_never_share_a_folder(tmp_path):
    script = (
        "import sys\nfrom coding_envs.evaluation import ResultsFolder\n"
        "ResultsFolder(sys.argv[1], {'a': 1})"
    )
    with ResultsFolder(tmp_path, {"a": 1}):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True
        )
        assert "in use by another process" in done.stderr
    with ResultsFolder(tmp_path, {"a": 1}):
        pass


class Pen:
    """A writer that breaks after some samples."""

    settings = MappingProxyType({"pen": 1})

    def __init__(self, breaks_after=None):
        self.wrote, self.breaks_after = [], breaks_after

    def write(self, problems, wanted):
        for key, number in wanted:
            if len(self.wrote) == self.breaks_after:
                raise KeyboardInterrupt
            self.wrote.append((key, number))
            text = f"```\nright {number}\n```"
            yield Written(
                key, number, text, problems.by_key(key).assemble(f"right {number}\n"), True
            )


def test_samples_are_not_written_twice(tmp_path):
    identity = identity_of(PROBLEMS, "pen", Pen.settings)
    first, second, third = Pen(5), Pen(), Pen()
    with ResultsFolder(tmp_path, identity) as folder, pytest.raises(KeyboardInterrupt):
        write_samples(PROBLEMS, first, 2, folder=folder)
    path = tmp_path / "samples.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    seen = []
    with ResultsFolder(tmp_path, identity) as folder:
        found = write_samples(PROBLEMS, second, 2, folder=folder, on_written=seen.append)
    assert len(seen) == 12
    assert second.wrote == [(key, n) for key in "abcdef" for n in (0, 1)][4:]
    with ResultsFolder(tmp_path, identity) as folder:
        assert write_samples(PROBLEMS, third, 2, folder=folder) == found
        more = write_samples(PROBLEMS, third, 3, folder=folder)
    assert third.wrote == [(key, 2) for key in "abcdef"]
    assert more["a"][2] == Written("a", 2, "```\nright 2\n```", "right 2\n", True)
