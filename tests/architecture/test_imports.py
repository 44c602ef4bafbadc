"""What a bare import may load and do, looked at in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, os, sys
started = []
sys.addaudithook(lambda event, args: started.append(event) if event in FORBIDDEN else None)
import importlib
importlib.import_module(NAME)
children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
threads = len(os.listdir("/proc/self/task"))
print(json.dumps([sorted({m.partition(".")[0] for m in sys.modules}), started, children, threads]))
"""
FORBIDDEN = (
    *("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system"),
    *("socket.connect", "os.mkdir", "os.symlink"),
)
HEAVY = {"torch", "datasets", "pufferlib", "pandas", "pyarrow", "ray", "transformers", "matplotlib"}
LIGHT = ["errors", "plain_data", "problem", "verdict", "sandbox", "sandbox.doctor", "judge"]


def imported(name: str) -> tuple[set[str], list[str], list[str], int]:
    head = f"NAME, FORBIDDEN = {name!r}, {FORBIDDEN!r}\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-B", "-c", head + SCRIPT],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    modules, started, children, threads = json.loads(done.stdout.splitlines()[-1])
    return set(modules), started, children, threads


@pytest.mark.parametrize("name", LIGHT)
def test_importing_is_light_and_has_no_effects(name: str) -> None:
    modules, started, children, _ = imported(f"coding_envs.{name}")
    assert modules & HEAVY == set()
    assert started == []
    assert children == []


def test_the_check_itself_sees_what_it_looks_for() -> None:
    modules, *_ = imported("coding_envs.judge")
    assert {"coding_envs", "json"} <= modules
