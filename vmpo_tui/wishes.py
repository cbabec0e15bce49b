"""What the screens can be opened on: a run that begins, goes on or is watched, or the list of runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.config import Config


@dataclass(frozen=True, slots=True)
class TrainNew:
    """Train a new run."""

    config: Config
    run_dir: Path


@dataclass(frozen=True, slots=True)
class GoOn:
    """Train a run further that nobody trains."""

    start: Path
    """The run, or one of its checkpoints."""
    env_id: str
    total_steps: int | None = None
    """A new target; None for the run's own."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Look at a run, live where another process trains it."""

    run: Path
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Choose:
    """Look at the list of runs."""


Wish = TrainNew | GoOn | Watch | Choose
