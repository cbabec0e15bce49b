"""PopArt: value targets normalised adaptively while the outputs are preserved.

Source: van Hasselt et al. (2016), "Learning values across many orders of magnitude"; V-MPO, Appendix B
(scale bounds 1e-2 .. 1e6, rate 1e-4).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SCALE_MIN, SCALE_MAX = 1e-2, 1e6


class PopArt(nn.Module):
    """A linear value head with one output whose targets are centred and scaled.

    ``forward`` returns values in the units of the returns, ``normalized`` in normalised units, in which
    the loss is taken. Without ``adaptive`` it is a plain linear layer.
    """

    mean: Tensor
    second_moment: Tensor

    def __init__(self, in_features: int, *, adaptive: bool, rate: float = 1e-4) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, 1)
        self.adaptive = adaptive
        self._rate = rate
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("second_moment", torch.ones(()))

    @property
    def scale(self) -> Tensor:
        """Standard deviation of the targets, within the bounds."""
        variance = (self.second_moment - self.mean.square()).clamp_min(0.0)
        return variance.sqrt().clamp(SCALE_MIN, SCALE_MAX)

    def normalized(self, features: Tensor) -> Tensor:
        """Values in normalised units [...] from features [..., F]."""
        out: Tensor = self.linear(features).squeeze(-1)
        return out

    def forward(self, features: Tensor) -> Tensor:
        """Values in the units of the returns [...] from features [..., F]."""
        return self.denormalize(self.normalized(features))

    def denormalize(self, values: Tensor) -> Tensor:
        """Turn normalised values into the units of the returns."""
        return values * self.scale + self.mean if self.adaptive else values

    def normalize(self, targets: Tensor) -> Tensor:
        """Turn returns into normalised units."""
        return (targets - self.mean) / self.scale if self.adaptive else targets

    @torch.no_grad()
    def update(self, targets: Tensor) -> None:
        """Move the statistics towards the targets [B] and correct the weights so that outputs stay."""
        if not self.adaptive:
            return
        old_mean, old_scale = self.mean.clone(), self.scale
        self.mean.lerp_(targets.mean(), self._rate)
        self.second_moment.lerp_(targets.square().mean(), self._rate)
        scale = self.scale
        self.linear.weight.mul_(old_scale / scale)
        self.linear.bias.mul_(old_scale).add_(old_mean - self.mean).div_(scale)
