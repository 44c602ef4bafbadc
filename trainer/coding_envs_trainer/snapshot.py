"""A run on disk, written so that it can be killed at any moment and go on exactly from there.

    <data_dir>/<run_id>/model_000123.pt      the policy's weights, as PufferLib writes them
    <data_dir>/<run_id>/trainer_state.pt     all else; names the weights that it belongs to

Both hold tensors and plain values only and load with `weights_only=True`. Each is written beside
its place, flushed to the disk and then renamed; the weights first. Whoever is killed between the
two leaves the state of the checkpoint before, whose weights are there.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from coding_envs.errors import CodingEnvsError

__all__ = [
    "STATE_FILE",
    "can_go_on",
    "environment_state",
    "environments_of",
    "load",
    "load_environment_state",
    "random_state",
    "restore_random_state",
    "save",
]

STATE_FILE = "trainer_state.pt"
_VERSION = 2
_ABANDONED_S = 600.0  # nobody writes a file for so long


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a file that is there in whole or not at all.

    Raises:
      OSError: it cannot be written; the disk may be full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep_up(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            torch.save(dict(content), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, RuntimeError) as error:
        # Where a disk is full, PyTorch's writer complains of its own position on top of that.
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        raise OSError(cause.errno, cause.strerror, str(path)) from None
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the renaming, too
    finally:
        os.close(folder)


def _sweep_up(folder: Path) -> None:
    """Removes what processes that were killed have left beside the files."""
    for file in folder.glob(".*.pt.*"):
        pid = file.suffix[1:]
        if not pid.isdigit() or psutil.pid_exists(int(pid)):
            continue
        with contextlib.suppress(FileNotFoundError):
            # Its process may be one of another machine's, or container's, and be writing it now.
            if time.time() - file.stat().st_mtime > _ABANDONED_S:
                file.unlink()


def load(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the policy's weights and the trainer's state of a run.

    Args:
      folder: of the run.

    Raises:
      CodingEnvsError: there is none, or it cannot be read.
    """
    folder = Path(folder)
    path = folder / STATE_FILE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state.get("version") != _VERSION:
            raise CodingEnvsError(
                f"{path} is of version {state.get('version')!r}, not {_VERSION}: train anew"
            )
        path = folder / str(state["model_name"])
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except CodingEnvsError:
        raise
    except FileNotFoundError:
        raise CodingEnvsError(
            f"{path} is not there: --train.resume wants the folder of a run, "
            f"which holds {STATE_FILE}"
        ) from None
    except Exception as error:  # whatever a damaged archive makes of itself
        reason = str(error).strip().splitlines()
        raise CodingEnvsError(f"{path} cannot be read: {(reason or ['?'])[0][:200]}") from None
    return weights, state


def versioned(state: dict[str, Any]) -> dict[str, Any]:
    """Returns the state with the version of its layout."""
    return {"version": _VERSION, **state}


def random_state() -> dict[str, Any]:
    """Returns the states of all global generators of random numbers."""
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    version, numbers, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [str(kind), torch.from_numpy(np.asarray(keys).astype(np.int64)),
                  int(position), int(has_gauss), float(cached)],
        "python": [version, list(numbers), gauss],
    }  # fmt: skip


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Sets the global generators as `random_state` found them."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all(state["cuda"])
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, cached))  # noqa: NPY002
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))


def environments_of(vecenv: Any) -> list[Any]:
    """Returns the environments that a vecenv holds in this process: itself, where it is native."""
    return list(getattr(vecenv, "envs", ())) or [vecenv]


def can_go_on(vecenv: Any) -> bool:
    """Returns whether all environments can say what they go on from."""
    return all(callable(getattr(env, "state_dict", None)) for env in environments_of(vecenv))


def environment_state(vecenv: Any) -> list[Any]:
    """Returns what the environments go on from, where they `can_go_on`."""
    states = [env.state_dict() for env in environments_of(vecenv)]
    return [_replaced(state, np.ndarray, torch.from_numpy) for state in states]


def load_environment_state(vecenv: Any, states: list[Any]) -> bool:
    """Has the environments go on from `states`; returns False where they cannot."""
    environments = environments_of(vecenv)
    if len(environments) != len(states) or not all(
        callable(getattr(env, "load_state_dict", None)) for env in environments
    ):
        return False
    for env, state in zip(environments, states, strict=True):
        env.load_state_dict(_replaced(state, torch.Tensor, torch.Tensor.numpy))
    return True


def _replaced(state: Any, kind: type, convert: Callable[[Any], Any]) -> Any:
    """Returns a state with all values of a kind converted.

    Environments know arrays, not tensors; files that hold no code know tensors, not arrays.
    """
    if isinstance(state, Mapping):
        return {key: _replaced(value, kind, convert) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [_replaced(value, kind, convert) for value in state]
    return convert(state) if isinstance(state, kind) else state
