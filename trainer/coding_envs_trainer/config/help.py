"""What --help prints: every key, its meaning and the value that it has."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from . import keys
from .keys import Key

__all__ = ["help_text"]

_INDENT = 34
_WIDTH = 100
_ANY = {
    "env": "what the environment is made with",
    "policy": "what the policy is made with",
    "rnn": "what the recurrent wrapper is made with",
}


def help_text(args: Mapping[str, Any], meanings: Mapping[tuple[str, ...], str]) -> str:
    """Returns the help on every flag.

    Args:
      args: the settings as they are without the flags that the help is asked with.
      meanings: path of a setting -> what a file's comment says of it.
    """
    parts = [
        f"Flags, with their values for {args['env_name']}. Each may be written in a file too "
        "([section] key = value),\nor as a variable: "
        "CODING_ENVS_TRAIN__TRAIN__GAMMA=0.99 is --train.gamma 0.99.",
        _section("options", "", keys.OPTION_KEYS, args),
        _section("[base]", "", keys.BASE_KEYS, args),
        _section("[vec]", "vec.", keys.VEC_KEYS, args["vec"]),
        _section("[train]", "train.", keys.TRAIN_KEYS, args["train"]),
    ]
    for section, what in _ANY.items():
        lines = [
            _line(f"--{section}.{name.replace('_', '-')}", meanings.get((section, name), ""), value)
            for name, value in args[section].items()
        ]
        parts.append(
            "\n".join([f"[{section}]: {what}; keys that are not here can be set too"] + lines)
        )
    parts.append(_section("[sweep]", "sweep.", keys.SWEEP_KEYS, args["sweep"]))
    tuned = sorted(
        f"{section}.{name}"
        for section, table in args["sweep"].items()
        if isinstance(table, dict)
        for name in table
    )
    parts.append(
        "[sweep.SECTION.KEY]: distribution, min, max, mean and scale of a key that is tuned\n"
        + textwrap.fill(
            ", ".join(tuned), _WIDTH, initial_indent="  ", subsequent_indent="  ",
            break_on_hyphens=False,
        )
    )  # fmt: skip
    return "\n\n".join(parts)


def _section(title: str, prefix: str, table: Iterable[Key], values: Mapping[str, Any]) -> str:
    lines = [title]
    for key in table:
        flag = f"--{prefix}{key.name}".replace("_", "-")
        wanted = key.wanted()
        plain = wanted in ("a text", "True or False", "a text or None")
        meaning = key.meaning if plain else f"{key.meaning}; {wanted}"
        lines.append(_line(flag, meaning, values[key.name]))
    return "\n".join(lines)


def _line(flag: str, meaning: str, value: Any) -> str:
    shown = repr(value) if value == "" else str(value)
    text = f"{meaning} [{shown}]".strip()
    wrapped = textwrap.wrap(text, _WIDTH - _INDENT, break_on_hyphens=False)
    first = f"  {flag}".ljust(_INDENT - 1) + " "
    if len(first) > _INDENT:
        return "\n".join([first.rstrip(), *(" " * _INDENT + line for line in wrapped)])
    return "\n".join([first + wrapped[0], *(" " * _INDENT + line for line in wrapped[1:])])
