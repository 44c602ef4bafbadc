"""Settings: how a certification is made. Every number that decides something stands here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import InvalidValueError

__all__ = ["LIMIT_RULES", "Settings"]

LIMIT_RULES = ("raise", "calibrated")


@dataclass(frozen=True)
class Settings:
    """How a certification is made.

    The calibrated limit is `multiple` times the slowest accepted run of a reference, at least
    `floor_s` and at most `ceiling_s` of CPU time, rounded up to a tenth of a second.

    Attributes:
      repeats: how often each reference is run; two at least show what is flaky.
      mutants: at most so many mutated references per problem.
      inputs: at most so many made-up inputs per problem, to compare accepted references on.
      seed: of the choice of mutants and inputs; each problem draws by itself.
      multiple: of the slowest accepted run.
      floor_s: the least calibrated limit, CPU seconds.
      ceiling_s: the largest, CPU seconds; references may take this long, or their own limit where
        that is larger.
      limits: "raise" changes a limit only where it is below `multiple` times the slowest run;
        "calibrated" gives every problem its calibrated limit.
      max_references: at most so many references per problem are run; None: all.
      require_reference: True drops problems without a reference, on which nothing was measured.
    """

    repeats: int = 3
    mutants: int = 20
    inputs: int = 10
    seed: int = 0
    multiple: float = 3.0
    floor_s: float = 2.0
    ceiling_s: float = 30.0
    limits: str = "raise"
    max_references: int | None = None
    require_reference: bool = False

    def __post_init__(self) -> None:
        for name, least in (("repeats", 1), ("mutants", 0), ("inputs", 0), ("max_references", 1)):
            value = getattr(self, name)
            if value is None and name == "max_references":
                continue
            if type(value) is not int or value < least:
                raise InvalidValueError(f"{name} must be an int >= {least}, got {value!r}")
        if type(self.seed) is not int:
            raise InvalidValueError(f"seed must be an int, got {self.seed!r}")
        for name, small in (("multiple", 1.0), ("floor_s", 0.1), ("ceiling_s", 0.1)):
            value = getattr(self, name)
            good = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not good or not small <= value <= 1e5:
                raise InvalidValueError(f"{name} must be a number >= {small}, got {value!r}")
        if self.floor_s > self.ceiling_s:
            raise InvalidValueError(
                f"floor_s must be at most ceiling_s, got {self.floor_s} and {self.ceiling_s}"
            )
        if self.limits not in LIMIT_RULES:
            raise InvalidValueError(
                f"limits must be one of {', '.join(LIMIT_RULES)}, got {self.limits!r}"
            )

    def calibrated_s(self, slowest_s: float) -> float:
        """Returns the calibrated limit, CPU seconds, for a slowest accepted run."""
        limit = min(max(self.floor_s, self.multiple * slowest_s), self.ceiling_s)
        return math.ceil(round(10 * limit, 6)) / 10

    def to_json(self) -> dict[str, Any]:
        """Returns the settings as JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        """Returns what `to_json` wrote."""
        return cls(**{f.name: data[f.name] for f in fields(cls) if f.name in data})
