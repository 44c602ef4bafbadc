"""examine: one problem -> a row of the manifest.

An examination is a generator that yields the judgements it needs, which may go on side by side,
and gets their verdicts; so that many problems are examined at one time and no thread waits. What
is applied is what was measured: a repaired problem is judged once more as the manifest's reader
will get it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..data.manifest import ManifestRow, apply_repairs, problem_digest
from ..errors import CodingEnvsError, InvalidValueError
from ..problem import Limits, Problem
from ..verdict import Status, Verdict
from .disagreement import crossed
from .mutants import mutants_of, stub_of
from .near_duplicates import statement_words
from .settings import Settings

__all__ = ["NotJudgedError", "examine"]

type Judgement = tuple[Problem, str]
type Steps[T] = Generator[Sequence[Judgement], list[Verdict], T]

_MEMORY_FACTOR, _MOST_MEMORY = 4, 4 << 30  # of a second try, where references run out of it
_MUTATED = 3  # references: more of them rarely make other mutants
_COMPARED = 4  # references that are compared with the first
_QUICK_S, _QUICK_FACTOR = 0.5, 2.0  # a mutant may take 0.5 s more than twice the slowest reference
_FEW_SURVIVORS = 3  # fewer say nothing where no program was rejected by its answer
_MOST_REMOVED_TESTS = 0.1  # of all tests, but always one
_FEW_WRONG = 0.25  # wrong references per accepted one that are put down to themselves

# Weaker rules, under which a right answer written otherwise is accepted; the narrowest first.
_RELAXATIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("letter_case", "in the case of letters", {"ignore_case": True}),
    ("digits", "in digits of floats", {"floats": "always", "abs_tol": 1e-4, "rel_tol": 1e-4}),
    ("order", "in the order of lines or items", {"unordered": True}),
)

# A program of another dialect or library says nothing against the tests; a wrong answer does.
_ANSWERED = (Status.WRONG_ANSWER,)


class NotJudgedError(CodingEnvsError):
    """A verdict could not be had, by no fault of the problem's: it stays uncertified."""


@dataclass(frozen=True)
class _Reference:
    """A reference and its verdicts, one per repeat.

    Attributes:
      index: in `Problem.solutions`.
      program: its text.
      verdicts: in the order of the repeats.
    """

    index: int
    program: str
    verdicts: tuple[Verdict, ...]

    @property
    def accepted(self) -> bool:
        """Accepted every time."""
        return all(v.accepted for v in self.verdicts)

    @property
    def flaky(self) -> bool:
        """Not every time the same, test by test."""
        return len({tuple(t.status for t in v.tests) for v in self.verdicts}) > 1

    @property
    def status(self) -> Status:
        """Of the first verdict that is not ACCEPTED, or ACCEPTED."""
        return next((v.status for v in self.verdicts if not v.accepted), Status.ACCEPTED)

    @property
    def message(self) -> str:
        """Of the first verdict that is not ACCEPTED."""
        return next((v.message for v in self.verdicts if not v.accepted), "")

    @property
    def failed_tests(self) -> frozenset[int]:
        """The tests that were not passed every time."""
        tests = (enumerate(v.tests) for v in self.verdicts)
        return frozenset(i for one in tests for i, t in one if t.status is not Status.ACCEPTED)


@dataclass
class _Findings:
    """What was found so far."""

    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repairs: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    dropped: bool = False

    def note(self, reason: str, note: str) -> None:
        """Notes something that alone decides nothing."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        self.notes.append(_line(note))

    def drop(self, reason: str, note: str) -> None:
        """Notes why the problem is to be dropped."""
        self.note(reason, note)
        self.dropped = True


def examine(problem: Problem, settings: Settings) -> Steps[ManifestRow]:
    """Yields judgements, gets their verdicts, returns the problem's row (see `ManifestRow`).

    Raises:
      NotJudgedError: the sandbox failed.
    """
    found = _Findings()
    if not problem.tests:
        found.drop("no_tests", "the row has no tests")
    elif not problem.solutions:
        say = found.drop if settings.require_reference else found.note
        say("no_solutions", "there is no reference: limit and tests were not checked against one")
        if problem.wrong_solutions:
            yield from _bite(problem, [], settings, found)
    else:
        yield from _with_references(problem, settings, found)
    return _row(problem, settings, found)


def _with_references(problem: Problem, settings: Settings, found: _Findings) -> Steps[None]:
    wide = problem.replace(limits=_wide(problem.limits, settings))
    programs = list(enumerate(problem.solutions))[: settings.max_references]
    references = yield from _run(wide, programs, settings.repeats)
    references, wide = yield from _more_memory(wide, references, settings, found)
    found.facts["references"] = len(references)
    if all(r.status is Status.JUDGE_ERROR for r in references):
        found.drop("broken_tests", f"the tests fail by themselves: {references[0].message}")
        return
    references, wide = yield from _reconciled(wide, references, settings, found)
    accepted = [r for r in references if r.accepted]
    found.facts["accepted_references"] = len(accepted)
    _judge_failures(references, accepted, found)
    if found.dropped:
        return
    slowest_s = max(_slowest_s(wide, v) for r in accepted for v in r.verdicts)
    limit_s = settings.calibrated_s(slowest_s)
    found.facts |= {"slowest_s": round(slowest_s, 4), "limit_s": limit_s}
    _calibrate(problem.limits, slowest_s, limit_s, settings, found)
    if len(accepted) < len(references):
        removed = [r.index for r in references if not r.accepted]
        found.repairs["removed_solutions"] = removed
    repaired = apply_repairs(problem, found.repairs)
    if found.repairs:
        verdicts = yield from _judged((repaired, r.program) for r in accepted)
        for verdict in verdicts:
            if not verdict.accepted:
                found.drop(
                    "repair_failed", f"a reference fails the repaired problem: {verdict.message}"
                )
                return
    programs_left = [r.program for r in accepted]
    yield from _compare(repaired, programs_left, settings, found)
    yield from _bite(repaired, programs_left, settings, found)


# --- references ----------------------------------------------------------------------------------


def _run(
    problem: Problem, programs: Sequence[tuple[int, str]], repeats: int
) -> Steps[list[_Reference]]:
    """Runs each program `repeats` times; one that runs out of time only once."""
    first = yield from _judged((problem, program) for _, program in programs)
    again = [
        at for at, v in enumerate(first) if v.status is not Status.TIME_LIMIT_EXCEEDED
    ] * (repeats - 1)  # fmt: skip
    more = yield from _judged((problem, programs[at][1]) for at in again)
    verdicts = [[verdict] for verdict in first]
    for at, verdict in zip(again, more, strict=True):
        verdicts[at].append(verdict)
    return [
        _Reference(index, program, tuple(seen))
        for (index, program), seen in zip(programs, verdicts, strict=True)
    ]


def _more_memory(
    problem: Problem, references: list[_Reference], settings: Settings, found: _Findings
) -> Steps[tuple[list[_Reference], Problem]]:
    """Tries references that ran out of memory with more of it."""
    short = [r for r in references if r.status is Status.MEMORY_LIMIT_EXCEEDED]
    before = problem.limits.memory_bytes
    more = min(_MEMORY_FACTOR * before, max(_MOST_MEMORY, before))
    if not short or more == before:
        return references, problem
    roomy = problem.replace(limits=replace(problem.limits, memory_bytes=more))
    again = yield from _run(roomy, [(r.index, r.program) for r in short], settings.repeats)
    if not any(r.accepted for r in again):
        return references, problem
    found.note(
        "impossible_limit",
        f"{sum(r.accepted for r in again)} of {len(references)} references need more than "
        f"{before >> 20} MiB: the limit is {more >> 20} MiB now",
    )
    found.repairs["limits"] = {"memory_bytes": more}
    by_index = {r.index: r for r in again}
    return [by_index.get(r.index, r) for r in references], roomy


def _reconciled(
    problem: Problem, references: list[_Reference], settings: Settings, found: _Findings
) -> Steps[tuple[list[_Reference], Problem]]:
    """Looks for a way in which references with wrong answers are right after all."""
    wrong = [r for r in references if _only_wrong(r)]
    if not wrong:
        return references, problem
    relaxed = yield from _relaxed(problem, references, wrong, settings, found)
    if relaxed is not None:
        return relaxed
    removed = _bad_tests(problem, references, wrong)
    if removed:
        found.note(
            "bad_tests",
            f"{len(removed)} of {len(problem.tests)} tests reject references that pass all others",
        )
        found.repairs["removed_tests"] = sorted(removed)
        problem = apply_repairs(problem, {"removed_tests": removed})
        programs = [(r.index, r.program) for r in references]
        references = yield from _run(problem, programs, settings.repeats)
    return references, problem


def _only_wrong(reference: _Reference) -> bool:
    """Whether a program runs well, and its answers are what is wrong; the same every time."""
    statuses = {t.status for v in reference.verdicts for t in v.tests}
    return not reference.flaky and Status.WRONG_ANSWER in statuses and statuses <= {
        Status.WRONG_ANSWER, Status.ACCEPTED
    }  # fmt: skip


def _relaxed(
    problem: Problem,
    references: list[_Reference],
    wrong: list[_Reference],
    settings: Settings,
    found: _Findings,
) -> Steps[tuple[list[_Reference], Problem] | None]:
    """Tries weaker comparisons; one is taken where it lets in no known-wrong program."""
    if problem.checker is not None or not any(t.kind in ("stdio", "call") for t in problem.tests):
        return None
    for name, what, changes in _RELAXATIONS:
        other = apply_repairs(problem, {"comparison": changes})
        if other.comparison == problem.comparison:
            continue
        (first,) = yield from _judged([(other, wrong[0].program)])
        if not first.accepted:
            continue
        programs = [(r.index, r.program) for r in wrong]
        again = yield from _run(other, programs, settings.repeats)
        if not all(r.accepted for r in again):
            continue
        strict = yield from _judged((problem, p) for p in problem.wrong_solutions)
        weak = yield from _judged((other, p) for p in problem.wrong_solutions)
        let_in = sum(b.accepted and not a.accepted for a, b in zip(strict, weak, strict=True))
        text = f"{len(wrong)} of {len(references)} references differ only {what}"
        if let_in:
            found.note("needs_checker", f"{text}; so do {let_in} known-wrong programs")
            return None
        found.note(f"several_answers_{name}", text)
        found.repairs["comparison"] = changes
        by_index = {r.index: r for r in again}
        return [by_index.get(r.index, r) for r in references], other
    return None


def _bad_tests(
    problem: Problem, references: list[_Reference], wrong: list[_Reference]
) -> frozenset[int]:
    """Returns the few tests that most references fail, which pass all others; none if in doubt."""
    runs = [r for r in references if r.accepted or _only_wrong(r)]
    counts = Counter(i for r in wrong for i in r.failed_tests)
    bad = frozenset(i for i, count in counts.items() if 2 * count > len(runs))
    most = max(1, int(_MOST_REMOVED_TESTS * len(problem.tests)))
    saved = sum(r.failed_tests <= bad for r in wrong)
    if not bad or len(bad) > most or len(bad) == len(problem.tests) or saved < 2:
        return frozenset()
    return bad


def _judge_failures(
    references: Sequence[_Reference], accepted: Sequence[_Reference], found: _Findings
) -> None:
    """Decides on what references fail, and what flickers."""
    flaky = [r for r in references if r.flaky]
    failing = [r for r in references if not r.accepted and not r.flaky]
    wrong = [r for r in failing if r.status in _ANSWERED]
    total = len(references)
    if flaky:
        seen = ", ".join(sorted({str(v.status) for r in flaky for v in r.verdicts}))
        text = f"{len(flaky)} of {total} references get other verdicts in other runs ({seen})"
        (found.note if accepted else found.drop)("flaky", text)
    if not failing:
        return
    statuses = Counter(str(r.status) for r in failing)
    counts = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    text = f"{len(failing)} of {total} references fail ({counts}): {failing[0].message}"
    if not accepted:
        found.drop("references_fail", text)
    elif len(wrong) > _FEW_WRONG * len(accepted):
        found.drop(
            "needs_checker",
            f"{text}; so many wrong answers beside {len(accepted)} accepted references look like "
            "several right answers, or wrong tests",
        )
    else:
        found.note("some_references_fail", text)


def _compare(
    problem: Problem, references: Sequence[str], settings: Settings, found: _Findings
) -> Steps[None]:
    """Compares accepted references on inputs that no test holds."""
    if len(references) < 2 or not settings.inputs:
        return
    seed = f"{settings.seed}/{problem.uid}"
    try:
        other = crossed(problem, references[0], settings.inputs, seed)
    except InvalidValueError:  # such as an entry point that test code cannot call
        return
    if other is None:
        return
    verdicts = yield from _judged((other, program) for program in references[1 : _COMPARED + 1])
    differ = {
        at
        for verdict in verdicts
        for at, test in enumerate(verdict.tests)
        if test.status is Status.WRONG_ANSWER
    }
    if differ:
        found.note(
            "references_differ",
            f"accepted references differ on {len(differ)} of {len(other.tests)} made-up inputs: "
            "several answers may be right, or the tests leave something open",
        )


# --- limits --------------------------------------------------------------------------------------


def _wide(limits: Limits, settings: Settings) -> Limits:
    """Limits under which a reference may take its time."""
    return _timed(limits, max(limits.cpu_time_s, settings.ceiling_s))


def _timed(limits: Limits, cpu_time_s: float) -> Limits:
    wall_s = limits.wall_time_s
    if wall_s is not None:
        wall_s = max(wall_s, 2 * cpu_time_s + 1)
    return replace(limits, cpu_time_s=cpu_time_s, wall_time_s=wall_s)


def _slowest_s(problem: Problem, verdict: Verdict) -> float:
    """Returns the CPU time of the slowest run of a verdict, which is what the limit bounds.

    Tests that share a run have no time of their own; theirs is all that the others leave of the
    verdict's, which holds what the tests themselves took: at most that much.
    """
    alone = [t.cpu_time_s for t in verdict.tests]
    if any(t.kind in ("call", "code") for t in problem.tests):
        alone.append(verdict.cpu_time_s - sum(alone))
    return max(alone, default=0.0)


def _calibrate(
    own: Limits, slowest_s: float, limit_s: float, settings: Settings, found: _Findings
) -> None:
    wanted_s = min(settings.multiple * slowest_s, settings.ceiling_s)
    if settings.limits == "calibrated":
        new_s = limit_s
    else:
        new_s = max(limit_s, own.cpu_time_s) if own.cpu_time_s < wanted_s else own.cpu_time_s
    if slowest_s > own.cpu_time_s:
        found.note(
            "impossible_limit",
            f"a reference takes {slowest_s:.2f} s of {own.cpu_time_s:g} s: {new_s:g} s now",
        )
    elif own.cpu_time_s < wanted_s:
        found.note(
            "tight_limit",
            f"a reference takes {slowest_s:.2f} s of {own.cpu_time_s:g} s, more than one part in "
            f"{settings.multiple:g}: {new_s:g} s now",
        )
    if new_s != own.cpu_time_s:
        changes = {"cpu_time_s": new_s}
        if own.wall_time_s is not None:
            changes["wall_time_s"] = max(own.wall_time_s, 2 * new_s + 1)
        found.repairs["limits"] = found.repairs.get("limits", {}) | changes


# --- do the tests bite? --------------------------------------------------------------------------


def _bite(
    problem: Problem, references: Sequence[str], settings: Settings, found: _Findings
) -> Steps[None]:
    """Runs known-wrong programs, mutants, and one that does nothing; looks at what rejects them."""
    mutants: list[str] = []
    stub = None
    if problem.language == "python" and references and settings.mutants:
        seed = f"{settings.seed}/{problem.uid}"
        mutants = mutants_of(references[:_MUTATED], settings.mutants, seed)
        stub = stub_of(references[0], problem.entry_point)
    quick_s = _QUICK_S + _QUICK_FACTOR * found.facts.get("slowest_s", 0.0)
    quick_s = min(quick_s, problem.limits.cpu_time_s)
    quick = problem.replace(limits=replace(problem.limits, cpu_time_s=quick_s, wall_time_s=None))
    programs = [(problem, p) for p in problem.wrong_solutions] + [(quick, p) for p in mutants]
    programs += [(quick, stub)] if stub is not None else []
    verdicts = yield from _judged(programs)
    end = len(problem.wrong_solutions)
    wrong = _decided(verdicts[:end])
    killed = _decided(verdicts[end : end + len(mutants)])
    stubs = _decided(verdicts[end + len(mutants) :])
    found.facts |= {
        "wrong": len(wrong),
        "wrong_rejected": sum(not v.accepted for v in wrong),
        "mutants": len(killed),
        "mutants_killed": sum(not v.accepted for v in killed),
    }
    everything = [*wrong, *killed, *stubs]
    if not everything:
        return
    caught = {
        at
        for v in everything
        for at, test in enumerate(v.tests)
        if test.status not in (Status.ACCEPTED, Status.NOT_RUN)
    }
    found.facts["weak_tests"] = [at for at in range(len(problem.tests)) if at not in caught]
    survivors = [v for v in everything if v.accepted]
    # A crash is noticed by any test that makes the call; what it compares is shown by answers.
    by_answer = [v for v in everything if any(t.status is Status.WRONG_ANSWER for t in v.tests)]
    idle = any(v.accepted for v in stubs)
    if not by_answer and (idle or len(survivors) >= _FEW_SURVIVORS):
        text = f"none of {len(everything)} wrong or mutated programs is rejected for its answer"
        also = "; one that does nothing is accepted" if idle else ""
        found.drop("toothless", text + also)
    elif idle:
        found.note("accepts_nothing", "a program that does nothing is accepted")
    accepted = len(wrong) - found.facts["wrong_rejected"]
    if accepted:
        found.note("wrong_accepted", f"{accepted} of {len(wrong)} known-wrong programs pass")
    weak = found.facts["weak_tests"]
    if weak and not found.dropped:
        found.note(
            "weak_tests", f"{len(weak)} of {len(problem.tests)} tests reject none of the programs"
        )


def _decided(verdicts: Iterable[Verdict]) -> list[Verdict]:
    return [v for v in verdicts if not v.status.is_fault_of_ours]


# --- the rest ------------------------------------------------------------------------------------


def _judged(pairs: Iterable[Judgement]) -> Steps[list[Verdict]]:
    """Yields judgements, and returns their verdicts.

    Raises:
      NotJudgedError: the sandbox failed on one.
    """
    asked = list(pairs)
    if not asked:
        return []
    verdicts = yield asked
    for verdict in verdicts:
        if verdict.status is Status.INTERNAL_ERROR:
            raise NotJudgedError(f"the sandbox failed: {verdict.message}")
    return verdicts


def _row(problem: Problem, settings: Settings, found: _Findings) -> ManifestRow:
    decision = "dropped" if found.dropped else "repaired" if found.repairs else "kept"
    tests = [t.to_json() for t in problem.tests]
    facts: Mapping[str, Any] = {"references": len(problem.solutions), **found.facts}
    return ManifestRow(
        dataset=problem.dataset,
        config=problem.config,
        split=problem.split,
        key=problem.key,
        fingerprint=problem_digest(problem),
        decision=decision,
        reasons=tuple(found.reasons),
        notes=tuple(found.notes),
        repairs={} if found.dropped else found.repairs,
        repeats=settings.repeats,
        statement_digest=_digest(" ".join(statement_words(problem.prompt)) or problem.prompt),
        tests_digest=_digest(json.dumps([problem.entry_point, tests], sort_keys=True)),
        **facts,
    )


def _digest(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _line(text: str, width: int = 400) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3] + "..."
