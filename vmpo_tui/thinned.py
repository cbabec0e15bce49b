"""Histories that never outgrow their room: neighbours are averaged, or only their extremes kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Thinned:
    """Several figures over environment steps in at most ``capacity`` columns.

    A column is the mean over `stride` successive updates, all columns over equally many, so that none weighs
    more than another; only the newest may still be filling. When all are full, each two become one.
    """

    def __init__(self, capacity: int = 1024) -> None:
        assert capacity >= 2
        assert capacity % 2 == 0
        self._capacity = capacity
        self._ends: Floats = np.empty(capacity)
        self._sums: Floats = np.empty((0, capacity))
        self._counts = np.zeros(capacity, dtype=np.int64)
        self._size = 0
        self.start = 0.0
        """Environment steps where the first column begins."""
        self.stride = 1
        """Updates in a full column."""

    def __len__(self) -> int:
        return self._size

    def append(self, start: float, end: float, values: tuple[float, ...]) -> None:
        """Add an update's figures [A], always equally many; amortised O(A).

        Args:
            start: environment steps before the update; only the first one's is kept.
            end: environment steps after it.
            values: the figures; one that is not finite marks its whole column.
        """
        if not self._size:
            self.start = min(start, end)
            self._sums = np.empty((len(values), self._capacity))
        if not self._size or self._counts[self._size - 1] == self.stride:
            self._open_column()
        self._ends[self._size - 1] = end
        self._sums[:, self._size - 1] += values
        self._counts[self._size - 1] += 1

    @property
    def ends(self) -> Floats:
        """Environment steps after the last update of each column [columns], ascending."""
        return self._ends[: self._size]

    @property
    def means(self) -> Floats:
        """Mean of each figure in each column [A, columns]."""
        return np.asarray(self._sums[:, : self._size] / self._counts[: self._size])

    def _open_column(self) -> None:
        if self._size == self._capacity:
            half = self._capacity // 2
            self._ends[:half] = self._ends[1::2]
            self._sums[:, :half] = self._sums[:, 0::2] + self._sums[:, 1::2]
            self._counts[:half] = self._counts[0::2] + self._counts[1::2]
            self._size = half
            self.stride *= 2
        self._sums[:, self._size] = 0.0
        self._counts[self._size] = 0
        self._size += 1


def extremes(points: Floats, block: int) -> Floats:
    """Keep the lowest and the highest of every ``block`` successive points, in their order.

    Args:
        points: abscissae and ordinates [2, n], n > 0; the last block may be shorter.
        block: points of which two are kept.

    Returns:
        The points that are kept [2, 2 ceil(n / block)]; one that is not finite only where a whole block is.
    """
    count = -(-points.shape[1] // block)
    padded = np.pad(points, ((0, 0), (0, count * block - points.shape[1])), mode="edge")
    y = padded[1].reshape(count, block)
    known = np.isfinite(y)
    low = np.where(known, y, np.inf).argmin(axis=1)
    high = block - 1 - np.where(known, y, -np.inf)[:, ::-1].argmax(axis=1)  # the last of equals
    kept = np.sort(np.stack([low, high], axis=1), axis=1) + block * np.arange(count)[:, None]
    return np.asarray(padded[:, kept.ravel()])
