"""What every environment is made from: the same arguments, read in the same way."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..data import ProblemSet, load_problems
from ..episodes import EpisodeCore, whole_number
from ..errors import DatasetRowError, InvalidValueError
from ..judge import Judge
from ..problem import Problem
from ..reward import Reward, make_reward
from ..sandbox import Sandbox
from ..tokens import Tokenizer, make_tokenizer
from ..verdict import Verdict

__all__ = [
    "ANY_LENGTH",
    "CoreOptions",
    "InfoVerdict",
    "chosen_problem",
    "draw_problem",
    "load_problem_set",
    "open_judge",
    "verdict_info",
]

ANY_LENGTH = 0
"""As a length: the dataset's own default."""

_logger = logging.getLogger("coding_envs.envs")
_TRIES = 100  # of drawing a problem whose row is not broken

# (tokenizer, prompt_tokens, program_tokens) that fit a dataset; others get the last line's.
_DEFAULTS = {"starter": ("starter", 24, 12)}
_OTHERS = ("python", 512, 512)


def load_problem_set(
    dataset: str | ProblemSet | Sequence[Problem],
    *,
    config: str | None = None,
    split: str | None = None,
    data_files: Any = None,
) -> ProblemSet:
    """Returns the problems that an environment's arguments name."""
    if isinstance(dataset, ProblemSet):
        return dataset
    if isinstance(dataset, (str, Path)):
        # PufferLib's ini files have no None: an empty text means the default.
        return load_problems(
            dataset, config=config or None, split=split or None, data_files=data_files or None
        )
    problems = list(dataset)
    if not problems or not all(isinstance(p, Problem) for p in problems):
        raise InvalidValueError("dataset must be a name, a ProblemSet or a sequence of Problems")
    return ProblemSet(problems, name=problems[0].dataset)


def chosen_problem(problems: ProblemSet, options: Mapping[str, Any] | None) -> int | None:
    """Returns the number of the problem that `reset(options=...)` names, or None.

    Raises:
      UnknownNameError: there is no problem of that key; the message suggests near ones.
      InvalidValueError: there is no problem of that number.
    """
    wanted = (options or {}).get("problem")
    if wanted is None:
        return None
    if isinstance(wanted, str):
        return problems.index_of(wanted)
    return whole_number("problem (a number, or a key)", wanted, least=0, most=len(problems) - 1)


def draw_problem(problems: ProblemSet, draws: np.random.Generator) -> Problem:
    """Returns a problem drawn uniformly; where its row turns out to be broken, another.

    Raises:
      DatasetRowError: a hundred in a row are broken.
    """
    for _ in range(_TRIES - 1):
        try:
            return problems[int(draws.integers(len(problems)))]
        except DatasetRowError as error:
            _logger.warning("another problem is drawn: %s", error)
    return problems[int(draws.integers(len(problems)))]


def open_judge(
    judge: Judge | None,
    *,
    workers: int | None,
    sandbox: str | Sandbox,
    cache: str | None,
    packages: str | Iterable[str] = (),
) -> tuple[Judge, bool]:
    """Returns a judge, and whether it is ours to close.

    Args:
      judge: is taken as it is, or None.
      workers: what one is made with; 0 means the default.
      sandbox: the same.
      cache: the same; "" means none.
      packages: that programs and tests may import; a text names them with commas between.
    """
    if isinstance(packages, str):  # as an ini file has it
        packages = [name.strip() for name in packages.split(",") if name.strip()]
    packages = tuple(packages)
    if judge is not None:
        if packages:
            raise InvalidValueError(
                f"packages must be left out beside a judge, got {packages}; pass them to Judge"
            )
        return judge, False
    return Judge(workers or None, sandbox=sandbox, cache=cache or None, packages=packages), True


@dataclass(frozen=True)
class CoreOptions:
    """How an episode core is made from an environment's arguments.

    Attributes:
      tokenizer: a name, a Tokenizer, or "fitting": what fits the dataset.
      reward: a name or a function Verdict -> float.
      prompt_tokens, program_tokens: lengths; 0 takes what fits the dataset.
      hints: part of the episodes that begin with some of a reference solution; see EpisodeCore.
      verdicts: "sync" or "deferred".
      max_open: deferred verdicts that may be open at one time; 0 takes the core's own.
      action_masks: whether the core writes down what the tokenizer's grammar allows.
    """

    tokenizer: str | Tokenizer = "fitting"
    reward: str | Reward = "accepted"
    prompt_tokens: int = ANY_LENGTH
    program_tokens: int = ANY_LENGTH
    hints: float = 0.0
    verdicts: str = "sync"
    max_open: int = 0
    action_masks: bool = False

    def make_core(self, problems: ProblemSet, judge: Judge, num_agents: int) -> EpisodeCore:
        """Returns the core."""
        name, prompt_tokens, program_tokens = _DEFAULTS.get(problems.name, _OTHERS)
        tokenizer = self.tokenizer
        if isinstance(tokenizer, str):
            tokenizer = make_tokenizer(name if tokenizer == "fitting" else tokenizer)
        return EpisodeCore(
            problems,
            judge,
            tokenizer,
            make_reward(self.reward),
            num_agents=num_agents,
            prompt_tokens=self.prompt_tokens or prompt_tokens,
            program_tokens=self.program_tokens or program_tokens,
            hints=self.hints,
            verdicts=self.verdicts,
            max_open=self.max_open,
            action_masks=self.action_masks,
        )


@dataclass(frozen=True, eq=False)
class InfoVerdict(Verdict):
    """A verdict that equals another where both say the same of the same program.

    What was measured differs from run to run, yet Gymnasium's `check_env` wants the same infos for
    the same seed and actions.
    """

    def _said(self) -> tuple[object, ...]:
        return self.fingerprint, self.status, tuple(test.status for test in self.tests)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InfoVerdict) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())


def verdict_info(problem: Problem, program: str, verdict: Verdict) -> dict[str, Any]:
    """Returns what `info` holds once a program was judged."""
    return {
        "problem": problem.uid,
        "program": program,
        "status": str(verdict.status),
        "solved": verdict.accepted,
        "passed": verdict.passed,
        "total": verdict.total,
        "verdict": InfoVerdict(**{f.name: getattr(verdict, f.name) for f in fields(verdict)}),
    }
