"""Conformance: does a grader, any grader, accept right programs and nothing else?

cases.py              Case, and reading the cases under `data/`
conformance.py        run_conformance: a grader against the cases
report.py             what came out: counts, failures, JSON, a score card
subprocess_grader.py  a grader in a process of its own, which may die
pytest_suite.py       GraderConformance: one pytest test per case
naive.py              graders as they are often written, to compare with; they protect nothing
"""

from .cases import KINDS, Case, load_cases
from .conformance import Grader, run_conformance
from .pytest_suite import GraderConformance
from .report import Outcome, Report
from .subprocess_grader import SubprocessGrader

__all__ = [
    "KINDS",
    "Case",
    "Grader",
    "GraderConformance",
    "Outcome",
    "Report",
    "SubprocessGrader",
    "load_cases",
    "run_conformance",
]
