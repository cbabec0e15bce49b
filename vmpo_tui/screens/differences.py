"""Dialog: in which settings runs differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import ScrollableContainer, Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.config import Config
from engine.run_admin import differences
from engine.run_directory import RunDirectory
from vmpo_tui.screens.dialogs import DIALOG_CSS
from vmpo_tui.text import printable


class DifferencesDialog(ModalScreen[None]):
    """A line for each setting that differs, with the value that each run was started with."""

    DEFAULT_CSS = (
        DIALOG_CSS.format(name="DifferencesDialog", width=110, colour="$primary")
        + """
    DifferencesDialog ScrollableContainer { height: auto; max-height: 100%; scrollbar-size: 1 1; }
    DifferencesDialog Static { width: auto; min-width: 100%; }
    """
    )
    BINDINGS = [Binding("escape,q,enter,d", "dismiss", "close", id="differences.close")]

    def __init__(self, runs: Sequence[Path]) -> None:
        """Compare two runs or more.

        Raises:
            EngineError: the settings of one cannot be read.
        """
        super().__init__()
        self._names = tuple(path.name for path in runs)
        configs = (Config.from_toml(RunDirectory.open(path).config) for path in runs)
        self._differences = differences(*configs)

    def compose(self) -> ComposeResult:
        """Yield the table."""
        with Vertical() as box:
            box.border_title = "settings that differ"
            box.border_subtitle = "esc closes   ↑↓ ←→ move"
            with ScrollableContainer():
                yield Static(self._table())

    def _table(self) -> Text:
        if not self._differences:
            return Text("none: these runs were started with the same settings")
        rows: list[tuple[object, ...]] = [("", *self._names)]
        rows += [(key, *values) for key, values in self._differences.items()]
        shown = [[printable(cell) for cell in row] for row in rows]
        widths = [max(cell_len(cell) for cell in column) for column in zip(*shown, strict=True)]
        text = Text(no_wrap=True)
        for number, row in enumerate(shown):
            for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
                style = "bold" if number == 0 else "dim" if column == 0 else ""
                text.append(set_cell_size(cell, width) + "  ", style)
            text.append("\n")
        text.rstrip()
        return text
