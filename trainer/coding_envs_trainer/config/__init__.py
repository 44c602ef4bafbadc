"""Configuration: defaults, files, environment variables and flags, checked, as one nested dict.

keys.py     every key: its type, default, range and one line of meaning
sources.py  the places that settings come from
load.py     load_config: all of them together
help.py     what --help prints
*.ini       settings per environment; PufferLib's command line reads coding_envs.ini too
"""

from .keys import (
    BASE_KEYS,
    OPTION_KEYS,
    SWEEP_KEYS,
    TRAIN_DEFAULTS,
    TRAIN_KEYS,
    VEC_KEYS,
    Key,
    complete_train,
)
from .load import load_config

__all__ = [
    "BASE_KEYS",
    "OPTION_KEYS",
    "SWEEP_KEYS",
    "TRAIN_DEFAULTS",
    "TRAIN_KEYS",
    "VEC_KEYS",
    "Key",
    "complete_train",
    "load_config",
]
