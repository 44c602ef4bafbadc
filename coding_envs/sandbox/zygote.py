"""The worker's inner loop in Python, for machines without a compiler; `_zygote.c` does the same.

    read a fixed header and the run's file descriptors -> clone into a new pid namespace
    -> wait up to the limits -> kill -> reap -> write a fixed-size status

The parent never sees a program or a result: the child reads its job itself, from the run's own
channel, so that a later child finds nothing of an earlier one in the memory that it inherits. The
child gives up every capability before it reads the job; without them it can make no process.

Runs inside the jail, with the standard library alone.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass

from guest_protocol import (  # type: ignore[import-not-found]
    CPU_LIMIT,
    EXITED,
    FLAG_JOB,
    FLAG_SCRATCH,
    FLAG_SPLIT,
    FLAG_STDIN,
    KILL,
    KILLED,
    LENGTH,
    MAX_FDS,
    REQUEST,
    SETUP_FAILED,
    SIGNALED,
    STATUS,
    STOPPED,
    WALL_LIMIT,
    read_exactly,
)

CLONE_PIDFD = 0x00001000
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
SCRATCH = "/tmp"

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_X86 = os.uname().machine == "x86_64"
_SYS_CLONE, _SYS_CAPSET = (56, 126) if _X86 else (220, 91)


@dataclass
class _Child:
    pid: int
    pidfd: int
    number: int
    cpu_s: float
    started: float
    deadline: float
    how: int = EXITED


def settle(_objects: list[object]) -> None:
    """Does nothing here: it only pays where no Python code runs between the clones."""


def serve(
    control_fd: int,
    null_fd: int,
    bare: bool,
    _rollback: None = None,
    _proc_fd: int = -1,
    _verify: bool = False,
) -> tuple[int, bytes] | None:
    """Serves runs until the host closes the control socket.

    Args:
      control_fd: the control socket, SOCK_SEQPACKET.
      null_fd: /dev/null, the standard input of runs without one.
      bare: True makes ordinary children, without any isolation.
      _rollback, _proc_fd, _verify: only for the extension.

    Returns:
      In each child (flags of the request, job); in the parent None, when the host is gone.
    """
    control = socket.socket(fileno=control_fd)
    failure_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    children: list[_Child] = []
    try:
        while True:
            poll = select.poll()
            poll.register(control, select.POLLIN)
            for child in children:
                poll.register(child.pidfd, select.POLLIN)
            ready = {fd for fd, _event in poll.poll(_watch(children, bare))}
            for child in [c for c in children if c.pidfd in ready]:
                children.remove(child)
                _reap(control, child, failure_fd)
            if control.fileno() in ready:
                request, fds = _receive(control)
                if request is None:
                    return None
                number, what = request[:2]
                if what == KILL:
                    for child in children:
                        if child.number == number:
                            _kill(child, KILLED, bare)
                    continue
                job = _spawn(control, request, fds, children, null_fd, failure_fd, bare)
                if job is not None:
                    control.detach()  # closed long since, and its number may be another's
                    return request[2], job
    except (BrokenPipeError, ConnectionResetError):
        return None
    finally:
        for child in children:
            _kill(child, KILLED, bare)


def _receive(control: socket.socket) -> tuple[tuple[int, ...] | None, list[int]]:
    space = MAX_FDS * array.array("i").itemsize
    packet, ancillary, _flags, _from = control.recvmsg(REQUEST.size, socket.CMSG_SPACE(space))
    fds = array.array("i")
    for _level, _kind, data in ancillary:
        fds.frombytes(data)
    return (REQUEST.unpack(packet) if packet else None), list(fds)


def _spawn(
    control: socket.socket,
    request: tuple[int, ...],
    fds: list[int],
    children: list[_Child],
    null_fd: int,
    failure_fd: int,
    bare: bool,
) -> bytes | None:
    """Makes a child; returns its job in it, None in the parent."""
    number, _what, flags, cpu_s, wall_s = request[:5]
    started = time.monotonic()
    # Nothing of this frame may be collected in the child: it would copy pages for nothing.
    try:
        pid, pidfd = _clone(0 if bare else _namespaces(flags))
    except OSError:
        for fd in fds:
            os.close(fd)
        control.send(STATUS.pack(number, SETUP_FAILED, 0, 0.0, 0.0, 0))
        return None
    if pid == 0:
        others = len(children)
        children.clear()  # the parent's
        return _become_child(request, fds, null_fd, failure_fd, others, bare)
    for fd in fds:
        os.close(fd)
    deadline = started + (wall_s if wall_s > 0 else 1e9)
    children.append(_Child(pid, pidfd, number, cpu_s, started, deadline))
    return None


def _namespaces(flags: int) -> int:
    return CLONE_NEWPID | (CLONE_NEWNS | CLONE_NEWIPC if flags & FLAG_SCRATCH else 0)


def _clone(namespaces: int) -> tuple[int, int]:
    """Returns (pid, pidfd) as fork does, with the child in the new namespaces.

    The interpreter's own work after a fork is left out: it repairs what other threads may have
    left behind, there are none, and it costs half of a run's page faults. What remains of it,
    seeding `random` anew, is done where a program names it.
    """
    pidfd = ctypes.c_int(-1)
    flags = namespaces | CLONE_PIDFD | int(signal.SIGCHLD)
    pid: int = _libc.syscall(_SYS_CLONE, flags, 0, ctypes.byref(pidfd), 0, 0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone: " + os.strerror(ctypes.get_errno()))
    return pid, pidfd.value


def _become_child(
    request: tuple[int, ...], fds: list[int], null_fd: int, failure_fd: int, others: int, bare: bool
) -> bytes:
    """Makes this process a run's: rights, limits, descriptors; returns the job."""
    _number, _what, flags, cpu_s, _wall_s, memory, file_size, open_files, threads = request
    try:
        os.setsid()  # so that kill(0) reaches nobody else
        if bare:
            _libc.prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG
        else:
            if flags & FLAG_SCRATCH:
                _mount_scratch(file_size)
                os.chdir(SCRATCH)
            _drop_capabilities()
            # Counted over the worker's user: the parent and its other children are of it, too.
            processes = threads + 1 + others
            resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if cpu_s > 0:
            seconds = int(cpu_s) + 2  # whole seconds: only a backstop for the parent's own clock
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        rest = iter(fds)
        channel = next(rest)
        stdin = next(rest) if flags & FLAG_STDIN else null_fd
        stdout = next(rest)
        stderr = next(rest) if flags & FLAG_SPLIT else stdout
        # Above every number in use, then down to 0..3: none is overwritten before it is moved.
        wanted = (stdin, stdout, stderr, channel, failure_fd)
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16) for fd in wanted]
        for target, fd in enumerate(high[:4]):
            os.dup2(fd, target, inheritable=True)
            os.set_blocking(target, True)
        failure_fd = high[4]
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
        os.closerange(4, 256)
    except BaseException as error:
        try:
            os.write(2, f"set-up failed: {error!r}\n".encode()[:500])
            os.eventfd_write(failure_fd, 1)
        finally:
            os._exit(1)
    if flags & FLAG_JOB:
        return b""
    # What fails from here on is the program's affair: too big for its memory, for one.
    try:
        (size,) = LENGTH.unpack(read_exactly(3, LENGTH.size))
        job: bytes = read_exactly(3, size)
        return job
    except MemoryError:
        os.write(3, b'{"error": "MemoryError: the program does not fit into its memory"}\n')
        os._exit(1)
    except BaseException:
        os._exit(1)


def _drop_capabilities() -> None:
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    if _libc.syscall(_SYS_CAPSET, header, bytes(24)) != 0:
        raise OSError(ctypes.get_errno(), "capset: " + os.strerror(ctypes.get_errno()))


def _mount_scratch(size_bytes: int) -> None:
    options = f"size={size_bytes},nr_inodes=4096,mode=700".encode()
    if _libc.mount(b"none", SCRATCH.encode(), b"tmpfs", 6, options) != 0:  # nosuid, nodev
        raise OSError(ctypes.get_errno(), "mount: " + os.strerror(ctypes.get_errno()))


def _watch(children: list[_Child], bare: bool) -> float | None:
    """Returns the milliseconds until the first child reaches a limit; kills those that have."""
    cores = os.cpu_count() or 1
    soonest = 1e9
    for child in children:
        if child.how != EXITED:
            continue  # killed: its end is on the way
        left = child.deadline - time.monotonic()
        if left <= 0:
            # Nothing in a pid namespace can stop its first process: somebody outside did.
            stopped = os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
            _kill(child, STOPPED if stopped else WALL_LIMIT, bare)
            continue
        if child.cpu_s > 0:
            try:  # MAKE_PROCESS_CPUCLOCK in the kernel's headers: the child's own processor clock
                cpu_left = child.cpu_s - time.clock_gettime((~child.pid << 3) | 2)
            except OSError:
                cpu_left = child.cpu_s  # it has just ended
            if cpu_left <= 0:
                _kill(child, CPU_LIMIT, bare)
                continue
            left = min(left, max(cpu_left / cores, 0.002))
        soonest = min(soonest, left)
    return None if soonest > 1e6 else soonest * 1000 + 1


def _kill(child: _Child, how: int, bare: bool) -> None:
    if child.how == EXITED:
        child.how = how
    os.kill(child.pid, signal.SIGKILL)
    if bare:  # no pid namespace ends its own children
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)


def _reap(control: socket.socket, child: _Child, failure_fd: int) -> None:
    _, status, usage = os.wait4(child.pid, 0)
    os.close(child.pidfd)
    wall_s = time.monotonic() - child.started
    how, value = child.how, 0
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
    cpu_s = usage.ru_utime + usage.ru_stime
    control.send(STATUS.pack(child.number, how, value, cpu_s, wall_s, usage.ru_maxrss * 1024))
