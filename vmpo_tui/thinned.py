"""A history that never outgrows its room: neighbours are averaged when it is full."""

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
