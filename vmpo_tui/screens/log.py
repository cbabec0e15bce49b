"""Screen 6, the log: everything that happened to the run, filtered by a text or a regular expression."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from vmpo_tui.run_view import RunView
from vmpo_tui.screens.base import RunScreen, filter_pattern
from vmpo_tui.widgets.event_log import EventLog


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
    ]
    BINDINGS = [*KEYS]
    DEFAULT_CSS = """
    Log #lines { height: 1fr; border: round $frame; border-title-color: $text-muted;
                 border-subtitle-color: $text-muted; }
    Log #lines:focus { border: round $primary 60%; }
    Log Input { display: none; border: none; height: 1; padding: 0 1; background: $panel; }
    Log.filtering Input { display: block; }
    """

    def compose_body(self) -> ComposeResult:
        """Yield the lines over the field for the filter."""
        lines = EventLog(id="lines", max_lines=2000, wrap=True)
        lines.border_title, lines.border_subtitle = "events", self._usual
        yield lines
        yield Input(placeholder="text or regular expression; esc shows all lines", compact=True)

    @property
    def _usual(self) -> str:
        return f"{self.key('log.filter', '/')} filters"

    def show_body(self, view: RunView) -> None:
        """Add the lines that are new."""
        self.query_one(EventLog).show(view.log)

    def action_filter(self) -> None:
        """Ask for the text to filter by."""
        self.add_class("filtering")
        self.query_one(Input).focus()

    def action_clear_filter(self) -> None:
        """Show every line again."""
        self.remove_class("filtering")
        self.query_one(Input).value = ""
        self.query_one("#lines").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as one types."""
        pattern, log = filter_pattern(event.value), self.query_one(EventLog)
        log.border_subtitle = "filtered, esc shows all lines" if pattern else self._usual
        log.filter(pattern)

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the lines."""
        self.query_one("#lines").focus()
