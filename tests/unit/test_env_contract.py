"""The conformance suite: what `engine.envs.base` promises, asked of every backend."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.envs import BACKENDS, make_vector_env
from engine.envs.base import ContinuousActions, DiscreteActions, Flags, Floats, StepBatch, VectorEnv

N = 3
ARRAYS = [field.name for field in dataclasses.fields(StepBatch)]


@dataclass(frozen=True)
class Case:
    """A backend, and one environment that terminates and one that is only ever cut off."""

    backend: str
    terminating: str
    fallen: Callable[[Floats], Flags]
    """Whether observations [N, O] of the terminating environment are terminal."""
    truncating: str
    limit: int


def cart_pole_fallen(observation: Floats) -> Flags:
    return (np.abs(observation[:, 0]) > 2.4) | (np.abs(observation[:, 2]) > np.radians(12))


def hopper_fallen(observation: Floats) -> Flags:
    return (observation[:, 0] <= 0.7) | (np.abs(observation[:, 1]) >= 0.2)


CASES = {
    "gymnasium": Case("gymnasium", "CartPole-v1", cart_pole_fallen, "Pendulum-v1", 200),
    "gymnasium-async": Case("gymnasium-async", "CartPole-v1", cart_pole_fallen, "Pendulum-v1", 200),
    "mujoco": Case("mujoco", "Hopper-v5", hopper_fallen, "Reacher-v5", 50),
}
Make = Callable[[str], VectorEnv]


def test_every_backend_is_asked() -> None:
    assert set(CASES) == set(BACKENDS)


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
def make(case: Case) -> Iterator[Make]:
    made: list[VectorEnv] = []

    def build(env_id: str) -> VectorEnv:
        made.append(make_vector_env(env_id, backend=case.backend, num_envs=N, threads=1))
        return made[-1]

    yield build
    for env in made:
        env.close()


def draw(env: VectorEnv, rng: np.random.Generator) -> NDArray[np.generic]:
    """Return random actions within the bounds."""
    actions = env.spec.actions
    if isinstance(actions, DiscreteActions):
        return rng.integers(actions.count, size=N)
    return actions.to_environment(rng.uniform(-1, 1, (N, actions.size)))


def rollout(env: VectorEnv, steps: int, seed: int = 0) -> list[StepBatch]:
    rng = np.random.default_rng(seed)
    return [env.step(draw(env, rng)) for _ in range(steps)]


def same(first: list[StepBatch], second: list[StepBatch]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for a, b in pairs for name in ARRAYS)


def test_shapes_and_types_are_those_of_the_description(case: Case, make: Make) -> None:
    for env_id in (case.terminating, case.truncating):
        env = make(env_id)
        assert (env.spec.id, env.spec.backend, env.spec.num_envs) == (env_id, case.backend, N)
        first = env.reset(0)
        batch = rollout(env, 1)[0]
        for observation in (first, batch.observation, batch.next_observation):
            assert observation.shape == (N, env.spec.observation_size)
            assert observation.dtype == np.float64
            assert np.isfinite(observation).all()
        assert (batch.reward.shape, batch.reward.dtype) == ((N,), np.float64)
        for flags in (batch.terminated, batch.truncated, batch.valid):
            assert (flags.shape, flags.dtype) == ((N,), np.bool_)
        if isinstance(env.spec.actions, ContinuousActions):
            assert env.spec.actions.low.shape == env.spec.actions.high.shape == (env.spec.actions.size,)
            assert env.spec.actions.low.dtype == env.spec.actions.high.dtype == np.float64


def test_a_termination_shows_the_final_observation_and_starts_anew(case: Case, make: Make) -> None:
    env = make(case.terminating)
    assert not case.fallen(env.reset(1)).any()
    terminations = 0
    for batch in rollout(env, 120):
        terminations += int(batch.terminated.sum())
        assert not batch.truncated.any()
        assert np.array_equal(case.fallen(batch.next_observation), batch.terminated)
        assert not case.fallen(batch.observation).any()
        assert batch.valid.all()
    assert terminations > N


def test_a_time_limit_truncates_and_does_not_terminate(case: Case, make: Make) -> None:
    env = make(case.truncating)
    assert env.spec.max_episode_steps == case.limit
    env.reset(1)
    for step, batch in enumerate(rollout(env, case.limit + 1), start=1):
        assert not batch.terminated.any()
        assert batch.truncated.tolist() == [step == case.limit] * N
        changed = (batch.observation != batch.next_observation).any(1)
        assert changed.tolist() == [step == case.limit] * N


def test_successors_are_the_next_observations_where_nothing_ended(case: Case, make: Make) -> None:
    env = make(case.terminating)
    env.reset(2)
    for batch in rollout(env, 60):
        done = batch.terminated | batch.truncated
        assert (batch.next_observation is batch.observation) == (not done.any())
        assert np.array_equal(batch.next_observation[~done], batch.observation[~done])


def test_arrays_are_the_caller_s_to_keep(case: Case, make: Make) -> None:
    env = make(case.terminating)
    first = env.reset(3)
    copies, kept = [first.copy()], [first]
    for batch in rollout(env, 60):
        kept += [getattr(batch, name) for name in ARRAYS]
        copies += [getattr(batch, name).copy() for name in ARRAYS]
    env.reset(4)
    assert all(np.array_equal(array, copy) for array, copy in zip(kept, copies, strict=True))


def test_arrays_are_the_caller_s_to_change(case: Case, make: Make) -> None:
    env, untouched = make(case.terminating), make(case.terminating)
    env.reset(3)[:] = np.nan
    untouched.reset(3)
    rng = np.random.default_rng(0)
    for expected in rollout(untouched, 60):
        actions = draw(env, rng)
        batch = env.step(actions)
        actions[:] = 0
        assert same([batch], [expected])
        for name in ARRAYS:
            getattr(batch, name)[:] = 0


def test_a_seed_decides_everything(case: Case, make: Make) -> None:
    env, other = make(case.terminating), make(case.terminating)
    first, second = env.reset(5), other.reset(5)
    assert np.array_equal(first, second)
    assert len(np.unique(first, axis=0)) == N  # each environment has a start of its own
    batches = rollout(env, 80)
    assert same(batches, rollout(other, 80))
    assert np.array_equal(env.reset(5), first)
    assert same(batches, rollout(env, 80))


def test_neighbouring_seeds_share_no_start(case: Case, make: Make) -> None:
    env = make(case.terminating)
    starts = np.concatenate([env.reset(seed) for seed in range(4)])
    assert len(np.unique(starts, axis=0)) == 4 * N


def test_a_saved_state_continues_bit_for_bit(case: Case, make: Make) -> None:
    env, resumed = make(case.terminating), make(case.terminating)
    env.reset(6)
    last = rollout(env, 40)[-1]
    state = {name: np.array(value) for name, value in env.state_dict().items()}
    restored = resumed.load_state_dict(state, 0)
    assert np.array_equal(restored.observation, last.observation)
    assert not restored.restarted.any()
    assert not restored.reason
    assert same(rollout(env, 80, seed=1), rollout(resumed, 80, seed=1))


def test_closing_twice_is_harmless(case: Case, make: Make) -> None:
    env = make(case.terminating)
    env.reset(0)
    env.close()
    env.close()
    make(case.terminating).close()  # before any reset
