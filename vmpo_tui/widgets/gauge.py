"""A gauge: how much of its bound a constraint uses."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget

from vmpo_tui.text import number

EIGHTHS = " ▏▎▍▌▋▊▉█"
FULL_SCALE = 2.0
"""Ratio of value to bound at the right end; the bound stands in the middle."""


class Gauge(Widget):
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

    def show(self, value: float | None, bound: float | None) -> None:
        """Show a value against its bound."""
        self._value, self._bound = value, bound
        self.refresh()

    def render(self) -> Text:
        """Return label, bar and figures on one line."""
        muted = self.get_component_rich_style("gauge--label", partial=True)
        text = Text(no_wrap=True, end="")
        text.append(f"{self._label:<6.6} ", muted)
        if self._value is None or not self._bound:
            return text.append("-", muted)
        ratio = self._value / self._bound
        figures = f" {number(self._value):>7} of {number(self._bound)}"
        bar = max(4, self.content_size.width - 7 - len(figures))
        text.append_text(self._bar(ratio, bar))
        return text.append(figures, muted)

    def _bar(self, ratio: float, width: int) -> Text:
        state = "kept" if ratio <= 1.0 else "near" if ratio <= 1.5 else "broken"
        style = self.get_component_rich_style(f"gauge--{state}", partial=True)
        eighths = round(min(1.0, max(0.0, ratio / FULL_SCALE)) * width * 8)
        full, part = divmod(eighths, 8)
        filled = EIGHTHS[8] * full + (EIGHTHS[part] if part else "")
        track = [" "] * (width - len(filled))
        middle = width // 2 - len(filled)
        if 0 <= middle < len(track):
            track[middle] = "│"
        track_style = self.get_component_rich_style("gauge--track", partial=True)
        return Text.assemble((filled, style), ("".join(track), track_style))
