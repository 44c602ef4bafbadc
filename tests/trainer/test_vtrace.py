"""Advantages: every path against the recurrence in float64."""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from coding_envs.errors import InvalidValueError
from coding_envs_trainer import vtrace
from coding_envs_trainer.kernels import build, cpu, cuda
from coding_envs_trainer.kernels.job import job_of

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
    arrays = (values, rewards, terminals.to(terminals_dtype), importance)
    coefficients = (gamma, gae_lambda, rho_clip, c_clip)
    KERNEL.run(
        job_of(*arrays, got, returns, priorities, coefficients),
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


# --- what may be passed --------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["kernel", "torch"])
def test_no_layout_is_misread(backend: str) -> None:
    arrays = made(6, 21)
    wanted, sums = truth(*arrays, **SETTINGS)
    layouts = {
        "columns": lambda x: torch.cat([x, x], dim=1)[:, : x.shape[1]],
        "every other row": lambda x: x.repeat_interleave(2, dim=0)[::2],
        "transposed": lambda x: x.t().contiguous().t(),
        "every other column": lambda x: x.repeat_interleave(2, dim=1)[:, ::2],
    }
    for name, laid_out in layouts.items():
        views = [laid_out(array) for array in arrays]
        out, priorities = laid_out(torch.zeros(6, 21)), torch.zeros(12)[::2]
        vtrace.advantages(*views, **SETTINGS, out=out, priorities=priorities, backend=backend)
        assert error(out, wanted) < 1e-5, name
        assert error(priorities, sums) < 1e-5, name


def test_rows_that_are_all_the_same_one_may_be_expanded() -> None:
    values, rewards, terminals, importance = made(1, 21)
    wanted, _ = truth(values, rewards, terminals, importance, **SETTINGS)
    arrays = [array.expand(5, -1) for array in (values, rewards, terminals, importance)]
    got, _ = vtrace.advantages(*arrays, **SETTINGS, backend="kernel")
    assert error(got, wanted * 5) < 1e-5
    # All rows of this one are the same memory: the last row is what stays.
    out = torch.zeros(1, 21).expand(5, 21)
    with pytest.raises(RuntimeError, match="single memory location"):
        vtrace.advantages(*arrays, **SETTINGS, out=out, backend="kernel")


@pytest.mark.parametrize("over", ["values", "later values", "rewards", "terminals", "importance"])
def test_results_may_be_written_over_the_inputs(over: str) -> None:
    values, rewards, terminals, importance = made(6, 21)
    wanted, _ = truth(values, rewards, terminals, importance, **SETTINGS)
    out = {
        "values": values[:, :-1],
        "later values": values[:, 1:],
        "rewards": rewards,
        "terminals": terminals,
        "importance": importance,
    }[over]
    vtrace.advantages(values, rewards, terminals, importance, **SETTINGS, out=out, backend="kernel")
    assert error(out, wanted) < 1e-5


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("values", torch.zeros(4, 8), r"values: shape \[4, 9\] wanted, got \[4, 8\]"),
        ("rewards", torch.zeros(4), r"rewards: shape \[segments, horizon\] wanted, got \[4\]"),
        ("terminals", torch.zeros(3, 8), r"terminals: shape \[4, 8\] wanted, got \[3, 8\]"),
        ("importance", torch.zeros(4, 9), r"importance: shape \[4, 8\] wanted, got \[4, 9\]"),
        ("values", torch.zeros(4, 9).double(), "values: torch.float32 wanted, got torch.float64"),
        ("rewards", torch.zeros(4, 8).bfloat16(), "rewards: torch.float32 wanted"),
        ("terminals", torch.zeros(4, 8).long(), "terminals: torch.float32 or torch.bool or"),
        ("rewards", torch.zeros(4, 8, device="meta"), "rewards: on cpu wanted"),
        ("out", torch.zeros(4, 9), r"out: shape \[4, 8\] wanted"),
        ("priorities", torch.zeros(4, 1), r"priorities: shape \[4\] wanted"),
        ("returns", torch.zeros(4, 8).half(), "returns: torch.float32 wanted"),
        ("backend", "gpu", "backend: one of auto, kernel, torch wanted, got 'gpu'"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: Any, message: str) -> None:
    names = ("values", "rewards", "terminals", "importance")
    arguments: dict[str, Any] = dict(zip(names, made(4, 8), strict=True))
    with pytest.raises(InvalidValueError, match=message):
        vtrace.advantages(**{**arguments, **SETTINGS, name: value})


@pytest.mark.parametrize(("segments", "horizon"), [(0, 8), (4, 0), (0, 0)])
def test_nothing_gives_nothing(segments: int, horizon: int) -> None:
    got, priorities = vtrace.advantages(*made(segments, horizon), **SETTINGS)
    assert got.shape == (segments, horizon)
    assert torch.equal(priorities, torch.zeros(segments))


def test_results_are_detached() -> None:
    arrays = made(4, 8)
    arrays[0].requires_grad_()
    for backend in ("kernel", "torch"):
        got, priorities = vtrace.advantages(*arrays, **SETTINGS, backend=backend)
        assert not got.requires_grad
        assert not priorities.requires_grad


# --- what it means -------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["kernel", "torch"])
def test_a_masked_step_gets_and_hands_back_nothing(backend: str) -> None:
    values, rewards, terminals, _ = made(1, 20)
    terminals.zero_()
    importance = torch.ones(1, 20)
    importance[0, 7] = 0
    before, _ = vtrace.advantages(values, rewards, terminals, importance, **SETTINGS)
    rewards[0, 7:] += 100
    after, _ = vtrace.advantages(
        values, rewards, terminals, importance, **SETTINGS, backend=backend
    )
    assert after[0, 7] == 0
    assert torch.allclose(after[0, :7], before[0, :7])
    delta = rewards[0, 6] + 0.99 * values[0, 7] - values[0, 6]
    assert torch.isclose(after[0, 6], delta)


@pytest.mark.parametrize("instruction_set", KERNEL.instruction_sets)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("which", range(4))
def test_what_is_not_finite_spoils_only_the_steps_before(
    which: int, bad: float, instruction_set: str
) -> None:
    for at in (0, 15, 16, 36):
        arrays = made(6, 37)
        arrays[3].fill_(0.9)
        arrays[2].zero_()
        clean = torch.empty(6, 37)
        got, priorities = torch.empty(6, 37), torch.empty(6)
        coefficients = (0.99, 0.95, 1.0, 1.0)
        KERNEL.run(job_of(*arrays, clean, None, priorities, coefficients))
        arrays[which][2, at] = bad
        KERNEL.run(
            job_of(*arrays, got, None, priorities, coefficients), instruction_set=instruction_set
        )
        assert error(got[[0, 1, 3, 4, 5]], clean[[0, 1, 3, 4, 5]]) < 1e-5
        assert torch.equal(got[2, at + 1 :].isfinite(), clean[2, at + 1 :].isfinite())
        wanted, _ = vtrace.reference(
            *(array.double() for array in arrays), gamma=0.99, gae_lambda=0.95
        )
        assert torch.equal(got.isfinite(), wanted.isfinite())


def test_pufferlib_gives_the_same_but_for_its_last_column() -> None:
    pytest.importorskip("pufferlib._C")
    values, rewards, terminals, importance = made(50, 33)
    wanted, _ = vtrace.advantages(values, rewards, terminals, importance, **SETTINGS)
    # Its reward and terminal lie with the observation that comes after them.
    late_rewards, late_terminals = torch.zeros(50, 34), torch.zeros(50, 34)
    late_rewards[:, 1:], late_terminals[:, 1:] = rewards, terminals
    weights = torch.ones(50, 34)
    weights[:, :-1] = importance
    got = torch.zeros(50, 34)
    torch.ops.pufferlib.compute_puff_advantage(
        values, late_rewards, late_terminals, weights, got, 0.99, 0.95, 1.0, 1.0
    )
    assert torch.allclose(got[:, :-1], wanted, rtol=1e-5, atol=1e-5)
    assert torch.equal(got[:, -1], torch.zeros(50))


# --- threads and builds --------------------------------------------------------------------------


@pytest.mark.parametrize("segments", [1, 2, 15, 16, 17, 33, 70])
def test_threads_give_the_same_bits_as_one(segments: int) -> None:
    arrays = made(segments, 45)
    results = []
    for threads in (1, 2, 3, 16):
        got, priorities = torch.empty(segments, 45), torch.empty(segments)
        KERNEL.run(job_of(*arrays, got, None, priorities, (0.99, 0.95, 1.0, 1.0)), threads=threads)
        results.append((got, priorities))
    for got, priorities in results[1:]:
        assert torch.equal(got, results[0][0])
        assert torch.equal(priorities, results[0][1])


def test_a_rows_bits_do_not_depend_on_its_neighbours() -> None:
    arrays = made(11, 45)
    together, priorities = vtrace.advantages(*arrays, **SETTINGS, backend="kernel")
    for i in range(11):
        alone = vtrace.advantages(*(array[i : i + 1] for array in arrays), **SETTINGS)
        assert torch.equal(alone[0][0], together[i])
        assert torch.equal(alone[1][0], priorities[i])


def test_an_unknown_instruction_set_is_refused() -> None:
    job = job_of(*made(1, 1), torch.empty(1, 1), None, torch.empty(1), (1.0, 1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="instruction_set: one of"):
        KERNEL.run(job, instruction_set="mmx")


def test_path_says_what_runs() -> None:
    assert vtrace.path().startswith(f"cpu: compiled kernel ({KERNEL.instruction_sets[0]}, ")
    assert "; cuda: " in vtrace.path()


@pytest.mark.parametrize("why", ["not built", "built from other sources", "not loaded"])
def test_without_the_library_torch_does_it(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "libvtrace.so"
    if why == "built from other sources":
        made_from = build.fingerprint().encode()
        code = build.LIBRARY.read_bytes()
        assert made_from in code
        library.write_bytes(code.replace(made_from, b"0" * len(made_from)))
    elif why == "not loaded":
        library.write_bytes(b"not a library")
    monkeypatch.setattr(cpu, "load", functools.partial(cpu.load, library))
    arrays = made(4, 9)
    got, _ = vtrace.advantages(*arrays, **SETTINGS)
    assert error(got, truth(*arrays, **SETTINGS)[0]) < 1e-5
    assert vtrace.path().startswith(f"cpu: torch: compiled kernel {why}")
    with pytest.raises(InvalidValueError, match=f"backend: 'kernel' wanted, but it is {why}"):
        vtrace.advantages(*arrays, **SETTINGS, backend="kernel")


def test_a_build_without_a_compiler_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "no-such-compiler" in build.build_cpu(tmp_path / "libvtrace.so")
    assert list(tmp_path.iterdir()) == []


# --- CUDA ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    library = tmp_path_factory.mktemp("emulator") / "emulator.so"
    source = Path(__file__).with_name("cuda_on_cpu.cpp")
    flags = ["-std=c++17", "-O1", "-shared", "-fPIC", f"-I{build.SOURCES}"]
    subprocess.run(["c++", *flags, str(source), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


@pytest.mark.parametrize("shape", cuda.SHAPES)
def test_the_cuda_source_computes_the_recurrence(
    shape: tuple[int, int], emulator: ctypes.CDLL
) -> None:
    for segments, horizon, weighted, dtype in (
        (1, 1, True, torch.float32),
        (3, 5, False, torch.bool),
        (9, 33, True, torch.bool),
        (2, 600, True, torch.float32),
    ):
        values, rewards, terminals, weights = made(segments, horizon)
        arrays = (values, rewards, terminals.to(dtype), weights if weighted else None)
        got, priorities = torch.full((segments, horizon), 7.0), torch.full((segments,), 7.0)
        returns = torch.full((segments, horizon), 7.0) if weighted else None
        job = job_of(*arrays, got, returns, priorities, (0.99, 0.95, 1.0, 1.0))
        grid, block = cuda.grid_of(segments, *shape)
        assert emulator.run(ctypes.byref(job), *shape, grid, block) == 0
        wanted, sums = truth(*arrays, **SETTINGS)
        assert error(got, wanted) < 1e-5
        assert error(priorities, sums) < 1e-5
        if returns is not None:
            assert torch.equal(returns, got + values[:, :-1])


@pytest.mark.parametrize(
    ("segments", "horizon", "shape"),
    [
        (1 << 20, 1, (1, 1)),
        (100, 3, (4, 1)),
        (100, 16, (16, 1)),
        (8192, 64, (32, 1)),
        (1000, 128, (32, 4)),
        (10, 4096, (32, 16)),
    ],
)
def test_few_rows_get_many_threads(segments: int, horizon: int, shape: tuple[int, int]) -> None:
    assert cuda.shape_for(segments, horizon, warps_wanted=4000) == shape


@pytest.mark.parametrize("architecture", ["compute_80", "compute_90", "sm_80", "sm_90"])
def test_nvrtc_compiles_the_cuda_source(architecture: str) -> None:
    pytest.importorskip("cuda.bindings.nvrtc")
    image = cuda.compile_source(architecture)
    for lanes, warps in cuda.SHAPES:
        assert f"vtrace_{lanes}x{warps}_float".encode() in image
        assert f"vtrace_{lanes}x{warps}_byte".encode() in image


def test_nvrtc_says_what_it_refuses() -> None:
    pytest.importorskip("cuda.bindings.nvrtc")
    with pytest.raises(RuntimeError, match="architecture"):
        cuda.compile_source("sm_1")


@pytest.mark.parametrize("architecture", ["compute_80", "compute_90"])
def test_nvcc_compiles_the_cuda_source(architecture: str, tmp_path: Path) -> None:
    nvcc = build.find_nvcc()
    if nvcc is None:
        pytest.skip("nvcc not found")
    flags = ["-std=c++17", "-ptx", f"-arch={architecture}", "-Werror=all-warnings"]
    source = str(build.SOURCES / "vtrace.cu")
    subprocess.run([nvcc, *flags, source, "-o", str(tmp_path / "image")], check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("shape", [None, *cuda.SHAPES])
def test_the_gpu_computes_the_recurrence(shape: tuple[int, int] | None) -> None:
    kernel = cuda.load(torch.cuda.current_device())
    assert not isinstance(kernel, str), kernel
    for segments, horizon in itertools.product((1, 9, 1000), (1, 5, 33, 600)):
        arrays = [array.cuda() for array in made(segments, horizon)]
        got = torch.empty(segments, horizon, device="cuda")
        priorities = torch.empty(segments, device="cuda")
        job = job_of(*arrays, got, None, priorities, (0.99, 0.95, 1.0, 1.0))
        kernel.run(job, shape=shape)
        wanted, sums = vtrace.reference(*(array.double() for array in arrays), **SETTINGS)
        assert error(got.cpu(), wanted.cpu()) < 1e-5
        assert error(priorities.cpu(), sums.cpu()) < 1e-5
