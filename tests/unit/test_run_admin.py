"""Names, the trash, and what tells two runs apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import Config
from engine.errors import CheckpointError, ConfigError
from engine.run_admin import TRASH, differences, rename_run, restore_run, trash_run
from engine.run_directory import RunDirectory, list_runs


def make(path: Path) -> Path:
    return RunDirectory.create(path, Config()).path


def names(root: Path) -> list[str]:
    return sorted(run.name for run in list_runs(root))


def test_a_run_gets_another_name(tmp_path):
    assert rename_run(make(tmp_path / "first"), "better") == tmp_path / "better"
    assert names(tmp_path) == ["better"]


def test_a_name_that_no_run_may_have_is_made_good(tmp_path):
    make(tmp_path / "first").rename(tmp_path / "two words")
    rename_run(tmp_path / "two words", "two-words")
    assert names(tmp_path) == ["two-words"]


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "two words", "x" * 81, "a\x1b"])
def test_names_that_are_not_allowed(tmp_path, name):
    with pytest.raises(ConfigError, match="is no valid run name"):
        rename_run(make(tmp_path / "first"), name)
    assert names(tmp_path) == ["first"]


def test_a_name_that_is_taken(tmp_path):
    make(tmp_path / "second")
    with pytest.raises(ConfigError, match="there is a run 'second' already"):
        rename_run(make(tmp_path / "first"), "second")


def test_a_deleted_run_lies_in_the_trash_and_can_be_had_back(tmp_path):
    trashed = trash_run(make(tmp_path / "first"))
    assert trashed == tmp_path / TRASH / "first"
    assert names(tmp_path) == []
    assert restore_run(trashed) == tmp_path / "first"
    assert names(tmp_path) == ["first"]


def test_the_trash_takes_two_of_one_name(tmp_path):
    first = trash_run(make(tmp_path / "run"))
    second = trash_run(make(tmp_path / "run"))
    assert first != second
    assert second.parent == tmp_path / TRASH
    assert second.name.startswith("run-")
    make(tmp_path / "run")
    with pytest.raises(ConfigError, match="there is a run 'run' again"):
        restore_run(first)


def test_a_run_that_is_trained_stays(tmp_path):
    path = make(tmp_path / "run")
    with RunDirectory(path).hold():
        with pytest.raises(CheckpointError, match=r"run is not deleted: .* is being trained by process"):
            trash_run(path)
        with pytest.raises(CheckpointError, match="run is not renamed"):
            rename_run(path, "other")
    assert names(tmp_path) == ["run"]


def test_what_is_gone_or_a_link_is_no_run(tmp_path):
    with pytest.raises(CheckpointError, match="it is no run directory"):
        trash_run(tmp_path / "none")
    (tmp_path / "link").symlink_to(make(tmp_path / "run"))
    with pytest.raises(CheckpointError, match="it is no run directory"):
        trash_run(tmp_path / "link")


def test_only_what_differs_is_told():
    second = Config().with_assignments(["vmpo.gamma=0.5", "run.seed=3"])
    assert differences(Config(), Config()) == {}
    assert differences(Config(), second) == {"run.seed": (0, 3), "vmpo.gamma": (0.99, 0.5)}
    third = Config().with_assignments(["network.activation=silu"])
    assert differences(Config(), third, Config()) == {"network.activation": ("tanh", "silu", "tanh")}
