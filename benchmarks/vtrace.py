"""Advantages: the compiled kernel against others and against the memory, side by side in one run.

    python benchmarks/vtrace.py [--seconds 4] [--size SEGMENTS,HORIZON ...] [--json FILE]

All take turns within each round, so that a machine whose speed drifts treats them alike; a time is
the median over the rounds, beside it the least. Pin it (`taskset -c 0`) for the figures of one core;
those of several threads need as many cores. Where PufferLib has no compiled kernel it is left out.

The memory's limit is the faster of two kernels of the same library that read four arrays and write
one: with plain stores, and with stores that bypass the caches. Every other name does the work of one
update's advantages; ours and `torch` also sum their magnitudes per segment. PufferLib's convention
has no value behind the last step, and leaves that step out. Error: the largest error against float64,
over the largest advantage. The Python loop does a few rows, its time is scaled to all of them.

On a CUDA device the kernel is measured against one thread per row, and against a copy within the
device's memory, by events.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coding_envs_trainer import vtrace
from coding_envs_trainer.kernels import cpu, cuda
from coding_envs_trainer.kernels.job import job_of

try:
    import pufferlib._C  # noqa: F401

    PUFFERLIB = True
except ImportError:
    PUFFERLIB = False

SIZES = ((1024, 64), (4096, 128), (8192, 64), (16384, 256))
# Times as fast as PufferLib's kernel on one core; times the memory's limit; on two cores, where the
# arrays exceed the cache; the error.
SPEEDUP = {(1024, 64): 9.0, (4096, 128): 14.0, (8192, 64): 13.0, (16384, 256): 35.0}
OF_THE_LIMIT = 1.8
ON_TWO_CORES = 1.7
ERROR = 1e-5
GAMMA, GAE_LAMBDA = 0.99, 0.95
SETTINGS = (GAMMA, GAE_LAMBDA, 1.0, 1.0)
PYTHON_ROWS = 16
SLOW = ("torch", "numpy", "python")  # a few rounds are enough

type Array = NDArray[np.float32]


def arrays_of(segments: int, horizon: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(segments, horizon + 1, generator=generator)
    rewards = torch.randn(segments, horizon, generator=generator)
    terminals = (torch.rand(segments, horizon, generator=generator) < 0.02).float()
    importance = (0.1 * torch.randn(segments, horizon, generator=generator)).exp()
    return values, rewards, terminals, importance


def with_numpy(values: Array, rewards: Array, terminals: Array, importance: Array) -> Array:
    goes_on, weights = 1 - terminals, np.minimum(importance, 1)
    deltas = weights * (rewards + GAMMA * goes_on * values[:, 1:] - values[:, :-1])
    slopes = GAMMA * GAE_LAMBDA * goes_on * weights
    advantages, advantage = np.empty_like(rewards), np.zeros(len(rewards), np.float32)
    for t in reversed(range(rewards.shape[1])):
        advantage = deltas[:, t] + slopes[:, t] * advantage
        advantages[:, t] = advantage
    return advantages


def with_python(
    values: list[list[float]],
    rewards: list[list[float]],
    terminals: list[list[float]],
    importance: list[list[float]],
) -> list[list[float]]:
    advantages = []
    for v, r, d, w in zip(values, rewards, terminals, importance, strict=True):
        row, advantage = [0.0] * len(r), 0.0
        for t in range(len(r) - 1, -1, -1):
            weight, goes_on = min(w[t], 1.0), 1 - d[t]
            delta = weight * (r[t] + GAMMA * goes_on * v[t + 1] - v[t])
            advantage = delta + GAMMA * GAE_LAMBDA * weight * goes_on * advantage
            row[t] = advantage
        advantages.append(row)
    return advantages


def competitors(
    kernel: cpu.CpuKernel, arrays: tuple[Tensor, Tensor, Tensor, Tensor], threads: int
) -> dict[str, Callable[[], Any]]:
    """Returns name -> what does the work once."""
    values, rewards, terminals, importance = arrays
    segments, horizon = rewards.shape
    out, priorities = torch.zeros(segments, horizon), torch.zeros(segments)
    job = job_of(*arrays, out, None, priorities, SETTINGS)
    result: dict[str, Callable[[], Any]] = {"ours": lambda: kernel.run(job, threads=1)}
    if threads > 1:
        result[f"ours x{threads}"] = lambda: kernel.run(job, threads=threads)
    for name in kernel.instruction_sets[1:]:
        result[f"ours {name}"] = lambda name=name: kernel.run(job, threads=1, instruction_set=name)

    def called() -> None:
        torch.set_num_threads(1)
        vtrace.advantages(
            *arrays, gamma=GAMMA, gae_lambda=GAE_LAMBDA, out=out, priorities=priorities
        )
        torch.set_num_threads(threads)

    result["ours from Python"] = called
    if PUFFERLIB:
        narrow, theirs = values[:, :-1].contiguous(), torch.zeros(segments, horizon)
        result["PufferLib"] = lambda: torch.ops.pufferlib.compute_puff_advantage(
            narrow, rewards, terminals, importance, theirs, GAMMA, GAE_LAMBDA, 1.0, 1.0
        )
    result["torch"] = lambda: vtrace.reference(*arrays, gamma=GAMMA, gae_lambda=GAE_LAMBDA)
    as_numpy = [array.numpy() for array in arrays]
    result["numpy"] = lambda: with_numpy(*as_numpy)
    rows = [array[:PYTHON_ROWS].tolist() for array in arrays]
    result["python"] = lambda: with_python(*rows)

    streamed = [values[:, :-1].contiguous(), rewards, terminals, importance]
    target = torch.zeros(segments, horizon)
    for bypass in (False, True):
        for n in {1, threads}:
            name = f"limit{' past the cache' if bypass else ''}{f' x{n}' if n > 1 else ''}"
            result[name] = lambda n=n, bypass=bypass: kernel.stream(
                streamed, target, threads=n, past_the_cache=bypass
            )
    return result


def measure(work: dict[str, Callable[[], Any]], seconds: float) -> dict[str, list[float]]:
    """Returns name -> the time of each turn in seconds."""
    times: dict[str, list[float]] = {name: [] for name in work}
    end, rounds = time.perf_counter() + seconds, 0
    while time.perf_counter() < end or rounds < 7:
        for name, once in work.items():
            if name in SLOW and rounds >= 7:
                continue
            # A first turn, uncounted: what the one before has left in the caches is not ours.
            if name not in SLOW:
                once()
            begin = time.perf_counter()
            once()
            times[name].append(time.perf_counter() - begin)
        rounds += 1
    return times


def one_size(
    kernel: cpu.CpuKernel, segments: int, horizon: int, threads: int, seconds: float
) -> dict[str, Any]:
    arrays = arrays_of(segments, horizon)
    times = measure(competitors(kernel, arrays, threads), seconds)
    times["python"] = [t * segments / min(PYTHON_ROWS, segments) for t in times["python"]]
    median = {name: statistics.median(turns) for name, turns in times.items()}
    limit = min(median["limit"], median["limit past the cache"])
    exact, _ = vtrace.reference(
        *(array.double() for array in arrays), gamma=GAMMA, gae_lambda=GAE_LAMBDA
    )
    got, _ = vtrace.advantages(*arrays, gamma=GAMMA, gae_lambda=GAE_LAMBDA, backend="kernel")
    result: dict[str, Any] = {
        "segments": segments,
        "horizon": horizon,
        "median_us": {name: 1e6 * t for name, t in median.items()},
        "least_us": {name: 1e6 * min(turns) for name, turns in times.items()},
        "of_the_limit": median["ours"] / limit,
        "error": float((got - exact).abs().max() / exact.abs().max()),
    }
    if PUFFERLIB:
        result["speedup"] = median["PufferLib"] / median["ours"]
    if threads > 1:
        result["threads"] = threads
        result["speedup_of_threads"] = median["ours"] / median[f"ours x{threads}"]
    return result


def show(result: dict[str, Any]) -> None:
    segments, horizon = result["segments"], result["horizon"]
    print(f"\n[{segments}, {horizon}]{'':16}median us    least us   times ours")
    ours = result["median_us"]["ours"]
    for name, us in result["median_us"].items():
        least = result["least_us"][name]
        print(f"  {name:24}{us:12,.1f}{least:12,.1f}{us / ours:12.2f}")
    lines = [("of the memory's limit", result["of_the_limit"], OF_THE_LIMIT, "at most")]
    if "speedup" in result:
        wanted = SPEEDUP.get((segments, horizon))
        lines.append(("times PufferLib's speed", result["speedup"], wanted, "at least"))
    if "speedup_of_threads" in result:
        wanted = ON_TWO_CORES if 20 * segments * horizon > 32 << 20 else None
        name = f"on {result['threads']} threads"
        lines.append((name, result["speedup_of_threads"], wanted, "at least"))
    lines.append(("error", result["error"], ERROR, "at most"))
    for name, got, goal, sense in lines:
        if goal is None:
            print(f"  {name:24}{got:12.3g}")
            continue
        met = got <= goal if sense == "at most" else got >= goal
        print(f"  {name:24}{got:12.3g}   goal: {sense} {goal:g}{'' if met else ': MISSED'}")


def on_the_gpu(segments: int, horizon: int) -> dict[str, Any]:
    kernel = cuda.load(torch.cuda.current_device())
    if isinstance(kernel, str):
        raise SystemExit(f"cuda: {kernel}")
    arrays = tuple(array.cuda() for array in arrays_of(segments, horizon))
    out = torch.empty(segments, horizon, device="cuda")
    priorities = torch.empty(segments, device="cuda")
    job = job_of(*arrays, out, None, priorities, SETTINGS)
    # As much as the kernel moves, half read, half written; large, so that no cache holds it.
    n = max(5 * out.numel() // 2, 1 << 28)
    source, target = torch.zeros(n, device="cuda"), torch.empty(n, device="cuda")
    work: dict[str, Callable[[], Any]] = {
        "ours": lambda: kernel.run(job),
        "a thread per row": lambda: kernel.run(job, shape=(1, 1)),
        "copy": lambda: target.copy_(source),
    }
    flush = torch.empty(1 << 27, device="cuda")  # 512 MiB: more than any cache
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(50):
        for name, once in work.items():
            flush.zero_()
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            once()
            end.record()
            torch.cuda.synchronize()
            times[name].append(begin.elapsed_time(end) / 1e3)
    median = {name: statistics.median(turns[5:]) for name, turns in times.items()}
    bandwidth = 2 * 4 * n / median["copy"]
    return {
        "segments": segments,
        "horizon": horizon,
        "median_us": {name: 1e6 * t for name, t in median.items()},
        "of_the_bandwidth": 20 * out.numel() / median["ours"] / bandwidth,
        "speedup": median["a thread per row"] / median["ours"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="of each size (default: 4)")
    parser.add_argument("--size", action="append", help="SEGMENTS,HORIZON; may be repeated")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    sizes = [tuple(map(int, size.split(","))) for size in options.size or ()] or SIZES
    kernel = cpu.load()
    if isinstance(kernel, str):
        raise SystemExit(f"cpu: compiled kernel {kernel}")
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    print(f"{vtrace.path()}; {platform.machine()}, {threads} cores, torch {torch.__version__}")
    report: dict[str, Any] = {"path": vtrace.path(), "cores": threads, "cpu": [], "cuda": []}
    for segments, horizon in sizes:
        report["cpu"].append(one_size(kernel, segments, horizon, threads, options.seconds))
        show(report["cpu"][-1])
    if torch.cuda.is_available():
        for segments, horizon in sizes:
            result = on_the_gpu(segments, horizon)
            report["cuda"].append(result)
            print(f"\nCUDA [{segments}, {horizon}]: " + json.dumps(result["median_us"]))
            share, speedup = result["of_the_bandwidth"], result["speedup"]
            print(f"  of the bandwidth {share:.0%} (goal: 70%), a thread per row x{speedup:.1f}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
