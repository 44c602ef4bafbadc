"""From problems and their counts to averages, intervals and groups. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .folder import SampleResult
from .pass_at_k import pass_at_k
from .statistics import bootstrap_intervals

__all__ = [
    "Group",
    "LengthGroup",
    "ProblemResult",
    "averages",
    "by_length",
    "groups",
    "intervals",
]

_MOST_GROUPS = 40
_LENGTH_GROUPS = 4


@dataclass(frozen=True)
class ProblemResult:
    """What came of one problem's samples.

    Attributes:
      key: the problem's.
      n: samples judged.
      c: samples accepted.
      faults: samples that could not be judged, by no fault of theirs.
      statuses: status -> how many samples.
      difficulty, tags: the problem's.
    """

    key: str
    n: int
    c: int
    faults: int = 0
    statuses: Mapping[str, int] = field(default_factory=dict)
    difficulty: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "statuses", MappingProxyType(dict(self.statuses)))

    @property
    def is_missing(self) -> bool:
        """True where the problem had no sample at all."""
        return self.n + self.faults == 0

    @property
    def counts(self) -> bool:
        """True where the problem is part of the averages: not where no sample could be judged."""
        return self.n > 0 or self.is_missing

    def estimate(self, k: int) -> float:
        """Returns the estimate of pass@k; 0 where there is no sample."""
        return pass_at_k(self.n, self.c, k) if self.n else 0.0

    def to_json(self) -> dict[str, Any]:
        """Returns the row as JSON data."""
        data: dict[str, Any] = {"key": self.key, "n": self.n, "c": self.c}
        data |= {"faults": self.faults, "statuses": dict(self.statuses)}
        if self.difficulty:
            data["difficulty"] = self.difficulty
        if self.tags:
            data["tags"] = list(self.tags)
        return data


@dataclass(frozen=True)
class Group:
    """The problems that share a difficulty or a tag.

    Attributes:
      name: what they share.
      problems: how many there are.
      samples, accepted: judged ones of all of them.
      pass_at_k: k -> the average over these problems.
    """

    name: str
    problems: int
    samples: int
    accepted: int
    pass_at_k: Mapping[int, float]

    def to_json(self) -> dict[str, Any]:
        """Returns the group as JSON data."""
        return {
            "name": self.name,
            "problems": self.problems,
            "samples": self.samples,
            "accepted": self.accepted,
            "pass_at_k": {str(k): value for k, value in self.pass_at_k.items()},
        }


@dataclass(frozen=True)
class LengthGroup:
    """The programs of about one length.

    Attributes:
      shortest, longest: characters.
      samples, accepted: judged ones.
    """

    shortest: int
    longest: int
    samples: int
    accepted: int

    def to_json(self) -> dict[str, Any]:
        """Returns the group as JSON data."""
        return {
            "shortest": self.shortest,
            "longest": self.longest,
            "samples": self.samples,
            "accepted": self.accepted,
        }


def averages(
    rows: Sequence[ProblemResult], ks: Sequence[int], notes: list[str]
) -> dict[int, float]:
    """Returns k -> the average over problems; adds to `notes` what is not plain about it."""
    missing = sum(row.is_missing for row in rows)
    if missing:
        notes.append(f"{missing} of {len(rows)} problems have no sample: they count as 0")
    faults = sum(row.faults for row in rows)
    if faults:
        notes.append(f"{faults} samples could not be judged: they count neither way")
    counted = [row for row in rows if row.counts]
    if len(counted) < len(rows):
        notes.append(
            f"{len(rows) - len(counted)} problems have no judged sample: they are left out"
        )
    found = {}
    for k in ks:
        few = [row for row in counted if 0 < row.n < k]
        if few:
            notes.append(
                f"pass@{k} is left out: {len(few)} problems have fewer than {k} samples, "
                f"such as {few[0].key} with {few[0].n}"
            )
        elif counted:
            found[k] = sum(row.estimate(k) for row in counted) / len(counted)
    return found


def intervals(rows: Sequence[ProblemResult], ks: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Returns k -> the 95% bootstrap interval of the average; see `bootstrap_intervals`."""
    counted = [row for row in rows if row.counts]
    return bootstrap_intervals({k: [row.estimate(k) for row in counted] for k in ks})


def groups(
    rows: Iterable[ProblemResult],
    ks: Sequence[int],
    names: Callable[[ProblemResult], Iterable[str]],
) -> list[Group]:
    """Returns the groups of problems by name, the largest ones, in the order of their names.

    Args:
      rows: the problems; one may be in several groups, or in none.
      ks: of pass@k; for each of them every row has samples enough.
      names: a row -> the groups that it is in.
    """
    members: dict[str, list[ProblemResult]] = {}
    for row in rows:
        if row.counts:
            for name in dict.fromkeys(names(row)):
                members.setdefault(name, []).append(row)
    largest = sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))[:_MOST_GROUPS]
    return [
        Group(
            name=name,
            problems=len(some),
            samples=sum(row.n for row in some),
            accepted=sum(row.c for row in some),
            pass_at_k={k: sum(row.estimate(k) for row in some) / len(some) for k in ks},
        )
        for name, some in sorted(largest, key=lambda item: _natural(item[0]))
    ]


_EASE = (
    *("trivial", "beginner", "introductory", "very_easy", "easy", "interview", "medium"),
    *("medium_hard", "competition", "hard", "very_hard"),
)


def _natural(name: str) -> tuple[int, float, str]:
    """Returns by what names of difficulties are put in order: numbers, known words, others."""
    word = name.casefold().replace(" ", "_")
    if word.isascii() and word.isdecimal():
        return 0, float(word[:20]), name
    return (1, _EASE.index(word), "") if word in _EASE else (2, 0.0, name)


def by_length(results: Iterable[SampleResult]) -> list[LengthGroup]:
    """Returns the judged programs in four groups of about the same size, by their length."""
    judged = sorted(
        (len(r.program), r.verdict.accepted)
        for r in results
        if not r.verdict.status.is_fault_of_ours
    )
    found = []
    start = 0
    for part in range(1, _LENGTH_GROUPS + 1):
        end = len(judged) * part // _LENGTH_GROUPS
        while start < end < len(judged) and judged[end][0] == judged[end - 1][0]:
            end += 1  # one length is in one group
        if end > start:
            some = judged[start:end]
            accepted = sum(right for _, right in some)
            found.append(LengthGroup(some[0][0], some[-1][0], len(some), accepted))
            start = end
    return found
