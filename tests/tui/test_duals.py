"""Screen 3: what it shows at every size, and its diagnosis."""

from __future__ import annotations

import dataclasses

import pytest
from textual.pilot import Pilot

from engine import events
from tests.tui.scripted_engine import STARTED, ScriptedEngine, inspection, until, update
from tests.tui.test_snapshots import SIZES, THEMES, learning, settle
from vmpo_tui.diagnosis import Diagnosis
from vmpo_tui.screens.duals import DualChart, Duals
from vmpo_tui.widgets.findings import FindingLine, FindingPanel
from vmpo_tui.widgets.gauge import Gauge


@pytest.fixture(autouse=True)
def prompt_diagnosis(monkeypatch):
    """Look for findings with every view, so that what is shown does not depend on the time."""
    monkeypatch.setattr(Diagnosis, "seconds", 0.0)


async def open_duals(pilot: Pilot[int], engine: ScriptedEngine) -> None:
    await settle(pilot, engine)
    await pilot.press("3")
    await until(pilot, "the duals", lambda: isinstance(engine.app.screen, Duals))
    engine.app.show_now()
    await pilot.pause()


def sick(engine: ScriptedEngine, updates: int = 60) -> None:
    """Updates of a run whose weights hang on a few rows and whose KL leaves its bound."""
    for number in range(1, updates + 1):
        event = update(number)
        metrics = {**event.metrics, "estep/ess": 0.01, "kl/mean": 0.3, "policy/saturated": 0.02}
        engine.say(dataclasses.replace(event, metrics=metrics, inspection=inspection(number, fraction=0.5)))
    engine.updates = updates


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_healthy_run(engine, snap_compare, size, theme):
    async def before(pilot: Pilot[int]) -> None:
        engine.app.theme = theme
        learning(engine)
        await open_duals(pilot, engine)

    assert snap_compare(engine.app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_sick_run(engine, snap_compare, size):
    async def before(pilot: Pilot[int]) -> None:
        sick(engine)
        await open_duals(pilot, engine)

    assert snap_compare(engine.app, terminal_size=size, run_before=before)


def test_before_the_first_update(engine, snap_compare):
    async def before(pilot: Pilot[int]) -> None:
        await open_duals(pilot, engine)

    assert snap_compare(engine.app, terminal_size=(120, 40), run_before=before)


def test_discrete_actions(snap_compare):
    engine = ScriptedEngine(
        dataclasses.replace(STARTED, env_id="CartPole-v1", continuous=False, action_size=2)
    )
    renamed = {"dual/alpha_mean": "dual/alpha", "kl/mean": "kl/policy", "policy/std_mean": "policy/entropy"}

    async def before(pilot: Pilot[int]) -> None:
        for number in range(1, 61):
            event = update(number)
            metrics = {
                renamed.get(name, name): value
                for name, value in event.metrics.items()
                if "covariance" not in name
            }
            inside = dataclasses.replace(inspection(number), std=())
            engine.say(events.UpdateCompleted(metrics, event.episode_returns, (200, 200), inside))
        engine.updates = 60
        await open_duals(pilot, engine)

    assert snap_compare(engine.app, terminal_size=(120, 40), run_before=before)


async def test_d_goes_through_the_findings(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        sick(engine)
        await open_duals(pilot, engine)
        panel = engine.app.screen.query_one(FindingPanel)
        firsts = set()
        for _ in range(2):
            firsts.add(panel.text.splitlines()[0].split("  ")[0])
            await pilot.press("d")
        assert {first.split(" (")[0] for first in firsts} == {
            "▲ KL μ above its bound",
            "▲ few rows carry the weight",
        }


async def test_the_dashboard_names_the_worst_and_leads_there(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        sick(engine)
        await settle(pilot, engine)
        line = engine.app.screen.query_one(FindingLine)
        await until(pilot, "a finding", lambda: bool(line.region.area))
        assert "above its bound" in line.text
        assert "(+1, press 3)" in line.text
        await pilot.click(FindingLine)
        await until(pilot, "the duals", lambda: isinstance(engine.app.screen, Duals))


async def test_gauges_follow_a_bound_that_changes(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        learning(engine)
        await open_duals(pilot, engine)
        gauge = engine.app.screen.query_one("#gauge-kl-mean", Gauge)
        assert "of 0.02000" in gauge.text
        engine.say(events.SettingChanged("vmpo.epsilon_mu", 0.02, 0.5, 1000, 1))
        await until(pilot, "the new bound", lambda: "of 0.5000" in gauge.text)


async def test_a_spike_flattens_no_constraint_and_is_counted(engine):
    async with engine.app.run_test(size=(200, 50)) as pilot:
        for number in range(1, 61):
            event = update(number)
            spike = {"kl/mean": 1e31} if number == 30 else {}
            engine.say(dataclasses.replace(event, metrics={**event.metrics, **spike}))
        engine.updates = 60
        await open_duals(pilot, engine)
        chart = engine.app.screen.query_one("#chart-kl-mean", DualChart)
        await until(pilot, "the spike", lambda: "1 clipped" in str(chart.border_title))
        window, bound = chart._window(), engine.app.view.bounds["kl/mean"]
        assert bound < window.top < 2.0 * bound
