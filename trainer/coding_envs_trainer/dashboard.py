"""The view of a training in a terminal, and the plain lines where there is none.

Both show what a log holds, under the names that it has there: `environment/*`, `losses/*`,
`performance/*`.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from coding_envs.cli.terminal import printable

from .loggers import numbers

__all__ = ["Dashboard", "duration", "short", "stats_first", "times"]

# With the frame, the progress and the headings, 24 lines.
_ROWS = 17
_FIRST = ("solve_rate", "score", "episode_return", "perf", "episode_length")
_MIN_PAUSE_S = 1.0  # between two plain lines
# Parts of evaluate and of train, as Timing names them.
_INDENTED = {
    "evaluate": ("eval_forward", "env", "sandbox_wait", "eval_copy", "eval_misc"),
    "train": ("advantage", "train_copy", "train_forward", "learn", "train_misc"),
}


def short(number: float) -> str:
    """Returns a number in at most 7 characters: 12.3M, 0.1234, 1.2e-05."""
    if not math.isfinite(number):
        return str(number)
    size = abs(number)
    if size >= 1e15 or 0 < size < 0.001:
        text = f"{number:.1e}"
        return text if len(text) <= 7 else f"{number:.0e}"
    for limit, divisor, unit in ((1e12, 1e12, "T"), (1e9, 1e9, "B"), (1e6, 1e6, "M")):
        if size >= limit:
            return f"{number / divisor:.1f}{unit}"
    if size >= 1e4:
        return f"{number / 1e3:.1f}K"
    if float(number).is_integer():
        return str(int(number))
    if size >= 1000:
        return f"{number:.0f}"
    return f"{number:.2f}" if size >= 1 else f"{number:.4f}"


def duration(seconds: float) -> str:
    """Returns seconds as 1d 2h, 3h 4m, 5m 6s or 7s."""
    if not math.isfinite(seconds):
        return "?"
    whole = int(seconds)
    for size, unit, below, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // below}{small}"
    return f"{whole}s"


def stats_first(names: Mapping[str, Any]) -> list[str]:
    """Returns the statistics' names, those that say most about the policy first."""
    return sorted(names, key=lambda n: (_FIRST.index(n) if n in _FIRST else len(_FIRST), n))


class Dashboard:
    """Shows how a trainer gets on, on standard output.

    `[train] dashboard` says how. live: a view that is drawn anew in place. plain: a line, one a
    second at most. none, or False: nothing. auto: live in a terminal where NO_COLOR is not set,
    else plain.

    Args:
      trainer: a PuffeRL; `config, global_step, epoch, uptime, losses, last_stats, timing, message`
        are read.
      stream: where to; default: standard output.
    """

    def __init__(self, trainer: Any, stream: TextIO | None = None) -> None:
        config = trainer.config
        self._trainer = trainer
        self._env, self._total = printable(str(config["env"])), int(config["total_timesteps"])
        self._stream = sys.stdout if stream is None else stream
        style = config["dashboard"]
        if style == "auto":
            dumb = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
            style = "live" if self._stream.isatty() and not dumb else "plain"
        self._style = style
        self._pause_s = config["log_interval_s"]
        if style == "plain":
            self._pause_s = max(self._pause_s, _MIN_PAUSE_S)
        self._live: Live | None = None
        # What rates and shares are counted from: the last time that something was shown.
        self._shown_at = time.monotonic()
        self._shown_step = trainer.global_step
        self._shown_seconds: dict[str, float] = {}
        self._epoch = -1

    def show(self, clear: bool = False) -> None:
        """Shows it, unless it has just been shown; `clear`: in any case."""
        now = time.monotonic()
        pause = now - self._shown_at
        if self._style not in ("live", "plain") or (not clear and pause < self._pause_s):
            return
        logs = self._logs(pause)
        self._shown_at, self._shown_step = now, self._trainer.global_step
        self._shown_seconds = dict(self._trainer.timing.total_seconds)
        self._epoch = self._trainer.epoch
        message = str(self._trainer.message)
        if self._style == "plain":
            print(self.line(logs, message if clear else ""), file=self._stream, flush=True)
            return
        if self._live is None:
            console = Console(file=self._stream, highlight=False)
            # What else is printed meanwhile goes above the view. No thread draws.
            self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        width = min(max(self._live.console.width, 80), 120)
        self._live.update(self.view(logs, message, width), refresh=True)

    def close(self) -> None:
        """Shows the end, and leaves the terminal as it was."""
        if self._epoch != self._trainer.epoch:
            self.show(clear=True)
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _logs(self, pause: float) -> dict[str, float]:
        """Returns what there is to show, named as in a log."""
        trainer = self._trainer
        seconds = {
            name: total - self._shown_seconds.get(name, 0.0)
            for name, total in trainer.timing.total_seconds.items()
        }
        return numbers({
            "agent_steps": trainer.global_step,
            "SPS": (trainer.global_step - self._shown_step) / max(pause, 1e-9),
            "epoch": trainer.epoch,
            "uptime": trainer.uptime,
            "learning_rate": trainer.optimizer.param_groups[0]["lr"],
            **{f"environment/{name}": value for name, value in trainer.last_stats.items()},
            **{f"losses/{name}": value for name, value in trainer.losses.items()},
            **{f"performance/{name}": value for name, value in seconds.items()},
        })  # fmt: skip

    def line(self, logs: Mapping[str, float], message: str = "") -> str:
        """Returns a log as one plain line."""
        steps, rate = logs.get("agent_steps", 0), logs.get("SPS", 0)
        stats = _under(logs, "environment/")
        losses = _under(logs, "losses/")
        words = [
            f"{self._env}: {steps:,.0f}/{self._total:,} steps ({self._share(steps):.1%})",
            f"{short(rate)} steps/s",
            *([f"{self._left(steps, rate)} left"] if rate else []),
            *(f"{name} {short(stats[name])}" for name in stats_first(stats)[:4]),
            *(f"{name} {short(losses[name])}" for name in list(losses)[:3]),
        ]
        return printable(", ".join([*words, message] if message else words)).replace("\n", " ")

    def view(self, logs: Mapping[str, float], message: str = "", width: int = 80) -> Panel:
        """Returns a log as a panel of that width, which fits 24 lines."""
        inside = width - 4  # without the frame
        steps, rate = logs.get("agent_steps", 0), logs.get("SPS", 0)
        bar = inside - 56
        filled = int(bar * self._share(steps))
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append("━" * filled, "bold green").append("━" * (bar - filled), "dim")
        text.append(
            f" {self._share(steps):>6.1%} of {short(self._total):<7}"
            f"{short(rate):>9} steps/s {self._left(steps, rate):>11} left\n"
        )
        learning = (
            f"learning rate {short(logs['learning_rate'])}" if "learning_rate" in logs else ""
        )
        text.append(
            f"update {logs.get('epoch', 0):<9.0f} step {short(steps):<9} {learning:<24}"
            f"{duration(logs.get('uptime', 0)) + ' so far':>{inside - 57}}\n",
            "dim",
        )
        stats = _under(logs, "environment/")
        columns = (
            ("Time", 14, 5, _shares(_under(logs, "performance/"))),
            ("Losses", 19, 7, [(n, short(v)) for n, v in _under(logs, "losses/").items()]),
            ("Environment", inside - 56, 7, [(n, short(stats[n])) for n in stats_first(stats)]),
        )
        for at, (title, wide, value_wide, _) in enumerate(columns):
            text.append("  " if at else "").append(_cut(title, wide + value_wide), "bold cyan")
        height = min(max(len(rows) for *_, rows in columns), _ROWS)
        for number in range(height):
            text.append("\n")
            for at, (_, wide, value_wide, rows) in enumerate(columns):
                name, value = rows[number] if number < len(rows) else ("", "")
                text.append("  " if at else "").append(_cut(printable(name), wide))
                text.append(f"{value:>{value_wide}}", "bold")
        text.append("\n" + _cut(printable(message).replace("\n", " "), inside), "dim")
        return Panel(text, title=Text(self._env, "bold"), border_style="cyan", width=width)

    def _share(self, steps: float) -> float:
        return min(steps / max(self._total, 1), 1.0)

    def _left(self, steps: float, rate: float) -> str:
        return duration(max(self._total - steps, 0) / rate) if rate > 0 else "?"


def _under(logs: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {n.removeprefix(prefix): v for n, v in logs.items() if n.startswith(prefix)}


def times(seconds: Mapping[str, float]) -> list[tuple[str, float]]:
    """Returns the parts of the time in the order of their doing; indented, what is in another."""
    rows: list[tuple[str, float]] = []
    left = dict(seconds)
    for name, parts in _INDENTED.items():
        if name in left:
            rows.append((name, left.pop(name)))
        for part in parts:
            if part in left:
                shown = part.removeprefix("eval_").removeprefix("train_").replace("_", " ")
                rows.append((f"  {shown}", left.pop(part)))
    return rows + list(left.items())


def _shares(seconds: Mapping[str, float]) -> list[tuple[str, str]]:
    whole = sum(seconds.get(name, 0.0) for name in _INDENTED) or sum(seconds.values()) or 1.0
    return [(name, f"{spent / whole:.0%}") for name, spent in times(seconds)]


def _cut(text: str, width: int) -> str:
    """Returns a text of exactly that many characters."""
    return f"{text:<{width}}" if len(text) <= width else text[: width - 1] + "…"
