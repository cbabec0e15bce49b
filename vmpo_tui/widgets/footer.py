"""The footer: the keys that do something now."""

from __future__ import annotations

from textual.widgets import Footer


class KeyFooter(Footer):
    """Textual's footer, composed anew only when its keys are others; it lets go of the keys it had.

    A screen says that its bindings changed whenever it comes to the front or the focus moves, and keys that a
    footer has removed stay in the list of those bound to its `compact` until that is set again: at some 16
    widgets for every look at another screen, a terminal that stays open for weeks would fill the memory.
    """

    _shown: tuple[tuple[object, ...], ...] = ()

    async def recompose(self) -> None:
        """Compose the keys anew if they are others than those that are shown."""
        if not self.is_attached:
            return
        keys = tuple(
            (binding, enabled, tooltip)
            for _, binding, enabled, tooltip in self.screen.active_bindings.values()
            if binding.show
        )
        if keys != self._shown:
            await super().recompose()
            self._shown = keys
            self.mutate_reactive(Footer.compact)  # forgets the keys that are gone
