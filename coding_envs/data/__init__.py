"""From dataset rows to problems."""

from .bundled import BUNDLED_CONFIGS, BUNDLED_SPLITS, load_bundled, problem_from_row
from .problem_set import ProblemSet

__all__ = [
    "BUNDLED_CONFIGS",
    "BUNDLED_SPLITS",
    "ProblemSet",
    "load_bundled",
    "problem_from_row",
]
