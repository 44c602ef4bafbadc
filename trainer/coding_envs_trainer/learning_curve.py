"""How a run's policy got better: greedy solve rates of its checkpoints, and their plot.

A run's folder holds what `puffer train --train.data-dir FOLDER` left (`*/model_*.pt`) and the log
that the environment wrote (`log.jsonl`); `curve.jsonl` is added here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from coding_envs.data import ProblemSet
from coding_envs.errors import CodingEnvsError
from coding_envs.evaluation import EvalReport, evaluate
from coding_envs.judge import Judge

from . import checkpoint

__all__ = ["Point", "checkpoints_of", "measure", "plot", "read_curve", "write_curve"]


@dataclass(frozen=True)
class Point:
    """One checkpoint's greedy solve rates.

    Attributes:
      elapsed_s: seconds from the start of the run to the checkpoint.
      update: number of updates behind it.
      solve_rates: name of a set of problems -> the part of them that was solved.
    """

    elapsed_s: float
    update: int
    solve_rates: dict[str, float]


def checkpoints_of(folder: Path) -> list[Path]:
    """Returns a run's checkpoints, oldest first."""
    return sorted(folder.glob("*/model_*.pt"), key=lambda path: path.name)


def measure(
    path: Path, sets: dict[str, ProblemSet], judge: Judge, *, started: float
) -> tuple[Point, dict[str, tuple[dict[str, str], EvalReport]]]:
    """Returns a checkpoint's point; and for each set its programs, by problem key, and the report.

    Args:
      path: the checkpoint.
      sets: what to solve, by name.
      judge: judges the programs.
      started: when the run began, seconds since the epoch.
    """
    policy, tokenizer = checkpoint.load(path)
    written = {}
    for name, problems in sets.items():
        programs = checkpoint.write_programs(policy, tokenizer, problems)
        report = evaluate(problems, programs, judge)
        written[name] = {key: texts[0] for key, texts in programs.items()}, report
    rates = {name: float(report.pass_at_k[1]) for name, (_, report) in written.items()}
    digits = "".join(c for c in path.stem if c.isdigit())
    return Point(path.stat().st_mtime - started, int(digits or 0), rates), written


def write_curve(folder: Path, points: Sequence[Point]) -> Path:
    """Writes `curve.jsonl` into a run's folder; returns its path."""
    path = folder / "curve.jsonl"
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(asdict(p)) + "\n" for p in points), encoding="utf-8")
    part.replace(path)
    return path


def read_curve(folder: Path) -> list[Point]:
    """Returns the points of a run's `curve.jsonl`.

    Raises:
      CodingEnvsError: there is none, or it holds something else.
    """
    path = folder / "curve.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise CodingEnvsError(f"no {path}; it is written at the end of `make train`") from None
    try:
        points = [Point(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise CodingEnvsError(f"{path} holds no learning curve: {error}") from None
    if not points:
        raise CodingEnvsError(f"{path} is empty; it is written at the end of `make train`")
    return points


def plot(folders: Sequence[Path], target: Path, *, title: str = "") -> None:
    """Draws the solve rates of one or more runs over time.

    Raises:
      CodingEnvsError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        raise CodingEnvsError("a plot needs matplotlib: pip install 'coding-envs[plot]'") from None
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    colors: dict[str, str] = {}
    for folder in folders:
        points = read_curve(folder)
        for name in points[-1].solve_rates:
            new = name not in colors
            axes.plot(
                [p.elapsed_s / 60 for p in points],
                [100 * p.solve_rates[name] for p in points],
                color=colors.setdefault(name, f"C{len(colors)}"),  # the same in every run
                marker=".",
                linewidth=1.4,
                alpha=0.85,
                label=name if new else None,
            )
    axes.axhline(50, color="gray", linewidth=0.8, linestyle=":")
    axes.set(
        xlabel="minutes since the start", ylabel="problems solved greedily, %", ylim=(0, 100),
        title=title,
    )  # fmt: skip
    axes.set_xlim(left=0)
    axes.grid(alpha=0.25)
    axes.legend(loc="center right", frameon=False)
    figure.savefig(target, dpi=120)
    plt.close(figure)
