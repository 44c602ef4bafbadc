"""Written and Writer: what a model writes for a problem, and the seam behind which models stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

from ..data import ProblemSet
from ..errors import InvalidValueError
from ..problem import Problem
from .prompts import program_from_answer, program_from_completion

__all__ = ["PROMPTS", "Wanted", "Writer", "Written", "check_sampling"]

PROMPTS = ("chat", "completion")
"""How a model is asked: with a task to answer, or with a text to go on with."""

type Wanted = Sequence[tuple[str, int]]
"""Pairs of a problem's key and a sample's number among those of its problem."""


@dataclass(frozen=True)
class Written:
    """One sample as a model wrote it.

    Attributes:
      key: the problem's.
      sample: its number among those of its problem, from 0.
      text: what the model said, to the letter.
      program: the whole program that it makes.
      cut: True where the model was stopped by the limit on its tokens.
      prompt_tokens, completion_tokens: as the model counts them; 0 where it does not say.
    """

    key: str
    sample: int
    text: str
    program: str
    cut: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def to_json(self) -> dict[str, Any]:
        """Returns the sample as JSON data, in which `read_samples` finds what it needs."""
        data = asdict(self)
        return {
            "task_id": data.pop("key"),
            "sample": data.pop("sample"),
            "solution": data.pop("program"),
            "output": data.pop("text"),
            **data,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Written:
        """Returns what `to_json` wrote.

        Raises:
          InvalidValueError: a key is missing, or a value is of another type.
        """
        old = {"key": "task_id", "program": "solution", "text": "output"}
        try:
            made = {f.name: data[old.get(f.name, f.name)] for f in fields(cls)}
        except (KeyError, TypeError) as error:
            raise InvalidValueError(f"malformed sample: {error} is missing") from None
        for name, kind in (("key", str), ("sample", int), ("text", str), ("program", str)):
            if type(made[name]) is not kind:
                raise InvalidValueError(
                    f"malformed sample: {old.get(name, name)} must be {kind.__name__}, "
                    f"got {made[name]!r:.80}"
                )
        return cls(**made)


class Writer(Protocol):
    """Whatever writes programs. It is closed by who made it."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that decides what is written; JSON data. Other settings, another evaluation."""

    def write(self, problems: ProblemSet, wanted: Wanted) -> Iterator[Written]:
        """Yields a sample for each that is wanted, as they are there, in any order."""

    def close(self) -> None:
        """Lets go of what it holds; again and again is fine."""


def check_sampling(
    *, prompt: str, temperature: float, top_p: float, max_tokens: int, seed: int
) -> None:
    """Checks what all writers take.

    Raises:
      InvalidValueError: a value is out of its range; names it.
    """
    if prompt not in PROMPTS:
        raise InvalidValueError(f"prompt must be {' or '.join(PROMPTS)}, got {prompt!r}")
    if not 0 <= temperature <= 100:
        raise InvalidValueError(f"temperature must be in 0..100, got {temperature}")
    if not 0 < top_p <= 1:
        raise InvalidValueError(f"top_p must be > 0 and <= 1, got {top_p}")
    if max_tokens < 1:
        raise InvalidValueError(f"max_tokens must be >= 1, got {max_tokens}")
    if not 0 <= seed < 2**31:
        raise InvalidValueError(f"seed must be in 0..2147483647, got {seed}")


def program_of(problem: Problem, text: str, prompt: str) -> str:
    """Returns the whole program that a model's text makes, by how the model was asked."""
    made = program_from_answer if prompt == "chat" else program_from_completion
    return made(problem, text)
