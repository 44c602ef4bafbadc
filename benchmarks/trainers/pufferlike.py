"""PufferLib's own PuffeRL, and ours: called alike."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from typing import Any

from .settings import HEADS, LAYERS, SIZE, Case, Reread, make_env, make_net

__all__ = ["Ours", "Upstream"]


def _config(case: Case, folder: str) -> dict[str, Any]:
    return {
        "env": "mock", "name": "", "project": "", "seed": 0, "torch_deterministic": True,
        "cpu_offload": False, "device": "cpu", "optimizer": "adam", "anneal_lr": False,
        "precision": "float32", "total_timesteps": 10**9, "learning_rate": 1e-3, "gamma": 0.99,
        "gae_lambda": 0.95, "update_epochs": 1, "clip_coef": 0.2, "vf_coef": 0.5,
        "vf_clip_coef": 0.2, "max_grad_norm": 0.5, "ent_coef": 0.01, "adam_beta1": 0.9,
        "adam_beta2": 0.999, "adam_eps": 1e-5, "data_dir": folder, "checkpoint_interval": 10**9,
        "batch_size": case.batch, "minibatch_size": min(case.minibatch, case.batch),
        "max_minibatch_size": 32768, "bptt_horizon": case.horizon, "compile": False,
        "compile_mode": "default", "compile_fullgraph": False, "vtrace_rho_clip": 1.0,
        "vtrace_c_clip": 1.0, "prio_alpha": 0.8, "prio_beta0": 0.2,
        "use_rnn": case.policy == "lstm",
    }  # fmt: skip


class _Trained:
    """`update()` is one evaluate() and one train()."""

    trainer: Any

    def update(self) -> tuple[int, float]:
        before, started = self.trainer.global_step, time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            self.trainer.evaluate()
            self.trainer.train()
        return self.trainer.global_step - before, time.perf_counter() - started


class Upstream(_Trained):
    """PufferLib 3.0's.

    Args:
      case: what is measured.
      workers: executions that go on at one time; 0 for any number.
    """

    def __init__(self, case: Case, workers: int = 0) -> None:
        from pufferlib import pufferl
        from pufferlib.models import LSTMWrapper

        env = make_env(case, workers=workers)
        policy: Any = make_net(case, env)
        if case.policy == "lstm":
            policy = LSTMWrapper(env, policy, policy.hidden_size, policy.hidden_size)
        with contextlib.redirect_stdout(io.StringIO()):
            self.trainer = pufferl.PuffeRL(_config(case, tempfile.mkdtemp()), env, policy)


class Ours(_Trained):
    """coding_envs_trainer's.

    Args:
      case: what is measured.
      own: True takes our recurrent policies instead of PufferLib's.
    """

    def __init__(self, case: Case, own: bool = False) -> None:
        from coding_envs_trainer.loggers import NoLogger
        from coding_envs_trainer.pufferl import PuffeRL

        env = make_env(case, "deferred" if case.latency_ms else "sync")
        policy: Any
        if case.policy == "transformer":
            policy = self._transformer(case, env, own)
        else:
            policy = make_net(case, env)
            if case.policy == "lstm" and own:
                from coding_envs_trainer.policies import LSTM

                policy = LSTM(env, policy=policy, hidden_size=policy.hidden_size)
            elif case.policy == "lstm":
                from pufferlib.models import LSTMWrapper

                policy = LSTMWrapper(env, policy, policy.hidden_size, policy.hidden_size)
        config = _config(case, tempfile.mkdtemp()) | {"no_dashboard": True}
        config["use_rnn"] = case.policy == "lstm"
        config["act_ahead"] = 1 / 8 if case.latency_ms > 20 else 0.0
        self.trainer = PuffeRL(config, env, policy, NoLogger())

    @staticmethod
    def _transformer(case: Case, env: Any, own: bool) -> Any:
        if not own:
            return Reread(env)
        from coding_envs_trainer.policies import TokenSteps, Transformer

        body = TokenSteps(env, hidden_size=SIZE)
        return Transformer(env, policy=body, layers=LAYERS, heads=HEADS, horizon=case.horizon)
