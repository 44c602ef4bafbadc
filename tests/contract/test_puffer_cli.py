"""PufferLib's own command: `puffer train coding_problem`, `puffer eval coding_problem`."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pufferlib
import pytest
import torch

import coding_envs
from coding_envs.envs import CodingPufferEnv
from coding_envs.errors import UnknownNameError
from coding_envs.integrations.pufferlib import env_creator
from coding_envs.registry import puffer_names

pytestmark = pytest.mark.nsjail

PUFFER = Path(sys.executable).with_name("puffer")
# 4 updates of 256 steps; at its end PufferLib plays 32 such batches more.
SMALL = (
    *("--env.num-agents", "64", "--env.workers", "1", "--env.report-interval", "8"),
    *("--train.total-timesteps", "1024", "--train.bptt-horizon", "4"),
    *("--train.minibatch-size", "128", "--train.max-minibatch-size", "128"),
    *("--train.checkpoint-interval", "2"),
)


def environment() -> dict[str, str]:
    # One thread: PyTorch's threads wait for each other busily, which on a busy machine is slow.
    return {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Returns the folder of a short run, and what the run printed."""
    folder = tmp_path_factory.mktemp("puffer")
    places = ("--train.data-dir", "runs", "--env.log-path", "logs/log.jsonl")
    done = subprocess.run(
        [PUFFER, "train", "coding_problem", *SMALL, *places],
        cwd=folder, env=environment(), text=True, timeout=200, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return folder, done.stdout


def test_train_leaves_checkpoints(trained: tuple[Path, str]) -> None:
    folder, _ = trained
    steps = sorted((folder / "runs").glob("*/model_*.pt"))
    assert [path.name for path in steps] == ["model_000002.pt", "model_000004.pt"]
    (final,) = (folder / "runs").glob("*.pt")
    weights = torch.load(final, weights_only=True)
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    assert "actor.weight" in weights


def test_train_shows_what_matters(trained: tuple[Path, str]) -> None:
    _, printed = trained
    for word in ("solve_rate", "executions_per_s", "WRONG_ANSWER"):
        assert word in printed


def test_train_writes_a_log(trained: tuple[Path, str]) -> None:
    folder, _ = trained
    lines = [json.loads(line) for line in (folder / "logs" / "log.jsonl").read_text().splitlines()]
    assert len(lines) >= 3
    for line in lines:
        assert 0 <= line["solve_rate"] <= 1
        assert line["executions_per_s"] >= 0
        statuses = {name: share for name, share in line.items() if name.isupper()}
        assert sum(statuses.values()) == pytest.approx(1)
        assert "INTERNAL_ERROR" not in statuses
        assert "JUDGE_ERROR" not in statuses
    steps = [line["agent_steps"] for line in lines]
    assert steps == sorted(set(steps))
    assert steps[0] == 8 * 64
    assert lines[-1]["executions"] > 0
    assert lines[-1]["executions"] >= lines[0]["executions"]


def test_eval_renders_and_dies_with_its_workers(trained: tuple[Path, str]) -> None:
    folder, _ = trained
    (checkpoint,) = (folder / "runs").glob("*.pt")
    words = ("--env.num-agents", "1", "--env.workers", "1", "--fps", "200")
    with subprocess.Popen(
        [PUFFER, "eval", "coding_problem", *words, "--load-model-path", str(checkpoint)],
        cwd=folder, env=environment(), text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        watchdog = time.monotonic() + 120
        printed, started = "", []
        try:
            assert process.stdout is not None
            for line in process.stdout:
                printed += line
                if re.search(r"\d+/\d+ tests   reward [+-]\d", line):
                    started = descendants(process.pid)
                    break
                assert time.monotonic() < watchdog, printed[-2000:]
        finally:
            process.kill()
    assert started, printed[-3000:]
    assert "starter/default/train/" in printed
    assert "writing …" in printed
    assert re.search(r"\d def f\(", printed)
    assert "\033[1m" not in printed
    assert psutil.wait_procs(started, timeout=5)[1] == []


def test_eval_gives_no_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    make = env_creator("coding_problem")
    for words, hints in ((["puffer", "eval"], 0.0), (["puffer", "train"], 0.7)):
        monkeypatch.setattr(sys, "orig_argv", [sys.executable, *words, "coding_problem"])
        env = make(num_agents=2, workers=1, hints=0.7)
        assert env._core._hints == hints
        env.close()


def test_the_installed_files_are_those_of_the_checkout() -> None:
    # They are copies: an old one would silently train with old settings.
    trainer = Path(__file__).parents[2] / "trainer"
    plugin = trainer / "pufferlib_plugin"
    installed = Path(pufferlib.__file__).parent
    places = {path: path.relative_to(plugin) for path in plugin.rglob("*.py")}
    config = trainer / "coding_envs_trainer" / "config"
    places[config / "coding_envs.ini"] = Path("config", "coding_envs.ini")
    assert len(places) == 3
    for path, place in places.items():
        copy = installed / place
        assert copy.read_bytes() == path.read_bytes(), f"{copy} is stale: run `make setup`"


def test_the_config_names_environments_that_there_are() -> None:
    config = configparser.ConfigParser()
    config.read(Path(pufferlib.__file__).parent / "config" / "coding_envs.ini")
    assert set(config["base"]["env_name"].split()) <= set(puffer_names())
    wanted = dict(config["env"])
    assert set(wanted) <= set(CodingPufferEnv.__init__.__kwdefaults__) | {"num_agents", "dataset"}


def test_a_name_makes_its_dataset() -> None:
    data = Path(__file__).parents[1] / "data" / "openai_humaneval.jsonl"
    env = env_creator("coding_problem_humaneval")(
        num_agents=2, workers=1, dataset="", config="", split="", data_files=str(data)
    )
    assert env.problems.name == "humaneval"
    assert env.reset(0)[0].shape == (2, 512 + 512 + 1)
    env.close()
    other = env_creator("coding_problem")(num_agents=2, workers=1, dataset="basic")
    assert other.problems.name == "basic"
    other.close()


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'coding_problem"):
        env_creator("coding_problm")
    assert issubclass(UnknownNameError, coding_envs.CodingEnvsError)
