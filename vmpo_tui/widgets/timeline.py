"""The timeline of an episode: its rewards, and the moment that is shown; a click goes there."""

from __future__ import annotations

import numpy as np
from textual import events
from textual.message import Message

from vmpo_tui.plotting import raster
from vmpo_tui.plotting.markers import BRAILLE, texts
from vmpo_tui.robot.player import Player
from vmpo_tui.widgets.lines import Lines, Span


class Timeline(Lines):
    """A bar from beginning to end with the time, under a curve of the rewards where there is room."""

    COMPONENT_CLASSES = {"timeline--past", "timeline--future", "timeline--text", "timeline--reward"}
    DEFAULT_CSS = """
    Timeline { height: 3; padding: 0 1; }
    Timeline .timeline--past { color: $primary; text-style: bold; }
    Timeline .timeline--future { color: $track; }
    Timeline .timeline--text { color: $text-muted; }
    Timeline .timeline--reward { color: $primary 60%; }
    """

    class Sought(Message):
        """A step was pointed at."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._player = Player()
        self._rewards: np.ndarray | None = None
        self._curve: tuple[tuple[int, int], list[str]] | None = None

    def show(self, player: Player, rewards: np.ndarray | None) -> None:
        """Show a moment of an episode; None while there is no episode."""
        if rewards is not self._rewards:
            self._rewards, self._curve = rewards, None
        self._player = player
        self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the curve of the rewards over the bar."""
        if self._rewards is None:
            return []
        before, after = self._texts()
        room = max(1, width - len(before) - len(after))
        bar = self._bar(room)
        line = [(before, "timeline--text"), *bar, (after, "timeline--text")]
        if height < 2:
            return [line]
        past = len(bar[0][0])
        rows = self._rows(room, height - 1)
        margin = (" " * len(before), "")
        return [
            *([margin, (row[:past], "timeline--past"), (row[past:], "timeline--reward")] for row in rows),
            line,
        ]

    def _texts(self) -> tuple[str, str]:
        player = self._player
        symbol = "▶" if player.playing else "⏸"
        shown = min(player.position, player.seconds)
        key = self.key("robot.play", "enter")
        return f"{key} {symbol} {_clock(shown)} ", f" {_clock(player.seconds)} {player.speed:g}x"

    def _bar(self, room: int) -> list[Span]:
        player = self._player
        past = min(room - 1, round(player.step / max(1, player.length - 1) * (room - 1)))
        return [("━" * past + "●", "timeline--past"), ("─" * (room - past - 1), "timeline--future")]

    def _rows(self, width: int, height: int) -> list[str]:
        """Return the curve in braille; drawn once for an episode and a size."""
        if self._curve is None or self._curve[0] != (width, height):
            assert self._rewards is not None
            steps = np.arange(len(self._rewards), dtype=np.float64)
            low, high = raster.padded_range(float(self._rewards.min()), float(self._rewards.max()))
            window = raster.Window(0.0, max(1.0, float(steps[-1])), low, high)
            mask = raster.curve(steps, self._rewards.astype(np.float64), window, width, height)
            self._curve = (width, height), texts(BRAILLE.encode(mask))
        return self._curve[1]

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Go where the pointer is, and follow it."""
        self.capture_mouse()
        self._seek(event)

    def on_mouse_up(self) -> None:
        """Leave the pointer."""
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Follow a pointer that is held down."""
        if self.app.mouse_captured is self:
            self._seek(event)

    def _seek(self, event: events.MouseEvent) -> None:
        before, after = self._texts()
        room = max(2, self.content_size.width - len(before) - len(after))
        share = (event.x - self.styles.padding.left - len(before)) / (room - 1)
        if self._rewards is not None:
            self.post_message(self.Sought(round(min(1.0, max(0.0, share)) * (self._player.length - 1))))


def _clock(seconds: float) -> str:
    """Return minutes, seconds and tenths: 0:03.2."""
    tenths = int(seconds * 10 + 1e-6)
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"
