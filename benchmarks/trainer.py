"""Steps per second of trainers: ours, PufferLib's PuffeRL, a CleanRL-style loop, Stable-Baselines3.

    python benchmarks/trainer.py [--rounds 5] [--seconds 3] [--threads 1] [--case NAME ...]
                                 [--quick] [--json FILE]

All get the same environment (`mock_env`: token observations, no sandbox), the same network, the
same batch and minibatch sizes, and learn from each step once. Each trainer lives in a process of
its own; they take turns, so that a machine whose speed drifts treats them alike. A ratio is the
median over the rounds. Steps are of agents, from the beginning of a rollout to the end of the
update that learns from it.

In the cases with verdicts, "PuffeRL" has an environment that starts all executions of a step side
by side and waits for the last: the best that verdicts at once can be. "single environments" is what
vectorised single environments do, in one process per core: each waits for its own verdict, so that
as many executions go on as there are cores. Ours leaves verdicts open.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainers.settings import Case

HOST = Path(__file__).parent / "trainers" / "host.py"
OTHERS = ("pufferl", "cleanrl", "sb3")

# name -> case, who takes part, goals: (ours, other, at least)
CASES: dict[str, tuple[Case, tuple[str, ...], tuple[tuple[str, str, float], ...]]] = {
    **{
        f"tiny-{agents}": (
            Case("tiny", agents), ("ours", *OTHERS),
            tuple(("ours", other, 1.5) for other in OTHERS),
        )
        for agents in (1024, 4096)
    },
    **{
        f"large-{agents}": (
            Case("large", agents), ("ours", *OTHERS),
            tuple(("ours", other, 1.1) for other in OTHERS),
        )
        for agents in (1024, 4096)
    },
    **{
        f"lstm-{agents}": (
            Case("lstm", agents), ("ours", "ours-own", "pufferl", "cleanrl"),
            (("ours", "pufferl", 1.1), ("ours-own", "pufferl", 1.1), ("ours-own", "cleanrl", 1.1)),
        )
        for agents in (1024,)
    },
    "transformer-64": (
        Case("transformer", 64, minibatch=1024), ("ours", "ours-own"),
        (("ours-own", "ours", 20.0),),
    ),
    **{
        f"verdicts-{ms}ms": (
            Case("large", 256, float(ms)), ("ours", "ours-free", "pufferl", "pufferl-singles"),
            (("ours", "ours-free", 0.95), ("ours", "pufferl-singles", times)),
        )
        for ms, times in ((5, 3.0), (50, 20.0))
    },
}  # fmt: skip

TITLES = {
    "ours": "coding_envs_trainer",
    "ours-own": "coding_envs_trainer, its own recurrent policy",
    "ours-free": "coding_envs_trainer, executions that take no time",
    "pufferl": "PufferLib 3.0 PuffeRL",
    "pufferl-singles": "the same, single environments",
    "cleanrl": "CleanRL-style loop",
    "sb3": "Stable-Baselines3 PPO",
}


class Contestant:
    """One trainer in its process."""

    def __init__(self, name: str, case: Case, threads: int) -> None:
        self.name = name
        command = [sys.executable, str(HOST), name, json.dumps(asdict(case)), str(threads)]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._answer()

    def rate(self, seconds: float) -> float:
        """Trains for so long; returns steps per second."""
        assert self._process.stdin is not None
        print(json.dumps(seconds), file=self._process.stdin, flush=True)
        steps, took = self._answer()
        return float(steps / took)

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: its process ended")
        return json.loads(line)


def main() -> None:
    """Measures, prints a table per case, writes the JSON."""
    options = _options()
    results: dict[str, dict[str, list[float]]] = {}
    for name in options.case or CASES:
        case, names, goals = CASES[name]
        contestants = [Contestant(one, case, options.threads) for one in names]
        rates: dict[str, list[float]] = {one: [] for one in names}
        try:
            for _ in range(options.rounds):
                for contestant in contestants:
                    rates[contestant.name].append(contestant.rate(options.seconds))
        finally:
            for contestant in contestants:
                contestant.close()
        results[name] = rates
        _print(name, case, rates, goals)
    if options.json:
        machine = {"machine": platform.processor(), "python": platform.python_version()}
        options.json.write_text(json.dumps({**machine, "rates": results}, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn, at least")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("--case", action="append", choices=CASES, metavar="NAME",
                        help=f"this one only, may be repeated: {', '.join(CASES)}")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", type=Path, help="where all numbers go")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 0.5
    return options


def _print(name: str, case: Case, rates: dict[str, list[float]], goals: Any) -> None:
    print(
        f"\n{name}: {case.agents} agents, horizon {case.horizon}, minibatches of {case.minibatch}"
    )
    print(f"{'':50}{'steps/s':>10}{'min':>10}{'max':>10}")
    for one, values in rates.items():
        row = statistics.median(values), min(values), max(values)
        print(f"{TITLES[one]:50}" + "".join(f"{value:10,.0f}" for value in row))
    for ours, other, wanted in goals:
        ratio = statistics.median(a / b for a, b in zip(rates[ours], rates[other], strict=True))
        met = "" if ratio >= wanted else "  <- not met"
        print(f"  {ours} / {other}: {ratio:.2f} (wanted {wanted:g}){met}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
