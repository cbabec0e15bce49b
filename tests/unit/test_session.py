"""The engine's thread: started once, linked by a channel, never lost without a word."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.channel import Channel
from engine.commands import EvaluateNow, Stop
from engine.events import RunFailed, Warned
from engine.summary import RunSummary
from vmpo_tui.session import Session

ROOT = Path(__file__).parents[2]


def test_events_come_out_and_commands_go_in():
    received = []

    def train(channel: Channel) -> str:
        received.append(channel.receive(timeout=10.0))
        channel.emit(Warned("heard"))
        return "summary"

    session = Session(train)  # type: ignore[arg-type]
    assert not session.running
    session.start()
    assert session.running
    session.send(EvaluateNow())
    assert session.join(timeout=10.0)
    assert received == [EvaluateNow()]
    assert session.drain() == [Warned("heard")]
    assert session.drain() == []
    assert session.summary == "summary"
    assert session.error is None


@pytest.mark.parametrize("error", [ValueError("no"), MemoryError(), SystemExit(3), KeyboardInterrupt()])
def test_every_error_of_the_engine_becomes_an_event(error):
    def train(channel: Channel) -> None:
        raise error

    session = Session(train)  # type: ignore[arg-type]
    session.start()
    assert session.join(timeout=10.0)
    (event,) = session.drain()
    assert isinstance(event, RunFailed)
    assert event.kind == type(error).__name__
    assert event.error
    assert "in train" in event.traceback
    assert session.error is error


def test_joining_an_engine_that_does_not_end_gives_up():
    release = threading.Event()
    session = Session(lambda channel: release.wait(10.0))  # type: ignore[arg-type, return-value]
    session.start()
    assert not session.join(timeout=0.01)
    release.set()
    assert session.join(timeout=10.0)


def test_a_session_never_started_is_over():
    assert Session(lambda channel: None).join(timeout=0.0)  # type: ignore[arg-type, return-value]


def stopped(
    run_dir: Path, reason: str = "handed over", *, paused: bool = False
) -> Callable[[Channel], RunSummary]:
    """Train until the first command."""

    def train(channel: Channel) -> RunSummary:
        channel.receive(timeout=10.0)
        return RunSummary(run_dir, reason, 16, 1, 1.0, None, None, None, paused)

    return train


@pytest.mark.parametrize("paused", [False, True])
def test_a_run_that_is_left_is_handed_over_once_as_it_stood(tmp_path, paused):
    handed: list[tuple[Path, bool]] = []
    session = Session(stopped(tmp_path, paused=paused), lambda *how: handed.append(how))
    session.start()
    session.detach()
    assert session.join(timeout=10.0)
    assert session.hand_over()
    assert session.hand_over()
    assert handed == [(tmp_path, paused)]


def test_a_stop_after_all_is_a_stop(tmp_path):
    handed: list[tuple[Path, bool]] = []
    session = Session(stopped(tmp_path), lambda *how: handed.append(how))
    session.start()
    session.detach()
    session.send(Stop())
    assert session.join(timeout=10.0)
    assert not session.hand_over()
    assert handed == []


def test_a_run_that_is_over_is_not_handed_over(tmp_path):
    handed: list[tuple[Path, bool]] = []
    session = Session(stopped(tmp_path, "completed"), lambda *how: handed.append(how))
    session.start()
    session.detach()
    assert session.join(timeout=10.0)
    assert not session.hand_over()
    assert handed == []


def test_the_last_resort_hands_over_what_was_left(tmp_path):
    program = f"""
import threading
from pathlib import Path
from tests.unit.test_session import stopped
from vmpo_tui.session import Session
path = Path({str(tmp_path)!r})
session = Session(stopped(path), lambda run_dir, paused: (run_dir / "handed").touch())
session.start()
session.detach()
session.end_process_when_over(129, grace=0.0)
threading.Event().wait(60.0)  # a screen that draws on a terminal nobody reads
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=50.0).returncode == 129
    assert (tmp_path / "handed").exists()


def test_the_last_resort_waits_for_no_engine_where_it_was_told_so():
    program = """
import threading
from vmpo_tui.session import Session
session = Session(lambda channel: channel.receive(timeout=50.0))
session.start()
session.end_process_when_over(130, grace=0.0, at_once=True)
threading.Event().wait(60.0)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=40.0).returncode == 130


def test_the_last_resort_ends_a_process_whose_screen_hangs():
    program = """
import threading
from vmpo_tui.session import Session
session = Session(lambda channel: channel.receive(timeout=30.0))
session.start()
session.end_process_when_over(143, grace=0.0)
session.send(None)
threading.Event().wait(60.0)  # a screen that draws on a terminal nobody reads
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=50.0).returncode == 143
