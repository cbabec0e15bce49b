"""What the numbered screens share: the tabs, the status lines, the footer, and being shown a run."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer

from vmpo_tui.run_view import RunView
from vmpo_tui.widgets.status import StatusBar
from vmpo_tui.widgets.tabs import ScreenTabs

TABS: tuple[tuple[str, str], ...] = (
    ("1", "dashboard"),
    ("2", "charts"),
    ("3", "duals"),
    ("4", "robot"),
    ("5", "runs"),
    ("6", "log"),
)
"""Key and label of every numbered screen; `vmpo_tui.screens.SCREENS` has their classes."""


class RunScreen(Screen[None]):
    """A numbered screen; the application shows it each new view of the run while it is in front."""

    LABEL: ClassVar[str]
    """Name in `TABS`."""
    KEYS: ClassVar[list[Binding]] = []
    """The screen's own keys, for `BINDINGS` and for the help."""
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (110, "-wide"), (170, "-very-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-low"), (32, "-tall")]

    def __init__(self) -> None:
        super().__init__(id=self.LABEL)
        self._again: Callable[[], None] | None = None

    @property
    def read_only(self) -> bool:
        """Whether who looks at the run may neither steer it nor read or write other files."""
        return bool(getattr(self.app, "READ_ONLY", False))

    def compose(self) -> ComposeResult:
        """Frame the body."""
        yield StatusBar(id="status")
        yield ScreenTabs(TABS, self.LABEL)
        yield from self.compose_body()
        yield Footer(show_command_palette=False)

    def compose_body(self) -> ComposeResult:
        """Yield what is between the tabs and the footer."""
        raise NotImplementedError

    def show(self, view: RunView, *, frozen: bool = False, cost: float | None = None) -> None:
        """Show a view; a frozen display only says so.

        Args:
            view: how the run stands.
            frozen: whether the display is held still.
            cost: share of a core that the screen takes, where it is known.
        """
        self._again = partial(self.show, view, frozen=frozen, cost=cost)
        self.set_class(frozen, "-frozen")
        self.query_one(StatusBar).show(view, frozen=frozen)
        self.query_one(ScreenTabs).show(cost)
        if not frozen:
            self.show_body(view)

    def on_resize(self) -> None:
        """Show the run again: another size has room for other things."""
        if self._again is not None:
            self.call_after_refresh(self._again)

    def show_body(self, view: RunView) -> None:
        """Show a view between the tabs and the footer."""
        raise NotImplementedError


def filter_pattern(text: str) -> re.Pattern[str] | None:
    """Return what to filter by; a regular expression that is not complete yet is taken as text.

    Args:
        text: as it was typed; upper and lower case are the same.
    """
    try:
        return re.compile(text, re.IGNORECASE) if text else None
    except re.error:
        return re.compile(re.escape(text), re.IGNORECASE)
