"""The dashboard: 80 columns, 24 lines, and plain lines where there is no terminal."""

from __future__ import annotations

import io
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from coding_envs.errors import CodingEnvsError, InvalidValueError, UnknownNameError
from coding_envs_trainer.dashboard import Dashboard, duration, short, stats_first, times
from coding_envs_trainer.loggers import JsonlLogger
from coding_envs_trainer.plots import panels, plot

PARTS = (
    *("evaluate", "eval_forward", "env", "sandbox_wait", "eval_copy", "eval_misc"),
    *("train", "advantage", "train_copy", "train_forward", "learn", "train_misc"),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def trainer(style: str = "auto", stats: int = 3, **config: Any) -> Any:
    names = ["solve_rate", *(f"statistic_{number}_with_a_long_name" for number in range(stats))]
    return SimpleNamespace(
        config={
            "env": "coding_problem", "total_timesteps": 1_000_000, "dashboard": style,
            "log_interval_s": 0.0, **config,
        },
        global_step=0, epoch=0, uptime=3723.0, message="advantages: here",
        losses={f"loss_{number}_with_a_very_long_name": 0.5 for number in range(12)},
        last_stats=dict.fromkeys(names[::-1], 0.25),
        timing=SimpleNamespace(total_seconds=dict.fromkeys(PARTS, 1.0)),
        optimizer=SimpleNamespace(param_groups=[{"lr": 0.001}]),
    )  # fmt: skip


def drawn(one: Any, width: int = 80) -> list[str]:
    board = Dashboard(one, io.StringIO())
    console = Console(file=io.StringIO(), width=width, height=24, color_system=None)
    console.print(board.view(board._logs(1.0), one.message, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_view_fits_80_columns_and_24_lines() -> None:
    lines = drawn(trainer(stats=60))
    assert len(lines) <= 23  # the last line of a terminal stays for what is typed
    assert all(len(line) <= 80 for line in lines)
    text = "\n".join(lines)
    for word in ("coding_problem", "steps/s", "left", "1h 2m", "evaluate", "sandbox wait", "learn",
                 "advantages: here", "solve_rate"):  # fmt: skip
        assert word in text
    assert text.index("solve_rate") < text.index("statistic_0")
    assert all(len(line) == 120 for line in drawn(trainer(), 120))


def test_other_peoples_names_neither_style_nor_steer_the_terminal() -> None:
    one = trainer()
    one.last_stats = {"[red]bold": 1.0, "\x1b[2Jx": 2.0}
    one.message = "two\nlines \x1b[31m"
    text = "\n".join(drawn(one))
    assert "[red]bold" in text
    assert "\x1b" not in text
    assert len(drawn(one)) == len(drawn(trainer()))
    assert "\x1b" not in Dashboard(one, io.StringIO()).line({"environment/\x1b[2Jx": 1.0})


def test_the_live_view_is_drawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    out, one = Terminal(), trainer()
    board = Dashboard(one, out)
    board.show(clear=True)
    one.epoch = 1
    board.show()
    board.close()
    assert "\x1b[1A" in out.getvalue()  # up again, to draw over it
    assert out.getvalue().endswith("\x1b[?25h")  # the cursor is back


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_without_a_terminal_it_is_lines(
    variable: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    out = Terminal() if variable else io.StringIO()
    one = trainer()
    board = Dashboard(one, out)
    board.show(clear=True)
    one.global_step, one.epoch = 123_456, 3
    board.show()  # at once after the first: not said
    board.show(clear=True)
    board.close()
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert "123,456/1,000,000 steps (12.3%)" in lines[1]
    assert "solve_rate 0.2500" in lines[1]
    assert "\x1b" not in out.getvalue()


def test_the_end_is_shown_whatever_the_pause() -> None:
    out, one = io.StringIO(), trainer("plain")
    board = Dashboard(one, out)
    one.epoch, one.global_step = 9, 1_000_000
    board.show()
    assert out.getvalue() == ""
    board.close()
    assert "(100.0%)" in out.getvalue()


@pytest.mark.parametrize("style", ["none", "False"])
def test_it_can_be_silent(style: str) -> None:
    out = io.StringIO()
    board = Dashboard(trainer(style), out)
    board.show(clear=True)
    board.close()
    assert out.getvalue() == ""


def test_speed_and_shares_are_of_the_time_since_the_last_look() -> None:
    one = trainer("plain")
    board = Dashboard(one, io.StringIO())
    board.show(clear=True)
    one.global_step = 500
    one.timing.total_seconds = one.timing.total_seconds | {"env": 3.5}
    time.sleep(0.01)
    logs = board._logs(2.0)
    assert logs["SPS"] == 250
    assert (logs["performance/env"], logs["performance/learn"]) == (2.5, 0.0)


def test_numbers_and_times_are_short() -> None:
    numbers = (0, 3, 0.25, 1e-5, 12.345, 9999, 12_345, 1_234_567, 5e9, 7e12, float("nan"))
    assert [short(number) for number in numbers] == [
        "0", "3", "0.2500", "1.0e-05", "12.35", "9999", "12.3K", "1.2M", "5.0B", "7.0T", "nan",
    ]  # fmt: skip
    wide = (-8.2e-10, -1e-5, 1e30, -3e20, -12_345_678, -0.0364, 9.99e14)
    assert max(len(short(number)) for number in wide) <= 7
    assert short(-8.2e-10) == "-8e-10"
    assert [duration(s) for s in (7.9, 61, 3723, 90_000, float("inf"))] == [
        "7s", "1m 1s", "1h 2m", "1d 1h", "?",
    ]  # fmt: skip
    assert stats_first({"b": 0, "score": 0, "a": 0, "solve_rate": 0}) == [
        "solve_rate",
        "score",
        "a",
        "b",
    ]
    rows = times({"learn": 1.0, "train": 2.0, "evaluate": 3.0, "more": 4.0})
    assert rows == [("evaluate", 3.0), ("train", 2.0), ("  learn", 1.0), ("more", 4.0)]


# --- plots -----------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    folders = []
    for name in ("one", "two & <three>"):
        logger = JsonlLogger(tmp_path, name)
        for step in range(1, 1001):
            logger.log(
                {"environment/score": step / 1000, "SPS": 5.0, "uptime": step * 0.6,
                 "losses/entropy": None if step % 2 else -float(step)}, step * 64,
            )  # fmt: skip
        folders.append(tmp_path / name)
    return folders


def test_runs_are_drawn_as_png(runs: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = plot(runs, tmp_path / "new" / "runs.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_runs_are_drawn_as_one_html_file(runs: list[Path], tmp_path: Path) -> None:
    text = plot(runs, tmp_path / "runs.html").read_text()
    assert text.count("<svg") == 3
    assert text.count("<path") == 6
    assert "two &amp; &lt;three&gt;" in text
    assert "<script" not in text
    assert "http" not in text
    assert "nan" not in text


def test_panels_hold_what_the_logs_say(runs: list[Path]) -> None:
    score, speed, entropy = panels(runs, (), "minutes")
    assert [score.title, speed.title, entropy.title] == ["score", "SPS", "losses/entropy"]
    assert [line.name for line in score.lines] == ["one", "two & <three>"]
    assert len(score.lines[0].x) <= 300
    assert score.lines[0].x[-1] == pytest.approx(10, rel=0.01)
    assert sum(score.lines[0].y) / len(score.lines[0].y) == pytest.approx(0.5, abs=0.01)
    assert len(panels(runs, ["SPS"], "steps")) == 1


def test_what_cannot_be_drawn_is_said(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"\.png or \.html"):
        plot(runs, "a.pdf")
    with pytest.raises(InvalidValueError, match="steps or minutes"):
        plot(runs, "a.html", x="hours")
    with pytest.raises(UnknownNameError, match="did you mean 'environment/score'"):
        plot(runs, "a.html", keys=["environment/scor"])
    with pytest.raises(CodingEnvsError, match="no log of a run"):
        plot([tmp_path / "none"], "a.html")
