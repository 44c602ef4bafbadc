"""From dataset rows to problems.

problem_set.py  ProblemSet: the problems of one split
registry.py     the datasets known by name, and `load_problems`
hub.py          rows from the Hugging Face hub or from local files
rows.py         a row whose columns are checked as they are read
bundled.py      the bundled problem set
spec.py         DatasetSpec: what is known of a dataset before any row is read
manifest.py     what a certification decided on each problem, and how it is applied
layouts/        one module per dataset layout: a row -> a Problem
"""

from .bundled import BUNDLED_CONFIGS, BUNDLED_SPLITS, load_bundled, problem_from_row
from .hub import DataFiles
from .manifest import Manifest, ManifestRow, apply_manifest
from .problem_set import ProblemSet
from .registry import dataset_names, dataset_spec, load_problems, register_dataset
from .spec import STYLES, DatasetSpec, Head, HeadReader, RowLoader

__all__ = [
    "BUNDLED_CONFIGS",
    "BUNDLED_SPLITS",
    "STYLES",
    "DataFiles",
    "DatasetSpec",
    "Head",
    "HeadReader",
    "Manifest",
    "ManifestRow",
    "ProblemSet",
    "RowLoader",
    "apply_manifest",
    "dataset_names",
    "dataset_spec",
    "load_bundled",
    "load_problems",
    "problem_from_row",
    "register_dataset",
]
