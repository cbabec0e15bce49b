from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine import vmpo


def everything(rows: int) -> Tensor:
    return torch.ones(rows, dtype=torch.bool)


class TestTopK:
    def test_the_better_half_of_a_table(self) -> None:
        # Of [[1, 2, 3], [4, 5, 6]] the best three are the whole bottom row.
        selected = vmpo.select_top_k(torch.arange(1.0, 7.0), 0.5)
        assert selected.reshape(2, 3).tolist() == [[False] * 3, [True] * 3]

    @pytest.mark.parametrize(("fraction", "k"), [(1.0, 5), (0.99, 4), (0.5, 2), (0.2, 1), (0.01, 1)])
    def test_k_is_the_floor_and_at_least_one(self, fraction: float, k: int) -> None:
        assert int(vmpo.select_top_k(torch.randn(5), fraction).sum()) == k

    def test_the_earlier_of_equals_comes_first(self) -> None:
        selected = vmpo.select_top_k(torch.tensor([0.0, 2.0, 2.0, 2.0, 1.0]), 0.4)
        assert selected.tolist() == [False, True, True, False, False]

    @pytest.mark.parametrize("fraction", [0.0, -0.5, 1.1, math.nan])
    def test_a_fraction_outside_the_unit_interval_is_refused(self, fraction: float) -> None:
        with pytest.raises(ValueError, match=r"fraction must be in \(0, 1\]"):
            vmpo.select_top_k(torch.randn(5), fraction)

    @pytest.mark.parametrize("shape", [(0,), (2, 3), ()])
    def test_rows_must_be_flat_and_some(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="must be flat and not empty"):
            vmpo.select_top_k(torch.zeros(shape), 0.5)


class TestTemperatureLoss:
    """eta = 1, epsilon = 0.01, A = [1, 2]; log mean exp = log((e + e^2) / 2) = log(1 + e^-1) + 2 - log 2."""

    advantages = torch.tensor([1.0, 2.0])

    def loss(self, selected: Tensor, importance: Tensor | None = None) -> float:
        return float(vmpo.temperature_loss(torch.tensor(1.0), 0.01, self.advantages, selected, importance)[0])

    def test_over_both_rows(self) -> None:
        # log(1 + e^-1) + 2 - log 2 + 0.01 = 0.3133 + 2 - 0.6931 + 0.01 = 1.6301
        assert self.loss(everything(2)) == pytest.approx(1.6301, abs=1e-4)

    def test_over_the_first_row_alone(self) -> None:
        # log e + 0.01
        assert self.loss(torch.tensor([True, False])) == pytest.approx(1.01, abs=1e-6)

    def test_with_importance_weights(self) -> None:
        # log((e + e^2 / 2) / 2) + 0.01 = log 3.2064 + 0.01 = 1.1752
        assert self.loss(everything(2), torch.tensor([1.0, 0.5])) == pytest.approx(1.1752, abs=1e-4)

    def test_gradient_of_equal_advantages_is_epsilon(self) -> None:
        # A = 3 everywhere: L = eta epsilon + 3, whatever eta is.
        eta = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
        advantages = torch.full((4,), 3.0, dtype=torch.float64)
        vmpo.temperature_loss(eta, 0.05, advantages, everything(4))[0].backward()
        assert float(eta.grad) == pytest.approx(0.05)  # type: ignore[arg-type]

    def test_gradient_is_the_bound_minus_the_kl(self) -> None:
        # d/deta [eta eps + eta log mean exp(A / eta)] = eps - KL(psi || uniform).
        advantages = torch.randn(50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        eta = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
        vmpo.temperature_loss(eta, 0.3, advantages, everything(50))[0].backward()
        kl = vmpo.e_step(advantages, 0.7, everything(50)).kl
        assert float(eta.grad) == pytest.approx(0.3 - float(kl))  # type: ignore[arg-type]

    def test_large_advantages_do_not_overflow(self) -> None:
        loss, _ = vmpo.temperature_loss(torch.tensor(1e-3), 0.1, torch.tensor([1e4, -1e4]), everything(2))
        assert bool(torch.isfinite(loss))


class TestNormalize:
    def test_mean_and_deviation(self) -> None:
        # (1, 2, 3, 6): mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5.
        expected = torch.tensor([-2.0, -1.0, 0.0, 3.0]) / 3.5**0.5
        torch.testing.assert_close(vmpo.normalize(torch.tensor([1.0, 2.0, 3.0, 6.0])), expected)

    def test_outliers_are_limited_in_units_of_the_deviation(self) -> None:
        advantages = torch.tensor([0.0] * 98 + [100.0, -100.0])
        # Variance 2 x 100^2 / 100 = 200: the outliers are 7.07 deviations away.
        assert float(vmpo.normalize(advantages).max()) == pytest.approx(7.071, abs=1e-3)
        limited = vmpo.normalize(advantages, 3.0)
        assert (float(limited.min()), float(limited.max())) == (-3.0, 3.0)

    def test_equal_advantages_become_zero(self) -> None:
        assert torch.equal(vmpo.normalize(torch.full((5,), 7.0)), torch.zeros(5))


class TestExactTemperature:
    @pytest.mark.parametrize(
        ("epsilon", "eta"), [(0.01, 4.46), (0.05, 2.10), (0.1, 1.53), (0.25, 1.03), (0.5, 0.77), (1.0, 0.58)]
    )
    def test_standard_normal_advantages(self, epsilon: float, eta: float) -> None:
        advantages = torch.randn(200_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        selected = vmpo.select_top_k(advantages, 0.5)
        assert vmpo.solve_temperature(advantages, epsilon, selected, 1.0) == pytest.approx(eta, abs=0.02)

    @settings(max_examples=100, deadline=None)
    @given(
        # Thousandths, since of advantages equal but for rounding none can have all the weight.
        advantages=st.lists(st.integers(-10_000, 10_000), min_size=3, max_size=40, unique=True),
        epsilon=st.floats(0.01, 0.5),
        scale=st.floats(1e-3, 1e3),
        shift=st.floats(-100, 100),
    )
    def test_meets_the_bound_scales_and_ignores_shifts(
        self, advantages: list[int], epsilon: float, scale: float, shift: float
    ) -> None:
        rows = torch.tensor(advantages, dtype=torch.float64)
        rows = rows / (rows.max() - rows.min())  # spread 1, so that a shift costs no precision
        selected = everything(len(rows))
        eta = vmpo.solve_temperature(rows, epsilon, selected, 1.0)
        assert float(vmpo.e_step(rows, eta, selected).kl) == pytest.approx(epsilon, rel=1e-4)
        assert vmpo.solve_temperature(rows * scale, epsilon, selected, 1.0) == pytest.approx(eta * scale)
        assert vmpo.solve_temperature(rows + shift, epsilon, selected, 1.0) == pytest.approx(eta, rel=1e-3)

    def test_is_the_minimum_of_the_dual(self) -> None:
        advantages = torch.randn(64, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        selected = vmpo.select_top_k(advantages, 0.5)
        eta = vmpo.solve_temperature(advantages, 0.2, selected, 1.0)
        losses = [
            float(vmpo.temperature_loss(torch.tensor(eta * factor), 0.2, advantages, selected)[0])
            for factor in (0.9, 1.0, 1.1)
        ]
        assert losses[1] == min(losses)

    def test_equal_advantages_keep_the_temperature(self) -> None:
        assert vmpo.solve_temperature(torch.full((5,), 2.0), 0.1, everything(5), 0.37) == 0.37

    def test_an_unreachable_bound_gives_the_sharpest_weights(self) -> None:
        # Two rows cannot be further from uniform than log 2 = 0.69.
        eta = vmpo.solve_temperature(torch.tensor([0.0, 1.0]), 1.0, everything(2), 1.0)
        assert vmpo.e_step(torch.tensor([0.0, 1.0]), eta, everything(2)).weights.tolist() == [0.0, 1.0]

    def test_importance_weights_are_the_prior(self) -> None:
        advantages = torch.randn(30, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        importance = torch.rand(30, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) + 0.1
        eta = vmpo.solve_temperature(advantages, 0.2, everything(30), 1.0, importance)
        estep = vmpo.e_step(advantages, eta, everything(30), importance)
        prior = importance / importance.sum()
        assert float((estep.weights * (estep.weights / prior).log()).sum()) == pytest.approx(0.2, rel=1e-4)
        assert float(estep.kl) == pytest.approx(0.2, rel=1e-4)


class TestEStep:
    def test_weights_by_hand(self) -> None:
        # psi = softmax([1, 2] / 0.5) over the selected rows: 1 / (1 + e^2) and its complement.
        advantages = torch.tensor([1.0, 9.0, 2.0])
        estep = vmpo.e_step(advantages, 0.5, torch.tensor([True, False, True]))
        low = 1.0 / (1.0 + math.exp(2.0))
        np.testing.assert_allclose(estep.weights, [low, 0.0, 1.0 - low], rtol=1e-6)

    def test_weights_carry_no_gradient(self) -> None:
        advantages, eta = torch.randn(4, requires_grad=True), torch.tensor(1.0, requires_grad=True)
        assert not vmpo.e_step(advantages, eta, everything(4)).weights.requires_grad

    def test_uniform_weights_have_kl_zero_and_full_sample_size(self) -> None:
        estep = vmpo.e_step(torch.zeros(8), 1.0, vmpo.select_top_k(torch.zeros(8), 0.5))
        assert float(estep.kl) == pytest.approx(0.0, abs=1e-6)
        assert float(estep.effective_sample_size) == pytest.approx(1.0)

    def test_one_row_that_carries_everything(self) -> None:
        estep = vmpo.e_step(torch.tensor([0.0, 0.0, 0.0, 100.0]), 0.1, everything(4))
        assert float(estep.kl) == pytest.approx(math.log(4), abs=1e-5)
        assert float(estep.effective_sample_size) == pytest.approx(0.25)


class TestPolicyLoss:
    def test_value_and_gradient(self) -> None:
        log_prob = torch.tensor([-1.0, -2.0], requires_grad=True)
        weights = torch.tensor([0.25, 0.75], requires_grad=True)
        loss = vmpo.policy_loss(log_prob, weights)
        loss.backward()  # type: ignore[no-untyped-call]
        assert float(loss.detach()) == 1.75  # 0.25 + 1.5
        assert log_prob.grad is not None
        assert log_prob.grad.tolist() == [-0.25, -0.75]
        assert weights.grad is None


class TestConstraintLoss:
    def test_gradient_of_the_multiplier_is_the_slack(self) -> None:
        # KL = 1, epsilon = 10: d/dalpha alpha (10 - sg[1]) = 9.
        alpha, kl = torch.tensor(2.0, requires_grad=True), torch.ones(3, requires_grad=True)
        loss, parts = vmpo.constraint_loss(kl, alpha, 10.0)
        loss.backward()  # type: ignore[no-untyped-call]
        assert alpha.grad is not None
        assert kl.grad is not None
        assert float(alpha.grad) == 9.0
        # The policy feels alpha times the mean KL: 2 / 3 per row, and nothing of the multiplier's own loss.
        np.testing.assert_allclose(kl.grad, 2.0 / 3.0, rtol=1e-6)
        assert float(parts.penalty.detach()) == 2.0
        assert float(parts.alpha_loss.detach()) == 18.0


def test_value_loss_by_hand_and_detached_targets() -> None:
    # 1/2 mean(1, 9) = 2.5
    values, targets = torch.zeros(2, requires_grad=True), torch.tensor([1.0, 3.0], requires_grad=True)
    loss = vmpo.value_loss(values, targets)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 2.5
    assert targets.grad is None


def test_importance_ratio_is_clipped_at_one_and_detached() -> None:
    target = torch.tensor([math.log(0.5), math.log(4.0)], requires_grad=True)
    ratio = vmpo.importance_ratio(target, torch.zeros(2))
    np.testing.assert_allclose(ratio, [0.5, 1.0], rtol=1e-6)
    assert not ratio.requires_grad
