"""What the application is to its user whatever it shows: themes, keys, palette, hints, words, memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import Screen

from engine import events
from engine.files import replace_atomically
from vmpo_tui import keymap
from vmpo_tui.announcements import SHOWN_SECONDS, Announcement, Limiter, announce
from vmpo_tui.call import BELL, desktop_notification
from vmpo_tui.chart_files import free_path
from vmpo_tui.desk import Desk
from vmpo_tui.hints import Lessons
from vmpo_tui.run_view import RunView
from vmpo_tui.screens import SCREENS, RunScreen
from vmpo_tui.screens.help import HelpDialog
from vmpo_tui.text import printable
from vmpo_tui.themes import DEFAULTS, MONOCHROME, NAMES, THEMES, Attributes
from vmpo_tui.widgets.tabs import ScreenTabs


class Shell(App[int]):
    """An application on a user's desk."""

    READ_ONLY: ClassVar[bool] = False
    """Whether the user may neither steer the run nor read or write other files."""
    CSS = """
    Toast { padding: 0 1; margin-top: 0; width: auto; max-width: 60; }
    .-theme-monochrome Button {
        background: $surface; color: $text; border: round $frame;
        &:focus { background: $foreground; color: $background; background-tint: $foreground 0%; }
    }
    .-theme-monochrome ChoiceDialog.-flat Button { border: none; }
    """

    def __init__(self, desk: Desk | None = None) -> None:
        super().__init__()
        self.desk = desk or Desk()
        self.key_names = keymap.key_names(self.desk.settings.keymap)
        """Keys of every binding as people read them, by its id."""
        self._lessons = Lessons(self.desk.memory.learned, self.key_names, steers=not self.READ_ONLY)
        self._taught = {binding.action: str(binding.id) for binding in keymap.everywhere().bindings}
        self._limiter = Limiter()
        self._attributes = Attributes()
        self._reports_focus = False

    def on_load(self) -> None:
        """Take over what the user has set and how they left."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self.desk.theme
        self.set_keymap(keymap.textual_keymap(self.desk.settings.keymap))

    # Colours

    @property
    def colourless(self) -> bool:
        """Whether pictures have to do without colours."""
        return self.desk.colourless or self.theme == MONOCHROME

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the colours that themes other than ours lack."""
        return dict(DEFAULTS)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Take the colours out where none are wanted."""
        return [self._attributes] if self.colourless else super().get_line_filters()

    def action_use_theme(self, name: str) -> None:
        """Show everything in other colours, now and from the next start on."""
        self.theme = name
        self.desk.note(theme=name)
        self.keep()

    # Keys

    async def run_action(
        self,
        action: Any,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key asks for; who has used it needs to be taught it no more."""
        done = await super().run_action(action, default_namespace, namespaces)
        if done and isinstance(action, str):
            binding = self._taught.get(action.removeprefix("app."), "")
            if self._lessons.learn(binding, time.monotonic()):
                self._keep_lessons()
        return done

    async def on_screen_tabs_chosen(self, event: ScreenTabs.Chosen) -> None:
        """Switch to the screen that was clicked."""
        await self.run_action(f"show_screen('{event.label}')")

    async def action_quit(self) -> None:
        """Ask how to stop: what Textual binds to ctrl+q would leave the run behind."""
        await self.run_action("stop")

    def action_help(self) -> None:
        """List the keys: the screen's own, those that work everywhere, then all others."""
        label = self.screen.LABEL if isinstance(self.screen, RunScreen) else ""
        groups = sorted(keymap.groups(), key=lambda group: not group.title.startswith(f"{label} "))
        entries = [
            (
                group.title,
                [
                    (keymap.shown(binding), binding.tooltip or binding.description, str(binding.id))
                    for binding in keymap.remapped(group.bindings, self.desk.settings.keymap)
                ],
            )
            for group in groups
        ]
        self.push_screen(HelpDialog(entries, self.desk.source))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer every action in the command palette: the screen's own first, then the others, then themes."""
        own = screen.KEYS if isinstance(screen, RunScreen) else []
        for binding in (*own, *keymap.everywhere().bindings):
            if binding.action != "command_palette":
                keys = self.key_names[str(binding.id)]
                does = partial(self.run_action, binding.action, screen if binding in own else self)
                yield SystemCommand(binding.tooltip, f"{binding.description}, key {keys}", does)
        for name in NAMES:
            yield SystemCommand(f"theme: {name}", "other colours", partial(self.action_use_theme, name))
        if not self.READ_ONLY:
            yield SystemCommand(
                "screenshot: save a picture of this screen, as SVG",
                "into the run's folder exports, or here",
                lambda: self.call_after_refresh(self.save_picture),  # once the palette is gone
            )
        yield SystemCommand("no more hints", "hide the hint, and all that would follow", self.end_hints)

    def save_picture(self) -> None:
        """Save what is on the terminal, and say where."""
        folder = self.pictures_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = free_path(folder, "screen", "svg")
            replace_atomically(path, self.export_screenshot().encode())
        except OSError as error:
            message = f"cannot write to {folder}: {error.strerror or error}"
            self.notify(printable(message), severity="error", markup=False)
        else:
            self.notify(printable(f"saved {path}"), markup=False, timeout=6)

    def pictures_folder(self) -> Path:
        """Return where pictures of the screen are kept."""
        return Path.cwd()

    # Hints

    def hint(self, view: RunView) -> tuple[str, str] | None:
        """Return the key to teach and what it does, or None."""
        if not self.desk.settings.hints:
            return None
        hint = self._lessons.look(view, time.monotonic())
        return (self.key_names[hint.binding], hint.text) if hint else None

    def action_dismiss_hint(self) -> None:
        """Hide the hint for good."""
        if self._lessons.dismiss(time.monotonic()):
            self._keep_lessons()

    def end_hints(self) -> None:
        """Show no hint any more."""
        self._lessons.end()
        self._keep_lessons()

    def _keep_lessons(self) -> None:
        self.desk.note(learned=tuple(sorted(self._lessons.learned)))
        self.keep()
        self.show_now()

    # Words

    def say(self, view: RunView, event: events.Event) -> None:
        """Announce an event, as far as the user wants that.

        Args:
            view: the run as it stood before.
            event: what has happened just now.
        """
        announcement = announce(view, event)
        if announcement is None:
            return
        if announcement.calls:
            self._call(view, announcement)
        if (
            self.desk.settings.toasts
            and self._fits()
            and self._limiter.admits(announcement, time.monotonic())
        ):
            text, severity = announcement.text, announcement.severity
            self.notify(text, severity=severity, timeout=SHOWN_SECONDS, markup=False)

    def on_resize(self) -> None:
        """Take the toasts away where they would cover the figures."""
        if not self._fits():
            self.clear_notifications()

    def _fits(self) -> bool:
        """Whether there is room for a toast beside the figures."""
        return self.size.width >= 60 and self.size.height >= 16

    def _call(self, view: RunView, announcement: Announcement) -> None:
        """Call a user who looks elsewhere; where the terminal never tells, at the end in any case."""
        way = self.desk.settings.notify
        unknown = not self._reports_focus and announcement.kind in {"end", "failure"}
        if way == "off" or (self.app_focus and not unknown):
            return
        title = f"vmpo-tui {view.env_id}"
        self.write(BELL if way == "bell" else desktop_notification(title, announcement.text, os.environ))

    def write(self, sequence: str) -> None:
        """Write a control sequence to the terminal, between two drawings."""
        if self._driver is not None and not self.is_web:
            self._driver.write(sequence)

    def on_app_focus(self) -> None:
        """Take note that the terminal says when it is looked at."""
        self._reports_focus = True

    def on_app_blur(self) -> None:
        """Take note that the terminal says when it is looked at."""
        self._reports_focus = True

    # Memory

    def restore(self, screen: RunScreen) -> None:
        """Have a screen looked at as it was left; what makes no sense any more is passed over."""
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            screen.restore(self.desk.memory.screens.get(screen.LABEL, {}))

    def keep(self) -> None:
        """Remember; that it cannot be done is said once, in the log."""
        if complaint := self.desk.keep():
            self.complain(complaint)

    def complain(self, text: str) -> None:
        """Say in the log that something of the user's cannot be used."""
        self.tell(text, "warning")

    def tell(self, text: str, kind: str = "info") -> None:
        """Say something in the log of the run that is shown."""
        raise NotImplementedError

    def show_now(self) -> None:
        """Show the run as it stands."""
        raise NotImplementedError

    def exit(self, *args: Any, **options: Any) -> None:
        """Leave, remembering how."""
        for kind in SCREENS:
            if self.is_screen_installed(kind.LABEL):
                self.desk.note_screen(kind.LABEL, self.get_screen(kind.LABEL, kind).keep())
        front = [screen.LABEL for screen in self.screen_stack if isinstance(screen, RunScreen)]
        left = front[-1] if front else ""
        self.desk.note(screen="" if left == "runs" else left)  # one looks there for another run to begin with
        self.keep()
        super().exit(*args, **options)
