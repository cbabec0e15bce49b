"""Messages to the engine, read between iterations: a checkpoint taken while paused resumes exactly."""

from __future__ import annotations

from dataclasses import dataclass


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
