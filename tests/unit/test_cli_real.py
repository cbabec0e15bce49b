"""The command line around the real engine: train, resume and evaluate CartPole for a moment."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.unit.cli_runner import Runner

ROOT = str(Path(__file__).parents[2])
SETTINGS = (
    "vmpo.rollout_steps=32",
    "vmpo.epochs=1",
    "evaluation.episodes=2",
    "network.policy_layer_sizes=[8]",
    "network.value_layer_sizes=[8]",
)
TINY = ["--num-envs", "4", "--threads", "1", *(word for text in SETTINGS for word in ("--set", text))]
"""One iteration is 4 x 32 = 128 steps."""


@pytest.fixture
def run(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMPO_RUNS", str(tmp_path / "runs"))
    return Runner(capfd)


def test_train_evaluate_and_resume(run, tmp_path):
    trained = run("train", "CartPole-v1", "--steps", "256", "--run-dir", "runs/tiny", "--json", *TINY)
    assert trained.code == 0, trained.err
    summary = json.loads(trained.out)
    assert (summary["reason"], summary["env_steps"], summary["updates"]) == ("completed", 256, 2)
    assert summary["score"]["episodes"] == 2

    evaluated = run("eval", "tiny", "--episodes", "3", "--json")
    assert evaluated.code == 0, evaluated.err
    scores = json.loads(evaluated.out)
    assert scores["episodes"] == len(scores["returns"]) == 3
    assert scores["min"] <= scores["mean"] <= scores["max"]
    again = run("eval", "runs/tiny", "--episodes", "3", "--json")
    assert json.loads(again.out)["returns"] == scores["returns"]
    assert run("eval", "tiny", "--episodes", "3", "--best", "--stochastic").code == 0

    refused = run("resume", "tiny")
    assert refused.code == 2
    assert "--steps 512" in refused.err
    resumed = run("resume", "tiny", "--steps", "512")
    assert resumed.code == 0, resumed.err
    assert "512 in 4 updates" in resumed.out
    assert "continuing CartPole-v1" in resumed.err
    rows = (tmp_path / "runs" / "tiny" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["env_steps"] for row in rows] == [128, 256, 384, 512]

    [listed] = json.loads(run("runs", "--json").out)
    assert (listed["name"], listed["state"], listed["env_steps"]) == ("tiny", "finished", 512)


def test_a_run_repeats_from_its_own_configuration(run, tmp_path):
    assert run("train", "CartPole-v1", "--steps", "128", "--run-dir", "runs/a", *TINY).code == 0
    assert run("train", "CartPole-v1", "--config", "runs/a/config.toml", "--run-dir", "runs/b").code == 0
    first, second = (tmp_path / "runs" / name for name in "ab")
    assert tomllib.loads((first / "config.toml").read_text()) == tomllib.loads(
        (second / "config.toml").read_text()
    )
    [row], [again] = ((path / "metrics.jsonl").read_text().splitlines() for path in (first, second))
    assert json.loads(row)["loss/value"] == json.loads(again)["loss/value"]


def test_a_run_directory_is_not_overwritten(run):
    assert run("train", "CartPole-v1", "--steps", "128", "--run-dir", "runs/a", *TINY).code == 0
    code, out, err = run("train", "CartPole-v1", "--run-dir", "runs/a", "--no-progress", *TINY)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "runs/a" in err


def test_ctrl_c_on_a_terminal_saves_and_stops(tmp_path):
    program = "from vmpo_tui.cli import main; main()"
    arguments = ["train", "CartPole-v1", "--steps", "1000000000", "--run-dir", "long", *TINY]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=tmp_path,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": ROOT, "TERM": "xterm-256color", "NO_COLOR": "1", "COLUMNS": "100"},
    ) as process:
        os.close(theirs)
        try:
            screen = _read_until(ours, "return")
            process.send_signal(signal.SIGINT)
            screen += _read_to_the_end(ours)
            assert process.stdout is not None
            out = process.stdout.read().decode()
        finally:
            process.kill()
    os.close(ours)
    assert process.returncode == 130
    assert out.startswith("stopped: CartPole-v1")
    assert "saved first" in screen
    assert "\x1b[3" not in screen  # NO_COLOR
    assert "\x1b[?25h" in screen  # the cursor is back
    assert (tmp_path / "long" / "checkpoints").is_dir()


def _read_until(terminal: int, text: str) -> str:
    screen = b""
    while text.encode() not in screen:
        screen += os.read(terminal, 65536)
    return screen.decode(errors="replace")


def _read_to_the_end(terminal: int) -> str:
    screen = b""
    while True:
        try:
            screen += os.read(terminal, 65536)
        except OSError:  # the other side has closed it
            return screen.decode(errors="replace")
