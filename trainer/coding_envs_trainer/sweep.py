"""Tuning: trials with other settings, at random or by Optuna's TPE, each written down at once.

`<data_dir>/<environment>-sweep/trials.jsonl` (or `out`) has a line per trial: its settings, score,
cost and steps. That file is all that there is of a sweep: the next call reads it and goes on.
"""

from __future__ import annotations

import copy
import json
import math
import random
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coding_envs.errors import CodingEnvsError, InvalidValueError, UnknownNameError

from .commands import train
from .config import TRAIN_KEYS, VEC_KEYS

__all__ = ["Range", "ranges", "score_of", "suggest", "sweep"]

_DISTRIBUTIONS = ("uniform", "int_uniform", "uniform_pow2", "log_normal", "logit_normal")
_INTEGERS = {f"train.{key.name}" for key in TRAIN_KEYS if key.kind == "int"}
_INTEGERS |= {f"vec.{key.name}" for key in VEC_KEYS if key.kind == "int"}
_METHODS = ("tpe", "random")
_BAYESIAN_OF_PUFFERLIB = ("protein", "paretogenetic")
_ENDS = ("min", "max", "mean")
# So many failures in a row, with no success before, are no matter of the settings.
_HOPELESS = 3


@dataclass(frozen=True)
class Range:
    """The values that a key may have, as points of [0, 1].

    Attributes:
      name: the key's whole name, such as train.gamma.
      distribution: PufferLib's word: what is even in [0, 1]; log_normal the logarithm,
        logit_normal the logarithm of the distance from 1, uniform_pow2 powers of two.
      low, high: the ends.
      mean: the value of the first trial.
    """

    name: str
    distribution: str
    low: float
    high: float
    mean: float

    def __post_init__(self) -> None:
        """Checks.

        Raises:
          InvalidValueError: the distribution has no such range.
        """
        if self.distribution not in _DISTRIBUTIONS:
            raise UnknownNameError(
                "distribution", self.distribution, _DISTRIBUTIONS, f"in sweep.{self.name}"
            )
        floor = {"uniform_pow2": 0.0, "log_normal": 0.0}.get(self.distribution, -math.inf)
        ceiling = 1.0 if self.distribution == "logit_normal" else math.inf
        if not floor < self.low < self.high < ceiling or not self.low <= self.mean <= self.high:
            raise InvalidValueError(
                f"sweep.{self.name}: {self.distribution} needs {floor:g} < min <= mean <= max < "
                f"{ceiling:g}, got min {self.low}, mean {self.mean}, max {self.high}"
            )

    def value(self, point: float) -> int | float:
        """Returns the value at a point of [0, 1]."""
        low, high = self._scale(self.low), self._scale(self.high)
        at = low + point * (high - low)
        if self.distribution == "uniform_pow2":
            return int(2 ** round(at))
        if self.distribution == "log_normal":
            at = math.exp(at)
        elif self.distribution == "logit_normal":
            at = 1 - math.exp(at)
        return self.rounded(min(max(at, self.low), self.high))

    def rounded(self, value: float) -> int | float:
        """Returns a value as its key takes it."""
        whole = self.distribution in ("int_uniform", "uniform_pow2") or self.name in _INTEGERS
        return round(value) if whole else value

    def point(self, value: float) -> float:
        """Returns the point in [0, 1] at which a value lies."""
        low, high = self._scale(self.low), self._scale(self.high)
        return min(max((self._scale(value) - low) / (high - low), 0.0), 1.0)

    def _scale(self, value: float) -> float:
        if self.distribution == "uniform_pow2":
            return math.log2(value)
        if self.distribution == "log_normal":
            return math.log(value)
        if self.distribution == "logit_normal":
            return math.log(1 - value)
        return value


def ranges(args: Mapping[str, Any]) -> list[Range]:
    """Returns what `[sweep.*]` says can be tuned, or the part of it that `sweep.parameters` names.

    Raises:
      UnknownNameError: `sweep.parameters` names a key without a range.
      InvalidValueError: a range is not complete, or none.
    """
    found: dict[str, Range] = {}
    for section, keys in args["sweep"].items():
        for key, given in keys.items() if isinstance(keys, dict) else ():
            name = f"{section}.{key}"
            missing = [word for word in ("distribution", *_ENDS) if word not in given]
            if missing:
                raise InvalidValueError(f"sweep.{name} has no {missing[0]}")
            numbers = [_number(f"sweep.{name}.{word}", given[word]) for word in _ENDS]
            found[name] = Range(name, str(given["distribution"]), *numbers)
    chosen = args["sweep"]["parameters"].replace(",", " ").split() or list(found)
    for name in chosen:
        if name not in found:
            raise UnknownNameError("range", name, found, "in sweep.parameters")
    if not chosen:
        raise InvalidValueError("there is nothing to tune: no [sweep.SECTION.KEY] is set")
    return [found[name] for name in chosen]


def _number(name: str, given: Any) -> float:
    try:
        return float(given)
    except (TypeError, ValueError):
        raise InvalidValueError(f"{name} must be a number, got {given!r}") from None


def suggest(
    tuned: Sequence[Range],
    trials: Sequence[Mapping[str, Any]],
    *,
    method: str,
    maximize: bool,
    seed: int,
) -> dict[str, int | float]:
    """Returns the next trial's settings: name -> value.

    Args:
      tuned: what can be set.
      trials: those so far, as trials.jsonl has them.
      method: "random", or else Optuna's TPE (Bergstra et al. 2011).
      maximize: whether higher scores are better.
      seed: the same one and the same trials give the same settings.

    Raises:
      CodingEnvsError: Optuna is not installed.
    """  # fmt: skip
    if not trials:
        return {one.name: one.rounded(one.mean) for one in tuned}
    number = zlib.crc32(f"{seed} {len(trials)}".encode())
    if method == "random":
        draw = random.Random(number)
        return {one.name: one.value(draw.random()) for one in tuned}
    try:
        import optuna
    except ImportError:
        raise CodingEnvsError(
            "sweep.method tpe needs optuna, which is not installed; pip install "
            "'coding-envs-trainer[sweep]', or take --sweep.method random"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Every key is even in [0, 1] to it: the distributions are ours.
    space = {one.name: optuna.distributions.FloatDistribution(0.0, 1.0) for one in tuned}
    study = optuna.create_study(
        direction="maximize" if maximize else "minimize",
        sampler=optuna.samplers.TPESampler(seed=number, multivariate=False),
    )
    for trial in trials:
        if any(one.name not in trial["settings"] for one in tuned):
            continue  # of an earlier call, which tuned less
        failed = trial["score"] is None
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE,
                value=None if failed else trial["score"],
                params={one.name: one.point(trial["settings"][one.name]) for one in tuned},
                distributions=space,
            )
        )
    asked = study.ask(space)
    return {one.name: one.value(asked.params[one.name]) for one in tuned}


def score_of(logs: Sequence[Mapping[str, Any]], metric: str, parts: int) -> float:
    """Returns the mean of a statistic over the last of `parts` parts of the logs that have it.

    Raises:
      UnknownNameError: no log has it; says what they have.
    """
    key = f"environment/{metric}"
    values = [log[key] for log in logs if key in log and math.isfinite(log[key])]
    if not values:
        known = {n.removeprefix("environment/") for log in logs for n in log if n.startswith("env")}
        raise UnknownNameError("statistic", metric, known, "set --sweep.metric")
    last = values[-max(len(values) // parts, 1) :] if parts else values[-1:]
    return float(sum(last) / len(last))


def sweep(
    env_name: str,
    args: Mapping[str, Any],
    run: Callable[[str, dict[str, Any]], Sequence[Mapping[str, Any]]] = train,
) -> dict[str, Any]:
    """Runs trials until there are `max_runs`, earlier calls' counted; returns the best one's line.

    Args:
      env_name: as for load_config.
      args: what load_config returned.
      run: trains with settings and returns the logs.

    Raises:
      CodingEnvsError: the first trials have all failed; what the last one did.
    """
    options = args["sweep"]
    tuned = ranges(args)
    maximize = options["goal"] == "maximize"
    method = options["method"].lower()
    if method in _BAYESIAN_OF_PUFFERLIB:
        method = "tpe"
    if method not in _METHODS:
        raise UnknownNameError("sweep.method", options["method"], _METHODS, "see --help")
    name = env_name.replace(":", "-").replace("/", "-")
    folder = Path(args["out"] or Path(args["train"]["data_dir"]) / f"{name}-sweep")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "trials.jsonl"
    trials = read_trials(path)
    while len(trials) < args["max_runs"]:
        settings = suggest(
            tuned, trials, method=method, maximize=maximize, seed=args["train"]["seed"]
        )
        trial = _trial(env_name, args, settings, folder, run)
        trials.append(trial)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(trial) + "\n")
        _say(trial, len(trials), args["max_runs"])
        if len(trials) >= _HOPELESS and all(t["score"] is None for t in trials):
            raise CodingEnvsError(f"all {len(trials)} trials have failed: {trial['error']}")
    done = [trial for trial in trials if trial["score"] is not None]
    if not done:
        raise CodingEnvsError(f"no trial has succeeded; see {path}")
    return (max if maximize else min)(done, key=lambda trial: trial["score"])


def read_trials(path: Path) -> list[dict[str, Any]]:
    """Returns the lines of a trials.jsonl; none where there is no such file."""
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8")
        if not text.endswith("\n"):  # killed while it wrote: that trial is run again
            text = text[: text.rfind("\n") + 1]
            path.write_text(text, encoding="utf-8")
        trials = [json.loads(line) for line in text.splitlines()]
    except ValueError as error:
        raise CodingEnvsError(f"{path} holds no trials: {error}") from None
    for number, trial in enumerate(trials, 1):
        if not isinstance(trial, dict) or not {"settings", "score"} <= set(trial):
            raise CodingEnvsError(f"{path}, line {number}: no sweep has written such a line")
    return trials


def _trial(
    env_name: str,
    args: Mapping[str, Any],
    settings: Mapping[str, int | float],
    folder: Path,
    run: Callable[[str, dict[str, Any]], Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    """Runs one trial; a trial that fails has no score, and says why."""
    own = copy.deepcopy(dict(args))
    own["train"] |= {"data_dir": str(folder), "dashboard": "none", "resume": ""}
    for name, value in settings.items():
        section, _, key = name.partition(".")
        own[section][key] = value
    started = time.time()
    trial: dict[str, Any] = {"settings": dict(settings), "score": None}
    try:
        logs = run(env_name, own)
        options = args["sweep"]
        trial["score"] = score_of(logs, options["metric"], options["downsample"])
        trial["agent_steps"] = logs[-1]["agent_steps"]
    except UnknownNameError:
        raise
    except Exception as error:  # a setting that cannot be, out of memory: the next may do
        trial["error"] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    trial["seconds"] = round(time.time() - started, 3)
    return trial


def _say(trial: Mapping[str, Any], number: int, count: int) -> None:
    settings = " ".join(f"{name}={value:.4g}" for name, value in trial["settings"].items())
    score = trial.get("error") or f"score {trial['score']:.4g}"
    print(f"trial {number}/{count}: {score}, {trial['seconds']:.0f} s, {settings}", flush=True)
