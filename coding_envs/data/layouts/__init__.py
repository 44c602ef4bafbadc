"""One module per dataset layout: a row -> a Problem. Each says what it decided, and its source.

A module holds `problem_from_row`, and `SPECS`: the datasets that have its layout.
"""

from __future__ import annotations

from . import humaneval, mbpp

__all__ = ["SPECS"]

SPECS = (*humaneval.SPECS, *mbpp.SPECS)
