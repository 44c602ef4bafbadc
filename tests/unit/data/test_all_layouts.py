"""What holds for every dataset with a sample: heads, ways to load, pickling."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from coding_envs.data import Head, dataset_spec, load_problems
from coding_envs.data.layouts import SPECS

DATA = Path(__file__).parents[2] / "data"
# dataset, configuration, split, file
SAMPLES = [
    ("humaneval", "default", "test", "openai_humaneval"),
    ("humaneval_plus", "default", "test", "evalplus_humanevalplus"),
    ("mbpp", "full", "test", "mbpp_full"),
    ("mbpp", "sanitized", "test", "mbpp_sanitized"),
    ("mbpp_plus", "default", "test", "evalplus_mbppplus"),
    ("apps", "all", "train", "codeparrot_apps"),
    ("apps", "all", "train", "codeparrot_apps_raw_main"),
    ("code_contests", "default", "train", "deepmind_code_contests"),
    ("taco", "default", "train", "baai_taco"),
    ("livecodebench", "release_v6", "test", "livecodebench_code_generation_lite"),
    ("kodcode", "default", "train", "kodcode_v1"),
    ("leetcode", "default", "train", "leetcode_dataset"),
    ("bigcodebench", "default", "v0.1.4", "bigcodebench"),
    ("bigcodebench_hard", "default", "v0.1.4", "bigcodebench"),
    ("codeforces", "verifiable", "train", "open_r1_codeforces"),
    ("codeforces", "verifiable-prompts", "train", "open_r1_codeforces_verifiable_prompts"),
    ("verifiable_coding", "default", "train", "primeintellect_verifiable_coding_problems"),
    ("synthetic_1", "default", "train", "primeintellect_synthetic_1"),
    ("verifiable_coding_python", "default", "train", "open_r1_verifiable_coding_problems_python"),
    ("deepcoder", "primeintellect", "train", "deepcoder_preview_primeintellect"),
    ("deepcoder", "taco", "train", "deepcoder_preview_taco"),
    ("deepcoder", "lcbv5", "train", "deepcoder_preview_lcbv5"),
    ("deepcoder", "codeforces", "test", "deepcoder_preview_codeforces"),
    ("multipl_e", "humaneval-cpp", "test", "multipl_e"),
]


def test_every_dataset_has_a_sample():
    assert {name for name, *_ in SAMPLES} == {spec.name for spec in SPECS}


@pytest.mark.parametrize("form", ["jsonl", "parquet", "datasets"])
@pytest.mark.parametrize(
    ("name", "config", "split", "file"), SAMPLES, ids=[f"{s[0]}-{s[3]}" for s in SAMPLES]
)
def test_lazily_loaded_is_the_same(tmp_path, monkeypatch, name, config, split, file, form):
    lines = (DATA / f"{file}.jsonl").read_text().splitlines()
    path = tmp_path / f"r.{'jsonl' if form == 'jsonl' else 'parquet'}"
    if form == "jsonl":
        path.write_text("\n".join(lines))
    elif form == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist([json.loads(line) for line in lines]), path)
    else:
        datasets = pytest.importorskip("datasets")
        datasets.Dataset.from_list([json.loads(line) for line in lines]).to_parquet(path)
    asked = {"config": config, "split": split, "data_files": {split: path}}
    whole = load_problems(name, **asked, check=True)
    assert len(whole)
    lazy = load_problems(name, **asked, check=False)
    if dataset_spec(name).head is None:
        assert lazy == whole
        return
    assert lazy.is_lazy
    heads = {head.key: head for head in lazy.heads()}
    assert [heads[problem.key] for problem in whole] == [Head.of(problem) for problem in whole]
    assert lazy.checked() == whole
    assert pickle.loads(pickle.dumps(lazy)).checked() == whole
    for style in {head.style for head in whole.heads()}:
        wanted = whole.where({"style": style}).keys
        assert (
            load_problems(name, **asked, check=False).where({"style": style}).checked().keys
            == wanted
        )
        assert (
            load_problems(name, **asked, check=False, where={"style": style}).checked().keys
            == wanted
        )
