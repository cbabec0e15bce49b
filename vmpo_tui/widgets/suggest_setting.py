"""Completion of settings, as many as are typed into one field."""

from __future__ import annotations

from textual.suggester import Suggester

from vmpo_tui import known


class SuggestSetting(Suggester):
    """Completes the last ``section.key=value`` of a text."""

    async def get_suggestion(self, value: str) -> str | None:
        """Return the text with its last setting completed, if there is anything to add."""
        before, _, last = value.rpartition(" ")
        found = known.settings(last) if last else []
        if not found or found[0][0] == last:
            return None
        return f"{before} {found[0][0]}" if before else found[0][0]
