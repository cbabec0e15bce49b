"""The robot: a recorded episode, played in the terminal."""

from __future__ import annotations

import asyncio
import os
import textwrap
import time
from pathlib import Path

from textual import events, work
from textual.message import Message

from engine.errors import EngineError
from engine.recording import load_recording
from vmpo_tui.pace import Pace
from vmpo_tui.robot.camera import Raster
from vmpo_tui.robot.player import Player
from vmpo_tui.robot.render import Palette, Picture
from vmpo_tui.robot.replay import Replay, open_replay
from vmpo_tui.robot.scene import Look
from vmpo_tui.terminal import terminal_is_behind
from vmpo_tui.text import printable
from vmpo_tui.widgets.canvas import Canvas
from vmpo_tui.widgets.lines import Span

FRAME_SECONDS = 0.1
"""Between two pictures, at least."""
NEVER = "nothing to see yet: an episode is recorded with every evaluation (e evaluates now)"
DEGREES_PER_CELL = 3.0
"""How far a drag by a cell turns the camera."""


class RobotView(Canvas):
    """Plays a recording over and over, no faster than its share of the processor and the terminal allow."""

    COMPONENT_CLASSES = {"robot--message"}
    DEFAULT_CSS = """
    RobotView { height: 1fr; }
    RobotView .robot--message { color: $text-muted; }
    """

    class Moved(Message):
        """Another moment is shown, or another recording."""

        def __init__(self, view: RobotView) -> None:
            super().__init__()
            self.view = view

    def __init__(self, *, share: float, id: str | None = None) -> None:
        """Wait for a recording.

        Args:
            share: of a processor that drawing may take.
            id: of the widget.
        """
        super().__init__(id=id)
        self.player = Player(playing="SSH_CONNECTION" not in os.environ)
        self.look = Look()
        self.replay: Replay | None = None
        self.path: Path | None = None
        """The recording that is shown or being loaded."""
        self.held = False
        """Whether the display is frozen."""
        self._message = NEVER
        self._pace = Pace(share, FRAME_SECONDS)
        self._ticked = time.monotonic()
        self._stamp: tuple[Path, float] | None = None

    def on_mount(self) -> None:
        """Begin to play."""
        self.set_interval(FRAME_SECONDS, self._tick)

    def on_unmount(self) -> None:
        """Release the replay."""
        if self.replay:
            self.replay.close()

    def open(self, path: Path) -> None:
        """Show a recording from its beginning, unless it is the one that is shown and has not changed."""
        try:
            stamp = path, path.stat().st_mtime
        except OSError:  # dropped in the meantime
            return
        if stamp != self._stamp:
            self._stamp, self.path = stamp, path
            self._load(path)

    @work(exclusive=True)
    async def _load(self, path: Path) -> None:
        """Read a recording and what it takes to show it, aside: that may take a second."""
        try:
            replay = await asyncio.to_thread(lambda: open_replay(load_recording(path)))
        except EngineError as error:
            self._fail(error)
            return
        if self.replay:
            self.replay.close()
        self.replay = replay
        self.player.load(replay.recording.length, replay.recording.step_seconds)
        self.show_now()

    def _fail(self, error: EngineError) -> None:
        if self.replay:
            self.replay.close()
        self.replay, self._message = None, printable(error)
        self.show_now()

    def show_now(self) -> None:
        """Draw at once, as a key wants it."""
        self.redraw()
        self.post_message(self.Moved(self))

    def _tick(self) -> None:
        """Let time pass, and draw if something has changed and there is time for it."""
        now = time.monotonic()
        passed, self._ticked = now - self._ticked, now
        if self.replay is None or self.held or not self.player.playing or not self._seen():
            return
        before = self.player.step
        self.player.advance(passed)
        if (
            self.player.step != before
            and self._pace.due(now, time.thread_time())
            and not terminal_is_behind()
        ):
            self.show_now()

    def _seen(self) -> bool:
        return bool(self.size.area) and self.display and self.screen.is_active

    def picture(self, raster: Raster) -> Picture | None:
        """Return the present moment."""
        if self.replay is None:
            return None
        try:
            return self.replay.picture(self.player.step, raster, self.look, Palette())
        except EngineError as error:
            self.call_later(self._fail, error)
            return None

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return why there is no picture."""
        lines = textwrap.wrap(self._message, max(1, width - 4))
        above = max(0, (height - len(lines)) // 2)
        return [*([] for _ in range(above)), *([(line.center(width), "robot--message")] for line in lines)]

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the camera."""
        self.capture_mouse()
        event.stop()

    def on_mouse_up(self) -> None:
        """Let go of it."""
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Turn the camera with the pointer."""
        if self.app.mouse_captured is self and (event.delta_x or event.delta_y):
            self.look = self.look.turned(-event.delta_x * DEGREES_PER_CELL, event.delta_y * DEGREES_PER_CELL)
            self.show_now()

    def on_mouse_scroll_up(self) -> None:
        """Come nearer."""
        self.look = self.look.zoomed(1.1)
        self.show_now()

    def on_mouse_scroll_down(self) -> None:
        """Go away."""
        self.look = self.look.zoomed(1 / 1.1)
        self.show_now()
