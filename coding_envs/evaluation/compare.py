"""compare: whether two evaluations of the same problems differ by more than chance."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InvalidValueError
from .folder import read_json
from .statistics import bootstrap_intervals, mcnemar, permutation_test

__all__ = ["PairedComparison", "compare"]

_SHOWN = 20
_LEVELS = (0.001, 0.01, 0.05)


@dataclass(frozen=True)
class PairedComparison:
    """How two evaluations, first and second, differ.

    Attributes:
      dataset: dataset, configuration and split of both.
      sources: where the samples of each came from.
      pass_at_1: of each, over the problems that both could judge.
      difference: the second's less the first's.
      interval: (low, high), the 95% bootstrap interval of the difference, over problems.
      test: "McNemar exact" with one sample per problem, else "sign-flip permutation".
      p_value: two-sided.
      problems: how many were compared.
      gained: problems that the second solves more often: key -> (first's share, second's share).
      lost: those that it solves less often.
      notes: what a reader of the numbers must know.
    """

    dataset: str
    sources: tuple[str, str]
    pass_at_1: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    test: str
    p_value: float
    problems: int
    gained: Mapping[str, tuple[float, float]] = field(repr=False)
    lost: Mapping[str, tuple[float, float]] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def level(self) -> float | None:
        """The strictest usual level, 0.001, 0.01 or 0.05, at which they differ; None: at none."""
        return next((level for level in _LEVELS if self.p_value <= level), None)

    @property
    def conclusion(self) -> str:
        """One sentence for a person."""
        if self.level is None:
            return (
                f"The difference is not significant, not even at the 5% level (p = "
                f"{_p(self.p_value)}): chance alone does as much."
            )
        better = "second" if self.difference > 0 else "first"
        return (
            f"The {better} is better: the difference is significant at the "
            f"{100 * self.level:g}% level (p = {_p(self.p_value)})."
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the comparison as JSON data."""
        return {
            "dataset": self.dataset,
            "sources": list(self.sources),
            "problems": self.problems,
            "pass_at_1": list(self.pass_at_1),
            "difference": self.difference,
            "interval": list(self.interval),
            "test": self.test,
            "p_value": self.p_value,
            "significant_at": self.level,
            "conclusion": self.conclusion,
            "gained": {key: list(pair) for key, pair in self.gained.items()},
            "lost": {key: list(pair) for key, pair in self.lost.items()},
            "notes": list(self.notes),
        }

    def to_text(self) -> str:
        """Returns the comparison as a page for a person."""
        low, high = self.interval
        numbers = [
            ("first", f"{self.pass_at_1[0]:.4f}", self.sources[0]),
            ("second", f"{self.pass_at_1[1]:.4f}", self.sources[1]),
            ("difference", f"{self.difference:+.4f}", f"95%: {low:+.4f} to {high:+.4f}"),
        ]
        title = f"pass@1 of {self.dataset}, {self.problems} problems"
        lines = [title, "-" * len(title)]
        lines += [f"{name:<10}  {value:>7}  {beside}" for name, value, beside in numbers]
        lines += [f"test        {self.test}", "", self.conclusion]
        lines += [f"note: {note}" for note in self.notes]
        for word, some in (("gained", self.gained), ("lost", self.lost)):
            if some:
                more = f", the first {_SHOWN}" if len(some) > _SHOWN else ""
                lines += ["", f"{word} ({len(some)}{more}):"]
                lines += [f"  {k}  {a:.2f} -> {b:.2f}" for k, (a, b) in list(some.items())[:_SHOWN]]
        return "\n".join(lines)


def compare(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> PairedComparison:
    """Returns how two folders of results differ in pass@1, problem by problem.

    A problem without a sample counts as 0, as it does in pass@1; one whose samples could not be
    judged, in either, is left out of both.

    Args:
      first: a folder that `eval --out` wrote, or its `results.json`.
      second: another one.

    Raises:
      InvalidValueError: the problems are not the same, an evaluation is not finished, or a file is
        malformed.
      OSError: a file cannot be read.
    """
    both = [_results(Path(path)) for path in (first, second)]
    where = ["/".join(str(data.get(n)) for n in ("dataset", "config", "split")) for data in both]
    if both[0]["problem_set"] != both[1]["problem_set"]:
        raise InvalidValueError(_difference(both, where))
    notes = []
    if both[0].get("judge_version") != both[1].get("judge_version"):
        notes.append(
            f"the versions of the judge differ ({both[0].get('judge_version')} and "
            f"{both[1].get('judge_version')}): evaluate the older one again to be sure"
        )
    shares, single, left_out = _shares(both)
    if left_out:
        notes.append(f"{left_out} problems could not be judged in both: they are left out")
    if not shares:
        raise InvalidValueError("no problem was judged in both: there is nothing to compare")
    pairs = list(shares.values())
    differences = [b - a for a, b in pairs]
    gained = {key: pair for key, pair in shares.items() if pair[1] > pair[0]}
    lost = {key: pair for key, pair in shares.items() if pair[1] < pair[0]}
    return PairedComparison(
        dataset=where[0],
        sources=(str(both[0].get("source", "")), str(both[1].get("source", ""))),
        pass_at_1=(sum(a for a, _ in pairs) / len(pairs), sum(b for _, b in pairs) / len(pairs)),
        difference=sum(differences) / len(differences),
        interval=bootstrap_intervals({"": differences})[""],
        test="McNemar exact" if single else "sign-flip permutation",
        p_value=mcnemar(len(gained), len(lost)) if single else permutation_test(differences),
        problems=len(pairs),
        gained=gained,
        lost=lost,
        notes=tuple(notes),
    )


def _results(path: Path) -> dict[str, Any]:
    file = path / "results.json" if path.is_dir() else path
    if not file.exists() and (path / "run.json").exists():
        raise InvalidValueError(
            f"the evaluation in {path} is not finished; run eval with --out {path} again"
        )
    if not file.exists():
        raise InvalidValueError(f"{path} holds no results; eval --out DIR writes them")
    data = read_json(file)
    for name, kind in (("problem_set", str), ("rows", list)):
        if not isinstance(data.get(name), kind):
            raise InvalidValueError(f"{file}: {name!r} is missing; was it written by eval --out?")
    return data


def _difference(both: list[dict[str, Any]], where: list[str]) -> str:
    """Returns in what the problems differ, as an error."""
    if where[0] != where[1]:
        return f"the evaluations are of {where[0]} and {where[1]}: only the same can be compared"
    try:
        first, second = ({str(row["key"]) for row in data["rows"]} for data in both)
    except (TypeError, KeyError):
        first = second = set()
    if first != second:
        one = min(first ^ second)
        return (
            f"the evaluations are of {len(first)} and {len(second)} problems of {where[0]}, of "
            f"which they share {len(first & second)} ({one} is only in one): evaluate both on the "
            "same"
        )
    return (
        f"the problems of {where[0]} have the same names but other statements, tests or limits "
        f"({both[0]['problem_set']} and {both[1]['problem_set']}): evaluate both on the same"
    )


def _shares(
    both: list[dict[str, Any]],
) -> tuple[dict[str, tuple[float, float]], bool, int]:
    """Returns key -> accepted shares, whether no problem has several samples, how many are out."""
    tables: list[dict[str, float]] = []
    single, out = True, set()
    for data in both:
        table = {}
        for row in data["rows"]:
            try:
                key, n, c, faults = str(row["key"]), row["n"], row["c"], row["faults"]
                if not (type(n) is type(c) is type(faults) is int and 0 <= c <= n):
                    raise ValueError
            except (TypeError, KeyError, ValueError):
                text = json.dumps(row)
                raise InvalidValueError(f"malformed row of results.json, got {text:.80}") from None
            single = single and n <= 1
            if n == 0 and faults:
                out.add(key)
            table[key] = c / n if n else 0.0
        tables.append(table)
    first, second = tables
    keys = [key for key in first if key in second and key not in out]
    return {key: (first[key], second[key]) for key in keys}, single, len(out)


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 else f"{value:.1e}"
