"""Playing an episode again to look at it, and models to look at simulations with."""

from __future__ import annotations

import dataclasses

import gymnasium as gym
import numpy as np
import pytest

from engine.config import Config
from engine.envs import make_vector_env
from engine.envs.viewing import DrawnEpisode, load_scene_model
from engine.errors import BackendUnavailableError, ConfigError, EnvironmentFault
from engine.evaluation import evaluate
from engine.normalization import RunningMoments
from engine.training import build_agent
from tests.recordings import record


def played(recording, **changes) -> DrawnEpisode:
    recording = dataclasses.replace(recording, **changes)
    return DrawnEpisode(recording.env_id, recording.seed, recording.actions, recording.rewards)


def test_an_episode_is_played_as_it_went():
    recording = record("CartPole-v1", steps=30)
    episode = played(recording)
    first, last = episode.picture(0), episode.picture(recording.length - 1)
    assert first.shape == (400, 600, 3)
    assert (first != last).any()
    np.testing.assert_array_equal(episode.picture(0), first)
    assert episode.faithful
    episode.close()


def test_another_course_is_noticed():
    recording = record("CartPole-v1", steps=8)
    episode = played(recording, rewards=recording.rewards - 0.5)
    episode.picture(3)
    assert not episode.faithful
    episode.close()


def test_what_cannot_be_shown_says_why(monkeypatch):
    recording = record("CartPole-v1", steps=3)
    with pytest.raises(ConfigError, match="unknown environment 'Nowhere-v0'"):
        played(recording, env_id="Nowhere-v0")
    with pytest.raises(ConfigError, match="refused"):
        played(recording, env_id="os:CartPole-v1")
    metadata = gym.envs.classic_control.CartPoleEnv.metadata
    monkeypatch.setitem(metadata, "render_modes", ["human"])
    monkeypatch.setattr("engine.envs.viewing.instantiate", lambda *_, **__: gym.make("CartPole-v1"))
    with pytest.raises(BackendUnavailableError, match="CartPole-v1 has no picture of itself"):
        played(recording)


def test_a_missing_package_is_named(monkeypatch):
    episode = played(record("CartPole-v1", steps=3))

    def missing(self):
        raise gym.error.DependencyNotInstalled("pygame is not installed, run `pip install x`")

    monkeypatch.setattr(gym.envs.classic_control.CartPoleEnv, "render", missing)
    with pytest.raises(EnvironmentFault, match="CartPole-v1 cannot be drawn: pygame is not installed"):
        episode.picture(0)
    episode.close()


def test_models_are_found_whatever_steps_them(monkeypatch):
    batched = load_scene_model("HalfCheetah-v5")
    monkeypatch.setattr("engine.envs.mujoco_tasks.TASKS", {})
    assert load_scene_model("HalfCheetah-v5").nq == batched.nq == 9


def test_no_simulation_is_said():
    with pytest.raises(ConfigError, match="CartPole-v1 is no MuJoCo simulation"):
        load_scene_model("CartPole-v1")


@pytest.mark.parametrize("backend", ["mujoco", "gymnasium"])
def test_states_are_those_before_each_step(backend):
    env = make_vector_env("HalfCheetah-v5", backend=backend, num_envs=2, threads=1)
    config = Config().updated({"env": {"id": "HalfCheetah-v5"}, "network": {"policy_layer_sizes": [8]}})
    agent, moments = build_agent(env.spec, config), RunningMoments((env.spec.observation_size,))
    recording = evaluate(agent, env, moments, clip_observation=5.0, seed=3, record=True).recording
    assert recording is not None
    assert recording.length == 1000
    assert recording.step_seconds == pytest.approx(0.05)
    observation = env.reset(3)
    for step in range(20):
        # The observation is the positions without the first, then the velocities.
        np.testing.assert_allclose(observation[0, :8], recording.qpos[step, 1:], atol=1e-6)
        np.testing.assert_allclose(observation[0, 8:], np.clip(recording.qvel[step], -10, 10), atol=1e-5)
        batch = env.step(np.stack([recording.actions[step], np.zeros(6)]))
        assert batch.reward[0] == pytest.approx(recording.rewards[step], rel=1e-5)
        observation = batch.observation
    env.close()


@pytest.mark.parametrize("env_id", ["CartPole-v1", "HalfCheetah-v5"])
def test_recording_changes_no_score(env_id):
    backend = "gymnasium" if env_id == "CartPole-v1" else "mujoco"
    env = make_vector_env(env_id, backend=backend, num_envs=3, threads=1)
    config = Config().updated({"env": {"id": env_id}, "network": {"policy_layer_sizes": [8]}})
    agent, moments = build_agent(env.spec, config), RunningMoments((env.spec.observation_size,))
    plain, recorded, again = (
        evaluate(agent, env, moments, clip_observation=5.0, seed=3, record=record)
        for record in (False, True, False)
    )
    assert plain.returns == recorded.returns == again.returns
    assert plain.lengths == recorded.lengths
    assert plain.recording is None
    assert recorded.recording is not None
    assert recorded.recording.length == recorded.lengths[0]
    assert recorded.recording.episode_return == pytest.approx(recorded.returns[0], rel=1e-4)
    env.close()
