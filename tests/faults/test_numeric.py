"""Numbers that stop being finite: caught before an optimiser steps, the last good state saved, replayable."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import learner as learner_module
from engine import run as run_module
from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.config import Config
from engine.envs.base import StepBatch
from engine.errors import CheckpointError, NonFiniteError
from engine.failure import read_report
from engine.m_step import MStep, m_step
from engine.run import Trainer
from engine.training import Training
from tests.unit.cli_runner import Runner
from tests.unit.run_script import CARTPOLE, ITERATION, PENDULUM, ScriptedChannel, rows
from vmpo_tui.cli.commands import app

Break = Callable[[Training, pytest.MonkeyPatch], None]
GRADIENT = PENDULUM.updated({"vmpo": {"temperature_mode": "gradient"}})


def steps_give(**values: float) -> Break:
    """Return a break in which environment 1 gives other numbers than it should."""

    def break_it(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
        step = training.env.step

        def broken(actions: Any) -> StepBatch:
            batch = step(actions)
            if "reward" in values:
                batch.reward[1] = values["reward"]
            if "observation" in values:
                batch.observation[1, 0] = values["observation"]
            return batch

        monkeypatch.setattr(training.env, "step", broken)

    return break_it


def m_step_gives(part: str) -> Break:
    """Return a break of the M-step's gradient or KL."""

    def broken(*args: Any, **options: Any) -> MStep:
        gradients, kls = m_step(*args, **options)
        (gradients[0] if part == "gradient" else kls).view(-1)[0] = torch.nan
        return MStep(gradients, kls)

    return lambda _, monkeypatch: monkeypatch.setattr(learner_module, "m_step", broken)


def tensor_is(name: str, value: float) -> Break:
    """Return a break of one number inside what learns."""

    def break_it(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
        vectors = {
            "policy": training.learner._policy_parameters.vector,
            "value": training.learner._value_parameters.vector,
            "temperature": training.learner.temperature.raw,
        }
        with torch.no_grad():
            vectors[name][0] = value

    return break_it


BREAKS: dict[str, tuple[Config, Break, str]] = {
    "advantages": (
        PENDULUM.updated({"env": {"normalize_reward": False}}), steps_give(reward=1e300),
        "update 2: the advantages are not finite",
    ),
    "temperature loss": (GRADIENT, tensor_is("temperature", np.nan), "update 2: the temperature loss is nan"),
    "policy gradient": (
        PENDULUM, m_step_gives("gradient"), r"update 2, gradient step 5: not finite \(policy gradient nan, "
    ),
    "KL": (PENDULUM, m_step_gives("kl"), r"gradient step 5: not finite \(.*KL mean nan"),
    "policy parameter": (PENDULUM, tensor_is("policy", np.inf), r"not finite \(policy parameters\)"),
    "value parameter": (PENDULUM, tensor_is("value", -np.inf), r"not finite \(value parameters\)"),
    "observation statistics": (
        PENDULUM, steps_give(observation=1e200), "observations: the running mean or variance would no longer",
    ),
    "reward statistics": (
        PENDULUM.updated({"env": {"clip_reward": 1.0}}), steps_give(reward=1e200),
        "rewards: the running mean or variance would no longer be finite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BREAKS.values(), ids=BREAKS)
def test_it_is_caught_before_an_optimiser_steps(
    case: tuple[Config, Break, str], monkeypatch: pytest.MonkeyPatch
):
    config, break_it, message = case
    training = Training(config)
    training.start()
    training.iterate()
    break_it(training, monkeypatch)
    steps: list[bool] = []
    for optimizer in (training.learner.optimizer, training.learner._temperature_optimizer):
        step = optimizer.step

        def counted(step: Any = step) -> None:
            finite = [torch.isfinite(vector.grad).all() for vector in vectors(training)]
            steps.append(all(finite))
            step()

        monkeypatch.setattr(optimizer, "step", counted)
    actor = {name: tensor.clone() for name, tensor in training.agent.target_policy.state_dict().items()}
    with pytest.raises(NonFiniteError, match=message) as caught:
        training.iterate()
    assert "see what the environment gives" in str(caught.value) or "try a smaller" in str(caught.value)
    assert all(steps)  # none on a gradient that is not finite
    if "running mean" not in message:  # statistics come last: the update itself was sound
        acts = training.agent.target_policy.state_dict()
        assert all(torch.equal(actor[name], acts[name]) for name in actor)
    if "gradient step 5" in message or "parameters" in message:
        assert not steps
    training.close()


def vectors(training: Training) -> list[torch.Tensor]:
    learner = training.learner
    return [learner._policy_parameters.vector, learner._value_parameters.vector]


class Breaking(ScriptedChannel):
    """Breaks the training of a run after an update."""

    def __init__(self, break_it: Break, monkeypatch: pytest.MonkeyPatch, after: int = 2) -> None:
        super().__init__()
        self._break, self._monkeypatch, self._after = break_it, monkeypatch, after
        self.trainer: Trainer

    def emit(self, event: Any) -> None:
        super().emit(event)
        if type(event).__name__ == "UpdateCompleted" and event.metrics["updates"] == self._after:
            self._break(self.trainer._training, self._monkeypatch)


def fail(config: Config, break_it: Break, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Breaking:
    channel = Breaking(break_it, monkeypatch)
    channel.trainer = Trainer(config, channel=channel)
    with pytest.raises(NonFiniteError):
        channel.trainer.run(run_dir)
    return channel


HUGE = {
    "gymnasium": (CARTPOLE.updated({"env": {"normalize_reward": False}}), steps_give(reward=1e300)),
    "mujoco": (PENDULUM, steps_give(observation=1e200)),
    "popart": (
        PENDULUM.updated({"env": {"normalize_reward": False}, "vmpo": {"popart": True}}),
        steps_give(reward=1e30),
    ),
}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=[] if name == "mujoco" else pytest.mark.faults)
        for name, case in HUGE.items()
    ],
)
def test_the_last_good_state_is_saved_and_the_batch_replayed_by_a_command(
    case: tuple[Config, Break], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    channel = fail(*case, tmp_path / "run", monkeypatch)
    monkeypatch.undo()
    assert channel.kinds[-2:] == ["CheckpointSaved", "RunFailed"]
    failure = channel.events[-1]
    report = tmp_path / "run" / "failures" / "update-3.safetensors"
    assert failure.error.endswith(f"its batch is kept, to look at it: vmpo replay-failure {report}")  # type: ignore[attr-defined]
    saved = load_checkpoint(find_checkpoint(tmp_path / "run"))
    assert saved.updates == 2
    assert all(tensor.isfinite().all() for tensor in saved.tensors.values() if tensor.is_floating_point())
    # In another process, as a user would.
    command = [sys.executable, "-m", "vmpo_tui", "replay-failure", str(report), "--json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    document = json.loads(output)
    assert document["again"] == document["error"]
    assert failure.error.startswith(document["error"])  # type: ignore[attr-defined]
    names = [row["name"] for row in document["statistics"]]
    assert {"observations", "rewards", "actions"} <= set(names)
    # The run goes on from there with a rollout of its own.
    summary = Trainer.resume(tmp_path / "run").run(tmp_path / "run")
    assert (summary.reason, summary.updates) == ("completed", 4)
    assert [row["updates"] for row in rows(tmp_path / "run")] == [1, 2, 3, 4]


def test_the_state_before_the_failed_update_is_the_one_that_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A failure in the middle of an update leaves nothing of it, not even its first gradient steps."""
    count = 0

    def late(*args: Any, **options: Any) -> MStep:
        nonlocal count
        count += 1
        gradients, kls = m_step(*args, **options)
        return MStep(gradients, kls * torch.nan if count == 3 else kls)

    fail(
        PENDULUM.updated({"checkpoint": {"interval": ITERATION}}),
        lambda _, patch: patch.setattr(learner_module, "m_step", late),
        tmp_path / "run",
        monkeypatch,
    )
    assert count == 3
    monkeypatch.undo()
    straight = Trainer(PENDULUM.updated({"run": {"total_steps": 2 * ITERATION}}))
    straight.run(tmp_path / "straight")
    first, second = (load_checkpoint(find_checkpoint(tmp_path / name)) for name in ("run", "straight"))
    learned = [name for name in first.tensors if name.startswith("state.training.learner")]
    assert len(learned) > 10
    assert [name for name in learned if not torch.equal(first.tensors[name], second.tensors[name])] == []


def test_a_report_that_cannot_be_written_does_not_hide_the_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: Any) -> None:
        raise CheckpointError("cannot write it: No space left on device")

    monkeypatch.setattr(run_module, "write_report", refuse)
    channel = fail(PENDULUM, steps_give(observation=1e200), tmp_path / "run", monkeypatch)
    assert "would no longer be finite" in channel.events[-1].error  # type: ignore[attr-defined]
    assert channel.events[-1].error.endswith(  # type: ignore[attr-defined]
        "its batch could not be kept: cannot write it: No space left on device"
    )


def test_a_real_run_that_explodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run = str(tmp_path / "run")
    command = ["train", "InvertedPendulum-v5", "--steps", "9000", "--run-dir", run, "--no-progress"]
    for setting in ("policy_lr=1e38", "value_lr=1e38", "max_grad_norm=0"):
        command += ["--set", f"optimizer.{setting}"]
    result = Runner(capsys)(*command, app=app)
    assert result.code == 1
    last = result.err.splitlines()[-1]
    assert last.startswith("error: update 1, gradient step ")
    again = Runner(capsys)("replay-failure", last.rpartition("replay-failure ")[2], app=app)
    assert again.code == 0
    then, now = (line.split(maxsplit=1)[1] for line in again.out.splitlines()[1:3])
    assert then == now
    assert "observations, normalised" in again.out


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\x80\x04cos\nsystem\n.", random.Random(0).randbytes(3000), b"\x02\0\0\0\0\0\0\0{}"],
    ids=["empty", "text", "pickle", "noise", "header"],
)
def test_a_file_that_is_no_report(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "update-1.safetensors"
    file.write_bytes(content)
    result = Runner(capsys)("replay-failure", str(file), app=app)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert result.err.startswith(f"error: {file} is no report of a numeric failure, or damaged: ")


def test_a_batch_that_does_not_fail_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    fail(PENDULUM, m_step_gives("gradient"), tmp_path / "run", monkeypatch)
    monkeypatch.undo()
    [report] = (tmp_path / "run" / "failures").iterdir()
    assert read_report(report).replay() == ""
    result = Runner(capsys)("replay-failure", str(report), app=app)
    assert result.code == 1
    assert "again  it does not fail here" in result.out
