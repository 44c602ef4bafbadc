"""Packages of the host's that a jail may show: found by name, with what they need."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from ..errors import SandboxUnavailableError

__all__ = ["installed_packages", "package_paths"]

_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?[^;]*(;.*)?")


def package_paths(names: Iterable[str]) -> dict[str, Path]:
    """Returns where the packages are that programs import by `names`, and those they require.

    Args:
      names: top-level modules, such as "numpy" or "dateutil".

    Returns:
      file or folder below the packages' folder -> where it is; nothing but what the packages'
      distributions hold, so that no other package of the host's can be seen.

    Raises:
      SandboxUnavailableError: one is not installed; says how to install it.
    """
    names = tuple(names)
    owners = metadata.packages_distributions() if names else {}
    paths: dict[str, Path] = {}
    seen: set[str] = set()
    for name in names:
        if name not in owners:
            raise SandboxUnavailableError(
                f"package {name!r} is not installed here, so that no jail can have it; install it, "
                "or leave it out of packages"
            )
        for distribution in owners[name]:
            _add(distribution, paths, seen)
        found = importlib.util.find_spec(name)
        if name not in paths and f"{name}.py" not in paths and found is not None and found.origin:
            raise SandboxUnavailableError(
                f"package {name!r} is installed as a link to {found.origin}, which cannot be shown "
                "in a jail; install it without --editable"
            )
    return paths


def installed_packages(names: Iterable[str]) -> tuple[str, ...]:
    """Returns those of `names` that a jail on this machine can have, sorted."""
    found = []
    for name in sorted(set(names)):
        try:
            package_paths([name])
        except SandboxUnavailableError:
            continue
        found.append(name)
    return tuple(found)


def _add(distribution: str, paths: dict[str, Path], seen: set[str]) -> None:
    """Adds the files of a distribution, and of those that it requires and that are there."""
    key = re.sub(r"[-_.]+", "-", distribution).lower()
    if key in seen:
        return
    seen.add(key)
    try:
        found = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return  # such as one that only another system needs
    for top in {file.parts[0] for file in found.files or ()}:
        path = Path(str(found.locate_file(top)))
        if top not in ("..", "__pycache__") and not top.endswith(".pth") and path.exists():
            paths[top] = path
    for requirement in found.requires or ():
        match = _REQUIREMENT.match(requirement)
        if match and "extra" not in (match[3] or ""):
            _add(match[1], paths, seen)
