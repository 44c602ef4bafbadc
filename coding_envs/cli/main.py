"""main: arguments in, exit code out. A user's mistake is one line, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ..errors import (
    CodingEnvsError,
    DatasetRowError,
    InvalidValueError,
    UnknownNameError,
)
from .parser import COMMANDS, TRAINER_COMMANDS, make_parser
from .terminal import complain

__all__ = ["main"]

FINE, FAILED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130

# An OSError of these kinds names a path of the user's.
_WRONG_PATHS = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 fine, 1 the work failed, 2 the call was wrong, 130 interrupted.

    Args:
      argv: the arguments after the program's name; default: the process's own.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
            raise UnknownNameError("command", arguments[0], COMMANDS, "see coding-envs --help")
        if arguments and arguments[0] in TRAINER_COMMANDS:
            return _trainer(arguments)
        options = make_parser().parse_args(arguments)
        code: int = options.run(options)
        if sys.stdout is not None:  # as it is where the caller closed it
            sys.stdout.flush()
    except SystemExit as end:  # --help and --version, which argparse ends itself
        return end.code if isinstance(end.code, int) else FINE
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (CodingEnvsError, OSError) as error:
        complain(f"error: {_line_of(error)}")
        return _code(error)
    return code


def _line_of(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror[:1].lower() + error.strerror[1:]
        return reason if error.filename is None else f"{error.filename}: {reason}"
    return str(error)


def _trainer(arguments: list[str]) -> int:
    """Hands over to the trainer's command line, a distribution of its own."""
    try:
        from coding_envs_trainer import cli
    except ImportError as error:
        raise CodingEnvsError(
            f"{arguments[0]} needs the trainer ({error}); install it: "
            "pip install coding-envs-trainer"
        ) from None
    return cli.main(arguments)


def _code(error: Exception) -> int:
    if isinstance(error, DatasetRowError):
        return FAILED
    wrong = (UnknownNameError, InvalidValueError, *_WRONG_PATHS)
    return WRONG_CALL if isinstance(error, wrong) else FAILED
