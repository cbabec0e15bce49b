"""What an update says of its inside: the histogram of its advantages, sigma, saturated actions."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import vmpo
from engine.channel import Channel
from engine.envs.base import ContinuousActions
from engine.events import PhaseChanged, RunStarted, UpdateCompleted
from engine.inspection import histogram, inspect
from engine.sinks.jsonl import read_rows
from tests.unit.run_script import CARTPOLE, PENDULUM, ScriptedChannel, train
from tests.unit.test_learner import make
from tests.unit.test_learner import train as learn


def estep(advantages: torch.Tensor, fraction: float) -> vmpo.EStep:
    return vmpo.e_step(advantages, 1.0, vmpo.select_top_k(advantages, fraction))


def test_the_upper_half_is_counted_weighed_and_bounded_by_its_smallest_member() -> None:
    advantages = torch.tensor([0.0, 1.0, 2.0, 4.0])
    found = histogram(advantages, estep(advantages, 0.5), bins=4)
    assert (found.low, found.high) == (0.0, 4.0)
    assert found.counts == (1, 1, 1, 1)  # the largest advantage belongs to the last bin
    assert (found.threshold, found.selected) == (2.0, 2)
    # softmax of 2 and 4: 1 / (1 + e^2) and e^2 / (1 + e^2)
    assert found.weights == pytest.approx((0.0, 0.0, 0.1192, 0.8808), abs=1e-4)


def test_with_all_rows_selected_the_threshold_is_the_smallest_advantage() -> None:
    advantages = torch.tensor([3.0, -1.0, 1.0])
    found = histogram(advantages, estep(advantages, 1.0), bins=2)
    assert (found.threshold, found.selected) == (-1.0, 3)
    assert found.counts == (1, 2)
    assert all(weight > 0 for weight in found.weights)


def test_equal_advantages_make_one_bar_in_a_range_that_is_not_empty() -> None:
    advantages = torch.full((5,), 7.0)
    found = histogram(advantages, estep(advantages, 1.0), bins=4)
    assert (found.low, found.high) == (6.5, 7.5)
    assert found.counts == (0, 0, 5, 0)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_every_row_and_all_the_weight_are_somewhere(values: list[float], fraction: float) -> None:
    advantages = torch.tensor(values)
    step = estep(advantages, fraction)
    found = histogram(advantages, step)
    assert sum(found.counts) == len(values)
    assert sum(found.weights) == pytest.approx(1.0, abs=1e-4)
    assert found.selected == int(step.selected.sum())
    assert found.low < found.high


def test_sigma_is_averaged_over_the_rows_for_each_dimension() -> None:
    advantages = torch.tensor([0.0, 1.0])
    std = torch.tensor([[0.25, 1.0], [0.75, 2.0]])
    assert inspect(advantages, estep(advantages, 1.0), std).std == (0.5, 1.5)
    assert inspect(advantages, estep(advantages, 1.0), None).std == ()


def test_the_share_of_clipped_components_leaves_unbounded_dimensions_out() -> None:
    actions = ContinuousActions(np.array([-2.0, -np.inf]), np.array([2.0, np.inf]))
    sample = np.array([[0.5, 100.0], [-1.5, 0.0], [1.0, 0.0], [1.25, -50.0]])
    assert actions.saturation(sample) == 2 / 8


@pytest.mark.parametrize("continuous", [True, False])
def test_a_learner_keeps_the_inspection_of_its_newest_update(continuous: bool) -> None:
    learner, collector = make(continuous, topk_fraction=0.5)
    assert learner.inspection is None
    learn(learner, collector, 1)
    inspection = learner.inspection
    assert inspection is not None
    rows = 8 * 16
    assert sum(inspection.advantages.counts) == rows
    assert inspection.advantages.selected == rows // 2
    policy = learner.agent.policy(collector.rollout.observations[0])
    expected = policy.parameters[1][0].tolist() if continuous else []
    assert inspection.std == pytest.approx(expected)


@pytest.mark.parametrize("config", [CARTPOLE, PENDULUM], ids=["discrete", "continuous"])
def test_an_inspection_crosses_to_the_screen_and_stays_out_of_the_file(config, tmp_path) -> None:
    channel = ScriptedChannel()
    train(config, tmp_path / "run", channel)
    updates = [event for event in channel.events if isinstance(event, UpdateCompleted)]
    (started,) = (event for event in channel.events if isinstance(event, RunStarted))
    for event in updates:
        assert event.inspection is not None
        assert len(event.inspection.std) == (started.action_size if started.continuous else 0)
        assert ("policy/saturated" in event.metrics) == started.continuous
        assert pickle.loads(pickle.dumps(event)) == event
    rows = list(read_rows(tmp_path / "run" / "metrics.jsonl"))
    assert len(rows) == len(updates)
    assert all(isinstance(value, (int, float)) for row in rows for value in row.values())


def test_the_newest_inspection_survives_an_unread_channel() -> None:
    channel = Channel(capacity=2)
    advantages = torch.tensor([0.0, 1.0])
    inspections = [
        inspect(advantages, estep(advantages, 1.0), torch.full((2, 1), float(k))) for k in range(5)
    ]
    for inspection in inspections:
        channel.emit(UpdateCompleted({}, inspection=inspection))
        channel.emit(PhaseChanged("training"))
    rows = [event for event in channel.drain() if isinstance(event, UpdateCompleted)]
    assert [row.inspection for row in rows] == inspections[-2:]
