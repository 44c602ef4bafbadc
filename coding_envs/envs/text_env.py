"""CodingProblem-Text-v0: a whole program per step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
from gymnasium import spaces

from ..data import ProblemSet
from ..episodes import submission, whole_number
from ..errors import EpisodeError, InvalidValueError
from ..judge import Judge
from ..problem import Problem
from ..reward import Reward, make_reward, pay
from ..sandbox import Sandbox
from ..verdict import Verdict
from .render import render_episode
from .setup import chosen_problem, draw_problem, load_problem_set, open_judge, verdict_info

__all__ = ["CodingProblemTextEnv", "SourceText"]


class SourceText(spaces.Text):
    """Any Unicode text up to a length: source code is far outside Text's default alphabet.

    Samples are printable ASCII. Contains every `str` of at most `max_length` characters.
    """

    def __init__(self, max_length: int, seed: int | None = None) -> None:
        charset = "".join(map(chr, range(32, 127))) + "\n\t"
        super().__init__(max_length, min_length=0, charset=charset, seed=seed)

    def contains(self, x: Any) -> bool:
        """Returns True for any text that is not too long."""
        return isinstance(x, str) and len(x) <= self.max_length

    def __repr__(self) -> str:
        return f"SourceText({self.max_length})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SourceText) and other.max_length == self.max_length


class CodingProblemTextEnv(gymnasium.Env[str, str]):
    """Write a whole program per step; with several attempts, a repair dialogue.

    ## Description
    Each episode draws a problem. Each action is a program, or a completion of the starter code; it
    runs under nsjail, and the verdict becomes the reward. With `max_attempts > 1` the observation
    after a failed attempt holds the feedback: status, first failing public test, end of stderr.

    ## Observation
    `SourceText`: the statement and the starter code; then the last attempt and its feedback.

    ## Action
    `SourceText`: a program.

    ## Reward
    By `reward`, as in CodingProblem-v0, at each attempt.

    ## Episode end
    Terminated when solved or after `max_attempts`. Truncated, with reward 0, where the judge itself
    failed.

    ## Info
    After each step: `problem`, `program`, `status`, `solved`, `passed`, `total`, `attempt`,
    `verdict`.

    ## Version history
    v0: first version.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # Gymnasium's is no ClassVar
        "render_modes": ["ansi"],
        "render_fps": 1,
    }

    def __init__(
        self,
        dataset: str | ProblemSet = "starter",
        *,
        config: str | None = None,
        split: str | None = None,
        data_files: Any = None,
        reward: str | Reward = "accepted",
        max_attempts: int = 1,
        max_chars: int = 1 << 20,
        judge: Judge | None = None,
        workers: int | None = 1,
        sandbox: str | Sandbox = "nsjail",
        cache: str | None = "memory",
        packages: str | Sequence[str] = (),
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "ansi"):
            raise InvalidValueError(f"render_mode must be None or 'ansi', got {render_mode!r}")
        whole_number("max_attempts", max_attempts, least=1)
        whole_number("max_chars", max_chars, least=1)
        self.render_mode = render_mode
        self.problems = load_problem_set(dataset, config=config, split=split, data_files=data_files)
        if not len(self.problems):
            raise InvalidValueError("dataset holds no problems; see its describe()")
        self._reward = make_reward(reward)
        self._max_attempts = max_attempts
        self.observation_space = SourceText(4 * max_chars)
        self.action_space = SourceText(max_chars)
        self._problem: Problem | None = None
        self._attempt = 0
        self._program, self._paid = "", 0.0
        self._verdict: Verdict | None = None
        self._judge, self._owns_judge = open_judge(
            judge, workers=workers, sandbox=sandbox, cache=cache, packages=packages
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Starts an episode; `options={"problem": number or key}` chooses the problem.

        Raises:
          UnknownNameError, InvalidValueError: there is no such problem.
        """
        number = chosen_problem(self.problems, options)
        super().reset(seed=seed)
        if number is None:
            self._problem = draw_problem(self.problems, self.np_random)
        else:
            self._problem = self.problems[number]
        self._attempt, self._program, self._verdict = 0, self._problem.starter_code, None
        return self._observation(), {"problem": self._problem.uid}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Judges one program; see the class.

        Raises:
          EpisodeError: before reset(), or after the episode's end.
          InvalidValueError: the action is no text, or too long.
        """
        problem = self._problem
        if problem is None:
            raise EpisodeError("step() without a running episode: call reset() first")
        if not isinstance(action, str):
            raise InvalidValueError(f"action must be text (str), got {type(action).__name__}")
        if not self.action_space.contains(action):
            limit = self.action_space.max_length  # type: ignore[attr-defined]
            raise InvalidValueError(
                f"action must have at most {limit} characters, got {len(action)}; "
                "raise max_chars or shorten the program"
            )
        self._program = submission(problem, action)
        verdict = self._judge.judge(problem, self._program)
        self._verdict = verdict
        self._attempt += 1
        failed = verdict.status.is_fault_of_ours
        self._paid = 0.0 if failed else pay(self._reward, verdict)
        terminated = not failed and (verdict.accepted or self._attempt >= self._max_attempts)
        info = verdict_info(problem, self._program, verdict)
        info["attempt"] = self._attempt
        observation = self._observation()
        if terminated or failed:
            self._shown, self._problem = problem, None
        return observation, self._paid, terminated, failed, info

    def _observation(self) -> str:
        assert self._problem is not None
        problem = self._problem
        parts = [problem.prompt.rstrip()]
        if problem.starter_code and problem.starter_code not in problem.prompt:
            parts.append(problem.starter_code)
        if self._verdict is not None:
            verdict = self._verdict
            feedback = f"Attempt {self._attempt}: {verdict.status}: {verdict.message}"
            parts += [self._program[: 1 << 20], feedback]
            if verdict.stderr:
                parts.append(verdict.stderr)
        text = "\n\n".join(parts) + "\n"
        return text[: self.observation_space.max_length]  # type: ignore[attr-defined]

    def render(self) -> str | None:
        """Returns the episode as text, where render_mode is "ansi"."""
        if self.render_mode != "ansi":
            return None
        problem = self._problem or getattr(self, "_shown", None)
        if problem is None:
            raise EpisodeError("render() before reset(): call reset() first")
        if self._verdict is None:
            return render_episode(problem, self._program)
        return render_episode(problem, self._program, self._verdict, reward=self._paid)

    def close(self) -> None:
        """Ends the judge, if it is this environment's own; again and again is fine."""
        if self._owns_judge:
            self._judge.close()
