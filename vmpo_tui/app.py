"""The application: composition, keys and the link between the session and the screens."""

from __future__ import annotations

import gc
import signal
import time
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType

from engine import commands
from engine.events import Event, PhaseChanged, RunStarted, UpdateCompleted
from vmpo_tui import run_view
from vmpo_tui.desk import Desk
from vmpo_tui.keys import RUN_BINDINGS, screen_bindings
from vmpo_tui.pace import Pace
from vmpo_tui.screens import SCREENS, TABS, VIEWS, RunScreen
from vmpo_tui.screens.charts import Charts
from vmpo_tui.screens.dialogs import (
    ChoiceDialog,
    FailureDialog,
    HandOverDialog,
    LeaveDialog,
    StopDialog,
)
from vmpo_tui.screens.runs import Runs
from vmpo_tui.session import NoRun, Source
from vmpo_tui.steering import Steering
from vmpo_tui.terminal import Output, insists, terminal_was_closed
from vmpo_tui.wishes import Wish

REFRESH_SECONDS = 0.25
"""How often the engine's events are taken in; they are drawn as `Pace` allows."""
DONE, FAILED, SIGNALLED = 0, 1, 128
FORCED = 3  # interrupts, after which nothing is waited for


class VmpoApp(Steering):
    """Shows a session's run and steers it."""

    TITLE = "vmpo-tui"
    BINDINGS: ClassVar[list[BindingType]] = [*RUN_BINDINGS, *screen_bindings(TABS)]

    def __init__(self, session: Source, output: Output | None = None, desk: Desk | None = None) -> None:
        super().__init__(desk)
        self.session = session
        self.view = run_view.RunView(state="idle" if isinstance(session, NoRun) else "starting")
        self.wish: Wish | None = None
        self._output = output
        self._signal: int | None = None
        self._pace = Pace(shortest=1.0 / self.desk.settings.frame_rate)
        self._behind = self._frozen = self._settled = False
        self._interrupts = 0
        self._leaving = False
        self._failure_shown = False

    def on_mount(self) -> None:
        """Show the screen that was left, or the list of runs where there is none; then start the engine."""
        for kind in SCREENS:
            self.install_screen(screen := kind(), kind.LABEL)
            self.restore(screen)
        self.push_screen(Runs.LABEL if self.view.state == "idle" else self.desk.screen_among(VIEWS))
        if self.desk.complaint:
            self.complain(self.desk.complaint)
        self.call_after_refresh(self.session.start)
        self.call_after_refresh(self.show_now)
        self.set_interval(min(REFRESH_SECONDS, 1.0 / self.desk.settings.frame_rate), self.refresh_view)

    def refresh_view(self) -> None:
        """Take in what the engine said since the last time."""
        if not self.is_running:  # its screens are being taken down
            return
        live, events = self.session.live, self.session.drain()
        for event in events:
            self._take_in(event, live=live)
        self._behind |= bool(events)
        at_once = any(not isinstance(event, UpdateCompleted | PhaseChanged) for event in events)
        if self._behind and (self._pace.due(time.monotonic(), time.thread_time()) or at_once):
            self.show_now()
        if self.view.failure and not self._failure_shown:
            self._failure_shown = True
            self.push_screen(FailureDialog(self.view.failure, self.view.run_dir))
        if terminal_was_closed():
            self.on_signal(signal.SIGHUP)
        over = self.session.attached or self.view.over or not self.session.running
        if self._leaving and (over or self._interrupts >= FORCED):
            self.exit(self.exit_code())

    def _take_in(self, event: Event, *, live: bool) -> None:
        """Make an event part of the view, and do what else it asks for."""
        if live:
            self.say(self.view, event)
        self.view = run_view.apply(self.view, event)
        if isinstance(event, RunStarted):
            self.open_bookmarks(event.run_dir)
        if isinstance(event, UpdateCompleted) and not self._settled:
            self._settled = True
            gc.freeze()  # or full collections go through all that is loaded: 0.2 s in which nobody trains
        if self._output and isinstance(event, RunStarted) and not self.session.attached:
            self._output.move_to(Path(event.run_dir) / "engine.log")

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

    def show_now(self) -> None:
        """Draw what is known."""
        shown = [one for one in self.screen_stack if isinstance(one, RunScreen) and one.is_mounted]
        self._behind = not shown  # none is mounted yet; a dialog may be in front
        for screen in shown:
            self.present(screen)

    def present(self, screen: RunScreen) -> None:
        """Draw what is known on a screen."""
        screen.show(self.view, frozen=self._frozen, cost=self._pace.cost, hint=self.hint(self.view))

    def action_show_screen(self, label: str) -> None:
        """Switch to a numbered screen."""
        if isinstance(self.screen, RunScreen) and label != self.screen.LABEL:
            self.switch_screen(label)

    def action_show_metric(self, metric: str) -> None:
        """Show a metric on the whole screen."""
        self.get_screen("charts", Charts).open_metric(metric, self.view)
        self.action_show_screen("charts")

    def action_freeze(self) -> None:
        """Hold the display still, or follow again."""
        self._frozen = not self._frozen
        self.show_now()

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
        self.show_now()

    def on_runs_wanted(self, event: Runs.Wanted) -> None:
        """Leave this run for another one; where this process trains it, ask what becomes of it."""
        self.wish = event.wish
        if self.session.attached or self.view.over or not self.session.running:
            self.exit(self.exit_code())
        else:
            self.push_screen(HandOverDialog(), self._hand_over)

    def _hand_over(self, choice: str | None) -> None:
        self.wish = self.wish if choice else None
        self._stop(choice)

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

    def tell(self, text: str, kind: str = "info") -> None:
        """Say something in the log of the run that is shown; drawn with what the engine says next."""
        self.view, self._behind = run_view.note(self.view, text, kind), True
