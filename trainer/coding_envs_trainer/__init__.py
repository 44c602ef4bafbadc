"""Reference PuffeRL trainer for coding_envs.

The names of PufferLib's `pufferl` module are here too: `from coding_envs_trainer import PuffeRL,
load_config, load_env, load_policy, train`. They are imported when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .commands import train
    from .config import load_config
    from .loading import load_env, load_policy
    from .pufferl import PuffeRL

__all__ = ["PuffeRL", "load_config", "load_env", "load_policy", "train"]

_PLACES = {
    "PuffeRL": "pufferl",
    "load_config": "config",
    "load_env": "loading",
    "load_policy": "loading",
    "train": "commands",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
