"""The doctor, here and on machines made of files and of programs that fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from coding_envs.sandbox import doctor
from coding_envs.sandbox.doctor import Check, diagnose, look_at_machine

NAMES = [
    *("system", "python", "kernel", "nsjail", "libraries", "user namespaces", "apparmor"),
    *("container", "unshare", "cgroups", "speed", "worker", "program", "isolation", "latency"),
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


# --- machines made of files ----------------------------------------------------------------------

APPARMOR = "proc/sys/kernel/apparmor_restrict_unprivileged_userns"
STATUS = "proc/self/status"
FILTERED = "Name:\tpython\nCapEff:\t00000000a80425fb\nSeccomp:\t2\n"  # as in Docker by default
TRUSTED = "Name:\tpython\nCapEff:\t00000000a82425fb\nSeccomp:\t2\n"  # --cap-add SYS_ADMIN
V2_DOCKER = "40 31 0:28 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw"
GROUPS = {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cgroup.procs": ""}


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Check]]:
    """Examines a machine of these files, on which programs may or may not make namespaces."""
    for name in ("container", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)

    def examine(
        files: dict[str, str], *, forbidden: bool = True, root: bool = False
    ) -> dict[str, Check]:
        for name, text in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        programs = tmp_path / "bin"
        programs.mkdir()
        said = "unshare: unshare failed: Operation not permitted"
        unshare = programs / "unshare"
        unshare.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {int(forbidden)}\n")
        unshare.chmod(0o755)
        monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        checks = {c.name: c for c in look_at_machine(tmp_path / "root")}
        assert all("\n" not in c.detail + c.remedy for c in checks.values())
        assert all(c.remedy for c in checks.values() if c.ok is False)
        return checks

    return examine


@pytest.mark.parametrize(
    ("files", "options", "name", "ok", "detail", "remedy"),
    [
        # AppArmor, as Ubuntu 24.04 comes.
        ({APPARMOR: "1\n"}, {}, "apparmor", False, "Ubuntu's default", "apparmor_restrict"),
        ({APPARMOR: "1\n"}, {}, "user namespaces", False, "not permitted", "profile with the rule"),
        ({APPARMOR: "1\n"}, {"root": True, "forbidden": False}, "apparmor", None, "not root's", ""),
        ({APPARMOR: "1\n"}, {"forbidden": False}, "apparmor", None, "a profile lets unshare", ""),
        ({APPARMOR: "0\n"}, {}, "apparmor", True, "does not restrict", ""),
        ({}, {}, "apparmor", True, "does not restrict", ""),
        # Containers.
        ({}, {}, "container", True, "none", ""),
        (
            {".dockerenv": "", STATUS: FILTERED}, {"root": True},
            "container", False, "Docker: its seccomp profile", "--security-opt seccomp=unconfined",
        ),
        (
            {".dockerenv": "", STATUS: FILTERED}, {"root": True},
            "user namespaces", False, "not permitted", "--privileged",
        ),
        (
            {".dockerenv": "", STATUS: TRUSTED}, {"root": True},
            "container", False, "Docker forbids namespaces", "apparmor=unconfined",
        ),
        (
            {"run/.containerenv": "", STATUS: TRUSTED}, {"forbidden": False},
            "container", None, "Podman, which lets", "",
        ),
        # Settings of the kernel.
        (
            {"proc/sys/user/max_user_namespaces": "0\n"}, {},
            "user namespaces", False, "user.max_user_namespaces is 0", "sysctl -w user.max_user",
        ),
        (
            {"proc/sys/user/max_pid_namespaces": "0\n"}, {},
            "user namespaces", False, "user.max_pid_namespaces is 0", "sysctl -w user.max_pid",
        ),
        (
            {"proc/sys/kernel/unprivileged_userns_clone": "0\n"}, {},
            "user namespaces", False, "unprivileged_userns_clone is 0", "or run as root",
        ),
        (
            {"proc/sys/kernel/unprivileged_userns_clone": "0\n"},
            {"root": True, "forbidden": False}, "user namespaces", True, "as root", "",
        ),
        ({}, {}, "user namespaces", False, "not permitted", "max_user_namespaces=15000"),
        # Control groups.
        (
            {"proc/self/cgroup": "", "proc/self/mountinfo": ""}, {},
            "cgroups", None, "no control groups are mounted", "",
        ),
        (
            {**GROUPS, "proc/self/mountinfo": V2_DOCKER,
             "sys/fs/cgroup/cgroup.subtree_control": ""}, {},
            "cgroups", None, "memory and number of processes of a worker", "Delegate=yes",
        ),
        (
            {**GROUPS, "proc/self/mountinfo": V2_DOCKER, ".dockerenv": "",
             "sys/fs/cgroup/cgroup.subtree_control": ""}, {},
            "cgroups", None, "neither memory nor pids is handed down", "--cgroupns=host",
        ),
        (
            {**GROUPS, "proc/self/mountinfo": V2_DOCKER,
             "sys/fs/cgroup/cgroup.subtree_control": "memory pids"}, {},
            "cgroups", True, "version 2: the memory and number", "",
        ),
        (
            {**GROUPS, "proc/self/mountinfo": V2_DOCKER,
             "sys/fs/cgroup/cgroup.subtree_control": "pids"}, {},
            "cgroups", None, "version 2: the memory of a worker as a whole has no cap", "Delegate",
        ),
        (
            {"proc/self/cgroup": "4:memory:/a", "proc/self/mountinfo":
             "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"}, {},
            "cgroups", None, "version 1", "run as root",
        ),
    ],
)  # fmt: skip
def test_a_machine_of_files(
    examine: Callable[..., dict[str, Check]],
    files: dict[str, str],
    options: dict[str, bool],
    name: str,
    ok: bool | None,
    detail: str,
    remedy: str,
) -> None:
    check = examine(files, **options)[name]
    assert (check.ok, detail in check.detail) == (ok, True), check
    assert bool(check.remedy) == bool(remedy), check
    assert remedy in check.remedy, check


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=ubuntu\nID_LIKE=debian\n", "apt-get install libnl-route-3-200"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install libnl3"),
        ("NAME=Arch\nID=arch\n", "pacman -S libnl"),
        ("ID=alpine\n", "apk add libnl3"),
        ("ID=opensuse-leap\nID_LIKE='suse opensuse'\n", "zypper install libnl3-200"),
        ("ID=nixos\n", "install libnl-route-3-200 (so it is called on Debian and Ubuntu)"),
    ],
)
def test_how_a_missing_library_is_installed(
    examine: Callable[..., dict[str, Check]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    release: str,
    command: str,
) -> None:
    nsjail = tmp_path / "nsjail"
    nsjail.write_text("#!/bin/sh\necho 'error while loading shared libraries: libnl-3.so' >&2\n")
    nsjail.chmod(0o755)
    monkeypatch.setenv("NSJAIL", str(nsjail))
    check = examine({"etc/os-release": release})["nsjail"]
    assert check.ok is False
    assert command in check.remedy


def test_what_is_slower_than_it_could_be_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def speed() -> Check:
        return next(c for c in look_at_machine() if c.name == "speed")

    monkeypatch.setattr(doctor, "rollback_obstacle", lambda: "it needs Linux 6.11, this is 5.15")
    check = speed()
    assert (check.ok, check.remedy) == (None, "")
    assert "forked" in check.detail
    assert "6.11" in check.detail
    monkeypatch.setattr(doctor, "extension_paths", dict)
    assert "C compiler" in speed().remedy
