"""Watching and steering a run from another terminal, and leaving a run to go on without one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.commands import Stop
from tests.terminal import ROOT, Terminal
from tests.test_end_to_end import APPLICATION, TINY, Run
from vmpo_tui.control import send_command

ATTACH = "from vmpo_tui.cli import main; main()"


@contextmanager
def training(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A headless run that is never over by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vmpo_tui", "train", *TINY, "--run-dir", str(path), "--no-progress"],
        cwd=path.parent, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 90.0
        while not Run(path).rows():
            assert process.poll() is None
            assert time.monotonic() < deadline, "waited in vain for the first update"
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.e2e
def test_a_run_is_watched_and_steered_from_two_terminals(tmp_path):
    run = Run(tmp_path / "tiny")
    with training(run.path) as process:
        with Terminal(ATTACH, "attach", "tiny", cwd=tmp_path, columns=80, lines=24) as first:
            first.wait_for("the run", lambda: "CartPole-v1" in first.text and "training" in first.text)
            with Terminal(APPLICATION, "--attach", "tiny", cwd=tmp_path) as second:
                second.wait_for_text("● training  CartPole-v1")
                first.press(" ")
                first.wait_for("the pause", lambda: bool(run.events("RunPaused")))
                second.wait_for_text("⏸ paused")
                second.press("e")
                first.wait_for_text("score ")
                first.wait_for_text("⏸ paused")
                # A viewer that dies changes nothing.
                second.process.kill()
                second.process.wait()
            first.press(" ")
            first.wait_for_text("● training")
            first.press("q")
            first.wait_for_text("leave this run?")
            first.press("l")
            assert first.wait_for_exit() == 0
        assert process.poll() is None
        with Terminal(ATTACH, "attach", str(run.path), cwd=tmp_path) as third:
            third.wait_for_text("● training  CartPole-v1")
            third.press("q")
            third.wait_for_text("leave this run?")
            third.press("s")
            third.wait_for_text("■ stopped")
            third.press("q")
            assert third.wait_for_exit() == 0
        assert process.wait(timeout=60) == 0
    assert [event["reason"] for event in run.events("RunFinished")] == ["stopped"]
    assert [row["updates"] for row in run.rows()] == list(range(1, len(run.rows()) + 1))


@pytest.mark.e2e
def test_a_run_that_is_left_in_the_background_goes_on_exactly(tmp_path):
    run = Run(tmp_path / "tiny")
    with Terminal(APPLICATION, *TINY, "--run-dir", str(run.path), cwd=tmp_path) as terminal:
        terminal.wait_for("a first update", lambda: bool(run.rows()))
        terminal.wait_for_text("● training")
        terminal.press("q")
        terminal.wait_for_text("stop training?")
        terminal.press("b")
        assert terminal.wait_for_exit() == 0
        assert "vmpo attach tiny" in terminal.text
        stopped_at = run.events("RunFinished")[0]["updates"]
        with Terminal(ATTACH, "attach", "tiny", cwd=tmp_path) as viewer:
            viewer.wait_for("new updates", lambda: run.rows()[-1]["updates"] > stopped_at + 1)
            viewer.wait_for_text("● training")
            send_command(run.path, Stop())
            viewer.wait_for("its end", lambda: len(run.events("RunFinished")) == 2)
    resumed = run.events("RunStarted")[1]
    assert resumed["updates"] == stopped_at
    assert [row["updates"] for row in run.rows()] == list(range(1, len(run.rows()) + 1))
