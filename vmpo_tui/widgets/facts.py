"""Figures beside a picture: a label and a value a line, bars, and a list to choose from."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from vmpo_tui.widgets.lines import Lines, Span

EIGHTHS = " ▏▎▍▌▋▊▉█"


class Facts(Lines):
    """Labels on the left, values on the right."""

    COMPONENT_CLASSES = {"facts--label", "facts--value"}
    DEFAULT_CSS = """
    Facts { height: auto; padding: 0 1; }
    Facts .facts--label { color: $text-muted; }
    Facts .facts--value { color: $text; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._facts: tuple[tuple[str, str], ...] = ()

    def show(self, facts: tuple[tuple[str, str], ...]) -> None:
        """Show labels and values."""
        if len(facts) != len(self._facts):
            self.styles.height = len(facts)
        self._facts = facts
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return a line for each."""
        return [
            [
                (f"{label} ", "facts--label"),
                (value.rjust(max(0, width - len(label) - 1)), "facts--value"),
            ]
            for label, value in self._facts
        ]


class Bars(Lines):
    """Named shares in [-1, 1], each as a bar from the middle."""

    COMPONENT_CLASSES = {"bars--label", "bars--bar", "bars--track"}
    DEFAULT_CSS = """
    Bars { height: 1fr; padding: 0 1; }
    Bars .bars--label { color: $text-muted; }
    Bars .bars--bar { color: $warning; }
    Bars .bars--track { color: $foreground 25%; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._bars: list[tuple[str, float]] = []

    def show(self, bars: list[tuple[str, float]]) -> None:
        """Show names and shares."""
        self._bars = bars
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return a line for each; the last one says how many more there are."""
        label = min(14, width // 2)
        half = max(1, (width - label - 2) // 2)
        lines = [
            [(f"{name:<{label}.{label}} ", "bars--label"), *_bar(share, half)] for name, share in self._bars
        ]
        if len(lines) > height:
            lines[height - 1 :] = [[(f"and {len(lines) - height + 1} more", "bars--label")]]
        return lines


def _bar(share: float, half: int) -> list[Span]:
    """Return a bar to the left or to the right of a middle line, ``half`` cells at most."""
    full, eighths = divmod(round(min(1.0, abs(share)) * half * 8), 8)
    if share < 0:
        filled = "█" * full if eighths < 4 or full == half else "▐" + "█" * full
        return [(" " * (half - len(filled)), ""), (filled, "bars--bar"), ("│", "bars--track")]
    filled = "█" * full + EIGHTHS[eighths].strip()
    return [(" " * half + "│", "bars--track"), (filled, "bars--bar")]


class Choices(Lines):
    """A list of lines, one of them chosen and always in sight; a click chooses another."""

    COMPONENT_CLASSES = {"choices--chosen", "choices--other"}
    DEFAULT_CSS = """
    Choices { height: 1fr; padding: 0 1; }
    Choices .choices--chosen { color: $text; background: $primary 40%; text-style: bold; }
    Choices .choices--other { color: $text-muted; }
    """

    class Chosen(Message):
        """A line was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries: Sequence[tuple[str, str]] = ()
        self._chosen: int | None = None

    def show(self, entries: Sequence[tuple[str, str]], chosen: int | None) -> None:
        """Show lines, each with a left and a right part, and which one is chosen."""
        self._entries, self._chosen = entries, chosen
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the lines around the chosen one."""
        first = self._first(height)
        return [
            [
                (
                    f"{left} {right:>{max(0, width - len(left) - 1)}}"[:width],
                    "choices--chosen" if first + line == self._chosen else "choices--other",
                )
            ]
            for line, (left, right) in enumerate(self._entries[first : first + height])
        ]

    def _first(self, height: int) -> int:
        middle = (self._chosen or 0) - height // 2
        return max(0, min(middle, len(self._entries) - height))

    def on_click(self, event: events.Click) -> None:
        """Choose the line under the pointer."""
        place = event.get_content_offset(self)
        if place is not None:
            index = self._first(self.size.height) + place.y
            if index < len(self._entries):
                self.post_message(self.Chosen(index))
