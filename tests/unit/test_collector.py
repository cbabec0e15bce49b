from __future__ import annotations

import copy

import numpy as np
import torch

from engine.agent import Agent
from engine.collector import Collector
from engine.config import Config
from engine.envs.mujoco_batch import MujocoBatchEnv
from engine.evaluation import EvaluationResult, evaluate
from engine.normalization import RunningMoments
from tests.unit.toy_envs import TargetEnv


def make(**env_settings: object) -> Collector:
    config = Config().updated({"vmpo": {"rollout_steps": 12}, "env": env_settings})
    env = TargetEnv(num_envs=4, length=5)
    torch.manual_seed(0)
    agent = Agent(2, env.spec.actions, config.network)
    collector = Collector(env, agent, config, torch.Generator().manual_seed(5))
    collector.reset(3)
    return collector


def test_episodes_are_counted_across_rollouts_with_raw_returns() -> None:
    collector = make()
    first, rewards = collector.collect(), [collector.rollout.raw_rewards.copy()]
    second = collector.collect()
    rewards.append(collector.rollout.raw_rewards.copy())
    stream = np.concatenate(rewards)  # 24 steps: 4 whole episodes of 5 in each of 4 environments
    expected = [stream[start : start + 5, env].sum() for start in (0, 5, 10, 15) for env in range(4)]
    np.testing.assert_allclose(first.returns + second.returns, expected)
    assert first.lengths + second.lengths == (5,) * 16


def test_statistics_are_frozen_during_a_rollout_and_folded_in_after() -> None:
    collector = make()
    collector.collect()
    assert collector.moments.count == 0
    np.testing.assert_allclose(collector.rollout.observations[:-1], collector.rollout.raw_observations)
    collector.fold_statistics()
    assert collector.moments.count == 12 * 4
    raw = collector.rollout.raw_observations.reshape(-1, 2)
    np.testing.assert_allclose(collector.moments.mean, raw.mean(0))
    np.testing.assert_allclose(collector.moments.variance, raw.var(0))
    frozen = copy.deepcopy(collector.moments.state_dict())
    collector.collect()
    np.testing.assert_array_equal(collector.moments.mean, frozen["mean"])


def test_learning_rewards_are_scaled_and_clipped_and_raw_ones_kept() -> None:
    collector = make(clip_reward=0.5)
    collector.collect()
    collector.fold_statistics()
    collector.collect()
    rollout = collector.rollout
    scaled = rollout.raw_rewards * collector.reward_scaler.scale()
    np.testing.assert_allclose(rollout.rewards(), np.clip(scaled, -0.5, 0.5), rtol=1e-6)


def test_without_normalisation_rewards_and_observations_are_raw() -> None:
    collector = make(normalize_reward=False, normalize_observation=False, clip_reward=0.1)
    for _ in range(2):
        collector.collect()
        collector.fold_statistics()
    rollout = collector.rollout
    np.testing.assert_allclose(rollout.rewards(), rollout.raw_rewards, rtol=1e-6)
    np.testing.assert_allclose(rollout.observations[:-1], rollout.raw_observations, rtol=1e-6)


def test_final_observations_are_kept_for_truncated_episodes_only() -> None:
    collector = make()
    collector.collect()
    rollout = collector.rollout
    assert [(step, envs.tolist()) for step, envs in rollout.final_rows] == [(4, [0, 2]), (9, [0, 2])]
    # The toy's observation counts steps: the final one is 5, the one after the reset 0.
    np.testing.assert_array_equal(rollout.final_observations[0][:, 0], [5.0, 5.0])
    np.testing.assert_array_equal(rollout.observations[5, :, 0], [0.0] * 4)


def test_successor_values_come_from_the_final_observation() -> None:
    collector = make()
    collector.collect()
    values = torch.arange(13.0).unsqueeze(1).expand(13, 4)
    successors = collector.rollout.next_values(values, torch.tensor([100.0, 200.0, 300.0, 400.0]))
    assert successors[4].tolist() == [100.0, 5.0, 200.0, 5.0]
    assert successors[9].tolist() == [300.0, 10.0, 400.0, 10.0]
    assert successors[0].tolist() == [1.0] * 4


def test_actions_outside_the_bounds_are_stored_raw_and_clipped_for_the_environment() -> None:
    collector = make()
    with torch.no_grad():
        collector._agent.target_policy.head.bias += 5.0
    collector.collect()
    assert float(collector.rollout.actions.mean()) > 3.0
    np.testing.assert_allclose(collector.rollout.raw_rewards, 0.5)  # 1 - 2 (1 - 0.5)^2


def test_state_round_trip_continues_bit_for_bit() -> None:
    collector = make()
    collector.collect()
    collector.fold_statistics()
    twin = make()
    assert not twin.load_state_dict(copy.deepcopy(collector.state_dict()), restart_seed=0)
    twin._generator.set_state(collector._generator.get_state())
    twin._env._generator = copy.deepcopy(collector._env._generator)  # type: ignore[attr-defined]
    assert collector.collect() == twin.collect()
    assert torch.equal(collector.rollout.observations, twin.rollout.observations)
    assert torch.equal(collector.rollout.actions, twin.rollout.actions)


def test_a_backend_without_state_restarts_its_episodes_and_says_so() -> None:
    collector = make()
    collector.collect()
    collector.fold_statistics()
    state = copy.deepcopy(collector.state_dict()) | {"env": {}}
    twin = make()
    reason = twin.load_state_dict(state, restart_seed=11)
    assert reason == "the episodes under way were not saved; every one starts anew"
    np.testing.assert_array_equal(twin.moments.mean, collector.moments.mean)
    episodes = twin.collect()
    assert episodes.lengths == (5,) * 8  # none was cut short by the one before


class TestEvaluation:
    def evaluate(self, deterministic: bool = True, seed: int = 0) -> EvaluationResult:
        collector = make()
        with torch.no_grad():
            collector._agent.target_policy.head.bias.fill_(0.5)
        env = TargetEnv(num_envs=6, length=5)
        return evaluate(
            collector._agent,
            env,
            RunningMoments((2,)),
            clip_observation=10.0,
            seed=seed,
            deterministic=deterministic,
        )

    def test_one_whole_episode_per_environment_on_raw_rewards(self) -> None:
        result = self.evaluate()
        assert len(result.returns) == 6
        assert result.lengths == (5,) * 6
        assert 4.5 < result.mean <= 5.0  # the mode is close to the best action
        assert result.metrics().keys() == {
            "eval/return_mean",
            "eval/return_std",
            "eval/return_min",
            "eval/return_max",
            "eval/length_mean",
        }

    def test_deterministic_beats_noise_and_both_repeat(self) -> None:
        assert self.evaluate().mean > self.evaluate(deterministic=False).mean
        assert self.evaluate().returns == self.evaluate().returns
        assert self.evaluate(False).returns == self.evaluate(False).returns
        assert self.evaluate(False, seed=1).returns != self.evaluate(False, seed=2).returns

    def test_episodes_of_unequal_length_are_each_counted_once(self) -> None:
        collector = make()
        env = TargetEnv(num_envs=3, length=5)
        env.reset(0)
        original = env.reset

        def staggered(seed: int) -> np.ndarray:
            original(seed)
            env._clock[:] = [0, 2, 4]
            return env._observe()

        env.reset = staggered  # type: ignore[method-assign]
        moments = RunningMoments((2,))
        result = evaluate(collector._agent, env, moments, clip_observation=0.0, seed=0)
        assert result.lengths == (5, 3, 1)


def test_episodes_cut_short_for_staggering_are_not_reported() -> None:
    config = Config().updated({"vmpo": {"rollout_steps": 60}, "env": {"id": "Reacher-v5"}})
    env = MujocoBatchEnv("Reacher-v5", 8, threads=1)
    agent = Agent(env.spec.observation_size, env.spec.actions, config.network)
    collector = Collector(env, agent, config, torch.Generator().manual_seed(5))
    collector.reset(3)
    first, second = collector.collect(), collector.collect()
    ended = int(collector.rollout.truncated.sum())
    assert 8 <= ended <= 16  # 60 steps of 8 environments with episodes of 50
    assert set(first.lengths + second.lengths) == {50}
    assert len(first.lengths) < 8
    assert len(second.lengths) == ended
