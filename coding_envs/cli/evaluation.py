"""What the commands `eval` and `compare` do; each returns the exit code."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..data import ProblemSet
from ..errors import InvalidValueError
from ..evaluation import (
    SAMPLE_FILES,
    CausalLMWriter,
    Endpoint,
    EvalReport,
    ResultsFolder,
    Writer,
    Written,
    compare,
    evaluate,
    identity_of,
    read_samples,
    read_verdicts,
    reference_samples,
    rejudge,
    write_format,
    write_samples,
)
from ..evaluation.folder import read_json
from ..judge import Judge
from .asked import (
    asked_packages,
    load_asked,
    narrowed,
    optional_module,
    require_folder_name,
    require_path,
)
from .terminal import Progress, complain, say, say_json

__all__ = ["run_compare", "run_eval"]

_INTERRUPTED = 130


def run_eval(options: argparse.Namespace) -> int:
    """Judges samples for a dataset: 0 where all could be judged, whatever the score.

    With --rejudge: 0 where every verdict came out as it was.
    """
    if options.rejudge is not None:
        return _rejudge(options)
    kind = _kind_of_samples(options)
    if options.dataset is None:
        raise InvalidValueError("DATASET is missing; see coding-envs eval --help")
    if options.format is not None and options.out is None:
        raise InvalidValueError("--format writes files and needs --out DIR")
    if options.out is not None:
        require_folder_name("--out", options.out)
        options.out.mkdir(parents=True, exist_ok=True)  # to fail before the work, not after it
    try:
        return _eval(options, kind)
    except KeyboardInterrupt:
        if options.out is None or not (options.out / "run.json").exists():
            raise
        complain(f"interrupted; the same command goes on with what is in {options.out}")
        return _INTERRUPTED


def _eval(options: argparse.Namespace, kind: str) -> int:
    # Samples may be for problems that are not evaluated.
    problems = load_asked(options, options.dataset, narrow=False)
    kept = narrowed(problems, options)
    if not kept:
        raise InvalidValueError(f"there are no problems to evaluate: {kept.describe()}")
    with ExitStack() as stack:
        writer = _writer(options, kind)
        settings: Mapping[str, Any] = {}
        if writer is not None:
            stack.enter_context(closing(writer))
            settings = writer.settings
        source = _source(options)
        folder = None
        if options.out is not None:
            identity = identity_of(kept, source, settings)
            folder = ResultsFolder(options.out, identity, {"load": _how_to_load(options)})
            stack.enter_context(folder)
        written: dict[str, list[Written]] = {}
        samples: Mapping[str, Sequence[str]]
        if writer is not None:
            with Progress(len(kept) * options.n, "written") as bar:
                written = write_samples(
                    kept, writer, options.n, folder=folder, on_written=lambda _: bar.count(True)
                )
            writer.close()  # a model's memory is not needed while programs run
            samples = {key: [one.program for one in some] for key, some in written.items()}
        elif kind == "reference":
            samples = reference_samples(kept)
        else:
            found = read_samples(options.samples, problems)
            samples = {key: found[key] for key in kept.keys if key in found}
        total = sum(len(programs) for programs in samples.values())
        packages = asked_packages(options, kept)
        judge = stack.enter_context(
            Judge(workers=options.workers, cache="memory", packages=packages.shown)
        )
        progress = stack.enter_context(Progress(total))
        report = evaluate(
            kept,
            samples,
            judge,
            options.k,
            source=source,
            on_verdict=progress,
            folder=folder,
            show_hidden=True,
        )
        report = _with_model(report, settings, written)
        if packages.note:
            report = replace(report, notes=(*report.notes, packages.note))
        if options.out is not None:
            report.write(options.out)
        if options.format is not None:
            write_format(options.format, report, problems, options.out, options.samples)
    if options.json:
        say_json(report.to_json())
    else:
        say(report.to_text())
        if options.out is not None:
            say(f"\nreport: {options.out / 'report.html'}")
    return 1 if report.faults else 0


def run_compare(options: argparse.Namespace) -> int:
    """Compares two folders of results."""
    for name, path in (("A", options.first), ("B", options.second)):
        require_path(name, path)
    comparison = compare(options.first, options.second)
    if options.json:
        say_json(comparison.to_json())
    else:
        say(comparison.to_text())
    return 0


def _rejudge(options: argparse.Namespace) -> int:
    for name in ("samples", "model", "endpoint", "out", "format"):
        if getattr(options, name) is not None:
            raise InvalidValueError(f"--rejudge goes without --{name}")
    file: Path = options.rejudge
    if file.is_dir():
        file /= "verdicts.jsonl"
    require_path("--rejudge", str(file))
    if options.dataset is None:
        about = file.parent / "run.json"
        load = read_json(about).get("load") if about.exists() else None
        if not isinstance(load, dict) or not isinstance(load.get("dataset"), str):
            raise InvalidValueError(
                f"DATASET is missing: no run.json beside {file} says what the verdicts are on"
            )
        options.dataset = load["dataset"]
        for name in ("config", "split", "revision", "data_files"):
            if getattr(options, name) is None:
                setattr(options, name, load.get(name))
        if options.manifest is None and load.get("manifest"):
            options.manifest = Path(load["manifest"])
    problems = load_asked(options, options.dataset, narrow=False)
    total = len(read_verdicts(file))
    packages = asked_packages(options, problems)
    if packages.note:
        complain(f"note: {packages.note}")
    with (
        Judge(workers=options.workers, cache="memory", packages=packages.shown) as judge,
        Progress(total, "unchanged") as progress,
    ):
        outcome = rejudge(file, problems, judge, on_verdict=progress.count)
    if options.json:
        say_json(outcome.to_json())
    else:
        say(outcome.to_text())
    return 1 if outcome.changes else 0


def _kind_of_samples(options: argparse.Namespace) -> str:
    what, model = options.samples, options.model
    if options.endpoint is not None and model is None:
        raise InvalidValueError("--endpoint needs --model, the model's name there")
    if (what is None) == (model is None):
        raise InvalidValueError(
            "eval needs one of --samples, --model (with --endpoint or without) and --rejudge; "
            "see coding-envs eval --help"
        )
    if what is None:
        return "endpoint" if options.endpoint is not None else "model"
    if what == "reference":
        return "reference"
    name = what.lower()
    if name.endswith((*SAMPLE_FILES, ".pt")):
        require_path("--samples", what)
        return "checkpoint" if name.endswith(".pt") else "file"
    if Path(what).is_dir():
        return "file"
    wanted = (
        "'reference', a .jsonl, .jsonl.gz or .json file, a folder of EvalPlus, or a .pt checkpoint"
    )
    raise InvalidValueError(f"--samples must be {wanted}, got {what!r}")


def _source(options: argparse.Namespace) -> str:
    if options.samples is not None:
        return str(options.samples)
    at = f" at {options.endpoint}" if options.endpoint is not None else ""
    return f"{options.model}{at}"


def _writer(options: argparse.Namespace, kind: str) -> Writer | None:
    temperature = options.temperature
    if temperature is None:
        temperature = 0.0 if options.n == 1 else 0.8
    sampling = {
        "temperature": temperature,
        "top_p": options.top_p,
        "max_tokens": options.max_tokens,
        "seed": options.seed,
    }
    if kind == "checkpoint":
        return _Checkpoint(options.samples, options.n, options.seed)
    if kind == "endpoint":
        return Endpoint(
            options.endpoint,
            options.model,
            api_key=os.environ.get(options.api_key_env, ""),
            prompt=options.prompt or "chat",
            body=options.body,
            concurrency=options.concurrency,
            timeout_s=options.timeout,
            **sampling,
        )
    if kind == "model":
        return CausalLMWriter(
            options.model,
            prompt=options.prompt,
            batch_size=options.batch_size,
            device=options.device,
            **sampling,
        )
    return None


@dataclass(frozen=True)
class _Checkpoint:
    """A policy of the trainer as a Writer: one program per problem is written greedily."""

    path: str
    n: int
    seed: int

    @property
    def settings(self) -> dict[str, Any]:
        return {"greedy": self.n == 1, "seed": self.seed, "n": self.n}

    def write(self, problems: ProblemSet, wanted: Sequence[tuple[str, int]]) -> Iterator[Written]:
        checkpoint = optional_module("coding_envs.integrations.checkpoint", "a checkpoint")
        programs = checkpoint.samples_from_checkpoint(
            self.path, problems, greedy=self.n == 1, samples=self.n, seed=self.seed
        )
        for key, number in wanted:
            program = programs[key][number]
            yield Written(key, number, program, program)

    def close(self) -> None:
        pass


def _with_model(
    report: EvalReport, settings: Mapping[str, Any], written: Mapping[str, Sequence[Written]]
) -> EvalReport:
    """Returns the report with what is known of the model that wrote the samples."""
    every = [one for some in written.values() for one in some]
    notes = list(report.notes)
    if cut := sum(one.cut for one in every):
        notes.append(f"{cut} of {len(every)} samples were cut at the limit on their tokens")
    tokens = {
        "prompt": sum(one.prompt_tokens for one in every),
        "completion": sum(one.completion_tokens for one in every),
    }
    return replace(
        report,
        settings=settings,
        notes=tuple(notes),
        tokens=tokens if any(tokens.values()) else {},
    )


def _how_to_load(options: argparse.Namespace) -> dict[str, Any]:
    """Returns what loads the problems again, from whatever folder."""
    files = options.data_files
    if files is not None:
        files = [path if "://" in path else str(Path(path).absolute()) for path in files]
    local = Path(options.dataset)
    return {
        "dataset": str(local.absolute()) if local.exists() else options.dataset,
        "config": options.config,
        "split": options.split,
        "revision": options.revision,
        "data_files": files,
        "manifest": None if options.manifest is None else str(options.manifest.absolute()),
    }
