"""Where control groups can be made, on machines made of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coding_envs.sandbox.cgroups import Groups, Place, find_place

BOTH = frozenset({"memory", "pids"})
V2 = "40 31 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw"
HYBRID = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
V1_MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
V1_PIDS = "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids"
V1_CPU = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"
V1_JOINED = "35 31 0:32 / /sys/fs/cgroup/my\\040groups rw - cgroup cgroup rw,memory,pids"
V1_DOCKER = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory"


def machine(root: Path, own: str, mounts: str, hands_down: dict[str, str], *more: str) -> Path:
    """Makes /proc/self and the folders of control groups, as a process sees them."""
    proc = root / "proc/self"
    proc.mkdir(parents=True)
    (proc / "cgroup").write_text(own)
    (proc / "mountinfo").write_text(f"23 1 0:21 / / rw - ext4 /dev/vda rw\n{mounts}\n")
    for folder in (*hands_down, *more):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "cgroup.procs").touch()
    for folder, names in hands_down.items():
        (root / folder / "cgroup.subtree_control").write_text(names)
    return root


TOP, SLICE = "sys/fs/cgroup", "sys/fs/cgroup/user.slice/app.slice"


@pytest.mark.parametrize(
    ("own", "mounts", "hands_down", "more", "version", "folders"),
    [
        pytest.param(
            "0::/\n", V2, {TOP: "cpu memory pids\n"}, [], 2, [(BOTH, TOP)], id="root of version 2"
        ),
        pytest.param(
            "0::/user.slice/app.slice/run-1.scope\n",
            V2,
            {TOP: "memory pids", SLICE: "memory pids", f"{SLICE}/run-1.scope": ""},
            [],
            2,
            [(BOTH, SLICE)],
            id="a delegated slice",
        ),
        pytest.param(
            "0::/\n", V2, {TOP: "cpu pids"}, [], 2, [(frozenset({"pids"}), TOP)], id="pids alone"
        ),
        pytest.param(
            "4:memory:/a/b\n8:pids:/\n0::/\n",
            f"{V1_MEMORY}\n{V1_PIDS}\n{V1_CPU}\n{HYBRID}",
            {f"{TOP}/unified": "hugetlb"},
            [f"{TOP}/memory/a/b", f"{TOP}/pids", f"{TOP}/cpu"],
            1,
            [
                (frozenset({"memory"}), f"{TOP}/memory/a/b"),
                (frozenset({"pids"}), f"{TOP}/pids"),
            ],
            id="both versions, memory and pids in the first",
        ),
        pytest.param(
            "4:memory,pids:/\n", V1_JOINED, {}, [f"{TOP}/my groups"], 1,
            [(BOTH, f"{TOP}/my groups")], id="joined, beneath a name with a space",
        ),
        pytest.param(
            "4:memory:/docker/abc\n", V1_DOCKER, {}, [f"{TOP}/memory"], 1,
            [(frozenset({"memory"}), f"{TOP}/memory")], id="a container's own mount",
        ),
    ],
)  # fmt: skip
def test_place(
    tmp_path: Path,
    own: str,
    mounts: str,
    hands_down: dict[str, str],
    more: list[str],
    version: int,
    folders: list[tuple[frozenset[str], str]],
) -> None:
    place = find_place(machine(tmp_path, own, mounts, hands_down, *more))
    assert place == Place(version, tuple((names, tmp_path / path) for names, path in folders))


@pytest.mark.parametrize(
    ("own", "mounts", "hands_down", "more", "version", "why"),
    [
        ("", "", {}, [], 0, "no control groups are mounted"),
        ("0::/a\n", V2, {TOP: "cpu", f"{TOP}/a": ""}, [], 2, "neither memory nor pids is handed"),
        ("0::/\n", V2, {TOP: ""}, [], 2, "neither memory nor pids is handed down"),
        ("0::/../../other\n", V2, {TOP: "memory"}, [], 2, "is not in sight"),
        ("0::/gone\n", V2, {TOP: "memory"}, [], 2, "is not in sight"),
        ("4:memory:/docker/x\n", V1_DOCKER, {}, [f"{TOP}/memory"], 1, "is not in sight"),
    ],
)
def test_no_place(
    tmp_path: Path,
    own: str,
    mounts: str,
    hands_down: dict[str, str],
    more: list[str],
    version: int,
    why: str,
) -> None:
    place = find_place(machine(tmp_path, own, mounts, hands_down, *more))
    assert (place.version, place.folders) == (version, ())
    assert why in place.why


@pytest.mark.parametrize(
    ("own", "mounts", "hands_down"),
    [
        ("0::/\n", V2, {TOP: "memory pids"}),
        ("4:memory:/\n", V1_MEMORY, {f"{TOP}/memory": ""}),
    ],
)
def test_a_folder_of_somebody_elses_is_no_place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: str,
    mounts: str,
    hands_down: dict[str, str],
) -> None:
    root = machine(tmp_path, own, mounts, hands_down)
    monkeypatch.setattr(os, "access", lambda path, mode: "cgroup.procs" not in str(path))
    place = find_place(root)
    assert place.folders == ()
    assert "may not be written" in place.why


def test_no_proc(tmp_path: Path) -> None:
    place = find_place(tmp_path)
    assert place.folders == ()
    assert place.why.startswith("/proc cannot be read")


def test_a_group_that_cannot_be_made_is_one_that_does_nothing(tmp_path: Path) -> None:
    group = Groups(Place(2, ((BOTH, tmp_path / "gone"),))).make()
    group.allow(1 << 30, 100)
    group.add(os.getpid())
    group.hold(os.getpid())
    assert group.processes() == set()
    group.close()
    group.close()
