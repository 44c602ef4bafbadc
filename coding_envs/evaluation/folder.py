"""ResultsFolder: where an evaluation keeps what it has, so that it can go on after an interruption.

    run.json        what the evaluation is: problems, judge, source of the samples
    samples.jsonl   samples that a model wrote, as they come
    verdicts.jsonl  a verdict per line with its program, as they come; in order at the end
    results.json    the numbers, at the end
    report.html     a page to look at, at the end

A line is written at once. What an interruption left of one is cut off when the folder is opened
again. Both files of lines can be read as samples (`read_samples`).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ..errors import InvalidValueError
from ..files import write_whole
from ..verdict import Verdict
from .generation import Written

__all__ = ["FailedTest", "ResultsFolder", "SampleResult", "read_verdicts"]

_FORMAT = 1
_NAMES = {
    "format": "layout of the folder",
    "problem_set": "problems (other rows, limits or tests)",
    "judge_version": "version of the judge",
    "source": "source of the samples",
    "settings": "settings of the model",
}


@dataclass(frozen=True)
class FailedTest:
    """The test that decided against a program, for a person to read.

    Attributes:
      number: among the problem's tests, from 0.
      shown: its input, call or code, cut where it is long.
      expected: what it wants, or "" where `shown` says so itself.
    """

    number: int
    shown: str
    expected: str = ""


@dataclass(frozen=True)
class SampleResult:
    """One sample's verdict.

    Attributes:
      key: the problem's.
      sample: the sample's number among those of its problem, from 0.
      verdict: what the judge said.
      program: the whole program.
      failed: the test that decided against it, or None.
    """

    key: str
    sample: int
    verdict: Verdict
    program: str = field(default="", repr=False)
    failed: FailedTest | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the result as JSON data."""
        data = {
            "task_id": self.key,
            "sample": self.sample,
            "digest": digest(self.program),
            "solution": self.program,
            **self.verdict.to_json(),
        }
        if self.failed is not None:
            failed = self.failed
            data["failed"] = {"number": failed.number, "shown": failed.shown}
            if failed.expected:
                data["failed"]["expected"] = failed.expected
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SampleResult:
        """Returns what `to_json` wrote; keys of others are passed over.

        Raises:
          InvalidValueError: a key is missing, or a value breaks the contract.
        """
        names = Verdict.__dataclass_fields__
        verdict = Verdict.from_json({k: v for k, v in data.items() if k in names})
        try:
            key, sample, program = data["task_id"], data["sample"], data["solution"]
            failed = FailedTest(**data["failed"]) if data.get("failed") else None
        except (KeyError, TypeError) as error:
            raise InvalidValueError(f"malformed result: {error}") from None
        for name, value, kind in (
            ("task_id", key, str),
            ("sample", sample, int),
            ("solution", program, str),
        ):
            if type(value) is not kind:
                raise InvalidValueError(
                    f"malformed result: {name} must be {kind.__name__}, got {value!r:.80}"
                )
        return cls(key, sample, verdict, program, failed)


def digest(program: str) -> str:
    """Returns what tells one program from another."""
    data = program.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class ResultsFolder:
    """A folder of results that is open for one evaluation; a context manager.

    Args:
      path: the folder; made where it is missing.
      identity: what the evaluation is; JSON data. A folder of another one is refused.
      about: more to be noted in a new folder, such as how to load the problems again.

    Raises:
      InvalidValueError: the folder holds another evaluation, another process uses it, or a file in
        it is damaged; says which.
      OSError: the folder or a file cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        identity: Mapping[str, Any],
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, IO[bytes]] = {}
        self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise InvalidValueError(
                f"{self.path} is in use by another process; wait for it, or name another folder"
            ) from None
        try:
            self._begin(dict(identity) | {"format": _FORMAT}, dict(about or {}))
            self.written = {
                (one.key, one.sample): one
                for one in map(Written.from_json, self._read("samples.jsonl"))
            }
            self._kept: dict[tuple[str, int], SampleResult] = {}
            self.earlier_s = 0.0
            for data in self._read("verdicts.jsonl"):
                result = SampleResult.from_json(data)
                self._kept[result.key, result.sample] = result
                self.earlier_s = max(self.earlier_s, float(data.get("elapsed_s", 0.0)))
        except BaseException:
            self.close()
            raise
        self._started = time.monotonic()

    def _begin(self, identity: dict[str, Any], about: dict[str, Any]) -> None:
        file = self.path / "run.json"
        identity = json.loads(json.dumps(identity))
        if not file.exists():
            names = [n for n in ("verdicts.jsonl", "samples.jsonl") if (self.path / n).exists()]
            if names:
                raise InvalidValueError(
                    f"{self.path} holds {names[0]} and no run.json: it is not known what of; "
                    "name another folder, or remove it"
                )
            text = json.dumps({**about, **identity}, indent=1)
            write_whole(file, [text, "\n"])
            return
        known = read_json(file)
        for name, value in identity.items():
            if known.get(name) != value:
                what = _NAMES.get(name, name)
                raise InvalidValueError(
                    f"{self.path} holds another evaluation ({what}: {_short(known, name)}, "
                    f"now {_short(identity, name)}); name another folder, "
                    "or remove it"
                )

    def _read(self, name: str) -> Iterator[dict[str, Any]]:
        """Yields the lines of a file; what an interruption left of the last one is cut off."""
        path = self.path / name
        if not path.exists():
            return
        with path.open("rb+") as file:
            end = 0
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                yield parsed_line(line, f"{path}:{number}")
            file.truncate(end)

    def _append(self, name: str, data: Mapping[str, Any]) -> None:
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = (self.path / name).open("ab", buffering=0)
        file.write(json.dumps(data).encode() + b"\n")

    def add_written(self, sample: Written) -> None:
        """Keeps a sample that a model wrote."""
        self._append("samples.jsonl", sample.to_json())
        self.written[sample.key, sample.sample] = sample

    def kept(self, key: str, sample: int, program: str) -> SampleResult | None:
        """Returns the earlier verdict on this very program, or None.

        Verdicts that are no fault of the program's are given anew.
        """
        result = self._kept.get((key, sample))
        if result is None or result.program != program or result.verdict.status.is_fault_of_ours:
            return None
        return result

    def add_result(self, result: SampleResult) -> None:
        """Keeps a verdict."""
        elapsed_s = self.earlier_s + time.monotonic() - self._started
        data = result.to_json() | {"elapsed_s": round(elapsed_s, 3)}
        self._append("verdicts.jsonl", data)

    def close(self) -> None:
        """Closes its files; again and again is fine."""
        for file in self._files.values():
            file.close()
        self._files = {}
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_verdicts(path: str | os.PathLike[str]) -> list[SampleResult]:
    """Returns the results in a `verdicts.jsonl`; of several for one sample the last counts.

    Raises:
      InvalidValueError: a line is malformed, or there is none; names file and line.
      OSError: the file cannot be read.
    """
    path = Path(path)
    found: dict[tuple[str, int], SampleResult] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or not line.endswith(b"\n"):
                continue  # the last one of an evaluation that was interrupted
            where = f"{path}:{number}"
            data = parsed_line(line, where)
            try:
                result = SampleResult.from_json(data)
            except InvalidValueError as error:
                raise InvalidValueError(f"{where}: {error}") from None
            found[result.key, result.sample] = result
    if not found:
        raise InvalidValueError(f"{path} holds no verdicts; it is written by eval --out DIR")
    return list(found.values())


def parsed_line(line: bytes, where: str) -> dict[str, Any]:
    """Returns the JSON object in a line.

    Raises:
      InvalidValueError: it is none; names the place.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"{where}: not JSON: {str(error)[:200]}") from None
    if not isinstance(data, dict):
        raise InvalidValueError(f"{where}: must be a JSON object, got {type(data).__name__}")
    return data


def read_json(path: Path) -> dict[str, Any]:
    """Returns the JSON object that a file holds.

    Raises:
      InvalidValueError: it holds none; names the file.
      OSError: the file cannot be read.
    """
    return parsed_line(path.read_bytes(), str(path))


def _short(data: Mapping[str, Any], name: str) -> str:
    text = json.dumps(data.get(name))
    return text if len(text) <= 160 else text[:157] + "..."
