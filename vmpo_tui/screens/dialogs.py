"""Dialogs: how to stop, as what to save, what went wrong."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static
from textual.widgets.button import ButtonVariant

from engine.events import RunFailed
from vmpo_tui.text import printable, si

DIALOG_CSS = """
{name} {{ align: center middle; background: $background 60%; }}
{name} > Vertical {{
    width: {width}; max-width: 100%; height: auto; max-height: 100%;
    border: round {colour}; border-title-color: {colour}; padding: 1 2; background: $surface;
}}
"""


class ChoiceDialog(ModalScreen[str]):
    """Asks a question; dismissed with the chosen answer, or with an empty one to leave things as they are."""

    QUESTION: ClassVar[tuple[str, str]]
    """Title, and what happens meanwhile."""
    CHOICES: ClassVar[tuple[tuple[str, str, str], ...]]
    """Key, answer and text of each choice; the last one answers nothing."""
    DEFAULT_CSS = (
        DIALOG_CSS.format(name="ChoiceDialog", width=52, colour="$warning")
        + """
    ChoiceDialog Button { width: 1fr; margin-top: 1; }
    ChoiceDialog.-flat > Vertical { padding: 0 1; overflow-y: auto; scrollbar-size-vertical: 1; }
    ChoiceDialog.-flat Button {
        border: none !important; height: 1; min-height: 1; line-pad: 1; margin-top: 0;
    }
    """
    )
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (22, "-tall")]
    """Four answers of three lines need 21; where there are fewer, each takes one."""
    BINDINGS = [Binding("escape,q,k", "choose('')", "leave things as they are", id="choice.none")]

    def compose(self) -> ComposeResult:
        """Ask the question with its answers."""
        variants: Iterator[ButtonVariant] = itertools.chain(["primary"], itertools.repeat("default"))
        title, meanwhile = self.QUESTION
        with Vertical() as box:
            box.border_title = title
            yield Static(meanwhile, markup=False)
            for key, answer, text in self.CHOICES:
                variant = "error" if answer == "discard" else next(variants)
                yield Button(f"{key}  {text}", id=answer or "nothing", variant=variant)

    def on_key(self, event: events.Key) -> None:
        """Answer with a key."""
        for key, answer, _ in self.CHOICES:
            if event.key == key:
                event.stop()
                self.dismiss(answer)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer with a button."""
        self.dismiss("" if event.button.id == "nothing" else str(event.button.id))

    def action_choose(self, choice: str) -> None:
        """Answer with one of the keys that every question has."""
        self.dismiss(choice)


class StopDialog(ChoiceDialog):
    """How to stop a run that this process trains."""

    QUESTION = "stop training?", "Training goes on until you choose."
    CHOICES = (
        ("s", "save", "save a checkpoint and stop"),
        ("b", "detach", "leave; it goes on in the background"),
        ("d", "discard", "stop without saving"),
        ("esc", "", "keep training"),
    )


class LeaveDialog(ChoiceDialog):
    """How to part from a run that another process trains."""

    QUESTION = "leave this run?", "Another process trains it."
    CHOICES = (
        ("l", "leave", "leave; it goes on"),
        ("s", "save", "have it save a checkpoint and stop"),
        ("esc", "", "keep watching"),
    )


class HandOverDialog(ChoiceDialog):
    """What becomes of the run that this process trains when another one is opened."""

    QUESTION = "what becomes of this run?", "The screens show one run at a time."
    CHOICES = (
        ("b", "detach", "it goes on in the background"),
        ("s", "save", "save a checkpoint and stop it"),
        ("esc", "", "stay with it"),
    )


class TrashDialog(ChoiceDialog):
    """Whether to delete a run."""

    CHOICES = (
        ("y", "discard", "yes, move it to the trash"),
        ("esc", "", "keep it"),
    )

    def __init__(self, name: str) -> None:
        self.QUESTION = f"delete {printable(name)}?", "It can be brought back with u."  # type: ignore[misc]
        super().__init__()


class ExportDialog(ChoiceDialog):
    """As what to save the charts that are shown."""

    QUESTION = "save these charts?", "What is visible, into the run's folder: exports."
    CHOICES = (
        ("s", "svg", "the picture, as SVG"),
        ("c", "csv", "the points, as CSV"),
        ("j", "json", "the points, as JSON"),
        ("esc", "", "nothing"),
    )


class FailureDialog(ModalScreen[None]):
    """The engine's error, its traceback, the last good checkpoint and what to do."""

    DEFAULT_CSS = (
        DIALOG_CSS.format(name="FailureDialog", width=110, colour="$error")
        + """
    FailureDialog VerticalScroll { height: auto; max-height: 60%; margin-top: 1; }
    FailureDialog .traceback { color: $text-muted; }
    """
    )
    BINDINGS = [Binding("escape,enter", "dismiss", "back to the run", id="failure.close")]

    def __init__(self, failure: RunFailed, run_dir: str) -> None:
        super().__init__()
        self._failure, self._run_dir = failure, run_dir

    def compose(self) -> ComposeResult:
        """Say what happened first, then where."""
        failure = self._failure
        if failure.checkpoint:
            advice = (
                f"The last good checkpoint is {failure.checkpoint}\nContinue: vmpo resume {self._run_dir}"
            )
        else:
            advice = "No checkpoint had been saved. Correct the cause and start again."
        with Vertical() as box:
            box.border_title = f"the run failed at {si(failure.env_steps)} steps"
            box.border_subtitle = "esc: back to the run   q: leave"
            yield Static(Text(printable(f"{failure.kind}: {failure.error}"), "bold"))
            yield Static(Text("\n" + "\n".join(printable(line) for line in advice.splitlines())))
            with VerticalScroll():
                lines = "\n".join(printable(line) for line in failure.traceback.splitlines())
                yield Static(Text(lines), classes="traceback")
