"""Files of samples, as others write them, are read; a malformed line is named."""

import gzip
import json
from pathlib import Path

import pytest

from coding_envs.data import load_problems
from coding_envs.errors import InvalidValueError, UnknownNameError
from coding_envs.evaluation import read_samples, reference_samples

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def humaneval():
    return load_problems("humaneval", data_files=DATA / "openai_humaneval.jsonl")


@pytest.fixture(scope="module")
def mbpp():
    return load_problems("mbpp", data_files=DATA / "mbpp_full.jsonl")


def write(path, *lines):
    data = "".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["s.jsonl", "s.jsonl.gz"])
def test_completions_and_solutions(tmp_path, humaneval, name):
    problem = humaneval.by_key("HumanEval/2")
    lines = [
        {"task_id": "HumanEval/2", "completion": "    return number % 1.0\n", "passed": True},
        "",
        {"task_id": "HumanEval/53", "solution": "def add(x, y):\n    return x + y\n"},
        {"task_id": "HumanEval/2", "completion": "    return 0\n"},
        {"task_id": "HumanEval/2", "solution": "x"},
    ]
    assert read_samples(write(tmp_path / name, *lines), humaneval) == {
        "HumanEval/2": [
            problem.prompt + "    return number % 1.0\n",
            problem.prompt + "    return 0\n",
            "x",
        ],
        "HumanEval/53": ["def add(x, y):\n    return x + y\n"],
    }


def test_completions_with_fences_are_unpacked_and_solutions_are_not(tmp_path, humaneval):
    problem = humaneval.by_key("HumanEval/2")
    answer = "Here it is:\n```python\n    return number % 1.0\n```\nThat is all."
    lines = [
        {"task_id": "HumanEval/2", "completion": answer},
        {"task_id": "HumanEval/2", "output": answer},
        {"task_id": "HumanEval/2", "solution": answer},
    ]
    right = problem.prompt + "    return number % 1.0\n"
    path = write(tmp_path / "s.jsonl", *lines)
    assert read_samples(path, humaneval) == {"HumanEval/2": [right, right, answer]}


@pytest.mark.parametrize("name", ["s.json", "s.json.gz", "s.jsonl"])
def test_lists_as_livecodebench_writes_them(tmp_path, humaneval, name):
    problem = humaneval.by_key("HumanEval/2")
    rows = [
        {"question_id": "HumanEval/2", "code_list": ["a", ""], "output_list": ["x", "y"]},
        {"question_id": "HumanEval/53", "output_list": ["```python\ndef add(x, y): ...\n```"]},
    ]
    path = tmp_path / name
    if name.endswith(".jsonl"):
        write(path, *rows)
    else:
        write(path, json.dumps(rows))
    found = read_samples(path, humaneval)
    assert found["HumanEval/2"] == ["a", ""]
    assert found["HumanEval/53"][0].endswith("def add(x, y): ...\n")
    assert problem.key in found


def test_a_folder_of_evalplus(tmp_path, humaneval):
    for name, text in (("10.py", "ten"), ("2.py", "two"), ("0.py", "zero"), ("notes.txt", "no")):
        (tmp_path / "HumanEval_2").mkdir(exist_ok=True)
        (tmp_path / "HumanEval_2" / name).write_text(text)
    (tmp_path / "HumanEval_53").mkdir()
    (tmp_path / "HumanEval_53" / "0.py").write_bytes(b"x = '\xff'")
    (tmp_path / "eval_results.json").write_text("{}")
    assert read_samples(tmp_path, humaneval) == {
        "HumanEval/2": ["zero", "two", "ten"],
        "HumanEval/53": ["x = '\udcff'"],
    }
    (tmp_path / "HumanEvil_53").mkdir()
    (tmp_path / "HumanEvil_53" / "0.py").touch()
    with pytest.raises(UnknownNameError, match=r"see the folder .*HumanEvil_53"):
        read_samples(tmp_path, humaneval)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidValueError, match="holds no samples; write a folder per problem"):
        read_samples(tmp_path / "empty", humaneval)


def test_a_folder_of_evalplus_for_mbpp(tmp_path, mbpp):
    (tmp_path / "Mbpp_56").mkdir()
    (tmp_path / "Mbpp_56" / "0.py").write_text("x")
    assert read_samples(tmp_path, mbpp) == {"56": ["x"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "must be a JSON list of objects, got dict"),
        ("[1]", "[0]: must be a JSON object, got int"),
        (
            '[{"question_id": "HumanEval/2", "code_list": "x"}]',
            "'code_list' must be a list of texts",
        ),
        ("[", "not JSON"),
        ("", "holds no samples"),
    ],
)
def test_a_malformed_list_is_named(tmp_path, humaneval, text, says):
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(InvalidValueError) as caught:
        read_samples(path, humaneval)
    assert str(caught.value).startswith(str(path))
    assert says in str(caught.value)


@pytest.mark.parametrize("name", [56, "56", "Mbpp/56", "MBPP/56", "mbpp/full/test/56"])
def test_the_ways_to_name_a_problem(tmp_path, mbpp, name):
    path = write(tmp_path / "s.jsonl", {"task_id": name, "completion": "x"})
    assert read_samples(path, mbpp) == {"56": ["x"]}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[1]", "must be a JSON object, got list"),
        ({"completion": "x"}, "'task_id' is missing"),
        ({"task_id": None, "completion": "x"}, "'task_id' must be text or int, got None"),
        ({"task_id": True, "completion": "x"}, "'task_id' must be text or int, got True"),
        ({"task_id": "HumanEval/0"}, "neither 'completion' nor 'solution'"),
        ({"task_id": "HumanEval/0", "completion": ["x"]}, "'completion' must be text, got list"),
        ("\udcff", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, humaneval, line, says):
    path = tmp_path / "s.jsonl"
    good = json.dumps({"task_id": "HumanEval/0", "completion": "x"})
    text = line if isinstance(line, str) else json.dumps(line)
    path.write_bytes(f"{good}\n{text}\n".encode(errors="surrogateescape"))
    with pytest.raises(InvalidValueError) as caught:
        read_samples(path, humaneval)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_problem_is_named_with_near_ones(tmp_path, humaneval):
    path = write(tmp_path / "s.jsonl", {"task_id": "HumanEvil/32", "completion": "x"})
    with pytest.raises(UnknownNameError, match="did you mean 'HumanEval/32'") as caught:
        read_samples(path, humaneval)
    assert f"see 'task_id' at {path}:1" in str(caught.value)


def test_a_file_that_holds_nothing_or_is_none(tmp_path, humaneval):
    with pytest.raises(InvalidValueError, match="holds no samples"):
        read_samples(write(tmp_path / "s.jsonl", ""), humaneval)
    path = tmp_path / "s.jsonl.gz"
    path.write_bytes(b"not gzip")
    with pytest.raises(InvalidValueError, match="cannot be unpacked"):
        read_samples(path, humaneval)
    with pytest.raises(FileNotFoundError):
        read_samples(tmp_path / "none.jsonl", humaneval)


def test_reference_samples(humaneval):
    samples = reference_samples(humaneval)
    assert list(samples) == [p.key for p in humaneval]
    assert samples["HumanEval/0"] == [humaneval[0].solutions[0]]
