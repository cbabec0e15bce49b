"""The lines under the charts: how they are drawn, and what their colours mean."""

from __future__ import annotations

from rich.cells import cell_len

from vmpo_tui.plotting.composition import Span
from vmpo_tui.widgets.lines import Lines
from vmpo_tui.widgets.metric_chart import COMPONENTS, style_sheet

Entry = tuple[str, str, bool]
"""A key, what it has set, and whether that is not what it was to begin with."""


class LookLine(Lines):
    """What the keys have set and where one is on one line, what the colours mean on another."""

    COMPONENT_CLASSES = COMPONENTS | {"look--key", "look--set", "look--plain"}
    DEFAULT_CSS = """
    LookLine { height: 1; padding: 0 1; background: $panel; }
    LookLine .look--key { color: $footer-key-foreground; text-style: bold; }
    LookLine .look--set { color: $text; text-style: bold; }
    LookLine .look--plain { color: $text-muted; }
    """ + style_sheet("LookLine")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries: tuple[Entry, ...] = ()
        self._place = ""
        self._legend: tuple[Span, ...] = ()

    def show(self, entries: tuple[Entry, ...], place: str, legend: tuple[Span, ...]) -> None:
        """Show these texts.

        Args:
            entries: the most important ones first.
            place: which of the charts are in sight.
            legend: texts in the styles of a panel.
        """
        self._entries, self._place, self._legend = entries, place, legend
        self.styles.height = 2 if legend else 1
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return both lines; what does not fit is left out from the end."""
        left: list[Span] = []
        room = width - len(self._place)
        for key, text, changed in self._entries:
            length = cell_len(key) + cell_len(text) + (3 if key else 2)
            if length > room:
                break
            left += [(f"{key} " if key else "", "look--key")]
            left += [(f"{text}  ", "look--set" if changed else "look--plain")]
            room -= length
        return [[*left, (" " * max(0, room), ""), (self._place, "look--plain")], self._colours(width)]

    def _colours(self, width: int) -> list[Span]:
        kept: list[Span] = []
        for text, style in self._legend:
            if cell_len(text) + 2 > width:
                return [*kept, ("…", "look--plain")]
            kept.append((f"{text}  ", f"chart--{style}"))
            width -= cell_len(text) + 2
        return kept
