from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from engine.agent import Agent
from engine.config import NetworkConfig
from engine.distributions import Categorical, DiagonalGaussian
from engine.envs.base import ContinuousActions, DiscreteActions
from engine.networks import ENCODERS, MLP
from engine.popart import PopArt

BOX = ContinuousActions(np.array([-2.0, 0.0, -np.inf]), np.array([2.0, 1.0, np.inf]))


def test_bounded_dimensions_are_clipped_and_rescaled_and_others_pass() -> None:
    sample = np.array([[0.5, -3.0, 7.0], [-9.0, 1.0, -7.0]])
    np.testing.assert_allclose(BOX.to_environment(sample), [[1.0, 0.0, 7.0], [-2.0, 1.0, -7.0]])


@pytest.mark.parametrize("state_dependent", [False, True])
def test_fresh_gaussian_is_centred_with_the_configured_sigma(state_dependent: bool) -> None:
    config = NetworkConfig(std_init=0.4, state_dependent_std=state_dependent)
    agent = Agent(5, BOX, config)
    with torch.no_grad():
        distribution = agent.policy(torch.randn(100, 5))
    assert isinstance(distribution, DiagonalGaussian)
    assert distribution.mean.shape == distribution.std.shape == (100, 3)
    assert float(distribution.mean.abs().max()) < 0.2
    torch.testing.assert_close(distribution.std.mean(), torch.tensor(0.4), atol=0.02, rtol=0)


def test_sigma_never_falls_below_its_minimum() -> None:
    agent = Agent(5, BOX, NetworkConfig(std_min=0.05))
    with torch.no_grad():
        agent.policy.std_head.value.fill_(-100.0)
        assert float(agent.policy(torch.zeros(1, 5)).std.min()) >= 0.05


def test_fresh_categorical_is_almost_uniform() -> None:
    agent = Agent(5, DiscreteActions(4), NetworkConfig())
    with torch.no_grad():
        distribution = agent.policy(torch.randn(50, 5))
    assert isinstance(distribution, Categorical)
    assert float((distribution.logits.softmax(-1) - 0.25).abs().max()) < 0.05


def test_act_follows_the_target_policy_until_promotion() -> None:
    agent = Agent(2, DiscreteActions(3), NetworkConfig())
    observations = torch.zeros(1, 2)
    with torch.no_grad():
        agent.policy.head.bias.copy_(torch.tensor([0.0, 9.0, 0.0]))
        agent.target_policy.head.bias.copy_(torch.tensor([9.0, 0.0, 0.0]))
    assert agent.act(observations).item() == 0
    agent.promote()
    assert agent.act(observations).item() == 1


def test_stochastic_actions_repeat_with_their_generator() -> None:
    agent = Agent(2, BOX, NetworkConfig())
    draws = [agent.act(torch.zeros(4, 2), torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], agent.act(torch.zeros(4, 2)))


def test_encoder_without_layers_is_the_identity() -> None:
    encoder = MLP(7, (), "tanh")
    observations = torch.randn(3, 7)
    assert encoder.out_features == 7
    assert torch.equal(encoder(observations), observations)


def test_every_registered_encoder_says_its_width() -> None:
    for build in ENCODERS.values():
        encoder = build(6, (9, 4), "elu")
        assert encoder(torch.zeros(2, 6)).shape == (2, encoder.out_features)


class TestPopArt:
    def head(self, **settings: Any) -> PopArt:
        torch.manual_seed(0)
        return PopArt(8, adaptive=True, **settings)

    def test_outputs_are_preserved_when_the_statistics_move(self) -> None:
        head, features = self.head(rate=0.5), torch.randn(20, 8)
        before = head(features).detach()
        for scale in (1.0, 100.0, 0.01):
            head.update(torch.randn(64) * scale + 3.0)
            torch.testing.assert_close(head(features).detach(), before, rtol=1e-4, atol=1e-3)

    def test_statistics_converge_to_those_of_the_targets(self) -> None:
        head, targets = self.head(rate=0.1), torch.randn(5000) * 40 + 300
        for _ in range(300):
            head.update(targets)
        normalized = head.normalize(targets)
        assert float(normalized.mean()) == pytest.approx(0.0, abs=1e-2)
        assert float(normalized.std()) == pytest.approx(1.0, abs=1e-2)
        torch.testing.assert_close(head.denormalize(normalized), targets, rtol=1e-4, atol=1e-2)

    def test_scale_stays_within_the_papers_bounds(self) -> None:
        head = self.head(rate=1.0)
        head.update(torch.full((10,), 5.0))
        assert float(head.scale) == pytest.approx(1e-2)
        head.update(torch.tensor([-1e9, 1e9]))
        assert float(head.scale) == pytest.approx(1e6)

    def test_plain_head_is_left_alone(self) -> None:
        head = PopArt(8, adaptive=False)
        before = copy.deepcopy(head.state_dict())
        head.update(torch.randn(5) * 100)
        assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())
        assert torch.equal(head.normalize(torch.ones(2)), torch.ones(2))
