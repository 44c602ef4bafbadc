"""Reading the bundled problems: ProblemSet, load_bundled, and rows that are refused."""

import pickle
import subprocess
import sys

import pytest

from coding_envs.data import ProblemSet, load_bundled, problem_from_row
from coding_envs.data.bundled import BUNDLED_CONFIGS
from coding_envs.errors import DatasetRowError, InvalidValueError, UnknownNameError
from coding_envs.problem import CallTest, Problem, StdioTest

CALL = '[{"kind": "call", "args": [1, {"tuple": [2]}], "expected": true}]'
ROW = {
    "key": "k",
    "prompt": "Do it.",
    "starter_code": "def f(a, b):\n    return ",
    "entry_point": "f",
    "public_tests": "[]",
    "hidden_tests": CALL,
    "solutions": ["def f(a, b):\n    return True"],
    "wrong_solutions": [],
    "difficulty": "easy",
    "family": "one",
    "tags": ["pieces:1"],
    "flags": ["held_out_family"],
}


def from_row(**changes):
    return problem_from_row({**ROW, **changes}, config="starter", split="test", row_number=7)


@pytest.mark.parametrize("config", BUNDLED_CONFIGS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_load_bundled(config, split):
    problems = load_bundled(config, split)
    assert (problems.name, problems.config, problems.split) == (config, "default", split)
    assert len(problems) > 10
    assert problems.dropped == ()
    for problem in problems:
        assert problem.uid == f"{config}/default/{split}/{problem.key}"
        assert (problem.source, problem.license) == ("coding_envs", "MIT")


def test_no_split_means_train():
    assert load_bundled("basic") == load_bundled("basic", "train")


def test_unknown_names_are_suggested_for():
    with pytest.raises(UnknownNameError, match="did you mean 'starter'"):
        load_bundled("startr")
    with pytest.raises(UnknownNameError, match="no split of basic named 'validation'"):
        load_bundled("basic", "validation")
    with pytest.raises(UnknownNameError, match=r"problem of basic/train named 'is_prim.*is_prime"):
        load_bundled("basic").by_key("is_prim")


def test_reading_needs_no_datasets_package():
    code = (
        "import sys; from coding_envs.data import load_bundled; load_bundled('starter');"
        "assert not {'datasets', 'torch', 'pufferlib'} & set(sys.modules), 'heavy import'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_problem_from_row():
    problem = from_row()
    assert problem.dataset == "starter"
    assert problem.split == "test"
    assert problem.hidden_tests == (CallTest((1, (2,)), True),)
    assert problem.public_tests == ()
    assert problem.flags == {"held_out_family"}
    assert problem.tags == ("pieces:1",)
    assert problem.solutions == tuple(ROW["solutions"])
    stdio = '[{"kind": "stdio", "input": "1\\n", "output": "2\\n"}]'
    problem = from_row(entry_point="", starter_code="", hidden_tests=stdio)
    assert problem.hidden_tests == (StdioTest("1\n", "2\n"),)


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"key": 3}, "key", "must be text, got int"),
        ({"key": ""}, "key", "non-empty"),
        ({"prompt": None}, "prompt", "must be text, got NoneType"),
        ({"tags": "a"}, "tags", "must be a list of texts, got str"),
        ({"flags": [1]}, "flags", "must be a list of texts"),
        ({"hidden_tests": "[]"}, "hidden_tests", "at least one test"),
        ({"hidden_tests": "[{]"}, "hidden_tests", "Expecting"),
        ({"hidden_tests": "{}"}, "hidden_tests", "must be a list"),
        ({"hidden_tests": "[1]"}, "hidden_tests", "must be a JSON object"),
        ({"hidden_tests": '[{"kind": "cal"}]'}, "hidden_tests", "kind must be"),
        ({"hidden_tests": '[{"kind": "call", "args": []}]'}, "hidden_tests", "expected must be"),
        (
            {"hidden_tests": '[{"kind": "call", "args": 5, "expected": 1}]'},
            "hidden_tests",
            "",
        ),
        (
            {"public_tests": '[{"kind": "call", "args": [], "expected": {"no": 1}}]'},
            "public_tests",
            "unknown tag",
        ),
        ({"entry_point": ""}, "entry_point", "given for its tests"),
        ({"entry_point": "f("}, "entry_point", "a Python name"),
        ({"more": "x"}, "more", "is unknown"),
    ],
)
def test_a_bad_row_is_refused_by_column(changes, column, reason):
    with pytest.raises(DatasetRowError) as caught:
        from_row(**changes)
    error = caught.value
    assert (error.dataset, error.split, error.row) == ("starter", "test", 7)
    assert error.column == column
    assert reason in error.reason
    assert str(error).startswith(f"row 7 of starter/test: column '{column}'")


def test_a_missing_column_is_named():
    row = {name: value for name, value in ROW.items() if name != "tags"}
    with pytest.raises(DatasetRowError, match="row 0 of basic/train: column 'tags': is missing"):
        problem_from_row(row, config="basic", split="train", row_number=0)
    with pytest.raises(DatasetRowError, match="must be a JSON object, got list"):
        problem_from_row([], config="basic", split="train", row_number=0)


# --- ProblemSet ------------------------------------------------------------------------


def problem(key, prompt="p"):
    return Problem(dataset="d", key=key, prompt=prompt)


def problems(keys="abc", **changes):
    return ProblemSet([problem(key) for key in keys], name="d", **changes)


def test_a_problem_set_is_a_sequence():
    found = problems()
    assert [p.key for p in found] == ["a", "b", "c"]
    assert len(found) == 3
    assert found[0].key == "a"
    assert found[-1].key == "c"
    assert problem("b") in found
    assert problem("b", prompt="other") not in found
    assert "b" not in found
    with pytest.raises(IndexError):
        found[3]
    with pytest.raises(TypeError):
        found["a"]


def test_a_slice_and_a_filter_are_problem_sets_of_the_same_split():
    error = DatasetRowError("d", "test", 4, "tests", "empty")
    found = problems(config="c", split="test", dropped=[error])
    for part in (found[1:], found.filter(lambda p: p.key != "a")):
        assert isinstance(part, ProblemSet)
        assert [p.key for p in part] == ["b", "c"]
        assert (part.name, part.config, part.split) == ("d", "c", "test")
        assert part.dropped == (error,)
    assert found[::-1][0].key == "c"


def test_by_key():
    assert problems().by_key("b").key == "b"
    with pytest.raises(UnknownNameError, match="no problem of d/train named 'z'"):
        problems().by_key("z")


def test_a_key_is_unique():
    with pytest.raises(InvalidValueError, match="key must be unique in d/train, got 'a' 2 times"):
        problems("aba")


def test_a_problem_set_cannot_be_changed():
    found = problems()
    with pytest.raises(AttributeError):
        found.name = "other"
    with pytest.raises(AttributeError):
        found.extra = 1
    with pytest.raises(TypeError):
        found[0] = found[1]


def test_fingerprint_follows_what_problems_hold():
    found = problems()
    assert found.fingerprint() == problems().fingerprint()
    assert found.fingerprint() != found[:2].fingerprint()
    assert found.fingerprint() != found[::-1].fingerprint()
    other = ProblemSet([problem("a"), problem("b"), problem("c", "q")], name="d")
    assert found.fingerprint() != other.fingerprint()


def test_equality_and_pickling():
    found = problems(dropped=[DatasetRowError("d", "train", 1, "", "x")])
    assert pickle.loads(pickle.dumps(found)) == found
    assert hash(found) == hash(problems())
    assert found != problems(split="test")
    assert found != list(found)
    assert pickle.loads(pickle.dumps(found)).describe() == found.describe()


def test_describe_says_how_many_were_dropped_and_why():
    assert problems().describe() == "d/train: 3 problems, 0 dropped"
    assert problems("a", config="c").describe() == "d/c/train: 1 problem, 0 dropped"
    errors = [DatasetRowError("d", "train", i, "tests", "empty") for i in range(3)]
    errors += [DatasetRowError("d", "train", 9, "", "not JSON")]
    said = problems(dropped=errors).describe()
    assert said == "d/train: 3 problems, 4 dropped (3 x column 'tests': empty; 1 x not JSON)"
    errors += [DatasetRowError("d", "train", i, "x", str(i)) for i in range(3)]
    assert "; 2 other reasons)" in problems(dropped=errors).describe()
    assert repr(problems()) == "<ProblemSet d/train: 3 problems, 0 dropped>"
