"""The list of what happened to a run, in the theme's colours."""

from __future__ import annotations

import re

from rich.text import Text
from textual.widgets import RichLog

from vmpo_tui.run_view import LogLine
from vmpo_tui.text import si


class EventLog(RichLog):
    """Events, oldest first, following the newest until one scrolls up."""

    COMPONENT_CLASSES = {
        "events--step",
        "events--info",
        "events--score",
        "events--good",
        "events--warning",
        "events--error",
    }
    DEFAULT_CSS = """
    EventLog { background: $background; padding: 0 1; }
    EventLog .events--step { color: $text-muted; }
    EventLog .events--info { color: $text; }
    EventLog .events--score { color: $text; text-style: bold; }
    EventLog .events--good { color: $success; }
    EventLog .events--warning { color: $warning; }
    EventLog .events--error { color: $error; text-style: bold; }
    """

    def __init__(self, *, max_lines: int, wrap: bool = False, id: str | None = None) -> None:
        super().__init__(max_lines=max_lines, wrap=wrap, markup=False, highlight=False, id=id)
        self._events: tuple[LogLine, ...] = ()
        self._shown = 0
        self._pattern: re.Pattern[str] | None = None

    def show(self, events: tuple[LogLine, ...]) -> None:
        """Add those of the events that are new."""
        self._events = events
        for event in events:
            if event.number > self._shown:
                self._shown = event.number
                if self._pattern is None or self._pattern.search(event.text):
                    self.write(self._text(event))

    def filter(self, pattern: re.Pattern[str] | None) -> None:
        """Show the events that match, or all of them."""
        self._pattern = pattern
        self._rewrite()

    def notify_style_update(self) -> None:
        """Take over a new theme's colours."""
        super().notify_style_update()
        if self._shown and self.is_attached:
            self.call_later(self._rewrite)  # the component classes get their new styles after the widget

    def _rewrite(self) -> None:
        self.clear()
        self._shown = 0
        self.show(self._events)

    def _text(self, event: LogLine) -> Text:
        """Return an event with its step."""
        step, text = (self.get_component_rich_style(f"events--{part}") for part in ("step", event.kind))
        return Text(f"{si(event.env_steps):>6}  ", step).append(event.text, text)
