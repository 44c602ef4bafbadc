"""Datasets by name: what is loaded, what is dropped and why, and what is refused."""

import json
import logging
from pathlib import Path

import pytest

from coding_envs.data import (
    DatasetSpec,
    ProblemSet,
    dataset_names,
    dataset_spec,
    load_bundled,
    load_problems,
    register_dataset,
    registry,
    sources,
)
from coding_envs.data.hub import HubRows
from coding_envs.errors import DatasetError, DatasetRowError, InvalidValueError, UnknownNameError
from coding_envs.problem import CallTest, Problem

DATA = Path(__file__).parents[2] / "data"
HUMANEVAL = DATA / "openai_humaneval.jsonl"


@pytest.fixture
def own_names(monkeypatch):
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))


def loader(row, *, config, split, row_number, revision):
    test = CallTest((1,), row["answer"])
    return Problem(
        "mine", row["key"], "?", config, split, revision, entry_point="f", hidden_tests=(test,)
    )


def test_the_datasets_known_from_the_start():
    assert {"starter", "basic", "humaneval", "mbpp"} <= set(dataset_names())
    assert dataset_spec("mbpp").configs == ("full", "sanitized")
    assert dataset_spec("mbpp").expected_rows["sanitized", "validation"] == 43
    assert dataset_spec("humaneval").expected_rows["default", "test"] == 164


@pytest.mark.parametrize("name", ["starter", "basic"])
def test_bundled_problems_need_no_files(name):
    assert load_problems(name) == load_bundled(name, "train")
    assert load_problems(name, split="test") == load_bundled(name, "test")


def test_files_in_the_bundled_layout_load_too():
    folder = Path(registry.__file__).parents[1] / "_problems" / "starter"
    assert load_problems("starter", data_files=folder) == load_bundled("starter", "train")
    assert load_problems("starter", split="test", data_files=folder) == load_bundled(
        "starter", "test"
    )


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"name": "humanevla"}, "no dataset named 'humanevla': did you mean 'humaneval'"),
        ({"name": "mbpp", "config": "sanitised"}, "did you mean 'sanitized'?"),
        ({"name": "humaneval", "split": "tests"}, "did you mean 'test'?"),
        ({"name": "starter", "split": "validation"}, "there are: test, train"),
        ({"name": "starter", "config": "hard"}, "no config of starter named 'hard'"),
    ],
)
def test_an_unknown_name_is_refused_with_near_ones(kwargs, says):
    with pytest.raises(UnknownNameError) as caught:
        load_problems(**kwargs)
    assert says in str(caught.value)


def test_rows_that_cannot_become_problems_are_dropped_and_said(tmp_path, caplog):
    rows = [json.loads(line) for line in HUMANEVAL.read_text().splitlines()]
    del rows[1]["test"]
    rows[2]["entry_point"] = 5
    lines = [json.dumps(row) for row in rows] + ['{"task_id": ', json.dumps(rows[0])]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines))
    with caplog.at_level(logging.INFO, logger="coding_envs.data"):
        problems = load_problems("humaneval", data_files=path, revision="r1")
    assert isinstance(problems, ProblemSet)
    assert [p.key for p in problems][:2] == ["HumanEval/0", "HumanEval/32"]
    assert {p.revision for p in problems} == {"r1"}
    assert [(e.row, e.column) for e in problems.dropped] == [
        (1, "test"),
        (2, "entry_point"),
        (8, ""),
        (9, ""),
    ]
    assert problems.dropped[3].reason == "has the key 'HumanEval/0' of row 0"
    assert "6 problems, 4 dropped (1 x column 'test': is missing;" in problems.describe()
    assert problems.describe() in caplog.text
    with pytest.raises(DatasetRowError, match=r"row 1 of humaneval/test: column 'test'"):
        load_problems("humaneval", data_files=path, strict=True)


def test_the_splits_of_data_files_may_have_any_name():
    only = load_problems("humaneval", data_files={"dev": HUMANEVAL})
    assert (only.split, only[0].split, len(only)) == ("dev", "dev", 8)
    with pytest.raises(UnknownNameError, match="no split in data_files named 'test'"):
        load_problems("humaneval", split="test", data_files={"dev": HUMANEVAL})


def test_the_wrong_configuration_says_the_right_one():
    problems = load_problems("mbpp", data_files=DATA / "mbpp_sanitized.jsonl")
    assert len(problems) == 0
    assert "load it with config=sanitized" in problems.describe()


def test_a_dataset_of_ones_own(own_names, tmp_path):
    register_dataset(DatasetSpec("mine", "my own", loader))
    assert "mine" in dataset_names()
    path = tmp_path / "train.jsonl"
    path.write_text('{"key": "a", "answer": 1}\n{"key": "", "answer": 1}\n')
    problems = load_problems("mine", data_files=tmp_path)
    assert problems.by_key("a").uid == "mine/default/train/a"
    # What Problem itself refuses is a dropped row too.
    assert [e.reason for e in problems.dropped] == ["key must be non-empty text, got ''"]
    with pytest.raises(DatasetError, match="mine is on no hub; pass data_files="):
        load_problems("mine")
    with pytest.raises(InvalidValueError, match="a dataset named 'mine' is registered"):
        register_dataset(DatasetSpec("mine", "again", loader))
    register_dataset(DatasetSpec("mine", "again", loader), replace=True)
    assert dataset_spec("mine").description == "again"


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"name": "a/b"}, "name must be letters"),
        ({"name": ""}, "name must be letters"),
        ({"loader": None}, "loader of x must be callable"),
        ({"configs": ("a",)}, "default_config of x must be one of configs"),
        ({"default_split": "dev"}, "default_split of x must be one of splits"),
    ],
)
def test_a_specification_is_checked_when_made(kwargs, says):
    with pytest.raises(InvalidValueError, match=says):
        DatasetSpec(**({"name": "x", "description": "", "loader": loader} | kwargs))


def test_row_counts_are_expectations_to_log_only(own_names, monkeypatch, caplog):
    spec = DatasetSpec(
        "mine", "", loader, hub_path="me/mine", expected_rows={("default", "train"): 9}
    )
    register_dataset(spec)
    asked = []

    def rows(path, **kwargs):
        asked.append((path, kwargs))
        return HubRows(sources._Listed([{"key": "a", "answer": 1}], 20), "c0ffee")

    monkeypatch.setattr(registry, "rows_from_hub", rows)
    with caplog.at_level(logging.INFO, logger="coding_envs.data"):
        problems = load_problems("mine", revision="v1")
    assert [problem.revision for problem in problems] == ["c0ffee"]
    kwargs = {"config": None, "split": "train", "revision": "v1", "files": ()}
    assert asked == [("me/mine", kwargs)]
    assert "mine/default/train has 1 rows, expected 9" in caplog.text


def test_bundled_problems_have_no_revisions():
    with pytest.raises(DatasetError, match="starter has no revisions"):
        load_problems("starter", revision="main")


def test_a_dataset_may_be_named_by_its_path_on_the_hub():
    by_path = load_problems("openai/openai_humaneval", data_files=HUMANEVAL)
    assert by_path == load_problems("humaneval", data_files=HUMANEVAL)
    with pytest.raises(DatasetError, match="no such file or folder: no/such/thing"):
        load_problems("no/such/thing")
    with pytest.raises(DatasetError, match="the plain layout is on no hub"):
        load_problems("plain")
    with pytest.raises(InvalidValueError, match="a dataset named 'plain' is registered"):
        register_dataset(DatasetSpec("plain", "", loader))


def test_conditions_and_limit():
    easy = load_problems("basic", where={"difficulty": "easy"})
    assert {p.difficulty for p in easy} == {"easy"}
    assert 0 < len(easy) < len(load_problems("basic"))
    assert load_problems("basic", where={"difficulty": "easy"}, limit=2) == easy[:2]
    assert load_problems("basic", limit=0).keys == ()
    some = load_problems("humaneval", data_files=HUMANEVAL, where={"key": "HumanEval/2"}, limit=9)
    assert some.keys == ("HumanEval/2",)
    with pytest.raises(
        InvalidValueError, match="limit must be an int >= 0, or None for all, got -1"
    ):
        load_problems("humaneval", data_files=HUMANEVAL, limit=-1)
    with pytest.raises(UnknownNameError, match="did you mean 'difficulty'"):
        load_problems("basic", where={"dificulty": "easy"})


def test_a_stream_holds_one_row_and_counts_what_it_drops(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(HUMANEVAL.read_text() + '{"task_id": "x"}\n{"task')
    stream = load_problems("humaneval", data_files=path, streaming=True)
    assert list(stream) == list(load_problems("humaneval", data_files=HUMANEVAL))
    assert [error.row for error in stream.dropped] == [8, 9]
    assert "2 dropped" in repr(stream)
    assert [p.key for p in load_problems("basic", streaming=True, limit=2)] == list(
        load_problems("basic", limit=2).keys
    )
    with pytest.raises(DatasetRowError, match="row 8 of humaneval/test"):
        list(load_problems("humaneval", data_files=path, streaming=True, strict=True))
