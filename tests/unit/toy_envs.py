"""Tiny vector environments with known answers, for tests of what stands on environments."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.envs.base import (
    ContinuousActions,
    DiscreteActions,
    EnvSpec,
    Floats,
    Restored,
    StepBatch,
    VectorEnv,
)


class TargetEnv(VectorEnv):
    """Reward is highest for action 0.5 in every dimension (or index 1); episodes last 5 steps.

    The observation counts the steps of the episode. Even environments are truncated, odd ones terminate.
    """

    def __init__(self, num_envs: int = 4, *, continuous: bool = True, length: int = 5) -> None:
        bound = np.ones(2)
        actions = ContinuousActions(-bound, bound) if continuous else DiscreteActions(3)
        self.spec = EnvSpec("Target-v0", "toy", num_envs, 2, actions, length)
        self._length = length
        self._clock = np.zeros(num_envs)
        self._reset_noise = np.zeros(num_envs)
        self.closed = False

    def reset(self, seed: int) -> Floats:
        self._generator = np.random.default_rng(seed)
        self._clock[:] = 0
        self._reset_noise = self._generator.uniform(size=self.spec.num_envs)
        return self._observe()

    def step(self, actions: NDArray[np.generic]) -> StepBatch:
        if isinstance(self.spec.actions, ContinuousActions):
            reward = 1.0 - np.square(np.asarray(actions, dtype=np.float64) - 0.5).sum(1)
        else:
            reward = (np.asarray(actions) == 1).astype(np.float64)
        self._clock += 1
        done = self._clock >= self._length
        successor = self._observe()
        observation = successor
        if done.any():
            self._clock[done] = 0
            self._reset_noise[done] = self._generator.uniform(size=int(done.sum()))
            observation = self._observe()
        even = np.arange(self.spec.num_envs) % 2 == 0
        valid = np.ones(self.spec.num_envs, dtype=np.bool_)
        return StepBatch(observation, successor, reward, done & ~even, done & even, valid)

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        return {"clock": self._clock.copy(), "noise": self._reset_noise.copy()}

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]], restart_seed: int) -> Restored:
        self._clock = np.array(state["clock"], dtype=np.float64)
        self._reset_noise = np.array(state["noise"], dtype=np.float64)
        return Restored(self._observe(), np.zeros(self.spec.num_envs, dtype=np.bool_), "")

    def close(self) -> None:
        self.closed = True

    def _observe(self) -> Floats:
        return np.stack([self._clock, self._reset_noise], axis=1)
