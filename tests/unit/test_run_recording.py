"""Recordings of a run: they change nothing, stop nothing, and go when what they show is undone."""

from __future__ import annotations

import pytest

from engine.commands import Stop
from engine.events import EvaluationCompleted, Warned
from engine.recording import list_recordings, load_recording
from engine.run import Trainer
from tests.unit.run_script import CARTPOLE, ITERATION, PENDULUM, TIMES, ScriptedChannel, rows, train, without

EVERY = {"interval": ITERATION}
BOTH = pytest.mark.parametrize("config", [CARTPOLE, PENDULUM], ids=["gymnasium", "mujoco"])


def recordings(run_dir):
    return list_recordings(run_dir / "evaluations")


@BOTH
def test_every_evaluation_is_recorded(config, tmp_path):
    channel = ScriptedChannel()
    train(config, tmp_path / "run", channel, evaluation=EVERY)
    evaluations = [event for event in channel.events if isinstance(event, EvaluationCompleted)]
    kept = [load_recording(path) for path in recordings(tmp_path / "run")]
    assert len(kept) == len(evaluations) == 4
    for recording, event in zip(kept, evaluations, strict=True):
        assert (recording.env_id, recording.env_steps) == (config.env.id, event.env_steps)
        assert recording.length == event.lengths[0]
        assert recording.episode_return == pytest.approx(event.returns[0], rel=1e-5)
        assert recording.mean_return == pytest.approx(sum(event.returns) / len(event.returns))
        assert (recording.qpos is None) == (config is CARTPOLE)


@BOTH
def test_recording_does_not_change_training(config, tmp_path):
    train(config, tmp_path / "with", evaluation=EVERY)
    train(config, tmp_path / "without", evaluation={**EVERY, "record": False})
    train(config, tmp_path / "other", evaluation=EVERY, run={"seed": 4})
    first, second, other = (without(rows(tmp_path / name), *TIMES) for name in ("with", "without", "other"))
    assert first == second
    assert len(first) == 4
    assert first != other  # the comparison can fail
    assert recordings(tmp_path / "with")
    assert not (tmp_path / "without" / "evaluations").exists()


def test_a_recording_that_cannot_be_written_stops_nothing(tmp_path):
    def block(event) -> None:
        if not (tmp_path / "run" / "evaluations").exists() and (tmp_path / "run").exists():
            (tmp_path / "run" / "evaluations").write_text("in the way")

    channel = ScriptedChannel()
    emit = channel.emit
    channel.emit = lambda event: (block(event), emit(event))  # type: ignore[method-assign]
    summary = train(CARTPOLE, tmp_path / "run", channel, evaluation=EVERY)
    assert summary.reason == "completed"
    warnings = [event.message for event in channel.events if isinstance(event, Warned)]
    assert len(warnings) == 4
    assert warnings[0].startswith("the evaluation could not be recorded: ")
    assert sum(isinstance(event, EvaluationCompleted) for event in channel.events) == 4


def test_a_resumed_run_drops_what_it_makes_anew(tmp_path):
    channel = ScriptedChannel((EvaluationCompleted, (Stop(),)))
    train(CARTPOLE, tmp_path / "run", channel, evaluation=EVERY)
    (kept,) = recordings(tmp_path / "run")
    later = kept.with_name(f"{9 * ITERATION:012}.npz")
    later.write_bytes(kept.read_bytes())
    Trainer.resume(tmp_path / "run").run(tmp_path / "run")
    assert kept in recordings(tmp_path / "run")
    assert later not in recordings(tmp_path / "run")
    assert len(recordings(tmp_path / "run")) == 4
