"""A figure as a picture fit for a paper, drawn by matplotlib."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator

from engine.errors import ConfigError
from vmpo_tui.figure import Figure, Line, Panel
from vmpo_tui.text import printable, tick_labels

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


def draw(figure: Figure, path: Path) -> None:
    """Write a figure to a file whose name tells the format, and its path to stdout.

    Raises:
        ConfigError: the file cannot be written.
    """
    import typer

    columns = min(MOST_COLUMNS, len(figure.panels))
    rows = math.ceil(len(figure.panels) / columns)
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about glyphs that no font has
        canvas = Canvas(figsize=(PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows), layout="constrained")
        grid = canvas.subplots(rows, columns, squeeze=False).flat
        for axes, panel in zip(grid, figure.panels, strict=False):
            _draw_panel(axes, panel, figure)
        for axes in list(grid)[len(figure.panels) :]:
            axes.remove()
        _draw_legend(canvas, figure)
        try:
            canvas.savefig(path, dpi=DPI, metadata=None if path.suffix.lower() == ".png" else {_DATE[path.suffix.lower()]: None})
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error
    typer.echo(str(path))
