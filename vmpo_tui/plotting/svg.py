"""Panels as a vector picture: the same curves as on the screen, to the width of a pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

import numpy as np

from vmpo_tui.plotting import raster
from vmpo_tui.plotting.arrays import Floats
from vmpo_tui.plotting.composition import Curve, Span
from vmpo_tui.plotting.panel import Panel
from vmpo_tui.plotting.ticks import within
from vmpo_tui.text import printable

WIDTH, HEIGHT = 640, 300
"""Of a panel, pixels."""
LEFT, TOP, RIGHT, BOTTOM = 64, 34, 16, 30
"""Margins of a panel."""
GAP = 8
"""Between a label and its axis."""
LETTER = 7.0
"""Width of a digit at the size of the labels, at most."""
LEGEND = 30
"""Height of the line that says what the colours mean."""
INK, FAINT, GRID = "#1f2328", "#6e7781", "#e6e9ed"
COLOURS: Mapping[str, str] = {
    "own": "#0a66c2",
    "raw": "#9cc4ea",
    "range": "#dbe9f7",
    "evaluation": "#d97706",
    "median": "#15803d",
    "band": "#cdeed8",
    "cursor": "#6e7781",
    "marker": "#c026d3",
    "run-1": "#15803d",
    "run-2": "#7c3aed",
    "run-3": "#dc2626",
    "run-4": "#0e7490",
    "run-5": "#be3d82",
    "run-6": "#6e7781",
}
"""Of each style that panels use, on white."""


def picture(panels: Sequence[Panel], columns: int, x_label: str, legend: Sequence[Span] = ()) -> str:
    """Return an SVG document of panels in rows of ``columns``, with what the colours mean under them."""
    columns = max(1, min(columns, len(panels)))
    rows = -(-len(panels) // columns)
    width, height = columns * WIDTH, rows * HEIGHT + LEGEND
    body = [line for index, panel in enumerate(panels) for line in _panel(panel, index, columns, x_label)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *body,
        *_legend(legend, rows * HEIGHT + LEGEND / 2),
        "</svg>\n",
    ])  # fmt: skip


def _panel(panel: Panel, index: int, columns: int, x_label: str) -> Iterator[str]:
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    yield f'<g transform="translate({index % columns * WIDTH + LEFT} {index // columns * HEIGHT + TOP})">'
    yield f'<clipPath id="plot-{index}"><rect width="{width}" height="{height}"/></clipPath>'
    yield _text(0, -12, panel.title, fill=INK, weight="600")
    yield _text(width, -12, ", ".join(panel.notes), anchor="end")
    yield from _axes(panel, width, height)
    yield _text(width, height + 26, x_label, anchor="end")
    yield f'<g clip-path="url(#plot-{index})" fill="none">'
    for rule in panel.rules:
        x, dash = _share(rule.x, panel) * width, "" if rule.solid else ' stroke-dasharray="4 3"'
        yield f'<path d="M{x:.1f} 0V{height}" stroke="{_colour(rule.style)}"{dash}/>'
    for curve in panel.curves:
        yield from _curve(curve, panel, width, height)
    yield "</g></g>"


def _axes(panel: Panel, width: int, height: int) -> Iterator[str]:
    window, room = panel.window, LEFT - GAP
    entries = panel.scale.ticks(window.bottom, window.top, 6)
    values = panel.scale.inverse(np.array([place for place, _ in entries])).tolist()
    labels = within(int(room / LETTER), [label for _, label in entries], values)
    for (place, _), label in zip(entries, labels, strict=True):
        y = (window.top - place) / (window.top - window.bottom) * height
        yield f'<path d="M0 {y:.1f}H{width}" stroke="{GRID}"/>'
        yield _text(-GAP, y + 4, label, anchor="end", room=room)
    for place, label in panel.x_ticks(window.left, window.right, 6):
        x = _share(place, panel) * width
        yield f'<path d="M{x:.1f} {height}v4" stroke="{FAINT}"/>'
        yield _text(x, height + 16, label, anchor="middle")
    yield f'<path d="M0 0V{height}H{width}" fill="none" stroke="{FAINT}"/>'


def _curve(curve: Curve, panel: Panel, width: int, height: int) -> Iterator[str]:
    window, colour = panel.window, _colour(curve.style)

    def down(heights: Floats) -> Floats:
        return np.clip((window.top - heights) / (window.top - window.bottom) * height, -height, 2 * height)

    if curve.deviation is not None:
        x = (curve.x - window.left) / (window.right - window.left) * width
        middle, low, high = (
            down(panel.scale.forward(curve.y + sign * curve.deviation)) for sign in (0.0, -1.0, 1.0)
        )
        for place, y, least, most in zip(x, middle, low, high, strict=True):
            if np.isfinite([place, y, least, most]).all():
                yield f'<path d="M{place:.1f} {least:.1f}V{most:.1f}" stroke="{colour}"/>'
                yield f'<circle cx="{place:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
        return
    ends = window.left, window.right, width
    low, high = raster.envelope(curve.x, curve.y, *ends, scale=panel.scale, pyramid=curve.pyramid)
    if curve.upper is not None:
        _, high = raster.envelope(curve.x, curve.upper, *ends, scale=panel.scale)
    path = _path(down(high), down(low), closed=curve.upper is not None)
    look = f'fill="{colour}"' if curve.upper is not None else f'stroke="{colour}" stroke-width="1.5"'
    yield f'<path d="{path}" {look} stroke-linejoin="round"/>'


def _path(tops: Floats, bottoms: Floats, *, closed: bool) -> str:
    """Return a path through the range of each column, broken where there is none."""
    known = np.flatnonzero(np.isfinite(tops) & np.isfinite(bottoms) & (tops <= bottoms))
    breaks = np.flatnonzero(np.diff(known) > 1) + 1
    parts = []
    for start, stop in pairwise([0, *breaks.tolist(), len(known)]):
        columns = known[start:stop].tolist()
        above = [(column + 0.5, tops[column]) for column in columns]
        below = [(column + 0.5, bottoms[column]) for column in columns]
        if closed:
            points = [*above, *reversed(below)]
        else:  # down one column, up the next
            points = [
                point
                for turn, pair in enumerate(zip(above, below, strict=True))
                for point in (pair if turn % 2 == 0 else pair[::-1])
            ]
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if closed else ""))
    return "".join(part for part in parts if len(part) > 1)


def _legend(legend: Sequence[Span], y: float) -> Iterator[str]:
    x = float(LEFT)
    for text, style in legend:
        yield _text(x, y, text, fill=_colour(style))
        x += 7.5 * len(text) + 20


def _share(x: float, panel: Panel) -> float:
    return (x - panel.window.left) / (panel.window.right - panel.window.left)


def _colour(style: str) -> str:
    return COLOURS.get(style, FAINT)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    fill: str = FAINT,
    weight: str = "400",
    room: float | None = None,
) -> str:
    """Return a text, squeezed where it might take more room than there is."""
    look = f'text-anchor="{anchor}" fill="{fill}" font-weight="{weight}"'
    if room is not None and len(text) * LETTER > room:
        look += f' textLength="{room:g}" lengthAdjust="spacingAndGlyphs"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(printable(text))}</text>'
