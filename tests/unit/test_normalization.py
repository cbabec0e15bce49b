from __future__ import annotations

import copy

import numpy as np
import pytest

from engine.normalization import RewardScaler, RunningMoments


def test_batches_in_any_split_give_the_moments_of_all_rows() -> None:
    rows = np.random.default_rng(0).normal(3.0, 5.0, size=(1000, 4))
    for splits in ([500], [1, 2, 3, 999], [0, 0, 700]):
        moments = RunningMoments((4,))
        for part in np.split(rows, splits):
            moments.update(part)
        np.testing.assert_allclose(moments.mean, rows.mean(0), rtol=1e-12)
        np.testing.assert_allclose(moments.variance, rows.var(0), rtol=1e-12)
        assert moments.count == 1000


def test_merging_in_either_order_is_the_same() -> None:
    a, b = (np.random.default_rng(seed).normal(seed, 2.0, size=(100, 2)) for seed in (1, 2))
    merged = []
    for first, second in ((a, b), (b, a)):
        moments = RunningMoments((2,))
        moments.update(first)
        moments.merge(second.mean(0), second.var(0), len(second))
        merged.append(moments)
    np.testing.assert_allclose(merged[0].mean, merged[1].mean)
    np.testing.assert_allclose(merged[0].variance, merged[1].variance)


def test_nothing_merged_changes_nothing() -> None:
    moments = RunningMoments((2,))
    moments.merge(np.full(2, 9.0), np.full(2, 9.0), 0)
    assert moments.count == 0
    np.testing.assert_array_equal(moments.mean, np.zeros(2))


def test_counts_past_the_float32_limit() -> None:
    moments = RunningMoments()
    moments.merge(np.array(1.0), np.array(1.0), 2.0**24)
    moments.update(np.array([3.0]))
    assert moments.count == 2**24 + 1  # float32 would stay at 2**24
    assert moments.mean > 1.0


def test_rows_pass_unchanged_before_the_first_update() -> None:
    rows = np.array([[1e3, -1e3]])
    np.testing.assert_array_equal(RunningMoments((2,)).normalize(rows, clip=5.0), rows)


def test_normalised_rows_are_centred_scaled_limited_float32() -> None:
    rows = np.random.default_rng(0).normal(7.0, 3.0, size=(5000, 2))
    moments = RunningMoments((2,))
    moments.update(rows)
    normalized = moments.normalize(rows, clip=2.0)
    assert normalized.dtype == np.float32
    assert np.abs(normalized).max() == 2.0
    unlimited = moments.normalize(rows)
    np.testing.assert_allclose(unlimited.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(unlimited.std(0), 1.0, atol=1e-5)


def test_state_round_trip_and_shapes() -> None:
    moments = RunningMoments((3,))
    moments.update(np.arange(12.0).reshape(4, 3))
    twin = RunningMoments((3,))
    twin.load_state_dict(copy.deepcopy(moments.state_dict()))
    np.testing.assert_array_equal(twin.mean, moments.mean)
    assert twin.count == 4
    with pytest.raises(ValueError, match=r"mean has shape \(3,\), expected \(2,\)"):
        RunningMoments((2,)).load_state_dict(moments.state_dict())


def test_reward_scale_is_that_of_the_discounted_return() -> None:
    generator = np.random.default_rng(0)
    rewards, done = generator.normal(size=(40, 3)), generator.random((40, 3)) < 0.1
    scaler = RewardScaler(3, gamma=0.9)
    assert scaler.scale() == pytest.approx(1.0, abs=1e-6)
    for part in (slice(0, 15), slice(15, 40)):  # the running return goes on from rollout to rollout
        scaler.update(rewards[part], done[part])
    returns, running = [], np.zeros(3)
    for reward, ended in zip(rewards, done, strict=True):
        running = running * 0.9 + reward
        returns.append(running.copy())
        running[ended] = 0.0
    assert scaler.scale() == pytest.approx(1.0 / np.sqrt(np.var(returns) + 1e-8))
