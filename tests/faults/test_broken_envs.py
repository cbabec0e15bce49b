"""Environments that break: named with index and step, the run saved or gone on with, nothing left behind."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from mujoco.batch import Batch, SimulationError

from engine.channel import Channel
from engine.checkpoint import find_checkpoint, load_checkpoint
from engine.config import Config
from engine.envs import gymnasium as backend_module
from engine.envs.gymnasium import episode_seeds
from engine.errors import EnvironmentFault
from engine.events import Event, RunFailed, UpdateCompleted, Warned
from engine.run import Trainer
from engine.summary import RunSummary
from engine.training import Training
from tests.unit.fault_envs import STEP_FAULTS
from tests.unit.run_script import CARTPOLE, ITERATION, PENDULUM, ScriptedChannel, rows
from vmpo_tui.app import VmpoApp
from vmpo_tui.session import Session

SEED = 3
BREAKS_AT = 20
"""A step of the third rollout of 8."""
CAUGHT = [*STEP_FAULTS, "reset"]
"""Faults that can be caught in the process that they happen in."""
LOST = {
    "die": r"lost its process, which ended with exit code 3 \(step 20\)",
    "hang": r"did not answer a step within 2 s \(env.timeout\) \(step 20\)",
    "hanging-reset": r"did not answer a step within 2 s \(env.timeout\) \(step 21\)",
}
"""Faults that take the process along."""
SHORT = {("gymnasium", fault) for fault in CAUGHT} | {
    ("gymnasium-async", "nan-reward"),
    ("gymnasium-async", "die"),
}


def cases(faults: list[str], *backends: str) -> list[Any]:
    return [
        pytest.param(backend, fault, marks=[] if (backend, fault) in SHORT else pytest.mark.faults)
        for backend in backends
        for fault in faults
    ]


@pytest.fixture(autouse=True)
def no_orphans(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(backend_module, "_CLOSE_SECONDS", 0.2)
    yield
    assert not multiprocessing.active_children()


@contextlib.contextmanager
def broken(fault: str, *, always: bool = False, after: int = BREAKS_AT) -> Iterator[str]:
    """Register an environment the second of two of which breaks; yield its id."""
    env_id = f"Breaking/{fault}-v0"
    seed = None if always else episode_seeds(SEED, 2)[1]
    kwargs = {"fault": fault, "seed": seed, "after": after}
    gym.register(env_id, "tests.unit.fault_envs:BreakingEnv", kwargs=kwargs)
    try:
        yield env_id
    finally:
        del gym.registry[env_id]


def settings(env_id: str, backend: str, **env: Any) -> Config:
    return CARTPOLE.updated({"env": {"id": env_id, "backend": backend, "timeout": 2.0, **env}})


def fail(config: Config, run_dir: Path, channel: ScriptedChannel | None = None) -> str:
    """Train a run that fails by an environment; return what it says."""
    channel = channel or ScriptedChannel()
    with pytest.raises(EnvironmentFault) as caught:
        Trainer(config, channel=channel).run(run_dir)
    assert channel.kinds[-2:] == ["CheckpointSaved", "RunFailed"]
    failed = channel.events[-1]
    assert isinstance(failed, RunFailed)
    assert (failed.kind, failed.updates) == (type(caught.value).__name__, 2)
    assert failed.error == str(caught.value)
    assert failed.checkpoint == str(find_checkpoint(run_dir))
    assert load_checkpoint(find_checkpoint(run_dir)).updates == 2
    return failed.error


def goes_on(run_dir: Path) -> None:
    """Resume a run whose episodes were lost, and train it to its end."""
    channel = ScriptedChannel()
    assert Trainer.resume(run_dir, channel=channel).run(run_dir).reason == "completed"
    assert [row["updates"] for row in rows(run_dir)] == [1, 2, 3, 4]
    warnings = [event.message for event in channel.events if isinstance(event, Warned)]
    assert warnings == ["resume is not exact: the episodes under way were not saved; every one starts anew"]


@pytest.mark.parametrize(("backend", "fault"), cases(CAUGHT, "gymnasium", "gymnasium-async"))
def test_a_fault_is_named_and_the_run_saved(backend: str, fault: str, tmp_path: Path):
    with broken(fault) as env_id:
        error = fail(settings(env_id, backend), tmp_path / "run")
        step = BREAKS_AT + 1 if fault == "reset" else BREAKS_AT
        assert error.startswith(f"environment 1 of {env_id} failed at step {step}: ")
        goes_on(tmp_path / "run")


@pytest.mark.parametrize(("backend", "fault"), cases([*LOST], "gymnasium-async"))
def test_a_lost_process_is_named_and_the_run_saved(backend: str, fault: str, tmp_path: Path):
    with broken(fault) as env_id:
        error = fail(settings(env_id, backend), tmp_path / "run")
        assert error.startswith(f"environment 1 of {env_id} ")
        assert error.removeprefix(f"environment 1 of {env_id} ") == LOST[fault].replace("\\", "")
        goes_on(tmp_path / "run")


@pytest.mark.parametrize("backend", ["gymnasium", pytest.param("gymnasium-async", marks=pytest.mark.faults)])
def test_a_slow_reset_is_no_fault(backend: str, tmp_path: Path):
    with broken("slow-reset") as env_id:
        summary = Trainer(settings(env_id, backend)).run(tmp_path / "run")
    assert (summary.reason, summary.updates) == ("completed", 4)


def restarted(
    config: Config, run_dir: Path, channel: ScriptedChannel | None = None
) -> tuple[list[str], list[Any]]:
    """Train with restarts; return the warnings, and (restarts, steps) of each row."""
    channel = channel or ScriptedChannel()
    config = config.updated({"env": {"on_fault": "restart"}})
    assert Trainer(config, channel=channel).run(run_dir).reason == "completed"
    warnings = [event.message for event in channel.events if isinstance(event, Warned)]
    return warnings, [(row["env/restarts"], row["env_steps"]) for row in rows(run_dir)]


@pytest.mark.parametrize(("backend", "fault"), cases(CAUGHT, "gymnasium", "gymnasium-async"))
def test_a_restart_is_counted_and_told(backend: str, fault: str, tmp_path: Path):
    with broken(fault) as env_id:
        warnings, counted = restarted(settings(env_id, backend), tmp_path / "run")
    [warning] = warnings
    step = BREAKS_AT + 1 if fault == "reset" else BREAKS_AT
    assert warning.startswith(f"environment 1 of {env_id} failed at step {step}: ")
    assert warning.endswith("; restarted; 1 restart so far")
    # The step that broke counts for nothing; a reset that breaks costs no step.
    lost = 0 if fault == "reset" else 1
    assert counted[:4] == [(0, 16), (0, 32), (1, 48 - lost), (1, 64 - lost)]


@pytest.mark.parametrize(("backend", "fault"), cases([*LOST], "gymnasium-async"))
def test_the_loss_of_a_process_restarts_all(backend: str, fault: str, tmp_path: Path):
    with broken(fault) as env_id:
        warnings, counted = restarted(settings(env_id, backend), tmp_path / "run")
    [warning] = warnings
    assert warning.startswith(f"environment 1 of {env_id} ")
    assert warning.endswith("; all 2 environments begin new episodes; 1 restart so far")
    assert counted[:4] == [(0, 16), (0, 32), (1, 46), (1, 62)]


@pytest.mark.parametrize(
    ("backend", "fault"),
    [("gymnasium", "raise"), pytest.param("gymnasium-async", "die", marks=pytest.mark.faults)],
)
def test_what_breaks_again_at_once_is_a_fault_after_all(backend: str, fault: str, tmp_path: Path):
    with broken(fault, always=True, after=1) as env_id:
        config = settings(env_id, backend, on_fault="restart")
        channel = ScriptedChannel()
        with pytest.raises(EnvironmentFault, match=r"environment \d of .* at step 4|\(step 4\)"):
            Trainer(config, channel=channel).run(tmp_path / "run")
    assert channel.kinds[-1] == "RunFailed"


def test_a_rollout_without_a_step_that_succeeds_is_a_fault(tmp_path: Path):
    with broken("raise", always=True, after=1) as env_id:
        config = settings(env_id, "gymnasium", on_fault="restart")
        with pytest.raises(
            EnvironmentFault, match=r"^no step of a rollout succeeded: environment 1 of .* boom"
        ):
            Trainer(config.updated({"vmpo": {"rollout_steps": 2}})).run(tmp_path / "run")


Break = Callable[[Training, pytest.MonkeyPatch], None]


class Breaking(ScriptedChannel):
    """Does something to the training after its second update."""

    def __init__(
        self, break_it: Callable[[Training, pytest.MonkeyPatch], None], patch: pytest.MonkeyPatch
    ) -> None:
        super().__init__()
        self._break, self._patch = break_it, patch
        self.training: Training

    def emit(self, event: Event) -> None:
        super().emit(event)
        if isinstance(event, UpdateCompleted) and event.metrics["updates"] == 2:
            self._break(self.training, self._patch)


def lose_a_position(training: Training, patch: pytest.MonkeyPatch) -> None:
    training.env._task.qpos[1] = np.nan  # type: ignore[attr-defined]


def once(owner: Any, name: str, spoil: Callable[[Any], Any], patch: pytest.MonkeyPatch) -> None:
    """Spoil what a method gives the next time."""
    original, calls = getattr(owner, name), iter([True])

    def spoiled(*args: Any, **options: Any) -> Any:
        result = original(*args, **options)
        return spoil(result) if next(calls, False) else result

    patch.setattr(owner, name, spoiled)


def lose_a_reward(training: Training, patch: pytest.MonkeyPatch) -> None:
    def spoil(outcome: Any) -> Any:
        outcome.reward[1] = np.nan
        return outcome

    once(training.env._task, "outcome", spoil, patch)  # type: ignore[attr-defined]


def lose_an_observation(training: Training, patch: pytest.MonkeyPatch) -> None:
    def spoil(observation: Any) -> Any:
        observation[1, 0] = np.inf
        return observation

    once(training.env._task, "observe", spoil, patch)  # type: ignore[attr-defined]


def fail_inside(training: Training, patch: pytest.MonkeyPatch) -> None:
    def spoil(_: Any) -> None:
        raise SimulationError(np.array([1]), "stack overflow", 2)

    once(Batch, "step", spoil, patch)


MUJOCO = {
    "diverges": (lose_a_position, "the simulation diverged: its state is no longer finite"),
    "fails": (fail_inside, "MuJoCo failed: "),
    "nan reward": (lose_a_reward, "its reward is not finite"),
    "infinite observation": (lose_an_observation, "its observation is not finite"),
}
HOPPER = PENDULUM.updated({"env": {"id": "Hopper-v5", "stagger": False}})


@pytest.fixture
def channel(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Breaking:
    monkeypatch.chdir(tmp_path)  # MuJoCo reports a divergence to a log file
    breaking = Breaking(request.param, monkeypatch)
    original = Training.__init__

    def note(training: Training, config: Config) -> None:
        original(training, config)
        breaking.training = training

    monkeypatch.setattr(Training, "__init__", note)
    return breaking


BY_NAME = pytest.mark.parametrize(("channel", "cause"), MUJOCO.values(), ids=MUJOCO, indirect=["channel"])


@BY_NAME
def test_a_broken_simulation_is_named_and_the_run_saved(
    channel: Breaking, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    error = fail(HOPPER, tmp_path / "run", channel)
    assert error.startswith("Hopper-v5: environment 1 at step ")
    assert f" of its episode: {cause}" in error
    monkeypatch.undo()
    goes_on(tmp_path / "run")


@BY_NAME
def test_a_broken_simulation_is_restarted(channel: Breaking, cause: str, tmp_path: Path):
    warnings, counted = restarted(HOPPER, tmp_path / "run", channel)
    [warning] = warnings
    assert warning.startswith("Hopper-v5: environment 1 at step ")
    assert cause in warning
    assert warning.endswith("; restarted; 1 restart so far")
    assert counted[:4] == [(0, 16), (0, 32), (1, 47), (1, 63)]


def test_a_simulation_that_breaks_at_once_is_a_fault_after_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    training = Training(HOPPER.updated({"env": {"on_fault": "restart"}}))
    training.start()
    step = Batch.step

    def diverge(batch: Batch, *args: Any, **options: Any) -> None:
        batch.bind("qpos")[0] = np.nan
        step(batch, *args, **options)

    monkeypatch.setattr(Batch, "step", diverge)
    with pytest.raises(EnvironmentFault, match="environment 0 at step 1 of its episode: the simu"):
        training.iterate()
    assert len(training.env.take_faults()) == 3
    training.close()


async def test_restarts_are_on_the_screen(tmp_path: Path):
    with broken("raise") as env_id:
        config = settings(env_id, "gymnasium", on_fault="restart")

        def train(channel: Channel) -> RunSummary:
            return Trainer(config, channel=channel).run(tmp_path / "run")

        app = VmpoApp(Session(train))
        async with app.run_test(size=(120, 40)) as pilot:
            while not app.view.over:
                await pilot.pause(0.05)
            await pilot.pause()
            picture = app.export_screenshot().replace("&#160;", " ")
    assert ">  1 env restart<" in picture
    assert "failed at step 20" in picture


def test_an_evaluation_leaves_out_the_episodes_that_broke(tmp_path: Path):
    config = settings("", "gymnasium", on_fault="restart")
    seed = config.run.seed + 1_000_003
    env_id = "Breaking/evaluation-v0"
    gym.register(
        env_id,
        "tests.unit.fault_envs:BreakingEnv",
        kwargs={"fault": "raise", "seed": episode_seeds(seed, 2)[0], "after": 3},
    )
    try:
        config = config.updated({"env": {"id": env_id}})
        summary = Trainer(config).run(tmp_path / "run")
    finally:
        del gym.registry[env_id]
    assert summary.final_evaluation is not None
    assert summary.final_evaluation.returns == (7.0,)
    assert summary.final_evaluation.lengths == (7,)
    assert summary.env_steps == 4 * ITERATION
