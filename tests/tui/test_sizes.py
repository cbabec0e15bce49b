"""Every screen at every size: never a crash, nothing cut where there are numbers alone."""

from __future__ import annotations

import random

import pytest

from tests.tui.scripted_engine import shown, until
from vmpo_tui.screens import TABS
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
        whole = "● training HalfCheetah-v5 mujoco, 32 envs, seed 0 score 995.9 ± 87.46 best 61.4k / 1M steps"
        whole += " 6% 4.1k steps/s 0:15 3:49 left"
        assert {word for word in words if not word.endswith("…")} <= set(whole.split())
        assert {"training", "61.4k"} <= set(words)
