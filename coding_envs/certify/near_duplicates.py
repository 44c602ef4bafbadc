"""overlap: which problems of two sets have nearly the same statement.

Two statements match where they are equal but for case, punctuation and white space; or where they
share a run of 13 words, the measure of contamination of Brown et al. 2020 (arXiv:2005.14165,
appendix C). A statement of fewer than 13 words is compared as a whole. A run of words that stands
in more than ten statements of either set is a common phrase ("the first line contains the number
of test cases ..."), and says nothing.

The runs are hashed and sorted, so that the work grows with the length of the statements and not
with the number of pairs; a hash is 64 bits, which for millions of runs makes an accident unlikely
(about 1 in 10^6 for 4 million runs in each set).
"""

from __future__ import annotations

import hashlib
import itertools
import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidValueError
from ..problem import Problem

__all__ = ["Match", "Overlap", "overlap", "statement_words"]

NGRAM = 13
COMMON = 10
"""A run of words in more statements of a set than this is a common phrase."""

_WORD = re.compile(r"\w+")
_BATCH_WORDS = 1 << 20  # hashed at one time, which bounds what is held meanwhile

type _Ints = npt.NDArray[np.int64]
type _Hashes = npt.NDArray[np.uint64]
type Statements = Iterable[Problem] | Mapping[str, str]


def statement_words(text: str) -> list[str]:
    """Returns a statement's words: runs of letters, digits and underscores, in lower case."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class Match:
    """Two statements that match.

    Attributes:
      a, b: their keys.
      same: True where they are equal, word by word.
      shared: how many different runs of 13 words they share.
      share: `shared` as a part of the runs of the one that has fewer, in [0, 1]; 1 where equal.
    """

    a: str
    b: str
    same: bool
    shared: int
    share: float

    def to_json(self) -> dict[str, Any]:
        """Returns the match as JSON data."""
        data: dict[str, Any] = {"a": self.a, "b": self.b, "same": self.same}
        return data | {"shared": self.shared, "share": round(self.share, 4)}


@dataclass(frozen=True)
class Overlap:
    """What two sets of statements have in common.

    Attributes:
      matches: the equal ones first, then by share, largest first.
      total_a, total_b: how many statements there are.
      names: what the sets are called.
    """

    matches: tuple[Match, ...]
    total_a: int
    total_b: int
    names: tuple[str, str] = field(default=("A", "B"))

    @property
    def keys_a(self) -> frozenset[str]:
        """The keys of A that match any of B."""
        return frozenset(match.a for match in self.matches)

    @property
    def keys_b(self) -> frozenset[str]:
        """The keys of B that match any of A."""
        return frozenset(match.b for match in self.matches)

    def to_json(self) -> dict[str, Any]:
        """Returns the overlap as JSON data."""
        return {
            "a": self.names[0],
            "b": self.names[1],
            "total_a": self.total_a,
            "total_b": self.total_b,
            "matched_a": len(self.keys_a),
            "matched_b": len(self.keys_b),
            "share_a": round(len(self.keys_a) / max(self.total_a, 1), 6),
            "share_b": round(len(self.keys_b) / max(self.total_b, 1), 6),
            "same": sum(match.same for match in self.matches),
            "matches": [match.to_json() for match in self.matches],
        }

    def to_text(self, most: int = 20) -> str:
        """Returns the overlap as a few lines, with the first `most` matches."""
        sides = zip(
            self.names,
            (len(self.keys_a), len(self.keys_b)),
            (self.total_a, self.total_b),
            strict=True,
        )
        lines = [
            f"{name}: {count} of {total} statements match ({count / max(total, 1):.1%})"
            for name, count, total in sides
        ]
        same = sum(match.same for match in self.matches)
        lines.append(f"{len(self.matches)} pairs, {same} of them with the same statement")
        shown = self.matches[:most]
        width = max((len(match.a) for match in shown), default=0)
        lines += [
            f"  {match.a:<{width}}  {match.b}  "
            + (
                "same statement"
                if match.same
                else f"{match.share:.0%} of its runs of {NGRAM} words"
            )
            for match in shown
        ]
        if len(self.matches) > len(shown):
            lines.append(f"  ... {len(self.matches) - len(shown)} more")
        return "\n".join(lines)


def overlap(
    a: Statements,
    b: Statements,
    *,
    min_share: float = 0.0,
    names: tuple[str, str] = ("A", "B"),
) -> Overlap:
    """Returns the pairs of statements of two sets that match.

    Args:
      a: problems, of which only `key` and `prompt` are read; or key -> statement.
      b: the other set, likewise.
      min_share: leaves out pairs whose share is below; 0 keeps all that share one run of words.
      names: what the sets are called.

    Raises:
      InvalidValueError: `min_share` is not in [0, 1].

    Source: Brown et al. 2020, "Language Models are Few-Shot Learners", appendix C.
    """
    if not 0 <= min_share <= 1:
        raise InvalidValueError(f"min_share must be in [0, 1], got {min_share!r}")
    vocabulary: dict[str, int] = {}
    sides = [_Side(one, vocabulary) for one in (a, b)]
    matches = {
        (i, j): Match(sides[0].keys[i], sides[1].keys[j], True, shared=0, share=1.0)
        for words, first in sides[0].by_words.items()
        for i in first
        for j in sides[1].by_words.get(words, ())
    }
    for i, j, shared in _shared_runs(*sides):
        least = min(sides[0].counts[i], sides[1].counts[j])
        same = (i, j) in matches
        share = 1.0 if same else shared / least
        if same or share >= min_share:
            keys = (sides[0].keys[i], sides[1].keys[j])
            matches[i, j] = Match(*keys, same, shared=shared, share=share)
    ordered = sorted(matches.values(), key=lambda m: (not m.same, -m.share, -m.shared, m.a, m.b))
    return Overlap(tuple(ordered), len(sides[0].keys), len(sides[1].keys), names)


class _Side:
    """One set of statements, as hashes.

    Attributes:
      keys: of the statements.
      by_words: digest of all words -> the statements, by number; one without words is in none.
      hashes: of all runs of 13 words, sorted, once per statement. uint64 [runs].
      owners: the statement of each. int64 [runs].
      counts: how many different runs each statement has.
    """

    def __init__(self, statements: Statements, vocabulary: dict[str, int]) -> None:
        self.keys: list[str] = []
        self.by_words: dict[bytes, list[int]] = {}
        if isinstance(statements, Mapping):
            pairs: Iterable[tuple[str, str]] = statements.items()
        else:
            pairs = ((problem.key, problem.prompt) for problem in statements)
        hashes, owners = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        batch: list[list[int]] = []
        size = 0
        for key, text in pairs:
            ids = [vocabulary.setdefault(w, len(vocabulary)) for w in statement_words(text)]
            if ids:
                digest = hashlib.blake2b(array("q", ids).tobytes(), digest_size=16).digest()
                self.by_words.setdefault(digest, []).append(len(self.keys))
            self.keys.append(key)
            batch.append(ids)
            size += len(ids)
            if size > _BATCH_WORDS:
                _add_runs(batch, len(self.keys) - len(batch), hashes, owners)
                batch, size = [], 0
        _add_runs(batch, len(self.keys) - len(batch), hashes, owners)
        flat, whose = np.concatenate(hashes), np.concatenate(owners)
        order = np.argsort(flat, kind="stable")  # owners stay in their order
        flat, whose = flat[order], whose[order]
        first = np.ones(len(flat), bool)
        first[1:] = (flat[1:] != flat[:-1]) | (whose[1:] != whose[:-1])
        self.hashes: _Hashes = flat[first]
        self.owners: _Ints = whose[first]
        self.counts: list[int] = np.bincount(self.owners, minlength=len(self.keys)).tolist()


def _add_runs(
    batch: list[list[int]], start: int, hashes: list[_Hashes], owners: list[_Ints]
) -> None:
    """Adds a hash of each run of 13 words, and its statement; the first of these is `start`."""
    lengths = [len(ids) for ids in batch]
    whose = np.repeat(np.arange(start, start + len(batch)), lengths)
    if len(whose) < NGRAM:
        return
    mixed = _mixed(np.fromiter(itertools.chain.from_iterable(batch), np.uint64, len(whose)))
    count = len(whose) - NGRAM + 1
    runs = np.zeros(count, np.uint64)
    for at in range(NGRAM):
        runs = _mixed(runs + mixed[at : at + count])
    inside = whose[:count] == whose[NGRAM - 1 :]  # not over the end of a statement
    hashes.append(runs[inside])
    owners.append(whose[:count][inside])


def _mixed(values: _Hashes) -> _Hashes:
    """Returns the values, mixed bit by bit: splitmix64 (Steele, Lea and Flood 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _shared_runs(a: _Side, b: _Side) -> list[tuple[int, int, int]]:
    """Returns (statement of A, statement of B, runs that both have), but for common phrases."""
    both = np.intersect1d(a.hashes, b.hashes)
    (start_a, count_a), (start_b, count_b) = _spans(a, both), _spans(b, both)
    kept = (count_a <= COMMON) & (count_b <= COMMON)
    start_a, count_a, start_b, count_b = (x[kept] for x in (start_a, count_a, start_b, count_b))
    pairs = count_a * count_b  # of each run: every statement of A that has it with every one of B
    run = np.repeat(np.arange(len(pairs)), pairs)
    within = np.arange(len(run)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    first = a.owners[start_a[run] + within // np.maximum(count_b[run], 1)]
    second = b.owners[start_b[run] + within % np.maximum(count_b[run], 1)]
    width = max(len(b.keys), 1)
    codes, counts = np.unique(first * width + second, return_counts=True)
    return [
        (int(code) // width, int(code) % width, int(count))
        for code, count in zip(codes, counts, strict=True)
    ]


def _spans(side: _Side, hashes: _Hashes) -> tuple[_Ints, _Ints]:
    start = np.searchsorted(side.hashes, hashes, "left")
    return start, np.searchsorted(side.hashes, hashes, "right") - start
