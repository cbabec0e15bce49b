"""Single environments: wrapped across Gymnasium's signatures, normalised, and their statistics moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from engine.envs.wrappers import (
    Env,
    apply_obs_rms_stats,
    collect_vector_obs_rms_stats,
    find_wrapper,
    make_env,
    merge_obs_rms_stats,
    transform_observation,
    transform_reward,
)


class OldTransformObservation(gym.ObservationWrapper[Any, Any, Any]):
    """Gymnasium 0.29's signature."""

    def __init__(self, env: Env, f: Callable[[Any], Any]) -> None:
        super().__init__(env)
        self.f = f

    def observation(self, observation: Any) -> Any:
        return self.f(observation)


class NewTransformReward(gym.RewardWrapper[Any, Any]):
    """A signature with a space, should rewards ever get one."""

    def __init__(self, env: Env, func: Callable[[Any], Any], space: Any) -> None:
        super().__init__(env)
        self.func = func

    def reward(self, reward: Any) -> Any:
        return self.func(reward)


@pytest.mark.parametrize("older", [False, True])
def test_observations_are_transformed_under_both_signatures(
    monkeypatch: pytest.MonkeyPatch, older: bool
) -> None:
    if older:
        monkeypatch.setattr(wrappers, "TransformObservation", OldTransformObservation)
    bare = gym.make("CartPole-v1")
    env = transform_observation(gym.make("CartPole-v1"), lambda observation: observation * 2)
    assert env.observation_space == bare.observation_space
    assert np.array_equal(env.reset(seed=1)[0], bare.reset(seed=1)[0] * 2)


@pytest.mark.parametrize("with_space", [False, True])
def test_rewards_are_transformed_under_both_signatures(
    monkeypatch: pytest.MonkeyPatch, with_space: bool
) -> None:
    if with_space:
        monkeypatch.setattr(wrappers, "TransformReward", NewTransformReward)
    env = transform_reward(gym.make("CartPole-v1"), lambda reward: reward - 3)
    env.reset(seed=1)
    assert env.step(0)[1] == -2


def test_the_outermost_wrapper_of_a_type_is_found() -> None:
    env = make_env("CartPole-v1")
    assert isinstance(find_wrapper(env, wrappers.NormalizeReward), wrappers.NormalizeReward)
    assert find_wrapper(env, wrappers.FrameStackObservation) is None
    assert find_wrapper(env.unwrapped, wrappers.NormalizeReward) is None
    twice = wrappers.TimeLimit(env, 3)
    assert find_wrapper(twice, wrappers.TimeLimit) is twice


def test_made_environments_are_flat_normalised_clipped_and_recorded() -> None:
    env = make_env("Taxi-v4", seed=1, clip_observation=0.5, clip_reward=0.25)
    assert env.observation_space.shape == (500,)
    rewards, raw = [], 0.0
    recorder = find_wrapper(env, wrappers.RecordEpisodeStatistics)
    assert recorder is not None
    finished = False
    while not finished:
        observation, reward, terminated, truncated, info = env.step(0)
        assert np.abs(observation).max() <= 0.5
        rewards.append(float(reward))
        raw -= 1  # Taxi takes 1 for each step that delivers nobody
        finished = terminated or truncated
    assert max(np.abs(rewards)) == 0.25
    assert info["episode"]["r"] == raw  # recorded below the normalisation
    assert info["episode"]["l"] == 200


def test_each_step_of_the_making_can_be_switched_off() -> None:
    env = make_env(
        "Pendulum-v1",
        normalize_observation=False,
        clip_observation=None,
        normalize_reward=False,
        clip_reward=None,
    )
    bare = gym.make("Pendulum-v1")
    assert np.array_equal(env.reset(seed=4)[0], bare.reset(seed=4)[0])
    for _ in range(20):
        action = np.array([1.5], np.float32)
        assert env.step(action)[1] == bare.step(action)[1]


def test_gamma_reaches_the_reward_normalisation() -> None:
    layer = find_wrapper(make_env("Pendulum-v1", gamma=0.5), wrappers.NormalizeReward)
    assert layer is not None
    assert layer.gamma == 0.5


def test_a_seed_decides_start_and_spaces() -> None:
    def first(seed: int) -> tuple[list[float], list[float]]:
        env = make_env("Pendulum-v1", seed=seed)
        return env.unwrapped.state.tolist(), env.action_space.sample().tolist()  # type: ignore[attr-defined]

    assert first(3) == first(3)
    assert first(3)[0] != first(4)[0]
    assert first(3)[1] != first(4)[1]


def test_a_dm_control_task_is_made() -> None:
    pytest.importorskip("dm_control")
    env = make_env("dm_control/cartpole/swingup", seed=0)
    observation, reward, *_ = env.step(np.zeros(1))
    assert observation.shape == (5,)
    assert np.isfinite(reward)
    env.close()


def test_statistics_merge_into_those_of_all_rows() -> None:
    rows = np.random.default_rng(0).normal(3, 2, (60, 2))
    parts = [rows[:10], rows[10:35], rows[35:]]
    merged = merge_obs_rms_stats([(part.mean(0), part.var(0), len(part)) for part in parts])
    assert merged is not None
    assert merged[0] == pytest.approx(rows.mean(0))
    assert merged[1] == pytest.approx(rows.var(0))
    assert merged[2] == 60


def test_statistics_of_nothing_are_skipped() -> None:
    mean, variance = np.ones(2), np.full(2, 4.0)
    garbage = np.full(2, np.nan)
    merged = merge_obs_rms_stats([(garbage, garbage, 0), (mean, variance, 5), (garbage, garbage, -1.0)])
    assert merged is not None
    assert merged[0].tolist() == [1, 1]
    assert merged[1].tolist() == [4, 4]
    assert merged[2] == 5
    assert merge_obs_rms_stats([]) is None
    assert merge_obs_rms_stats([(garbage, garbage, 0)]) is None


def test_statistics_that_cannot_be_are_refused() -> None:
    fine = np.zeros(2), np.ones(2), 5
    with pytest.raises(ValueError, match=r"^the variance of statistics 1 is negative: -3\.0$"):
        merge_obs_rms_stats([fine, (np.zeros(2), np.array([1.0, -3.0]), 1)])
    with pytest.raises(ValueError, match=r"statistics 1 have shapes \(3,\) and \(3,\), expected \(2,\)"):
        merge_obs_rms_stats([fine, (np.zeros(3), np.ones(3), 1)])
    with pytest.raises(ValueError, match=r"statistics 0 have shapes \(2,\) and \(\), expected \(2,\)"):
        merge_obs_rms_stats([(np.zeros(2), 1.0, 1)])  # type: ignore[list-item]


def normalising() -> Env:
    return make_env("CartPole-v1", seed=0, normalize_reward=False)


def bare() -> Env:
    return make_env("CartPole-v1", seed=0, normalize_observation=False)


VECTORS = [SyncVectorEnv, lambda makers: AsyncVectorEnv(makers, context="forkserver")]


@pytest.mark.parametrize("vector", VECTORS, ids=["sync", "async"])
def test_statistics_are_collected_from_and_frozen_into_vector_environments(vector: Any) -> None:
    training, evaluation = vector([normalising] * 2), vector([normalising] * 2)
    for _ in range(5):
        training.step(np.array([0, 1]))
    stats = collect_vector_obs_rms_stats(training)
    assert stats is not None
    assert stats[2] == pytest.approx(2 * (5 + 1), abs=0.01)  # gymnasium starts at a count of 1e-4
    apply_obs_rms_stats(evaluation, stats)
    evaluation.reset(seed=1)
    for _ in range(3):
        evaluation.step(np.array([0, 1]))
    for moments in evaluation.get_attr("obs_rms"):
        assert np.array_equal(moments.mean, stats[0])
        assert np.array_equal(moments.var, stats[1])
        assert moments.count == stats[2]
    training.close()
    evaluation.close()


@pytest.mark.parametrize("vector", VECTORS, ids=["sync", "async"])
def test_vector_environments_without_normalisation_have_no_statistics(vector: Any) -> None:
    envs = vector([bare] * 2)
    assert collect_vector_obs_rms_stats(envs) is None
    apply_obs_rms_stats(envs, (np.zeros(4), np.ones(4), 3.0))
    envs.reset(seed=0)  # and still work
    envs.close()


def test_environments_that_are_vectorised_themselves_have_no_statistics() -> None:
    envs = gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="vector_entry_point")
    assert collect_vector_obs_rms_stats(envs) is None
    apply_obs_rms_stats(envs, (np.zeros(4), np.ones(4), 3.0))
    assert envs.reset(seed=0)[0].shape == (2, 4)
    envs.close()


def test_freezing_alone_keeps_the_statistics() -> None:
    envs = SyncVectorEnv([normalising])
    before = collect_vector_obs_rms_stats(envs)
    apply_obs_rms_stats(envs, None)
    envs.reset(seed=0)
    after = collect_vector_obs_rms_stats(envs)
    assert before is not None
    assert after is not None
    assert after[2] == before[2]
    envs.close()
