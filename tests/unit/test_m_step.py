"""The M-step's gradients in closed form against autograd's of the losses, in double precision."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import distributions, vmpo
from engine.agent import Agent
from engine.config import Config
from engine.distributions import (
    Categorical,
    DiagonalGaussian,
    Distribution,
    expected_log_prob,
    kl_parts,
)
from engine.envs.base import ContinuousActions, DiscreteActions
from engine.flat import FlatParameters
from engine.m_step import m_step
from engine.networks.mlp import ACTIVATIONS, MLP

ROWS, ACTIONS = 17, 3
BOX = ContinuousActions(-np.ones(ACTIONS), np.ones(ACTIONS))


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def objective(
    old: Distribution,
    new: Distribution,
    actions: Tensor,
    weights: Tensor,
    alphas: Tensor,
    *,
    control_variate: bool = False,
    decoupled: bool = False,
) -> tuple[Tensor, list[Tensor]]:
    """The M-step's loss as the paper writes it, with what `m_step` adds on request."""
    parts = [
        vmpo.constraint_loss(kl, alpha, 0.0)[1] for kl, alpha in zip(kl_parts(old, new), alphas, strict=True)
    ]
    total = torch.stack([part.penalty for part in parts]).sum()
    for part in distributions.decoupled(old, new) if decoupled else (new,):
        log_prob = part.log_prob(actions)
        total = total + vmpo.policy_loss(log_prob, weights)
        if control_variate:
            total = total + vmpo.control_variate(log_prob, expected_log_prob(old, part))
    return total, [part.kl for part in parts]


def random_distributions(seed: int, continuous: bool) -> tuple[Distribution, Distribution]:
    generator = torch.Generator().manual_seed(seed)

    def normal() -> Tensor:
        return torch.randn(ROWS, ACTIONS, generator=generator)

    if not continuous:
        return Categorical(normal()), Categorical(normal().requires_grad_())
    old = DiagonalGaussian(normal(), normal().exp())
    new = DiagonalGaussian(normal().requires_grad_(), (0.5 * normal()).exp().requires_grad_())
    return old, new


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("decoupled", [True, False])
@pytest.mark.parametrize("control_variate", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_gradients_of_the_distribution(
    seed: int, control_variate: bool, decoupled: bool, continuous: bool
) -> None:
    old, new = random_distributions(seed, continuous)
    generator = torch.Generator().manual_seed(seed + 100)
    actions = new.sample(generator).detach()
    weights = torch.rand(ROWS, generator=generator)
    alphas = torch.tensor([0.7, 3.0])[: len(new.constraints)]
    options = {"control_variate": control_variate, "decoupled": decoupled}
    total, kls = objective(old, new, actions, weights, alphas, **options)
    expected = torch.autograd.grad(total, new.parameters)
    with torch.no_grad():
        found = m_step(old, new, actions, weights, alphas, **options)
    for mine, autograd in zip(found.gradients, expected, strict=True):
        torch.testing.assert_close(mine, autograd)
    torch.testing.assert_close(found.kls, torch.stack(kls).detach())


def test_an_unmoved_policy_feels_no_constraint() -> None:
    old, _ = random_distributions(0, continuous=True)
    found = m_step(old, old, torch.zeros(ROWS, ACTIONS), torch.zeros(ROWS), torch.tensor([5.0, 5.0]))
    assert all(torch.equal(gradient, torch.zeros(ROWS, ACTIONS)) for gradient in found.gradients)
    assert torch.equal(found.kls, torch.zeros(2))


@pytest.mark.parametrize("continuous", [True, False])
def test_the_control_variate_keeps_the_mean_and_takes_the_noise(continuous: bool) -> None:
    old, new = random_distributions(0, continuous)
    draws, generator = 4000, torch.Generator().manual_seed(1)
    alphas = torch.tensor([0.7, 3.0])[: len(new.constraints)]
    gradients: dict[bool, list[Tensor]] = {False: [], True: []}
    for _ in range(draws):
        actions = old.sample(generator)
        score = actions.double().reshape(ROWS, -1)[:, 0].tanh()  # an advantage that depends on the action
        weights = torch.softmax(0.3 * score, 0)
        for control_variate, found in gradients.items():
            step = m_step(old, new, actions, weights, alphas, control_variate=control_variate)
            found.append(torch.cat(step.gradients, -1).detach())
    plain, controlled = (torch.stack(gradients[kind]) for kind in (False, True))
    error = (plain - controlled).std(0) / math.sqrt(draws)
    assert ((plain.mean(0) - controlled.mean(0)).abs() < 5 * error).all()
    assert controlled.var(0).sum() < 0.3 * plain.var(0).sum()


def test_a_moving_mean_draws_in_a_coupled_sigma_and_leaves_a_decoupled_one() -> None:
    old = DiagonalGaussian(torch.zeros(ROWS, 1), torch.ones(ROWS, 1))
    moved = DiagonalGaussian(torch.ones(ROWS, 1), torch.ones(ROWS, 1))
    actions = torch.ones(ROWS, 1)  # fits sigma as it is: one sigma away from the old mean
    weights, alphas = torch.full((ROWS,), 1.0 / ROWS), torch.zeros(2)
    coupled = m_step(old, moved, actions, weights, alphas).gradients[1]
    apart = m_step(old, moved, actions, weights, alphas, decoupled=True).gradients[1]
    assert (coupled > 0).all()
    assert torch.equal(apart, torch.zeros(ROWS, 1))


def test_two_kinds_of_policy_are_refused() -> None:
    gaussian, _ = random_distributions(0, continuous=True)
    categorical, _ = random_distributions(0, continuous=False)
    with pytest.raises(TypeError, match="DiagonalGaussian to Categorical"):
        m_step(gaussian, categorical, torch.zeros(ROWS), torch.zeros(ROWS), torch.ones(1))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(), (5,), (5, 4, 6)])
def test_gradients_of_the_encoder(activation: str, sizes: tuple[int, ...]) -> None:
    encoder = MLP(7, sizes, activation)
    observations = torch.randn(ROWS, 7, requires_grad=True)
    features = encoder(observations)
    gradient = torch.randn_like(features)
    expected = torch.autograd.grad(features, [observations, *encoder.parameters()], gradient)
    for parameter in encoder.parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))
    with torch.no_grad():
        recorded, tape = encoder.record(observations)
        to_input = encoder.backward(tape, gradient, to_input=True)
    torch.testing.assert_close(recorded, features.detach())
    torch.testing.assert_close(to_input, expected[0])
    for parameter, autograd in zip(encoder.parameters(), expected[1:], strict=True):
        torch.testing.assert_close(parameter.grad, autograd)


@pytest.mark.parametrize(
    ("continuous", "shared", "state_dependent", "popart"), itertools.product([True, False], repeat=4)
)
def test_gradients_of_the_whole_agent(
    continuous: bool, shared: bool, state_dependent: bool, popart: bool
) -> None:
    network = {"shared_encoder": shared, "state_dependent_std": state_dependent, "policy_layer_sizes": (6, 5)}
    config = Config().updated({"network": {**network, "value_layer_sizes": (4,)}}).network
    torch.manual_seed(0)
    agent = Agent(7, BOX if continuous else DiscreteActions(ACTIONS), config, popart=popart)
    for parameter in agent.policy.head.parameters():
        torch.nn.init.normal_(parameter)
    old, _ = random_distributions(1, continuous)
    observations, returns = torch.randn(ROWS, 7), 10.0 * torch.randn(ROWS)
    actions, weights, alphas = old.sample(torch.Generator()), torch.rand(ROWS), torch.tensor([0.7, 3.0])
    alphas = alphas[: len(old.constraints)]
    agent.value_head.update(returns)

    groups = [agent.policy_parameters(), agent.value_parameters()]
    members = [parameter for group in groups for parameter in group]
    total, _ = objective(old, agent.policy(observations), actions, weights, alphas)
    values = agent.value_head.normalized(agent.value_features(observations))
    targets = agent.value_head.normalize(returns)
    expected = torch.autograd.grad(total + vmpo.value_loss(values, targets), members)

    flat = [FlatParameters(group) for group in groups]
    with torch.no_grad():
        new, tape = agent.policy.record(observations)
        gradients, _ = m_step(old, new, actions, weights, alphas)
        recorded, value_tape = agent.record_value(observations, tape.features)
        torch.testing.assert_close(recorded, values.detach())
        to_features = agent.value_backward(value_tape, (recorded - targets) / ROWS)
        agent.policy.backward(tape, gradients, to_features)
    found = torch.cat([group.gradient for group in flat])
    torch.testing.assert_close(found, torch.cat([gradient.flatten() for gradient in expected]))


class TestFlatParameters:
    def layer(self) -> tuple[torch.nn.Linear, FlatParameters]:
        layer = torch.nn.Linear(3, 2)
        return layer, FlatParameters(layer.parameters())

    def test_parameters_are_views(self) -> None:
        layer, flat = self.layer()
        with torch.no_grad():
            flat.vector.fill_(2.0)
        assert torch.equal(layer.weight, torch.full((2, 3), 2.0))
        layer.load_state_dict({"weight": torch.zeros(2, 3), "bias": torch.ones(2)})
        assert flat.vector.tolist() == [0.0] * 6 + [1.0] * 2

    @pytest.mark.parametrize(("limit", "after"), [(0.0, 10.0), (20.0, 10.0), (0.5, 0.5)])
    def test_clipping_keeps_the_direction(self, limit: float, after: float) -> None:
        layer, flat = self.layer()
        layer.weight.grad[0, 0], layer.bias.grad[1] = 6.0, 8.0  # type: ignore[index]
        assert float(flat.clip_gradient(limit)) == 10.0
        assert float(flat.gradient.norm()) == pytest.approx(after, rel=1e-5)
        assert float(layer.weight.grad[0, 0] / layer.bias.grad[1]) == pytest.approx(0.75)  # type: ignore[index]
