"""What a kernel is told: the same on the CPU and on the GPU."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor


class Job(ctypes.Structure):
    """`vtrace::Job` of csrc/vtrace.hpp."""

    _fields_ = [
        ("values", ctypes.c_void_p),
        ("rewards", ctypes.c_void_p),
        ("terminals", ctypes.c_void_p),
        ("importance", ctypes.c_void_p),
        ("advantages", ctypes.c_void_p),
        ("returns", ctypes.c_void_p),
        ("priorities", ctypes.c_void_p),
        ("values_stride", ctypes.c_longlong),
        ("rewards_stride", ctypes.c_longlong),
        ("terminals_stride", ctypes.c_longlong),
        ("importance_stride", ctypes.c_longlong),
        ("advantages_stride", ctypes.c_longlong),
        ("returns_stride", ctypes.c_longlong),
        ("segments", ctypes.c_longlong),
        ("horizon", ctypes.c_longlong),
        ("terminals_are_bytes", ctypes.c_bool),
        ("past_the_cache", ctypes.c_bool),
        ("gamma", ctypes.c_float),
        ("gae_lambda", ctypes.c_float),
        ("rho_clip", ctypes.c_float),
        ("c_clip", ctypes.c_float),
    ]


def job_of(
    values: Tensor,
    rewards: Tensor,
    terminals: Tensor,
    importance: Tensor | None,
    advantages: Tensor,
    returns: Tensor | None,
    priorities: Tensor,
    settings: tuple[float, float, float, float],
) -> Job:
    """Returns the job of these tensors, which `vtrace.advantages` has checked.

    `settings` are gamma, lambda, rho_clip, c_clip.
    """
    segments, horizon = rewards.shape
    return Job(
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
        False,
        *settings,
    )
