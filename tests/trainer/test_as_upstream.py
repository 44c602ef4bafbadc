"""Upstream's examples with one name changed: `pufferlib.pufferl` for `coding_envs_trainer`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("as_upstream.py")


@pytest.mark.parametrize(("how", "steps"), [("simple", 1024), ("own", 512), ("recurrent", 512)])
def test_upstreams_examples_run(how: str, steps: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "coding_envs_trainer", how],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert f" {steps:,}/" in done.stdout, done.stdout[-2000:]
    (weights,) = (tmp_path / "experiments").glob("*.pt")
    assert torch.load(weights, weights_only=True)
