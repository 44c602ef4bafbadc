"""The command line: what it prints, its exit codes, and one line for every mistake."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

from coding_envs.cli import main
from coding_envs.cli.parser import COMMANDS, TRAINER_COMMANDS, make_parser
from coding_envs.cli.terminal import printable
from coding_envs.data import dataset_names, load_problems
from coding_envs_trainer import cli as trainer
from coding_envs_trainer.config import load_config

DATA = Path(__file__).parents[2] / "data"
HUMANEVAL = str(DATA / "openai_humaneval.jsonl")
STARTER = load_problems("starter", split="test")


def call(capsys, *arguments):
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def as_json(capsys, *arguments):
    code, out, err = call(capsys, *arguments, "--json")
    assert err == ""
    assert out.count("\n") == 1
    return code, json.loads(out)


def write_samples(path, pairs):
    lines = [json.dumps({"task_id": key, "completion": text}) for key, text in pairs]
    path.write_text("\n".join(lines))
    return path


# --- help and mistakes ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_has_examples_and_the_exit_codes(capsys, command):
    code, out, err = call(capsys, *command, "--help")
    assert (code, err) == (0, "")
    assert re.search(r"^examples:\n  .*coding-envs ", out, re.MULTILINE)
    assert "exit code: 0 fine, 1 the work failed, 2 the call was wrong" in out


def test_every_example_in_the_help_is_a_right_call(capsys):
    examples = []
    for command in ((), *((name,) for name in COMMANDS)):
        _, out, _ = call(capsys, *command, "--help")
        lines = out.split("examples:\n")[1].split("\n\n")[0].splitlines()
        examples += [re.split(r" {2,}", line.strip())[0].split("| ")[-1] for line in lines]
    assert len(examples) >= 15, examples
    for example in examples:
        program, *arguments = shlex.split(example)
        if program == "python":
            assert arguments[:2] == ["-m", "coding_envs_trainer"]
            arguments = arguments[2:]
        else:
            assert program == "coding-envs"
        if program == "python" or arguments[0] in TRAINER_COMMANDS:
            assert arguments[0] in trainer.COMMANDS
            if arguments[0] != "plot":
                load_config(arguments[1], arguments[2:])
            continue
        options = make_parser().parse_args(arguments)
        assert callable(options.run)


def test_version(capsys):
    assert call(capsys, "--version")[1].startswith("coding-envs ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "arguments are required: COMMAND; see coding-envs --help"),
        (["evl"], "no command named 'evl': did you mean 'eval'?"),
        (["list", "--jsn"], "unrecognized arguments: --jsn; see coding-envs"),
        (["eval", "starter"], "eval needs one of --samples, --model"),
        (["eval", "stater", "--samples", "reference"], "did you mean 'starter'"),
        (["eval", "starter", "--samples", "refrence"], "--samples must be 'reference', a .jsonl"),
        (["eval", "starter", "--samples", "no.jsonl"], "--samples: no such file: no.jsonl"),
        (["eval", "starter", "--samples", "no.pt"], "--samples: no such file: no.pt"),
        (["eval", "starter", "--samples", "reference", "--k", "1,x"], "--k: must be an int >= 1"),
        (["eval", "starter", "--samples", "reference", "--k", ""], "--k: must be an int >= 1"),
        (["eval", "starter", "--samples", "reference", "--limit", "-1"], "--limit"),
        (["eval", "starter", "--samples", "reference", "--workers", "0"], "--workers: must be"),
        (["eval", "starter", "--samples", "reference", "--split", "tset"], "did you mean 'test'"),
        (["eval", "mbpp", "--samples", "reference", "--config", "ful"], "did you mean 'full'"),
        (
            ["eval", "humaneval", "--samples", "reference", "--data-files", "no.jsonl"],
            "--data-files: no such file or folder: no.jsonl",
        ),
        (
            ["eval", "mbpp", "--samples", "reference", "--data-files", HUMANEVAL],
            "no problems to evaluate: mbpp/full/test: 0 problems, 8 dropped",
        ),
        (["show", "starter"], "PROBLEM names a dataset only, got 'starter'"),
        (["show", "starte/x"], "no dataset named 'starte': did you mean 'starter'?"),
        (["show", "nothing"], "no dataset named 'nothing'"),
        (["show", "starter/test/constant-n-1", "--split", "train"], "--split train contradicts"),
        (["show", "starter/no-such-thing"], "no problem of starter/train named 'no-such-thing'"),
        (["show", "--dataset", "humaneval", "--data-files", HUMANEVAL, "HumanEvil/32"], "mean 'Hu"),
        (["list", "starter", "--where", "dificulty=easy"], "did you mean 'difficulty'"),
        (["list", "starter", "--where", "difficulty"], "a condition must be KEY=VALUE"),
        (["convert", "starter", "out.txt"], "OUT must end in .jsonl, .jsonl.gz or .parquet, got"),
        (["convert", "starter", "no/out.jsonl"], "OUT: no such folder: no"),
        (["grade", "starter/constant-n-1", "no.py"], "FILE: no such file: no.py"),
        (["grade", "starter/constant-n-1", str(DATA)], "is a directory"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(capsys, arguments, says):
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("coding-envs: error: ")
    assert says in err
    assert err.count("\n") == 1


def test_work_that_fails_is_one_line_and_exit_code_1(capsys, tmp_path):
    broken = tmp_path / "rows.jsonl.gz"
    broken.write_bytes(b"no gzip")
    code, out, err = call(
        capsys, "eval", "humaneval", "--samples", "reference", "--data-files", broken
    )
    assert (code, out) == (1, "")
    assert err.startswith(f"coding-envs: error: cannot read {broken}: ")
    assert err.count("\n") == 1


def test_a_malformed_line_of_samples_is_named(capsys, tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_text('{"task_id": "x"\n')
    code, out, err = call(capsys, "eval", "starter", "--samples", path)
    assert (code, out) == (2, "")
    assert err.startswith(f"coding-envs: error: {path}:1: not JSON")


# --- list and show --------------------------------------------------------------------------------


def test_list(capsys):
    code, out, _ = call(capsys, "list")
    assert code == 0
    assert all(name in out for name in (*dataset_names(), "CodingProblem-HumanEval-Text-v0"))
    code, data = as_json(capsys, "list")
    assert code == 0
    assert [d["name"] for d in data["datasets"]] == list(dataset_names())
    starter = data["datasets"][0]
    assert (starter["rows"], starter["here"]) == (590, "bundled")
    assert starter["styles"] == ["call", "stdio"]
    assert "CodingProblem-v0" in data["environments"]


def test_list_the_problems_of_a_dataset(capsys):
    code, out, _ = call(capsys, "list", "basic", "--where", "style=stdio", "--limit", "2")
    assert code == 0
    assert out.splitlines()[0] == "basic/train: 2 problems, 0 dropped"
    code, data = as_json(capsys, "list", "basic", "--where", "difficulty=easy,medium")
    wanted = load_problems("basic", where={"difficulty": ["easy", "medium"]})
    assert tuple(row["key"] for row in data["problems"]) == wanted.keys
    assert len(wanted) > 2


def test_convert_and_use_what_was_written(capsys, tmp_path):
    path = tmp_path / "out.parquet"
    code, data = as_json(capsys, "convert", "basic", path, "--where", "difficulty=easy")
    assert (code, data["dropped"]) == (0, 0)
    assert list(load_problems(path)) == list(load_problems("basic", where={"difficulty": "easy"}))
    broken = tmp_path / "broken.jsonl"
    broken.write_text(Path(HUMANEVAL).read_text() + "{")
    again = tmp_path / "again.jsonl.gz"
    code, out, _ = call(capsys, "convert", "humaneval", again, "--data-files", broken)
    assert code == 0
    assert "8 problems, 1 dropped (1 x not JSON" in out
    assert list(load_problems(again)) == list(load_problems("humaneval", data_files=HUMANEVAL))
    names = ["again.jsonl.gz", "broken.jsonl", "out.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_an_evaluation_of_some_takes_samples_of_all(capsys, tmp_path):
    path = write_samples(tmp_path / "s.jsonl", [(p.key, "1") for p in STARTER])
    where = ["--where", f"key={STARTER[1].key},{STARTER[2].key},{STARTER[3].key}", "--limit", "2"]
    code, data = as_json(capsys, "eval", "starter", "--split", "test", "--samples", path, *where)
    assert (code, data["problems"], data["samples"]) == (0, 2, 2)


def test_show_a_problem_by_each_form_of_its_name(capsys):
    problem = STARTER[0]
    forms = [
        ("starter/default/test/" + problem.key,),
        ("starter/test/" + problem.key,),
        ("starter/" + problem.key, "--split", "test"),
        ("--dataset", "starter", "--split", "test", problem.key),
    ]
    for form in forms:
        code, data = as_json(capsys, "show", *form)
        assert code == 0
        assert data.pop("uid") == problem.uid
        assert type(problem).from_json(data) == problem


def test_show_looks_like_a_page(capsys):
    problem = STARTER[0]
    code, out, _ = call(capsys, "show", problem.uid)
    assert code == 0
    assert out.startswith(problem.uid + "\n" + "=" * len(problem.uid) + "\n")
    assert problem.prompt in out
    assert problem.starter_code.rstrip() in out
    assert "\nPublic tests\n" in out
    assert "Reference solution" not in out
    code, out, _ = call(capsys, "show", problem.uid, "--solution")
    assert problem.solutions[0] in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("humaneval/HumanEval/115", "--data-files", HUMANEVAL),
        ("humaneval/default/test/HumanEval/115", "--data-files", HUMANEVAL),
        ("--dataset", "humaneval", "--data-files", HUMANEVAL, "HumanEval/115"),
        ("mbpp/sanitized/82", "--data-files", DATA / "mbpp_sanitized.jsonl"),
        ("basic/train/" + load_problems("basic")[0].key,),
    ],
)
def test_show_problems_of_every_kind(capsys, arguments):
    code, out, err = call(capsys, "show", *arguments, "--solution")
    assert (code, err) == (0, "")
    assert "\nStatement\n" in out


def test_control_characters_of_others_never_reach_the_terminal():
    assert printable("a\x1b[2Jb\x00\r\nc\td\x9b\u202e\ud800é") == (
        "a\\x1b[2Jb\\x00\nc\td\\x9b\\u202e\\ud800é"
    )


# --- doctor ---------------------------------------------------------------------------------------


@dataclass
class Check:
    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (None, 0), (False, 1)])
def test_doctor(capsys, monkeypatch, ok, code):
    module = types.ModuleType("coding_envs.sandbox.doctor")
    module.diagnose = lambda: [Check("one", True, "fine"), Check("two", ok, "what it is", "do it")]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    languages = types.ModuleType("coding_envs.languages.doctor")
    languages.diagnose = lambda: [Check("cobol", None, "no compiler", "install one")]
    monkeypatch.setitem(sys.modules, languages.__name__, languages)
    got, out, _ = call(capsys, "doctor")
    assert got == code
    assert ("cobol: no compiler" in out) is (ok is not False)
    assert "two: what it is" in out
    assert ("remedy: do it" in out) is (ok is not True)
    got, data = as_json(capsys, "doctor")
    assert (got, data["works"]) == (code, code == 0)
    assert data["checks"][1] == {"name": "two", "ok": ok, "detail": "what it is", "remedy": "do it"}


# --- grade ----------------------------------------------------------------------------------------


@pytest.mark.nsjail
def test_grade(capsys, tmp_path):
    problem = STARTER[0]
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(problem.solutions[0])
    wrong.write_text(problem.wrong_solutions[0])
    code, out, err = call(capsys, "grade", problem.uid, right)
    assert (code, err) == (0, "")
    assert out.startswith(f"ACCEPTED  {problem.uid}\n")
    code, data = as_json(capsys, "grade", problem.uid, wrong)
    assert code == 1
    assert (data["problem"], data["status"]) == (problem.uid, "WRONG_ANSWER")


@pytest.mark.nsjail
def test_grade_what_is_hardly_a_program(capsys, tmp_path):
    for data, status in (
        (b"", "NO_CODE"),
        (b"x = '\xff\xfe'", "COMPILE_ERROR"),
        (b"x = 1\0", "COMPILE_ERROR"),
        (b"#" * 10_000_000, "COMPILE_ERROR"),
    ):
        path = tmp_path / "program.py"
        path.write_bytes(data)
        uid = next(p for p in load_problems("basic") if not p.starter_code).uid
        code, verdict = as_json(capsys, "grade", uid, path)
        assert (code, verdict["status"]) == (1, status)


@pytest.mark.nsjail
def test_grade_a_completion_from_standard_input():
    row = json.loads(Path(HUMANEVAL).read_text().splitlines()[1])
    arguments = ["grade", "--dataset", "humaneval", "--data-files", HUMANEVAL, row["task_id"], "-"]
    done = subprocess.run(
        [sys.executable, "-m", "coding_envs", *arguments],
        input=row["canonical_solution"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ACCEPTED  humaneval/default/test/HumanEval/2\n")


# --- eval -----------------------------------------------------------------------------------------


@pytest.mark.nsjail
def test_eval_reference_solutions(capsys, tmp_path):
    code, data = as_json(
        *(capsys, "eval", "humaneval", "--samples", "reference", "--data-files", HUMANEVAL),
        *("--workers", "2", "--out", tmp_path / "out"),
    )
    assert code == 0
    assert (data["dataset"], data["problems"], data["samples"]) == ("humaneval", 8, 8)
    assert data["pass_at_k"] == {"1": 1.0}
    assert data["statuses"] == {"ACCEPTED": 8}
    assert data["executions"] >= 8
    assert data["seconds"] > 0
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == data
    assert len((tmp_path / "out" / "verdicts.jsonl").read_text().splitlines()) == 8


@pytest.mark.nsjail
def test_eval_a_file_of_samples(capsys, tmp_path):
    a, b, c = STARTER[:3]
    pairs = [(a.key, a.solutions[0]), (a.key, a.wrong_solutions[0]), (b.key, b.solutions[0])]
    pairs += [(b.key, b.solutions[0]), (c.key, "    return (")]
    path = write_samples(tmp_path / "s.jsonl", pairs)
    arguments = ("eval", "starter", "--split", "test", "--samples", path, "--limit", "4")
    code, out, err = call(capsys, *arguments, "--k", "1,2")
    assert (code, err) == (0, "")  # whatever the score
    assert re.search(r"^pass@1 +0\.3750  95%: ", out, re.MULTILINE)
    assert "note: pass@2 is left out: 1 problems have fewer than 2 samples" in out
    assert "note: 1 of 4 problems have no sample: they count as 0" in out
    code, data = as_json(capsys, *arguments)
    assert data["statuses"] == {"ACCEPTED": 3, "WRONG_ANSWER": 1, "COMPILE_ERROR": 1}
    assert data["source"] == str(path)
    assert data["missing"] == [STARTER[3].key]


@pytest.mark.nsjail
def test_eval_samples_of_problems_beyond_the_limit_are_passed_over(capsys, tmp_path):
    pairs = [(p.key, p.solutions[0]) for p in STARTER[:3]]
    path = write_samples(tmp_path / "s.jsonl", pairs)
    code, data = as_json(
        capsys, "eval", "starter", "--split", "test", "--samples", path, "--limit", "1"
    )
    assert (code, data["problems"], data["samples"]) == (0, 1, 1)


@pytest.mark.nsjail
def test_eval_exits_1_where_a_sample_could_not_be_judged(capsys, tmp_path):
    row = json.loads(Path(HUMANEVAL).read_text().splitlines()[1])
    row["test"] = "def check(candidate):\n    raise LookupError\n"  # whatever the program
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row))
    code, data = as_json(
        capsys, "eval", "humaneval", "--samples", "reference", "--data-files", path
    )
    assert code == 1
    assert data["statuses"] == {"JUDGE_ERROR": 1}


def test_eval_refuses_a_folder_it_cannot_write_before_the_work(capsys, tmp_path):
    (tmp_path / "file").touch()
    code, _, err = call(
        capsys, "eval", "starter", "--samples", "reference", "--out", tmp_path / "file" / "out"
    )
    assert code == 2
    assert "not a directory" in err


@pytest.mark.nsjail
def test_eval_a_checkpoint(capsys, monkeypatch, tmp_path):
    seen = []

    def samples_from_checkpoint(path, problems, *, greedy, samples, seed):
        seen.append((path, len(problems), greedy, samples, seed))
        return {p.key: list(p.solutions[:1]) * samples for p in problems}

    module = types.ModuleType("coding_envs.integrations.checkpoint")
    module.samples_from_checkpoint = samples_from_checkpoint
    monkeypatch.setitem(sys.modules, module.__name__, module)
    path = tmp_path / "model.pt"
    path.touch()
    arguments = ("eval", "starter", "--samples", path, "--limit", "2")
    code, data = as_json(capsys, *arguments)
    assert (code, data["samples"], data["pass_at_k"]) == (0, 2, {"1": 1.0})
    more = ("--samples-per-problem", "3", "--seed", "7", "--k", "3")
    code, data = as_json(capsys, *arguments, *more)
    assert (code, data["samples"], data["pass_at_k"]) == (0, 6, {"3": 1.0})
    assert data["executions"] == 2  # identical samples are run once
    assert seen == [(str(path), 2, True, 1, 0), (str(path), 2, False, 3, 7)]


# --- as a process ---------------------------------------------------------------------------------


def test_the_installed_command_and_the_module_are_the_same():
    script = Path(sys.executable).with_name("coding-envs")
    for command in ([str(script)], [sys.executable, "-m", "coding_envs"]):
        done = subprocess.run([*command, "list", "--json"], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["datasets"]


def test_a_reader_that_stops_early_gets_no_traceback():
    done = subprocess.run(
        f"{sys.executable} -m coding_envs list | true", shell=True, capture_output=True, text=True
    )
    assert done.stderr == ""


@pytest.mark.nsjail
def test_the_progress_bar_is_for_terminals():
    arguments = ["eval", "starter", "--samples", "reference", "--limit", "30"]
    command = [sys.executable, "-m", "coding_envs", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    terminal, other = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=other) as process:
        process.communicate()
    os.close(other)
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert "] 30/30  30 accepted" in shown
    assert shown.endswith("\r\x1b[K")


def descendants(pid):
    parents = {}
    # Not glob(): it ends early, in silence, where a process vanishes under it.
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path("/proc", name, "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(name)] = (int(fields[1]), fields[19])
    found = {pid}
    while more := {p for p, (parent, _) in parents.items() if parent in found} - found:
        found |= more
    return {(p, parents[p][1]) for p in found - {pid} if p in parents}


def is_running(pid, start):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return False
    return fields[19] == start


@pytest.mark.nsjail
def test_ctrl_c_ends_everything_with_130(tmp_path):
    pairs = [(p.key, "while True:\n    pass\n") for p in STARTER]
    path = write_samples(tmp_path / "s.jsonl", pairs)
    arguments = ["eval", "starter", "--split", "test", "--samples", str(path), "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "coding_envs", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while len(started := descendants(process.pid)) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(started) >= 4
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err == "coding-envs: interrupted\n"
    deadline = time.monotonic() + 10  # a killed process takes its time on a loaded machine
    while (left := [p for p in started if is_running(*p)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def test_wrong_paths_are_said_before_the_work(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("folder.jsonl").mkdir()
    starter = ("starter", "--limit", "1")
    for arguments, says in (
        (("list", ""), "DATASET is empty"),
        (("list", "starter", "--manifest", "no"), "--manifest: no such file: no"),
        (("list", "starter", "--where", "rating=5..1"), "rating must be (lowest, highest)"),
        (("list", "starter", "--where", "rating=nan..1"), "rating must be (lowest, highest)"),
        (("convert", *starter, "folder.jsonl"), "OUT must be a file, folder.jsonl is a folder"),
        (("eval", *starter, "--samples", "reference", "--out", "file"), "--out must be a folder"),
        (("certify", *starter, "--out", "file"), "--out must be a folder, file is a file"),
        (("overlap", "no", "no", "--out", "folder.jsonl"), "--out must be a file"),
        (("overlap", "no", "no", "--out", "no/o.json"), "--out: no such folder: no"),
    ):
        code, out, err = call(capsys, *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), arguments
        assert says in err
    assert Path("file").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.jsonl"]


def test_convert_writes_no_empty_file_over_a_good_one(capsys, tmp_path):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows.write_text('{"key": "a"}\n')
    out.write_text("good\n")
    code, _, err = call(capsys, "convert", rows, out)
    assert code == 1
    assert "there are no problems to write: rows/train: 0 problems, 1 dropped" in err
    assert out.read_text() == "good\n"


@pytest.mark.parametrize(
    ("closed", "arguments", "code"), [(">&-", "list", 0), ("2>&-", "show x", 2)]
)
def test_closed_standard_streams_make_no_traceback(closed, arguments, code):
    command = f'exec "{sys.executable}" -m coding_envs {arguments} {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_an_error_of_the_system_names_the_path_alone(capsys, tmp_path):
    out = tmp_path / "no" / "deep"
    (tmp_path / "no").write_text("")
    code, _, err = call(capsys, "eval", "starter", "--samples", "reference", "--out", out)
    assert code == 2
    assert err == f"coding-envs: error: {out}: not a directory\n"
