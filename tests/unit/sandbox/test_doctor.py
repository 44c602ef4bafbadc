from __future__ import annotations

from pathlib import Path

import pytest

from coding_envs.sandbox.doctor import Check, diagnose

NAMES = [
    *("system", "python", "kernel", "nsjail", "libraries", "user namespaces", "apparmor"),
    *("unshare", "cgroups", "worker", "program", "isolation", "latency"),
]


@pytest.mark.nsjail
def test_all_is_well_here() -> None:
    checks = diagnose()
    assert [c.name for c in checks] == NAMES
    assert [c for c in checks if c.ok is False] == []
    assert all("\n" not in c.detail + c.remedy for c in checks)


def broken(monkeypatch: pytest.MonkeyPatch, path: Path, text: str) -> dict[str, Check]:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setenv("NSJAIL", str(path))
    return {c.name: c for c in diagnose()}


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "nsjail: error while loading shared libraries: libnl-3.so.200: cannot open"
    checks = broken(monkeypatch, tmp_path / "nsjail", f"echo '{said}' >&2; exit 127")
    assert checks["nsjail"].ok is False
    assert "libnl-route-3-200" in checks["nsjail"].remedy
    assert checks["worker"].ok is False
    assert "libnl-route-3-200" in checks["worker"].remedy
    assert "program" not in checks


def test_every_failing_check_has_a_remedy_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("exit 1", "echo 'clone(): Operation not permitted' >&2; exit 255"):
        checks = broken(monkeypatch, tmp_path / "nsjail", text)
        failing = [c for c in checks.values() if c.ok is False]
        assert {"nsjail", "worker"} <= {c.name for c in failing}
        assert all(c.remedy and "\n" not in c.remedy + c.detail for c in failing)


def test_no_nsjail_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSJAIL", str(tmp_path / "none"))
    checks = {c.name: c for c in diagnose()}
    assert checks["nsjail"].ok is False
    assert checks["libraries"].ok is None
    assert checks["worker"].ok is False
    assert "NSJAIL" in checks["worker"].detail + checks["worker"].remedy
