"""Episodes, continuation and faults of the mujoco backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mujoco.batch import Batch, SimulationError
from numpy.testing import assert_array_equal

from engine.envs.base import ContinuousActions, Floats, Restored, StepBatch
from engine.envs.mujoco_batch import SUPPORTED_IDS, MujocoBatchEnv
from engine.errors import CheckpointError, ConfigError, EnvironmentFault, NonFiniteError


def draw(env: MujocoBatchEnv, rng: np.random.Generator) -> Floats:
    actions = env.spec.actions
    assert isinstance(actions, ContinuousActions)
    return rng.uniform(actions.low, actions.high, (env.spec.num_envs, actions.size))


def run(env: MujocoBatchEnv, steps: int, seed: int = 0) -> list[StepBatch]:
    rng = np.random.default_rng(seed)
    return [env.step(draw(env, rng)) for _ in range(steps)]


def assert_same(left: list[StepBatch], right: list[StepBatch]) -> None:
    for mine, other in zip(left, right, strict=True):
        for name in StepBatch.__slots__:
            assert_array_equal(getattr(mine, name), getattr(other, name), err_msg=name)


def test_an_ended_episode_restarts_at_once_and_keeps_its_final_observation() -> None:
    env = MujocoBatchEnv("Hopper-v5", 16, threads=1)
    env.reset(0)
    ended = 0
    for batch in run(env, 60):
        done = batch.terminated | batch.truncated
        ended += int(done.sum())
        assert batch.valid.all()
        assert_array_equal(batch.observation[~done], batch.next_observation[~done])
        # A fallen hopper is low or leans; a fresh one is within the reset noise of upright.
        assert (abs(batch.observation[done, 1]) <= 0.005).all()
        fallen = batch.next_observation[batch.terminated]
        assert ((fallen[:, 0] <= 0.7) | (abs(fallen[:, 1]) >= 0.2)).all()
        if not done.any():
            assert batch.next_observation is batch.observation
    assert ended > 16


def test_the_time_limit_truncates_without_terminating_and_restarts_the_count() -> None:
    env = MujocoBatchEnv("Reacher-v5", 3, threads=1)
    env.reset(0)
    batches = run(env, 101)
    truncated = np.array([batch.truncated for batch in batches])
    assert not any(batch.terminated.any() for batch in batches)
    assert np.flatnonzero(truncated.all(axis=1)).tolist() == [49, 99]
    assert truncated.sum() == 6


def test_a_truncated_row_carries_the_state_before_the_reset() -> None:
    env = MujocoBatchEnv("Reacher-v5", 2, threads=1)
    env.reset(0)
    *_, before, last = run(env, 50)
    targets = slice(4, 6)  # they stay for an episode and are drawn anew at a reset
    assert_array_equal(last.next_observation[:, targets], before.observation[:, targets])
    assert (last.observation[:, targets] != before.observation[:, targets]).all()


def test_arrays_of_a_step_are_the_callers_to_keep() -> None:
    env = MujocoBatchEnv("Ant-v5", 4, threads=2)
    first_observation = env.reset(0)
    kept = first_observation.copy()
    first = run(env, 1)[0]
    copies = {name: getattr(first, name).copy() for name in StepBatch.__slots__}
    run(env, 20, seed=1)
    assert_array_equal(first_observation, kept)
    for name, copy in copies.items():
        assert_array_equal(getattr(first, name), copy, err_msg=name)


def test_a_caller_may_change_observations_without_harm() -> None:
    env = MujocoBatchEnv("Hopper-v5", 4, threads=1)
    env.reset(0)[...] = np.nan
    assert np.isfinite(env.state_dict()["observation"]).all()
    run(env, 1)[0].observation[...] = np.nan
    assert np.isfinite(env.state_dict()["observation"]).all()
    env.load_state_dict(env.state_dict(), 0).observation[...] = np.nan
    assert np.isfinite(env.state_dict()["observation"]).all()


@pytest.mark.parametrize("env_id", sorted(SUPPORTED_IDS))
def test_a_saved_state_continues_bit_for_bit_in_a_new_environment(env_id: str) -> None:
    env = MujocoBatchEnv(env_id, 4, threads=2)
    env.reset(7)
    observation = run(env, 30)[-1].observation
    state = env.state_dict()
    expected = run(env, 60, seed=1)
    other = MujocoBatchEnv(env_id, 4, threads=1)
    assert_continues(other.load_state_dict(state, 0), observation)
    assert_same(run(other, 60, seed=1), expected)
    # The environment that moved on can go back as well.
    assert_continues(env.load_state_dict(state, 0), observation)
    assert_same(run(env, 60, seed=1), expected)


@pytest.mark.parametrize("env_id", sorted(SUPPORTED_IDS))
def test_a_simulation_that_shows_something_else_begins_a_new_episode(env_id: str) -> None:
    env = MujocoBatchEnv(env_id, 4, threads=1)
    env.reset(7)
    observation = run(env, 30)[-1].observation
    state = env.state_dict()
    state["observation"][1, 0] += 1e-12
    expected = run(env, 1)[0]
    restored = env.load_state_dict(state, 11)
    assert restored.restarted.tolist() == [False, True, False, False]
    assert restored.reason.startswith(f"1 of 4 simulations of {env_id} do not show what they did")
    others = [0, 2, 3]
    assert_array_equal(restored.observation[others], observation[others])
    assert_array_equal(env.state_dict()["observation"], restored.observation)
    assert env.state_dict()["elapsed"][1] == 0
    # The others go on as they would have.
    batch = run(env, 1)[0]
    assert_array_equal(batch.next_observation[others], expected.next_observation[others])
    assert_array_equal(batch.reward[others], expected.reward[others])


def assert_continues(restored: Restored, observation: Floats) -> None:
    assert_array_equal(restored.observation, observation)
    assert not restored.restarted.any()
    assert not restored.reason


def test_a_saved_state_holds_arrays_of_its_own() -> None:
    env = MujocoBatchEnv("Walker2d-v5", 2, threads=1)
    env.reset(0)
    state = env.state_dict()
    copies = {name: value.copy() for name, value in state.items()}
    run(env, 30)
    for name, copy in copies.items():
        assert_array_equal(state[name], copy)
        assert copy.dtype in (np.float64, np.int64, np.uint64)


def test_a_state_of_another_size_is_refused() -> None:
    saved = MujocoBatchEnv("Hopper-v5", 4, threads=1)
    saved.reset(0)
    env = MujocoBatchEnv("Hopper-v5", 2, threads=1)
    env.reset(0)
    with pytest.raises(CheckpointError, match=r"2 x Hopper-v5 need shape \(2, .*found shape \(4, "):
        env.load_state_dict(saved.state_dict(), 0)
    with pytest.raises(CheckpointError, match="found nothing"):
        env.load_state_dict({}, 0)


def test_a_seed_decides_everything() -> None:
    first, second = (MujocoBatchEnv("Walker2d-v5", 4, threads=threads) for threads in (1, 2))
    assert_array_equal(first.reset(5), second.reset(5))
    assert_same(run(first, 60), run(second, 60))
    assert_array_equal(first.reset(5), second.reset(5))
    assert (first.reset(6) != second.reset(5)).all(axis=1).any()


def test_simulations_start_apart() -> None:
    observation = MujocoBatchEnv("HalfCheetah-v5", 8, threads=1).reset(0)
    assert np.unique(observation, axis=0).shape[0] == 8


def test_a_batch_of_resets_fills_gymnasiums_range_and_nothing_else() -> None:
    env = MujocoBatchEnv("Hopper-v5", 4096, threads=1)
    observation = env.reset(0)
    noise = observation - np.array([1.25, *[0.0] * 10])  # a hopper at rest is 1.25 high
    assert (abs(noise) <= 0.005).all()
    assert_array_equal(abs(noise).max(axis=0) > 0.00499, True)
    # Uniform on +-0.005: mean 0, deviation 0.005/sqrt(3); 5 standard errors of 4096 draws.
    assert (abs(noise.mean(axis=0)) < 5 * 0.005 / np.sqrt(3 * 4096)).all()


def test_pushed_objects_and_targets_start_where_gymnasium_puts_them() -> None:
    place = MujocoBatchEnv("Pusher-v5", 2048, threads=1).reset(0)
    offset = np.linalg.norm(place[:, 17:19] - place[:, 20:22], axis=1)
    assert offset.min() > 0.17
    target = MujocoBatchEnv("Reacher-v5", 2048, threads=1).reset(0)[:, 4:6]
    distance = np.linalg.norm(target, axis=1)
    assert distance.max() < 0.2
    # Uniform on the disc: a quarter lies within half its radius (4 standard errors).
    assert abs((distance < 0.1).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 2048)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_action_that_is_not_finite_is_the_policy_s_fault(bad: float) -> None:
    env = MujocoBatchEnv("HalfCheetah-v5", 4, threads=1)
    env.reset(0)
    actions = np.zeros((4, 6))
    actions[2, 3] = bad
    with pytest.raises(NonFiniteError, match="HalfCheetah-v5: the action for environment 2 is not finite"):
        env.step(actions)


def test_a_diverged_simulation_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo reports a divergence to stderr and to a log file
    env = MujocoBatchEnv("Hopper-v5", 3, threads=1)
    env.reset(0)
    healthy = env.state_dict()
    env.place(np.array([1]), np.full((1, 6), np.nan), np.zeros((1, 6)))
    with pytest.raises(EnvironmentFault, match=r"environment 1 at step 1 .* diverged"):
        env.step(np.zeros((3, 3)))
    # A fresh start and an earlier state both clear the fault.
    env.load_state_dict(healthy, 0)
    run(env, 1)
    env.reset(0)
    run(env, 1)


def test_an_error_inside_mujoco_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    env = MujocoBatchEnv("Hopper-v5", 3, threads=1)
    env.reset(0)

    def fail(*_: object, **__: object) -> None:
        raise SimulationError(np.array([2]), "stack overflow", 3)

    monkeypatch.setattr(Batch, "step", fail)
    with pytest.raises(EnvironmentFault, match=r"environment 2 at step 1 .* MuJoCo failed"):
        env.step(np.zeros((3, 3)))


def test_actions_of_the_wrong_shape_are_refused() -> None:
    env = MujocoBatchEnv("Hopper-v5", 3, threads=1)
    env.reset(0)
    with pytest.raises(EnvironmentFault, match=r"shape \(3, 3\), got \(3, 2\)"):
        env.step(np.zeros((3, 2)))


def test_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'Hopper-v5'"):
        MujocoBatchEnv("hoper-v5", 1)


def test_loading_a_model_stays_off_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    MujocoBatchEnv("HalfCheetah-v5", 1, threads=1)
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_closing_twice_is_fine_and_stepping_afterwards_is_not() -> None:
    env = MujocoBatchEnv("Hopper-v5", 2, threads=2)
    env.reset(0)
    env.close()
    env.close()
    with pytest.raises(EnvironmentFault, match="was closed"):
        env.step(np.zeros((2, 3)))
    with pytest.raises(EnvironmentFault, match="was closed"):
        env.reset(0)


def test_staggered_environments_reach_the_time_limit_at_different_steps() -> None:
    env = MujocoBatchEnv("Reacher-v5", 16, threads=1)
    env.reset(0)
    env.stagger(0)
    truncated = np.array([batch.truncated for batch in run(env, 150)])
    steps = [np.flatnonzero(column) for column in truncated.T]
    assert len({int(found[0]) for found in steps}) > 8
    assert all((np.diff(found) == 50).all() for found in steps)  # only the first episode is shorter


def test_staggering_repeats_with_its_seed_and_leaves_the_starts_alone() -> None:
    envs = [MujocoBatchEnv("Reacher-v5", 4, threads=1) for _ in range(3)]
    starts = [env.reset(3) for env in envs]
    for env, seed in zip(envs, (1, 1, 2), strict=True):
        env.stagger(seed)
    assert_array_equal(starts[0], starts[2])
    elapsed = [env.state_dict()["elapsed"].tolist() for env in envs]
    assert elapsed[0] == elapsed[1] != elapsed[2]
