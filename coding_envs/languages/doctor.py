"""Which languages work on this machine, and what to install for the rest."""

from __future__ import annotations

import time

from ..errors import SandboxError
from ..sandbox import Sandbox, make_sandbox
from ..sandbox.doctor import Check
from .language import Language, languages
from .program import CompileError, Program, prepare

__all__ = ["diagnose"]

_REPORT = "report this, with the output of coding-envs doctor --json"


def diagnose() -> list[Check]:
    """Returns a check per language other than Python: its example is compiled and run in a jail.

    A language whose tools are missing is no failure: only problems in it need them.
    """
    native = [one for one in languages() if not one.is_resident]
    missing = {
        one.name: Check(one.name, None, *said.rsplit("; ", 1))
        for one in native
        if (said := one.missing()) is not None
    }
    checks = dict(missing)
    if len(missing) < len(native):
        try:
            with make_sandbox("nsjail", workers=1) as sandbox:
                checks |= {
                    one.name: _check(sandbox, one) for one in native if one.name not in missing
                }
        except SandboxError as error:
            return [Check("languages", False, str(error)[:400], _REPORT)]
    return [checks[one.name] for one in native]


def _check(sandbox: Sandbox, spoken: Language) -> Check:
    if not spoken.example:
        return Check(spoken.name, None, f"{spoken.version()}; not tried: it has no example")
    started = time.perf_counter()
    try:
        program = _prepared(sandbox, spoken)
        compiled_s = time.perf_counter() - started
        if isinstance(program, CompileError):
            return Check(spoken.name, False, f"its example: {program.message}", _REPORT)
        result = sandbox.submit(program.run()).result()
    except SandboxError as error:
        return Check(spoken.name, False, str(error)[:400], _REPORT)
    if result.exit_code != 0 or result.stdout.strip() != b"hello":
        said = result.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        detail = f"its example ended as {result.ended} and printed {result.stdout[:80]!r}"
        return Check(spoken.name, False, "; ".join([detail, *said])[:400], _REPORT)
    times = f"compiled or checked in {compiled_s:.2f} s, run in {result.wall_time_s * 1000:.1f} ms"
    return Check(spoken.name, True, f"{spoken.version()}; {times}")


def _prepared(sandbox: Sandbox, spoken: Language) -> Program | CompileError:
    steps = prepare(spoken, spoken.example)
    try:
        runs = next(steps)
        while True:
            runs = steps.send([sandbox.submit(run).result() for run in runs])
    except StopIteration as stop:
        prepared: Program | CompileError = stop.value
        return prepared
