"""The batched episode core: N agents that each write a program, token by token.

No Gymnasium and no PufferLib in here: the environments in `envs/` are thin skins over this one
class, so that the same seed and actions give the same observations and rewards in each.

One episode: a problem is drawn; each action appends a piece of text to the program; the submit
action, or the length limit, ends the episode; the program is judged and the verdict becomes the
reward. Agent `i` of a core with seed `s` draws its problems as agent 0 of a core with seed `s + i`.

Observation, int32 [prompt_tokens + program_tokens + 1]: the prompt's ids, then the program's so
far, both padded with 0, then how many of the program's tokens are written.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import ProblemSet
from .errors import EpisodeError, InvalidValueError
from .judge import Judge
from .problem import Problem
from .reward import Reward, pay
from .tokens import SUBMIT_ACTION, Tokenizer
from .verdict import Status, Verdict

__all__ = [
    "Episode",
    "EpisodeCore",
    "Statistics",
    "encode_prompts",
    "submission",
    "whole_number",
]

_DRAWS = 64  # problem numbers drawn at a time, per agent


@dataclass(frozen=True)
class Episode:
    """An episode that has ended.

    Attributes:
      agent: the agent's number.
      problem: what was to be solved.
      program: the whole program that was judged.
      completion: what the policy wrote of it.
      verdict: what the judge said.
      reward: what the agent got; 0 where the judge failed.
      length: number of actions.
    """

    agent: int
    problem: Problem
    program: str
    completion: str
    verdict: Verdict
    reward: float
    length: int


@dataclass
class Statistics:
    """Sums over the episodes that ended since the last report."""

    episodes: int = 0
    solved: int = 0
    cached: int = 0
    reward: float = 0.0
    length: int = 0
    fraction: float = 0.0
    judge_wait_s: float = 0.0
    statuses: collections.Counter[Status] = field(default_factory=collections.Counter)
    executions_before: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(self, episode: Episode) -> None:
        """Counts one episode."""
        self.episodes += 1
        self.solved += episode.verdict.accepted
        self.cached += episode.verdict.cached
        self.reward += episode.reward
        self.length += episode.length
        self.fraction += episode.verdict.fraction
        self.statuses[episode.verdict.status] += 1

    def report(self, executions: int) -> dict[str, float]:
        """Returns means over these episodes, as PufferLib's dashboard and our logs show them."""
        count, elapsed_s = max(self.episodes, 1), max(time.monotonic() - self.started, 1e-9)
        return {
            "solve_rate": self.solved / count,
            "score": self.solved / count,
            "episode_return": self.reward / count,
            "episode_length": self.length / count,
            "tests_passed": self.fraction / count,
            "episodes_per_s": self.episodes / elapsed_s,
            "executions_per_s": (executions - self.executions_before) / elapsed_s,
            "cache_hits": self.cached / count,
            "judge_wait": self.judge_wait_s / elapsed_s,
            **{str(status): self.statuses[status] / count for status in sorted(self.statuses)},
        }


class EpisodeCore:
    """Steps `num_agents` agents through episodes, in place, in the buffers that it is given.

    Args:
      problems: what is drawn from, uniformly.
      judge: judges submissions; stays the caller's to close.
      tokenizer: what actions write and observations show.
      reward: verdict -> reward.
      num_agents: how many agents.
      prompt_tokens: length of the prompt's part of the observation; a longer prompt is cut.
      program_tokens: the length limit: this many tokens, then what was written is submitted.
      hints: the part of all episodes, in [0, 1], that begins with the first tokens of a reference
        solution already written, 1 to all of them: a reverse curriculum (Salimans & Chen 2018,
        arXiv:1812.03381) for policies that start from nothing. Such episodes do not count in the
        statistics. Never use it to evaluate.

    Attributes:
      observations: int32 [num_agents, observation_size].
      rewards: float32 [num_agents].
      terminals, truncations: bool [num_agents]; truncated where the judge failed.
      masks: bool [num_agents]; False where the step must not be learned from.
      statistics: sums since the last report.
    """

    def __init__(
        self,
        problems: ProblemSet,
        judge: Judge,
        tokenizer: Tokenizer,
        reward: Reward,
        *,
        num_agents: int = 1,
        prompt_tokens: int = 32,
        program_tokens: int = 16,
        hints: float = 0.0,
    ) -> None:
        if not 0.0 <= hints <= 1.0:
            raise InvalidValueError(f"hints must be in [0, 1], got {hints!r}")
        for name, value in (
            ("num_agents", num_agents),
            ("prompt_tokens", prompt_tokens),
            ("program_tokens", program_tokens),
        ):
            whole_number(name, value, least=1)
        if not len(problems):
            raise InvalidValueError("problems must not be empty; see its describe()")
        self.problems, self.judge, self.tokenizer = problems, judge, tokenizer
        self._reward = reward
        self.num_agents = int(num_agents)
        self.prompt_tokens, self.program_tokens = int(prompt_tokens), int(program_tokens)
        self.statistics = Statistics()
        self.statistics.executions_before = judge.executions
        self._prompts = encode_prompts(problems, tokenizer, prompt_tokens)
        self._hints = float(hints)
        self._references, self._reference_lengths = self._encode_references()
        self._hinted = np.zeros(self.num_agents, bool)
        self._actions = np.zeros((self.num_agents, program_tokens), np.int64)
        self._lengths = np.zeros(self.num_agents, np.int64)
        self._current = np.zeros(self.num_agents, np.int64)
        self._ready = False
        self.bind(
            np.zeros((self.num_agents, self.observation_size), np.int32),
            np.zeros(self.num_agents, np.float32),
            np.zeros(self.num_agents, bool),
            np.zeros(self.num_agents, bool),
            np.ones(self.num_agents, bool),
        )

    @property
    def observation_size(self) -> int:
        """Length of one observation."""
        return self.prompt_tokens + self.program_tokens + 1

    def bind(
        self,
        observations: NDArray[np.int32],
        rewards: NDArray[np.float32],
        terminals: NDArray[np.bool_],
        truncations: NDArray[np.bool_],
        masks: NDArray[np.bool_],
    ) -> None:
        """Makes the core write into these buffers from now on."""
        self.observations, self.rewards = observations, rewards
        self.terminals, self.truncations, self.masks = terminals, truncations, masks

    def reset(self, seed: int, problem: int | None = None) -> None:
        """Starts a new episode for every agent and writes the first observations.

        Args:
          seed: >= 0; agent `i` draws from the stream of `seed + i`.
          problem: None draws; else every agent gets the problem of this number first.

        Raises:
          InvalidValueError: no such seed or problem; nothing has been done then.
        """
        whole_number("seed", seed, least=0)
        self._check_problem(problem)
        self._draws = [np.random.default_rng(seed + i) for i in range(self.num_agents)]
        self._drawn = np.zeros((self.num_agents, _DRAWS), np.int64)
        self._next = np.full(self.num_agents, _DRAWS)
        self.restart(problem)

    def restart(self, problem: int | None = None) -> None:
        """Starts a new episode for every agent, further down the same streams; see `reset`.

        Raises:
          EpisodeError: there was no reset, so there are no streams.
          InvalidValueError: no such problem; nothing has been done then.
        """
        self._check_problem(problem)
        if not hasattr(self, "_draws"):
            raise EpisodeError("restart() before reset(): call reset() first")
        self._begin(np.arange(self.num_agents), problem)
        self._clear_outcomes()
        self._ready = True

    def step(self, actions: NDArray[np.integer[Any]], *, restart: bool = True) -> list[Episode]:
        """Takes one step of every agent; waits for the verdicts of the episodes that end.

        Args:
          actions: int [num_agents], each in 0..num_actions - 1.
          restart: True starts the next episode at once, and shows its first observation.

        Returns:
          The episodes that ended, by agent.

        Raises:
          EpisodeError: there was no reset; or an episode has ended and was not restarted; or the
            last step failed half-way, as where the judge was closed.
          InvalidValueError: an action outside the action space; nothing has been done then.
        """
        if not self._ready:
            raise EpisodeError("step() without running episodes: call reset() first")
        actions = np.asarray(actions).reshape(-1)
        if actions.shape != (self.num_agents,) or actions.dtype.kind not in "iu":
            raise InvalidValueError(
                f"actions must be {self.num_agents} integers, got {actions.dtype} {actions.shape}"
            )
        if actions.min() < 0 or actions.max() >= self.tokenizer.num_actions:
            bad = int(actions[(actions < 0) | (actions >= self.tokenizer.num_actions)][0])
            raise InvalidValueError(
                f"action must be in 0..{self.tokenizer.num_actions - 1}, got {bad}"
            )
        self._clear_outcomes()
        self._ready = False  # should judging raise, the agents that were judged are at no state
        writes = np.flatnonzero(actions != SUBMIT_ACTION)
        at = self._lengths[writes]
        self._actions[writes, at] = actions[writes]
        self.observations[writes, self.prompt_tokens + at] = actions[writes] + 1
        self._lengths[writes] += 1
        self.observations[:, -1] = self._lengths
        full = self._lengths == self.program_tokens
        ended = np.flatnonzero((actions == SUBMIT_ACTION) | full)
        episodes = self._judge(ended, actions)
        for episode in episodes:
            agent = episode.agent
            self.rewards[agent] = episode.reward
            failed = episode.verdict.status.is_fault_of_ours
            self.terminals[agent] = not failed
            self.truncations[agent] = failed
            self.masks[agent] = not failed
            if not self._hinted[agent]:
                self.statistics.add(episode)
        if restart and len(ended):
            self._begin(ended)
        self._ready = restart or not len(ended)
        return episodes

    def program(self, agent: int) -> tuple[Problem, str]:
        """Returns an agent's problem and what it has written of the program so far.

        Raises:
          EpisodeError: there was no reset, so there is no problem.
        """
        if not hasattr(self, "_draws"):
            raise EpisodeError("program() before reset(): call reset() first")
        written = self._actions[agent, : self._lengths[agent]]
        completion = self.tokenizer.decode_actions(written.tolist())
        return self.problems[int(self._current[agent])], completion

    def _clear_outcomes(self) -> None:
        self.rewards[:] = 0
        self.terminals[:] = False
        self.truncations[:] = False
        self.masks[:] = True

    def _check_problem(self, problem: int | None) -> None:
        if problem is not None:
            whole_number("problem", problem, least=0, most=len(self.problems) - 1)

    def _begin(self, agents: NDArray[np.int64], problem: int | None = None) -> None:
        for agent in agents[self._next[agents] == _DRAWS]:
            self._drawn[agent] = self._draws[agent].integers(len(self.problems), size=_DRAWS)
            self._next[agent] = 0
        drawn = self._drawn[agents, self._next[agents]]
        self._current[agents] = drawn if problem is None else problem
        self._next[agents] += 1
        self._lengths[agents] = 0
        self.observations[agents, : self.prompt_tokens] = self._prompts[self._current[agents]]
        self.observations[agents, self.prompt_tokens :] = 0
        self._hinted[agents] = False
        if self._hints:
            for agent in map(int, agents):
                self._give_hint(agent)

    def _give_hint(self, agent: int) -> None:
        draws = self._draws[agent]
        reference = self._references[self._current[agent]]
        most = int(self._reference_lengths[self._current[agent]])
        if draws.random() >= self._hints or not most:
            return
        length = int(draws.integers(1, most + 1))
        self._hinted[agent] = True
        self._lengths[agent] = length
        self._actions[agent, :length] = reference[:length]
        start = self.prompt_tokens
        self.observations[agent, start : start + length] = reference[:length] + 1
        self.observations[agent, -1] = length

    def _encode_references(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns each problem's first solution as actions, and its length; 0 where there is none.

        Only solutions that the tokenizer can write in less than the length limit are hinted at.
        """
        actions = np.zeros((len(self.problems), self.program_tokens), np.int64)
        lengths = np.zeros(len(self.problems), np.int64)
        if not self._hints:
            return actions, lengths
        for number, problem in enumerate(self.problems):
            for solution in problem.solutions[:1]:
                if not solution.startswith(problem.starter_code):
                    continue
                try:
                    written = self.tokenizer.encode_program(
                        solution.removeprefix(problem.starter_code)
                    )
                except InvalidValueError:
                    continue
                if len(written) < self.program_tokens:
                    actions[number, : len(written)] = written
                    lengths[number] = len(written)
        return actions, lengths

    def _judge(self, agents: Sequence[int] | NDArray[np.int64], actions: Any) -> list[Episode]:
        started = time.monotonic()
        waiting = []
        for agent in map(int, agents):
            problem, completion = self.program(agent)
            program = submission(problem, completion)
            future = self.judge.submit(problem, program)
            waiting.append((agent, problem, program, completion, future))
        episodes = []
        for agent, problem, program, completion, future in waiting:
            verdict = future.result()
            failed = verdict.status.is_fault_of_ours
            reward = 0.0 if failed else pay(self._reward, verdict)
            length = int(self._lengths[agent]) + int(actions[agent] == SUBMIT_ACTION)
            episodes.append(Episode(agent, problem, program, completion, verdict, reward, length))
        self.statistics.judge_wait_s += time.monotonic() - started
        return episodes

    def report(self) -> dict[str, float]:
        """Returns the statistics since the last report, and starts new ones."""
        report = self.statistics.report(self.judge.executions)
        # A status that was seen stays in the reports, be it as 0: who takes the mean of several
        # reports, as PufferLib does, would else take it of those alone that have the status.
        seen = collections.Counter(dict.fromkeys(self.statistics.statuses, 0))
        self.statistics = Statistics(executions_before=self.judge.executions, statuses=seen)
        return report


def whole_number(name: str, value: Any, *, least: int, most: int | None = None) -> int:
    """Returns `value`, an int in `least` ... `most`.

    Raises:
      InvalidValueError: it is something else; the message names it `name`.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        wanted = f">= {least}" if most is None else f"in {least}..{most}"
        raise InvalidValueError(f"{name} must be an int {wanted}, got {value!r}")
    return int(value)


def submission(problem: Problem, completion: str) -> str:
    """Returns the program that a policy submits with `completion`.

    A blank completion is no code, even where the starter code alone would compile.
    """
    return problem.assemble(completion) if completion.strip() else ""


def encode_prompts(
    problems: Sequence[Problem], tokenizer: Tokenizer, prompt_tokens: int
) -> NDArray[np.int32]:
    """Returns what the policy reads of each problem, int32 [problems, prompt_tokens].

    The statement, then the starter code where the statement does not hold it; cut or padded with 0.
    """
    prompts = np.zeros((len(problems), prompt_tokens), np.int32)
    for row, problem in zip(prompts, problems, strict=True):
        shown = problem.prompt
        if problem.starter_code not in shown:
            shown = f"{shown}\n{problem.starter_code}"
        ids = tokenizer.encode(shown)[:prompt_tokens]
        row[: len(ids)] = ids
    return prompts
