"""What the keys tell the engine, whichever run is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine import commands
from engine.errors import ConfigError
from vmpo_tui import bookmarks, chart_files, run_view
from vmpo_tui.keys import STEERING
from vmpo_tui.screens.parameters import Parameters
from vmpo_tui.session import Source
from vmpo_tui.shell import Shell
from vmpo_tui.text import printable, si


class Steering(Shell):
    """An application that shows a session's run and sends it commands."""

    session: Source
    view: run_view.RunView

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no key that steers where no run is shown."""
        return self.view.state != "idle" or action not in STEERING

    def pictures_folder(self) -> Path:
        """Return the folder of what was saved from the screens of the run; where one is, without one."""
        run = self.view.run_dir
        return Path(run) / chart_files.FOLDER if run else super().pictures_folder()

    def action_toggle_pause(self) -> None:
        """Pause or go on; the screen says so once the engine has."""
        if self._refused():
            return
        if self.view.held or self.view.state == "pausing":
            self.session.send(commands.Resume())
        else:
            self.session.send(commands.Pause())
            self.view = run_view.request_pause(self.view)
        self.show_now()

    def action_evaluate(self) -> None:
        """Evaluate after the current iteration."""
        self._request(commands.EvaluateNow(), "evaluation requested")

    def action_checkpoint(self) -> None:
        """Save after the current iteration."""
        self._request(commands.CheckpointNow(), "checkpoint requested")

    def action_step_once(self) -> None:
        """Run one iteration of a paused run."""
        if self._refused():
            return
        if self.view.state == "paused":
            self.session.send(commands.StepOnce())
        else:
            self.notify("pause first (space); then n runs one iteration", timeout=3)

    def action_bookmark(self) -> None:
        """Mark this step on every chart, or take the mark back; it is kept in the run's directory."""
        view = self.view
        if not view.run_dir:
            self.notify("the run has not begun yet", timeout=3)
            return
        marks = bookmarks.toggled(view.bookmarks, view.env_steps)
        removed = "" if len(marks) > len(view.bookmarks) else " taken back"
        try:
            bookmarks.save(Path(view.run_dir), marks)
        except OSError as error:
            self.complain(f"the bookmark cannot be kept in {view.run_dir}: {error.strerror or error}")
        self.view = replace(self.view, bookmarks=marks)
        self.tell(f"bookmark at {si(view.env_steps)}{removed}")
        self.show_now()

    def open_bookmarks(self, run_dir: str) -> None:
        """Show the bookmarks that a run has."""
        marks = bookmarks.load(Path(run_dir))
        if marks and marks != self.view.bookmarks:
            places = ", ".join(si(mark.env_steps) for mark in marks)
            self.view = run_view.note(self.view, f"bookmarks of this run: {places}")
        self.view = replace(self.view, bookmarks=marks)

    def action_parameters(self) -> None:
        """Change settings of the run under way."""
        if self._refused():
            return
        try:
            self.push_screen(Parameters(self.view), self._change)
        except ConfigError as error:
            self.notify(printable(error), severity="error", markup=False)

    def _change(self, changes: tuple[commands.ChangeSetting, ...] | None) -> None:
        for change in changes or ():
            self._request(change, f"{change.key} = {change.value:g} requested")

    def _request(self, command: commands.Command, text: str) -> None:
        if self._refused():
            return
        self.session.send(command)
        self.view = run_view.note(self.view, text)
        self.show_now()

    def _refused(self) -> bool:
        """Say why a run that is over, or none, takes no orders."""
        if self.view.over:
            self.notify("the run is over", timeout=3)
        elif self.view.state == "idle":
            self.notify("no run is shown yet: choose one or begin a new one", timeout=3)
        return self.view.over or self.view.state == "idle"
