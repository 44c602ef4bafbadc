"""Every registered environment, through one table; then what is particular to each kind."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import psutil
import pufferlib
import pufferlib.emulation
import pufferlib.vector
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import coding_envs
from coding_envs.data import DatasetSpec, ProblemSet, dataset_spec, load_problems
from coding_envs.envs import (
    CodingProblemEnv,
    CodingProblemTextEnv,
    CodingPufferEnv,
    SourceText,
    render_episode,
)
from coding_envs.errors import (
    DatasetError,
    EpisodeError,
    InvalidValueError,
    SandboxClosedError,
    SandboxError,
    UnknownNameError,
)
from coding_envs.judge import Judge
from coding_envs.problem import Problem, StdioTest
from coding_envs.registry import environment_ids, puffer_names, register_dataset
from coding_envs.sandbox import FakeSandbox, Run, RunResult
from coding_envs.verdict import Status, Verdict

pytestmark = pytest.mark.nsjail

DATA = Path(__file__).parents[1] / "data"
SAMPLES = {
    "humaneval": "openai_humaneval",
    "mbpp": "mbpp_full",
    "humaneval_plus": "evalplus_humanevalplus",
    "mbpp_plus": "evalplus_mbppplus",
    "apps": "codeparrot_apps",
    "code_contests": "deepmind_code_contests",
    "taco": "baai_taco",
    "livecodebench": "livecodebench_code_generation_lite",
    "kodcode": "kodcode_v1",
    "leetcode": "leetcode_dataset",
    "bigcodebench": "bigcodebench",
    "bigcodebench_hard": "bigcodebench",
    "codeforces": "open_r1_codeforces",
    "verifiable_coding": "primeintellect_verifiable_coding_problems",
    "synthetic_1": "primeintellect_synthetic_1",
    "verifiable_coding_python": "open_r1_verifiable_coding_problems_python",
    "deepcoder": "deepcoder_preview_primeintellect",
    "multipl_e": "multipl_e",
}
FILES = {name: str(DATA / f"{file}.jsonl") for name, file in SAMPLES.items()}
# The environments differ by their problems alone: these go through the whole table, the others
# through one test, which plays their problems.
WHOLE = ("starter", "basic", "humaneval", "mbpp")


@functools.cache
def problems_of(name: str) -> ProblemSet:
    dataset = gymnasium.spec(name).kwargs["dataset"]
    return load_problems(dataset, data_files=FILES.get(dataset))


def options_of(name: str) -> dict[str, Any]:
    """What a row of the table needs on a machine without a network."""
    dataset = gymnasium.spec(name).kwargs["dataset"]
    return {"data_files": FILES[dataset]} if dataset in FILES else {}


IDS = environment_ids()
WHOLE_IDS = [name for name in IDS if gymnasium.spec(name).kwargs["dataset"] in WHOLE]
OTHER_IDS = [name for name in IDS if name not in WHOLE_IDS]
TOKEN_IDS = [name for name in WHOLE_IDS if "Text" not in name]
TEXT_IDS = [name for name in WHOLE_IDS if "Text" in name]
every_environment = pytest.mark.parametrize("name", WHOLE_IDS)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """For what is not about processes: one worker for all."""
    with Judge(workers=1, cache="memory") as made:
        yield made


@pytest.fixture(autouse=True)
def no_process_is_left(judge: Judge) -> Iterator[None]:
    before = set(children())
    yield
    # The shared judge's worker starts services when it first needs them.
    shared = {
        p
        for pid in judge._sandbox.worker_pids()  # type: ignore[attr-defined]
        for p in psutil.Process(pid).children(recursive=True)
    }
    left = [p for p in children() if p not in before | shared]
    _gone, left = psutil.wait_procs(left, timeout=3)
    assert left == []


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def make(name: str, **more: Any) -> Any:
    """The environment as a user makes it; with a judge of the test's, on problems loaded once."""
    given = {"dataset": problems_of(name)} if "judge" in more else options_of(name)
    return gymnasium.make(name, **given, **more).unwrapped


def a_solution(env: Any, at: int = 0) -> tuple[str, Any]:
    """Returns a problem's key, and what solves it: actions or a text."""
    problem = env.problems[at]
    completion = problem.solutions[0].removeprefix(problem.starter_code)
    if isinstance(env, CodingProblemEnv):
        return problem.key, [*env.tokenizer.encode_program(completion), 0]
    return problem.key, [problem.solutions[0]]


# --- every one -----------------------------------------------------------------------------------


def test_the_table_is_whole() -> None:
    assert {"CodingProblem-v0", "CodingProblem-Text-v0"} <= set(IDS)
    assert {"CodingProblem-HumanEval-v0", "CodingProblem-MBPP-Text-v0"} <= set(IDS)
    datasets = coding_envs.data.dataset_names()
    assert len(TOKEN_IDS) == len(TEXT_IDS) == 1 + len(WHOLE)
    assert len(IDS) == 2 * (1 + len(datasets))
    assert set(FILES) == set(datasets) - {"starter", "basic"}


@pytest.mark.parametrize("name", OTHER_IDS)
def test_its_problems_can_be_played(name: str, judge: Judge) -> None:
    if "MultiPLE" in name:  # the judge of another language has more processes: see them end
        with Judge(workers=1, cache="memory") as own:
            play(name, own)
    else:
        play(name, judge)


def play(name: str, judge: Judge) -> None:
    env = make(name, judge=judge, **({} if "Text" in name else {"program_tokens": 600}))
    assert env.reset(seed=5)[1] == env.reset(seed=5)[1]
    spec = coding_envs.data.dataset_spec(problems_of(name).name)
    for problem in env.problems:
        observation, info = env.reset(options={"problem": problem.key})
        assert observation in env.observation_space
        assert info["problem"] == problem.uid
        assert {test.kind for test in problem.tests} <= set(spec.styles)
    good = next((problem for problem in env.problems if problem.solutions), None)
    if good is None:  # LiveCodeBench, Codeforces and MultiPL-E have no programs that solve them
        assert spec.name in ("livecodebench", "codeforces", "multipl_e")
        env.reset(options={"problem": env.problems[0].key})
        actions: list[Any] = ["x"] if "Text" in name else [*env.tokenizer.encode_program("x"), 0]
    else:
        at = env.problems.index_of(good.key)
        key, actions = a_solution(env, at)
        env.reset(options={"problem": key})
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        assert observation in env.observation_space
    assert terminated
    assert not truncated
    assert (reward, info["solved"]) == ((0.0, False) if good is None else (1.0, True))
    assert info["status"] not in ("INTERNAL_ERROR", "JUDGE_ERROR")
    env.close()


@every_environment
def test_gymnasium_accepts_it(name: str) -> None:
    env = make(name, render_mode="ansi")
    check_env(env)
    env.close()


@every_environment
def test_a_reference_solution_is_paid(name: str, judge: Judge) -> None:
    env = make(name, judge=judge, **({} if "Text" in name else {"program_tokens": 600}))
    key, actions = a_solution(env)
    observation, info = env.reset(seed=3, options={"problem": key})
    assert info["problem"].endswith(f"/{key}")
    assert observation in env.observation_space
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        assert observation in env.observation_space
    assert (reward, terminated, truncated, info["status"]) == (1.0, True, False, "ACCEPTED")
    assert info["solved"] is True
    assert info["passed"] == info["total"] == len(env.problems[0].tests)
    assert isinstance(info["verdict"], Verdict)
    with pytest.raises(EpisodeError, match="call reset"):
        env.step(actions[0])


@every_environment
def test_a_step_needs_a_running_episode(name: str, judge: Judge) -> None:
    env = make(name, judge=judge)
    with pytest.raises(EpisodeError, match=r"^step\(\) without a running episode: call reset\(\)"):
        env.step(env.action_space.sample())


@every_environment
def test_seeds_are_reproducible(name: str, judge: Judge) -> None:
    one, two = make(name, judge=judge), make(name, judge=judge)

    def seen(env: Any, seed: int) -> list[Any]:
        rows = []
        observation, info = env.reset(seed=seed)
        for number in range(6):
            rows += [np.asarray(observation).tolist(), info["problem"]]
            action = "x" if "Text" in name else (0 if number % 2 else 1)
            observation, reward, *ends, info = env.step(action)
            rows += [np.asarray(observation).tolist(), reward, ends, info.get("status")]
            if any(ends):
                observation, info = env.reset()
        return rows

    first = seen(one, 11)
    assert seen(two, 11) == first
    assert seen(one, 11) == first
    assert seen(two, 12) != first


@every_environment
def test_a_problem_is_chosen_by_number_or_key(name: str, judge: Judge) -> None:
    env = make(name, judge=judge)
    key = env.problems[4].key
    by_number, info = env.reset(seed=0, options={"problem": 4})
    assert info["problem"] == env.problems[4].uid
    by_key, _ = env.reset(options={"problem": key})
    assert np.array_equal(by_number, by_key)
    by_index, _ = env.reset(options={"problem": np.int64(4)})
    assert np.array_equal(by_number, by_index)
    near = key[:-1] + "?"
    with pytest.raises(UnknownNameError, match="did you mean") as raised:
        env.reset(options={"problem": near})
    assert "\n" not in str(raised.value)
    for wrong in (len(env.problems), -1, 1.5, True):
        with pytest.raises(InvalidValueError, match=re.escape(f"got {wrong!r}")):
            env.reset(options={"problem": wrong})


@every_environment
def test_a_malformed_argument_is_one_line_and_leaves_no_process(name: str) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"render_mode": "human"}, "render_mode must be None or 'ansi', got 'human'"),
        ({"reward": "acepted"}, "no reward named 'acepted': did you mean 'accepted'"),
        ({"sandbox": "nsjial"}, "no sandbox backend named 'nsjial': did you mean 'nsjail'"),
        ({"dataset": "humanevl"}, "no dataset named 'humanevl': did you mean 'humaneval'"),
        ({"dataset": []}, "dataset must be a name, a ProblemSet or a sequence of Problems"),
        ({"dataset": ProblemSet([], name="none")}, "no"),
    ]
    if "Text" in name:
        cases += [
            ({"max_attempts": 0}, "max_attempts must be an int >= 1, got 0"),
            ({"max_chars": 1.5}, "max_chars must be an int >= 1, got 1.5"),
        ]
    else:
        cases += [
            ({"tokenizer": "pythn"}, "no tokenizer named 'pythn': did you mean 'python'"),
            ({"prompt_tokens": -1}, "prompt_tokens must be an int >= 1, got -1"),
            ({"program_tokens": 1.5}, "program_tokens must be an int >= 1, got 1.5"),
        ]
    entry = {True: CodingProblemTextEnv, False: CodingProblemEnv}["Text" in name]
    for more, message in cases:
        arguments = {"dataset": gymnasium.spec(name).kwargs["dataset"], **options_of(name), **more}
        if "dataset" in more:
            arguments.pop("data_files", None)
        with pytest.raises(coding_envs.CodingEnvsError, match=re.escape(message)) as raised:
            entry(**arguments)
        assert "\n" not in str(raised.value)


@every_environment
def test_closing_twice_leaves_no_process(name: str) -> None:
    before = len(children())
    env = make(name)
    assert len(children()) > before
    env.reset(seed=0)
    env.close()
    env.close()
    assert psutil.wait_procs(children()[before:], timeout=3)[1] == []


@every_environment
def test_a_judge_that_is_shared_stays_open(name: str, judge: Judge) -> None:
    env = make(name, judge=judge)
    env.close()
    assert judge.judge(env.problems[0], env.problems[0].solutions[0]).accepted


@every_environment
def test_after_close_a_submission_says_so(name: str) -> None:
    env = make(name)
    env.reset(seed=0)
    env.close()
    action: Any = "x"
    if "Text" not in name:
        (x,) = env.tokenizer.encode_program("x")
        env.step(x)
        action = 0
    with pytest.raises(SandboxClosedError):
        env.step(action)


@every_environment
def test_gymnasium_vectorizes_it(name: str, judge: Judge) -> None:
    venv = SyncVectorEnv([lambda: make(name, judge=judge)] * 2)
    observations, infos = venv.reset(seed=5)
    assert len(observations) == len(infos["problem"]) == 2
    for number in range(4):
        actions = ["x", "y"] if "Text" in name else np.array([number % 2, 1])
        observations, rewards, _terminated, _truncated, _infos = venv.step(actions)
        assert rewards.shape == (2,)
    assert observations in venv.observation_space
    venv.close()


# --- token by token ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TOKEN_IDS)
def test_pufferlib_emulates_it(name: str, judge: Judge) -> None:
    def creator(buf: Any = None, seed: int = 0) -> Any:
        env = make(name, judge=judge, program_tokens=4)
        return pufferlib.emulation.GymnasiumPufferEnv(env, buf=buf, seed=seed)

    venv = pufferlib.vector.make(creator, backend=pufferlib.vector.Serial, num_envs=3, seed=1)
    observations, _ = venv.reset(seed=7)
    assert observations.dtype == np.int32
    ended = 0
    for number in range(8):
        actions = np.array([1, number % 2, 2])
        observations, _rewards, terminals, truncations, _infos = venv.step(actions)
        assert all(row in venv.single_observation_space for row in observations)
        assert not truncations.any()
        ended += int(terminals.sum())
    assert ended >= 5
    venv.close()


def test_stable_baselines3_accepts_it() -> None:
    env = gymnasium.make("CodingProblem-v0", render_mode="ansi").unwrapped
    sb3_check_env(env, warn=True)
    env.close()


@pytest.mark.parametrize("name", TOKEN_IDS)
def test_an_action_outside_the_space_changes_nothing(name: str, judge: Judge) -> None:
    env = make(name, judge=judge)
    env.reset(seed=0)
    env.step(1)
    count = env.action_space.n
    for bad, message in (
        (count, rf"action must be in 0\.\.{count - 1}, got {count}"),
        (-1, "got -1"),
        (0.5, "action must be one integer, got 0.5"),
        ("x", "action must be one integer, got 'x'"),
        (None, "action must be one integer, got None"),
        (True, "action must be one integer, got True"),
        ([1, 2], r"action must be one integer, got \[1, 2\]"),
    ):
        with pytest.raises(InvalidValueError, match=message):
            env.step(bad)
    observation, *_ = env.step(np.array([1]))
    assert observation[-1] == 2


def test_the_length_limit_submits(judge: Judge) -> None:
    env = make("CodingProblem-v0", judge=judge, program_tokens=3, reward="shaped")
    env.reset(seed=0)
    (x,) = env.tokenizer.encode_program("x")
    assert not env.step(x)[2]
    assert not env.step(x)[2]
    _, reward, terminated, truncated, info = env.step(x)
    assert (terminated, truncated, info["completion"]) == (True, False, "xxx")
    assert reward == pytest.approx(-0.1)  # no such name
    assert info["status"] == Status.RUNTIME_ERROR


def test_without_a_seed_each_episode_draws_anew(judge: Judge) -> None:
    env = make("CodingProblem-v0", judge=judge)
    env.reset(seed=9)
    drawn = [env.reset()[1]["problem"] for _ in range(20)]
    assert len(set(drawn)) > 15
    other = make("CodingProblem-v0", judge=judge)
    other.reset(seed=9)
    assert [other.reset()[1]["problem"] for _ in range(20)] == drawn
    unseeded = make("CodingProblem-v0", judge=judge)
    assert [unseeded.reset()[1]["problem"] for _ in range(20)] != drawn


# --- whole programs ------------------------------------------------------------------------------

ADD = Problem(
    dataset="own", key="double", prompt="Print twice the number.",
    public_tests=(StdioTest("2\n", "4\n"),),
    hidden_tests=(StdioTest("1000003\n", "2000006\n"), StdioTest("7\n", "14\n")),
    solutions=("print(2 * int(input()))",),
)  # fmt: skip


def dialogue(judge: Judge, **more: Any) -> CodingProblemTextEnv:
    return CodingProblemTextEnv([ADD], judge=judge, **more)


def test_a_repair_dialogue(judge: Judge) -> None:
    env = dialogue(judge, max_attempts=4, reward="shaped")
    observation, info = env.reset(seed=0)
    assert observation == "Print twice the number.\n"
    attempts = [
        ("print(", -0.3, "Attempt 1: COMPILE_ERROR: SyntaxError"),
        ("import sys\nsys.exit('no ' * 3 + 'luck')", -0.1, "Attempt 2: RUNTIME_ERROR"),
        ("print(3 * int(input()))", 0.0, "Attempt 3: WRONG_ANSWER"),
    ]
    for number, (program, paid, feedback) in enumerate(attempts, 1):
        observation, reward, terminated, truncated, info = env.step(program)
        assert (reward, terminated, truncated) == (pytest.approx(paid), False, False)
        assert info["attempt"] == number
        assert observation.startswith("Print twice the number.\n")
        assert program in observation
        assert feedback in observation
        assert (number == 2) == ("no no no luck" in observation)  # the end of its stderr
    assert "on input '2\\n': expected '4\\n', got '6\\n'" in observation
    assert "2000006" not in observation
    _, reward, terminated, _, info = env.step("print(2 * int(input()))")
    assert (reward, terminated, info["attempt"]) == (1.0, True, 4)


def test_a_dialogue_ends_after_its_attempts(judge: Judge) -> None:
    env = dialogue(judge, max_attempts=2)
    env.reset(seed=0)
    assert env.step("1")[1:4] == (0.0, False, False)
    assert env.step("1")[1:4] == (0.0, True, False)
    with pytest.raises(EpisodeError):
        env.step("1")
    observation, _ = env.reset()
    assert "Attempt" not in observation


def test_feedback_never_holds_what_a_hidden_test_wants(judge: Judge) -> None:
    env = dialogue(judge, max_attempts=3)
    env.reset(seed=0)
    special = "n = int(input())\nprint(4 if n == 2 else 5)"
    observation, _, _, _, info = env.step(special)
    assert (info["status"], info["passed"]) == ("WRONG_ANSWER", 1)
    assert "a hidden test failed" in observation
    assert "2000006" not in observation
    assert "1000003" not in observation
    assert "14" not in observation


def test_a_completion_of_the_starter_code_is_a_program(judge: Judge) -> None:
    env = make("CodingProblem-Text-v0", judge=judge)
    problem = env.problems[0]
    env.reset(seed=0, options={"problem": 0})
    *_, info = env.step(problem.solutions[0].removeprefix(problem.starter_code))
    assert info["solved"]
    assert info["program"] == problem.solutions[0]


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("", "NO_CODE"),
        (" \n\t ", "NO_CODE"),
        ("x = '\x00'\nprint(2 * int(input()))", "COMPILE_ERROR"),
        ("\ud800", "COMPILE_ERROR"),
        ("print(2 * int(input()) + 1)  # \udfff\udc00", None),  # not UTF-8, but in a comment
        ("# é ∀ 🐍\nprint(2 * int(input()))", "ACCEPTED"),
        ("print(2 * int(input()))\r\n", "ACCEPTED"),
        ("\ufeffprint(2 * int(input()))", "ACCEPTED"),
        ("(" * 100_000, "COMPILE_ERROR"),
    ],
    ids=range(9),
)
def test_any_text_gets_a_verdict(judge: Judge, program: str, status: str | None) -> None:
    env = dialogue(judge, max_attempts=2, render_mode="ansi")
    env.reset(seed=0)
    observation, _reward, terminated, truncated, info = env.step(program)
    assert (info["status"], truncated) == (status or info["status"], False)
    assert terminated == (status == "ACCEPTED")
    assert observation in env.observation_space
    picture = env.render()
    assert isinstance(picture, str)
    picture.encode()  # can be printed


def test_ten_megabytes_are_refused_or_judged(judge: Judge) -> None:
    program = "#" + "x" * 10_000_000 + "\nprint(2 * int(input()))"
    env = dialogue(judge)
    env.reset(seed=0)
    with pytest.raises(InvalidValueError, match="at most 1048576 characters, got 10000025; raise"):
        env.step(program)
    assert env.step("print(2 * int(input()))")[1] == 1.0  # nothing was lost
    large = dialogue(judge, max_chars=20_000_000, max_attempts=2, render_mode="ansi")
    large.reset(seed=0)
    observation, reward, _, _, info = large.step(program)
    assert (reward, info["status"]) == (0.0, "COMPILE_ERROR")
    assert "the program has 10000025 characters" in observation
    assert len(observation) < 2_000_000
    assert len(large.render() or "") < 20_000


@pytest.mark.parametrize("bad", [None, 3, b"x", ["x"]])
def test_an_action_must_be_text(judge: Judge, bad: Any) -> None:
    env = dialogue(judge)
    env.reset(seed=0)
    with pytest.raises(InvalidValueError, match=f"must be text .str., got {type(bad).__name__}"):
        env.step(bad)


def test_a_reward_of_ones_own_is_checked(judge: Judge) -> None:
    env = dialogue(judge, reward=lambda verdict: 7.0)
    env.reset(seed=0)
    with pytest.raises(InvalidValueError, match=r"a reward must be in \[-1, 1\], got 7"):
        env.step("x")


def test_source_text_is_any_text_up_to_a_length() -> None:
    space = SourceText(8, seed=0)
    for text in ("", "é\x00\ud800\n", "x" * 8):
        assert text in space
    for other in ("x" * 9, b"x", 3, None):
        assert other not in space
    samples = [space.sample() for _ in range(50)]
    assert all(sample in space for sample in samples)
    assert {len(sample) for sample in samples} == set(range(9))
    assert SourceText(8, seed=0).sample() == samples[0]
    assert space == SourceText(8)
    assert space != SourceText(9)
    assert space != gymnasium.spaces.Text(8)
    assert repr(space) == "SourceText(8)"


# --- faults of ours ------------------------------------------------------------------------------


def faulty(run: Run) -> RunResult:
    raise SandboxError("the worker died")


@pytest.mark.parametrize("name", ["CodingProblem-v0", "CodingProblem-Text-v0"])
def test_a_fault_of_the_sandbox_truncates_without_reward(name: str) -> None:
    sandbox = FakeSandbox(faulty)
    env = make(name, sandbox=sandbox, reward=lambda verdict: 1.0, cache=None, render_mode="ansi")
    env.reset(seed=0)
    for action in ["x"] if "Text" in name else [1, 0]:
        _, reward, terminated, truncated, info = env.step(action)
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert (info["status"], info["solved"]) == ("INTERNAL_ERROR", False)
    assert "INTERNAL ERROR" in env.render()
    with pytest.raises(EpisodeError):
        env.step(action)
    env.close()


# --- names ---------------------------------------------------------------------------------------


def test_an_unknown_environment_is_answered_with_near_ones() -> None:
    with pytest.raises(gymnasium.error.NameNotFound, match="Did you mean: `CodingProblem`"):
        gymnasium.make("CodingProblm-v0")
    with pytest.raises(gymnasium.error.NameNotFound, match="Did you mean: `CodingProblem-Human"):
        gymnasium.make("CodingProblem-HumanEvl-v0")


def test_a_module_in_the_name_imports_it(judge: Judge) -> None:
    env = gymnasium.make("coding_envs:CodingProblem-v0", judge=judge)
    assert env.reset(seed=0)[0] in env.observation_space


def test_ones_own_dataset_gets_its_environments(judge: Judge) -> None:
    problems = ProblemSet([ADD], name="my_set")
    spec = DatasetSpec(
        "my_set", "mine", dataset_spec("starter").loader, load_split=lambda config, split: problems
    )
    register_dataset(spec)
    try:
        env = gymnasium.make("CodingProblem-MySet-Text-v0", judge=judge)
        assert env.reset(seed=0)[0] == "Print twice the number.\n"
        assert env.step(ADD.solutions[0])[1] == 1.0
        assert puffer_names()["coding_problem_my_set"] == "my_set"
        with pytest.raises(InvalidValueError, match="'my_set' is registered; choose another name"):
            register_dataset(spec)
        register_dataset(spec, replace=True)
        for name in ("my-set", "text"):
            clash = DatasetSpec(name, "", spec.loader)
            with pytest.raises(InvalidValueError, match=f"dataset {name!r} would be .* already"):
                register_dataset(clash)
            assert name not in coding_envs.data.dataset_names()
    finally:
        coding_envs.data.registry._registered.pop("my_set", None)
        for suffix in ("", "-Text"):
            gymnasium.registry.pop(f"CodingProblem-MySet{suffix}-v0", None)


def test_a_missing_data_file_is_one_line() -> None:
    with pytest.raises(DatasetError) as raised:
        gymnasium.make("CodingProblem-HumanEval-v0", data_files="/nowhere/x.jsonl")
    assert "/nowhere/x.jsonl" in str(raised.value)
    assert "\n" not in str(raised.value)


# --- the native one ------------------------------------------------------------------------------


def test_the_native_environment_fits_pufferlib(judge: Judge) -> None:
    venv = pufferlib.vector.make(
        CodingPufferEnv, backend=pufferlib.PufferEnv, num_envs=1, seed=3,
        env_kwargs={"num_agents": 5, "judge": judge, "report_interval": 4},
    )  # fmt: skip
    observations, _ = venv.reset(seed=3)
    assert (observations.shape[0], observations.dtype) == (5, np.int32)
    reports = []
    for _ in range(8):
        observations, _rewards, _terminals, _truncations, infos = venv.step(np.zeros(5, int))
        assert observations in venv.observation_space
        reports += infos
    assert [report["NO_CODE"] for report in reports] == [1.0, 1.0]
    assert all(isinstance(v, float) for report in reports for v in report.values())
    venv.close()
    venv.close()


def test_several_native_environments_share_a_vector(judge: Judge) -> None:
    venv = pufferlib.vector.make(
        CodingPufferEnv, backend=pufferlib.vector.Serial, num_envs=2,
        env_kwargs={"num_agents": 3, "judge": judge},
    )  # fmt: skip
    venv.reset(seed=3)
    observations, *_ = venv.step(np.full(6, 1))
    assert observations[:, -1].tolist() == [1] * 6
    venv.close()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"num_agents": 0}, "num_agents must be an int >= 1, got 0"),
        ({"hints": 2.0}, r"hints must be in \[0, 1\]"),
        ({"report_interval": 0}, "report_interval must be an int >= 1, got 0"),
        ({"tokenizer": "bites"}, "no tokenizer named 'bites': did you mean 'bytes'"),
    ],
)
def test_the_native_environments_arguments(more: dict[str, Any], message: str) -> None:
    with pytest.raises(coding_envs.CodingEnvsError, match=message):
        CodingPufferEnv(**{"num_agents": 2, "workers": 1, **more})


def test_a_log_that_cannot_be_written_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        CodingPufferEnv(num_agents=2, workers=1, log_path=tmp_path / "file" / "log.jsonl")
    env = CodingPufferEnv(num_agents=2, workers=1)
    env.close()
    env.close()


def test_deferred_verdicts_come_by_ticket(judge: Judge) -> None:
    """Every reward of the way that waits, with real verdicts, in a vector of PufferLib's."""
    rows = np.random.default_rng(0).integers(4, size=(60, 6))
    wanted = CodingPufferEnv(num_agents=6, judge=judge, reward="shaped")
    wanted.reset(3)
    rewards = [wanted.step(row)[1].copy() for row in rows]
    venv = pufferlib.vector.make(
        CodingPufferEnv, backend=pufferlib.vector.Serial, num_envs=2,
        env_kwargs={"num_agents": 3, "judge": judge, "reward": "shaped", "verdicts": "deferred"},
    )  # fmt: skip
    envs = venv.envs
    for number, env in enumerate(envs):
        assert env.deferred
        env._core.reset(3 + 3 * number)
    venv.flag = pufferlib.vector.SEND
    paid, where = np.zeros((60, 6), np.float32), {}

    def collect(timeout_s: float = 0.0) -> None:
        for number, env in enumerate(envs):
            for ticket, reward, mask in zip(*env.collect(timeout_s), strict=True):
                paid[where.pop((number, int(ticket)))] = reward
                assert mask

    for step, row in enumerate(rows):
        venv.step(row)
        assert not venv.rewards.any()
        for number, env in enumerate(envs):
            assert ((env.tickets > 0) == env.terminals).all()
            for agent in np.flatnonzero(env.tickets):
                where[number, int(env.tickets[agent])] = step, 3 * number + int(agent)
        collect()
    for _ in range(100):
        collect(1.0)
    assert not where
    assert paid.tolist() == np.array(rewards).tolist()
    assert len(np.unique(paid)) >= 3
    venv.close()


def test_deferred_verdicts_need_the_trainers_own_process(judge: Judge) -> None:
    with pytest.raises(InvalidValueError, match="in the trainer's own process") as raised:
        pufferlib.vector.make(
            CodingPufferEnv, backend=pufferlib.vector.Multiprocessing, num_envs=1, num_workers=1,
            env_kwargs={"num_agents": 2, "judge": judge, "verdicts": "deferred"},
        )  # fmt: skip
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("verdicts", ["sync", "deferred"])
def test_the_native_environment_goes_on_from_a_state(
    judge: Judge, verdicts: str, tmp_path: Path
) -> None:
    def made(**more: Any) -> CodingPufferEnv:
        return CodingPufferEnv(
            num_agents=5, judge=judge, reward="shaped", verdicts=verdicts, hints=0.3,
            action_masks=True, report_interval=10, log_path=tmp_path / "log", **more
        )  # fmt: skip

    def play(env: CodingPufferEnv, rows: Any) -> list[Any]:
        seen, paid = [], []
        for row in rows:
            arrays = env.step(row)[:4]
            seen += [array.tolist() for array in (*arrays, env.tickets, env.action_masks)]
            while env._core._open or env._core._outcomes:
                paid += list(zip(*(array.tolist() for array in env.collect(1.0)), strict=True))
        return [seen, sorted(paid)]

    rows = np.random.default_rng(0).integers(4, size=(50, 5))
    whole = made(seed=4)
    whole.reset(4)
    play(whole, rows[:20])
    wanted = play(whole, rows[20:])
    first, second = made(seed=4), made(seed=9)
    first.reset(4)
    play(first, rows[:20])
    second.load_state_dict(first.state_dict())
    assert first.fingerprint() == second.fingerprint()
    assert play(second, rows[20:]) == wanted
    assert second._steps == 50
    log = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert log[-1]["agent_steps"] == 250
    assert log[-1]["executions"] >= log[-2]["executions"]


def test_closing_with_open_verdicts_leaves_no_process() -> None:
    env = CodingPufferEnv(num_agents=4, workers=1, cache=None, verdicts="deferred")
    env.reset(0)
    env.step(np.full(4, 1))
    env.step(np.zeros(4, int))
    env.close()
    env.close()
    assert env.collect(timeout_s=60.0)[0].tolist() == []


def test_the_native_environment_before_reset(judge: Judge) -> None:
    env = CodingPufferEnv(num_agents=2, judge=judge)
    with pytest.raises(EpisodeError, match="call reset"):
        env.step(np.zeros(2, int))
    with pytest.raises(EpisodeError, match="call reset"):
        env.render()


# --- render --------------------------------------------------------------------------------------

COLOR = re.compile(r"\033\[[\d;]*m")


@pytest.fixture(params=[True, False], ids=["color", "NO_COLOR"])
def colored(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not request.param:
        monkeypatch.setenv("NO_COLOR", "1")
    return bool(request.param)


def plain(text: str) -> str:
    return re.sub(r"\033\[[\d;]*[mKJ]", "", text)


def show_token(judge: Judge) -> tuple[Problem, Callable[[], str], Callable[[], None]]:
    env = make("CodingProblem-v0", judge=judge, render_mode="ansi")
    key, actions = a_solution(env, 2)
    env.reset(seed=0, options={"problem": key})
    env.step(actions[0])
    return env.problems[2], env.render, lambda: [env.step(a) for a in actions[1:]] and None


def show_native(judge: Judge) -> tuple[Problem, Callable[[], str], Callable[[], None]]:
    problems = load_problems("starter")[2:3]
    env = CodingPufferEnv(num_agents=2, dataset=problems, judge=judge)
    text = problems[0].solutions[0].removeprefix(problems[0].starter_code)
    actions = [*env.tokenizer.encode_program(text), 0]
    env.reset(seed=0)
    env.step(np.full(2, actions[0]))
    return problems[0], env.render, lambda: [env.step(np.full(2, a)) for a in actions[1:]] and None


@pytest.mark.parametrize("show", [show_token, show_native])
def test_a_picture_of_an_episode(judge: Judge, colored: bool, show: Callable[..., Any]) -> None:
    problem, render, finish = show(judge)
    picture = render()
    assert (COLOR.search(picture) is not None) == colored
    assert problem.prompt in plain(picture)
    assert problem.starter_code.splitlines()[0] in plain(picture)
    assert "writing" in picture
    assert problem.uid in picture
    finish()
    picture = render()
    assert (COLOR.search(picture) is not None) == colored
    assert "ACCEPTED" in picture
    assert f"{len(problem.tests)}/{len(problem.tests)} tests   reward +1.00" in plain(picture)
    assert problem.solutions[0].splitlines()[-1] in plain(picture)


def test_a_frame_of_the_native_environment_covers_the_one_before(judge: Judge) -> None:
    _problem, render, finish = show_native(judge)
    for picture in (render(), finish() or render()):
        assert all(line.endswith("\033[K") for line in picture.split("\n")[:-1])
        assert picture.endswith("\033[K\033[J")


def test_a_picture_of_a_whole_program(judge: Judge, colored: bool) -> None:
    env = dialogue(judge, render_mode="ansi", max_attempts=2)
    with pytest.raises(EpisodeError, match=r"render\(\) before reset\(\)"):
        env.render()
    env.reset(seed=0)
    assert "Print twice the number." in (env.render() or "")
    env.step("print(3)")
    picture = env.render() or ""
    assert (COLOR.search(picture) is not None) == colored
    text = plain(picture)
    assert "WRONG ANSWER   0/3 tests   reward +0.00" in text
    assert "print(3)" in text
    assert "expected '4\\n', got '3\\n'" in text
    env.step(ADD.solutions[0])
    assert "ACCEPTED   3/3 tests   reward +1.00" in plain(env.render() or "")


@pytest.mark.parametrize("name", ["CodingProblem-v0", "CodingProblem-Text-v0"])
def test_there_is_no_picture_unless_asked_for(name: str, judge: Judge) -> None:
    env = make(name, judge=judge)
    env.reset(seed=0)
    assert env.render() is None
    other = make(name, judge=judge, render_mode="ansi")
    with pytest.raises(EpisodeError, match=r"render\(\) before reset\(\)"):
        other.render()


def test_a_program_cannot_steer_the_terminal() -> None:
    evil = "print(1)\033]0;owned\007\x9b2J\u202e\ud800"
    message = "\033[2J said the program\ud800"
    verdict = Verdict(Status.NO_CODE, message=message)
    problem = ADD.replace(prompt=f"Print\033[2J it.{evil}")
    picture = render_episode(problem, evil, verdict, color=False)
    picture.encode()
    assert not set(picture) & {"\033", "\007", "\x9b", "\u202e"}
    assert "\\x1b]0;owned" in picture
    assert "\\x1b[2J said the program" in picture


def test_a_long_program_shows_its_end() -> None:
    program = "\n".join(f"line{i}" for i in range(100))
    picture = render_episode(ADD, program, color=False)
    assert "60 lines above" in picture
    assert "line99" in picture
    assert "line59\n" not in picture
    assert " 100 line99" in picture


def test_a_shared_judge_goes_with_the_spec(judge: Judge) -> None:
    env = gymnasium.make("CodingProblem-v0", judge=judge)
    again = env.spec.make()
    assert again.unwrapped._judge is env.unwrapped._judge is judge
    env.close()
    again.close()
    assert judge.judge(env.unwrapped.problems[0], "x = 1").runs >= 0
