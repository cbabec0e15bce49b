"""Screen 6, the log: what happened to the run, and what libraries wrote meanwhile; both can be filtered."""

from __future__ import annotations

import re
from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from engine.run_directory import RunDirectory
from vmpo_tui.run_view import RunView
from vmpo_tui.safe_files import GrowingText
from vmpo_tui.screens.base import RunScreen, filter_pattern
from vmpo_tui.widgets.event_log import EngineLog, EventLog

LINES = 2000
"""Newest ones that are kept of either log."""
READ_SECONDS = 0.5
"""Between two looks at the engine's log."""


class Log(RunScreen):
    """Events, oldest first, following the newest until one scrolls up."""

    LABEL = "log"
    KEYS = [
        Binding(
            "slash",
            "filter",
            "filter",
            show=False,
            key_display="/",
            tooltip="filter the lines",
            id="log.filter",
        ),
        Binding(
            "escape",
            "clear_filter",
            "all lines",
            show=False,
            tooltip="show every line again",
            id="log.clear_filter",
        ),
        Binding(
            "l",
            "switch",
            "engine's log",
            show=False,
            tooltip="what libraries wrote to the run's engine.log, or the events again",
            id="log.engine",
        ),
    ]
    BINDINGS = [*KEYS]
    DEFAULT_CSS = """
    Log EventLog { height: 1fr; border: round $frame; border-title-color: $text-muted;
                   border-subtitle-color: $text-muted; }
    Log EventLog:focus { border: round $primary 60%; }
    Log #engine, Log.engine #lines { display: none; }
    Log.engine #engine { display: block; }
    Log Input { display: none; border: none; height: 1; padding: 0 1; background: $panel; }
    Log.filtering Input { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._run_dir = ""
        self._written: GrowingText | None = None
        self._pattern: re.Pattern[str] | None = None

    def compose_body(self) -> ComposeResult:
        """Yield the lines over the field for the filter."""
        lines = EventLog(id="lines", max_lines=LINES, wrap=True)
        lines.border_title, lines.border_subtitle = "events", self._usual
        yield lines
        written = EngineLog(id="engine", max_lines=LINES, wrap=True)
        written.border_title, written.border_subtitle = "engine.log", self._usual
        yield written
        yield Input(placeholder="text or regular expression; esc shows all lines", compact=True)

    @property
    def _usual(self) -> str:
        other = "events" if self.has_class("engine") else "engine's log"
        return f"{self.key('log.filter', '/')} filters  {self.key('log.engine', 'l')} {other}"

    @property
    def _front(self) -> EventLog:
        return self.query_one("#engine" if self.has_class("engine") else "#lines", EventLog)

    def on_mount(self) -> None:
        """Follow the engine's log while it is in front: libraries write to it without a word to anybody."""
        self.set_interval(READ_SECONDS, self._read)

    def show_body(self, view: RunView) -> None:
        """Add the lines that are new."""
        self.query_one("#lines", EventLog).show(view.log)
        if view.run_dir != self._run_dir:
            self._run_dir = view.run_dir
            self._written = GrowingText(RunDirectory(Path(view.run_dir)).log, LINES) if view.run_dir else None
            self._read()

    def _read(self) -> None:
        if self.has_class("engine") and self.is_current:
            written = self._written
            self.query_one(EngineLog).follow(written)

    def action_switch(self) -> None:
        """Show the engine's log, or the events again."""
        self.toggle_class("engine")
        self._front.border_subtitle = "filtered, esc shows all lines" if self._pattern else self._usual
        self._front.filter(self._pattern)
        self._front.focus()
        self._read()

    def action_filter(self) -> None:
        """Ask for the text to filter by."""
        self.add_class("filtering")
        self.query_one(Input).focus()

    def action_clear_filter(self) -> None:
        """Show every line again."""
        self.remove_class("filtering")
        self.query_one(Input).value = ""
        self._front.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as one types."""
        self._pattern = filter_pattern(event.value)
        self._front.border_subtitle = "filtered, esc shows all lines" if self._pattern else self._usual
        self._front.filter(self._pattern)

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the lines."""
        self._front.focus()
