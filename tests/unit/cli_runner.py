"""Running the programs in this process, as their entry points do."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import typer

from engine.channel import Channel
from engine.config import Config
from engine.events import (
    CheckpointSaved,
    EvaluationCompleted,
    Event,
    PhaseChanged,
    RunFinished,
    RunStarted,
    UpdateCompleted,
)
from vmpo_tui.cli.commands import app as vmpo
from vmpo_tui.cli.entry import execute

EVALUATION = EvaluationCompleted(2048, 2, (1.0, 3.0), (10, 12), 0.5, True)


class Result(NamedTuple):
    """What a program left behind."""

    code: int
    out: str
    err: str


class Runner:
    """Runs a program and captures what it writes."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, app: typer.Typer = vmpo, name: str = "vmpo") -> Result:
        code = execute(app, name, arguments)
        out, err = self._capsys.readouterr()
        return Result(code, out, err)


def started(run_dir: str = "runs/x", *, total_steps: int = 4096, env_steps: int = 0) -> RunStarted:
    """Return the first event of a small run."""
    return RunStarted(run_dir, "CartPole-v1", "gymnasium", 8, 4, 2, False, 0, total_steps, env_steps)


def row(env_steps: int, *returns: float) -> UpdateCompleted:
    """Return a row of metrics."""
    metrics = {
        "env_steps": float(env_steps),
        "updates": env_steps / 1024,
        "gradient_steps": 10.0,
        "seconds": 1.5,
        "steps_per_second": 12345.6,
        "dual/temperature": 0.25,
        "kl/policy": 0.0125,
        "loss/value": 0.5,
    }
    return UpdateCompleted(metrics, returns, tuple(10 for _ in returns))


class FakeTrainer:
    """Emits a small run's events without training; reads commands between iterations as the engine does."""

    made: list[FakeTrainer]
    """Every trainer that was made, in this test."""
    iterations = 2
    failure: BaseException | None = None
    """Raised after the first iteration, where set."""

    def __init__(self, config: Config, *, channel: Channel) -> None:
        self.config = config
        self.channel = channel
        self.made.append(self)

    def between_iterations(self) -> None:
        """Hook for tests: what happens after each iteration."""

    def run(self, run_dir):
        from engine.commands import Stop
        from engine.trainer import RunSummary

        self.run_dir = run_dir
        self._emit(started(str(run_dir)), PhaseChanged("training"))
        reason = "completed"
        for iteration in range(self.iterations):
            self._emit(row(1024 * (iteration + 1), 1.0, 2.0))
            if self.failure is not None:
                raise self.failure
            self.between_iterations()
            if isinstance(self.channel.receive(), Stop):
                reason = "stopped"
                break
        self._emit(EVALUATION, CheckpointSaved(f"{run_dir}/checkpoints/2048", 2048, 2, False, 0.1))
        self._emit(RunFinished(reason, 2048, 2, 1.5))
        return RunSummary(run_dir, reason, 2048, 2, 65.0, EVALUATION, 2.0, run_dir / "checkpoints" / "2048")

    def _emit(self, *events: Event) -> None:
        for event in events:
            self.channel.emit(event)
