"""The robot: a recorded episode, played in the terminal."""

from __future__ import annotations

import asyncio
import os
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Vertical

from engine.errors import EngineError
from engine.recording import list_recordings, load_recording
from engine.run_directory import RunDirectory
from vmpo_tui.pace import Pace
from vmpo_tui.robot.camera import Raster
from vmpo_tui.robot.look import Look
from vmpo_tui.robot.player import Player
from vmpo_tui.robot.render import DARKNESS, DAYLIGHT, Palette, Picture
from vmpo_tui.run_view import RunView
from vmpo_tui.terminal import terminal_is_behind
from vmpo_tui.text import number, printable, si
from vmpo_tui.widgets.canvas import Canvas
from vmpo_tui.widgets.lines import Span

if TYPE_CHECKING:
    from vmpo_tui.robot.replay import Replay

FRAME_SECONDS = 0.1
"""Between two pictures, at least."""
TICK_SECONDS = 1 / 30
"""Between two looks at whether it is time."""
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

    def __init__(
        self,
        *,
        share: float,
        tick: float = TICK_SECONDS,
        moved: Callable[[], None] = lambda: None,
        id: str | None = None,
    ) -> None:
        """Wait for a recording.

        Args:
            share: of a processor that drawing may take.
            tick: seconds between two looks at whether to draw; each interrupts the trainer.
            moved: called whenever another moment is shown, so that what belongs to it is drawn with it; a
                message would come later and have the terminal drawn twice.
            id: of the widget.
        """
        super().__init__(id=id)
        self.player = Player(playing="SSH_CONNECTION" not in os.environ)
        self.look = Look()
        self.replay: Replay | None = None
        self.path: Path | None = None
        """The recording that is shown or being loaded."""
        self._moved = moved
        self._message = NEVER
        self._pace = Pace(share, FRAME_SECONDS - tick / 2)  # the tick nearest to it
        self._tick_seconds = tick
        self._ticked = time.monotonic()
        self._drawn: int | None = None
        """The step that was last drawn."""
        self._stamp: tuple[Path, float] | None = None
        self._grip: tuple[int, int] | None = None
        """Where the pointer holds the camera."""

    def on_mount(self) -> None:
        """Begin to play."""
        self.set_interval(self._tick_seconds, self._tick)

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
            replay = await asyncio.to_thread(_load_replay, path)
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
        self._moved()

    def _tick(self) -> None:
        """Let time pass, and draw if something has changed and there is time for it."""
        now = time.monotonic()
        passed, self._ticked = now - self._ticked, now
        if self.replay is None or not self.player.playing or not self._seen():
            return
        self.player.advance(passed)
        if (
            self.player.step != self._drawn
            and self._pace.due(now, time.thread_time())
            and not terminal_is_behind()
        ):
            self.show_now()

    def _seen(self) -> bool:
        screen = self.screen
        displayed = all(node.display for node in self.ancestors_with_self)
        return bool(self.size.area) and displayed and screen.is_active and not screen.has_class("-frozen")

    def picture(self, raster: Raster) -> Picture | None:
        """Return the present moment."""
        if self.replay is None:
            return None
        self._drawn = self.player.step
        try:
            return self.replay.picture(self.player.step, raster, self.look, self._surroundings())
        except EngineError as error:
            self.call_later(self._fail, error)
            return None

    def _surroundings(self) -> Palette:
        if self.colourless:
            return DARKNESS
        return Palette() if self.app.current_theme.dark else DAYLIGHT

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return why there is no picture."""
        lines = textwrap.wrap(self._message, max(1, width - 4))
        above = max(0, (height - len(lines)) // 2)
        return [*([] for _ in range(above)), *([(line.center(width), "robot--message")] for line in lines)]

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the camera."""
        self.capture_mouse()
        self._grip = event.screen_x, event.screen_y

    def on_mouse_up(self) -> None:
        """Let go of it."""
        self.release_mouse()
        self._grip = None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Turn the camera with the pointer."""
        if self._grip is not None:
            across, down = event.screen_x - self._grip[0], event.screen_y - self._grip[1]
            self._grip = event.screen_x, event.screen_y
            self.look = self.look.turned(-across * DEGREES_PER_CELL, down * DEGREES_PER_CELL)
            self.show_now()

    def on_mouse_scroll_up(self) -> None:
        """Come nearer."""
        self.look = self.look.zoomed(1.1)
        self.show_now()

    def on_mouse_scroll_down(self) -> None:
        """Go away."""
        self.look = self.look.zoomed(1 / 1.1)
        self.show_now()


class RobotTile(Vertical):
    """The newest recording in a corner of another screen, at little cost; a click leads to its own screen."""

    SHARE = 0.004
    """Part of a processor that drawing it may take, less than all figures together."""
    TICK_SECONDS = 0.5

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "robot"
        # Inside the frame, as a framed widget is styled anew line by line.
        self.robot = RobotView(share=self.SHARE, tick=self.TICK_SECONDS, moved=self._title)
        self._listed: tuple[str, int] | None = None

    def compose(self) -> ComposeResult:
        """Frame the view."""
        yield self.robot

    def show(self, view: RunView) -> None:
        """Show the newest recording of a run, looked for after every evaluation."""
        listed = view.run_dir, len(view.history.evaluations)
        if self.display and view.run_dir and listed != self._listed:
            self._listed = listed
            paths = list_recordings(RunDirectory(Path(view.run_dir)).evaluations)
            if paths:
                self.robot.open(paths[-1])

    def _title(self) -> None:
        recording = self.robot.replay.recording if self.robot.replay else None
        subtitle = (
            f"return {number(recording.episode_return)} at {si(recording.env_steps)}" if recording else ""
        )
        if self.border_subtitle != subtitle:
            self.border_subtitle = subtitle

    async def on_click(self) -> None:
        """Go to the robot's own screen."""
        await self.run_action("app.show_screen('robot')")


def _load_replay(path: Path) -> Replay:
    """Read a recording and what it takes to show it; MuJoCo and Gymnasium are imported here, not before."""
    from vmpo_tui.robot.replay import open_replay

    return open_replay(load_recording(path))
