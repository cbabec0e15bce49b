"""Dialog: in which settings two runs differ."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.config import Config
from engine.run_admin import differences
from engine.run_directory import RunDirectory
from vmpo_tui.screens.dialogs import DIALOG_CSS
from vmpo_tui.text import printable


class DifferencesDialog(ModalScreen[None]):
    """A line for each setting that differs, with both values."""

    DEFAULT_CSS = (
        DIALOG_CSS.format(name="DifferencesDialog", width=100, colour="$primary")
        + """
    DifferencesDialog VerticalScroll { height: auto; max-height: 100%; }
    """
    )
    BINDINGS = [Binding("escape,q,enter,d", "dismiss", "close", id="differences.close")]

    def __init__(self, first: Path, second: Path) -> None:
        """Compare two runs.

        Raises:
            EngineError: the settings of one cannot be read.
        """
        super().__init__()
        self._names = first.name, second.name
        configs = (Config.from_toml(RunDirectory.open(path).config) for path in (first, second))
        self._differences = differences(*configs)

    def compose(self) -> ComposeResult:
        """Yield the table."""
        with Vertical() as box:
            box.border_title = "settings that differ"
            box.border_subtitle = "esc closes"
            with VerticalScroll():
                yield Static(self._table())

    def _table(self) -> Text:
        if not self._differences:
            return Text("none: both runs were started with the same settings")
        rows = [("", *self._names)]
        rows += [(key, str(one), str(other)) for key, (one, other) in self._differences.items()]
        shown = [tuple(printable(cell) for cell in row) for row in rows]
        widths = [max(len(row[column]) for row in shown) for column in range(3)]
        text = Text()
        for number, row in enumerate(shown):
            styles = ("", "bold", "bold") if number == 0 else ("dim", "", "")
            for cell, width, style in zip(row, widths, styles, strict=True):
                text.append(f"{cell:<{width}}  ", style)
            text.append("\n")
        text.rstrip()
        return text
