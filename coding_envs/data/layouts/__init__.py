"""One module per dataset layout: a row -> a Problem. Each says what it decided, and its source.

A module holds `problem_from_row`, and `SPECS`: the datasets that have its layout.
"""

from __future__ import annotations

from . import (
    bigcodebench,
    humaneval,
    humaneval_plus,
    kodcode,
    leetcode,
    mbpp,
    mbpp_plus,
    multipl_e,
)

__all__ = ["SPECS"]

SPECS = (
    *humaneval.SPECS,
    *humaneval_plus.SPECS,
    *mbpp.SPECS,
    *mbpp_plus.SPECS,
    *kodcode.SPECS,
    *leetcode.SPECS,
    *bigcodebench.SPECS,
    *multipl_e.SPECS,
)
