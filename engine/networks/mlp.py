"""Fully connected encoder, with its gradient written out.

A gradient step on a small network is bound by the overhead of recording and replaying a graph, not by
arithmetic. `MLP.record` and `MLP.backward` do the same sums with a fifth of the calls; `forward` stays an
ordinary function of tensors, and the tests hold the one against the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

Tape = list[tuple[Tensor, Tensor]]
"""For each layer its input, and what the activation's derivative needs."""


_MINUS_ONE = torch.tensor(-1.0)


class Activation(NamedTuple):
    """A nonlinearity and its derivative."""

    apply: Callable[[Tensor], Tensor]
    """Output from the pre-activation."""
    gradient: Callable[[Tensor, Tensor], Tensor]
    """Gradient of the pre-activation from that of the output and from the output (or pre-activation)."""
    needs_input: bool = False
    """Whether the derivative is taken from the pre-activation instead of the output."""


def _tanh(x: Tensor) -> Tensor:
    """Tanh through the sigmoid, which PyTorch vectorises on CPUs: a quarter of torch.tanh's time."""
    return torch.add(_MINUS_ONE, torch.sigmoid(2.0 * x), alpha=2.0)


def _elu_gradient(gradient: Tensor, output: Tensor) -> Tensor:
    return gradient * torch.where(output > 0, 1.0, output + 1.0)


def _silu_gradient(gradient: Tensor, x: Tensor) -> Tensor:
    gate = torch.sigmoid(x)
    return gradient * gate * (1.0 + x * (1.0 - gate))


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(_tanh, torch.ops.aten.tanh_backward),
    "relu": Activation(torch.relu, lambda gradient, output: gradient * (output > 0)),
    "elu": Activation(functional.elu, _elu_gradient),
    "silu": Activation(functional.silu, _silu_gradient, needs_input=True),
}


class MLP(nn.Module):
    """Linear layers with an activation after each, orthogonally initialised with gain sqrt(2)."""

    def __init__(self, observation_size: int, layer_sizes: tuple[int, ...], activation: str) -> None:
        """Build the layers.

        Args:
            observation_size: O.
            layer_sizes: width of each layer; none gives the identity.
            activation: a name in `ACTIVATIONS`.
        """
        super().__init__()
        widths = (observation_size, *layer_sizes)
        layers = [nn.Linear(width, size) for width, size in zip(widths[:-1], layer_sizes, strict=True)]
        for layer in layers:
            nn.init.orthogonal_(layer.weight, math.sqrt(2))
            nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(layers)
        self.out_features = widths[-1]
        self._activation = ACTIVATIONS[activation]

    def forward(self, observations: Tensor) -> Tensor:
        """Return features [..., F] for observations [..., O]."""
        features = observations
        for layer in self.layers:
            features = self._activation.apply(layer(features))
        return features

    def record(self, observations: Tensor) -> tuple[Tensor, Tape]:
        """Return features [B, F] for observations [B, O], and what `backward` needs."""
        tape: Tape = []
        features = observations
        for layer in self.layers:
            before = linear(layer, features)
            output = self._activation.apply(before)
            tape.append((features, before if self._activation.needs_input else output))
            features = output
        return features, tape

    def backward(self, tape: Tape, gradient: Tensor, *, to_input: bool = False) -> Tensor | None:
        """Write the parameters' gradients; return the observations' [B, O] if asked for.

        Args:
            tape: what `record` returned.
            gradient: with respect to the features [B, F].
            to_input: whether the gradient with respect to the observations is wanted.
        """
        for index in range(len(tape) - 1, -1, -1):
            inputs, kept = tape[index]
            gradient = self._activation.gradient(gradient, kept)
            layer = self.layers[index]
            assert isinstance(layer, nn.Linear)
            write_linear_gradient(layer, inputs, gradient)
            if index or to_input:
                gradient = gradient @ layer.weight
        return gradient if to_input else None


def linear(layer: nn.Module, inputs: Tensor) -> Tensor:
    """Return a linear layer's outputs [B, F] for inputs [B, I], past the module's hooks."""
    assert isinstance(layer, nn.Linear)
    return torch.addmm(layer.bias, inputs, layer.weight.t())


def write_linear_gradient(layer: nn.Module, inputs: Tensor, gradient: Tensor) -> None:
    """Write a linear layer's gradients from its inputs [B, I] and the gradient of its outputs [B, F]."""
    assert isinstance(layer, nn.Linear)
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    torch.mm(gradient.t(), inputs, out=layer.weight.grad)
    torch.sum(gradient, 0, out=layer.bias.grad)
