"""What makes PyTorch fast on a CPU: memory that stays, and as many threads as have a processor."""

from __future__ import annotations

import ctypes
import os

import torch

__all__ = ["Threads", "keep_freed_memory"]

# glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MOST = 2**31 - 1
_LARGEST_THRESHOLD = 32 << 20  # what glibc allows on 64 bits


def keep_freed_memory() -> bool:
    """Lets this process keep memory that is freed, for what is allocated next; returns if it can.

    glibc gives large blocks back to the kernel at once, and takes them anew, page by page, for the
    next tensor of the same size. On virtual machines the pages' faults are up to a quarter of the
    time of an update. What the process has needed at most it then keeps to its end.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    settings = ((_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD), (_M_TRIM_THRESHOLD, _MOST))
    return all(mallopt(*setting) for setting in settings)


class Threads:
    """How many threads PyTorch has while the policy acts, and while it learns.

    An operation of several threads takes as long as the slowest. While a sandbox's workers want the
    processors, one that they displace makes all others wait: half as many threads as processors are
    faster then. While the policy learns, nearly all verdicts are there and the workers are idle.

    Args:
      asked: by the user, for both; 0: not.
      beside_a_sandbox: whether verdicts are made while the policy acts.
    """

    def __init__(self, asked: int, *, beside_a_sandbox: bool) -> None:
        self.before = most = torch.get_num_threads()
        few = max(1, len(os.sched_getaffinity(0)) // 2) if beside_a_sandbox else most
        self.acting, self.learning = (asked, asked) if asked else (min(few, most), most)

    def act(self) -> None:
        """Sets the number for rollouts."""
        torch.set_num_threads(self.acting)

    def learn(self) -> None:
        """Sets the number for updates."""
        torch.set_num_threads(self.learning)

    def restore(self) -> None:
        """Sets the number that it was before."""
        torch.set_num_threads(self.before)
