"""The chart: curves in braille, drawn line by line; this project's own, for its speed (see raster)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from vmpo_tui.text import tick_labels
from vmpo_tui.widgets import logscale, raster
from vmpo_tui.widgets.lines import Lines, Span

LABEL_WIDTH = 8
"""Columns of the value axis with its line."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Something to draw; the later of two curves wins a shared cell's colour."""

    x: raster.Floats
    """Ascending [n]."""
    y: raster.Floats
    """[n]; not finite for a gap."""
    style: str
    """Component class of the chart that colours it, such as ``chart--raw``."""
    deviation: raster.Floats | None = None
    """With it, points with error bars of y +- deviation [n] instead of a line."""


class Chart(Lines):
    """Curves over environment steps with both axes, scaled to what there is."""

    COMPONENT_CLASSES = {
        "chart--axis",
        "chart--raw",
        "chart--smooth",
        "chart--evaluation",
        "chart--empty",
    }
    DEFAULT_CSS = """
    Chart { height: 1fr; }
    Chart .chart--axis { color: $text-muted; }
    Chart .chart--raw { color: $primary 60%; }
    Chart .chart--smooth { color: $primary; text-style: bold; }
    Chart .chart--evaluation { color: $warning; text-style: bold; }
    Chart .chart--empty { color: $text-muted; }
    """

    def __init__(
        self,
        *,
        placeholder: str = "waiting for data",
        logarithmic: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._logarithmic = logarithmic
        self._placeholder = placeholder
        self._curves: tuple[Curve, ...] = ()
        self._x_end: float | None = None

    def show(self, curves: tuple[Curve, ...], x_end: float | None = None) -> None:
        """Draw these curves from now on.

        Args:
            curves: in drawing order.
            x_end: right end of the axis; None ends it with the data.
        """
        if self._logarithmic:
            curves = tuple(replace(curve, y=logscale.exponents(curve.y)) for curve in curves)
        self._curves, self._x_end = curves, x_end
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the chart with its axes, or a message while there is nothing to draw."""
        if width < LABEL_WIDTH + 4 or height < 3 or not any(len(curve.x) for curve in self._curves):
            message = (self._placeholder[:width].center(width), "chart--empty")
            return [*([] for _ in range(height // 2)), [message]]
        window = self._window()
        return [
            *self._plot(window, width - LABEL_WIDTH, height - 1),
            [(_step_axis(window, width - LABEL_WIDTH), "chart--axis")],
        ]

    def _window(self) -> raster.Window:
        lows, highs, left, right = [], [], np.inf, -np.inf
        for curve in self._curves:
            finite = np.isfinite(curve.y)
            if not finite.any():
                continue
            spread = curve.deviation[finite] if curve.deviation is not None else 0.0
            lows.append(float((curve.y[finite] - spread).min()))
            highs.append(float((curve.y[finite] + spread).max()))
            left, right = min(left, float(curve.x[0])), max(right, float(curve.x[-1]))
        bottom, top = raster.padded_range(min(lows, default=np.nan), max(highs, default=np.nan))
        left = 0.0 if self._x_end is not None or not np.isfinite(left) else left
        right = max(self._x_end or right, left + 1.0)
        return raster.Window(left, right, bottom, top)

    def _plot(self, window: raster.Window, width: int, height: int) -> list[list[Span]]:
        """Return the value axis with the curves."""
        dots = np.zeros((height * raster.DOTS_Y, width * raster.DOTS_X), dtype=np.bool_)
        owner = np.full((height, width), -1)
        marks: list[tuple[int, raster.Cells]] = []
        for index, curve in enumerate(self._curves):
            if curve.deviation is None:
                mask = raster.curve(curve.x, curve.y, window, width, height)
            else:
                mask = self._error_bars(curve, window, width, height)
                marks.append((index, self._points(curve, window, width, height)))
            cells = raster.occupied(mask)
            if curve.style != "chart--raw":  # a clear line hides the faint one under it
                dots[raster.enlarged(cells)] = False
            dots |= mask
            owner[cells] = index
        codes = raster.braille(dots)
        for index, places in marks:
            codes[places], owner[places] = ord("●"), index
        codes[owner < 0] = ord(" ")
        labels = _value_labels(window, height, logarithmic=self._logarithmic)
        styles = [*(curve.style for curve in self._curves), ""]
        return [
            [(label, "chart--axis"), *_runs(text, row, styles)]
            for label, text, row in zip(labels, raster.texts(codes), owner, strict=True)
        ]

    @staticmethod
    def _error_bars(curve: Curve, window: raster.Window, width: int, height: int) -> raster.Mask:
        columns = width * raster.DOTS_X
        low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
        scale = columns / (window.right - window.left)
        slots = ((curve.x - window.left) * scale).astype(np.intp)
        # The dot column left of a cell's middle: the bar runs through the mark.
        slots = np.clip(slots // raster.DOTS_X * raster.DOTS_X, 0, columns - 1)
        assert curve.deviation is not None
        np.minimum.at(low, slots, curve.y - curve.deviation)
        np.maximum.at(high, slots, curve.y + curve.deviation)
        return raster.fill(low, high, window.bottom, window.top, height * raster.DOTS_Y)

    @staticmethod
    def _points(curve: Curve, window: raster.Window, width: int, height: int) -> raster.Cells:
        columns = ((curve.x - window.left) * (width / (window.right - window.left))).astype(int)
        rows = ((window.top - curve.y) * (height / (window.top - window.bottom))).astype(int)
        return np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)


def _runs(text: str, owner: np.ndarray, styles: list[str]) -> list[Span]:
    """Cut a line where its cells change hands."""
    borders = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(text)]
    return [(text[start:stop], styles[owner[start]]) for start, stop in itertools.pairwise(borders)]


def _value_labels(window: raster.Window, height: int, *, logarithmic: bool) -> list[str]:
    labels = [" " * (LABEL_WIDTH - 1) + "│"] * height
    count = max(2, height // 3)
    if logarithmic:
        named = logscale.ticks(window.bottom, window.top, count)
    else:
        places = raster.ticks(window.bottom, window.top, count)
        named = list(zip(places, tick_labels(places), strict=True))
    for tick, label in named:
        row = int((window.top - tick) * height / (window.top - window.bottom))
        if 0 <= row < height:
            labels[row] = f"{label:>{LABEL_WIDTH - 1}.{LABEL_WIDTH - 1}}┤"
    return labels


def _step_axis(window: raster.Window, width: int) -> str:
    """Ticks of the step axis, each label centred under its place, none overlapping another."""
    line = [" "] * (LABEL_WIDTH + width)
    line[LABEL_WIDTH - 1] = "└"
    free_from = 0
    ticks = raster.ticks(window.left, window.right, max(2, width // 12))
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        place = LABEL_WIDTH + int((tick - window.left) * width / (window.right - window.left))
        start = max(LABEL_WIDTH, min(place - len(label) // 2, len(line) - len(label)))
        if start >= free_from:
            line[start : start + len(label)] = label
            free_from = start + len(label) + 2
    return "".join(line)
