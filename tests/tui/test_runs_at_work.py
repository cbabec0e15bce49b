"""Screen 5 on runs that are trained or shown at the moment: what it does not do with them."""

from __future__ import annotations

import dataclasses

from engine.run_directory import RunDirectory
from tests.tui.runs_folder import make, notes, open_runs
from tests.tui.scripted_engine import STARTED, ScriptedEngine, until
from vmpo_tui.screens.charts import Charts
from vmpo_tui.screens.dialogs import TrashDialog
from vmpo_tui.widgets.run_table import RunTable


async def test_a_run_that_is_trained_meanwhile_is_not_deleted(app, root):
    make(root, "first", age=60)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_runs(pilot, 1)
        await pilot.press("delete")
        await until(pilot, "the question", lambda: isinstance(app.screen, TrashDialog))
        with RunDirectory(root / "first").hold():
            await pilot.press("y")
            await until(pilot, "the refusal", lambda: "first is not deleted" in notes(app))
            assert (root / "first").is_dir()


async def test_the_run_that_is_shown_is_no_curve_behind_itself(root):
    for name, age in (("own", 60), ("other", 90)):
        make(root, name, age=age)
    engine = ScriptedEngine(dataclasses.replace(STARTED, run_dir=str(root / "own")))
    app = engine.app
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the start", lambda: app.view.state != "starting")
        await pilot.press("5")
        screen = await open_runs(pilot, 2)
        table = screen.query_one(RunTable)
        table.put_cursor(root / "own")
        await pilot.press("v")
        assert "these are the curves that the charts show" in notes(app)
        await pilot.press("m")
        table.put_cursor(root / "other")
        await pilot.press("v")
        await until(pilot, "the charts", lambda: isinstance(app.screen, Charts))
        await until(pilot, "the curves", lambda: len(app.screen._others) > 0)
        assert app.screen._others.paths == [root / "other"]
    engine.stop()
