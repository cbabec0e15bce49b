from __future__ import annotations

import copy

import pytest
import torch

from engine.multipliers import Multipliers


def make(init: float = 1.0, lr: float = 0.1, floor: float = 1e-8) -> Multipliers:
    return Multipliers(("a", "b"), init=init, floor=floor, optimizer=torch.optim.Adam, lr=lr)


@pytest.mark.parametrize("init", [1e-4, 0.1, 1.0, 50.0])
def test_start_at_their_first_value(init: float) -> None:
    assert make(init).to_dict() == pytest.approx({"a": init, "b": init}, rel=1e-4)


def test_follow_their_gradient() -> None:
    multipliers = make()
    multipliers.step(multipliers.values() @ torch.tensor([1.0, -1.0]))
    values = multipliers.to_dict()
    assert values["a"] < 1.0 < values["b"]


def test_stay_positive_and_on_the_floor_after_the_step() -> None:
    multipliers = make(lr=10.0, floor=1e-3)
    for _ in range(20):
        multipliers.step(multipliers.values().sum())
    assert multipliers.to_dict() == pytest.approx({"a": 1e-3, "b": 1e-3}, rel=1e-3)


def test_gradient_is_alive_at_the_floor() -> None:
    multipliers = make(lr=1.0, floor=1e-8)
    multipliers.set(0.0)
    assert multipliers.to_dict()["a"] == pytest.approx(1e-8, rel=1e-3)
    for _ in range(200):
        multipliers.step(-multipliers.values().sum())
    assert multipliers.to_dict()["a"] > 0.1


def test_set_respects_the_floor() -> None:
    multipliers = make(floor=1e-2)
    multipliers.set(3.0)
    assert multipliers.to_dict()["a"] == pytest.approx(3.0)
    multipliers.set(1e-6)
    assert multipliers.to_dict()["a"] == pytest.approx(1e-2, rel=1e-4)


def test_state_round_trip_continues_bit_for_bit() -> None:
    multipliers, twin = make(), make(init=7.0)
    for _ in range(3):
        multipliers.step(multipliers.values().square().sum())
    twin.load_state_dict(copy.deepcopy(multipliers.state_dict()))
    for each in (multipliers, twin):
        each.step(each.values().square().sum())
    assert multipliers.to_dict() == twin.to_dict()
