"""Manifests: the same in both formats, applied as they say, and refused with one line."""

import json
import pickle
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coding_envs.data import Manifest, ManifestRow, ProblemSet, apply_manifest, load_problems
from coding_envs.data.manifest import apply_repairs, problem_digest
from coding_envs.errors import DatasetError, InvalidValueError
from coding_envs.problem import CallTest, Limits, Problem

TESTS = tuple(CallTest((i,), i) for i in range(4))


def made(key, **changes):
    given = {
        "dataset": "d", "key": key, "prompt": f"{key}?", "entry_point": "f",
        "public_tests": TESTS[:1], "hidden_tests": TESTS[1:],
        "solutions": ("def f(x): return x", "def f(x): return +x", "def f(x): return 0"),
    }  # fmt: skip
    return Problem(**(given | changes))


def row(problem, decision="kept", **more):
    names = {n: getattr(problem, n) for n in ("dataset", "config", "split", "key")}
    names["dataset"] = more.pop("dataset", problem.dataset)
    return ManifestRow(**names, fingerprint=problem_digest(problem), decision=decision, **more)


A, B, C = made("a"), made("b"), made("c")
PROBLEMS = ProblemSet([A, B, C], name="d")
REPAIRS = {
    "limits": {"cpu_time_s": 9.5},
    "comparison": {"unordered": True},
    "removed_tests": [0, 3],
    "removed_solutions": [2],
}

text = st.text(st.characters(codec="utf-8"), max_size=20)
rows = st.builds(
    row,
    st.just(A),
    reasons=st.lists(text),
    notes=st.lists(text),
    repairs=st.just({}) | st.just(REPAIRS),
    limit_s=st.floats(0, 1e6),
    mutants=st.integers(0, 2**40),
    weak_tests=st.lists(st.integers(0, 10**6)),
    machine=st.dictionaries(text, text | st.integers(0, 99), max_size=3),
    time=text,
)


@given(rows)
@settings(deadline=None, max_examples=40)
def test_a_row_comes_back_from_both_formats(tmp_path_factory, one):
    manifest = Manifest((one, row(B, "dropped", reasons=("no_tests",))))
    folder = tmp_path_factory.mktemp("m")
    for name in ("manifest.parquet", "other.jsonl"):
        assert Manifest.read(manifest.write(folder / name)) == manifest
    assert Manifest.read(folder) == manifest
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.parquet", "other.jsonl"]


def test_without_pyarrow_it_is_json_lines(tmp_path, monkeypatch):
    manifest = Manifest((row(A), row(B)))
    assert manifest.write(tmp_path).name == "manifest.parquet"
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert manifest.write(tmp_path).name == "manifest.jsonl"
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.jsonl"]  # no older one beside it
    assert Manifest.read(tmp_path) == manifest
    with pytest.raises(DatasetError, match=r"needs the package 'pyarrow': pip install"):
        manifest.write(tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match=r"reading .*x.parquet needs the package 'pyarrow'"):
        Manifest.read(tmp_path / "x.parquet")


def test_it_is_applied():
    manifest = Manifest((row(A), row(B, "dropped"), row(C, "repaired", repairs=REPAIRS)))
    left = apply_manifest(PROBLEMS, manifest)
    assert [p.key for p in left] == ["a", "c"]
    assert left[0] == A
    assert left[1].limits == Limits(cpu_time_s=9.5)
    assert left[1].comparison.unordered
    assert (left[1].public_tests, left[1].hidden_tests) == ((), TESTS[1:3])
    assert left[1].solutions == C.solutions[:2]
    assert manifest.counts() == {"kept": 1, "repaired": 1, "dropped": 1}


def test_what_is_not_listed_was_not_certified():
    manifest = Manifest((row(A),))
    assert [p.key for p in apply_manifest(PROBLEMS, manifest)] == ["a"]
    with pytest.raises(DatasetError, match="problem d/default/train/b is not in the manifest"):
        manifest.amend(B)


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "other"}, {"hidden_tests": TESTS[1:3]}, {"limits": Limits(cpu_time_s=1.0)},
        {"solutions": ()}, {"entry_point": "g"}, {"starter_code": "import os"},
    ],
)  # fmt: skip
def test_another_problem_under_the_same_key_is_noticed(changes):
    manifest = Manifest((row(A), row(B)))
    other = ProblemSet([A.replace(**changes), B], name="d")
    with pytest.warns(UserWarning, match=r"1 problems left out .*d/default/train/a is not what"):
        assert [p.key for p in apply_manifest(other, manifest)] == ["b"]
    with pytest.raises(DatasetError, match=r"its fingerprint is \w+, the manifest's .*; certify"):
        apply_manifest(other, manifest, strict=True)


def test_names_and_revisions_do_not_matter():
    other = A.replace(revision="abc", source="hub", row={"x": 1}, tags=("t",))
    assert problem_digest(other) == problem_digest(A)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(apply_manifest(ProblemSet([other], name="d"), Manifest((row(A),)))) == 1


def test_a_manifest_of_another_set_is_refused():
    with pytest.raises(DatasetError, match="manifest is of d/default/train, the problems of e/"):
        apply_manifest(ProblemSet([A], name="e"), Manifest((row(A),)))


def test_load_problems_applies_it(tmp_path):
    problems = load_problems("starter", split="test")[:3]
    rows = [row(problems[0]), row(problems[1], "dropped"), row(problems[2])]
    Manifest(tuple(rows)).write(tmp_path)
    left = load_problems("starter", split="test", manifest=tmp_path)
    assert [p.key for p in left] == [problems[0].key, problems[2].key]
    with pytest.raises(DatasetError, match="the manifest is of starter/default/test"):
        load_problems("starter", split="train", manifest=tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("no.jsonl", None, "no such manifest: "),
        ("no.parquet", None, "no such manifest: "),
        ("m.jsonl", b"", "must have at least one row"),
        ("m.jsonl", b"[1]\n", "line 1 must be a JSON object"),
        ("m.jsonl", b'{"dataset": "d"}\n', "malformed row of a manifest: .*missing"),
        ("m.jsonl", b"{\n", "cannot read the manifest"),
        ("m.jsonl", b"\xff\n", "cannot read the manifest"),
        ("m.parquet", b"PAR1xxxx", "cannot read the manifest"),
    ],
)
def test_a_damaged_manifest_is_one_line(tmp_path, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=says) as raised:
        Manifest.read(path)
    assert "\n" not in str(raised.value)
    assert "coding-envs certify" in str(raised.value)


def test_bad_rows_are_refused():
    with pytest.raises(InvalidValueError, match="decision of 'a' must be one of kept, repaired"):
        row(A, "maybe")
    with pytest.raises(InvalidValueError, match=r"repairs of 'a' must be among .*got \['x'\]"):
        row(A, repairs={"x": 1})
    with pytest.raises(InvalidValueError, match="Limits's fields, got"):
        apply_repairs(A, {"limits": {"x": 1}})
    with pytest.raises(InvalidValueError, match="a key twice"):
        Manifest((row(A), row(A)))
    with pytest.raises(InvalidValueError, match="must be of one split"):
        Manifest((row(A), row(made("b", split="test"))))
    data = row(A).to_json() | {"a_later_column": 1}
    assert ManifestRow.from_json(json.loads(json.dumps(data))) == row(A)


def plain_file(path):
    problems = load_problems("starter", split="test")[:5]
    problems.to_jsonl(path)
    return load_problems(path, split="test", check=False)


def test_a_lazy_set_stays_lazy(tmp_path):
    problems = plain_file(tmp_path / "p.jsonl")
    assert problems.is_lazy
    decisions = ["kept", "dropped", "repaired", "kept", "kept"]
    repairs = {"limits": {"cpu_time_s": 7.0}}
    rows = [
        row(p, d, dataset="p", repairs=repairs if d == "repaired" else {})
        for p, d in zip(problems, decisions, strict=True)
    ]
    Manifest(tuple(rows)).write(tmp_path)
    options = {"split": "test", "check": False, "manifest": tmp_path}
    left = load_problems(tmp_path / "p.jsonl", **options)
    assert left.is_lazy
    assert left.keys == tuple(problems.keys[at] for at in (0, 2, 3, 4))
    for one in (left, pickle.loads(pickle.dumps(left))):
        assert [p.limits.cpu_time_s == 7.0 for p in one] == [False, True, False, False]
    two = load_problems(tmp_path / "p.jsonl", **options, limit=2)
    assert two.keys == left.keys[:2]
    with pytest.raises(InvalidValueError, match="manifest= needs a set, got streaming=True"):
        load_problems(tmp_path / "p.jsonl", **options, streaming=True)


def test_a_lazy_set_raises_at_another_problem_when_it_is_used(tmp_path):
    problems = plain_file(tmp_path / "p.jsonl")
    rows = [row(p, dataset="p") for p in problems]
    rows[1] = row(problems[1].replace(prompt="other"), dataset="p")
    left = apply_manifest(problems, Manifest(tuple(rows)))
    assert left[0] == problems[0]
    with pytest.raises(DatasetError, match="is not what was certified"):
        left[1]
