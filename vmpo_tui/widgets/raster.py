"""Curves as dots and dots as characters: pure NumPy, exact, no Textual.

A character cell holds 2 x 4 braille dots. Each dot column of a curve shows the whole range that the curve
has inside that column (its min/max envelope), so that no spike is ever dropped, however many points
share a column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Cells = tuple[NDArray[np.int_], NDArray[np.int_]]
"""Rows and columns of character cells."""

DOTS_X, DOTS_Y = 2, 4
_BRAILLE_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BRAILLE_BLANK = 0x2800


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the plane that a chart shows."""

    left: float
    right: float
    bottom: float
    top: float


def envelope(x: Floats, y: Floats, left: float, right: float, columns: int) -> tuple[Floats, Floats]:
    """Lowest and highest value of a polyline inside each of ``columns`` equal slices of [left, right].

    Args:
        x: abscissae in ascending order [n].
        y: ordinates [n]; a value that is not finite leaves a gap.
        left: where the first slice begins.
        right: where the last slice ends, above ``left``.
        columns: number of slices.

    Returns:
        Low and high, each [columns]; inf and -inf where the curve is absent.
    """
    low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
    if not len(x):
        return low, high
    position = (x - left) * (columns / (right - left))
    inside = (position >= 0) & (position <= columns) & np.isfinite(y)
    slots = np.minimum(position[inside].astype(np.intp), columns - 1)
    np.minimum.at(low, slots, y[inside])
    np.maximum.at(high, slots, y[inside])
    _add_crossings(position, y, low, high)
    return low, high


def _add_crossings(position: Floats, y: Floats, low: Floats, high: Floats) -> None:
    """Extend each slice by the curve's values where it crosses the slice's borders."""
    columns = len(low)
    borders = np.arange(columns + 1, dtype=np.float64)
    before = np.searchsorted(position, borders, side="right") - 1
    exists = (before >= 0) & (before < len(position) - 1)
    start, border = before[exists], borders[exists]
    run = position[start + 1] - position[start]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        value = y[start] + (y[start + 1] - y[start]) * (border - position[start]) / run
    known = np.isfinite(value)
    slot, value = border[known].astype(np.intp), value[known]
    right_side, left_side = slot < columns, slot > 0
    np.minimum.at(low, slot[right_side], value[right_side])
    np.maximum.at(high, slot[right_side], value[right_side])
    np.minimum.at(low, slot[left_side] - 1, value[left_side])
    np.maximum.at(high, slot[left_side] - 1, value[left_side])


def fill(low: Floats, high: Floats, bottom: float, top: float, rows: int) -> Mask:
    """Dots [rows, columns] of the vertical ranges [low, high]; row 0 is the top one.

    A range outside [bottom, top] is cut off; one that is inside covers at least one dot.
    """
    scale = rows / (top - bottom)
    with np.errstate(invalid="ignore"):
        first = np.floor((top - high) * scale)
        last = np.floor((top - low) * scale)
    visible = (low <= top) & (high >= bottom)
    first = np.where(visible, np.clip(first, 0, rows - 1), rows)
    last = np.where(visible, np.clip(last, 0, rows - 1), -1)
    row = np.arange(rows)[:, None]
    mask: Mask = (row >= first) & (row <= last)
    return mask


def curve(x: Floats, y: Floats, window: Window, width: int, height: int) -> Mask:
    """Dots [4 height, 2 width] of a polyline on a canvas of width x height character cells."""
    low, high = envelope(x, y, window.left, window.right, width * DOTS_X)
    return fill(low, high, window.bottom, window.top, height * DOTS_Y)


def braille(dots: Mask) -> NDArray[np.int32]:
    """Code points [height, width] of dots [4 height, 2 width]; empty cells are blank braille."""
    rows, columns = dots.shape
    cells = dots.reshape(rows // DOTS_Y, DOTS_Y, columns // DOTS_X, DOTS_X)
    codes: NDArray[np.int32] = (cells * _BRAILLE_BITS[:, None, :]).sum(axis=(1, 3), dtype=np.int32)
    return codes + np.int32(_BRAILLE_BLANK)


def texts(codes: NDArray[np.int32]) -> list[str]:
    """Rows of code points [height, width] as texts."""
    width = codes.shape[1]
    characters = codes.astype("<u4").tobytes().decode("utf-32-le")
    return [characters[start : start + width] for start in range(0, codes.size, width)]


def occupied(dots: Mask) -> Mask:
    """Which cells [height, width] hold any of the dots [4 height, 2 width]."""
    rows, columns = dots.shape
    cells = dots.reshape(rows // DOTS_Y, DOTS_Y, columns // DOTS_X, DOTS_X)
    return np.asarray(cells.any(axis=(1, 3)))


def enlarged(cells: Mask) -> Mask:
    """Dots [4 height, 2 width] of whole cells [height, width]."""
    height, width = cells.shape
    shape = (height, DOTS_Y, width, DOTS_X)
    return np.broadcast_to(cells[:, None, :, None], shape).reshape(height * DOTS_Y, width * DOTS_X)


def ticks(low: float, high: float, count: int) -> list[float]:
    """At most about ``count`` round numbers (1, 2 or 5 times a power of ten) inside [low, high]."""
    span = high - low
    if not (math.isfinite(span) and span > 0 and count > 0):
        return []
    magnitude = 10.0 ** math.floor(math.log10(span / count))
    step = next(m * magnitude for m in (1, 2, 5, 10, 20) if span / (m * magnitude) <= count)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def padded_range(low: float, high: float) -> tuple[float, float]:
    """A range to draw [low, high] in: some air around it, and never empty."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    span = high - low
    if span <= 1e-12 * max(abs(low), abs(high), 1e-300):
        margin = max(abs(low) * 0.1, 1e-9) if low else 1.0
        return low - margin, high + margin
    return low - 0.04 * span, high + 0.04 * span
