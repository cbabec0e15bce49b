"""Pictures of what a user's desk adds; `pytest --snapshot-update` draws them anew."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.tui.scripted_engine import until
from tests.tui.test_desk import at_desk
from tests.tui.test_snapshots import learning, settle
from vmpo_tui.desk import Desk
from vmpo_tui.screens import TABS
from vmpo_tui.settings import Settings


def plain(theme: str) -> Desk:
    return Desk(Settings(theme=theme, toasts=False, hints=False))


@pytest.mark.parametrize("theme", ["high-contrast", "monochrome"])
@pytest.mark.parametrize(("key", "label"), TABS)
def test_screens_in_other_themes(engine, snap_compare, monkeypatch, tmp_path, theme, key, label):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMPO_RUNS", "runs")  # none, under a name that is the same everywhere
    app = at_desk(engine, plain(theme))

    async def before(pilot: Pilot[int]) -> None:
        learning(engine)
        await settle(pilot, engine)
        await pilot.press(key)
        await until(pilot, "the screen", lambda: label == app.screen.id)
        app.show_now()
        await pilot.pause()

    assert snap_compare(app, terminal_size=(120, 40), run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_hint(engine, snap_compare, size):
    app = at_desk(engine, Desk(Settings(toasts=False)))

    async def before(pilot: Pilot[int]) -> None:
        learning(engine)
        await settle(pilot, engine)

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", [(20, 5), (29, 9), (40, 12)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_numbers_alone(engine, snap_compare, size):
    app = at_desk(engine, plain("dark"))

    async def before(pilot: Pilot[int]) -> None:
        learning(engine)
        await settle(pilot, engine)

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("theme", ["light", "monochrome"])
def test_a_question(engine, snap_compare, theme):
    app = at_desk(engine, plain(theme))

    async def before(pilot: Pilot[int]) -> None:
        learning(engine)
        await settle(pilot, engine)
        await pilot.press("q")
        await until(pilot, "the question", lambda: len(app.screen_stack) == 3)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
