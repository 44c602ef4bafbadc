"""CodingProblem-v0: a program, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..data import ProblemSet
from ..episodes import Episode
from ..errors import EpisodeError, InvalidValueError
from ..judge import Judge
from ..reward import Reward
from ..sandbox import Sandbox
from ..tokens import Tokenizer
from .render import render_episode
from .setup import (
    ANY_LENGTH,
    CoreOptions,
    chosen_problem,
    load_problem_set,
    open_judge,
    verdict_info,
)

__all__ = ["CodingProblemEnv"]


class CodingProblemEnv(gymnasium.Env[NDArray[np.int32], np.int64]):
    """Write a program token by token; it runs in a sandbox against the problem's tests.

    ## Description
    Each episode draws a problem. Each action appends one piece of text to the program, after the
    problem's starter code; action 0 submits. The program then runs under nsjail, and the verdict
    becomes the reward.

    ## Observation
    `Box` of int32 [prompt_tokens + program_tokens + 1]: token ids of the statement, then of what
    is written so far, both padded with 0; last, the number of tokens written.

    ## Action
    `Discrete(num_actions)`: 0 submits, the others write `env.unwrapped.tokenizer.action_text(a)`.

    ## Reward
    0 until the end of the episode; then by `reward`: "accepted" (1 where every test passes, else
    0), "fraction", "shaped", or a function Verdict -> float in [-1, 1].

    ## Episode end
    Terminated by the submit action, or by the token that reaches the length limit (what was written
    is then submitted). Truncated, with reward 0, where the judge itself failed: `info["status"]`
    is then INTERNAL_ERROR or JUDGE_ERROR, and the step must not be learned from.

    ## Info
    At the end: `problem`, `program`, `completion`, `status`, `solved`, `passed`, `total`,
    `verdict`. Always: `problem`.

    ## Arguments
    dataset: a dataset's name, a ProblemSet or a sequence of Problems. config, split, data_files:
    see `coding_envs.load_problems`. tokenizer: "fitting", "starter", "python", "bytes" or a
    Tokenizer. prompt_tokens, program_tokens: lengths; 0 takes what fits the dataset. judge: shared
    with other environments; else one is made, with `workers`, `sandbox`, `cache` and `packages`:
    installed ones that programs and tests may import, such as ["numpy"].
    `reset(options={"problem": number or key})` chooses the problem.

    ## Version history
    v0: first version.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # Gymnasium's is no ClassVar
        "render_modes": ["ansi"],
        "render_fps": 4,
    }

    def __init__(
        self,
        dataset: str | ProblemSet = "starter",
        *,
        config: str | None = None,
        split: str | None = None,
        data_files: Any = None,
        tokenizer: str | Tokenizer = "fitting",
        reward: str | Reward = "accepted",
        prompt_tokens: int = ANY_LENGTH,
        program_tokens: int = ANY_LENGTH,
        judge: Judge | None = None,
        workers: int | None = 1,
        sandbox: str | Sandbox = "nsjail",
        cache: str | None = "memory",
        packages: str | Sequence[str] = (),
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "ansi"):
            raise InvalidValueError(f"render_mode must be None or 'ansi', got {render_mode!r}")
        self.render_mode = render_mode
        problems = load_problem_set(dataset, config=config, split=split, data_files=data_files)
        options = CoreOptions(tokenizer, reward, prompt_tokens, program_tokens)
        self._judge, self._owns_judge = open_judge(
            judge, workers=workers, sandbox=sandbox, cache=cache, packages=packages
        )
        try:
            self._core = options.make_core(problems, self._judge, 1)
        except BaseException:
            self.close()
            raise
        self.tokenizer = self._core.tokenizer
        self.problems = problems
        size = self._core.observation_size
        high = max(self.tokenizer.size - 1, self._core.program_tokens)
        self.observation_space = spaces.Box(0, high, (size,), np.int32)
        self.action_space = spaces.Discrete(self.tokenizer.num_actions)
        self._last: Episode | None = None
        self._running = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.int32], dict[str, Any]]:
        """Starts an episode; `options={"problem": number or key}` chooses the problem.

        Raises:
          UnknownNameError, InvalidValueError: there is no such problem.
        """
        chosen = chosen_problem(self.problems, options)
        first = not hasattr(self, "_seeded")
        super().reset(seed=seed)
        if seed is not None or first:
            stream = seed if seed is not None else int(self.np_random.integers(2**31))
            self._core.reset(stream, chosen)
            self._seeded = True
        else:
            self._core.restart(chosen)
        self._last, self._running = None, True
        return self._core.observations[0].copy(), {"problem": self._core.program(0)[0].uid}

    def step(
        self, action: np.int64 | int
    ) -> tuple[NDArray[np.int32], float, bool, bool, dict[str, Any]]:
        """Takes one action; see the class.

        Raises:
          EpisodeError: before reset(), or after the episode's end.
          InvalidValueError: the action is outside the action space.
        """
        if not self._running:
            raise EpisodeError("step() without a running episode: call reset() first")
        number = np.asarray(action)
        if number.shape not in ((), (1,)) or number.dtype.kind not in "iu":
            raise InvalidValueError(f"action must be one integer, got {action!r}")
        episodes = self._core.step(number.reshape(1), restart=False)
        info: dict[str, Any] = {"problem": self._core.program(0)[0].uid}
        if episodes:
            (episode,) = episodes
            self._running, self._last = False, episode
            info = verdict_info(episode.problem, episode.program, episode.verdict)
            info["completion"] = episode.completion
        return (
            self._core.observations[0].copy(),
            float(self._core.rewards[0]),
            bool(self._core.terminals[0]),
            bool(self._core.truncations[0]),
            info,
        )

    def render(self) -> str | None:
        """Returns the episode as text, where render_mode is "ansi"."""
        if self.render_mode != "ansi":
            return None
        if self._last is not None:
            last = self._last
            return render_episode(last.problem, last.program, last.verdict, reward=last.reward)
        if not self._running:
            raise EpisodeError("render() before reset(): call reset() first")
        problem, completion = self._core.program(0)
        return render_episode(problem, problem.assemble(completion))

    def close(self) -> None:
        """Ends the judge, if it is this environment's own; again and again is fine."""
        if self._owns_judge:
            self._judge.close()
