"""A certification as Markdown and as one page of HTML that needs nothing else."""

from __future__ import annotations

import html
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..data.manifest import ManifestRow
from ..files import write_whole
from .run import Certification

__all__ = ["REASONS", "html_report", "markdown_report", "write_reports"]

REASONS = {
    "no_tests": "there is nothing to judge a program by",
    "no_solutions": "no reference: limit and tests could not be checked against one",
    "not_judgeable": "our judge cannot judge it: a language or a kind of test",
    "broken_tests": "the tests fail by themselves, whatever the program does",
    "references_fail": "no reference is accepted every time",
    "some_references_fail": "some references fail; they were removed",
    "flaky": "a reference gets other verdicts in other runs",
    "bad_tests": "tests that most references fail, which pass all others; they were removed",
    "needs_checker": "right answers seem to be rejected: it needs a checker",
    "several_answers_letter_case": "right answers differ in the case of letters; compared without",
    "several_answers_digits": "right answers differ in digits of floats; compared to 1e-4",
    "several_answers_order": "right answers differ in their order; compared without",
    "references_differ": "accepted references differ on inputs that no test holds",
    "impossible_limit": "a reference needs more than the limit; it was raised",
    "tight_limit": "a reference takes a large part of the limit; it was raised",
    "repair_failed": "a reference fails the repaired problem",
    "toothless": "no wrong program is rejected for its answer",
    "accepts_nothing": "a program that does nothing is accepted",
    "wrong_accepted": "known-wrong programs are accepted",
    "weak_tests": "tests that reject none of the programs tried",
    "duplicate": "statement and tests are those of another problem",
    "same_statement": "the statement is that of another problem; the tests differ",
}
"""Reason -> what it means, in the order of the reports."""

_MOST_ROWS = 200  # of a table; the manifest has them all
_WORST = 15
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")


def write_reports(done: Certification, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Writes manifest, `report.md` and `report.html` into a folder; returns their paths.

    Each file appears whole or not at all.

    Raises:
      OSError: one cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [done.manifest.write(folder)]
    for name, text in (("report.md", markdown_report(done)), ("report.html", html_report(done))):
        write_whole(folder / name, [text])
        paths.append(folder / name)
    return tuple(paths)


# --- what both say -------------------------------------------------------------------------------


def _facts(done: Certification) -> list[tuple[str, str]]:
    rows, settings = done.manifest.rows, done.settings
    machine = rows[0].machine
    killed, mutants = sum(r.mutants_killed for r in rows), sum(r.mutants for r in rows)
    rejected, wrong = sum(r.wrong_rejected for r in rows), sum(r.wrong for r in rows)
    accepted, references = sum(r.accepted_references for r in rows), sum(r.references for r in rows)
    return [
        ("references accepted", _part(accepted, references)),
        ("known-wrong programs rejected", _part(rejected, wrong)),
        ("mutants rejected", _part(killed, mutants)),
        (
            "limit",
            f"{settings.multiple:g} x the slowest accepted reference, at least "
            f"{settings.floor_s:g} s, at most {settings.ceiling_s:g} s of CPU time"
            + ("; raised where it is short" if settings.limits == "raise" else "; for all"),
        ),
        ("runs of each reference", f"{settings.repeats}"),
        ("mutants per problem", f"{settings.mutants} at most, seed {settings.seed}"),
        ("machine", f"{machine.get('cpu', '?')}, {machine.get('cores', '?')} cores"),
        ("judge version", rows[0].judge_version),
        ("work", f"{done.executions} executions in {done.seconds:.1f} s"),
    ]


def _part(count: int, total: int) -> str:
    return f"{count} of {total}" + (f" ({count / total:.1%})" if total else "")


def _reasons(rows: Iterable[ManifestRow]) -> list[tuple[str, int, str]]:
    counts = Counter(reason for row in rows for reason in row.reasons)
    known = [(name, counts[name], what) for name, what in REASONS.items() if counts[name]]
    return known + [(name, count, "") for name, count in counts.items() if name not in REASONS]


def _no_problems(done: Certification) -> list[tuple[str, str]]:
    return [(why, str(count)) for why, count in list(done.no_problems.items())[:_MOST_ROWS]]


def _decided(done: Certification, decision: str) -> list[ManifestRow]:
    return [row for row in done.manifest if row.decision == decision]


def _repairs(row: ManifestRow) -> str:
    parts = []
    for name, value in row.repairs.items():
        if isinstance(value, dict):
            parts += [f"{key} = {json.dumps(v)}" for key, v in value.items()]
        else:
            parts.append(f"{name.replace('_', ' ')} {', '.join(map(str, value))}")
    return "; ".join(parts)


def _weakest(rows: Iterable[ManifestRow]) -> list[ManifestRow]:
    """Returns the problems of whose mutants the smallest part was rejected."""
    scored = [row for row in rows if row.mutants and row.decision != "dropped"]
    scored.sort(key=lambda row: (row.mutants_killed / row.mutants, -row.mutants, row.key))
    return [row for row in scored if row.mutants_killed < row.mutants][:_WORST]


def _slowest(rows: Iterable[ManifestRow]) -> list[ManifestRow]:
    timed = [row for row in rows if row.slowest_s > 0]
    return sorted(timed, key=lambda row: -row.slowest_s)[:_WORST]


def _times(rows: Iterable[ManifestRow]) -> list[tuple[str, int]]:
    """Returns the bars of a histogram of reference times: their names, and how many problems."""
    edges = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0]
    names = [f"< {edges[0] * 1000:g} ms"]
    names += [f"< {_seconds(high)}" for high in edges[1:]] + [f">= {_seconds(edges[-1])}"]
    counts = [0] * len(names)
    for row in rows:
        if row.accepted_references:
            counts[sum(row.slowest_s >= edge for edge in edges)] += 1
    while counts and counts[-1] == 0 and len(counts) > 1:
        counts.pop()
    return list(zip(names, counts, strict=False))


def _seconds(value: float) -> str:
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"


def _shown(text: str) -> str:
    """Text without characters that a page or terminal would act on."""
    return _CONTROL.sub("\ufffd", text)


# --- Markdown ------------------------------------------------------------------------------------


def markdown_report(done: Certification) -> str:
    """Returns the report as Markdown."""
    counts = done.manifest.counts()
    lines = [f"# Certification of {_md(done.manifest.where)}", ""]
    decided = ", ".join(f"**{count} {name}**" for name, count in counts.items())
    lines += [f"{len(done.manifest)} problems: {decided}.", ""]
    lines += _md_table(("fact", "value"), _facts(done))
    if done.not_judged:
        lines += ["## Not judged", "", "The same command tries these again.", ""]
        lines += [f"- {_md(line)}" for line in done.not_judged[:_MOST_ROWS]] + [""]
    if done.no_problems:
        lines += ["## Rows that became no problem", ""]
        lines += _md_table(("why", "rows"), _no_problems(done))
    lines += ["## What was found", ""]
    found = [(name, str(count), what) for name, count, what in _reasons(done.manifest)]
    lines += _md_table(("reason", "problems", "meaning"), found) if found else ["Nothing.", ""]
    for decision, title in (("dropped", "Dropped"), ("repaired", "Repaired")):
        rows = _decided(done, decision)
        if not rows:
            continue
        lines += [f"## {title}: {len(rows)}", ""]
        cells = [
            (row.key, " / ".join(row.notes), *([_repairs(row)] if decision == "repaired" else []))
            for row in rows[:_MOST_ROWS]
        ]
        head = ("problem", "why", "repair")[: 3 if decision == "repaired" else 2]
        lines += _md_table(head, cells)
        lines += _more(len(rows))
    weakest = _weakest(done.manifest)
    if weakest:
        lines += ["## Weakest tests", "", "The smallest part of mutants rejected.", ""]
        cells = [
            (r.key, _part(r.mutants_killed, r.mutants), str(len(r.weak_tests))) for r in weakest
        ]
        lines += _md_table(("problem", "mutants rejected", "tests that reject nothing"), cells)
    lines += ["## Time of the slowest reference", ""]
    lines += _md_table(("CPU time", "problems"), [(n, str(c)) for n, c in _times(done.manifest)])
    slowest = _slowest(done.manifest)
    cells = [(r.key, f"{r.slowest_s:.3f}", f"{r.limit_s:g}") for r in slowest]
    if cells:
        lines += _md_table(("problem", "slowest, s", "calibrated limit, s"), cells)
    return "\n".join(lines).rstrip("\n") + "\n"


def _more(count: int) -> list[str]:
    return [f"... and {count - _MOST_ROWS} more: see the manifest.", ""] * (count > _MOST_ROWS)


def _md(text: str) -> str:
    text = " ".join(_shown(text).split())
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", text)


def _md_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(map(_md, row)) + " |" for row in rows] + [""]


# --- HTML ----------------------------------------------------------------------------------------

_STYLE = """
:root { color-scheme: light dark; --bg: #fff; --fg: #1c2330; --soft: #5b6577; --line: #dde2ea;
  --card: #f5f7fa; --kept: #2e7d4f; --repaired: #b07a12; --dropped: #b3372f; --bar: #3f6fb5; }
@media (prefers-color-scheme: dark) { :root { --bg: #14181f; --fg: #e4e8ef; --soft: #97a1b3;
  --line: #2b323e; --card: #1c222c; --kept: #5cc48a; --repaired: #e0b04d; --dropped: #ec7b72;
  --bar: #7aa5e6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; background: var(--bg); color: var(--fg);
  font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); gap: .6rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .6rem .8rem; color: var(--soft); font-size: .9rem; }
.card b { display: block; font-size: 1.6rem; color: var(--fg); }
.kept b { color: var(--kept); } .repaired b { color: var(--repaired); }
.dropped b { color: var(--dropped); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
td, th { text-align: left; vertical-align: top; padding: .35rem .5rem .35rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
td:first-child { min-width: 7rem; }
.soft { color: var(--soft); }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--fg); font: 13px system-ui, sans-serif; } svg rect { fill: var(--bar); }
details summary { cursor: pointer; padding: .3rem 0; }
@media (max-width: 34rem) { .cards { grid-template-columns: 1fr 1fr; }
  table, tbody, tr, td { display: block; } thead { display: none; }
  tr { border-bottom: 1px solid var(--line); padding: .45rem 0; }
  td { border: 0; padding: .1rem 0; } td:first-child { font-weight: 600; }
  td[data-head]::before { content: attr(data-head) ": "; color: var(--soft); } }
"""


def html_report(done: Certification) -> str:
    """Returns the report as a page that needs no other file, and no network."""
    manifest = done.manifest
    title = f"Certification of {manifest.where}"
    cards = [("problems", "", len(manifest))]
    cards += [(name, name, count) for name, count in manifest.counts().items()]
    if done.not_judged:
        cards.append(("not judged", "dropped", len(done.not_judged)))
    parts = [f"<h1>{_h(title)}</h1>", '<div class="cards">']
    parts += [f'<div class="card {css}"><b>{count}</b>{name}</div>' for name, css, count in cards]
    parts += ["</div>", "<h2>How it was made</h2>", _table(("", ""), _facts(done))]
    found = [(name, str(count), what) for name, count, what in _reasons(manifest)]
    parts.append("<h2>What was found</h2>")
    parts.append(_table(("reason", "problems", "meaning"), found) if found else "<p>Nothing.</p>")
    if done.not_judged:
        parts.append("<h2>Not judged</h2><p>The same command tries these again.</p>")
        parts.append(_table(("problem",), [(line,) for line in done.not_judged[:_MOST_ROWS]]))
    if done.no_problems:
        parts.append("<h2>Rows that became no problem</h2>")
        parts.append(_table(("why", "rows"), _no_problems(done)))
    for decision, heading in (("dropped", "Dropped"), ("repaired", "Repaired")):
        rows = _decided(done, decision)
        if rows:
            parts.append(f"<h2>{heading}: {len(rows)}</h2>" + _decisions(rows))
    parts.append("<h2>CPU time of the slowest reference</h2>" + _histogram(_times(manifest)))
    slowest = [(r.key, f"{r.slowest_s:.3f}", f"{r.limit_s:g}") for r in _slowest(manifest)]
    parts.append(_folded("The slowest", ("problem", "slowest, s", "calibrated limit, s"), slowest))
    weakest = [
        (r.key, _part(r.mutants_killed, r.mutants), str(len(r.weak_tests)))
        for r in _weakest(manifest)
    ]
    head = ("problem", "mutants rejected", "tests that reject nothing")
    if weakest:
        parts.append("<h2>Weakest tests</h2>" + _table(head, weakest))
        parts.append(
            '<p class="soft">Some mutants are as right as what they came from: a score of 100% '
            "is not to be expected.</p>"
        )
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_h(title)}</title>\n<style>{_STYLE}</style></head>\n<body>\n{body}\n"
        "</body></html>\n"
    )


def _h(text: str) -> str:
    return html.escape(_shown(text))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    titles = "".join(f"<th>{_h(name)}</th>" for name in head)
    top = f"<thead><tr>{titles}</tr></thead>" if any(head) else ""
    lines = []
    for row in rows:
        cells = [f"<td>{_h(row[0])}</td>"]
        for name, value in zip(head[1:], row[1:], strict=True):
            mark = f' data-head="{_h(name)}"' if name and value else ""
            cells.append(f"<td{mark}>{_h(value)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{top}<tbody>{''.join(lines)}</tbody></table>"


def _folded(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    return f"<details><summary>{_h(title)}</summary>{_table(head, rows)}</details>"


def _decisions(rows: Sequence[ManifestRow]) -> str:
    shown = rows[:_MOST_ROWS]
    head, cells = ["problem", "why"], [[row.key, " / ".join(row.notes)] for row in shown]
    if any(row.repairs for row in shown):
        head.append("repair")
        for row, line in zip(shown, cells, strict=True):
            line.append(_repairs(row))
    more = "".join(f'<p class="soft">{line}</p>' for line in _more(len(rows)) if line)
    return _table(head, cells) + more


def _histogram(bars: Sequence[tuple[str, int]]) -> str:
    """Returns horizontal bars, as wide as the page allows; readable at any width."""
    if not any(count for _, count in bars):
        return "<p>No reference was accepted.</p>"
    most, step, left, width = max(count for _, count in bars), 26, 78, 360
    room = width - left - 56
    parts = [
        f'<svg viewBox="0 0 {width} {step * len(bars) + 4}" role="img" style="max-width:26rem" '
        'aria-label="problems by CPU time of the slowest reference">'
    ]
    for at, (name, count) in enumerate(bars):
        y, length = step * at, math.ceil(room * count / most)
        parts.append(f'<text x="{left - 8}" y="{y + 17}" text-anchor="end">{_h(name)}</text>')
        parts.append(f'<rect x="{left}" y="{y + 4}" width="{length}" height="18" rx="2"/>')
        parts.append(f'<text x="{left + length + 6}" y="{y + 17}">{count}</text>')
    return "".join(parts) + "</svg>"
