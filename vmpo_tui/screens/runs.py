"""Screen 5, the runs: each one, and what can be done with it; also where one starts without a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from engine.errors import EngineError
from engine.run_admin import rename_run, restore_run, trash_run
from engine.run_directory import RunDirectory, RunInfo, RunList, runs_root
from vmpo_tui.run_view import RunView
from vmpo_tui.screens import run_keys
from vmpo_tui.screens.base import RunScreen, filter_pattern
from vmpo_tui.screens.charts import Charts
from vmpo_tui.screens.dialogs import TrashDialog
from vmpo_tui.screens.differences import DifferencesDialog
from vmpo_tui.screens.new_run import NewRunForm
from vmpo_tui.screens.run_forms import Fork, ForkForm, RenameForm, ResumeForm
from vmpo_tui.text import printable
from vmpo_tui.widgets.look_line import Entry, LookLine
from vmpo_tui.widgets.run_details import RunDetails
from vmpo_tui.widgets.run_table import ORDERS, RunTable
from vmpo_tui.widgets.tabs import ScreenTabs
from vmpo_tui.widgets.welcome import Welcome
from vmpo_tui.wishes import GoOn, TrainNew, Watch, Wish

READ_EVERY = 2.0
FIRST_LOOK = 60
"""Runs that the first look reads, so that it costs the same however many there are."""


class Runs(RunScreen):
    """The table of runs under the runs root, with the one that is shown."""

    LABEL = "runs"
    CSS_PATH = "runs.tcss"
    KEYS = [run_keys.OPEN, *run_keys.KEYS]
    BINDINGS = [*run_keys.KEYS]

    class Wanted(Message):
        """Another run is to be opened."""

        def __init__(self, wish: Wish) -> None:
            super().__init__()
            self.wish = wish

    def __init__(self) -> None:
        super().__init__()
        self._view = RunView()
        self._list: RunList | None = None
        self._runs: list[RunInfo] = []
        self._read = False
        self._order = "changed"
        self._marked: dict[Path, None] = {}  # in the order of marking
        self._trashed: list[Path] = []

    def compose_body(self) -> ComposeResult:
        """Yield the table, what is known about the run under its cursor, and the keys."""
        yield Welcome(runs_root(), id="welcome")
        yield RunTable(id="table")
        yield RunDetails(id="details")
        yield Input(placeholder="text or regular expression; esc shows all runs", compact=True)
        yield LookLine(id="run-keys")
        yield LookLine(id="list-keys")

    def on_mount(self) -> None:
        """Read the runs, the newest ones first, and again from time to time."""
        self.query_one(RunTable).focus()
        if not self.read_only:
            self._list = RunList(runs_root())
            self.set_interval(READ_EVERY, self._refresh)
            self.run_worker(self._first_look())

    async def _first_look(self) -> None:
        await self._reread(FIRST_LOOK)
        await self._reread()

    def _refresh(self) -> None:
        if self.is_current:
            self.run_worker(self._reread(), exclusive=True, group="reading")

    async def _reread(self, newest: int | None = None) -> None:
        """Read the runs beside everything else and show them."""
        assert self._list is not None
        self._runs = await asyncio.to_thread(self._list.read, newest)
        self._read = True
        self._show_runs()

    def show_body(self, view: RunView) -> None:
        """Show a view; its run is listed wherever it lies."""
        moved, self._view = view.run_dir != self._view.run_dir, view
        if self._list is not None:
            self._list.guest = Path(view.run_dir) if view.run_dir else None
            if moved:
                self._refresh()
        self._show_keys()

    def _show_runs(self) -> None:
        pattern = filter_pattern(self.query_one(Input).value)
        runs = [run for run in self._runs if pattern is None or pattern.search(_words(run))]
        runs.sort(key=ORDERS[self._order])  # type: ignore[arg-type]
        if self.read_only:
            placeholder = "read-only: other runs are not shown here"
        else:
            placeholder = "no run matches; esc shows all" if self._read else "reading the runs..."
        self._marked = {path: None for path in self._marked if any(run.path == path for run in self._runs)}
        table = self.query_one(RunTable)
        self._welcome(self._read and not self._runs)
        table.show(runs, marked=self._marked, sorted_by=self._order, placeholder=placeholder)

    def _show_keys(self) -> None:
        run = self.query_one(RunTable).run
        marked = run is not None and run.path in self._marked
        entries = run_keys.run_entries(run, marked=marked, others=len(self._marked) > marked)
        self.query_one("#run-keys", LookLine).show(self._keyed(entries), "", ())
        entries = run_keys.list_entries(self._order, trashed=bool(self._trashed))
        count = len(self._runs)
        place = f"{count:,} run{'s' * (count != 1)}"
        self.query_one("#list-keys", LookLine).show(self._keyed(entries), place, ())

    def _keyed(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Put the user's keys in the place of the ids of bindings."""
        return tuple((self.key(binding, ""), text, set_) for binding, text, set_ in entries)

    def _welcome(self, empty: bool) -> None:
        """Show what to begin with in the place of an empty table; keys arrive at what is shown."""
        if empty != self.has_class("-empty"):
            self.set_class(empty, "-empty")
            if empty:
                self.query_one(Welcome).take_focus()
            else:
                self.query_one(RunTable).focus()

    # The table

    def on_run_table_moved(self) -> None:
        """Describe the run under the cursor."""
        self.query_one(RunDetails).show(self.query_one(RunTable).run)
        self._show_keys()

    def on_run_table_chosen(self) -> None:
        """Open the run, or the dashboard where it is this one."""
        run = self._chosen()
        if run is None:
            return
        if self._is_shown(run.path):
            self.post_message(ScreenTabs.Chosen("dashboard"))
        else:
            self._go(Watch(run.path))

    def action_order(self) -> None:
        """Sort by something else."""
        names = list(ORDERS)
        self._order = names[(names.index(self._order) + 1) % len(names)]
        self._show_runs()
        self._show_keys()

    def action_filter(self) -> None:
        """Ask for the text to filter by."""
        self.add_class("filtering")
        self.query_one(Input).focus()

    def action_back(self) -> None:
        """Show all runs again."""
        self.remove_class("filtering")
        self.query_one(Input).value = ""
        self.query_one(RunTable).focus()

    def on_input_changed(self) -> None:
        """Filter as one types."""
        self._show_runs()

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the table."""
        self.remove_class("filtering")
        self.query_one(RunTable).focus()

    # Runs that begin or go on

    def on_welcome_chosen(self, event: Welcome.Chosen) -> None:
        """Ask for a new run in this environment."""
        if self._may():
            self.app.push_screen(NewRunForm(event.env_id), self._train)

    def action_new(self) -> None:
        """Ask for a new run."""
        if self._may():
            run = self.query_one(RunTable).run
            env_id = self._view.env_id or (run.env_id if run and run.state != "damaged" else "HalfCheetah-v5")
            self.app.push_screen(NewRunForm(env_id), self._train)

    def _train(self, wish: TrainNew | None) -> None:
        if wish is not None:
            self._go(wish)

    def action_resume(self) -> None:
        """Ask how far a run is to go on."""
        run = self._chosen()
        if run is None:
            return
        if run.state in run_keys.UNDER_WAY:
            self._say(f"a process trains {run.name} already: enter shows it", "warning")
        elif run.problem and run.state == "damaged":
            self._say(f"{run.name} cannot go on: {run.problem}", "error")
        else:
            self.app.push_screen(ResumeForm(run), self._resume)

    def _resume(self, wish: GoOn | None) -> None:
        if wish is not None:
            self._go(wish)

    def action_fork(self) -> None:
        """Ask from where a new run is to branch off."""
        run = self._chosen()
        if run is None:
            return
        try:
            form = ForkForm(run)
        except EngineError as error:
            self._say(f"{run.name} has nothing to branch from: {error}", "error")
        else:
            self.app.push_screen(form, self._fork)

    def _fork(self, wanted: Fork | None) -> None:
        if wanted is not None:
            self.run_worker(self._branch(wanted))

    async def _branch(self, wanted: Fork) -> None:
        from engine.fork import fork_run  # here: it needs torch, the list of runs does not

        path = await self._attempt(lambda: fork_run(wanted.checkpoint, wanted.target, wanted.changes))
        if path is not None:
            self._go(GoOn(path, wanted.env_id))

    def _go(self, wish: Wish) -> None:
        self.post_message(self.Wanted(wish))

    # Comparing

    def action_mark(self) -> None:
        """Mark the run under the cursor, or take the mark away."""
        run = self._chosen()
        if run is not None:
            if run.path in self._marked:
                del self._marked[run.path]
            else:
                self._marked[run.path] = None
            self._show_runs()
            self._show_keys()

    def action_differences(self) -> None:
        """Show in which settings the marked runs and this one differ."""
        run = self._chosen()
        if run is None:
            return
        paths = list({**self._marked, run.path: None})
        if len(paths) < 2:
            self._say("mark another run first (m), then choose the one to compare with it")
            return
        try:
            self.app.push_screen(DifferencesDialog(paths))
        except EngineError as error:
            self._say(str(error), "error")

    def action_curves(self) -> None:
        """Show the curves of the marked runs and this one on the charts, behind those of the run shown."""
        run = self._chosen()
        if run is not None:
            paths = [path for path in {**self._marked, run.path: None} if not self._is_shown(path)]
            if not paths:  # over itself it would hide nothing and count twice
                self._say("these are the curves that the charts show; mark other runs to compare (m)")
                return
            charts = cast(Charts, self.app.get_screen(Charts.LABEL))
            self.post_message(ScreenTabs.Chosen(Charts.LABEL))
            charts.call_after_refresh(charts.overlay, tuple(path.absolute() for path in paths))

    # Keeping house

    def action_rename(self) -> None:
        """Ask for another name."""
        run = self._chosen()
        if run is not None:
            self.app.push_screen(RenameForm(run), lambda name: self._rename(run, name))

    def _rename(self, run: RunInfo, name: str | None) -> None:
        if name:
            self.run_worker(self._move(lambda: rename_run(run.path, name), f"{run.name} is now {name}"))

    def action_trash(self) -> None:
        """Ask whether to move a run to the trash."""
        run = self._chosen()
        if run is not None and RunDirectory(run.path).held():
            self._say(f"a process trains {run.name}: it cannot be deleted before that has ended", "warning")
        elif run is not None:
            self.app.push_screen(TrashDialog(run.name), lambda answer: self._trash(run, answer))

    def _trash(self, run: RunInfo, answer: str | None) -> None:
        if answer:
            self.run_worker(self._throw_away(run))

    async def _throw_away(self, run: RunInfo) -> None:
        trashed = await self._move(
            lambda: trash_run(run.path), f"{run.name} is in the trash; u brings it back"
        )
        if trashed is not None:
            self._trashed.append(trashed)

    def action_restore(self) -> None:
        """Take the run that was deleted last out of the trash."""
        if not self._trashed:
            self._say("nothing was deleted here")
            return
        path = self._trashed.pop()
        self.run_worker(self._move(lambda: restore_run(path), f"{path.name} is back"))

    async def _move(self, action: Callable[[], Path], done: str) -> Path | None:
        path = await self._attempt(action)
        if path is not None:
            self._say(done)
            await self._reread()
            self.query_one(RunTable).put_cursor(path)
        return path

    # What the actions share

    async def _attempt(self, action: Callable[[], Path]) -> Path | None:
        """Do something beside everything else; say what went wrong."""
        try:
            return await asyncio.to_thread(action)
        except EngineError as error:
            self._say(str(error), "error")
            return None

    def _chosen(self) -> RunInfo | None:
        """Return the run under the cursor; say what is missing where there is none."""
        run = self.query_one(RunTable).run
        if run is None and self._may():
            self._say("there is no run to choose; t trains a new one")
        return run

    def _may(self) -> bool:
        if self.read_only:
            self._say("read-only: no run is begun or changed from here", "warning")
        return not self.read_only

    def _is_shown(self, path: Path) -> bool:
        own = self._view.run_dir
        return bool(own) and RunDirectory(Path(own)).path.absolute() == path.absolute()

    def _say(self, text: str, severity: str = "information") -> None:
        self.notify(printable(text), severity=severity, timeout=5, markup=False)  # type: ignore[arg-type]


def _words(run: RunInfo) -> str:
    """Return what the filter looks through."""
    return f"{run.name} {run.env_id} {run.state} s{run.seed}"
