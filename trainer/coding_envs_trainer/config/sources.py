"""The places that settings come from: files, environment variables, flags.

A setting's path is its sections and its name: `("train", "gamma")`, `("sweep", "train", "gamma",
"min")`; what a file has under `[base]`, and the options of the command line, stand alone:
`("rnn_name",)`.
"""

from __future__ import annotations

import ast
import configparser
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coding_envs.errors import CodingEnvsError, InvalidValueError

from .keys import BASE_KEYS, OPTION_KEYS, by_name

__all__ = [
    "ENVIRONMENT_PREFIX",
    "SECTIONS",
    "Setting",
    "Settings",
    "find_file",
    "from_environment",
    "from_flags",
    "read_file",
]

SECTIONS = ("vec", "env", "policy", "rnn", "train", "sweep")
ENVIRONMENT_PREFIX = "CODING_ENVS_TRAIN__"

type Path_ = tuple[str, ...]


@dataclass(frozen=True)
class Setting:
    """One value and where it was given: a file's name, a flag, a variable."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Settings:
    """What one place sets.

    Attributes:
      values: path -> setting, in the order that they were given in.
      meanings: path -> the comment that a file has above it.
      lenient: True: keys of [train] that do not exist are passed over, as in PufferLib's own
        files, some of which hold keys of older versions.
    """

    values: dict[Path_, Setting] = field(default_factory=dict)
    meanings: dict[Path_, str] = field(default_factory=dict)
    lenient: bool = False

    @property
    def env_names(self) -> list[str]:
        """The environments that a file is for."""
        setting = self.values.get(("env_name",))
        return [] if setting is None else str(setting.value).split()


def read_file(path: Path, *, lenient: bool = False) -> Settings:
    """Returns what an INI or TOML file (by its suffix) sets.

    Raises:
      CodingEnvsError: there is no such file, or it cannot be read as what it is.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            return Settings(_from_toml(text, path), lenient=lenient)
        return Settings(_from_ini(text, path), _comments(text), lenient)
    except FileNotFoundError:
        raise InvalidValueError(f"--config: no such file: {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, configparser.Error) as error:
        raise CodingEnvsError(f"{path} cannot be read: {' '.join(str(error).split())}") from None


def _section_path(section: str, path: Path) -> Path_:
    parts = tuple(section.split("."))
    if parts == ("base",):
        return ()
    if parts[0] not in SECTIONS or (len(parts) > 1 and parts[0] != "sweep"):
        known = ", ".join(("base", *SECTIONS, "sweep.SECTION.KEY"))
        raise InvalidValueError(f"{path}: no section [{section}] is known; there are: {known}")
    return parts


def _from_ini(text: str, path: Path) -> dict[Path_, Setting]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text, str(path))
    values: dict[Path_, Setting] = {}
    for section in parser.sections():
        head = _section_path(section, path)
        for name, value in parser[section].items():
            values[*head, name] = Setting(value, str(path))
    return values


def _from_toml(text: str, path: Path) -> dict[Path_, Setting]:
    values: dict[Path_, Setting] = {}
    for section, table in tomllib.loads(text).items():
        if not isinstance(table, dict):
            raise InvalidValueError(f"{path}: {section} stands in no section; write it in [base]")
        head = _section_path(section, path)
        for tail, value in _leaves(table):
            values[*head, *tail] = Setting(value, str(path))
    return values


def _leaves(table: Mapping[str, Any]) -> Iterator[tuple[Path_, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            for tail, leaf in _leaves(value):
                yield (name, *tail), leaf
        else:
            yield (name,), value


def _comments(text: str) -> dict[Path_, str]:
    """Returns path -> the comment lines that stand right above it."""
    found: dict[Path_, str] = {}
    head: Path_ = ()
    above: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith(("#", ";")):
            above.append(line.lstrip("#; "))
            continue
        if line.startswith("["):
            section = line.strip("[] ")
            head = () if section == "base" else tuple(section.split("."))
        elif "=" in line and above:
            found[*head, line.partition("=")[0].strip().lower()] = " ".join(above)
        above = []
    return found


def find_file(env_name: str, folders: Sequence[tuple[Path, bool]]) -> Settings | None:
    """Returns the settings of the first file that names the environment; None: there is none.

    Args:
      env_name: a name that a file's `[base] env_name` lists.
      folders: where to look, folders in them too; and whether their files are read leniently.
    """
    for folder, lenient in folders:
        for path in sorted((*folder.rglob("*.ini"), *folder.rglob("*.toml"))):
            try:
                settings = read_file(path, lenient=lenient)
            except CodingEnvsError:
                continue  # some other tool's file
            if env_name in settings.env_names:
                return settings
    return None


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Returns what variables such as CODING_ENVS_TRAIN__TRAIN__GAMMA=0.99 set."""
    values: dict[Path_, Setting] = {}
    for variable, value in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            parts = tuple(variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
            values[parts[1:] if parts[0] == "base" else parts] = Setting(value, variable)
    return Settings(values)


def from_flags(words: Sequence[str]) -> Settings:
    """Returns what flags such as `--train.gamma 0.99` set; `--flag=value` is fine too.

    Raises:
      InvalidValueError: a word that is no flag, or a flag without its value.
    """
    alone = by_name((*BASE_KEYS, *OPTION_KEYS))
    values: dict[Path_, Setting] = {}
    number = 0
    while number < len(words):
        word = words[number]
        number += 1
        if not word.startswith("--") or word == "--":
            raise InvalidValueError(f"unexpected argument {word!r}; flags are --section.key VALUE")
        flag, equals, value = word.partition("=")
        path = tuple(flag.removeprefix("--").replace("-", "_").split("."))
        given: Any = value
        if not equals:
            key = alone.get(path[0]) if len(path) == 1 else None
            if key is not None and key.kind == "bool":
                given = True
            elif number < len(words) and not words[number].startswith("--"):
                given = words[number]
                number += 1
            else:
                raise InvalidValueError(f"{flag} wants a value")
        values[path] = Setting(given, f"flag {flag}")
    return Settings(values)


def literal(value: Any) -> Any:
    """Returns a text as the Python value that it writes, or as it is: for sections of any keys."""
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        words = {"true": True, "false": False, "none": None}
        return words.get(value.strip().lower(), value.strip())
