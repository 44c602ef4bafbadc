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
from .job import Job

__all__ = ["STEPS_PER_THREAD", "CpuKernel", "load"]

# With less than this many steps a thread costs more than it saves (docs/vtrace.md).
STEPS_PER_THREAD = 131_072


class CpuKernel:
    """The loaded library.

    Attributes:
      instruction_sets: those that this processor has, the one that is used first.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        library.vtrace_instruction_sets.restype = ctypes.c_char_p
        library.vtrace_advantages.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
        numbers = (ctypes.c_int64, ctypes.c_int, ctypes.c_int)
        library.vtrace_stream.argtypes = [*[ctypes.c_void_p] * 5, *numbers]
        self._library = library
        names: bytes = library.vtrace_instruction_sets()
        self.instruction_sets = tuple(names.decode().split())
        self._cache_bytes = _last_cache_bytes()

    def __str__(self) -> str:
        threads = torch.get_num_threads()
        plural = "" if threads == 1 else "s"
        return f"compiled kernel ({self.instruction_sets[0]}, {threads} thread{plural})"

    def run(
        self,
        job: Job,
        *,
        threads: int | None = None,
        instruction_set: str = "",
        past_the_cache: bool | None = None,
    ) -> None:
        """Writes what the job wants.

        At most `threads` threads work; they give the same bits as one. None: as many as PyTorch
        uses, where they pay. `instruction_set` is one of `instruction_sets`, empty for the first.
        What is written bypasses the caches where `past_the_cache`; None: where all arrays together
        are larger than the last cache.
        """
        steps = job.segments * job.horizon
        if threads is None:
            threads = min(torch.get_num_threads(), max(1, steps // STEPS_PER_THREAD))
        if past_the_cache is None:
            past_the_cache = 5 * 4 * steps > self._cache_bytes
        job.past_the_cache = past_the_cache
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
    remedy = "run python -m coding_envs_trainer.kernels.build"
    if not path.exists():
        return f"not built (no C++ compiler at install?); {remedy}"
    try:
        library = ctypes.CDLL(str(path))
        library.vtrace_fingerprint.restype = ctypes.c_char_p
        made_from: bytes = library.vtrace_fingerprint()
    except (OSError, AttributeError) as error:
        return f"not loaded ({error}); {remedy}"
    if made_from.decode() != build.fingerprint():
        return f"built from other sources than these; {remedy}"
    return CpuKernel(library)


def _last_cache_bytes() -> int:
    """Returns the size of the processor's last cache."""
    for name in ("SC_LEVEL3_CACHE_SIZE", "SC_LEVEL2_CACHE_SIZE"):
        size = os.sysconf(name) if name in os.sysconf_names else 0
        if size > 0:
            return size
    return 32 << 20  # not known here (most ARM processors): a common size
