"""report_page: an evaluation as one HTML page that needs nothing else, no network either.

What programs wrote or printed is hostile text: it reaches the page as escaped text or as JSON in
which no tag can begin, and the page's script shows it as text only. The page forbids itself, by its
Content-Security-Policy, to load anything and to run any script but its own.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..folder import SampleResult

if TYPE_CHECKING:
    from ..report import EvalReport
    from ..summary import Group

__all__ = ["report_page"]

_PROGRAM_CHARS = 10_000
_TEXT_CHARS = 2000
_MOST_ROWS = 20_000
_MOST_CHARS = 16 << 20  # of programs on the whole page; what is beyond stands in verdicts.jsonl

_GOOD, _OURS = "ACCEPTED", ("INTERNAL_ERROR", "JUDGE_ERROR")

# Control characters, and those that turn the direction of writing, as visible symbols.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def report_page(report: EvalReport) -> str:
    """Returns the page."""
    style, script = _file("report.css"), _file("report.js")
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hashed}'"
    title = "/".join([report.dataset, report.config, report.split])
    first = next(iter(report.pass_at_k.items()), None)
    headline = f"pass@{first[0]} {first[1]:.1%}" if first else "no pass@k"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(title)}: {headline}</title>
<style>
{style}</style>
</head>
<body>
<header>
<p class="where">{_text(title)}</p>
<h1>{_text(_name(report.source))}</h1>
</header>
<main>
{_numbers(report)}
{_notes(report)}
<div class="charts">
{_pass_at_k(report)}
{_statuses(report)}
{_groups("By difficulty", report.by_difficulty)}
{_lengths(report)}
{_groups("By tag", report.by_tag)}
</div>
<section id="programs">
<h2>Programs</h2>
<noscript><p>The list of programs needs JavaScript; all of it is in verdicts.jsonl.</p></noscript>
<div id="filters" hidden>
<input id="search" type="search" placeholder="problem, message, program"
 aria-label="Search problems, messages and programs">
<select id="status" aria-label="Status"></select>
<select id="difficulty" aria-label="Difficulty"></select>
<select id="tag" aria-label="Tag"></select>
</div>
<p id="count" role="status"></p>
<div id="rows"></div>
<button id="more" type="button" hidden>Show more</button>
</section>
</main>
<footer>
<p>{_text(_origin(report))}</p>
</footer>
<script type="application/json" id="data">{_json(_data(report))}</script>
<script>{script}</script>
</body>
</html>
"""


@functools.cache
def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _visible(text: str) -> str:
    """Returns text in which every character can be seen and stands in a file."""
    text = text.replace("\r\n", "\n").encode("utf-8", "replace").decode()
    return _CONTROL.sub(_symbol, text)


def _symbol(match: re.Match[str]) -> str:
    code = ord(match.group())
    return chr(0x2400 + code) if code < 0x20 else f"\\u{code:04x}"


def _text(text: str) -> str:
    return escape(_visible(text))


def _json(data: Any) -> str:
    """Returns JSON in which no tag, comment or entity can begin."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _cut(text: str, most: int) -> str:
    more = len(text) - most
    return _visible(text if more <= 0 else f"{text[:most]}\n... {more} more characters")


def _name(source: str) -> str:
    return "Reference solutions" if source == "reference" else source


def _origin(report: EvalReport) -> str:
    parts = [f"problems {report.problem_set}", f"judge version {report.judge_version}"]
    parts += [f"{name} {value}" for name, value in report.settings.items() if value not in ({}, "")]
    return " · ".join(parts)


def _numbers(report: EvalReport) -> str:
    cells = []
    for k, value in report.pass_at_k.items():
        low, high = report.intervals.get(k, (value, value))
        cells.append((f"pass@{k}", f"{value:.1%}", f"95%: {low:.1%} to {high:.1%}"))
    cells.append(("problems", f"{len(report.rows):,}", _plural(len(report.results), "sample")))
    cost = f"{report.cpu_time_s:,.2f} s of CPU time"
    cells.append(("executions", f"{report.executions:,}", cost))
    rate = f"{len(report.results) / report.seconds:,.1f} samples/s" if report.seconds else ""
    cells.append(("seconds", f"{report.seconds:,.1f}", rate))
    if report.tokens:
        read = f"{report.tokens.get('prompt', 0):,} read"
        cells.append(("tokens written", f"{report.tokens.get('completion', 0):,}", read))
    items = "\n".join(
        f"<div><dt>{_text(n)}</dt><dd>{_text(v)}</dd><dd class='small'>{_text(s)}</dd></div>"
        for n, v, s in cells
    )
    return f'<dl class="numbers">\n{items}\n</dl>'


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _notes(report: EvalReport) -> str:
    notes = list(report.notes)
    if report.dropped:
        notes.append(f"{len(report.dropped)} rows dropped, first: {report.dropped[0]}")
    if not notes:
        return ""
    items = "".join(f"<li>{_text(note[:_TEXT_CHARS])}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>'


# --- plots ------------------------------------------------------------------------------------


def _chart(title: str, rows: Iterable[tuple[str, str, str]]) -> str:
    """Returns a titled list of (label, value as text, bar)."""
    items = "\n".join(
        f'<li><span class="label">{_text(label)}</span>'
        f'<span class="value">{_text(value)}</span>{bar}</li>'
        for label, value, bar in rows
    )
    return f'<section class="chart"><h2>{_text(title)}</h2>\n<ul>\n{items}\n</ul></section>'


def _bar(value: float, kind: str = "good", interval: Sequence[float] = ()) -> str:
    """Returns a bar from 0 to 1 that is as wide as the page has room; its scale is percent."""
    marks = ""
    if interval:
        low, high = (100 * end for end in interval)
        marks = (
            f'<line class="range" x1="{low:.2f}" x2="{high:.2f}" y1="5" y2="5"/>'
            f'<line class="range" x1="{low:.2f}" x2="{low:.2f}" y1="2" y2="8"/>'
            f'<line class="range" x1="{high:.2f}" x2="{high:.2f}" y1="2" y2="8"/>'
        )
    return (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="10"/>'
        f'<rect class="{kind}" width="{100 * value:.2f}" height="10"/>{marks}</svg>'
    )


def _pass_at_k(report: EvalReport) -> str:
    rows = []
    for k, value in report.pass_at_k.items():
        low, high = report.intervals.get(k, (value, value))
        text = f"{value:.1%} ({low:.1%} to {high:.1%})"
        rows.append((f"pass@{k}", text, _bar(value, interval=(low, high))))
    return _chart("pass@k, with 95% intervals", rows) if rows else ""


def _statuses(report: EvalReport) -> str:
    total = max(len(report.results), 1)
    rows = [
        (name, f"{count:,} ({count / total:.1%})", _bar(count / total, _kind(name)))
        for name, count in report.statuses.items()
    ]
    return _chart("Verdicts", rows) if rows else ""


def _kind(status: str) -> str:
    return "good" if status == _GOOD else "ours" if status in _OURS else "bad"


def _groups(title: str, groups: Sequence[Group]) -> str:
    if len(groups) < 2:
        return ""
    rows = []
    for group in groups:
        k, value = next(iter(group.pass_at_k.items()), (0, 0.0))
        if k:
            text = f"{value:.1%} of {_plural(group.problems, 'problem')}"
            rows.append((group.name, text, _bar(value)))
    ks = next(iter(groups)).pass_at_k
    return _chart(f"{title} (pass@{next(iter(ks))})", rows) if rows else ""


def _lengths(report: EvalReport) -> str:
    if len(report.by_length) < 2:
        return ""
    rows = []
    for group in report.by_length:
        share = group.accepted / group.samples
        text = f"{share:.1%} of {_plural(group.samples, 'program')}"
        rows.append((f"{group.shortest:,} to {group.longest:,}", text, _bar(share)))
    return _chart("Accepted by length in characters", rows)


# --- the programs -------------------------------------------------------------------------------


def _data(report: EvalReport) -> dict[str, Any]:
    """Returns what the page's script reads; programs that failed come first into the budget."""
    facts = {row.key: row for row in report.rows}
    shown = list(report.results)
    left_out = 0
    if len(shown) > _MOST_ROWS:
        first = sorted(range(len(shown)), key=lambda i: (shown[i].verdict.accepted, i))
        shown = [shown[i] for i in sorted(first[:_MOST_ROWS])]
        left_out = len(report.results) - len(shown)
    budget, with_program = _MOST_CHARS, set[int]()
    for at in sorted(range(len(shown)), key=lambda i: (shown[i].verdict.accepted, i)):
        budget -= min(len(shown[at].program), _PROGRAM_CHARS)
        if budget < 0:
            break
        with_program.add(at)
    rows = []
    for at, result in enumerate(shown):
        row = _row(result, with_program=at in with_program)
        fact = facts[result.key]
        if fact.difficulty:
            row["difficulty"] = _visible(fact.difficulty)
        if fact.tags:
            row["tags"] = [_visible(tag) for tag in fact.tags]
        rows.append(row)
    return {"rows": rows, "left_out": left_out}


def _row(result: SampleResult, *, with_program: bool) -> dict[str, Any]:
    verdict = result.verdict
    row: dict[str, Any] = {
        "key": _cut(result.key, 300),
        "sample": result.sample,
        "status": str(verdict.status),
        "kind": _kind(verdict.status),
        "passed": verdict.passed,
        "total": verdict.total,
        "cpu": round(verdict.cpu_time_s, 3),
    }
    if with_program:
        row["program"] = _cut(result.program, _PROGRAM_CHARS)
    if not verdict.accepted:
        row["message"] = _cut(verdict.message, _TEXT_CHARS)
        if verdict.stderr.strip():
            row["stderr"] = _cut(verdict.stderr.strip(), _TEXT_CHARS)
    if result.failed is not None:
        row["test"] = result.failed.number + 1
        row["shown"] = _cut(result.failed.shown, 2 * _TEXT_CHARS)
        row["expected"] = _cut(result.failed.expected, 2 * _TEXT_CHARS)
    return row
