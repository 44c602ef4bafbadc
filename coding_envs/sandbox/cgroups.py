"""A control group per worker: caps on the memory and the processes of all that is in it together.

A second wall, where the machine lends one: each program's own limits hold without it. Nothing of
the machine's set-up is changed: groups are made only where the controllers are handed down already
(version 2: beneath or beside this process's own group; version 1: beneath it).

A group's owner keeps a lock on its folder, which the kernel drops with the owner's last breath. A
folder of ours without a lock is left over from a process that was killed: whoever starts next
removes it, and whatever still runs in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Group", "Groups", "Place", "descendants", "find_place"]

_PREFIX = "coding_envs-"
_BASE_BYTES = 256 * 2**20  # interpreter, nsjail, page cache, and the kernel's own for a run's pipes
_BASE_TASKS = 32  # what starts a jail and serves it
_END_S = 0.5  # for killed processes to be gone
_TRIES = 5
_FILES = {
    (1, "memory"): "memory.limit_in_bytes",
    (1, "pids"): "pids.max",
    (2, "memory"): "memory.max",
    (2, "pids"): "pids.max",
}


@dataclass(frozen=True)
class Place:
    """Where groups can be made on this machine.

    Attributes:
      version: of the control groups, 1 or 2; 0 where there are none.
      folders: controllers, "memory" and "pids" among them -> the folder to make groups in.
      why: what is missing, one line, or "".
    """

    version: int
    folders: tuple[tuple[frozenset[str], Path], ...] = ()
    why: str = ""

    @property
    def controllers(self) -> frozenset[str]:
        """The controllers that a group would have."""
        return frozenset[str]().union(*(names for names, _ in self.folders))


@dataclass(frozen=True)
class _Mount:
    root: str
    point: Path
    controllers: frozenset[str]  # of version 1

    def folder_of(self, group: str) -> Path | None:
        """Returns where `group`, as /proc names it, lies beneath this mount, or None."""
        relative = os.path.relpath(group, self.root)
        if ".." in Path(relative).parts:
            return None  # of another namespace
        folder = self.point / relative
        return folder if folder.is_dir() else None


def find_place(root: Path = Path("/")) -> Place:
    """Returns where this process may make groups.

    Args:
      root: of the file system that /proc and the mount points are looked up in.
    """
    try:
        groups = dict(_own_groups((root / "proc/self/cgroup").read_text()))
        mountinfo = (root / "proc/self/mountinfo").read_text()
    except OSError as error:
        return Place(0, why=f"/proc cannot be read: {error.strerror}")
    second = [_second(mount, groups) for mount in _mounts(mountinfo, "cgroup2", root)]
    first = [_first(mount, groups) for mount in _mounts(mountinfo, "cgroup", root)]
    # Both may be there, each with some of the controllers.
    for place in second:
        if place.folders:
            return place
    folders = tuple(folder for place in first for folder in place.folders)
    if folders:
        return Place(1, folders)
    reasons = [place for place in (*first, *second) if place.why]
    return reasons[0] if reasons else Place(0, why="no control groups are mounted")


def _own_groups(text: str) -> Iterator[tuple[str, str]]:
    """Yields controller -> this process's group, of /proc/self/cgroup; version 2's is ""."""
    for line in text.splitlines():
        _number, controllers, group = line.split(":", 2)
        for name in controllers.split(","):
            yield name, group


def _mounts(mountinfo: str, kind: str, root: Path) -> Iterator[_Mount]:
    for line in mountinfo.splitlines():
        mine, _, theirs = line.partition(" - ")
        before, after = mine.split(), theirs.split()
        if len(before) > 4 and len(after) > 2 and after[0] == kind:
            point = root / re.sub(r"\\040", " ", before[4]).lstrip("/")
            yield _Mount(before[3], point, frozenset(after[2].split(",")) & {"memory", "pids"})


def _second(mount: _Mount, groups: dict[str, str]) -> Place:
    own = mount.folder_of(groups.get("", "/"))
    if own is None:
        return Place(2, why="this process's group is not in sight, as in a container")
    why = ""
    for folder in (own, own.parent):
        if folder != own and own == mount.point:
            break
        try:
            handed_down = (folder / "cgroup.subtree_control").read_text().split()
        except OSError:
            continue
        names = frozenset(handed_down) & {"memory", "pids"}
        if not names:
            why = why or f"neither memory nor pids is handed down in {folder}"
        elif not _writable(folder):
            why = f"{folder} may not be written"
        else:
            return Place(2, ((names, folder),))
    return Place(2, why=why or f"{own} hands nothing down")


def _first(mount: _Mount, groups: dict[str, str]) -> Place:
    if not mount.controllers:
        return Place(1)
    own = mount.folder_of(groups.get(next(iter(mount.controllers)), "/"))
    if own is None:
        return Place(1, why="this process's group is not in sight, as in a container")
    if not _writable(own):
        return Place(1, why=f"{own} may not be written")
    return Place(1, ((mount.controllers, own),))


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)


class Groups:
    """Makes groups; where none can be made, such that do nothing.

    Removes at once what killed processes have left over.
    """

    def __init__(self, place: Place | None = None) -> None:
        self.place = find_place() if place is None else place
        for _, folder in self.place.folders:
            _remove_leftovers(folder)

    def make(self) -> Group:
        """Returns a new, empty group."""
        group = Group(self.place.version)
        try:
            for controllers, folder in self.place.folders:
                group._parts.append(_Part(*_make_folder(folder), controllers))
        except OSError:  # the machine has changed its mind
            group.close()
        group.allow(0, 0)
        return group


@dataclass(frozen=True)
class _Part:
    """One folder of a group: version 1 has one for each controller."""

    folder: Path
    lock: int  # descriptor
    controllers: frozenset[str]


class Group:
    """The group of one worker. Its caps only grow: to the largest run that the worker was given."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._parts: list[_Part] = []
        self._allowed = {"memory": -1, "pids": -1}

    def allow(self, memory_bytes: int, tasks: int) -> None:
        """Raises the caps so that runs of this size, all at one time, fit beside the worker."""
        wanted = {"memory": memory_bytes + _BASE_BYTES, "pids": tasks + _BASE_TASKS}
        for controller, value in wanted.items():
            if value <= self._allowed[controller]:
                continue
            self._allowed[controller] = value
            for part in self._parts:
                if controller in part.controllers:
                    with contextlib.suppress(OSError):
                        (part.folder / _FILES[self._version, controller]).write_text(str(value))

    def add(self, pid: int) -> None:
        """Moves a process here, with what it will start; does nothing where it has ended."""
        for part in self._parts:
            with contextlib.suppress(OSError):
                (part.folder / "cgroup.procs").write_text(str(pid))

    def hold(self, pid: int) -> None:
        """Makes sure of a process and its descendants: some may be older than its move."""
        inside = self.processes()
        for one in descendants(pid) if self._parts else ():
            if one not in inside:
                self.add(one)

    def processes(self) -> set[int]:
        """Returns the numbers of the processes in the group."""
        return {pid for part in self._parts for pid in _processes(part.folder)}

    def close(self) -> None:
        """Kills what is in the group and removes it; again and again is fine."""
        parts, self._parts = self._parts, []
        for part in parts:
            _remove(part.folder)
            os.close(part.lock)

    def disown(self) -> None:
        """In a forked copy of the owner: lets go of the group, which is the parent's."""
        parts, self._parts = self._parts, []
        for part in parts:
            os.close(part.lock)


def _make_folder(parent: Path) -> tuple[Path, int]:
    """Returns a new folder and the descriptor that holds its lock."""
    for _ in range(_TRIES):
        folder = parent / f"{_PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
        folder.mkdir()
        # Somebody's search for leftovers may come in between: then it is theirs, and gone.
        with contextlib.suppress(FileNotFoundError):
            lock = _lock(folder)
            if lock is not None:
                if folder.is_dir():
                    return folder, lock
                os.close(lock)
    raise OSError(f"{parent}: new groups are removed as soon as they are made")


def _lock(folder: Path) -> int | None:
    """Returns a descriptor that holds the folder's lock, or None where another process does."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def _remove_leftovers(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = _lock(folder)
            if lock is not None:
                try:
                    _remove(folder)
                finally:
                    os.close(lock)


def _remove(folder: Path) -> None:
    def removed() -> bool:
        for pid in _processes(folder):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False  # a killed process takes its time; what stays is left over
        return True

    _wait_for(removed, _END_S)


def _processes(folder: Path) -> list[int]:
    try:
        numbers = map(int, (folder / "cgroup.procs").read_text().split())
    except OSError:
        return []
    return [pid for pid in numbers if pid > 0]  # 0: not in sight from our namespace


def descendants(pid: int) -> Iterator[int]:
    """Yields a process's number and those of all that descend from it."""
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in path.read_text().split():
                yield from descendants(int(child))


def _wait_for(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.001)
