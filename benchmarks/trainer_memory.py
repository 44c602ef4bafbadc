"""Whether the trainer's memory grows: resident size over many updates, beside what it announces.

    python benchmarks/trainer_memory.py [--updates 1000] [--json FILE]

A token environment without a sandbox (`mock_env`), verdicts that come later, small networks. The
resident size is what the kernel says after each tenth of the updates, PyTorch and all libraries in
it; the first tenth is warm-up. Each policy has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

from mock_env import MockEnv

POLICIES = ("MLP", "LSTM", "Transformer")
AGENTS, HORIZON = 128, 16
GOAL = 0.01  # of the resident size


def run(name: str, updates: int) -> dict[str, Any]:
    """Trains; returns sizes in bytes."""
    warnings.simplefilter("ignore")
    import torch

    from coding_envs_trainer import PuffeRL, policies
    from coding_envs_trainer.loggers import NoLogger

    torch.set_num_threads(1)
    env = MockEnv(AGENTS, latency_s=0.001, verdicts="deferred")
    more = {"horizon": HORIZON} if name == "Transformer" else {}
    policy = getattr(policies, name)(env, hidden_size=64, **more)
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        config = {
            "device": "cpu", "optimizer": "adam", "learning_rate": 1e-3, "bptt_horizon": HORIZON,
            "minibatch_size": 1024, "total_timesteps": updates * AGENTS * HORIZON,
            "dashboard": "none", "data_dir": folder, "checkpoint_interval": updates // 10,
        }  # fmt: skip
        trainer = PuffeRL(config, env, policy, NoLogger())
        for update in range(1, updates + 1):
            trainer.evaluate()
            trainer.train()
            if update % (updates // 10) == 0:
                sizes.append(_resident())
        buffer = trainer.buffer.nbytes
        trainer.close()
    return {"buffer": buffer, "resident": sizes}


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Measures, prints a table, writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="where all numbers go")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    print(f"resident MiB after each tenth of {options.updates:,} updates")
    for name in POLICIES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            results[name] = found = pool.apply(run, (name, options.updates))
        sizes = found["resident"]
        grown = sizes[-1] / sizes[0] - 1
        met = "" if grown <= GOAL else f"  <- more than {GOAL:.0%}"
        figures = " ".join(f"{size / 2**20:.1f}" for size in sizes)
        print(f"  {name:12} buffer {found['buffer'] / 2**20:.1f}: {figures}  "
              f"grown {grown:+.2%} since the first tenth{met}", flush=True)  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
