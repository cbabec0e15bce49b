"""Where an axis says its values: round places, and what to write there."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vmpo_tui.text import duration, si, tick_labels

Tick = tuple[float, str]
"""A place on the axis and its label."""

TIME_STEPS = tuple(
    float(step)
    for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
)
"""Round spans of time, seconds."""


def ticks(low: float, high: float, count: int) -> list[float]:
    """At most about ``count`` round numbers (1, 2 or 5 times a power of ten) inside [low, high]."""
    span = high - low
    if not (math.isfinite(span) and span > 0 and count > 0):
        return []
    magnitude = 10.0 ** math.floor(math.log10(span / count))
    step = next(m * magnitude for m in (1, 2, 5, 10, 20) if span / (m * magnitude) <= count)
    return _multiples(low, high, step)


def linear_ticks(low: float, high: float, count: int) -> list[Tick]:
    """About ``count`` round numbers with one SI prefix for all; two at least, to read a scale by."""
    tries = [ticks(low, high, count + more) for more in range(4)]
    places = next((places for places in tries if len(places) >= 2), tries[0])
    return list(zip(places, tick_labels(places), strict=True))


def time_ticks(low: float, high: float, count: int) -> list[Tick]:
    """Round times: whole seconds, minutes, hours or days."""
    span = high - low
    if not (math.isfinite(span) and span > 0 and count > 0):
        return []
    if span / count <= 0.5:
        return [(place, f"{label}s") for place, label in linear_ticks(low, high, count)]
    step = next((step for step in TIME_STEPS if span / step <= count), 0.0)
    if not step:
        days = 86400.0
        return [(place * days, f"{label}d") for place, label in linear_ticks(low / days, high / days, count)]
    return [(place, duration(place)) for place in _multiples(low, high, step)]


def plain_label(value: float) -> str:
    """Return a label of a value alone, without regard to its neighbours: 0.02, 5, 20k, 1e-05."""
    return si(value) if 1e3 <= abs(value) < 1e15 else f"{value:.3g}"


def within(room: int, labels: Sequence[str], values: Sequence[float]) -> Sequence[str]:
    """Return labels that fit; where one would not, what each value is above the first one."""
    if all(len(label) <= room for label in labels):
        return labels
    return [labels[0], *(f"+{plain_label(value - values[0])}" for value in values[1:])]


def spaced(entries: Sequence[Tick], low: float, high: float, width: int) -> list[tuple[int, int, str]]:
    """Lay labels out on a line of ``width`` columns, each centred on its place, none touching another.

    Returns:
        The tick's column, the label's first column, and the label.
    """
    line: list[tuple[int, int, str]] = []
    free_from = 0
    for place, label in entries:
        column = min(width - 1, int((place - low) * width / (high - low)))
        start = max(0, min(column - len(label) // 2, width - len(label)))
        if start >= free_from and column >= 0:
            line.append((column, start, label))
            free_from = start + len(label) + 2
    return line


def _multiples(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]
