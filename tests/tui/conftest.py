"""Fixtures of the screen's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tui.scripted_engine import ScriptedEngine


@pytest.fixture
def engine() -> Iterator[ScriptedEngine]:
    """A scripted engine, told to stop when the test is over."""
    engine = ScriptedEngine()
    yield engine
    engine.stop()
