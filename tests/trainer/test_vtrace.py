"""Advantages: every path against the recurrence in float64."""

from __future__ import annotations

import itertools
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from coding_envs.errors import InvalidValueError
from coding_envs_trainer import vtrace
from coding_envs_trainer.kernels import build, cpu

KERNEL = cpu.load()
assert not isinstance(KERNEL, str), f"the tests need the compiled kernel: {KERNEL}"

SETTINGS: dict[str, float] = {"gamma": 0.99, "gae_lambda": 0.95, "rho_clip": 1.0, "c_clip": 1.0}


def made(segments: int, horizon: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns values, rewards, terminals, importance."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    terminals = (uniform(segments, horizon) < 0.1).float()
    masks = uniform(segments, horizon) < 0.9
    importance = (0.7 * normal(segments, horizon)).exp() * masks
    return normal(segments, horizon + 1), normal(segments, horizon), terminals, importance


def truth(
    values: Tensor, rewards: Tensor, terminals: Tensor, importance: Tensor | None, **kwargs: float
) -> tuple[list[list[float]], list[float]]:
    """The recurrence as it is written, one number at a time, in Python's floats."""
    v, r, d = values.tolist(), rewards.tolist(), terminals.float().tolist()
    w = torch.ones_like(rewards).tolist() if importance is None else importance.tolist()
    gamma, lam = kwargs["gamma"], kwargs["gae_lambda"]
    rows = []
    for i in range(len(r)):
        row, later = [], 0.0
        for t in reversed(range(len(r[i]))):
            rho, c = min(w[i][t], kwargs["rho_clip"]), min(w[i][t], kwargs["c_clip"])
            delta = rho * (r[i][t] + gamma * (1 - d[i][t]) * v[i][t + 1] - v[i][t])
            later = delta + gamma * lam * c * (1 - d[i][t]) * later
            row.append(later)
        rows.append(row[::-1])
    return rows, [math.fsum(map(abs, row)) for row in rows]


def error(got: Tensor, wanted: Any) -> float:
    """The largest error, relative to the largest value."""
    wanted = torch.as_tensor(wanted, dtype=torch.float64)
    return float((got.double() - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30))


@given(
    segments=st.integers(1, 19),
    horizon=st.one_of(st.integers(1, 70), st.sampled_from([127, 128, 129, 300])),
    seed=st.integers(0, 1 << 20),
    weighted=st.booleans(),
    terminals_dtype=st.sampled_from([torch.float32, torch.bool, torch.uint8]),
    gamma=st.sampled_from([0.0, 0.9, 0.99, 1.0]),
    gae_lambda=st.sampled_from([0.0, 0.95, 1.0]),
    clips=st.sampled_from([(1.0, 1.0), (0.5, 1.5), (3.0, 0.2)]),
    returned=st.booleans(),
    instruction_set=st.sampled_from(KERNEL.instruction_sets),
    past_the_cache=st.booleans(),
)
@settings(deadline=None, max_examples=200)
def test_the_kernel_computes_the_recurrence(
    segments: int,
    horizon: int,
    seed: int,
    weighted: bool,
    terminals_dtype: torch.dtype,
    gamma: float,
    gae_lambda: float,
    clips: tuple[float, float],
    returned: bool,
    instruction_set: str,
    past_the_cache: bool,
) -> None:
    values, rewards, terminals, weights = made(segments, horizon, seed)
    importance = weights if weighted else None
    rho_clip, c_clip = clips
    got, priorities = torch.full((segments, horizon), 7.0), torch.full((segments,), 7.0)
    returns = torch.full((segments, horizon), 7.0) if returned else None
    KERNEL.advantages(
        values,
        rewards,
        terminals.to(terminals_dtype),
        importance,
        got,
        returns,
        priorities,
        (gamma, gamma * gae_lambda, rho_clip, c_clip),
        instruction_set=instruction_set,
        past_the_cache=past_the_cache,
    )
    wanted, sums = truth(
        values,
        rewards,
        terminals,
        importance,
        gamma=gamma,
        gae_lambda=gae_lambda,
        rho_clip=rho_clip,
        c_clip=c_clip,
    )
    assert error(got, wanted) < 1e-5
    assert error(priorities, sums) < 1e-5
    if returns is not None:
        assert torch.equal(returns, got + values[:, :-1])


@given(segments=st.integers(1, 9), horizon=st.integers(1, 40), seed=st.integers(0, 1 << 20))
@settings(deadline=None, max_examples=50)
def test_the_reference_computes_the_recurrence(segments: int, horizon: int, seed: int) -> None:
    arrays = [array.double() for array in made(segments, horizon, seed)]
    got, priorities = vtrace.reference(*arrays, **SETTINGS)
    wanted, sums = truth(*arrays, **SETTINGS)
    assert error(got, wanted) < 1e-12
    assert error(priorities, sums) < 1e-12


@pytest.mark.parametrize("backend", vtrace.BACKENDS)
def test_every_backend_gives_the_same(backend: str) -> None:
    arrays = made(33, 21)
    out, priorities, returns = torch.empty(33, 21), torch.empty(33), torch.empty(33, 21)
    got = vtrace.advantages(
        *arrays, **SETTINGS, out=out, priorities=priorities, returns=returns, backend=backend
    )
    assert got[0] is out
    assert got[1] is priorities
    wanted, sums = truth(*arrays, **SETTINGS)
    assert error(out, wanted) < 1e-5
    assert error(priorities, sums) < 1e-5
    assert error(returns, torch.tensor(wanted) + arrays[0][:, :-1]) < 1e-5
