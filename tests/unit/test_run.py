"""A run from its first event to its last, in this process, on both kinds of backend."""

from __future__ import annotations

import math

import pytest

from engine.commands import CheckpointNow, EvaluateNow, Pause, Resume, StepOnce, Stop
from engine.errors import ConfigError, EnvironmentFault, NonFiniteError
from engine.events import (
    CheckpointSaved,
    EvaluationCompleted,
    Event,
    PhaseChanged,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    UpdateCompleted,
)
from engine.run import Trainer
from engine.run_directory import list_runs
from engine.sinks.jsonl import read_rows
from tests.unit import fault_envs
from tests.unit.run_script import CARTPOLE, ITERATION, PENDULUM, TIMES, ScriptedChannel, rows, train, without

ALWAYS = {
    "env_steps", "updates", "gradient_steps", "seconds", "steps_per_second",
    "loss/policy", "loss/value", "loss/temperature", "loss/alpha",
    "dual/temperature", "estep/kl", "estep/ess",
    "value/explained_variance", "grad/policy_norm", "grad/value_norm",
}  # fmt: skip
DISCRETE = {"dual/alpha", "kl/policy"}
CONTINUOUS = {"dual/alpha_mean", "dual/alpha_covariance", "kl/mean", "kl/covariance", "policy/std_mean"}
EPISODES = {"train/episode_return_mean", "train/episode_length_mean"}
BOTH = pytest.mark.parametrize("config", [CARTPOLE, PENDULUM], ids=["gymnasium", "mujoco"])


def _best(event: Event) -> bool:
    return isinstance(event, CheckpointSaved) and event.best


@BOTH
def test_events_come_in_order(config, tmp_path):
    channel = ScriptedChannel()
    summary = train(config, tmp_path / "run", channel, evaluation={"interval": 2 * ITERATION})
    building, started, training = channel.events[:3]
    assert (building, training) == (PhaseChanged("building environments"), PhaseChanged("training"))
    assert isinstance(started, RunStarted)
    assert (started.env_id, started.backend) == (config.env.id, config.env.backend)
    assert (started.num_envs, started.seed, started.total_steps) == (2, 3, 4 * ITERATION)
    assert started.config["vmpo"] == config.to_dict()["vmpo"]
    evaluation = ["PhaseChanged", "EvaluationCompleted", "PhaseChanged"]
    assert [kind for kind, event in zip(channel.kinds, channel.events, strict=True) if not _best(event)] == [
        "PhaseChanged", "RunStarted", "PhaseChanged",
        "UpdateCompleted", *evaluation, "UpdateCompleted",
        "UpdateCompleted", *evaluation, "UpdateCompleted",
        "CheckpointSaved", "RunFinished",
    ]  # fmt: skip
    finished = channel.events[-1]
    assert isinstance(finished, RunFinished)
    assert (finished.reason, finished.env_steps, finished.updates) == ("completed", 4 * ITERATION, 4)
    assert (summary.reason, summary.env_steps, summary.updates) == ("completed", 4 * ITERATION, 4)
    assert str(summary.checkpoint) == finished.checkpoint
    assert summary.final_evaluation in channel.events


def test_events_but_updates_are_written_to_the_run_directory(tmp_path):
    channel = ScriptedChannel()
    train(CARTPOLE, tmp_path / "run", channel)
    written = [row["event"] for row in read_rows(tmp_path / "run" / "events.jsonl")]
    assert written == [kind for kind in channel.kinds if kind != "UpdateCompleted"]


@BOTH
def test_each_update_writes_one_complete_row(config, tmp_path):
    channel = ScriptedChannel()
    # Sixteen iterations, long enough for episodes to end in some of them.
    target = 16 * ITERATION
    train(config, tmp_path / "run", channel, run={"total_steps": target}, evaluation={"interval": target})
    written = rows(tmp_path / "run")
    assert [row["env_steps"] for row in written] == [ITERATION * (index + 1) for index in range(16)]
    assert [row["updates"] for row in written] == list(range(1, 17))
    # Two epochs of two minibatches: 4 gradient steps an iteration.
    assert [row["gradient_steps"] for row in written] == list(range(4, 65, 4))
    expected = ALWAYS | (CONTINUOUS if config is PENDULUM else DISCRETE)
    updates = [event for event in channel.events if isinstance(event, UpdateCompleted)]
    assert any(event.episode_returns for event in updates)
    for row, event in zip(written, updates, strict=True):
        assert row == dict(event.metrics)
        assert expected <= row.keys()
        assert (row.keys() >= EPISODES) == bool(event.episode_returns)
        assert all(math.isfinite(value) for value in row.values())
    assert [("eval/return_mean" in row) for row in written] == 15 * [False] + [True]
    [evaluation] = [event for event in channel.events if isinstance(event, EvaluationCompleted)]
    assert written[-1]["eval/return_mean"] == pytest.approx(sum(evaluation.returns) / 2)


@BOTH
def test_two_runs_of_one_seed_are_equal(config, tmp_path):
    for name in "ab":
        train(config, tmp_path / name)
    assert without(rows(tmp_path / "a"), *TIMES) == without(rows(tmp_path / "b"), *TIMES)
    train(config, tmp_path / "c", run={"seed": 4})
    assert without(rows(tmp_path / "a"), *TIMES) != without(rows(tmp_path / "c"), *TIMES)


@BOTH
def test_evaluation_does_not_change_training(config, tmp_path):
    train(config, tmp_path / "often", evaluation={"interval": ITERATION})
    train(config, tmp_path / "once", evaluation={"interval": 0, "episodes": 3})
    often, once = rows(tmp_path / "often"), rows(tmp_path / "once")
    assert sum("eval/return_mean" in row for row in often) == 4
    assert sum("eval/return_mean" in row for row in once) == 1
    assert without(often, "eval/", *TIMES) == without(once, "eval/", *TIMES)


def test_commands_steer_the_run_between_iterations(tmp_path):
    channel = ScriptedChannel(
        (UpdateCompleted, (Resume(), StepOnce(), Pause(), Pause())),  # only the first pause has an effect
        (RunPaused, (StepOnce(),)),
        (RunPaused, (EvaluateNow(),)),
        (EvaluationCompleted, (CheckpointNow(),)),
        (CheckpointSaved, ()),  # the record
        (CheckpointSaved, (Resume(),)),
        (RunResumed, ()),
        (UpdateCompleted, (Stop(save=True),)),
    )
    summary = train(CARTPOLE, tmp_path / "run", channel, run={"total_steps": 1_000_000})
    assert channel.script == []
    assert channel.kinds[3:] == [
        "UpdateCompleted", "RunPaused",
        "UpdateCompleted", "RunPaused",
        "PhaseChanged", "EvaluationCompleted", "CheckpointSaved", "PhaseChanged",
        "CheckpointSaved", "RunResumed",
        "UpdateCompleted", "CheckpointSaved", "RunFinished",
    ]  # fmt: skip
    assert channel.events[10] == PhaseChanged("paused")
    paused = [event for event in channel.events if isinstance(event, RunPaused)]
    assert [(event.env_steps, event.updates) for event in paused] == [(ITERATION, 1), (2 * ITERATION, 2)]
    saved = [event for event in channel.events if isinstance(event, CheckpointSaved)]
    assert [(event.env_steps, event.best) for event in saved] == [
        (2 * ITERATION, True), (2 * ITERATION, False), (3 * ITERATION, False),
    ]  # fmt: skip
    assert (summary.reason, summary.updates, len(rows(tmp_path / "run"))) == ("stopped", 3, 3)
    assert (tmp_path / "run" / "checkpoints" / "last").read_text() == f"{3 * ITERATION:012d}"


def test_pausing_does_not_change_training(tmp_path):
    train(PENDULUM, tmp_path / "straight")
    channel = ScriptedChannel(
        (UpdateCompleted, (Pause(), EvaluateNow(), CheckpointNow(), StepOnce(), Resume()))
    )
    train(PENDULUM, tmp_path / "paused", channel)
    paused, straight = rows(tmp_path / "paused"), rows(tmp_path / "straight")
    assert without(paused, *TIMES) == without(straight, *TIMES)


def test_a_discarded_run_writes_no_checkpoint(tmp_path):
    channel = ScriptedChannel((UpdateCompleted, (Pause(),)), (RunPaused, (Stop(save=False),)))
    summary = train(CARTPOLE, tmp_path / "run", channel)
    assert (summary.reason, summary.updates, summary.checkpoint) == ("discarded", 1, None)
    assert channel.kinds[-2:] == ["RunPaused", "RunFinished"]
    assert not (tmp_path / "run" / "checkpoints").exists()
    [listed] = list_runs(tmp_path)
    assert listed.state == "discarded"


def test_checkpoints_come_at_their_interval(tmp_path):
    channel = ScriptedChannel()
    train(CARTPOLE, tmp_path / "run", channel, checkpoint={"interval": 2 * ITERATION, "keep": 1})
    saved = [event for event in channel.events if isinstance(event, CheckpointSaved)]
    assert [event.env_steps for event in saved if not event.best] == [
        2 * ITERATION, 4 * ITERATION, 4 * ITERATION,  # the last at the interval, then at the end
    ]  # fmt: skip


@pytest.fixture
def faulty_envs():
    with fault_envs.registered():
        yield


@pytest.mark.usefixtures("faulty_envs")
def test_a_failing_environment_ends_the_run(tmp_path):
    channel = ScriptedChannel()
    config = CARTPOLE.updated({"env": {"id": "Faulty/raise-v0"}, "run": {"total_steps": 10_000}})
    with pytest.raises(EnvironmentFault, match="RuntimeError: boom"):
        Trainer(config, channel=channel).run(tmp_path / "run")
    failed = channel.events[-1]
    assert isinstance(failed, RunFailed)
    assert (failed.kind, failed.checkpoint) == ("EnvironmentFault", None)
    assert "boom" in failed.error
    assert "Traceback" in failed.traceback
    [listed] = list_runs(tmp_path)
    assert listed.state == "failed"


@BOTH
def test_a_number_that_is_not_finite_ends_the_run(config, tmp_path):
    channel = ScriptedChannel()
    optimizer = {"type": "sgd", "value_lr": 1e30, "max_grad_norm": 0.0}
    with pytest.raises(NonFiniteError, match="not finite"):
        train(config, tmp_path / "run", channel, optimizer=optimizer, vmpo={"epochs": 1, "minibatch_size": 0})
    failed = channel.events[-1]
    assert isinstance(failed, RunFailed)
    assert (failed.kind, failed.env_steps, failed.updates) == ("NonFiniteError", 0, 0)
    assert failed.checkpoint is None  # nothing had been learned
    assert (tmp_path / "run" / "failures" / "update-1.safetensors").exists()


def test_an_unknown_environment_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="CartPole-v1"):
        train(CARTPOLE, tmp_path / "run", env={"id": "CartPol-v1"})
