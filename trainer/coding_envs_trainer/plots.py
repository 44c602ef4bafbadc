"""Pictures of runs, from their logs: PNG by matplotlib, or one HTML file with nothing else needed.

`*/log.jsonl` is read; runs that are given together share each panel's axes.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coding_envs.errors import CodingEnvsError, InvalidValueError, UnknownNameError

from .dashboard import short, stats_first
from .loggers import read_log

__all__ = ["Line", "Panel", "panels", "plot"]

_MAX_POINTS = 300  # per line: more than a panel has pixels for
_MAX_PANELS = 9
_DEFAULT = (
    *("SPS", "losses/entropy", "losses/value_loss", "losses/policy_loss", "losses/approx_kl"),
    *("losses/explained_variance", "learning_rate"),
)
# Okabe and Ito's colours, which can be told apart by everybody.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555", "#B2A300")
_AXES = {"steps": ("agent_steps", "steps", 1.0), "minutes": ("uptime", "minutes", 60.0)}


@dataclass(frozen=True)
class Line:
    """One run's line: its name, its number among the runs, and its points."""

    name: str
    run: int
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Panel:
    """One statistic of all runs."""

    title: str
    x_label: str
    lines: list[Line]


def plot(
    runs: Sequence[Path], out: str | Path, *, keys: Sequence[str] = (), x: str = "steps"
) -> Path:
    """Draws runs; returns the picture's path.

    Args:
      runs: their folders, or logs.
      out: ends in .png or .html.
      keys: what to draw, as logs name it; default: the first statistics of the environment, speed
        and losses.
      x: "steps" or "minutes".

    Raises:
      InvalidValueError: `out` or `x` is neither.
      UnknownNameError: no log has such a key.
      CodingEnvsError: a run has no log, or matplotlib is not installed.
    """
    out = Path(out)
    if out.suffix not in (".png", ".html"):
        raise InvalidValueError(f"--out must end in .png or .html, got {str(out)!r}")
    drawn = panels(runs, keys, x)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".png":
        _write_png(drawn, out)
    else:
        out.write_text(_html(drawn), encoding="utf-8")
    return out


def panels(runs: Sequence[Path], keys: Sequence[str], x: str) -> list[Panel]:
    """Returns what to draw; see `plot`."""
    if x not in _AXES:
        raise InvalidValueError(f"--x must be steps or minutes, got {x!r}")
    x_key, label, unit = _AXES[x]
    logs = [read_log(run) for run in runs]
    names = _names(runs)
    known = {key for log in logs for line in log for key in line}
    for key in keys:
        if key not in known:
            raise UnknownNameError("key of a log", key, known)
    found = []
    for key in keys or _choose(known):
        lines = []
        for number, log in enumerate(logs):
            points = [
                (line[x_key] / unit, line[key])
                for line in log
                if line.get(key) is not None and line.get(x_key) is not None
            ]
            if points:
                lines.append(Line(names[number], number, *_thinned(points)))
        if lines:
            found.append(Panel(key.removeprefix("environment/"), label, lines))
    if not found:
        raise CodingEnvsError("the logs have nothing to draw yet")
    return found


def _choose(known: set[str]) -> list[str]:
    stats = {k.removeprefix("environment/"): 0 for k in known if k.startswith("environment/")}
    first = [f"environment/{name}" for name in stats_first(stats)]
    rest = [key for key in _DEFAULT if key in known]
    # As many statistics as the panels leave room for, two rows at least of three.
    return (first[: max(_MAX_PANELS - len(rest), 2)] + rest)[:_MAX_PANELS]


def _names(runs: Sequence[Path]) -> list[str]:
    folders = [(run.parent if run.suffix == ".jsonl" else run).absolute() for run in runs]
    names = [folder.name for folder in folders]
    if len(set(names)) == len(names):
        return names
    return [f"{folder.parent.name}/{folder.name}" for folder in folders]


def _thinned(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Returns at most _MAX_POINTS points: means of equally many neighbours."""
    size = math.ceil(len(points) / _MAX_POINTS)
    groups = [points[at : at + size] for at in range(0, len(points), size)]
    return (
        [sum(p[0] for p in group) / len(group) for group in groups],
        [sum(p[1] for p in group) / len(group) for group in groups],
    )


def _columns(count: int) -> int:
    return 1 if count == 1 else 2 if count in (2, 4) else 3


def _write_png(drawn: Sequence[Panel], out: Path) -> None:
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        raise CodingEnvsError(
            "a PNG needs matplotlib, which is not installed; pip install "
            "'coding-envs-trainer[plot]', or write --out FILE.html"
        ) from None
    columns = _columns(len(drawn))
    rows = math.ceil(len(drawn) / columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(4.2 * columns, 2.9 * rows + 0.5), layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for axes, panel in zip(grid.flat, drawn, strict=False):
        for line in panel.lines:
            axes.plot(
                line.x, line.y, color=_COLORS[line.run % len(_COLORS)], linewidth=1.3,
                marker="." if len(line.x) < 3 else None,
            )  # fmt: skip
        axes.set_title(panel.title, fontsize=10)
        axes.set_xlabel(panel.x_label, fontsize=8)
        axes.grid(alpha=0.25)
        axes.tick_params(labelsize=8)
        for one in (axes.xaxis, axes.yaxis):
            one.set_major_formatter(lambda value, _: _tick_text(value))
    for axes in list(grid.flat)[len(drawn) :]:
        axes.set_visible(False)
    runs = _runs(drawn)
    handles = [
        plt.Line2D([], [], color=_COLORS[number % len(_COLORS)], label=name)
        for number, name in runs.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(runs), 3), fontsize=8)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def _runs(drawn: Sequence[Panel]) -> dict[int, str]:
    return {line.run: line.name for panel in drawn for line in panel.lines}


# --- HTML ------------------------------------------------------------------------------------

_STYLE = """
body { font: 14px system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff; }
.runs { margin: 0 0 1rem; padding: 0; list-style: none; }
.runs li { display: inline-block; margin-right: 1.5rem; }
.runs b { display: inline-block; width: 1.5em; height: .25em; vertical-align: middle; }
.panels { display: flex; flex-wrap: wrap; gap: 1rem; }
text { font: 11px system-ui, sans-serif; fill: #444; }
.title { font-weight: 600; font-size: 13px; fill: #222; }
.grid { stroke: #ddd; } .frame { fill: none; stroke: #999; }
path { fill: none; stroke-width: 1.5; } circle { fill: transparent; }
"""
_WIDTH, _HEIGHT = 400, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 28, 40


def _html(drawn: Sequence[Panel]) -> str:
    """Returns a page of SVG panels; the point under the pointer is named."""
    runs = "".join(
        f'<li><b style="background:{_COLORS[number % len(_COLORS)]}"></b> {html.escape(name)}</li>'
        for number, name in _runs(drawn).items()
    )
    pictures = "\n".join(_svg(panel) for panel in drawn)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Training</title>\n'
        f"<style>{_STYLE}</style></head><body>\n"
        f'<ul class="runs">{runs}</ul>\n<div class="panels">\n{pictures}\n</div></body></html>\n'
    )


def _svg(panel: Panel) -> str:
    xs = [x for line in panel.lines for x in line.x]
    ys = [y for line in panel.lines for y in line.y]
    x_ticks, y_ticks = _ticks(min(xs), max(xs)), _ticks(min(ys), max(ys))
    x_low, x_high = min(min(xs), x_ticks[0]), max(max(xs), x_ticks[-1])
    y_low, y_high = min(min(ys), y_ticks[0]), max(max(ys), y_ticks[-1])
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def across(x: float) -> float:
        return _LEFT + (x - x_low) / (x_high - x_low) * (right - _LEFT)

    def up(y: float) -> float:
        return bottom - (y - y_low) / (y_high - y_low) * (bottom - _TOP)

    parts = [f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img">']
    parts.append(f'<text class="title" x="{_LEFT}" y="18">{html.escape(panel.title)}</text>')
    for tick in y_ticks:
        at = f"{up(tick):.1f}"
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{at}" y2="{at}"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{at}" dy="4" text-anchor="end">{_tick_text(tick)}</text>'
        )
    for tick in x_ticks:
        at = f"{across(tick):.1f}"
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{_TOP}" y2="{bottom}"/>')
        place = f'x="{at}" y="{bottom + 15}" text-anchor="middle"'
        parts.append(f"<text {place}>{_tick_text(tick)}</text>")
    frame = f'width="{right - _LEFT}" height="{bottom - _TOP}"'
    parts.append(f'<rect class="frame" x="{_LEFT}" y="{_TOP}" {frame}/>')
    middle = (_LEFT + right) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{panel.x_label}</text>'
    )
    for line in panel.lines:
        color = _COLORS[line.run % len(_COLORS)]
        places = [(across(x), up(y)) for x, y in zip(line.x, line.y, strict=True)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path d="M{path}" stroke="{color}"/>')
        radius = 3 if len(places) < 3 else 5
        fill = f' style="fill:{color}"' if len(places) < 3 else ""
        for (px, py), x, y in zip(places, line.x, line.y, strict=True):
            said = html.escape(f"{line.name}: {short(y)} at {short(x)} {panel.x_label}")
            place = f'cx="{px:.1f}" cy="{py:.1f}" r="{radius}"{fill}'
            parts.append(f"<circle {place}><title>{said}</title></circle>")
    parts.append("</svg>")
    return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Returns 3 to 7 round numbers that enclose a range; never only one."""
    if high <= low:
        pad = abs(low) / 2 or 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / 4
    size: float = 10.0 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _tick_text(value: float) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"
