"""Links inside a run directory are refused: nothing outside a run changes, whatever lies in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.checkpoint import save_checkpoint
from engine.commands import CheckpointNow
from engine.config import Config
from engine.errors import CheckpointError
from engine.events import UpdateCompleted
from engine.failure import write_report
from engine.files import open_own, replace_atomically
from engine.recording import load_recording, save_recording
from engine.run_directory import RunDirectory
from engine.sinks.jsonl import JsonlSink
from engine.training import Training
from tests.unit.cli_runner import Result, Runner
from tests.unit.run_script import CARTPOLE, PENDULUM, ScriptedChannel, train
from vmpo_tui.terminal import Output

FILES = ("config.toml", "metrics.jsonl", "events.jsonl", "engine.log", "lock")
FOLDERS = ("checkpoints", "evaluations", "videos", "failures")
PRECIOUS = "do not touch\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four updates with two checkpoints."""
    run = tmp_path_factory.mktemp("links") / "run"
    train(PENDULUM, run, ScriptedChannel((UpdateCompleted, (CheckpointNow(),))))
    return run


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def everything(folder: Path) -> dict[str, bytes | str]:
    """Return all files under a folder by content, links by what they name."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file():
            found[str(path)] = path.read_bytes()
    return found


def link(path: Path, outside: Path) -> None:
    """Move a file or directory out of the run, and leave a link to it."""
    if path.exists():
        path.rename(outside)
    else:
        outside.write_text(PRECIOUS)
    path.symlink_to(outside)


def resume(path: Path, capsys: pytest.CaptureFixture[str]) -> Result:
    return Runner(capsys)("resume", str(path), "--steps", "128", "--no-progress")


def refused(folder: Path, result: Result, before: dict[str, bytes | str], named: Path) -> None:
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result.err
    assert f"{named} cannot be used: it is a link" in result.err
    assert everything(folder) == before


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_a_link_in_a_run_that_goes_on(
    run: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
):
    link(run / name, tmp_path / "outside")
    before = everything(tmp_path)
    refused(tmp_path, resume(run, capsys), before, run / name)


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_a_link_where_a_run_is_to_begin(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(tmp_path / "outside")  # nothing is there yet
    before = everything(tmp_path)
    path = str(tmp_path / "run")
    result = Runner(capsys)("train", "CartPole-v1", "--steps", "16", "--run-dir", path, "--no-progress")
    refused(tmp_path, result, before, tmp_path / "run" / name)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("command", ["eval", "export"])
def test_linked_checkpoints_are_not_read(
    run: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
):
    link(run / "checkpoints", tmp_path / "outside")
    before = everything(tmp_path)
    output = ("-o", str(tmp_path / "x.safetensors")) if command == "export" else ()
    refused(tmp_path, Runner(capsys)(command, str(run), *output), before, run / "checkpoints")
    newest = max((tmp_path / "outside").glob("0*")).name
    given = str(run / "checkpoints" / newest)
    refused(tmp_path, Runner(capsys)(command, given, *output), before, run / "checkpoints")


def test_a_linked_generation_is_named_and_the_one_before_offered(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    older, newest = sorted((run / "checkpoints").glob("0*"))
    link(newest, tmp_path / "outside")
    before = everything(tmp_path)
    result = resume(run, capsys)
    refused(tmp_path, result, before, newest)
    assert f"vmpo resume {older}" in result.err
    # What is offered works, and its pruning removes the link, not what it names.
    assert resume(older, capsys).code == 0
    assert (tmp_path / "outside" / "manifest.json").exists()


def evaluation(folder: Path, whole: Path) -> None:
    recording = load_recording(min((whole / "evaluations").glob("*.npz")))
    save_recording(folder, recording)


def failure(folder: Path, whole: Path) -> None:
    training = Training(CARTPOLE)
    training.start()
    training.iterate()
    try:
        write_report(folder, training, "NaN")
    finally:
        training.close()


def checkpoint(folder: Path, whole: Path) -> None:
    save_checkpoint(folder, env_steps=1, updates=1, tensors={}, state={}, config=Config(), best=False, keep=1)


WRITERS: dict[str, Callable[[Path, Path], None]] = {
    "an evaluation": evaluation,
    "a failure": failure,
    "a checkpoint": checkpoint,
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_folder_that_becomes_a_link_while_a_run_is_under_way(
    whole: Path, tmp_path: Path, write: Callable[[Path, Path], None]
):
    (tmp_path / "outside").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "outside")
    with pytest.raises((OSError, CheckpointError), match="it is a link"):
        write(tmp_path / "folder", whole)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_file_that_becomes_a_link_while_a_run_is_under_way(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.write_text(PRECIOUS)
    directory = RunDirectory.create(tmp_path / "run", Config())
    sink = JsonlSink(directory.metrics)
    sink.write({"updates": 1})
    directory.metrics.unlink()
    directory.metrics.symlink_to(outside)
    with pytest.raises(OSError, match="it is a link"):
        sink.write({"updates": 2})
    directory.metrics.unlink()  # put right, nothing is lost
    sink.write({"updates": 3})
    sink.close()
    assert directory.metrics.read_text() == '{"updates": 2}\n{"updates": 3}\n'
    directory.lock.symlink_to(outside)
    with pytest.raises(CheckpointError, match="it is a link"), directory.hold():
        pass
    directory.log.symlink_to(outside)
    output = Output.__new__(Output)  # without redirecting this process's own
    output.move_to(directory.log)
    assert outside.read_text() == PRECIOUS


def test_a_link_under_the_temporary_name_is_not_followed(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.write_text(PRECIOUS)
    (tmp_path / ".tmp-file").symlink_to(outside)
    replace_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert outside.read_text() == PRECIOUS
    assert not (tmp_path / ".tmp-file").is_symlink()


def test_a_link_among_leftovers_of_saves_goes_alone(tmp_path: Path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text(PRECIOUS)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".tmp-old").symlink_to(tmp_path / "outside")
    checkpoint(tmp_path / "checkpoints", tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["000000000001", "last"]
    assert (tmp_path / "outside" / "file").read_text() == PRECIOUS


def test_a_pipe_in_place_of_a_file_is_refused_at_once(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (run / "metrics.jsonl").unlink()
    os.mkfifo(run / "metrics.jsonl")
    result = resume(run, capsys)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert str(run / "metrics.jsonl") in result.err
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no regular file"):
        open_own(tmp_path / "pipe", os.O_RDWR)
