"""A new run from a checkpoint of another one: the same past, a future of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.checkpoint import Checkpoint, open_checkpoint, run_of, save_checkpoint
from engine.config import Config
from engine.errors import CheckpointError
from engine.events import Event, RunForked, SettingChanged
from engine.run_directory import RunDirectory
from engine.sinks.jsonl import event_row, read_rows

KEPT_EVENTS = {"EvaluationCompleted", "SettingChanged", "RunForked"}
"""Events of the past that a fork's own list begins with."""


def fork_run(start: Path, target: Path, changes: Mapping[str, float] | None = None) -> Path:
    """Make a run that goes on from a checkpoint; the run that it comes from stays as it is.

    Args:
        start: a checkpoint, or a run for its last one.
        target: directory of the new run, which must not hold one.
        changes: settings that a run may change, by dotted name (`engine.config.LIVE`).

    Returns:
        The new run's directory; resume it to train.

    Raises:
        CheckpointError: the checkpoint cannot be used, or the disk refuses.
        ConfigError: the name is not allowed or taken, or a setting may not change.
    """
    checkpoint = open_checkpoint(start)
    config = changed(checkpoint.config, changes or {})
    directory = RunDirectory.create(target, config)
    with directory.hold():
        past = RunDirectory(run_of(checkpoint.path))
        try:
            _copy(
                past.metrics, directory.metrics, lambda row: (row.get("updates") or 0) <= checkpoint.updates
            )
            _copy(
                past.events,
                directory.events,
                lambda row: (
                    row.get("event") in KEPT_EVENTS and (row.get("env_steps") or 0) <= checkpoint.env_steps
                ),
            )
            _write_beginning(directory, past.path.name, checkpoint, changes or {})
        except OSError as error:
            raise CheckpointError(f"cannot copy the past of {past.path}: {error.strerror}") from error
        save_checkpoint(
            directory.checkpoints,
            env_steps=checkpoint.env_steps,
            updates=checkpoint.updates,
            tensors=checkpoint.tensors,
            state=checkpoint.state,
            config=config,
            best=False,
            keep=config.checkpoint.keep,
        )
    return directory.path


def changed(config: Config, changes: Mapping[str, float]) -> Config:
    """Return a configuration with settings changed that a run may change.

    Raises:
        ConfigError: one of them may not change, or takes no such value.
    """
    for key, value in changes.items():
        config = config.changed_live(key, value)
    return config


def _write_beginning(
    directory: RunDirectory, parent: str, checkpoint: Checkpoint, changes: Mapping[str, float]
) -> None:
    """Say where the fork comes from and what is another in it, each change as one during a run."""
    place = checkpoint.env_steps, checkpoint.updates
    told: list[Event] = [RunForked(parent, *place)]
    for key, value in changes.items():
        told.append(SettingChanged(key, checkpoint.config.value_of(key), value, *place))
    with directory.events.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(event_row(event)) + "\n" for event in told)


def _copy(source: Path, target: Path, keep: Callable[[Mapping[str, Any]], bool]) -> None:
    """Copy the rows of a file that belong to the past; torn and foreign lines are left behind."""
    with target.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in read_rows(source) if keep(row))
