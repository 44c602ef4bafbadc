"""The main job over several seeds: how soon it learns, and the picture in the README.

    python benchmarks/learning.py [--seeds 0 1 2] [--out experiments/learning] [--plot FILE]

Runs `make train`'s job once per seed, one after another; a seed whose folder already holds a curve
is not run again. Prints per seed the greedy solve rate before training, the minutes until it passed
50% of the training problems, and the last rates.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from coding_envs_trainer import learning_curve


def main() -> None:
    """Runs the seeds, prints the table, draws the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("experiments/learning"))
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    folders = []
    for seed in options.seeds:
        folder = options.out / f"seed{seed}"
        if not (folder / "curve.jsonl").is_file():
            flags = ["--train.seed", str(seed), "--policy.seed", str(seed)]
            module = ["-m", "coding_envs_trainer.main_job", "--out", str(folder)]
            subprocess.run([sys.executable, *module, *flags], check=True)
        folders.append(folder)
    print(f"\n{'seed':>4}{'before':>9}{'50% after':>12}{'minutes':>9}   last rates")
    for seed, folder in zip(options.seeds, folders, strict=True):
        points = learning_curve.read_curve(folder)
        passed = next((p.elapsed_s / 60 for p in points if p.solve_rates["train"] >= 0.5), None)
        after = f"{passed:.1f} min" if passed is not None else "never"
        rates = ", ".join(f"{name} {100 * r:.1f}%" for name, r in points[-1].solve_rates.items())
        before = f"{100 * points[0].solve_rates['train']:.1f}%"
        print(f"{seed:4}{before:>9}{after:>12}{points[-1].elapsed_s / 60:9.1f}   {rates}")
    if options.plot:
        learning_curve.plot(folders, options.plot)


if __name__ == "__main__":
    main()
