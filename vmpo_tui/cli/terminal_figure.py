"""A figure in the terminal: braille curves with shaded bands, coloured where the terminal is."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from vmpo_tui.figure import Figure, Line, Panel
from vmpo_tui.plotting import raster
from vmpo_tui.plotting.arrays import Mask
from vmpo_tui.plotting.composition import LABEL_WIDTH, step_axis, value_axis
from vmpo_tui.plotting.markers import BRAILLE, overlaid, texts
from vmpo_tui.text import printable

COLOURS = ("bright_blue", "bright_red", "bright_green", "bright_magenta", "bright_cyan", "bright_yellow")
AXIS = "bright_black"
MOST_WIDTH, PANEL_HEIGHT = 120, 18
SCRIPT_WIDTH = 100
"""Columns where stdout is no terminal."""
SHADE = "░"
"""Fills a band."""


def draw(figure: Figure) -> None:
    """Write a figure to stdout, as wide as the terminal allows."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else SCRIPT_WIDTH
    width = max(LABEL_WIDTH + 12, min(columns, MOST_WIDTH))
    console = Console(width=width, markup=False, highlight=False)
    for line in render(figure, width):
        console.print(line, soft_wrap=True)


def render(figure: Figure, width: int) -> Iterator[Text]:
    """Yield the lines of a figure, none wider than ``width`` unless a label is."""
    for index, label in enumerate(figure.labels):
        yield Text.assemble(("━━ ", _colour(index)), printable(label))
    if figure.note:
        yield Text(figure.note, AXIS)
    for panel in figure.panels:
        yield Text()
        yield Text(printable(f"{panel.title} {panel.y_label}".lstrip()), "bold")
        yield from _panel(panel, width)
        yield Text(f"{figure.x_label:>{width}}", AXIS)


def _panel(panel: Panel, width: int) -> Iterator[Text]:
    """Yield the rows of a panel and its lower axis."""
    window = _window(panel.lines)
    inner = width - LABEL_WIDTH
    codes, owner = _canvas(panel.lines, window, inner)
    shades = (f"dim {_colour(line.group)}" for line in panel.lines)
    styles = [*(_style(line) for line in panel.lines), *shades, ""]
    labels = value_axis(window, PANEL_HEIGHT)
    for label, row, owners in zip(labels, texts(codes), owner, strict=True):
        line = Text.assemble((label, AXIS))
        borders = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist(), inner]
        for start, stop in itertools.pairwise(borders):
            line.append(row[start:stop], styles[owners[start]])
        line.rstrip()
        yield line
    yield Text(step_axis(window, inner), AXIS)


def _window(lines: Sequence[Line]) -> raster.Window:
    """Return the part of the plane that shows everything, from the run's beginning."""
    filled = [line.band for line in lines if len(line.band.x)]
    bottom, top = raster.padded_range(
        min((float(band.low.min()) for band in filled), default=np.nan),
        max((float(band.high.max()) for band in filled), default=np.nan),
    )
    right = max((float(band.x[-1]) for band in filled), default=1.0)
    return raster.Window(0.0, right if right > 0 else 1.0, bottom, top)


def _canvas(
    lines: Sequence[Line], window: raster.Window, width: int
) -> tuple[NDArray[np.int32], NDArray[np.int_]]:
    """Return characters and what each belongs to, both [PANEL_HEIGHT, width].

    That is the number of a line, the same beyond all lines for its band, or -1 for nothing.
    """
    patterns = np.zeros((PANEL_HEIGHT, width), dtype=np.int32)
    shaded = np.zeros((PANEL_HEIGHT, width), dtype=np.bool_)
    owner = np.full((PANEL_HEIGHT, width), -1)
    for index, line in enumerate(lines):
        band = BRAILLE.patterns(_band(line, window, width)) > 0
        shaded |= band
        owner[band] = len(lines) + index
    for index, line in enumerate(lines):
        own = BRAILLE.patterns(raster.curve(line.band.x, line.band.median, window, width, PANEL_HEIGHT))
        patterns = overlaid(patterns, own, faint=line.faint)
        owner[own > 0] = index
    codes, empty = BRAILLE.characters(patterns), patterns == 0
    codes[empty] = np.where(shaded[empty], ord(SHADE), ord(" "))
    return codes, owner


def _band(line: Line, window: raster.Window, width: int) -> Mask:
    """Return the dots between a line's quartiles."""
    columns, band = width * BRAILLE.dots_x, line.band
    if line.faint or np.array_equal(band.low, band.high):
        return np.zeros((PANEL_HEIGHT * BRAILLE.dots_y, columns), dtype=np.bool_)
    low, _ = raster.envelope(band.x, band.low, window.left, window.right, columns)
    _, high = raster.envelope(band.x, band.high, window.left, window.right, columns)
    return raster.fill(low, high, window.bottom, window.top, PANEL_HEIGHT * BRAILLE.dots_y)


def _style(line: Line) -> str:
    return f"dim {_colour(line.group)}" if line.faint else _colour(line.group)


def _colour(group: int) -> str:
    return COLOURS[group % len(COLOURS)]
