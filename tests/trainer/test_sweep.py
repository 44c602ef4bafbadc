"""Sweeps: ranges, trials that are written down, and going on where one was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coding_envs.errors import CodingEnvsError, InvalidValueError, UnknownNameError
from coding_envs_trainer.config import load_config
from coding_envs_trainer.sweep import Range, ranges, read_trials, score_of, suggest, sweep


def arguments(folder: Path, *flags: str) -> dict[str, Any]:
    tuned = "--sweep.parameters", "train.learning_rate train.update_epochs"
    place = "--train.data-dir", str(folder)
    return load_config("gym:CartPole-v1", [*place, "--train.device", "cpu", *tuned, *flags])


class Task:
    """Trainings whose score is known: best at a learning rate of 0.01, and with few epochs."""

    def __init__(self, fail_at: tuple[int, ...] = ()) -> None:
        self.seen: list[dict[str, Any]] = []
        self.fail_at = fail_at

    def __call__(self, env_name: str, args: dict[str, Any]) -> list[dict[str, Any]]:
        self.seen.append(args["train"])
        if len(self.seen) - 1 in self.fail_at:
            raise RuntimeError("out of memory")
        rate, epochs = args["train"]["learning_rate"], args["train"]["update_epochs"]
        score = -abs(rate - 0.01) * 100 - epochs
        return [
            {"environment/episode_return": score + step, "agent_steps": step} for step in (-9, 0)
        ]


@pytest.mark.parametrize(
    ("one", "values"),
    [
        (Range("a.b", "uniform", 1, 3, 2), (1, 2, 3)),
        (Range("a.b", "int_uniform", 1, 4, 2), (1, 2, 4)),
        (Range("a.b", "uniform_pow2", 16, 256, 64), (16, 64, 256)),
        (Range("a.b", "log_normal", 1e-5, 1e-1, 1e-3), (1e-5, 1e-3, 1e-1)),
        (Range("a.b", "logit_normal", 0.9, 0.999, 0.99), (0.9, 0.99, 0.999)),
        (Range("train.total_timesteps", "log_normal", 1e4, 1e6, 1e5), (10_000, 100_000, 1_000_000)),
    ],
)
def test_a_range_goes_from_its_lowest_to_its_highest_value(one: Range, values: Any) -> None:
    found = [one.value(0.0), one.value(0.5), one.value(1.0)]
    assert found == pytest.approx(values)
    assert [type(v) for v in found] == [type(v) if one.name != "a.b" else type(f)
                                        for v, f in zip(values, found, strict=True)]  # fmt: skip
    for point in (0.0, 0.3, 1.0):
        value = one.value(point)
        assert one.value(one.point(value)) == pytest.approx(value)
    assert one.point(one.mean) == pytest.approx(0.5, abs=0.17)


def test_ranges_are_upstreams() -> None:
    args = load_config("puffer_breakout", ["--train.device", "cpu"])
    found = {one.name: one for one in ranges(args)}
    assert found["env.frameskip"] == Range("env.frameskip", "int_uniform", 1, 8, 4)
    assert found["train.total_timesteps"].high == 2e8
    assert isinstance(found["train.total_timesteps"].value(0.37), int)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--sweep.parameters", "train.gama"], "did you mean 'train.gamma'"),
        (["--sweep.train.learning_rate.distribution", "normal"], "no distribution named 'normal'"),
        (["--sweep.train.learning_rate.min", "0"], "log_normal needs 0 < min"),
        (["--sweep.train.learning_rate.max", "1e-9"], "min <= mean <= max"),
        (["--sweep.train.ent_coeff.min", "1", "--sweep.parameters", ""], "has no distribution"),
    ],
)
def test_a_range_that_cannot_be_is_said(flags: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises((InvalidValueError, UnknownNameError)) as caught:
        ranges(arguments(tmp_path, *flags))
    assert said in str(caught.value)


def test_trials_are_written_down_and_gone_on_with(tmp_path: Path) -> None:
    first, second = Task(), Task()
    args = arguments(tmp_path, "--sweep.method", "random", "--max-runs", "4")
    sweep("gym:CartPole-v1", args, first)
    path = tmp_path / "gym-CartPole-v1-sweep" / "trials.jsonl"
    trials = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(trials) == len(first.seen) == 4
    assert trials[0]["settings"] == {"train.learning_rate": 0.003, "train.update_epochs": 2}
    assert trials[0]["score"] == pytest.approx(-2.7)  # of the last log
    assert first.seen[0]["data_dir"] == str(path.parent)
    assert first.seen[0]["dashboard"] == "none"
    with path.open("a") as file:
        file.write('{"settings": {"train.le')  # killed while it wrote
    best = sweep("gym:CartPole-v1", args | {"max_runs": 6}, second)
    assert len(second.seen) == 2
    everything = [json.loads(line) for line in path.read_text().splitlines()]
    assert everything[:4] == trials
    assert best == max(everything, key=lambda trial: trial["score"])
    assert len({t["settings"]["train.learning_rate"] for t in everything}) == 6
    # The same seed, the same trials: as if it had not been stopped.
    whole = arguments(tmp_path / "b", "--sweep.method", "random", "--max-runs", "6")
    sweep("gym:CartPole-v1", whole, Task())
    again = (tmp_path / "b" / "gym-CartPole-v1-sweep" / "trials.jsonl").read_text().splitlines()
    assert [json.loads(line)["settings"] for line in again] == [t["settings"] for t in everything]


def test_a_trial_that_fails_is_noted_and_the_next_one_runs(tmp_path: Path) -> None:
    args = arguments(tmp_path, "--sweep.method", "random", "--max-runs", "3")
    best = sweep("gym:CartPole-v1", args, Task(fail_at=(1,)))
    assert best["score"] is not None
    lines = (tmp_path / "gym-CartPole-v1-sweep" / "trials.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["error"] == "RuntimeError: out of memory"
    with pytest.raises(CodingEnvsError, match="all 3 trials have failed: RuntimeError"):
        sweep("x", arguments(tmp_path, "--sweep.method", "random"), Task(fail_at=(0, 1, 2)))


@pytest.mark.parametrize("written", [b"[1]\n", b"{}\n", b"\xff\n", b"x\n"])
def test_what_is_no_sweep_is_said(written: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_bytes(written)
    with pytest.raises(CodingEnvsError, match=r"trials\.jsonl"):
        read_trials(path)


def test_a_method_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="there are: random, tpe"):
        sweep("x", arguments(tmp_path, "--sweep.method", "gridsearch"), Task())


def test_a_metric_that_nobody_tells_ends_the_sweep(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'episode_return'"):
        sweep("gym:CartPole-v1", arguments(tmp_path, "--sweep.metric", "episode_retrn"), Task())


def test_the_score_is_the_mean_of_the_last_part() -> None:
    logs = [{"environment/score": float(number)} for number in range(20)]
    assert score_of(logs, "score", 10) == 18.5
    assert score_of(logs, "score", 0) == 19
    assert score_of(logs[:1], "score", 10) == 0


def test_tpe_learns_from_the_trials(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    args = arguments(tmp_path, "--max-runs", "30")
    best = sweep("gym:CartPole-v1", args, Task())
    assert best["settings"]["train.update_epochs"] == 1
    assert best["settings"]["train.learning_rate"] == pytest.approx(0.01, rel=0.5)
    lines = (tmp_path / "gym-CartPole-v1-sweep" / "trials.jsonl").read_text().splitlines()
    trials = [json.loads(line) for line in lines]
    options: dict[str, Any] = {"method": "tpe", "seed": 42}
    once, again = (suggest(ranges(args), trials[:12], maximize=True, **options) for _ in range(2))
    assert once == again == trials[12]["settings"]


def test_a_missing_optuna_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(CodingEnvsError, match=r"coding-envs-trainer\[sweep\]"):
        sweep("x", arguments(tmp_path), Task())
