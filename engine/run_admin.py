"""Keeping house among runs: names, the trash, and what tells two configurations apart."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from engine.config import Config
from engine.errors import CheckpointError, ConfigError
from engine.run_directory import RunDirectory, check_name

TRASH = ".trash"
"""Where deleted runs go, a folder in the runs root; the list of runs passes over it."""


def rename_run(path: Path, name: str) -> Path:
    """Give a run that nobody trains another name and return its new path.

    Raises:
        ConfigError: the name is not allowed or taken.
        CheckpointError: a process trains the run, or the disk refuses.
    """
    check_name(name)
    target = path.with_name(name)
    if os.path.lexists(target):
        raise ConfigError(f"there is a run {name!r} already")
    return _move(path, target, "renamed")


def trash_run(path: Path) -> Path:
    """Move a run that nobody trains to the trash beside it and return where it lies now.

    Raises:
        CheckpointError: a process trains the run, or the disk refuses.
    """
    trash = path.parent / TRASH
    target = trash / path.name
    if os.path.lexists(target):
        target = trash / f"{path.name[:60]}-{time.time_ns():x}"
    try:
        trash.mkdir(exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"cannot make {trash}: {error.strerror}") from error
    return _move(path, target, "deleted")


def restore_run(trashed: Path) -> Path:
    """Take a run out of the trash again and return where it lies now.

    Raises:
        ConfigError: its name is taken meanwhile.
        CheckpointError: it is gone, or the disk refuses.
    """
    target = trashed.parents[1] / trashed.name
    if os.path.lexists(target):
        raise ConfigError(f"there is a run {trashed.name!r} again: rename that one first")
    return _move(trashed, target, "restored")


def differences(*configs: Config) -> dict[str, tuple[Any, ...]]:
    """Return the settings in which configurations differ, by dotted name, with the value of each."""
    contents = [config.to_dict() for config in configs]
    found = {
        f"{section}.{key}": tuple(content[section][key] for content in contents)
        for section, settings in Config().to_dict().items()
        for key in settings
    }
    return {name: values for name, values in found.items() if any(value != values[0] for value in values)}


def _move(path: Path, target: Path, done: str) -> Path:
    """Rename a run's directory under its lock, so that no process begins to train it meanwhile."""
    if path.is_symlink() or not path.is_dir():
        raise CheckpointError(f"{path} is not {done}: it is no run directory")
    directory = RunDirectory(path)
    try:
        with directory.hold():
            os.rename(path, target)
    except CheckpointError as error:
        raise CheckpointError(f"{path.name} is not {done}: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path} is not {done}: {error.strerror}") from error
    return target
