"""Loggers: what a run leaves behind, and that half of it can still be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from coding_envs.errors import CodingEnvsError
from coding_envs_trainer.config import load_config
from coding_envs_trainer.loggers import (
    JsonlLogger,
    Loggers,
    NoLogger,
    download_model,
    make_logger,
    mean,
    new_run_id,
    numbers,
    read_log,
)


def arguments(folder: Path, *flags: str) -> dict[str, Any]:
    places = ("--train.data-dir", str(folder), "--train.device", "cpu")
    return load_config("coding_problem", [*places, *flags])


def test_arrays_and_lists_become_their_mean() -> None:
    ragged = [np.array([1.0, 3.0]), [4, [6.0]], "word", [], None]
    assert mean(ragged) == pytest.approx((2 + (4 + 6) / 2) / 2)
    assert mean(np.zeros((0,))) is None
    assert mean("12") is None
    assert mean(True) == 1.0
    logs = {"a": np.arange(5), "b": "x", "c": 3, "d": np.float32(0.5), "e": {}, "f": [[1], [3]]}
    assert numbers(logs) == {"a": 2.0, "c": 3, "d": 0.5, "f": 2.0}


def test_a_run_leaves_its_log_and_its_settings(tmp_path: Path) -> None:
    logger = make_logger(arguments(tmp_path))
    logger.log({"SPS": 10.0, "environment/score": np.array([0, 1]), "losses/x": np.inf}, 64)
    logger.log({"agent_steps": 128, "epoch": 2}, 128)
    lines = (tmp_path / logger.run_id / "log.jsonl").read_text().splitlines()  # before close
    assert [json.loads(line) for line in lines] == [
        {"agent_steps": 64, "SPS": 10.0, "environment/score": 0.5, "losses/x": None},
        {"agent_steps": 128, "epoch": 2},
    ]
    logger.close(None)
    settings = json.loads((tmp_path / logger.run_id / "config.json").read_text())
    assert settings["train"]["gamma"] == 0.99
    assert logger.run_id.startswith("coding_problem-")


def test_ids_are_names_of_folders_and_differ() -> None:
    assert new_run_id("gym:ALE/Pong-v5").startswith("gym-ALE-Pong-v5-")
    assert new_run_id("../..").startswith("run-")
    assert len({new_run_id() for _ in range(50)}) > 40


def test_a_resumed_run_goes_on_in_its_log(tmp_path: Path) -> None:
    first = make_logger(arguments(tmp_path))
    for step in (10, 20, 30):
        first.log({"x": step}, step)
    first.close(None)
    file = tmp_path / first.run_id / "log.jsonl"
    with file.open("a") as log:
        log.write('{"agent_steps": 40, "x')  # killed while it wrote
    second = make_logger(arguments(tmp_path, "--train.resume", str(tmp_path / first.run_id)))
    assert second.run_id == first.run_id
    second.log({"x": 21}, 21)
    second.close(None)
    assert [(line["agent_steps"], line["x"]) for line in read_log(file.parent)] == [
        (10, 10), (20, 20), (21, 21),
    ]  # fmt: skip


def test_what_is_no_log_is_said(tmp_path: Path) -> None:
    with pytest.raises(CodingEnvsError, match="no log of a run"):
        read_log(tmp_path)
    file = tmp_path / "log.jsonl"
    file.write_text("")
    with pytest.raises(CodingEnvsError, match="holds no log yet"):
        read_log(file)
    file.write_text("[1]\n")
    with pytest.raises(CodingEnvsError, match="line 1"):
        read_log(file)


def test_only_rank_0_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    logger = make_logger(arguments(tmp_path, "--wandb"))
    logger.log({"x": 1}, 1)
    logger.close(None)
    assert isinstance(logger, NoLogger)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("RANK", "0")
    assert isinstance(make_logger(arguments(tmp_path)), JsonlLogger)


@pytest.mark.parametrize(
    ("flag", "module"),
    [("--tensorboard", "tensorboard"), ("--wandb", "wandb"), ("--neptune", "neptune")],
)
def test_a_missing_package_is_named_with_its_extra(
    flag: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CodingEnvsError, match=rf"pip install 'coding-envs-trainer\[{module}\]'"):
        make_logger(arguments(tmp_path, flag))
    assert list(tmp_path.iterdir()) == []


class FakeRun:
    """A run of W&B's or Neptune's, which notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self.told.append((name, *args, *kwargs.items()))

    def __getitem__(self, key: str) -> Any:
        def series(value: Any, step: int | None = None) -> None:
            self.told.append((key, value, step))

        return SimpleNamespace(append=series, upload=series)

    def __setitem__(self, key: str, value: Any) -> None:
        self.told.append((key, value))


def test_wandb_gets_numbers_settings_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, module, asked = FakeRun(), ModuleType("wandb"), {}
    module.init = lambda **kwargs: asked.update(kwargs) or run  # type: ignore[attr-defined]
    files: list[str] = []
    module.Artifact = lambda *_, **__: SimpleNamespace(add_file=files.append)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    logger = make_logger(arguments(tmp_path, "--wandb", "--tag", "x"))
    assert isinstance(logger, Loggers)
    logger.log({"a": [1, 3], "b": "word"}, 5)
    logger.close("model.pt")
    assert asked["id"] == logger.run_id
    assert (asked["project"], asked["tags"]) == ("pufferlib", ["x"])
    assert run.told[0] == ("log", {"a": 2.0}, ("step", 5))
    assert [told[0] for told in run.told[1:]] == ["log_artifact", "finish"]
    assert files == ["model.pt"]
    assert len(read_log(tmp_path / logger.run_id)) == 1  # the JSONL file too


def test_neptune_gets_series_settings_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, module = FakeRun(), ModuleType("neptune")
    module.init_run = lambda **kwargs: run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "neptune", module)
    logger = make_logger(arguments(tmp_path, "--neptune"))
    logger.log({"a": 2.0, "n": np.nan}, 5)
    logger.close("model.pt")
    assert ("config/train/gamma", 0.99) in run.told
    assert run.told[-3:] == [("a", 2.0, 5), ("model", "model.pt", None), ("stop",)]


def test_weights_of_a_run_elsewhere_need_its_service(tmp_path: Path) -> None:
    with pytest.raises(CodingEnvsError, match="--wandb or --neptune"):
        download_model(arguments(tmp_path, "--load-id", "abc"))


def test_importing_the_loggers_loads_no_service() -> None:
    script = (
        "import sys, coding_envs_trainer.loggers;"
        "assert not {'torch', 'tensorboard', 'wandb', 'neptune'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)
