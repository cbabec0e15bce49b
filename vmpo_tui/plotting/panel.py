"""One chart as a value: what it shows, and that on any canvas of cells. Knows no Textual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vmpo_tui.plotting import raster
from vmpo_tui.plotting.composition import LABEL_WIDTH, Curve, Rule, Span, Ticks, framed
from vmpo_tui.plotting.markers import BRAILLE, Marker
from vmpo_tui.plotting.raster import Window
from vmpo_tui.plotting.scales import LINEAR, Scale
from vmpo_tui.plotting.ticks import linear_ticks

SMALLEST = (LABEL_WIDTH + 4, 3)
"""Columns and lines that a chart needs to be drawn."""
SHORTEST_NAME = 6
"""Columns of a head line that a name needs to be told from others: notes leave it as many."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with its head line, ready to draw."""

    title: str
    curves: tuple[Curve, ...]
    """In drawing order."""
    window: Window
    scale: Scale = LINEAR
    marker: Marker = BRAILLE
    x_ticks: Ticks = linear_ticks
    rules: tuple[Rule, ...] = ()
    readings: tuple[Span, ...] = ()
    """Values to name in the head line, in their curves' styles."""
    notes: tuple[str, ...] = ()
    """What the picture does not show, such as "3 clipped"."""
    empty: str = "no values here yet"
    """What to say without anything to draw."""
    clipped: bool = False
    """Whether to mark where curves leave the window above and below."""

    def draw(self, width: int, height: int, *, chosen: bool = False) -> list[list[Span]]:
        """Return the head line and the chart in width x height cells, or where they are few the head alone.

        Styles are those of curves, rules and readings, and "head", "chosen", "note", "axis", "beyond" and
        "empty".
        """
        lines = [self._head(width, chosen=chosen)]
        if width < SMALLEST[0] or height - 1 < SMALLEST[1]:
            return lines
        if not any(len(curve.x) for curve in self.curves):
            blank: list[list[Span]] = [[] for _ in range((height - 2) // 2)]
            return [*lines, *blank, [(self.empty[:width].center(width), "empty")]]
        body = framed(
            self.curves, self.window, width, height - 1, axis="axis", scale=self.scale, marker=self.marker,
            rules=self.rules, x_ticks=self.x_ticks,
        )  # fmt: skip
        if self.clipped:
            body = self._with_beyond(body, width)
        return [*lines, *body]

    def _head(self, width: int, *, chosen: bool) -> list[Span]:
        """Name, values and notes on a line; values give way first, then the name is cut, then notes go."""
        dash, style = self.marker.heads[chosen], "chosen" if chosen else "head"
        title = f" {self.title} "
        notes = "".join(f" {note} " for note in self.notes)
        room = width - 2 - len(title) - len(notes)
        readings: list[Span] = []
        for text, colour in self.readings:
            if len(text) + 2 <= room:
                readings += [(" ", style), (f"{text} ", colour)]
                room -= len(text) + 2
        if room < 0 and width - 2 - len(notes) < SHORTEST_NAME:
            notes, room = "", room + len(notes)
        if room < 0:
            free = max(0, width - 2 - len(notes))
            title, room = f"{title[: max(0, free - 2)]}… "[:free], 0
        return [
            (dash, style),
            (title, style),
            *readings,
            (dash * room, style),
            (notes, "note"),
            (dash, style),
        ]

    def _with_beyond(self, body: list[list[Span]], width: int) -> list[list[Span]]:
        """Mark in the first and the last line of the plot where values lie above and below it."""
        above, below = self.beyond(width - LABEL_WIDTH)
        lines = list(body)
        for row, columns, glyph in ((0, above, self.marker.beyond[0]), (-2, below, self.marker.beyond[1])):
            lines[row] = _overwritten(lines[row], [LABEL_WIDTH + column for column in columns], glyph)
        return lines

    def beyond(self, width: int) -> tuple[list[int], list[int]]:
        """Return the columns of ``width`` in which lines rise above the window, and fall below it."""
        above, below = np.zeros(width, dtype=np.bool_), np.zeros(width, dtype=np.bool_)
        window = self.window
        for curve in self.curves:
            if curve.deviation is None and curve.upper is None:
                low, high = raster.envelope(
                    curve.x,
                    curve.y,
                    window.left,
                    window.right,
                    width,
                    scale=self.scale,
                    pyramid=curve.pyramid,
                )
                above |= high > window.top
                below |= low < window.bottom
        return np.flatnonzero(above).tolist(), np.flatnonzero(below).tolist()


def _overwritten(line: list[Span], columns: Sequence[int], glyph: str) -> list[Span]:
    """Put a character of style "beyond" in some columns of a line."""
    wanted, result, start = set(columns), [], 0
    for text, style in line:
        hits = [column for column in range(start, start + len(text)) if column in wanted]
        cut = start
        for column in hits:
            result += [(text[cut - start : column - start], style), (glyph, "beyond")]
            cut = column + 1
        result.append((text[cut - start :], style))
        start += len(text)
    return [span for span in result if span[0]]
