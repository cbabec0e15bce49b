"""Fixtures of the screen's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tui.scripted_engine import ScriptedEngine
from vmpo_tui.pace import Pace


@pytest.fixture(autouse=True)
def known_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the screen cost the same on every machine, for the pictures."""
    monkeypatch.setattr(Pace, "cost", property(lambda _: 0.0123, lambda _, __: None), raising=False)


@pytest.fixture
def engine() -> Iterator[ScriptedEngine]:
    """A scripted engine, told to stop when the test is over."""
    engine = ScriptedEngine()
    yield engine
    engine.stop()
