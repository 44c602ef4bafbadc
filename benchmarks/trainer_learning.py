"""What the trainer learns: CartPole, a task of memory, and the starter set beside PufferLib's.

    python benchmarks/trainer_learning.py [--only cartpole recall starter] [--seeds 0 1 2]
                                          [--minutes 3] [--json FILE] [--plot FILE.png]

cartpole: CartPole-v1 by `coding-envs train`'s own settings; the mean return of the last 100
  episodes is to reach 475, which is where Gymnasium calls it solved.
recall: a cue, 14 blank steps, a question (`recall_env`); LSTM and Transformer are to answer 95% of
  the questions, with actions drawn as in training. The MLP beside them shows that it cannot be done
  without memory.
starter: the bundled problems, with the same policy, settings, seed and wall time for this trainer
  and for PufferLib 3.0's, one after the other; greedy solve rates, those of held-out problems too.

Each part, and each seed of `starter`, may be run by itself: what `--json` holds of the others is
kept, and drawn by `--plot`.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from recall_env import RecallEnv

from coding_envs.data import load_problems
from coding_envs.evaluation import evaluate
from coding_envs.judge import Judge
from coding_envs_trainer import PuffeRL, checkpoint, load_config, load_env, load_policy
from coding_envs_trainer.loggers import NoLogger
from coding_envs_trainer.policies import LSTM, MLP, Transformer

PARTS = ("cartpole", "recall", "starter")
STARTER = Path(__file__).parent / "trainers" / "starter.py"
TITLES = {"ours": "coding_envs_trainer", "pufferl": "PufferLib 3.0"}
SOLVED, EPISODES = 475.0, 100
RECALLED = 0.95
LENGTH, SYMBOLS = 16, 4
POINTS = 9  # of a starter curve, after the first
COLORS = ("#0072B2", "#D55E00", "#009E73")  # Okabe and Ito's


def main() -> None:
    """Runs the parts, prints their tables, writes the JSON and the plot."""
    options = _options()
    torch.set_num_threads(1)
    results: dict[str, Any] = {}
    if options.json and options.json.is_file():
        results = json.loads(options.json.read_text(encoding="utf-8"))
    for part in options.only:
        print(f"\n{part}", flush=True)
        results[part] = {
            "cartpole": lambda: cartpole(options.seeds),
            "recall": lambda: recall(options.seeds),
            "starter": lambda: starter(options.seeds, options.minutes, results.get("starter", {})),
        }[part]()
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if options.plot:
        plot(results, options.plot)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS,
                        help="these parts; none: only the plot")  # fmt: skip
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=3.0, help="of each run of starter")
    parser.add_argument("--json", type=Path, help="where all numbers go")
    parser.add_argument("--plot", type=Path, help="a picture, .png")
    return parser.parse_args()


def _learn(trainer: PuffeRL, name: str, last: int, goal: float) -> dict[str, Any]:
    """Trains to the end; returns the curve of a statistic, and when it first reached `goal`.

    Args:
      trainer: is trained and closed.
      name: of what the environments tell.
      last: over how many of these a mean is taken.
      goal: of that mean.
    """
    recent: collections.deque[float] = collections.deque(maxlen=last)
    curve: list[tuple[int, float]] = []
    reached = None
    started = time.perf_counter()
    while trainer.epoch < trainer.total_epochs:
        recent.extend(trainer.evaluate()[name])
        trainer.train()
        if not recent:
            continue
        mean = statistics.fmean(recent)
        curve.append((trainer.global_step, mean))
        if reached is None and len(recent) == last and mean >= goal:
            reached = {"steps": trainer.global_step, "seconds": time.perf_counter() - started}
    seconds = time.perf_counter() - started
    trainer.close()
    return {"curve": curve, "reached": reached, "end": curve[-1][1], "seconds": seconds}


def _print_run(name: str, seed: int, run: dict[str, Any], scale: float, wanted: str) -> None:
    reached = "not reached"
    if run["reached"]:
        reached = "{steps:,} steps, {seconds:.0f} s".format(**run["reached"])
    steps = run["curve"][-1][0]
    end = f"{scale * run['end']:6.1f} after {steps:,} steps, {run['seconds']:.0f} s"
    print(f"  {name:12} seed {seed}: {wanted} at {reached:24} at the end {end}", flush=True)


def cartpole(seeds: list[int]) -> list[dict[str, Any]]:
    """Returns a run per seed."""
    runs = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            flags = ["--train.seed", str(seed), "--policy.seed", str(seed)]
            flags += ["--train.data-dir", folder, "--train.device", "cpu"]
            args = load_config("gym:CartPole-v1", flags)
            vecenv = load_env("gym:CartPole-v1", args)
            config = args["train"] | {"env": "CartPole", "dashboard": "none"}
            trainer = PuffeRL(config, vecenv, load_policy(args, vecenv), NoLogger())
            run = _learn(trainer, "episode_return", EPISODES, SOLVED)
        _print_run("MLP", seed, run, 1.0, f"{SOLVED:g}")
        runs.append({"seed": seed, **run})
    return runs


def recall(seeds: list[int]) -> dict[str, list[dict[str, Any]]]:
    """Returns a run per policy and seed."""
    runs: dict[str, list[dict[str, Any]]] = {}
    horizon = 2 * LENGTH  # segments hold whole episodes: what is asked for can be looked up
    for name, kind, more in (
        ("LSTM", LSTM, {}),
        ("Transformer", Transformer, {"horizon": horizon}),
        ("MLP", MLP, {}),
    ):
        for seed in seeds:
            vecenv = RecallEnv(symbols=SYMBOLS, length=LENGTH)
            policy = kind(vecenv, hidden_size=64, seed=seed, **more)
            with tempfile.TemporaryDirectory() as folder:
                config = {
                    "env": "recall", "device": "cpu", "seed": seed, "data_dir": folder,
                    "dashboard": "none", "bptt_horizon": horizon, "minibatch_size": 1024,
                    "update_epochs": 4, "optimizer": "adam", "learning_rate": 1e-3,
                    "adam_beta1": 0.9, "adam_eps": 1e-5, "max_grad_norm": 0.5, "gamma": 0.99,
                    "vf_coef": 0.5, "ent_coef": 0.01, "total_timesteps": 600_000,
                }  # fmt: skip
                trainer = PuffeRL(config, vecenv, policy, NoLogger())
                # Each number is the part of all agents' questions that was answered.
                run = _learn(trainer, "recalled", 4, RECALLED)
            _print_run(name, seed, run, 100.0, f"{100 * RECALLED:g}%")
            runs.setdefault(name, []).append({"seed": seed, **run})
    return runs


def starter(
    seeds: list[int], minutes: float, before: dict[str, list[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    """Returns a run per trainer and seed, each in a process of its own with all processors.

    Args:
      seeds: those that are run.
      minutes: of training.
      before: runs of other seeds, which are kept.
    """
    runs = {
        name: [run for run in before.get(name, []) if run["seed"] not in seeds] for name in TITLES
    }
    environment = {"OMP_WAIT_POLICY": "passive"} | os.environ  # as `make train` does
    for seed in seeds:
        for name in TITLES:
            with tempfile.TemporaryDirectory() as folder:
                words = [name, str(seed), str(minutes), str(POINTS), folder]
                subprocess.run([sys.executable, str(STARTER), *words], env=environment, check=True)
                run = {"seed": seed, "points": _measure(Path(folder))}
            runs[name].append(run)
            end = run["points"][-1]
            rates = ", ".join(f"{key} {100 * rate:.1f}%" for key, rate in end["rates"].items())
            speed = end["steps"] / end["seconds"]
            print(f"  {TITLES[name]:20} seed {seed}: {rates}; {end['steps']:,.0f} steps in "
                  f"{end['seconds'] / 60:.1f} min ({speed:,.0f}/s)", flush=True)  # fmt: skip
    return runs


def _measure(folder: Path) -> list[dict[str, Any]]:
    """Returns greedy solve rates of a run's checkpoints."""
    sets = {name: load_problems("starter", split=name) for name in ("train", "test")}
    points = json.loads((folder / "times.json").read_text(encoding="utf-8"))
    with Judge(cache="memory") as judge:
        for point, path in zip(points, sorted(folder.glob("model_*.pt")), strict=True):
            policy, tokenizer = checkpoint.load(path)
            solved: dict[str, list[bool]] = collections.defaultdict(list)
            for split, problems in sets.items():
                programs = checkpoint.write_programs(policy, tokenizer, problems)
                for result in evaluate(problems, programs, judge).results:
                    flags = problems.by_key(result.key).flags
                    names = ["train"] if split == "train" else ["held out"]
                    names += [flag for flag in flags if flag.startswith("held_out_")]
                    for name in names:
                        solved[name].append(result.verdict.accepted)
            point["rates"] = {name: statistics.fmean(found) for name, found in solved.items()}
    return list(points)


def plot(results: dict[str, Any], target: Path) -> None:
    """Draws what there is, a panel per part; a line is a seed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    parts = [part for part in PARTS if part in results]
    figure, all_axes = plt.subplots(
        1, len(parts), figsize=(4.6 * len(parts), 3.8), layout="constrained", squeeze=False
    )
    for part, axes in zip(parts, all_axes[0], strict=True):
        lines: list[tuple[str, list[float], list[float]]] = []
        if part == "starter":
            for name, runs in results[part].items():
                for run in runs:
                    x = [point["seconds"] / 60 for point in run["points"]]
                    y = [100 * point["rates"]["held out"] for point in run["points"]]
                    lines.append((TITLES[name], x, y))
            axes.set(title="Starter set, held-out problems", xlabel="minutes of training",
                     ylabel="solved greedily, %")  # fmt: skip
        else:
            named = {"MLP": results[part]} if part == "cartpole" else results[part]
            scale, goal = (1, SOLVED) if part == "cartpole" else (100, 100 * RECALLED)
            for name, runs in named.items():
                for run in runs:
                    steps, values = zip(*run["curve"], strict=True)
                    lines.append((name, [s / 1e3 for s in steps], [scale * v for v in values]))
            axes.axhline(goal, color="gray", linewidth=0.8, linestyle=":")
            title, what = {
                "cartpole": ("CartPole-v1", f"mean return of the last {EPISODES} episodes"),
                "recall": (f"A cue remembered for {LENGTH - 1} steps", "right answers, %"),
            }[part]
            axes.set(title=title, xlabel="thousand steps", ylabel=what)
        colors: dict[str, str] = {}
        for name, x, y in lines:
            new = name not in colors
            color = colors.setdefault(name, COLORS[len(colors) % len(COLORS)])
            axes.plot(x, y, color=color, linewidth=1.3, alpha=0.85, label=name if new else None)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    figure.savefig(target, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
