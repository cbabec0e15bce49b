"""What the numbered screens share: the tabs, the status lines, the footer, and being shown a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding
from textual.screen import Screen
from textual.widgets import Input

from vmpo_tui.run_view import RunView
from vmpo_tui.screens.offered import offered
from vmpo_tui.widgets.footer import KeyFooter
from vmpo_tui.widgets.hint import HintLine
from vmpo_tui.widgets.numbers import KeyLine, Numbers
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


NARROWEST, LOWEST = 30, 10
"""Columns and lines below which every screen shows numbers alone."""
IN_LITTLE_ROOM = (
    ("space", "toggle_pause", "pause"),
    ("q", "stop", "stop"),
    ("?", "help", "help"),
    ("e", "evaluate", "evaluate"),
    ("c", "checkpoint", "save"),
)
"""Usual key, action and word of the keys that a narrow screen names, the most important first."""
WHERE_ONE_WATCHES = (("q", "stop", "leave"), ("?", "help", "help"), ("f", "freeze", "freeze"))
"""The same for those who do not steer."""


class RunScreen(Screen[None]):
    """A numbered screen; the application shows it each new view of the run while it is in front."""

    LABEL: ClassVar[str]
    """Name in `TABS`."""
    KEYS: ClassVar[list[Binding]] = []
    """The screen's own keys, for `BINDINGS` and for the help."""
    DEFAULT_CSS = """
    RunScreen.-tiny Footer { display: none; }
    RunScreen.-tiny KeyLine { display: block; }
    RunScreen.-minute > * { display: none !important; max-height: 0 !important; }
    RunScreen.-minute > Numbers { display: block !important; max-height: 100vh !important; }
    RunScreen.-minute > KeyLine { display: block !important; max-height: 1 !important; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (110, "-wide"), (170, "-very-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-low"), (32, "-tall")]

    def __init__(self) -> None:
        super().__init__(id=self.LABEL)
        self._again: Callable[[], None] | None = None
        self._idle = self._over = False

    @property
    def read_only(self) -> bool:
        """Whether who looks at the run may neither steer it nor read or write other files."""
        return bool(getattr(self.app, "READ_ONLY", False))

    def compose(self) -> ComposeResult:
        """Frame the body."""
        yield StatusBar(id="status")
        tabs = tuple((self.key(f"screen.{label}", key), label) for key, label in TABS)
        yield ScreenTabs(tabs, self.LABEL)
        yield from self.compose_body()
        yield HintLine(self.key("run.dismiss_hint", "h"))
        yield Numbers()
        yield KeyFooter(show_command_palette=False)
        named = WHERE_ONE_WATCHES if self.read_only else IN_LITTLE_ROOM
        yield KeyLine(tuple((self.key(f"run.{action}", key), action, does) for key, action, does in named))

    def compose_body(self) -> ComposeResult:
        """Yield what is between the tabs and the footer."""
        raise NotImplementedError

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """Return the keys for the footer: those that do something now."""
        runs = self.LABEL != "runs" and not self.read_only
        typing = self.has_class("filtering") and isinstance(self.focused, Input)
        return offered(super().active_bindings, idle=self._idle, over=self._over, typing=typing, runs=runs)

    def key(self, binding: str, usual: str) -> str:
        """Return the key of a binding as the user has set it.

        Args:
            binding: its id.
            usual: the key that it has otherwise.
        """
        names: Mapping[str, str] = getattr(self.app, "key_names", {})
        return names.get(binding, usual)

    def keep(self) -> dict[str, Any]:
        """Return what to remember of how the screen is looked at, as plain values."""
        return {}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Look at the screen as it was left; called before it is composed.

        Args:
            kept: what `keep` returned, or anything else: it comes from a file.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it makes no sense; the screen is as it was.
        """

    def show(
        self,
        view: RunView,
        *,
        frozen: bool = False,
        cost: float | None = None,
        hint: tuple[str, str] | None = None,
    ) -> None:
        """Show a view; a frozen display only says so.

        Args:
            view: how the run stands.
            frozen: whether the display is held still.
            cost: share of a core that the screen takes, where it is known.
            hint: a key and what it does, for those who do not know yet.
        """
        first = self._again is None
        self._again = partial(self.show, view, frozen=frozen, cost=cost, hint=hint)
        if (self._idle, self._over) != (view.state == "idle", view.over):
            self._idle, self._over = view.state == "idle", view.over
            self.refresh_bindings()
        self.set_class(frozen, "-frozen")
        self.query_one(StatusBar).show(view, frozen=frozen)
        self.query_one(ScreenTabs).show(cost)
        self.set_class(hint is not None, "-hinted")
        self.query_one(HintLine).show(hint)
        self.query_one(Numbers).show(view)
        self.query_one(KeyLine).show(steers=not (self._idle or self._over))
        if first or not frozen:
            self.show_body(view)

    def on_screen_resume(self) -> None:
        """Show the run as it stands before anything is painted: what was shown last may be long past."""
        present = getattr(self.app, "present", None)
        if present is not None and self.is_mounted:
            present(self)

    def on_resize(self) -> None:
        """Show the run again: another size has room for other things, or for numbers alone."""
        size = self.app.size
        self.set_class(size.width < NARROWEST or size.height < LOWEST, "-minute")
        self.call_after_refresh(self._show_again)

    def _show_again(self) -> None:
        """Show what was shown last: a newer view may have come since the size changed."""
        if self._again is not None:
            self._again()

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
