"""A user's desk on the screen: keys, themes, hints, announcements, calls, and what is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import AppBlur, AppFocus
from textual.pilot import Pilot

from engine import commands, events
from tests.tui.scripted_engine import ScriptedEngine, shown, until
from vmpo_tui import memory
from vmpo_tui.app import VmpoApp
from vmpo_tui.desk import Desk
from vmpo_tui.hints import HINTS
from vmpo_tui.memory import Memory
from vmpo_tui.screens import TABS
from vmpo_tui.screens.help import HelpDialog
from vmpo_tui.settings import Settings
from vmpo_tui.text import number
from vmpo_tui.themes import NAMES
from vmpo_tui.widgets.chart import Chart
from vmpo_tui.widgets.hint import HintLine
from vmpo_tui.widgets.metric_chart import MetricChart
from vmpo_tui.widgets.numbers import KeyLine
from vmpo_tui.widgets.tabs import ScreenTabs
from vmpo_tui.widgets.tile import Tile


def at_desk(engine: ScriptedEngine, desk: Desk) -> VmpoApp:
    """Show the engine's run to a user."""
    engine.app = VmpoApp(engine.session, desk=desk)
    return engine.app


async def begun(pilot: Pilot[int], engine: ScriptedEngine, updates: int = 30) -> None:
    """Wait until a run is under way and shown."""
    engine.update(updates)
    await until(pilot, "the updates", lambda: engine.app.view.updates == engine.updates)
    engine.app.show_now()
    await pilot.pause()


def said(app: VmpoApp) -> list[str]:
    return [notification.message for notification in app._notifications]


# Keys


async def test_keys_that_were_changed_work_and_the_old_ones_do_not(engine):
    keys = {"run.evaluate": ("f5", "?"), "run.help": ("f1",), "screen.log": ("0",), "charts.reset": ("r",)}
    app = at_desk(engine, Desk(Settings(keymap=keys)))
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, engine)
        assert " 0 log " in app.screen.query_one(ScreenTabs).text
        await pilot.press("e", "f5", "question_mark")
        await until(pilot, "the commands", lambda: len(engine.received) == 2)
        assert engine.received == [commands.EvaluateNow()] * 2
        await pilot.press("6", "0")
        await until(pilot, "the log", lambda: app.screen.LABEL == "log")
        await pilot.press("f1")
        await until(pilot, "the help", lambda: isinstance(app.screen, HelpDialog))
        text = str(app.screen.query("Static").last().render())
        assert "f5 ?  evaluate the policy now" in text
        assert "\n           r  show everything: no zoom, no cursor" in text


async def test_the_help_lists_every_binding_of_every_screen(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, engine, 1)
        await pilot.press("4")
        await until(pilot, "the robot", lambda: getattr(engine.app.screen, "LABEL", "") == "robot")
        await pilot.press("question_mark")
        await until(pilot, "the help", lambda: isinstance(engine.app.screen, HelpDialog))
        text = str(engine.app.screen.query("Static").last().render())
        assert text.startswith("robot screen\n")  # those of the screen that one is on come first
        for name in engine.app.key_names:
            assert f" {name}\n" in text


async def test_ctrl_q_asks_as_q_does(engine):
    async with engine.app.run_test() as pilot:
        await begun(pilot, engine, 1)
        await pilot.press("ctrl+q")
        await until(pilot, "the question", lambda: len(engine.app.screen_stack) == 3)
        assert engine.app.return_code is None


async def test_the_palette_offers_the_screens_own_actions_and_the_themes(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, engine)
        await pilot.press("2")
        await until(pilot, "the charts", lambda: getattr(engine.app.screen, "LABEL", "") == "charts")
        offered = {command.title: command for command in engine.app.get_system_commands(engine.app.screen)}
        assert {binding.tooltip for binding in engine.app.screen.KEYS} <= set(offered)
        await offered["the chosen chart alone, or back"].callback()
        await pilot.pause()
        assert sum(chart.display for chart in engine.app.screen.query(MetricChart)) == 1
        offered["theme: light"].callback()
        await pilot.pause()
        assert engine.app.theme == "light"


# Themes


@pytest.mark.parametrize("size", [(120, 40), (58, 15)])
async def test_every_theme_takes_over_every_screen_at_once(engine, size):
    app = engine.app
    async with app.run_test(size=size) as pilot:
        await begun(pilot, engine)
        for key in "123456":
            await pilot.press(key)
            backgrounds = set()
            for name in NAMES:
                app.action_use_theme(name)
                await until(
                    pilot, name, lambda name=name: app.screen.has_pseudo_class("dark") or name == "light"
                )
                backgrounds.add(app.screen.styles.background)
            assert len(backgrounds) == len(NAMES) - 1  # two of them are black


@pytest.mark.parametrize("theme", NAMES)
async def test_a_theme_looks_the_same_whenever_it_was_chosen(theme):
    pictures = []
    for first in (theme, "light" if theme == "dark" else "dark"):
        engine = ScriptedEngine()
        app = at_desk(engine, Desk(Settings(theme=first, toasts=False, hints=False)))
        async with app.run_test(size=(120, 40)) as pilot:
            await begun(pilot, engine)
            for key, label in TABS[:4]:
                await pilot.press(key)
                await until(pilot, label, lambda label=label, app=app: label == app.screen.LABEL)
                app.show_now()
                await pilot.pause()
            app.action_use_theme(theme)
            await pilot.pause(0.1)
            await pilot.press("1")
            await until(pilot, "the dashboard", lambda app=app: app.screen.LABEL == "dashboard")
            await pilot.pause(0.1)
            pictures.append(app.screen._compositor.render_strips())
        engine.stop()
    assert pictures[0] == pictures[1]


async def test_without_colours_there_are_none(engine, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app = at_desk(engine, Desk(Settings(theme="light")))
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, engine)
        for key in "123456":
            await pilot.press(key)
            await pilot.pause()
            styles = [
                segment.style
                for line in app.screen._compositor.render_strips()
                for segment in line
                if segment.style
            ]
            assert len(styles) > 20
            assert all(style.color is None and style.bgcolor is None for style in styles)


# Hints


async def test_a_hint_goes_when_its_key_was_used_and_stays_away(engine, tmp_path: Path):
    path = tmp_path / "state.json"
    app = at_desk(engine, Desk(Settings(toasts=False), kept_in=path))
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(pilot, engine)
        line = app.screen.query_one(HintLine)
        await until(pilot, "the hint", lambda: "try space  pauses training" in line.text)
        await pilot.press("space")
        await until(pilot, "the end of the hint", lambda: not line.display)
        assert memory.load(path)[0].learned == ("run.toggle_pause",)


@pytest.mark.parametrize("way", ["key", "mouse", "palette"])
async def test_a_hint_can_be_dismissed(engine, tmp_path: Path, way):
    path = tmp_path / "state.json"
    app = at_desk(engine, Desk(Settings(toasts=False), kept_in=path))
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(pilot, engine)
        await shown(pilot, "HintLine")
        if way == "key":
            await pilot.press("h")
        elif way == "mouse":
            await pilot.click(HintLine)
        else:
            app.end_hints()
        await until(pilot, "the end of the hint", lambda: not app.screen.query_one(HintLine).display)
        assert len(memory.load(path)[0].learned) == (1 if way != "palette" else len(HINTS))
    assert engine.received == []


async def test_hints_can_be_switched_off(engine):
    app = at_desk(engine, Desk(Settings(hints=False)))
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(pilot, engine)
        assert not app.screen.query_one(HintLine).display


# Announcements and calls


async def test_evaluations_checkpoints_and_warnings_are_announced(engine):
    app = at_desk(engine, Desk(Settings()))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await begun(pilot, engine, 5)
        engine.evaluate()
        engine.checkpoint()
        engine.say(events.Warned("the third is one too many"))
        engine.evaluate()
        await until(pilot, "the end of it", lambda: len(app.view.history.evaluations) == 2)
        await pilot.pause()
        assert said(app) == [f"first score: {number(app.view.best)}", "checkpoint saved at 10.2k steps"]


@pytest.mark.parametrize(("toasts", "size"), [(False, (80, 24)), (True, (59, 24)), (True, (80, 15))])
async def test_nothing_is_announced_without_room_or_wish(engine, toasts, size):
    app = at_desk(engine, Desk(Settings(toasts=toasts)))
    async with app.run_test(size=size, notifications=True) as pilot:
        engine.update()
        engine.evaluate()
        await until(pilot, "the evaluation", lambda: app.view.score is not None)
        await pilot.pause()
        assert said(app) == []


@pytest.mark.parametrize("way", ["off", "bell", "desktop"])
async def test_a_user_who_looks_elsewhere_is_called(engine, monkeypatch, way):
    for name in ("TMUX", "VTE_VERSION", "TERM"):
        monkeypatch.delenv(name, raising=False)
    app = at_desk(engine, Desk(Settings(notify=way, toasts=False)))
    written: list[str] = []
    monkeypatch.setattr(VmpoApp, "write", lambda self, text: written.append(text))

    async def evaluate() -> None:
        count = len(app.view.history.evaluations)
        engine.update(20)
        engine.evaluate()
        await until(pilot, "the score", lambda: len(app.view.history.evaluations) == count + 1)

    async with app.run_test(size=(80, 24)) as pilot:
        await evaluate()  # the first one is no best one
        app.post_message(AppFocus())
        await pilot.pause()
        await evaluate()
        assert written == []  # the user sees it
        app.post_message(AppBlur())
        await pilot.pause()
        await evaluate()
        score = f"vmpo-tui HalfCheetah-v5: score {app.view.best:,.0f}: best so far"
        expected = {"off": "", "bell": "\a", "desktop": f"\x1b]9;{score}"}[way]
        assert [text.startswith(expected) for text in written] == [True] * (way != "off")
        engine.say(events.RunFinished("completed", 1, 1, 1.0))
        await until(pilot, "the end", lambda: app.view.over)
        assert len(written) == 2 * (way != "off")


@pytest.mark.parametrize("ends", [True, False])
async def test_a_terminal_that_never_says_whether_it_is_looked_at_calls_at_the_end_only(
    engine, monkeypatch, ends
):
    app = at_desk(engine, Desk(Settings(notify="bell", toasts=False)))
    written: list[str] = []
    monkeypatch.setattr(VmpoApp, "write", lambda self, text: written.append(text))
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(2):
            engine.update(20)
            engine.evaluate()
        if ends:
            engine.say(events.RunFinished("completed", 1, 1, 1.0))
        await until(pilot, "all of it", lambda: len(app.view.history.evaluations) == 2)
        await until(pilot, "the end", lambda: app.view.over == ends)
        assert written == ["\a"] * ends


# Memory


async def test_the_application_is_found_as_it_was_left(tmp_path: Path):
    path = tmp_path / "state.json"
    first = ScriptedEngine()
    app = at_desk(first, Desk(Settings(), kept_in=path))
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, first)
        app.action_use_theme("light")
        await pilot.press("2")
        await until(pilot, "the charts", lambda: app.screen.LABEL == "charts")
        await pilot.press("s", "s", "o", "x")
        await pilot.pause()
        first.stop()
        await until(pilot, "the end", lambda: app.view.over)
        await pilot.press("q")
    kept, complaint = memory.load(path)
    assert (kept.theme, kept.screen, complaint) == ("light", "charts", "")
    second = ScriptedEngine()
    app = at_desk(second, Desk(Settings(), kept, kept_in=path))
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, second)
        assert app.theme == "light"
        assert app.screen.LABEL == "charts"
        await until(pilot, "the look", lambda: "smoothed over 10" in app.screen.query_one("LookLine").text)
        assert "x updates" in app.screen.query_one("LookLine").text
        assert "outliers clipped" in app.screen.query_one("LookLine").text
    second.stop()


async def test_nonsense_that_is_remembered_stops_nothing(engine):
    kept = Memory("nonsense", "nonsense", ("nonsense",), {"charts": {"look": 3}, "log": {}, "nonsense": {}})
    app = at_desk(engine, Desk(Settings(), kept))
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(pilot, engine)
        assert app.theme == "dark"
        assert app.screen.LABEL == "dashboard"


async def test_that_nothing_can_be_remembered_is_said_once_in_the_log(engine, tmp_path: Path):
    (tmp_path / "file").touch()
    app = at_desk(engine, Desk(Settings(), kept_in=tmp_path / "file" / "state.json", complaint="was damaged"))
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(pilot, engine)
        for name in NAMES:
            app.action_use_theme(name)
        texts = [line.text for line in app.view.log]
        assert texts[0] == "was damaged"
        assert sum("nothing is remembered" in text for text in texts) == 1


# The mouse


async def test_a_click_on_a_figure_shows_it_large(engine):
    app = engine.app
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, engine)
        for target, metric in ((Tile, "dual/temperature"), ("#returns", "return"), ("Gauge", None)):
            await pilot.press("1")
            await until(pilot, "the dashboard", lambda: app.screen.LABEL == "dashboard")
            await shown(pilot, target if isinstance(target, str) else target.__name__)
            await pilot.click(target)
            label = "charts" if metric else "duals"
            await until(pilot, label, lambda label=label: label == app.screen.LABEL)
            if metric:
                charts = app.screen.query(MetricChart)
                await until(pilot, metric, lambda: [c.metric for c in charts if c.display] == [metric])  # noqa: B023


async def test_a_click_on_a_chart_of_the_duals_shows_it_large(engine):
    app = engine.app
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, engine)
        await pilot.press("3")
        await until(pilot, "the duals", lambda: app.screen.LABEL == "duals")
        await shown(pilot, "#chart-estep-kl")
        assert isinstance(app.screen.query_one("#chart-estep-kl"), Chart)
        await pilot.click("#chart-estep-kl")
        await until(pilot, "the charts", lambda: app.screen.LABEL == "charts")
        charts = app.screen.query(MetricChart)
        await until(pilot, "it", lambda: [c.metric for c in charts if c.display] == ["estep/kl"])


async def test_keys_can_be_clicked_where_there_is_little_room(engine):
    app = engine.app
    async with app.run_test(size=(30, 8)) as pilot:
        await begun(pilot, engine)
        await shown(pilot, "KeyLine")
        await pilot.click(KeyLine, offset=(1, 0))
        await until(pilot, "the pause", lambda: app.view.state == "paused")
        place = app.screen.query_one(KeyLine).text.index("q stop")
        await pilot.click(KeyLine, offset=(place, 0))
        await until(pilot, "the question", lambda: len(app.screen_stack) == 3)


async def test_keys_of_the_footer_can_be_clicked(engine):
    async with engine.app.run_test(size=(80, 24)) as pilot:
        await begun(pilot, engine)
        await shown(pilot, "FooterKey")
        await pilot.click("FooterKey")
        await until(pilot, "the pause", lambda: engine.app.view.state == "paused")
