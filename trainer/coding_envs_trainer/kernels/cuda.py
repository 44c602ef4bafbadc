"""The CUDA kernel, loaded as a module of the driver and launched on PyTorch's current stream.

The image is what nvcc made at install; where it is missing, stale or of no use to the device,
NVRTC, which PyTorch brings, compiles the same source in about a second.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from . import build
from .job import Job

__all__ = ["SHAPES", "CudaKernel", "compile_source", "load"]

# Threads of a row: (lanes of a warp, warps), as csrc/vtrace.cu instantiates them.
SHAPES = ((1, 1), (4, 1), (8, 1), (16, 1), (32, 1), (32, 4), (32, 16))
_BLOCK = 256  # threads of a block where a row has one warp at most
_WARPS_PER_MULTIPROCESSOR = 32  # with fewer, rows get more warps each


class CudaKernel:
    """The module loaded on one device.

    Attributes:
      origin: what compiled it.
    """

    def __init__(self, device: int, image: bytes, origin: str) -> None:
        from cuda.bindings import driver

        self.origin = origin
        self._driver: Any = driver
        self._device = device
        properties = torch.cuda.get_device_properties(device)
        self._warps_wanted = properties.multi_processor_count * _WARPS_PER_MULTIPROCESSOR
        with torch.cuda.device(device):
            torch.cuda.current_stream().query()  # makes the device's context the current one
            module = _checked(driver.cuModuleLoadData(image))
        self._functions = {
            (shape, kind): _checked(
                driver.cuModuleGetFunction(module, f"vtrace_{shape[0]}x{shape[1]}_{kind}".encode())
            )
            for shape in SHAPES
            for kind in ("float", "byte")
        }

    def __str__(self) -> str:
        return f"CUDA kernel (compiled by {self.origin})"

    def run(self, job: Job, *, shape: tuple[int, int] | None = None) -> None:
        """Launches what writes the job's results; `shape` is one of `SHAPES`, None: the best."""
        lanes, warps = shape or shape_for(job.segments, job.horizon, self._warps_wanted)
        grid, block = grid_of(job.segments, lanes, warps)
        function = self._functions[(lanes, warps), "byte" if job.terminals_are_bytes else "float"]
        arguments = (ctypes.c_void_p * 1)(ctypes.addressof(job))
        with torch.cuda.device(self._device):
            stream = torch.cuda.current_stream().cuda_stream
            _checked(
                self._driver.cuLaunchKernel(
                    function, grid, 1, 1, block, 1, 1, 0, stream, ctypes.addressof(arguments), 0
                )
            )


def grid_of(segments: int, lanes: int, warps: int) -> tuple[int, int]:
    """Returns how many blocks, and of how many threads."""
    block = _BLOCK if warps == 1 else lanes * warps
    return -(-segments * lanes * warps // block), block


def shape_for(segments: int, horizon: int, warps_wanted: int) -> tuple[int, int]:
    """Returns how many lanes and warps a row gets, so that the device has `warps_wanted`."""
    if horizon <= 16:
        return next(shape for shape in SHAPES if shape[0] >= min(horizon, 16))
    for lanes, warps in SHAPES[4:]:
        if segments * warps >= warps_wanted or lanes * warps >= horizon:
            return lanes, warps
    return SHAPES[-1]


@cache
def load(device: int) -> CudaKernel | str:
    """Returns the kernel on a CUDA device, or why there is none."""
    problem = missing()
    if problem:
        return problem
    images: list[tuple[Callable[[], bytes], str]] = []
    made_from = build.CUDA_IMAGE_SOURCES
    if made_from.exists() and made_from.read_text() == build.fingerprint():
        images.append((build.CUDA_IMAGE.read_bytes, "nvcc"))
    major, minor = torch.cuda.get_device_capability(device)
    images.append((lambda: compile_source(f"sm_{major}{minor}"), "NVRTC"))
    for image, origin in images:
        try:
            return CudaKernel(device, image(), origin)
        except RuntimeError as error:
            problem = f"not available: {origin}: {error}"
    return problem


def missing() -> str:
    """Returns what of this machine keeps the kernel from running at all; empty: nothing."""
    if not torch.cuda.is_available():
        return "not available: no CUDA device"
    if torch.version.hip is not None:
        return "not available: PyTorch is built for ROCm"
    try:
        import cuda.bindings.driver
        import cuda.bindings.nvrtc  # noqa: F401
    except ImportError as error:
        return f"not available: {error}; install cuda-bindings"
    return ""


def compile_source(architecture: str) -> bytes:
    """Returns the kernels compiled by NVRTC: a binary for `sm_90`, PTX for `compute_90`.

    Raises:
      RuntimeError: NVRTC refused the source, or the architecture.
    """
    from cuda.bindings import nvrtc

    source = (build.SOURCES / "vtrace.cu").read_bytes()
    header = (build.SOURCES / "vtrace.hpp").read_bytes()
    program = _checked(nvrtc.nvrtcCreateProgram(source, b"vtrace.cu", 1, [header], [b"vtrace.hpp"]))
    options = [b"--std=c++17", f"--gpu-architecture={architecture}".encode()]
    (status,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
    if int(status) != 0:
        log = b" " * _checked(nvrtc.nvrtcGetProgramLogSize(program))
        nvrtc.nvrtcGetProgramLog(program, log)
        raise RuntimeError(log.decode(errors="replace").strip("\0 \n") or str(status))
    if architecture.startswith("sm_"):
        size, read = nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN
    else:
        size, read = nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX
    image = b" " * int(_checked(size(program)))
    _checked(read(program, image))  # writes into the bytes, as cuda-bindings has it
    _checked(nvrtc.nvrtcDestroyProgram(program))
    return image


def _checked(answer: tuple[Any, ...]) -> Any:
    """Returns what a call of the driver or of NVRTC gave, without its status."""
    status, *results = answer
    if int(status) != 0:
        raise RuntimeError(str(status))
    return results[0] if results else None
