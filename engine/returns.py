"""Value targets and advantages from time-major rollouts, as pure functions.

Shapes are [T, N]. ``next_values`` are V(s') of the true successor: the final observation's where an
episode was truncated, never the reset one's. All results are detached.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Targets(NamedTuple):
    """What the update learns from."""

    advantages: Tensor
    """A [T, N]."""
    returns: Tensor
    """Regression targets of the value function, G [T, N]."""


def gae(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float,
    lam: float,
) -> Targets:
    """Generalised advantage estimation: A_t = delta_t + gamma lambda (1 - done_t) A_{t+1}, G = A + V.

    Args:
        rewards: [T, N].
        values: V(s_t) [T, N].
        next_values: V(s'_t) of the true successor [T, N].
        terminated: bool [T, N]; such a successor is worth 0.
        truncated: bool [T, N]; the sum ends there, bootstrapped from ``next_values``.
        gamma: discount.
        lam: decay lambda.

    Source: Schulman et al. (2016), Eq. 16, with time limits told from terminal states (Pardo et al., 2018).
    """
    _check_shapes(rewards, values, next_values, terminated, truncated)
    with torch.no_grad():
        delta = rewards + gamma * next_values * ~terminated - values
        decay = gamma * lam * (~(terminated | truncated)).to(delta.dtype)
        advantages = torch.empty_like(delta)
        following = torch.zeros_like(delta[0])
        for step in range(len(delta) - 1, -1, -1):
            following = torch.addcmul(delta[step], decay[step], following, out=advantages[step])
        return Targets(advantages, advantages + values)


def n_step(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float,
    lam: float = 1.0,
) -> Targets:
    """n-step returns with bootstrap to the end of the unroll (Eq. 6), A = G - V.

    Equal to `gae` with lambda = 1; ``lam`` is accepted for a common signature and ignored.
    """
    del lam
    return gae(rewards, values, next_values, terminated, truncated, gamma, 1.0)


def one_step(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float,
    lam: float = 0.0,
) -> Targets:
    """The seed's one-step estimator, G = r + gamma (1 - terminated) V(s'), A = G - V.

    Equal to `gae` with lambda = 0; ``lam`` is accepted for a common signature and ignored.
    """
    del lam
    return gae(rewards, values, next_values, terminated, truncated, gamma, 0.0)


ESTIMATORS = {"returns": n_step, "dae": one_step, "gae": gae}
"""Estimators by the names that ``vmpo.advantage_estimator`` takes."""


def _check_shapes(rewards: Tensor, *others: Tensor) -> None:
    if rewards.ndim != 2 or any(other.shape != rewards.shape for other in others):
        shapes = [tuple(tensor.shape) for tensor in (rewards, *others)]
        raise ValueError(f"expected equal shapes [T, N], got {shapes}")
