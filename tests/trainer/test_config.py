"""Configuration: where settings come from, which one wins, and what a mistake is answered with."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

import pufferlib
import pytest

import coding_envs_trainer
from coding_envs.errors import CodingEnvsError, InvalidValueError, UnknownNameError
from coding_envs.registry import puffer_names
from coding_envs_trainer.config import (
    BASE_KEYS,
    OPTION_KEYS,
    SWEEP_KEYS,
    TRAIN_DEFAULTS,
    TRAIN_KEYS,
    VEC_KEYS,
    complete_train,
    load_config,
)

UPSTREAM = Path(pufferlib.__path__[0]) / "config"
UPSTREAM_NAMES = {
    path.name: names[0]
    for path in sorted(UPSTREAM.rglob("*.ini"))
    for config in [configparser.ConfigParser()]
    if config.read(path) and (names := config["base"].get("env_name", "None").split()) != ["None"]
}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_key_of_upstream_is_there_with_its_default() -> None:
    config = configparser.ConfigParser()
    config.read(UPSTREAM / "default.ini")
    different = {"device", "name", "project"}  # auto; upstream's own workspace
    defaults = load_config("default", [])
    for section in ("vec", "train"):
        for name, text in config[section].items():
            (key,) = [k for k in (*VEC_KEYS, *TRAIN_KEYS) if k.name == name][:1]
            if name not in different:
                assert key.check(text, name) == defaults[section][name], name
    assert set(config["base"]) <= set(defaults)


@pytest.mark.parametrize("file", UPSTREAM_NAMES)
def test_every_file_of_upstream_can_be_read(file: str) -> None:
    name = UPSTREAM_NAMES[file]
    args = load_config(name, ["--train.device", "cpu"])
    assert args["env_name"] == name
    assert args["package"] is not None
    assert args["train"]["use_rnn"] == (args["rnn_name"] is not None)
    assert set(args["train"]) == set(TRAIN_DEFAULTS)


def test_it_has_the_shape_of_upstreams() -> None:
    args = load_config("puffer_breakout", [])
    assert args["package"] == "ocean"
    assert args["rnn_name"] == "Recurrent"
    assert args["train"]["use_rnn"] is True
    assert args["train"]["total_timesteps"] == 90_000_000
    assert args["env"] == {"num_envs": 1024, "frameskip": 4}
    assert args["rnn"] == {"input_size": 128, "hidden_size": 128}
    assert args["sweep"]["env"]["frameskip"]["max"] == 8
    assert args["load_model_path"] is None
    assert args["wandb"] is False


def test_what_comes_later_wins(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gamma(*flags: str) -> float:
        value: float = load_config("coding_problem", list(flags))["train"]["gamma"]
        return value

    assert gamma() == 0.99  # the package's file
    (empty_folder / "config").mkdir()
    own = empty_folder / "config" / "own.ini"
    own.write_text("[base]\nenv_name = coding_problem\n[train]\ngamma = 0.5\n")
    assert gamma() == 0.5
    extra = empty_folder / "extra.toml"
    extra.write_text("[train]\ngamma = 0.6\n")
    assert gamma("--config", "extra.toml") == 0.6
    monkeypatch.setenv("CODING_ENVS_TRAIN__TRAIN__GAMMA", "0.7")
    assert gamma("--config", "extra.toml") == 0.7
    assert gamma("--config", "extra.toml", "--train.gamma", "0.8") == 0.8
    assert gamma("--train.gamma=0.9") == 0.9


def test_a_file_of_config_may_name_the_environment_itself(empty_folder: Path) -> None:
    (empty_folder / "my.ini").write_text(
        "[base]\npackage = mine\nenv_name = one two\n[env]\nsize = (3, 4)\nword = plain\n"
    )
    args = load_config("two", ["--config", "my.ini"])
    assert args["package"] == "mine"
    assert args["env"] == {"size": (3, 4), "word": "plain"}
    # Else it lies over the one that is found.
    args = load_config("coding_problem", ["--config", "my.ini"])
    assert args["env"]["num_agents"] == 1024
    assert args["env"]["word"] == "plain"


def test_toml_and_ini_say_the_same(empty_folder: Path) -> None:
    (empty_folder / "a.ini").write_text(
        "[base]\nenv_name = x\nrnn_name = LSTM\n[train]\ncompile = true\ntotal_timesteps = 1e6\n"
        "[sweep.train.gamma]\nmin = 0.5\n"
    )
    (empty_folder / "a.toml").write_text(
        'base.env_name = "x"\nbase.rnn_name = "LSTM"\n'
        "[train]\ncompile = true\ntotal_timesteps = 1e6\n[sweep.train.gamma]\nmin = 0.5\n"
    )
    one, other = (load_config("x", ["--config", f"a.{kind}"]) for kind in ("ini", "toml"))
    one["config"] = other["config"] = None
    assert one == other
    assert one["train"]["compile"] is True
    assert one["train"]["total_timesteps"] == 1_000_000


@pytest.mark.parametrize(
    ("flags", "path", "value"),
    [
        (["--train.compile", "False"], ("train", "compile"), False),  # upstream: True
        (["--train.minibatch-size", "1_024"], ("train", "minibatch_size"), 1024),
        (["--train.total-timesteps", "5e5"], ("train", "total_timesteps"), 500_000),
        (["--train.learning_rate", "1"], ("train", "learning_rate"), 1.0),
        (["--train.batch-size", "auto"], ("train", "batch_size"), "auto"),
        (["--vec.batch-size", "None"], ("vec", "batch_size"), None),
        (["--rnn-name", "None"], ("rnn_name",), None),
        (["--wandb", "--tag", "x"], ("wandb",), True),
        (["--env.shift", "-3"], ("env", "shift"), -3),
        (["--env.names", "['a', 'b']"], ("env", "names"), ["a", "b"]),
        (["--sweep.train.gamma.min", "0.1"], ("sweep", "train", "gamma", "min"), 0.1),
    ],
)
def test_flags_have_their_keys_type(flags: list[str], path: tuple[str, ...], value: object) -> None:
    found = load_config("coding_problem", flags)
    for part in path:
        found = found[part]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--train.learning-rte", "1"], "named 'learning_rte': did you mean 'learning_rate'"),
        (["--trian.gamma", "1"], "no section named 'trian': did you mean 'train'"),
        (["--wandbb"], "--wandbb wants a value"),
        (["--wand-project", "x"], "no option named 'wand_project': did you mean 'wandb_project'"),
        (["--vec.num-env", "3"], "no vec key named 'num_env': did you mean 'num_envs'"),
        (["--train.gamma", "1.5"], "from 0 up to 1, got '1.5' (flag --train.gamma)"),
        (["--train.gamma", "nan"], "train.gamma must be a number from 0 up to 1, got 'nan'"),
        (["--train.optimizer", "adm"], "train.optimizer must be adam or adamw or muon, got 'adm'"),
        (["--train.minibatch-size", "2.5"], "train.minibatch_size must be an int >= 1, got '2.5'"),
        (["--train.minibatch-size", "0"], "train.minibatch_size must be an int >= 1, got '0'"),
        (["--train.learning-rate", "0"], "train.learning_rate must be a number > 0, got '0'"),
        (["--train.compile", "maybe"], "train.compile must be True or False, got 'maybe'"),
        (["--train.seed", "9" * 30], "train.seed must be an int from 0 up to"),
        (["--train.torch-threads", "100000"], "train.torch_threads must be an int from 0 up to"),
        (["--train.compile-mode", "x"], "train.compile_mode must be default or"),
        (["--train.gamma"], "--train.gamma wants a value"),
        (["--train.gamma", "--wandb"], "--train.gamma wants a value"),
        (["stray"], "unexpected argument 'stray'"),
        (["--train.a.b", "1"], "train.a.b has a dot too many"),
        (["--sweep.train.gamma.mix", "1"], "must be sweep.SECTION.KEY.distribution|min|max"),
        (["--config", "none.ini"], "no such file: none.ini"),
    ],
)  # fmt: skip
def test_a_mistake_is_answered_in_one_line(flags: list[str], said: str) -> None:
    with pytest.raises(CodingEnvsError) as caught:
        load_config("coding_problem", flags)
    assert isinstance(caught.value, UnknownNameError | InvalidValueError)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_environment_is_answered_with_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'puffer_breakout'"):
        load_config("puffer_breakot", [])
    assert load_config("gym:CartPole-v1", [])["policy_name"] == "MLP"
    assert load_config("somewhere:make", [])["env_name"] == "somewhere:make"


def test_variables_and_files_are_as_strict_as_flags(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_ENVS_TRAIN__TRAIN__GAMA", "1")
    with pytest.raises(UnknownNameError, match="given in CODING_ENVS_TRAIN__TRAIN__GAMA"):
        load_config("coding_problem", [])
    monkeypatch.delenv("CODING_ENVS_TRAIN__TRAIN__GAMA")
    monkeypatch.setenv("CODING_ENVS_TRAIN__BASE__RNN_NAME", "LSTM")
    assert load_config("coding_problem", [])["train"]["use_rnn"] is True
    (empty_folder / "bad.ini").write_text("[train]\ngamma = 2\n")
    with pytest.raises(InvalidValueError, match=r"got '2' \(bad\.ini\)"):
        load_config("coding_problem", ["--config", "bad.ini"])
    (empty_folder / "bad.ini").write_text("[trin]\ngamma = 2\n")
    with pytest.raises(InvalidValueError, match=r"bad\.ini: no section \[trin\]"):
        load_config("coding_problem", ["--config", "bad.ini"])
    (empty_folder / "bad.ini").write_text("gamma = 2\n")
    with pytest.raises(CodingEnvsError, match=r"bad\.ini cannot be read"):
        load_config("coding_problem", ["--config", "bad.ini"])
    (empty_folder / "bad.toml").write_text("[train\n")
    with pytest.raises(CodingEnvsError, match=r"bad\.toml cannot be read"):
        load_config("coding_problem", ["--config", "bad.toml"])


def test_help_shows_every_key(
    empty_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as ended:
        load_config("coding_problem", ["--train.gamma", "0.125", "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    tables = ((OPTION_KEYS, ""), (BASE_KEYS, ""), (VEC_KEYS, "vec."), (TRAIN_KEYS, "train."))
    flat = " ".join(printed.split())
    for keys, prefix in (*tables, (SWEEP_KEYS, "sweep.")):
        for key in keys:
            assert f"--{prefix}{key.name.replace('_', '-')} " in flat
            assert key.meaning.split(";")[0] in flat
    assert "[0.125]" in printed
    assert "episodes at one time [1024]" in flat  # a file's own comment
    assert all(len(line) <= 104 for line in printed.splitlines())


def test_a_train_section_is_completed_and_checked() -> None:
    assert complete_train({}) == {**TRAIN_DEFAULTS, "device": complete_train({})["device"]}
    assert complete_train({})["device"] in ("cpu", "cuda")
    complete = complete_train({"gamma": "0.5", "env": "x", "a_callers_own": 3})
    assert (complete["gamma"], complete["env"], complete["a_callers_own"]) == (0.5, "x", 3)
    with pytest.raises(InvalidValueError, match=r"train\.clip_coef"):
        complete_train({"clip_coef": -1})


def test_reading_the_configuration_loads_nothing_heavy() -> None:
    script = (
        "import sys; from coding_envs_trainer.config import load_config;"
        "load_config('coding_problem', ['--train.device', 'cpu']);"
        "assert not {'torch', 'pufferlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)


def test_every_dataset_has_a_name_for_the_command_line() -> None:
    config = configparser.ConfigParser()
    config.read(Path(coding_envs_trainer.__file__).parent / "config" / "coding_envs.ini")
    names = config["base"]["env_name"].split()
    assert len(names) == len(set(names))
    assert set(puffer_names()) <= set(names)
