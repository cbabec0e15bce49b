"""Watching without steering: keys are refused with a message, and nothing reaches the run in any case."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input
from textual.widgets._footer import FooterKey

from engine import commands
from engine.events import PhaseChanged, Warned
from engine.recording import save_recording
from engine.sinks.jsonl import event_row
from tests.recordings import record
from tests.tui.scripted_engine import shown, until
from tests.unit.test_following import Written
from vmpo_tui.app import VmpoApp
from vmpo_tui.control import ControlServer
from vmpo_tui.following import Follower, Spectator
from vmpo_tui.screens.parameters import Parameters
from vmpo_tui.spectator import REFUSAL, SpectatorApp
from vmpo_tui.widgets.field import Field
from vmpo_tui.widgets.numbers import KeyLine
from vmpo_tui.widgets.robot import RobotView

STEERING = ("space", "e", "c", "n", "p")


@pytest.fixture
def written(tmp_path: Path):
    """A run that a process trains, with a socket that takes commands."""
    written = Written(tmp_path / "run")
    written.received = []  # commands, as they arrive
    with written.directory.hold():
        server = ControlServer(written.directory.path, written.received.append)
        written.start()
        written.events.write(event_row(PhaseChanged("training")))
        written.update(1, 2)
        yield written
        server.close()


def messages(app: VmpoApp) -> list[str]:
    """Return the notifications that are shown."""
    return [notification.message for notification in app._notifications]


async def test_keys_that_steer_are_refused_with_a_message(written):
    app = SpectatorApp(Spectator(written.directory.path))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the run", lambda: app.view.state == "training")
        for key in STEERING:
            app.clear_notifications()
            await pilot.press(key)
            await until(pilot, f"the refusal of {key}", lambda: messages(app) == [REFUSAL])
            assert app.view.state == "training"  # not "pausing"
        await pilot.press("q")
    assert app.return_value == 0
    assert written.received == []


async def test_no_key_that_steers_is_offered(written):
    app = SpectatorApp(Spectator(written.directory.path))
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, "FooterKey")
        offered = {key.action: key.description for key in app.screen.query(FooterKey)}
        assert offered == {"freeze": "freeze", "help": "help", "stop": "leave"}
        await pilot.resize_terminal(50, 14)
        await shown(pilot, "KeyLine")
        assert app.screen.query_one(KeyLine).text.split() == ["q", "leave", "?", "help", "f", "freeze"]


async def test_the_same_keys_steer_where_that_is_allowed(written):
    app = VmpoApp(Follower(written.directory.path))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the run", lambda: app.view.state == "training")
        for key in STEERING[:3]:
            await pilot.press(key)
        await until(pilot, "the commands", lambda: len(written.received) == 3)
    assert written.received == [commands.Pause(), commands.EvaluateNow(), commands.CheckpointNow()]


async def test_a_viewer_that_may_steer_changes_settings(written):
    app = VmpoApp(Follower(written.directory.path))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the run", lambda: app.view.state == "training")
        await pilot.press("p")
        await until(pilot, "the form", lambda: isinstance(app.screen, Parameters))
        for field in app.screen.query(Field):
            if field.name == "vmpo.epsilon_mu":
                field.query_one(Input).value = "0.5"
        await pilot.press("enter")
        await until(pilot, "the command", lambda: len(written.received) == 1)
    assert written.received == [commands.ChangeSetting("vmpo.epsilon_mu", 0.5)]


async def test_ctrl_c_leaves_at_once(written):
    app = SpectatorApp(Spectator(written.directory.path))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+c")
    assert app.return_value == 0
    assert written.received == []


@pytest.mark.parametrize(
    "command",
    [
        commands.Pause(),
        commands.Resume(),
        commands.StepOnce(),
        commands.EvaluateNow(),
        commands.CheckpointNow(),
        commands.Stop(),
        commands.Stop(save=False),
        commands.ChangeSetting("optimizer.policy_lr", 1.0),
    ],
)
def test_no_command_leaves_the_process_whoever_sends_it(written, command):
    source = Spectator(written.directory.path)
    source.drain()
    source.send(command)
    assert source.drain() == [Warned(f"read-only: {type(command).__name__} was not sent")]
    assert written.received == []
    Follower(written.directory.path).send(command)
    assert written.received == [command]


async def test_a_visitor_makes_no_video(written):
    save_recording(written.directory.evaluations, record("HalfCheetah-v5", steps=5))
    app = SpectatorApp(Spectator(written.directory.path))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "the run", lambda: app.view.state == "training")
        await pilot.press("4")
        await until(pilot, "the robot", lambda: app.screen.query_one(RobotView).replay is not None)
        app.clear_notifications()
        await pilot.press("v")
        refusal = "read-only: no video is made from here"
        await until(pilot, "the refusal", lambda: messages(app) == [refusal])
    assert not written.directory.videos.exists()
