"""Several curves on one canvas of character cells, and the axes around it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vmpo_tui.plotting import raster
from vmpo_tui.plotting.arrays import Floats, Indices, Mask
from vmpo_tui.plotting.markers import BRAILLE, Codes, Marker, overlaid, texts
from vmpo_tui.plotting.pyramid import Pyramid
from vmpo_tui.plotting.raster import Window
from vmpo_tui.plotting.scales import LINEAR, Scale
from vmpo_tui.plotting.ticks import Tick, linear_ticks, spaced, within

LABEL_WIDTH = 8
"""Columns of the value axis with its line."""

Span = tuple[str, str]
"""A text and the name of its style."""
Ticks = Callable[[float, float, int], list[Tick]]
"""From both ends of an axis and about how many there should be."""
Owners = NDArray[np.int_]
"""The number of what each cell shows, -1 for nothing."""


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
    upper: Floats | None = None
    """With it, the area from y to this [n] instead of a line."""
    pyramid: Pyramid | None = None
    """The one that follows y, where there is one: a long curve is drawn at the cost of a short one."""
    faint: bool = False
    """Whether it stays in the background where it meets others."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A vertical line behind the curves."""

    x: float
    style: str
    solid: bool = True


def bounds(curves: Sequence[Curve], scale: Scale = LINEAR) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of all that the scale can show; NaN where there is nothing."""
    shown = [curve for curve in curves if len(curve.x)]
    left = min((float(curve.x[0]) for curve in shown), default=np.nan)
    right = max((float(curve.x[-1]) for curve in shown), default=np.nan)
    bottom, top = heights_between(shown, left, right, scale)
    return (left, right, bottom, top) if bottom <= top else (np.nan,) * 4


def heights_between(
    curves: Sequence[Curve], left: float, right: float, scale: Scale = LINEAR
) -> tuple[float, float]:
    """Return the lowest and the highest height that curves reach in [left, right]; inf, -inf for none."""
    found = [extent for curve in curves if len(curve.x) for extent in _extents(curve, left, right, scale)]
    return min((low for low, _ in found), default=np.inf), max((high for _, high in found), default=-np.inf)


def _extents(curve: Curve, left: float, right: float, scale: Scale) -> list[tuple[float, float]]:
    if curve.deviation is not None:
        inside = (curve.x >= left) & (curve.x <= right)
        ends = [scale.forward(curve.y[inside] + sign * curve.deviation[inside]) for sign in (-1.0, 0.0, 1.0)]
        known = np.concatenate(ends)
        known = known[np.isfinite(known)]
        return [(float(known.min()), float(known.max()))] if len(known) else []
    if left <= curve.x[0] and right >= curve.x[-1] and len(curve.x) <= raster.SHORT:
        heights = scale.forward(curve.y if curve.upper is None else np.concatenate([curve.y, curve.upper]))
        known = heights[np.isfinite(heights)]
        return [(float(known.min()), float(known.max()))] if len(known) else []
    edges = [(curve.y, curve.pyramid)] if curve.upper is None else [(curve.y, None), (curve.upper, None)]
    ranges = (
        raster.envelope(curve.x, y, left, right, 1, scale=scale, pyramid=pyramid) for y, pyramid in edges
    )
    return [(float(low[0]), float(high[0])) for low, high in ranges]


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
    for index, rule in enumerate(rules, start=len(curves)):
        place = (rule.x - window.left) * width / (window.right - window.left)
        if 0 <= place <= width:
            column = min(int(place), width - 1)
            free = owner[:, column] < 0
            codes[free, column] = ord(marker.rules[0 if rule.solid else 1])
            owner[free, column] = index
    styles = [*(curve.style for curve in curves), *(rule.style for rule in rules), ""]
    return _spans(codes, owner, styles)


def framed(
    curves: Sequence[Curve],
    window: Window,
    width: int,
    height: int,
    *,
    axis: str,
    scale: Scale = LINEAR,
    marker: Marker = BRAILLE,
    rules: Sequence[Rule] = (),
    x_ticks: Ticks = linear_ticks,
) -> list[list[Span]]:
    """Draw curves with both axes in width x height cells; ``axis`` is the axes' style."""
    inner, rows = width - LABEL_WIDTH, height - 1
    lines = plot(curves, window, inner, rows, scale=scale, marker=marker, rules=rules)
    labels = value_axis(window, rows, scale, marker)
    return [
        *([(label, axis), *line] for label, line in zip(labels, lines, strict=True)),
        [(step_axis(window, inner, marker, x_ticks), axis)],
    ]


def _canvas(
    curves: Sequence[Curve], window: Window, width: int, height: int, scale: Scale, marker: Marker
) -> tuple[Codes, Owners]:
    """Return characters and the number of the curve in each, both [height, width]."""
    patterns = np.zeros((height, width), dtype=np.int32)
    owner = np.full((height, width), -1)
    marks: list[tuple[int, tuple[Indices, Indices]]] = []
    for index, curve in enumerate(curves):
        own = marker.patterns(_mask(curve, window, width, height, scale, marker))
        patterns = overlaid(patterns, own, faint=curve.faint)
        owner[own > 0] = index
        if curve.deviation is not None:
            marks.append((index, _points(curve, window, width, height, scale)))
    codes = marker.characters(patterns)
    for index, places in marks:
        codes[places], owner[places] = ord(marker.point), index
    codes[owner < 0] = ord(" ")
    return codes, owner


def _mask(curve: Curve, window: Window, width: int, height: int, scale: Scale, marker: Marker) -> Mask:
    """Return the dots of one curve."""
    columns, rows = width * marker.dots_x, height * marker.dots_y
    if curve.deviation is not None:
        low, high = _error_bars(curve, window, columns, scale, marker)
    else:
        left, right, pyramid = window.left, window.right, curve.pyramid
        low, high = raster.envelope(curve.x, curve.y, left, right, columns, scale=scale, pyramid=pyramid)
        if curve.upper is not None:
            _, high = raster.envelope(curve.x, curve.upper, left, right, columns, scale=scale)
    return raster.fill(low, high, window.bottom, window.top, rows)


def _error_bars(
    curve: Curve, window: Window, columns: int, scale: Scale, marker: Marker
) -> tuple[Floats, Floats]:
    """Return the lowest and highest heights of the error bars in each column of dots."""
    low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
    inside = (curve.x >= window.left) & (curve.x <= window.right)
    assert curve.deviation is not None
    x, y, deviation = curve.x[inside], curve.y[inside], curve.deviation[inside]
    slots = ((x - window.left) * (columns / (window.right - window.left))).astype(np.intp)
    # The dot column left of a cell's middle: the bar runs through the mark.
    slots = np.minimum(slots, columns - 1) // marker.dots_x * marker.dots_x
    bottom, top = scale.forward(y - deviation), scale.forward(y + deviation)
    # On a scale that the lower end has no place on, the bar begins at the point.
    bottom = np.where(np.isfinite(bottom), bottom, scale.forward(y))
    known = np.isfinite(top) & np.isfinite(bottom)
    np.minimum.at(low, slots[known], bottom[known])
    np.maximum.at(high, slots[known], top[known])
    return low, high


def _points(curve: Curve, window: Window, width: int, height: int, scale: Scale) -> tuple[Indices, Indices]:
    """Return the cells of the points inside the window: rows and columns."""
    heights = scale.forward(curve.y)
    place_x = (curve.x - window.left) * (width / (window.right - window.left))
    place_y = (window.top - heights) * (height / (window.top - window.bottom))
    with np.errstate(invalid="ignore"):
        inside = (place_x >= 0) & (place_x <= width) & (place_y >= 0) & (place_y <= height)
    columns = np.minimum(place_x[inside].astype(np.intp), width - 1)
    return np.minimum(place_y[inside].astype(np.intp), height - 1), columns


def _spans(codes: Codes, owner: Owners, styles: Sequence[str]) -> list[list[Span]]:
    """Cut lines of characters where their cells change hands."""
    height, width = codes.shape
    border = np.ones((height, width), dtype=np.bool_)
    border[:, 1:] = owner[:, 1:] != owner[:, :-1]
    rows, starts = np.nonzero(border)
    owners = owner[rows, starts].tolist()
    lines: list[list[Span]] = [[] for _ in range(height)]
    written = texts(codes)
    places = [*zip(rows.tolist(), starts.tolist(), strict=True), (height, 0)]
    for ((row, start), (next_row, stop)), number in zip(itertools.pairwise(places), owners, strict=True):
        lines[row].append((written[row][start : stop if next_row == row else width], styles[number]))
    return lines


def value_axis(window: Window, height: int, scale: Scale = LINEAR, marker: Marker = BRAILLE) -> list[str]:
    """Return the axis of values, a text of `LABEL_WIDTH` for each line."""
    line, tick, _ = marker.axis
    room = LABEL_WIDTH - 1
    labels = [" " * room + line] * height
    entries = scale.ticks(window.bottom, window.top, max(2, height // 3))
    places = [place for place, _ in entries]
    fitting = within(room, [label for _, label in entries], scale.inverse(np.array(places)).tolist())
    for place, label in zip(places, fitting, strict=True):
        row = int((window.top - place) * height / (window.top - window.bottom))
        if 0 <= row < height:
            labels[row] = f"{label:>{room}.{room}}{tick}"
    return labels


def step_axis(window: Window, width: int, marker: Marker = BRAILLE, ticks: Ticks = linear_ticks) -> str:
    """Return the axis under a plot, each label centred under its place, none overlapping another."""
    line = [" "] * (LABEL_WIDTH + width)
    line[LABEL_WIDTH - 1] = marker.axis[2]
    entries = ticks(window.left, window.right, max(2, width // 10))
    for _, start, label in spaced(entries, window.left, window.right, width):
        line[LABEL_WIDTH + start : LABEL_WIDTH + start + len(label)] = label
    return "".join(line[: LABEL_WIDTH + width])
