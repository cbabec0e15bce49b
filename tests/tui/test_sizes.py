"""Every screen at every size: never a crash, nothing cut where there are numbers alone."""

from __future__ import annotations

import random
import re

import pytest
from textual.widgets import Static

from engine.events import UpdateCompleted
from tests.tui.scripted_engine import shown, until
from vmpo_tui.screens import TABS
from vmpo_tui.screens.dialogs import StopDialog
from vmpo_tui.screens.parameters import HINTS, Parameters
from vmpo_tui.widgets.field import Field
from vmpo_tui.widgets.numbers import KeyLine, Numbers
from vmpo_tui.widgets.status import StatusBar

SIZES = [(80, 24), (120, 40), (200, 50), (59, 15), (250, 70), (20, 5)]


@pytest.mark.parametrize(("key", "label"), TABS)
async def test_a_storm_of_sizes(engine, key, label):
    numbers = random.Random(0)
    app = engine.app
    async with app.run_test(size=(80, 24)) as pilot:
        engine.update(30)
        engine.evaluate()
        await until(pilot, "the run", lambda: app.view.score is not None)
        await pilot.press(key)
        await until(pilot, label, lambda: label == app.screen.LABEL)
        storm = [(numbers.randint(20, 250), numbers.randint(5, 70)) for _ in range(12)]
        for width, height in [*SIZES, *storm, (80, 24)]:
            await pilot.resize_terminal(width, height)
            engine.update()
            app.refresh_view()
            app.show_now()
        await until(pilot, "the last update", lambda: app.view.updates == engine.updates)
        assert "HalfCheetah" in app.screen.query_one(StatusBar).text


@pytest.mark.parametrize("size", [(20, 5), (29, 9), (40, 9), (59, 9), (200, 9), (29, 50)])
@pytest.mark.parametrize(("key", "label"), TABS)
async def test_numbers_alone_where_there_is_room_for_nothing_else(engine, size, key, label):
    app = engine.app
    async with app.run_test(size=size) as pilot:
        engine.update(30)
        engine.evaluate()
        await until(pilot, "the run", lambda: app.view.score is not None)
        await pilot.press(key)
        await until(pilot, label, lambda: label == app.screen.LABEL)
        app.show_now()
        await pilot.pause()
        in_sight = {type(one) for one in app.screen.children if one.region.area and one.display}
        assert in_sight == {Numbers, KeyLine}
        text = app.screen.query_one(Numbers).text
        assert "training" in text
        assert "61.4k / 1M" in text
        assert app.screen.query_one(KeyLine).text.startswith("space pause  q stop")
        await pilot.press("space")
        await until(pilot, "the pause", lambda: app.view.state == "paused")
        await pilot.pause()
        assert "paused" in app.screen.query_one(Numbers).text
        await pilot.press("q")
        await until(pilot, "the question", lambda: len(app.screen_stack) == 3)


@pytest.mark.parametrize("theme", ["dark", "monochrome"])
@pytest.mark.parametrize("size", [(59, 15), (40, 8), (120, 21), (80, 24)])
async def test_every_answer_of_a_question_is_in_sight(engine, size, theme):
    app = engine.app
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        engine.update()
        await until(pilot, "the run", lambda: app.view.updates == 1)
        await pilot.press("q")
        await until(pilot, "the question", lambda: isinstance(app.screen, StopDialog))
        await pilot.pause()
        window = app.screen.query_one("Vertical").content_region
        answers = list(app.screen.query("Button"))
        assert len(answers) == 4
        assert all(window.contains_region(answer.region) and answer.content_size.height for answer in answers)


@pytest.mark.parametrize("size", [(59, 15), (40, 8), (80, 24), (120, 40)])
async def test_every_setting_and_its_whole_hint_can_be_seen(engine, size):
    app = engine.app
    async with app.run_test(size=size) as pilot:
        engine.update()
        await until(pilot, "the run", lambda: app.view.updates == 1)
        await pilot.press("p")
        await until(pilot, "the form", lambda: isinstance(app.screen, Parameters))
        hint = app.screen.query_one(".whole", Static)
        for name, meaning in HINTS.items():
            await pilot.pause()
            field = next(field for field in app.screen.query(Field) if field.has_focus_within)
            assert field.name == name
            assert app.screen.query_one("VerticalScroll").region.contains_region(field.region)
            assert app.screen.region.contains_region(hint.region)
            assert meaning in str(hint.render())
            assert len(str(hint.render())) <= hint.content_size.area
            await pilot.press("down")


@pytest.mark.parametrize(("key", "label"), TABS)
async def test_every_key_of_the_footer_is_in_sight(engine, key, label):
    app = engine.app
    async with app.run_test(size=(80, 24)) as pilot:
        engine.update(3)
        await until(pilot, "the run", lambda: app.view.updates == 3)
        await pilot.press(key)
        await until(pilot, label, lambda: label == app.screen.LABEL)
        await shown(pilot, "FooterKey")
        assert max(one.region.right for one in app.screen.query("FooterKey")) <= 80


@pytest.mark.parametrize("width", range(20, 131, 10))
async def test_the_status_says_whole_figures_or_none(engine, width):
    app = engine.app
    async with app.run_test(size=(width, 12)) as pilot:
        engine.update(30)
        engine.evaluate()
        await until(pilot, "the run", lambda: app.view.score is not None)
        app.show_now()
        await pilot.pause()
        bar = app.screen.query_one(StatusBar)
        words = " ".join(
            "".join(text for text, _ in line) for line in bar.draw(width - 2, 2)
        ).replace("━", " ").replace("─", " ").split()  # fmt: skip
        whole = "● training HalfCheetah-v5 HalfCheetah-v5-s0 mujoco, 32 envs, seed 0 score 995.9 ± 87.46 best"
        whole += " 61.4k / 1M steps 6% 4.1k steps/s 0:15 3:49 left"
        assert {word for word in words if not word.endswith("…")} <= set(whole.split())
        assert {"training", "61.4k"} <= set(words)


@pytest.mark.parametrize("absent", [{}, {"train/episode_length_mean": float("nan")}])
async def test_numbers_keep_the_last_figure_of_what_not_every_update_has(engine, absent):
    app = engine.app
    async with app.run_test(size=(59, 15)) as pilot:
        engine.update(2)
        metrics = dict(engine.next_update().metrics)
        del metrics["train/episode_length_mean"]
        engine.say(UpdateCompleted(metrics | absent))
        await until(pilot, "the run", lambda: app.view.updates == 3)
        app.show_now()
        await pilot.pause()
        numbers = app.screen.query_one(Numbers).text
        assert re.search(r"episode length +1,000", numbers)
