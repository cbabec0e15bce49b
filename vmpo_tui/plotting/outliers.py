"""Values so far from the others that they would flatten a chart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vmpo_tui.plotting.arrays import Floats

FENCE = 3.0
"""Interquartile ranges beyond the quartiles that are still drawn (Tukey's outer fences)."""
FEWEST = 8
"""Values without which none counts as an outlier."""


def inner_range(heights: Sequence[Floats]) -> tuple[float, float, int]:
    """Return the range of what is no outlier, and how many values lie beyond it.

    Args:
        heights: those of each curve on its scale, since what is far away depends on it; one that is not
            finite is passed over.

    Returns:
        Low, high and the number of outliers; inf, -inf and 0 without values. Where more than half of the
        values are equal there is no measure of what is far, and all count as inner.
    """
    values = np.concatenate([curve[np.isfinite(curve)] for curve in heights]) if heights else np.zeros(0)
    if not len(values):
        return np.inf, -np.inf, 0
    lowest, highest = float(values.min()), float(values.max())
    if len(values) < FEWEST:
        return lowest, highest, 0
    first, third = np.quantile(values, [0.25, 0.75])
    reach = FENCE * (third - first)
    if not reach > 0 or (lowest >= first - reach and highest <= third + reach):
        return lowest, highest, 0
    inner = values[(values >= first - reach) & (values <= third + reach)]
    return float(inner.min()), float(inner.max()), len(values) - len(inner)
