"""One module per dataset layout: a row -> a Problem. Each says what it decided, and its source.

A module holds `problem_from_row`, and `SPECS`: the datasets that have its layout.
"""

from __future__ import annotations

from . import (
    apps,
    bigcodebench,
    code_contests,
    codeforces,
    deepcoder,
    humaneval,
    humaneval_plus,
    kodcode,
    leetcode,
    livecodebench,
    mbpp,
    mbpp_plus,
    multipl_e,
    taco,
    verifiable_coding,
)

__all__ = ["SPECS"]

SPECS = (
    *humaneval.SPECS,
    *humaneval_plus.SPECS,
    *mbpp.SPECS,
    *mbpp_plus.SPECS,
    *apps.SPECS,
    *code_contests.SPECS,
    *taco.SPECS,
    *livecodebench.SPECS,
    *kodcode.SPECS,
    *leetcode.SPECS,
    *bigcodebench.SPECS,
    *codeforces.SPECS,
    *verifiable_coding.SPECS,
    *deepcoder.SPECS,
    *multipl_e.SPECS,
)
