"""For terminals below 60x16: a run in numbers, and the keys that there is room for."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, set_cell_size
from textual import events

from vmpo_tui.run_view import RunView
from vmpo_tui.text import duration, number, si
from vmpo_tui.widgets.lines import Lines, Span
from vmpo_tui.widgets.tile import DISCRETE_LABELS, TILES, newest, present

COLUMN_WIDTH = 25
GAP = 2
IDLE_WORDS = {"stop": "leave", "help": "help"}
"""What the keys do that are of use where there is no run to steer, by their actions."""


class Numbers(Lines):
    """Figures in as many columns as fit, the most important ones first; none is ever cut."""

    COMPONENT_CLASSES = {"numbers--label", "numbers--value"}
    DEFAULT_CSS = """
    Numbers { display: none; height: 1fr; }
    Numbers .numbers--label { color: $text-muted; }
    Numbers .numbers--value { color: $text; text-style: bold; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view = RunView()

    def show(self, view: RunView) -> None:
        """Show how a run stands."""
        self._view = view
        if self.display:
            self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the figures, column by column."""
        columns = max(1, (width + GAP) // (COLUMN_WIDTH + GAP))
        room = (width + GAP) // columns - GAP
        entries = list(self._entries())[: columns * height]
        rows = -(-len(entries) // columns)
        lines: list[list[Span]] = [[] for _ in range(rows)]
        for place, (label, value) in enumerate(entries):
            line = lines[place % rows]
            line += [("" if not line else " " * GAP, ""), *_cell(label, value, room)]
        return lines

    def _entries(self) -> Iterator[tuple[str, str]]:
        """Yield labels and values, the most important first."""
        view = self._view
        if self.screen.has_class("-minute"):  # otherwise the status line above says it
            yield from _status(view)
        yield "return", number(view.episode_return)
        for label, metrics, _ in TILES:
            name = present(view, metrics)
            if name is not None:
                yield DISCRETE_LABELS.get(name, label), number(newest(view, name))


class KeyLine(Lines):
    """Keys and what they do, as many as there is room for; a click does it, too."""

    COMPONENT_CLASSES = {"keyline--key", "keyline--text"}
    DEFAULT_CSS = """
    KeyLine { dock: bottom; display: none; height: 1; background: $panel; }
    KeyLine .keyline--key { color: $footer-key-foreground; text-style: bold; }
    KeyLine .keyline--text { color: $text; }
    """

    def __init__(self, keys: tuple[tuple[str, str, str], ...]) -> None:
        """Name keys.

        Args:
            keys: each with its action of the application and a word for it, the most important first.
        """
        super().__init__()
        self._keys = self._all = keys

    def show(self, *, steers: bool) -> None:
        """Name the keys that do something now.

        Args:
            steers: whether there is a run to steer.
        """
        idle = tuple(
            (key, action, IDLE_WORDS[action]) for key, action, _ in self._all if action in IDLE_WORDS
        )
        self._keys = self._all if steers else idle
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the keys that fit."""
        line: list[Span] = []
        for key, _, does in self._keys:
            width -= cell_len(f"{key} {does}  ")
            if width < -2:
                break
            line += [(key, "keyline--key"), (f" {does}  ", "keyline--text")]
        return [line]

    async def on_click(self, event: events.Click) -> None:
        """Do what is under the pointer."""
        place = event.get_content_offset(self)
        left = place.x if place is not None else -1
        for key, action, does in self._keys:
            length = cell_len(f"{key} {does}  ")
            if 0 <= left < length:
                await self.run_action(f"app.{action}")
            left -= length


def _status(view: RunView) -> Iterator[tuple[str, str]]:
    """Yield what the status line says where there is room for one."""
    yield view.phase if view.state == "starting" else view.state, f"{view.progress:.0%}"
    yield "score", number(view.score[0]) if view.score else "-"
    yield "steps", f"{si(view.env_steps)} / {si(view.total_steps)}"
    if not view.over:
        yield "left", duration(view.eta)
    yield "best", number(view.best)
    yield "steps/s", si(view.steps_per_second)


def _cell(label: str, value: str, width: int) -> list[Span]:
    """Return a label and a value at the ends of a width; the label gives way."""
    room = max(0, width - cell_len(value) - 1)
    return [
        (set_cell_size(label, room), "numbers--label"),
        (value.rjust(width - room), "numbers--value"),
    ]
