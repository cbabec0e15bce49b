"""The list of what happened to a run, in the theme's colours."""

from __future__ import annotations

import re

from rich.text import Text
from textual.widgets import RichLog

from vmpo_tui.run_view import LogLine
from vmpo_tui.safe_files import GrowingText
from vmpo_tui.text import printable, si


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
        self._shown = -1
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
        if self._events and self.is_attached:
            self.call_later(self._rewrite)  # the component classes get their new styles after the widget

    def _rewrite(self) -> None:
        self.clear()
        self._shown = -1
        self.show(self._events)

    def _text(self, event: LogLine) -> Text:
        """Return an event with its step."""
        step, text = (self.get_component_rich_style(f"events--{part}") for part in ("step", event.kind))
        return Text(f"{si(event.env_steps):>6}  ", step).append(event.text, text)


class EngineLog(EventLog):
    """What libraries and the engine have written to the run's log, oldest first."""

    def __init__(self, *, max_lines: int, wrap: bool = False, id: str | None = None) -> None:
        super().__init__(max_lines=max_lines, wrap=wrap, id=id)
        self._source: GrowingText | None = None
        self._begun = False

    def follow(self, source: GrowingText | None) -> None:
        """Take in what a file has got, or another one."""
        moved = source is not self._source or not self._begun
        self._source, self._begun = source, True
        grown = source is not None and source.read()
        if not (moved or grown):
            return
        lines = [] if source is None else [LogLine(*_line(*one)) for one in source.lines]
        if not lines:
            empty = "engine.log is empty: no library has written anything so far"
            lines = [LogLine(0, 0, empty if source else "no run is shown yet", "info")]
        if moved or self._events[0].number == 0:
            self._events = tuple(lines)
            self._rewrite()
        else:
            self.show(tuple(lines))

    def _text(self, event: LogLine) -> Text:
        """Return a line as it was written, whatever it would do to a terminal."""
        kind = "step" if event.number == 0 else "info"
        return Text(event.text, self.get_component_rich_style(f"events--{kind}"))


def _line(number: int, text: str) -> tuple[int, int, str, str]:
    return number, 0, printable(text), "info"
