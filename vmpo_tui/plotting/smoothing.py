"""Smoothing that follows a growing curve at the cost of its new points."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from vmpo_tui.plotting.arrays import Buffer, Floats
from vmpo_tui.plotting.pyramid import Pyramid


class Growing(Protocol):
    """A curve that grows at its end; one that was cut meanwhile has another pyramid."""

    pyramid: Pyramid

    @property
    def y(self) -> Floats:
        """Ordinates so far [n]."""


class Smoothed:
    """Exponential moving average of a growing curve.

    Each value is the mean of those before it, weighted by ``decay`` to the power of their distance; the
    weights are normalised, so that the first values are not drawn towards anything. A gap stays a gap.
    """

    def __init__(self, span: float) -> None:
        """Average over about ``span`` points (above 1): the decay is 1 - 1 / span."""
        self._decay = 1.0 - 1.0 / span
        self._source: Pyramid | None = None
        self._begin()

    def _begin(self) -> None:
        self._values = Buffer()
        self._carry = np.zeros((2, 1))
        self.pyramid = Pyramid()

    def follow(self, curve: Growing, counts: Floats | None = None) -> Floats:
        """Return the average at every point of a growing curve [n]; for one that was cut it begins anew.

        Args:
            curve: what to average.
            counts: how many values each point is the mean of [n]; None where it is one.
        """
        if curve.pyramid is not self._source:
            self._source = curve.pyramid
            self._begin()
        known = len(self._values)
        fresh = curve.y[known:]
        if len(fresh):
            present = np.isfinite(fresh)
            sums = np.stack([np.where(present, fresh, 0.0), present.astype(np.float64)])
            if counts is None:
                sums[:, :1] += self._decay * self._carry
                decayed_sums(sums, self._decay)
            else:
                self._add_means(sums, counts[known:])
            self._carry = sums[:, -1:].copy()
            with np.errstate(invalid="ignore"):
                self._values.extend(np.where(present, sums[0] / sums[1], np.nan)[None])
        average: Floats = self._values.values[0]
        return average

    def _add_means(self, sums: Floats, counts: Floats) -> None:
        """Replace each column by the decayed sums as if its values had come one by one, all equal."""
        carry = self._carry[:, 0]
        for column, decay in enumerate((self._decay**counts).tolist()):
            carry = decay * carry + (1.0 - decay) / (1.0 - self._decay) * sums[:, column]
            sums[:, column] = carry


def decayed_sums(values: Floats, decay: float) -> None:
    """Replace each value by ``sum_j decay^(t - j) values[..., j]`` over j <= t, in O(n log(1 / (1 - decay))).

    Doubles the window of the sum until what lies before it weighs nothing.
    """
    shift, weight = 1, decay
    while shift < values.shape[-1] and weight > 1e-18:
        values[..., shift:] += weight * values[..., :-shift]
        shift, weight = 2 * shift, weight * weight
