"""Thin skins over the episode core: they hold no judging, no reward and no tokenising.

`CodingPufferEnv` needs pufferlib and is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .gym_env import CodingProblemEnv
from .render import render_episode
from .text_env import CodingProblemTextEnv, SourceText

if TYPE_CHECKING:
    from .puffer_env import CodingPufferEnv

__all__ = [
    "CodingProblemEnv",
    "CodingProblemTextEnv",
    "CodingPufferEnv",
    "SourceText",
    "render_episode",
]


def __getattr__(name: str) -> Any:
    if name == "CodingPufferEnv":
        from .puffer_env import CodingPufferEnv

        return CodingPufferEnv
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
