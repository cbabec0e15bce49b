"""Running statistics in float64: one per quantity, shared by all environments, frozen while acting.

Source: Chan, Golub and LeVeque (1979), "Updating formulae and a pairwise algorithm for computing
sample variances".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import NonFiniteError

Floats = NDArray[np.float64]


class RunningMoments:
    """Mean and variance of everything seen so far, element by element.

    Starts as mean 0 and variance 1 with count 0, the identity.
    """

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        self.mean: Floats = np.zeros(shape)
        self.variance: Floats = np.ones(shape)
        self.count = 0.0
        self._deviation: Floats | None = None

    def update(self, rows: NDArray[np.floating]) -> None:
        """Fold in a batch.

        Args:
            rows: [B, *shape], B >= 0.
        """
        if len(rows):
            self.merge(rows.mean(0, dtype=np.float64), rows.var(0, dtype=np.float64), float(len(rows)))

    def merge(self, mean: NDArray[np.floating], variance: NDArray[np.floating], count: float) -> None:
        """Fold in another set of statistics; a count of 0 changes nothing.

        Raises:
            NonFiniteError: the result would not be finite; nothing has changed.
        """
        if count == 0:
            return
        total = self.count + count
        delta = mean - self.mean
        weight = count / total
        second_moment = self.variance * self.count + variance * count + delta**2 * self.count * weight
        merged = np.asarray(self.mean + delta * weight, dtype=np.float64)
        spread = np.asarray(second_moment / total, dtype=np.float64)
        if not (np.isfinite(merged).all() and np.isfinite(spread).all()):
            raise NonFiniteError("the running mean or variance would no longer be finite")
        self.mean, self.variance = merged, spread
        self.count = total
        self._deviation = None

    def normalize(self, rows: NDArray[np.floating], clip: float = 0.0) -> NDArray[np.float32]:
        """Centre and scale rows [..., *shape] and limit them to +-clip, unless clip is 0.

        Before the first update rows pass unchanged.
        """
        if self.count == 0:
            return rows.astype(np.float32)
        if self._deviation is None:
            self._deviation = np.sqrt(self.variance + 1e-8)
        scaled = rows - self.mean
        scaled /= self._deviation
        if not clip:
            return scaled.astype(np.float32)
        limited = np.empty(scaled.shape, dtype=np.float32)
        return np.clip(scaled, -clip, clip, out=limited, casting="same_kind")

    def state_dict(self) -> dict[str, Floats]:
        """Copies of mean, variance and count."""
        return {
            "mean": self.mean.copy(),
            "variance": self.variance.copy(),
            "count": np.array(self.count, dtype=np.float64),
        }

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over mean, variance and count.

        Raises:
            ValueError: an entry has another shape.
        """
        for name in ("mean", "variance"):
            if state[name].shape != self.mean.shape:
                raise ValueError(f"{name} has shape {state[name].shape}, expected {self.mean.shape}")
        self.mean = np.array(state["mean"], dtype=np.float64)
        self.variance = np.array(state["variance"], dtype=np.float64)
        self.count = float(np.asarray(state["count"], dtype=np.float64))
        self._deviation = None


class RewardScaler:
    """Divides rewards by the running standard deviation of the discounted return.

    The scale is frozen during a rollout; `update` folds the rollout in afterwards.
    """

    def __init__(self, num_envs: int, gamma: float) -> None:
        self.gamma = gamma
        self.moments = RunningMoments()
        self.discounted: Floats = np.zeros(num_envs)

    def scale(self) -> float:
        """Factor that rewards are multiplied with."""
        return float(1.0 / np.sqrt(self.moments.variance + 1e-8))

    def state_dict(self) -> dict[str, Any]:
        """Statistics and running discounted returns, as copies."""
        return {"moments": self.moments.state_dict(), "discounted": self.discounted.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.moments.load_state_dict(state["moments"])
        self.discounted = np.array(state["discounted"], dtype=np.float64)

    def update(self, rewards: Floats, done: NDArray[np.bool_]) -> None:
        """Fold in a rollout's raw rewards [T, N] with the episode ends [T, N]."""
        returns = np.empty_like(rewards)
        for step, (reward, ended) in enumerate(zip(rewards, done, strict=True)):
            self.discounted = self.discounted * self.gamma + reward
            returns[step] = self.discounted
            self.discounted[ended] = 0.0
        self.moments.update(returns.reshape(-1))
