"""Killed at any moment, the newest acknowledged checkpoint loads; a name comes after what it names."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.checkpoint import find_checkpoint, load_checkpoint, save_checkpoint
from engine.config import Config
from engine.run_directory import RunDirectory
from tests.faults.resume_matrix import state_at
from tests.unit.run_script import ITERATION, TIMES, rows, without

Saver = subprocess.Popen[str]


@pytest.fixture(scope="module")
def saver() -> Iterator[Saver]:
    command = [sys.executable, "-m", "tests.faults.saver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


def answers(saver: Saver) -> Iterator[tuple[str, int]]:
    """Yield what a child says until it has ended."""
    assert saver.stdout is not None
    for line in iter(saver.stdout.readline, ""):
        word, _, number = line.strip().partition(" ")
        if word == "ended":
            return
        yield word, int(number)


def kill_one(saver: Saver, job: str, folder: Path, number: int, moment: float, after: int = 0) -> int:
    """Let a child work and kill it after some saves and a moment; return the newest that it acknowledged."""
    assert saver.stdin is not None
    saver.stdin.write(f"{job} {folder} {number}\n")
    saver.stdin.flush()
    said = answers(saver)
    _, pid = next(said)
    newest = 0
    for _ in range(after):
        newest = next(said)[1]
    time.sleep(moment)
    os.kill(pid, signal.SIGKILL)
    return max([newest, *(saved for _, saved in said)])


@pytest.mark.parametrize("kills", [20, pytest.param(220, marks=pytest.mark.faults)])
def test_a_saver_killed_at_any_moment(saver: Saver, tmp_path: Path, kills: int):
    moments = random.Random(7)
    started = time.monotonic()
    newest = kill_one(saver, "save", tmp_path, 0, 0.0, after=12)
    duration = (time.monotonic() - started) / 12
    in_the_middle = 0
    for _ in range(kills):
        moment = moments.uniform(0, 2 * duration)
        said = kill_one(saver, "save", tmp_path, newest, moment, after=moments.randrange(3))
        newest = max(newest, said)
        in_the_middle += any(path.name.startswith(".tmp-") for path in tmp_path.iterdir())
        loaded = load_checkpoint(find_checkpoint(tmp_path))
        assert loaded.env_steps >= newest
        assert loaded.state == {"step": loaded.env_steps}
        assert torch.equal(loaded.tensors["x"], torch.full((20_000,), float(loaded.env_steps)))
        for kept in sorted(tmp_path.glob("0*"))[-3:]:
            load_checkpoint(kept)
        newest = loaded.env_steps
    assert in_the_middle > kills // 10  # otherwise the moments prove little
    assert len(list(tmp_path.glob("0*"))) >= 3


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.faults)])
def test_a_run_killed_over_and_over_equals_one_that_was_not(saver: Saver, tmp_path: Path, kills: int):
    moments = random.Random(8)
    steps = 0
    for _ in range(kills):
        said = kill_one(saver, "train", tmp_path / "killed", 0, moments.uniform(0, 0.1), after=1)
        assert said >= steps
        assert load_checkpoint(find_checkpoint(tmp_path / "killed")).env_steps >= said
        steps = said
    updates = load_checkpoint(find_checkpoint(tmp_path / "killed")).updates + 2
    for name in ("killed", "straight"):
        assert saver.stdin is not None
        saver.stdin.write(f"train {tmp_path / name} {updates}\n")
        saver.stdin.flush()
        *_, (_, last) = answers(saver)
        assert last == updates * ITERATION
    killed, straight = (without(rows(tmp_path / name), *TIMES) for name in ("killed", "straight"))
    assert [row["updates"] for row in killed] == list(range(1, updates + 1))
    assert killed == straight
    (first, tensors), (second, others) = (
        state_at(find_checkpoint(tmp_path / name)) for name in ("killed", "straight")
    )
    assert first == second
    assert all(torch.equal(tensors[name], others[name]) for name in tensors)


Synced = dict[int, tuple[int, int]]


def test_nothing_is_named_before_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """At a power cut a disk keeps only what was synced: watch the order of syncing and renaming."""
    synced: Synced = {}
    renamed: list[Path] = []
    fsync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        fsync(descriptor)
        found = os.fstat(descriptor)
        synced[found.st_ino] = (found.st_size, found.st_mtime_ns)
        renamed[:] = [path for path in renamed if not _is(path.parent, found)]

    def check_rename(source: Path, target: Path) -> None:
        if ".tmp-old-" not in Path(target).name:  # what is being removed may be lost
            for path in (source, *Path(source).rglob("*")):
                found = path.stat()
                assert synced.get(found.st_ino) == (found.st_size, found.st_mtime_ns), path
            assert renamed == [], "one name after the other"
            renamed.append(Path(target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", check_rename)
    directory = RunDirectory.create(tmp_path / "runs" / "run", Config())
    assert _synced(tmp_path, synced), "the name of the runs' root"
    assert _synced(tmp_path / "runs", synced), "the name of the run"
    for step in range(1, 6):
        path = save_checkpoint(
            directory.checkpoints,
            env_steps=step,
            updates=step,
            tensors={"x": torch.zeros(10)},
            state={},
            config=Config(),
            best=step == 2,
            keep=2,
        )
        assert renamed == []
        assert path.name in (directory.checkpoints / "last").read_text()
    assert _synced(directory.path, synced), "the name of the checkpoints"


def _is(path: Path, found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and path.stat().st_ino == found.st_ino


def _synced(folder: Path, synced: Synced) -> bool:
    """Whether a directory was synced since a name in it changed last."""
    found = folder.stat()
    return synced.get(found.st_ino) == (found.st_size, found.st_mtime_ns)
