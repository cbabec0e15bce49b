"""The M-step's gradient with respect to the distribution's parameters, in closed form.

The objective for a minibatch of B out of D rows is (Eqs. 5, 12)

    - sum_i w_i log pi(a_i | s_i)  +  sum_k sg[alpha_k] mean_i KL_k(pi_old || pi),     w = psi D / B,

to which the control variate adds mean_i [log pi(a_i | s_i) - E log pi(a | s_i)] over a ~ pi_old. Decoupled,
log pi of a Gaussian stands for log N(a; mu, sigma_old) + log N(a; mu_old, sigma).
`engine.vmpo` defines its terms; the tests hold these gradients against autograd's of those. On small
networks the graph costs several times the arithmetic, and this is the innermost loop of training.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engine.distributions import Categorical, DiagonalGaussian, Distribution


class MStep(NamedTuple):
    """What a minibatch asks of the policy."""

    gradients: tuple[Tensor, ...]
    """With respect to each of the distribution's parameters, shaped like them."""
    kls: Tensor
    """Mean of each KL term over the rows [K]."""


def m_step(
    old: Distribution,
    new: Distribution,
    actions: Tensor,
    weights: Tensor,
    alphas: Tensor,
    *,
    control_variate: bool = False,
    decoupled: bool = False,
) -> MStep:
    """Differentiate the M-step's objective.

    Args:
        old: pi_old on the minibatch's rows.
        new: pi on them.
        actions: raw samples [B, A] or indices [B].
        weights: psi D / B [B].
        alphas: multipliers of the KL terms [K], treated as constants.
        control_variate: whether to subtract the noise of the sampled actions (`vmpo.control_variate`).
        decoupled: whether a Gaussian's mean and standard deviation are each fitted with the other one
            of pi_old (`engine.distributions.decoupled`).

    Raises:
        TypeError: the two distributions are of different kinds.
    """
    match old, new:
        case DiagonalGaussian(), DiagonalGaussian():
            return _gaussian(old, new, actions, weights, alphas, control_variate, decoupled)
        case Categorical(), Categorical():
            return _categorical(old, new, actions, weights, alphas, control_variate)
    raise TypeError(f"no M-step from {type(old).__name__} to {type(new).__name__}")


def _gaussian(
    old: DiagonalGaussian,
    new: DiagonalGaussian,
    actions: Tensor,
    weights: Tensor,
    alphas: Tensor,
    control_variate: bool,
    decoupled: bool,
) -> MStep:
    """With z = (a - mu) / sigma and q = (sigma_old / sigma)^2, per row and dimension.

    d/dmu    = - w z / sigma        + alpha_mu / B (mu - mu_old) / sigma_old^2
    d/dsigma = - w (z^2 - 1) / sigma + alpha_Sigma / B (1 - q) / sigma

    The control variate takes 1 / B off w and adds, with m = (mu - mu_old) / sigma, the gradient of
    -E log pi / B: m / (sigma B) and (1 - q - m^2) / (sigma B). Decoupled, sigma is sigma_old in the first
    line, mu is mu_old in the second one.
    """
    rows = len(weights)
    alpha_mean, alpha_covariance = (alphas / rows).unbind()
    inverse, old_inverse = new.std.reciprocal(), old.std.reciprocal()
    shift, ratio = (new.mean - old.mean) * old_inverse, old.std / new.std  # exactly 1 where unmoved
    excess = 1.0 - ratio.square()
    mean_pull, std_pull = shift * old_inverse * alpha_mean, excess * inverse * alpha_covariance
    scale, centre = (old_inverse, old.mean) if decoupled else (inverse, new.mean)
    if control_variate:
        weights = weights - 1.0 / rows
        moved = shift if decoupled else shift * ratio
        mean_pull = torch.addcmul(mean_pull, moved, scale, value=1.0 / rows)
        spread = excess if decoupled else excess - moved.square()
        std_pull = torch.addcmul(std_pull, spread, inverse, value=1.0 / rows)
    columns = weights.unsqueeze(1)
    mean_gradient = torch.addcmul(mean_pull, columns * scale, (actions - new.mean) * scale, value=-1.0)
    surprise = ((actions - centre) * inverse).square() - 1.0
    std_gradient = torch.addcmul(std_pull, columns * inverse, surprise, value=-1.0)
    mean_kl = 0.5 * shift.square().sum()
    covariance_kl = -ratio.log().sum() - 0.5 * excess.sum()
    return MStep((mean_gradient, std_gradient), torch.stack((mean_kl, covariance_kl)) / rows)


def _categorical(
    old: Categorical,
    new: Categorical,
    actions: Tensor,
    weights: Tensor,
    alphas: Tensor,
    control_variate: bool,
) -> MStep:
    """With probabilities p: d/dlogits = w (p - onehot(a)) + alpha / B (p - p_old).

    The control variate takes 1 / B off w and adds (p - p_old) / B.
    """
    rows = len(weights)
    log_new, log_old = torch.log_softmax(new.logits, -1), torch.log_softmax(old.logits, -1)
    p, p_old = log_new.exp(), log_old.exp()
    if control_variate:
        weights, alphas = weights - 1.0 / rows, alphas + 1.0
    gradient = (p - p_old) * (alphas / rows) + weights.unsqueeze(1) * p
    gradient.scatter_add_(1, actions.long().unsqueeze(1), -weights.unsqueeze(1))
    kl = (p_old * (log_old - log_new)).sum() / rows
    return MStep((gradient,), kl.unsqueeze(0))
