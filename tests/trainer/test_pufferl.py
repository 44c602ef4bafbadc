"""The trainer as a whole, and each fault of PufferLib's that it must not have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pufferlib.models
import pufferlib.vector
import pytest
import torch

from coding_envs.errors import CodingEnvsError, InvalidValueError
from coding_envs_trainer import snapshot
from coding_envs_trainer.optimizers import learning_rate, make_optimizer
from coding_envs_trainer.policies import Transformer


def train(trainer: Any, updates: int) -> list[dict[str, float]]:
    logs = []
    for _ in range(updates):
        trainer.evaluate()
        log = trainer.train()
        assert log is not None
        logs.append(log)
    return logs


def losses(logs: list[dict[str, float]]) -> list[dict[str, float]]:
    return [
        {k: v for k, v in log.items() if k.startswith(("losses/", "environment/"))} for log in logs
    ]


# --- what is learned ----------------------------------------------------------------------------


def test_it_learns(counter: Any, make: Any) -> None:
    trainer = make(counter(32), batch_size=512, minibatch_size=128, update_epochs=4,
                   learning_rate=0.02, ent_coef=0.0, total_timesteps=40 * 512, gamma=0)  # fmt: skip
    logs = train(trainer, 40)
    assert logs[0]["environment/right"] < 0.45
    assert logs[-1]["environment/right"] > 0.9


def test_the_last_step_of_a_segment_is_learned_from(counter: Any, make: Any) -> None:
    trainer = make(counter(4), batch_size=32)
    trainer.evaluate()
    trainer.learner._importance.fill_(1.0)
    trainer.learner._compute_advantages()
    b, last = trainer.buffer, trainer.learner._advantages[:, -1]
    following = b.values[:, -1] * (1 - b.terminals[:, -1])
    wanted = b.rewards[:, -1] + trainer.config["gamma"] * following - b.values[:, -2]
    assert torch.allclose(last, wanted, atol=1e-6)
    assert last.abs().min() > 0


def test_segments_of_one_step(counter: Any, make: Any) -> None:
    trainer = make(counter(64, length=1, actions=2), bptt_horizon=1, minibatch_size=32,
                   update_epochs=4, learning_rate=0.05, total_timesteps=64 * 40)  # fmt: skip
    logs = train(trainer, 40)
    assert logs[-1]["environment/right"] > 0.9


def test_what_the_policy_has_become_counts_in_the_next_minibatch(counter: Any, make: Any) -> None:
    trainer = make(counter(16), batch_size=128, minibatch_size=64, update_epochs=2,
                   learning_rate=0.03, vtrace_rho_clip=0.9, vtrace_c_clip=0.9)  # fmt: skip
    seen = []
    compute = trainer.learner._compute_advantages

    def note() -> None:
        compute()
        seen.append((trainer.learner._importance.clone(), trainer.learner._advantages.clone()))

    trainer.learner._compute_advantages = note
    train(trainer, 1)
    assert len(seen) == 4
    assert (seen[0][0] == 1).all()
    # The first minibatch has found the policy as it acted, the second one no more.
    assert torch.allclose(seen[1][0], seen[0][0], atol=1e-5)
    changed = ((seen[2][0] - 1).abs() > 1e-4).any(1)
    assert changed.sum() == 8
    assert not torch.allclose(seen[0][1][changed], seen[2][1][changed])
    assert torch.allclose(seen[0][1][~changed], seen[2][1][~changed], atol=1e-5)


def test_gradients_accumulate_to_those_of_one_large_minibatch(
    counter: Any, make: Any, small: Any
) -> None:
    weights = []
    for most in (128, 32):
        env = counter(16)
        policy = small(env)
        trainer = make(env, policy, batch_size=128, minibatch_size=128, max_minibatch_size=most,
                       max_grad_norm=0.0)  # fmt: skip
        train(trainer, 2)
        weights.append(torch.cat([p.detach().flatten() for p in policy.parameters()]))
    assert torch.allclose(*weights, atol=1e-5)


def test_a_kl_that_is_too_large_ends_the_update(counter: Any, make: Any) -> None:
    common = {"batch_size": 128, "minibatch_size": 32, "update_epochs": 8, "learning_rate": 0.3}
    free = train(make(counter(16), **common), 1)[0]
    bounded = train(make(counter(16), **common, target_kl=0.001), 1)[0]
    assert free["losses/minibatches"] == 32
    assert bounded["losses/minibatches"] < 8


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
def test_optimisers(counter: Any, make: Any, optimizer: str) -> None:
    trainer = make(counter(8), optimizer=optimizer)
    before = [p.clone() for p in trainer.policy.parameters()]
    train(trainer, 1)
    changed = [
        not torch.equal(a, b) for a, b in zip(before, trainer.policy.parameters(), strict=True)
    ]
    assert all(changed)


def test_muon_takes_the_matrices_within(counter: Any, small: Any, make: Any) -> None:
    env = counter(4)
    config = make(env).config | {"optimizer": "muon"}
    optimizer = make_optimizer(small(env), config)
    shapes = [tuple(p.shape) for p in optimizer.param_groups[0]["params"]]
    assert shapes == [(16, 10)]


def test_muons_momentum_is_adam_beta1(counter: Any, make: Any) -> None:
    """As the key's meaning says; it was PyTorch's 0.95 whatever was set."""
    matrices, others = make(counter(4), optimizer="muon", adam_beta1=0.5).optimizer.param_groups
    assert matrices["momentum"] == 0.5
    assert others["betas"][0] == 0.5


def test_schedules() -> None:
    at = [0.0, 0.5, 1.0, 1.5]
    assert [learning_rate(2.0, "cosine", p) for p in at] == pytest.approx([2, 1, 0, 0])
    assert [learning_rate(2.0, "linear", p) for p in at] == pytest.approx([2, 1, 0, 0])
    assert [learning_rate(2.0, "constant", p) for p in at] == [2.0] * 4
    with pytest.raises(InvalidValueError, match="lr_schedule must be one of cosine"):
        learning_rate(1.0, "stairs", 0.0)


def test_the_rate_falls_by_the_steps_that_count(counter: Any, make: Any) -> None:
    """It fell by updates: where half of the agents were dead it was 0 for half of the training."""
    trainer = make(counter(4, dead=(0, 1)), total_timesteps=128, lr_schedule="linear")
    rates, progress = [], []
    while trainer.global_step < 128:
        trainer.evaluate()
        progress.append(trainer.progress)
        rates.append(trainer.train()["learning_rate"])
    assert progress == pytest.approx([update / 8 for update in range(8)])
    assert rates == pytest.approx([0.01 * (1 - part) for part in progress])
    trainer.save_checkpoint()
    again = make(counter(4, dead=(0, 1)), total_timesteps=128, resume=str(trainer.run_folder))
    assert again.progress == trainer.progress == 1.0


def test_bf16_and_autocast_is_left(counter: Any, make: Any) -> None:
    trainer = make(counter(8), precision="bfloat16")
    log = train(trainer, 1)[0]
    assert not torch.is_autocast_enabled("cpu")
    assert np.isfinite(log["losses/policy_loss"])
    assert all(p.dtype is torch.float32 for p in trainer.policy.parameters())


def test_bf16_halves_a_transformers_cache(counter: Any, make: Any) -> None:
    trainer = make(env := counter(8), Transformer(env, hidden_size=16), precision="bfloat16")
    assert trainer.collector.states.by_name["kv_cache"].dtype is torch.bfloat16
    assert np.isfinite(train(trainer, 2)[1]["losses/policy_loss"])


# --- the same again ----------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_losses(counter: Any, make: Any, small: Any) -> None:
    runs = [
        losses(train(make(env := counter(8), small(env), update_epochs=2), 5)) for _ in range(2)
    ]
    assert runs[0] == runs[1]
    other = losses(train(make(env := counter(8), small(env), update_epochs=2, seed=2), 5))
    assert other != runs[0]


def _vecenv(counter: Any, **options: Any) -> Any:
    return pufferlib.vector.make(
        lambda **more: counter(8, **options, **more), backend=pufferlib.vector.Serial, num_envs=2
    )


@pytest.mark.parametrize("kind", ["native", "serial"])
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_a_resumed_run_is_the_run(
    counter: Any, make: Any, small: Any, kind: str, optimizer: str, tmp_path: Path
) -> None:
    def start(**more: Any) -> Any:
        env = counter(16) if kind == "native" else _vecenv(counter)
        common = {"update_epochs": 2, "optimizer": optimizer, "checkpoint_interval": 5,
                  "total_timesteps": 10 * 128}  # fmt: skip
        return make(env, small(env, seed=3), **common, **more)

    whole = start()
    ten = train(whole, 10)
    five = start(data_dir=str(tmp_path / "five"))
    first = train(five, 5)
    resumed = start(resume=str(five.run_folder), seed=99)
    torch.rand(5)  # whatever happens in between
    assert (resumed.epoch, resumed.global_step, resumed.exact) == (5, 5 * 128, True)
    resumed = start(resume=str(five.run_folder), seed=99)
    second = train(resumed, 5)
    assert losses(first + second) == losses(ten)
    for name, value in whole.policy.state_dict().items():
        assert torch.equal(value, resumed.policy.state_dict()[name]), name


@pytest.mark.parametrize("kind", ["native", "serial"])
@pytest.mark.parametrize(("updates", "asked"), [(0, 0), (0, 1), (1, 0), (1, 1), (1, 3), (1, 8)])
def test_a_run_that_was_stopped_within_a_rollout_is_the_run(
    counter: Any, make: Any, kind: str, updates: int, asked: int, tmp_path: Path
) -> None:
    """The step that was under way was lost; and PufferLib's Serial refused to go on at all."""

    def start(**more: Any) -> Any:
        return make(counter(16) if kind == "native" else _vecenv(counter), **more)

    whole = start()
    three = train(whole, 3)
    first = start(data_dir=str(tmp_path / "first"))
    logs = train(first, updates)
    calls = iter([False] * asked)
    first.collector.stop = lambda: next(calls, True)
    first.evaluate()
    first.close()
    resumed = start(data_dir=str(tmp_path / "first"), resume=str(first.run_folder))
    assert resumed.exact
    assert losses(logs + train(resumed, 3 - updates)) == losses(three)
    assert resumed.global_step == whole.global_step
    for name, value in whole.policy.state_dict().items():
        assert torch.equal(value, resumed.policy.state_dict()[name]), name


def test_a_run_goes_on_with_other_numbers_of_environments(counter: Any, make: Any) -> None:
    """PufferLib's Serial was left between two steps, and refused the next one."""
    first = make(_vecenv(counter), batch_size=256)
    train(first, 2)
    first.save_checkpoint()
    envs = pufferlib.vector.make(
        lambda **more: counter(4, **more), backend=pufferlib.vector.Serial, num_envs=4
    )
    for vecenv in (envs, _vecenv(counter, length=7)):
        second = make(vecenv, batch_size=256, resume=str(first.run_folder))
        train(second, 1)
        assert second.epoch == 3
    assert envs.envs[0].seeds[-1] != first.config["seed"]


def test_environments_that_cannot_go_on_begin_anew(
    counter: Any, make: Any, monkeypatch: Any
) -> None:
    monkeypatch.delattr(counter, "state_dict")
    first = make(counter(4))
    train(first, 2)
    first.save_checkpoint()
    env = counter(4)
    second = make(env, resume=str(first.run_folder))
    assert (second.epoch, second.exact) == (2, False)
    assert env.seeds not in ([1], [None])
    train(second, 2)
    assert second.epoch == 4


def test_a_run_goes_on_with_a_buffer_of_another_size(counter: Any, make: Any) -> None:
    """It has rows that were begun while verdicts were awaited; there is no room for them here."""
    first = make(counter(4, latency=30), act_ahead=1.0)
    train(first, 2)
    first.save_checkpoint()
    second = make(counter(4, latency=30), resume=str(first.run_folder), act_ahead=0.0)
    assert (second.epoch, second.exact) == (2, False)
    train(second, 2)
    assert second.epoch == 4


def test_other_problems_are_refused(counter: Any, make: Any) -> None:
    first = make(counter(4))
    first.save_checkpoint()
    env = counter(4)
    env.fingerprint = lambda: "others"
    with pytest.raises(CodingEnvsError, match="was trained on other problems"):
        make(env, resume=str(first.run_folder))


def test_another_policy_is_refused(counter: Any, make: Any, small: Any) -> None:
    first = make(counter(4))
    first.save_checkpoint()
    env = counter(4)
    with pytest.raises(CodingEnvsError, match="does not fit this policy"):
        make(env, small(env, hidden_size=8), resume=str(first.run_folder))


@pytest.mark.parametrize("damage", ["missing", "cut", "no-weights"])
def test_a_damaged_checkpoint_is_one_line(counter: Any, make: Any, damage: str) -> None:
    first = make(counter(4))
    weights = Path(first.save_checkpoint())
    state = weights.with_name(snapshot.STATE_FILE)
    if damage == "missing":
        state.unlink()
    elif damage == "cut":
        state.write_bytes(state.read_bytes()[:100])
    else:
        weights.unlink()
    with pytest.raises(CodingEnvsError) as caught:
        make(counter(4), resume=str(first.run_folder))
    assert "\n" not in str(caught.value)
    assert str(first.run_folder) in str(caught.value)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """PyTorch's writer raised a RuntimeError over its own position."""
    code = """
import resource, signal, sys, torch
from pathlib import Path
from coding_envs_trainer import snapshot
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    snapshot.save(Path(sys.argv[1]), {"w": torch.zeros(1_000_000)})
except OSError as error:
    print(error.filename)
"""
    path = tmp_path / "model.pt"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f".model_000001.pt.{gone.pid}"
    busy = tmp_path / ".model_000002.pt.1"  # a process that is there
    written = tmp_path / f".model_000003.pt.{gone.pid}"  # by a process of another machine
    for file in (left, busy, written):
        file.write_bytes(b"half")
    for file in (left, busy):
        os.utime(file, (0, 0))
    saved = tmp_path / "model_000004.pt"
    snapshot.save(saved, {})
    assert sorted(tmp_path.iterdir()) == [busy, written, saved]


KILLED = """
import sys, torch
from pathlib import Path
from coding_envs_trainer import snapshot
folder = Path(sys.argv[1])
print("ready", flush=True)
number = 0
while True:
    number += 1
    weights = {"w": torch.full((400_000,), float(number))}
    snapshot.save(folder / f"model_{number % 3:06d}.{number}.pt", weights)
    state = {"model_name": f"model_{number % 3:06d}.{number}.pt", "number": number}
    snapshot.save(folder / snapshot.STATE_FILE, snapshot.versioned(state))
    for old in folder.glob("model_*.pt"):
        if int(old.name.split(".")[1]) < number - 1:
            old.unlink()
"""


@pytest.mark.parametrize("after_ms", [0, 3, 11, 40, 90])
def test_a_kill_at_any_moment_leaves_a_checkpoint(tmp_path: Path, after_ms: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        while not (tmp_path / snapshot.STATE_FILE).exists():
            assert process.poll() is None
        process.wait(after_ms / 1e3)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    weights, state = snapshot.load(tmp_path)
    assert (weights["w"] == state["number"]).all()


def test_random_numbers_go_on(tmp_path: Path) -> None:
    import random

    state = snapshot.random_state()
    torch.save(state, tmp_path / "random.pt")
    drawn = torch.rand(3), np.random.rand(3), random.random()  # noqa: NPY002
    snapshot.restore_random_state(torch.load(tmp_path / "random.pt", weights_only=True))
    again = torch.rand(3), np.random.rand(3), random.random()  # noqa: NPY002
    assert torch.equal(drawn[0], again[0])
    assert np.array_equal(drawn[1], again[1])
    assert drawn[2] == again[2]


# --- around it ---------------------------------------------------------------------------------


def test_every_update_is_logged(counter: Any, make: Any) -> None:
    trainer = make(counter(4))
    train(trainer, 3)
    lines = [
        json.loads(line) for line in (trainer.run_folder / "log.jsonl").read_text().splitlines()
    ]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["agent_steps"] for line in lines] == [32, 64, 96]
    # Arrays and nested infos have means; what is no number is left out.
    assert 0 < lines[0]["environment/right"] < 1
    assert lines[0]["environment/nested/ended"] == pytest.approx(4 / 5, abs=0.2)
    assert "environment/name" not in lines[0]


def test_fewer_steps_than_a_batch_are_one_update(counter: Any, make: Any) -> None:
    trainer = make(counter(4), total_timesteps=3)
    assert trainer.total_epochs == 1
    train(trainer, 1)
    assert trainer.global_step >= trainer.config["total_timesteps"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"batch_size": "auto", "bptt_horizon": "auto"}, "must not both be auto"),
        ({"batch_size": 24}, "at least agents [*] bptt_horizon = 32.* got 24"),
        ({"batch_size": 33}, "multiple of bptt_horizon 8, got 33"),
        ({"minibatch_size": 20}, "minibatch_size must be a multiple of bptt_horizon 8, got 20"),
        ({"optimizer": "sgd"}, "optimizer must be adam or adamw or muon, got 'sgd'"),
        ({"precision": "float8"}, "precision must be float32 or bfloat16"),
        ({"advantage_normalization": "batch"}, "advantage_normalization must be minibatch or none"),
    ],
)  # fmt: skip
def test_values_that_cannot_be(counter: Any, make: Any, config: Any, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message) as caught:
        train(make(counter(4), **config), 1)
    assert "\n" not in str(caught.value)


def test_importing_changes_no_warnings_and_no_signals() -> None:
    code = (
        "import signal, warnings, sys; before = list(warnings.filters), "
        "signal.getsignal(signal.SIGINT); import coding_envs_trainer.pufferl; "
        "assert signal.getsignal(signal.SIGINT) is before[1]; "
        "assert not any(f[0] == 'error' for f in warnings.filters), warnings.filters; "
        "assert 'pufferlib.pufferl' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_upstreams_recurrent_policy(counter: Any, make: Any) -> None:
    """What it says in rollouts is what it says in training: the ratio of the first pass is 1."""
    env = counter(8)
    policy = pufferlib.models.LSTMWrapper(
        env, pufferlib.models.Default(env, hidden_size=16), input_size=16, hidden_size=16
    )
    trainer = make(env, policy, use_rnn=True, batch_size=128, minibatch_size=128)
    logs = train(trainer, 3)
    for log in logs:
        assert log["losses/importance"] == pytest.approx(1.0, abs=1e-5)
        assert log["losses/approx_kl"] == pytest.approx(0.0, abs=1e-6)


def test_memory_does_not_grow(counter: Any, make: Any) -> None:
    trainer = make(counter(8))
    counts = {id(t) for t in trainer.buffer._tensors()}
    train(trainer, 5)
    assert {id(t) for t in trainer.buffer._tensors()} == counts


def test_the_last_checkpoint_is_copied_where_upstream_puts_it(counter: Any, make: Any) -> None:
    trainer = make(counter(4))
    train(trainer, 1)
    path = Path(trainer.close())
    assert path == Path(trainer.config["data_dir"]) / f"{trainer.logger.run_id}.pt"
    weights = torch.load(path, weights_only=True)
    assert set(weights) == set(trainer.policy.state_dict())
    assert trainer.close() == str(path)


def test_no_warnings(counter: Any, make: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(make(counter(4)), 2)
