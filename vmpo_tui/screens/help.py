"""Dialog: what the keys do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from vmpo_tui.screens.dialogs import DIALOG_CSS
from vmpo_tui.text import printable

Entries = Sequence[tuple[str, Sequence[tuple[str, str, str]]]]
"""Titles with their keys, what each does, and its name in the settings."""
KEY_WIDTH = 12


class HelpDialog(ModalScreen[None]):
    """Every key, generated from the bindings."""

    DEFAULT_CSS = (
        DIALOG_CSS.format(name="HelpDialog", width=110, colour="$primary")
        + """
    HelpDialog > Vertical { padding: 0 1; }
    HelpDialog VerticalScroll { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
    """
    )
    BINDINGS = [
        Binding("escape,q,question_mark,f1", "dismiss", "close the help", key_display="esc", id="help.close")
    ]

    def __init__(self, entries: Entries, settings: Path | None) -> None:
        """List keys.

        Args:
            entries: the keys.
            settings: the file that changes them, where there may be one.
        """
        super().__init__()
        self._entries, self._settings = entries, settings

    def compose(self) -> ComposeResult:
        """Yield the list; names are for changing the keys, where there is room for them."""
        with Vertical() as box:
            box.border_title = "keys"
            box.border_subtitle = "esc closes"
            with VerticalScroll():
                yield Static(self._text(names=self.app.size.width >= 110))

    def _text(self, *, names: bool) -> Text:
        text = Text()
        for title, keys in self._entries:
            text.append(f"{title}\n", "bold underline")
            for key, does, name in keys:
                text.append(f"{key:>{KEY_WIDTH}}  ", "bold")
                text.append(f"{does:<64}" if names else does).append(f" {name}\n" if names else "\n", "dim")
            text.append("\n")
        text.append("Settings and other keys: ")
        return text.append(printable(self._settings or "settings.toml, where `vmpo doctor` says"))
