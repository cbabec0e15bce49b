from __future__ import annotations

import copy

import pytest
import torch

from engine.multipliers import Multipliers


def make(init: float = 1.0, floor: float = 1e-8) -> Multipliers:
    return Multipliers(("a", "b"), init=init, floor=floor)


def descend(multipliers: Multipliers, gradient: tuple[float, float], steps: int = 1, lr: float = 0.1) -> None:
    """Follow a constant gradient with respect to the values."""
    optimizer = torch.optim.Adam([multipliers.raw], lr=lr)
    for _ in range(steps):
        multipliers.set_gradient(torch.tensor(gradient))
        optimizer.step()
        multipliers.apply_floor()


@pytest.mark.parametrize("init", [1e-4, 0.1, 1.0, 50.0])
def test_start_at_their_first_value(init: float) -> None:
    assert make(init).to_dict() == pytest.approx({"a": init, "b": init}, rel=1e-4)


def test_follow_their_gradient() -> None:
    multipliers = make()
    descend(multipliers, (1.0, -1.0))
    values = multipliers.to_dict()
    assert values["a"] < 1.0 < values["b"]


def test_gradient_is_that_of_the_values() -> None:
    multipliers = make(init=0.3)
    weights = torch.tensor([2.0, -5.0])
    (expected,) = torch.autograd.grad(multipliers.values() @ weights, [multipliers.raw])
    multipliers.set_gradient(weights)
    torch.testing.assert_close(multipliers.raw.grad, expected)


def test_stay_positive_and_on_the_floor_after_the_step() -> None:
    multipliers = make(floor=1e-3)
    descend(multipliers, (1.0, 1.0), steps=20, lr=10.0)
    assert multipliers.to_dict() == pytest.approx({"a": 1e-3, "b": 1e-3}, rel=1e-3)


def test_gradient_is_alive_at_the_floor() -> None:
    multipliers = make(floor=1e-8)
    multipliers.set(0.0)
    assert multipliers.to_dict()["a"] == pytest.approx(1e-8, rel=1e-3)
    descend(multipliers, (-1.0, -1.0), steps=200, lr=1.0)
    assert multipliers.to_dict()["a"] > 0.1


def test_set_respects_the_floor() -> None:
    multipliers = make(floor=1e-2)
    multipliers.set(3.0)
    assert multipliers.to_dict()["a"] == pytest.approx(3.0)
    multipliers.set(1e-6)
    assert multipliers.to_dict()["a"] == pytest.approx(1e-2, rel=1e-4)


def test_state_round_trip() -> None:
    multipliers, twin = make(), make(init=7.0)
    descend(multipliers, (1.0, -2.0), steps=3)
    twin.load_state_dict(copy.deepcopy(multipliers.state_dict()))
    assert multipliers.to_dict() == twin.to_dict()
