"""Messages to the engine, read between iterations: a checkpoint taken while paused resumes exactly."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all commands."""


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """Stand still after the current iteration."""


@dataclass(frozen=True, slots=True)
class Resume(Command):
    """Go on after a pause."""


@dataclass(frozen=True, slots=True)
class StepOnce(Command):
    """Run one iteration while paused, then pause again."""


@dataclass(frozen=True, slots=True)
class EvaluateNow(Command):
    """Evaluate the current policy, also while paused."""


@dataclass(frozen=True, slots=True)
class CheckpointNow(Command):
    """Write the `last` checkpoint, also while paused."""


@dataclass(frozen=True, slots=True)
class Stop(Command):
    """End the run after the current iteration."""

    save: bool = True
    """Whether to write the `last` checkpoint first."""
    hand_over: bool = False
    """Whether another process is to go on from there."""


@dataclass(frozen=True, slots=True)
class ChangeSetting(Command):
    """Change a setting of the run under way from the next iteration on."""

    key: str = ""
    """Dotted name, one of `engine.config.LIVE`."""
    value: float = 0.0


KINDS: Mapping[str, type[Command]] = {
    kind.__name__: kind for kind in (Pause, Resume, StepOnce, EvaluateNow, CheckpointNow, Stop, ChangeSetting)
}
"""Every command by the name that other processes know it by."""


def command_row(command: Command) -> dict[str, Any]:
    """Return a command as plain JSON values: its name and its fields."""
    fields = {field.name: getattr(command, field.name) for field in dataclasses.fields(command)}
    return {"command": type(command).__name__, **fields}


def command_from_row(row: object) -> Command:
    """Return the command that `command_row` described.

    Raises:
        ConfigError: it is none; says what was expected.
    """
    if not isinstance(row, Mapping) or row.get("command") not in KINDS:
        raise ConfigError(f"no command: expected an object with one of {', '.join(KINDS)} as its command")
    kind = KINDS[row["command"]]
    values = {name: value for name, value in row.items() if name != "command"}
    types = {field.name: type(field.default) for field in dataclasses.fields(kind)}
    for name, value in values.items():
        if types.get(name) is float and type(value) is int:
            continue
        if name not in types or type(value) is not types[name]:
            raise ConfigError(
                f"command {kind.__name__} takes {', '.join(types) or 'nothing'}, not {name}={value!r}"
            )
    return kind(**values)
