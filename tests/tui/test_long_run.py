"""A run of a million updates in the application: all of it is there, from its first step to its last."""

from __future__ import annotations

import dataclasses
import json

import pytest

from engine.sinks.jsonl import event_row
from tests.tui.scripted_engine import STARTED, until, update
from tests.unit.test_following import Written
from vmpo_tui.app import VmpoApp
from vmpo_tui.following import SAMPLES, Follower
from vmpo_tui.screens.base import TABS

ROWS, STEPS = 1_000_000, 8


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    """A run that is at its end, with an evaluation in the middle of it."""
    written = Written(tmp_path_factory.mktemp("long") / "run")
    started = dataclasses.replace(STARTED, total_steps=ROWS * STEPS)
    written.events.write(event_row(started))
    written.evaluate(ROWS * STEPS // 2 // 2048)
    names = ("seconds", "steps_per_second", "dual/temperature", "loss/value", "estep/ess")
    rest = json.dumps({name: update(7).metrics[name] for name in names})[1:]
    with written.directory.metrics.open("w", encoding="ascii") as file:
        file.writelines(
            f'{{"env_steps": {STEPS * number}, "updates": {number}, {rest}\n' for number in range(1, ROWS + 1)
        )
    return written


def on_the_screen(app: VmpoApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line) for line in strips)


async def test_all_of_a_million_rows_is_shown(million):
    with million.directory.hold():
        app = VmpoApp(Follower(million.directory.path))
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, "the last row", lambda: app.view.updates == ROWS)
            history = app.view.history.metrics["loss/value"]
            assert (history.x[0], history.x[-1]) == (STEPS, STEPS * ROWS)
            assert len(app.view.history.evaluations) == 1
            # Evenly spread, with no hole: what is not shown of the older rows is the same everywhere.
            assert max(history.x[1:] - history.x[:-1]) <= 2 * STEPS * ROWS / SAMPLES
            assert len(history) >= SAMPLES
            for key, label in TABS:
                await pilot.press(key)
                await until(pilot, label, lambda label=label: label == app.screen.LABEL)
                app.show_now()
                await until(pilot, f"the steps on {label}", lambda: "8M / 8M" in on_the_screen(app))
            await pilot.press("2")
            await until(pilot, "the axis", lambda: "4M" in on_the_screen(app) and "6M" in on_the_screen(app))
