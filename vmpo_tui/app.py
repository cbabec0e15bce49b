"""The application: composition, keys and the link between the session and the screens."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from engine import commands
from engine.events import RunStarted, UpdateCompleted
from vmpo_tui import run_view
from vmpo_tui.keys import RUN_BINDINGS, screen_bindings
from vmpo_tui.pace import Pace
from vmpo_tui.screens import SCREENS, TABS, RunScreen
from vmpo_tui.screens.dialogs import ChoiceDialog, FailureDialog, HelpDialog, LeaveDialog, StopDialog
from vmpo_tui.session import Source
from vmpo_tui.terminal import Output, insists, terminal_was_closed
from vmpo_tui.widgets.tabs import ScreenTabs

REFRESH_SECONDS = 0.25
"""How often the engine's events are taken in; they are drawn as `Pace` allows."""
DONE, FAILED, SIGNALLED = 0, 1, 128
FORCED = 3  # interrupts, after which nothing is waited for


class VmpoApp(App[int]):
    """Shows a session's run and steers it."""

    TITLE = "vmpo-tui"
    READ_ONLY: ClassVar[bool] = False
    """Whether the user may neither steer the run nor read or write other files."""
    BINDINGS: ClassVar[list[BindingType]] = [*RUN_BINDINGS, *screen_bindings(TABS)]

    def __init__(self, session: Source, output: Output | None = None) -> None:
        super().__init__()
        self.session = session
        self.view = run_view.RunView()
        self._output = output
        self._signal: int | None = None
        self._pace = Pace()
        self._behind = self._frozen = False
        self._interrupts = 0
        self._leaving = False
        self._failure_shown = False

    def on_mount(self) -> None:
        """Show the dashboard, then start the engine."""
        for kind in SCREENS:
            self.install_screen(kind(), kind.LABEL)
        self.push_screen(SCREENS[0].LABEL)
        self.call_after_refresh(self.session.start)
        self.set_interval(REFRESH_SECONDS, self.refresh_view)

    def refresh_view(self) -> None:
        """Take in what the engine said since the last time."""
        events = self.session.drain()
        for event in events:
            self.view = run_view.apply(self.view, event)
            if self._output and isinstance(event, RunStarted) and not self.session.attached:
                self._output.move_to(Path(event.run_dir) / "engine.log")
        self._behind |= bool(events)
        at_once = any(not isinstance(event, UpdateCompleted) for event in events)
        if self._behind and (self._pace.due(time.monotonic(), time.thread_time()) or at_once):
            self._show()
        if self.view.failure and not self._failure_shown:
            self._failure_shown = True
            self.push_screen(FailureDialog(self.view.failure, self.view.run_dir))
        if terminal_was_closed():
            self.on_signal(signal.SIGHUP)
        over = self.session.attached or self.view.over or not self.session.running
        if self._leaving and (over or self._interrupts >= FORCED):
            self.exit(self.exit_code())

    def exit_code(self) -> int:
        """Return the process's exit code as the run stands."""
        if self.view.failure:
            return FAILED
        return SIGNALLED + self._signal if self._signal else DONE

    def on_signal(self, signum: int) -> None:
        """Part from the run, as a signal asks; called between any two instructions of the main thread."""
        self._interrupts = FORCED if insists(signum, self._signal) else self._interrupts
        self._signal = self._signal or signum
        asked = self.session.on_hangup if signum == signal.SIGHUP else "save"
        self._part("leave" if self.session.attached else asked)
        self.session.end_process_when_over(self.exit_code(), at_once=self._interrupts >= FORCED)

    def _show(self) -> None:
        shown = [one for one in self.screen_stack if isinstance(one, RunScreen) and one.is_mounted]
        self._behind = not shown  # none is mounted yet; a dialog may be in front
        for screen in shown:
            screen.show(self.view, frozen=self._frozen, cost=self._pace.cost)

    def action_show_screen(self, label: str) -> None:
        """Switch to a numbered screen."""
        if isinstance(self.screen, RunScreen) and label != self.screen.LABEL:
            self.switch_screen(label)
            self.call_after_refresh(self._show)

    def on_screen_tabs_chosen(self, event: ScreenTabs.Chosen) -> None:
        """Switch to the screen that was clicked."""
        self.action_show_screen(event.label)

    def action_toggle_pause(self) -> None:
        """Pause or go on; the screen says so once the engine has."""
        if self.view.held or self.view.state == "pausing":
            self.session.send(commands.Resume())
        else:
            self.session.send(commands.Pause())
            self.view = run_view.request_pause(self.view)
        self._show()

    def action_evaluate(self) -> None:
        """Evaluate after the current iteration."""
        self._request(commands.EvaluateNow(), "evaluation requested")

    def action_checkpoint(self) -> None:
        """Save after the current iteration."""
        self._request(commands.CheckpointNow(), "checkpoint requested")

    def action_step_once(self) -> None:
        """Run one iteration of a paused run."""
        if self.view.state == "paused":
            self.session.send(commands.StepOnce())
        else:
            self.notify("pause first (space); then n runs one iteration", timeout=3)

    def action_freeze(self) -> None:
        """Hold the display still, or follow again."""
        self._frozen = not self._frozen
        self._show()

    def action_help(self) -> None:
        """List the keys: the screen's own, then those that work everywhere."""
        own = self.screen.KEYS if isinstance(self.screen, RunScreen) else []
        self.push_screen(HelpDialog([*own, *RUN_BINDINGS, *screen_bindings(TABS)]))

    def action_stop(self) -> None:
        """Ask how to stop; a run that is over is simply left."""
        if self.view.over or not self.session.running:
            self.exit(self.exit_code())
        elif not isinstance(self.screen, ChoiceDialog):
            self.push_screen(LeaveDialog() if self.session.attached else StopDialog(), self._stop)

    def action_interrupt(self) -> None:
        """Ask, then save and stop, then leave at once."""
        self._interrupts += 1
        if self.view.over:
            self.exit(self.exit_code())
        elif self._interrupts == 1:
            self.action_stop()
        elif self._interrupts == 2:
            self._signal = signal.SIGINT
            choice = "leave" if self.session.attached else "save"
            if isinstance(self.screen, ChoiceDialog):
                self.screen.dismiss(choice)
            else:
                self._stop(choice)
        else:
            self.exit(SIGNALLED + signal.SIGINT)

    def _stop(self, choice: str | None) -> None:
        if not choice:
            self._interrupts = 0
            return
        self._part(choice)
        self._show()

    def _part(self, choice: str) -> None:
        """Part from the run: leave, detach, save or discard; drawn later, a signal may have come."""
        self._leaving = choice == "leave" or not self.session.attached
        if choice == "leave":
            return
        if choice == "detach":
            self.session.detach()
        else:
            self.session.send(commands.Stop(save=choice == "save"))
        self.view, self._behind = run_view.request_stop(self.view), True

    def _request(self, command: commands.Command, text: str) -> None:
        if self.view.over:
            self.notify("the run is over", timeout=3)
            return
        self.session.send(command)
        self.view = run_view.note(self.view, text)
        self._show()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer every action in the command palette."""
        for binding in RUN_BINDINGS:
            if binding.show:
                action = getattr(self, f"action_{binding.action}")
                yield SystemCommand(binding.description, binding.tooltip, action)
        yield from super().get_system_commands(screen)
