"""The learning curve: measured, written, read again and drawn."""

from __future__ import annotations

import builtins
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from coding_envs.data import load_problems
from coding_envs.envs import CodingPufferEnv
from coding_envs.errors import CodingEnvsError
from coding_envs.judge import Judge
from coding_envs_trainer import learning_curve, main_job
from coding_envs_trainer.learning_curve import Point
from coding_envs_trainer.policies import Policy

POINTS = [
    Point(0.0, 0, {"train": 0.01, "test": 0.0}),
    Point(30.5, 8, {"train": 0.4, "test": 0.25}),
    Point(61.0, 16, {"train": 0.75, "test": 0.5}),
]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait for each other busily: on a busy machine that takes seconds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def picture_size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_a_curve_is_written_and_read_again(tmp_path: Path) -> None:
    path = learning_curve.write_curve(tmp_path, POINTS)
    assert path == tmp_path / "curve.jsonl"
    assert [p.name for p in tmp_path.iterdir()] == ["curve.jsonl"]  # nothing half-written
    assert learning_curve.read_curve(tmp_path) == POINTS
    assert json.loads(path.read_text().splitlines()[1]) == {
        "elapsed_s": 30.5, "update": 8, "solve_rates": {"train": 0.4, "test": 0.25},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"no .*curve\.jsonl; it is written at the end of `make train`"),
        ("", r"curve\.jsonl is empty"),
        ("nonsense\n", r"curve\.jsonl holds no learning curve"),
        ('{"elapsed_s": 1}\n', r"curve\.jsonl holds no learning curve"),
        ("3\n", r"curve\.jsonl holds no learning curve"),
    ],
)
def test_what_is_no_curve_is_one_line(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "curve.jsonl").write_text(text)
    with pytest.raises(CodingEnvsError, match=message) as raised:
        learning_curve.read_curve(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_plot_is_a_picture(tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("a", "b")]
    for run in runs:
        run.mkdir()
        learning_curve.write_curve(run, POINTS)
    target = tmp_path / "curve.png"
    learning_curve.plot(runs, target, title="two runs")
    width, height = picture_size(target)
    assert width > 600
    assert height > 400


def test_a_plot_without_matplotlib_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    learning_curve.write_curve(tmp_path, POINTS)
    with pytest.raises(CodingEnvsError, match="pip install 'coding-envs"):
        learning_curve.plot([tmp_path], tmp_path / "x.png")


def test_checkpoints_come_oldest_first(tmp_path: Path) -> None:
    folder = tmp_path / "1234"
    folder.mkdir()
    for number in (16, 8, 120):
        (folder / f"model_{number:06d}.pt").write_bytes(b"")
    (folder / "trainer_state.pt").write_bytes(b"")
    (tmp_path / "1234.pt").write_bytes(b"")
    names = [path.name for path in learning_curve.checkpoints_of(tmp_path)]
    assert names == ["model_000008.pt", "model_000016.pt", "model_000120.pt"]
    assert learning_curve.checkpoints_of(tmp_path / "nowhere") == []


@pytest.mark.nsjail
def test_a_checkpoint_is_measured(tmp_path: Path) -> None:
    sets = {
        "train": load_problems("starter")[:6],
        "test": load_problems("starter", split="test")[:4],
    }
    path = tmp_path / "model_000024.pt"
    with Judge(workers=1, cache="memory") as judge:
        env = CodingPufferEnv(num_agents=1, dataset=sets["train"], judge=judge)
        torch.save(Policy(env).state_dict(), path)
        started = path.stat().st_mtime - 90
        point, written = learning_curve.measure(path, sets, judge, started=started)
    assert (point.update, point.elapsed_s) == (24, 90)
    assert set(point.solve_rates) == {"train", "test"}
    assert all(0 <= rate <= 1 for rate in point.solve_rates.values())
    programs, report = written["test"]
    assert list(programs) == [p.key for p in sets["test"]]
    assert len(report.results) == 4


# --- the main job's own words --------------------------------------------------------------------


def test_the_main_job_draws_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learning_curve.write_curve(tmp_path, POINTS)
    target = tmp_path / "curve.png"
    assert main_job.main(["--plot", str(target), str(tmp_path)]) == 0
    assert picture_size(target)
    assert str(target) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--plot", "x.png"], "--plot wants a file and at least one run's folder"),
        (["--plot", "x.png", "/nowhere"], "no /nowhere/curve.jsonl"),
        (["--out"], "--out wants a folder"),
        (["--policy.seed", "one"], "--policy.seed must be an int, got 'one'"),
        (["--policy.seed=one"], "--policy.seed must be an int, got 'one'"),
        (["--policy.seed"], "--policy.seed must be an int, got ''"),
    ],
)
def test_a_wrong_call_of_the_main_job_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main_job.main(words) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_the_main_job_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main_job.main(["--help"]) == 0
    assert "puffer train" in capsys.readouterr().out


def test_a_seed_is_found_however_it_is_written() -> None:
    for words in (["--policy.seed", "7"], ["--x", "--policy.seed=7", "--y"]):
        assert main_job._flag(words, "--policy.seed", 0) == 7
    assert main_job._flag(["--seed", "7"], "--policy.seed", 3) == 3
