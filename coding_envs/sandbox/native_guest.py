"""The process inside a native jail: makes one child per run, which executes the run's command.

The counterpart of `guest.py` for programs that are not Python. The inner loop is the same
(`zygote.py`, or `_zygote.c`), told to make ordinary children; each child then gives up what it has
itself: it gets a private folder, where the run has one, drops every capability, sets its limits,
adds a filter, and executes the command, from memory where the job brings the executable along.

A run can make no process, hence needs no pid namespace, whose first process is deaf to signals that
programs rely on, abort()'s among them. Instead the filter lets it send signals to itself only. In
the jail of compilers (`--compiles`) a run may make processes: they live in a pid namespace and end
with its first process, the command; a supervisor outside of it sends the output file back.

This file runs on its own, with the standard library, `guest_protocol.py` and the zygote.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import marshal
import os
import resource
import signal
import struct
import sys
from typing import Any, NoReturn

from guest_protocol import HELLO, STATUS, show_file  # type: ignore[import-not-found]

CHANNEL = 3
FOLDER = "/tmp"
MOST_OPEN_FILES = 200  # leaves room below the worker's own limit for the command's descriptor
CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
CLONE_THREAD_WORD = 0x003D0F00  # the flags with which the C library starts a thread
AT_EMPTY_PATH, O_PATH, MFD_CLOEXEC, MFD_EXEC = 0x1000, 0x200000, 0x1, 0x10
F_SETOWN, F_SETSIG, F_SETOWN_EX = 8, 10, 15  # each could send a signal to another process

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_X86 = os.uname().machine == "x86_64"
_AUDIT_ARCH = 0xC000003E if _X86 else 0xC00000B7
_SYS_CAPSET = 126 if _X86 else 91
_SYS_CLONE, _SYS_EXECVE, _SYS_EXECVEAT = (56, 59, 322) if _X86 else (220, 221, 281)
_SYS_KILL, _SYS_TGKILL, _SYS_FCNTL = (62, 234, 72) if _X86 else (129, 131, 25)
_SYS_PRLIMIT64 = 302 if _X86 else 261
# execve, mount, unshare, memfd_create; on x86-64 also fork and vfork
_DENIED = (59, 165, 272, 319, 57, 58) if _X86 else (221, 40, 97, 279)


def _fail(what: str) -> NoReturn:
    raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _become(job: dict[str, Any], compiles: bool) -> NoReturn:
    """Becomes the run's command in this, its own, process."""
    os.set_inheritable(CHANNEL, False)
    if job["folder_bytes"] is not None:
        _make_folder(job["files"], job["folder_bytes"], CLONE_NEWPID if compiles else 0)
        if job["output_file"]:
            show_file(CHANNEL, job["output_file"])
    _drop_capabilities()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which the interpreter ignores
        signal.signal(number, signal.SIG_DFL)
    if compiles:
        _supervise(job)
    _execute(job, confined=True)


def _make_folder(files: dict[str, bytes], size_bytes: int, namespaces: int) -> None:
    """Mounts the run's private folder, goes there and writes the job's files."""
    if _libc.unshare(CLONE_NEWNS | namespaces) != 0:
        _fail("unshare")
    options = f"size={size_bytes},nr_inodes=4096,mode=700".encode()
    if _libc.mount(b"none", FOLDER.encode(), b"tmpfs", 6, options) != 0:  # nosuid, nodev
        _fail("mount")
    os.chdir(FOLDER)
    for path, content in files.items():
        if "/" in path:
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        _write_all(fd, content)
        os.close(fd)


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _drop_capabilities() -> None:
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    if _libc.syscall(_SYS_CAPSET, header, bytes(24)) != 0:
        _fail("capset")


def _execute(job: dict[str, Any], *, confined: bool) -> NoReturn:
    """Replaces this process by the command; the last steps need no memory."""
    command: list[bytes] = job["command"]
    variables: list[bytes] = job["environment"]
    arguments = (ctypes.c_char_p * (len(command) + 1))(*command)
    environment = (ctypes.c_char_p * (len(variables) + 1))(*variables)
    # Executed by descriptor, under a number that the limit on open files puts out of the
    # program's reach: the filter lets this one execveat through, and no other.
    open_files = min(job["open_files"], MOST_OPEN_FILES)
    program = _open_program(job)
    os.dup2(program, open_files, inheritable=False)
    os.close(program)
    text = _filter(open_files, os.getpid())
    denied = struct.pack("HxxxxxxQ", len(text) // 8, ctypes.addressof(text))
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    for name, value in job["rlimits"].items():
        number = getattr(resource, f"RLIMIT_{name}")
        try:
            # A compiler says so when its part was stopped at the first limit on time.
            resource.setrlimit(number, (value, value + 1 if name == "CPU" else value))
        except ValueError:  # the machine's own limit is lower
            most = resource.getrlimit(number)[1]
            resource.setrlimit(number, (most, most))
    if confined and _libc.prctl(22, 2, denied, 0, 0) != 0:  # PR_SET_SECCOMP, MODE_FILTER
        _fail("seccomp")
    _libc.syscall(_SYS_EXECVEAT, open_files, b"", arguments, environment, AT_EMPTY_PATH)
    _fail("execveat")


def _open_program(job: dict[str, Any]) -> int:
    """Returns a descriptor of what is to be executed: a file of the jail, or one made in memory."""
    if not job["executable"]:
        return os.open(job["command"][0], O_PATH | os.O_CLOEXEC)
    try:
        fd = os.memfd_create("main", MFD_CLOEXEC | MFD_EXEC)
    except OSError:  # before Linux 6.3 there is no such flag: every one may be executed
        fd = os.memfd_create("main", MFD_CLOEXEC)
    _write_all(fd, job["executable"])
    return fd


def _filter(program_fd: int, pid: int) -> ctypes.Array[ctypes.c_char]:
    """Returns the filter over nsjail's list, which had to allow more than a program may, as BPF."""
    load, jump, ret = 0x20, 0x15, 0x06
    allow, deny = (ret, 0, 0, 0x7FFF0000), (ret, 0, 0, 0x00050001)  # EPERM
    code = [(load, 0, 0, 4), (jump, 1, 0, _AUDIT_ARCH), (ret, 0, 0, 0x80000000), (load, 0, 0, 0)]
    for number in _DENIED:
        code += [(jump, 0, 1, number), deny]
    # With one value of the first argument only.
    for number, value in (
        (_SYS_CLONE, CLONE_THREAD_WORD),
        (_SYS_EXECVEAT, program_fd),
        (_SYS_PRLIMIT64, 0),
        (_SYS_KILL, pid),
        (_SYS_TGKILL, pid),
    ):
        code += [(jump, 0, 4, number), (load, 0, 0, 16), (jump, 0, 1, value), allow, deny]
    code += [(jump, 0, 6, _SYS_FCNTL), (load, 0, 0, 24)]
    code += [(jump, 2, 0, F_SETOWN), (jump, 1, 0, F_SETSIG), (jump, 0, 1, F_SETOWN_EX), deny, allow]
    code.append(allow)
    text = b"".join(struct.pack("HBBI", *line) for line in code)
    return ctypes.create_string_buffer(text, len(text))


def _supervise(job: dict[str, Any]) -> NoReturn:
    """Runs the command as a child, then sends its output file; ends as the command has ended."""
    stdout = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 16)
    os.dup2(2, 1)  # what a compiler prints is for a person
    pid = os.fork()
    if pid == 0:
        _libc.prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG, and all below it
        _run_or_report(lambda: _execute(job, confined=False))
    os.dup2(stdout, 1)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0 and job["output"]:
        try:
            with open(job["output"], "rb", buffering=0) as file:  # noqa: PTH123 -- no pathlib here
                while part := file.read(1 << 20):
                    _write_all(1, part)
        except OSError as error:
            _write_all(2, f"the compiler wrote no {job['output']}: {error}\n".encode())
            code = 1
    os._exit(code if code >= 0 else 128 - code)


def _run_or_report(step: Any) -> NoReturn:
    """Takes a step that does not return; says on the channel, to the host, why it has."""
    try:
        step()
    except BaseException as error:
        line = json.dumps({"setup_error": f"{type(error).__name__}: {error}"[:500]})
        _write_all(CHANNEL, line.encode() + b"\n")
    finally:
        os._exit(1)


def _moved(fd: int) -> int:
    """Moves a descriptor beyond those that a child may get."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64)
    os.close(fd)
    return moved


def main() -> None:
    """Serves runs until the host closes the control socket."""
    number, memory, *options = sys.argv[1:]
    control = _moved(int(number))
    os.close(int(memory))  # for an interpreter's messages: commands send none
    null = _moved(os.open("/dev/null", os.O_RDONLY))
    try:
        import _zygote as zygote  # type: ignore[import-not-found]
    except ImportError:  # no compiler where the package was installed
        import zygote  # type: ignore[import-not-found]
    # A handler would let a program signal this, its parent: process 1 is deaf to all others.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: no core, no ptrace
    gc.collect()
    inherited = gc.get_objects()
    gc.freeze()  # a collection in a child must not write to every inherited object
    gc.disable()
    zygote.settle(inherited)
    os.write(control, STATUS.pack(0, HELLO, 0, 0.0, 0.0, 0))
    request = zygote.serve(control, null, True)
    if request is not None:
        _run_or_report(lambda: _become(marshal.loads(request[1]), "--compiles" in options))


if __name__ == "__main__":
    main()
