"""Reports: what they count, that hostile text stays text, and that they need nothing else."""

from html.parser import HTMLParser

import pytest

from coding_envs.certify import Settings, html_report, markdown_report
from coding_envs.certify.report import REASONS
from coding_envs.certify.run import Certification
from coding_envs.data.manifest import Manifest, ManifestRow
from coding_envs.errors import InvalidValueError

HOSTILE = "</title><script>alert(1)</script>\x00\x1b[31m\ud800|`*_[x](javascript:1)\u202e\n# y"


def row(key, decision="kept", **more):
    return ManifestRow("d", "default", "test", key, "f", decision, **more)


def done(*rows, **more):
    return Certification(Manifest(rows), Settings(), **more)


ROWS = (
    row("fine", references=2, accepted_references=2, mutants=4, mutants_killed=4, slowest_s=0.03),
    row("weak", references=1, accepted_references=1, mutants=9, mutants_killed=1, slowest_s=3.0),
    row("bad", "dropped", references=1, reasons=("references_fail",), notes=(HOSTILE,)),
    row(HOSTILE, "repaired", references=1, accepted_references=1, slowest_s=0.5,
        reasons=("tight_limit",), notes=("close",), repairs={"limits": {"cpu_time_s": 4.0}}),
)  # fmt: skip


class Page(HTMLParser):
    VOID = ("meta", "rect")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_is_well_formed_and_hostile_text_is_text():
    text = html_report(done(*ROWS))
    page = Page(text)
    assert page.open == []
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint({"script", "img", "link", "iframe", "a", "object"})
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name in ("src", "href") for name in attributes)
    assert "url(" not in text
    assert "@import" not in text
    assert not set("\x00\x1b\u202e\ud800") & set(text)
    assert any("<script>alert(1)</script>" in t for t in page.texts)
    text.encode("utf-8")


def test_the_counts_are_those_of_the_rows():
    page = html_report(done(*ROWS, not_judged=("d/x: the sandbox failed",)))
    for name, count in (("problems", 4), ("kept", 2), ("repaired", 1), ("dropped", 1)):
        assert f"<b>{count}</b>{name}" in page
    assert "4 of 5 (80.0%)" in page
    assert "5 of 13 (38.5%)" in page
    assert "cpu_time_s = 4.0" in page
    assert "d/x: the sandbox failed" in page


def test_markdown_cells_stay_cells():
    text = markdown_report(done(*ROWS))
    assert "**2 kept**, **1 repaired**, **1 dropped**" in text
    assert "<script>" not in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") in (3, 4)
    assert "\n# y" not in text


def test_reasons_are_documented():
    from pathlib import Path

    page = (Path(__file__).parents[3] / "docs" / "certification.md").read_text()
    for reason in REASONS:
        assert f"`{reason}`" in page or f"..._{reason.rpartition('_')[2]}`" in page, reason


def test_a_long_table_says_how_many_are_left_out():
    rows = [row(str(i), "dropped", reasons=("no_tests",), notes=("none",)) for i in range(1000)]
    for text in (html_report(done(*rows)), markdown_report(done(*rows))):
        assert "and 800 more: see the manifest" in text
        assert len(text) < 60_000


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"repeats": 0}, "repeats must be an int >= 1, got 0"),
        ({"mutants": -1}, "mutants must be an int >= 0"),
        ({"seed": "x"}, "seed must be an int"),
        ({"multiple": 0.5}, "multiple must be a number >= 1"),
        ({"floor_s": 9.0, "ceiling_s": 3.0}, "floor_s must be at most ceiling_s, got 9.0 and 3.0"),
        ({"limits": "no"}, "limits must be one of raise, calibrated"),
        ({"max_references": 0}, "max_references must be an int >= 1"),
    ],
)
def test_settings_are_checked(changes, says):
    with pytest.raises(InvalidValueError, match=says):
        Settings(**changes)


def test_the_calibrated_limit():
    settings = Settings(multiple=3, floor_s=2, ceiling_s=30)
    seconds = [settings.calibrated_s(s) for s in (0.0, 0.6, 0.7, 1.0, 3.34, 50.0)]
    assert seconds == [2.0, 2.0, 2.1, 3.0, 10.1, 30.0]
    assert Settings.from_json(settings.to_json()) == settings


def test_rows_that_became_no_problem_are_told_with_their_reasons():
    result = done(*ROWS, no_problems={"column 'tests': holds no tests": 195, HOSTILE: 1})
    page, text = html_report(result), markdown_report(result)
    assert "<td>column &#x27;tests&#x27;: holds no tests</td>" in page.replace("&#39;", "&#x27;")
    assert ">195</td>" in page
    assert "| column 'tests': holds no tests | 195 |" in text
    assert "<script>" not in text + page
    assert "became no problem" not in html_report(done(*ROWS))
