"""The page is one file that loads nothing, and hostile text stays text."""

import base64
import hashlib
import html.parser
import json
import re

import pytest

from coding_envs.evaluation import EvalReport, FailedTest, ProblemResult, SampleResult
from coding_envs.evaluation.page import report_page
from coding_envs.verdict import Status, TestResult, Verdict

HOSTILE = (
    "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>&lt;\x00\x1b[2J\u202e\ud800"
)


class Reader(html.parser.HTMLParser):
    """What a browser makes of the page: tags, attributes and the text in scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.scripts, self.inside = [], [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data


def wrong(message="", stderr=""):
    tests = (TestResult(Status.ACCEPTED), TestResult(Status.WRONG_ANSWER, message=message))
    return Verdict(Status.WRONG_ANSWER, tests, message=message, stderr=stderr, runs=1)


RIGHT = Verdict(Status.ACCEPTED, (TestResult(Status.ACCEPTED),), runs=1)


def report(results, **kwargs):
    keys = dict.fromkeys(r.key for r in results)
    rows = []
    for key in keys:
        some = [r.verdict.accepted for r in results if r.key == key]
        rows.append(ProblemResult(key, len(some), sum(some), difficulty=HOSTILE, tags=("dp",)))
    values = {
        "dataset": "d", "config": "c", "split": "s", "source": "x.jsonl", "pass_at_k": {1: 0.5},
        "rows": tuple(rows), "results": tuple(results), "executions": 3, "seconds": 1.0,
        "problem_set": "p", "judge_version": "1", "intervals": {1: (0.25, 0.75)},
    }  # fmt: skip
    return EvalReport(**(values | kwargs))


def data_of(page):
    return json.loads(Reader(page).scripts[0])


def test_hostile_text_stays_text():
    failed = FailedTest(1, HOSTILE, HOSTILE)
    results = [
        SampleResult(HOSTILE, 0, wrong(HOSTILE, HOSTILE), HOSTILE, failed),
        SampleResult("k", 0, RIGHT, HOSTILE),
    ]
    page = report_page(report(results, source=HOSTILE, notes=(HOSTILE,), dropped=(HOSTILE,)))
    tame = Reader(report_page(report([SampleResult("k", 0, wrong("m"), "p")])))
    reader = Reader(page)
    assert len(reader.scripts) == 2
    assert set(reader.tags) <= {*tame.tags, "ul", "li", "section", "rect", "line", "svg", "h2"}
    assert "img" not in reader.tags
    assert not any(name.startswith("on") for name, _ in reader.attributes)
    page.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", page)
    row = data_of(page)["rows"][0]
    for name in ("program", "message", "stderr", "shown", "expected", "key"):
        assert row[name].startswith("</script><script>alert(1)</script>")
        assert "\u2400\u241b[2J\\u202e" in row[name]


def test_nothing_is_loaded_from_elsewhere():
    page = report_page(report([SampleResult("k", 0, wrong("m"), "p")]))
    reader = Reader(page)
    assert not {"link", "img", "iframe", "object", "base"} & set(reader.tags)
    assert not {"src", "href", "action"} & {name for name, _ in reader.attributes}
    assert "http" not in re.sub("http-equiv", "", page)
    (policy,) = [v for n, v in reader.attributes if n == "content" and "src" in v]
    digest = base64.b64encode(hashlib.sha256(reader.scripts[1].encode()).digest()).decode()
    assert policy.split("; ") == [
        *("default-src 'none'", "style-src 'unsafe-inline'", f"script-src 'sha256-{digest}'"),
    ]


def test_sizes_are_bounded():
    results = [SampleResult(f"k{n}", 0, wrong("m" * 100_000), "x" * 100_000) for n in range(100)]
    page = report_page(report(results))
    assert len(page) < 100 * 20_000
    row = data_of(page)["rows"][0]
    assert row["program"].endswith("\n... 90000 more characters")
    assert row["message"].endswith("\n... 98000 more characters")


def test_very_many_programs_are_cut_those_that_failed_last(monkeypatch):
    from coding_envs.evaluation import page as module

    monkeypatch.setattr(module, "_MOST_ROWS", 10)
    monkeypatch.setattr(module, "_MOST_CHARS", 20)
    results = [SampleResult(f"r{n}", 0, RIGHT, "12345") for n in range(20)]
    results += [SampleResult(f"w{n}", 0, wrong("m"), "12345") for n in range(5)]
    data = data_of(report_page(report(results)))
    assert data["left_out"] == 15
    assert [r["key"] for r in data["rows"]] == [
        *(f"r{n}" for n in range(5)),
        *(f"w{n}" for n in range(5)),
    ]
    assert [r["key"] for r in data["rows"] if "program" in r] == ["w0", "w1", "w2", "w3"]


@pytest.mark.parametrize("kwargs", [{"pass_at_k": {}, "intervals": {}}, {"seconds": 0.0}])
def test_there_is_a_page_where_there_are_no_numbers(kwargs):
    assert "<h1>Reference solutions</h1>" in report_page(report([], source="reference", **kwargs))


def test_the_plots_say_what_the_numbers_say():
    page = report_page(
        report([SampleResult("a", 0, RIGHT, "p"), SampleResult("b", 0, wrong(), "q")])
    )
    assert "50.0% (25.0% to 75.0%)" in page
    assert 'x1="25.00" x2="75.00"' in page
    assert "WRONG_ANSWER" in page
    assert "1 (50.0%)" in page
