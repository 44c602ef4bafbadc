"""The experience that is learned from: segments of fixed length, filled by agents in any order.

Row `i` holds `horizon` consecutive steps of one agent. At step `t`, `observations[i, t]` was seen,
`actions[i, t]` taken; `rewards[i, t]` is what that action earned, and `terminals[i, t]` is 1 where
it ended the episode. `values[i, t]` is the policy's value of `observations[i, t]`, and
`values[i, horizon]` that of the observation after the last step: no step is lost for want of a
bootstrap.

A row goes through four states: free; filling; waiting, for the verdicts that its rewards depend on;
complete. The first `segments` rows are what an update learns from: `arrange` moves complete ones
there. The others are spare, and where all agents step together there need not be any.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Place", "RolloutBuffer", "human_bytes", "spare_rows"]

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Place:
    """Where a batch of steps lies: as slices where possible, which are copied fast."""

    rows: slice | Tensor
    steps: int | Tensor


class RolloutBuffer:
    """Rows of steps, and which agent fills which.

    Args:
      agents: how many agents there are.
      segments: rows that an update learns from.
      horizon: steps of a row.
      spare: further rows.
      observation_shape, observation_dtype, action_shape, action_dtype: of one step.
      device: where all lies, but for the observations with `cpu_offload`.
      cpu_offload: True keeps the observations in the CPU's memory, pinned where that helps.
      actions_allowed: size of the action masks that the environment gives, or 0.
      initial_state: what a recurrent policy starts a row with, one agent's, by name.

    Attributes:
      observations: [rows, horizon, *observation_shape].
      actions: [rows, horizon, *action_shape].
      logprobs, rewards, terminals: float32 [rows, horizon].
      values: float32 [rows, horizon + 1].
      valid: bool [rows, horizon]; False where a step neither learns nor counts.
      starts: bool [rows, horizon]; True where the observation begins an episode.
      action_masks: bool [rows, horizon, actions], or None.
      states: by name, [rows, ...]: the policy's state at the beginning of the row.
    """

    def __init__(
        self,
        *,
        agents: int,
        segments: int,
        horizon: int,
        spare: int,
        observation_shape: Sequence[int],
        observation_dtype: torch.dtype,
        action_shape: Sequence[int],
        action_dtype: torch.dtype,
        device: torch.device,
        cpu_offload: bool = False,
        actions_allowed: int = 0,
        initial_state: dict[str, Tensor] | None = None,
    ) -> None:
        self.segments, self.horizon, self.rows = segments, horizon, segments + spare
        self.device = device
        shape = self.rows, horizon
        place = torch.device("cpu") if cpu_offload else device
        self.observations = torch.zeros(
            *shape, *observation_shape, dtype=observation_dtype, device=place,
            pin_memory=cpu_offload and device.type == "cuda",
        )  # fmt: skip
        self.actions = torch.zeros(*shape, *action_shape, dtype=action_dtype, device=device)
        self.logprobs = torch.zeros(shape, device=device)
        self.values = torch.zeros(self.rows, horizon + 1, device=device)
        self.rewards = torch.zeros(shape, device=device)
        self.terminals = torch.zeros(shape, device=device)
        self.valid = torch.ones(shape, dtype=torch.bool, device=device)
        self.starts = torch.zeros(shape, dtype=torch.bool, device=device)
        self.action_masks: Tensor | None = None
        if actions_allowed:
            self.action_masks = torch.ones(*shape, actions_allowed, dtype=torch.bool, device=device)
        self.states = {
            name: torch.zeros(self.rows, *one.shape, dtype=one.dtype, device=device)
            for name, one in (initial_state or {}).items()
        }
        # On the CPU: who is where. -1: nowhere yet.
        self.agent_row: Numbers = np.full(agents, -1)
        self.agent_step: Numbers = np.full(agents, -1)  # the last one that was stored
        self._free = list(range(self.rows))  # a heap: low rows first, which then lie side by side
        self._filled = np.zeros(self.rows, bool)
        self._open = np.zeros(self.rows, np.int64)  # verdicts that a row waits for
        self._tickets: dict[int, tuple[int, int]] = {}
        self._early: dict[int, tuple[float, bool]] = {}  # verdicts that came before their tickets
        self._complete: list[int] = []  # in the order in which they became so

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(t.numel() * t.element_size() for t in self._tensors())

    @property
    def complete(self) -> int:
        """How many rows can be learned from."""
        return len(self._complete)

    @property
    def free(self) -> int:
        """How many rows nobody uses."""
        return len(self._free)

    @property
    def filled(self) -> int:
        """How many rows are full, those included that wait for verdicts."""
        return int(np.count_nonzero(self._filled))

    @property
    def ahead(self) -> int:
        """Steps in rows that are not full."""
        rows = self.agent_row
        return int((self.agent_step + 1)[(rows >= 0) & ~self._filled[rows]].sum())

    @property
    def waits(self) -> bool:
        """True while verdicts are open."""
        return bool(self._tickets)

    def _tensors(self) -> list[Tensor]:
        masks = [] if self.action_masks is None else [self.action_masks]
        return [
            *(self.observations, self.actions, self.logprobs, self.values, self.rewards),
            *(self.terminals, self.valid, self.starts, *masks, *self.states.values()),
        ]

    # --- filling ---------------------------------------------------------------------------------

    def last(self, agents: Numbers) -> Place:
        """Returns where the last steps of these agents are stored."""
        return self._place(self.agent_row[agents], self.agent_step[agents])

    def full(self, agents: Numbers) -> NDArray[np.bool_]:
        """Returns which of these agents have filled their rows."""
        full: NDArray[np.bool_] = self.agent_step[agents] == self.horizon - 1
        return full

    def advance(self, agents: Numbers) -> tuple[Place, NDArray[np.bool_]]:
        """Moves these agents to their next steps; those whose rows are full get new ones.

        Returns:
          where the steps are to be stored; and who begins a row.

        Raises:
          RuntimeError: there are no rows left; the verdicts that rows wait for must come first.
        """
        begins = (self.agent_row[agents] < 0) | self.full(agents)
        count = int(begins.sum())
        if count > len(self._free):
            raise RuntimeError(f"{count} rows are wanted, {len(self._free)} are free")
        if count:
            taken = agents[begins]
            self.agent_row[taken] = [heapq.heappop(self._free) for _ in range(count)]
            self.agent_step[taken] = -1
        self.agent_step[agents] += 1
        return self._place(self.agent_row[agents], self.agent_step[agents]), begins

    def rows_wanted(self, agents: Numbers) -> int:
        """Returns how many rows `advance` would take."""
        return int(((self.agent_row[agents] < 0) | self.full(agents)).sum())

    def close_rows(self, agents: Numbers) -> None:
        """Notes that these agents' rows are full, their outcomes and bootstrap values stored."""
        for row in self.agent_row[agents].tolist():
            self._filled[row] = True
            if not self._open[row]:
                self._complete.append(row)

    def _place(self, rows: Numbers, steps: Numbers) -> Place:
        count = len(rows)
        first = int(rows[0])
        together = bool((steps == steps[0]).all())
        if together and int(rows[-1]) - first == count - 1 and bool((np.diff(rows) == 1).all()):
            return Place(slice(first, first + count), int(steps[0]))
        at = int(steps[0]) if together else torch.from_numpy(steps).to(self.device)
        return Place(torch.from_numpy(rows).to(self.device), at)

    # --- verdicts that come later ----------------------------------------------------------------

    def open_tickets(self, agents: Numbers, tickets: Numbers) -> None:
        """Notes for which verdicts the last steps of these agents wait; 0 for none."""
        wait = np.flatnonzero(tickets)
        rows, steps = self.agent_row[agents[wait]], self.agent_step[agents[wait]]
        numbers = tickets[wait].tolist()
        early = np.array([number in self._early for number in numbers], bool)
        places = zip(numbers, rows.tolist(), steps.tolist(), early.tolist(), strict=True)
        self._tickets |= {ticket: (row, step) for ticket, row, step, paid in places if not paid}
        np.add.at(self._open, rows[~early], 1)
        if early.any():
            found = [self._early.pop(number) for number in np.array(numbers)[early].tolist()]
            paid, valid = zip(*found, strict=True)
            self._pay(rows[early], steps[early], np.array(paid, np.float32), np.array(valid))

    def redeem(
        self, tickets: Numbers, rewards: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> int:
        """Stores rewards that came later; returns how many of the steps are not valid."""
        known = np.array([ticket in self._tickets for ticket in tickets.tolist()], bool)
        for number in np.flatnonzero(~known):
            self._early[int(tickets[number])] = float(rewards[number]), bool(valid[number])
        unpaid = int((~valid).sum())
        tickets, rewards, valid = tickets[known], rewards[known], valid[known]
        found = [self._tickets.pop(ticket) for ticket in tickets.tolist()]
        if not found:
            return unpaid
        rows, steps = np.array(found).T
        self._pay(rows, steps, rewards, valid)
        for row, _ in found:
            self._open[row] -= 1
            if self._filled[row] and not self._open[row]:
                self._complete.append(row)
        return unpaid

    def _pay(
        self, rows: Numbers, steps: Numbers, rewards: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> None:
        at = torch.from_numpy(rows).to(self.device), torch.from_numpy(steps).to(self.device)
        good = torch.from_numpy(valid).to(self.device)
        paid = torch.from_numpy(rewards).to(self.device)
        self.rewards[at] = torch.where(good, self.rewards[at] + paid, 0.0)
        self.valid[at] &= good

    # --- learning --------------------------------------------------------------------------------

    def arrange(self) -> None:
        """Moves the complete rows that came first to where an update finds them: 0 .. segments - 1.

        Raises:
          RuntimeError: there are too few.
        """
        if len(self._complete) < self.segments:
            raise RuntimeError(f"{len(self._complete)} rows are complete, not {self.segments}")
        chosen = self._complete[: self.segments]
        inside = np.zeros(self.rows, bool)
        inside[chosen] = True
        incoming = np.flatnonzero(inside[self.segments :]) + self.segments
        outgoing = np.flatnonzero(~inside[: self.segments])
        if len(incoming):
            self._swap(outgoing, incoming)

    def _swap(self, low: Numbers, high: Numbers) -> None:
        a, b = torch.from_numpy(low), torch.from_numpy(high)
        for tensor in self._tensors():
            here, there = a.to(tensor.device), b.to(tensor.device)
            kept = tensor[here]
            tensor[here] = tensor[there]
            tensor[there] = kept
        moved = np.arange(self.rows)
        moved[low], moved[high] = high, low
        used = self.agent_row >= 0
        self.agent_row[used] = moved[self.agent_row[used]]
        self._filled, self._open = self._filled[moved], self._open[moved]
        self._tickets = {t: (int(moved[row]), step) for t, (row, step) in self._tickets.items()}
        self._complete = moved[self._complete].tolist()
        self._free = moved[self._free].tolist()
        heapq.heapify(self._free)

    def release(self) -> None:
        """Frees the rows that an update has learned from."""
        done = self._complete[: self.segments]
        del self._complete[: self.segments]
        self._filled[done] = False
        left = np.isin(self.agent_row, done)  # agents that are at no row now
        self.agent_row[left] = self.agent_step[left] = -1
        for row in done:
            heapq.heappush(self._free, row)

    # --- checkpoints -----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, object]:
        """Returns what is in the rows that are not free, and who is where."""
        used = sorted(set(range(self.rows)) - set(self._free))
        tickets = [[ticket, *at] for ticket, at in self._tickets.items()]
        return {
            "rows": used,
            "tensors": [tensor[used].cpu() for tensor in self._tensors()],
            "agent_row": torch.from_numpy(self.agent_row.copy()),
            "agent_step": torch.from_numpy(self.agent_step.copy()),
            "filled": torch.from_numpy(self._filled.copy()),
            "complete": list(self._complete),
            "tickets": tickets,
            "early": [[ticket, *paid] for ticket, paid in self._early.items()],
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Goes on from what `state_dict` returned, of a buffer of the same sizes."""
        used: list[int] = state["rows"]  # type: ignore[assignment]
        for tensor, rows in zip(self._tensors(), state["tensors"], strict=True):  # type: ignore[call-overload]
            tensor[used] = rows.to(tensor.device)
        self.agent_row = state["agent_row"].numpy().copy()  # type: ignore[attr-defined]
        self.agent_step = state["agent_step"].numpy().copy()  # type: ignore[attr-defined]
        self._filled = state["filled"].numpy().copy()  # type: ignore[attr-defined]
        self._complete = list(state["complete"])  # type: ignore[call-overload]
        self._free = sorted(set(range(self.rows)) - set(used))
        self._tickets = {t: (row, step) for t, row, step in state["tickets"]}  # type: ignore[attr-defined]
        self._early = {t: (paid, valid) for t, paid, valid in state["early"]}  # type: ignore[attr-defined]
        self._open = np.zeros(self.rows, np.int64)
        for row, _ in self._tickets.values():
            self._open[row] += 1


def spare_rows(
    *, agents: int, batch: int, segments: int, deferred: bool, act_ahead: float = 0.0
) -> int:
    """Returns how many rows more than `segments` are wanted.

    None where all agents step together and fill their rows at the same time, but for what they
    collect while verdicts are open. Else each agent may be in the middle of a row when enough are
    complete, the last batch may complete more than are wanted, and rows may wait for verdicts.
    """
    if batch == agents and segments % agents == 0:
        return agents * math.ceil(act_ahead * segments / agents) if deferred else 0
    overshoot = 0 if segments % batch == 0 else batch
    return agents + overshoot + (agents if deferred else 0)


def human_bytes(count: int) -> str:
    """Returns a number of bytes as a person reads it."""
    power = min(int(math.log(max(count, 1), 1024)), 4)
    return f"{count / 1024**power:.1f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
