"""The Gymnasium backend: what it feeds environments, and what it does when they break."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from engine.envs import gymnasium as backend
from engine.envs.base import ContinuousActions, DiscreteActions, FaultPolicy
from engine.envs.gymnasium import GymnasiumEnv
from engine.errors import CheckpointError, EnvironmentFault
from tests.unit import fault_envs
from tests.unit.fault_envs import BREAK, END, LEAVES, STEP_FAULTS

Make = Callable[..., GymnasiumEnv]


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with fault_envs.registered():
        yield


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[GymnasiumEnv] = []

    def build(env_id: str, num_envs: int = 3, *, asynchronous: bool = False, **options: Any) -> GymnasiumEnv:
        made.append(GymnasiumEnv(env_id, num_envs, asynchronous=asynchronous, **options))
        return made[-1]

    yield build
    for env in made:
        env.close()
    assert not multiprocessing.active_children()


def actions(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_numbers_are_those_of_the_bare_environment(make: Make, env_id: str, asynchronous: bool) -> None:
    env = make(env_id, 2, asynchronous=asynchronous)
    bare = gym.make(env_id)
    # Environment 1 of 2; see `GymnasiumEnv.reset` for the seeds.
    seed = int(np.random.SeedSequence(7).generate_state(2)[1]) >> 1
    expected = bare.reset(seed=seed)[0]
    assert np.array_equal(env.reset(7)[1], expected)
    rng = np.random.default_rng(0)
    ends = 0
    for _ in range(250):
        discrete = isinstance(env.spec.actions, DiscreteActions)
        action = rng.integers(2, size=2) if discrete else rng.uniform(-2, 2, (2, 1))
        batch = env.step(action)
        successor, reward, terminated, truncated, _ = bare.step(
            action[1] if discrete else action[1].astype(np.float32)
        )
        assert np.array_equal(batch.next_observation[1], successor)
        assert batch.reward[1] == reward
        assert (batch.terminated[1], batch.truncated[1]) == (terminated, truncated)
        ends += terminated or truncated
        expected = bare.reset()[0] if terminated or truncated else successor
        assert np.array_equal(batch.observation[1], expected)
    bare.close()
    assert ends > 0


def test_nested_observations_are_flattened_and_discrete_actions_start_where_the_space_does(
    make: Make,
) -> None:
    env = make("Faulty/NestedEnv-v0", 2)
    assert env.spec.observation_size == 9
    assert env.spec.actions == DiscreteActions(3)
    assert env.reset(0)[0].tolist() == [1, 0, 0, 200, 200, 200, 200, 0, 1]
    batch = env.step(np.array([1, 2]))
    assert batch.observation[:, :3].tolist() == [[0, 1, 0], [0, 0, 1]]
    assert batch.reward.tolist() == [2, 2]


def test_matrix_actions_arrive_in_their_shape_and_a_termination_beats_a_truncation(make: Make) -> None:
    env = make("Faulty/MatrixActionEnv-v0", 1)
    assert isinstance(env.spec.actions, ContinuousActions)
    assert env.spec.actions.high.tolist() == [1, 2, 3, 4]
    env.reset(0)
    batch = env.step(np.array([[0.5, 1, 1.5, 2]]))
    assert batch.next_observation.tolist() == [[0.5, 1, 1.5, 2]]
    assert batch.observation.tolist() == [[0, 0, 0, 0]]
    assert (batch.terminated[0], batch.truncated[0]) == (True, False)


IN_PROCESSES = {*STEP_FAULTS} - {*LEAVES} | {
    "dict-longer",
    "tuple-shorter",
    "bytes-overflow",
    "float32-overflow",
}


@pytest.mark.parametrize(
    ("fault", "asynchronous"),
    [
        (fault, asynchronous)
        for asynchronous in (False, True)
        for fault in STEP_FAULTS
        if not asynchronous or fault in IN_PROCESSES
    ],
)
def test_a_step_that_breaks_is_named(
    make: Make, fault: str, asynchronous: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    env = make(f"Faulty/{fault}-v0", asynchronous=asynchronous)
    env.reset(0)
    env.step(actions(0, 0, END))
    with pytest.raises(EnvironmentFault) as caught:
        env.step(actions(0, BREAK, 0))
    message = f"environment 1 of Faulty/{fault}-v0 failed at step 2: {STEP_FAULTS[fault]}"
    assert re.fullmatch(message, str(caught.value))
    assert "Traceback" in caught.value.__notes__[0]
    assert not multiprocessing.active_children()
    with pytest.raises(EnvironmentFault, match="are closed; make new ones"):
        env.step(actions(0, 0, 0))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("env_id", ["NestedEnv", "dict-nan", "tuple-index", "bytes-shape", "float32-integer"])
def test_observations_are_flattened_as_gymnasium_does(make: Make, env_id: str) -> None:
    bare = gym.make(f"Faulty/{env_id}-v0").unwrapped
    observation, _ = bare.reset()
    expected = gym.spaces.flatten(bare.observation_space, observation)
    assert make(f"Faulty/{env_id}-v0", 1).reset(0)[0].tolist() == np.ravel(expected).tolist()


def test_an_array_that_an_environment_uses_again_is_not_shared(make: Make) -> None:
    env = make("Faulty/ReusingEnv-v0", 1)
    first = env.reset(0)
    second = env.step(actions(0)).observation
    last = env.step(actions(END))
    assert [values[0, 0] for values in (first, second, last.next_observation, last.observation)] == [
        0,
        1,
        2,
        0,
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_is_raised_past_the_guard_is_a_fault_and_not_printed(
    make: Make, asynchronous: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    env = make("Faulty/generator-v0", 2, asynchronous=asynchronous)
    env.reset(0)
    name = "environment 0" if asynchronous else "an environment"
    message = f"{name} of Faulty/generator-v0 failed in a call: RuntimeError: no generator (step 0)"
    with pytest.raises(EnvironmentFault, match=f"^{re.escape(message)}$"):
        env.state_dict()
    assert not multiprocessing.active_children()
    assert capfd.readouterr() == ("", "")


def test_what_is_raised_past_the_guard_and_cannot_cross_a_pipe_is_a_fault_too(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "_CLOSE_SECONDS", 0.2)
    env = make("Faulty/local-generator-v0", 2, asynchronous=True)
    env.reset(0)
    with pytest.raises(
        EnvironmentFault,
        match=r"environment 0 of .* failed in a call: an error that cannot be told \(step 0\)",
    ):
        env.state_dict()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_reset_that_breaks_is_named(make: Make, asynchronous: bool) -> None:
    env = make("Faulty/first-reset-v0", asynchronous=asynchronous)
    with pytest.raises(EnvironmentFault, match=r"environment 0 of .* failed in its first reset: .*no start"):
        env.reset(0)
    env = make("Faulty/reset-v0", asynchronous=asynchronous)
    env.reset(0)
    with pytest.raises(
        EnvironmentFault, match=r"environment 2 of .* failed at step 1: RuntimeError: no start"
    ):
        env.step(actions(0, 0, END))


def test_a_worker_that_dies_is_named(make: Make) -> None:
    env = make("Faulty/die-v0", asynchronous=True)
    env.reset(0)
    with pytest.raises(
        EnvironmentFault, match=r"environment 2 .* lost its process, .* exit code 3 \(step 1\)"
    ):
        env.step(actions(0, 0, BREAK))
    assert not multiprocessing.active_children()


def test_a_worker_that_cannot_start_is_reported(make: Make) -> None:
    with pytest.raises(EnvironmentFault, match="a worker process of Faulty/worker-v0 ended while starting"):
        make("Faulty/worker-v0", asynchronous=True)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("fault", "action"), [("hang", BREAK), ("hanging-reset", END)])
def test_a_worker_that_hangs_is_named_and_ended(
    make: Make, monkeypatch: pytest.MonkeyPatch, fault: str, action: float
) -> None:
    monkeypatch.setattr(backend, "_CLOSE_SECONDS", 0.2)
    env = make(f"Faulty/{fault}-v0", asynchronous=True, faults=FaultPolicy(timeout=2.0))
    env.reset(0)
    with pytest.raises(
        EnvironmentFault,
        match=r"environment 1 .* did not answer a step within 2 s \(env.timeout\) \(step 1\)",
    ):
        env.step(actions(0, action, 0))
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("fault", "asynchronous"), [("close", False), ("close", True), ("hanging-close", True)]
)
def test_an_environment_that_cannot_close_is_left_behind(
    make: Make, monkeypatch: pytest.MonkeyPatch, fault: str, asynchronous: bool
) -> None:
    monkeypatch.setattr(backend, "_CLOSE_SECONDS", 0.2)
    env = make(f"Faulty/{fault}-v0", asynchronous=asynchronous)
    env.close()
    env.close()
    assert not multiprocessing.active_children()


def test_a_key_press_does_not_reach_the_workers(make: Make) -> None:
    env = make("Faulty/none-v0", asynchronous=True)
    env.reset(0)
    for worker in multiprocessing.active_children():
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGINT)
        os.kill(worker.pid, signal.SIGHUP)
    assert env.step(actions(0, 0, 0)).reward.tolist() == [1, 1, 1]


def test_workers_end_when_the_trainer_is_killed() -> None:
    script = """
from engine.envs.gymnasium import GymnasiumEnv
if __name__ == "__main__":
    env = GymnasiumEnv("CartPole-v1", 2, asynchronous=True)
    env.reset(0)
    print("ready", flush=True)
    input()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
    ) as trainer:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == b"ready\n"
        trainer.kill()
        # The pipe ends only when every process that inherited it has ended.
        assert trainer.communicate(timeout=60)[0] == b""


def test_the_state_of_other_environments_is_refused(make: Make) -> None:
    env = make("CartPole-v1")
    env.reset(3)
    for key in ("physics", "3/start", "0/", "x/start"):
        with pytest.raises(CheckpointError, match=f"'{key}'.* backend gymnasium cannot load"):
            env.load_state_dict({key: np.zeros(1)}, 0)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("observation", 1e-9, "its observation after 7 steps differs by up to 1e-09"),
        ("generator", 1, "its random generator cannot be brought back"),
        ("start", None, "its start is not known, or it is longer than 100,000 steps"),
    ],
)
def test_an_episode_that_turns_out_otherwise_starts_anew(
    make: Make, name: str, change: float | None, reason: str
) -> None:
    env = make("CartPole-v1")
    env.reset(3)
    for _ in range(7):
        last = env.step(np.array([0, 1, 0])).observation
    state = dict(env.state_dict())
    part = state.pop(f"1/{name}")
    if change is not None:
        part = part.copy()
        part[-1] += part.dtype.type(change)
        state[f"1/{name}"] = part
    other = make("CartPole-v1")
    restored = other.load_state_dict(state, 5)
    assert restored.restarted.tolist() == [False, True, False]
    assert restored.reason == (
        "1 of 3 environments of CartPole-v1 cannot take up their episodes and start new ones "
        f"(environment 1: {reason})"
    )
    assert np.array_equal(restored.observation[[0, 2]], last[[0, 2]])
    assert not np.array_equal(restored.observation[1], last[1])


def test_an_environment_that_remembers_earlier_episodes_starts_anew(make: Make) -> None:
    pytest.importorskip("Box2D")
    env = make("BipedalWalker-v3", 2)
    env.reset(3)
    env.step(np.zeros((2, 4)))
    restored = make("BipedalWalker-v3", 2).load_state_dict(env.state_dict(), 5)
    assert restored.restarted.all()
    assert "environment 0: its " in restored.reason


def test_dm_control_task_keeps_its_time_limit(make: Make) -> None:
    pytest.importorskip("dm_control")
    env = make("dm_control/cartpole/swingup", 2)
    assert (env.spec.observation_size, env.spec.max_episode_steps) == (5, 1000)
    assert np.array_equal(env.reset(1), env.reset(1))
    for _ in range(999):
        batch = env.step(np.full((2, 1), 0.1))
        assert not (batch.truncated | batch.terminated).any()
    batch = env.step(np.full((2, 1), 0.1))
    assert batch.truncated.all()
    assert not batch.terminated.any()
    assert not np.array_equal(batch.next_observation, batch.observation)


def test_processes_start_beside_a_screen_that_has_taken_stderr() -> None:
    """Textual's has the descriptor -1; multiprocessing would hand it on to its helper."""
    program = """
import io, sys
class Captured(io.StringIO):
    def fileno(self): return -1
if __name__ == "__main__":
    sys.stderr = Captured()
    from engine.envs.gymnasium import GymnasiumEnv
    env = GymnasiumEnv("CartPole-v1", 2, asynchronous=True)
    print(env.reset(0).shape)
    env.close()
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "(2, 4)\n"
