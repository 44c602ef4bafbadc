"""Every key of the configuration: type, default, range and meaning, in one table per section."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from coding_envs.errors import InvalidValueError

__all__ = [
    "BASE_KEYS",
    "OPTION_KEYS",
    "SWEEP_KEYS",
    "TRAIN_DEFAULTS",
    "TRAIN_KEYS",
    "VEC_KEYS",
    "Key",
    "complete_train",
]

_TRUE = frozenset(("true", "yes", "on", "1"))
_FALSE = frozenset(("false", "no", "off", "0"))
_NONE = frozenset(("", "none"))


@dataclass(frozen=True)
class Key:
    """One setting.

    Attributes:
      name: as files write it; flags may write `-` for `_`.
      kind: the type of its values.
      default: the value where nobody sets one; None means that nothing is chosen.
      meaning: one line for --help.
      low, high: the range of a number, both ends in it.
      above: True: `low` itself is not in the range.
      below: True: `high` itself is not in the range.
      choices: the only texts that are taken; empty: any.
      auto: the word "auto" is a value too.
      optional: None is a value too, written None.
    """

    name: str
    kind: Literal["int", "float", "bool", "str"]
    default: Any
    meaning: str
    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False
    choices: tuple[str, ...] = ()
    auto: bool = False
    optional: bool = False

    def check(self, value: Any, name: str, origin: str = "") -> Any:
        """Returns `value`, a text or already typed, as this key's type.

        Args:
          value: what was given.
          name: the key's whole name, for the message: `train.gamma`.
          origin: where it was given, for the message.

        Raises:
          InvalidValueError: it is no such value; the message says which are.
        """
        text = value.strip() if isinstance(value, str) else value
        if self.auto and text == "auto":
            return text
        if self.optional and (text is None or str(text).lower() in _NONE):
            return None
        typed = self._typed(text)
        if typed is None or not self._in_range(typed):
            where = f" ({origin})" if origin else ""
            raise InvalidValueError(f"{name} must be {self.wanted()}, got {value!r}{where}")
        return typed

    def wanted(self) -> str:
        """Returns the values that are taken, in words."""
        if self.choices:
            words = " or ".join(self.choices)
        else:
            words = {"int": "an int", "float": "a number", "bool": "True or False"}.get(
                self.kind, "a text"
            )
            if self.low is not None and self.high is not None:
                high = f"{self.high:,}" if self.kind == "int" else f"{self.high:g}"
                left = f"above {self.low:g}" if self.above else f"from {self.low:g}"
                right = f"below {high}" if self.below else f"up to {high}"
                words = f"{words} {left} {right}"
            elif self.low is not None:
                words = f"{words} {'>' if self.above else '>='} {self.low:g}"
        return words + (" or auto" if self.auto else "") + (" or None" if self.optional else "")

    def _typed(self, value: Any) -> Any:
        """Returns the value as this key's type, or None."""
        if self.kind == "str":
            return str(value)
        if self.kind == "bool":
            word = str(value).lower()
            return True if word in _TRUE else False if word in _FALSE else None
        if isinstance(value, bool):
            return None
        try:
            if isinstance(value, str) and self.kind == "int":
                return int(value)
        except ValueError:
            pass  # 1e7 is an int too
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        if self.kind == "float":
            return number
        return int(number) if number.is_integer() else None

    def _in_range(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if isinstance(value, str | bool):
            return True
        if not math.isfinite(value):
            return False
        if self.low is not None and (value < self.low or (self.above and value == self.low)):
            return False
        return self.high is None or not (value > self.high or (self.below and value == self.high))


def _int(name: str, default: Any, meaning: str, low: float = 0, **more: Any) -> Key:
    return Key(name, "int", default, meaning, low=low, **more)


def _float(name: str, default: float, meaning: str, low: float = 0, **more: Any) -> Key:
    return Key(name, "float", default, meaning, low=low, **more)


def _part(name: str, default: float, meaning: str, **more: Any) -> Key:
    return Key(name, "float", default, meaning, low=0, high=1, **more)


def _bool(name: str, default: bool, meaning: str) -> Key:
    return Key(name, "bool", default, meaning)


def _str(name: str, default: Any, meaning: str, *choices: str, **more: Any) -> Key:
    return Key(name, "str", default, meaning, choices=choices, **more)


# Defaults are PufferLib 3.0's where it has the key: its own files count on them.
TRAIN_KEYS: tuple[Key, ...] = (
    _str("name", "", "a name for the run, for loggers that show one"),
    _str("project", "", "a project for the run, for loggers that have them"),
    _int("seed", 42, "seed of environments, policy and updates", high=2**32 - 1),
    _bool("torch_deterministic", True, "only algorithms that give the same result each time"),
    _str("device", "auto", "cpu, cuda, cuda:1 ...; auto: cuda where there is one, else cpu"),
    _int(
        "torch_threads",
        0,
        "threads that PyTorch computes with on the CPU; 0: its own choice, but one per two "
        "processors in rollouts where verdicts are deferred, as the sandbox works meanwhile",
        high=1024,
    ),
    _bool(
        "keep_memory",
        True,
        "keep freed memory in the process for the next tensors, on the CPU; for the whole process",
    ),
    _bool("cpu_offload", False, "keep observations in the CPU's memory, pinned, not the GPU's"),
    _str("precision", "float32", "what the policy computes in", "float32", "bfloat16"),
    _int("total_timesteps", 10_000_000, "steps of agents in the whole training", 1),
    _int("batch_size", "auto", "steps per update; auto: agents * bptt_horizon", 1, auto=True),
    _int("bptt_horizon", 64, "steps per segment; auto: batch_size / agents", 1, auto=True),
    _int("minibatch_size", 8192, "steps per optimizer step, a multiple of bptt_horizon", 1),
    _int("max_minibatch_size", 32768, "most steps per pass; beyond, gradients accumulate", 1),
    _int(
        "chunk_size",
        0,
        "steps per pass, for speed alone; 0: 2,048 on the CPU, 4,096 of recurrent policies, "
        "else the most",
    ),
    _int("update_epochs", 1, "how often each update goes over its batch", 1),
    _str("optimizer", "muon", "the optimizer", "adam", "adamw", "muon"),
    _float("learning_rate", 0.015, "the optimizer's learning rate, at the start", above=True),
    _bool("anneal_lr", True, "let the learning rate fall over the training by lr_schedule"),
    _str("lr_schedule", "cosine", "how it falls, with anneal_lr", "cosine", "linear", "constant"),
    _part("adam_beta1", 0.95, "decay of the gradient's running mean; Muon's momentum", below=True),
    _part("adam_beta2", 0.999, "decay of the squared gradient's running mean", below=True),
    _float("adam_eps", 1e-12, "what is added to the optimizer's denominator", above=True),
    _float("weight_decay", 0.0, "decoupled weight decay of adamw and muon"),
    _float("max_grad_norm", 1.5, "the gradient is scaled down to this norm; 0: never"),
    _float("reward_clip", 1.0, "rewards are clipped to this size; 0: never"),
    _part(
        "act_ahead",
        0.0,
        "part of a batch that is collected while deferred verdicts of the one before are awaited; "
        "hides long executions, and learns from what an older policy did",
    ),
    _part("gamma", 0.995, "discount of the next step's value"),
    _part("gae_lambda", 0.90, "how far advantages look ahead: 0 one step, 1 to the end"),
    _float("vtrace_rho_clip", 1.0, "V-trace: the most that a step's own error is weighted with"),
    _float("vtrace_c_clip", 1.0, "V-trace: the most that what follows is weighted with"),
    _str("vtrace_backend", "auto", "what computes advantages", "auto", "kernel", "torch"),
    _float("clip_coef", 0.2, "PPO: how far the probability ratio may leave 1", above=True),
    _float("vf_coef", 2.0, "weight of the value loss"),
    _float("vf_clip_coef", 0.2, "how far a value may leave the old one; 0: anywhere"),
    _float("ent_coef", 0.001, "weight of the entropy bonus"),
    _str(
        "advantage_normalization", "minibatch", "mean 0 and deviation 1 per minibatch, or as is",
        "minibatch", "none",
    ),
    _float("target_kl", 0.0, "an update ends where its approximate KL exceeds this; 0: never"),
    _float("prio_alpha", 0.8, "segments are drawn by |advantage| to this power; 0: uniformly"),
    _part("prio_beta0", 0.2, "how much of that bias is corrected at first; it grows to 1"),
    _bool("compile", False, "compile the policy with torch.compile"),
    _str(
        "compile_mode", "max-autotune-no-cudagraphs", "torch.compile's mode",
        "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs",
    ),
    _bool("compile_fullgraph", True, "torch.compile's fullgraph: no break in the graph"),
    _str("data_dir", "experiments", "where each run gets a folder: log, checkpoints"),
    _int("checkpoint_interval", 200, "updates from one checkpoint to the next; 0: at the end only"),
    _str("resume", "", "a run's folder, to go on from its last checkpoint"),
    _float("log_interval_s", 0.25, "seconds from one look of the dashboard to the next"),
    _str(
        "dashboard", "auto", "live: a view; plain: lines; auto: live in a terminal unless NO_COLOR",
        "auto", "live", "plain", "none", "False",
    ),
)  # fmt: skip

VEC_KEYS: tuple[Key, ...] = (
    _str(
        "backend", "Multiprocessing", "PufferLib's vectorization",
        "Serial", "Multiprocessing", "Ray", "PufferEnv",
    ),
    _int("num_envs", 2, "environments, each with its own agents", 1),
    _int("num_workers", "auto", "processes; auto: one per environment", 1, auto=True),
    _int(
        "batch_size", "auto", "environments per policy call; auto: half of them", 1,
        auto=True, optional=True,
    ),
    _bool("zero_copy", True, "batches are views of shared memory"),
    _bool("overwork", False, "more workers than processors are fine"),
    _int("seed", 42, "taken for PufferLib's sake; train.seed decides"),
)  # fmt: skip

BASE_KEYS: tuple[Key, ...] = (
    _str("package", None, "where the environment comes from, of PufferLib's", optional=True),
    _str("env_name", None, "the environments that a file is for", optional=True),
    _str("policy_name", "Policy", "the policy: a class of the package's, or module:Class"),
    _str("rnn_name", None, "a recurrent wrapper around it, or None", optional=True),
    _float("max_suggestion_cost", 3600, "of PufferLib's sweeps: seconds per run"),
)

OPTION_KEYS: tuple[Key, ...] = (
    _str("config", None, "an INI or TOML file of settings", optional=True),
    _str(
        "load_model_path", None, "weights to begin with: a .pt file, or latest in data_dir",
        optional=True,
    ),
    _str("load_id", None, "weights to begin with: a run of W&B's or Neptune's", optional=True),
    _int("episodes", 16, "eval: episodes to play", 1),
    _str(
        "render_mode", "None", "eval: how to show episodes",
        "auto", "human", "ansi", "rgb_array", "raylib", "None",
    ),
    _int("save_frames", 0, "eval: frames to write to gif_path"),
    _str("gif_path", "eval.gif", "eval: where frames are written"),
    _float("fps", 15, "eval: frames per second, at most", above=True),
    _str("out", None, "export, profile, sweep: the file or folder to write", optional=True),
    _bool("torch_profiler", False, "profile: let torch.profiler look at it too"),
    _int("updates", 10, "profile: updates to look at", 1),
    _int("max_runs", 200, "sweep: trials, with those of earlier calls", 1),
    _bool("json", False, "eval, profile: print one JSON object instead"),
    _bool("no_dashboard", False, "a plain line per log: --train.dashboard plain"),
    _bool("tensorboard", False, "log to TensorBoard too, in the run's folder"),
    _bool("wandb", False, "log to Weights & Biases too"),
    _str("wandb_project", "pufferlib", "its project"),
    _str("wandb_group", "debug", "its group"),
    _bool("neptune", False, "log to Neptune too"),
    _str("neptune_name", "pufferai", "its workspace"),
    _str("neptune_project", "ablations", "its project"),
    _str("tag", None, "a tag for the run, for loggers that have them", optional=True),
    _int("local_rank", 0, "taken for torchrun's sake"),
)  # fmt: skip

SWEEP_KEYS: tuple[Key, ...] = (
    _str("method", "tpe", "tpe (Optuna), random; a Bayesian method of PufferLib's means tpe"),
    _str("metric", "score", "the statistic of the environment to tune for"),
    _str("goal", "maximize", "what to do with it", "maximize", "minimize"),
    _int(
        "downsample",
        10,
        "a trial's score: the mean of the last of so many parts; 0: of one log",
    ),
    _str("parameters", "", "the only keys to tune, such as train.gamma; empty: all with a range"),
)

# Set by load_config and by PufferLib's callers, in no file: no key of the table.
_DERIVED = {"env": "", "tag": None, "use_rnn": False}

TRAIN_DEFAULTS: dict[str, Any] = {key.name: key.default for key in TRAIN_KEYS} | _DERIVED


def by_name(keys: Iterable[Key]) -> dict[str, Key]:
    """Returns the keys by their names."""
    return {key.name: key for key in keys}


def complete_train(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a `[train]` section, checked, with the default of every key that it leaves out.

    Keys that the table does not have stay as they are: a caller's own, or an older PufferLib's.
    The device is one of PyTorch's names then, never auto.

    Raises:
      InvalidValueError: a value out of its key's range.
    """
    known = by_name(TRAIN_KEYS)
    complete = dict(TRAIN_DEFAULTS)
    for name, value in config.items():
        key = known.get(name)
        complete[name] = value if key is None else key.check(value, f"train.{name}")
    if complete["device"] == "auto":
        import torch

        complete["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    return complete
