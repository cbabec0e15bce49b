"""Dialog: which other runs to see behind this one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import SelectionList, Static
from textual.widgets.selection_list import Selection

from engine.run_directory import RunInfo, list_runs
from vmpo_tui.screens.dialogs import DIALOG_CSS
from vmpo_tui.text import number, printable, si

MOST_RUNS = 200
"""Newest runs to choose from."""


class RunPicker(ModalScreen[tuple[Path, ...] | None]):
    """Lists the runs in a folder; dismissed with the ticked ones, or None to leave things as they are."""

    DEFAULT_CSS = (
        DIALOG_CSS.format(name="RunPicker", width=100, colour="$primary")
        + """
    RunPicker SelectionList { height: auto; max-height: 1fr; border: none; padding: 0; background: $surface; }
    RunPicker SelectionList:focus { border: none; background-tint: $foreground 0%; }
    RunPicker Static { color: $text-muted; }
    """
    )
    BINDINGS = [
        Binding("escape,q", "leave", "leave things as they are", id="picker.leave"),
        Binding("enter", "done", "show them", priority=True, id="picker.done"),
    ]

    def __init__(self, root: Path, own: Path, chosen: Collection[Path]) -> None:
        """Offer runs.

        Args:
            root: folder of run directories.
            own: the run that is shown anyway.
            chosen: those that are ticked already.
        """
        super().__init__()
        self._root, self._own, self._chosen = root, own, frozenset(chosen)

    def compose(self) -> ComposeResult:
        """Yield the list, filled once the runs have been read."""
        with Vertical() as box:
            box.border_title = "runs to see behind this one"
            box.border_subtitle = "space ticks   enter shows   esc leaves"
            yield Static("reading the runs...", markup=False)
            yield SelectionList[Path]()

    def on_mount(self) -> None:
        """Read the runs without holding up the screen."""
        self.run_worker(self._fill(), exit_on_error=True)

    async def _fill(self) -> None:
        runs = await asyncio.to_thread(list_runs, self._root)
        others = [run for run in runs if run.path.absolute() != self._own.absolute()][:MOST_RUNS]
        message = self.query_one(Static)
        message.update(
            f"in {printable(self._root)}" if others else f"no other runs in {printable(self._root)}"
        )
        choices = self.query_one(SelectionList)
        width = max((len(run.name) for run in others), default=0)
        choices.add_options(
            Selection(_line(run, width), run.path.absolute(), run.path.absolute() in self._chosen)
            for run in others
        )
        choices.highlighted = 0 if others else None  # space ticks the newest at once
        choices.focus()

    def action_leave(self) -> None:
        """Leave things as they are."""
        self.dismiss(None)

    def action_done(self) -> None:
        """Show the ticked runs."""
        choices: SelectionList[Path] = self.query_one(SelectionList)
        self.dismiss(tuple(choices.selected))


def _line(run: RunInfo, width: int) -> Text:
    best = number(run.best_return)
    about = f"  {printable(run.env_id)}  {run.state}  {si(run.env_steps)} steps  best {best}"
    return Text(f"{run.name:<{min(width, 44)}}").append(about, "dim")
