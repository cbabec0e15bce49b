"""How a run ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.events import EvaluationCompleted


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended."""

    run_dir: Path
    reason: str
    """completed, stopped, discarded or handed over."""
    env_steps: int
    updates: int
    seconds: float
    final_evaluation: EvaluationCompleted | None
    """The newest evaluation."""
    best_return: float | None
    """Highest mean return of an evaluation."""
    checkpoint: Path | None
    """The newest checkpoint."""
    paused: bool = False
    """Whether it stood still when it was stopped."""
