"""A heat strip: a figure of each action dimension over time, as colour."""

from __future__ import annotations

import itertools

import numpy as np
from rich.style import Style
from textual.color import Color

from vmpo_tui.text import number, si
from vmpo_tui.thinned import Floats, Thinned
from vmpo_tui.widgets.lines import Lines, Span

LEVELS = 32
LABEL_WIDTH = 6
VALUE_WIDTH = 7
KEY_WIDTH = 8
SMALLEST_RATIO = 1.25
"""Of the highest to the lowest figure on the colour scale: tiny changes shall not look like large ones."""
UPPER_HALF = "▀"
SHADES = "·░▒▓█"
"""From low to high, where there are no colours."""


class HeatStrip(Lines):
    """A band for each dimension, from the run's start to now, on one logarithmic colour scale.

    Bands are halves of lines where there is little room; where there is even less, neighbouring dimensions
    share one, as their mean, and its label says so.
    """

    COMPONENT_CLASSES = {"heat--label", "heat--value", "heat--low", "heat--middle", "heat--high"}
    DEFAULT_CSS = """
    HeatStrip { height: 1fr; }
    HeatStrip .heat--label { color: $text-muted; }
    HeatStrip .heat--value { color: $text; }
    HeatStrip .heat--low { color: $heat-low; }
    HeatStrip .heat--middle { color: $heat-middle; }
    HeatStrip .heat--high { color: $heat-high; }
    """

    def __init__(self, *, placeholder: str = "waiting for data", id: str | None = None) -> None:
        super().__init__(id=id)
        self._placeholder = placeholder
        self._history = Thinned()

    def show(self, history: Thinned) -> None:
        """Draw a history from now on."""
        self._history = history
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the bands over a line with the time axis and the colour key."""
        history, columns = self._history, width - LABEL_WIDTH - VALUE_WIDTH
        if not len(history) or columns < 4 or height < 2:
            message = (self._placeholder[:width].center(width), "heat--label")
            return [*([] for _ in range(height // 2)), [message]]
        cells = _shaded if self.colourless else _cells
        bands, labels = banded(history.means, (1 if self.colourless else 2) * (height - 1))
        low, high = colour_range(bands)
        levels = quantized(over_time(bands, history, columns), low, high)
        places = np.arange(2 * (height - 1)) * len(bands) // (2 * (height - 1))  # band of each half line
        named = [_named(places, line) for line in range(height - 1)]
        lines = [
            [
                (_label(labels, named[line]), "heat--label"),
                *cells(levels[places[2 * line]], levels[places[2 * line + 1]]),
                (_value(bands, named[line]), "heat--value"),
            ]
            for line in range(height - 1)
        ]
        return [*lines, self._axis(columns, low, high)]

    def _axis(self, columns: int, low: float, high: float) -> list[Span]:
        """Start and end of the time axis under the bands; the colours' meaning at the right."""
        key = [
            (number(low) + " ", "heat--label"),
            *(_shaded if self.colourless else _cells)(
                *(np.linspace(0, LEVELS - 1, KEY_WIDTH, dtype=int),) * 2
            ),
        ]
        key.append((" " + number(high), "heat--label"))
        room = LABEL_WIDTH + columns + VALUE_WIDTH - sum(len(text) for text, _ in key)
        start, end = si(self._history.start), si(float(self._history.ends[-1]))
        spans = (" " * LABEL_WIDTH + text for text in (f"{start} to {end} steps", f"{start}-{end}"))
        axis = next((text for text in spans if len(text) <= room - 2), "")  # never a part of a number
        return [(f"{axis:<{max(0, room)}}", "heat--label"), *key]

    def make_style(self, look: str | int) -> Style:
        """Return a component's style; "3 17" means the levels of a cell's upper and lower half."""
        look = str(look)
        if not look[:1].isdigit() and not look.startswith("-"):
            return super().make_style(look)
        upper, lower = (self._colour(int(level)) for level in look.split())
        return Style.from_color(upper.rich_color, lower.rich_color)

    def _colour(self, level: int) -> Color:
        if level < 0:
            return self.background_colors[1]
        low, middle, high = (
            self.get_component_styles(f"heat--{name}").color for name in ("low", "middle", "high")
        )
        place = 2 * level / (LEVELS - 1)
        return low.blend(middle, place) if place <= 1 else middle.blend(high, place - 1)


def banded(means: Floats, room: int) -> tuple[Floats, list[str]]:
    """Return at most ``room`` bands [bands, columns] of the dimensions [A, columns], and their labels."""
    groups = np.array_split(np.arange(len(means)), min(len(means), room))
    labels = [str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}" for group in groups]
    return np.stack([means[group].mean(0) for group in groups]), labels


def colour_range(figures: Floats) -> tuple[float, float]:
    """Return the figures at both ends of the colour scale, at least `SMALLEST_RATIO` apart."""
    known = figures[np.isfinite(figures) & (figures > 0)]
    if not known.size:
        return 1.0, SMALLEST_RATIO
    low, high = float(known.min()), float(known.max())
    if high < SMALLEST_RATIO * low:
        middle = (low * high) ** 0.5
        low, high = middle / SMALLEST_RATIO**0.5, middle * SMALLEST_RATIO**0.5
    return low, high


def over_time(bands: Floats, history: Thinned, cells: int) -> Floats:
    """Return the mean of each band [bands, cells] over equal slices of environment steps.

    Args:
        bands: [bands, columns], a column for each of the history's.
        history: says when its columns end.
        cells: number of slices. A slice shorter than a column shows the column that it lies in.
    """
    ends, columns = history.ends, bands.shape[1]
    borders = np.linspace(history.start, ends[-1], cells + 1)
    first = np.minimum(np.searchsorted(ends, borders[:-1], side="right"), columns - 1)
    last = np.minimum(np.searchsorted(ends, borders[1:], side="left"), columns - 1)
    sums = np.concatenate([np.zeros((len(bands), 1)), np.nancumsum(bands, axis=1)], axis=1)
    gaps = np.concatenate([np.zeros((len(bands), 1)), np.cumsum(~np.isfinite(bands), axis=1)], axis=1)
    last = np.maximum(last, first)
    means = (sums[:, last + 1] - sums[:, first]) / (last + 1 - first)
    return np.asarray(np.where(gaps[:, last + 1] > gaps[:, first], np.nan, means))


def quantized(figures: Floats, low: float, high: float) -> np.ndarray:
    """Return the colour level of each figure, -1 where there is none to show."""
    known = np.isfinite(figures) & (figures > 0)
    place = np.log(np.where(known, figures, low) / low) / np.log(high / low)
    return np.where(known, np.clip(np.rint(place * (LEVELS - 1)), 0, LEVELS - 1), -1).astype(int)


def _cells(upper: np.ndarray, lower: np.ndarray) -> list[Span]:
    """Spans of a line of half blocks, from the levels of both halves."""
    borders = np.flatnonzero((np.diff(upper) != 0) | (np.diff(lower) != 0)) + 1
    runs = itertools.pairwise([0, *borders.tolist(), len(upper)])
    return [(UPPER_HALF * (stop - start), f"{upper[start]} {lower[start]}") for start, stop in runs]


def _shaded(upper: np.ndarray, lower: np.ndarray) -> list[Span]:
    """A span of a line of shades, from the levels of both halves."""
    levels = np.maximum(upper, lower)
    shades = np.minimum(levels * len(SHADES) // LEVELS, len(SHADES) - 1)
    return [("".join(SHADES[shade] if shade >= 0 else " " for shade in shades), "heat--value")]


def _named(places: np.ndarray, line: int) -> list[int]:
    """Bands whose middle is on a line of two halves: there they are named."""
    here = sorted(set(places[2 * line : 2 * line + 2].tolist()))
    middles = {band: int(np.median(np.flatnonzero(places == band))) // 2 for band in here}
    return [band for band in here if middles[band] == line]


def _label(labels: list[str], named: list[int]) -> str:
    """Name bands: "3", or "6-7" for two halves of a line."""
    if not named:
        return " " * LABEL_WIDTH
    first, last = labels[named[0]].split("-")[0], labels[named[-1]].split("-")[-1]
    text = first if first == last else f"{first}-{last}"
    return f"{text:>{LABEL_WIDTH - 1}.{LABEL_WIDTH - 1}} "


def _value(bands: Floats, named: list[int]) -> str:
    """Newest figure of a band; the mean of two halves'."""
    text = number(float(bands[named, -1].mean())) if named else ""
    return f" {text:<{VALUE_WIDTH - 1}.{VALUE_WIDTH - 1}}"
