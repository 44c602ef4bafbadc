"""Is a problem set fit to learn from, on this machine? And do two sets overlap?

settings.py         Settings: every number that decides something
run.py              certify: examines many problems at a time, into a manifest
examine.py          one problem: references, limits, wrong programs and mutants -> a decision
mutants.py          small changes to right programs; pure
disagreement.py     made-up inputs on which accepted references are compared
journal.py          the rows that are done, so that an interrupted certification goes on
report.py           a certification as Markdown and as a page of HTML
near_duplicates.py  overlap: statements that two sets have in common
statements.py       statements from a dataset or a file

The manifest itself, and how it is applied, is `coding_envs.data.manifest`.
"""

from ..data.manifest import Manifest, ManifestRow, apply_manifest
from .near_duplicates import Match, Overlap, overlap
from .report import html_report, markdown_report, write_reports
from .run import Certification, certify, machine_facts
from .settings import Settings
from .statements import read_statements

__all__ = [
    "Certification",
    "Manifest",
    "ManifestRow",
    "Match",
    "Overlap",
    "Settings",
    "apply_manifest",
    "certify",
    "html_report",
    "machine_facts",
    "markdown_report",
    "overlap",
    "read_statements",
    "write_reports",
]
