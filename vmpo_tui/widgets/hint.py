"""The line over the footer that teaches a key; takes no room while there is nothing to teach."""

from __future__ import annotations

from vmpo_tui.widgets.lines import Lines, Span


class HintLine(Lines):
    """A key and what it does; a click hides it for good."""

    COMPONENT_CLASSES = {"hint--key", "hint--text"}
    DEFAULT_CSS = """
    HintLine { height: 1; padding: 0 1; display: none; }
    HintLine .hint--key { color: $footer-key-foreground; text-style: bold; }
    HintLine .hint--text { color: $text-muted; text-style: italic; }
    .-flat HintLine, .-tiny HintLine { height: 0; }
    """

    def __init__(self, dismissal: str) -> None:
        """Show nothing yet.

        Args:
            dismissal: the key that hides a hint.
        """
        super().__init__()
        self._dismissal = dismissal
        self._hint: tuple[str, str] | None = None

    def show(self, hint: tuple[str, str] | None) -> None:
        """Show a key and what it does, or nothing."""
        if hint != self._hint:
            self._hint = hint
            self.display = hint is not None
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the line, with how to be rid of it at the right end."""
        if self._hint is None:
            return []
        key, does = self._hint
        left: list[Span] = [("try ", "hint--text"), (key, "hint--key"), (f"  {does}", "hint--text")]
        room = width - sum(len(text) for text, _ in left) - len(self._dismissal) - 6
        if room < 1:
            return [left]
        return [[*left, (" " * room, ""), (self._dismissal, "hint--key"), (" hides", "hint--text")]]

    async def on_click(self) -> None:
        """Hide the hint."""
        await self.run_action("app.dismiss_hint")
