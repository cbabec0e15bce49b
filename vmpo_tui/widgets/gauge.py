"""A gauge: how much of its bound a constraint uses."""

from __future__ import annotations

from vmpo_tui.text import number
from vmpo_tui.widgets.lines import Lines, Span

EIGHTHS = " ▏▎▍▌▋▊▉█"
FULL_SCALE = 2.0
"""Ratio of value to bound at the right end; the bound stands in the middle."""
ROUNDING = 1.01
"""Ratio up to which a bound counts as kept: the exact temperature meets the E-step's to a rounding error."""


class Gauge(Lines):
    """A bar of value / bound with the bound marked, coloured by whether the bound is kept."""

    COMPONENT_CLASSES = {"gauge--label", "gauge--kept", "gauge--near", "gauge--broken", "gauge--track"}
    DEFAULT_CSS = """
    Gauge { height: 1; padding: 0 1; }
    Gauge .gauge--label { color: $text-muted; }
    Gauge .gauge--kept { color: $success; }
    Gauge .gauge--near { color: $warning; }
    Gauge .gauge--broken { color: $error; }
    Gauge .gauge--track { color: $foreground 25%; }
    """

    def __init__(self, label: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label
        self._value: float | None = None
        self._bound: float | None = None

    def show(self, label: str, value: float | None, bound: float | None) -> None:
        """Show a value against its bound under a label."""
        self._label, self._value, self._bound = label, value, bound
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return label, bar and figures on one line."""
        label = (f"{self._label:<6.6} ", "gauge--label")
        if self._value is None or not self._bound:
            return [[label, ("-", "gauge--label")]]
        figures = f" {number(self._value):>7} of {number(self._bound)}"
        bar = self._bar(self._value / self._bound, max(4, width - 7 - len(figures)))
        return [[label, *bar, (figures, "gauge--label")]]

    def _bar(self, ratio: float, width: int) -> list[Span]:
        state = "kept" if ratio <= ROUNDING else "near" if ratio <= 1.5 else "broken"
        eighths = round(min(1.0, max(0.0, ratio / FULL_SCALE)) * width * 8)
        full, part = divmod(eighths, 8)
        filled = EIGHTHS[8] * full + (EIGHTHS[part] if part else "")
        track = [" "] * (width - len(filled))
        middle = width // 2 - len(filled)
        if 0 <= middle < len(track):
            track[middle] = "│"
        return [(filled, f"gauge--{state}"), ("".join(track), "gauge--track")]
