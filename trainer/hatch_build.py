"""Builds the kernels, where compilers are there; without them PyTorch does their work, slower."""

from __future__ import annotations

import runpy
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FOLDER = Path("coding_envs_trainer", "kernels")


class CustomBuildHook(BuildHookInterface[Any]):
    """Compiles the CPU's and the GPU's kernels and adds them to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Runs before the wheel is made, an editable one, too."""
        if self.target_name != "wheel" or sys.platform != "linux":
            return
        build = runpy.run_path(str(Path(self.root, _FOLDER, "build.py")))
        problem = build["build_cpu"]()
        if problem:
            self.app.display_warning(
                f"the trainer's kernel, which makes it faster, was not built ({problem}); "
                "install a C++ compiler, then install again"
            )
        else:
            # No header of Python is in it: one wheel for every version.
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["tag"] = f"py3-none-{platform}"
            build_data["pure_python"] = False
        # Without nvcc NVRTC compiles the source at first use: nothing to warn of.
        build["build_cuda"]()
        for made in ("LIBRARY", "CUDA_IMAGE", "CUDA_IMAGE_SOURCES"):
            if build[made].exists():
                build_data["artifacts"].append(f"/{_FOLDER / build[made].name}")
