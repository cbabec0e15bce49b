"""A figure with its history: label, value and a small curve."""

from __future__ import annotations

import numpy as np

from vmpo_tui.plotting import raster
from vmpo_tui.plotting.markers import BRAILLE, texts
from vmpo_tui.plotting.scales import LINEAR, LOG
from vmpo_tui.run_view import Series
from vmpo_tui.text import number
from vmpo_tui.widgets.lines import Lines, Span


class Tile(Lines):
    """One metric: its name and newest value on a line, its history in braille under it."""

    COMPONENT_CLASSES = {"tile--label", "tile--value", "tile--curve"}
    DEFAULT_CSS = """
    Tile { height: 3; padding: 0 1; }
    Tile .tile--label { color: $text-muted; }
    Tile .tile--value { color: $text; text-style: bold; }
    Tile .tile--curve { color: $primary; }
    """

    def __init__(self, label: str, *, logarithmic: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label
        self._logarithmic = logarithmic
        self._series: Series | None = None

    def show(self, label: str, series: Series | None) -> None:
        """Show the newest value and the history of a series under a label."""
        self._label, self._series = label, series
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the figure in the widget's size."""
        value = number(float(self._series.y[-1])) if self._series else "-"
        label = self._label[: max(0, width - len(value) - 1)]
        space = " " * max(1, width - len(label) - len(value))
        lines = [[(label, "tile--label"), (space, ""), (value, "tile--value")]]
        if self._series and height > 1:
            rows = sparkline(self._series, width, height - 1, logarithmic=self._logarithmic)
            lines += [[(row, "tile--curve")] for row in rows]
        return lines


def sparkline(series: Series, width: int, height: int, *, logarithmic: bool = False) -> list[str]:
    """Rows of braille that show a whole series, its own range filling the height.

    Args:
        series: at least one point.
        width: characters.
        height: rows.
        logarithmic: draw log10 of the positive values; others leave gaps.
    """
    x, y, scale = series.x, series.y, LOG if logarithmic else LINEAR
    heights = scale.forward(y)
    finite = heights[np.isfinite(heights)]
    if not len(finite):
        return [" " * width] * height
    bottom, top = raster.padded_range(float(finite.min()), float(finite.max()))
    window = raster.Window(float(x[0]), max(float(x[-1]), float(x[0]) + 1.0), bottom, top)
    dots = raster.curve(x, y, window, width, height, scale=scale, pyramid=series.pyramid)
    return texts(BRAILLE.encode(dots))
