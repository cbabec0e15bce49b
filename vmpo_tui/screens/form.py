"""The base of dialogs with fields: validated as one types, accepted as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.errors import ConfigError
from vmpo_tui.screens.dialogs import DIALOG_CSS
from vmpo_tui.text import printable
from vmpo_tui.widgets.field import Field, Note

Answer = TypeVar("Answer")


class Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Holds the fields, which scroll with the focus: the arrows move that, and not the picture."""


class Form(ModalScreen[Answer | None], Generic[Answer]):
    """Dismissed with the answer that its fields make, or with None to leave things as they are."""

    TITLE_TEXT: ClassVar[str]
    HINT: ClassVar[str] = "enter accepts   tab next field   esc leaves things as they are"
    WIDTHS: ClassVar[tuple[int, int]] = (15, 34)
    """Of the labels and of the inputs, in cells; the notes have the rest."""
    DEFAULT_CSS = (
        DIALOG_CSS.format(name="Form", width=104, colour="$primary")
        + """
    Form > Vertical { padding: 0 2; border-subtitle-color: $text-muted; }
    Form VerticalScroll { height: auto; max-height: 100%; scrollbar-size-vertical: 1; padding-top: 1; }
    Form .whole { color: $text-muted; height: auto; min-height: 3; max-height: 5; padding-top: 1; }
    Form .about { color: $text-muted; height: auto; max-height: 4; padding-top: 1; }
    Form.-flat > Vertical { height: 100%; padding: 0 1; }
    Form.-flat VerticalScroll { height: 1fr; padding-top: 0; }
    Form.-flat .whole { min-height: 2; max-height: 3; padding-top: 0; }
    Form.-flat .about { display: none; }
    """
    )
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (20, "-tall")]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    BINDINGS = [
        Binding("escape", "leave", "leave things as they are", id="form.leave"),
        Binding("down", "app.focus_next", "next field", show=False, id="form.next"),
        Binding("up", "app.focus_previous", "previous field", show=False, id="form.previous"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._notes: Mapping[str, Note] = {}

    def compose(self) -> ComposeResult:
        """Yield the fields in a box."""
        with Vertical() as box:
            box.border_title = self.TITLE_TEXT
            box.border_subtitle = self.HINT
            about = self.about()
            if about:
                yield Static(Text(printable(about)), classes="about")
            with Fields():
                yield from self.fields()
            yield Static(classes="whole", markup=False)

    def about(self) -> str:
        """Say what the form is about, above the fields."""
        return ""

    def fields(self) -> Iterable[Field]:
        """Yield the fields."""
        raise NotImplementedError

    def check(self, values: Mapping[str, str]) -> Mapping[str, Note]:
        """Return what to say about each field, given what is typed into all of them."""
        raise NotImplementedError

    def accept(self, values: Mapping[str, str]) -> None:
        """Do what was asked for; called only with fields that have no error."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Say what there is to say about the first values."""
        for field in self.query(Field):
            field.align(*self.WIDTHS)
        self.review()

    def on_input_changed(self) -> None:
        """Validate as one types."""
        self.review()

    def on_input_submitted(self) -> None:
        """Accept the form, or lead to its first error."""
        wrong = self.review()
        if wrong is None:
            self.accept(self.values())
        else:
            wrong.edit()

    def values(self) -> dict[str, str]:
        """Return what is typed into each field by its name."""
        return {str(field.name): field.value for field in self.query(Field)}

    def review(self) -> Field | None:
        """Show what is to be said about every field and return the first one with an error."""
        notes = self._notes = self.check(self.values())
        wrong = None
        for field in self.query(Field):
            note = notes.get(str(field.name), Note(""))
            field.show(note)
            if note.kind == "error" and wrong is None:
                wrong = field
        self.on_descendant_focus()
        return wrong

    def on_descendant_focus(self) -> None:
        """Say in whole what is beside the field that is typed into: there it may be cut."""
        chosen = next((field for field in self.query(Field) if field.has_focus_within), None)
        note = self._notes.get(str(chosen.name)) if chosen is not None else None
        self.query_one(".whole", Static).update(printable(note.text) if note is not None else "")

    def action_leave(self) -> None:
        """Leave things as they are."""
        self.dismiss(None)


def complaint(error: ConfigError, key: str) -> Note:
    """Return an engine's error as a note beside the field that it names."""
    return Note(str(error).removeprefix(key).strip(), "error")
