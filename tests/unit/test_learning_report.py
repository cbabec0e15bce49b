"""The statistics of the learning benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.learning import episode_seeds
from tests.benchmarks.learning_report import aggregate, interval, iqm, lines_of, table, time_to


def row(agent: str, seed: int, mean: float, env: str = "Hopper-v5") -> dict:
    scored = {"mean": mean, "std": 1.0, "min": mean, "max": mean, "episodes": 100}
    return {
        "agent": agent, "env": env, "seed": seed, "steps": 1_000_000, "settings": [], "seconds": 60.0 + seed,
        "deterministic": scored, "stochastic": scored,
        "curve": [(500_000, 30.0 + seed, mean / 2), (1_000_000, 60.0 + seed, mean)],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([7.0], 7.0),
        ([1.0, 2.0, 3.0, 100.0], 2.5),
        # Five scores: a quarter is 1.25, so the outer two go, and the next two count three quarters.
        ([0.0, 10.0, 20.0, 30.0, 1000.0], (0.75 * 10 + 20 + 0.75 * 30) / 2.5),
    ],
)
def test_interquartile_mean(scores, expected):
    assert iqm(np.array(scores)) == pytest.approx(expected)


def test_interval_holds_the_iqm_and_narrows_with_seeds():
    generator = np.random.default_rng(0)
    few, many = generator.normal(100, 10, 5), generator.normal(100, 10, 500)
    widths = []
    for scores in (few, many):
        low, high = interval([scores])
        assert low <= iqm(scores) <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_seeds():
    assert list(episode_seeds("0-3,7")) == [0, 1, 2, 3, 7]


def test_time_to_a_score_is_the_median_over_seeds():
    rows = [row("vmpo", seed, 1000.0 * (seed + 1)) for seed in range(3)]
    assert time_to(rows, 500.0) == 31.0
    assert time_to(rows, 2500.0) == np.inf


def test_aggregate_is_relative_to_the_base():
    rows = [row("vmpo", seed, 300.0) for seed in range(4)] + [
        row("sb3-ppo", seed, 100.0) for seed in range(2)
    ]
    assert aggregate(rows) == "over 1 environments: 3.00 times sb3-ppo [3.00, 3.00]"
    assert aggregate(rows[:4]) is None


def test_tables():
    cells = list(table([row("vmpo", seed, 1234.0) for seed in range(2)]))
    assert cells[1] == [
        "Hopper-v5", "1M", "vmpo", "2", "1,234", "1,234 [1,234, 1,234]", "1,234", "1:00",
    ]  # fmt: skip
    assert list(lines_of(cells, markdown=True))[1] == "| --- | --- | --- | --- | --- | --- | --- | --- |"
    assert len({line.index("1M") for line in lines_of(cells, markdown=False) if "1M" in line}) == 1
