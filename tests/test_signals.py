"""The application in a real terminal when somebody ends it from outside: the run is saved first."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from engine.checkpoint import load_checkpoint
from tests.terminal import Terminal
from tests.test_end_to_end import APPLICATION, TINY, Run

pytestmark = pytest.mark.e2e


def started(tmp_path: Path, program: str = APPLICATION, *, env_id: str = TINY[0]) -> tuple[Run, Terminal]:
    run = Run(tmp_path / "runs" / "tiny")
    return run, Terminal(program, env_id, *TINY[1:], "--run-dir", str(run.path), cwd=tmp_path)


def assert_saved(run: Run) -> None:
    last = (run.path / "checkpoints" / "last").read_text()
    checkpoint = load_checkpoint(run.path / "checkpoints" / last)
    assert checkpoint.env_steps == run.rows()[-1]["env_steps"]
    assert run.events("RunFinished")[0]["reason"] == "stopped"


def test_term_saves_and_gives_the_terminal_back(tmp_path):
    run, terminal = started(tmp_path)
    with terminal:
        terminal.wait_for("a first update", lambda: bool(run.rows()))
        terminal.wait_for_text("● training")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_for_exit() == 128 + signal.SIGTERM
        assert terminal.attributes() == terminal.attributes_before
        assert b"Traceback" not in terminal.output
    assert_saved(run)


def test_a_closed_terminal_saves(tmp_path):
    run, terminal = started(tmp_path)
    with terminal:
        terminal.wait_for("a first update", lambda: bool(run.rows()))
        terminal.wait_for_text("● training")
        terminal.hang_up()
        assert terminal.process.wait(timeout=60.0) == 128 + signal.SIGHUP
    assert_saved(run)


def test_what_libraries_print_goes_to_the_runs_log(tmp_path):
    run, terminal = started(tmp_path, f"import tests.loud_env\n{APPLICATION}", env_id="Loud-v0")
    with terminal:
        terminal.wait_for("a first update", lambda: bool(run.rows()))
        terminal.wait_for_text("● training")
        assert "library" not in terminal.text
        terminal.press("q")
        terminal.wait_for_text("stop training?")
        terminal.press("d")
        assert terminal.wait_for_exit() == 0
    said = (run.path / "engine.log").read_text().splitlines()
    assert set(said) == {"words of a library", "and its errors"}
