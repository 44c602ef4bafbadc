"""Rows that agents fill in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from coding_envs_trainer.buffer import RolloutBuffer, human_bytes, spare_rows


def buffer(**more: Any) -> RolloutBuffer:
    known: dict[str, Any] = {
        "agents": 3, "segments": 3, "horizon": 2, "spare": 3, "observation_shape": (2,),
        "observation_dtype": torch.float32, "action_shape": (), "action_dtype": torch.int64,
        "device": torch.device("cpu"),
    }  # fmt: skip
    return RolloutBuffer(**(known | more))


def ids(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


def test_agents_that_step_together_are_stored_as_slices() -> None:
    b = buffer()
    place, begins = b.advance(ids(0, 1, 2))
    assert (place.rows, place.steps) == (slice(0, 3), 0)
    assert begins.all()
    place, begins = b.advance(ids(0, 1, 2))
    assert (place.rows, place.steps) == (slice(0, 3), 1)
    assert not begins.any()


def test_others_by_their_numbers() -> None:
    b = buffer()
    b.advance(ids(2))
    b.advance(ids(2))
    place, begins = b.advance(ids(0, 1))
    assert (place.rows, place.steps) == (slice(1, 3), 0)
    b.close_rows(ids(2))
    place, begins = b.advance(ids(0, 2))
    assert place.rows.tolist() == [1, 3]  # type: ignore[union-attr]
    assert place.steps.tolist() == [1, 0]  # type: ignore[union-attr]
    assert begins.tolist() == [False, True]


def test_rows_run_out() -> None:
    b = buffer(spare=0)
    for _ in range(2):
        b.advance(ids(0, 1, 2))
    assert b.rows_wanted(ids(0, 1)) == 2
    with pytest.raises(RuntimeError, match="2 rows are wanted, 0 are free"):
        b.advance(ids(0, 1))


def test_complete_rows_are_moved_to_the_front() -> None:
    b = buffer()
    b.advance(ids(0))  # row 0 is being filled and stays so
    for _ in range(3):
        for _ in range(2):
            place, _ = b.advance(ids(1))
            b.observations[place.rows, place.steps] = float(b.complete + 1)
        b.close_rows(ids(1))
    assert b.complete == 3
    b.observations[0, 0] = 77.0
    b.arrange()
    assert sorted(b.observations[:3, 0, 0].tolist()) == [1.0, 2.0, 3.0]
    row = int(b.agent_row[0])
    assert row >= 3
    assert b.observations[row, 0, 0] == 77.0
    b.release()
    assert (b.complete, b.free) == (0, 5)
    assert b.agent_row[1] == -1
    place, _ = b.advance(ids(0))
    assert (place.rows, place.steps) == (slice(row, row + 1), 1)


def test_a_row_waits_for_its_verdicts() -> None:
    b = buffer()
    for number in (1, 2):
        b.advance(ids(0))
        b.open_tickets(ids(0), ids(number))
    b.close_rows(ids(0))
    assert (b.complete, b.waits) == (0, True)
    true, false = np.array([True]), np.array([False])
    assert b.redeem(ids(2), np.array([0.5], np.float32), true) == 0
    assert b.complete == 0
    assert b.redeem(ids(1), np.array([9.0], np.float32), false) == 1
    assert (b.complete, b.waits) == (1, False)
    assert b.rewards[0].tolist() == [0.0, 0.5]
    assert b.valid[0].tolist() == [False, True]


def test_tickets_follow_their_rows() -> None:
    b = buffer(agents=4, spare=4)
    b.advance(ids(0))
    b.open_tickets(ids(0), ids(5))
    for agent in (1, 2, 3):
        for _ in range(2):
            b.advance(ids(agent))
        b.close_rows(ids(agent))
    b.arrange()
    row = int(b.agent_row[0])
    assert row >= 3
    b.redeem(ids(5), np.array([0.25], np.float32), np.array([True]))
    assert b.rewards[row, 0] == 0.25


def test_state_goes_on() -> None:
    b = buffer()
    b.advance(ids(0, 1))
    b.open_tickets(ids(0, 1), ids(0, 3))
    b.observations[:2] = torch.rand(2, 2, 2)
    state = b.state_dict()
    c = buffer()
    c.load_state_dict(state)
    assert torch.equal(c.observations[:2], b.observations[:2])
    for one in (b, c):
        one.redeem(ids(3), np.array([1.0], np.float32), np.array([True]))
        place, _ = one.advance(ids(0, 1, 2))
        assert place.rows.tolist() == [0, 1, 2]  # type: ignore[union-attr]
        assert place.steps.tolist() == [1, 1, 0]  # type: ignore[union-attr]
    assert torch.equal(b.rewards, c.rewards)


def test_sizes() -> None:
    assert spare_rows(agents=4, batch=4, segments=8, deferred=False) == 0
    assert spare_rows(agents=4, batch=2, segments=8, deferred=False) == 4
    assert spare_rows(agents=4, batch=4, segments=6, deferred=False) == 8
    assert spare_rows(agents=4, batch=4, segments=8, deferred=True) == 0
    assert spare_rows(agents=4, batch=4, segments=8, deferred=True, act_ahead=0.1) == 4
    assert spare_rows(agents=4, batch=4, segments=8, deferred=True, act_ahead=1.0) == 8
    assert spare_rows(agents=4, batch=2, segments=8, deferred=True) == 8
    b = buffer(initial_state={"h": torch.zeros(5)})
    # observations 2 floats, action an int64; logprob, reward, terminal; valid, starts; a value more
    assert b.nbytes == 6 * (2 * (8 + 8 + 12 + 2) + 4 * 3 + 4 * 5)
    assert [human_bytes(n) for n in (0, 1023, 1536, 3 * 2**30)] == [
        "0.0 B", "1023.0 B", "1.5 KiB", "3.0 GiB",
    ]  # fmt: skip
