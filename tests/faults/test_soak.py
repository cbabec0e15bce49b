"""Long runs under the application take no more memory, descriptors or threads than short ones."""

from __future__ import annotations

import dataclasses
import json
import operator
import statistics
import time
from pathlib import Path

import pytest

from engine.sinks.jsonl import read_rows
from engine.tails import tail_rows
from tests.faults.soak import Sample, Soak, soak
from tests.terminal import Terminal
from tests.test_end_to_end import APPLICATION, TINY, Run

GROWTH = 16.0
"""MiB that the last quarter of a run may take more than its second one: at 100,000 updates 336 bytes each."""


@pytest.mark.e2e
@pytest.mark.parametrize("updates", [2_000, pytest.param(100_000, marks=pytest.mark.faults)])
def test_a_long_run_takes_no_more_than_a_short_one(tmp_path: Path, updates: int):
    found = soak(updates, tmp_path)
    (tmp_path / "soak.json").write_text(json.dumps(dataclasses.asdict(found)))
    assert found.code == 0
    numbers = [row["updates"] for row in read_rows(tmp_path / "soak" / "metrics.jsonl")]
    assert numbers == list(range(1, updates + 1))
    assert found.growth < GROWTH, found.memory
    for figure in ("descriptors", "threads"):
        first = found.part(0.2, 0.6, operator.attrgetter(figure))
        last = found.part(0.6, 1.0, operator.attrgetter(figure))
        assert statistics.median(last) <= statistics.median(first), figure
        assert max(last) <= max(first) + 1, figure  # a file that is just open


def test_growth_of_a_kilobyte_an_update_would_be_noticed():
    samples = [
        Sample(updates, 1.0, 400.0 + updates / 1024, 15, 8) for updates in range(1_000, 100_000, 1_000)
    ]
    assert Soak(100_000, 1.0, 0, 0, samples).growth > 2 * GROWTH


@pytest.mark.e2e
def test_a_terminal_that_nobody_reads_never_stops_training(tmp_path: Path):
    run = Run(tmp_path / "run")
    with Terminal(APPLICATION, *TINY, "--run-dir", str(run.path), cwd=tmp_path) as terminal:
        terminal.wait_for("a first update", lambda: bool(run.rows()))
        terminal.wait_for_text("● training")
        stuck = stopped_terminal(terminal, run)
        trained = updates(run)
        wait_for_updates(run, trained + 100)
        assert terminal.waiting == stuck  # nothing was written all the while
        terminal.wait_for("the newest update", lambda: terminal.waiting == 0)  # read again, it goes on
        terminal.press("q")
        terminal.wait_for_text("stop training?")
        terminal.press("s")
        assert terminal.wait_for_exit() == 0
    assert [row["updates"] for row in run.rows()] == list(range(1, len(run.rows()) + 1))


def stopped_terminal(terminal: Terminal, run: Run) -> int:
    """Read nothing until the program can write no more; return the bytes that wait."""
    terminal.press("2")
    while True:
        before, trained = terminal.waiting, updates(run)
        wait_for_updates(run, trained + 100)
        if before == terminal.waiting > 0:
            return before
        terminal.press("12"[trained % 2])


def updates(run: Run) -> int:
    return int(tail_rows(run.path / "metrics.jsonl")[-1]["updates"])


def wait_for_updates(run: Run, number: int) -> None:
    deadline = time.monotonic() + 90.0
    while updates(run) < number:
        assert time.monotonic() < deadline, f"stands still before update {number}"
        time.sleep(0.02)
