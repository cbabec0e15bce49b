"""A run from its first iteration to its last, steered by commands, reported by events."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from engine import commands
from engine.channel import Channel
from engine.checkpoint import Checkpoint, find_checkpoint, load_checkpoint, save_checkpoint
from engine.config import Config
from engine.envs.base import ContinuousActions
from engine.errors import CheckpointError, ConfigError
from engine.evaluation import EvaluationResult, evaluate
from engine.events import (
    CheckpointSaved,
    EvaluationCompleted,
    PhaseChanged,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    SettingChanged,
    UpdateCompleted,
    Warned,
)
from engine.recorder import Recorder
from engine.recording import discard_recordings_after, save_recording
from engine.run_directory import RunDirectory
from engine.state_tree import join, split
from engine.training import Training, evaluation_env, restore_agent

PAUSED_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended."""

    run_dir: Path
    reason: str
    """completed, stopped or discarded."""
    env_steps: int
    updates: int
    seconds: float
    final_evaluation: EvaluationCompleted | None
    """The newest evaluation."""
    best_return: float | None
    """Highest mean return of an evaluation."""
    checkpoint: Path | None
    """The newest checkpoint."""


class Trainer:
    """Trains one run. Starts no thread: the caller owns it.

    Commands are read between iterations only, so that a checkpoint taken while paused resumes exactly.
    """

    def __init__(self, config: Config, *, channel: Channel | None = None) -> None:
        self.config = config
        self._channel = channel or Channel()
        self._resumed_from: Checkpoint | None = None
        self._paused = False
        self._one_step = False
        self._stop: commands.Stop | None = None
        self._evaluation: EvaluationCompleted | None = None
        self._best_return: float | None = None
        self._checkpoint: Path | None = None

    @staticmethod
    def resume(run_dir: Path, *, total_steps: int | None = None, channel: Channel | None = None) -> Trainer:
        """Return a trainer that continues a run from its last checkpoint.

        Args:
            run_dir: the run's directory, also the one to call `run` with.
            total_steps: a new target; None keeps the run's.
            channel: link to a front end.

        Raises:
            CheckpointError: there is no usable checkpoint.
        """
        checkpoint = load_checkpoint(find_checkpoint(run_dir))
        config = checkpoint.config
        if total_steps is not None:
            config = config.updated({"run": {"total_steps": total_steps}})
        trainer = Trainer(config, channel=channel)
        trainer._resumed_from = checkpoint
        return trainer

    def run(self, run_dir: Path) -> RunSummary:
        """Train to the target or until stopped.

        Args:
            run_dir: directory to create, or that of the run to resume.

        Raises:
            EngineError: the run cannot start or failed; `RunFailed` was emitted if it had started.
        """
        fresh = self._resumed_from is None
        directory = RunDirectory.create(run_dir, self.config) if fresh else RunDirectory.open(run_dir)
        with directory.hold():
            recorder = Recorder(directory, self._channel)
            try:
                return self._run(directory, recorder)
            finally:
                recorder.close()

    def _run(self, directory: RunDirectory, recorder: Recorder) -> RunSummary:
        self._directory, self._recorder = directory, recorder
        torch.set_num_threads(self.config.run.torch_threads)
        with self._reporting_failure():
            recorder.emit(PhaseChanged("building environments"))
            self._training = Training(self.config)
            try:
                self._begin()
                self._loop()
                return self._finish()
            finally:
                self._training.close()

    def _begin(self) -> None:
        training, spec = self._training, self._training.env.spec
        continued = self._restore() if self._resumed_from else True
        if self._resumed_from is None:
            training.start()
        self._recorder.emit(
            RunStarted(
                run_dir=str(self._directory.path),
                env_id=spec.id,
                backend=spec.backend,
                num_envs=spec.num_envs,
                observation_size=spec.observation_size,
                action_size=spec.actions.size,
                continuous=isinstance(spec.actions, ContinuousActions),
                seed=self.config.run.seed,
                total_steps=self.config.run.total_steps,
                env_steps=training.env_steps,
                updates=training.updates,
                config=self.config.to_dict(),
            )
        )
        if not continued:
            self._recorder.emit(
                Warned(
                    f"resume is not exact: backend {spec.backend} cannot restore {spec.id} mid-episode; "
                    "every environment starts a new episode"
                )
            )
        self._recorder.emit(PhaseChanged("training"))

    def _restore(self) -> bool:
        checkpoint = self._resumed_from
        assert checkpoint is not None
        state = join(checkpoint.state, checkpoint.tensors)
        try:
            continued = self._training.load_state_dict(state["training"])
            self._best_return = state["best_return"]
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            raise CheckpointError(
                f"{checkpoint.path} does not fit this run's environment and networks: {error}"
            ) from error
        self._checkpoint = checkpoint.path
        self._recorder.truncate_after(self._training.updates)
        discard_recordings_after(self._directory.evaluations, self._training.env_steps)
        return continued

    def _loop(self) -> None:
        training = self._training
        while self._stop is None and training.env_steps < self.config.run.total_steps:
            config = self.config
            before = training.env_steps
            metrics, episodes = training.iterate()
            crossed = _crossing(before, training.env_steps)
            if crossed(config.evaluation.interval) or training.env_steps >= config.run.total_steps:
                metrics |= self._evaluate().metrics()
                metrics["seconds"] = training.seconds
            inspection = training.learner.inspection
            self._recorder.emit(UpdateCompleted(metrics, episodes.returns, episodes.lengths, inspection))
            if crossed(config.checkpoint.interval):
                self._save()
            self._obey()

    def _obey(self) -> None:
        """Carry out waiting commands; while paused, wait for them here."""
        if self._one_step:
            self._one_step = False
            self._recorder.emit(RunPaused(self._training.env_steps, self._training.updates))
        while self._stop is None and not self._one_step:
            command = self._channel.receive(PAUSED_POLL_SECONDS if self._paused else None)
            if command is None and not self._paused:
                return
            if command is not None:
                self._carry_out(command)

    def _carry_out(self, command: commands.Command) -> None:
        position = self._training.env_steps, self._training.updates
        match command:
            case commands.Pause() if not self._paused:
                self._paused = True
                self._recorder.emit(RunPaused(*position))
            case commands.Resume() if self._paused:
                self._paused = False
                self._recorder.emit(RunResumed(*position))
            case commands.StepOnce():
                self._one_step = self._paused
            case commands.EvaluateNow():
                self._evaluate()
            case commands.CheckpointNow():
                self._save()
            case commands.ChangeSetting():
                self._change(command.key, command.value)
            case commands.Stop():
                self._stop = command

    def _change(self, key: str, value: float) -> None:
        """Change a setting; one that cannot be changed so is reported and training goes on."""
        try:
            changed = self.config.changed_live(key, value)
        except ConfigError as error:
            self._recorder.emit(Warned(f"setting not changed: {error}"))
            return
        section, _, name = key.partition(".")
        before, after = (getattr(getattr(config, section), name) for config in (self.config, changed))
        self.config = changed
        self._training.reconfigure(changed)
        self._recorder.emit(
            SettingChanged(key, before, after, self._training.env_steps, self._training.updates)
        )
        try:
            self._directory.write_config(changed)
        except CheckpointError as error:
            self._recorder.emit(Warned(str(error)))

    def _evaluate(self) -> EvaluationResult:
        training = self._training
        self._recorder.emit(PhaseChanged("evaluating"))
        result = training.evaluate()
        self._keep_recording(result)
        best = self._best_return is None or result.mean > self._best_return
        self._evaluation = EvaluationCompleted(
            training.env_steps, training.updates, result.returns, result.lengths, result.seconds, best
        )
        self._recorder.emit(self._evaluation)
        if best:
            self._best_return = result.mean
            self._save(best=True)
        self._recorder.emit(PhaseChanged("paused" if self._paused else "training"))
        return result

    def _keep_recording(self, result: EvaluationResult) -> None:
        """Write what was recorded; failing to is reported and training goes on."""
        if result.recording is None:
            return
        try:
            save_recording(self._directory.evaluations, result.recording)
        except OSError as error:
            self._recorder.emit(Warned(f"the evaluation could not be recorded: {error.strerror}"))

    def _save(self, *, best: bool = False) -> None:
        """Write a checkpoint; failing to (a full disk, say) is reported and training goes on."""
        training, started = self._training, time.monotonic()
        tensors, document = split({"training": training.state_dict(), "best_return": self._best_return})
        try:
            self._checkpoint = save_checkpoint(
                self._directory.checkpoints,
                env_steps=training.env_steps,
                updates=training.updates,
                tensors=tensors,
                state=document,
                config=self.config,
                best=best,
                keep=self.config.checkpoint.keep,
            )
        except CheckpointError as error:
            self._recorder.emit(Warned(str(error)))
            return
        seconds = time.monotonic() - started
        self._recorder.emit(
            CheckpointSaved(str(self._checkpoint), training.env_steps, training.updates, best, seconds)
        )

    def _finish(self) -> RunSummary:
        training = self._training
        reason = "completed"
        if self._stop is not None:
            reason = "stopped" if self._stop.save else "discarded"
        if reason != "discarded":
            self._save()
        checkpoint = str(self._checkpoint) if self._checkpoint else None
        self._recorder.emit(
            RunFinished(reason, training.env_steps, training.updates, training.seconds, checkpoint)
        )
        return RunSummary(
            self._directory.path, reason, training.env_steps, training.updates, training.seconds,
            self._evaluation, self._best_return, self._checkpoint,
        )  # fmt: skip

    @contextmanager
    def _reporting_failure(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            training = getattr(self, "_training", None)
            self._recorder.emit(
                RunFailed(
                    error=str(error) or type(error).__name__,
                    kind=type(error).__name__,
                    traceback=traceback.format_exc(),
                    env_steps=training.env_steps if training else 0,
                    updates=training.updates if training else 0,
                    checkpoint=str(self._checkpoint) if self._checkpoint else None,
                )
            )
            raise


def _crossing(before: int, after: int) -> Callable[[int], bool]:
    """Return whether a multiple of an interval lies in (before, after]; an interval of 0 never does."""
    return lambda interval: interval > 0 and before // interval != after // interval


def evaluate_checkpoint(
    path: Path, *, episodes: int, seed: int, deterministic: bool = True, record: bool = False
) -> EvaluationResult:
    """Score the policy of a checkpoint on fresh episodes.

    Args:
        path: a checkpoint, or a run directory for its last one.
        episodes: number of episodes, run in parallel.
        seed: of the environments.
        deterministic: take the mode rather than a sample.
        record: record the first episode.

    Raises:
        CheckpointError: it cannot be used.
    """
    checkpoint = load_checkpoint(find_checkpoint(path))
    config = checkpoint.config
    env = evaluation_env(config, episodes)
    try:
        agent, moments = restore_agent(checkpoint, env.spec)
        return evaluate(
            agent, env, moments,
            clip_observation=config.env.clip_observation, seed=seed, deterministic=deterministic,
            record=record, env_steps=checkpoint.env_steps,
        )  # fmt: skip
    finally:
        env.close()
