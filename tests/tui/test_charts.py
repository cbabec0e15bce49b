"""Screen 2: every key and what the pointer does, and what it looks like."""

from __future__ import annotations

import json

import pytest
from textual.events import MouseScrollUp
from textual.pilot import Pilot
from textual.widgets import Input

from engine.config import Config
from engine.run_directory import RunDirectory
from tests.tui.scripted_engine import STARTED, ScriptedEngine, shown, until
from tests.tui.test_snapshots import SIZES, THEMES, learning, settle
from vmpo_tui.screens.charts import Charts
from vmpo_tui.screens.dialogs import ExportDialog
from vmpo_tui.screens.run_picker import RunPicker
from vmpo_tui.widgets.look_line import LookLine
from vmpo_tui.widgets.metric_chart import MetricChart


@pytest.fixture
def engine(tmp_path):
    """An engine whose run is in a directory of its own."""
    started = {name: getattr(STARTED, name) for name in STARTED.__slots__}
    engine = ScriptedEngine(type(STARTED)(**started | {"run_dir": str(tmp_path / "own")}))
    yield engine
    engine.stop()


async def open_charts(pilot: Pilot[int], engine: ScriptedEngine) -> Charts:
    learning(engine)
    await settle(pilot, engine)
    await pilot.press("2")
    await until(pilot, "the charts", lambda: isinstance(engine.app.screen, Charts))
    engine.app.show_now()
    await shown(pilot, "MetricChart")
    return engine.app.screen


def charts(screen: Charts) -> list[str]:
    return [chart.metric for chart in screen.query(MetricChart) if chart.display]


def line(screen: Charts) -> str:
    return screen.query_one(LookLine).text


def window(screen: Charts):
    return screen.query(MetricChart).first().panel.window


async def test_the_filter_takes_text_and_patterns_and_esc_gives_everything_back(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        screen = await open_charts(pilot, engine)
        everything = charts(screen)
        await pilot.press("slash", *"KL")
        await until(pilot, "the match", lambda: charts(screen) == ["kl/mean", "kl/covariance", "estep/kl"])
        await pilot.press("enter")
        assert isinstance(screen.focused, MetricChart)  # keys act on charts again
        assert "/ KL" in line(screen)
        await pilot.press("slash", "home", "shift+end", *"^kl|ess$")
        await until(pilot, "the pattern", lambda: charts(screen) == ["kl/mean", "kl/covariance", "estep/ess"])
        screen.query_one(Input).value = "no such thing"
        await until(pilot, "nothing", lambda: charts(screen) == [""])
        assert "no chart of that name" in screen.query(MetricChart).first().text
        await pilot.press("escape")
        await until(pilot, "all charts", lambda: charts(screen) == everything)


async def test_enter_fills_the_screen_pages_go_through_and_esc_leads_back(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        screen = await open_charts(pilot, engine)
        assert len(charts(screen)) == 6
        await pilot.press("tab", "enter")
        (full,) = charts(screen)
        assert full == "dual/temperature"
        await pilot.press("pagedown")
        assert charts(screen) == ["dual/alpha_mean"]
        await pilot.press("escape")
        assert len(charts(screen)) == 6
        assert screen.focused.metric == "dual/alpha_mean"
        await pilot.press("pagedown")
        assert "7-12 of" in line(screen)
        await pilot.press("pageup", "G")
        assert len(charts(screen)) == 4
        await pilot.press("g", "g")
        assert len(charts(screen)) == 9


async def test_zoom_pan_lock_and_reset_are_one_axis_for_all_charts(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        screen = await open_charts(pilot, engine)
        whole = window(screen)
        await pilot.press("plus")
        windows = [chart.panel.window for chart in screen.query(MetricChart) if chart.display]
        assert {(each.left, each.right) for each in windows} == {(whole.right / 2, whole.right)}
        assert "t follows the newest" in line(screen)
        engine.update(10)
        await settle(pilot, engine)
        assert window(screen).right > whole.right
        await pilot.press("t")
        held = window(screen)
        engine.update(10)
        await settle(pilot, engine)
        assert (window(screen).left, window(screen).right) == (held.left, held.right)
        assert "t held" in line(screen)
        await pilot.press("left")
        moved = window(screen)
        assert moved.left < held.left
        await pilot.press("up", "shift+up")
        assert window(screen).top - window(screen).bottom == pytest.approx((moved.top - moved.bottom) / 2)
        await pilot.press("0")
        assert window(screen).left == 0.0
        assert window(screen).right > whole.right
        assert window(screen).bottom == pytest.approx(whole.bottom, rel=0.2)


async def test_x_y_s_o_m_change_how_the_charts_are_drawn_and_the_line_says_so(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        screen = await open_charts(pilot, engine)
        assert "x env steps  y linear  s raw  o all points" in line(screen)
        await pilot.press("x")
        assert "x updates" in line(screen)
        assert window(screen).right == 100.0
        await pilot.press("x", "x")
        assert "x wall time" in line(screen)
        await pilot.press("tab", "tab", "y")
        assert "y log" in line(screen)
        chart = screen.focused
        assert chart.panel.scale.name == "log"
        assert screen.query(MetricChart).first().panel.scale.name == "linear"
        await pilot.press("s", "s", "S")
        assert "s smoothed over 5" in line(screen)
        assert "━ smoothed" in line(screen)
        await pilot.press("o")
        assert "o outliers clipped" in line(screen)
        await pilot.press("m", "m", "m")
        assert all(ord(sign) < 128 for sign in chart.text)


async def test_the_cursor_reads_all_charts_and_names_a_change_of_settings(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        screen = await open_charts(pilot, engine)
        newest = screen.query(MetricChart).first().panel.readings
        await pilot.press(*["comma"] * 20)
        assert "at " in line(screen)
        readings = [chart.panel.readings for chart in screen.query(MetricChart) if chart.display]
        assert readings[0] != newest
        assert all(readings)
        await pilot.press("escape")
        assert "at " not in line(screen)


async def test_the_pointer_reads_drags_zooms_and_opens(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        screen = await open_charts(pilot, engine)
        await pilot.hover(MetricChart, offset=(30, 5))
        await until(pilot, "the cursor", lambda: "at " in line(screen))
        first = screen.query(MetricChart).first()
        await pilot._post_mouse_events([MouseScrollUp], first, offset=(30, 5))
        whole = window(screen)
        await until(pilot, "the zoom", lambda: window(screen).right - window(screen).left < 0.9 * whole.right)
        before = window(screen)
        await pilot.mouse_down(MetricChart, offset=(20, 5))
        await pilot.hover(MetricChart, offset=(40, 5))
        await pilot.mouse_up(MetricChart, offset=(40, 5))
        assert window(screen).left < before.left  # pulled to the right
        await pilot.double_click(MetricChart, offset=(20, 5))
        await until(pilot, "full screen", lambda: len(charts(screen)) == 1)


def other_run(folder, name: str, height: float) -> None:
    directory = RunDirectory.create(folder / name, Config().updated({"env": {"id": "HalfCheetah-v5"}}))
    rows = [
        {"env_steps": 2048 * n, "updates": n, "seconds": 0.5 * n, "kl/mean": height} for n in range(1, 101)
    ]
    directory.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))


async def test_other_runs_are_chosen_seen_and_merged(engine, tmp_path):
    for number in range(3):
        other_run(tmp_path, f"other-{number}", 0.01 * (number + 1))
    async with engine.app.run_test(size=(120, 40)) as pilot:
        screen = await open_charts(pilot, engine)
        await pilot.press("a")
        await until(pilot, "the picker", lambda: isinstance(engine.app.screen, RunPicker))
        picker = engine.app.screen
        await until(pilot, "the runs", lambda: picker.query_one("SelectionList").option_count == 3)
        await pilot.press("space", "down", "space", "down", "space", "enter")
        await until(pilot, "the runs", lambda: "a 3 other runs" in line(screen))
        await until(pilot, "their names", lambda: "━ other-1" in line(screen))
        kl = next(chart for chart in screen.query(MetricChart) if chart.metric == "kl/mean")
        await until(pilot, "their curves", lambda: len(kl.panel.curves) == 4)
        await pilot.press("i")
        assert "median and ░ quartiles of 3 runs" in line(screen)
        assert [curve.style for curve in kl.panel.curves] == ["band", "median", "own"]


@pytest.mark.parametrize(("key", "suffix"), [("c", "csv"), ("j", "json"), ("s", "svg")])
async def test_what_is_shown_can_be_saved(engine, tmp_path, key, suffix):
    (tmp_path / "own").mkdir()
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await open_charts(pilot, engine)
        await pilot.press("w")
        await until(pilot, "the question", lambda: isinstance(engine.app.screen, ExportDialog))
        await pilot.press(key)
        await until(
            pilot, "the file", lambda: (tmp_path / "own" / "exports" / f"charts-001.{suffix}").exists()
        )
        await until(pilot, "the word", lambda: any("saved" in n.message for n in engine.app._notifications))


async def test_a_folder_that_cannot_be_written_is_named(engine, tmp_path):
    (tmp_path / "own").write_text("no folder")
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await open_charts(pilot, engine)
        await pilot.press("w")
        await until(pilot, "the question", lambda: isinstance(engine.app.screen, ExportDialog))
        await pilot.press("c")
        notes = engine.app._notifications
        await until(pilot, "the word", lambda: any("cannot write to" in note.message for note in notes))


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (59, 24), (80, 15), (250, 70)])
async def test_no_size_is_too_small_or_too_large(engine, size):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        screen = await open_charts(pilot, engine)
        await pilot.resize_terminal(*size)
        await until(pilot, "the size", lambda: (screen.size.width, screen.size.height) == size)
        await pilot.press("enter", "plus", "s", "escape")
        assert engine.app.is_running
        assert " return" in screen.query(MetricChart).first().text


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_screen(engine, snap_compare, size, theme):
    async def before(pilot: Pilot[int]) -> None:
        engine.app.theme = theme
        await open_charts(pilot, engine)
        await pilot.press("s", "s", *["comma"] * 12)

    assert snap_compare(engine.app, terminal_size=size, run_before=before)


def test_before_the_first_update(engine, snap_compare):
    async def before(pilot: Pilot[int]) -> None:
        await settle(pilot, engine)
        await pilot.press("2")
        await until(pilot, "the charts", lambda: isinstance(engine.app.screen, Charts))
        engine.app.show_now()
        await pilot.pause()

    assert snap_compare(engine.app, terminal_size=(120, 40), run_before=before)
