"""Fixtures of the screen's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.widgets import Input

from tests.tui.runs_folder import NOW
from tests.tui.scripted_engine import ScriptedEngine
from vmpo_tui.app import VmpoApp
from vmpo_tui.pace import Pace
from vmpo_tui.session import NoRun
from vmpo_tui.widgets.run_table import RunTable


@pytest.fixture(autouse=True)
def known_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the screen cost the same on every machine, for the pictures."""
    monkeypatch.setattr(Pace, "cost", property(lambda _: 0.0123, lambda _, __: None), raising=False)


@pytest.fixture(autouse=True)
def steady_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no cursor blink: on a slow machine half a second passes before a picture is taken."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _: None)


@pytest.fixture
def engine() -> Iterator[ScriptedEngine]:
    """A scripted engine, told to stop when the test is over."""
    engine = ScriptedEngine()
    yield engine
    engine.stop()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The runs root."""
    monkeypatch.setenv("VMPO_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("vmpo_tui.screens.new_run.new_run_name", lambda env_id, seed: f"{env_id}-s{seed}-new")
    return tmp_path / "runs"


@pytest.fixture
def app(root, monkeypatch):
    monkeypatch.setitem(RunTable.__init__.__kwdefaults__, "clock", lambda: NOW)
    return VmpoApp(NoRun())
