"""The process inside the jail: a warm interpreter that makes one child per run.

Started once per worker, it imports what programs commonly import, installs its last filter, says
hello and then serves runs as process 1 of the worker's pid namespace. How it makes its children is
in `zygote.py` (and, faster, in `_zygote.c`); what a child does with its job is here.

This file runs on its own, with the standard library alone, beside `zygote.py`, `plain_data.py`,
`guest_protocol.py` and `guest_compiler.py`.
"""

from __future__ import annotations

import _sitebuiltins
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
import signal
import struct
import sys
import threading
import traceback
import types
from typing import Any

import guest_compiler  # type: ignore[import-not-found]
import plain_data  # type: ignore[import-not-found]
from guest_protocol import (  # type: ignore[import-not-found]
    FLAG_JOB,
    FLAG_MEMORY,
    FLAG_ROLLBACK,
    FLAG_SERVICE,
    HELLO,
    LENGTH,
    MEMORY_BYTES,
    STATUS,
    read_exactly,
    show_file,
)

# What programs commonly import: each costs its import once per worker instead of once per run.
WARM = (
    *("abc", "array", "ast", "base64", "bisect", "calendar", "cmath", "collections", "contextlib"),
    *("copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "hashlib"),
    *("heapq", "inspect", "io", "itertools", "json", "math", "numbers", "operator", "os", "queue"),
    *("random", "re", "statistics", "string", "struct", "sys", "textwrap", "threading", "time"),
    *("traceback", "typing", "unicodedata", "zlib", "select", "signal", "tempfile"),
)

CHANNEL = 3  # the child's end of the run's channel
_PROGRAM_FILES = ("main.py", "setup.py", "prelude.py")

_libc = ctypes.PyDLL(None, use_errno=True)
_X86 = os.uname().machine == "x86_64"
_SYS_EXECVE, _SYS_EXECVEAT = (59, 322) if _X86 else (221, 281)
_AUDIT_ARCH = 0xC000003E if _X86 else 0xC00000B7


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


# --- the child: a run ----------------------------------------------------------------------------


def _run_job(data: bytes, end: Any = None) -> int:
    """Runs one program in this, its own, process; returns its exit code.

    Args:
      data: the job, as `Run.job` packs it.
      end: what ends a script, given its exit code and names; default: `_shut_down`.
    """
    source, code, (prelude, setup), packed, arguments, (files, output_file) = marshal.loads(data)
    calls = None if packed is None else marshal.loads(packed)
    for path, content in files.items():
        _write_file(path, content)
    if output_file:
        show_file(CHANNEL, output_file)
    name = "__main__" if calls is None else "solution"
    module = types.ModuleType(name)
    names = module.__dict__
    names["__builtins__"] = builtins
    names["__file__"] = "main.py"
    # An import of `solution` from test code in the program's own file finds the program.
    sys.modules[name] = module
    sys.argv = ["main.py", *arguments]
    if "random" in source or "random" in prelude:
        random.seed()
    if code is None:
        try:
            code = guest_compiler.compile_program(source)
        except guest_compiler.ERRORS as error:
            _send({"compile_error": guest_compiler.describe(error)})
            return 1
    sys.set_int_max_str_digits(0)  # not before: the compiler's time is bounded by it
    linecache.cache["main.py"] = (lambda: source,)  # split into lines only when somebody asks
    exit_code = 0
    send, encode, dumps = _send, plain_data.encode, _dumps
    try:
        if prelude:
            exec(compile(prelude, "prelude.py", "exec", 0, True), names)
        exec(marshal.loads(code) if type(code) is bytes else code, names)
        if setup:
            exec(compile(setup, "setup.py", "exec", 0, True), names)
        if calls is not None:
            _call_all(calls, names, send, encode, dumps)
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
    return (end or _shut_down)(exit_code, names)


def _write_file(path: str, content: bytes) -> None:
    # Not with pathlib, which few programs need warm.
    for end, letter in enumerate(path):
        if letter == "/":
            with contextlib.suppress(FileExistsError):
                os.mkdir(path[:end])  # noqa: PTH102
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    _write_all(fd, content)
    os.close(fd)


def _call_all(
    calls: list[tuple[str, bytes | str | None, bool]],
    names: dict[str, Any],
    send: Any,
    encode: Any,
    dumps: Any,
) -> None:
    """Sends one outcome per call, as soon as it is there: later calls cannot take it back."""
    send({"loaded": True})
    entries: dict[str, Any] = {}
    loads, write, told = marshal.loads, _messages.write, False
    for expression, arguments, arguments_after in calls:
        try:
            if arguments is None:
                line = dumps({"value": encode(eval(expression, names), opaque=True)})
            else:
                # Anew: a call may change them.
                if isinstance(arguments, bytes):
                    args, kwargs = loads(arguments)
                else:
                    args, kwargs = plain_data.loads(arguments)
                entry = entries.get(expression)
                if entry is None:
                    if expression.isidentifier():
                        entry = (
                            names[expression] if expression in names else eval(expression, names)
                        )
                        entries[expression] = entry
                    else:
                        entry = eval(expression, names)  # such as Solution().f: fresh every time
                outcome = {"value": encode(entry(*args, **kwargs), opaque=True)}
                if arguments_after:
                    outcome["args"] = encode([args, kwargs], opaque=True)
                line = dumps(outcome)
        except SystemExit:
            raise
        except BaseException as error:
            if not told:  # one is enough for a reader, and each costs as much as many calls
                told = True
                _print_traceback(error)
            line = dumps({"error": _one_line(error), "kind": type(error).__name__})
        write(line.encode() + b"\n")


class _Messages:
    """Where messages go: into the shared memory while there is room, then onto the channel."""

    def __init__(self) -> None:
        self.memory: Any = None
        self.address = 0
        self.end = LENGTH.size

    def map(self, fd: int) -> None:
        """Maps the worker's shared memory."""
        _libc.mmap.restype = ctypes.c_void_p
        _libc.mmap.argtypes = [ctypes.c_void_p, *(ctypes.c_size_t,) * 5]
        _libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        # Not with the module mmap, which keeps a descriptor. PROT_READ | PROT_WRITE, MAP_SHARED.
        address = _libc.mmap(None, MEMORY_BYTES, 3, 1, fd, 0)
        if address is None or address == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "mmap: " + os.strerror(ctypes.get_errno()))
        self.address = address
        memory = (ctypes.c_char * MEMORY_BYTES).from_address(address)
        self.memory = memoryview(memory).cast("B")

    def unmap(self) -> None:
        """Leaves the memory to another child: only the channel from now on."""
        self.memory = None
        _libc.munmap(self.address, MEMORY_BYTES)

    def take_job(self) -> bytes:
        """Returns the job that the host has put here, and makes room for messages."""
        (size,) = LENGTH.unpack_from(self.memory)
        job = bytes(self.memory[LENGTH.size : LENGTH.size + size])
        _pack_into(self.memory, 0, 0)
        return job

    def write(self, line: bytes) -> None:
        """Sends one line, its end included."""
        memory = self.memory
        if memory is not None:
            end = self.end + len(line)
            if end <= MEMORY_BYTES:
                memory[self.end : end] = line
                self.end = end
                _pack_into(memory, 0, end - 8)
                return
            self.memory = None  # full: from now on the channel, so that the order is kept
        _write_all(CHANNEL, line)


_messages = _Messages()
_pack_into = LENGTH.pack_into


def _send(message: dict[str, Any]) -> None:
    _messages.write(_dumps(message).encode() + b"\n")


def _write_all(fd: int, data: bytes) -> None:
    size = os.write(fd, data)
    if size < len(data):
        view = memoryview(data)[size:]
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
        while trace is not None and trace.tb_frame.f_code.co_filename not in _PROGRAM_FILES:
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


# --- the child: a service ------------------------------------------------------------------------


def _serve_orders(data: bytes) -> int:
    """Answers orders on the channel with the function that the job names, for ever."""
    module, _, name = marshal.loads(data).partition(":")
    answer = getattr(importlib.import_module(module), name)
    while True:
        try:
            (size,) = LENGTH.unpack(read_exactly(CHANNEL, LENGTH.size))
            order = read_exactly(CHANNEL, size)
        except EOFError:
            return 0
        reply = answer(order)
        _write_all(CHANNEL, LENGTH.pack(len(reply)) + reply)


# --- the worker ----------------------------------------------------------------------------------

_WARM_PROGRAMS = (
    # Run before the first clone, so that what they touch is touched once per worker: caches of
    # types and methods, specialised bytecode, codecs, the code of this file itself.
    """
import sys, math, collections
from typing import List, Dict
class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __repr__(self):
        return f"{self.x},{self.y}"
def f(a: int, b: str = "", c: List[int] = []) -> Dict[int, str]:
    total = 0
    for i, v in enumerate(sorted(c, reverse=True)):
        total += i * v if v % 2 == 0 else -v
    words = [w.strip().lower() for w in b.split(",") if w]
    return {a: "".join(words), total: str(Point(total, math.sqrt(2.0)))}
def g(x):
    try:
        return {"t": (1, 2.5, None), "s": {1, 2}}[x]
    except KeyError:
        return [True, x * 3, -(2**70), b"x", collections.Counter(x)]
def h(x):
    raise ValueError(x)
if __name__ == "__main__":
    data = sys.stdin.read().split()
    print(f(1, "a,b", [3, 1, 2]), g("q"), len(data))
    print("done", file=sys.stderr)
""",
)


def _make_mortal() -> None:
    """Lets a program end itself by a signal: the kernel spares the first process of a namespace.

    Only for programs that mean it: one that goes around this lives on, and gains nothing. What
    `signal.getsignal` says stays as it is.
    """
    names = ("HUP", "QUIT", "ABRT", "USR1", "USR2", "ALRM", "TERM", "VTALRM", "PROF")
    _libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
    _libc.signal.restype = ctypes.c_void_p
    leave = ctypes.cast(_libc._exit, ctypes.c_void_p)
    for name in names:
        _libc.signal(int(getattr(signal, f"SIG{name}")), leave)
    send = os.kill

    def kill(pid: int, signal: int, /) -> None:
        if signal == 9 and pid in (0, os.getpid()):
            os._exit(128 + signal)
        send(pid, signal)

    os.kill = kill


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
    modules = dict(sys.modules)
    kept = [_moved(os.dup(fd)) for fd in (0, 1, 2)]
    null = _open_null(os.O_RDWR)
    try:
        for fd in (0, 1, 2, CHANNEL):
            os.dup2(null, fd)
        packed: list[tuple[list[Any], dict[str, Any]]]
        packed = [([1, "a,B"], {"c": [4, 3, 2, 1]}), (["t"], {}), (["q"], {}), (["x"], {})]
        blobs = [marshal.dumps(arguments) for arguments in packed]
        calls = [("f", blobs[0]), ("g", blobs[1]), ("g", blobs[2]), ("h", blobs[3])]
        made = [(name, blob, after) for name, blob in calls for after in (False, True)]
        for source in _WARM_PROGRAMS:
            code = guest_compiler.main(source.encode())[1:]  # which warms the compiler, too
            for style in (marshal.dumps(made), None):
                for given in (*[code] * 8, None):
                    _open_streams()
                    # Not to the end: that runs exit handlers, and only once.
                    end = lambda code, names: _flush()  # noqa: E731, ARG005
                    _run_job(marshal.dumps((source, given, ("", ""), style, ("x",), ({}, ""))), end)
    finally:
        for target, fd in enumerate(kept):
            os.dup2(fd, target)
            os.close(fd)
        os.close(CHANNEL)
        os.close(null)
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)
    sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    _make_mortal()
    linecache.cache.clear()


def _moved(fd: int) -> int:
    """Moves a descriptor beyond those that a child may get."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64)
    os.close(fd)
    return moved


def _open_null(flags: int) -> int:
    return _moved(os.open("/dev/null", flags))


def main() -> None:
    """Serves runs until the host closes the control socket."""
    for one in set(signal.valid_signals()) - {signal.SIGPIPE, signal.SIGXFSZ}:
        # What the host ignores, as under nohup, is no affair of the programs'.
        if signal.getsignal(one) == signal.SIG_IGN:
            signal.signal(one, signal.SIG_DFL)
    number, memory, *names = sys.argv[1:]
    bare, proc_wanted = "--bare" in names, "--proc" in names
    preload = [name for name in names if not name.startswith("-")]
    control = _moved(int(number))
    _messages.map(int(memory))
    os.close(int(memory))
    for name in ("LD_PRELOAD", "CODING_ENVS_ZYGOTE"):  # the worker's affair, not the programs'
        os.environ.pop(name, None)
    try:
        import _zygote as zygote  # type: ignore[import-not-found]
    except ImportError:  # no compiler where the package was installed
        import zygote  # type: ignore[import-not-found]
    _warm_up(preload)
    # Ctrl-C is the host's business: it closes the control socket when it stops.
    signal.signal(signal.SIGINT, signal.SIG_IGN if bare else signal.default_int_handler)
    if not bare:
        _deny_execve()
    null = _open_null(os.O_RDONLY)
    _open_streams()
    _messages.end = LENGTH.size  # what the warm-up wrote is not to be seen
    _pack_into(_messages.memory, 0, 0)
    gc.collect()
    inherited = gc.get_objects()
    gc.freeze()  # a collection in a child must not write to every inherited object
    zygote.settle(inherited)
    rollback, proc, space = (None, -1, 0) if not proc_wanted else _take_proc()
    _libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: no core, no ptrace, no /proc/self/mem
    os.write(control, STATUS.pack(0, HELLO, 0, 0.0, 0.0, space))
    request = zygote.serve(control, null, bare, rollback, proc, "--verify" in names)
    if request is None:
        return
    flags, job = request
    if flags & FLAG_ROLLBACK:
        assert rollback is not None
        rollback.checkpoint(job)  # here every run of this process begins
        flags = FLAG_MEMORY | FLAG_JOB
    elif not flags & FLAG_MEMORY:
        _messages.unmap()
    code = 1
    try:
        if flags & FLAG_JOB:
            job = _messages.take_job()
        code = _serve_orders(job) if flags & FLAG_SERVICE else _run_job(job)
    except MemoryError:
        _send({"error": "MemoryError: the program does not fit into its memory"})
    finally:
        os._exit(code)


def _take_proc() -> tuple[Any, int, int]:
    """Takes /proc away from the programs, and what the tracer of a rollback executor needs of it.

    Returns:
      the module and the folder of /proc, or None and -1 where rollbacks do not work here; and the
      bytes of address space in use.
    """
    folder = _moved(os.open("/proc", os.O_RDONLY | os.O_DIRECTORY))
    fd = os.open("self/statm", os.O_RDONLY, dir_fd=folder)
    space = int(os.read(fd, 100).split()[0]) * os.sysconf("SC_PAGE_SIZE")
    os.close(fd)
    try:
        import _rollback  # type: ignore[import-not-found]

        _rollback.settle(folder)
    except (ImportError, OSError) as error:
        os.write(2, f"no rollback: {error!r}\n".encode())
        os.close(folder)
        _rollback, folder = None, -1
    if _libc.umount2(b"/proc", 2) != 0:  # MNT_DETACH: the folder goes on working
        raise OSError(ctypes.get_errno(), "umount: " + os.strerror(ctypes.get_errno()))
    return _rollback, folder, space


if __name__ == "__main__":
    main()
