"""The dashboard stays complete when the terminal changes its size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import RichLog

from engine.channel import Channel
from engine.config import Config
from engine.events import RunStarted, UpdateCompleted, Warned
from vmpo_tui.app import VmpoApp
from vmpo_tui.plotting.steady import ahead, settled
from vmpo_tui.session import Session
from vmpo_tui.widgets.gauge import Gauge

CONSTRAINTS = {"kl/mean": 0.03218, "kl/covariance": 0.00035, "estep/kl": 0.5}
STARTED = RunStarted(
    "runs/x", "HalfCheetah-v5", "mujoco", 32, 17, 6, True, 0, 10**6, config=Config().to_dict()
)


@pytest.fixture
def app():
    def train(channel: Channel) -> None:
        channel.emit(STARTED)
        for number in range(40):
            channel.emit(Warned(f"warning {number}"))
        counters = {"env_steps": 64.0, "updates": 1.0, "seconds": 1.0, "steps_per_second": 64.0}
        channel.emit(UpdateCompleted(counters | CONSTRAINTS))

    return VmpoApp(Session(train))


@pytest.mark.parametrize("size", [(200, 50), (120, 40), (80, 24)])
async def test_gauges_name_value_and_bound(app, size):
    async with app.run_test(size=size) as pilot:
        while not app.view.latest:
            await pilot.pause()
        await pilot.pause()
        gauges = list(app.screen.query(Gauge))
        assert [gauge.text.split()[-3:] for gauge in gauges] == [
            ["0.03218", "of", "0.02000"], ["0.00035", "of", "0.00500"], ["0.5000", "of", "0.2500"],
        ]  # fmt: skip
        assert all(len(gauge.text) <= gauge.content_size.width for gauge in gauges)


async def test_the_newest_event_stays_in_sight_when_the_terminal_shrinks(app):
    async with app.run_test(size=(200, 60)) as pilot:
        while not app.view.latest:
            await pilot.pause()
        log = app.screen.query_one(RichLog)
        for size in ((80, 24), (120, 40), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert log.scroll_offset.y == log.max_scroll_y


@given(st.integers(1, 100_000))
def test_a_tiles_curve_lacks_at_most_a_sixteenth(points):
    assert max(1, points * 15 / 16) <= settled(points) <= points
    assert settled(16) == 16
    assert settled(100_001) == settled(100_002)


@given(st.integers(0, 10**12))
def test_an_axis_ends_at_most_a_sixteenth_ahead(steps):
    assert steps <= ahead(steps) <= steps * 17 / 16
    assert ahead(ahead(steps)) == ahead(steps)
    assert ahead(100_353) == ahead(100_354)
