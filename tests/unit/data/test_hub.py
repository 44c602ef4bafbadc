"""Rows come from files of every supported kind, from folders in the hub's layout, and the hub."""

import gzip
import json
import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from coding_envs.data import BadRow, digits, find_files, hub, load_problems, rows_from_files
from coding_envs.data.hub import rows_from_hub
from coding_envs.errors import DatasetError, UnknownNameError

DATA = Path(__file__).parents[2] / "data"
HUMANEVAL = DATA / "openai_humaneval.jsonl"
ROWS = [{"a": 1, "b": "x\u2028y"}, {"a": 2, "b": ""}]


def write_lines(path, rows=ROWS):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_parquet(path, rows):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz", "r.json", "r.json.gz", "R.JSONL"])
def test_json_lines_in_every_suffix(tmp_path, name):
    assert list(rows_from_files([write_lines(tmp_path / name)])) == ROWS


def test_a_json_array(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS, indent=1))
    assert list(rows_from_files([path])) == ROWS


def test_parquet(tmp_path):
    assert list(rows_from_files([write_parquet(tmp_path / "r.parquet", ROWS)])) == ROWS


def test_a_byte_order_mark_and_blank_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 2}')
    assert list(rows_from_files([path])) == [{"a": 1}, {"a": 2}]


def test_lines_that_are_not_json_stand_in_their_place(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": \n\xff\xfe\xfa\n' + b"[" * 100_000 + b'\n{"a": 2}\n')
    first, *bad, last = rows_from_files([path])
    assert (first, last) == ({"a": 1}, {"a": 2})
    assert len(bad) == 3
    assert all(isinstance(row, BadRow) and row.reason.startswith("not JSON") for row in bad)


def test_integers_beyond_the_digit_limit_survive(tmp_path):
    digits = "7" * 9000
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"n": {digits}}}\n{{"n": -{digits}}}\n')
    limit = sys.get_int_max_str_digits()
    first, second = (row["n"] for row in rows_from_files([path]))
    assert first == 7 * (10**9000 - 1) // 9
    assert second == -first
    assert sys.get_int_max_str_digits() == limit


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.txt", b"", "must be one of .parquet, .jsonl"),
        ("r.jsonl.gz", b"no gzip at all", "Not a gzipped file"),
        ("r.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 1000, mtime=0)[:40], "ended before"),
        ("r.parquet", b"PAR1 and then nothing of the kind", "cannot read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=says) as caught:
        list(rows_from_files([path]))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_paths_lists_globs_and_mappings(tmp_path):
    a, b = write_lines(tmp_path / "a.jsonl"), write_lines(tmp_path / "b.jsonl")
    files = [str(a), b]
    assert find_files(str(a), config="default", split="test") == [a]
    assert find_files(files, config="default", split="test") == [a, b]
    assert find_files(tmp_path / "*.jsonl", config="default", split="test") == [a, b]
    assert find_files({"dev": files}, config="default", split="dev") == [a, b]
    with pytest.raises(UnknownNameError, match="no split in data_files named 'test': there are: d"):
        find_files({"dev": files}, config="default", split="test")
    with pytest.raises(DatasetError, match=r"no such file or folder: .*none\.jsonl"):
        find_files(tmp_path / "none.jsonl", config="default", split="test")
    with pytest.raises(DatasetError, match="at least one file"):
        find_files([], config="default", split="test")


@pytest.mark.parametrize(
    "names",
    [
        ["test.jsonl"],
        ["test.json.gz"],
        ["data/test-00000-of-00002.jsonl", "data/test-00001-of-00002.jsonl"],
        ["c/test-00000-of-00001.jsonl"],
        ["c/test/0000.jsonl"],
        ["test/0000.jsonl"],
    ],
)
def test_folders_by_file_names(tmp_path, names):
    for name in [*names, "train.jsonl", "testing.jsonl", "other/test.jsonl"]:
        write_lines(tmp_path / name)
    found = find_files(tmp_path, config="c", split="test")
    assert found == [tmp_path / name for name in names]


def test_the_only_configuration_may_have_any_name(tmp_path):
    path = write_lines(tmp_path / "openai_humaneval" / "test-00000-of-00001.jsonl")
    assert find_files(tmp_path, config="default", split="test") == [path]
    write_lines(tmp_path / "second" / "test-00000-of-00001.jsonl")
    with pytest.raises(DatasetError, match="no data file of split 'test'"):
        find_files(tmp_path, config="default", split="test")


def test_a_folder_without_the_split_says_what_was_wanted(tmp_path):
    write_lines(tmp_path / "train.jsonl")
    with pytest.raises(DatasetError, match=r"wanted such as test\.jsonl") as caught:
        find_files(tmp_path, config="full", split="test")
    assert "\n" not in str(caught.value)


CARD = """---
license: mit
configs:
- config_name: full
  data_files:
  - split: train
    path: full/train-*
  - split: test
    path: [full/test-*, more/*.jsonl]
  default: true
- config_name: plain
  data_files: plain/*.jsonl
---
# A card
"""


def test_folders_by_their_card(tmp_path):
    (tmp_path / "README.md").write_text(CARD)
    names = ["full/test-0.jsonl", "full/train-0.jsonl", "more/a.jsonl", "plain/b.jsonl"]
    test, train, more, plain = (write_lines(tmp_path / name) for name in names)
    assert find_files(tmp_path, config="full", split="test") == [test, more]
    assert find_files(tmp_path, config="default", split="train") == [train]
    assert find_files(tmp_path, config="plain", split="train") == [plain]
    with pytest.raises(UnknownNameError, match="did you mean 'full'"):
        find_files(tmp_path, config="ful", split="test")
    with pytest.raises(UnknownNameError, match="did you mean 'train'"):
        find_files(tmp_path, config="full", split="trains")
    test.unlink()
    more.unlink()
    with pytest.raises(DatasetError, match=r"no file in .* matches full/test-"):
        find_files(tmp_path, config="full", split="test")


def test_a_card_that_is_not_yaml(tmp_path):
    (tmp_path / "README.md").write_text("---\nconfigs: [\n---\n")
    with pytest.raises(DatasetError, match="YAML head") as caught:
        find_files(tmp_path, config="full", split="test")
    assert "\n" not in str(caught.value)


# --- through the real `datasets` package, offline -------------------------------------------------


@pytest.fixture
def datasets(tmp_path_factory, monkeypatch):
    module = pytest.importorskip("datasets")
    monkeypatch.setattr(module.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    return module


def mbpp_on_the_hub(folder):
    """Writes both configurations of MBPP as the hub stores them: a card and parquet files."""
    card = ["---", "configs:"]
    for config in ("full", "sanitized"):
        lines = (DATA / f"mbpp_{config}.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        write_parquet(folder / config / "test-00000-of-00001.parquet", rows)
        card += [f"- config_name: {config}", "  data_files:", "  - split: test"]
        card += [f"    path: {config}/test-*"]
    (folder / "README.md").write_text("\n".join([*card, "---", "# MBPP", ""]))
    return folder


@pytest.mark.parametrize("config", ["full", "sanitized"])
def test_the_hubs_layout_is_read_as_datasets_reads_it(tmp_path, datasets, config):
    folder = mbpp_on_the_hub(tmp_path)
    ours = list(rows_from_files(find_files(folder, config=config, split="test")))
    theirs = list(rows_from_hub(str(folder), config=config, split="test").source.rows())
    lines = (DATA / f"mbpp_{config}.jsonl").read_text().splitlines()
    assert ours == theirs == [json.loads(line) for line in lines]
    problems = load_problems("mbpp", config=config, data_files=folder, strict=True)
    assert len(problems) == len(lines)
    from_lines = load_problems("mbpp", config=config, data_files=DATA / f"mbpp_{config}.jsonl")
    assert problems == from_lines


def test_what_the_hub_lacks_is_one_line(tmp_path, datasets):
    folder = mbpp_on_the_hub(tmp_path)
    for config, split in (("full", "tset"), ("ful", "test")):
        with pytest.raises(DatasetError, match=r"cannot read .* from the hub: .*data_files=") as e:
            rows_from_hub(str(folder), config=config, split=split)
        assert "\n" not in str(e.value)


def test_retries_of_the_hub_print_nothing(datasets):
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    with hub._quiet(datasets):
        assert not logging.getLogger("huggingface_hub.utils._http").isEnabledFor(logging.WARNING)
        assert datasets.are_progress_bars_disabled()
    assert logger.level == level
    assert not datasets.are_progress_bars_disabled()


def run(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120
    )


def test_without_the_packages_the_error_says_how_to_get_them(tmp_path):
    path = tmp_path / "r.parquet"
    path.write_bytes(b"PAR1")
    done = run(f"""
        import sys
        sys.modules["datasets"] = sys.modules["pyarrow"] = sys.modules["pyarrow.parquet"] = None
        from coding_envs.data import load_problems
        for data_files in (None, {str(path)!r}):
            try:
                load_problems("humaneval", data_files=data_files)
            except Exception as error:
                print(type(error).__name__, error)
    """)
    first, second = done.stdout.splitlines()
    assert "DatasetError" in first
    assert "needs the package 'datasets': pip install 'coding-envs[hf]'" in first
    assert "needs the package 'pyarrow': pip install 'coding-envs[hf]'" in second


def test_without_a_network_the_error_is_one_line(tmp_path):
    pytest.importorskip("datasets")
    done = run(f"""
        import os
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["HF_HOME"] = {str(tmp_path)!r}
        from coding_envs.data import load_problems
        from coding_envs.errors import DatasetError
        try:
            load_problems("humaneval")
        except DatasetError as error:
            print(error)
    """)
    (line,) = done.stdout.splitlines()
    assert line.startswith("cannot read openai/openai_humaneval from the hub: ")
    assert line.endswith("or pass data_files= with a local copy of openai/openai_humaneval")
    assert done.stderr == ""


def test_reading_json_imports_no_other_package():
    done = run(f"""
        import sys
        from coding_envs.data import load_problems
        assert len(load_problems("humaneval", data_files={str(DATA / "openai_humaneval.jsonl")!r}))
        print([n for n in ("datasets", "pyarrow", "yaml", "torch") if n in sys.modules])
    """)
    assert done.stdout == "[]\n", done.stderr


def test_the_digit_limit_comes_back_after_overlapping_readers():
    limit = sys.get_int_max_str_digits()
    one, two = digits.any_int_length(), digits.any_int_length()
    with one:
        two.__enter__()
    assert sys.get_int_max_str_digits() == digits.MAX_DIGITS
    two.__exit__(None, None, None)
    assert sys.get_int_max_str_digits() == limit


# --- the hub's own cache, without a network ------------------------------------------------------

COMMIT = "7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544"


def cached_on_the_hub(root, path, files, *, commit=COMMIT, ref="main"):
    """Lays files out as huggingface_hub does: blobs, and snapshots that link to them."""
    folder = root / "hub" / ("datasets--" + path.replace("/", "--"))
    for number, (name, data) in enumerate(files.items()):
        blob = folder / "blobs" / f"{number:064d}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        link = folder / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    reference = folder / "refs" / ref
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(commit)


def offline(home, code):
    """Runs code without a network, with the hub's cache in `home`; returns what it prints."""
    done = run(f"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = {str(home)!r}
from coding_envs.data import *
{code}
""")
    assert done.stderr == ""
    return done.stdout.splitlines()


def parquet_bytes(tmp_path, rows):
    return write_parquet(tmp_path / "made.parquet", rows).read_bytes()


def test_offline_the_hubs_cache_is_read_and_its_commit_noted(tmp_path):
    pytest.importorskip("datasets")
    rows = [json.loads(line) for line in HUMANEVAL.read_text().splitlines()]
    card = b"---\nconfigs:\n- config_name: openai_humaneval\n  data_files:\n  - split: test\n"
    card += b"    path: openai_humaneval/test-*\n---\n"
    name = "openai_humaneval/test-00000-of-00001.parquet"
    files = {"README.md": card, name: parquet_bytes(tmp_path, rows)}
    cached_on_the_hub(tmp_path, "openai/openai_humaneval", files)
    lines = offline(
        tmp_path,
        f"FILE = {str(HUMANEVAL)!r}\n"
        """
problems = load_problems("openai/openai_humaneval")
print(len(problems), problems.name, {p.revision for p in problems})
stream = load_problems("humaneval", revision="main", streaming=True, limit=3)
print([problem.revision[:4] for problem in stream])
print(cached_commits("openai/openai_humaneval"), cached_commits("no/thing"))
plain = load_problems("humaneval", data_files={"test": FILE})
print(problems[0].fingerprint() == plain[0].fingerprint())
print(problems[0].replace(revision="") == plain[0])
try:
    load_problems("humaneval", revision="v2")
except Exception as error:
    print(error)
""",
    )
    assert lines[:5] == [
        f"8 humaneval {{'{COMMIT}'}}",
        "['7dce', '7dce', '7dce']",
        f"('{COMMIT}',) ()",
        "False",
        "True",
    ]
    assert "`hf download openai/openai_humaneval --repo-type dataset --revision v2`" in lines[5]


LARGE = """
from coding_envs.problem import Problem, StdioTest
def loader(row, *, config, split, row_number, revision):
    return Problem("mine", row["key"], "?", config, split, revision,
                   hidden_tests=(StdioTest("", row["answer"]),))
register_dataset(DatasetSpec("mine", "", loader, hub_path="me/mine",
                             hub_files={("default", "train"): ("data/train-*.parquet",)}))
"""


def test_offline_the_files_that_a_spec_names_must_all_be_there(tmp_path):
    pytest.importorskip("datasets")
    data = parquet_bytes(tmp_path, [{"key": "a", "answer": "1"}])
    first = {"data/train-00000-of-00002.parquet": data, "mine.py": b"raise SystemExit"}
    cached_on_the_hub(tmp_path / "half", "me/mine", first)
    second = {
        "data/train-00001-of-00002.parquet": parquet_bytes(tmp_path, [{"key": "b", "answer": "2"}])
    }
    cached_on_the_hub(tmp_path / "whole", "me/mine", first | second)
    show = """
try:
    problems = load_problems("mine")
    print(problems.keys, problems[1].revision)
except Exception as error:
    print(type(error).__name__, error)
"""
    assert offline(tmp_path / "whole", LARGE + show) == [f"('a', 'b') {COMMIT}"]
    (line,) = offline(tmp_path / "half", LARGE + show)
    assert line.startswith(
        "DatasetError cannot read me/mine from the hub: the cache has 1 of 2 fil"
    )
    (line,) = offline(tmp_path / "none", LARGE + show)
    assert "hf download me/mine --repo-type dataset --include 'data/train-*.parquet'`" in line


def test_streaming_through_datasets_drops_and_counts(tmp_path, datasets, monkeypatch):
    folder = mbpp_on_the_hub(tmp_path)
    from coding_envs.data import register_dataset, registry
    from coding_envs.data.registry import dataset_spec

    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    from dataclasses import replace

    register_dataset(replace(dataset_spec("mbpp"), name="local", hub_path=str(folder)))
    stream = load_problems("local", streaming=True)
    whole = load_problems("local")
    assert list(stream) == list(whole)
    assert list(stream) == list(whole)  # again from the beginning
    wrong = load_problems("local", config="sanitized", streaming=True, where={"key": "2"})
    assert [p.key for p in wrong] == ["2"]
