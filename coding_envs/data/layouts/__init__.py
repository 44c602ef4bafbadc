"""One module per dataset layout: a row -> a Problem. Each says what it decided, and its source.

A module holds `problem_from_row`, and `SPECS`: the datasets that have its layout.
"""

from __future__ import annotations

from . import (
    apps,
    code_contests,
    codeforces,
    deepcoder,
    humaneval,
    livecodebench,
    mbpp,
    taco,
    verifiable_coding,
)

__all__ = ["SPECS"]

SPECS = (
    *humaneval.SPECS,
    *mbpp.SPECS,
    *apps.SPECS,
    *code_contests.SPECS,
    *taco.SPECS,
    *livecodebench.SPECS,
    *codeforces.SPECS,
    *verifiable_coding.SPECS,
    *deepcoder.SPECS,
)
