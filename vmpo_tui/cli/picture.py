"""A figure as a picture fit for a paper, drawn by matplotlib."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import Formatter, MaxNLocator

from engine.errors import ConfigError
from vmpo_tui.figure import Figure, Line, Panel
from vmpo_tui.text import printable, si, tick_labels

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#332288", "#882255")
"""Told apart by colour-blind readers too (after Okabe and Ito)."""
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "vmpo",  # the same figure is the same file
    "pdf.fonttype": 42,
}
PANEL_INCHES = (4.8, 3.1)
MOST_COLUMNS = 3
DPI = 200
LETTERS_PER_INCH, HANDLE_LETTERS = 12, 8
"""Of the legend, estimated; a handle takes the room of so many letters."""
METADATA: dict[str, dict[str, str | None]] = {
    ".png": {"Software": "vmpo-tui"},
    ".svg": {"Creator": "vmpo-tui", "Date": None},
    ".pdf": {"Creator": "vmpo-tui", "CreationDate": None},
}


def draw(figure: Figure, path: Path) -> None:
    """Write a figure to a file whose name tells the format: .png, .svg or .pdf.

    The same figure is the same file, byte for byte: none of the formats keeps a date.

    Raises:
        ConfigError: the file cannot be written.
    """
    columns = min(MOST_COLUMNS, len(figure.panels))
    rows = math.ceil(len(figure.panels) / columns)
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        canvas = Canvas(figsize=(PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows), layout="constrained")
        axes = list(canvas.subplots(rows, columns, squeeze=False).flat)
        for pair, panel in zip(axes, figure.panels, strict=False):
            _draw_panel(pair, panel)
        for pair in axes[len(figure.panels) - columns : len(figure.panels)]:  # the lowest of each column
            pair.set_xlabel(figure.x_label)
        for pair in axes[len(figure.panels) :]:
            pair.remove()
        _draw_legend(canvas, figure)
        try:
            canvas.savefig(path, dpi=DPI, metadata=METADATA[path.suffix.lower()])
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error


def _draw_panel(axes: Any, panel: Panel) -> None:
    for line in panel.lines:
        _draw_line(axes, line)
    axes.set_ylabel(_plain(panel.y_label))
    axes.set_title(_plain(panel.title), loc="left", fontsize="medium")
    axes.set_xlim(left=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(_TickFormatter())


def _draw_line(axes: Any, line: Line) -> None:
    colour, band = _colour(line.group), line.band
    if not np.array_equal(band.low, band.high):
        axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.07 if line.faint else 0.18, lw=0)
    axes.plot(
        band.x,
        band.median,
        color=colour,
        alpha=0.35 if line.faint else 1.0,
        linewidth=1.0 if line.faint else 1.6,
        marker="o" if line.marked else None,
        markersize=3,
        solid_joinstyle="round",
    )


def _draw_legend(canvas: Canvas, figure: Figure) -> None:
    """Name the groups above the panels, in as many columns as fit, and what their lines and bands are."""
    handles = [Line2D([], [], color=_colour(index), linewidth=1.6) for index in range(len(figure.labels))]
    inches = (max(map(len, figure.labels)) + HANDLE_LETTERS) / LETTERS_PER_INCH
    canvas.legend(
        handles,
        [_plain(label) for label in figure.labels],
        loc="outside upper left",
        ncols=max(1, int(canvas.get_figwidth() / inches)),
        title=figure.note or None,
        title_fontsize=7.5,
        alignment="left",
    )


def _colour(group: int) -> str:
    return COLOURS[group % len(COLOURS)]


def _plain(text: str) -> str:
    """Return a text that is shown as it is: nothing steers, and no $ begins a formula."""
    return printable(text).replace("$", r"\$")


class _TickFormatter(Formatter):
    """Labels as everywhere in this program, such as 0, 200k, 400k."""

    def __call__(self, value: float, position: int | None = None) -> str:
        """Return the label of a single value, such as the cursor's."""
        return si(value)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return labels that suit one another."""
        return tick_labels(list(values))
