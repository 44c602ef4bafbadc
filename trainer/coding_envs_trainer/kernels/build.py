"""Compiles the kernels into this folder: `python -m coding_envs_trainer.kernels.build`.

An install does it by itself (hatch_build.py). The libraries have a plain C interface and know no
header of PyTorch or Python, so that one wheel serves every version of both. Only the standard
library is used here: an install runs this file alone.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCES = FOLDER / "csrc"
LIBRARY = FOLDER / "libvtrace.so"
CUDA_IMAGE = FOLDER / "vtrace.fatbin"
# What the image was made from: a file of GPU code cannot say that itself.
CUDA_IMAGE_SOURCES = FOLDER / "vtrace.fatbin.sources"

_FLAGS = ("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra")
# The x86-64 psABI's levels 3 and 4 are AVX2 with FMA, and AVX-512.
_X86_SETS = {"avx2": "-march=x86-64-v3", "avx512": "-march=x86-64-v4"}
# Binaries for Ampere and Hopper; PTX for whatever is newer than them, and for Turing.
_CUDA_TARGETS = (
    "-gencode=arch=compute_75,code=compute_75",
    "-gencode=arch=compute_80,code=sm_80",
    "-gencode=arch=compute_90,code=sm_90",
    "-gencode=arch=compute_90,code=compute_90",
)


def fingerprint() -> str:
    """Returns a hash of the sources, which a library carries: one of older sources is not used."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def build_cpu(target: Path = LIBRARY) -> str:
    """Compiles the CPU's library; returns "", or why that was not possible."""
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    sets = {"baseline": ""}
    dispatcher = [f'-DVTRACE_FINGERPRINT="{fingerprint()}"']
    if platform.machine().lower() in ("x86_64", "amd64"):
        sets |= _X86_SETS
        dispatcher.append("-DVTRACE_X86")
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        objects = [f"{folder}/{name}.o" for name in (*sets, "dispatcher")]
        commands = [
            [*compiler, *_FLAGS, *filter(None, [flag]), f"-DVTRACE_SET={name}", "-c"]
            + [str(SOURCES / "vtrace_rows.cpp"), "-o", f"{folder}/{name}.o"]
            for name, flag in sets.items()
        ]
        commands.append(
            [*compiler, *_FLAGS, *dispatcher, "-c", str(SOURCES / "vtrace_cpu.cpp")]
            + ["-o", objects[-1]]
        )
        fresh = Path(folder, "library")
        commands.append([*compiler, "-shared", "-pthread", *objects, "-o", str(fresh)])
        problem = _run(commands)
        if not problem:
            # Not over a file that a running process has mapped: into its place.
            fresh.replace(target)
        return problem


def build_cuda() -> str:
    """Compiles the GPU's kernels with nvcc; returns "", or why that was not possible."""
    nvcc = find_nvcc()
    if nvcc is None:
        return "nvcc not found"
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        fresh = Path(folder, "image")
        flags = ["-std=c++17", "-O3", "-fatbin", *_CUDA_TARGETS]
        problem = _run([[nvcc, *flags, str(SOURCES / "vtrace.cu"), "-o", str(fresh)]])
        if not problem:
            CUDA_IMAGE_SOURCES.unlink(missing_ok=True)
            fresh.replace(CUDA_IMAGE)
            CUDA_IMAGE_SOURCES.write_text(fingerprint())
        return problem


def find_nvcc() -> str | None:
    """Returns the CUDA compiler: of CUDA_HOME, on the PATH, or at its usual place."""
    places = [os.environ.get("CUDA_HOME"), "/usr/local/cuda"]
    homes = os.pathsep.join(f"{place}/bin" for place in places if place)
    return shutil.which("nvcc", path=homes) or shutil.which("nvcc")


def _run(commands: list[list[str]]) -> str:
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            return next((line for line in said if "error" in line), said[-1] if said else "failed")
    return ""


def main() -> int:
    """Builds what can be built here, and says what cannot; returns the exit code."""
    exit_code = 0
    for name, problem in (("CPU kernel", build_cpu()), ("CUDA kernel", build_cuda())):
        print(f"{name}: {problem or 'built'}")
        exit_code |= bool(problem) and name == "CPU kernel"
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
