"""Where a run's numbers go: always to a JSONL file, to TensorBoard, W&B or Neptune if asked to.

A logger has `run_id`, `log(logs, step)` and `close(model_path)`, as PufferLib's have.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from coding_envs.errors import CodingEnvsError

__all__ = [
    "JsonlLogger",
    "Logger",
    "Loggers",
    "NeptuneLogger",
    "NoLogger",
    "TensorboardLogger",
    "WandbLogger",
    "download_model",
    "make_logger",
    "mean",
    "new_run_id",
    "numbers",
    "read_log",
]

LOG_NAME = "log.jsonl"


class Logger(Protocol):
    """What PuffeRL asks of a logger.

    Attributes:
      run_id: names the run's folder in data_dir.
    """

    run_id: str

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """Takes one log, after `step` steps of agents."""

    def close(self, model_path: str | None) -> None:
        """Ends the run; `model_path` holds its last weights, None where there are none."""


def mean(value: Any) -> float | None:
    """Returns the mean of a number, an array, or lists of them of any shapes; None: it has none."""
    if isinstance(value, list | tuple):
        means = [m for m in map(mean, value) if m is not None]
        return sum(means) / len(means) if means else None
    if value is None or isinstance(value, str | bytes):
        return None
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return float(array.mean()) if array.size else None


def numbers(logs: Mapping[str, Any]) -> dict[str, int | float]:
    """Returns what of a log is a number; of arrays and lists the mean."""
    found: dict[str, int | float] = {}
    for name, value in logs.items():
        number = value if type(value) is int else mean(value)
        if number is not None:
            found[name] = number
    return found


def new_run_id(name: str = "") -> str:
    """Returns an id that no other run has: what runs, when it began, and four random digits."""
    word = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "run"
    return f"{word}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


class NoLogger:
    """Keeps nothing: for the processes of a distributed training that are not the writer."""

    def __init__(self, run_id: str | None = None) -> None:
        self.run_id = run_id or new_run_id()

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """Does nothing."""

    def close(self, model_path: str | None) -> None:
        """Does nothing."""


class JsonlLogger:
    """Appends each log to `<data_dir>/<run_id>/log.jsonl`, one flat JSON object a line.

    Args:
      data_dir: where runs have their folders.
      run_id: an earlier run's, to go on with it; default: a new one.
      name: what a new run is called after.
      config: the run's settings, written to `config.json` beside the log; None: none.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str] = "experiments",
        run_id: str | None = None,
        *,
        name: str = "",
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.run_id = run_id or new_run_id(name)
        self.path = Path(data_dir) / self.run_id / LOG_NAME
        self._config = config
        self._begun = False

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """Appends a line; what is not finite becomes null, as JSON has no other word for it."""
        line = {"agent_steps": int(step)} | numbers(logs) | {"agent_steps": int(step)}
        finite = {k: v if math.isfinite(v) else None for k, v in line.items()}
        self._append(json.dumps(finite) + "\n")

    def close(self, model_path: str | None) -> None:
        """Does nothing: each line is in the file already."""

    def _append(self, text: str) -> None:
        if not self._begun:
            self._begin()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def _begin(self) -> None:
        """Makes the folder: a run that fails before its first log leaves none."""
        self._begun = True
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not self.path.read_bytes().endswith(b"\n"):
            self._append("\n")  # a run that was killed has left half a line
        if self._config is not None:
            part = folder / "config.json.part"
            text = json.dumps(self._config, indent=1, default=str)
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(folder / "config.json")


class TensorboardLogger:
    """Writes TensorBoard's event files into the run's folder. Needs `tensorboard`."""

    def __init__(self, folder: str | os.PathLike[str], run_id: str) -> None:
        self.run_id = run_id
        _require("tensorboard", "TensorBoard", "tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """Writes each number as a scalar."""
        for name, value in numbers(logs).items():
            self._writer.add_scalar(name, value, step)

    def close(self, model_path: str | None) -> None:  # noqa: ARG002
        """Writes what is left, and closes the file."""
        self._writer.close()


class WandbLogger:
    """Logs to Weights & Biases, the last weights as an artifact. Needs `wandb`.

    WANDB_MODE=offline keeps everything on this machine.
    """

    def __init__(self, args: Mapping[str, Any], run_id: str, folder: Path) -> None:
        self._wandb = wandb = _require("wandb", "W&B", "wandb")
        self.run_id = run_id
        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            id=run_id,
            project=args["wandb_project"],
            group=args["wandb_group"],
            config=dict(args),
            tags=_tags(args),
            dir=str(folder),
            resume="allow",
            save_code=False,
        )

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """Logs each number at that step."""
        self._run.log(numbers(logs), step=step)

    def close(self, model_path: str | None) -> None:
        """Uploads the weights, and waits until all is there."""
        if model_path is not None:
            artifact = self._wandb.Artifact(self.run_id, type="model")
            artifact.add_file(model_path)
            self._run.log_artifact(artifact)
        self._run.finish()


class NeptuneLogger:
    """Logs to Neptune, the last weights as a file. Needs `neptune`.

    NEPTUNE_MODE=offline keeps everything on this machine.
    """

    def __init__(self, args: Mapping[str, Any], run_id: str) -> None:
        neptune = _require("neptune", "Neptune", "neptune")
        self.run_id = run_id
        self._run = neptune.init_run(
            project=f"{args['neptune_name']}/{args['neptune_project']}",
            custom_run_id=run_id[-36:],  # as long as Neptune takes
            tags=_tags(args),
            capture_hardware_metrics=False,
            capture_stdout=False,
            capture_stderr=False,
            capture_traceback=False,
            git_ref=False,
            source_files=[],
        )
        for name, value in _leaves(args):
            self._run[f"config/{name}"] = value

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """Appends each number to its series."""
        for name, value in numbers(logs).items():
            if math.isfinite(value):
                self._run[name].append(value, step=step)

    def close(self, model_path: str | None) -> None:
        """Uploads the weights, and waits until all is there."""
        if model_path is not None:
            self._run["model"].upload(model_path)
        self._run.stop()


class Loggers:
    """Several loggers as one; the first one's `run_id` is the run's."""

    def __init__(self, loggers: Sequence[Logger]) -> None:
        self.run_id = loggers[0].run_id
        self._loggers = list(loggers)

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """Hands the log to each."""
        for logger in self._loggers:
            logger.log(logs, step)

    def close(self, model_path: str | None) -> None:
        """Closes each."""
        for logger in self._loggers:
            logger.close(model_path)


def make_logger(args: Mapping[str, Any]) -> Logger:
    """Returns the logger that load_config's `args` ask for; only rank 0 of torchrun's writes.

    Raises:
      CodingEnvsError: a package that it needs is not installed.
    """
    train = args["train"]
    # A resumed run goes on in its own folder.
    resumed = Path(train["resume"]).absolute().name if train.get("resume") else ""
    run_id = resumed or new_run_id(args.get("env_name") or "")
    if int(os.environ.get("RANK", "0")) > 0:
        return NoLogger(run_id)
    folder = Path(train["data_dir"]) / run_id
    loggers: list[Logger] = []
    if args.get("tensorboard"):
        loggers.append(TensorboardLogger(folder, run_id))
    if args.get("wandb"):
        loggers.append(WandbLogger(args, run_id, folder))
    if args.get("neptune"):
        loggers.append(NeptuneLogger(args, run_id))
    first = JsonlLogger(train["data_dir"], run_id, config=args)
    return Loggers([first, *loggers]) if loggers else first


def read_log(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Returns the lines of a run's log; `path` is the file or the run's folder.

    A run that was resumed from a checkpoint has gone some steps twice: the later ones are kept.

    Raises:
      CodingEnvsError: there is no such file, or it holds something else.
    """
    file = Path(path)
    file = file / LOG_NAME if file.is_dir() else file
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CodingEnvsError(f"no log of a run at {file}: {error}") from None
    lines: list[dict[str, Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entry = json.loads(line) if line else None
        except ValueError:
            continue  # half a line, of a run that was killed while it wrote
        if entry is None:
            continue
        if not isinstance(entry, dict) or not isinstance(entry.get("agent_steps"), int | float):
            raise CodingEnvsError(f"{file}, line {number}: no log of a run has such a line")
        while lines and lines[-1]["agent_steps"] > entry["agent_steps"]:
            lines.pop()
        lines.append(entry)
    if not lines:
        raise CodingEnvsError(f"{file} holds no log yet")
    return lines


def download_model(args: Mapping[str, Any]) -> str:
    """Returns the path of the weights of the W&B or Neptune run `args["load_id"]`, fetched.

    Raises:
      CodingEnvsError: neither is chosen, its package is not installed, or it holds no weights.
    """
    run_id = args["load_id"]
    folder = Path(args["train"]["data_dir"]) / "downloads" / run_id
    if args.get("wandb"):
        wandb = _require("wandb", "W&B", "wandb")
        artifact = wandb.Api().artifact(f"{args['wandb_project']}/{run_id}:latest")
        artifact.download(str(folder))
    elif args.get("neptune"):
        neptune = _require("neptune", "Neptune", "neptune")
        project = f"{args['neptune_name']}/{args['neptune_project']}"
        run = neptune.init_run(project=project, with_id=run_id, mode="read-only")
        folder.mkdir(parents=True, exist_ok=True)
        run["model"].download(destination=str(folder / "model.pt"))
        run.stop()
    else:
        raise CodingEnvsError(f"--load-id {run_id}: say whose run it is, --wandb or --neptune")
    models = sorted(folder.glob("*.pt"))
    if not models:
        raise CodingEnvsError(f"run {run_id} holds no weights")
    return str(models[-1])


def _tags(args: Mapping[str, Any]) -> list[str]:
    return [] if args.get("tag") is None else [str(args["tag"])]


def _leaves(values: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{head}{name}/")
        else:
            yield head + name, value if isinstance(value, int | float | str) else str(value)


def _require(module: str, what: str, extra: str) -> Any:
    """Returns an optional package's module, imported where it is asked for."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise CodingEnvsError(
            f"logging to {what} needs {error.name}, which is not installed; "
            f"pip install 'coding-envs-trainer[{extra}]'"
        ) from None
