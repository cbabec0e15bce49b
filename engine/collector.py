"""Fills a rollout: the target policy acts, statistics stay frozen until the update is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from engine.agent import Agent
from engine.config import Config, EnvConfig
from engine.envs.base import ContinuousActions, StepBatch, VectorEnv
from engine.errors import NonFiniteError
from engine.normalization import RewardScaler, RunningMoments
from engine.rollout import Rollout


class Episodes(NamedTuple):
    """Training episodes that ended during a rollout, oldest first."""

    returns: tuple[float, ...]
    """Undiscounted raw returns."""
    lengths: tuple[int, ...]


def fold(rollout: Rollout, moments: RunningMoments, scaler: RewardScaler, settings: EnvConfig) -> None:
    """Fold a rollout into the statistics of observations and rewards, as far as they are wanted.

    Raises:
        NonFiniteError: they would no longer be finite; says which.
    """
    name = "observations"
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            if settings.normalize_observation:
                moments.update(rollout.raw_observations[rollout.valid])
            name = "rewards"
            if settings.normalize_reward:
                scaler.update(rollout.raw_rewards, rollout.terminated | rollout.truncated)
        except NonFiniteError as error:
            raise NonFiniteError(f"{name}: {error}; see what the environment gives") from error


class Collector:
    """Steps the training environments and owns everything that persists between rollouts."""

    def __init__(self, env: VectorEnv, agent: Agent, config: Config, generator: torch.Generator) -> None:
        self._env, self._agent, self._generator = env, agent, generator
        self._settings = config.env
        self._device = next(agent.parameters()).device
        spec = env.spec
        self.moments = RunningMoments((spec.observation_size,))
        self.reward_scaler = RewardScaler(spec.num_envs, config.vmpo.gamma)
        self._observations: NDArray[np.float64] = np.zeros((spec.num_envs, spec.observation_size))
        self._returns = np.zeros(spec.num_envs)
        self._lengths = np.zeros(spec.num_envs, dtype=np.int64)
        continuous = isinstance(spec.actions, ContinuousActions)
        self.rollout = Rollout(
            config.vmpo.rollout_steps, spec.num_envs, spec.observation_size,
            (spec.actions.size,) if continuous else (),
            [spec.actions.size] * (2 if continuous else 1), self._device,
        )  # fmt: skip

    def reset(self, seed: int) -> None:
        """Start every environment anew, at different points of the time limit where that is wanted."""
        self._observations = self._env.reset(seed)
        if self._settings.stagger and self._env.staggers:
            self._env.stagger(seed)
        self._returns[:] = 0.0
        self._lengths[:] = 0

    def collect(self) -> Episodes:
        """Fill `rollout` with T steps and return the episodes that ended."""
        rollout, settings = self.rollout, self._settings
        rollout.clear()
        rollout.reward_scale = self.reward_scaler.scale() if settings.normalize_reward else 1.0
        rollout.reward_clip = settings.clip_reward if settings.normalize_reward else 0.0
        returns: list[float] = []
        lengths: list[int] = []
        while not rollout.full:
            batch = self._env.step(self._act())
            self._store(batch)
            done = batch.terminated | batch.truncated
            if done.any():
                whole = done & batch.valid & ~self._cut_short(batch)
                returns += self._returns[whole].tolist()
                lengths += self._lengths[whole].tolist()
                self._returns[done] = 0.0
                self._lengths[done] = 0
            self._observations = batch.observation
        rollout.observations[rollout.steps] = self.normalize(self._observations)
        return Episodes(tuple(returns), tuple(lengths))

    def _cut_short(self, batch: StepBatch) -> NDArray[np.bool_]:
        """Which episodes [N] ended early for staggering's sake: their returns say nothing."""
        limit = self._env.spec.max_episode_steps
        if limit is None or not self._env.staggers:
            return np.zeros_like(batch.truncated)
        return batch.truncated & ~batch.terminated & (self._lengths < limit)

    def fold_statistics(self) -> None:
        """Fold the rollout into the running statistics; called when its update is over.

        Raises:
            NonFiniteError: they would no longer be finite.
        """
        fold(self.rollout, self.moments, self.reward_scaler, self._settings)

    def normalize(self, observations: NDArray[np.float64]) -> torch.Tensor:
        """Raw observations [..., O] as the networks see them."""
        rows = self.moments.normalize(observations, self._settings.clip_observation)
        return torch.from_numpy(rows).to(self._device)

    def _act(self) -> NDArray[np.generic]:
        """Choose and store the actions of a step; return them as the environment takes them."""
        rollout = self.rollout
        step = rollout.position
        rollout.raw_observations[step] = self._observations
        rollout.observations[step] = self.normalize(self._observations)
        with torch.inference_mode():
            distribution, _ = self._agent.target_policy.record(rollout.observations[step])
            sample = distribution.sample(self._generator)
        rollout.actions[step] = sample
        for stored, parameter in zip(rollout.parameters, distribution.parameters, strict=True):
            stored[step] = parameter
        return self._env.spec.actions.to_environment(sample.cpu().numpy())

    def _store(self, batch: StepBatch) -> None:
        rollout = self.rollout
        step = rollout.position
        rollout.raw_rewards[step] = batch.reward
        rollout.terminated[step] = batch.terminated
        rollout.truncated[step] = batch.truncated
        rollout.valid[step] = batch.valid
        self._returns += batch.reward
        self._lengths += batch.valid
        cut_off = batch.truncated & ~batch.terminated
        if cut_off.any():
            environments = np.flatnonzero(cut_off)
            rollout.final_rows.append((step, environments))
            rollout.final_observations.append(self.normalize(batch.next_observation[environments]))
        rollout.position += 1

    def state_dict(self, *, episodes: bool = True) -> dict[str, Any]:
        """Statistics and, where wanted, the episodes under way: the environments' state and their returns."""
        return {
            **self.statistics(),
            "returns": self._returns.copy(),
            "lengths": self._lengths.copy(),
            "env": self._env.state_dict() if episodes else {},
        }

    def statistics(self) -> dict[str, Any]:
        """The running statistics of observations and rewards, as copies."""
        return {"observation_moments": self.moments.state_dict(), "rewards": self.reward_scaler.state_dict()}

    def load_statistics(self, state: Mapping[str, Any]) -> None:
        """Continue with what `statistics` returned."""
        self.moments.load_state_dict(state["observation_moments"])
        self.reward_scaler.load_state_dict(state["rewards"])

    def load_state_dict(self, state: Mapping[str, Any], restart_seed: int) -> str:
        """Continue from `state_dict`.

        Args:
            state: what `state_dict` returned.
            restart_seed: seeds the new episodes of environments that cannot continue the old ones.

        Returns:
            Why this is not exact, for the user; empty if it is.
        """
        self.load_statistics(state)
        if not state["env"]:
            self.reset(restart_seed)
            self.reward_scaler.discounted[:] = 0.0
            return "the episodes under way were not saved; every one starts anew"
        self._observations, restarted, reason = self._env.load_state_dict(state["env"], restart_seed)
        self.reward_scaler.discounted[restarted] = 0.0
        self._returns[:] = np.where(restarted, 0.0, state["returns"])
        self._lengths[:] = np.where(restarted, 0, state["lengths"])
        return reason
