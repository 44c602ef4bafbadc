"""The command line: `coding-envs`, which is `python -m coding_envs` too.

main.py         the entry: arguments in, exit code out; every mistake is one line
parser.py       the commands and their options
commands.py     what each command does
conformance.py  what the command `conformance` does
views.py        how problems, verdicts and lists look to a person
terminal.py     safe printing, and the progress bar
"""

from .main import main

__all__ = ["main"]
