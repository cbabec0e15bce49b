"""Screen 6, the log: everything that happened to the run, filtered by a text or a regular expression."""

from __future__ import annotations

import re

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input, RichLog

from vmpo_tui.run_view import LogLine, RunView
from vmpo_tui.screens.base import RunScreen, filter_pattern
from vmpo_tui.text import si

LOG_STYLES = {"info": "", "score": "bold", "good": "green", "warning": "yellow", "error": "bold red"}
"""Rich style of each kind of line."""


def log_text(line: LogLine) -> Text:
    """Return a line of the log with its step."""
    return Text(f"{si(line.env_steps):>6}  ", "dim").append(line.text, LOG_STYLES[line.kind])


class Log(RunScreen):
    """Events, oldest first, following the newest until one scrolls up."""

    LABEL = "log"
    KEYS = [
        Binding("slash", "filter", "filter", key_display="/", tooltip="filter the lines", id="log.filter"),
        Binding(
            "escape", "clear_filter", "all lines", tooltip="show every line again", id="log.clear_filter"
        ),
    ]
    BINDINGS = [*KEYS]
    DEFAULT_CSS = """
    Log #lines { height: 1fr; border: round $foreground 20%; border-title-color: $text-muted;
                 border-subtitle-color: $text-muted; padding: 0 1; background: $background; }
    Log #lines:focus { border: round $primary 60%; }
    Log Input { display: none; border: none; height: 1; padding: 0 1; background: $panel; }
    Log.filtering Input { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view = RunView()
        self._shown = 0
        self._pattern: re.Pattern[str] | None = None

    def compose_body(self) -> ComposeResult:
        """Yield the lines over the field for the filter."""
        lines = RichLog(id="lines", max_lines=2000, wrap=True, markup=False, highlight=False)
        lines.border_title = "events"
        yield lines
        yield Input(placeholder="text or regular expression; esc shows all lines", compact=True)

    def show_body(self, view: RunView) -> None:
        """Add the lines that are new."""
        self._view = view
        log = self.query_one("#lines", RichLog)
        for line in view.log:
            if line.number > self._shown:
                self._shown = line.number
                if self._pattern is None or self._pattern.search(line.text):
                    log.write(log_text(line))

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
        self._pattern = filter_pattern(event.value)
        log = self.query_one("#lines", RichLog)
        log.border_subtitle = "filtered" if self._pattern else ""
        log.clear()
        self._shown = 0
        self.show_body(self._view)

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the lines."""
        self.query_one("#lines").focus()
