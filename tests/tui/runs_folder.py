"""A folder of runs for tests of the runs screen, and what is read from that screen."""

from __future__ import annotations

import json
import os

from textual.pilot import Pilot
from textual.widgets import Input

from engine.config import Config
from engine.run_directory import RunDirectory
from tests.tui.scripted_engine import until
from vmpo_tui.app import VmpoApp
from vmpo_tui.screens.runs import Runs
from vmpo_tui.widgets.field import Field
from vmpo_tui.widgets.run_table import RunTable

NOW = 1_800_000_000.0


def make(
    root, name: str, *, age: float, steps: int = 50_000, best: float = 100.0, **settings: object
) -> None:
    """A run that was stopped some seconds ago."""
    config = Config().updated({"env": {"id": "CartPole-v1"}, "run": {"total_steps": 100_000}})
    config = config.with_assignments([f"{key}={value}" for key, value in settings.items()])
    directory = RunDirectory.create(root / name, config)
    rows = [
        {"env_steps": steps * n // 5, "updates": n, "seconds": 3.0 * n, "kl/policy": 0.1 * n}
        for n in range(1, 6)
    ]
    directory.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = [
        {"event": "EvaluationCompleted", "env_steps": steps, "updates": 5, "returns": [best, best]},
        {"event": "RunFinished", "reason": "stopped", "env_steps": steps, "updates": 5, "seconds": 15.0},
    ]
    directory.events.write_text("".join(json.dumps(row) + "\n" for row in told))
    for path in (directory.config, directory.metrics, directory.events):
        os.utime(path, (NOW - age, NOW - age))


async def open_runs(pilot: Pilot[int], count: int) -> Runs:
    app = pilot.app
    await until(pilot, "the screen", lambda: isinstance(app.screen, Runs))
    screen = app.screen
    await until(pilot, "the runs", lambda: screen._read and len(screen._runs) == count)
    await pilot.pause()
    return screen


def lines(screen: Runs) -> list[str]:
    return [line.strip() for line in screen.query_one(RunTable).text.splitlines()[1:] if line.strip()]


def notes(app: VmpoApp) -> str:
    return " | ".join(note.message for note in app._notifications)


def note_beside(app: VmpoApp, name: str) -> str:
    field = next(field for field in app.screen.query(Field) if field.name == name)
    return str(field.query_one(".note").render())


async def type_into(pilot: Pilot[int], name: str, text: str) -> None:
    field = next(field for field in pilot.app.screen.query(Field) if field.name == name)
    field.query_one(Input).value = text
    await pilot.pause()
