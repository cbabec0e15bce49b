"""The curves of a run: growing buffers that successive views share, in room that does not grow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vmpo_tui.plotting.pyramid import Pyramid
from vmpo_tui.plotting.smoothing import Smoothed
from vmpo_tui.thinned import Thinned, extremes

RETURN = "train/episode_return_mean"
SMOOTHED_EPISODES = 20
"""How many the smoothed training return is about the mean of."""
CAPACITY, RECENT = 32_768, 4_096
"""Points of a series: at most, and the newest ones that stay as they are."""


class Series:
    """A curve that grows at its end, in room that does not: a week-long run takes no more than a day's.

    A full one keeps its newest points, and of the older ones the lowest and the highest of each `stride`
    successive ones, so that no spike is lost. metrics.jsonl has them all.
    """

    def __init__(self) -> None:
        self._data: NDArray[np.float64] = np.empty((2, 256))
        self._size = 0
        self._folded = 0
        self.stride = 1
        """Points of which the oldest part keeps two; 1 while every point is kept."""
        self.pyramid = Pyramid()
        """Follows y, so that drawing costs the same however long the curve is; anew once points went."""

    def __len__(self) -> int:
        return self._size

    def append(self, x: float, y: float) -> None:
        """Add a point; amortised O(1)."""
        if self._size == CAPACITY:
            self._fold()
        elif self._size == self._data.shape[1]:
            self._data = np.concatenate([self._data, np.empty_like(self._data)], axis=1)
        self._data[:, self._size] = x, y
        self._size += 1

    def truncate_after(self, x: float) -> None:
        """Drop the points beyond an abscissa."""
        size = int(np.searchsorted(self.x, x, side="right"))
        if size < self._size:
            self._size, self._folded, self.pyramid = size, min(size, self._folded), Pyramid()

    def _fold(self) -> None:
        """Make room: at least a quarter of the points go."""
        border = self._size - RECENT
        self.stride = max(4, self.stride)
        fresh = extremes(self._data[:, self._folded : border], self.stride)
        folded = np.concatenate([self._data[:, : self._folded], fresh], axis=1)
        if folded.shape[1] > CAPACITY // 2:
            self.stride *= 2
            folded = extremes(folded, 4)
        kept = np.concatenate([folded, self._data[:, border:]], axis=1)
        self._folded, self._size, self.pyramid = folded.shape[1], kept.shape[1], Pyramid()
        self._data = np.empty_like(self._data)  # what was handed out stays as it was
        self._data[:, : self._size] = kept

    @property
    def x(self) -> NDArray[np.float64]:
        """Abscissae so far, a view."""
        return self._data[0, : self._size]

    @property
    def y(self) -> NDArray[np.float64]:
        """Ordinates so far, a view."""
        return self._data[1, : self._size]


@dataclass(frozen=True, slots=True)
class History:
    """Every curve of a run by metric name, with x in environment steps; shared between views."""

    metrics: dict[str, Series] = field(default_factory=dict)
    episodes: Series = field(default_factory=Series)
    """Raw return of each training episode; of a run read from its files, their mean over each update."""
    returns: Series = field(default_factory=Series)
    """Mean return of the training episodes that ended in an update, where any did."""
    lowest: Series = field(default_factory=Series)
    """The lowest of them."""
    highest: Series = field(default_factory=Series)
    """The highest of them."""
    counts: Series = field(default_factory=Series)
    """How many they are."""
    average: Smoothed = field(default_factory=lambda: Smoothed(SMOOTHED_EPISODES))
    """Of the returns, over episodes."""
    evaluations: Series = field(default_factory=Series)
    """Mean return of each evaluation."""
    deviations: Series = field(default_factory=Series)
    """Standard deviation of each evaluation's returns."""
    sigmas: Thinned = field(default_factory=Thinned)
    """Sigma of each action dimension; empty for discrete actions."""

    def record(self, metrics: Mapping[str, float]) -> None:
        """Add a row of metrics."""
        step = metrics["env_steps"]
        for name, value in metrics.items():
            if name not in self.metrics:
                self.metrics[name] = Series()
            self.metrics[name].append(step, value)
        mean = metrics.get(RETURN, math.nan)
        if not math.isnan(mean):
            self.returns.append(step, mean)
            self.lowest.append(step, metrics.get("train/episode_return_min", mean))
            self.highest.append(step, metrics.get("train/episode_return_max", mean))
            self.counts.append(step, metrics.get("train/episodes", 1.0))

    def smoothed(self) -> NDArray[np.float64]:
        """Return the training return at every point of `returns`, averaged over episodes [n]."""
        return self.average.follow(self.returns, self.counts.y)

    def truncate_after(self, step: float) -> None:
        """Drop what came after a step that a run was resumed from."""
        returns = (self.episodes, self.returns, self.lowest, self.highest, self.counts)
        for series in (*self.metrics.values(), *returns, self.evaluations, self.deviations):
            series.truncate_after(step)
