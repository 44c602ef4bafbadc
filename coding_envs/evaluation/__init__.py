"""Programs for a set of problems -> verdicts -> pass@k, and a report to look at.

samples.py    programs from a file of samples, or the reference solutions
run.py        evaluate: judges them, many at a time
pass_at_k.py  the unbiased estimator; pure
report.py     EvalReport: what came out, as JSON, as a table, in files
"""

from .pass_at_k import pass_at_k
from .report import EvalReport, ProblemResult, SampleResult
from .run import evaluate
from .samples import Samples, read_samples, reference_samples

__all__ = [
    "EvalReport",
    "ProblemResult",
    "SampleResult",
    "Samples",
    "evaluate",
    "pass_at_k",
    "read_samples",
    "reference_samples",
]
