"""The bundled problem set: its generators, its targets, and that `datasets` reads it."""

import json
import os
import re
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from coding_envs.data import load_bundled, problem_from_row
from coding_envs.problem import CallTest

PROBLEMS = Path(__file__).parents[2] / "problems"
STARTER = {split: load_bundled("starter", split) for split in ("train", "test")}
BASIC = {split: load_bundled("basic", split) for split in ("train", "test")}
ALL = [problem for config in (STARTER, BASIC) for split in config.values() for problem in split]
PIECES = runpy.run_path(str(PROBLEMS / "starter_families.py"))["PIECES"]


def completion(problem):
    (solution,) = problem.solutions
    assert solution.startswith(problem.starter_code)
    return solution.removeprefix(problem.starter_code)


def fewest_pieces(text):
    least = {0: 0}
    for start in range(len(text)):
        for piece in PIECES:
            end = start + len(piece)
            if start in least and text.startswith(piece, start):
                least[end] = min(least.get(end, 999), least[start] + 1)
    return least.get(len(text))


def run_script(name, *options, folder=PROBLEMS, environment=None):
    command = [sys.executable, str(folder / name), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "seed"),  # the seed of the hashes, which order sets
    [("make_starter.py", "1"), ("make_basic.py", "1"), ("make_basic.py", "2")],
)
def test_generator_writes_these_very_files(script, seed):
    done = run_script(script, "--check", environment={**os.environ, "PYTHONHASHSEED": seed})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_check_finds_a_changed_file(tmp_path):
    for path in (
        *PROBLEMS.glob("*.py"),
        *PROBLEMS.glob("*_source/*.py"),
        *PROBLEMS.glob("*/*.jsonl"),
    ):
        copy = tmp_path / path.relative_to(PROBLEMS)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    stale = tmp_path / "basic" / "test.jsonl"
    stale.write_bytes(stale.read_bytes() + b"\n")
    done = run_script("make_basic.py", "--check", folder=tmp_path)
    assert done.returncode == 1
    assert "test.jsonl of basic" in done.stderr


def test_counts():
    assert (len(STARTER["train"]), len(STARTER["test"])) == (590, 158)
    assert (len(BASIC["train"]), len(BASIC["test"])) == (52, 17)
    kinds = Counter(p.tags[0] for split in BASIC.values() for p in split)
    assert kinds == {"function": 43, "program": 26}


def test_the_card_tells_the_counts():
    card = (PROBLEMS / "README.md").read_text()
    for name, splits in (("`starter` (default)", STARTER), ("`basic`", BASIC)):
        assert f"| {name} | {len(splits['train'])} | {len(splits['test'])} |" in card


@pytest.mark.parametrize("config", [STARTER, BASIC], ids=["starter", "basic"])
@pytest.mark.parametrize("what", ["key", "prompt"])
def test_keys_and_prompts_are_unique_over_both_splits(config, what):
    counts = Counter(getattr(p, what) for split in config.values() for p in split)
    assert [value for value, count in counts.items() if count > 1] == []


def test_no_basic_program_is_in_both_splits():
    train = {text for p in BASIC["train"] for text in p.solutions}
    assert not train & {text for p in BASIC["test"] for text in p.solutions}


def test_every_problem_has_tests_and_programs():
    for p in ALL:
        assert len(p.public_tests) >= 2, p.uid
        assert len(p.hidden_tests) >= 6, p.uid
        assert len(p.solutions) >= 1, p.uid
        assert len(set(p.wrong_solutions) - set(p.solutions)) >= 2, p.uid


def test_no_test_is_given_twice():
    for p in ALL:
        given = [t.call_text if isinstance(t, CallTest) else t.input for t in p.tests]
        assert len(set(given)) == len(given), p.uid


def test_programs_compile():
    for p in ALL:
        for program in (*p.solutions, *p.wrong_solutions):
            compile(program, p.uid, "exec")


def test_basic_prompts_show_the_public_tests():
    for split in BASIC.values():
        for p in split:
            for number, test in enumerate(p.public_tests, 1):
                if isinstance(test, CallTest):
                    given, expected = re.search(
                        rf"Example {number}: {p.key}\((.*)\) returns (.*)$", p.prompt, re.MULTILINE
                    ).groups()
                    assert eval(f"({given},)") == test.args, p.uid
                    assert eval(expected) == test.expected, p.uid
                else:
                    shown = f"input:\n{test.input}Example {number} output:\n{test.output}"
                    assert shown in p.prompt, p.uid


def test_families_of_starter():
    train = Counter(p.family for p in STARTER["train"])
    assert len(train) == 59
    assert set(train.values()) == {10}
    held_out = {p.family for p in STARTER["test"] if "held_out_family" in p.flags}
    assert len(held_out) == 10
    assert not held_out & set(train)
    others = Counter(p.family for p in STARTER["test"] if "held_out_instance" in p.flags)
    assert others == dict.fromkeys(train, 2)
    assert all(not p.flags for p in STARTER["train"])


def test_test_instances_of_starter_have_names_and_constants_that_train_lacks():
    # A problem and its other wording have the same program.
    train = {(p.family, completion(p), p.starter_code) for p in STARTER["train"]}
    for p in STARTER["test"]:
        assert (p.family, completion(p), p.starter_code) not in train, p.uid


def test_starter_references_are_written_with_the_pieces():
    for split in STARTER.values():
        for p in split:
            assert p.tags == (f"pieces:{fewest_pieces(completion(p))}",), p.uid
            assert p.assemble(completion(p)) == p.solutions[0]


def test_most_starter_problems_are_found_with_few_pieces():
    pieces = [fewest_pieces(completion(p)) for p in STARTER["train"]]

    def part(least, most):
        return sum(least <= n <= most for n in pieces) / len(pieces)

    assert part(1, 2) >= 0.20
    assert part(3, 3) >= 0.45
    assert 0.15 <= part(4, 5) <= 0.25
    assert max(pieces) <= 9


def test_starter_prompts_are_short_and_name_names_and_digits():
    for split in STARTER.values():
        for p in split:
            assert len(p.prompt.split()) <= 14, p.prompt
            words = set(re.findall(r"\w+", p.prompt))
            used = set(re.findall(r"\b(?:xs|[xynabst])\b", p.starter_code))
            assert used <= words, p.uid
            assert re.fullmatch(r"[A-Za-z0-9 ,]+\.", p.prompt), p.prompt


def test_no_constant_passes_many_tests_of_a_starter_problem():
    for split in STARTER.values():
        for p in split:
            answers = Counter(json.dumps(t.expected) for t in p.tests)
            if p.family != "constant":
                assert max(answers.values()) <= 0.6 * len(p.tests), p.uid


def test_datasets_reads_both_configs_as_the_package_does(tmp_path):
    script = (
        "import datasets, json, sys\n"
        "for config in (None, 'starter', 'basic'):\n"
        "    loaded = datasets.load_dataset(sys.argv[1], config)\n"
        "    print(json.dumps({s: list(rows) for s, rows in loaded.items()}))\n"
    )
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path),
        "HF_DATASETS_CACHE": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-c", script, str(PROBLEMS)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    default, starter, basic = map(json.loads, done.stdout.splitlines())
    assert default == starter
    for config, loaded, ours in (("starter", starter, STARTER), ("basic", basic, BASIC)):
        assert list(loaded) == ["train", "test"]
        for split, rows in loaded.items():
            made = [
                problem_from_row(row, config=config, split=split, row_number=i)
                for i, row in enumerate(rows)
            ]
            assert made == list(ours[split])


def test_the_test_split_of_starter_has_no_word_that_train_lacks():
    words = {s: {w for p in STARTER[s] for w in re.findall(r"\w+", p.prompt)} for s in STARTER}
    assert words["test"] <= words["train"]
