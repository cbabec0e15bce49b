"""The keys that are offered: those that do something now, in the words that they have now."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from engine import commands
from tests.tui.runs_folder import open_runs
from tests.tui.scripted_engine import until
from vmpo_tui.app import VmpoApp
from vmpo_tui.widgets.numbers import KeyLine

STEERING = {"pause", "eval", "save", "one step", "settings", "freeze"}


def footer(app: VmpoApp) -> list[str]:
    return [str(key.description) for key in app.screen.query("FooterKey")]


async def offers(pilot: Pilot[int], app: VmpoApp, *words: str) -> None:
    await until(pilot, f"a footer of {words}, not {footer(app)}", lambda: footer(app) == list(words))


async def test_without_a_run_none_is_steered(app, root):
    async with app.run_test(size=(80, 24)) as pilot:
        await open_runs(pilot, 0)
        await offers(pilot, app, "help", "leave")
        await pilot.resize_terminal(59, 15)
        line = app.screen.query_one(KeyLine)
        await until(pilot, "the keys", lambda: line.text.split() == ["q", "leave", "?", "help"])
        assert app.screen.query_one("#status").text.splitlines()[0].split() == [
            "vmpo-tui", "no", "run", "yet", "t", "trains", "one", "\u21b5", "opens", "one",
        ]  # fmt: skip


async def test_a_run_that_is_over_is_left_or_resumed(engine):
    app = engine.app
    async with app.run_test(size=(80, 24)) as pilot:
        engine.update(3)
        await until(pilot, "the run", lambda: app.view.updates == 3)
        await until(pilot, "all keys", lambda: set(footer(app)) >= STEERING)
        engine._answer(commands.Stop())
        await until(pilot, "the end of the run", lambda: app.view.over)
        await offers(pilot, app, "help", "leave", "runs: resume")
        await pilot.press("space", "n")
        assert [note.message for note in app._notifications] == ["the run is over"] * 2
        assert engine.received == []
        await pilot.press("5")
        await until(pilot, "the runs", lambda: app.screen.LABEL == "runs")
        await offers(pilot, app, "help", "leave")  # one is there


@pytest.mark.parametrize(("key", "label"), [("2", "charts"), ("5", "runs"), ("6", "log")])
async def test_a_filter_says_how_to_keep_and_to_leave_it(engine, root, key, label):
    app = engine.app
    async with app.run_test(size=(80, 24)) as pilot:
        engine.update(3)
        await until(pilot, "the run", lambda: app.view.updates == 3)
        await pilot.press(key)
        await until(pilot, label, lambda: label == app.screen.LABEL)
        await until(pilot, "the keys of the run", lambda: set(footer(app)) >= STEERING)
        await pilot.press("slash", "x")
        await until(pilot, "the filter's keys", lambda: set(footer(app)) == {"keeps", "leaves"})
        await pilot.press("escape")
        await until(pilot, "the keys of the run again", lambda: set(footer(app)) >= STEERING)
