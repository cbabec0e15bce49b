"""The mujoco backend against Gymnasium: the same numbers, bit for bit but for one stated reward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from engine.envs.base import ContinuousActions, Floats, StepBatch
from engine.envs.mujoco_batch import SUPPORTED_IDS, MujocoBatchEnv

SIMULATIONS, STEPS = 8, 1000
# Gymnasium squares NumPy scalars here, by way of pow(), which may round unlike a product: 1 ulp
# of each of the two penalties, which are of order 1 while the reward is of order 10.
REWARD_TOLERANCE = {"InvertedDoublePendulum-v5": 4e-15}


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gymnasium's half_cheetah.xml makes MuJoCo write a log file into the working directory."""
    monkeypatch.chdir(tmp_path)


def make_reference(env_id: str) -> Any:
    return gymnasium.make(env_id, disable_env_checker=True)


def copy_reset(reference: Any, env: MujocoBatchEnv, index: int) -> Floats:
    data = reference.unwrapped.data
    observation: Floats = env.place(np.array([index]), data.qpos[None], data.qvel[None])[index]
    return observation


def assert_equals_gymnasium(
    batch: StepBatch, info: dict[str, Floats], results: list[Any], within: float
) -> None:
    observation, reward, terminated, truncated = (
        np.array(column) for column in list(zip(*results, strict=True))[:4]
    )
    assert_array_equal(batch.next_observation, observation)
    assert_array_equal(batch.terminated, terminated)
    assert_array_equal(batch.truncated, truncated)
    assert_allclose(batch.reward, reward, rtol=0, atol=within)
    for name, values in info.items():
        assert_allclose(values, [result[4][name] for result in results], rtol=0, atol=within, err_msg=name)


@pytest.mark.parametrize("env_id", sorted(SUPPORTED_IDS))
def test_every_step_equals_gymnasium_at_one_and_two_threads(env_id: str) -> None:
    references = [make_reference(env_id) for _ in range(SIMULATIONS)]
    envs = [MujocoBatchEnv(env_id, SIMULATIONS, threads=threads) for threads in (1, 2)]
    for index, reference in enumerate(references):
        expected, _ = reference.reset(seed=index)
        for env in envs:
            assert_array_equal(copy_reset(reference, env, index), expected)
    actions = envs[0].spec.actions
    assert isinstance(actions, ContinuousActions)
    rng = np.random.default_rng(3)
    for _ in range(STEPS):
        chosen = rng.uniform(actions.low, actions.high, (SIMULATIONS, actions.size))
        results = [reference.step(action) for reference, action in zip(references, chosen, strict=True)]
        for env in envs:
            batch = env.step(chosen)
            assert_equals_gymnasium(batch, env.last_info, results, REWARD_TOLERANCE.get(env_id, 0.0))
        for index in np.flatnonzero(batch.terminated | batch.truncated).tolist():
            expected, _ = references[index].reset()
            for env in envs:
                assert_array_equal(copy_reset(references[index], env, index), expected)


@pytest.mark.parametrize("env_id", sorted(SUPPORTED_IDS))
def test_resets_draw_what_gymnasium_draws(env_id: str) -> None:
    # One environment draws in Gymnasium's order, so that equal seeds give equal states.
    reference, env = make_reference(env_id), MujocoBatchEnv(env_id, 1, threads=1)
    for seed in range(20):
        assert_array_equal(env.reset(seed)[0], reference.reset(seed=seed)[0])


@pytest.mark.parametrize("env_id", sorted(SUPPORTED_IDS))
def test_the_spec_is_gymnasiums(env_id: str) -> None:
    reference, env = make_reference(env_id), MujocoBatchEnv(env_id, 3, threads=1)
    registered = gymnasium.spec(env_id)
    assert env.spec.max_episode_steps == registered.max_episode_steps
    assert env.reset(0).shape == (3, *reference.observation_space.shape)
    assert env.spec.observation_size == reference.observation_space.shape[0]
    assert env.spec.backend == "mujoco"
    assert isinstance(env.spec.actions, ContinuousActions)
    # Gymnasium rounds the model's bounds to float32.
    assert_array_equal(env.spec.actions.low.astype(np.float32), reference.action_space.low)
    assert_array_equal(env.spec.actions.high.astype(np.float32), reference.action_space.high)
