"""The command line: `python -m coding_envs_trainer`, of which `coding-envs train` is a part."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from coding_envs.cli.terminal import complain, say, say_json
from coding_envs.errors import CodingEnvsError, InvalidValueError, UnknownNameError

__all__ = ["COMMANDS", "main"]

FINE, FAILED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130

COMMANDS = ("train", "eval", "sweep", "export", "profile", "plot")

_USAGE = """Trains policies on environments, ours and PufferLib's.

  train ENV [flags]               until train.total_timesteps
  eval ENV [flags]                plays --episodes episodes; prints the means of what they tell
  sweep ENV [flags]               tries --max-runs settings; goes on where it was stopped
  export ENV [flags]              writes weights as --out FILE.safetensors or FILE.npz
  profile ENV [flags]             says where each second of a training goes
  plot RUN... --out FILE          draws runs from their logs, as FILE.png or FILE.html

ENV is coding_problem, one of PufferLib's names, gym:ID for Gymnasium's, or module:callable.
Each flag is --section.key VALUE; ENV --help shows all of them, with their values.

examples:
  coding-envs train coding_problem --train.total-timesteps 200_000
  coding-envs train gym:CartPole-v1 --policy-name LSTM --train.seed 1
  coding-envs train coding_problem --train.resume experiments/coding_problem-20260101-120000-1a2b
  python -m coding_envs_trainer eval gym:CartPole-v1 --load-model-path latest
  coding-envs export gym:CartPole-v1 --load-model-path latest --out pole.npz
  coding-envs sweep gym:CartPole-v1 --max-runs 20 --sweep.parameters "train.gamma train.ent_coef"
  coding-envs plot experiments/* --out runs.html

exit code: 0 fine, 1 the work failed, 2 the call was wrong, 130 interrupted, 143 terminated,
129 its terminal was closed"""

# An OSError of these kinds names a path of the user's.
_WRONG_PATHS = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code; a user's mistake is one line on standard error.

    Args:
      argv: the arguments after the program's name; default: the process's own.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # Before PyTorch is loaded: its threads then look a moment for what comes next, no longer, and
    # leave the processors to the sandbox.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    try:
        return _run(words)
    except SystemExit as end:  # --help
        return end.code if isinstance(end.code, int) else FINE
    except KeyboardInterrupt as interrupt:
        complain(str(interrupt) or "interrupted")
        return getattr(interrupt, "exit_code", INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (CodingEnvsError, OSError) as error:
        complain(f"error: {error}")
        wrong = (UnknownNameError, InvalidValueError, *_WRONG_PATHS)
        return WRONG_CALL if isinstance(error, wrong) else FAILED


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        say(_USAGE)
        return FINE if words else WRONG_CALL
    command = words[0]
    if command not in COMMANDS:
        raise UnknownNameError("command", command, COMMANDS, "see --help")
    if command == "plot":
        return _plot(words[1:])
    if len(words) < 2 or words[1] in ("-h", "--help"):
        say(_USAGE)
        return FINE if len(words) > 1 else WRONG_CALL
    env_name, flags = words[1], words[2:]
    if env_name.startswith("-"):
        raise InvalidValueError(f"{command} wants the environment first, got {env_name!r}")
    from .config import load_config

    args = load_config(env_name, flags)
    _COMMANDS[command](env_name, args)
    return FINE


def _train(env_name: str, args: dict[str, Any]) -> None:
    from .commands import train

    train(env_name, args)


def _eval(env_name: str, args: dict[str, Any]) -> None:
    from .commands import eval as play

    stats = play(env_name, args)
    if args["json"]:
        say_json(stats)
    else:
        from .dashboard import short

        say("\n".join(f"{name:<24}{short(value):>10}" for name, value in stats.items()))


def _export(env_name: str, args: dict[str, Any]) -> None:
    from .commands import export

    path = export(env_name, args)
    say(f"{path}: {path.stat().st_size:,} bytes; what is in it: {path.name}.json")


def _profile(env_name: str, args: dict[str, Any]) -> None:
    from .commands import profile
    from .dashboard import times

    seconds = profile(env_name, args)
    if args["json"]:
        say_json(seconds)
        return
    wall, steps = seconds.pop("wall"), seconds.pop("steps")
    say(f"{args['updates']} updates, {steps:,.0f} steps in {wall:.2f} s: {steps / wall:,.0f}/s")
    for name, spent in times(seconds):
        say(f"{name:<24}{spent:>9.3f} s{spent / wall:>8.1%}")
    rest = wall - seconds.get("evaluate", 0.0) - seconds.get("train", 0.0)
    say(f"{'all else':<24}{rest:>9.3f} s{rest / wall:>8.1%}")


def _sweep(env_name: str, args: dict[str, Any]) -> None:
    from .sweep import sweep

    best = sweep(env_name, args)
    say_json(best)


_COMMANDS: dict[str, Callable[[str, dict[str, Any]], None]] = {
    "train": _train,
    "eval": _eval,
    "export": _export,
    "profile": _profile,
    "sweep": _sweep,
}


def _plot(words: Sequence[str]) -> int:
    runs: list[Path] = []
    options = {"--out": "runs.png", "--keys": "", "--x": "steps"}
    at = iter(words)
    for word in at:
        flag, equals, value = word.partition("=")
        if flag in ("-h", "--help"):
            say(_USAGE)
            return FINE
        if not word.startswith("--"):
            runs.append(Path(word))
        elif flag in options:
            options[flag] = value if equals else next(at, "")
            if not options[flag]:
                raise InvalidValueError(f"plot {flag} wants a value")
        else:
            raise UnknownNameError("flag", flag, options, "see plot --help")
    if not runs:
        raise InvalidValueError("plot wants at least one run: its folder, or its log.jsonl")
    from .plots import plot

    path = plot(runs, options["--out"], keys=options["--keys"].split(), x=options["--x"])
    say(str(path))
    return FINE
