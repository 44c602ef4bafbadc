"""Registers the environments with Gymnasium: one pair per dataset.

CodingProblem-v0             CodingProblem-Text-v0             the starter problems
CodingProblem-HumanEval-v0   CodingProblem-HumanEval-Text-v0   and so on for every dataset
"""

from __future__ import annotations

from typing import Any

import gymnasium

from .data import DatasetSpec, dataset_names
from .data import register_dataset as _register_dataset
from .errors import InvalidValueError

__all__ = ["environment_ids", "puffer_names", "register_dataset", "register_environments"]

_DEFAULT_DATASET = "starter"
_PUFFER_PREFIX = "coding_problem"
# How a dataset's name is written in an environment's: others are put together from their words.
_TITLES = {
    "humaneval": "HumanEval",
    "humaneval_plus": "HumanEvalPlus",
    "mbpp": "MBPP",
    "mbpp_plus": "MBPPPlus",
    "apps": "APPS",
    "taco": "TACO",
    "livecodebench": "LiveCodeBench",
    "kodcode": "KodCode",
    "leetcode": "LeetCode",
    "bigcodebench": "BigCodeBench",
    "bigcodebench_hard": "BigCodeBenchHard",
    "synthetic_1": "SYNTHETIC1",
    "deepcoder": "DeepCoder",
    "multipl_e": "MultiPLE",
}


def _title(dataset: str) -> str:
    words = dataset.replace("-", "_").split("_")
    return _TITLES.get(dataset) or "".join(word[:1].upper() + word[1:] for word in words)


def _environments(infix: str) -> dict[str, str]:
    """Returns environment name -> its class."""
    return {
        f"CodingProblem{infix}-v0": "coding_envs.envs.gym_env:CodingProblemEnv",
        f"CodingProblem{infix}-Text-v0": "coding_envs.envs.text_env:CodingProblemTextEnv",
    }


def _register(infix: str, dataset: str) -> None:
    for name, entry in _environments(infix).items():
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=entry, kwargs={"dataset": dataset})


def register_environments() -> None:
    """Registers every environment with Gymnasium; again is fine."""
    _register("", _DEFAULT_DATASET)
    for dataset in dataset_names():
        _register("-" + _title(dataset), dataset)


def environment_ids() -> list[str]:
    """Returns the names that `gymnasium.make` knows of this package."""
    return sorted(name for name in gymnasium.registry if name.startswith("CodingProblem"))


def puffer_names() -> dict[str, str]:
    """Returns environment name -> dataset, as PufferLib's command line knows them."""
    names = {_PUFFER_PREFIX: _DEFAULT_DATASET}
    return names | {f"{_PUFFER_PREFIX}_{name.replace('-', '_')}": name for name in dataset_names()}


def register_dataset(spec: DatasetSpec, **kwargs: Any) -> None:
    """Adds a dataset, and its environments `CodingProblem-NAME-v0` and `-Text-v0`.

    Raises:
      InvalidValueError: the name is taken, or the name of one of its environments.
    """
    if spec.name in dataset_names() and not kwargs.get("replace"):
        raise InvalidValueError(f"a dataset named {spec.name!r} is registered; choose another name")
    for name in _environments("-" + _title(spec.name)):
        other = gymnasium.registry.get(name)
        if other is not None and other.kwargs.get("dataset") != spec.name:
            raise InvalidValueError(
                f"dataset {spec.name!r} would be the environment {name!r}, which there is already; "
                "choose another name"
            )
    _register_dataset(spec, **kwargs)
    _register("-" + _title(spec.name), spec.name)
