"""Curves as dots: pure NumPy, exact.

Each dot column of a curve shows the whole range that the curve has inside that column (its min/max
envelope), so that no spike is ever dropped, however many points share a column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vmpo_tui.plotting.arrays import Floats, Indices, Mask
from vmpo_tui.plotting.markers import BRAILLE, Marker
from vmpo_tui.plotting.pyramid import Pyramid
from vmpo_tui.plotting.scales import LINEAR, Scale

SHORT = 2048
"""Points up to which a curve is gone through more quickly than looked up in its pyramid."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the plane that a chart shows."""

    left: float
    right: float
    bottom: float
    """A height of the chart's scale, as is the top."""
    top: float


def envelope(
    x: Floats,
    y: Floats,
    left: float,
    right: float,
    columns: int,
    *,
    scale: Scale = LINEAR,
    pyramid: Pyramid | None = None,
) -> tuple[Floats, Floats]:
    """Lowest and highest height of a polyline inside each of ``columns`` equal slices of [left, right].

    The line is straight on the scale, as it is on the screen.

    Args:
        x: abscissae in ascending order [n].
        y: ordinates [n]; a value that has no place on the scale leaves a gap.
        left: where the first slice begins.
        right: where the last slice ends, above ``left``; a slice holds its left border, the last one both.
        columns: number of slices.
        scale: of the heights.
        pyramid: the one that follows y; without it, the time is linear in n.

    Returns:
        Low and high, each [columns]; inf and -inf where the curve is absent.
    """
    borders = np.linspace(left, right, columns + 1)
    first = np.searchsorted(x, borders)
    behind = np.searchsorted(x, borders, side="right")
    first[-1] = behind[-1]
    if pyramid is None or len(y) <= SHORT:
        low, high = _extremes(y, first, positive=scale.positive)
    else:
        low, high = pyramid.extremes(y, first[:-1], first[1:], positive=scale.positive)
    low, high = _heights(scale, low, np.inf), _heights(scale, high, -np.inf)
    _add_crossings(x, y, borders, behind - 1, scale, low, high)
    return low, high


def _extremes(y: Floats, borders: Indices, *, positive: bool) -> tuple[Floats, Floats]:
    """Return the lowest and highest of y between successive borders [m + 1], as `Pyramid.extremes` does."""
    known = (y > 0) & (y < np.inf) if positive else np.isfinite(y)
    filled = np.flatnonzero(borders[:-1] < borders[1:])
    low, high = np.full(len(borders) - 1, np.inf), np.full(len(borders) - 1, -np.inf)
    if len(filled):
        begins, stop = borders[filled], borders[-1]  # what lies between two of them is empty
        low[filled] = np.minimum.reduceat(np.where(known, y, np.inf)[:stop], begins)
        high[filled] = np.maximum.reduceat(np.where(known, y, -np.inf)[:stop], begins)
    return low, high


def _heights(scale: Scale, values: Floats, absent: float) -> Floats:
    present = np.isfinite(values)
    heights = np.full_like(values, absent)
    heights[present] = scale.forward(values[present])
    return heights


def _add_crossings(
    x: Floats, y: Floats, borders: Floats, before: Indices, scale: Scale, low: Floats, high: Floats
) -> None:
    """Extend each slice by the curve's heights where it crosses the slice's borders.

    ``before`` is the last point left of each border or on it: the segment that begins there crosses it.
    """
    columns = len(low)
    crossed = np.flatnonzero((before >= 0) & (before < len(x) - 1))
    start, border = before[crossed], borders[crossed]
    begin, end = scale.forward(y[start]), scale.forward(y[start + 1])
    with np.errstate(invalid="ignore", over="ignore"):
        height = begin + (end - begin) * ((border - x[start]) / (x[start + 1] - x[start]))
        known = np.isfinite(begin) & np.isfinite(end) & np.isfinite(height)
    slot, height = crossed[known], height[known]
    for side in (0, -1):  # the slice that begins at the border, the one that ends there
        inside = (slot + side >= 0) & (slot + side < columns)
        np.minimum.at(low, slot[inside] + side, height[inside])
        np.maximum.at(high, slot[inside] + side, height[inside])


def fill(low: Floats, high: Floats, bottom: float, top: float, rows: int) -> Mask:
    """Dots [rows, columns] of the vertical ranges [low, high]; row 0 is the top one.

    A range outside [bottom, top] is cut off; one that is inside covers at least one dot.
    """
    scale = rows / (top - bottom)
    with np.errstate(invalid="ignore"):
        first = np.floor((top - high) * scale)
        last = np.floor((top - low) * scale)
    visible = (low <= top) & (high >= bottom)
    first = np.where(visible, np.clip(first, 0, rows - 1), rows).astype(np.int16)
    last = np.where(visible, np.clip(last, 0, rows - 1), -1).astype(np.int16)
    row = np.arange(rows, dtype=np.int16)[:, None]
    mask: Mask = (row >= first) & (row <= last)
    return mask


def curve(
    x: Floats,
    y: Floats,
    window: Window,
    width: int,
    height: int,
    *,
    marker: Marker = BRAILLE,
    scale: Scale = LINEAR,
    pyramid: Pyramid | None = None,
) -> Mask:
    """Dots of a polyline on a canvas of width x height character cells."""
    columns, rows = width * marker.dots_x, height * marker.dots_y
    low, high = envelope(x, y, window.left, window.right, columns, scale=scale, pyramid=pyramid)
    return fill(low, high, window.bottom, window.top, rows)


FLAT = 1e-3
"""Values that differ by a smaller share of them than this are drawn as the constant they nearly are."""


def padded_range(low: float, high: float) -> tuple[float, float]:
    """A range to draw [low, high] in: with some air around it, never empty; flat what is nearly so."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    span, size = high - low, max(abs(low), abs(high))
    if span <= FLAT * size or not size:
        margin = max(size * 0.1, 1e-9) if size else 1.0
        return low - margin, high + margin
    return low - 0.04 * span, high + 0.04 * span
