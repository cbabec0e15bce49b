"""Redraw the pictures of the dashboard from a real run: ``make screenshots``.

Trains HalfCheetah-v5 behind the application, without a terminal, and saves what the screen shows at
three sizes once there is something to see. Takes about a minute.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from engine.channel import Channel
from engine.commands import Stop
from engine.presets import config_for
from engine.trainer import RunSummary, Trainer
from vmpo_tui.app import VmpoApp
from vmpo_tui.session import Session

SIZES = ((200, 50), (120, 40), (80, 24))
"""Columns and lines; the first is that of the README's picture."""
ENV_STEPS = int(os.environ.get("ENV_STEPS", 150_000))
"""When to look."""
CONFIG = config_for("HalfCheetah-v5").updated({"evaluation": {"interval": 25_000}})


async def draw(folder: Path, run_dir: Path) -> None:
    """Train in a run directory and save one picture for each size in a folder."""

    def train(channel: Channel) -> RunSummary:
        return Trainer(CONFIG, channel=channel).run(run_dir)

    app = VmpoApp(Session(train))
    async with app.run_test(size=SIZES[0]) as pilot:
        try:
            await wait_for(pilot, ENV_STEPS)
            for columns, lines in SIZES:
                await pilot.resize_terminal(columns, lines)
                await wait_for(pilot, app.view.env_steps + 1)  # drawn once at this size
                app.save_screenshot(f"dashboard-{columns}x{lines}.svg", str(folder))
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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(draw(Path(__file__).parent, Path(temporary) / "HalfCheetah-v5-s0"))
