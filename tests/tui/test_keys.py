"""Every key of the dashboard: what the engine is told, and what the screen says about it."""

from __future__ import annotations

import signal
from typing import cast

import pytest
from textual.binding import Binding
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from engine import commands, events
from tests.tui.scripted_engine import ScriptedEngine, shown, until
from vmpo_tui.app import VmpoApp
from vmpo_tui.screens.dashboard import Dashboard
from vmpo_tui.screens.dialogs import StopDialog
from vmpo_tui.screens.help import HelpDialog
from vmpo_tui.widgets.chart import Chart
from vmpo_tui.widgets.status import StatusBar


def status(app: VmpoApp) -> str:
    return app.screen_stack[1].query_one(StatusBar).text


async def says(pilot: Pilot[int], text: str) -> None:
    """Wait until the status line says something; a busy machine may draw it a moment later."""
    await until(pilot, f"the status line to say {text!r}", lambda: text in status(cast(VmpoApp, pilot.app)))


def log(app: VmpoApp) -> list[str]:
    return [line.text for line in app.view.log]


async def test_space_pauses_once_the_engine_says_so_and_resumes(engine):
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        await says(pilot, "● training")
        engine.answering = False  # in the middle of an iteration
        await pilot.press("space")
        await until(pilot, "the command", lambda: engine.received == [commands.Pause()])
        await says(pilot, "pausing...")
        engine.answering = True
        engine._answer(commands.Pause())
        await until(pilot, "paused", lambda: engine.app.view.state == "paused")
        await says(pilot, "⏸ paused")
        await pilot.press("space")
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        assert engine.received == [commands.Pause(), commands.Resume()]


async def test_a_pause_can_be_taken_back_before_it_happens(engine):
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        engine.answering = False
        await pilot.press("space", "space")
        await until(pilot, "both commands", lambda: len(engine.received) == 2)
        assert engine.received == [commands.Pause(), commands.Resume()]


async def test_n_runs_one_iteration_of_a_paused_run_only(engine):
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        await pilot.press("n")
        assert [note.message for note in engine.app._notifications] == [
            "pause first (space); then n runs one iteration"
        ]
        await pilot.press("space")
        await until(pilot, "paused", lambda: engine.app.view.state == "paused")
        await pilot.press("n")
        await until(pilot, "an update", lambda: engine.app.view.updates == 1)
        assert engine.received == [commands.Pause(), commands.StepOnce()]


async def test_n_says_that_it_paused_again(engine):
    async with engine.app.run_test() as pilot:
        await pilot.press("space")
        await until(pilot, "paused", lambda: engine.app.view.state == "paused")
        for count in (1, 2):
            await pilot.press("n")
            await until(pilot, "an update", lambda count=count: engine.app.view.updates == count)
            engine.say(events.RunPaused(engine.env_steps, engine.updates))
        await until(pilot, "the last pause", lambda: len(log(engine.app)) == 4)
        assert log(engine.app)[1:] == ["paused", *["one iteration, paused again"] * 2]


async def test_the_palette_saves_a_picture_of_the_screen(engine, tmp_path, monkeypatch):
    app = engine.app
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "training", lambda: app.view.state == "training")
        monkeypatch.setattr(type(app), "pictures_folder", lambda _: tmp_path / "exports")
        for number, words in enumerate(("screenshot", "save picture"), start=1):
            await pilot.press("ctrl+p")
            await until(pilot, "the palette", lambda: isinstance(app.screen, CommandPalette))
            await pilot.press(*words)
            await until(
                pilot,
                "the offer",
                lambda: any(
                    "screenshot" in str(one.prompt) for one in app.screen.query_one(OptionList).options
                ),
            )
            await pilot.press("enter")
            path = tmp_path / "exports" / f"screen-{number:03}.svg"
            await until(pilot, "the file", path.exists)
            assert f"saved {path}" in [note.message for note in app._notifications]
            text = path.read_text()
            assert text.startswith("<svg")
            assert "HalfCheetah" in text
            assert "Search" not in text  # the palette is gone by then


async def test_e_evaluates_and_shows_the_score(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.update(10)
        await until(pilot, "updates", lambda: engine.app.view.updates == 10)
        await says(pilot, "not evaluated yet")
        await pilot.press("e")
        await until(pilot, "a score", lambda: engine.app.view.score is not None)
        assert engine.received == [commands.EvaluateNow()]
        await says(pilot, "score 175.8 ± 87.46  best 175.8")
        assert log(engine.app)[-2:] == [
            "evaluation requested",
            "evaluated: 175.8 ± 87.46 over 4 episodes, the best so far",
        ]


async def test_c_saves_a_checkpoint(engine):
    async with engine.app.run_test() as pilot:
        engine.update(3)
        await until(pilot, "updates", lambda: engine.app.view.updates == 3)
        await pilot.press("c")
        await until(pilot, "a checkpoint", lambda: engine.app.view.checkpoint is not None)
        assert engine.received == [commands.CheckpointNow()]
        assert log(engine.app)[-2:] == ["checkpoint requested", "checkpoint saved in 0.03 s: 000000006144"]


async def test_f_freezes_the_display_and_nothing_else(engine):
    async with engine.app.run_test() as pilot:
        engine.update(5)
        await until(pilot, "updates", lambda: engine.app.view.updates == 5)
        chart = engine.app.screen.query_one(Chart)
        await pilot.press("f")
        drawn = list(chart._strips)
        engine.update(50)
        await until(pilot, "more updates", lambda: engine.app.view.updates == 55)
        await says(pilot, "display frozen")
        assert chart._strips == drawn
        assert engine.received == []
        await pilot.press("f")
        assert "display frozen" not in status(engine.app)
        assert chart._strips != drawn


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_lists_every_key_and_closes(engine, key):
    async with engine.app.run_test() as pilot:
        await pilot.press(key)
        await until(pilot, "help", lambda: isinstance(engine.app.screen, HelpDialog))
        text = str(engine.app.screen.query_one(Static).render())
        for binding in engine.app.BINDINGS:
            assert isinstance(binding, Binding)
            assert binding.id
            assert binding.tooltip in text
        await pilot.press("escape")
        await until(pilot, "the dashboard", lambda: isinstance(engine.app.screen, Dashboard))


@pytest.mark.parametrize(("key", "save"), [("s", True), ("d", False)])
async def test_q_asks_and_stops(engine, key, save):
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        await pilot.press("q")
        await until(pilot, "the question", lambda: isinstance(engine.app.screen, StopDialog))
        assert engine.received == []
        await pilot.press(key)
        await until(pilot, "the end", lambda: engine.app.return_code is not None)
    assert engine.received == [commands.Stop(save=save)]
    assert engine.app.return_value == 0


@pytest.mark.parametrize(
    ("button", "received"),
    [("#save", [commands.Stop()]), ("#discard", [commands.Stop(save=False)]), ("#nothing", [])],
)
async def test_the_stop_dialog_answers_to_the_mouse(engine, button, received):
    async with engine.app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        await pilot.press("q")
        await shown(pilot, button)
        await pilot.click(button)
        await until(pilot, "the dashboard", lambda: isinstance(engine.app.screen, Dashboard))
        await until(pilot, "the answer", lambda: engine.received == received)


@pytest.mark.parametrize("key", ["escape", "q", "k"])
async def test_q_can_be_taken_back(engine, key):
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        await pilot.press("q")
        await until(pilot, "the question", lambda: isinstance(engine.app.screen, StopDialog))
        await pilot.press(key)
        await until(pilot, "the dashboard", lambda: isinstance(engine.app.screen, Dashboard))
        engine.update()
        await until(pilot, "an update", lambda: engine.app.view.updates == 1)
    assert engine.received == []


async def test_ctrl_c_asks_first_and_saves_the_second_time(engine):
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        await pilot.press("ctrl+c")
        await until(pilot, "the question", lambda: isinstance(engine.app.screen, StopDialog))
        assert engine.received == []
        await pilot.press("ctrl+c")
        await until(pilot, "the end", lambda: engine.app.return_code is not None)
    assert engine.received == [commands.Stop(save=True)]
    assert engine.app.return_value == 128 + signal.SIGINT


async def test_the_third_ctrl_c_leaves_an_engine_that_does_not_answer(engine):
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        engine.answering = False
        await pilot.press("ctrl+c", "ctrl+c")
        await says(pilot, "stopping...")
        assert engine.app.return_code is None
        await pilot.press("ctrl+c")
        await until(pilot, "the end", lambda: engine.app.return_code is not None)
    assert engine.app.return_value == 130
    assert engine.session.running


async def test_a_taken_back_question_starts_the_count_again(engine):
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        await pilot.press("ctrl+c", "escape", "ctrl+c")
        await until(pilot, "the question", lambda: isinstance(engine.app.screen, StopDialog))
        assert engine.received == []


async def test_a_run_that_is_over_takes_no_orders_and_is_left_without_a_question(engine):
    async with engine.app.run_test() as pilot:
        engine.update(3)
        engine._answer(commands.Stop())
        await until(pilot, "the end of the run", lambda: engine.app.view.over)
        await says(pilot, "■ stopped")
        await pilot.press("e", "c")
        assert engine.received == []
        assert [note.message for note in engine.app._notifications] == ["the run is over"] * 2
        await pilot.press("q")
        await until(pilot, "the end", lambda: engine.app.return_code is not None)
    assert engine.app.return_value == 0


async def test_the_palette_offers_every_action(engine):
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        offered = {command.title: command for command in engine.app.get_system_commands(engine.app.screen)}
        steering = {binding.tooltip for binding in engine.app.BINDINGS if isinstance(binding, Binding)}
        assert steering - {"search everything that can be done"} <= offered.keys()
        await offered["save a checkpoint now"].callback()
        await until(pilot, "the command", lambda: engine.received == [commands.CheckpointNow()])


def test_every_binding_has_a_name_for_remapping(engine: ScriptedEngine):
    names = [binding.id for binding in engine.app.BINDINGS if isinstance(binding, Binding)]
    assert all(names)
    assert len(set(names)) == len(names)
