"""load_config: defaults, files, environment variables and flags, put together and checked."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from coding_envs.errors import InvalidValueError, UnknownNameError

from . import keys, sources
from .help import help_text
from .sources import Setting, Settings

__all__ = ["load_config"]

_TABLES = {"vec": keys.VEC_KEYS, "train": keys.TRAIN_KEYS, "sweep": keys.SWEEP_KEYS}
_ALONE = (*keys.BASE_KEYS, *keys.OPTION_KEYS)
_RANGE = ("distribution", "min", "max", "mean", "scale")

# Which file serves a name that no file lists: `gym:CartPole-v1` is set up as gym.ini says.
_PREFIXES = {"gym": "gym"}


def load_config(env_name: str, argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Returns all settings for an environment, as PufferLib's function of that name does.

    What is set later wins: defaults, the file that names the environment, the file of --config,
    variables CODING_ENVS_TRAIN__SECTION__KEY, flags. The file that names the environment is the
    first found in ./config, in this package, in PufferLib; --config's own, where that names it.

    Args:
      env_name: a name that such a file lists, `gym:ID` for one of Gymnasium's, `module:callable`
        for what makes one, or `default` for none.
      argv: flags; default: the process's own.

    Returns:
      The keys of [base] and the options, and a dict for each of the sections vec, env, policy,
      rnn, train and sweep. `train.use_rnn` says whether there is an `rnn_name`.

    Raises:
      UnknownNameError: no such environment, section or key; says which are near.
      InvalidValueError: a value that its key does not take.
      CodingEnvsError: a file cannot be read.
      SystemExit: --help was asked for, and printed.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    wants_help = any(word in ("-h", "--help") for word in words)
    flags = sources.from_flags([word for word in words if word not in ("-h", "--help")])
    variables = sources.from_environment(os.environ)
    layers = [*_files(env_name, flags, variables), variables, flags]
    args = _together(layers)
    args["env_name"] = env_name
    if wants_help:
        meanings = {path: text for layer in layers for path, text in layer.meanings.items()}
        print(help_text(args, meanings))
        raise SystemExit(0)
    if args["no_dashboard"]:
        args["train"]["dashboard"] = "plain"
    args["train"] = keys.complete_train(args["train"])
    args["train"]["use_rnn"] = args["rnn_name"] is not None
    return args


def _files(env_name: str, flags: Settings, variables: Settings) -> list[Settings]:
    """Returns what the files set: our own defaults, the environment's, the one of --config."""
    package = Path(__file__).parent
    folders = [(Path("config"), False), (package, False)]
    pufferlib = importlib.util.find_spec("pufferlib")
    if pufferlib is not None and pufferlib.submodule_search_locations:
        folders.append((Path(pufferlib.submodule_search_locations[0]) / "config", True))
    layers = [sources.read_file(package / "default.ini")]
    chosen = None
    for layer in (flags, variables):
        if ("config",) in layer.values and chosen is None:
            chosen = sources.read_file(Path(str(layer.values["config",].value)))
    if chosen is None or env_name not in chosen.env_names:
        found = sources.find_file(_listed(env_name), folders)
        if found is not None:
            layers.append(found)
        elif env_name != "default" and ":" not in env_name and chosen is None:
            raise UnknownNameError(
                "environment",
                env_name,
                _all_names(folders),
                "a file in ./config, --config FILE, gym:ID or module:callable can add one",
            )
    return layers if chosen is None else [*layers, chosen]


def _listed(env_name: str) -> str:
    """Returns the name to look for in files."""
    prefix, colon, _ = env_name.partition(":")
    return _PREFIXES.get(prefix, env_name) if colon else env_name


def _all_names(folders: Iterable[tuple[Path, bool]]) -> set[str]:
    names: set[str] = set()
    for folder, lenient in folders:
        for path in folder.rglob("*.ini"):
            names.update(sources.read_file(path, lenient=lenient).env_names)
    return names - {"None"}


def _together(layers: Sequence[Settings]) -> dict[str, Any]:
    args: dict[str, Any] = {key.name: key.default for key in _ALONE}
    for section in sources.SECTIONS:
        args[section] = {key.name: key.default for key in _TABLES.get(section, ())}
    for layer in layers:
        for path, setting in layer.values.items():
            value = _checked(path, setting, layer.lenient)
            if value is not _PASSED_OVER:
                into = args
                for part in path[:-1]:
                    into = into.setdefault(part, {})
                into[path[-1]] = value
    return args


_PASSED_OVER = object()  # a key of an older PufferLib's


def _checked(path: tuple[str, ...], setting: Setting, lenient: bool) -> Any:
    """Returns a setting's value, of its key's type."""
    name, origin = ".".join(path), setting.origin
    if len(path) == 1:
        return _of_table(_ALONE, path[0], setting, name, lenient)
    section = path[0]
    if section not in sources.SECTIONS:
        raise UnknownNameError("section", section, sources.SECTIONS, f"in {origin}")
    if section == "sweep" and len(path) > 2:
        if path[-1] not in _RANGE or len(path) != 4:
            if lenient:
                return _PASSED_OVER
            wanted = "sweep.SECTION.KEY." + "|".join(_RANGE)
            raise InvalidValueError(f"{name} must be {wanted} ({origin})")
        return sources.literal(setting.value)
    if len(path) > 2:
        raise InvalidValueError(f"{name} has a dot too many ({origin})")
    if section in _TABLES:
        return _of_table(_TABLES[section], path[1], setting, name, lenient)
    return sources.literal(setting.value)  # what the environment and the policy are made with


def _of_table(
    table: Sequence[keys.Key], key: str, setting: Setting, name: str, lenient: bool
) -> Any:
    known = keys.by_name(table)
    if key not in known:
        if lenient:
            return _PASSED_OVER
        section, _, _ = name.rpartition(".")
        kind = f"{section} key" if section else "option"
        raise UnknownNameError(kind, key, known, f"given in {setting.origin}")
    return known[key].check(_unquoted(setting.value), name, setting.origin)


def _unquoted(value: Any) -> Any:
    """Returns an INI file's `""` or `"text"` without its quotes."""
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
