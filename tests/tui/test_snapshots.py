"""Pictures of the screen, compared with the committed ones: `pytest --snapshot-update` draws them anew."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from engine import events
from tests.tui.scripted_engine import STARTED, ScriptedEngine, until
from vmpo_tui.screens.log import Log

SIZES = [(80, 24), (120, 40), (200, 50), (58, 15)]
THEMES = ["dark", "light"]


def learning(engine: ScriptedEngine) -> None:
    """A run after a hundred updates."""
    for _ in range(5):
        engine.update(20)
        engine.evaluate()
        engine.checkpoint(best=True)


async def settle(pilot: Pilot[int], engine: ScriptedEngine) -> None:
    """Wait until the application has shown everything that was said."""
    app = engine.app
    await until(pilot, "the start", lambda: app.view.state != "starting")
    await until(pilot, "the last update", lambda: app.view.updates == engine.updates)
    app.show_now()  # now, whatever the pace
    await pilot.pause()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_run_under_way(engine, snap_compare, size, theme):
    async def before(pilot: Pilot[int]) -> None:
        engine.app.theme = theme
        learning(engine)
        await settle(pilot, engine)

    assert snap_compare(engine.app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_log(engine, snap_compare, size, theme):
    async def before(pilot: Pilot[int]) -> None:
        engine.app.theme = theme
        learning(engine)
        await settle(pilot, engine)
        await pilot.press("6")
        await until(pilot, "the screen", lambda: isinstance(engine.app.screen, Log))
        await settle(pilot, engine)

    assert snap_compare(engine.app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_before_the_first_update(engine, snap_compare, size):
    async def before(pilot: Pilot[int]) -> None:
        await settle(pilot, engine)

    assert snap_compare(engine.app, terminal_size=size, run_before=before)


def test_discrete_actions(snap_compare):
    started = {name: getattr(STARTED, name) for name in STARTED.__slots__}
    engine = ScriptedEngine(
        events.RunStarted(**started | {"env_id": "CartPole-v1", "continuous": False, "backend": "gymnasium"})
    )
    renamed = {
        "dual/alpha_mean": "dual/alpha",
        "kl/mean": "kl/policy",
        "policy/std_mean": "policy/entropy",
    }

    async def before(pilot: Pilot[int]) -> None:
        for _ in range(40):
            row = engine.next_update()
            metrics = {renamed.get(name, name): value for name, value in row.metrics.items()}
            for absent in ("dual/alpha_covariance", "kl/covariance"):
                del metrics[absent]
            engine.say(events.UpdateCompleted(metrics, row.episode_returns, row.episode_lengths))
        await settle(pilot, engine)

    assert snap_compare(engine.app, terminal_size=(120, 40), run_before=before)
    engine.stop()


@pytest.mark.parametrize("key", ["q", "question_mark"])
@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_dialogs(engine, snap_compare, size, key):
    async def before(pilot: Pilot[int]) -> None:
        learning(engine)
        await settle(pilot, engine)
        await pilot.press(key)
        await until(pilot, "the dialog", lambda: len(engine.app.screen_stack) == 3)

    assert snap_compare(engine.app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_failure(engine, snap_compare, size):
    failed = events.RunFailed(
        error="the value loss is not finite at update 100; the batch is in runs/x/nonfinite.npz",
        kind="NonFiniteError",
        traceback='Traceback (most recent call last):\n  File "engine/learner.py", line 1, in update\n',
        env_steps=204_800,
        updates=100,
        checkpoint="runs/HalfCheetah-v5-s0/checkpoints/000000204800",
    )

    async def before(pilot: Pilot[int]) -> None:
        learning(engine)
        engine.say(failed)
        await settle(pilot, engine)
        await until(pilot, "the dialog", lambda: len(engine.app.screen_stack) == 3)

    assert snap_compare(engine.app, terminal_size=size, run_before=before)
