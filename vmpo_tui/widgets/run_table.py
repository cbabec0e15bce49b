"""The table of runs: as many as there are, drawn as many as fit."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.cells import set_cell_size
from textual import events
from textual.binding import Binding
from textual.message import Message

from engine.run_directory import RunInfo
from vmpo_tui.text import age, number, printable, si
from vmpo_tui.widgets.lines import Lines, Span

STATES: dict[str, tuple[str, str]] = {
    "running": ("●", "going"),
    "paused": ("⏸", "held"),
    "finished": ("✔", "done"),
    "stopped": ("■", "plain"),
    "discarded": ("□", "plain"),
    "handed over": ("◍", "going"),
    "failed": ("✖", "failed"),
    "interrupted": ("◌", "held"),
    "damaged": ("!", "failed"),
}
"""Symbol and colour of each state of a run."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table."""

    heading: str
    width: int
    text: Callable[[RunInfo, float, int], str]
    """(run, now, width) -> cell."""
    right: bool = False
    least: int = 0
    """Width of the table from which on the column is shown."""


BAR = Column("", 16, lambda run, now, width: _bar(run, width), least=150)
NAME_WIDTH = 60
"""Of the longest names that are shown in whole where there is room for a bar."""
COLUMNS: tuple[Column, ...] = (
    Column("environment", 24, lambda run, now, width: run.env_id, least=100),
    Column("seed", 5, lambda run, now, width: f"{run.seed}", right=True, least=130),
    BAR,
    Column("steps", 13, lambda run, now, width: f"{si(run.env_steps)} / {si(run.total_steps)}", right=True),
    Column("last", 8, lambda run, now, width: number(run.last_return), right=True, least=100),
    Column("best", 8, lambda run, now, width: number(run.best_return), right=True),
    Column("changed", 9, lambda run, now, width: age(now - run.modified), right=True),
)
STATE_WIDTH = 13


def _newest(run: RunInfo) -> float:
    return -run.modified


def _by_name(run: RunInfo) -> str:
    return run.name.lower()


def _best(run: RunInfo) -> tuple[str, float]:
    return run.env_id, -run.best_return if run.best_return is not None else float("inf")


def _furthest(run: RunInfo) -> float:
    return -run.env_steps


def _by_state(run: RunInfo) -> tuple[int, float]:
    return list(STATES).index(run.state), -run.modified


ORDERS: dict[str, Callable[[RunInfo], object]] = {
    "changed": _newest,
    "best": _best,
    "steps": _furthest,
    "run": _by_name,
    "state": _by_state,
}
"""How the table may be sorted, by the heading that says so."""


class RunTable(Lines, can_focus=True):
    """One line a run; the cursor stays on its run whatever comes and goes around it."""

    COMPONENT_CLASSES = {
        "table--heading", "table--sorted", "table--cursor", "table--unfocused", "table--strong",
        "table--muted", "table--going", "table--held", "table--done", "table--failed", "table--plain",
    }  # fmt: skip
    DEFAULT_CSS = """
    RunTable { height: 1fr; }
    RunTable .table--heading { color: $text-muted; text-style: underline; }
    RunTable .table--sorted { color: $text; text-style: bold underline; }
    RunTable .table--cursor { color: $text; background: $primary 50%; text-style: bold; }
    RunTable .table--unfocused { color: $text; background: $foreground 15%; }
    RunTable .table--strong { color: $text; }
    RunTable .table--muted { color: $text-muted; }
    RunTable .table--plain { color: $text-muted; }
    RunTable .table--going { color: $success; text-style: bold; }
    RunTable .table--held { color: $warning; }
    RunTable .table--done { color: $primary; }
    RunTable .table--failed { color: $error; }
    """
    BINDINGS = [
        Binding("up,k", "move(-1)", "up", show=False, id="table.up"),
        Binding("down,j", "move(1)", "down", show=False, id="table.down"),
        Binding("pageup", "page(-1)", "page up", show=False, id="table.page_up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="table.page_down"),
        Binding("home", "move(-1000000)", "first", show=False, id="table.first"),
        Binding("end", "move(1000000)", "last", show=False, id="table.last"),
        Binding("enter", "choose", "open", show=False, id="table.choose"),
    ]

    class Chosen(Message):
        """A run was asked for with enter or a click on the cursor."""

    class Moved(Message):
        """The cursor is on another run, or the run under it has changed."""

    def __init__(self, *, clock: Callable[[], float] = time.time, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._runs: Sequence[RunInfo] = ()
        self._cursor = 0
        self._top = 0
        self._marked: Collection[Path] = ()
        self._placeholder = ""
        self._sorted_by = ""

    @property
    def run(self) -> RunInfo | None:
        """The run under the cursor."""
        return self._runs[self._cursor] if self._runs else None

    def show(
        self, runs: Sequence[RunInfo], *, marked: Collection[Path], sorted_by: str, placeholder: str
    ) -> None:
        """Show runs.

        Args:
            runs: in their order.
            marked: those to mark, as far as they are among them.
            sorted_by: the heading to say so at.
            placeholder: what to say where there is none.
        """
        before = self.run
        paths = [run.path for run in runs]
        if before is not None:
            at = paths.index(before.path) if before.path in paths else min(self._cursor, len(runs) - 1)
            self._cursor = max(0, at)
        self._runs, self._marked, self._placeholder = runs, marked, placeholder
        self._sorted_by = sorted_by
        self.redraw()
        self.post_message(self.Moved())

    def put_cursor(self, path: Path) -> None:
        """Put the cursor on a run, if it is there."""
        self._move_to(next((at for at, run in enumerate(self._runs) if run.path == path), self._cursor))

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the heading and the runs around the cursor."""
        if not self._runs:
            return [[(f" {line}", "table--muted")] for line in ["", *self._placeholder.splitlines()]]
        columns, name_width = _fitted(width)
        rows = max(1, height - 1)
        self._top = max(self._cursor - rows + 1, min(self._top, self._cursor))
        self._top = max(0, min(self._top, len(self._runs) - rows))
        now = self._clock()
        shown = self._runs[self._top : self._top + rows]
        lines = [self._row(run, columns, name_width, now) for run in shown]
        cursor = self._cursor - self._top
        style = "table--cursor" if self.has_focus else "table--unfocused"
        lines[cursor] = [(text, style) for text, _ in lines[cursor]]
        return [self._heading(columns, name_width), *lines]

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a run; a click on the cursor opens it."""
        place = event.get_content_offset(self)
        if place is None or not 0 < place.y <= len(self._runs) - self._top:
            return
        at = self._top + place.y - 1
        if at == self._cursor and event.chain > 1:
            self.action_choose()
        self._move_to(at)

    def on_mouse_scroll_up(self) -> None:
        """Go up."""
        self.action_move(-3)

    def on_mouse_scroll_down(self) -> None:
        """Go down."""
        self.action_move(3)

    def on_focus(self) -> None:
        """Show that keys arrive here."""
        self.redraw()

    def on_blur(self) -> None:
        """Show that they no longer do."""
        self.redraw()

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._move_to(max(0, min(self._cursor + by, len(self._runs) - 1)))

    def action_page(self, direction: int) -> None:
        """Move the cursor by what fits on the screen."""
        self.action_move(direction * max(1, self.size.height - 2))

    def action_choose(self) -> None:
        """Ask for the run under the cursor."""
        if self.run is not None:
            self.post_message(self.Chosen())

    def _move_to(self, cursor: int) -> None:
        if cursor != self._cursor and self._runs:
            self._cursor = cursor
            self.redraw()
            self.post_message(self.Moved())

    def _heading(self, columns: Sequence[Column], name_width: int) -> list[Span]:
        cells = [("", 0, False), ("state", STATE_WIDTH, False), ("run", name_width, False)]
        cells += [(column.heading, column.width, column.right) for column in columns]
        spans = []
        for heading, width, right in cells:
            ordered = bool(heading) and heading == self._sorted_by
            text = _cell(f"{heading} ▾" if ordered else heading, width, right=right)
            spans.append((f"{text} ", "table--sorted" if ordered else "table--heading"))
        return spans

    def _row(self, run: RunInfo, columns: Sequence[Column], name_width: int, now: float) -> list[Span]:
        symbol, look = STATES.get(run.state, ("?", "plain"))
        mark = "◆" if run.path in self._marked else " "
        cells = [
            _cell(column.text(run, now, column.width), column.width, right=column.right) for column in columns
        ]
        return [
            (mark, "table--held"),
            (_cell(f"{symbol} {run.state}", STATE_WIDTH) + " ", f"table--{look}"),
            (_cell(run.name, name_width) + " ", "table--strong"),
            (" ".join(cells) + " ", "table--muted"),
        ]


def _fitted(width: int) -> tuple[list[Column], int]:
    """Return the columns that there is room for, and the width of the name; the bar takes what is left."""
    columns = [column for column in COLUMNS if width >= column.least]
    room = max(8, width - STATE_WIDTH - 3 - sum(column.width + 1 for column in columns))
    if BAR not in columns or room <= NAME_WIDTH:
        return columns, room
    at = columns.index(BAR)
    columns[at] = replace(BAR, width=BAR.width + room - NAME_WIDTH)
    return columns, NAME_WIDTH


def _cell(text: str, width: int, *, right: bool = False) -> str:
    """Return a text from outside in exactly ``width`` cells."""
    text = printable(text)
    fitted = set_cell_size(text, width)
    if right:
        return " " * (width - len(fitted.rstrip())) + fitted.rstrip()
    return fitted if fitted.rstrip() == text.rstrip() else set_cell_size(fitted, width - 1) + "…"


def _bar(run: RunInfo, width: int) -> str:
    share = min(1.0, run.env_steps / run.total_steps) if run.total_steps else 0.0
    filled = round(share * width)
    return "━" * filled + "─" * (width - filled)
