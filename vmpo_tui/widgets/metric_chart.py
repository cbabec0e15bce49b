"""A chart of the charts screen: draws its panel, and says what the pointer does on it."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message

from vmpo_tui.plotting.composition import LABEL_WIDTH, Span
from vmpo_tui.plotting.panel import Panel
from vmpo_tui.widgets.lines import Lines

WHEEL = 0.8
"""Share of a stretch that is left after a turn of the wheel."""
STYLES = {
    "axis": "$text-muted",
    "head": "$foreground 60%",
    "chosen": "$primary",
    "note": "$warning",
    "beyond": "$warning",
    "empty": "$text-muted",
    "own": "$primary",
    "raw": "$primary 65%",
    "range": "$primary 40%",
    "evaluation": "$warning",
    "median": "$success",
    "band": "$success 40%",
    "cursor": "$foreground 60%",
    "marker": "$accent 80%",
    "run-1": "$run-1",
    "run-2": "$run-2",
    "run-3": "$run-3",
    "run-4": "$run-4",
    "run-5": "$run-5",
    "run-6": "$run-6",
}
"""Colour of each style of a panel."""
STRONG = {"chosen", "own", "evaluation", "note", "beyond"}


def style_sheet(widget: str) -> str:
    """Return the colours of a panel's styles for a widget that draws in them."""
    return "".join(
        f"{widget} .chart--{name} {{ color: {colour};{' text-style: bold;' if name in STRONG else ''} }}\n"
        for name, colour in STYLES.items()
    )


COMPONENTS = {f"chart--{name}" for name in STYLES}


class MetricChart(Lines, can_focus=True):
    """Draws a panel; the pointer zooms, moves and reads it."""

    COMPONENT_CLASSES = COMPONENTS
    DEFAULT_CSS = "MetricChart { height: 1fr; }\n" + style_sheet("MetricChart")

    @dataclass
    class Zoomed(Message):
        """The wheel was turned."""

        chart: MetricChart
        factor: float
        across: float
        """Share of the plot's width left of the pointer."""
        up: float
        """Share of the plot's height under the pointer."""
        vertical: bool

    @dataclass
    class Dragged(Message):
        """The plot was pulled, by shares of its width and height; to the right and upwards above 0."""

        chart: MetricChart
        across: float
        up: float

    @dataclass
    class Pointed(Message):
        """The pointer is at a share of the plot's width, or has left it."""

        chart: MetricChart
        across: float | None

    @dataclass
    class Opened(Message):
        """The chart was clicked twice."""

        chart: MetricChart

    def __init__(self) -> None:
        super().__init__()
        self.panel: Panel | None = None
        self.metric = ""
        self._held: tuple[int, int] | None = None
        self._pointed: int | None = None

    @property
    def plot_size(self) -> tuple[int, int]:
        """Columns and lines of the plot without axes and head, at least 1."""
        return max(1, self.size.width - LABEL_WIDTH), max(1, self.size.height - 2)

    def show(self, metric: str, panel: Panel) -> None:
        """Draw a panel from now on."""
        self.metric, self.panel = metric, panel
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the panel's lines."""
        if self.panel is None:
            return []
        lines = self.panel.draw(width, height, chosen=self.has_focus)
        return [[(text, f"chart--{style}" if style else "") for text, style in line] for line in lines]

    def on_focus(self) -> None:
        """Mark the chart."""
        self.redraw()

    def on_blur(self) -> None:
        """Take the mark away."""
        self.redraw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """See more detail."""
        self._zoom(event, WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """See more of the whole."""
        self._zoom(event, 1.0 / WHEEL)

    def _zoom(self, event: events.MouseEvent, factor: float) -> None:
        event.stop()
        across, up = self._shares(event)
        # Over the value axis, or with a modifier, the values are zoomed.
        vertical = event.get_content_offset_capture(self).x < LABEL_WIDTH or event.ctrl or event.shift
        self.post_message(self.Zoomed(self, factor, across, up, vertical))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the plot."""
        self._held = event.screen_x, event.screen_y
        self.capture_mouse()

    def on_mouse_up(self) -> None:
        """Let the plot go."""
        self._held = None
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pull the plot, or read it."""
        if self._held is not None:
            width, height = self.plot_size
            across, up = event.screen_x - self._held[0], self._held[1] - event.screen_y
            self._held = event.screen_x, event.screen_y
            if across or up:
                self.post_message(self.Dragged(self, across / width, up / height))
            return
        column = event.get_content_offset_capture(self).x - LABEL_WIDTH
        if column != self._pointed:  # one message a column, however many the terminal sends
            self._pointed = column
            inside = 0 <= column < self.plot_size[0]
            self.post_message(self.Pointed(self, self._shares(event)[0] if inside else None))

    def on_leave(self) -> None:
        """Stop reading."""
        self._pointed = None
        self.post_message(self.Pointed(self, None))

    def on_click(self, event: events.Click) -> None:
        """Open the chart with a second click."""
        if event.chain == 2:
            self.post_message(self.Opened(self))

    def _shares(self, event: events.MouseEvent) -> tuple[float, float]:
        """Return where the pointer is in the plot: from its left and its lower end, 0 to 1."""
        place, (width, height) = event.get_content_offset_capture(self), self.plot_size
        across = (place.x - LABEL_WIDTH + 0.5) / width
        up = 1.0 - (place.y - 1 + 0.5) / height
        return min(max(across, 0.0), 1.0), min(max(up, 0.0), 1.0)
