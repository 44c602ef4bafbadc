"""Problem + program -> Verdict. The oracle stays out of the program's reach in every test style.

Its modules:

    judge.py       Judge: blocking, batched and asynchronous; stdio and call tests
    compare.py     how a result is compared with the expected one; pure
    calls.py       runs of a program: their time, and the calls made in them
    checkers.py    special judges: checkers and interactors
    code_tests.py  test code around proxies of the program's functions
    tester.py      the part of that which runs inside the jail
    pytest_shim.py what test files find there as `pytest`
    objects.py     objects of the program's own classes in test files
    together.py    test files that have to share the program's process
    cache.py       verdicts kept for identical submissions
    kept.py        what was found out of problems, the least recently used forgotten first
"""

from __future__ import annotations

from .cache import VerdictCache
from .compare import plain_matches, stdout_matches
from .judge import JUDGE_VERSION, MAX_PROGRAM_CHARS, Judge, jail_modules

__all__ = [
    "JUDGE_VERSION",
    "MAX_PROGRAM_CHARS",
    "Judge",
    "VerdictCache",
    "jail_modules",
    "plain_matches",
    "stdout_matches",
]
