"""Runs programs in a jail. Knows nothing of tests, verdicts or rewards.

Its modules:

    run.py             Run, RunResult, and Sandbox: the seam, one method
    pool.py            the host's side: one thread that drives all workers
    reactor.py         what that thread waits for
    worker.py          one worker as the host sees it
    active.py          one run in it: its descriptors, its end, its result
    streams.py         those descriptors
    services.py        processes in a worker that answer orders: compiler, tester
    launch.py          starts a worker inside nsjail (or, by name only, without)
    packages.py        installed packages that a jail may show
    cgroups.py         caps on all of a worker together, where the machine lends them
    seccomp.py         the system calls that a jailed interpreter may make
    guest.py           the jail's side: a warm interpreter, and what a child does with its job
    zygote.py          one child per run; `_zygote.c` does the same, faster
    guest_compiler.py  a service in the jail that compiles programs
    guest_protocol.py  what the two sides say to each other
    words.py           guesses at what a program will do from the words in it
    native.py          runs of commands: compilers, executables, other interpreters
    native_guest.py    the process inside their jails
    fake.py            a scripted sandbox for tests
    doctor.py          what works on this machine, and what to do about the rest
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping

from ..errors import UnknownNameError
from .fake import FakeSandbox
from .launch import BareLauncher, NsjailLauncher, nsjail_path
from .native import NativeSandbox
from .run import Call, Calls, Done, Ended, Order, Run, RunResult, Sandbox
from .words import WordFinder

__all__ = [
    "Call",
    "Calls",
    "Done",
    "Ended",
    "FakeSandbox",
    "NativeSandbox",
    "Order",
    "Run",
    "RunResult",
    "Sandbox",
    "UnsafeSandboxWarning",
    "WordFinder",
    "make_sandbox",
    "nsjail_path",
]


class UnsafeSandboxWarning(UserWarning):
    """Programs run without isolation: with your rights, on your files and network."""


def make_sandbox(
    backend: str = "nsjail",
    *,
    workers: int | None = None,
    preload: Mapping[str, str] | None = None,
    packages: Iterable[str] = (),
) -> Sandbox:
    """Returns a running sandbox.

    Args:
      backend: "nsjail", or "unsafe" for no isolation at all. Nothing falls back to "unsafe".
      workers: how many runs may go on at one time; default: one per processor.
      preload: name -> source of modules that jailed code may import.
      packages: names of installed packages that jailed Python may import, such as "numpy".

    Raises:
      SandboxUnavailableError: nsjail cannot work here, or a package is not installed; says what is
        missing and the remedy.
      UnknownNameError: no such backend.
    """
    count = workers if workers is not None else len(os.sched_getaffinity(0))
    if backend == "nsjail":
        return NativeSandbox(NsjailLauncher(preload, packages=packages), count)
    if backend == "unsafe":
        warnings.warn(
            "the 'unsafe' sandbox runs programs without any isolation: with your rights, on your "
            "files and network; use it only for programs that you trust",
            UnsafeSandboxWarning,
            stacklevel=2,
        )
        return NativeSandbox(BareLauncher(preload, packages=packages), count)
    raise UnknownNameError("sandbox backend", backend, ("nsjail", "unsafe"))
