"""The installed programs as a person uses them: a run in a real terminal, from its start to its score."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.sinks.jsonl import read_rows
from tests.terminal import ROOT, Terminal
from vmpo_tui.screens import TABS

SETTINGS = (
    "vmpo.rollout_steps=32",
    "vmpo.epochs=1",
    "evaluation.episodes=2",
    "network.policy_layer_sizes=[8]",
    "network.value_layer_sizes=[8]",
)
TINY = (
    "CartPole-v1", "--steps", "1000000000", "--num-envs", "4", "--threads", "1", "--eval-every", "0",
    *(word for setting in SETTINGS for word in ("--set", setting)),
)  # fmt: skip
"""A run that is never over by itself; one iteration is 4 x 32 = 128 steps."""
APPLICATION = "from vmpo_tui.cli import main_tui; main_tui()"

SHOWN = {
    "2": "dual/temperature",
    "3": "diagnosis",
    "4": "return so far",
    "5": " trained   newest ",
    "6": "evaluated: ",
    "1": "duals and health",
}
"""A text of each screen that it shows of a run."""


class Run:
    """What a run directory says so far."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self) -> list[dict[str, Any]]:
        return list(read_rows(self.path / "metrics.jsonl"))

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in read_rows(self.path / "events.jsonl") if row["event"] == kind]

    def checkpoints_asked_for(self) -> list[dict[str, Any]]:
        return [event for event in self.events("CheckpointSaved") if not event["best"]]


@pytest.mark.e2e
def test_a_run_in_a_terminal(tmp_path):
    run = Run(tmp_path / "runs" / "tiny")
    with Terminal(APPLICATION, *TINY, "--run-dir", str(run.path), cwd=tmp_path) as terminal:
        terminal.wait_for("a first update", lambda: bool(run.rows()))
        terminal.wait_for_text("● training  CartPole-v1")
        assert terminal.attributes() != terminal.attributes_before  # keys arrive one by one, unechoed
        _pause_and_ask(terminal, run)
        _visit_every_screen(terminal)

        rows = len(run.rows())
        terminal.press(" ")
        terminal.wait_for("new rows", lambda: len(run.rows()) > rows + 2)
        terminal.wait_for_text("● training")

        terminal.press("q")
        terminal.wait_for_text("stop training?")
        terminal.press("s")
        assert terminal.wait_for_exit() == 0
        assert terminal.attributes() == terminal.attributes_before
        _assert_screen_is_given_back(terminal.output)

    assert run.events("RunFinished")[0]["reason"] == "stopped"
    assert [row["updates"] for row in run.rows()] == list(range(1, len(run.rows()) + 1))
    assert int((run.path / "checkpoints" / "last").read_text()) == run.rows()[-1]["env_steps"]
    assert len(_evaluate(run.path, episodes=3)["returns"]) == 3


def _pause_and_ask(terminal: Terminal, run: Run) -> None:
    """The engine answers while it stands still: two commands after a pause there is no further row."""
    terminal.press(" ")
    terminal.wait_for("a pause", lambda: bool(run.events("RunPaused")))
    terminal.wait_for_text("⏸ paused")
    paused_at = run.rows()
    assert paused_at[-1]["updates"] == run.events("RunPaused")[0]["updates"]
    terminal.press("e")
    terminal.wait_for("an evaluation", lambda: bool(run.events("EvaluationCompleted")))
    terminal.wait_for_text("score ")
    terminal.press("c")
    terminal.wait_for("a checkpoint", lambda: bool(run.checkpoints_asked_for()))
    assert run.rows() == paused_at


def _visit_every_screen(terminal: Terminal) -> None:
    """Each digit leads to its screen, which shows something of the run; help lies over any of them."""
    assert set(SHOWN) == {key for key, _ in TABS}
    for key, text in SHOWN.items():
        terminal.press(key)
        terminal.wait_for_text(text)
    terminal.press("?")
    terminal.wait_for_text("pause or resume training")
    terminal.press("\x1b")
    terminal.wait_for("the screen behind the help", lambda: "pause or resume training" not in terminal.text)


def _evaluate(run_dir: Path, *, episodes: int) -> dict[str, Any]:
    result = subprocess.run(
        [sys.executable, "-m", "vmpo_tui", "eval", str(run_dir), "--episodes", str(episodes), "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=run_dir.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    scores: dict[str, Any] = json.loads(result.stdout)
    return scores


def _assert_screen_is_given_back(output: bytes) -> None:
    """The alternate screen is left, the cursor back and the mouse released; then follows the summary."""
    for sequence in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l"):
        assert sequence in output
    after = output.rpartition(b"\x1b[?1049l")[2]
    assert b"stopped: CartPole-v1" in after
    assert b"Traceback" not in output
