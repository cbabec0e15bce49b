"""Fully connected encoder."""

from __future__ import annotations

import math

from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
}


class Encoder(nn.Sequential):
    """A network from observations [..., O] to features [..., F]."""

    def __init__(self, layers: list[nn.Module], out_features: int) -> None:
        super().__init__(*layers)
        self.out_features = out_features


def build_mlp(observation_size: int, layer_sizes: tuple[int, ...], activation: str) -> Encoder:
    """Build linear layers with an activation after each, orthogonally initialised with gain sqrt(2).

    Args:
        observation_size: O.
        layer_sizes: width of each layer; none gives the identity.
        activation: a name in `ACTIVATIONS`.
    """
    layers: list[nn.Module] = []
    width = observation_size
    for size in layer_sizes:
        linear = nn.Linear(width, size)
        nn.init.orthogonal_(linear.weight, math.sqrt(2))
        nn.init.zeros_(linear.bias)
        layers += [linear, ACTIVATIONS[activation]()]
        width = size
    return Encoder(layers, width)
