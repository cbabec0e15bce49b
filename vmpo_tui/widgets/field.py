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
    """A label, an input and a note beside it (in a form of class -stacked, below it)."""

    DEFAULT_CSS = """
    Field { height: 1; }
    Field .label { width: 25; color: $text-muted; }
    Field .label.-focused { color: $text; text-style: bold; }
    Field Input { width: 26; border: none; height: 1; padding: 0 1; background: $boost; }
    Field Input:focus { background: $primary 30%; }
    Field .note { width: 1fr; padding-left: 2; color: $text-muted; height: 1; text-overflow: ellipsis;
                  text-wrap: nowrap; }
    Field .note.-changed { color: $success; }
    Field .note.-warning { color: $warning; }
    Field .note.-error { color: $error; }
    .-stacked Field { height: auto; layout: grid; grid-size: 2; grid-columns: 14 1fr; grid-rows: 1 auto; }
    .-stacked Field Input { width: 1fr; }
    .-stacked Field .label { width: 1fr; }
    .-stacked Field .note { column-span: 2; padding-left: 15; height: auto; min-height: 1; max-height: 2;
                            text-wrap: wrap; }
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
