"""Programs for a set of problems -> verdicts -> pass@k, and a report to look at.

samples.py     programs from a file of samples, or the reference solutions
extraction.py  the program in what a model said
prompts.py     what a model is asked, and the program that its answer makes
generation.py  the seam behind which models stand
endpoint.py    a server that speaks OpenAI's protocol
causal_lm.py   a language model of the Hugging Face kind
run.py         evaluate: judges them, many at a time
folder.py      ResultsFolder: what is there already, so that an interrupted evaluation goes on
pass_at_k.py   the unbiased estimator; pure
statistics.py  intervals and tests over problems; pure
summary.py     averages and groups of problems; pure
report.py      EvalReport: what came out, as JSON, as a table, in files
page/          the report as an HTML page
formats.py     the files that other evaluators write
rejudge.py     verdicts given anew
compare.py     whether two evaluations differ by more than chance
"""

from .causal_lm import CausalLMWriter
from .compare import PairedComparison, compare
from .endpoint import Endpoint
from .extraction import extract_code
from .folder import FailedTest, ResultsFolder, SampleResult, read_verdicts
from .formats import FORMATS, write_format
from .generation import PROMPTS, Writer, Written
from .pass_at_k import pass_at_k
from .rejudge import Change, Rejudged, rejudge
from .report import EvalReport
from .run import evaluate, identity_of, write_samples
from .samples import SAMPLE_FILES, Samples, read_samples, reference_samples
from .statistics import bootstrap_intervals, mcnemar, permutation_test
from .summary import Group, LengthGroup, ProblemResult

__all__ = [
    "FORMATS",
    "PROMPTS",
    "SAMPLE_FILES",
    "CausalLMWriter",
    "Change",
    "Endpoint",
    "EvalReport",
    "FailedTest",
    "Group",
    "LengthGroup",
    "PairedComparison",
    "ProblemResult",
    "Rejudged",
    "ResultsFolder",
    "SampleResult",
    "Samples",
    "Writer",
    "Written",
    "bootstrap_intervals",
    "compare",
    "evaluate",
    "extract_code",
    "identity_of",
    "mcnemar",
    "pass_at_k",
    "permutation_test",
    "read_samples",
    "read_verdicts",
    "reference_samples",
    "rejudge",
    "write_format",
    "write_samples",
]
