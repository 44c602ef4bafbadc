"""Many submissions in a row: nothing may grow, slow down, get lost or get another verdict.

    python benchmarks/soak.py [--count 100000] [--workers 2] [--kill] [--seed 0] [--json FILE]

Right, wrong and hostile programs (those of tests/adversarial) in blocks: first those that need
their limits, among ordinary ones, then a mix that is timed and the same in each block. After each
block everything that could leak is counted: memory, descriptors, threads, processes, zombies,
mounts, control groups, files. Fails, with exit code 1, where a verdict is not as it must be, where
a count is higher in all of the last fifth than in all of the first, or where the last tenth was
slower than 90% of the first. --kill sends SIGKILL to a random third of the workers' processes every
two seconds meanwhile: slower, but with the same verdicts.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from graders.ours import processes_of

from coding_envs import Judge, Problem, Status, Verdict, load_problems
from coding_envs.sandbox.cgroups import find_place
from coding_envs.sandbox.pool import WorkerPool

BLOCK = 2000
SLOW_ONES = 5  # per block
KILL_EVERY_S = 2.0
SLACK = {  # what may come and go: bytes of caches that fill, files of other programs
    "host_rss_bytes": 8 << 20,
    "workers_rss_bytes": 8 << 20,
    "inodes": 2000,
}


@dataclass(frozen=True)
class Case:
    """One submission and the verdicts that are right for it."""

    name: str
    problem: Problem
    program: str
    right: frozenset[Status]


# --- what is submitted ---------------------------------------------------------------------------

HOSTILE = frozenset(s for s in Status if s is not Status.ACCEPTED and not s.is_fault_of_ours)


def ordinary() -> list[Case]:
    """Returns the bundled problems with their right and wrong solutions."""
    cases = []
    for problem in [*load_problems("starter"), *load_problems("basic")]:
        accepted, wrong = frozenset({Status.ACCEPTED}), HOSTILE
        cases += [Case(problem.key, problem, p, accepted) for p in problem.solutions[:1]]
        cases += [Case(f"{problem.key}, wrong", problem, p, wrong) for p in problem.wrong_solutions]
    return cases


def hostile() -> tuple[list[Case], list[Case]]:
    """Returns the attacks of tests/adversarial: those that end soon, and those that need limits."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    made, forging, exhausting = (
        importlib.import_module(f"tests.adversarial.{name}")
        for name in ("conftest", "test_forging", "test_exhausting")
    )
    quick = [
        Case(f"forging {name}, {style}", made.PROBLEMS[style], program, HOSTILE)
        for style in ("call", "check")
        for name, body in forging.IN_CALL.items()
        for program in [f"def f(x):\n    {body}\n"]
    ]
    slow = [
        Case(f"exhausting {name}", made.PROBLEMS["stdio"], program, HOSTILE)
        for name, program in exhausting.PROGRAMS.items()
    ]
    return quick, slow


def blocks(count: int, seed: int) -> Iterable[tuple[list[Case], list[Case]]]:
    """Yields per block what is not timed, and what is: the same submissions in another order."""
    chance = random.Random(seed)
    common = ordinary()
    quick, slow = hostile()
    timed = chance.choices(common, k=BLOCK * 8 // 10) + chance.choices(quick, k=BLOCK // 10)
    rough = chance.choices(common, k=BLOCK // 10 - SLOW_ONES)
    for number in range(max(count // BLOCK, 10)):
        # Slow ones in turn, so that all of them come; they take as long as their limits.
        chosen = [slow[(SLOW_ONES * number + i) % len(slow)] for i in range(SLOW_ONES)]
        yield chance.sample([*rough, *chosen], BLOCK // 10), chance.sample(timed, len(timed))


# --- what is counted -----------------------------------------------------------------------------


def census(pool: WorkerPool) -> dict[str, int]:
    """Returns how much there is of everything that could be left behind."""
    workers = [p for pid in pool.worker_pids() for p in processes_of(pid)]
    statuses = [_stat(path) for path in Path("/proc").iterdir() if path.name.isdigit()]
    mine = [status for status in statuses if status and status[1] == os.getpid()]
    files = os.statvfs(tempfile.gettempdir())
    roots = [Path(p) for p in ("/tmp", "/dev/shm", "/run/user", "/run")]
    return {
        "host_rss_bytes": _rss(os.getpid()),
        "workers_rss_bytes": sum(map(_rss, workers)),
        "descriptors": _count(Path("/proc/self/fd")),
        "worker_descriptors": sum(_count(Path(f"/proc/{p}/fd")) for p in workers),
        "threads": threading.active_count(),
        "processes": len(workers),
        "zombies": sum(s[0] == "Z" for s in mine),
        "mounts": len(Path("/proc/self/mountinfo").read_text().splitlines()),
        "control_groups": sum(
            1
            for _, folder in find_place().folders
            for _ in folder.glob(f"coding_envs-{os.getpid()}-*")
        ),
        "files": _count(Path(tempfile.gettempdir())),
        "jail_folders": sum(len([*root.glob("nsjail*")]) for root in roots if root.is_dir()),
        "inodes": files.f_files - files.f_ffree,
    }


def _stat(process: Path) -> tuple[str, int] | None:
    """Returns a process's state and parent."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1])


def _rss(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _count(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except OSError:
        return 0


def grown(samples: Sequence[dict[str, int]]) -> list[str]:
    """Returns what was higher in all of the last fifth than in all of the first, a line each."""
    fifth = max(2, len(samples) // 5)
    lines = []
    for name in samples[0]:
        before = max(sample[name] for sample in samples[:fifth])
        after = min(sample[name] for sample in samples[-fifth:])
        if after > before + SLACK.get(name, 0):
            lines.append(f"{name} grew: at most {before} at first, at least {after} at last")
    return lines


# --- the run -------------------------------------------------------------------------------------


class Killer(threading.Thread):
    """Sends SIGKILL to a random third of the workers' processes, again and again."""

    def __init__(self, pool: WorkerPool, seed: int) -> None:
        super().__init__(daemon=True)
        self._pool, self._random = pool, random.Random(seed)
        self._ended = threading.Event()
        self.kills = 0

    def run(self) -> None:
        while not self._ended.wait(KILL_EVERY_S):
            everyone = [p for pid in self._pool.worker_pids() for p in processes_of(pid)]
            for pid in self._random.sample(everyone, max(1, len(everyone) // 3)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.kills += 1

    def end(self) -> None:
        """Stops killing."""
        self._ended.set()
        self.join()


def all_serve(pool: WorkerPool) -> None:
    """Waits until every worker is there and idle, so that counts can be compared."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        workers = list(pool._workers.values())
        if len(workers) == pool.workers and all(w.ready and w.task is None for w in workers):
            return
        time.sleep(0.01)
    raise SystemExit("not all workers came back within 30 s")


def judge_block(judge: Judge, block: Sequence[Case]) -> tuple[float, list[str]]:
    """Returns the seconds that a block took, and its wrong verdicts, a line each."""
    started = time.perf_counter()
    futures = [judge.submit(case.problem, case.program) for case in block]
    verdicts: list[Verdict] = [future.result(600) for future in futures]
    seconds = time.perf_counter() - started
    return seconds, [
        f"{case.name}: {verdict.status}: {verdict.message}"
        for case, verdict in zip(block, verdicts, strict=True)
        if verdict.status not in case.right
    ]


def main() -> None:
    """Runs all blocks, prints a line per block, then what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000, help="submissions in all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kill", action="store_true", help="kill workers meanwhile")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where all counts go")
    options = parser.parse_args()
    faults: list[str] = []
    samples: list[dict[str, int]] = []
    rates: list[float] = []
    with contextlib.ExitStack() as stack:
        # Of our own, so that only what we leave behind is counted.
        prefix = "coding_envs-soak-"
        tempfile.tempdir = stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix))
        judge = stack.enter_context(Judge(options.workers))
        pool = judge._sandbox
        assert isinstance(pool, WorkerPool)
        for number, (rough, timed) in enumerate(blocks(options.count, options.seed)):
            killer = Killer(pool, options.seed + number)
            if options.kill and number:
                killer.start()
            faults += judge_block(judge, rough)[1]
            seconds, wrong = judge_block(judge, timed)
            if killer.is_alive():
                killer.end()
            all_serve(pool)
            faults += wrong
            if number:  # the first one fills caches
                samples.append(census(pool))
                rates.append(len(timed) / seconds)
            count = (number + 1) * BLOCK
            shown = Counter(samples[-1] if samples else {})
            print(
                f"{count:8} submissions, {len(timed) / seconds:6.0f}/s, {killer.kills} killed, "
                f"host {shown['host_rss_bytes'] >> 20} MiB, "
                f"workers {shown['workers_rss_bytes'] >> 20} MiB, {len(faults)} wrong verdicts",
                flush=True,
            )
    faults += grown(samples)
    tenth = max(1, len(rates) // 10)
    first, last = statistics.median(rates[:tenth]), statistics.median(rates[-tenth:])
    if last < 0.9 * first and not options.kill:
        faults.append(
            f"slower: {first:.0f} submissions/s in the first tenth, {last:.0f} in the last"
        )
    if options.json:
        result = {"rates": rates, "samples": samples, "faults": faults}
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{first:.0f} submissions/s in the first tenth, {last:.0f} in the last")
    print("\n".join(faults[:50]) or "every verdict right, nothing grew")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
