"""PPO in one loop, as CleanRL writes it, from the published algorithm (Huang et al. 2022)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

from .settings import Case, make_env, make_net

__all__ = ["CleanrlStyle"]

GAMMA, LAMBDA, CLIP, VALUE, ENTROPY, NORM, RATE = 0.99, 0.95, 0.2, 0.5, 0.01, 0.5, 1e-3


class _Recurrent(nn.Module):
    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        self.lstm = nn.LSTM(net.hidden_size, net.hidden_size)

    def states(self, observations: Any, state: Any, dones: Any) -> Any:
        """Step by step, with the state set to zero where an episode has ended."""
        batch = state[0].shape[1]
        hidden = self.net.encode_observations(observations)
        hidden = hidden.reshape(-1, batch, self.lstm.input_size)
        dones = dones.reshape(-1, batch)
        found = []
        for h, d in zip(hidden, dones, strict=True):
            live = (1.0 - d).view(1, -1, 1)
            h, state = self.lstm(h.unsqueeze(0), (live * state[0], live * state[1]))
            found.append(h)
        return torch.flatten(torch.cat(found), 0, 1), state


class CleanrlStyle:
    """`update()` collects a batch and learns from it once."""

    def __init__(self, case: Case) -> None:
        self.env, self.case = make_env(case), case
        net = make_net(case, self.env)
        self.recurrent = case.policy == "lstm"
        self.net: Any = _Recurrent(net) if self.recurrent else net
        self.head: Any = net
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=RATE, eps=1e-5)
        shape = case.horizon, case.agents
        observation = self.env.single_observation_space
        self.obs = torch.zeros(*shape, *observation.shape, dtype=torch.int32)
        self.actions = torch.zeros(shape, dtype=torch.long)
        self.logprobs, self.rewards = torch.zeros(shape), torch.zeros(shape)
        self.dones, self.values = torch.zeros(shape), torch.zeros(shape)
        first, _ = self.env.reset(0)
        self.next_obs = torch.as_tensor(first.copy())
        self.next_done = torch.zeros(case.agents)
        size = net.hidden_size
        self.state = (torch.zeros(1, case.agents, size), torch.zeros(1, case.agents, size))

    def _heads(self, observations: Any, state: Any, dones: Any) -> Any:
        if not self.recurrent:
            return *self.net(observations), state
        hidden, state = self.net.states(observations, state, dones)
        return *self.head.decode_actions(hidden), state

    def update(self) -> tuple[int, float]:
        started = time.perf_counter()
        first_state = tuple(s.clone() for s in self.state)
        for step in range(self.case.horizon):
            self.obs[step], self.dones[step] = self.next_obs, self.next_done
            with torch.no_grad():
                logits, value, self.state = self._heads(self.next_obs, self.state, self.next_done)
                chances = Categorical(logits=logits)
                action = chances.sample()
                self.logprobs[step] = chances.log_prob(action)
                self.values[step] = value.flatten()
            self.actions[step] = action
            seen, reward, ended, cut, _ = self.env.step(action.numpy())
            self.rewards[step] = torch.as_tensor(reward)
            self.next_obs = torch.as_tensor(seen.copy())
            self.next_done = torch.as_tensor((ended | cut).astype(np.float32))
        with torch.no_grad():
            _, value, _ = self._heads(self.next_obs, self.state, self.next_done)
            advantages = torch.zeros_like(self.rewards)
            last: Any = 0.0
            for t in reversed(range(self.case.horizon)):
                at_end = t == self.case.horizon - 1
                live = 1.0 - (self.next_done if at_end else self.dones[t + 1])
                following = value.flatten() if at_end else self.values[t + 1]
                delta = self.rewards[t] + GAMMA * following * live - self.values[t]
                advantages[t] = last = delta + GAMMA * LAMBDA * live * last
            returns = advantages + self.values
        self._learn(advantages, returns, first_state)
        return self.case.batch, time.perf_counter() - started

    def _learn(self, advantages: Any, returns: Any, first_state: Any) -> None:
        case = self.case
        count = case.batch // case.minibatch
        if self.recurrent:  # whole sequences of some agents
            order = torch.randperm(case.agents).chunk(count)
            steps = torch.arange(case.batch).view(case.horizon, case.agents)
            parts = [(steps[:, agents].flatten(), agents) for agents in order]
        else:
            parts = [(index, None) for index in torch.randperm(case.batch).split(case.minibatch)]
        flat = [
            x.flatten() for x in (self.actions, self.logprobs, advantages, returns, self.values)
        ]
        observations, dones = self.obs.flatten(0, 1), self.dones.flatten()
        for index, agents in parts:
            action, logprob, advantage, target, old = (x[index] for x in flat)
            state = None if agents is None else tuple(s[:, agents] for s in first_state)
            logits, value, _ = self._heads(observations[index], state, dones[index])
            chances = Categorical(logits=logits)
            ratio = (chances.log_prob(action) - logprob).exp()
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            policy = torch.max(-advantage * ratio, -advantage * ratio.clamp(1 - CLIP, 1 + CLIP))
            value = value.flatten()
            near = old + (value - old).clamp(-CLIP, CLIP)
            error = torch.max((value - target) ** 2, (near - target) ** 2)
            loss = policy.mean() + VALUE * 0.5 * error.mean() - ENTROPY * chances.entropy().mean()
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), NORM)
            self.optimizer.step()
