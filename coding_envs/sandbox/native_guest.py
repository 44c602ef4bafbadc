"""The process inside a native jail: makes one child per run, which executes the run's command.

The counterpart of `guest.py` for programs that are not Python. Started once per worker, it serves
runs one at a time, as process 1 of the worker's pid namespace:

    read a fixed header and the run's file descriptors -> clone -> wait up to the limits
    -> kill -> reap -> write a fixed-size status

It never sees a program: the child reads its job itself, from the run's own channel, gives up every
capability, sets its limits, adds a filter that denies every new process, and executes the command,
from memory where the job brings the executable along. A run with a folder of its own has a mount
namespace for it, whose end costs a millisecond or two; the others run in the jail's read-only root.
In the jail of compilers (`--compiles`) a run may make processes: it has a pid namespace of its own,
and a supervisor, process 1 there, that sends the output file back; all of them die together.

This file runs on its own, with the standard library alone, beside `guest_protocol.py`.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import functools
import gc
import marshal
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from typing import Any, NoReturn

from guest_protocol import (  # type: ignore[import-not-found]
    CPU_LIMIT,
    EXITED,
    FLAG_SCRATCH,
    HELLO,
    KILLED,
    REQUEST,
    RUN,
    SETUP_FAILED,
    SIGNALED,
    STATUS,
    WALL_LIMIT,
)

CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
CLONE_THREAD_WORD = 0x003D0F00  # the flags with which the C library starts a thread
FOLDER = "/tmp"
AT_EMPTY_PATH, O_PATH, MFD_CLOEXEC, MFD_EXEC = 0x1000, 0x200000, 0x1, 0x10
MOST_OPEN_FILES = 200  # leaves room below the worker's own limit for the command's descriptor

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_X86 = os.uname().machine == "x86_64"
_AUDIT_ARCH = 0xC000003E if _X86 else 0xC00000B7
_SYS_CLONE, _SYS_CAPSET = (56, 126) if _X86 else (220, 91)
_SYS_EXECVE, _SYS_EXECVEAT = (59, 322) if _X86 else (221, 281)
_SYS_MOUNT, _SYS_PRLIMIT64 = (165, 302) if _X86 else (40, 261)
_SYS_FORKS = (57, 58) if _X86 else ()
_SYS_MEMFD_CREATE = 319 if _X86 else 279


def _fail(what: str) -> NoReturn:
    raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _clone(flags: int) -> int:
    """Returns as fork does, with the child in the new namespaces that `flags` name."""
    pid: int = _libc.syscall(_SYS_CLONE, flags | int(signal.SIGCHLD), 0, 0, 0, 0)
    if pid < 0:
        _fail("clone")
    return pid


# --- the child -----------------------------------------------------------------------------------


def _child(fds: list[int], failure_fd: int, scratch: bool, compiles: bool) -> NoReturn:
    """Becomes the run's command in this, its own, process; never returns."""
    try:
        os.setsid()  # so that kill(0) reaches nobody else
        # Above every number in use, then down to 0..3: none is overwritten before it is moved.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16) for fd in (*fds, failure_fd)]
        for target, fd in enumerate(high[:4]):
            os.dup2(fd, target, inheritable=target < 3)
        failure_fd = high[4]
        os.closerange(4, failure_fd)
        os.closerange(failure_fd + 1, 256)
        job = _read_job(3)  # data as yet: the capabilities are gone before any of it is executed
        os.close(3)
        if scratch:
            _write_files(job["files"], job["folder_bytes"])
        _drop_capabilities()
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        if compiles:
            _supervise(job, failure_fd)
        _execute(job, confined=True)
    except BaseException as error:
        try:
            os.write(2, f"set-up failed: {error!r}\n".encode()[:500])
            os.eventfd_write(failure_fd, 1)
        finally:
            os._exit(1)


def _read_job(fd: int) -> dict[str, Any]:
    (size,) = struct.unpack("<Q", _read_exactly(fd, 8))
    job: dict[str, Any] = marshal.loads(_read_exactly(fd, size))
    return job


def _read_exactly(fd: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError("the host closed the channel")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write_files(files: dict[str, bytes], size_bytes: int) -> None:
    """Mounts the run's private folder, goes there and writes the job's files."""
    options = f"size={size_bytes},nr_inodes=4096,mode=700".encode()
    if _libc.mount(b"none", FOLDER.encode(), b"tmpfs", 6, options) != 0:  # nosuid, nodev
        _fail("mount")
    os.chdir(FOLDER)
    for name, content in files.items():
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        _write_all(fd, content)
        os.close(fd)


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


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


def _drop_capabilities() -> None:
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    if _libc.syscall(_SYS_CAPSET, header, bytes(24)) != 0:
        _fail("capset")


def _execute(job: dict[str, Any], *, confined: bool) -> NoReturn:
    """Replaces this process by the command, with its limits; the last steps need no memory."""
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
    text = _filter(open_files)
    denied = struct.pack("HxxxxxxQ", len(text) // 8, ctypes.addressof(text))
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    for name, value in job["rlimits"].items():
        number = getattr(resource, f"RLIMIT_{name}")
        try:
            resource.setrlimit(number, (value, value))
        except ValueError:  # the machine's own limit is lower
            most = resource.getrlimit(number)[1]
            resource.setrlimit(number, (most, most))
    if confined and _libc.prctl(22, 2, denied, 0, 0) != 0:  # PR_SET_SECCOMP, MODE_FILTER
        _fail("seccomp")
    _libc.syscall(_SYS_EXECVEAT, open_files, b"", arguments, environment, AT_EMPTY_PATH)
    _fail("execveat")


@functools.cache
def _filter(program_fd: int) -> ctypes.Array[ctypes.c_char]:
    """Returns the filter over nsjail's list, which had to allow more than a program may, as BPF."""
    load, jump, ret = 0x20, 0x15, 0x06
    allow, deny = (ret, 0, 0, 0x7FFF0000), (ret, 0, 0, 0x00050001)  # EPERM
    code = [(load, 0, 0, 4), (jump, 1, 0, _AUDIT_ARCH), (ret, 0, 0, 0x80000000), (load, 0, 0, 0)]
    for number in (_SYS_EXECVE, _SYS_MOUNT, _SYS_MEMFD_CREATE, *_SYS_FORKS):
        code += [(jump, 0, 1, number), deny]
    # With one value of the first argument only: a thread; the command itself; this process.
    for number, value in (
        (_SYS_CLONE, CLONE_THREAD_WORD),
        (_SYS_EXECVEAT, program_fd),
        (_SYS_PRLIMIT64, 0),
    ):
        code += [(jump, 0, 4, number), (load, 0, 0, 16), (jump, 0, 1, value), allow, deny]
    code.append(allow)
    text = b"".join(struct.pack("HBBI", *line) for line in code)
    return ctypes.create_string_buffer(text, len(text))


def _supervise(job: dict[str, Any], failure_fd: int) -> NoReturn:
    """Runs the command as a child, then sends its output file; ends as the command has ended."""
    stdout = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 16)
    os.dup2(2, 1)  # what a compiler prints is for a person
    pid = os.fork()
    if pid == 0:
        try:
            _execute(job, confined=False)
        except BaseException as error:
            os.write(2, f"set-up failed: {error!r}\n".encode()[:500])
            os.eventfd_write(failure_fd, 1)
            os._exit(1)
    os.dup2(stdout, 1)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0 and job["output"]:
        try:
            with open(job["output"], "rb", buffering=0) as file:  # noqa: PTH123 -- no pathlib here
                while part := file.read(1 << 20):
                    _write_all(1, part)
        except OSError as error:
            os.write(2, f"the compiler wrote no {job['output']}: {error}\n".encode())
            code = 1
    os._exit(code if code >= 0 else 128 - code)


# --- the worker ----------------------------------------------------------------------------------


def _wait(pid: int, control: socket.socket, cpu_s: float, wall_s: float) -> tuple[int, bool]:
    """Waits for the child up to its limits, then kills it.

    Returns:
      how: EXITED where nobody had to stop it, else why it was stopped.
      hung_up: True where the host is gone.
    """
    clock = (~pid << 3) | 2  # the child's CPU clock: MAKE_PROCESS_CPUCLOCK in the kernel's headers
    deadline = time.monotonic() + wall_s
    cores = os.cpu_count() or 1
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(control, select.POLLIN)
    try:
        while True:
            wall_left = deadline - time.monotonic()
            if wall_left <= 0:
                return WALL_LIMIT, False
            try:
                cpu_left = cpu_s - time.clock_gettime(clock)
            except OSError:
                cpu_left = cpu_s  # it has just ended
            if cpu_left <= 0:
                return CPU_LIMIT, False
            wait_s = min(wall_left, max(cpu_left / cores, 0.002))
            for fd, _event in poll.poll(wait_s * 1000 + 1):
                if fd == pidfd:
                    return EXITED, False
                packet = control.recv(REQUEST.size)  # only a kill comes while a run is on
                return KILLED, not packet
    finally:
        os.close(pidfd)


def _serve(control: socket.socket, compiles: bool) -> None:
    failure_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    space = 4 * array.array("i").itemsize
    while True:
        packet, ancillary, _message_flags, _from = control.recvmsg(
            REQUEST.size, socket.CMSG_SPACE(space)
        )
        if not packet:
            return
        number, what, flags, cpu_s, wall_s, _, _, open_files, _ = REQUEST.unpack(packet)
        if what != RUN:
            continue  # a kill that came too late
        fds = array.array("i")
        for _level, _kind, data in ancillary:
            fds.frombytes(data)
        started = time.monotonic()
        scratch = flags & FLAG_SCRATCH != 0
        _filter(min(open_files, MOST_OPEN_FILES))  # made here once: each child would make it anew
        pid = _clone((CLONE_NEWNS if scratch else 0) | (CLONE_NEWPID if compiles else 0))
        if pid == 0:
            control.close()
            _child(list(fds), failure_fd, scratch, compiles)
        for fd in fds:
            os.close(fd)
        how, hung_up = _wait(pid, control, cpu_s, wall_s)
        if how != EXITED:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        wall = time.monotonic() - started
        value = 0
        if how == EXITED:
            if os.WIFSIGNALED(status):
                how, value = SIGNALED, os.WTERMSIG(status)
            else:
                value = os.WEXITSTATUS(status)
        try:
            os.eventfd_read(failure_fd)
            how = SETUP_FAILED
        except BlockingIOError:
            pass
        if hung_up:
            return
        cpu = usage.ru_utime + usage.ru_stime
        control.send(STATUS.pack(number, how, value, cpu, wall, usage.ru_maxrss * 1024))


def main() -> None:
    """Serves runs until the host closes the control socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    compiles = "--compiles" in sys.argv
    # A handler would let a program signal this, its parent: process 1 is deaf to all others.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: no core, no ptrace
    gc.collect()
    gc.freeze()  # a collection in a child must not write to every inherited object
    gc.disable()
    control.send(STATUS.pack(0, HELLO, 0, 0.0, 0.0, 0))
    _serve(control, compiles)


if __name__ == "__main__":
    main()
