"""A user's desk: what they have set, and what is remembered of how they left the application."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vmpo_tui import keymap, memory, settings
from vmpo_tui.memory import Memory
from vmpo_tui.settings import Settings

PLAIN = Settings(toasts=False, hints=False)
"""Nobody's settings: nothing is said or taught."""


class Desk:
    """Settings and memory of a user; without arguments those of nobody, kept nowhere."""

    def __init__(
        self,
        settings: Settings = PLAIN,
        memory: Memory | None = None,
        *,
        source: Path | None = None,
        kept_in: Path | None = None,
        complaint: str = "",
    ) -> None:
        """Lay things out.

        Args:
            settings: what the user has set.
            memory: how the application was left.
            source: the settings' file.
            kept_in: where the memory is kept; None for nowhere.
            complaint: what was wrong with the memory, for the log.
        """
        self.settings = settings
        self.memory = memory or Memory()
        self.source = source
        self.complaint = complaint
        self.colourless = bool(os.environ.get("NO_COLOR"))
        """Whether the user wants no colours whatever is set: https://no-color.org."""
        self._kept_in = kept_in

    @classmethod
    def of_this_user(cls, *, remember: bool = True) -> Desk:
        """Return the desk of whoever runs this process.

        Args:
            remember: whether to read and keep how the application was left.

        Raises:
            ConfigError: the settings' file says something without a meaning.
        """
        source = settings.settings_path()
        wishes, text = settings.load(source)
        keymap.check(wishes.keymap, str(source), text)
        place = memory.memory_path() if remember else None
        remembered, complaint = memory.load(place) if place else (Memory(), "")
        return cls(wishes, remembered, source=source, kept_in=place, complaint=complaint)

    @property
    def theme(self) -> str:
        """The theme to begin with: no colours where none are wanted, what is set, what was chosen last."""
        if self.colourless:
            return "monochrome"
        chosen = self.memory.theme if self.memory.theme in settings.THEMES else ""
        return self.settings.theme or chosen or "dark"

    def screen_among(self, tabs: Sequence[tuple[str, str]]) -> str:
        """Return the label of the screen to begin with: the one that was left, else the first."""
        labels = [label for _, label in tabs]
        return self.memory.screen if self.memory.screen in labels else labels[0]

    def note(self, **changes: Any) -> None:
        """Change what is remembered, for `keep` to write."""
        self.memory = replace(self.memory, **changes)

    def note_screen(self, label: str, kept: Mapping[str, Any]) -> None:
        """Remember how a screen is looked at."""
        if kept or label in self.memory.screens:
            self.note(screens={**self.memory.screens, label: kept})

    def keep(self) -> str:
        """Write what is remembered; return why that is not possible, the first time."""
        if self._kept_in is None:
            return ""
        complaint = memory.save(self._kept_in, self.memory)
        if complaint:
            self._kept_in = None
        return complaint
