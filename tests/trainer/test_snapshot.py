"""Snapshots of environments: what our own says goes through a file that holds no code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coding_envs.envs import CodingPufferEnv
from coding_envs.judge import Judge
from coding_envs.sandbox import Ended, FakeSandbox, RunResult
from coding_envs_trainer import snapshot


def make(verdicts: str, seed: int) -> CodingPufferEnv:
    judge = Judge(sandbox=FakeSandbox(lambda _run: RunResult(Ended.EXITED, exit_code=0)))
    env = CodingPufferEnv(8, judge=judge, verdicts=verdicts, hints=0.5, reward="shaped")
    env.reset(seed)
    return env


@pytest.mark.parametrize("verdicts", ["sync", "deferred"])
def test_an_environment_goes_on_from_a_file(verdicts: str, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(4, size=(40, 8))
    first, second = make(verdicts, 1), make(verdicts, 2)
    for row in rows[:20]:
        first.step(row)
    saved = {"model_name": "model.pt", "environments": snapshot.environment_state(first)}
    snapshot.save(tmp_path / snapshot.STATE_FILE, snapshot.versioned(saved))
    snapshot.save(tmp_path / "model.pt", {})
    _, loaded = snapshot.load(tmp_path)
    assert snapshot.load_environment_state(second, loaded["environments"])
    for row in rows[20:]:
        first.step(row)
        second.step(row)
        for name in ("observations", "rewards", "terminals", "truncations", "masks", "tickets"):
            assert np.array_equal(getattr(first, name), getattr(second, name)), name
        for one, other in zip(first.collect(), second.collect(), strict=True):
            assert np.array_equal(one, other)
