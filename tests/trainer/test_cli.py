"""The command line: trains, evaluates, exports, ends in order when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import psutil
import pytest
import torch

from coding_envs.cli import main as coding_envs_main
from coding_envs_trainer import commands
from coding_envs_trainer.cli import COMMANDS, main
from coding_envs_trainer.config import load_config
from coding_envs_trainer.interrupt import Interrupt
from coding_envs_trainer.loading import load_env, load_policy, make_env
from coding_envs_trainer.loggers import read_log

POLE = "gym:CartPole-v1"
SMALL = (
    *("--policy-name", "pufferlib.models:Default", "--policy.hidden-size", "16"),
    *("--vec.num-envs", "4", "--train.bptt-horizon", "16", "--train.minibatch-size", "32"),
    *("--train.total-timesteps", "256", "--train.device", "cpu", "--train.update-epochs", "1"),
    *("--train.torch-threads", "1"),
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(empty_folder: Path) -> Path:
    """Returns the folder of a short run."""
    assert main(["train", POLE, *SMALL]) == 0
    (run,) = (folder for folder in (empty_folder / "experiments").iterdir() if folder.is_dir())
    return run


def test_train_leaves_a_log_settings_and_weights(trained: Path) -> None:
    log = read_log(trained)
    assert log[-1]["agent_steps"] >= 256
    assert {"SPS", "uptime", "epoch", "learning_rate"} <= set(log[-1])
    assert any("environment/episode_return" in line for line in log)
    assert json.loads((trained / "config.json").read_text())["train"]["bptt_horizon"] == 16
    assert list(trained.glob("model_*.pt"))


def test_a_run_goes_on(trained: Path) -> None:
    more = ("--train.resume", str(trained), "--train.total-timesteps", "512")
    assert main(["train", POLE, *SMALL, *more]) == 0
    steps = [line["agent_steps"] for line in read_log(trained)]
    assert steps == sorted(set(steps))
    assert steps[-1] >= 512
    assert len(list(trained.parent.glob("*/"))) == 1


def test_eval_ends_and_tells(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    flags = ("--load-model-path", "latest", "--episodes", "3", "--json")
    assert main(["eval", POLE, *SMALL, *flags]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["episodes"] == 3
    assert told["episode_return"] == told["episode_length"] > 5


def test_eval_can_keep_frames(empty_folder: Path) -> None:
    flags = ("--env.render-mode", "rgb_array", "--save-frames", "3", "--episodes", "1")
    pytest.importorskip("pygame", reason="Gymnasium draws this environment with it")
    assert main(["eval", POLE, *SMALL, *flags]) == 0
    assert (empty_folder / "eval.gif").read_bytes().startswith(b"GIF")


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
def test_export_writes_weights_and_what_they_are(trained: Path, suffix: str) -> None:
    flags = ("--load-model-path", "latest", "--out", f"weights.{suffix}")
    assert main(["export", POLE, *SMALL, *flags]) == 0
    (model,) = trained.glob("model_*.pt")
    wanted = torch.load(model, weights_only=True)
    manifest = json.loads(Path(f"weights.{suffix}.json").read_text())
    assert list(manifest["tensors"]) == list(wanted)
    if suffix == "npz":
        found = dict(np.load("weights.npz"))
    else:
        data = Path("weights.safetensors").read_bytes()
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        found = {}
        for name, entry in header.items():
            if name != "__metadata__":
                first, last = (8 + size + offset for offset in entry["data_offsets"])
                found[name] = np.frombuffer(data[first:last], "<f4").reshape(entry["shape"])
    for name, tensor in wanted.items():
        assert np.array_equal(found[name], tensor.numpy())
        assert manifest["tensors"][name] == {"shape": list(tensor.shape), "dtype": "float32"}


def test_profile_says_where_the_time_goes(
    empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", POLE, *SMALL, "--updates", "2"]) == 0
    printed = capsys.readouterr().out
    for name in ("evaluate", "env", "train", "learn", "all else"):
        assert name in printed
    assert main(["profile", POLE, *SMALL, "--updates", "2", "--json"]) == 0
    seconds = json.loads(capsys.readouterr().out)
    assert seconds["evaluate"] + seconds["train"] <= seconds["wall"]
    assert seconds["steps"] == pytest.approx(128, rel=0.2)
    assert not (empty_folder / "experiments").exists()


def test_sweep_runs_trainings(empty_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--sweep.method", "random", "--max-runs", "2", "--sweep.parameters", "train.ent_coef")
    assert main(["sweep", POLE, *SMALL, *flags]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert json.loads(last)["settings"].keys() == {"train.ent_coef"}
    assert len(list((empty_folder / "experiments" / "gym-CartPole-v1-sweep").glob("*/"))) == 2


def test_plot_draws_runs(trained: Path) -> None:
    assert main(["plot", str(trained), "--out", "runs.html"]) == 0
    assert "episode_return" in Path("runs.html").read_text()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["trian", POLE], 2, "did you mean 'train'"),
        (["train", "puffer_breakot"], 2, "did you mean 'puffer_breakout'"),
        (["train", POLE, "--train.gama", "1"], 2, "did you mean 'gamma'"),
        (["train", POLE, "--train.gamma", "x"], 2, "train.gamma must be a number"),
        (["train", "--train.gamma", "1"], 2, "wants the environment first"),
        (["train", "gym:CartPol-v1", *SMALL], 2, "did you mean 'CartPole-v1'"),
        (["train", "no_such_module:make", *SMALL], 1, "no module named 'no_such_module'"),
        (["train", "math:makee", *SMALL], 2, "no environment in math named 'makee'"),
        (["train", "json:loads", *SMALL, "--env.s", "'[]'", "--vec.backend", "Serial"], 1,
         "loads made a list; wanted"),
        (["train", POLE, *SMALL, "--env.size", "2"], 2, "env.size: CartPoleEnv.__init__ takes no"),
        (["train", POLE, *SMALL, "--vec.backend", "Multiprocessing", "--vec.num-workers", "3"], 2,
         "must be divisible by num_workers"),
        (["train", POLE, *SMALL, "--policy.hiden-size", "8"], 2, "policy.hiden_size"),
        (["train", POLE, *SMALL, "--policy-name", "Nope"], 2, "no policy named 'Nope'"),
        (["train", POLE, *SMALL, "--load-model-path", "x.pt"], 1, "no such file: x.pt"),
        (["train", POLE, *SMALL, "--train.minibatch-size", "10"], 2, "minibatch_size"),
        (["train", "puffer_breakout", "--train.device", "cpu"], 1, "cannot be imported here"),
        (["train", POLE, *SMALL, "--train.device", "foo"], 2, "train.device must be cpu, cuda"),
        (["train", POLE, *SMALL, "--train.device", "cuda:99"], 2, "got 'cuda:99'"),
        (["train", POLE, *SMALL, "--train.batch-size", "1e13"], 1, "lower train.batch_size"),
        (["sweep", POLE, *SMALL, "--sweep.train.gamma.min", "x"], 2,
         "sweep.train.gamma.min must be a number, got 'x'"),
        (["export", POLE, *SMALL], 2, "say which weights"),
        (["export", POLE, *SMALL, "--out", "x.bin"], 2, ".safetensors or .npz"),
        (["plot"], 2, "at least one run"),
        (["plot", "x", "--out"], 2, "--out wants a value"),
        (["plot", "none"], 1, "no log of a run"),
        (["plot", "none", "--size", "3"], 2, "no flag named '--size'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_leaves_nothing(
    words: list[str], code: int, said: str, empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == code
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["plot", "--help"]])
def test_help_is_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in COMMANDS)
    assert main([]) == 2


def test_coding_envs_hands_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert coding_envs_main(["train", POLE, "--help"]) == 0
    assert "--train.learning-rate" in capsys.readouterr().out
    assert coding_envs_main(["train", POLE, "--train.gama", "1"]) == 2
    assert coding_envs_main(["--help"]) == 0
    assert "sweep" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "coding_envs_trainer", None)
    assert coding_envs_main(["sweep", POLE]) == 1
    assert "pip install coding-envs-trainer" in capsys.readouterr().err


# --- environments and policies ---------------------------------------------------------------


class Walk(gymnasium.Env[Any, Any]):
    """Goes on for `length` steps."""

    observation_space = gymnasium.spaces.Box(0, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, length: int = 3) -> None:
        self.length = self.at = length

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.at = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        self.at += 1
        return np.zeros(2, np.float32), 1.0, self.at >= self.length, False, {}


def test_any_callable_makes_an_environment(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = type(sys)("a_module")
    module.Walk = Walk  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_module", module)
    flags = ("--env.length", "5", "--vec.backend", "Serial", "--vec.num-envs", "3")
    args = load_config("a_module:Walk", [*SMALL, *flags])
    vecenv = load_env("a_module:Walk", args)
    assert vecenv.num_agents == 3  # PufferLib's Serial makes num_envs // 2 of them
    assert vecenv.envs[0].env.env.length == 5
    policy = load_policy(args, vecenv)
    assert next(policy.parameters()).device.type == "cpu"
    vecenv.close()
    stats = commands.eval("a_module:Walk", args | {"episodes": 2})
    assert (stats["episodes"], stats["episode_length"]) == (2, 5)


@pytest.mark.parametrize(
    "name", ["gym:FrozenLake-v1", "gym:Taxi-v4", "gym:Blackjack-v1", "gym:Pendulum-v1"]
)
def test_gymnasiums_environments_of_any_observation(name: str) -> None:
    """PufferLib's emulation cut those of integers short, and no policy could be made."""
    flags = [*SMALL, "--policy-name", "MLP"]
    args = load_config(name, flags)
    vecenv = load_env(name, args)
    observations, _ = vecenv.reset(seed=1)
    _, values = load_policy(args, vecenv).forward_eval(torch.as_tensor(observations))
    assert values.shape[0] == 4
    inner = vecenv.driver_env.env.env.unwrapped
    if name == "gym:Taxi-v4":
        assert np.flatnonzero(observations[0]).tolist() == [inner.s]
    vecenv.close()


def test_a_native_environment_gets_its_buffers(counter: Any) -> None:
    env = make_env(counter, num_agents=2, seed=7)
    assert env.num_agents == 2
    assert env.observations.shape == (2, 3)


# --- signals ---------------------------------------------------------------------------------

SLOW = """
import sys, time
import gymnasium, numpy as np

class Slow(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    pause_s = 0.005
    def reset(self, seed=None, options=None):
        return np.zeros(2, np.float32), {}
    def step(self, action):
        time.sleep(self.pause_s)
        return np.zeros(2, np.float32), 1.0, False, False, {"x": 1}

class Stuck(Slow):
    pause_s = 60

class LongInMaking(Slow):
    def __init__(self):
        print("making", flush=True)
        time.sleep(60)
"""


def start(folder: Path, env: str, *flags: str) -> subprocess.Popen[str]:
    (folder / "slow_envs.py").write_text(SLOW)
    words = (*SMALL, "--train.total-timesteps", "1_000_000", "--vec.num-envs", "2", *flags)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "coding_envs_trainer", "train", f"slow_envs:{env}", *words],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,  # a terminal's Ctrl-C reaches a whole group, and must not us
    )  # fmt: skip


def wait_for_output(process: subprocess.Popen[str], lines: int) -> None:
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline()


def gone(processes: Sequence[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    ("number", "code", "backend"),
    [
        (signal.SIGINT, 130, "Multiprocessing"),
        (signal.SIGTERM, 143, "Serial"),
        (signal.SIGHUP, 129, "Multiprocessing"),
    ],
)
def test_a_signal_ends_a_training_in_order(
    number: signal.Signals, code: int, backend: str, empty_folder: Path
) -> None:
    process = start(empty_folder, "Slow", "--vec.backend", backend, "--vec.batch-size", "2")
    wait_for_output(process, 2)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert bool(workers) == (backend == "Multiprocessing")
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == code, error
    assert "go on with --train.resume" in error
    assert len(error.splitlines()) == 1
    assert gone(workers)
    (run,) = (folder for folder in (empty_folder / "experiments").iterdir() if folder.is_dir())
    assert (run / "trainer_state.pt").exists()
    assert list(run.glob("model_*.pt"))
    read_log(run)


def test_a_second_signal_ends_it_at_once(empty_folder: Path) -> None:
    process = start(empty_folder, "Stuck", "--vec.backend", "Multiprocessing")
    wait_for_output(process, 1)
    time.sleep(0.5)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGINT)  # as torchrun passes it on: the same once more
    time.sleep(0.6)
    assert process.poll() is None  # it waits for the step
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130
    assert gone(workers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_training_ends_it_at_once(
    number: signal.Signals, empty_folder: Path
) -> None:
    process = start(empty_folder, "LongInMaking")
    wait_for_output(process, 1)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert stderr.strip() == "coding-envs: stopped before the training began"
    assert not (empty_folder / "experiments").exists()


def test_a_kill_leaves_no_workers(empty_folder: Path) -> None:
    """They looked for actions for ever, on a processor each."""
    process = start(empty_folder, "Slow", "--vec.backend", "Multiprocessing")
    wait_for_output(process, 2)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    process.kill()
    process.communicate(timeout=10)
    assert gone(workers)


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interrupt() as interrupt:
        assert not interrupt
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt
        assert interrupt.exit_code == 143
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
