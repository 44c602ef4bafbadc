"""train, eval, export and profile, as PufferLib's functions of these names."""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from coding_envs.errors import InvalidValueError

from .config import load_config
from .dashboard import stats_first
from .distributed import Group
from .interrupt import Interrupt, Interrupted
from .loading import find_weights, load_env, load_policy
from .loggers import Logger, NoLogger, make_logger, numbers
from .pufferl import PuffeRL

__all__ = ["Interrupted", "eval", "export", "profile", "train"]

_WARM_UP = 2  # updates before a profile begins


def train(
    env_name: str,
    args: dict[str, Any] | None = None,
    vecenv: Any = None,
    policy: nn.Module | None = None,
    logger: Logger | None = None,
) -> list[dict[str, float]]:
    """Trains until `total_timesteps`; returns the logs.

    Args:
      env_name: as for load_config.
      args: what load_config returned; default: its result for the process's own flags.
      vecenv: the environments; default: what `args` say, and so for the next two.
      policy: what learns.
      logger: is told the logs.

    Raises:
      Interrupted: a signal came; the checkpoint is written, everything is closed.
    """
    args = load_config(env_name) if args is None else args
    config = args["train"]
    with Interrupt() as interrupt:
        group = Group.join(config["device"])
        if group.size > 1 and config["device"] == "cuda":
            config["device"] = f"cuda:{os.environ['LOCAL_RANK']}"
        logs: list[dict[str, float]] = []
        try:
            with interrupt.at_once("stopped before the training began"):
                trainer = _trainer(env_name, args, vecenv, policy, logger)
            trainer.collector.stop = lambda: bool(interrupt)
            try:
                while trainer.global_step < config["total_timesteps"]:
                    trainer.evaluate()
                    # All processes end at the same update, whichever the signal has reached.
                    if group.any(bool(interrupt), trainer.device):
                        break
                    log = trainer.train()
                    if log is not None:
                        logs.append(log)
            finally:
                trainer.logger.close(trainer.close())
        finally:
            group.leave()
    if interrupt:
        message = "stopped"
        if trainer.group.writes:  # the others' folders are nowhere
            message += f"; go on with --train.resume {trainer.run_folder}"
        raise Interrupted(interrupt.exit_code, message)
    return logs


def _trainer(
    env_name: str,
    args: Mapping[str, Any],
    vecenv: Any,
    policy: nn.Module | None,
    logger: Logger | None,
) -> PuffeRL:
    """Returns the trainer; where it cannot be made, the environments are closed."""
    vecenv = load_env(env_name, args) if vecenv is None else vecenv
    try:
        policy = load_policy(args, vecenv) if policy is None else policy
        logger = make_logger(args) if logger is None else logger
        config = args["train"] | {"env": env_name, "tag": args.get("tag")}
        return PuffeRL(config, vecenv, policy, logger)
    except BaseException:
        vecenv.close()
        raise


def eval(  # noqa: A001 -- PufferLib's name
    env_name: str,
    args: dict[str, Any] | None = None,
    vecenv: Any = None,
    policy: nn.Module | None = None,
) -> dict[str, float]:
    """Plays `episodes` episodes without learning; returns the means of what they tell.

    One environment is played, in this process; its training aids (`hints`) are off. Actions are
    drawn from the policy, as in training.

    Args:
      env_name: as for load_config.
      args: what load_config returned; default: its result for the process's own flags.
      vecenv: the environments, which must run in this process; default: what `args` say.
      policy: what plays; default: what `args` say.
    """
    args = load_config(env_name) if args is None else args
    args = args | {"vec": {"backend": "Serial", "num_envs": 1}}
    aids = {"hints": 0.0, "report_interval": 1}  # each step's episodes are reported by themselves
    args["env"] = args["env"] | {name: aids[name] for name in aids if name in args["env"]}
    still = {"minibatch_size": sys.maxsize, "max_minibatch_size": sys.maxsize, "resume": ""}
    still |= {"batch_size": "auto", "bptt_horizon": 1, "dashboard": "none", "compile": False}
    with Interrupt() as interrupt:
        trainer = _trainer(
            env_name, args | {"train": args["train"] | still}, vecenv, policy, NoLogger()
        )
        tally = _Tally(trainer.vecenv.recv, _Show(args, trainer.vecenv))
        trainer.vecenv.recv = tally.recv
        trainer.collector.stop = lambda: bool(interrupt) or tally.episodes >= args["episodes"]
        try:
            trainer.policy.eval()
            while not trainer.collector.stop():
                trainer.evaluate()
                trainer.buffer.release()  # nothing is learned from it
            tally.show.write()
        finally:
            trainer.vecenv.close()
    if interrupt:
        raise Interrupted(interrupt.exit_code, "evaluation stopped")
    means = tally.means()
    return {"episodes": float(tally.episodes), **{name: means[name] for name in stats_first(means)}}


class _Tally:
    """Counts episodes at a vecenv's `recv`, and weighs what is told by those that it is of.

    Attributes:
      episodes: that have ended so far.
      show: shows the environment after each step.
    """

    def __init__(self, recv: Callable[[], Any], show: _Show) -> None:
        self.episodes = 0
        self.show = show
        self._recv = recv
        self._told = 0  # episodes that the last infos came after
        self._sums: dict[str, float] = {}
        self._weights: dict[str, float] = {}

    def recv(self) -> Any:
        """Returns what the vecenv returns."""
        result = self._recv()
        _, _, terminals, truncations, infos, _, masks = result
        ended = np.asarray(terminals).astype(bool) | np.asarray(truncations).astype(bool)
        self.episodes += int((ended & np.asarray(masks).astype(bool)).sum())
        told = [info for info in infos if isinstance(info, Mapping) and info]
        if told:
            weight = (self.episodes - self._told) / len(told)
            self._told = self.episodes
            for info in told:
                for name, number in numbers(info).items():
                    self._sums[name] = self._sums.get(name, 0.0) + weight * number
                    self._weights[name] = self._weights.get(name, 0.0) + weight
        self.show()
        return result

    def means(self) -> dict[str, float]:
        """Returns each statistic's mean over the episodes."""
        return {n: self._sums[n] / weight for n, weight in self._weights.items() if weight}


class _Show:
    """Shows an environment as `render_mode` says, and keeps frames for a GIF."""

    def __init__(self, args: Mapping[str, Any], vecenv: Any) -> None:
        self._env = vecenv.driver_env
        self._mode, self._pause_s = args["render_mode"], 1 / args["fps"]
        self._wanted, self._path = args["save_frames"], args["gif_path"]
        self._frames: list[Any] = []

    def __call__(self) -> None:
        """Shows what there is to see now."""
        if self._mode == "None" and len(self._frames) >= self._wanted:
            return
        picture = self._env.render()
        if isinstance(picture, np.ndarray) and len(self._frames) < self._wanted:
            self._frames.append(picture)
        if self._mode == "None":
            return
        if isinstance(picture, str):
            print(picture, flush=True)
        time.sleep(self._pause_s)

    def write(self) -> None:
        """Writes the frames that were kept, if any."""
        if self._frames:
            import imageio

            imageio.mimsave(self._path, self._frames, fps=round(1 / self._pause_s), loop=0)


def export(
    env_name: str,
    args: dict[str, Any] | None = None,
    vecenv: Any = None,
    policy: nn.Module | None = None,
) -> Path:
    """Writes a policy's weights for other programs to read; returns the path.

    `out` ends in .safetensors or .npz; beside it is a manifest, `<out>.json`: environment, policy,
    and each tensor's shape and dtype, in the policy's order.

    Args:
      env_name: as for load_config.
      args: what load_config returned; default: its result for the process's own flags.
      vecenv: what the policy is made for; default: what `args` say.
      policy: what to export; default: what `args` say, which must name weights then.

    Raises:
      InvalidValueError: no weights are named, or `out` is of neither kind.
    """
    args = load_config(env_name) if args is None else args
    out = Path(args["out"] or f"{env_name.replace(':', '-').replace('/', '-')}.safetensors")
    if out.suffix not in (".safetensors", ".npz"):
        raise InvalidValueError(f"--out must end in .safetensors or .npz, got {str(out)!r}")
    if policy is None:
        if args["load_id"] is None and find_weights(args) is None:
            raise InvalidValueError(
                "say which weights: --load-model-path FILE.pt, or latest for the last in data_dir"
            )
        own = load_env(env_name, args) if vecenv is None else vecenv
        try:
            policy = load_policy(args, own)
        finally:
            if vecenv is None:
                own.close()
    weights = {n: w.detach().cpu().contiguous() for n, w in policy.state_dict().items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".npz":
        # NumPy has no bfloat16; every one of its values is a float32.
        plain = {n: w.float() if w.dtype == torch.bfloat16 else w for n, w in weights.items()}
        with out.open("wb") as file:
            np.savez(file, **{name: tensor.numpy() for name, tensor in plain.items()})
    else:
        out.write_bytes(_safetensors(weights))
    manifest = {
        "environment": env_name,
        "policy": type(policy).__name__,
        "settings": {section: args[section] for section in ("policy", "rnn")},
        "tensors": {
            name: {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}
            for name, tensor in weights.items()
        },
    }
    text = json.dumps(manifest, indent=1, default=str) + "\n"
    out.with_name(out.name + ".json").write_text(text, encoding="utf-8")
    return out


_SAFETENSORS_DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def _safetensors(weights: Mapping[str, torch.Tensor]) -> bytes:
    """Returns a file of tensors.

    Source: the format as the README of safetensors describes it: the header's length as 8 bytes,
    the header as JSON, then the tensors' bytes.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    parts: list[bytes] = []
    at = 0
    for name, tensor in weights.items():
        data = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": _SAFETENSORS_DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(data)],
        }
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors are aligned
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def profile(
    env_name: str,
    args: dict[str, Any] | None = None,
    vecenv: Any = None,
    policy: nn.Module | None = None,
) -> dict[str, float]:
    """Runs `updates` updates and returns where the seconds went, by the names of Timing.

    Two updates before them are not counted. With `torch_profiler`, PyTorch's profiler looks at as
    many updates again: its table is printed, and `out` (trace.json) gets its trace.

    Args:
      env_name: as for load_config.
      args: what load_config returned; default: its result for the process's own flags.
      vecenv: the environments; default: what `args` say.
      policy: what learns; default: what `args` say.
    """
    args = load_config(env_name) if args is None else args
    quiet = {"dashboard": "none", "resume": "", "total_timesteps": sys.maxsize}
    args = args | {"train": args["train"] | quiet | {"checkpoint_interval": 0}}
    with Interrupt() as interrupt:
        trainer = _trainer(env_name, args, vecenv, policy, NoLogger())
        trainer.collector.stop = lambda: bool(interrupt)
        try:
            _update(trainer, _WARM_UP)
            before, steps = dict(trainer.timing.total_seconds), trainer.global_step
            started = time.perf_counter()
            _update(trainer, args["updates"])
            wall = time.perf_counter() - started
            seconds = {
                name: total - before.get(name, 0.0)
                for name, total in trainer.timing.total_seconds.items()
            }
            seconds |= {"wall": wall, "steps": float(trainer.global_step - steps)}
            if args["torch_profiler"] and not interrupt:
                _look_closer(trainer, args)
        finally:
            trainer.vecenv.close()
    if interrupt:
        raise Interrupted(interrupt.exit_code, "profile stopped")
    return seconds


def _update(trainer: PuffeRL, updates: int) -> None:
    for _ in range(updates):
        trainer.evaluate()
        trainer.train()


def _look_closer(trainer: PuffeRL, args: Mapping[str, Any]) -> None:
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as look

    activities = [ProfilerActivity.CPU]
    order = "self_cpu_time_total"
    if trainer.device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
        order = "self_cuda_time_total"
    with look(activities=activities) as found:
        _update(trainer, args["updates"])
    print(found.key_averages().table(sort_by=order, row_limit=15))
    found.export_chrome_trace(args["out"] or "trace.json")
