"""Names of array types, and arrays that grow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]


class Buffer:
    """Rows of numbers [tracks, n] that grow at their end; the memory doubles when it is full.

    What was handed out stays valid and unchanged, since growing only ever writes behind it.
    """

    def __init__(self, tracks: int = 1) -> None:
        self._data: Floats = np.empty((tracks, 64))
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, values: Floats) -> None:
        """Add values [tracks, m]; amortised O(m)."""
        size = self._size + values.shape[1]
        if size > self._data.shape[1]:
            grown = np.empty((len(self._data), max(size, 2 * self._data.shape[1])))
            grown[:, : self._size] = self._data[:, : self._size]
            self._data = grown
        self._data[:, self._size : size] = values
        self._size = size

    @property
    def values(self) -> Floats:
        """What there is so far [tracks, n], a view."""
        return self._data[:, : self._size]
