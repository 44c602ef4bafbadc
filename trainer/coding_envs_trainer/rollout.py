"""Collecting experience: the policy acts in the environments until enough segments are complete.

What `recv` returns is the outcome of an agent's last action and its next observation. The outcome
goes to the step that is stored; the observation is looked at by the policy, whose value of it is
also the bootstrap of a row that has just become full. The batch that completes the last row that
is wanted is kept: the policy acts on it only after it has learned, so that a segment is one
policy's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Normal

from .buffer import Numbers, Place, RolloutBuffer
from .loss import Logits, mask_logits, sample_actions
from .snapshot import environments_of
from .timing import Timing

__all__ = ["AgentStates", "Batch", "Collector", "DeferredVerdicts", "action_masks"]

_WAIT_S = 0.05  # for verdicts, before it is looked at whether the process shall end


@dataclass
class Batch:
    """What the environments have returned of some agents, the outcomes already noted.

    Attributes:
      agents: their numbers.
      observations: as the environments gave them; theirs until something is sent.
      starts: bool, which observations begin an episode.
      idle: bool, where the next action is ignored, as the environment resets then.
      action_mask: bool [agents, actions], or None.
      rewards, dones, masks: of the last action, for policies that look at them.
    """

    agents: Numbers
    observations: NDArray[Any]
    starts: NDArray[np.bool_]
    idle: NDArray[np.bool_]
    action_mask: NDArray[np.bool_] | None
    rewards: NDArray[np.float32]
    dones: NDArray[np.bool_]
    masks: NDArray[np.bool_]


@dataclass
class _Looked:
    """What the policy says of a batch, and its state afterwards."""

    logits: Logits
    values: Tensor
    state: dict[str, Any]
    agents: slice | Tensor


def action_masks(vecenv: Any) -> NDArray[np.bool_] | None:
    """Returns which actions each agent may take, bool [agents, actions], where it is said."""
    return _kept_by_all(environments_of(vecenv), "action_masks")


def _final_observations(vecenv: Any) -> NDArray[Any] | None:
    """Returns each agent's last observation before a reset, [agents, ...], where all keep it."""
    envs = [vecenv] if hasattr(vecenv, "final_observations") else environments_of(vecenv)
    return _kept_by_all(envs, "final_observations")


def _kept_by_all(envs: list[Any], name: str) -> NDArray[Any] | None:
    """Returns what the environments keep under a name, one's after the other's, where all do."""
    kept = [np.asarray(getattr(env, name)) for env in envs if hasattr(env, name)]
    if len(kept) < len(envs):
        return None
    return kept[0] if len(kept) == 1 else np.concatenate(kept)


def _of_some(
    which: NDArray[np.bool_], finish: Callable[[Tensor], None] | None
) -> Callable[[Tensor], None] | None:
    """Returns what calls `finish` with the values of these agents of a batch only."""
    if finish is None:
        return None
    chosen = torch.from_numpy(which)
    return lambda values: finish(values[chosen.to(values.device)])


class DeferredVerdicts:
    """The environments whose verdicts come later, of a vecenv that has such.

    Such an environment has `deferred = True`, `tickets` and `collect`; see CodingPufferEnv.
    """

    def __init__(self, vecenv: Any) -> None:
        envs = environments_of(vecenv)
        self.envs = [env for env in envs if getattr(env, "deferred", False)]
        agents = sum(env.num_agents for env in self.envs)
        if self.envs and agents != vecenv.num_agents:
            raise ValueError("either all environments of a vecenv have deferred verdicts or none")

    def __bool__(self) -> bool:
        return bool(self.envs)

    def tickets(self, agents: Numbers) -> Numbers:
        """Returns what the last steps of these agents wait for, 0 for nothing; unique numbers."""
        count = len(self.envs)
        everybody = np.concatenate([env.tickets for env in self.envs])
        which = np.repeat(np.arange(count), [env.num_agents for env in self.envs])
        return np.where(everybody > 0, everybody * count + which, 0)[agents]

    def collect(self, wait: bool) -> tuple[Numbers, NDArray[np.float32], NDArray[np.bool_]]:
        """Returns tickets, rewards and validity of the verdicts that have come."""
        count = len(self.envs)
        found = [
            (tickets * count + number, rewards, masks)
            for number, env in enumerate(self.envs)
            for tickets, rewards, masks in [env.collect(_WAIT_S if wait else 0.0)]
        ]
        tickets, rewards, masks = (np.concatenate(column) for column in zip(*found, strict=True))
        return tickets, rewards, masks


class AgentStates:
    """What a recurrent policy remembers of each agent.

    Our policies say what to start with (`initial_state`) and reset it themselves where `starts`
    says so. Those of PufferLib have an `lstm`: their state is zero at the beginning of each segment
    and goes on over the ends of episodes, as they take it in training.

    Attributes:
      by_name: name -> [agents, ...].
      at_segment: True where the state is reset at the beginning of each segment.
      kept: True where the segments' initial states are kept for training.
    """

    def __init__(self, policy: Any, agents: int, device: torch.device) -> None:
        self.by_name: dict[str, Tensor] = {}
        self.upstream = False
        if callable(getattr(policy, "initial_state", None)):
            self.by_name = dict(policy.initial_state(agents, device))
        elif hasattr(policy, "lstm"):
            self.upstream = True
            size = int(policy.hidden_size)
            self.by_name = {
                name: torch.zeros(agents, size, device=device) for name in ("lstm_h", "lstm_c")
            }
        self.at_segment = self.upstream or bool(getattr(policy, "segment_state", False))
        self.kept = bool(self.by_name) and not self.at_segment

    def __bool__(self) -> bool:
        return bool(self.by_name)

    def one(self) -> dict[str, Tensor]:
        """Returns one agent's state, where the buffer keeps such."""
        return {name: state[0] for name, state in self.by_name.items()} if self.kept else {}

    def of(self, agents: slice | Tensor) -> dict[str, Tensor]:
        """Returns the states of some agents."""
        return {name: state[agents] for name, state in self.by_name.items()}

    def take(self, agents: slice | Tensor, state: dict[str, Any]) -> None:
        """Notes the states after a step."""
        for name, all_states in self.by_name.items():
            new = state[name]
            old = all_states[agents]
            if new.data_ptr() != old.data_ptr():  # else written in place
                all_states[agents] = new

    def clear(self, agents: Tensor) -> None:
        """Sets the states of some agents to zero."""
        for state in self.by_name.values():
            state[agents] = 0


class Collector:
    """Steps the environments and fills the buffer.

    Args:
      vecenv: any of PufferLib's, or a native PufferEnv.
      policy: acts; `forward_eval(observations, state) -> (logits, values)`.
      buffer: is filled.
      autocast: a context for the policy's passes.
      gamma: discount, for the value of the observation at which an episode was cut off.
      reward_clip: rewards are clipped to [-reward_clip, reward_clip]; 0 leaves them.
      act_ahead: where verdicts are what an update lacks, the part of a batch that the policy, as it
        is, collects for the next one meanwhile. It hides the time that verdicts take, and makes
        the next update learn from what an older policy did.
      on_infos: is told the infos of each step.

    Attributes:
      steps: valid steps so far.
      stop: is asked between steps; True ends `collect` early.
    """

    def __init__(
        self,
        vecenv: Any,
        policy: Any,
        buffer: RolloutBuffer,
        states: AgentStates,
        *,
        timing: Timing,
        autocast: Callable[[], AbstractContextManager[Any]],
        gamma: float,
        reward_clip: float,
        act_ahead: float,
        on_infos: Callable[[list[Any]], None],
    ) -> None:
        self.vecenv, self.policy, self.buffer, self.states = vecenv, policy, buffer, states
        self.deferred = DeferredVerdicts(vecenv)
        self.forward_eval: Callable[..., Any] = policy.forward_eval
        self.steps = 0
        self.stop: Callable[[], bool] = lambda: False
        self._timing, self._autocast, self._on_infos = timing, autocast, on_infos
        self._gamma, self._clip = gamma, reward_clip
        # Gymnasium's words: an emulated environment resets at the step after the last one of an
        # episode, whose action it ignores; a native one within the last step.
        driver = getattr(vecenv, "driver_env", vecenv)
        self.next_step_reset = bool(getattr(driver, "emulated", None))
        agents = vecenv.num_agents
        self._starts = np.ones(agents, bool)
        self._idle = np.zeros(agents, bool)
        self._held: Batch | None = None
        self._asked = True  # the environments owe a batch: of their reset, or of actions sent
        self._device = buffer.device
        self._most_ahead = int(act_ahead * buffer.segments * buffer.horizon)

    @torch.no_grad()
    def collect(self) -> bool:
        """Fills the buffer until enough rows are complete; returns False where it was stopped."""
        buffer = self.buffer
        while buffer.complete < buffer.segments:
            if self.stop():
                return False
            if self.deferred and buffer.waits:
                self._redeem(wait=False)
                if buffer.complete >= buffer.segments:
                    break
                if self._far_enough():
                    self._redeem(wait=True)
                    continue
            held, self._held = self._held, None
            batch, finish = (held, None) if held is not None else self._receive()
            if finish is None:
                looked = self._look(batch, new_segments=self._begin_segments(batch))
            else:
                looked = self._look(batch)
                finish(looked.values)
                if buffer.complete >= buffer.segments or self._far_enough():
                    self._held = batch
                    continue
                if self._begin_segments(batch):
                    looked = self._look(batch, new_segments=True)
            if not self._make_room(batch):
                self._held = batch
                break
            self._act(batch, looked)
        return True

    def hold(self) -> bool:
        """Takes the batch that is under way, for a checkpoint; returns whether there is one.

        Between two steps the environments alone do not say what the last one has earned.
        """
        if self._held is None and self._asked:
            batch, finish = self._receive()
            if finish is not None:
                with torch.no_grad():
                    finish(self._look(batch).values)
            self._held = batch
        return self._held is not None

    def _far_enough(self) -> bool:
        """Whether only verdicts are wanted, and no more is to be collected before they come."""
        buffer = self.buffer
        return buffer.filled >= buffer.segments and buffer.ahead >= self._most_ahead

    def _receive(self) -> tuple[Batch, Callable[[Tensor], None] | None]:
        """Takes the next batch and notes its outcomes.

        Returns:
          the batch; and what is to be told the values of its observations, or None.
        """
        with self._timing("env"):
            self._asked = False
            observations, rewards, terminals, truncations, infos, ids, masks = self.vecenv.recv()
        with self._timing("eval_misc"):
            if infos:
                self._on_infos(infos)
            agents = np.asarray(ids, np.int64).reshape(-1)
            rewards = np.asarray(rewards, np.float32).reshape(-1)
            ended = np.asarray(terminals).reshape(-1).astype(bool)
            cut = np.asarray(truncations).reshape(-1).astype(bool) & ~ended
            masks = np.asarray(masks).reshape(-1).astype(bool)
            dones = ended | cut
            finish = None
            acted = self.buffer.agent_row[agents] >= 0  # the others are just after the reset
            if acted.all():
                finish = self._note_outcomes(agents, rewards, ended, cut, masks)
            elif acted.any():
                outcomes = (array[acted] for array in (agents, rewards, ended, cut, masks))
                finish = _of_some(acted, self._note_outcomes(*outcomes))
            if self.next_step_reset:
                # An idle step has brought us to the first observation of the next episode.
                self._starts[agents] |= self._idle[agents]
                self._idle[agents] = dones
            else:
                self._starts[agents] |= dones
            allowed = action_masks(self.vecenv)
            batch = Batch(
                agents,
                observations,
                self._starts[agents],
                self._idle[agents],
                None if allowed is None else allowed[agents],
                rewards,
                dones,
                masks,
            )
        return batch, finish

    def _note_outcomes(
        self,
        agents: Numbers,
        rewards: NDArray[np.float32],
        ended: NDArray[np.bool_],
        cut: NDArray[np.bool_],
        masks: NDArray[np.bool_],
    ) -> Callable[[Tensor], None] | None:
        """Stores what the last steps have earned; what needs the policy's values is returned."""
        buffer, device = self.buffer, self._device
        place = buffer.last(agents)
        valid = masks & ~self._idle[agents]
        earned = rewards.clip(-self._clip, self._clip) if self._clip > 0 else rewards
        earned = np.where(valid, earned, np.float32(0))
        self.steps += int(valid.sum())
        at = place.rows, place.steps
        buffer.rewards[at] = torch.from_numpy(earned).to(device)
        buffer.terminals[at] = torch.from_numpy((ended | cut).astype(np.float32)).to(device)
        if not valid.all():
            buffer.valid[at] = torch.from_numpy(valid).to(device)
        if self.deferred:
            tickets = self.deferred.tickets(agents)
            if tickets.any():
                buffer.open_tickets(agents, tickets)
        if cut.any() and not self.next_step_reset:
            # The observation at which it was cut off is gone, unless the environment keeps it.
            kept = _final_observations(self.vecenv)
            if kept is None:
                final = buffer.values[at]
            else:
                final = self._values_of(kept[agents], agents, rewards, masks)
            self._add(place, cut & valid, final)
        full = buffer.full(agents)
        cut_here = cut & valid if self.next_step_reset else None
        if not full.any() and (cut_here is None or not cut_here.any()):
            return None

        def finish(values: Tensor) -> None:
            if cut_here is not None and cut_here.any():
                self._add(place, cut_here, values)
            if full.any():
                rows = torch.from_numpy(buffer.agent_row[agents[full]]).to(device)
                buffer.values[rows, -1] = values[torch.from_numpy(full).to(device)]
                buffer.close_rows(agents[full])

        return finish

    def _add(self, place: Place, where: NDArray[np.bool_], values: Tensor) -> None:
        """Adds the value of where an episode was cut off to the reward of its last step."""
        chosen = torch.from_numpy(where).to(self._device)
        at = place.rows, place.steps
        self.buffer.rewards[at] += torch.where(chosen, self._gamma * values, 0.0)

    def _values_of(
        self,
        observations: NDArray[Any],
        agents: Numbers,
        rewards: NDArray[np.float32],
        masks: NDArray[np.bool_],
    ) -> Tensor:
        """Returns the values of the observations at which episodes were cut off."""
        goes_on = np.zeros(len(agents), bool)
        state = self._state(self._index(agents), rewards, goes_on, masks, goes_on)
        # What the policy makes of its memory here is not what it will go on with.
        state |= {name: state[name].clone() for name in self.states.by_name}
        with self._autocast():
            _, values = self.forward_eval(torch.as_tensor(observations).to(self._device), state)
        final: Tensor = values.float().flatten()
        return final

    def _index(self, agents: Numbers) -> slice | Tensor:
        first, count = int(agents[0]), len(agents)
        if int(agents[-1]) - first == count - 1 and bool((np.diff(agents) == 1).all()):
            return slice(first, first + count)
        return torch.from_numpy(agents).to(self._device)

    def _make_room(self, batch: Batch) -> bool:
        """Waits for verdicts while every row is in use: then the sandbox is the bottleneck.

        Returns False where there is no room before something is learned.
        """
        buffer = self.buffer
        while buffer.rows_wanted(batch.agents) > buffer.free:
            if buffer.complete >= buffer.segments:
                return False
            self._redeem(wait=True)
        return True

    def _begin_segments(self, batch: Batch) -> bool:
        """Returns whether rows begin at this batch, for a policy that starts them afresh."""
        if not self.states.at_segment:
            return False
        rows = self.buffer.agent_row[batch.agents]
        begins = (rows < 0) | self.buffer.full(batch.agents)
        if not begins.any():
            return False
        if self.states.upstream:
            self.states.clear(torch.from_numpy(batch.agents[begins]).to(self._device))
        return True

    def _state(
        self,
        agents: slice | Tensor,
        rewards: NDArray[np.float32],
        dones: NDArray[np.bool_],
        masks: NDArray[np.bool_],
        starts: NDArray[np.bool_],
    ) -> dict[str, Any]:
        """Returns what a policy is told beside observations: PufferLib's names, and `starts`."""
        device = self._device
        return self.states.of(agents) | {
            "reward": torch.from_numpy(rewards).to(device),
            "done": torch.from_numpy(dones).to(device),
            "env_id": agents,
            "mask": torch.from_numpy(masks).to(device),
            "starts": torch.from_numpy(starts).to(device),
        }

    def _look(self, batch: Batch, *, new_segments: bool = False) -> _Looked:
        """Has the policy look at a batch.

        Args:
          batch: what the environments returned.
          new_segments: True where full rows have been closed: what begins a row is a start.
        """
        device, agents = self._device, self._index(batch.agents)
        with self._timing("eval_copy"):
            observations = torch.as_tensor(batch.observations).to(device)
            starts = batch.starts
            if new_segments and not self.states.upstream:
                rows = self.buffer.agent_row[batch.agents]
                starts = starts | (rows < 0) | self.buffer.full(batch.agents)
            state = self._state(agents, batch.rewards, batch.dones, batch.masks, starts)
        with self._timing("eval_forward"):
            with self._autocast():
                logits, values = self.forward_eval(observations, state)
            return _Looked(logits, values.float().flatten(), state, agents)

    def _act(self, batch: Batch, looked: _Looked) -> None:
        """Stores a step of each agent of the batch and sends its action."""
        buffer, device, logits = self.buffer, self._device, looked.logits
        with self._timing("eval_forward"):
            mask = None
            if batch.action_mask is not None:
                mask = torch.from_numpy(batch.action_mask).to(device)
                logits = mask_logits(logits, mask)
            actions, logprobs = sample_actions(logits)
        with self._timing("eval_copy"):
            place, begins = buffer.advance(batch.agents)
            at = place.rows, place.steps
            if self.states.kept and begins.any():
                rows = torch.from_numpy(buffer.agent_row[batch.agents[begins]]).to(device)
                numbers = torch.from_numpy(batch.agents[begins]).to(device)
                for name, states in self.states.by_name.items():
                    buffer.states[name][rows] = states[numbers]
            if self.states:
                self.states.take(looked.agents, looked.state)
            where = at
            if buffer.observations.device != device:
                where = tuple(w.cpu() if isinstance(w, Tensor) else w for w in at)  # type: ignore[assignment]
            buffer.observations[where] = torch.as_tensor(batch.observations).to(
                buffer.observations.device
            )
            buffer.actions[at] = actions.to(buffer.actions.dtype)
            buffer.logprobs[at] = logprobs
            buffer.values[at] = looked.values
            buffer.valid[at] = True
            buffer.starts[at] = torch.from_numpy(batch.starts).to(device)
            if buffer.action_masks is not None and mask is not None:
                buffer.action_masks[at] = mask
            self._starts[batch.agents] = False
            sent = actions.cpu().numpy()
            if isinstance(logits, Normal):
                space = self.vecenv.single_action_space
                sent = sent.reshape(len(sent), *space.shape).clip(space.low, space.high)
            else:  # as PufferLib's trainer: its emulation reads Tuple and Dict actions' bytes so
                sent = sent.astype(np.int32)
        with self._timing("env"):
            self.vecenv.send(sent)
            self._asked = True

    def _redeem(self, *, wait: bool) -> None:
        """Stores the rewards of the verdicts that have come."""
        started = time.perf_counter()
        tickets, rewards, masks = self.deferred.collect(wait)
        if len(tickets):
            if self._clip > 0:
                rewards = rewards.clip(-self._clip, self._clip)
            self.steps -= self.buffer.redeem(tickets, rewards.astype(np.float32), masks)
        if wait:
            self._timing.add("sandbox_wait", time.perf_counter() - started)

    def settle(self) -> None:
        """Waits for all verdicts that are open."""
        while self.buffer.waits:
            self._redeem(wait=True)

    # --- checkpoints -----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Returns what the next `collect` begins with, as tensors and plain values."""
        held: dict[str, Any] | None = None
        if self._held is not None:
            held = {
                name: None if value is None else torch.from_numpy(np.array(value))
                for name, value in vars(self._held).items()
            }
        return {
            "held": held,
            "starts": torch.from_numpy(self._starts.copy()),
            "idle": torch.from_numpy(self._idle.copy()),
            "states": {name: state.cpu() for name, state in self.states.by_name.items()},
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any], *, exact: bool) -> None:
        """Goes on from what `state_dict` returned.

        Args:
          state: what it returned.
          exact: True where the environments, too, go on from where they were.
        """
        self.steps = state["steps"]
        if not exact:
            return
        self._starts = state["starts"].numpy().copy()
        self._idle = state["idle"].numpy().copy()
        for name, value in state["states"].items():
            self.states.by_name[name].copy_(value)
        if state["held"] is not None:
            held: dict[str, Any] = {
                name: None if value is None else value.numpy().copy()
                for name, value in state["held"].items()
            }
            self._held = Batch(**held)
