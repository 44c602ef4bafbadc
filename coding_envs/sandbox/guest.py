"""The process inside the jail: a warm interpreter that makes one child per run.

Started once per worker, it imports what programs commonly import, installs its last filter, says
hello and then serves runs, one at a time, as process 1 of the worker's pid namespace:

    read a fixed header and the run's file descriptors -> clone into a new pid namespace
    -> wait up to the limits -> kill -> reap -> write a fixed-size status

It never sees a program or a result: the child reads its program itself, from the run's own
channel, so that a later child finds nothing of an earlier one in the memory that it inherits. The
child gives up every capability before it reads the program; without them it can make no process.

This file runs on its own, with the standard library alone, beside `plain_data.py` and
`guest_protocol.py`.
"""

from __future__ import annotations

import _sitebuiltins
import array
import atexit
import builtins
import contextlib
import ctypes
import fcntl
import gc
import importlib
import io
import json
import linecache
import marshal
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import types
from typing import Any, NoReturn

import plain_data  # type: ignore[import-not-found]
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
    STOPPED,
    WALL_LIMIT,
)

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
SCRATCH = "/tmp"

# What programs commonly import: each costs its import once per worker instead of once per run.
WARM = (
    *("abc", "array", "ast", "base64", "bisect", "calendar", "cmath", "collections", "contextlib"),
    *("copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "hashlib"),
    *("heapq", "inspect", "io", "itertools", "json", "math", "numbers", "operator", "os", "queue"),
    *("random", "re", "statistics", "string", "struct", "sys", "textwrap", "threading", "time"),
    *("traceback", "typing", "unicodedata", "zlib", "select", "signal", "tempfile"),
)

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_X86 = os.uname().machine == "x86_64"
_SYS_CLONE, _SYS_CAPSET = (56, 126) if _X86 else (220, 91)
_SYS_EXECVE, _SYS_EXECVEAT = (59, 322) if _X86 else (221, 281)
_AUDIT_ARCH = 0xC000003E if _X86 else 0xC00000B7


def _clone(flags: int) -> int:
    """Returns as fork does, with the child in the new namespaces that `flags` name.

    The interpreter's own work after a fork is left out: it repairs what other threads may have
    left behind, there are none, and it costs half of a run's page faults. What remains of it,
    seeding `random` anew, is done where a program names it.
    """
    pid: int = _libc.syscall(_SYS_CLONE, flags | int(signal.SIGCHLD), 0, 0, 0, 0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone: " + os.strerror(ctypes.get_errno()))
    return pid


def _drop_capabilities() -> None:
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    if _libc.syscall(_SYS_CAPSET, header, bytes(24)) != 0:
        raise OSError(ctypes.get_errno(), "capset: " + os.strerror(ctypes.get_errno()))


def _mount_scratch(size_bytes: int) -> None:
    options = f"size={size_bytes},nr_inodes=4096,mode=700".encode()
    if _libc.mount(b"none", SCRATCH.encode(), b"tmpfs", 6, options) != 0:  # nosuid, nodev
        raise OSError(ctypes.get_errno(), "mount: " + os.strerror(ctypes.get_errno()))


def _deny_execve() -> None:
    """Adds a filter over nsjail's, which had to allow the execve that started this interpreter."""
    load, jump, ret = 0x20, 0x15, 0x06
    code = (
        (load, 0, 0, 4),  # the architecture
        (jump, 1, 0, _AUDIT_ARCH),
        (ret, 0, 0, 0x80000000),  # another one: kill
        (load, 0, 0, 0),  # the system call's number
        (jump, 2, 0, _SYS_EXECVE),
        (jump, 1, 0, _SYS_EXECVEAT),
        (ret, 0, 0, 0x7FFF0000),  # allow
        (ret, 0, 0, 0x00050001),  # EPERM
    )
    text = b"".join(struct.pack("HBBI", *line) for line in code)
    buffer = ctypes.create_string_buffer(text)
    program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(buffer))
    if _libc.prctl(22, 2, program, 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError(ctypes.get_errno(), "seccomp: " + os.strerror(ctypes.get_errno()))


# --- the child -----------------------------------------------------------------------------------


def _child(
    fds: list[int],
    failure_fd: int,
    flags: int,
    limits: tuple[int, int, int, int],
    cpu_s: float,
    bare: bool,
) -> NoReturn:
    """Runs one program in this, its own, process; never returns."""
    try:
        memory, file_size, open_files, threads = limits
        signal.set_wakeup_fd(-1)
        os.setsid()  # so that kill(0) reaches nobody else
        if not bare:
            if flags & FLAG_SCRATCH:
                _mount_scratch(file_size)
                os.chdir(SCRATCH)
            _drop_capabilities()
        else:
            _libc.prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG
        if not bare:
            resource.setrlimit(resource.RLIMIT_NPROC, (threads + 1, threads + 1))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        seconds = int(cpu_s) + 2  # whole seconds: only a backstop for the parent's own clock
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        # Above every number in use, then down to 0..3: none is overwritten before it is moved.
        high = [_move_above(fd, 16) for fd in (*fds, failure_fd)]
        for target, fd in enumerate(high[:4]):
            os.dup2(fd, target, inheritable=True)
        failure_fd = high[4]
        os.closerange(4, failure_fd)
        os.closerange(failure_fd + 1, 256)
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    except BaseException as error:
        try:
            os.write(2, f"set-up failed: {error!r}\n".encode()[:500])
            os.eventfd_write(failure_fd, 1)
        finally:
            os._exit(1)
    # What fails from here on is the program's affair: too big for its memory, for one.
    code = 1
    try:
        job = _read_job(3)
        os.close(failure_fd)
        code = _run_job(job)
    except MemoryError:
        _send({"error": "MemoryError: the program does not fit into its memory"})
    finally:
        os._exit(code)


def _move_above(fd: int, least: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, least)


def _read_exactly(fd: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError("the host closed the channel")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _read_job(fd: int) -> dict[str, Any]:
    (size,) = struct.unpack("<Q", _read_exactly(fd, 8))
    job: dict[str, Any] = marshal.loads(_read_exactly(fd, size))
    return job


def _run_job(job: dict[str, Any]) -> int:
    calls = job["calls"]
    name = "__main__" if calls is None else "solution"
    module = types.ModuleType(name)
    module.__dict__.update(__builtins__=builtins, __file__="main.py")
    # An import of `solution` from test code in the program's own file finds the program.
    sys.modules[name] = module
    sys.argv = ["main.py"]
    source: str = job["source"]
    if "random" in source:
        random.seed()
    try:
        # surrogatepass: a lone surrogate is a fault of the program's text, found by compile().
        code = compile(source.encode("utf-8", "surrogatepass"), "main.py", "exec", 0, True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        _send({"compile_error": _one_line(error)})
        return 1
    lines = source.splitlines(keepends=True)
    linecache.cache["main.py"] = (len(source), None, lines, "main.py")
    sys.set_int_max_str_digits(0)
    exit_code = 0
    send, encode, dumps = _send, plain_data.encode, _dumps
    try:
        exec(code, module.__dict__)
        if job["setup"]:
            exec(compile(job["setup"], "setup.py", "exec", 0, True), module.__dict__)
        if calls is not None:
            _call_all(calls, module.__dict__, send, encode, dumps)
            _flush()
            return 0  # every answer is out: threads and exit handlers have nothing to add
    except SystemExit as stop:
        exit_code = _exit_code(stop)
        if calls is not None:
            send({"stopped": "SystemExit: the program ended itself"})
    except BaseException as error:
        exit_code = 1
        send({"error": _one_line(error)})
        _print_traceback(error)
    return _shut_down(exit_code, module.__dict__)


def _call_all(
    calls: list[list[Any]], names: dict[str, Any], send: Any, encode: Any, dumps: Any
) -> None:
    """Sends one outcome per call, as soon as it is there: later calls cannot take it back."""
    send({"loaded": True})
    entries: dict[str, Any] = {}
    loads, told = marshal.loads, False
    for expression, arguments in calls:
        try:
            if arguments is None:
                value = eval(expression, names)
            else:
                args, kwargs = loads(arguments)  # anew: a call may change them
                entry = entries.get(expression)
                if entry is None:
                    if expression.isidentifier():
                        entry = (
                            names[expression] if expression in names else eval(expression, names)
                        )
                        entries[expression] = entry
                    else:
                        entry = eval(expression, names)  # such as Solution().f: fresh every time
                value = entry(*args, **kwargs)
            line = dumps({"value": encode(value, opaque=True)})
        except SystemExit:
            raise
        except BaseException as error:
            if not told:  # one is enough for a reader, and each costs as much as many calls
                told = True
                _print_traceback(error)
            line = dumps({"error": _one_line(error), "kind": type(error).__name__})
        _write_all(3, line.encode() + b"\n")


def _send(message: dict[str, Any]) -> None:
    _write_all(3, _dumps(message).encode() + b"\n")


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


_dumps = json.JSONEncoder(separators=(",", ":")).encode  # made once: a run need not
_streams: list[Any] = []  # the first ones, which a program may put others before


def _open_streams() -> None:
    sys.stdin = io.TextIOWrapper(
        io.BufferedReader(io.FileIO(0, "r", closefd=False), 1 << 16), "utf-8", "strict"
    )
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(1, "w", closefd=False), 1 << 16), "utf-8", "strict"
    )
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace",
        line_buffering=True,
    )  # fmt: skip
    sys.__dict__.update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)
    _streams[:] = sys.stdout, sys.stderr


def _one_line(error: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    except BaseException:
        text = type(error).__name__
    return text[:500]


def _print_traceback(error: BaseException) -> None:
    try:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename not in (
            "main.py",
            "setup.py",
        ):
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace, limit=20))
        sys.stderr.write(text[-8000:])
    except BaseException:
        pass


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    with contextlib.suppress(BaseException):
        print(stop.code, file=sys.stderr)
    return 1


def _shut_down(exit_code: int, names: dict[str, Any]) -> int:
    """Ends as the interpreter would: threads, exit handlers, finalizers, streams."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except SystemExit as stop:
        exit_code = _exit_code(stop)
    except BaseException as error:
        exit_code = 1
        _print_traceback(error)
    for name, value in list(names.items()):
        if hasattr(type(value), "__del__"):  # files among them, which it closes
            names[name] = value = None
    return _flush() or exit_code


def _flush() -> int:
    exit_code = 0
    streams = [sys.stdout, sys.stderr]
    for stream in streams + [s for s in _streams if s not in streams]:
        try:
            stream.flush()
        except BrokenPipeError:
            pass
        except (ValueError, AttributeError):
            pass  # closed by the program, or none at all: nothing left to write
        except BaseException as error:
            exit_code = 1
            with contextlib.suppress(OSError):
                os.write(2, (_one_line(error) + "\n").encode("ascii", "replace"))
    return exit_code


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


def _serve(control: socket.socket, bare: bool) -> None:
    failure_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    space = 4 * array.array("i").itemsize
    while True:
        packet, ancillary, _flags, _from = control.recvmsg(REQUEST.size, socket.CMSG_SPACE(space))
        if not packet:
            return
        number, what, flags, cpu_s, wall_s, memory, file_size, open_files, threads = REQUEST.unpack(
            packet
        )
        if what != RUN:
            continue  # a kill that came too late
        fds = array.array("i")
        for _level, _kind, data in ancillary:
            fds.frombytes(data)
        namespaces = CLONE_NEWPID
        if flags & FLAG_SCRATCH:
            namespaces |= CLONE_NEWNS | CLONE_NEWIPC
        started = time.monotonic()
        # Nothing of this frame may be collected in the child: it would copy pages for nothing.
        pid = os.fork() if bare else _clone(namespaces)
        if pid == 0:
            limits = (memory, file_size, open_files, threads)
            control.close()
            _child(list(fds), failure_fd, flags, limits, cpu_s, bare)
        for fd in fds:
            os.close(fd)
        how, hung_up = _wait(pid, control, cpu_s, wall_s)
        stopped = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        if how == WALL_LIMIT and os.waitid(os.P_PID, pid, stopped):
            how = STOPPED
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


def _warm_up(preload: list[str]) -> None:
    for name in (*WARM, *preload):
        try:
            importlib.import_module(name)
        except ImportError:
            if name in preload:
                raise
    # What `site` would have added, which programs use.
    names = {name: _sitebuiltins.Quitter(name, "Ctrl-D") for name in ("exit", "quit")}
    builtins.__dict__.update(names, help=_sitebuiltins._Helper())
    # The first compile() of a process builds the types of `ast`; the first traceback loads codecs.
    compile("def f(x):\n    return [y for y in x if y]", "warm.py", "exec")
    eval("1 + 1", {})
    try:
        exec(compile("def f():\n    raise ValueError(1)\nf()", "main.py", "exec"), {})
    except ValueError as error:
        traceback.format_exception(error)
    plain_data.decode(json.loads(plain_data.dumps([1, (2, {3: {4}})])))


def main() -> None:
    """Serves runs until the host closes the control socket."""
    number, *names = sys.argv[1:]
    bare = "--bare" in names
    preload = [name for name in names if not name.startswith("-")]
    control = socket.socket(fileno=int(number))
    _warm_up(preload)
    # Ctrl-C is the host's business: it closes the control socket when it stops.
    signal.signal(signal.SIGINT, signal.SIG_IGN if bare else signal.default_int_handler)
    _libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: no core, no ptrace, no /proc/self/mem
    if not bare:
        _deny_execve()
    _open_streams()
    gc.collect()
    gc.freeze()  # a collection in a child must not write to every inherited object
    control.send(STATUS.pack(0, HELLO, 0, 0.0, 0.0, 0))
    _serve(control, bare)


if __name__ == "__main__":
    main()
