"""Threads by phase, and memory that stays with the process."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch

from coding_envs_trainer.tuning import Threads


@pytest.fixture(autouse=True)
def threads_as_before() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_threads_beside_a_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    torch.set_num_threads(6)
    threads = Threads(0, beside_a_sandbox=True)
    assert torch.get_num_threads() == 6
    threads.act()
    assert torch.get_num_threads() == 4
    threads.learn()
    assert torch.get_num_threads() == 6
    torch.set_num_threads(3)
    threads.restore()
    assert torch.get_num_threads() == 6


@pytest.mark.parametrize(("asked", "beside"), [(3, True), (3, False), (0, False)])
def test_threads_that_are_the_same_in_both_phases(asked: int, beside: bool) -> None:
    torch.set_num_threads(2)
    threads = Threads(asked, beside_a_sandbox=beside)
    for phase in (threads.act, threads.learn):
        phase()
        assert torch.get_num_threads() == (asked or 2)


def test_no_more_threads_than_pytorch_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    torch.set_num_threads(1)
    assert Threads(0, beside_a_sandbox=True).acting == 1


def test_a_trainer_sets_them_and_puts_them_back(counter: Any, make: Any) -> None:
    torch.set_num_threads(2)
    trainer = make(counter(4, latency=1), torch_threads=1)
    trainer.evaluate()
    assert torch.get_num_threads() == 1
    trainer.train()
    trainer.close()
    assert torch.get_num_threads() == 2


@pytest.mark.skipif("gnu" not in sys.implementation._multiarch, reason="another C library")
def test_memory_stays() -> None:
    """Blocks of 4 to 24 MiB, as an update takes and gives them: few pages are new."""
    done = subprocess.run(
        [
            sys.executable, "-c",
            "import resource, torch\n"
            "from coding_envs_trainer.tuning import keep_freed_memory\n"
            "assert keep_freed_memory()\n"
            "def update():\n"
            "    held = [torch.ones(n << 18) for n in (4, 24, 8, 16, 24)]\n"
            "def faults():\n"
            "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
            "update(); update(); update(); before = faults()\n"
            "for _ in range(10): update()\n"
            "print(faults() - before)",
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) < 20_000, done.stdout  # of 195,000 that are touched
