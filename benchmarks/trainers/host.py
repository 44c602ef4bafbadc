"""The process that one trainer lives in; takes orders, a line of JSON each, on standard input.

    python benchmarks/trainers/host.py NAME CASE THREADS

CASE is JSON: the fields of `settings.Case`. The order is for how many seconds to train; the answer,
steps and seconds.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)

import torch  # noqa: E402

from trainers.settings import Case  # noqa: E402

__all__ = ["TRAINERS"]


def _ours(case: Case, own: bool = False) -> Any:
    from trainers.pufferlike import Ours

    return Ours(case, own)


def _upstream(case: Case, workers: int = 0) -> Any:
    from trainers.pufferlike import Upstream

    return Upstream(case, workers)


def _cleanrl(case: Case) -> Any:
    from trainers.cleanrl_style import CleanrlStyle

    return CleanrlStyle(case)


def _sb3(case: Case) -> Any:
    from trainers.sb3 import StableBaselines

    return StableBaselines(case)


TRAINERS = {
    "ours": _ours,
    "ours-own": lambda case: _ours(case, own=True),
    "ours-free": lambda case: _ours(replace(case, latency_ms=0.0)),
    "pufferl": _upstream,
    "pufferl-singles": lambda case: _upstream(case, workers=len(os.sched_getaffinity(0))),
    "cleanrl": _cleanrl,
    "sb3": _sb3,
}


def main() -> None:
    """Makes the trainer, says that it is ready, and obeys until standard input ends."""
    name, case, threads = sys.argv[1:]
    warnings.simplefilter("ignore")
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(nowhere, fd)
    torch.set_num_threads(int(threads))
    trainer = TRAINERS[name](Case(**json.loads(case)))
    trainer.update()  # what only the first one does
    print(json.dumps("ready"), file=answers)
    for line in orders:
        steps, seconds = 0, 0.0
        while seconds < json.loads(line):
            more, took = trainer.update()
            steps, seconds = steps + more, seconds + took
        print(json.dumps([steps, seconds]), file=answers)
    os._exit(0)  # PufferLib's thread would go on


if __name__ == "__main__":
    main()
