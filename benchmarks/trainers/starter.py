"""One trainer on the bundled starter set for so many minutes; leaves weights and their times.

    python benchmarks/trainers/starter.py NAME SEED MINUTES POINTS FOLDER

NAME is `ours` (verdicts come when they come) or `pufferl` (PufferLib 3.0's; a step waits for them).
All else is the same: the settings of `coding-envs train coding_problem`, but for a learning rate
that stays, as neither can know how many steps it will have made. FOLDER gets POINTS checkpoints and
`times.json`: seconds and steps of each. Writing them is not counted as training.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from coding_envs_trainer import load_config, load_env, load_policy

__all__: list[str] = []

_STEPS = 10**9  # more than there is time for


def _trainer(name: str, seed: int, folder: Path) -> Any:
    flags = ["--train.seed", str(seed), "--policy.seed", str(seed), "--train.device", "cpu"]
    flags += ["--train.total-timesteps", str(_STEPS), "--train.anneal-lr", "False"]
    flags += ["--train.checkpoint-interval", str(_STEPS), "--train.data-dir", str(folder)]
    flags += ["--env.verdicts", "deferred" if name == "ours" else "sync"]
    args = load_config("coding_problem", flags)
    vecenv = load_env("coding_problem", args)
    policy = load_policy(args, vecenv)
    config = args["train"] | {"env": "coding_problem", "dashboard": "none"}
    np.random.seed(seed)  # noqa: NPY002 -- PufferLib seeds nothing
    torch.manual_seed(seed)
    if name == "ours":
        from coding_envs_trainer import PuffeRL
        from coding_envs_trainer.loggers import NoLogger

        return PuffeRL(config, vecenv, policy, NoLogger())
    from pufferlib import pufferl

    return pufferl.PuffeRL(config, vecenv, policy)


def main() -> None:
    """Trains, and notes what the policy was like on the way."""
    name, folder = sys.argv[1], Path(sys.argv[5])
    seed, seconds, points = int(sys.argv[2]), float(sys.argv[3]) * 60, int(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()):
        trainer = _trainer(name, seed, folder)
    times: list[dict[str, float]] = []
    spent = 0.0
    while True:
        if spent >= len(times) * seconds / points:
            torch.save(trainer.policy.state_dict(), folder / f"model_{len(times):06d}.pt")
            times.append({"seconds": spent, "steps": float(trainer.global_step)})
        if spent >= seconds:
            break
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            trainer.evaluate()
            trainer.train()
        spent += time.perf_counter() - started
    (folder / "times.json").write_text(json.dumps(times), encoding="utf-8")
    trainer.vecenv.close()
    os._exit(0)  # PufferLib's thread would go on


if __name__ == "__main__":
    main()
