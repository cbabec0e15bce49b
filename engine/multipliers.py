"""Positive dual variables: the temperature eta and the KL multipliers alpha."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Multipliers:
    """A few positive scalars softplus(x) with a floor; `raw` holds x for an optimiser.

    The floor is applied after the optimiser's step: clamping inside the forward pass would kill the gradient
    there.
    """

    def __init__(
        self, names: tuple[str, ...], *, init: float, floor: float, device: torch.device | str = "cpu"
    ) -> None:
        self.names = names
        self._floor = _inverse_softplus(floor)
        self.raw = nn.Parameter(torch.full((len(names),), _inverse_softplus(init), device=device))
        self.raw.grad = torch.zeros_like(self.raw)

    def values(self) -> Tensor:
        """Current values [len(names)], attached to the graph."""
        return functional.softplus(self.raw)

    def set_gradient(self, gradient: Tensor) -> None:
        """Give `raw` the gradient that follows from one with respect to the values [len(names)]."""
        assert self.raw.grad is not None
        torch.mul(gradient, torch.sigmoid(self.raw.detach()), out=self.raw.grad)

    def apply_floor(self) -> None:
        """Lift values that an optimiser pushed below the floor."""
        with torch.no_grad():
            self.raw.clamp_(min=self._floor)

    def set(self, value: float) -> None:
        """Give every multiplier a value, not below the floor."""
        with torch.no_grad():
            self.raw.fill_(max(_inverse_softplus(value), self._floor) if value > 0 else self._floor)

    def to_dict(self) -> dict[str, float]:
        """Values by name."""
        with torch.no_grad():
            return dict(zip(self.names, self.values().tolist(), strict=True))

    def state_dict(self) -> dict[str, Any]:
        """The unconstrained parameters."""
        return {"raw": self.raw.detach().clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict`."""
        with torch.no_grad():
            self.raw.copy_(state["raw"])


def _inverse_softplus(value: float) -> float:
    tensor = torch.tensor(value, dtype=torch.float64)
    return float(tensor + torch.log(-torch.expm1(-tensor)))
