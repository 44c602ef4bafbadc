"""The episode core, on a scripted sandbox: observations, ends, streams, hints, faults, sums."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from coding_envs.data import ProblemSet
from coding_envs.episodes import EpisodeCore, encode_prompts
from coding_envs.errors import (
    EpisodeError,
    InvalidValueError,
    SandboxClosedError,
    SandboxError,
    UnknownNameError,
)
from coding_envs.judge import Judge
from coding_envs.problem import Problem, StdioTest
from coding_envs.reward import make_reward
from coding_envs.sandbox import Ended, FakeSandbox, Run, RunResult
from coding_envs.tokens import make_tokenizer
from coding_envs.verdict import Status

TOKENIZER = make_tokenizer("starter")
STARTER_CODE = "def f(x):\n    return "
PROMPT_TOKENS, PROGRAM_TOKENS = 10, 6


def problem(number: int, solution: str) -> Problem:
    return Problem(
        dataset="d", key=f"p{number}", prompt=f"Return {number} times x.", entry_point="f",
        starter_code=STARTER_CODE, solutions=(STARTER_CODE + solution,),
        public_tests=(StdioTest("", f"{solution}"),), hidden_tests=(StdioTest("", f"{solution}"),),
    )  # fmt: skip


SOLUTIONS = ["x", "x + x", "x + 1", "x - 1", "len(x)", "(x)", "x * x", "1 + x"]
PROBLEMS = ProblemSet([problem(i, s) for i, s in enumerate(SOLUTIONS)], name="d")


def echo(run: Run) -> RunResult:
    """Prints what the program returns: the test wants the same text."""
    text = run.source.removeprefix(STARTER_CODE)
    return RunResult(Ended.EXITED, exit_code=0, stdout=text.encode())


def make(
    num_agents: int = 1,
    *,
    answer: Callable[[Run], RunResult] = echo,
    problems: ProblemSet = PROBLEMS,
    reward: str | Callable[..., float] = "accepted",
    cache: str | None = None,
    **more: Any,
) -> EpisodeCore:
    judge = Judge(sandbox=FakeSandbox(answer), cache=cache)
    return EpisodeCore(
        problems, judge, TOKENIZER, make_reward(reward), num_agents=num_agents,
        **{"prompt_tokens": PROMPT_TOKENS, "program_tokens": PROGRAM_TOKENS, **more},
    )  # fmt: skip


def actions(text: str) -> list[int]:
    return TOKENIZER.encode_program(text)


def play(core: EpisodeCore, text: str, **more: Any) -> list[Any]:
    """Agent 0 writes and submits `text`, all others do the same; returns what ended."""
    ended = []
    for action in [*actions(text), 0]:
        ended += core.step(np.full(core.num_agents, action), **more)
    return ended


def snapshot(core: EpisodeCore) -> list[Any]:
    arrays = (core.observations, core.rewards, core.terminals, core.truncations, core.masks)
    programs = [core.program(agent) for agent in range(core.num_agents)]
    return [*(array.tolist() for array in arrays), programs, core.statistics.episodes]


# --- observations --------------------------------------------------------------------------------


def test_an_observation_is_prompt_program_and_count() -> None:
    core = make(2)
    core.reset(0, problem=3)
    assert core.observations.shape == (2, PROMPT_TOKENS + PROGRAM_TOKENS + 1)
    assert core.observations.dtype == np.int32
    prompt = encode_prompts(PROBLEMS, TOKENIZER, PROMPT_TOKENS)[3]
    assert prompt.tolist() == core.observations[0, :PROMPT_TOKENS].tolist()
    assert not core.observations[:, PROMPT_TOKENS:].any()
    first, second = actions("x + ")
    core.step(np.array([first, first]))
    core.step(np.array([second, first]))
    written = core.observations[:, PROMPT_TOKENS:]
    assert written.tolist() == [
        [first + 1, second + 1, 0, 0, 0, 0, 2],
        [first + 1, first + 1, 0, 0, 0, 0, 2],
    ]
    assert (core.observations[:, :PROMPT_TOKENS] == prompt).all()
    assert [core.program(agent) for agent in (0, 1)] == [(PROBLEMS[3], "x + "), (PROBLEMS[3], "xx")]


def test_prompts_are_cut_padded_and_hold_the_starter_code_once() -> None:
    inside = problem(0, "x").replace(key="inside", prompt=f"Do it.\n{STARTER_CODE}")
    short, cut = problem(1, "x").replace(prompt="Go."), problem(2, "x")
    rows = encode_prompts([inside, short, cut], TOKENIZER, 16)
    assert rows.dtype == np.int32
    want = TOKENIZER.encode(f"Do it.\n{STARTER_CODE}")
    assert rows[0].tolist() == want + [0] * (16 - len(want))
    want = TOKENIZER.encode(f"Go.\n{STARTER_CODE}")
    assert rows[1].tolist() == want + [0] * (16 - len(want))
    assert encode_prompts([cut], TOKENIZER, 3).tolist() == [TOKENIZER.encode(cut.prompt)[:3]]


def test_it_writes_into_the_buffers_that_it_is_given() -> None:
    core = make(3)
    buffers = (
        np.full((3, core.observation_size), 9, np.int32), np.full(3, 9, np.float32),
        np.ones(3, bool), np.ones(3, bool), np.zeros(3, bool),
    )  # fmt: skip
    core.bind(*buffers)
    core.reset(5)
    assert core.observations is buffers[0]
    assert buffers[0][:, -1].tolist() == [0, 0, 0]
    assert [b.tolist() for b in buffers[1:]] == [[0, 0, 0], [False] * 3, [False] * 3, [True] * 3]
    core.step(np.zeros(3, int))
    assert buffers[2].all()


# --- ends ----------------------------------------------------------------------------------------


def test_submitting_ends_the_episode_and_pays() -> None:
    core = make(reward="shaped")
    core.reset(0, problem=1)
    (episode,) = play(core, "x + x", restart=False)
    assert (episode.agent, episode.reward, episode.length) == (0, 1.0, 4)
    assert (episode.completion, episode.program) == ("x + x", STARTER_CODE + "x + x")
    assert (episode.problem, episode.verdict.status) == (PROBLEMS[1], Status.ACCEPTED)
    assert (core.rewards[0], core.terminals[0], core.truncations[0], core.masks[0]) == (1, 1, 0, 1)
    # The last observation is that of the ended episode.
    assert core.program(0) == (PROBLEMS[1], "x + x")
    assert core.observations[0, -1] == 3


def test_the_length_limit_submits_what_was_written() -> None:
    core = make()
    core.reset(0)
    (one,) = actions("x")
    for _ in range(PROGRAM_TOKENS - 1):
        assert core.step(np.array([one])) == []
        assert not core.terminals[0]
    (episode,) = core.step(np.array([one]))
    assert (episode.completion, episode.length) == ("x" * PROGRAM_TOKENS, PROGRAM_TOKENS)
    assert core.terminals[0]


@pytest.mark.parametrize("text", ["", " ", "\n    "])
def test_nothing_written_is_no_code_whatever_the_starter_code(text: str) -> None:
    core = make()
    core.reset(0)
    (episode,) = play(core, text)
    assert (episode.verdict.status, episode.program) == (Status.NO_CODE, "")
    assert core.terminals[0]


def test_the_next_episode_begins_at_once_or_not() -> None:
    core = make(2)
    core.reset(0, problem=0)
    core.step(np.array([0, actions("x")[0]]))
    assert core.terminals.tolist() == [True, False]
    assert core.observations[:, -1].tolist() == [0, 1]
    assert core.program(0)[1] == ""
    core.step(np.array(actions("xx")))
    assert core.terminals.tolist() == [False, False]
    assert core.observations[:, -1].tolist() == [1, 2]
    still = make()
    still.reset(0)
    still.step(np.array([0]), restart=False)
    with pytest.raises(EpisodeError, match="call reset"):
        still.step(np.array([0]))
    still.restart()
    assert still.step(np.array([0]))


def test_a_step_before_reset_is_refused() -> None:
    core = make()
    with pytest.raises(EpisodeError, match=r"^step\(\) without running episodes: call reset\(\)"):
        core.step(np.array([0]))
    with pytest.raises(EpisodeError, match=r"^restart\(\) before reset\(\)"):
        core.restart()


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        np.array([TOKENIZER.num_actions, 0]),
        np.array([0, -1]),
        np.array([0]),
        np.array([0, 0, 0]),
        np.array([0.0, 1.0]),
        np.array([True, False]),
        np.array([], int),
    ],
    ids=str,
)
def test_bad_actions_leave_everything_as_it_was(bad: np.ndarray[Any, Any]) -> None:
    core = make(2)
    core.reset(3)
    core.step(np.array(actions("x + ")))
    before = snapshot(core)
    with pytest.raises(InvalidValueError, match=r"^actions? must be "):
        core.step(bad)
    assert snapshot(core) == before
    core.step(np.array([[1], [2]]))  # a column is as good as a row
    assert core.observations[:, -1].tolist() == [2, 2]


@pytest.mark.parametrize("bad", [len(PROBLEMS), -1, 1.5, True, "p1"])
def test_an_unknown_problem_leaves_everything_as_it_was(bad: Any) -> None:
    core = make(2)
    core.reset(3)
    before = snapshot(core)
    with pytest.raises(
        InvalidValueError, match=rf"problem must be an int in 0\.\.{len(PROBLEMS) - 1}"
    ):
        core.reset(4, problem=bad)
    with pytest.raises(InvalidValueError, match="problem must be an int"):
        core.restart(bad)
    assert snapshot(core) == before
    other = make(2)
    other.reset(3)
    core.restart()
    other.restart()
    assert snapshot(core) == snapshot(other)  # the streams are where they were


@pytest.mark.parametrize("bad", [-1, 0.5, None])
def test_a_seed_is_a_whole_number(bad: Any) -> None:
    with pytest.raises(InvalidValueError, match="seed must be an int >= 0"):
        make().reset(bad)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"num_agents": 0}, "num_agents must be an int >= 1, got 0"),
        ({"num_agents": 1.5}, "num_agents must be an int >= 1, got 1.5"),
        ({"prompt_tokens": 0}, "prompt_tokens must be an int >= 1, got 0"),
        ({"program_tokens": -3}, "program_tokens must be an int >= 1, got -3"),
        ({"hints": 1.5}, r"hints must be in \[0, 1\], got 1.5"),
        ({"hints": float("nan")}, r"hints must be in \[0, 1\], got nan"),
        ({"problems": ProblemSet([], name="empty")}, "problems must not be empty"),
    ],
)
def test_malformed_arguments_are_named(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        make(**more)


@pytest.mark.parametrize("paid", [2.0, -1.5, float("nan")])
def test_a_reward_out_of_bounds_is_refused(paid: float) -> None:
    core = make(reward=lambda verdict: paid)
    core.reset(0)
    with pytest.raises(InvalidValueError, match=r"a reward must be in \[-1, 1\]"):
        core.step(np.array([0]))
    with pytest.raises(EpisodeError, match="call reset"):
        core.step(np.array([1]))


def test_after_a_failed_step_only_a_reset_helps() -> None:
    core = make(2)
    core.reset(0)
    core.judge._sandbox.close()
    core.step(np.array([1, 1]))  # nothing to judge
    for _ in range(2):
        with pytest.raises((SandboxClosedError, EpisodeError)):
            core.step(np.array([0, 1]))
    core.reset(0)
    assert core.observations[:, -1].tolist() == [0, 0]
    core.step(np.array([1, 1]))


# --- streams -------------------------------------------------------------------------------------


def drawn(core: EpisodeCore, agent: int, episodes: int = 150) -> list[str]:
    keys = []
    for _ in range(episodes):
        keys.append(core.program(agent)[0].key)
        core.step(np.zeros(core.num_agents, int))
    return keys


def test_an_agent_draws_as_the_first_of_a_later_seed() -> None:
    for agent in range(4):
        many, one = make(4, cache="memory"), make(1, cache="memory")
        many.reset(10)
        one.reset(10 + agent)
        assert drawn(many, agent) == drawn(one, 0)


def test_streams_differ_and_are_uniform() -> None:
    core = make(2, cache="memory")
    core.reset(0)
    keys = drawn(core, 0, 800)
    assert {k: round(keys.count(k) / 800 * len(PROBLEMS)) for k in set(keys)} == {
        p.key: 1 for p in PROBLEMS
    }
    core.reset(0)
    assert drawn(core, 1, 100) != keys[:100]
    core.reset(0)
    assert drawn(core, 0, 100) == keys[:100]


def test_what_other_agents_do_changes_nothing_for_one() -> None:
    quick, slow = make(2, cache="memory"), make(2, cache="memory")
    quick.reset(4)
    slow.reset(4)
    for step in range(60):
        quick.step(np.array([step % 3, 0]))
        slow.step(np.array([step % 3, 1]))
        assert quick.observations[0].tolist() == slow.observations[0].tolist()


def test_a_restart_goes_on_down_the_stream() -> None:
    whole, parts = make(cache="memory"), make(cache="memory")
    whole.reset(7)
    keys = drawn(whole, 0, 80)
    parts.reset(7)
    again = []
    for _ in range(80):
        again.append(parts.program(0)[0].key)
        parts.step(np.array([0]), restart=False)
        parts.restart()
    assert again == keys


def test_a_chosen_problem_is_only_the_first() -> None:
    core, free = make(3), make(3)
    core.reset(1, problem=2)
    free.reset(1)
    assert [core.program(agent)[0].key for agent in range(3)] == ["p2"] * 3
    for made in (core, free):
        made.step(np.zeros(3, int))
    assert core.observations.tolist() == free.observations.tolist()


# --- hints ---------------------------------------------------------------------------------------


def test_there_are_no_hints_unless_asked_for() -> None:
    core = make(20)
    core.reset(0)
    for _ in range(20):
        assert not core.observations[:, PROMPT_TOKENS:].any()
        core.step(np.zeros(20, int))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_hint_is_the_beginning_of_the_reference(share: float) -> None:
    core = make(50, hints=share, cache="memory")
    core.reset(0)
    hinted, whole, lengths = 0, 0, set()
    for _ in range(20):
        for agent in range(50):
            wanted, written = core.program(agent)
            text = wanted.solutions[0].removeprefix(STARTER_CODE)
            assert text.startswith(written)
            tokens = actions(written)
            assert core.observations[agent, -1] == len(tokens)
            row = core.observations[agent, PROMPT_TOKENS:-1].tolist()
            assert row == [a + 1 for a in tokens] + [0] * (PROGRAM_TOKENS - len(tokens))
            hinted += bool(written)
            lengths |= {len(tokens)} if wanted.key == "p1" else set()
            whole += written == text
        core.step(np.zeros(50, int))
    assert hinted / 1000 == pytest.approx(share, abs=0.05)
    assert (whole > 0) == (share > 0)
    assert lengths - {0} == ({1, 2, 3} if share else set())


def test_hinted_episodes_are_paid_but_not_counted() -> None:
    core = make(40, hints=0.5, cache="memory")
    core.reset(2)
    without = sum(not core.program(agent)[1] for agent in range(40))
    assert 5 < without < 35
    episodes = core.step(np.zeros(40, int))
    assert len(episodes) == 40
    assert core.statistics.episodes == without
    assert core.statistics.statuses == {Status.NO_CODE: without}
    assert core.rewards.sum() > 0  # the wholly written ones are solved
    assert core.statistics.solved == 0


def test_hints_leave_the_streams_of_agents_alike() -> None:
    many, one = make(3, hints=0.5, cache="memory"), make(1, hints=0.5, cache="memory")
    many.reset(0)
    one.reset(2)
    for _ in range(50):
        assert many.program(2) == one.program(0)
        many.step(np.zeros(3, int))
        one.step(np.zeros(1, int))


def test_a_chosen_problem_is_hinted_at_itself() -> None:
    core = make(30, hints=1.0)
    core.reset(0, problem=4)
    for agent in range(30):
        wanted, written = core.program(agent)
        assert wanted.key == "p4"
        assert written in ("len(", "len(x", "len(x)")


def test_what_cannot_be_hinted_at_is_not() -> None:
    long = problem(0, "x + x + x + x")  # 7 tokens: too long
    other = problem(1, "x").replace(solutions=("lambda x: x",))  # not after the starter code
    strange = problem(2, "x").replace(solutions=(STARTER_CODE + "x ^ é",))
    none = problem(3, "x").replace(solutions=())
    core = make(20, problems=ProblemSet([long, other, strange, none], name="d"), hints=1.0)
    core.reset(0)
    assert not core.observations[:, PROMPT_TOKENS:].any()


# --- faults of ours ------------------------------------------------------------------------------


def test_a_fault_of_the_sandbox_truncates_and_masks() -> None:
    def answer(run: Run) -> RunResult:
        if run.source.endswith("y"):
            raise SandboxError("the worker died")
        return echo(run)

    core = make(3, answer=answer, reward="shaped")
    core.reset(0, problem=0)
    core.step(np.array(actions("xyn")))
    episodes = core.step(np.zeros(3, int))
    assert [str(e.verdict.status) for e in episodes] == [
        "ACCEPTED",
        "INTERNAL_ERROR",
        "WRONG_ANSWER",
    ]
    assert core.rewards.tolist() == [1.0, 0.0, 0.0]
    assert core.terminals.tolist() == [True, False, True]
    assert core.truncations.tolist() == [False, True, False]
    assert core.masks.tolist() == [True, False, True]
    assert core.observations[:, -1].tolist() == [0, 0, 0]  # each is in its next episode
    core.step(np.ones(3, int))
    assert not core.truncations.any()
    assert core.masks.all()


def test_a_fault_is_never_paid_for() -> None:
    def answer(run: Run) -> RunResult:
        raise SandboxError("the worker died")

    core = make(answer=answer, reward=lambda verdict: 1.0)
    core.reset(0)
    (episode,) = play(core, "x")
    assert (episode.reward, core.rewards[0]) == (0.0, 0.0)


# --- deferred verdicts ---------------------------------------------------------------------------


class Recording:
    """What steps showed, with each reward where it was earned, be it paid by ticket."""

    def __init__(self, core: EpisodeCore, seed: int = 0) -> None:
        core.reset(seed)
        self.core = core
        self.observations = [core.observations.copy()]
        self.rewards: list[Any] = []
        self.masks: list[Any] = []
        self.ends: list[Any] = []
        self.tickets: list[Any] = []
        self.open: dict[int, tuple[int, int]] = {}
        self.collected: list[int] = []

    def step(self, actions: Any) -> None:
        core = self.core
        core.step(np.asarray(actions))
        for agent in np.flatnonzero(core.tickets):
            self.open[int(core.tickets[agent])] = len(self.rewards), int(agent)
        self.observations.append(core.observations.copy())
        self.rewards.append(core.rewards.copy())
        self.masks.append(core.masks.copy())
        self.ends.append(core.terminals | core.truncations)
        self.tickets.append(core.tickets.copy())

    def collect(self, timeout_s: float = 0.0) -> int:
        tickets, rewards, masks = self.core.collect(timeout_s)
        assert (tickets.dtype, rewards.dtype, masks.dtype) == (np.int64, np.float32, bool)
        assert (np.diff(tickets) > 0).all()
        for ticket, reward, mask in zip(tickets.tolist(), rewards, masks, strict=True):
            step, agent = self.open.pop(ticket)  # each ticket once, and none that was not given
            assert self.ends[step][agent]
            assert self.rewards[step][agent] == 0
            self.rewards[step][agent] = reward
            self.masks[step][agent] = mask
        self.collected += tickets.tolist()
        return len(tickets)

    def seen(self) -> list[Any]:
        return [
            np.array(x).tolist() for x in (self.observations, self.rewards, self.masks, self.ends)
        ]


def some_actions(agents: int, steps: int) -> Any:
    """Mostly `x`, ` + ` and submit: some of what is written is right, most is not."""
    few = np.array([0, *actions("x"), *actions(" + "), *actions("y")])
    return few[np.random.default_rng(5).integers(len(few), size=(steps, agents))]


def answer_later(core: EpisodeCore, after_s: float) -> threading.Timer:
    """Makes the sandbox answer what waits, and all that comes, at once."""
    sandbox = core.judge._sandbox

    def answer() -> None:
        sandbox._delay = False
        sandbox.deliver()

    timer = threading.Timer(after_s, answer)
    timer.start()
    return timer


def sometimes_faulty(run: Run) -> RunResult:
    if run.source.endswith("y"):
        raise SandboxError("the worker died")
    return echo(run)


@pytest.mark.parametrize("cache", [None, "memory"])
@pytest.mark.parametrize("hints", [0.0, 0.5])
@pytest.mark.parametrize("order", ["at once", "late", "shuffled"])
def test_deferred_verdicts_pay_as_the_others_do(
    cache: str | None, hints: float, order: str
) -> None:
    more = {"answer": sometimes_faulty, "reward": "shaped", "cache": cache, "hints": hints}
    wanted = Recording(make(6, **more))
    deferred = Recording(make(6, verdicts="deferred", max_open=40, **more))
    sandbox = deferred.core.judge._sandbox
    sandbox._delay = order != "at once"
    shuffle = np.random.default_rng(1)
    for step, row in enumerate(some_actions(6, 120)):
        wanted.step(row)
        if step % 5 == 4 and order != "at once":
            if order == "shuffled":
                shuffle.shuffle(sandbox._waiting)
            sandbox.deliver(3 * len(sandbox._waiting) // 4)
            while len(deferred.core._open) > 30:
                sandbox.deliver()
                deferred.collect()
        deferred.step(row)
        deferred.collect()
    while deferred.open:
        sandbox.deliver()
        deferred.collect(timeout_s=1.0)
    assert deferred.seen() == wanted.seen()
    assert sorted(deferred.collected) == list(range(1, len(deferred.collected) + 1))
    paid = {round(float(r), 2) for r in np.array(wanted.rewards).ravel()}
    assert {1.0, -0.5} <= paid
    assert not np.array(wanted.masks).all()  # there were faults
    one, other = wanted.core.statistics, deferred.core.statistics
    assert (one.episodes, one.solved, one.length) == (other.episodes, other.solved, other.length)
    assert (one.statuses, one.reward) == (other.statuses, pytest.approx(other.reward))


def test_what_a_deferred_step_shows_depends_on_no_sandbox() -> None:
    quick = Recording(make(4, verdicts="deferred", cache="memory"))
    slow = Recording(make(4, verdicts="deferred", max_open=1000))
    slow.core.judge._sandbox._delay = True
    for row in some_actions(4, 60):
        for one in (quick, slow):
            one.step(row)
        quick.collect()
    assert quick.tickets[-1].dtype == np.int64
    for name in ("observations", "tickets", "ends"):
        assert np.array_equal(getattr(quick, name), getattr(slow, name))
    # Every ended episode has a ticket, by step and agent; no other has one.
    tickets, ends = np.array(quick.tickets), np.array(quick.ends)
    assert ((tickets > 0) == ends).all()
    assert tickets[ends].tolist() == list(range(1, ends.sum() + 1))
    slow.core.judge._sandbox.deliver()


def test_collecting_waits_for_one_verdict_no_longer_than_asked() -> None:
    core = make(2, verdicts="deferred")
    core.reset(0)
    assert core.collect(timeout_s=60.0)[0].tolist() == []  # nothing is open: nothing to wait for
    sandbox = core.judge._sandbox
    sandbox._delay = True
    core.step(np.full(2, actions("x")[0]))
    core.step(np.zeros(2, int))
    assert core.tickets.tolist() == [1, 2]
    assert core.terminals.all()
    assert core.masks.all()
    started = time.monotonic()
    assert core.collect(timeout_s=0.05)[0].tolist() == []
    assert 0.04 < time.monotonic() - started < 5
    timer = answer_later(core, 0.05)
    arrived = core.collect(timeout_s=60.0)[0].tolist()
    timer.join()
    arrived += core.collect()[0].tolist()
    assert arrived == [1, 2]
    assert core.statistics.judge_wait_s > 0.08
    core.step(np.full(2, 1))
    assert core.tickets.tolist() == [0, 0]


def test_a_step_waits_where_too_many_verdicts_are_open() -> None:
    core = make(3, verdicts="deferred", max_open=4)
    core.reset(0)
    sandbox = core.judge._sandbox
    sandbox._delay = True
    (x,) = actions("x")
    core.step(np.full(3, x))
    core.step(np.zeros(3, int))  # 3 open
    core.step(np.full(3, x))
    timer = answer_later(core, 0.1)
    started = time.monotonic()
    core.step(np.zeros(3, int))  # 6
    timer.join()
    assert time.monotonic() - started > 0.05
    assert core.statistics.judge_wait_s > 0.05
    assert core.collect()[0].tolist() == [1, 2, 3, 4, 5, 6]  # none was lost while it waited


def test_deferred_verdicts_that_nobody_collects_are_an_error() -> None:
    core = make(1, verdicts="deferred", cache="memory")
    core.reset(0)
    for _ in range(1024):
        core.step(np.zeros(1, int))
        core._settle_arrived()
    with pytest.raises(EpisodeError, match=r"never collected.*collect\(\).*verdicts='sync'"):
        core.step(np.zeros(1, int))


def test_a_reset_and_an_end_abandon_open_verdicts() -> None:
    core = make(2, verdicts="deferred")
    core.reset(0)
    sandbox = core.judge._sandbox
    sandbox._delay = True
    core.step(np.full(2, actions("x")[0]))
    core.step(np.zeros(2, int))
    core.reset(0)
    while sandbox.deliver():
        pass
    assert core.collect()[0].tolist() == []
    core.step(np.zeros(2, int))
    assert core.tickets.tolist() == [3, 4]  # a number is never given twice
    assert core.collect()[0].tolist() == [3, 4]
    core.step(np.full(2, actions("x")[0]))
    core.step(np.zeros(2, int))
    core.abandon()
    core.abandon()
    sandbox.close()
    assert core.collect(timeout_s=60.0)[0].tolist() == []


def test_a_judge_that_was_closed_is_said_when_collecting() -> None:
    core = make(2, verdicts="deferred")
    core.reset(0)
    core.judge._sandbox._delay = True
    core.step(np.full(2, actions("x")[0]))
    core.step(np.zeros(2, int))
    core.judge._sandbox.close()
    with pytest.raises(SandboxClosedError):
        core.collect(timeout_s=1.0)
    with pytest.raises(EpisodeError, match="call reset"):
        core.step(np.zeros(2, int))


def test_there_are_two_ways_of_verdicts() -> None:
    with pytest.raises(UnknownNameError, match=r"no way of verdicts named 'defered': .*'deferred'"):
        make(verdicts="defered")
    with pytest.raises(InvalidValueError, match="max_open must be an int >= 0, got -1"):
        make(verdicts="deferred", max_open=-1)


# --- what is remembered of answers ---------------------------------------------------------------


def test_an_answer_that_was_given_before_is_judged_once() -> None:
    core = make(3, cache="memory")
    core.reset(0, problem=0)
    first = play(core, "x")
    core.restart(0)
    again = play(core, "x")
    assert [e.verdict.cached for e in first + again] == [False, *[True] * 5]
    assert [e.verdict.runs for e in first + again] == [2, *[0] * 5]
    assert len({e.verdict.fingerprint for e in first + again}) == 1
    assert core.judge.executions == 2
    assert core.statistics.cached == 5


def test_without_a_cache_every_answer_is_judged() -> None:
    core = make(3)
    core.reset(0, problem=0)
    assert not any(e.verdict.cached for e in play(core, "x"))
    core.restart(0)
    assert not any(e.verdict.cached for e in play(core, "x"))
    assert core.judge.executions == 12


def test_a_fault_is_forgotten() -> None:
    broken = [True]

    def answer(run: Run) -> RunResult:
        if broken:
            raise SandboxError("the worker died")
        return echo(run)

    core = make(answer=answer, cache="memory")
    core.reset(0, problem=0)
    (episode,) = play(core, "x")
    assert episode.verdict.status.is_fault_of_ours
    broken.clear()
    core.restart(0)
    (episode,) = play(core, "x")
    assert (episode.verdict.status, episode.reward) == (Status.ACCEPTED, 1.0)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coding_envs.episodes._REMEMBERED", 4)
    core = make(4, cache="memory", reward="shaped")
    other = make(4)
    for one in (core, other):
        one.reset(0)
    other._reward = core._reward
    for row in some_actions(4, 200):
        core.step(row)
        other.step(row)
        assert core.rewards.tolist() == other.rewards.tolist()
        assert len(core._answers) + len(core._older_answers) <= 8


# --- state ---------------------------------------------------------------------------------------


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    again: dict[str, Any] = json.loads(json.dumps(state, default=lambda array: array.tolist()))
    return again


@pytest.mark.parametrize("verdicts", ["sync", "deferred"])
@pytest.mark.parametrize("hints", [0.0, 0.5])
@pytest.mark.parametrize("written", [lambda state: state, through_json], ids=["arrays", "JSON"])
def test_a_state_goes_on_bit_for_bit(verdicts: str, hints: float, written: Any) -> None:
    more = {
        "answer": sometimes_faulty, "reward": "shaped", "hints": hints, "verdicts": verdicts,
        "action_masks": True,
    }  # fmt: skip
    rows = some_actions(6, 150)
    whole = Recording(make(6, **more), seed=3)
    for row in rows:
        whole.step(row)
        whole.collect()
    first = Recording(make(6, **more), seed=3)
    for row in rows[:60]:
        first.step(row)
        if verdicts == "sync" or len(first.rewards) < 55:
            first.collect()
    state = written(first.core.state_dict())
    assert (len(first.open) > 0) == (verdicts == "deferred")
    first.step(rows[60])  # the state is of its own
    second = Recording(make(6, **more), seed=99)
    second.core.load_state_dict(state)
    second.__dict__.update(first.__dict__ | {"core": second.core})
    for one in (second.observations, second.rewards, second.masks, second.ends, second.tickets):
        del one[60 + (one is second.observations) :]
    second.open = {t: at for t, at in second.open.items() if at[0] < 60}
    assert np.array_equal(second.core.observations, whole.observations[60])
    for row in rows[60:]:
        second.step(row)
        second.collect()
    assert second.seen() == whole.seen()
    assert not second.open
    assert np.array_equal(second.tickets, whole.tickets)
    assert np.array_equal(second.core.action_masks, whole.core.action_masks)
    one, other = whole.core.statistics, second.core.statistics
    for name in ("episodes", "solved", "length", "statuses"):
        assert getattr(one, name) == getattr(other, name)
    assert one.reward == pytest.approx(other.reward)
    assert whole.core.judge.executions - one.executions_before == (
        second.core.judge.executions - other.executions_before
    )


def test_a_state_waits_for_open_verdicts() -> None:
    core = make(2, verdicts="deferred", reward="shaped")
    core.reset(0)
    core.judge._sandbox._delay = True
    core.step(np.full(2, actions("x")[0]))
    core.step(np.zeros(2, int))
    timer = answer_later(core, 0.05)
    state = core.state_dict()
    timer.join()
    assert state["outcome_tickets"].tolist() == [1, 2]
    other = make(2, verdicts="deferred", reward="shaped")
    other.load_state_dict(state)
    for one in (core, other):  # who goes on gets them too
        assert one.collect()[0].tolist() == [1, 2]
        assert one.collect()[0].tolist() == []


def test_a_state_of_something_else_is_refused() -> None:
    core = make(2)
    with pytest.raises(EpisodeError, match=r"^state_dict\(\) before reset"):
        core.state_dict()
    core.reset(0)
    state = core.state_dict()
    before = snapshot(core)
    for other in (
        make(3),
        make(2, verdicts="deferred"),
        make(2, program_tokens=PROGRAM_TOKENS + 1),
        make(2, problems=ProblemSet(PROBLEMS[1:], name="d")),
        make(2, reward="shaped"),
    ):
        other.reset(1)
        seen = snapshot(other)
        with pytest.raises(
            InvalidValueError, match=r"^state must have .* made with other problems"
        ):
            other.load_state_dict(state)
        assert snapshot(other) == seen
    assert snapshot(core) == before


def test_a_fingerprint_is_that_of_the_task() -> None:
    same = {make(n, hints=h, cache=c).fingerprint() for n, h, c in ((1, 0, None), (9, 1, "memory"))}
    assert len(same) == 1
    others = {
        make(problems=ProblemSet(PROBLEMS[:-1], name="d")).fingerprint(),
        make(reward="shaped").fingerprint(),
        make(reward=lambda verdict: 0.0).fingerprint(),
        make(prompt_tokens=PROMPT_TOKENS + 1).fingerprint(),
        make(program_tokens=PROGRAM_TOKENS + 1).fingerprint(),
    }
    assert len(others | same) == 6


# --- action masks --------------------------------------------------------------------------------


def allowed(core: EpisodeCore) -> Any:
    """What policies work out from the observations alone."""
    tokens, written = core.observations[:, PROMPT_TOKENS:-1], core.observations[:, -1]
    brackets = TOKENIZER.bracket_table()
    closes = brackets[1 : TOKENIZER.num_actions + 1] < 0
    rows = []
    for row, count in zip(tokens, written, strict=True):
        depth = brackets[row[:count]].sum()
        mask = TOKENIZER.follow_table()[row[count - 1] if count else 0].copy()
        if depth <= 0:
            mask[closes] = False
        else:
            mask[0] = False
        rows.append(mask)
    return np.array(rows)


@pytest.mark.parametrize("hints", [0.0, 0.5])
@pytest.mark.parametrize("obeys", [True, False])
def test_action_masks_are_what_the_grammar_allows(hints: float, obeys: bool) -> None:
    core = make(8, hints=hints, action_masks=True)
    core.reset(0)
    masks, draws = core.action_masks, np.random.default_rng(0)
    assert masks.shape == (8, TOKENIZER.num_actions)
    assert masks.dtype == bool
    for _ in range(100):
        assert core.action_masks is masks
        assert np.array_equal(masks, allowed(core))
        weights = masks if obeys else np.ones_like(masks)
        assert weights.any(1).all()
        core.step(np.array([draws.choice(np.flatnonzero(row)) for row in weights]))
    assert core.statistics.episodes > 50


def test_there_are_no_action_masks_without_a_grammar() -> None:
    assert make().action_masks is None
    judge = Judge(sandbox=FakeSandbox(echo))
    with pytest.raises(InvalidValueError, match=r"^action_masks need a tokenizer with a grammar"):
        EpisodeCore(
            PROBLEMS, judge, make_tokenizer("bytes"), make_reward("accepted"), action_masks=True
        )


# --- statistics ----------------------------------------------------------------------------------


def test_the_report_sums_up_and_starts_anew() -> None:
    core = make(2, reward="shaped", cache="memory")
    core.reset(0, problem=0)
    play(core, "x")  # both solve it, and the second answer comes from the first
    core.restart(0)
    play(core, "y")
    core.restart(0)
    play(core, "")
    report = core.report()
    assert report["solve_rate"] == report["score"] == pytest.approx(1 / 3)
    assert report["episode_return"] == pytest.approx((1 + 0 - 0.5) / 3)
    assert report["episode_length"] == pytest.approx((2 + 2 + 1) / 3)
    assert report["tests_passed"] == pytest.approx(1 / 3)
    statuses = {k: v for k, v in report.items() if k.isupper()}
    assert statuses == {s: pytest.approx(1 / 3) for s in ("ACCEPTED", "NO_CODE", "WRONG_ANSWER")}
    assert report["cache_hits"] == pytest.approx(2 / 6)
    assert report["executions_per_s"] > 0
    assert report["episodes_per_s"] > 0
    assert 0 <= report["judge_wait"] <= 1
    empty = core.report()
    assert (empty["solve_rate"], empty["executions_per_s"]) == (0, 0)
    # A status that was seen stays, so that a mean of reports is one of all of them.
    assert {k: v for k, v in empty.items() if k.isupper()} == dict.fromkeys(statuses, 0)


def test_executions_of_others_before_are_not_counted() -> None:
    judge = Judge(sandbox=FakeSandbox(echo))
    judge.judge(PROBLEMS[0], "x")
    more = {"prompt_tokens": PROMPT_TOKENS, "program_tokens": PROGRAM_TOKENS}
    core = EpisodeCore(PROBLEMS, judge, TOKENIZER, make_reward("accepted"), **more)
    assert judge.executions == 2
    assert core.report()["executions_per_s"] == 0
