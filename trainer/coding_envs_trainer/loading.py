"""load_env and load_policy: from load_config's settings to environments and their policy."""

from __future__ import annotations

import contextlib
import ctypes
import difflib
import importlib
import inspect
import math
import os
import re
import signal
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import torch
from gymnasium import spaces
from torch import nn

from coding_envs.errors import CodingEnvsError, InvalidValueError, UnknownNameError

from . import loggers
from .devices import find_device

__all__ = ["find_weights", "load_env", "load_policy", "make_env"]

_OURS = "coding_envs"
_PR_SET_PDEATHSIG = 1  # prctl(2)


def load_env(env_name: str, args: Mapping[str, Any]) -> Any:
    """Returns the vectorized environments, as PufferLib's function of that name does.

    Args:
      env_name: as for load_config.
      args: what load_config returned.

    Raises:
      InvalidValueError: a key of [env] or [vec] that the environment does not take.
      UnknownNameError: there is no such environment.
      CodingEnvsError: it cannot be imported or made.
    """
    import pufferlib
    import pufferlib.vector

    vec = dict(args["vec"])
    creator = _creator(env_name, args)
    if vec.get("backend") == "Multiprocessing":
        creator = partial(_ends_with_trainer, creator, os.getpid())
    if vec.get("backend") in ("Serial", "PufferEnv"):
        # Serial would take a batch size for the number of environments.
        vec = {name: vec[name] for name in ("backend", "num_envs") if name in vec}
    vec.pop("seed", None)  # PuffeRL seeds them when it resets them
    if not vec.get("overwork"):
        vec.pop("overwork", None)
    try:
        return pufferlib.vector.make(creator, env_kwargs=dict(args["env"]), **vec)
    except TypeError as error:
        raise _unexpected(error, "env", args["env"]) from error
    except ModuleNotFoundError as error:
        if vec.get("backend") != "Ray" or error.name != "ray":
            raise
        raise CodingEnvsError("vec.backend Ray needs ray, which is not installed") from None
    except pufferlib.APIUsageError as error:
        raise InvalidValueError(f"{env_name} cannot be vectorized: {error}; see [vec]") from None


def _ends_with_trainer(make: Callable[..., Any], trainer: int, **kwargs: Any) -> Any:
    """Returns what `make` makes, in a worker that the kernel ends with the trainer.

    PufferLib's workers look for actions for ever, on a processor each, once nobody sends any.
    """
    if os.getpid() != trainer:
        with contextlib.suppress(AttributeError, OSError):  # elsewhere than on Linux
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return make(**kwargs)


def _creator(env_name: str, args: Mapping[str, Any]) -> Callable[..., Any]:
    head, colon, rest = env_name.partition(":")
    if colon and head == "gym":
        return partial(make_env, gymnasium.make, id=rest)
    if colon:
        return partial(make_env, _named(env_name, "environment"))
    if args["package"] == _OURS:
        # Not by PufferLib's package search: it works where the plug-in's files are not in place.
        from coding_envs.integrations.pufferlib import env_creator

        return env_creator(env_name)
    package = _puffer_package(args["package"])
    try:
        creator: Callable[..., Any] = package.env_creator(env_name)
    except KeyError:
        raise CodingEnvsError(f"{package.__name__} makes no environment {env_name!r}") from None
    except (ImportError, AttributeError) as error:
        raise CodingEnvsError(f"{env_name} cannot be imported here: {error}") from None
    return creator


def make_env(make: Callable[..., Any], *, buf: Any = None, seed: int = 0, **kwargs: Any) -> Any:
    """Returns what `make` makes as a PufferEnv; a Gymnasium environment is wrapped as one.

    Args:
      make: returns a PufferEnv, a Gymnasium environment, or either as PufferLib emulates it.
      buf: PufferLib's buffers; `make` gets them where it has a parameter of that name.
      seed: likewise.
      kwargs: for `make`.

    Raises:
      UnknownNameError: Gymnasium has no environment of that id.
      CodingEnvsError: something else was made.
    """
    import pufferlib
    import pufferlib.emulation

    takes = inspect.signature(make).parameters
    more = {name: value for name, value in (("buf", buf), ("seed", seed)) if name in takes}
    try:
        env = make(**more, **kwargs)
    except gymnasium.error.NameNotFound:
        known = list(gymnasium.registry)
        raise UnknownNameError("environment of Gymnasium's", kwargs["id"], known) from None
    except gymnasium.error.Error as error:
        raise CodingEnvsError(f"gym:{kwargs.get('id')}: {' '.join(str(error).split())}") from None
    if isinstance(env, gymnasium.Env):
        env = _whole(env)
        return pufferlib.emulation.GymnasiumPufferEnv(
            pufferlib.EpisodeStats(env), buf=buf, seed=seed
        )
    if hasattr(env, "single_observation_space"):
        return env
    raise CodingEnvsError(
        f"{getattr(make, '__name__', make)} made a {type(env).__name__}; wanted a "
        "gymnasium.Env or a pufferlib.PufferEnv"
    )


def _whole(env: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    """Returns an environment whose observations PufferLib's emulation does not cut short.

    It packs what is one of n as int32 into an array of int64, half as long as is needed where there
    is nothing else: such observations become one-hot vectors.
    """
    import pufferlib.emulation

    space = env.observation_space
    if isinstance(space, (spaces.MultiBinary, spaces.MultiDiscrete)):
        return gymnasium.wrappers.FlattenObservation(env)
    if not isinstance(space, (spaces.Discrete, spaces.Tuple, spaces.Dict)):
        return env
    array, struct = pufferlib.emulation.emulate_observation_space(space)
    if array.dtype.itemsize * math.prod(array.shape) >= struct.itemsize:
        return env
    return gymnasium.wrappers.FlattenObservation(env)


def load_policy(args: Mapping[str, Any], vecenv: Any, env_name: str = "") -> nn.Module:  # noqa: ARG001
    """Returns the policy, with the weights that `args` name, on the device of training.

    `policy_name` and `rnn_name` are classes of the environment's package, of
    `coding_envs_trainer.policies`, or `module:Class`; the recurrent wrapper gets the policy.

    Args:
      args: what load_config returned.
      vecenv: what load_env returned.
      env_name: not needed; later versions of PufferLib's function are given it.

    Raises:
      InvalidValueError: a key of [policy] or [rnn] that the class does not take.
      UnknownNameError: there is no such class.
      CodingEnvsError: the weights are not there, or are another policy's.
    """
    device = find_device(str(args["train"]["device"]))
    env = vecenv.driver_env
    policy = _make(_policy_class(args, "policy_name"), "policy", args, env)
    if args["rnn_name"] is not None:
        policy = _make(_policy_class(args, "rnn_name"), "rnn", args, env, policy)
    policy = policy.to(device)
    path = loggers.download_model(args) if args.get("load_id") else find_weights(args)
    if path is not None:
        _load_weights(policy, Path(path), device)
    return policy


def _policy_class(args: Mapping[str, Any], which: str) -> Callable[..., nn.Module]:
    name = args[which]
    if ":" in name:
        return _named(name, which.replace("_name", ""))
    places = [importlib.import_module("coding_envs_trainer.policies")]
    if args["package"] not in (None, "None", _OURS):
        places.insert(0, _puffer_package(args["package"]).torch)
    for place in places:
        found: Callable[..., nn.Module] | None = getattr(place, name, None)
        if found is not None:
            return found
    classes = {n for place in places for n, v in vars(place).items() if isinstance(v, type)}
    raise UnknownNameError("policy", name, classes, "or write module:Class")


def _make(
    cls: Callable[..., nn.Module], section: str, args: Mapping[str, Any], *inputs: Any
) -> nn.Module:
    try:
        return cls(*inputs, **args[section])
    except TypeError as error:
        raise _unexpected(error, section, args[section]) from error


def _unexpected(error: TypeError, section: str, given: Mapping[str, Any]) -> Exception:
    """Returns what to raise for a TypeError: a key too many is the user's, all else a bug's."""
    said = re.match(r"(.*?)\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if said is None or said[2] not in given:
        return error
    near = difflib.get_close_matches(said[2], [name for name in given if name != said[2]], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return InvalidValueError(f"{section}.{said[2]}: {said[1]} takes no such argument{hint}")


def find_weights(args: Mapping[str, Any]) -> Path | None:
    """Returns the file that `load_model_path` means; None: no weights are asked for.

    Raises:
      CodingEnvsError: it is not there.
    """
    path = args.get("load_model_path")
    if path is None:
        return None
    if path == "latest":
        folder = Path(args["train"]["data_dir"])
        models = [*folder.glob("*.pt"), *folder.glob("*/model_*.pt")]
        if not models:
            raise CodingEnvsError(f"--load-model-path latest: no weights in {folder}")
        return max(models, key=lambda file: file.stat().st_mtime)
    if not Path(path).is_file():
        raise CodingEnvsError(f"--load-model-path: no such file: {path}")
    return Path(path)


def _load_weights(policy: nn.Module, path: Path, device: torch.device) -> None:
    try:
        weights = torch.load(path, map_location=device, weights_only=True)
        # Distributed and compiled policies save their weights under names of their own.
        cleaned = {re.sub(r"^(module\.|_orig_mod\.)+", "", n): w for n, w in weights.items()}
        policy.load_state_dict(cleaned)
    except Exception as error:  # whatever a damaged archive or pickle makes of itself
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise CodingEnvsError(f"{path} holds no weights of this policy: {reason}") from None


def _puffer_package(package: str | None) -> Any:
    """Returns the module of PufferLib's in which an environment and its policies are."""
    if package in (None, "None"):
        raise InvalidValueError("no package is set for this environment; see [base] package")
    name = "pufferlib.ocean" if package == "ocean" else f"pufferlib.environments.{package}"
    try:
        return importlib.import_module(name)
    except (ImportError, AttributeError) as error:
        raise CodingEnvsError(f"{name} cannot be imported here: {error}") from None


def _named(name: str, kind: str) -> Callable[..., Any]:
    """Returns what `module:attribute` names; the folder that Python was started in counts."""
    module, _, attribute = name.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise CodingEnvsError(f"{kind} {name}: no module named {error.name!r}") from None
    except AttributeError:
        known = [n for n in vars(importlib.import_module(module)) if not n.startswith("_")]
        raise UnknownNameError(f"{kind} in {module}", attribute, known) from None
    return found
