"""CodingPufferEnv: thousands of agents in one native PufferLib environment."""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pufferlib
from numpy.typing import NDArray
from pufferlib import vector

from ..data import ProblemSet
from ..episodes import Episode, whole_number
from ..errors import InvalidValueError
from ..judge import Judge
from ..reward import Reward
from ..sandbox import Sandbox
from ..tokens import Tokenizer
from .render import render_episode
from .setup import ANY_LENGTH, CoreOptions, load_problem_set, open_judge

__all__ = ["CodingPufferEnv"]

_RENDER_AGENT = 0
_CLEAR_LINE, _CLEAR_BELOW = "\033[K", "\033[J"


class CodingPufferEnv(pufferlib.PufferEnv):
    """Steps `num_agents` agents in place, in PufferLib's own buffers.

    The observations, actions, rewards and episode ends are those of CodingProblem-v0; an ended
    episode is followed at once by the next, as PufferLib wants it. Every `report_interval` steps
    the infos hold one dictionary of means: `solve_rate`, `executions_per_s`, one key per status...

    Args:
      num_agents: how many.
      hints: the part of all episodes that begin with some of a reference solution already written,
        a reverse curriculum; they are not counted in the reports. See EpisodeCore.
      verdicts: "sync": rewards come with the step that ends the episode, which waits for the
        sandbox. "deferred": that step returns at once, with a ticket per ended episode in
        `tickets`, and `collect` gives the rewards later. For trainers that know of it, as
        coding_envs_trainer does: others see rewards of 0. Not in worker processes.
      max_open: deferred verdicts that may be open at one time; beyond, steps wait. 0: 4 per agent.
      action_masks: True keeps `action_masks`, for a tokenizer with a grammar ("starter").
      log_path: a file to which each report is appended as a line of JSON, or "".
      report_interval: steps between reports.
      buf, seed: PufferLib's.

    The others are those of CodingProblem-v0.

    Attributes:
      deferred: whether verdicts are.
      tickets: int64 [num_agents], in place: of the verdict that an agent's last step waits for,
        else 0. Such a step counts as terminated, with reward 0, until `collect` says more.
      action_masks: bool [num_agents, num_actions], in place: what the tokenizer's grammar allows
        next. A hint for policies, which no step enforces; only where it was asked for.
    """

    def __init__(
        self,
        num_agents: int = 1024,
        dataset: str | ProblemSet = "starter",
        *,
        config: str | None = None,
        split: str | None = None,
        data_files: Any = None,
        tokenizer: str | Tokenizer = "fitting",
        reward: str | Reward = "accepted",
        prompt_tokens: int = ANY_LENGTH,
        program_tokens: int = ANY_LENGTH,
        hints: float = 0.0,
        verdicts: str = "sync",
        max_open: int = 0,
        action_masks: bool = False,
        judge: Judge | None = None,
        workers: int | None = None,
        sandbox: str | Sandbox = "nsjail",
        cache: str | None = "memory",
        packages: str | Sequence[str] = (),
        log_path: str | os.PathLike[str] = "",
        report_interval: int = 16,
        render_mode: str | None = "ansi",
        buf: Any = None,
        seed: int = 0,
    ) -> None:
        whole_number("report_interval", report_interval, least=1)
        if verdicts == "deferred" and _in_another_process():
            raise InvalidValueError(
                "verdicts='deferred' needs the environment in the trainer's own process, got "
                "PufferLib's Multiprocessing or Ray: tickets have no way out of theirs; take "
                "vec.backend Serial or PufferEnv, or verdicts='sync'"
            )
        self.render_mode = render_mode
        problems = load_problem_set(dataset, config=config, split=split, data_files=data_files)
        options = CoreOptions(
            tokenizer=tokenizer,
            reward=reward,
            prompt_tokens=prompt_tokens,
            program_tokens=program_tokens,
            hints=hints,
            verdicts=verdicts,
            max_open=max_open,
            action_masks=action_masks,
        )
        self._judge, self._owns_judge = open_judge(
            judge, workers=workers, sandbox=sandbox, cache=cache, packages=packages
        )
        try:
            self._core = core = options.make_core(problems, self._judge, int(num_agents))
            high = max(core.tokenizer.size - 1, core.program_tokens)
            self.single_observation_space = gymnasium.spaces.Box(
                0, high, (core.observation_size,), np.int32
            )
            self.single_action_space = gymnasium.spaces.Discrete(core.tokenizer.num_actions)
            self.num_agents = self.agents_per_batch = core.num_agents
            super().__init__(buf)
            core.bind(self.observations, self.rewards, self.terminals, self.truncations, self.masks)
            self._log_path = Path(log_path) if log_path else None
            if self._log_path is not None:
                self._log_path.parent.mkdir(parents=True, exist_ok=True)
        except BaseException:
            self.close()
            raise
        self.tokenizer, self.problems = core.tokenizer, problems
        # A policy needs to know where the statement ends and the program begins.
        self.prompt_tokens, self.program_tokens = core.prompt_tokens, core.program_tokens
        self.deferred, self.tickets = core.deferred, core.tickets
        if core.action_masks is not None:
            self.action_masks = core.action_masks
        self._seed = seed
        self._interval, self._steps = report_interval, 0
        self._shown: Episode | None = None
        self._started, self._executions_before = time.time(), 0

    def reset(self, seed: int | None = None) -> tuple[NDArray[np.int32], list[dict[str, Any]]]:
        """Starts every agent's first episode; agent `i` draws from the stream of `seed + i`."""
        self._core.reset(self._seed if seed is None else seed)
        self._shown = None
        return self.observations, []

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[
        NDArray[np.int32],
        NDArray[np.float32],
        NDArray[np.bool_],
        NDArray[np.bool_],
        list[dict[str, float]],
    ]:
        """Takes one step of every agent; returns PufferLib's own buffers.

        Raises:
          InvalidValueError: an action outside the action space.
        """
        episodes = self._core.step(actions)
        self._steps += 1
        self._shown = episodes[0] if episodes and episodes[0].agent == _RENDER_AGENT else None
        infos = []
        if self._steps % self._interval == 0 and self._core.statistics.episodes:
            infos.append(self._report())
        return self.observations, self.rewards, self.terminals, self.truncations, infos

    def collect(
        self, timeout_s: float = 0.0
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
        """Returns tickets, rewards and masks of deferred verdicts that came; see EpisodeCore.

        Args:
          timeout_s: waits so long for at least one, where any is open.

        Returns:
          int64 [n], float32 [n] and bool [n]; mask False: a fault of the sandbox, and the step must
          not be learned from.
        """
        return self._core.collect(timeout_s)

    def fingerprint(self) -> str:
        """Returns a digest of what episodes mean: problems, tokenizer, lengths, reward.

        A policy that was trained where it is another one has learned another task.
        """
        return self._core.fingerprint()

    def state_dict(self) -> dict[str, Any]:
        """Returns all that the next steps depend on: arrays, numbers and texts; see EpisodeCore.

        Waits for open verdicts.
        """
        return {
            "core": self._core.state_dict(),
            "steps": self._steps,
            "elapsed_s": time.time() - self._started,
            "executions": self._executions_before + self._judge.executions,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state_dict` was called, bit for bit, in place of a `reset`.

        Raises:
          InvalidValueError: the state was made with other problems or settings.
        """
        self._core.load_state_dict(state["core"])
        self._steps = int(state["steps"])
        self._started = time.time() - state["elapsed_s"]
        self._executions_before = int(state["executions"]) - self._judge.executions
        self._shown = None

    def _report(self) -> dict[str, float]:
        report = self._core.report()
        if self._log_path is not None:
            line = {
                "time": time.time(),
                "elapsed_s": time.time() - self._started,
                "agent_steps": self._steps * self.num_agents,
                "executions": self._executions_before + self._judge.executions,
                **report,
            }
            with self._log_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        return report

    def render(self) -> str:
        """Returns the first agent's episode as text.

        `puffer eval` prints each frame over the one before: every line clears its own rest, and the
        last one all below.
        """
        if self._shown is not None:
            shown = self._shown
            frame = render_episode(shown.problem, shown.program, shown.verdict, reward=shown.reward)
        else:
            problem, completion = self._core.program(_RENDER_AGENT)
            frame = render_episode(problem, problem.assemble(completion))
        return frame.replace("\n", f"{_CLEAR_LINE}\n") + _CLEAR_LINE + _CLEAR_BELOW

    def close(self) -> None:
        """Ends the judge, if it is this environment's own; again and again is fine.

        Open verdicts are abandoned.
        """
        if hasattr(self, "_core"):
            self._core.abandon()
        if self._owns_judge:
            self._judge.close()


def _in_another_process() -> bool:
    """Returns whether a vector that steps its environments in other processes makes this one.

    PufferLib tells an environment nothing of its vector, and a worker that raises leaves its parent
    waiting for ever: so the environment that the parent makes to look at has to refuse.
    """
    makers = {
        vector.Multiprocessing.__init__.__code__,
        vector.Ray.__init__.__code__,
        vector._worker_process.__code__,
    }
    frame = inspect.currentframe()
    while frame is not None and frame.f_code not in makers:
        frame = frame.f_back
    return frame is not None
