"""A disk that takes nothing more loses nothing saved: training goes on, tries again and says so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.run import Trainer
from engine.run_directory import RunDirectory
from tests.unit.run_script import ITERATION, rows

OBEY_MODES = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Without these powers, root too may write only where the modes say so."""
SMALL_DISK = ["unshare", "--map-root-user", "--mount", "sh", "-c"]


def train(trouble: str, run_dir: Path, *prefix: str) -> dict[str, Any]:
    command = [*prefix, sys.executable, "-m", "tests.faults.disk", trouble, str(run_dir)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(output)
    return result


def train_on_a_small_disk(trouble: str, folder: Path) -> dict[str, Any]:
    """Train on a file system of 400 KiB and copy what is there at the end to ``folder``/run."""
    (folder / "disk").mkdir()
    mount = 'mount -t tmpfs -o size=400k none "$2/disk"'
    probe = subprocess.run([*SMALL_DISK, mount, "sh", "", str(folder)], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no file system can be mounted here: {probe.stderr.strip()}")
    script = f'{mount} && "$0" -m tests.faults.disk "$1" "$2/disk/run"; cp -r "$2/disk/run" "$2"'
    command = [*SMALL_DISK, script, sys.executable, trouble, str(folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(output)
    return result


def assert_overcome(result: dict[str, Any], run_dir: Path, reason: str) -> None:
    assert result["end"] == "completed"
    assert result["seen"] == {"updates": 2, "leftovers": []}
    warnings = result["warnings"]
    saves = [text for text in warnings if text.startswith(f"cannot write a checkpoint in {run_dir}/")]
    assert len(saves) == 2  # at update 4, where one is due, and tried again at update 5
    assert all(text.endswith(f": {reason}; the ones before it are intact") for text in saves)
    assert [row["updates"] for row in rows_at(run_dir)] == list(range(1, 11))
    assert load_checkpoint(find_checkpoint(copied(run_dir))).updates == 10


def copied(run_dir: Path) -> Path:
    """Where a run is now: what was on a small disk was copied beside it."""
    return run_dir if run_dir.exists() else run_dir.parents[1] / "run"


def rows_at(run_dir: Path) -> list[dict[str, Any]]:
    return rows(copied(run_dir))


def assert_rows_waited(result: dict[str, Any], run_dir: Path, reason: str) -> None:
    for name in ("metrics.jsonl", "events.jsonl"):
        path = run_dir / name
        told = [text for text in result["warnings"] if text.startswith(f"{path} ")]
        assert told == [
            f"{path} cannot be written: {reason}; its rows wait in memory",
            f"{path} is written again; no rows are lost",
        ]


def test_files_that_may_not_grow(tmp_path: Path):
    result = train("limit", tmp_path / "run")
    assert_overcome(result, tmp_path / "run", "File too large")
    assert_rows_waited(result, tmp_path / "run", "File too large")
    written = (tmp_path / "run" / "events.jsonl").read_text()
    assert written.count("cannot write a checkpoint") == 2


@pytest.mark.faults
def test_a_full_disk(tmp_path: Path):
    result = train_on_a_small_disk("full", tmp_path)
    assert_overcome(result, tmp_path / "disk" / "run", "No space left on device")


@pytest.mark.faults
def test_a_disk_that_stays_full(tmp_path: Path):
    result = train_on_a_small_disk("full to the end", tmp_path)
    assert result["end"].startswith("the run is completed but not saved: cannot write a checkpoint in ")
    assert result["seen"] == {"updates": 2, "leftovers": []}
    assert load_checkpoint(find_checkpoint(tmp_path / "run")).updates == 2
    # What was saved goes on once there is room, and equals a run that was never disturbed.
    Trainer.resume(tmp_path / "run").run(tmp_path / "run")
    assert [row["updates"] for row in rows(tmp_path / "run")] == list(range(1, 11))


@pytest.mark.faults
@pytest.mark.skipif(bool(OBEY_MODES) and shutil.which("setpriv") is None, reason="root without setpriv")
def test_a_directory_that_may_not_be_written(tmp_path: Path):
    result = train("forbidden", tmp_path / "run", *OBEY_MODES)
    assert_overcome(result, tmp_path / "run", "Permission denied")


@pytest.mark.skipif(bool(OBEY_MODES) and shutil.which("setpriv") is None, reason="root without setpriv")
@pytest.mark.parametrize("inside", [pytest.param(False, marks=pytest.mark.faults), True])
def test_nothing_begins_where_nothing_may_be_written(tmp_path: Path, inside: bool):
    run_dir = tmp_path / "runs" / "run"
    run_dir.parent.mkdir()
    command = [*OBEY_MODES, sys.executable, "-m", "vmpo_tui", "train", "InvertedPendulum-v5", "--steps", "16"]
    if inside:
        run_dir.mkdir()
        run_dir.chmod(0o555)
    else:
        run_dir.parent.chmod(0o555)
    result = subprocess.run([*command, "--run-dir", str(run_dir)], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: cannot ")
    assert str(run_dir) in result.stderr
    assert "Permission denied" in result.stderr


@pytest.mark.faults
def test_a_directory_that_is_removed_is_made_again(tmp_path: Path):
    run_dir = tmp_path / "run"
    result = train("removed", run_dir)
    assert result["end"] == "completed"
    assert f"{run_dir} was removed: it is made again, but what it held is gone" in result["warnings"]
    assert [row["updates"] for row in rows(run_dir)][-6:] == [5, 6, 7, 8, 9, 10]
    assert RunDirectory.open(run_dir).config.exists()
    assert (run_dir / "lock").exists()
    summary = Trainer.resume(run_dir, total_steps=12 * ITERATION).run(run_dir)
    assert (summary.reason, summary.updates) == ("completed", 12)
