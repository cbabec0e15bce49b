"""The numbered screens: switching by digit and mouse, and what the log shows."""

from __future__ import annotations

import gc

import pytest
from textual.dom import DOMNode
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import Input, RichLog

from tests.tui.scripted_engine import shown, until
from vmpo_tui.screens import SCREENS, TABS
from vmpo_tui.text import si
from vmpo_tui.widgets.status import StatusBar
from vmpo_tui.widgets.tabs import ScreenTabs


def lines(app) -> list[str]:
    return [strip.text.strip() for strip in app.screen.query_one("#lines", RichLog).lines]


def test_every_tab_has_a_screen():
    assert [label for _, label in TABS] == [screen.LABEL for screen in SCREENS]


@pytest.mark.parametrize(("key", "label"), TABS)
async def test_a_digit_leads_to_its_screen(engine, key, label):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the start", lambda: engine.app.view.state != "starting")
        engine.update(3)
        await pilot.press(key)
        await until(pilot, label, lambda: label == engine.app.screen.LABEL)
        await until(pilot, "the status", lambda: "HalfCheetah" in engine.app.screen.query_one("#status").text)
        assert f" {key} {label} " in engine.app.screen.query_one(ScreenTabs).text


@pytest.mark.parametrize("size", [(120, 40), (30, 24)])
async def test_a_click_on_a_tab_switches(engine, size):
    async with engine.app.run_test(size=size) as pilot:
        await until(pilot, "the start", lambda: engine.app.view.state != "starting")
        for key, label in (TABS[-1], TABS[0]):
            await shown(pilot, "ScreenTabs")
            place = engine.app.screen.query_one(ScreenTabs).text.index(f" {key} ")
            await pilot.click(ScreenTabs, offset=(place + 2, 0))
            await until(pilot, label, lambda label=label: label == engine.app.screen.LABEL)


def removed() -> list[DOMNode]:
    """Widgets that are in memory, but not on any screen."""
    gc.unfreeze()  # what the application froze is not listed otherwise
    gc.collect()
    return [node for node in gc.get_objects() if issubclass(type(node), DOMNode) and not node.is_attached]


async def test_looking_around_leaves_nothing_in_memory(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the start", lambda: engine.app.view.state != "starting")

        async def look_around() -> None:
            for key, label in (*TABS, TABS[0]):
                engine.update()
                await pilot.press(key)
                await until(
                    pilot, label, lambda label=label: label == getattr(engine.app.screen, "LABEL", "")
                )
                await shown(pilot, "FooterKey")
                await pilot.press("question_mark", "escape", "slash", "escape")

        await look_around()
        before = removed()  # kept, or another node might come to lie in the same place
        known = {id(node) for node in before}
        await look_around()
        await until(pilot, "no more than that", lambda: {id(node) for node in removed()} <= known)


async def test_a_dialog_keeps_the_digits_to_itself(engine):
    async with engine.app.run_test() as pilot:
        await until(pilot, "the start", lambda: engine.app.view.state != "starting")
        await pilot.press("q", "6")
        assert len(engine.app.screen_stack) == 3
        await pilot.press("escape", "6")
        await until(pilot, "the log", lambda: getattr(engine.app.screen, "LABEL", "") == "log")


async def test_the_log_filters_as_one_types(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the start", lambda: engine.app.view.state != "starting")
        engine.update(2)
        engine.evaluate()
        engine.checkpoint()
        await pilot.press("6")
        await until(
            pilot, "the lines", lambda: engine.app.screen.LABEL == "log" and len(lines(engine.app)) == 3
        )
        await pilot.press("slash", *"SAVED|xyz")
        await until(pilot, "the match", lambda: len(lines(engine.app)) == 1)
        assert "checkpoint saved" in lines(engine.app)[0]
        engine.checkpoint()
        engine.evaluate()
        await until(pilot, "a new match", lambda: len(lines(engine.app)) == 2)
        engine.app.screen.query_one(Input).value = "("  # no regular expression yet: taken as text
        await until(pilot, "no match", lambda: lines(engine.app) == [])
        await pilot.press("escape")
        await until(pilot, "every line", lambda: len(lines(engine.app)) == 5)
        await pilot.press("space")  # the keys of the run work again
        await until(pilot, "the pause", lambda: engine.app.view.state == "paused")


async def test_help_lists_the_screens_own_keys(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the start", lambda: engine.app.view.state != "starting")
        await pilot.press("6")
        await until(pilot, "the log", lambda: engine.app.screen.LABEL == "log")
        await pilot.press("question_mark")
        await until(pilot, "the help", lambda: len(engine.app.screen_stack) == 3)
        text = str(engine.app.screen.query("Static").last().render())
        assert "filter the lines" in text
        assert "pause or resume training" in text
        assert "the dashboard screen" in text


async def test_no_screen_paints_figures_that_are_not_the_runs_own(engine, monkeypatch):
    painted: list[str] = []
    render = StatusBar.render_lines

    def recorded(bar: StatusBar, crop: Region) -> list[Strip]:
        strips = render(bar, crop)
        painted.extend(strip.text for strip in strips)
        return strips

    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.update(30)
        engine.evaluate()
        await until(pilot, "the run", lambda: engine.app.view.score is not None)
        monkeypatch.setattr(StatusBar, "render_lines", recorded)
        for _ in range(2):  # the first look at each screen, then another after more updates
            for key, label in (*TABS[1:], TABS[0]):
                engine.update(30)
                engine.app.refresh_view()
                engine.app.show_now()
                await pilot.pause()
                painted.clear()
                await pilot.press(key)
                await until(pilot, label, lambda label=label: label == engine.app.screen.LABEL)
                await until(pilot, "how far it is", lambda: any("steps" in text for text in painted))
                of_the_run = ("score 995.9 ± 87.46", f"{si(engine.env_steps)} / 1M steps")
                assert [text for text in painted if not any(part in text for part in of_the_run)] == []


async def test_nothing_is_drawn_on_screens_that_are_being_taken_down(engine):
    app = engine.app
    async with app.run_test(size=(80, 24)) as pilot:
        engine.update(3)
        await until(pilot, "the run", lambda: app.view.updates == 3)
    engine.update(1)
    app.refresh_view()  # as a timer does that is due meanwhile: the widgets are gone, or some of them
    assert app.view.updates == 3
