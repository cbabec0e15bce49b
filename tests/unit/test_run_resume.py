"""Going on from a checkpoint, and scoring one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from engine import manifest
from engine.checkpoint import find_checkpoint, load_checkpoint, save_checkpoint
from engine.commands import EvaluateNow, Pause, Resume, StepOnce, Stop
from engine.config import Config
from engine.errors import CheckpointError
from engine.events import RunPaused, RunStarted, UpdateCompleted, Warned
from engine.run import Trainer
from engine.scoring import evaluate_checkpoint
from tests.unit.cli_runner import Runner
from tests.unit.run_script import CARTPOLE, ITERATION, PENDULUM, TIMES, ScriptedChannel, rows, train, without

HALF, WHOLE = {"total_steps": 8 * ITERATION}, {"total_steps": 16 * ITERATION}
VARIANTS = {
    "exact temperature": {},
    "gradient temperature": {"vmpo": {"temperature_mode": "gradient", "target_update_period": 3}},
    "popart": {"vmpo": {"popart": True}, "network": {"shared_encoder": True, "state_dependent_std": True}},
    "sgd": {"optimizer": {"type": "sgd"}, "env": {"normalize_observation": False}},
}


def _same(a: object, b: object) -> bool:
    return torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_resumed_mujoco_run_equals_the_uninterrupted_one(variant, tmp_path):
    config = PENDULUM.updated({"evaluation": {"interval": 8 * ITERATION}}).updated(variant)
    train(config, tmp_path / "straight", run=WHOLE)
    train(config, tmp_path / "resumed", run=HALF)
    channel = ScriptedChannel()
    resumed = Trainer.resume(tmp_path / "resumed", total_steps=WHOLE["total_steps"], channel=channel)
    summary = resumed.run(tmp_path / "resumed")
    assert (summary.reason, summary.env_steps, summary.updates) == ("completed", 16 * ITERATION, 16)
    [started] = [event for event in channel.events if isinstance(event, RunStarted)]
    assert (started.env_steps, started.updates) == (8 * ITERATION, 8)
    assert "Warned" not in channel.kinds
    written = [without(rows(tmp_path / name), *TIMES) for name in ("straight", "resumed")]
    assert written[0] == written[1]
    first, second = (load_checkpoint(find_checkpoint(tmp_path / name)) for name in ("straight", "resumed"))
    assert first.tensors.keys() == second.tensors.keys()
    assert [key for key in first.tensors if not _same(first.tensors[key], second.tensors[key])] == []
    for checkpoint in (first, second):
        del checkpoint.state["training"]["seconds"]
    assert first.state == second.state


def test_a_stopped_run_continues_where_it_was(tmp_path):
    train(PENDULUM, tmp_path / "straight")
    channel = ScriptedChannel((UpdateCompleted, ()), (UpdateCompleted, (Stop(),)))
    assert train(PENDULUM, tmp_path / "stopped", channel).updates == 2
    summary = Trainer.resume(tmp_path / "stopped").run(tmp_path / "stopped")
    assert (summary.reason, summary.updates) == ("completed", 4)
    straight, stopped = (without(rows(tmp_path / name), *TIMES) for name in ("straight", "stopped"))
    assert stopped == straight


def test_a_run_that_is_resumed_paused_stands_still_until_it_is_told_to_go_on(tmp_path):
    train(PENDULUM, tmp_path / "straight")
    stop = ScriptedChannel((UpdateCompleted, (Pause(),)), (RunPaused, (Stop(hand_over=True),)))
    summary = train(PENDULUM, tmp_path / "run", stop)
    assert (summary.reason, summary.paused, summary.updates) == ("handed over", True, 1)
    channel = ScriptedChannel((RunPaused, (StepOnce(),)), (RunPaused, (EvaluateNow(), Resume())))
    Trainer.resume(tmp_path / "run", channel=channel, paused=True).run(tmp_path / "run")
    told = [kind for kind in channel.kinds if kind not in {"PhaseChanged", "CheckpointSaved"}]
    assert told[:6] == [
        "RunStarted", "RunPaused", "UpdateCompleted", "RunPaused", "EvaluationCompleted", "RunResumed",
    ]  # fmt: skip
    straight, resumed = (without(rows(tmp_path / name), *TIMES) for name in ("straight", "run"))
    assert resumed == straight


def test_rows_after_the_checkpoint_are_not_repeated(tmp_path):
    stop = ScriptedChannel(*2 * [(UpdateCompleted, ())], (UpdateCompleted, (Stop(save=False),)))
    train(PENDULUM, tmp_path / "run", stop, checkpoint={"interval": 2 * ITERATION})
    assert [row["updates"] for row in rows(tmp_path / "run")] == [1, 2, 3]
    Trainer.resume(tmp_path / "run").run(tmp_path / "run")
    assert [row["updates"] for row in rows(tmp_path / "run")] == [1, 2, 3, 4]


def test_a_resume_that_is_not_exact_says_why(tmp_path, monkeypatch):
    config = PENDULUM.updated({"optimizer": {"schedule": "linear"}})
    train(config, tmp_path / "run", run=HALF)
    then = manifest._libraries() | {"mujoco": "3.9.9", "colossus": "1.0"}
    checkpoint = find_checkpoint(tmp_path / "run")
    rewrite_manifest(checkpoint, libraries=then, torch_threads=7, cpu="PDP-11")
    channel = ScriptedChannel()
    resumed = Trainer.resume(tmp_path / "run", total_steps=WHOLE["total_steps"], channel=channel)
    assert resumed.run(tmp_path / "run").updates == 16
    now = manifest._libraries()
    capability = torch.backends.cpu.get_cpu_capability()
    warnings = [event.message for event in channel.events if isinstance(event, Warned)]
    assert warnings == [
        "resume is not exact: colossus is missing and was 1.0",
        f"resume is not exact: mujoco is {now['mujoco']} and was 3.9.9",
        "resume is not exact: PyTorch computes on 1 threads and did on 7",
        f"resume is not exact: this processor computes with {capability}, the one before with PDP-11",
        "resume is not exact: the learning rates fall to 0 by 256 steps now, not by 128",
    ]
    assert channel.kinds.index("Warned") == channel.kinds.index("RunStarted") + 1
    assert (tmp_path / "run" / "events.jsonl").read_text().count("resume is not exact") == len(warnings)


def rewrite_manifest(checkpoint: Path, **changes: object) -> None:
    """Change what a manifest says, and sign it anew."""
    document = json.loads((checkpoint / manifest.MANIFEST).read_text()) | changes
    document.pop("sha256")
    (checkpoint / manifest.MANIFEST).write_bytes(manifest._signed(document))


def test_the_best_return_survives_a_resume(tmp_path):
    first = train(PENDULUM, tmp_path / "run", run=HALF)
    assert first.best_return is not None
    channel = ScriptedChannel((UpdateCompleted, (Stop(),)))  # before anything is evaluated again
    resumed = Trainer.resume(tmp_path / "run", total_steps=WHOLE["total_steps"], channel=channel)
    stopped = resumed.run(tmp_path / "run")
    assert (stopped.updates, stopped.final_evaluation) == (9, None)
    assert stopped.best_return == first.best_return
    summary = Trainer.resume(tmp_path / "run").run(tmp_path / "run")
    assert summary.final_evaluation is not None
    returns = summary.final_evaluation.returns
    assert summary.best_return == max(first.best_return, sum(returns) / len(returns))


@pytest.fixture
def foreign(tmp_path):
    """A checkpoint whose networks belong to CartPole-v1 and whose configuration says InvertedPendulum-v5."""
    train(CARTPOLE, tmp_path / "run")
    checkpoint = load_checkpoint(find_checkpoint(tmp_path / "run"))
    config: Config = dataclasses.replace(checkpoint.config, env=PENDULUM.env)
    save_checkpoint(
        tmp_path / "run" / "checkpoints",
        env_steps=checkpoint.env_steps,
        updates=checkpoint.updates,
        tensors=checkpoint.tensors,
        state=checkpoint.state,
        config=config,
        best=False,
        keep=1,
    )
    return tmp_path / "run"


def test_a_checkpoint_of_another_environment_is_refused(foreign):
    channel = ScriptedChannel()
    with pytest.raises(CheckpointError, match="does not fit"):
        Trainer.resume(foreign, total_steps=1000, channel=channel).run(foreign)
    assert channel.kinds[-1] == "RunFailed"
    assert "RunStarted" not in channel.kinds
    with pytest.raises(CheckpointError, match="InvertedPendulum-v5"):
        evaluate_checkpoint(foreign, episodes=1, seed=0)


def test_there_must_be_a_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        Trainer.resume(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="nowhere"):
        evaluate_checkpoint(tmp_path / "nowhere", episodes=1, seed=0)


@pytest.mark.parametrize("config", [CARTPOLE, PENDULUM], ids=["gymnasium", "mujoco"])
def test_a_checkpoint_is_scored_on_fresh_episodes(config, tmp_path):
    summary = train(config, tmp_path / "run")
    first = evaluate_checkpoint(tmp_path / "run", episodes=4, seed=11)
    again = evaluate_checkpoint(find_checkpoint(tmp_path / "run"), episodes=4, seed=11)
    assert len(first.returns) == len(first.lengths) == 4
    assert (first.returns, first.lengths) == (again.returns, again.lengths)
    assert first.min <= first.mean <= first.max
    # Both environments pay 1 for each step that does not end the episode (CartPole for that one too).
    assert all(
        length - 1 <= score <= length for score, length in zip(first.returns, first.lengths, strict=True)
    )
    sampled = evaluate_checkpoint(tmp_path / "run", episodes=4, seed=11, deterministic=False)
    assert sampled.returns != first.returns
    # The run's own evaluation, on the seed and number of episodes that it used.
    assert summary.final_evaluation is not None
    repeated = evaluate_checkpoint(tmp_path / "run", episodes=2, seed=3 + 1_000_003)
    assert repeated.returns == summary.final_evaluation.returns


def test_a_run_that_goes_on_without_its_pointer_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run = tmp_path / "run"
    train(CARTPOLE, run)
    [checkpoint] = (run / "checkpoints").glob("0*")
    for name in ("last", "best"):
        (run / "checkpoints" / name).unlink()
    pointer = run / "checkpoints" / "last"
    note = f"{pointer} is missing, so that the newest checkpoint is taken: {checkpoint.name}"
    vmpo = Runner(capsys)
    scored = vmpo("eval", str(run), "--episodes", "1")
    assert (scored.code, scored.err) == (0, f"warning: {note}\n")
    best = vmpo("eval", str(run), "--episodes", "1", "--best")
    assert (best.code, best.out, best.err.count("\n")) == (2, "", 1)
    assert f"{run} has no best checkpoint" in best.err
    assert checkpoint.name in best.err
    resumed = vmpo("resume", str(run), "--steps", "80", "--no-progress")
    assert resumed.code == 0
    assert f"warning: {note}\n" in resumed.err
