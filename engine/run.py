"""A run from its first iteration to its last, steered by commands, reported by events."""

from __future__ import annotations

import math
import shlex
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from engine import commands
from engine.channel import Channel
from engine.checkpoint import (
    MISFITS,
    Checkpoint,
    open_checkpoint,
    require_environment,
    save_checkpoint,
    sound_alternative,
)
from engine.config import Config
from engine.errors import CheckpointError, ConfigError, EngineError, EnvironmentFault, NonFiniteError
from engine.evaluation import EvaluationAbandoned, EvaluationResult
from engine.events import (
    CheckpointSaved,
    EvaluationCompleted,
    PhaseChanged,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    SettingChanged,
    UpdateCompleted,
    Warned,
)
from engine.failure import write_report
from engine.manifest import differences
from engine.recorder import Recorder
from engine.recording import discard_recordings_after, save_recording
from engine.run_directory import RunDirectory
from engine.state_tree import join, optional_number, split
from engine.summary import RunSummary
from engine.training import build_training, crossing

PAUSED_POLL_SECONDS = 0.5
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 10.0, 600.0
"""From a checkpoint that could not be written to the next attempt: first, and at most after doubling."""


class Trainer:
    """Trains one run. Starts no thread: the caller owns it.

    Commands are read between iterations only, so that a checkpoint taken while paused resumes exactly.
    """

    def __init__(self, config: Config, *, channel: Channel | None = None) -> None:
        self.config = config
        self._channel = channel or Channel()
        self._resumed_from: Checkpoint | None = None
        self._begin_paused = False
        self._reset()

    def _reset(self) -> None:
        """Forget the run before, if there was one."""
        self._paused, self._one_step = self._begin_paused, False
        self._stop: commands.Stop | None = None
        self._evaluation: EvaluationCompleted | None = None
        self._best_return: float | None = None
        self._checkpoint: Path | None = None
        self._saved_updates = 0
        self._owes_evaluation, self._told_of_cuts = False, False
        self._retry_at, self._retry_seconds = math.inf, RETRY_SECONDS
        self.__dict__.pop("_training", None)

    @staticmethod
    def resume(
        run_dir: Path,
        *,
        total_steps: int | None = None,
        channel: Channel | None = None,
        paused: bool = False,
    ) -> Trainer:
        """Return a trainer that continues a run from its last checkpoint.

        Args:
            run_dir: the run's directory, also the one to call `run` with; or one of its checkpoints, to go
                on from there.
            total_steps: a new target; None keeps the run's.
            channel: link to a front end.
            paused: stand still before the first iteration, until told otherwise.

        Raises:
            CheckpointError: there is no usable checkpoint.
        """
        checkpoint = open_checkpoint(run_dir)
        config = checkpoint.config
        if total_steps is not None:
            config = config.updated({"run": {"total_steps": total_steps}})
        trainer = Trainer(config, channel=channel)
        trainer._resumed_from, trainer._begin_paused = checkpoint, paused
        return trainer

    def run(self, run_dir: Path) -> RunSummary:
        """Train to the target or until stopped.

        Args:
            run_dir: directory to create, or that of the run to resume.

        Raises:
            EngineError: the run cannot start or failed; `RunFailed` was emitted if it had started.
        """
        self._reset()
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
            self._training = build_training(self.config)
            try:
                self._begin()
                self._loop()
                return self._finish()
            finally:
                self._training.close()

    def _begin(self) -> None:
        training = self._training
        inexact = [] if self._resumed_from is None else self._restore(self._resumed_from)
        if self._resumed_from is None:
            training.start()
        self._recorder.emit(training.started(str(self._directory.path)))
        for reason in inexact:
            self._recorder.emit(Warned(f"resume is not exact: {reason}"))
        self._recorder.emit(PhaseChanged("training"))
        if self._paused:
            self._recorder.emit(RunPaused(training.env_steps, training.updates))
            self._obey()

    def _restore(self, checkpoint: Checkpoint) -> list[str]:
        """Continue from a checkpoint; return why this is not exact, one reason each."""
        self._recorder.emit(PhaseChanged("restoring the run"))
        require_environment(checkpoint, Config.from_toml(self._directory.config).env.id)
        reasons = differences(checkpoint.manifest)
        before, now = checkpoint.config.run.total_steps, self.config.run.total_steps
        if self.config.optimizer.schedule == "linear" and before != now:
            reasons.append(f"the learning rates fall to 0 by {now:,} steps now, not by {before:,}")
        try:
            state = join(checkpoint.state, checkpoint.tensors)
            reason = self._training.load_state_dict(state["training"])
            self._best_return = optional_number(state["best_return"], "best_return")
            self._owes_evaluation = state.get("owes_evaluation") is True
        except MISFITS as error:
            raise CheckpointError(
                f"{checkpoint.path} does not fit this run's environment and networks: {error}"
                f"{sound_alternative(checkpoint.path)}"
            ) from error
        self._checkpoint, self._saved_updates = checkpoint.path, checkpoint.updates
        for note in filter(None, (checkpoint.note, self._recorder.truncate_after(self._training.updates))):
            self._recorder.emit(Warned(note))
        discard_recordings_after(self._directory.evaluations, self._training.env_steps)
        self._write_config()
        return [*reasons, reason] if reason else reasons

    def _loop(self) -> None:
        training = self._training
        if self._owes_evaluation and self._stop is None:
            self._evaluate()
            self._obey()
        while self._stop is None and training.env_steps < self.config.run.total_steps:
            try:
                self._iterate()
                self._obey()
            except EnvironmentFault:
                if training.updates > self._saved_updates:
                    self._save(episodes=not training.collecting)
                raise

    def _iterate(self) -> None:
        """Train for one rollout; evaluate and save where that is due."""
        training, config = self._training, self.config
        before = training.env_steps
        try:
            metrics, episodes = training.iterate()
        except NonFiniteError as error:
            raise self._keep_failure(error) from error
        if restarted := training.describe_faults():
            self._recorder.emit(Warned(restarted))
        crossed = crossing(before, training.env_steps)
        try:
            if crossed(config.evaluation.interval) or training.env_steps >= config.run.total_steps:
                metrics |= self._evaluate(scheduled=True)
                metrics["seconds"] = training.seconds
        finally:
            inspection = training.learner.inspection
            self._recorder.emit(UpdateCompleted(metrics, episodes.returns, episodes.lengths, inspection))
        if crossed(config.checkpoint.interval) or time.monotonic() >= self._retry_at:
            self._save()

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
        before, after = self.config.value_of(key), changed.value_of(key)
        self.config = changed
        self._training.reconfigure(changed)
        position = self._training.env_steps, self._training.updates
        self._recorder.emit(SettingChanged(key, before, after, *position))
        self._write_config()

    def _write_config(self) -> None:
        """Have config.toml hold what the run is trained with; failing to is reported."""
        try:
            self._directory.write_config(self.config)
        except CheckpointError as error:
            self._recorder.emit(Warned(str(error)))

    def _evaluate(self, *, scheduled: bool = False) -> dict[str, float]:
        """Score the policy; return the metrics, none if a stop is asked for meanwhile.

        Args:
            scheduled: whether a run that is resumed makes up for it if it is broken off.
        """
        training = self._training
        self._recorder.emit(PhaseChanged("evaluating"))
        try:
            result = training.evaluate(self._channel.stop_requested)
        except EvaluationAbandoned:
            self._owes_evaluation |= scheduled
            self._recorder.emit(Warned("the evaluation was broken off, as the run is to stop"))
            return {}
        self._owes_evaluation = False
        self._keep_recording(result)
        if result.cut and not self._told_of_cuts:
            self._told_of_cuts = True
            self._recorder.emit(Warned(result.describe_cuts()))
        best = self._best_return is None or result.mean > self._best_return
        self._evaluation = EvaluationCompleted(
            training.env_steps, training.updates, result.returns, result.lengths, result.seconds, best
        )
        self._recorder.emit(self._evaluation)
        if best:
            previous, self._best_return = self._best_return, result.mean
            if self._save(best=True):
                self._best_return = previous  # the best one is the best that is saved
        self._recorder.emit(PhaseChanged("paused" if self._paused else "training"))
        return result.metrics()

    def _keep_recording(self, result: EvaluationResult) -> None:
        """Write what was recorded; failing to is reported and training goes on."""
        try:
            if result.recording is not None:
                save_recording(self._directory.evaluations, result.recording)
        except OSError as error:
            self._recorder.emit(Warned(f"the evaluation could not be recorded: {error.strerror}"))

    def _save(self, *, best: bool = False, episodes: bool = True) -> str:
        """Write a checkpoint; failing to (a full disk, say) is reported, and tried again after a while.

        Args:
            best: whether it is of the best policy so far.
            episodes: whether the episodes under way can be kept.

        Returns:
            What went wrong; empty if nothing did.
        """
        training, started = self._training, time.monotonic()
        tensors, document = split(
            {
                "training": training.state_dict(episodes=episodes),
                "best_return": self._best_return,
                "owes_evaluation": self._owes_evaluation,
            }
        )
        try:
            if self._directory.remake(self.config):
                gone = f"{self._directory.path} was removed: it is made again, but what it held is gone"
                self._recorder.emit(Warned(gone))
            self._recorder.sync()
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
            self._retry_at = time.monotonic() + self._retry_seconds
            self._retry_seconds = min(2 * self._retry_seconds, LONGEST_RETRY_SECONDS)
            self._recorder.emit(Warned(str(error)))
            return str(error)
        self._retry_at, self._retry_seconds = math.inf, RETRY_SECONDS
        self._saved_updates = training.updates
        seconds = time.monotonic() - started
        self._recorder.emit(
            CheckpointSaved(str(self._checkpoint), training.env_steps, training.updates, best, seconds)
        )
        return ""

    def _keep_failure(self, error: NonFiniteError) -> NonFiniteError:
        """Keep the batch of a failed update, and the state before it; return the error that says where."""
        training = self._training
        if training.collecting:
            return error
        try:
            path = write_report(self._directory.failures, training, str(error))
            where = f"its batch is kept, to look at it: vmpo replay-failure {shlex.quote(str(path))}"
        except CheckpointError as refusal:
            where = f"its batch could not be kept: {refusal}"
        training.undo_update()
        if training.updates > self._saved_updates:
            self._save()
        return NonFiniteError(f"{error}; {where}")

    def _finish(self) -> RunSummary:
        training = self._training
        reason = "completed"
        if self._stop is not None:
            saved = "handed over" if self._stop.hand_over else "stopped"
            reason = saved if self._stop.save else "discarded"
        if reason != "discarded" and (problem := self._save()):
            raise EngineError(f"the run is {reason} but not saved: {problem}")
        checkpoint = str(self._checkpoint) if self._checkpoint else None
        self._recorder.emit(
            RunFinished(reason, training.env_steps, training.updates, training.seconds, checkpoint)
        )
        return RunSummary(
            self._directory.path, reason, training.env_steps, training.updates, training.seconds,
            self._evaluation, self._best_return, self._checkpoint, self._paused,
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
