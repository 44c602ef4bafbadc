"""overlap: against the plain way to say the same thing, and at size."""

import json
import random
import resource
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coding_envs.certify import overlap, read_statements
from coding_envs.certify.near_duplicates import COMMON, NGRAM, statement_words
from coding_envs.data import load_problems
from coding_envs.errors import DatasetError, InvalidValueError

WORDS = [f"w{i}" for i in range(200)]


def runs(text):
    words = statement_words(text)
    return {tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)}


def naive(a, b):
    """Every pair looked at, with sets of words in the place of hashes."""
    count = [{}, {}]
    for counts, side in zip(count, (a, b), strict=True):
        for text in side.values():
            for run in runs(text):
                counts[run] = counts.get(run, 0) + 1
    found = {}
    for i, first in a.items():
        for j, second in b.items():
            words = statement_words(first)
            same = bool(words) and words == statement_words(second)
            both = runs(first) & runs(second)
            shared = sum(count[0][r] <= COMMON and count[1][r] <= COMMON for r in both)
            if same or shared:
                least = min(len(runs(first)), len(runs(second)))
                found[i, j] = (same, shared, 1.0 if same else shared / least)
    return found


statements = st.lists(st.lists(st.sampled_from("abc"), max_size=30).map(" ".join), max_size=14).map(
    lambda texts: {str(i): text for i, text in enumerate(texts)}
)


@given(statements, statements)
@settings(max_examples=60, deadline=None)
def test_it_finds_what_the_plain_way_finds(a, b):
    found = {(m.a, m.b): (m.same, m.shared, m.share) for m in overlap(a, b).matches}
    assert found == naive(a, b)


def test_statements_with_a_passage_in_common_match():
    rng = random.Random(0)
    a = {str(i): " ".join(rng.choices(WORDS, k=60)) for i in range(40)}
    b = {str(i): " ".join(rng.choices(WORDS, k=60)) for i in range(40)}
    b["copy"] = "Preface: " + a["7"].upper().replace(" ", ", ", 3)
    b["part"] = " ".join(a["9"].split()[20:40])
    assert {(m.a, m.b) for m in overlap(a, b).matches} == {("7", "copy"), ("9", "part")}


def test_equal_but_for_case_and_punctuation():
    found = overlap({"x": "Add two  numbers."}, {"y": "add TWO numbers", "z": "add two"})
    (match,) = found.matches
    assert (match.a, match.b, match.same, match.share) == ("x", "y", True, 1.0)


def test_statements_without_words_match_nothing():
    assert overlap({"x": "", "y": "?!"}, {"x": "", "y": "..."}).matches == ()


def test_a_common_phrase_says_nothing():
    phrase = " ".join(WORDS[:NGRAM])
    a = {str(i): f"{phrase} only{i}" for i in range(COMMON)}
    b = {"b": f"{phrase} other"}
    assert len(overlap(a, b).matches) == COMMON
    a["one more"] = f"{phrase} again"
    assert overlap(a, b).matches == ()


def test_min_share_leaves_out_less():
    base = " ".join(WORDS[:60])
    b = {"half": " ".join(WORDS[:36]) + " " + " ".join(WORDS[100:140]), "same": base}
    assert [m.b for m in overlap({"a": base}, b).matches] == ["same", "half"]
    assert [m.b for m in overlap({"a": base}, b, min_share=0.8).matches] == ["same"]
    with pytest.raises(InvalidValueError, match=r"min_share must be in \[0, 1\], got 2"):
        overlap({}, {}, min_share=2)


def test_problem_sets_and_counts():
    problems = load_problems("starter", split="test")[:20]
    data = overlap(problems, problems, names=("one", "two")).to_json()
    assert data["matched_a"] == data["total_a"] == 20
    assert data["same"] >= 20
    assert json.loads(json.dumps(data)) == data


def test_ten_thousand_by_ten_thousand():
    rng = random.Random(1)
    words = [f"w{i}" for i in range(20_000)]
    a = {str(i): " ".join(rng.choices(words, k=150)) for i in range(10_000)}
    b = {str(i): " ".join(rng.choices(words, k=150)) for i in range(9_900)}
    b |= {f"c{i}": a[str(i)] + " more" for i in range(100)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    found = overlap(a, b)
    assert time.process_time() - started < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 1024
    assert {(m.a, m.b) for m in found.matches} == {(str(i), f"c{i}") for i in range(100)}


def test_statements_of_a_file(tmp_path):
    rows = [{"task_id": 1, "prompt": "add"}, {"question": "subtract"}, {"prompt": ""}, [1]]
    rows += [{"task_id": 1, "prompt": "again"}]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\nnot json\n")
    # A row without a key has its number, which an earlier row may be called.
    assert list(read_statements(path).items()) == [
        *(("1", "add"), ("1#1", "subtract"), ("1#4", "again")),
    ]
    path.write_text('{"code": "x"}\n')
    with pytest.raises(DatasetError, match=r"rows.jsonl has no statements; wanted rows with one"):
        read_statements(path)
