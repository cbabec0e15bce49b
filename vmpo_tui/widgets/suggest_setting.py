"""Completion of settings, as many as are typed into one field."""

from __future__ import annotations

from collections.abc import Collection

from textual.suggester import Suggester

from vmpo_tui import known


class SuggestSetting(Suggester):
    """Completes the last ``section.key=value`` of a text."""

    def __init__(self, among: Collection[str] | None = None) -> None:
        """Complete settings.

        Args:
            among: the dotted names to offer; None for all.
        """
        super().__init__()
        self._among = among

    async def get_suggestion(self, value: str) -> str | None:
        """Return the text with its last setting completed, if there is anything to add."""
        before, _, last = value.rpartition(" ")
        found = (text for text, _ in (known.settings(last) if last else ()) if self._offered(text))
        first = next(found, last)
        if first == last:
            return None
        return f"{before} {first}" if before else first

    def _offered(self, text: str) -> bool:
        return self._among is None or text.partition("=")[0] in self._among
