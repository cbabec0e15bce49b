"""A logarithmic axis: figures as their exponents, and round numbers to name on it."""

from __future__ import annotations

import math

import numpy as np

from vmpo_tui.widgets import raster

LIMIT = 300.0
"""Exponents beyond it are drawn at it."""


def exponents(values: raster.Floats) -> raster.Floats:
    """Return log10 of the values [n]; those that are not positive leave gaps."""
    gaps = np.full_like(values, np.nan)
    return np.clip(np.log10(values, where=values > 0, out=gaps), -LIMIT, LIMIT)


def ticks(bottom: float, top: float, count: int) -> list[tuple[float, str]]:
    """Return exponent and label of at most about ``count`` round numbers inside 10^bottom .. 10^top.

    Powers of ten, with 2 and 5 times them where there is room; on less than a decade, even steps.
    """
    if top - bottom < 1.0:
        values = [value for value in raster.ticks(10.0**bottom, 10.0**top, count) if value > 0]
        return [(math.log10(value), f"{value:.4g}") for value in values]
    mantissas = (1, 2, 5) if 3 * (top - bottom) <= count else (1,)
    step = max(1, math.ceil((top - bottom) / count))
    powers = range(math.floor(bottom / step) * step, math.ceil(top) + 1, step)
    places = [
        (power + math.log10(mantissa), f"{mantissa}e{power}") for power in powers for mantissa in mantissas
    ]
    return [(place, f"{float(text):g}") for place, text in places if bottom <= place <= top]
