"""What one update looked like inside, small enough to cross to a screen with every update."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.events import AdvantageHistogram, Inspection
from engine.vmpo import EStep

BINS = 48


@torch.no_grad()
def inspect(advantages: Tensor, estep: EStep, std: Tensor | None) -> Inspection:
    """Summarise an update's E-step and the policy that its M-step made.

    Args:
        advantages: as the E-step weighed them [D], finite.
        estep: its weights and selection.
        std: sigma of the policy on every row [D, A]; None for discrete actions.
    """
    return Inspection(
        std=() if std is None else tuple(std.mean(0).tolist()),
        advantages=histogram(advantages, estep),
    )


def histogram(advantages: Tensor, estep: EStep, bins: int = BINS) -> AdvantageHistogram:
    """Count rows and add up their weights psi in equal bins over the whole range of advantages [D]."""
    low, high = (float(end) for end in advantages.aminmax())
    if high - low <= 1e-12 * max(1.0, abs(low), abs(high)):  # all equal: one bar in the middle
        low, high = low - 0.5, high + 0.5
    places = ((advantages - low) * (bins / (high - low))).long().clamp_(0, bins - 1)
    weights = torch.zeros(bins, dtype=torch.float64, device=advantages.device)
    weights.index_add_(0, places, estep.weights.double())
    return AdvantageHistogram(
        low=low,
        high=high,
        counts=tuple(torch.bincount(places, minlength=bins).tolist()),
        weights=tuple(weights.tolist()),
        threshold=float(advantages[estep.selected].min()),
        selected=int(estep.selected.sum()),
    )
