"""What the screen does when something goes wrong, or the terminal does."""

from __future__ import annotations

import signal

import pytest
from textual.widgets import Static

from engine import commands, events
from tests.tui.scripted_engine import STARTED, ScriptedEngine, until
from vmpo_tui.screens.dashboard import Dashboard
from vmpo_tui.screens.dialogs import FailureDialog
from vmpo_tui.text import printable
from vmpo_tui.widgets.chart import Chart

HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "[bold red]markup[/] [/x] [@click=app.quit]x[/]",
    "a\x00b\rc\nd\te",
    "\u202egnp.exe",
    "x" * 10_000,
    "\ud800 lone surrogate",
]


async def test_an_engine_error_is_shown_and_the_screen_lives_on(engine):
    async with engine.app.run_test(size=(120, 40)) as pilot:
        engine.update(5)
        await until(pilot, "updates", lambda: engine.app.view.updates == 5)
        engine.fail(ValueError("the simulation said no"))
        await until(pilot, "the dialog", lambda: isinstance(engine.app.screen, FailureDialog))
        text = "\n".join(str(part.render()) for part in engine.app.screen.query(Static))
        assert "ValueError: the simulation said no" in text
        assert "No checkpoint had been saved" in text
        assert "Traceback (most recent call last)" in text
        assert "scripted_engine.py" in text
        await pilot.press("escape")
        await until(pilot, "the dashboard", lambda: isinstance(engine.app.screen, Dashboard))
        await pilot.press("f", "f", "question_mark", "escape", "q")
        await until(pilot, "the end", lambda: engine.app.return_code is not None)
    assert engine.app.return_value == 1
    assert isinstance(engine.session.error, ValueError)


async def test_the_engines_own_report_wins_over_the_threads(engine):
    report = events.RunFailed("at step 7", "EnvironmentFault", "where", 2048, 1, checkpoint="runs/x/last")
    async with engine.app.run_test() as pilot:
        engine.say(report)
        engine.fail(RuntimeError("again"))
        await until(pilot, "the dialog", lambda: isinstance(engine.app.screen, FailureDialog))
        await until(pilot, "the thread's end", lambda: not engine.session.running)
        engine.app.refresh_view()
        assert engine.app.view.failure == report
        text = "\n".join(str(part.render()) for part in engine.app.screen.query(Static))
        assert "The last good checkpoint is runs/x/last" in text
        assert "vmpo resume runs/HalfCheetah-v5-s0" in text


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_saves_and_leaves(engine, signum, monkeypatch):
    last_resort = []
    monkeypatch.setattr(engine.session, "end_process_when_over", last_resort.append)
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        engine.app.on_signal(signum)
        await until(pilot, "the end", lambda: engine.app.return_code is not None)
    assert engine.received == [commands.Stop(save=True)]
    assert engine.app.return_value == 128 + signum
    assert last_resort == [128 + signum]


@pytest.mark.parametrize("text", HOSTILE)
async def test_text_from_outside_is_shown_not_obeyed(text):
    fields = {name: getattr(STARTED, name) for name in STARTED.__slots__}
    engine = ScriptedEngine(events.RunStarted(**fields | {"env_id": text, "run_dir": text}))
    async with engine.app.run_test(size=(100, 30)) as pilot:
        engine.say(events.PhaseChanged(text), events.Warned(text))
        engine.update(2)
        engine.say(events.CheckpointSaved(text, 1, 1, best=False, seconds=0.1))
        engine.say(events.RunFailed(text, text, text, 1, 1, checkpoint=text))
        await until(pilot, "the dialog", lambda: isinstance(engine.app.screen, FailureDialog))
        for screen in engine.app.screen_stack[1:]:
            shown = "".join(segment.text for line in screen._compositor.render_strips() for segment in line)
            assert [character for character in shown if character != printable(character)] == []
    engine.stop()


async def test_a_storm_of_resizes_leaves_a_whole_screen(engine):
    sizes = [(200, 50), (80, 24), (10, 5), (1, 1), (59, 15), (300, 90), (60, 16), (20, 3), (120, 40)]
    async with engine.app.run_test(size=(80, 24)) as pilot:
        for round_ in range(3):
            for columns, lines in sizes:
                engine.update()
                await pilot.resize_terminal(columns, lines)
            engine.evaluate(best=round_ == 0)
        await until(pilot, "the last update", lambda: engine.app.view.updates == engine.updates)
        chart = engine.app.screen.query_one(Chart)
        assert chart.size.width > 50
        assert len(chart._strips) == chart.size.height
        assert {strip.cell_length for strip in chart._strips} == {chart.size.width}
