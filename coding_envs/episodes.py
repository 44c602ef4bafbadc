"""The batched episode core: N agents that each write a program, token by token.

No Gymnasium and no PufferLib in here: the environments in `envs/` are thin skins over this one
class, so that the same seed and actions give the same observations and rewards in each.

One episode: a problem is drawn; each action appends a piece of text to the program; the submit
action, or the length limit, ends the episode; the program is judged and the verdict becomes the
reward. Agent `i` of a core with seed `s` draws its problems as agent 0 of a core with seed `s + i`.

Verdicts come in one of two ways. "sync": with the step that ends the episode. "deferred": that
step hands out a ticket and returns at once, the agent begins its next episode, and `collect` gives
the ticket's reward once the verdict is there. The same seed and actions give the same observations
and the same rewards in both. Every ended episode gets a ticket then, be its verdict known at once:
what a step returns never depends on how fast the sandbox was.

Observation, int32 [prompt_tokens + program_tokens + 1]: the prompt's ids, then the program's so
far, both padded with 0, then how many of the program's tokens are written.
"""

from __future__ import annotations

import collections
import functools
import hashlib
import logging
import queue
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .data import ProblemSet
from .errors import DatasetRowError, EpisodeError, InvalidValueError, UnknownNameError
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

_logger = logging.getLogger("coding_envs.episodes")

_VERDICTS = ("sync", "deferred")
_DRAWS = 64  # problem numbers drawn at a time, per agent
_OPEN = 4  # verdicts that may be waited for, per agent
_UNCOLLECTED = 1024  # outcomes that nobody collects, per agent
# What a state holds: of the core's own arrays, of the buffers, and of the statistics.
_ARRAYS = ("actions", "lengths", "current", "hinted", "drawn", "next")
_BUFFERS = ("observations", "rewards", "terminals", "truncations", "masks", "tickets")
_SUMS = ("episodes", "solved", "cached", "reward", "length", "fraction", "judge_wait_s")
_REMEMBERED = 1 << 14  # answers whose text and verdict are remembered, twice


class Episode(NamedTuple):
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


class _Answer:
    """What was written for a problem, and what came of it. Equal answers share one of these.

    It does not hold the problem, whose tests may be large, since many answers are remembered.

    Attributes:
      completion: what was written.
      program: the whole program.
      future: its verdict, now or later.
      verdict: None before it was looked at; first as it came, then as one that is cached.
      reward: what it pays; 0 where the judge failed.
      failed: whether the judge did.
    """

    __slots__ = ("completion", "failed", "future", "program", "reward", "verdict")

    def __init__(self, completion: str, program: str, future: Future[Verdict]) -> None:
        self.completion, self.program = completion, program
        self.future = future
        self.verdict: Verdict | None = None
        self.reward = 0.0
        self.failed = False


class _Open(NamedTuple):
    """An episode that has ended and waits for its verdict."""

    agent: int
    problem: Problem
    answer: _Answer
    length: int
    hinted: bool


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

    def state_dict(self, executions: int) -> dict[str, Any]:
        """Returns the sums as plain values; `executions`: how many the judge counts by now."""
        state = {name: getattr(self, name) for name in _SUMS}
        return state | {
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "executions": executions - self.executions_before,
            "elapsed_s": time.monotonic() - self.started,
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any], executions: int) -> Statistics:
        """Returns the sums that `state_dict` gave."""
        return cls(
            **{name: state[name] for name in _SUMS},
            statuses=collections.Counter({Status(k): n for k, n in state["statuses"].items()}),
            executions_before=executions - state["executions"],
            started=time.monotonic() - state["elapsed_s"],
        )

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
      problems: what is drawn from, uniformly. Of a lazy set a problem's prompt is encoded when it
        is first drawn; where its row turns out to be broken, another is drawn.
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
      verdicts: "sync" or "deferred"; see the module.
      max_open: deferred verdicts that may be open at one time; a step that would leave more waits,
        since a sandbox slower than the policy would else fall behind for ever. 0: 4 per agent.
      action_masks: True writes down which actions the tokenizer's grammar allows.

    Attributes:
      observations: int32 [num_agents, observation_size].
      rewards: float32 [num_agents].
      terminals, truncations: bool [num_agents]; truncated where the judge failed.
      masks: bool [num_agents]; False where the step must not be learned from.
      tickets: int64 [num_agents]; of the verdict that the last step of an agent waits for, else 0.
        Numbered from 1 up, by step and agent. All 0 where verdicts are "sync".
      deferred: True where verdicts are "deferred".
      action_masks: bool [num_agents, num_actions]; what the grammar allows next, a hint that no
        step enforces. None unless asked for.
      statistics: sums since the last report, over the episodes whose verdicts have come.
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
        verdicts: str = "sync",
        max_open: int = 0,
        action_masks: bool = False,
    ) -> None:
        if verdicts not in _VERDICTS:
            raise UnknownNameError("way of verdicts", verdicts, _VERDICTS)
        whole_number("max_open", max_open, least=0)
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
        self._hints = float(hints)
        self._prompts = np.zeros((len(problems), prompt_tokens), np.int32)
        shape = (len(problems), program_tokens) if self._hints else (0, 0)
        self._references = np.zeros(shape, np.int64)
        self._reference_lengths = np.zeros(len(problems), np.int64)
        self._encoded: NDArray[np.bool_] | None = None
        self._broken: set[int] = set()
        if problems.is_lazy:
            self._encoded = np.zeros(len(problems), bool)
        else:
            for number, problem in enumerate(problems):
                self._encode(number, problem)
        self._hinted = np.zeros(self.num_agents, bool)
        self._actions = np.zeros((self.num_agents, program_tokens), np.int32)
        self._lengths = np.zeros(self.num_agents, np.int64)
        self._current = np.zeros(self.num_agents, np.int64)
        self._ready = False
        self.action_masks: NDArray[np.bool_] | None = None
        if action_masks:
            self.action_masks = np.ones((self.num_agents, tokenizer.num_actions), bool)
            self._grammar, self._brackets = _grammar(tokenizer)
            self._depths = np.zeros(self.num_agents, np.int64)
        self.deferred = verdicts == "deferred"
        self.tickets = np.zeros(self.num_agents, np.int64)
        self._max_open = int(max_open) or _OPEN * self.num_agents
        self._last_ticket = 0
        self._open: dict[int, _Open] = {}
        self._arrived: queue.SimpleQueue[int] = queue.SimpleQueue()  # tickets, from any thread
        self._outcomes: list[tuple[int, float, bool]] = []  # of tickets, not yet collected
        self._answers: dict[tuple[int, bytes], _Answer] = {}
        self._older_answers = self._answers
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

        Verdicts that are still open, and outcomes that nobody has collected, are lost.

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
        self.abandon()
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
        self._write_action_masks()
        self._ready = True

    def step(self, actions: NDArray[np.integer[Any]], *, restart: bool = True) -> list[Episode]:
        """Takes one step of every agent; waits for verdicts only where they are "sync".

        Where they are "deferred", `tickets` says for whom one is open: the step counts as the
        episode's end, terminated, with reward 0, until `collect` says more.

        Args:
          actions: int [num_agents], each in 0..num_actions - 1.
          restart: True starts the next episode at once, and shows its first observation.

        Returns:
          The episodes that ended, by agent; none where verdicts are "deferred".

        Raises:
          EpisodeError: there was no reset; or an episode has ended and was not restarted; or the
            last step failed half-way, as where the judge was closed; or nobody collects what is
            deferred.
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
        if self.action_masks is not None:
            self._depths[writes] += self._brackets[actions[writes] + 1]
        self.observations[:, -1] = self._lengths
        full = self._lengths == self.program_tokens
        ended = np.flatnonzero((actions == SUBMIT_ACTION) | full)
        episodes = []
        if len(ended):
            waiting = self._submit(ended, actions)
            if self.deferred:
                self._hand_out(waiting)
            else:
                episodes = self._judged(waiting)
            if restart:
                self._begin(ended)
        self._write_action_masks()
        self._ready = restart or not len(ended)
        return episodes

    def collect(
        self, timeout_s: float = 0.0
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
        """Returns what has come of tickets since the last call: each ticket once.

        Args:
          timeout_s: waits so long for at least one, where any is open.

        Returns:
          The tickets int64 [n], rising; their rewards float32 [n]; their masks bool [n]: False
          where the judge failed; such a step must not be learned from and counts as truncated.

        Raises:
          SandboxClosedError: the judge was closed before the verdict.
          InvalidValueError: a reward outside [-1, 1].
        """
        self._settle_arrived()
        if timeout_s > 0 and self._open and not self._outcomes:
            self._wait(timeout_s)
        outcomes, self._outcomes = sorted(self._outcomes), []
        tickets, rewards, masks = zip(*outcomes, strict=True) if outcomes else ((), (), ())
        return np.array(tickets, np.int64), np.array(rewards, np.float32), np.array(masks, bool)

    def abandon(self) -> None:
        """Forgets the open tickets and what nobody has collected; again and again is fine."""
        self._open.clear()
        self._outcomes.clear()

    def fingerprint(self) -> str:
        """Returns a digest of what episodes mean: problems, tokenizer, lengths, reward."""
        digest = hashlib.blake2b(digest_size=16)
        tokenizer, paid = self.tokenizer, self._reward
        parts = [
            self.problems.fingerprint(),
            f"{tokenizer.name} {tokenizer.size} {tokenizer.num_actions}",
            *(tokenizer.action_text(action) for action in range(1, tokenizer.num_actions)),
            f"{self.prompt_tokens} {self.program_tokens}",
            f"{getattr(paid, '__module__', '')}.{getattr(paid, '__qualname__', type(paid))}",
        ]
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        if self._encoded is None:  # else it would depend on what has been drawn
            digest.update(self._prompts.tobytes())
        return digest.hexdigest()

    def state_dict(self) -> dict[str, Any]:
        """Returns all that the next steps depend on: arrays, numbers and texts, of its own.

        Waits for the verdicts that are open: their outcomes are part of the state, for the next
        `collect`. What the judge has cached is not, so that of what is reported cache hits, and
        what takes time, may differ afterwards.

        Raises:
          EpisodeError: there was no reset.
          SandboxClosedError: the judge was closed before the verdict.
        """
        if not hasattr(self, "_draws"):
            raise EpisodeError("state_dict() before reset(): call reset() first")
        while self._open:
            self._wait()
        outcomes = sorted(self._outcomes)
        return {
            **self._identity(),
            "streams": np.array([_stream_numbers(draws) for draws in self._draws], np.int64),
            **{name: getattr(self, f"_{name}").copy() for name in _ARRAYS},
            **{name: getattr(self, name).copy() for name in _BUFFERS},
            "ready": self._ready,
            "last_ticket": self._last_ticket,
            "outcome_tickets": np.array([ticket for ticket, _, _ in outcomes], np.int64),
            "outcome_rewards": np.array([reward for _, reward, _ in outcomes], np.float64),
            "outcome_masks": np.array([mask for _, _, mask in outcomes], bool),
            "statistics": self.statistics.state_dict(self.judge.executions),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state_dict` was called, bit for bit; open verdicts are abandoned.

        Raises:
          InvalidValueError: the state is that of other problems, another tokenizer, other lengths,
            another reward, another number of agents or the other way of verdicts; nothing has been
            done then.
        """
        for name, mine in self._identity().items():
            if state.get(name) != mine:
                raise InvalidValueError(
                    f"state must have {name} {mine!r}, got {state.get(name)!r}: it was made with "
                    "other problems or settings"
                )
        self.abandon()
        self._draws = [_stream(numbers) for numbers in np.asarray(state["streams"])]
        self._drawn = np.zeros((self.num_agents, _DRAWS), np.int64)
        self._next = np.zeros(self.num_agents, np.int64)
        for name in _ARRAYS:
            getattr(self, f"_{name}")[:] = np.asarray(state[name])
        for name in _BUFFERS:
            getattr(self, name)[:] = np.asarray(state[name])
        self._ready, self._last_ticket = bool(state["ready"]), int(state["last_ticket"])
        kept = [np.asarray(state[f"outcome_{name}"]) for name in ("tickets", "rewards", "masks")]
        self._outcomes = list(zip(*(values.tolist() for values in kept), strict=True))
        self.statistics = Statistics.from_state_dict(state["statistics"], self.judge.executions)
        if self.action_masks is not None:
            written = np.arange(self.program_tokens) < self._lengths[:, None]
            self._depths = (self._brackets[self._actions + 1] * written).sum(1)
            self._write_action_masks()

    def _identity(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint(),
            "num_agents": self.num_agents,
            "verdicts": _VERDICTS[self.deferred],
        }

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
        self.tickets[:] = 0

    def _check_problem(self, problem: int | None) -> None:
        if problem is not None:
            whole_number("problem", problem, least=0, most=len(self.problems) - 1)

    def _begin(self, agents: NDArray[np.int64], problem: int | None = None) -> None:
        self._draw(agents)
        if problem is not None:
            self._current[agents] = problem
        if self._encoded is not None:
            self._encode_drawn(agents, self._encoded, may_draw=problem is None)
        self._lengths[agents] = 0
        self.observations[agents, : self.prompt_tokens] = self._prompts[self._current[agents]]
        self.observations[agents, self.prompt_tokens :] = 0
        if self.action_masks is not None:
            self._depths[agents] = 0
        self._hinted[agents] = False
        if self._hints:
            self._give_hints(agents)

    def _draw(self, agents: NDArray[np.int64]) -> None:
        for agent in agents[self._next[agents] == _DRAWS]:
            self._drawn[agent] = self._draws[agent].integers(len(self.problems), size=_DRAWS)
            self._next[agent] = 0
        self._current[agents] = self._drawn[agents, self._next[agents]]
        self._next[agents] += 1

    def _encode_drawn(
        self, agents: NDArray[np.int64], encoded: NDArray[np.bool_], *, may_draw: bool
    ) -> None:
        """Encodes the problems that these agents have drawn; draws others for broken ones."""
        for place in range(len(agents)):
            agent = agents[place : place + 1]
            while not encoded[number := int(self._current[agent[0]])]:
                if number not in self._broken or not may_draw:
                    try:
                        self._encode(number, self.problems[number])
                    except DatasetRowError as error:
                        if not may_draw:
                            raise
                        _logger.warning("another problem is drawn: %s", error)
                        self._broken.add(number)
                    else:
                        encoded[number] = True
                        break
                if len(self._broken) == len(self.problems):
                    raise InvalidValueError("problems must hold one that can be used; all broke")
                self._draw(agent)

    def _give_hints(self, agents: NDArray[np.int64]) -> None:
        """Writes, for some of these agents, the beginning of a reference solution."""
        hinted, lengths = [], []
        references = self._reference_lengths[self._current[agents]].tolist()
        for agent, most in zip(agents.tolist(), references, strict=True):
            draws = self._draws[agent]
            if draws.random() < self._hints and most:
                hinted.append(agent)
                lengths.append(int(draws.integers(1, most + 1)))
        if not hinted:
            return
        written = np.arange(self.program_tokens) < np.array(lengths)[:, None]
        actions = np.where(written, self._references[self._current[hinted]], 0)
        self._hinted[hinted] = True
        self._lengths[hinted] = lengths
        self._actions[hinted] = actions
        self.observations[hinted, self.prompt_tokens : -1] = (actions + 1) * written
        self.observations[hinted, -1] = lengths
        if self.action_masks is not None:
            self._depths[hinted] = (self._brackets[actions + 1] * written).sum(1)

    def _write_action_masks(self) -> None:
        if self.action_masks is None:
            return
        last = self.observations[
            np.arange(self.num_agents), self.prompt_tokens + np.maximum(self._lengths, 1) - 1
        ]  # padding where nothing is written
        rows = last + self.tokenizer.size * (self._depths > 0)
        np.take(self._grammar, rows, axis=0, out=self.action_masks, mode="clip")

    def _encode(self, number: int, problem: Problem) -> None:
        """Notes a problem's prompt and, for hints, its first solution as actions.

        Only solutions that the tokenizer can write in less than the length limit are hinted at.
        """
        _write_prompt(self._prompts[number], problem, self.tokenizer)
        if not self._hints or not problem.solutions:
            return
        solution = problem.solutions[0]
        if not solution.startswith(problem.starter_code):
            return
        try:
            written = self.tokenizer.encode_program(solution.removeprefix(problem.starter_code))
        except InvalidValueError:
            return
        if len(written) < self.program_tokens:
            self._references[number, : len(written)] = written
            self._reference_lengths[number] = len(written)

    # --- judging ---------------------------------------------------------------------------------

    def _submit(self, agents: NDArray[np.int64], actions: NDArray[Any]) -> list[_Open]:
        """Submits what these agents have written."""
        lengths, numbers = self._lengths[agents].tolist(), self._current[agents].tolist()
        submitted = (actions[agents] == SUBMIT_ACTION).tolist()
        hinted, rows = self._hinted[agents].tolist(), self._actions[agents]
        waiting = []
        for at, agent in enumerate(agents.tolist()):
            length = lengths[at]
            problem = self.problems[numbers[at]]
            answer = self._answer(numbers[at], problem, rows[at, :length].tobytes())
            waiting.append(_Open(agent, problem, answer, length + submitted[at], hinted[at]))
        return waiting

    def _answer(self, number: int, problem: Problem, written: bytes) -> _Answer:
        """Returns the answer that consists of these actions, submitted.

        A policy that has learned something writes the same again and again: what is known of it is
        the text, and, where the judge keeps verdicts, the verdict as well.
        """
        key = number, written
        known = self._answers.get(key) or self._older_answers.get(key)
        if known is None:
            completion = self.tokenizer.decode_actions(np.frombuffer(written, np.int32).tolist())
            program = submission(problem, completion)
        elif self.judge.keeps_verdicts and not known.failed:
            return known
        else:
            completion, program = known.completion, known.program
        answer = _Answer(completion, program, self.judge.submit(problem, program))
        if len(self._answers) >= _REMEMBERED:
            self._answers, self._older_answers = {}, self._answers
        self._answers[key] = answer
        return answer

    def _episode(self, ended: _Open) -> Episode:
        """Returns an ended episode, and counts it; waits for its verdict."""
        answer = ended.answer
        verdict = answer.verdict
        if verdict is None:
            verdict = answer.future.result()
            answer.failed = verdict.status.is_fault_of_ours
            if not answer.failed:
                answer.reward = pay(self._reward, verdict)
            answer.verdict = verdict
        elif verdict.runs and not verdict.cached:  # one that took no run is the judge's own word
            verdict = answer.verdict = replace(verdict, cached=True, runs=0, wall_time_s=0.0)
        episode = Episode(
            ended.agent,
            ended.problem,
            answer.program,
            answer.completion,
            verdict,
            answer.reward,
            ended.length,
        )
        if not ended.hinted:
            self.statistics.add(episode)
        return episode

    def _judged(self, waiting: list[_Open]) -> list[Episode]:
        """Waits for these verdicts, and writes what they come to."""
        started = time.monotonic()
        try:
            episodes = [self._episode(ended) for ended in waiting]
        except BaseException:
            self._forget_answers()
            raise
        self.statistics.judge_wait_s += time.monotonic() - started
        agents = [episode.agent for episode in episodes]
        failed = [ended.answer.failed for ended in waiting]
        self.rewards[agents] = [episode.reward for episode in episodes]
        self.truncations[agents] = failed
        self.terminals[agents] = self.masks[agents] = np.logical_not(failed)
        return episodes

    def _hand_out(self, waiting: list[_Open]) -> None:
        """Opens a ticket for each of these verdicts; waits where too many are open."""
        for ended in waiting:
            self._last_ticket = ticket = self._last_ticket + 1
            self._open[ticket] = ended
            if ended.answer.verdict is None:
                ended.answer.future.add_done_callback(functools.partial(self._notify, ticket))
            else:
                self._settle(ticket)
            self.tickets[ended.agent] = ticket
        self.terminals[[ended.agent for ended in waiting]] = True
        if len(self._open) > self._max_open:
            self._settle_arrived()
        while len(self._open) > self._max_open:
            self._wait()
        if len(self._outcomes) > _UNCOLLECTED * self.num_agents:
            raise EpisodeError(
                f"{len(self._outcomes)} deferred verdicts were never collected, so nothing is "
                "learned from them: call collect() after each step, or take verdicts='sync'"
            )

    def _notify(self, ticket: int, _future: Future[Verdict]) -> None:
        self._arrived.put(ticket)

    def _settle(self, ticket: int) -> bool:
        """Takes a verdict that is there; False where the ticket was abandoned."""
        ended = self._open.pop(ticket, None)
        if ended is None:
            return False
        try:
            episode = self._episode(ended)
        except BaseException:
            self._ready = False  # its reward is lost: only a reset helps
            self._forget_answers()
            raise
        self._outcomes.append((ticket, episode.reward, not ended.answer.failed))
        return True

    def _settle_arrived(self) -> None:
        """Takes all verdicts that are there."""
        for _ in range(self._arrived.qsize()):
            self._settle(self._arrived.get_nowait())

    def _wait(self, timeout_s: float | None = None) -> None:
        """Waits for at least one open verdict, no longer than `timeout_s`; takes what is there."""
        started = time.monotonic()
        settled = False
        while not settled:
            rest_s = None if timeout_s is None else timeout_s - (time.monotonic() - started)
            if rest_s is not None and rest_s <= 0:
                break
            try:
                settled = self._settle(self._arrived.get(timeout=rest_s))
            except queue.Empty:
                break
        self.statistics.judge_wait_s += time.monotonic() - started
        self._settle_arrived()

    def _forget_answers(self) -> None:
        # Some of them wait for verdicts that will never come.
        self._answers = self._older_answers = {}

    def report(self) -> dict[str, float]:
        """Returns the statistics since the last report, and starts new ones."""
        report = self.statistics.report(self.judge.executions)
        # A status that was seen stays in the reports, be it as 0: who takes the mean of several
        # reports, as PufferLib does, would else take it of those alone that have the status.
        seen = collections.Counter(dict.fromkeys(self.statistics.statuses, 0))
        self.statistics = Statistics(executions_before=self.judge.executions, statuses=seen)
        return report


def _grammar(tokenizer: Tokenizer) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Returns which actions may come next, and by how much each token opens brackets.

    The first, bool [2 * size, num_actions]: by the last token written where no bracket is open,
    then the same where one is. Without an open bracket none closes; with one, nothing is submitted.

    Raises:
      InvalidValueError: the tokenizer knows no grammar.
    """
    follow, brackets = tokenizer.follow_table(), tokenizer.bracket_table().astype(np.int64)
    closes = brackets[1 : tokenizer.num_actions + 1] < 0
    if follow.all() and not closes.any():
        raise InvalidValueError(
            f"action_masks need a tokenizer with a grammar, got {tokenizer.name!r}: take 'starter' "
            "or leave them off"
        )
    inside = follow.copy()
    inside[:, SUBMIT_ACTION] &= not closes.any()
    return np.concatenate((follow & ~closes, inside)), brackets


def _stream_numbers(draws: np.random.Generator) -> NDArray[np.int64]:
    """Returns the state of a stream (PCG64: two numbers of 128 bits, half a draw), int64 [6]."""
    state = draws.bit_generator.state
    words = b"".join(state["state"][name].to_bytes(16, "little") for name in ("state", "inc"))
    rest = np.array([state["has_uint32"], state["uinteger"]], np.int64)
    return np.concatenate((np.frombuffer(words, "<i8").astype(np.int64), rest))


def _stream(numbers: NDArray[np.int64]) -> np.random.Generator:
    """Returns the stream that `_stream_numbers` describes."""
    draws = np.random.default_rng(0)
    words = np.asarray(numbers[:4], "<i8").tobytes()
    draws.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {
            "state": int.from_bytes(words[:16], "little"),
            "inc": int.from_bytes(words[16:], "little"),
        },
        "has_uint32": int(numbers[4]),
        "uinteger": int(numbers[5]),
    }
    return draws


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
        _write_prompt(row, problem, tokenizer)
    return prompts


def _write_prompt(row: NDArray[np.int32], problem: Problem, tokenizer: Tokenizer) -> None:
    shown = problem.prompt
    if problem.starter_code not in shown:
        shown = f"{shown}\n{problem.starter_code}"
    ids = tokenizer.encode(shown)[: len(row)]
    row[: len(ids)] = ids
