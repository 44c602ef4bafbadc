"""From dataset rows to problems.

problem_set.py  ProblemSet: the problems of one split, read when used where they are large
head.py         Head: what can be said of a problem without decoding its tests
where.py        conditions on heads
registry.py     the datasets known by name, and `load_problems`
loading.py      rows -> ProblemSet or ProblemStream
files.py        which local files hold a split
sources.py      the rows of files by number; parquet.py those of Parquet
unpacked.py     the folder for what was unpacked once
hub.py          rows from the Hugging Face hub, its cache, or streamed
rows.py         a row whose columns are checked as they are read
manifest.py     what a certification decided on each problem, and how it is applied
plain.py        the plain layout: a problem's fields as columns; export.py writes it
bundled.py      the bundled problem set
spec.py         DatasetSpec: what is known of a dataset before any row is read
layouts/        one module per dataset layout: a row -> a Problem
"""

from .bundled import BUNDLED_CONFIGS, BUNDLED_SPLITS, load_bundled, problem_from_row
from .files import DataFiles, find_files
from .head import STYLES, Head
from .hub import cached_commits
from .loading import ProblemStream
from .manifest import Manifest, ManifestRow, apply_manifest
from .problem_set import ProblemSet
from .registry import dataset_names, dataset_spec, load_problems, register_dataset
from .sources import BadRow, rows_from_files
from .spec import DatasetSpec, HeadReader, RowLoader
from .where import WHERE_KEYS, Where, parse_where

__all__ = [
    "BUNDLED_CONFIGS",
    "BUNDLED_SPLITS",
    "STYLES",
    "WHERE_KEYS",
    "BadRow",
    "DataFiles",
    "DatasetSpec",
    "Head",
    "HeadReader",
    "Manifest",
    "ManifestRow",
    "ProblemSet",
    "ProblemStream",
    "RowLoader",
    "Where",
    "apply_manifest",
    "cached_commits",
    "dataset_names",
    "dataset_spec",
    "find_files",
    "load_bundled",
    "load_problems",
    "parse_where",
    "problem_from_row",
    "register_dataset",
    "rows_from_files",
]
