"""Certification with the real judge: each known defect is found, and sound problems are kept."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from coding_envs.certify import Manifest, Settings, certify, write_reports
from coding_envs.certify.journal import JOURNAL_FILE
from coding_envs.cli import main
from coding_envs.data import ProblemSet, load_problems
from coding_envs.data.manifest import apply_manifest, problem_digest
from coding_envs.errors import DatasetError, InvalidValueError
from coding_envs.judge import Judge
from coding_envs.problem import CallTest, CodeTest, Comparison, Limits, Problem, StdioTest

pytestmark = pytest.mark.nsjail

DATA = Path(__file__).parents[1] / "data"
SETTINGS = Settings(repeats=3, mutants=8, ceiling_s=4.0, floor_s=0.5)

ADD = "def add(a, b):\n    return a + b\n"
ADD_TESTS = (CallTest((1, 2), 3), CallTest((5, -7), -2), CallTest((0, 4), 4))
EVENS = "n = int(input())\nfor i in range(n):\n    print(2 * i)\n"
EVENS_TESTS = (StdioTest("3\n", "0\n2\n4\n"), StdioTest("2\n", "0\n2\n"))


def problem(key, **changes):
    given = {"dataset": "dirty", "key": key, "prompt": f"The statement of {key}."} | changes
    return Problem(**given)


def add(key, **changes):
    given = {"entry_point": "add", "hidden_tests": ADD_TESTS, "solutions": (ADD,)} | changes
    return problem(key, **given)


def evens(key, **changes):
    return problem(key, **({"hidden_tests": EVENS_TESTS, "solutions": (EVENS,)} | changes))


# The form of HumanEval+/32: it unpacks a float, which no program can help.
BROKEN_ORACLE = textwrap.dedent("""
    def _poly(xs, x):
        return sum(c * x ** i for i, c in enumerate(xs))

    def check(candidate):
        inputs = [[[1, 2]], [[-6, 11, -6, 1]]]
        for i, inp in enumerate(inputs):
            assert _poly(*candidate(*inp), inp) <= 0.0001
""")
FIND_ZERO = "def find_zero(xs):\n    return -0.5 if len(xs) == 2 else 1.0\n"

# The form of three rows of MBPP+: what was compared is never asserted.
NEVER_ASSERTS = textwrap.dedent("""
    def assertion(out, exp, atol):
        exact_match = out == exp

    inputs = [["annie"], ["dawood"], ["Else"]]
    results = [True, False, True]
    for i, (inp, exp) in enumerate(zip(inputs, results)):
        assertion(check_str(*inp), exp, 0)
""")
CHECK_STR = "def check_str(text):\n    return text[0].lower() in 'aeiou' and len(text) > 2\n"

WORDS = "import sys\nfor word in {}(sys.stdin.read().split()):\n    print(word)\n"
FLICKERS = "import os\ndef add(a, b):\n    return a + b + (os.urandom(1)[0] < 128)\n"
SLOW = "def add(a, b):\n    for _ in range(6_000_000):\n        pass\n    return a + b\n"
GUARD = "import sys\nif len(sys.argv) == 1:\n    return\n" + EVENS  # as in APPS: not Python
# So many that three runs in which each test is a coin's throw are never the same (1 in 2**32).
SIXTEEN = tuple(CallTest((i, 1), i + 1) for i in range(16))
TEN = tuple(CallTest((i, i), 2 * i + (i == 6)) for i in range(10))

DIRTY = [
    (add("sound"), "kept", ()),
    (evens("sound-stdio"), "kept", ()),
    (add("no-tests", hidden_tests=()), "dropped", ("no_tests",)),
    (add("no-solutions", solutions=()), "kept", ("no_solutions",)),
    (add("unknown-language", language="cobol"), "dropped", ("not_judgeable",)),
    (add("all-fail", solutions=("def add(a, b):\n    return 7\n",)), "dropped",
     ("references_fail",)),
    (evens("module-level-return", solutions=(EVENS, GUARD)), "repaired",
     ("some_references_fail",)),
    (evens("all-crash", solutions=("print 1\n", "1 / 0\n")), "dropped", ("references_fail",)),
    (add("flaky", solutions=(FLICKERS,), hidden_tests=SIXTEEN), "dropped", ("flaky",)),
    (add("one-flaky", solutions=(ADD, FLICKERS), hidden_tests=SIXTEEN), "repaired",
     ("flaky",)),
    (problem("broken-oracle", entry_point="find_zero", solutions=(FIND_ZERO,),
             hidden_tests=(CodeTest(BROKEN_ORACLE, check="check"),)), "dropped",
     ("broken_tests",)),
    (problem("never-asserts", entry_point="check_str", solutions=(CHECK_STR,),
             hidden_tests=(CodeTest(NEVER_ASSERTS),)), "dropped", ("toothless",)),
    (add("compares-nothing", hidden_tests=(CallTest((1, 2), None),),
         solutions=("def add(a, b):\n    a + b\n",)), "dropped", ("toothless",)),
    (add("impossible-limit", solutions=(SLOW,), limits=Limits(cpu_time_s=0.05)), "repaired",
     ("impossible_limit",)),
    (add("endless", solutions=("def add(a, b):\n    while True:\n        pass\n",)), "dropped",
     ("references_fail",)),
    (problem("any-order", hidden_tests=(StdioTest("b a c\n", "a\nb\nc\n"),),
             solutions=(WORDS.format("sorted"), WORDS.format("list"))), "repaired",
     ("several_answers_order",)),
    (problem("any-order-but-one", hidden_tests=(StdioTest("b a c\n", "a\nb\nc\n"),),
             solutions=(WORDS.format("sorted"), WORDS.format("list")),
             wrong_solutions=(WORDS.format("set"), WORDS.format("reversed"))), "dropped",
     ("needs_checker",)),
    (problem("case", hidden_tests=(StdioTest("3\n", "YES\n"), StdioTest("4\n", "NO\n")),
             solutions=("print('Yes' if int(input()) % 2 else 'No')\n",)), "repaired",
     ("several_answers_letter_case",)),
    (problem("digits", hidden_tests=(StdioTest("3\n", "0.333\n"), StdioTest("7\n", "0.143\n")),
             comparison=Comparison(abs_tol=1e-9, rel_tol=1e-9),
             solutions=("print(round(1 / int(input()), 3) + 0.00001)\n",)), "repaired",
     ("several_answers_digits",)),
    (add("bad-test", hidden_tests=TEN,
         solutions=(ADD, "def add(a, b):\n    return b + a\n")), "repaired", ("bad_tests",)),
    (add("disagree", solutions=(ADD, "def add(a, b):\n    return abs(a + b)\n")), "dropped",
     ("needs_checker",)),
    (add("wrong-accepted", hidden_tests=(CallTest((2, 2), 4),),
         wrong_solutions=("def add(a, b):\n    return a * b\n",)), "kept", ("wrong_accepted",)),
    (add("weak-test", hidden_tests=(*ADD_TESTS, CallTest((0, 0), 0)), solutions=(
        "def add(a, b):\n    return a + b\n",)), "kept", ()),
    (add("differ", solutions=("def add(a, b):\n    return b + a + 0 * abs(a)\n",
        "def add(a, b):\n    return a + b if b != 3 and a != 2 else 0\n"),
        hidden_tests=ADD_TESTS), "kept", ("references_differ",)),
    (evens("differ-stdio", solutions=(EVENS, EVENS.replace("range(n)", "range(min(n, 3))"))),
        "kept", ("references_differ",)),
    (add("sound-again", prompt="THE statement of   sound"), "dropped", ("duplicate",)),
    (add("same-statement", prompt="The statement of sound.", hidden_tests=ADD_TESTS[:2]), "kept",
     ("same_statement",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def judge():
    with Judge(workers=2) as made:
        yield made


@pytest.fixture(scope="module")
def dirty():
    return ProblemSet([p for p, _, _ in DIRTY], name="dirty")


@pytest.fixture(scope="module")
def done(judge, dirty):
    return certify(dirty, judge, SETTINGS)


@pytest.mark.parametrize(
    ("problem", "decision", "reasons"), DIRTY, ids=lambda v: getattr(v, "key", "")
)
def test_each_defect_is_found(done, problem, decision, reasons):
    row = done.manifest.get(problem.key)
    assert (row.decision, set(reasons) - set(row.reasons)) == (decision, set()), row
    assert row.fingerprint == problem_digest(problem)
    assert bool(row.repairs) is (decision == "repaired")
    assert len(row.notes) >= len(row.reasons)


def test_sound_problems_have_no_remarks(done):
    for key in ("sound", "sound-stdio"):
        row = done.manifest.get(key)
        assert set(row.reasons) <= {"weak_tests"}, row
        assert (row.references, row.accepted_references, row.repeats) == (1, 1, 3)
        assert row.mutants >= 4
        assert row.mutants_killed > 0
        assert 0 <= row.slowest_s < row.limit_s == 0.5


def test_repairs_say_what_to_change(done):
    def repairs(key):
        return dict(done.manifest.get(key).repairs)

    assert repairs("module-level-return") == {"removed_solutions": [1]}
    assert repairs("one-flaky") == {"removed_solutions": [1]}
    assert repairs("any-order") == {"comparison": {"unordered": True}}
    assert repairs("bad-test") == {"removed_tests": [6]}
    row = done.manifest.get("impossible-limit")
    assert repairs("impossible-limit") == {"limits": {"cpu_time_s": row.limit_s}}
    assert row.limit_s >= min(3 * row.slowest_s, 4.0)


def test_the_references_of_what_is_left_are_accepted(done, dirty, judge):
    left = apply_manifest(dirty, done.manifest)
    assert [p.key for p in left] == [p.key for p, decision, _ in DIRTY if decision != "dropped"]
    for one in left:
        assert all(v.accepted for v in judge.judge_many((one, s) for s in one.solutions)), one.key


def test_the_samples_of_humaneval_and_mbpp_are_kept(judge):
    settings = Settings(repeats=2, mutants=6)
    for name, config, file in (
        ("humaneval", None, "openai_humaneval"),
        ("mbpp", "full", "mbpp_full"),
        ("mbpp", "sanitized", "mbpp_sanitized"),
    ):
        problems = load_problems(name, config=config, data_files=DATA / f"{file}.jsonl")
        manifest = certify(problems, judge, settings).manifest
        assert manifest.counts()["kept"] == len(problems) > 3, [
            (r.key, r.reasons, r.notes) for r in manifest if r.decision != "kept"
        ]


def test_a_file_with_problems_of_several_datasets(tmp_path, judge):
    both = [evens("x"), evens("y", dataset="other")]
    path = tmp_path / "mixed.jsonl"
    ProblemSet(both, name="any").to_jsonl(path)
    problems = load_problems(path)
    done = certify(problems, judge, Settings(repeats=1, mutants=4), folder=tmp_path / "out")
    write_reports(done, tmp_path / "out")
    left = load_problems(path, manifest=tmp_path / "out")
    assert [p.dataset for p in left] == ["dirty", "other"]


def test_a_judge_with_a_cache_and_an_empty_set_are_refused(dirty, judge):
    with Judge(workers=1, cache="memory") as other, pytest.raises(InvalidValueError, match="cache"):
        certify(dirty, other)
    with pytest.raises(InvalidValueError, match="no problems to certify: dirty/train: 0 problems"):
        certify(dirty[:0], judge)


def test_what_is_done_is_not_done_again(tmp_path, judge, dirty):
    part = dirty[:2]
    first = certify(part, judge, SETTINGS, folder=tmp_path)
    again = certify(part, judge, SETTINGS, folder=tmp_path)
    assert (first.resumed, again.resumed, again.executions) == (0, 2, 0)
    assert again.manifest == first.manifest
    changed = ProblemSet(
        [part[0], part[1].replace(hidden_tests=EVENS_TESTS[:1])], name="dirty"
    )  # fmt: skip
    assert certify(changed, judge, SETTINGS, folder=tmp_path).resumed == 1
    with pytest.raises(
        InvalidValueError, match=r"made with ceiling_s 4.0, got 30.0; go on with the same"
    ):
        certify(part, judge, Settings(repeats=2), folder=tmp_path)


# --- the command ---------------------------------------------------------------------------------


def command(folder, *more):
    here = Path(__file__).parents[2]
    paths = os.pathsep.join([str(here), str(here / "trainer")])
    arguments = ["certify", "starter", "--split", "test", "--limit", "30", "--out", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", "coding_envs", *arguments, "--json", *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": paths}, start_new_session=True,
    )  # fmt: skip


def started(process, journal, rows):
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") > rows:
            return
        time.sleep(0.01)
    raise AssertionError(f"no rows: {process.communicate()}")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_certification_goes_on(tmp_path, end):
    journal = tmp_path / JOURNAL_FILE
    # So much work that it cannot be done before the signal comes.
    process = command(tmp_path, "--repeats", "20")
    started(process, journal, 2)
    process.send_signal(end)
    out, err = process.communicate(timeout=60)
    assert out == ""
    if end == signal.SIGINT:
        assert (process.returncode, err) == (130, "coding-envs: interrupted\n")
    before = journal.read_bytes().count(b"\n") - 1
    assert 0 < before < 30
    with pytest.raises(DatasetError, match=r"no manifest in .*goes on with the same command"):
        Manifest.read(tmp_path)
    with journal.open("ab") as file:
        file.write(b'{"dataset": "star')  # a line that was cut off
    process = command(tmp_path, "--repeats", "20")
    out, err = process.communicate(timeout=200)
    assert (process.returncode, err) == (0, "")
    data = json.loads(out)
    assert (data["problems"], data["resumed"]) == (30, before)
    manifest = Manifest.read(tmp_path)
    assert [row.key for row in manifest] == [row["key"] for row in data["rows"]]
    assert len(load_problems("starter", split="test", manifest=tmp_path)) == data["kept"] > 0


def test_the_command_writes_reports(tmp_path, capsys):
    file = DATA / "openai_humaneval.jsonl"
    arguments = [
        "certify",
        "humaneval",
        "--data-files",
        str(file),
        "--limit",
        "2",
        "--repeats",
        "1",
    ]
    assert main([*arguments, "--mutants", "3", "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("humaneval/default/test: 2 problems, 2 kept, 0 repaired, 0 dropped\n")
    for name in ("manifest.parquet", "report.md", "report.html"):
        assert f"wrote {tmp_path / 'out' / name}\n" in out
    manifest = Manifest.read(tmp_path / "out" / "manifest.parquet")
    machine = manifest.rows[0].machine
    assert (machine["cores"], bool(machine["cpu"])) == (len(os.sched_getaffinity(0)), True)


def test_the_command_overlap(tmp_path, capsys):
    file = DATA / "mbpp_full.jsonl"
    assert main(["overlap", str(file), str(file), "--json", "--out", str(tmp_path / "o.json")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    data = json.loads(out)
    assert (data["total_a"], data["matched_a"], data["share_b"]) == (8, 8, 1.0)
    assert json.loads((tmp_path / "o.json").read_text()) == data
    assert main(["overlap", "starter/test", "starter/test"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("starter/test: 158 of 158 statements match (100.0%)\n")
    for wrong, says in (
        ("starte", "no dataset named 'starte': did you mean 'starter'?"),
        ("starter/a/b/c", "a set must be NAME, NAME/SPLIT or NAME/CONFIG/SPLIT"),
        ("starter/tset", "did you mean 'test'"),
    ):
        assert main(["overlap", "starter", wrong]) == 2
        assert says in capsys.readouterr().err


def test_reports_of_a_dirty_set(tmp_path, done):
    paths = write_reports(done, tmp_path)
    assert Manifest.read(paths[0]) == done.manifest
    text = (tmp_path / "report.md").read_text()
    page = (tmp_path / "report.html").read_text()
    for key in ("never-asserts", "impossible-limit", "broken-oracle"):
        assert key in text
        assert key in page
    assert "http" not in page.replace("http-equiv", "")
