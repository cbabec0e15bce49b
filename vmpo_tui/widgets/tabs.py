"""The line that names the screens: which one is shown, and the digits that lead to the others."""

from __future__ import annotations

from textual import events
from textual.message import Message

from vmpo_tui.widgets.lines import Lines, Span


class ScreenTabs(Lines):
    """Digit and name of every screen, the current one marked; a click switches."""

    COMPONENT_CLASSES = {"tabs--current", "tabs--other"}
    DEFAULT_CSS = """
    ScreenTabs { height: 1; padding: 0 1; background: $panel; }
    ScreenTabs .tabs--current { color: $text; background: $primary 50%; text-style: bold; }
    ScreenTabs .tabs--other { color: $text-muted; }
    """

    class Chosen(Message):
        """A screen was clicked."""

        def __init__(self, label: str) -> None:
            super().__init__()
            self.label = label

    def __init__(self, entries: tuple[tuple[str, str], ...], current: str) -> None:
        """Show tabs.

        Args:
            entries: key and label of each screen.
            current: label of the one that these tabs are on.
        """
        super().__init__()
        self._entries, self._current = entries, current
        self._cost: float | None = None

    def show(self, cost: float | None) -> None:
        """Say at the right end what the screen costs.

        Args:
            cost: share of a core; None for not measured yet.
        """
        self._cost = cost
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the line; where labels do not fit, the digits alone; the cost where there is room."""
        tabs = [
            (text, "tabs--current" if label == self._current else "tabs--other")
            for label, text in self._texts(width)
        ]
        cost = "" if self._cost is None else f"screen {self._cost:.1%} of a core"
        room = width - sum(len(text) for text, _ in tabs)
        return [[*tabs, (f"{cost:>{room}}" if len(cost) < room else "", "tabs--other")]]

    def _texts(self, width: int) -> list[tuple[str, str]]:
        """Return each label with its text: named, or the current one named, or digits alone."""
        everyone = {label for _, label in self._entries}
        for named in (everyone, {self._current}):
            texts = [
                (label, f" {key} {label} " if label in named else f" {key} ") for key, label in self._entries
            ]
            if sum(len(text) for _, text in texts) <= width:
                return texts
        return [(label, f" {key} ") for key, label in self._entries]

    def on_click(self, event: events.Click) -> None:
        """Ask for the screen under the pointer."""
        place = event.get_content_offset(self)
        left = 0
        for label, text in self._texts(self.size.width):
            if place is not None and left <= place.x < left + len(text):
                self.post_message(self.Chosen(label))
            left += len(text)
