"""The V-MPO losses as pure functions on flat rows: each equation alone, (loss, parts) out.

Source: Song et al., "V-MPO: On-Policy Maximum a Posteriori Policy Optimization for Discrete and
Continuous Control" (arXiv 1909.12238); equation numbers are the paper's. A rollout's valid rows are
D, the selected ones D~.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class EStep(NamedTuple):
    """The target distribution over rows and how far it is from uniform on D~."""

    weights: Tensor
    """psi [D], sums to 1, 0 outside D~, detached."""
    selected: Tensor
    """Membership of D~ [D], bool."""
    kl: Tensor
    """KL(psi || prior on D~), the prior being uniform or the importance weights, scalar."""
    effective_sample_size: Tensor
    """1 / (k sum psi^2), the share of D~ that carries weight, scalar in (0, 1]."""


class TemperatureParts(NamedTuple):
    """Terms of the temperature loss."""

    log_mean_weight: Tensor
    """log mean exp(A / eta) over D~, scalar."""


class ConstraintParts(NamedTuple):
    """Terms of one KL constraint's Lagrangian."""

    kl: Tensor
    """Mean KL over the rows, scalar, carries the policy's gradient."""
    penalty: Tensor
    """sg[alpha] KL, scalar."""
    alpha_loss: Tensor
    """alpha (epsilon - sg[KL]), scalar."""


def normalize(advantages: Tensor, clip: float = 0.0) -> Tensor:
    """Centre and scale advantages [D] to mean 0 and standard deviation 1; equal ones become 0.

    Args:
        advantages: [D].
        clip: limit of the result in standard deviations; 0 for none.
    """
    centred = advantages - advantages.mean()
    normalized = centred / (centred.square().mean().sqrt() + 1e-8)
    return normalized.clamp(-clip, clip) if clip else normalized


def select_top_k(advantages: Tensor, fraction: float) -> Tensor:
    """Select D~: exactly k = max(1, floor(fraction D)) rows, the earlier one first among equals.

    Args:
        advantages: [D], D >= 1.
        fraction: share to select, in (0, 1].

    Returns:
        Membership [D], bool.

    Raises:
        ValueError: no rows, not a flat tensor, or a fraction outside (0, 1].
    """
    if advantages.ndim != 1 or advantages.numel() == 0:
        raise ValueError(f"advantages must be flat and not empty, got shape {tuple(advantages.shape)}")
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be in (0, 1], got {fraction}")
    k = max(1, math.floor(fraction * advantages.numel()))
    order = torch.sort(advantages.detach(), descending=True, stable=True).indices
    selected = torch.zeros_like(advantages, dtype=torch.bool)
    selected[order[:k]] = True
    return selected


def e_step(
    advantages: Tensor, temperature: Tensor | float, selected: Tensor, importance: Tensor | None = None
) -> EStep:
    """Weigh the selected rows by their exponentiated advantage (Eq. 4; Appendix E with ``importance``).

    Args:
        advantages: [D].
        temperature: eta, positive.
        selected: D~ [D], bool, at least one True.
        importance: clipped ratios min(1, pi_old / pi_behaviour) [D], or None for 1.
    """
    with torch.no_grad():
        logits = _tempered(advantages, temperature, selected, importance)
        weights = torch.softmax(logits, 0)
        prior = _prior(selected, importance).to(weights.dtype)
        kl = torch.special.xlogy(weights, weights / prior.clamp_min(torch.finfo(prior.dtype).tiny)).sum()
        effective = 1.0 / (weights.square().sum() * selected.sum())
    return EStep(weights, selected, kl.clamp_min(0.0), effective)


def temperature_loss(
    temperature: Tensor,
    epsilon: float,
    advantages: Tensor,
    selected: Tensor,
    importance: Tensor | None = None,
) -> tuple[Tensor, TemperatureParts]:
    """The temperature's dual: eta epsilon + eta log mean exp(A / eta) over D~ (Eq. 3).

    Args:
        temperature: eta, positive scalar that carries the gradient.
        epsilon: bound on the E-step KL.
        advantages: [D], treated as constants.
        selected: D~ [D], bool.
        importance: clipped ratios [D], or None for 1.
    """
    logits = _tempered(advantages.detach(), temperature, selected, importance)
    log_mean = torch.logsumexp(logits, 0) - selected.sum().to(logits.dtype).log()
    return temperature * (epsilon + log_mean), TemperatureParts(log_mean)


def solve_temperature(
    advantages: Tensor, epsilon: float, selected: Tensor, fallback: float, importance: Tensor | None = None
) -> float:
    """Minimise the temperature's dual exactly: the eta at which the E-step KL equals epsilon.

    The KL falls monotonically in eta, so bisection in log eta finds it, in float64. It has no learning
    rate and scales with the advantages.

    Args:
        advantages: [D].
        epsilon: bound on KL(psi || prior on D~).
        selected: D~ [D], bool.
        fallback: eta to keep when all selected advantages are equal (every eta gives uniform weights).
        importance: clipped ratios [D], or None for 1; the KL is then taken from their normalised form.

    Returns:
        eta. Where even the sharpest weights stay under epsilon, the lower end of the search:
        1e-6 of the spread of the selected advantages.
    """
    values = advantages.detach()[selected].double()
    spread = float(values.max() - values.min())
    if spread <= 1e-12 * max(1.0, float(values.abs().max())):
        return fallback
    rows = (values - values.max()) / spread
    prior = torch.ones_like(rows) if importance is None else importance.detach()[selected].double()
    log_prior = (prior / prior.sum()).log()
    low, high = math.log(1e-6), math.log(1e6)
    for _ in range(60):
        middle = (low + high) / 2
        log_weights = torch.log_softmax(rows / math.exp(middle) + log_prior, 0)
        weights = log_weights.exp()
        kl = float((weights * torch.where(weights > 0, log_weights - log_prior, 0.0)).sum())
        low, high = (middle, high) if kl > epsilon else (low, middle)
    return spread * math.exp((low + high) / 2)


def policy_loss(log_prob: Tensor, weights: Tensor) -> Tensor:
    """Weighted maximum likelihood, -sum psi log pi(a|s) (Eq. 5).

    Args:
        log_prob: joint log-probabilities of the raw samples [B].
        weights: psi [B]; for a minibatch of B out of D rows the caller scales the loss by D / B.
    """
    return -(weights.detach() * log_prob).sum()


def control_variate(log_prob: Tensor, expected_log_prob: Tensor) -> Tensor:
    """Noise of the sampled actions, mean [log pi(a|s) - E log pi(a'|s)] with a' drawn from pi_old.

    Its expectation over the actions is 0 for every pi, so that adding it to the policy loss leaves the
    expected M-step as the paper has it; it takes out the noise that the weights' common part, 1 / B for
    each row, brings in. With it the weight that counts is psi - 1/D: rows worse than average push away.

    Args:
        log_prob: joint log-probabilities of the sampled actions [B].
        expected_log_prob: their exact expectation under pi_old [B].
    """
    return (log_prob - expected_log_prob).mean()


def constraint_loss(kl: Tensor, alpha: Tensor, epsilon: float) -> tuple[Tensor, ConstraintParts]:
    """The Lagrangian of one KL constraint, alpha (epsilon - sg[KL]) + sg[alpha] KL (Eq. 12).

    Args:
        kl: KL(pi_old || pi) per valid row [B].
        alpha: multiplier, positive scalar.
        epsilon: bound on the mean KL.
    """
    mean_kl = kl.mean()
    penalty = alpha.detach() * mean_kl
    alpha_loss = alpha * (epsilon - mean_kl.detach())
    return penalty + alpha_loss, ConstraintParts(mean_kl, penalty, alpha_loss)


def value_loss(values: Tensor, targets: Tensor) -> Tensor:
    """Half the mean squared error, 1/2 mean (V - G)^2, of values and targets [B]."""
    return 0.5 * (values - targets.detach()).square().mean()


def importance_ratio(log_prob_target: Tensor, log_prob_behaviour: Tensor) -> Tensor:
    """Clipped ratios min(1, pi_target / pi_behaviour), detached (Appendix E)."""
    return (log_prob_target - log_prob_behaviour).detach().clamp_max(0.0).exp()


def _tempered(
    advantages: Tensor, temperature: Tensor | float, selected: Tensor, importance: Tensor | None
) -> Tensor:
    logits = advantages / temperature
    if importance is not None:
        logits = logits + importance.detach().log()
    return logits.masked_fill(~selected, -math.inf)


def _prior(selected: Tensor, importance: Tensor | None) -> Tensor:
    mass = selected.double() if importance is None else importance.double() * selected
    return mass / mass.sum()
