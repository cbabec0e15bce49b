"""Parameters of a group of modules as one vector: one norm, one optimiser call for all of them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class FlatParameters:
    """Moves parameters, and their gradients, into two contiguous vectors that they stay views of."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        members = list(parameters)
        self.vector = nn.Parameter(torch.cat([member.detach().flatten() for member in members]))
        self.gradient = torch.zeros_like(self.vector)
        self.vector.grad = self.gradient
        start = 0
        for member in members:
            stop = start + member.numel()
            member.data = self.vector.data[start:stop].view_as(member)
            member.grad = self.gradient[start:stop].view_as(member)
            start = stop

    def clip_gradient(self, limit: float) -> Tensor:
        """Scale the gradient down to a norm of at most ``limit`` (0: no limit); return its norm before."""
        norm: Tensor = torch.linalg.vector_norm(self.gradient)
        if limit:
            self.gradient.mul_((limit / (norm + 1e-6)).clamp_max(1.0))
        return norm
