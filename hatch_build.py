"""Builds the sandbox worker's C extension, where a compiler and Python's headers are there.

Without them the package installs all the same: `zygote.py` then does the extension's work, slower.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCE = Path("coding_envs", "sandbox", "_zygote.c")


class CustomBuildHook(BuildHookInterface[Any]):
    """Compiles `_zygote.c` beside its source and adds the result to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Runs before the wheel is made, an editable one, too."""
        if self.target_name != "wheel" or sys.platform != "linux":
            return
        source = Path(self.root, _SOURCE)
        target = source.with_name(f"_zygote{sysconfig.get_config_var('EXT_SUFFIX')}")
        compiler = shlex.split(os.environ.get("CC", "cc"))
        include = sysconfig.get_path("include")
        command = [*compiler, "-O2", "-Wall", "-shared", "-fPIC", f"-I{include}", str(source)]
        try:
            subprocess.run(
                [*command, "-o", str(target)], check=True, capture_output=True, text=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            why = next((line for line in said if "error" in line), said[-1] if said else "")
            self.app.display_warning(
                f"the sandbox worker's C extension was not built ({why}); the slower Python code "
                "will serve; install a C compiler and Python's headers, then install again"
            )
            return
        build_data["artifacts"].append(f"/{target.relative_to(self.root)}")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
