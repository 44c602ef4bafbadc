"""Two processes that learn together, on the CPU, as torchrun starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from coding_envs_trainer import snapshot
from coding_envs_trainer.distributed import Group

SCRIPT = Path(__file__).with_name("trained_by_two.py")


@pytest.mark.parametrize("target_kl", [0.0, 1e-5])
def test_two_processes_are_one_trainer(tmp_path: Path, target_kl: float) -> None:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *torchrun, str(SCRIPT), str(tmp_path), str(target_kl)],
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = {
        w[1]: w[2:]
        for w in (line.split() for line in done.stdout.splitlines())
        if w[:1] == ["RANK"]
    }
    assert set(ranks) == {"0", "1"}
    one, two = ranks["0"], ranks["1"]
    assert one[0] == two[0], "the same weights"
    assert one[1] == two[1] == str(2 * 128 * 20), "the steps of both"
    assert one[2] == two[2] == "20"
    assert one[3] != two[3], "environments of their own"
    assert one[4:] == two[4:], "the means over both"
    assert float(one[4]) > 0.45
    # One has written, and only one.
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(1, 21))
    _weights, state = snapshot.load(folder)
    assert state["update"] == 20


def test_alone_there_is_nobody_to_ask() -> None:
    group = Group()
    assert (group.rank, group.size, group.writes) == (0, 1, True)
    assert group.means_by_name({"a": 1.0}) == {"a": 1.0}
    assert torch.equal(group.sums(torch.ones(2)), torch.ones(2))
    assert group.any(True, torch.device("cpu"))
    Group.leave()
