"""The agent: policy and value function over encoders, and the frozen target policy that acts."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.config import NetworkConfig
from engine.distributions import Categorical, DiagonalGaussian, Distribution
from engine.envs.base import ContinuousActions, DiscreteActions
from engine.networks import ENCODERS
from engine.networks.mlp import Tape, linear, write_linear_gradient
from engine.popart import PopArt


class Constant(nn.Module):
    """One learned number per output, whatever the input."""

    def __init__(self, size: int, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.full((size,), value))

    def forward(self, features: Tensor) -> Tensor:
        """Return the values [A] for features [..., F]."""
        del features
        return self.value


class PolicyTape(NamedTuple):
    """What `Policy.backward` needs of a forward pass."""

    encoder: Tape
    features: Tensor
    raw_std: Tensor | None


class ValueTape(NamedTuple):
    """What `Agent.value_backward` needs of a forward pass."""

    encoder: Tape
    features: Tensor


class Policy(nn.Module):
    """Maps normalised observations [..., O] to an action distribution."""

    def __init__(
        self, observation_size: int, actions: ContinuousActions | DiscreteActions, config: NetworkConfig
    ) -> None:
        super().__init__()
        self.encoder = ENCODERS[config.kind](observation_size, config.policy_layer_sizes, config.activation)
        self.continuous = isinstance(actions, ContinuousActions)
        self._std_min = config.std_min
        self.head = _small_linear(self.encoder.out_features, actions.size)
        spread = _inverse_softplus(max(config.std_init - config.std_min, 1e-6))
        self.std_head: nn.Module = nn.Identity()
        if self.continuous and config.state_dependent_std:
            self.std_head = _small_linear(self.encoder.out_features, actions.size, bias=spread)
        elif self.continuous:
            self.std_head = Constant(actions.size, spread)

    def forward(self, observations: Tensor) -> Distribution:
        """Return the action distribution for observations [..., O]."""
        return self.from_features(self.encoder(observations))

    def from_features(self, features: Tensor) -> Distribution:
        """Return the action distribution for encoder features [..., F]."""
        out: Tensor = self.head(features)
        if not self.continuous:
            return Categorical(out)
        std = functional.softplus(self.std_head(features)) + self._std_min
        return DiagonalGaussian(out, std.expand_as(out))

    def record(self, observations: Tensor) -> tuple[Distribution, PolicyTape]:
        """Return the action distribution for observations [B, O], and what `backward` needs."""
        features, tape = self.encoder.record(observations)
        out = linear(self.head, features)
        if not self.continuous:
            return Categorical(out), PolicyTape(tape, features, None)
        raw: Tensor = self.std_head(features)
        distribution = DiagonalGaussian(out, functional.softplus(raw) + self._std_min)
        return distribution, PolicyTape(tape, features, raw)

    def backward(
        self, tape: PolicyTape, gradients: tuple[Tensor, ...], to_features: Tensor | None = None
    ) -> None:
        """Write the parameters' gradients.

        Args:
            tape: what `record` returned.
            gradients: with respect to each of the distribution's parameters, per row [B, A].
            to_features: a further gradient with respect to the encoder's features [B, F].
        """
        write_linear_gradient(self.head, tape.features, gradients[0])
        encoder_gradient = gradients[0] @ self.head.weight
        if tape.raw_std is not None:
            raw_gradient = gradients[1] * torch.sigmoid(tape.raw_std)
            if isinstance(self.std_head, Constant):
                torch.sum(raw_gradient, 0, out=self.std_head.value.grad)
            elif isinstance(self.std_head, nn.Linear):
                write_linear_gradient(self.std_head, tape.features, raw_gradient)
                encoder_gradient = torch.addmm(encoder_gradient, raw_gradient, self.std_head.weight)
        if to_features is not None:
            encoder_gradient = encoder_gradient + to_features
        self.encoder.backward(tape.encoder, encoder_gradient)

    @property
    def distribution_class(self) -> type[DiagonalGaussian] | type[Categorical]:
        """Kind of the action distribution."""
        return DiagonalGaussian if self.continuous else Categorical

    def distribution(self, parameters: tuple[Tensor, ...]) -> Distribution:
        """Rebuild a distribution from its stored parameters."""
        return DiagonalGaussian(*parameters) if self.continuous else Categorical(*parameters)


class Agent(nn.Module):
    """Online policy, value function and the target policy that collects data.

    With a shared encoder the value function's layers start from the policy's features, and the encoder
    learns from both losses.
    """

    def __init__(
        self, observation_size: int, actions: ContinuousActions | DiscreteActions, config: NetworkConfig,
        *, popart: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.shared_encoder = config.shared_encoder
        self.policy = Policy(observation_size, actions, config)
        value_input = self.policy.encoder.out_features if config.shared_encoder else observation_size
        self.value_encoder = ENCODERS[config.kind](value_input, config.value_layer_sizes, config.activation)
        self.value_head = PopArt(self.value_encoder.out_features, adaptive=popart)
        nn.init.orthogonal_(self.value_head.linear.weight, 1.0)
        nn.init.zeros_(self.value_head.linear.bias)
        self.target_policy = copy.deepcopy(self.policy).requires_grad_(False)

    def act(self, observations: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return raw actions of the target policy for normalised observations [N, O].

        Args:
            observations: [N, O].
            generator: source of the noise; None takes the mode (deterministic evaluation).
        """
        with torch.no_grad():
            distribution: Distribution = self.target_policy(observations)
            return distribution.mode() if generator is None else distribution.sample(generator)

    def value_features(self, observations: Tensor) -> Tensor:
        """Features in front of the value head for normalised observations [..., O]."""
        shared = self.policy.encoder(observations) if self.shared_encoder else observations
        features: Tensor = self.value_encoder(shared)
        return features

    def value(self, observations: Tensor) -> Tensor:
        """V(s) [...] in the units of the (normalised) returns."""
        values: Tensor = self.value_head(self.value_features(observations))
        return values

    def record_value(self, observations: Tensor, policy_features: Tensor) -> tuple[Tensor, ValueTape]:
        """Return the normalised values [B] for observations [B, O], and what `value_backward` needs.

        Args:
            observations: [B, O].
            policy_features: the policy encoder's features [B, F], where a shared encoder starts from.
        """
        inputs = policy_features if self.shared_encoder else observations
        features, tape = self.value_encoder.record(inputs)
        return linear(self.value_head.linear, features).squeeze(1), ValueTape(tape, features)

    def value_backward(self, tape: ValueTape, gradient: Tensor) -> Tensor | None:
        """Write the value function's gradients.

        Args:
            tape: what `record_value` returned.
            gradient: with respect to the normalised values [B].

        Returns:
            With a shared encoder, the gradient with respect to the policy's features [B, F].
        """
        head = self.value_head.linear
        column = gradient.unsqueeze(1)
        write_linear_gradient(head, tape.features, column)
        return self.value_encoder.backward(tape.encoder, column * head.weight, to_input=self.shared_encoder)

    def policy_parameters(self) -> list[nn.Parameter]:
        """Parameters of the online policy, the shared encoder included."""
        return list(self.policy.parameters())

    def value_parameters(self) -> list[nn.Parameter]:
        """Parameters of the value function alone."""
        return [*self.value_encoder.parameters(), *self.value_head.parameters()]

    @torch.no_grad()
    def promote(self) -> None:
        """Make the online policy the target policy."""
        for target, online in zip(self.target_policy.parameters(), self.policy.parameters(), strict=True):
            target.copy_(online)


def _small_linear(in_features: int, out_features: int, bias: float = 0.0) -> nn.Linear:
    """Build a linear layer whose first outputs are close to ``bias``."""
    layer = nn.Linear(in_features, out_features)
    nn.init.orthogonal_(layer.weight, 0.01)
    nn.init.constant_(layer.bias, bias)
    return layer


def _inverse_softplus(value: float) -> float:
    return float(torch.log(torch.expm1(torch.tensor(value, dtype=torch.float64))))
