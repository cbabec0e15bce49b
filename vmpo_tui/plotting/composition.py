"""Several curves on one canvas of character cells, and the axes around it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vmpo_tui.plotting import raster
from vmpo_tui.plotting.arrays import Floats, Indices, Mask
from vmpo_tui.plotting.markers import BRAILLE, Codes, Marker, texts
from vmpo_tui.plotting.pyramid import Pyramid
from vmpo_tui.plotting.raster import Window
from vmpo_tui.plotting.scales import LINEAR, Scale
from vmpo_tui.plotting.ticks import Tick, linear_ticks, spaced

LABEL_WIDTH = 8
"""Columns of the value axis with its line."""
AXIS, RULE = "axis", "rule"
"""Styles of what belongs to no curve."""

Span = tuple[str, str]
"""A text and the name of its style."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Something to draw; the later of two curves wins a shared cell's colour."""

    x: Floats
    """Ascending [n]."""
    y: Floats
    """[n]; not finite for a gap."""
    style: str
    """Name of what colours it."""
    deviation: Floats | None = None
    """With it, points with error bars of y +- deviation [n] instead of a line."""
    pyramid: Pyramid | None = None
    """The one that follows y, where there is one: a long curve is drawn at the cost of a short one."""
    faint: bool = False
    """Whether a clear line hides this one where they meet."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A vertical line."""

    x: float
    style: str = RULE


def bounds(curves: Sequence[Curve], scale: Scale = LINEAR) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of all that the scale can show; NaN where there is nothing."""
    lows, highs, left, right = [], [], np.inf, -np.inf
    for curve in curves:
        if not len(curve.x):
            continue
        spread = curve.deviation if curve.deviation is not None else 0.0
        heights = scale.forward(curve.y - spread), scale.forward(curve.y + spread)
        known = [ends[np.isfinite(ends)] for ends in heights]
        if not len(known[1]):
            continue
        lows.append(float(min(ends.min() for ends in known if len(ends))))
        highs.append(float(known[1].max()))
        left, right = min(left, float(curve.x[0])), max(right, float(curve.x[-1]))
    if not lows:
        return np.nan, np.nan, np.nan, np.nan
    return left, right, min(lows), max(highs)


def plot(
    curves: Sequence[Curve],
    window: Window,
    width: int,
    height: int,
    *,
    scale: Scale = LINEAR,
    marker: Marker = BRAILLE,
    rules: Sequence[Rule] = (),
) -> list[list[Span]]:
    """Draw curves, and rules behind them, on a canvas of width x height cells."""
    codes, owner = _canvas(curves, window, width, height, scale, marker)
    styles = [*(curve.style for curve in curves), *(rule.style for rule in rules), ""]
    for index, rule in enumerate(rules):
        column = int((rule.x - window.left) * width / (window.right - window.left))
        if 0 <= column < width:
            free = owner[:, column] < 0
            codes[free, column], owner[free, column] = ord(marker.rules[0]), len(curves) + index
    return [
        [(text, styles[number]) for text, number in _runs(line, row)]
        for line, row in zip(texts(codes), owner, strict=True)
    ]


def _canvas(
    curves: Sequence[Curve], window: Window, width: int, height: int, scale: Scale, marker: Marker
) -> tuple[Codes, NDArray[np.int_]]:
    """Return characters and the number of the curve in each, -1 for none; both [height, width]."""
    dots = np.zeros((height * marker.dots_y, width * marker.dots_x), dtype=np.bool_)
    owner = np.full((height, width), -1)
    marks: list[tuple[int, tuple[Indices, Indices]]] = []
    for index, curve in enumerate(curves):
        if curve.deviation is None:
            mask = raster.curve(
                curve.x, curve.y, window, width, height, marker=marker, scale=scale, pyramid=curve.pyramid
            )
        else:
            mask = _error_bars(curve, window, width, height, scale, marker)
            marks.append((index, _points(curve, window, width, height, scale)))
        cells = marker.occupied(mask)
        if not curve.faint:
            dots[marker.enlarged(cells)] = False
        dots |= mask
        owner[cells] = index
    codes = marker.encode(dots)
    for index, places in marks:
        codes[places], owner[places] = ord(marker.point), index
    codes[owner < 0] = ord(" ")
    return codes, owner


def _error_bars(curve: Curve, window: Window, width: int, height: int, scale: Scale, marker: Marker) -> Mask:
    columns = width * marker.dots_x
    low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
    slots = ((curve.x - window.left) * (columns / (window.right - window.left))).astype(np.intp)
    # The dot column left of a cell's middle: the bar runs through the mark.
    slots = slots // marker.dots_x * marker.dots_x
    assert curve.deviation is not None
    bottom, top = scale.forward(curve.y - curve.deviation), scale.forward(curve.y + curve.deviation)
    # On a scale that the lower end has no place on, the bar begins at the point.
    bottom = np.where(np.isfinite(bottom), bottom, scale.forward(curve.y))
    shown = (slots >= 0) & (slots < columns) & np.isfinite(top) & np.isfinite(bottom)
    np.minimum.at(low, slots[shown], bottom[shown])
    np.maximum.at(high, slots[shown], top[shown])
    return raster.fill(low, high, window.bottom, window.top, height * marker.dots_y)


def _points(curve: Curve, window: Window, width: int, height: int, scale: Scale) -> tuple[Indices, Indices]:
    """Return the cells of the points inside the window: rows and columns."""
    heights = scale.forward(curve.y)
    place_x = (curve.x - window.left) * (width / (window.right - window.left))
    place_y = (window.top - heights) * (height / (window.top - window.bottom))
    with np.errstate(invalid="ignore"):
        inside = (place_x >= 0) & (place_x <= width) & (place_y >= 0) & (place_y <= height)
    columns = np.minimum(place_x[inside].astype(np.intp), width - 1)
    return np.minimum(place_y[inside].astype(np.intp), height - 1), columns


def _runs(text: str, owner: NDArray[np.int_]) -> list[tuple[str, int]]:
    """Cut a line where its cells change hands."""
    borders = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(text)]
    return [(text[start:stop], int(owner[start])) for start, stop in itertools.pairwise(borders)]


def value_axis(window: Window, height: int, scale: Scale = LINEAR, marker: Marker = BRAILLE) -> list[str]:
    """Return the axis of values, a text of `LABEL_WIDTH` for each line."""
    line, tick, _ = marker.axis
    labels = [" " * (LABEL_WIDTH - 1) + line] * height
    for place, label in scale.ticks(window.bottom, window.top, max(2, height // 3)):
        row = int((window.top - place) * height / (window.top - window.bottom))
        if 0 <= row < height:
            labels[row] = f"{label:>{LABEL_WIDTH - 1}.{LABEL_WIDTH - 1}}{tick}"
    return labels


def step_axis(
    window: Window,
    width: int,
    marker: Marker = BRAILLE,
    ticks: Callable[[float, float, int], list[Tick]] = linear_ticks,
) -> str:
    """Return the axis under a plot, each label centred under its place, none overlapping another."""
    line = [" "] * (LABEL_WIDTH + width)
    line[LABEL_WIDTH - 1] = marker.axis[2]
    entries = ticks(window.left, window.right, max(2, width // 12))
    for _, start, label in spaced(entries, window.left, window.right, width):
        line[LABEL_WIDTH + start : LABEL_WIDTH + start + len(label)] = label
    return "".join(line[: LABEL_WIDTH + width])
