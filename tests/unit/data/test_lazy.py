"""Large problem sets: read when used, bounded in memory, and what happens to broken rows."""

import gzip
import json
import multiprocessing
import pickle
import random
import shutil

import pytest

from coding_envs.data import (
    DatasetSpec,
    Head,
    ProblemSet,
    load_problems,
    loading,
    parquet,
    problem_set,
    register_dataset,
    registry,
    sources,
    unpacked,
)
from coding_envs.errors import DatasetError, DatasetRowError, UnknownNameError
from coding_envs.problem import Problem, StdioTest

ROWS = [
    {
        "key": f"k{number}",
        "level": "easy" if number % 3 else "hard",
        "note": [number, {"é": None}],
        "tests": json.dumps([[f"{number}\u2028 in", "x" * (number * 37 % 500)]]),
    }
    for number in range(60)
]
FILES = ("r.jsonl", "r.jsonl.gz", "r.json", "r.json.gz", "r.parquet")


def loader(row, *, config, split, row_number, revision):
    try:
        tests = tuple(StdioTest(a, b) for a, b in json.loads(row["tests"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetRowError("big", split, row_number, "tests", f"broken: {error}") from None
    return Problem(
        "big",
        row["key"],
        f"? {row['note']}",
        config,
        split,
        revision,
        hidden_tests=tests,
        difficulty=row["level"],
    )


def head(row, *, config, split, row_number):
    if not isinstance(row, dict) or not isinstance(row.get("key"), str):
        raise DatasetRowError("big", split, row_number, "key", "must be text")
    assert "tests" not in row or len(row) == 4  # all, or what was asked for
    return Head(row["key"], difficulty=row["level"], style="stdio")


@pytest.fixture(autouse=True)
def own_place(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    monkeypatch.setenv("CODING_ENVS_CACHE", str(tmp_path / "cache"))
    register_dataset(DatasetSpec("big", "", loader, head=head, head_columns=("key", "level")))


@pytest.fixture
def large(monkeypatch):
    """Everything is too large to be held in memory."""
    monkeypatch.setattr(sources, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(loading, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(parquet, "_SMALL_GROUP_BYTES", 100)
    monkeypatch.setattr(parquet, "_BATCH_BYTES", 2000)
    monkeypatch.setattr(problem_set, "_KEPT_BYTES", 2000)


def write(path, rows=ROWS):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if ".json" in path.suffixes and ".jsonl" not in path.suffixes:
        text = json.dumps(rows, indent=1, ensure_ascii=False)
    if path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet as pq

        rows = [row | {"note": json.dumps(row["note"])} for row in rows]
        table = pa.Table.from_pylist(rows)
        pq.write_table(table, path, row_group_size=17)
    else:
        data = text.encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", FILES)
def test_a_large_file_gives_what_a_small_one_gives(tmp_path, large, name):
    path = write(tmp_path / name)
    lazy = load_problems("big", data_files=path)
    assert lazy.is_lazy
    whole = ProblemSet(load_problems("big", data_files=path, streaming=True), name="big")
    assert not whole.is_lazy
    assert len(lazy) == 60
    assert lazy == whole
    assert hash(lazy) == hash(whole)
    assert lazy.keys == whole.keys
    assert lazy.heads() == whole.heads()
    assert lazy.fingerprint() == whole.fingerprint()
    assert lazy.describe() == whole.describe()
    numbers = list(range(60))
    random.Random(0).shuffle(numbers)
    assert [lazy[number] for number in numbers] == [whole[number] for number in numbers]
    assert list(lazy[50:10:-3]) == list(whole[50:10:-3])
    assert list(lazy[5:55]) == list(whole[5:55])
    assert lazy[20:40][3:][0] == whole[23]
    assert lazy.by_key("k41") == whole[41]
    assert whole[7] in lazy
    assert whole[7].replace(prompt="other") not in lazy
    hard = lazy.where({"difficulty": "hard"})
    assert hard.is_lazy
    assert list(hard) == list(whole.where({"difficulty": "hard"}))
    assert list(hard.filter(lambda p: p.key > "k3")) == [p for p in hard if p.key > "k3"]
    with pytest.raises(UnknownNameError, match="did you mean 'k4"):
        lazy.by_key("k4!")
    with pytest.raises(IndexError):
        lazy[60]
    limited = load_problems("big", data_files=path, where={"difficulty": "hard"}, limit=4)
    assert list(limited) == list(hard[:4])


def in_another_process(problems):
    return problems.fingerprint(), [problems[number].key for number in (40, 3, 59)]


@pytest.mark.parametrize("name", FILES)
def test_a_lazy_set_crosses_to_a_spawned_process(tmp_path, large, name):
    problems = load_problems("big", data_files=write(tmp_path / name))
    copy = pickle.loads(pickle.dumps(problems))
    assert copy == problems
    assert len(pickle.dumps(problems)) < 10_000  # no tests, no rows
    assert copy._fingerprint == ""


def test_in_a_spawned_process(tmp_path, large):
    problems = load_problems("big", data_files=write(tmp_path / "r.parquet"))
    mapped = problems.map(renamed)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(in_another_process, (problems,)) == in_another_process(problems)
        assert pool.apply(in_another_process, (mapped,))[1] == ["k40", "k3", "k59"]


def renamed(problem):
    return problem.replace(prompt="renamed")


def test_map_changes_problems_when_they_are_used(tmp_path, large):
    problems = load_problems("big", data_files=write(tmp_path / "r.jsonl"))
    mapped = problems.map(renamed)
    assert {p.prompt for p in mapped} == {mapped[3].prompt} == {"renamed"}
    assert problems[3].prompt != "renamed"
    assert mapped.fingerprint() != problems.fingerprint()


def test_few_problems_are_held(tmp_path, large):
    problems = load_problems("big", data_files=write(tmp_path / "r.jsonl"))
    assert problems[0] is problems[0]
    first = problems[0]
    for _ in range(2):
        for number in range(60):
            problems[number]
    kept = problems._problems._kept
    assert sum(size for _, size in kept._problems.values()) <= 2000
    assert kept._bytes == sum(size for _, size in kept._problems.values())
    assert problems[0] is not first


def test_several_files_are_one_set(tmp_path, large):
    paths = [
        write(tmp_path / "a.jsonl", ROWS[:20]),
        write(tmp_path / "b.jsonl.gz", ROWS[20:21]),
        write(tmp_path / "c.jsonl", []),
        write(tmp_path / "d.json", ROWS[21:]),
    ]
    problems = load_problems("big", data_files=paths)
    assert problems.keys == tuple(row["key"] for row in ROWS)
    assert [problems[n].key for n in (0, 19, 20, 21, 59)] == ["k0", "k19", "k20", "k21", "k59"]
    assert list(problems[15:30]) == [problems[n] for n in range(15, 30)]


def test_what_is_unpacked_is_unpacked_once(tmp_path, large):
    path = write(tmp_path / "r.jsonl.gz")
    load_problems("big", data_files=path)
    (file,) = (tmp_path / "cache" / "unpacked").iterdir()
    before = file.stat().st_mtime_ns
    load_problems("big", data_files=path)[5]
    assert file.stat().st_mtime_ns == before
    write(path, ROWS[:3])
    assert len(load_problems("big", data_files=path)) == 3


def test_nothing_is_left_of_a_file_that_cannot_be_unpacked(tmp_path, large):
    path = tmp_path / "r.jsonl.gz"
    path.write_bytes(write(path).read_bytes()[:-200])
    with pytest.raises(DatasetError, match=r"cannot read .*r\.jsonl\.gz: .*ended before"):
        load_problems("big", data_files=path)
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []


def test_a_gzip_bomb_stops_before_the_disk_is_full(tmp_path, large, monkeypatch):
    path = tmp_path / "r.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" * 50_000_000))
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(unpacked, "_SPARE", free - 20_000_000)
    with pytest.raises(DatasetError, match="has no room for it; set CODING_ENVS_CACHE") as caught:
        load_problems("big", data_files=path)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []


def test_a_file_that_changes_while_it_is_used_is_noticed(tmp_path, large):
    path = write(tmp_path / "r.jsonl")
    problems = load_problems("big", data_files=path)
    path.write_text("something else\n" * 1000)
    with pytest.raises(DatasetError, match="was changed while it is used; load it again"):
        problems[30]


# --- broken rows ---------------------------------------------------------------------------------


def broken(tmp_path):
    rows = [*ROWS[:10]]
    rows[3] = rows[3] | {"tests": "no JSON"}
    rows[6] = rows[6] | {"key": None}
    rows[8] = rows[8] | {"key": "k1"}
    return write(tmp_path / "r.jsonl", rows)


def test_a_small_file_is_checked_when_loaded(tmp_path):
    problems = load_problems("big", data_files=broken(tmp_path))
    assert not problems.is_lazy
    assert [error.row for error in problems.dropped] == [3, 6, 8]


def test_a_large_files_heads_are_checked_and_its_tests_when_used(tmp_path, large):
    path = broken(tmp_path)
    problems = load_problems("big", data_files=path)
    assert [error.row for error in problems.dropped] == [6, 8]
    assert len(problems) == 8
    with pytest.raises(DatasetRowError, match="row 3 of big/train: column 'tests': broken"):
        problems[3]
    with pytest.raises(DatasetRowError, match="row 3 of big/train"):
        list(problems)
    bad = []
    assert [p.key for p in problems.usable(bad)] == ["k0", "k1", "k2", "k4", "k5", "k7", "k9"]
    assert [error.row for error in bad] == [3]
    good = problems.checked()
    assert [error.row for error in good.dropped] == [6, 8, 3]
    assert len(list(good)) == 7
    assert good.checked() is good
    assert problems.fingerprint() != good.fingerprint()
    at_once = load_problems("big", data_files=path, check=True)
    assert at_once.keys == good.keys
    with pytest.raises(DatasetRowError, match="row 6 of big"):
        load_problems("big", data_files=path, strict=True)
    with pytest.raises(DatasetRowError, match="row 3 of big"):
        load_problems("big", data_files=path, strict=True, check=True)
    later = load_problems("big", data_files=path, check=False)
    assert later.keys == problems.keys


def test_lines_that_head_readers_meet(tmp_path, large):
    good = json.dumps(ROWS[0]).encode()
    lines = [
        good,
        b'{"key": "nan", "level": "easy", "note": NaN, "tests": "[]"}',
        b'{"key": "sur\\ud800", "level": "easy", "note": 1, "tests": "[]"}',
        b'{"key": "big", "level": "easy", "note": ' + b"9" * 9000 + b', "tests": "[]"}',
        b'{"key": "cut", "level": "ea',
        b'{"key": "deep", "level": "easy", "note": ' + b"[" * 100_000,
        b'{"key": "utf\xff", "level": "easy", "note": 1, "tests": "[]"}',
        b"\x00\x00\x00",
        b"[1, 2]",
        b"",
        b'{"key": "last", "level": "easy", "note": 1, "tests": "[]"}',
    ]
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    problems = load_problems("big", data_files=path)
    assert problems.keys == ("k0", "nan", "sur\ud800", "big", "last")
    assert [error.row for error in problems.dropped] == [4, 5, 6, 7, 8]
    assert len(problems[3].prompt) > 9000
    assert all("\n" not in str(error) and len(str(error)) < 500 for error in problems.dropped)
    whole = load_problems("big", data_files=path, check=True)
    assert whole.keys == problems.keys


def test_a_large_json_array_that_is_cut_is_refused_in_one_line(tmp_path, large):
    path = write(tmp_path / "r.json")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match="write one JSON object per line") as caught:
        load_problems("big", data_files=path)
    assert "\n" not in str(caught.value)


def test_a_parquet_file_with_broken_pages(tmp_path, large):
    path = write(tmp_path / "r.parquet")
    data = bytearray(path.read_bytes())
    data[4:2000] = bytes(1996)
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"cannot read .*r\.parquet") as caught:
        list(load_problems("big", data_files=path))
    assert "\n" not in str(caught.value)


def test_heads_read_no_test_of_parquet(tmp_path, large, monkeypatch):
    read = []
    batches = parquet.ParquetSource._batches

    def noted(self, group, columns=None):
        read.append(columns)
        return batches(self, group, columns)

    monkeypatch.setattr(parquet.ParquetSource, "_batches", noted)
    load_problems("big", data_files=write(tmp_path / "r.parquet"))
    assert read == [["key", "level"]] * 4


def test_a_dataset_without_heads_can_be_lazy_too(tmp_path, large):
    register_dataset(DatasetSpec("headless", "", loader))
    problems = load_problems("headless", data_files=broken(tmp_path))
    assert problems.is_lazy
    assert [error.row for error in problems.dropped] == [3, 6, 8]
    assert problems[5].key == "k7"


def test_dropped_rows_are_counted_and_few_are_kept(tmp_path):
    path = tmp_path / "many.jsonl"
    with path.open("w") as file:
        for number in range(3000):
            task = "verifiable_code" if number % 30 == 0 else f"maths {number % 2}"
            info = {"language": "python", "test_cases": [{"type": "stdin_stdout"}]}
            row = {"response_id": str(number), "task_type": task, "verification_info": info}
            file.write(json.dumps(row) + "\n")
    problems = load_problems("synthetic_1", data_files=path, check=False)
    assert len(problems) == 100
    assert problems.num_dropped == 2900
    assert len(problems.dropped) == 1000
    assert [error.row for error in problems.dropped[:3]] == [1, 2, 3]
    assert dict(problems.dropped_reasons) == {
        "column 'task_type': is 'maths 1', not 'verifiable_code'": 1500,
        "column 'task_type': is 'maths 0', not 'verifiable_code'": 1400,
    }
    assert "2900 dropped (1500 x column 'task_type': is 'maths 1'" in problems.describe()
    none = problems.checked()  # no row has input and output
    assert (len(none), none.num_dropped, problems.num_dropped) == (0, 3000, 2900)
    again = pickle.loads(pickle.dumps(none))
    assert again.dropped_reasons == none.dropped_reasons
    with pytest.raises(TypeError):
        none.dropped_reasons["x"] = 1


def test_reasons_without_end_are_one(tmp_path):
    path = tmp_path / "many.jsonl"
    with path.open("w") as file:
        for number in range(2500):
            file.write(json.dumps({"response_id": "x", "task_type": f"maths {number}"}) + "\n")
    problems = load_problems("synthetic_1", data_files=path, check=False)
    assert len(problems.dropped_reasons) == 1001
    assert next(iter(problems.dropped_reasons.items())) == ("other reasons", 1500)
    assert problems.num_dropped == 2500


def test_heads_leave_the_tests_alone_until_style_is_asked_for(tmp_path):
    parquet_file = tmp_path / "r.parquet"
    rows = [
        {"problem_id": n, "difficulty": "interview", "url": "", "question": "?", "solutions": ""}
        | {"input_output": json.dumps({"inputs": ["1"], "outputs": ["1"]})}
        for n in range(5)
    ]
    pq = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    pq.write_table(pyarrow.Table.from_pylist(rows), parquet_file)
    seen = []
    plain_heads = parquet.ParquetSource.heads

    def heads(self, columns):
        seen.append("input_output" in columns)
        return plain_heads(self, columns)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet.ParquetSource, "heads", heads)
        problems = load_problems("apps", data_files=parquet_file, check=False)
        assert len(problems.where({"difficulty": "interview"})) == 5
        assert seen == [False]
        assert len(problems.where({"style": "stdio"})) == 5
        assert len(problems.where({"style": "call"})) == 0
        assert {head.style for head in problems.heads()} == {"stdio"}
        assert seen == [False, True]
        load_problems("apps", data_files=parquet_file, check=False, where={"style": "stdio"})
        assert seen == [False, True, True]
