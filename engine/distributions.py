"""Action distributions: sampling, log-probabilities and the KL terms that V-MPO constrains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Distribution(Protocol):
    """What the engine asks of a batch of action distributions with leading shape [...]."""

    constraints: ClassVar[tuple[str, ...]]
    """Names of the KL terms, in the order of `kl`."""

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """Tensors that define the distribution, each [..., A]."""

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw raw actions: [..., A] floats, or [...] integers."""

    def mode(self) -> Tensor:
        """Return the most likely actions, shaped like a sample."""

    def log_prob(self, actions: Tensor) -> Tensor:
        """Joint log-probability of raw actions [...]."""

    def entropy(self) -> Tensor:
        """Entropy in nats [...]."""


@dataclass(frozen=True, slots=True)
class DiagonalGaussian:
    """Independent normal distributions; ``mean`` and ``std`` are [..., A] with std > 0."""

    mean: Tensor
    std: Tensor
    constraints: ClassVar[tuple[str, ...]] = ("mean", "covariance")

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """Mean and standard deviation."""
        return self.mean, self.std

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw raw, unclipped actions [..., A]."""
        noise = torch.randn(
            self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype
        )
        return torch.addcmul(self.mean, self.std, noise)

    def mode(self) -> Tensor:
        """Return the mean."""
        return self.mean

    def log_prob(self, actions: Tensor) -> Tensor:
        """Joint log-density of raw actions [..., A]."""
        scaled = (actions - self.mean) / self.std
        per_dimension = -0.5 * scaled.square() - self.std.log() - 0.5 * math.log(2 * math.pi)
        return per_dimension.sum(-1)

    def entropy(self) -> Tensor:
        """Differential entropy in nats [...]."""
        return (self.std.log() + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of A actions; ``logits`` are [..., A], normalised or not."""

    logits: Tensor
    constraints: ClassVar[tuple[str, ...]] = ("policy",)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """The logits."""
        return (self.logits,)

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw action indices [...] (Gumbel maximum)."""
        noise = torch.rand(
            self.logits.shape, generator=generator, device=self.logits.device, dtype=self.logits.dtype
        )
        exponential = (-torch.log1p(-noise)).clamp_min(torch.finfo(noise.dtype).tiny)
        return (self.logits - exponential.log()).argmax(-1)

    def mode(self) -> Tensor:
        """Return the most likely action [...]; the first among equals."""
        return self.logits.argmax(-1)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log-probability of action indices [...]."""
        log_probabilities = functional.log_softmax(self.logits, -1)
        return log_probabilities.gather(-1, actions.long().unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """Entropy in nats [...]."""
        log_probabilities = functional.log_softmax(self.logits, -1)
        return -(log_probabilities.exp() * log_probabilities).sum(-1)


def kl_gaussian(old: DiagonalGaussian, new: DiagonalGaussian) -> tuple[Tensor, Tensor]:
    """KL(old || new) in the two parts that V-MPO bounds apart (Appendix C, Eq. 15).

    mean part 1/2 sum ((mu - mu_old) / sigma_old)^2, covariance part sum (r + 1/2 expm1(-2 r)) with
    r = log sigma - log sigma_old. No epsilon in the denominators: 1e-8 there would bias small sigmas by
    more than the bound on the covariance part.

    Returns:
        The mean part [...] and the covariance part [...].
    """
    mean_part = 0.5 * ((new.mean - old.mean) / old.std).square().sum(-1)
    ratio = new.std.log() - old.std.log()
    return mean_part, (ratio + 0.5 * torch.expm1(-2.0 * ratio)).sum(-1)


def kl_categorical(old: Categorical, new: Categorical) -> tuple[Tensor]:
    """KL(old || new) [...], from log-softmax, as a tuple of one."""
    log_old = functional.log_softmax(old.logits, -1)
    log_new = functional.log_softmax(new.logits, -1)
    return ((log_old.exp() * (log_old - log_new)).sum(-1),)


def kl_parts(old: Distribution, new: Distribution) -> tuple[Tensor, ...]:
    """KL(old || new) per row, one tensor [...] for each name in ``constraints``.

    Raises:
        TypeError: the two are of different kinds.
    """
    match old, new:
        case DiagonalGaussian(), DiagonalGaussian():
            return kl_gaussian(old, new)
        case Categorical(), Categorical():
            return kl_categorical(old, new)
    raise TypeError(f"no KL from {type(old).__name__} to {type(new).__name__}")


def expected_log_prob(old: Distribution, new: Distribution) -> Tensor:
    """Exact E[log new(a)] over actions a of ``old`` [...]: minus the entropy of old, minus KL(old || new).

    Raises:
        TypeError: the two are of different kinds.
    """
    match old, new:
        case DiagonalGaussian(), DiagonalGaussian():
            spread = (old.std.square() + (new.mean - old.mean).square()) / new.std.square()
            per_dimension = -0.5 * spread - new.std.log() - 0.5 * math.log(2 * math.pi)
            return per_dimension.sum(-1)
        case Categorical(), Categorical():
            log_new = functional.log_softmax(new.logits, -1)
            return (torch.softmax(old.logits, -1) * log_new).sum(-1)
    raise TypeError(f"no expectation of {type(new).__name__} under {type(old).__name__}")


def decoupled(old: Distribution, new: Distribution) -> tuple[Distribution, ...]:
    """Split a policy into the parts that the M-step fits apart (Abdolmaleki et al., 2018, arXiv:1812.02256).

    A Gaussian's mean comes with the standard deviation of ``old``, its standard deviation with the mean of
    ``old``: as the mean moves to the better actions, the standard deviation is not drawn in after it. A
    categorical distribution is one part.
    """
    match old, new:
        case DiagonalGaussian(), DiagonalGaussian():
            return DiagonalGaussian(new.mean, old.std), DiagonalGaussian(old.mean, new.std)
    return (new,)
