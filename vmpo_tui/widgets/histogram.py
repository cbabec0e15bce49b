"""A histogram of an update's advantages, with the weights that the E-step gave them drawn over it."""

from __future__ import annotations

import numpy as np

from engine.events import AdvantageHistogram
from vmpo_tui.plotting import raster
from vmpo_tui.plotting.arrays import Floats, Mask
from vmpo_tui.plotting.markers import BRAILLE, texts
from vmpo_tui.plotting.ticks import ticks as round_numbers
from vmpo_tui.text import tick_labels
from vmpo_tui.widgets.lines import Lines, Span

EIGHTHS = " ▁▂▃▄▅▆▇█"
LABEL_WIDTH = 6


class Histogram(Lines):
    """Bars: each bin's share of the rows, selected ones in colour. Line: its share of the weight psi.

    Both add up to 1 over the same bins, so that the line stands above the bars where rows count for more.
    """

    COMPONENT_CLASSES = {
        "histogram--axis",
        "histogram--selected",
        "histogram--rest",
        "histogram--weight",
        "histogram--weight-on-selected",
        "histogram--weight-on-rest",
        "histogram--threshold",
    }
    DEFAULT_CSS = """
    Histogram { height: 1fr; }
    Histogram .histogram--axis { color: $text-muted; }
    Histogram .histogram--selected { color: $primary 70%; }
    Histogram .histogram--rest { color: $track; }
    Histogram .histogram--weight { color: $warning; text-style: bold; }
    Histogram .histogram--weight-on-selected { color: $warning; background: $primary 70%; text-style: bold; }
    Histogram .histogram--weight-on-rest { color: $warning; background: $track; text-style: bold; }
    Histogram .histogram--threshold { color: $error; }
    """

    def __init__(self, *, placeholder: str = "waiting for data", id: str | None = None) -> None:
        super().__init__(id=id)
        self._placeholder = placeholder
        self._histogram: AdvantageHistogram | None = None

    def show(self, histogram: AdvantageHistogram | None) -> None:
        """Draw a histogram from now on; None for none yet."""
        self._histogram = histogram
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return bars, line and threshold over the axis of advantages."""
        histogram, columns = self._histogram, width - LABEL_WIDTH
        if histogram is None or columns < 8 or height < 3:
            message = (self._placeholder[:width].center(width), "histogram--axis")
            return [*([] for _ in range(height // 2)), [message]]
        rows = max(1, sum(histogram.counts))
        bars = resampled(np.asarray(histogram.counts) / rows, columns)
        weights = resampled(np.asarray(histogram.weights), columns)
        top = 1.05 * float(max(bars.max(), weights.max(), 1e-9))
        line = raster.curve(
            np.arange(columns, dtype=np.float64) + 0.5,
            weights,
            raster.Window(0.0, columns, 0.0, top),
            columns,
            height - 1,
        )
        threshold = self._threshold_column(histogram, columns)
        cells = _Cells(bars / top * (height - 1), line, threshold)
        gutter = [f"{f'{top:.1%}':>{LABEL_WIDTH - 1}}│", *[" " * (LABEL_WIDTH - 1) + "│"] * (height - 2)]
        body = [
            [(label, "histogram--axis"), *cells.line(height - 2 - index, index)]
            for index, label in enumerate(gutter)
        ]
        return [*body, [(_axis(histogram.low, histogram.high, columns), "histogram--axis")]]

    @staticmethod
    def _threshold_column(histogram: AdvantageHistogram, columns: int) -> int:
        """Column of the smallest selected advantage; -1 where every row is selected."""
        if histogram.selected >= sum(histogram.counts):
            return -1
        place = (histogram.threshold - histogram.low) / (histogram.high - histogram.low)
        return min(columns - 1, max(0, int(place * columns)))


class _Cells:
    """Decides what each cell of the plot shows."""

    def __init__(self, heights: Floats, line: Mask, threshold: int) -> None:
        self._eighths = np.rint(heights * 8).astype(int)
        patterns = BRAILLE.patterns(line)
        self._codes, self._taken = texts(BRAILLE.characters(patterns)), patterns > 0
        self._threshold = threshold

    def line(self, above: int, row: int) -> list[Span]:
        """Spans of the line that is ``above`` lines over the axis, ``row`` from the top."""
        spans: list[Span] = []
        for column in range(len(self._eighths)):
            text, style = self._cell(column, above, row)
            if spans and spans[-1][1] == style:
                spans[-1] = (spans[-1][0] + text, style)
            else:
                spans.append((text, style))
        return spans

    def _cell(self, column: int, above: int, row: int) -> Span:
        filled = min(8, max(0, int(self._eighths[column]) - 8 * above))
        kind = "selected" if column >= self._threshold else "rest"
        if self._taken[row, column]:
            return self._codes[row][column], f"histogram--weight{f'-on-{kind}' if filled == 8 else ''}"
        if column == self._threshold and filled < 8:
            return "│", "histogram--threshold"
        return EIGHTHS[filled], f"histogram--{kind}"


def resampled(shares: Floats, columns: int) -> Floats:
    """Shares per bin [bins] as they stand over ``columns`` equal columns; the area under them stays."""
    edges = np.linspace(0.0, len(shares), columns + 1)
    cumulative = np.concatenate([[0.0], np.cumsum(shares)])
    inside = np.diff(np.interp(edges, np.arange(len(shares) + 1), cumulative))
    return np.asarray(inside * (columns / len(shares)))


def _axis(low: float, high: float, columns: int) -> str:
    """Round numbers under their places, none overlapping another."""
    line = [" "] * (LABEL_WIDTH + columns)
    line[LABEL_WIDTH - 1] = "└"
    free_from = LABEL_WIDTH
    ticks = round_numbers(low, high, max(2, columns // 10))
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        place = LABEL_WIDTH + int((tick - low) * columns / (high - low))
        start = min(max(LABEL_WIDTH, place - len(label) // 2), len(line) - len(label))
        if start >= free_from:
            line[start : start + len(label)] = label
            free_from = start + len(label) + 2
    return "".join(line)
