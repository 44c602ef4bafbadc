"""Agent-steps per second of the environments themselves: no policy, and a sandbox that only waits.

    python benchmarks/environments.py [--agents 1024 4096] [--latency-ms 0 5 50] [--rounds 5]
                                      [--turn-s 0.5] [--json FILE]

Agents write the reference solutions of the starter problems, whose tests are replaced by one that
reads what a program prints. What is measured:

no ends      no episode ends: the array work of a step alone
known        answers that were given before: what a policy that has learned something costs
new          each answer is judged, by the judge's own code, on a sandbox that answers every run
             `--latency-ms` later and runs any number at a time; verdicts "sync" or "deferred"
gymnasium    CodingProblem-v0, one agent, known answers
text         CodingProblem-Text-v0, a whole program a step, known answers
emulated     CodingProblem-v0 as PufferLib emulates it, 64 environments in a Serial vector

Contestants take turns within each round; a turn ends when no verdict is open, and that counts. A
row is the median over the rounds, by the clock, with its minimum and maximum; then by processor
time, which a busy machine leaves nearly as it is; then processor time per episode that ended.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import platform
import queue
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pufferlib.emulation
import pufferlib.vector
from numpy.typing import NDArray

from coding_envs import Judge, load_problems
from coding_envs.data import ProblemSet
from coding_envs.envs import CodingPufferEnv
from coding_envs.problem import StdioTest
from coding_envs.sandbox import Ended, Order, Run, RunResult, Sandbox
from coding_envs.tokens import Tokenizer

_EMULATED = 64
_LONGEST = 64  # tokens of the programs that are begun anew before they end


class WaitingSandbox(Sandbox):
    """Answers every run `latency_s` later, from a thread of its own; at once where it is 0."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._answer = RunResult(Ended.EXITED, exit_code=0)
        self._waiting: queue.SimpleQueue[tuple[float, Future[RunResult]] | None]
        self._waiting = queue.SimpleQueue()
        if latency_s:
            threading.Thread(target=self._serve, daemon=True).start()

    def submit(self, run: Run | Order) -> Future[RunResult]:
        future: Future[RunResult] = Future()
        if self._latency_s:
            self._waiting.put((time.monotonic() + self._latency_s, future))
        else:
            future.set_result(self._answer)
        return future

    def _serve(self) -> None:
        while (one := self._waiting.get()) is not None:
            due, future = one
            if (rest_s := due - time.monotonic()) > 0:
                time.sleep(rest_s)
            future.set_result(self._answer)

    def close(self) -> None:
        self._waiting.put(None)


@dataclass
class Turn:
    """What was counted in one turn."""

    steps: int = 0
    ends: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0


@contextlib.contextmanager
def timed(turn: Turn) -> Iterator[None]:
    """Adds what goes on inside to the turn's time."""
    started, cpu_before_s = time.perf_counter(), time.process_time()
    yield
    turn.seconds += time.perf_counter() - started
    turn.cpu_s += time.process_time() - cpu_before_s


@dataclass(frozen=True)
class Row:
    """One contestant's figures; medians, and [minimum, maximum] of the steps."""

    name: str
    agents: int
    verdicts: str
    latency_ms: float
    steps_per_s: float
    steps_range: tuple[float, float]
    steps_per_cpu_s: float
    cpu_us_per_end: float

    def __str__(self) -> str:
        latency = f"{self.latency_ms:g} ms" if self.verdicts else ""
        least, most = self.steps_range
        return (
            f"{self.name:9} {self.agents:5} {self.verdicts:8} {latency:5} "
            f"{self.steps_per_s:11,.0f} [{least:,.0f} .. {most:,.0f}]"
            f"   cpu {self.steps_per_cpu_s:11,.0f} {self.cpu_us_per_end:6.1f} us/end"
        )


@dataclass(frozen=True)
class Contestant:
    """What takes turns: `play(seconds)` goes on for so long."""

    name: str
    agents: int
    play: Callable[[float], Turn]
    verdicts: str = ""
    latency_ms: float = 0.0

    def row(self, turns: list[Turn]) -> Row:
        speeds = [turn.steps / turn.seconds for turn in turns]
        return Row(
            self.name,
            self.agents,
            self.verdicts,
            self.latency_ms,
            statistics.median(speeds),
            (min(speeds), max(speeds)),
            statistics.median(turn.steps / turn.cpu_s for turn in turns),
            statistics.median(1e6 * turn.cpu_s / turn.ends if turn.ends else 0 for turn in turns),
        )


def printing_problems() -> ProblemSet:
    """Returns the starter problems, each with one test: that nothing is printed."""
    tests = {"public_tests": (StdioTest("", ""),), "hidden_tests": ()}
    starter = load_problems("starter", split="train")
    return ProblemSet([problem.replace(**tests) for problem in starter], name="starter")


class References:
    """The actions that write each problem's reference solution and submit it."""

    def __init__(self, problems: ProblemSet, tokenizer: Tokenizer) -> None:
        written = [
            tokenizer.encode_program(problem.solutions[0].removeprefix(problem.starter_code))
            for problem in problems
        ]
        self.actions = np.zeros((len(problems), max(map(len, written)) + 1), np.int64)
        for row, actions in zip(self.actions, written, strict=True):
            row[: len(actions)] = actions


def native(
    name: str, agents: int, *, verdicts: str = "sync", latency_ms: float = 0.0
) -> Contestant:
    """The native environment; programs never end where `name` says so."""
    judge = Judge(
        sandbox=WaitingSandbox(latency_ms / 1000), cache=None if name == "new" else "memory"
    )
    ends = name != "no ends"
    env = CodingPufferEnv(
        agents,
        printing_problems(),
        judge=judge,
        verdicts=verdicts,
        program_tokens=0 if ends else _LONGEST,
    )
    env.reset(0)
    core = env._core
    references = References(env.problems, env.tokenizer).actions
    anything = np.random.default_rng(0).integers(1, env.tokenizer.num_actions, (64, agents))

    def play(seconds: float) -> Turn:
        turn = Turn()
        number = 0
        while turn.seconds < seconds:
            number += 1
            if ends:
                actions = references[core._current, core._lengths]
            else:
                actions = anything[number % 64]
                if core._lengths[0] == _LONGEST - 1:
                    core.restart()
            with timed(turn):
                env.step(actions)
                if env.deferred:
                    env.collect()
            turn.steps += agents
            turn.ends += int(env.terminals.sum() + env.truncations.sum())
        with timed(turn):
            while len(env.collect(timeout_s=1.0)[0]):
                pass
        return turn

    return Contestant(name, agents, play, verdicts if name == "new" else "", latency_ms)


def gymnasium_skin() -> Contestant:
    judge, problems = Judge(sandbox=WaitingSandbox(0.0), cache="memory"), printing_problems()
    env: Any = gymnasium.make(
        "CodingProblem-v0", dataset=problems, judge=judge, disable_env_checker=True
    ).unwrapped
    references = References(env.problems, env.tokenizer).actions
    env.reset(seed=0)

    def play(seconds: float) -> Turn:
        turn = Turn()
        while turn.seconds < seconds:
            with timed(turn):
                for _ in range(100):
                    action = references[env._core._current[0], env._core._lengths[0]]
                    _, _, terminated, truncated, _ = env.step(action)
                    turn.steps += 1
                    if terminated or truncated:
                        turn.ends += 1
                        env.reset()
        return turn

    return Contestant("gymnasium", 1, play)


def text_skin() -> Contestant:
    judge, problems = Judge(sandbox=WaitingSandbox(0.0), cache="memory"), printing_problems()
    env: Any = gymnasium.make(
        "CodingProblem-Text-v0", dataset=problems, judge=judge, disable_env_checker=True
    )
    env = env.unwrapped
    env.reset(seed=0)

    def play(seconds: float) -> Turn:
        turn = Turn()
        while turn.seconds < seconds:
            with timed(turn):
                for _ in range(100):
                    env.step(env._problem.solutions[0])
                    turn.steps += 1
                    turn.ends += 1
                    env.reset()
        return turn

    return Contestant("text", 1, play)


def emulated_skin() -> Contestant:
    judge, problems = Judge(sandbox=WaitingSandbox(0.0), cache="memory"), printing_problems()

    def creator(buf: Any = None, seed: int = 0) -> Any:
        env = gymnasium.make(
            "CodingProblem-v0", dataset=problems, judge=judge, disable_env_checker=True
        )
        return pufferlib.emulation.GymnasiumPufferEnv(env=env.unwrapped, buf=buf, seed=seed)

    venv = pufferlib.vector.make(creator, backend=pufferlib.vector.Serial, num_envs=_EMULATED)
    venv.reset(seed=0)
    cores = [env.env._core for env in venv.envs]
    references = References(cores[0].problems, cores[0].tokenizer).actions

    def chosen() -> NDArray[np.int64]:
        # An ended episode is reset by the next step, whatever the action.
        return np.array([references[core._current[0], core._lengths[0]] for core in cores])

    def play(seconds: float) -> Turn:
        turn = Turn()
        while turn.seconds < seconds:
            actions = chosen()
            with timed(turn):
                venv.step(actions)
            turn.steps += _EMULATED
            turn.ends += int(venv.terminals.sum() + venv.truncations.sum())
        return turn

    return Contestant("emulated", _EMULATED, play)


def contestants(agents: list[int], latencies_ms: list[float]) -> Iterator[Contestant]:
    yield gymnasium_skin()
    yield text_skin()
    yield emulated_skin()
    for count in agents:
        yield native("no ends", count)
        yield native("known", count)
        for latency_ms in latencies_ms:
            for verdicts in ("sync", "deferred"):
                yield native("new", count, verdicts=verdicts, latency_ms=latency_ms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, nargs="+", default=[1024, 4096])
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[0.0, 5.0, 50.0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turn-s", type=float, default=0.5, help="the least time of a turn")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    # By default every 700 new objects make the collector of cycles look at the young ones, and soon
    # at all, open verdicts and what the other contestants hold among them: up to half of the time.
    gc.set_threshold(50_000, 10, 10)
    playing = list(contestants(options.agents, options.latency_ms))
    for one in playing:  # warm: what can be known is known
        one.play(options.turn_s)
    turns: list[list[Turn]] = [[] for _ in playing]
    for _ in range(options.rounds):
        for one, played in zip(playing, turns, strict=True):
            played.append(one.play(options.turn_s))
    rows = [one.row(played) for one, played in zip(playing, turns, strict=True)]
    machine = (
        f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"
    )
    print(f"agent-steps per second, {options.rounds} rounds; {machine}")
    for row in rows:
        print(row)
    if options.json:
        figures = {"machine": machine, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
