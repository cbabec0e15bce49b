"""Positive dual variables: the temperature eta and the KL multipliers alpha."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class Multipliers:
    """A few positive scalars softplus(x) with an optimiser of their own and a floor.

    The floor is applied after the step: clamping inside the forward pass would kill the gradient there.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        *,
        init: float,
        floor: float,
        optimizer: type[torch.optim.Optimizer],
        device: torch.device | str = "cpu",
        **options: Any,
    ) -> None:
        self.names = names
        self._floor = _inverse_softplus(floor)
        self._raw = torch.full((len(names),), _inverse_softplus(init), device=device, requires_grad=True)
        self.optimizer = optimizer([self._raw], **options)

    def values(self) -> Tensor:
        """Current values [len(names)], attached to the graph."""
        return functional.softplus(self._raw)

    def step(self, loss: Tensor) -> None:
        """Take one optimiser step down the loss, then apply the floor."""
        (gradient,) = torch.autograd.grad(loss, [self._raw])
        self.apply_gradient(gradient)

    def apply_gradient(self, gradient: Tensor) -> None:
        """Take one optimiser step with a gradient with respect to the raw parameters, then the floor."""
        self._raw.grad = gradient
        self.optimizer.step()
        with torch.no_grad():
            self._raw.clamp_(min=self._floor)

    @property
    def raw(self) -> Tensor:
        """The unconstrained parameters [len(names)]."""
        return self._raw

    def set(self, value: float) -> None:
        """Give every multiplier a value, not below the floor."""
        with torch.no_grad():
            self._raw.fill_(max(_inverse_softplus(value), self._floor) if value > 0 else self._floor)

    def to_dict(self) -> dict[str, float]:
        """Values by name."""
        with torch.no_grad():
            return dict(zip(self.names, self.values().tolist(), strict=True))

    def state_dict(self) -> dict[str, Any]:
        """Parameters and optimiser state."""
        return {"raw": self._raw.detach().clone(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict`."""
        with torch.no_grad():
            self._raw.copy_(state["raw"])
        self.optimizer.load_state_dict(state["optimizer"])


def _inverse_softplus(value: float) -> float:
    tensor = torch.tensor(value, dtype=torch.float64)
    return float(tensor + torch.log(-torch.expm1(-tensor)))
