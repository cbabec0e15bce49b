"""Bookmarks on the charts and what libraries wrote, beside a run of a real directory."""

from __future__ import annotations

import dataclasses

import pytest

from engine import events
from tests.tui.scripted_engine import STARTED, ScriptedEngine, until
from tests.tui.test_faults import HOSTILE
from vmpo_tui import bookmarks
from vmpo_tui.screens.charts import Charts
from vmpo_tui.screens.duals import DualChart
from vmpo_tui.screens.runs import Runs
from vmpo_tui.text import printable
from vmpo_tui.widgets.chart import Chart
from vmpo_tui.widgets.event_log import EngineLog
from vmpo_tui.widgets.metric_chart import MetricChart


@pytest.fixture
def engine(tmp_path):
    engine = ScriptedEngine(dataclasses.replace(STARTED, run_dir=str(tmp_path)))
    yield engine
    engine.stop()


def said(app) -> list[str]:
    return [line.text for line in app.view.log]


async def test_b_marks_every_chart_and_the_run_remembers(engine, tmp_path):
    app = engine.app
    async with app.run_test(size=(120, 40)) as pilot:
        engine.update(60)
        await until(pilot, "the run", lambda: app.view.updates == 60)
        await pilot.press("b")
        assert said(app)[-1] == "bookmark at 123k"
        assert [mark.env_steps for mark in bookmarks.load(tmp_path)] == [122_880]
        engine.update(60)
        await until(pilot, "more", lambda: app.view.updates == 120)
        app.show_now()
        assert "┊" in app.screen.query_one("#returns", Chart).text
        await pilot.press("2")
        await until(pilot, "the charts", lambda: isinstance(app.screen, Charts))
        await until(pilot, "the mark", lambda: "┊" in app.screen.query(MetricChart).first().text)
        await pilot.press("3")
        await until(pilot, "the duals", lambda: app.screen.LABEL == "duals")
        await until(pilot, "the mark", lambda: "┊" in app.screen.query(DualChart).first().text)


async def test_b_again_takes_it_back(engine, tmp_path):
    app = engine.app
    async with app.run_test(size=(120, 40)) as pilot:
        engine.update(60)
        await until(pilot, "the run", lambda: app.view.updates == 60)
        await pilot.press("b", "b")
        assert said(app)[-1] == "bookmark at 123k taken back"
        assert bookmarks.load(tmp_path) == app.view.bookmarks == ()


async def test_bookmarks_are_there_when_the_run_is_opened(engine, tmp_path):
    bookmarks.save(tmp_path, [bookmarks.marker(2048), bookmarks.marker(123_000)])
    app = engine.app
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the start", lambda: app.view.state == "training")
        assert [mark.env_steps for mark in app.view.bookmarks] == [2048, 123_000]
        assert "bookmarks of this run: 2.05k, 123k" in said(app)


async def test_a_bookmark_that_cannot_be_kept_is_said_and_shown(engine, tmp_path):
    app = engine.app
    async with app.run_test(size=(120, 40)) as pilot:
        engine.say(dataclasses.replace(STARTED, run_dir=str(tmp_path / "removed")))
        engine.update(3)
        await until(pilot, "the run", lambda: app.view.updates == 3)
        await pilot.press("b")
        assert "cannot be kept in" in said(app)[-2]
        assert [mark.env_steps for mark in app.view.bookmarks] == [6144]


async def test_on_the_list_of_runs_b_branches_off(engine, root, tmp_path):
    app = engine.app
    async with app.run_test(size=(120, 40)) as pilot:
        engine.update(3)
        await until(pilot, "the run", lambda: app.view.updates == 3)
        await pilot.press("5")
        await until(pilot, "the runs", lambda: isinstance(app.screen, Runs))
        await pilot.press("b")
        assert bookmarks.load(tmp_path) == ()


def written(app) -> list[str]:
    return [strip.text.strip() for strip in app.screen.query_one(EngineLog).lines]


async def test_l_shows_what_libraries_wrote_as_it_grows(engine, tmp_path):
    app, log = engine.app, tmp_path / "engine.log"
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the start", lambda: app.view.state == "training")
        await pilot.press("6")
        await until(pilot, "the log", lambda: app.screen.LABEL == "log")
        await pilot.press("l")
        await until(pilot, "nothing", lambda: any("is empty" in line for line in written(app)))
        log.write_text("EGL: no display\n")
        await until(pilot, "a line", lambda: written(app) == ["EGL: no display"])
        with log.open("a") as file:
            file.write("Warning: slow\nWarning: slower\n")
        await until(pilot, "more", lambda: len(written(app)) == 3)
        await pilot.press("slash", *"warn.*er")
        await until(pilot, "the match", lambda: written(app) == ["Warning: slower"])
        await pilot.press("escape", "l")
        lines = app.screen.query_one("#lines")
        await until(pilot, "the events", lambda: lines.display and lines.has_focus)
        engine.say(events.Warned("something"))
        await until(pilot, "the event", lambda: any("something" in strip.text for strip in lines.lines))


async def test_hostile_lines_are_shown_not_obeyed(engine, tmp_path):
    app = engine.app
    (tmp_path / "engine.log").write_text("\n".join(HOSTILE), errors="replace")
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, "the start", lambda: app.view.state == "training")
        await pilot.press("6")
        await until(pilot, "the log", lambda: app.screen.LABEL == "log")
        await pilot.press("l")
        await until(pilot, "the lines", lambda: len(written(app)) > 3)
        shown = " ".join(written(app))
        assert not set(shown) & set("\x1b\x07\x9b\x9d\u202e\u2066\u200b\ufeff\b\x7f")
        assert printable("\x1b") in shown
