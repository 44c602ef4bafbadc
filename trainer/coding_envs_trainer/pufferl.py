"""PuffeRL: the trainer, call-compatible with PufferLib 3.0's class of that name.

    trainer = PuffeRL(config, vecenv, policy)
    while trainer.global_step < config["total_timesteps"]:
        trainer.evaluate()   # collects experience
        trainer.train()      # learns from it
    trainer.close()

`config` holds the keys of the configuration's [train]; see `config.py`. What happens where:
`rollout` collects, `buffer` keeps, `vtrace` computes advantages, `priority` draws segments, `loss`
and `update` learn, `snapshot` writes checkpoints.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from coding_envs.errors import CodingEnvsError, InvalidValueError

from . import snapshot, vtrace
from .buffer import RolloutBuffer, human_bytes, spare_rows
from .config import complete_train
from .dashboard import Dashboard
from .devices import find_device
from .distributed import Group
from .loggers import JsonlLogger, NoLogger
from .optimizers import learning_rate, make_optimizer
from .rollout import AgentStates, Collector, DeferredVerdicts, action_masks
from .timing import Timing
from .tuning import Threads, keep_freed_memory
from .update import Learner, LearnerOptions

__all__ = ["PuffeRL"]

# Steps per pass on a CPU; see benchmarks/trainer.py. Of a recurrent policy more: what it does per
# time step of a segment is then worth its call.
_CPU_CHUNK, _CPU_CHUNK_RECURRENT = 2048, 4096

_TORCH_DTYPES = {
    np.dtype(name): getattr(torch, name)
    for name in (
        *("float64", "float32", "float16", "int64", "int32", "int16", "int8"),
        *("uint64", "uint32", "uint16", "uint8"),
    )
} | {np.dtype(bool): torch.bool}


class PuffeRL:
    """Trains a policy with PPO on any vectorised environment of PufferLib's.

    Args:
      config: the keys of [train], those that are missing with their defaults; and `env`, a name.
        It is kept, with what was `auto` filled in.
      vecenv: has `async_reset, recv, send, close`, `num_agents`, `single_observation_space`, ...
      policy: see `policies`; PufferLib's own do, too.
      logger: has `run_id`, `log(logs, step)` and `close(path)`; None writes a JSONL file.

    Attributes:
      global_step: steps so far that count, of all processes.
      epoch: updates so far.
      total_epochs: updates in all, where every step counts; more where some do not.
      losses: means over the last update.
      stats: what the environments have told since the last log, lists by name.
      exact: after a resume, whether the environments go on from where they were.

    Raises:
      InvalidValueError: a value of the configuration cannot be; says which and what can.
      CodingEnvsError: what shall be resumed is not there or does not fit.
    """

    def __init__(
        self, config: dict[str, Any], vecenv: Any, policy: nn.Module, logger: Any = None
    ) -> None:
        config |= complete_train(config)
        config.setdefault("env", "")
        self.config, self.vecenv, self.uncompiled_policy = config, vecenv, policy
        self.group = Group()
        self.device = find_device(config["device"])
        config["device"] = str(self.device)
        deferred = bool(DeferredVerdicts(vecenv))
        on_cpu = self.device.type == "cpu"
        self.threads = Threads(config["torch_threads"], beside_a_sandbox=deferred and on_cpu)
        if on_cpu and config["keep_memory"]:
            keep_freed_memory()
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.deterministic = bool(config["torch_deterministic"])
        torch.backends.cudnn.benchmark = not config["torch_deterministic"]
        self._seed_everything()
        self.policy = policy
        self.timing = self.profile = Timing()
        if logger is None and self.group.writes:
            logger = JsonlLogger(config["data_dir"], name=config["env"], config=config)
        self.logger = logger if logger is not None else NoLogger()
        self.group.share_weights(policy)
        segments, horizon = self._shape_batch()
        with self._autocast():  # in whose type a policy may remember
            states = AgentStates(policy, vecenv.num_agents, self.device)
        space, actions = vecenv.single_observation_space, vecenv.single_action_space
        batch = getattr(vecenv, "agents_per_batch", vecenv.num_agents)
        spare = spare_rows(
            agents=vecenv.num_agents,
            batch=batch,
            segments=segments,
            deferred=deferred,
            act_ahead=config["act_ahead"],
        )
        masks = action_masks(vecenv)
        try:
            self.buffer = RolloutBuffer(
                agents=vecenv.num_agents,
                segments=segments,
                horizon=horizon,
                spare=spare,
                observation_shape=space.shape,
                observation_dtype=_torch_dtype("observation", space.dtype),
                action_shape=actions.shape,
                action_dtype=_torch_dtype("action", actions.dtype),
                device=self.device,
                cpu_offload=bool(config["cpu_offload"]),
                actions_allowed=0 if masks is None else masks.shape[-1],
                initial_state=states.one(),
            )
        except (RuntimeError, MemoryError) as error:
            reason = (str(error).strip().splitlines() or ["no memory"])[0]
            raise CodingEnvsError(
                f"{segments + spare} rows of {horizon} steps do not fit into the memory of "
                f"{self.device}: {reason[:200]}; lower train.batch_size"
            ) from None
        forward: Callable[..., Any] = policy.forward
        forward_eval: Callable[..., Any] = policy.forward_eval  # type: ignore[assignment]
        if config["compile"]:
            how = {"mode": config["compile_mode"], "fullgraph": config["compile_fullgraph"]}
            forward = torch.compile(forward, **how)
            forward_eval = torch.compile(forward_eval, **how)
        self.optimizer = make_optimizer(policy, config)
        sequences = bool(config.get("use_rnn")) or bool(states)
        self.collector = Collector(
            vecenv,
            policy,
            self.buffer,
            states,
            timing=self.timing,
            autocast=self._autocast,
            gamma=config["gamma"],
            reward_clip=config["reward_clip"],
            act_ahead=config["act_ahead"],
            on_infos=self._take_infos,
        )
        self.collector.forward_eval = forward_eval
        self.learner = Learner(
            policy,
            forward,
            self.optimizer,
            self.buffer,
            self._learner_options(segments, horizon, sequences),
            sequences=sequences,
            upstream_state=states.upstream,
            segment_state=states.at_segment,
            timing=self.timing,
            autocast=self._autocast,
            group=self.group,
        )
        per_epoch = config["batch_size"] * self.group.size
        self.total_epochs = max(1, -(-int(config["total_timesteps"]) // per_epoch))
        self.epoch = self.global_step = 0
        self._counted = 0  # of the collector's steps
        self._learned_step = 0  # global_step when the last update was over
        self.losses: dict[str, float] = {}
        self.stats: dict[str, list[float]] = defaultdict(list)
        self.last_stats: dict[str, float] = {}
        self.model_size = sum(p.numel() for p in policy.parameters() if p.requires_grad)
        self.message = (
            f"buffer: {self.buffer.rows} x {horizon} steps, {human_bytes(self.buffer.nbytes)}; "
            f"advantages: {vtrace.path()}"
        )
        self.exact = True
        self._uptime_before = 0.0
        self._closed = False
        self._unlearned = False  # True: the last call was an `evaluate` that came to its end
        self.start_time = self._logged_at = time.time()
        self._logged_step = 0
        if config["resume"]:
            self._resume(config["resume"])
        else:
            vecenv.async_reset(config["seed"] + self.group.rank)
        self.dashboard = Dashboard(self) if self.group.writes else None
        self.print_dashboard(clear=True)

    # --- setting up ------------------------------------------------------------------------------

    def _seed_everything(self) -> None:
        seed = int(self.config["seed"]) + self.group.rank
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 -- environments may use it
        torch.manual_seed(seed)

    def _shape_batch(self) -> tuple[int, int]:
        """Fills in the sizes that are `auto`; returns segments and horizon."""
        config, agents = self.config, int(self.vecenv.num_agents)
        batch, horizon = config["batch_size"], config["bptt_horizon"]
        if batch == "auto" and horizon == "auto":
            raise InvalidValueError("batch_size and bptt_horizon must not both be auto; set one")
        if batch == "auto":
            batch = agents * horizon
        elif horizon == "auto":
            horizon = max(1, batch // agents)
        if batch % horizon:
            raise InvalidValueError(
                f"batch_size must be a multiple of bptt_horizon {horizon}, got {batch}"
            )
        segments = batch // horizon
        if segments < agents:
            raise InvalidValueError(
                f"batch_size must be at least agents * bptt_horizon = {agents * horizon}, so that "
                f"each of the {agents} agents fills a segment, got {batch}"
            )
        minibatch = min(config["minibatch_size"], batch)  # a small batch is one minibatch
        if minibatch % horizon:
            raise InvalidValueError(
                f"minibatch_size must be a multiple of bptt_horizon {horizon}, got {minibatch}"
            )
        config |= {"batch_size": batch, "bptt_horizon": horizon, "minibatch_size": minibatch}
        return segments, horizon

    def _learner_options(self, segments: int, horizon: int, sequences: bool) -> LearnerOptions:
        config = self.config
        size = config["minibatch_size"]
        minibatches = max(1, int(config["update_epochs"] * segments * horizon / size))
        chunk = config["chunk_size"]
        if chunk == 0:
            # What passes through the layers stays in a processor's caches: a fifth faster.
            on_cpu = _CPU_CHUNK_RECURRENT if sequences else _CPU_CHUNK
            chunk = on_cpu if self.device.type == "cpu" else size
        chunk = min(chunk, config["max_minibatch_size"], size)
        names = (
            *("gamma", "gae_lambda", "vtrace_rho_clip", "vtrace_c_clip", "prio_alpha"),
            *("prio_beta0", "clip_coef", "vf_coef", "vf_clip_coef", "ent_coef", "max_grad_norm"),
            *("target_kl", "vtrace_backend"),
        )
        return LearnerOptions(
            **{name: config[name] for name in names},
            normalize=config["advantage_normalization"] == "minibatch",
            minibatches=minibatches,
            minibatch_segments=size // horizon,
            chunk_segments=max(1, chunk // horizon),
        )

    def _autocast(self) -> AbstractContextManager[Any]:
        reduced = self.config["precision"] == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=reduced)

    # --- the two halves of a step ----------------------------------------------------------------

    @property
    def uptime(self) -> float:
        """Seconds of training, those before a resume included."""
        seconds: float = self._uptime_before + time.time() - self.start_time
        return seconds

    @property
    def sps(self) -> float:
        """Steps per second since the last log, of all processes."""
        steps = self.global_step - self._logged_step
        return float(steps / max(time.time() - self._logged_at, 1e-9))

    @property
    def progress(self) -> float:
        """The part of the training that is over, in [0, 1], by steps that count, as its end is."""
        steps = self.total_epochs * self.config["batch_size"] * self.group.size
        return float(min(self._learned_step / steps, 1.0))

    def evaluate(self) -> dict[str, list[float]]:
        """Collects experience until an update has enough; returns what the environments told.

        It returns early, with less, where `collector.stop` says so: nothing is lost, and the next
        call goes on. Called again without `train`, it gives up what it has collected for new
        experience: so statistics can be gathered, as PufferLib does at the end of a training.
        """
        if self._unlearned:
            self.buffer.release()
        self.threads.act()
        with self.timing("evaluate"):
            self.collector.collect()
        self._count_steps()
        self._unlearned = self.buffer.complete >= self.buffer.segments
        return self.stats

    def _count_steps(self) -> None:
        """Counts what the collector has counted since the last time, in all processes."""
        steps = self.collector.steps - self._counted
        self._counted = self.collector.steps
        if self.group.size > 1:
            steps = int(self.group.sums(torch.tensor(steps, device=self.device)).item())
        self.global_step += steps

    def train(self) -> dict[str, float] | None:
        """Learns from what was collected; returns the log of the update.

        Returns None where `evaluate` was stopped early and there is too little to learn from.
        """
        if self.buffer.complete < self.buffer.segments:
            return None
        self.threads.learn()
        with self.timing("train"):
            rate = self.config["learning_rate"]
            if self.config["anneal_lr"]:
                rate = learning_rate(rate, self.config["lr_schedule"], self.progress)
            self.optimizer.set_learning_rate(rate)
            with self.timing("train_copy"):
                self.buffer.arrange()
            self.losses = self.learner.update(self.progress)
            self.buffer.release()
        self._unlearned = False
        self.epoch += 1
        self._learned_step = self.global_step
        logs = self.mean_and_log()
        done = self.global_step >= self.config["total_timesteps"]
        interval = self.config["checkpoint_interval"]
        if done or (interval and self.epoch % interval == 0):
            self.message = f"checkpoint: {self.save_checkpoint()}"
        self.print_dashboard()
        return logs

    def _take_infos(self, infos: list[Any]) -> None:
        for info in infos:
            for name, value in _unrolled(info):
                try:
                    numbers = np.asarray(value, np.float64).ravel()
                except (TypeError, ValueError):
                    continue  # a text, an object: nothing that has a mean
                self.stats[name].extend(numbers.tolist())

    # --- what others see -------------------------------------------------------------------------

    def mean_and_log(self) -> dict[str, float]:
        """Logs means over all since the last log, and returns them; one process writes."""
        means = {name: float(np.mean(values)) for name, values in self.stats.items() if values}
        means = self.group.means_by_name(means)
        logs = {
            "SPS": self.sps,
            "agent_steps": float(self.global_step),
            "uptime": self.uptime,
            "epoch": float(self.epoch),
            "learning_rate": float(self.optimizer.param_groups[0]["lr"]),
            **{f"environment/{name}": value for name, value in means.items()},
            **{f"losses/{name}": value for name, value in self.losses.items()},
            **{f"performance/{name}": value for name, value in self.timing.seconds.items()},
        }
        if self.group.writes:
            self.logger.log(logs, self.global_step)
        self.last_stats = means or self.last_stats
        self.stats = defaultdict(list)
        self._logged_at, self._logged_step = time.time(), self.global_step
        self.timing.clear()
        return logs

    def print_dashboard(self, clear: bool = False) -> None:
        """Shows how the training goes, at most every so often; `clear` shows it at once."""
        if self.dashboard is not None:
            self.dashboard.show(clear=clear)

    # --- checkpoints -----------------------------------------------------------------------------

    @property
    def run_folder(self) -> Path:
        """Where this run's files are."""
        return Path(self.config["data_dir"]) / str(self.logger.run_id)

    def save_checkpoint(self) -> str:
        """Writes the policy's weights and all that a resume goes on from; returns their path."""
        path = self.run_folder / f"model_{self.epoch:06d}.pt"
        # Of several processes each has its own environments: they begin anew. So they do where a
        # step has failed: there is no batch to go on from.
        exact = self.group.size == 1 and snapshot.can_go_on(self.vecenv) and self.collector.hold()
        if self.collector.deferred:
            self.collector.settle()
        environments = snapshot.environment_state(self.vecenv) if exact else None
        if self.group.size == 1:  # else at the next evaluate: not all may be here
            self._count_steps()
        if not self.group.writes:
            return str(path)
        state = {
            "model_name": path.name,
            "run_id": str(self.logger.run_id),
            "update": self.epoch,
            "global_step": self.global_step,
            "agent_step": self.global_step,
            "learned_step": self._learned_step,
            "uptime": self.uptime,
            "optimizer_state_dict": self.optimizer.state_dict(),
            "random": snapshot.random_state(),
            "config": _plain(self.config),
            "fingerprint": _fingerprint(self.vecenv),
            "collector": self.collector.state_dict(),
            "buffer": self.buffer.state_dict(),
            "environments": environments,
            "stats": {name: list(values) for name, values in self.stats.items()},
        }
        snapshot.save(path, self.uncompiled_policy.state_dict())
        snapshot.save(path.with_name(snapshot.STATE_FILE), snapshot.versioned(state))
        return str(path)

    def _resume(self, folder: str) -> None:
        weights, state = snapshot.load(folder)
        fingerprint = _fingerprint(self.vecenv)
        if state["fingerprint"] != fingerprint:
            raise CodingEnvsError(
                f"{folder} was trained on other problems or another tokenizer (fingerprint "
                f"{state['fingerprint']!r}, here {fingerprint!r}): resume with the same [env]"
            )
        try:
            self.uncompiled_policy.load_state_dict(weights)
            self.optimizer.load_state_dict(state["optimizer_state_dict"])
        except (RuntimeError, ValueError, KeyError) as error:
            reason = str(error).strip().splitlines()[0]
            raise CodingEnvsError(
                f"{folder} does not fit this policy and optimiser: {reason[:200]}; "
                "resume with the same [policy] and [train]"
            ) from None
        self.epoch, self.global_step = state["update"], state["global_step"]
        self._learned_step = state["learned_step"]
        self._uptime_before = state["uptime"]
        self._logged_step = self.global_step
        self.stats.update({name: list(values) for name, values in state["stats"].items()})
        saved, collector = state["environments"], state["collector"]
        sizes = ("batch_size", "bptt_horizon", "act_ahead")  # of the buffer
        same = all(self.config[key] == state["config"].get(key) for key in sizes)
        self.exact = bool(saved) and collector["held"] is not None and same
        if self.exact:
            self.vecenv.async_reset(self.config["seed"])
            self.vecenv.recv()  # the batch that it begins with is the one that was held
            self.exact = snapshot.load_environment_state(self.vecenv, saved)
        if self.exact:
            self.buffer.load_state_dict(state["buffer"])
        else:
            # Other seeds than those that the environments have already seen.
            seed = self.config["seed"] + self.group.rank + 1_000_003 * self.epoch
            self.vecenv.async_reset(seed)
            self.message = "resumed; the environments begin anew"
        self.collector.load_state_dict(collector, exact=self.exact)
        self._counted = self.collector.steps
        snapshot.restore_random_state(state["random"])

    def close(self) -> str:
        """Ends the environments, writes a last checkpoint; returns the path of the weights."""
        path = Path(self.config["data_dir"]) / f"{self.logger.run_id}.pt"
        if self._closed:
            return str(path)
        self._closed = True
        try:
            self.save_checkpoint()
        finally:
            self.threads.restore()
            self.vecenv.close()
            if self.dashboard is not None:
                self.dashboard.close()
        if self.group.writes:
            snapshot.save(path, self.uncompiled_policy.state_dict())
        return str(path)


def _torch_dtype(what: str, dtype: Any) -> torch.dtype:
    try:
        found: torch.dtype = _TORCH_DTYPES[np.dtype(dtype)]
        return found
    except KeyError:
        raise InvalidValueError(f"the {what} space's dtype {dtype} has none in PyTorch") from None


def _fingerprint(vecenv: Any) -> str:
    """Returns what says on which problems it is trained, where the environment has such."""
    driver = getattr(vecenv, "driver_env", vecenv)
    fingerprint = getattr(driver, "fingerprint", None)
    return str(fingerprint()) if callable(fingerprint) else ""


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    kinds = (str, int, float, bool, type(None))
    return {key: value if isinstance(value, kinds) else str(value) for key, value in config.items()}


def _unrolled(info: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Returns the values of nested dictionaries, named by their paths."""
    if not isinstance(info, Mapping):
        return []
    found: list[tuple[str, Any]] = []
    for key, value in info.items():
        name = f"{prefix}{key}"
        found += _unrolled(value, f"{name}/") if isinstance(value, Mapping) else [(name, value)]
    return found
