"""Builds the sandbox worker's C extensions, where a compiler and Python's headers are there.

Without them the package installs all the same: `zygote.py` then does their work, slower.
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

_FOLDER = Path("coding_envs", "sandbox")
_NAMES = ("_zygote", "_rollback")


class CustomBuildHook(BuildHookInterface[Any]):
    """Compiles each C source into an extension beside it, and adds that to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Runs before the wheel is made, an editable one, too."""
        if self.target_name != "wheel" or sys.platform != "linux":
            return
        for name in _NAMES:
            target = self._compile(Path(self.root, _FOLDER, f"{name}.c"))
            if target is not None:
                build_data["artifacts"].append(f"/{target.relative_to(self.root)}")
                build_data["pure_python"] = False
                build_data["infer_tag"] = True

    def _compile(self, source: Path) -> Path | None:
        """Returns the extension, or None where it cannot be made here."""
        target = source.with_name(f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}")
        compiler = shlex.split(os.environ.get("CC", "cc"))
        include = sysconfig.get_path("include")
        command = [*compiler, "-O2", "-Wall", "-shared", "-fPIC", f"-I{include}", str(source)]
        # Not over a file that a running worker has mapped: beside it, then into its place.
        fresh = target.with_suffix(".new")
        try:
            subprocess.run([*command, "-o", str(fresh)], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            why = next((line for line in said if "error" in line), said[-1] if said else "")
            self.app.display_warning(
                f"{source.name}, which makes the sandbox faster, was not built ({why}); "
                "install a C compiler and Python's headers, then install again"
            )
            return None
        fresh.replace(target)
        return target
