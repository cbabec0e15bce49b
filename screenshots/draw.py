"""Redraw the pictures of every screen from a real run: ``make screenshots``.

Trains HalfCheetah-v5 behind the application, without a terminal. On the way it keeps frames of the
dashboard for the film; once there is something to see it saves each screen at three sizes. Takes a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

from film import film
from textual.pilot import Pilot

from engine.channel import Channel
from engine.commands import Pause, Stop
from engine.presets import config_for
from engine.trainer import RunSummary, Trainer
from vmpo_tui.app import VmpoApp
from vmpo_tui.screens import TABS
from vmpo_tui.session import Session

SIZES = ((200, 50), (120, 40), (80, 24))
"""Columns and lines."""
FILM_SIZE, FRAMES, FRAME_SECONDS = (80, 24), 18, 0.7
ENV_STEPS = int(os.environ.get("ENV_STEPS", 250_000))
"""When to look."""
CONFIG = config_for("HalfCheetah-v5").updated({"evaluation": {"interval": 25_000}})
PRESSED = {"charts": ("s", "s", "s"), "robot": ("right", "right")}
"""Keys that show what a screen can do."""


async def draw(folder: Path, run_dir: Path) -> None:
    """Train in a run directory; save a film, and a picture of each screen at each size, in a folder."""

    def train(channel: Channel) -> RunSummary:
        return Trainer(CONFIG, channel=channel).run(run_dir)

    app = VmpoApp(Session(train))
    async with app.run_test(size=FILM_SIZE) as pilot:
        try:
            frames = []
            for number in range(1, FRAMES + 1):
                await wait_for(pilot, ENV_STEPS * number // FRAMES)
                frames.append(app.export_screenshot())
            (folder / "training.svg").write_text(film(frames, FRAME_SECONDS), encoding="utf-8")
            app.session.send(Pause())
            await until(pilot, "paused")
            for key, label in TABS:
                await pilot.press(key)
                await pilot.press(*PRESSED.get(label, ()))
                for columns, lines in SIZES:
                    await pilot.resize_terminal(columns, lines)
                    app.refresh_view()
                    await pilot.pause(1.0)  # the robot is drawn by its own clock
                    app.save_screenshot(f"{label}-{columns}x{lines}.svg", str(folder))
        finally:
            app.session.send(Stop(save=False))
            app.session.join(timeout=60)


async def wait_for(pilot: Pilot[int], env_steps: int) -> None:
    """Let the application go on until the run has come so far.

    Raises:
        RuntimeError: the run ended before.
    """
    app = pilot.app
    assert isinstance(app, VmpoApp)
    while app.view.env_steps < env_steps:
        if app.view.over:
            raise RuntimeError(f"the run ended at {app.view.env_steps} steps: {app.view.failure}")
        await pilot.pause(0.1)


async def until(pilot: Pilot[int], state: str) -> None:
    """Let the application go on until the run is in a state."""
    app = pilot.app
    assert isinstance(app, VmpoApp)
    while app.view.state != state:
        await pilot.pause(0.1)


if __name__ == "__main__":
    folder = Path(__file__).parent.resolve()
    with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
        asyncio.run(draw(folder, Path("runs/HalfCheetah-v5-s0")))
