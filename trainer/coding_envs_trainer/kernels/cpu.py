"""The compiled CPU kernel, called through ctypes; the interpreter's lock is released meanwhile."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from . import build

__all__ = ["STEPS_PER_THREAD", "CpuKernel", "load"]

# Below this many steps a thread costs more than it saves: it takes some 20 us to start.
STEPS_PER_THREAD = 131_072


class _Job(ctypes.Structure):
    """`vtrace::Job` of csrc/vtrace_rows.hpp."""

    _fields_ = [
        ("values", ctypes.c_void_p),
        ("rewards", ctypes.c_void_p),
        ("terminals", ctypes.c_void_p),
        ("importance", ctypes.c_void_p),
        ("advantages", ctypes.c_void_p),
        ("returns", ctypes.c_void_p),
        ("priorities", ctypes.c_void_p),
        ("values_stride", ctypes.c_int64),
        ("rewards_stride", ctypes.c_int64),
        ("terminals_stride", ctypes.c_int64),
        ("importance_stride", ctypes.c_int64),
        ("advantages_stride", ctypes.c_int64),
        ("returns_stride", ctypes.c_int64),
        ("segments", ctypes.c_int64),
        ("horizon", ctypes.c_int64),
        ("terminals_are_bytes", ctypes.c_bool),
        ("past_the_cache", ctypes.c_bool),
        ("gamma", ctypes.c_float),
        ("decay", ctypes.c_float),
        ("rho_clip", ctypes.c_float),
        ("c_clip", ctypes.c_float),
    ]


class CpuKernel:
    """The loaded library.

    Attributes:
      instruction_sets: those that this processor has, the one that is used first.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        library.vtrace_instruction_sets.restype = ctypes.c_char_p
        library.vtrace_advantages.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
        library.vtrace_stream.argtypes = [ctypes.c_void_p] * 5 + [
            ctypes.c_int64,
            ctypes.c_int,
            ctypes.c_int,
        ]
        self._library = library
        names: bytes = library.vtrace_instruction_sets()
        self.instruction_sets = tuple(names.decode().split())
        self.cache_bytes = _last_cache_bytes()

    def advantages(
        self,
        values: Tensor,
        rewards: Tensor,
        terminals: Tensor,
        importance: Tensor | None,
        advantages: Tensor,
        returns: Tensor | None,
        priorities: Tensor,
        settings: tuple[float, float, float, float],
        *,
        threads: int = 1,
        instruction_set: str = "",
        past_the_cache: bool | None = None,
    ) -> None:
        """Writes advantages, returns and priorities; `vtrace.advantages` has checked the tensors.

        `settings` are gamma, gamma * lambda, rho_clip, c_clip. At most `threads` threads work; they
        give the same bits as one. `instruction_set` is one of `instruction_sets`, empty for the
        first. What is written bypasses the caches where `past_the_cache`; None: where all arrays
        together are larger than the last cache.
        """
        segments, horizon = rewards.shape
        steps = segments * horizon
        if past_the_cache is None:
            past_the_cache = 5 * 4 * steps > self.cache_bytes
        job = _Job(
            values.data_ptr(),
            rewards.data_ptr(),
            terminals.data_ptr(),
            None if importance is None else importance.data_ptr(),
            advantages.data_ptr(),
            None if returns is None else returns.data_ptr(),
            priorities.data_ptr(),
            values.stride(0),
            rewards.stride(0),
            terminals.stride(0),
            0 if importance is None else importance.stride(0),
            advantages.stride(0),
            0 if returns is None else returns.stride(0),
            segments,
            horizon,
            terminals.dtype in (torch.bool, torch.uint8),
            past_the_cache,
            *settings,
        )
        if self._library.vtrace_advantages(ctypes.byref(job), threads, instruction_set.encode()):
            raise ValueError(f"instruction_set: one of {self.instruction_sets} wanted")

    def stream(
        self, sources: Sequence[Tensor], target: Tensor, *, threads: int, past_the_cache: bool
    ) -> None:
        """Writes the sum of four contiguous arrays, as fast as the memory gives and takes them."""
        pointers = [source.data_ptr() for source in sources]
        self._library.vtrace_stream(
            *pointers, target.data_ptr(), target.numel(), threads, past_the_cache
        )


@cache
def load(path: Path = build.LIBRARY) -> CpuKernel | str:
    """Returns the kernel, or why there is none."""
    remedy = "python -m coding_envs_trainer.kernels.build"
    if not path.exists():
        return f"not built (no C++ compiler at install?); run {remedy}"
    try:
        library = ctypes.CDLL(str(path))
        library.vtrace_fingerprint.restype = ctypes.c_char_p
        made_from: bytes = library.vtrace_fingerprint()
    except (OSError, AttributeError) as error:
        return f"not loaded ({error}); run {remedy}"
    if made_from.decode() != build.fingerprint():
        return f"built from other sources than these; run {remedy}"
    return CpuKernel(library)


def _last_cache_bytes() -> int:
    """Returns the size of the processor's last cache."""
    for name in ("SC_LEVEL3_CACHE_SIZE", "SC_LEVEL2_CACHE_SIZE"):
        size = os.sysconf(name) if name in os.sysconf_names else 0
        if size > 0:
            return size
    return 32 << 20
