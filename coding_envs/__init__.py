"""Gymnasium and PufferLib environments for coding problems, judged in a sandbox.

Importing this package registers its environments with Gymnasium, and has no other effect.
"""

from __future__ import annotations

from . import data, envs
from .data import ProblemSet, load_problems
from .errors import CodingEnvsError
from .judge import Judge
from .problem import CallTest, CodeTest, Comparison, Limits, Problem, StdioTest
from .registry import register_dataset, register_environments
from .verdict import Status, TestResult, Verdict

__version__ = "0.1.0"

__all__ = [
    "CallTest",
    "CodeTest",
    "CodingEnvsError",
    "Comparison",
    "Judge",
    "Limits",
    "Problem",
    "ProblemSet",
    "Status",
    "StdioTest",
    "TestResult",
    "Verdict",
    "data",
    "envs",
    "load_problems",
    "register_dataset",
    "register_environments",
]

register_environments()
