"""From a checkpoint back to a policy, and to the programs that it writes."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from coding_envs.cli import main
from coding_envs.data import ProblemSet, load_problems
from coding_envs.envs import CodingPufferEnv
from coding_envs.episodes import EpisodeCore
from coding_envs.errors import CodingEnvsError, InvalidValueError
from coding_envs.integrations.checkpoint import samples_from_checkpoint
from coding_envs.judge import Judge
from coding_envs.problem import StdioTest
from coding_envs.reward import make_reward
from coding_envs.sandbox import Ended, FakeSandbox, RunResult
from coding_envs.tokens import make_tokenizer
from coding_envs_trainer import checkpoint
from coding_envs_trainer.policies import Policy

TRAIN, TEST = (load_problems("starter", split=split) for split in ("train", "test"))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait for each other busily: on a busy machine that takes seconds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def native(problems: ProblemSet = TRAIN, **more: Any) -> CodingPufferEnv:
    sandbox = FakeSandbox(lambda run: RunResult(Ended.EXITED, exit_code=0))
    return CodingPufferEnv(num_agents=8, dataset=problems, sandbox=sandbox, **more)


def shaken(env: CodingPufferEnv, **more: Any) -> Policy:
    """A policy whose programs are of many lengths."""
    policy = Policy(env, **{"hidden_size": 32, "embedding_size": 8, "submit_bias": 4.0, **more})
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in policy.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return policy


def save(policy: torch.nn.Module, path: Path) -> Path:
    torch.save(policy.state_dict(), path)
    return path


# --- load ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"hidden_size": 48, "embedding_size": 12, "pointers": 1},
        {"grammar": 0},
        {"grammar": False, "pointers": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("tokenizer", ["starter", "python", "bytes"])
def test_what_was_saved_comes_back(tmp_path: Path, more: dict[str, Any], tokenizer: str) -> None:
    env = native(tokenizer=tokenizer, prompt_tokens=20, program_tokens=9)
    policy = shaken(env, **more)
    loaded, found = checkpoint.load(save(policy, tmp_path / "p.pt"))
    assert (found.name, found.size) == (tokenizer, env.tokenizer.size)
    assert (loaded.prompt_tokens, loaded.program_tokens) == (20, 9)
    assert not loaded.training
    env.reset(3)
    draw = np.random.default_rng(0)
    for _ in range(12):
        observations = torch.from_numpy(env.observations)
        for one, other in zip(policy(observations), loaded(observations), strict=True):
            assert torch.equal(one, other)
        env.step(draw.integers(1, env.tokenizer.num_actions, 8))


def test_a_program_longer_than_the_vocabulary_comes_back(tmp_path: Path) -> None:
    # The observation's bound is then the count of tokens, not the largest id.
    env = native(tokenizer="bytes", prompt_tokens=4, program_tokens=400)
    policy = shaken(env)
    loaded, _ = checkpoint.load(save(policy, tmp_path / "p.pt"))
    env.reset(0)
    observations = torch.from_numpy(env.observations)
    assert torch.equal(policy(observations)[0], loaded(observations)[0])


def test_weights_from_before_the_grammar_was_noted_have_one(tmp_path: Path) -> None:
    policy = shaken(native())
    torch.save(dict(policy.state_dict()), tmp_path / "old.pt")
    loaded, _ = checkpoint.load(tmp_path / "old.pt")
    assert loaded.grammar == 1


def weights(**changes: Any) -> dict[str, Any]:
    state = dict(shaken(native()).state_dict())
    for name, value in changes.items():
        state[name.replace("__", ".")] = value
    return state


def a_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"nonsense")


def cut(path: Path) -> None:
    torch.save(weights(), path)
    path.write_bytes(path.read_bytes()[:-400])


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("owned"),)


GARBAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello\nworld\n"),
    "zeros": lambda path: path.write_bytes(bytes(1000)),
    "zip": a_zip,
    "cut": cut,
    "folder": lambda path: path.mkdir(),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"a": 1})),
    "evil pickle": lambda path: path.write_bytes(pickle.dumps(Evil())),
    "evil checkpoint": lambda path: torch.save({"a": Evil()}, path),
    "list": lambda path: torch.save([1, 2], path),
    "other weights": lambda path: torch.save(torch.nn.Linear(2, 2).state_dict(), path),
    "trainer state": lambda path: torch.save({"update": 3, "model_name": "x"}, path),
    "no tensors": lambda path: torch.save(weights(actor__weight="x"), path),
    "wrong rank": lambda path: torch.save(weights(actor__weight=torch.zeros(3)), path),
    "wrong shape": lambda path: torch.save(weights(critic__weight=torch.zeros(3, 3)), path),
    "extra weights": lambda path: torch.save(weights(more=torch.zeros(3)), path),
    "too few tokens": lambda path: torch.save(weights(embedding__weight=torch.zeros(100, 8)), path),
    "too few weights": lambda path: torch.save(
        {k: v for k, v in weights().items() if k != "critic.bias"}, path
    ),
    "strange vocabulary": lambda path: torch.save(weights(actor__weight=torch.zeros(33, 32)), path),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_what_is_no_checkpoint_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "garbage.pt"
    GARBAGE[kind](path)
    with pytest.raises(CodingEnvsError) as raised:
        checkpoint.load(path)
    message = str(raised.value)
    assert "garbage.pt" in message
    assert "\n" not in message
    assert len(message) < 600
    assert not (tmp_path / "owned").exists()


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CodingEnvsError, match=r"no checkpoint .*nowhere\.pt"):
        checkpoint.load(tmp_path / "nowhere.pt")


# --- write_programs ------------------------------------------------------------------------------


def stepped(policy: Policy, problems: ProblemSet) -> dict[str, list[str]]:
    """What the policy writes greedily in the episode core itself."""
    # A test that any program can be asked, at once.
    asked = [p.replace(public_tests=(StdioTest("", ""),), hidden_tests=()) for p in problems]
    judge = Judge(sandbox=FakeSandbox(lambda run: RunResult(Ended.EXITED, exit_code=0)))
    core = EpisodeCore(
        ProblemSet(asked, name="asked"), judge, make_tokenizer("starter"), make_reward("accepted"),
        prompt_tokens=policy.prompt_tokens, program_tokens=policy.program_tokens,
    )  # fmt: skip
    written = {}
    for number, problem in enumerate(problems):
        core.reset(0, problem=number)
        ended: list[Any] = []
        while not ended:
            with torch.no_grad():
                logits, _ = policy.forward_eval(torch.from_numpy(core.observations))
            ended = core.step(logits.argmax(-1).numpy(), restart=False)
        written[problem.key] = [ended[0].program]
    return written


def test_greedy_programs_are_those_of_the_episodes(tmp_path: Path) -> None:
    policy, tokenizer = checkpoint.load(save(shaken(native()), tmp_path / "p.pt"))
    some = TRAIN[:30]
    programs = checkpoint.write_programs(policy, tokenizer, some)
    assert programs == stepped(policy, some)
    assert len({texts[0] for texts in programs.values()}) > 5
    lengths = {
        len(tokenizer.encode_program(p.removeprefix(TRAIN.by_key(k).starter_code)))
        for k, (p,) in programs.items()
        if p
    }
    assert len(lengths) >= 3
    assert programs == checkpoint.write_programs(policy, tokenizer, some)


def test_a_programs_batch_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, tokenizer = checkpoint.load(save(shaken(native()), tmp_path / "p.pt"))
    whole = checkpoint.write_programs(policy, tokenizer, TRAIN[:30])
    monkeypatch.setattr(checkpoint, "_BATCH", 7)
    assert checkpoint.write_programs(policy, tokenizer, TRAIN[:30]) == whole


def test_samples_differ_and_are_repeatable(tmp_path: Path) -> None:
    path = save(shaken(native()), tmp_path / "p.pt")
    more: dict[str, Any] = {"greedy": False, "samples": 5}
    one = samples_from_checkpoint(path, TRAIN[:20], seed=1, **more)
    assert [len(texts) for texts in one.values()] == [5] * 20
    assert list(one) == [p.key for p in TRAIN[:20]]
    assert sum(len(set(texts)) for texts in one.values()) > 50
    assert samples_from_checkpoint(path, TRAIN[:20], seed=1, **more) == one
    assert samples_from_checkpoint(path, TRAIN[:20], seed=2, **more) != one


def test_programs_are_whole(tmp_path: Path) -> None:
    path = save(shaken(native()), tmp_path / "p.pt")
    for key, (program,) in samples_from_checkpoint(path, TRAIN[:20]).items():
        assert program == "" or program.startswith(TRAIN.by_key(key).starter_code)


def test_a_policy_that_submits_at_once_writes_nothing(tmp_path: Path) -> None:
    path = save(Policy(native(), grammar=0, submit_bias=99.0), tmp_path / "p.pt")
    assert set(map(tuple, samples_from_checkpoint(path, TRAIN[:5]).values())) == {("",)}


def test_no_samples_make_no_sense(tmp_path: Path) -> None:
    path = save(Policy(native()), tmp_path / "p.pt")
    with pytest.raises(InvalidValueError, match="samples must be >= 1, got 0"):
        samples_from_checkpoint(path, TRAIN[:5], samples=0)


# --- the command line ----------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.nsjail
def test_eval_grades_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(Policy(native()), tmp_path / "model.pt")
    words = ("eval", "starter", "--split", "test", "--workers", "1", "--json")
    code, out, err = run(capsys, *words, "--samples", str(path), "--out", str(tmp_path / "out"))
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["dataset"] == "starter"
    assert report["problems"] == report["samples"] == len(TEST)
    assert 0 <= report["pass_at_k"]["1"] < 0.2
    assert sum(report["statuses"].values()) == len(TEST)
    assert not {"INTERNAL_ERROR", "JUDGE_ERROR"} & set(report["statuses"])
    assert report["executions"] > 0
    assert list((tmp_path / "out").iterdir())
    words = (*words, "--limit", "4", "--samples-per-problem", "3", "--k", "1,3")
    code, out, _ = run(capsys, *words, "--samples", str(path))
    report = json.loads(out)
    assert (code, report["problems"], report["samples"]) == (0, 4, 12)
    assert set(report["pass_at_k"]) == {"1", "3"}


@pytest.mark.parametrize("kind", ["text", "other weights", "evil pickle"])
def test_eval_of_garbage_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = tmp_path / "garbage.pt"
    GARBAGE[kind](path)
    code, out, err = run(capsys, "eval", "starter", "--samples", str(path))
    assert code in (1, 2)
    assert out == ""
    assert err.count("\n") == 1
    assert "garbage.pt" in err
