"""The main job: `puffer train coding_problem`, then what came of it.

    python -m coding_envs_trainer.main_job [--out FOLDER] [flags of puffer train ...]
    python -m coding_envs_trainer.main_job --plot FILE.png RUN [RUN ...]

The training is PufferLib's own command, in a process of its own. When it ends, its checkpoints are
evaluated greedily on the training problems and on the held-out ones, the learning curve is drawn
from that, and the last checkpoint's solve rates and some of its programs are printed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from coding_envs.data import ProblemSet, load_problems
from coding_envs.envs.puffer_env import CodingPufferEnv
from coding_envs.envs.render import render_episode
from coding_envs.errors import CodingEnvsError
from coding_envs.evaluation import EvalReport
from coding_envs.judge import Judge

from . import learning_curve
from .learning_curve import Point
from .policies import Policy

__all__ = ["main"]

_MAX_POINTS = 16
_SHOWN = 6


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains and sums up; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    try:
        if words[:1] == ["--plot"]:
            if len(words) < 3:
                raise CodingEnvsError("--plot wants a file and at least one run's folder")
            learning_curve.plot([Path(word) for word in words[2:]], Path(words[1]))
            print(f"plot: {words[1]}")
            return 0
        out = Path("experiments") / time.strftime("coding_problem-%Y%m%d-%H%M%S")
        if words[:1] == ["--out"]:
            if len(words) < 2:
                raise CodingEnvsError("--out wants a folder")
            out, words = Path(words[1]), words[2:]
        started = time.time()
        seed = _flag(words, "--policy.seed", 0)
        code = _train(out, words)
        if code != 0:
            return code
        _sum_up(out, started, seed)
    except (CodingEnvsError, OSError) as error:
        print(f"coding-envs: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _flag(words: Sequence[str], name: str, default: int) -> int:
    """Returns a flag's value, written `--flag 3` or `--flag=3`."""
    for number, word in enumerate(words):
        flag, _, value = word.partition("=")
        if flag == name:
            text = value or "".join(words[number + 1 : number + 2])
            try:
                return int(text)
            except ValueError:
                raise CodingEnvsError(f"{name} must be an int, got {text!r}") from None
    return default


def _train(out: Path, flags: Sequence[str]) -> int:
    """Runs PufferLib's command; returns its exit code."""
    out.mkdir(parents=True, exist_ok=True)
    puffer = Path(sys.executable).with_name("puffer")
    command = [str(puffer), "train", "coding_problem"]
    places = ["--train.data-dir", str(out), "--env.log-path", str(out / "log.jsonl")]
    print(" ".join(["$ puffer", *command[1:], *places, *flags]), flush=True)
    # PyTorch's idle threads would otherwise spin on the processors that the sandbox needs.
    process = subprocess.Popen(
        [*command, *places, *flags], env={"OMP_WAIT_POLICY": "passive", **os.environ}
    )
    try:
        code = process.wait()
    except KeyboardInterrupt:
        # Ctrl-C has reached it, too; PufferLib ends at once then, with code 0.
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    if code == 0 and not learning_curve.checkpoints_of(out):
        raise CodingEnvsError(f"the training left no checkpoint in {out}; see its output above")
    return code


def _sum_up(out: Path, started: float, seed: int) -> None:
    sets = {"train": load_problems("starter", split="train")}
    test = load_problems("starter", split="test")
    sets["test: new instances"] = test.filter(lambda p: "held_out_instance" in p.flags)
    sets["test: new families"] = test.filter(lambda p: "held_out_family" in p.flags)
    paths = _spread(learning_curve.checkpoints_of(out), _MAX_POINTS)
    print(f"\nEvaluating {len(paths)} checkpoints greedily ...", flush=True)
    written: dict[str, tuple[dict[str, str], EvalReport]] = {}
    with Judge(cache="memory") as judge:
        points = [_random_policy(sets, judge, seed)]
        for path in paths:
            point, written = learning_curve.measure(path, sets, judge, started=started)
            points.append(point)
    learning_curve.write_curve(out, points)
    picture = out / "curve.png"
    try:
        learning_curve.plot([out], picture)
        drawn = str(picture)
    except CodingEnvsError as error:
        drawn = f"not drawn: {error}"
    _print_table(points)
    _print_programs(sets, written)
    print(
        f"\ncheckpoint:     {paths[-1]}\nlearning curve: {drawn}\nlog:            {out}/log.jsonl"
    )


def _random_policy(sets: dict[str, ProblemSet], judge: Judge, seed: int) -> Point:
    """The policy before its first update: what the curve begins with."""
    env = CodingPufferEnv(num_agents=1, dataset=sets["train"], judge=judge)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model_000000.pt")
        torch.save(Policy(env, seed=seed).state_dict(), path)
        point, _ = learning_curve.measure(path, sets, judge, started=0.0)
    return Point(0.0, 0, point.solve_rates)


def _spread(paths: list[Path], most: int) -> list[Path]:
    if len(paths) <= most:
        return paths
    step = (len(paths) - 1) / (most - 1)
    return [paths[round(i * step)] for i in range(most)]


def _print_table(points: Sequence[Point]) -> None:
    names = list(points[-1].solve_rates)
    print("\nGreedy solve rate")
    print("  ".join([f"{'minutes':>8}", *(f"{name:>20}" for name in names)]))
    for point in points:
        cells = [f"{100 * point.solve_rates[name]:19.1f}%" for name in names]
        print("  ".join([f"{point.elapsed_s / 60:8.1f}", *cells]))


def _print_programs(
    sets: dict[str, ProblemSet], written: dict[str, tuple[dict[str, str], EvalReport]]
) -> None:
    """Shows programs of the last checkpoint for problems that it was not trained on."""
    name = "test: new instances"
    programs, report = written[name]
    solved = [result for result in report.results if result.verdict.accepted]
    failed = [result for result in report.results if not result.verdict.accepted]
    # The same problems for the same report: a run's summary can be made again.
    draw = random.Random(0)
    shown = draw.sample(solved, min(_SHOWN - 2, len(solved)))
    shown += draw.sample(failed, min(2, len(failed)))
    print("\nSome programs that the policy wrote for held-out problems:\n")
    color = "NO_COLOR" not in os.environ and sys.stdout.isatty()
    for result in shown:
        problem, program = sets[name].by_key(result.key), programs[result.key]
        print(render_episode(problem, program, result.verdict, color=color) + "\n")


if __name__ == "__main__":
    sys.exit(main())
