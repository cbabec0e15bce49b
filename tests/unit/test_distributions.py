from __future__ import annotations

import pytest
import torch
from torch import distributions as reference

from engine.distributions import (
    Categorical,
    DiagonalGaussian,
    expected_log_prob,
    kl_categorical,
    kl_gaussian,
    kl_parts,
)


def gaussian(seed: int, rows: int = 50, scale: float = 1.0) -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    std = torch.rand(rows, 3, generator=generator, dtype=torch.float64) * scale + 0.1 * scale
    return DiagonalGaussian(mean, std)


def categorical(seed: int, rows: int = 50) -> Categorical:
    generator = torch.Generator().manual_seed(seed)
    return Categorical(torch.randn(rows, 4, generator=generator, dtype=torch.float64) * 3)


def test_gaussian_agrees_with_torch() -> None:
    ours = gaussian(0)
    theirs = reference.Independent(reference.Normal(ours.mean, ours.std), 1)
    actions = ours.sample(torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours.log_prob(actions), theirs.log_prob(actions))
    torch.testing.assert_close(ours.entropy(), theirs.entropy())
    assert torch.equal(ours.mode(), ours.mean)


def test_categorical_agrees_with_torch() -> None:
    ours = categorical(0)
    theirs = reference.Categorical(logits=ours.logits)
    actions = ours.sample(torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours.log_prob(actions), theirs.log_prob(actions))
    torch.testing.assert_close(ours.entropy(), theirs.entropy())
    assert torch.equal(ours.mode(), ours.logits.argmax(-1))


def test_gaussian_parts_add_up_to_the_whole_kl_when_one_of_them_moves_alone() -> None:
    old, other = gaussian(0), gaussian(1)
    moved, widened = DiagonalGaussian(other.mean, old.std), DiagonalGaussian(old.mean, other.std)
    for new in (moved, widened):
        exact = reference.kl_divergence(
            reference.Independent(reference.Normal(old.mean, old.std), 1),
            reference.Independent(reference.Normal(new.mean, new.std), 1),
        )
        torch.testing.assert_close(sum(kl_gaussian(old, new)), exact)


def test_mean_part_is_measured_in_the_old_sigma() -> None:
    # 1/2 ((1.5 - 1) / 0.5)^2 = 0.5, whatever the new sigma is.
    old = DiagonalGaussian(torch.tensor([1.0]), torch.tensor([0.5]))
    new = DiagonalGaussian(torch.tensor([1.5]), torch.tensor([7.0]))
    assert float(kl_gaussian(old, new)[0]) == pytest.approx(0.5)


def test_covariance_part_by_hand() -> None:
    # sigma 1 -> 2: log 2 + 1/2 (1/4 - 1) = 0.693147 - 0.375 = 0.318147.
    old = DiagonalGaussian(torch.zeros(1), torch.ones(1))
    new = DiagonalGaussian(torch.zeros(1), torch.full((1,), 2.0))
    assert float(kl_gaussian(old, new)[1]) == pytest.approx(0.318147, abs=1e-6)


@pytest.mark.parametrize("sigma", [1e-3, 1e-2, 1.0])
def test_small_sigmas_are_not_biased(sigma: float) -> None:
    # A 1 % wider sigma: log 1.01 + 1/2 (1.01^-2 - 1) = 9.8352e-5 at every sigma; an epsilon of 1e-8 beside
    # sigma^2 would change it by 1 % at sigma = 1e-3.
    old = DiagonalGaussian(torch.zeros(1), torch.full((1,), sigma))
    new = DiagonalGaussian(torch.zeros(1), torch.full((1,), sigma * 1.01))
    assert float(kl_gaussian(old, new)[1]) == pytest.approx(9.8352e-5, rel=2e-3)


def test_categorical_kl_is_from_old_to_new() -> None:
    old, new = categorical(0), categorical(1)
    exact = reference.kl_divergence(
        reference.Categorical(logits=old.logits), reference.Categorical(logits=new.logits)
    )
    torch.testing.assert_close(kl_categorical(old, new)[0], exact)


@pytest.mark.parametrize("distribution", [gaussian(3), categorical(3)])
def test_kl_to_itself_is_exactly_zero(distribution: DiagonalGaussian | Categorical) -> None:
    for part in kl_parts(distribution, distribution):
        assert torch.equal(part, torch.zeros_like(part))


def test_kl_between_kinds_is_refused() -> None:
    with pytest.raises(TypeError, match="no KL from DiagonalGaussian to Categorical"):
        kl_parts(gaussian(0), categorical(0))


def test_expected_log_prob_is_minus_the_cross_entropy() -> None:
    old, new = gaussian(0), gaussian(1)
    kl = reference.kl_divergence(
        reference.Independent(reference.Normal(old.mean, old.std), 1),
        reference.Independent(reference.Normal(new.mean, new.std), 1),
    )
    torch.testing.assert_close(expected_log_prob(old, new), -old.entropy() - kl)
    old, new = categorical(0), categorical(1)
    torch.testing.assert_close(expected_log_prob(old, new), -old.entropy() - kl_categorical(old, new)[0])


def test_expectation_between_kinds_is_refused() -> None:
    with pytest.raises(TypeError, match="no expectation of Categorical under DiagonalGaussian"):
        expected_log_prob(gaussian(0), categorical(0))


def test_gaussian_samples_have_the_right_moments() -> None:
    distribution = DiagonalGaussian(torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0]))
    many = DiagonalGaussian(distribution.mean.expand(100_000, 2), distribution.std.expand(100_000, 2))
    samples = many.sample(torch.Generator().manual_seed(0))
    # Five standard errors: 5 sigma / sqrt(1e5).
    torch.testing.assert_close(samples.mean(0), distribution.mean, rtol=0, atol=5 * 3.0 / 316)
    torch.testing.assert_close(samples.std(0), distribution.std, rtol=0.02, atol=0)


def test_categorical_samples_have_the_right_frequencies() -> None:
    logits = torch.tensor([0.0, 1.0, -1.0])
    samples = Categorical(logits.expand(100_000, 3)).sample(torch.Generator().manual_seed(0))
    frequencies = torch.bincount(samples, minlength=3) / 100_000
    torch.testing.assert_close(frequencies, logits.softmax(0), rtol=0, atol=0.01)
    assert samples.dtype == torch.int64
