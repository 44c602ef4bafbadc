"""Which packages a program or its tests need beyond the standard library."""

from __future__ import annotations

import ast
import sys

__all__ = ["needed_packages"]

# What test code finds in the jail under these names, see `judge/pytest_shim.py` and `tester.py`.
_THERE = sys.stdlib_module_names | {"pytest", "solution", "__future__"}


def needed_packages(*trees: ast.Module) -> tuple[str, ...]:
    """Returns the top-level packages that Python source imports, sorted, the library's left out."""
    found: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.partition(".")[0])
    return tuple(sorted(found - _THERE))
