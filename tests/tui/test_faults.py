"""What the screen does when something goes wrong, or the terminal does."""

from __future__ import annotations

import dataclasses
import json
import signal

import pytest
from textual.widgets import Static

from engine import commands, events
from tests.hostile import HOSTILE, MARKUP
from tests.tui.runs_folder import make, open_runs
from tests.tui.scripted_engine import STARTED, ScriptedEngine, until, update
from vmpo_tui.app import VmpoApp
from vmpo_tui.screens.base import TABS
from vmpo_tui.screens.dashboard import Dashboard
from vmpo_tui.screens.dialogs import FailureDialog
from vmpo_tui.text import printable
from vmpo_tui.widgets.chart import Chart


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

    def note(code: int, *, at_once: bool) -> None:
        last_resort.append((code, at_once))

    monkeypatch.setattr(engine.session, "end_process_when_over", note)
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        engine.app.on_signal(signum)
        await until(pilot, "the end", lambda: engine.app.return_code is not None)
    # A closed terminal leaves the run to a process without a screen.
    assert engine.received == [commands.Stop(hand_over=signum == signal.SIGHUP)]
    assert engine.app.return_value == 128 + signum
    assert last_resort == [(128 + signum, False)]


async def test_a_second_interrupt_leaves_an_engine_that_does_not_answer(engine, monkeypatch):
    last_resort = []
    monkeypatch.setattr(
        engine.session, "end_process_when_over", lambda *given, at_once: last_resort.append(at_once)
    )
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        engine.answering = False
        for _ in range(2):
            engine.app.on_signal(signal.SIGINT)
        await until(pilot, "the end", lambda: engine.app.return_code is not None)
        assert engine.session.running
    assert engine.app.return_value == 128 + signal.SIGINT
    assert last_resort == [False, True]
    engine.stop()


async def test_a_terminal_that_closes_leaves_nothing_undone_however_often_that_is_said(engine, monkeypatch):
    monkeypatch.setattr(engine.session, "end_process_when_over", lambda *given, at_once: None)
    async with engine.app.run_test() as pilot:
        await until(pilot, "training", lambda: engine.app.view.state == "training")
        for signum in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            engine.app.on_signal(signum)
        await until(pilot, "the end", lambda: engine.app.return_code is not None)
        assert engine.app.view.over
    assert engine.app.return_value == 128 + signal.SIGHUP


def shown(app: VmpoApp) -> str:
    """What is on the topmost screen, its lines one after the other."""
    strips = app.screen._compositor.render_strips()
    return "".join(segment.text for line in strips for segment in line)


def unsafe(engine: ScriptedEngine) -> list[str]:
    """Characters on the topmost screen that a terminal would obey."""
    return [character for character in shown(engine.app) if character != printable(character)]


@pytest.mark.parametrize("text", HOSTILE)
async def test_text_from_outside_is_shown_not_obeyed(text):
    engine = ScriptedEngine(dataclasses.replace(STARTED, env_id=text, run_dir=text, backend=text))
    async with engine.app.run_test(size=(100, 30)) as pilot:
        event = update(1)
        engine.say(events.PhaseChanged(text), events.Warned(text))
        engine.say(dataclasses.replace(event, metrics={**event.metrics, text: 1.0}))
        engine.say(events.CheckpointSaved(text, 1, 1, best=False, seconds=0.1))
        engine.say(events.SettingChanged(text, 0.1, 0.2, 1, 1))
        await until(pilot, "the change", lambda: bool(engine.app.view.markers))
        for key, label in TABS:
            await pilot.press(key)
            await until(pilot, label, lambda label=label: label == engine.app.screen.LABEL)
            engine.app.show_now()
            await engine.app.workers.wait_for_complete()
            await pilot.pause()
            assert unsafe(engine) == []
        engine.say(events.RunFailed(text, text, text, 1, 1, checkpoint=text))
        await until(pilot, "the dialog", lambda: isinstance(engine.app.screen, FailureDialog))
        assert unsafe(engine) == []
    engine.stop()


@pytest.mark.parametrize("text", MARKUP)
async def test_markup_from_outside_is_shown_as_it_stands(text):
    engine = ScriptedEngine(dataclasses.replace(STARTED, env_id=text))
    async with engine.app.run_test(size=(160, 40)) as pilot:
        event = update(1)
        engine.say(dataclasses.replace(event, metrics={**event.metrics, f"own/{text}": 1.0}))
        engine.say(events.Warned(f"said {text}"), events.CheckpointSaved(f"saved {text}", 1, 1, False, 0.1))
        await until(pilot, "the update", lambda: engine.app.view.updates == 1)
        for key, label in TABS:
            await pilot.press(key)
            await until(pilot, label, lambda label=label: label == engine.app.screen.LABEL)
            engine.app.show_now()
            await engine.app.workers.wait_for_complete()
            await until(pilot, f"the text on {label}", lambda: f"  {text}" in shown(engine.app))
            if label == "log":
                assert f"said {text}" in shown(engine.app)
        engine.say(events.RunFailed(f"failed {text}", f"Kind{text}", f"trace {text}", 1, 1, f"ckpt {text}"))
        await until(pilot, "the dialog", lambda: isinstance(engine.app.screen, FailureDialog))
        await until(pilot, "its text", lambda: f"Kind{text}: failed {text}" in shown(engine.app))
        assert f"trace {text}" in shown(engine.app)
        assert f"ckpt {text}" in shown(engine.app)
    engine.stop()


@pytest.mark.parametrize("text", MARKUP)
async def test_markup_in_the_list_of_runs_is_shown_as_it_stands(app, root, text):
    make(root, "strange", age=60, **{"env.id": json.dumps(text)})
    (root / "broken").mkdir()
    (root / "broken" / "config.toml").write_text(f"[env]\n{json.dumps(text)} = 1\n")
    async with app.run_test(size=(160, 40)) as pilot:
        await open_runs(pilot, 2)
        await pilot.press("home")
        await until(pilot, "its environment", lambda: text in shown(app))
        await pilot.press("end")
        await until(pilot, "what is wrong", lambda: f"unknown setting env.{text}" in shown(app))


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
