"""A field of a form: what is asked for, what is typed, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.widgets import Input, Static

from vmpo_tui.text import printable


@dataclass(frozen=True, slots=True)
class Note:
    """What is said about a field's text."""

    text: str
    kind: str = "hint"
    """hint, changed, warning or error; an error keeps the form from being accepted."""


class Field(Horizontal):
    """A label, an input and a note beside it."""

    DEFAULT_CSS = """
    Field { height: 1; }
    Field .label { color: $text-muted; }
    Field .label.-focused { color: $text; text-style: bold; }
    Field Input { border: none; height: 1; padding: 0 1; background: $boost; }
    Field Input:focus { background: $primary 30%; }
    Field .note { width: 1fr; padding-left: 2; color: $text-muted; height: 1; text-overflow: ellipsis;
                  text-wrap: nowrap; }
    Field .note.-changed { color: $success; }
    Field .note.-warning { color: $warning; }
    Field .note.-error { color: $error; }
    """

    def __init__(
        self,
        name: str,
        label: str,
        value: str = "",
        *,
        placeholder: str = "",
        suggester: Suggester | None = None,
    ) -> None:
        """Make a field.

        Args:
            name: what the form knows it by.
            label: what the user does.
            value: what it holds to begin with.
            placeholder: what an empty one stands for.
            suggester: completes what is typed.
        """
        super().__init__(name=name)
        self._label = label
        self._input = Input(value, placeholder=placeholder, suggester=suggester, compact=True, name=name)
        self._input.select_on_focus = True
        self._note = Static(markup=False, classes="note")

    def compose(self) -> ComposeResult:
        """Yield label, input and note."""
        yield Static(self._label, markup=False, classes="label")
        yield self._input
        yield self._note

    @property
    def value(self) -> str:
        """What is typed, without blanks at the ends."""
        return self._input.value.strip()

    def set_placeholder(self, text: str) -> None:
        """Say what an empty field stands for."""
        self._input.placeholder = printable(text)

    def align(self, label: int, entry: int) -> None:
        """Give label and input their widths in cells."""
        self.query_one(".label").styles.width = label
        self._input.styles.width = entry

    def edit(self) -> None:
        """Let keys arrive here."""
        self._input.focus()

    def show(self, note: Note) -> None:
        """Say something about the text."""
        for kind in ("changed", "warning", "error"):
            self._note.set_class(note.kind == kind, f"-{kind}")
        self._note.update(Text(printable(note.text)))

    def on_descendant_focus(self) -> None:
        """Mark the label of the field that is typed into."""
        self.query_one(".label").add_class("-focused")

    def on_descendant_blur(self) -> None:
        """Unmark it."""
        self.query_one(".label").remove_class("-focused")
