"""One V-MPO update on one rollout: targets, E-step, M-step, promotion of the target policy.

How the knobs relate to the paper's T_target, the number of gradient steps between promotions: a rollout of
D rows gives updates_per_rollout x epochs x ceil(D / minibatch_size) gradient steps, and the target policy,
which also collects the data, is promoted every target_update_period rollouts. The paper's setting is one
full-batch pass per rollout (epochs 1, minibatch_size 0) and target_update_period = T_target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from engine import vmpo
from engine.agent import Agent
from engine.config import Config, OptimizerConfig
from engine.distributions import Distribution, kl_parts
from engine.errors import NonFiniteError
from engine.multipliers import Multipliers
from engine.returns import ESTIMATORS
from engine.rollout import Rollout


class Batch(NamedTuple):
    """Valid rows D of a rollout, flat; slices of it are minibatches."""

    observations: Tensor
    """Normalised [D, O]."""
    actions: Tensor
    """Raw samples [D, A] or indices [D]."""
    weights: Tensor
    """psi [D]."""
    returns: Tensor
    """G [D]."""
    old: tuple[Tensor, ...]
    """Parameters of pi_old, each [D, A]."""


class StepStatistics(NamedTuple):
    """What one gradient step reports, detached scalars."""

    policy: Tensor
    value: Tensor
    alpha: Tensor
    policy_norm: Tensor
    value_norm: Tensor


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch together with the E-step that made its weights."""

    batch: Batch
    estep: vmpo.EStep
    temperature_loss: float
    explained_variance: float


class Learner:
    """Owns the optimisers and dual variables; changes the agent, never the rollout."""

    def __init__(self, agent: Agent, config: Config, generator: torch.Generator) -> None:
        self.agent = agent
        self._vmpo, self._optimizer_config = config.vmpo, config.optimizer
        self._generator = generator
        device = next(agent.parameters()).device
        self.optimizer = _network_optimizer(agent, config.optimizer)
        kind, options = _optimizer_kind(config.optimizer)
        names = agent.policy.distribution_class.constraints
        self.alphas = Multipliers(
            names, init=config.vmpo.alpha_init, floor=config.vmpo.alpha_min,
            optimizer=kind, device=device, lr=config.optimizer.alpha_lr, **options,
        )  # fmt: skip
        self.temperature = Multipliers(
            ("temperature",), init=config.vmpo.temperature_init, floor=1e-8,
            optimizer=kind, device=device, lr=config.optimizer.temperature_lr, **options,
        )  # fmt: skip
        bounds = {"mean": config.vmpo.epsilon_mu, "covariance": config.vmpo.epsilon_sigma}
        self._epsilons = [bounds.get(name, config.vmpo.epsilon_mu) for name in names]
        self.updates = 0
        self.gradient_steps = 0

    def update(self, rollout: Rollout, progress: float = 0.0) -> dict[str, float]:
        """Run one whole update and return its statistics by metric name.

        Args:
            rollout: filled by the target policy.
            progress: share of the run that is over, in [0, 1], for the learning-rate schedule.

        Raises:
            NonFiniteError: a loss or gradient is not finite; no optimiser has stepped on it.
        """
        self._schedule(progress)
        if self.updates % self._vmpo.target_update_period == 0:
            self._check_on_policy(rollout)
        steps: list[StepStatistics] = []
        for _ in range(self._vmpo.updates_per_rollout):
            prepared = self.prepare(rollout)
            for _ in range(self._vmpo.epochs):
                steps += [self._gradient_step(rows) for rows in self._minibatches(prepared.batch)]
        metrics = self._statistics(prepared, steps)
        self.updates += 1
        if self.updates % self._vmpo.target_update_period == 0:
            self.agent.promote()
        return metrics

    @torch.no_grad()
    def prepare(self, rollout: Rollout) -> Prepared:
        """Compute targets, flatten the valid rows and solve the E-step."""
        settings = self._vmpo
        values = self.agent.value(rollout.observations)
        finals = torch.cat(rollout.final_observations) if rollout.final_observations else None
        final_values = values.new_zeros(0) if finals is None else self.agent.value(finals)
        device = values.device
        targets = ESTIMATORS[settings.advantage_estimator](
            rollout.rewards(),
            values[:-1],
            rollout.next_values(values, final_values),
            torch.as_tensor(rollout.terminated, device=device),
            torch.as_tensor(rollout.truncated, device=device),
            settings.gamma,
            settings.gae_lambda,
        )
        rows = _row_selector(rollout, device)
        returns, advantages = rows(targets.returns), rows(targets.advantages)
        if not bool(torch.isfinite(advantages).all()):
            raise NonFiniteError(f"update {self.updates + 1}: advantages are not finite")
        if settings.normalize_advantages:
            advantages = vmpo.normalize(advantages)
        batch = Batch(
            rows(rollout.observations[:-1]), rows(rollout.actions), advantages, returns,
            tuple(rows(parameter) for parameter in rollout.parameters),
        )  # fmt: skip
        batch, importance = self._reweigh(batch)
        estep, loss = self._e_step(advantages, importance)
        residual = (returns - rows(values[:-1])).var(correction=0)
        explained = 1.0 - float(residual / returns.var(correction=0).clamp_min(1e-12))
        return Prepared(batch._replace(weights=estep.weights), estep, loss, explained)

    def _reweigh(self, batch: Batch) -> tuple[Batch, Tensor | None]:
        """With importance weights, take pi_old from the target policy, not from who acted."""
        if not self._vmpo.importance_weights:
            return batch, None
        behaviour = self.agent.policy.distribution(batch.old)
        target: Distribution = self.agent.target_policy(batch.observations)
        ratio = vmpo.importance_ratio(target.log_prob(batch.actions), behaviour.log_prob(batch.actions))
        return batch._replace(old=target.parameters), ratio

    def _e_step(self, advantages: Tensor, importance: Tensor | None) -> tuple[vmpo.EStep, float]:
        settings = self._vmpo
        selected = vmpo.select_top_k(advantages, settings.topk_fraction)
        (eta,) = self.temperature.values().tolist()
        if settings.temperature_mode == "exact":
            eta = vmpo.solve_temperature(advantages, settings.epsilon_eta, selected, eta, importance)
            self.temperature.set(eta)
        with torch.enable_grad():
            temperature = self.temperature.values()[0]
            loss, _ = vmpo.temperature_loss(
                temperature, settings.epsilon_eta, advantages, selected, importance
            )
        if not bool(torch.isfinite(loss)):
            raise NonFiniteError(f"update {self.updates + 1}: the temperature loss is {float(loss)}")
        estep = vmpo.e_step(advantages, eta, selected, importance)
        if settings.temperature_mode == "gradient":
            self.temperature.step(loss)
        return estep, float(loss)

    def _minibatches(self, batch: Batch) -> Iterator[Batch]:
        """Yield a shuffled pass over the rows in minibatches of nearly equal size."""
        rows = len(batch.weights)
        count = max(1, round(rows / self._vmpo.minibatch_size)) if self._vmpo.minibatch_size else 1
        if count == 1:
            yield batch
            return
        order = torch.randperm(rows, generator=self._generator, device=batch.weights.device)
        for index in torch.tensor_split(order, count):
            yield Batch(
                batch.observations[index], batch.actions[index],
                batch.weights[index] * (rows / len(index)), batch.returns[index],
                tuple(parameter[index] for parameter in batch.old),
            )  # fmt: skip

    def _gradient_step(self, rows: Batch) -> StepStatistics:
        """Fit policy and value to a minibatch whose weights already carry the factor D / B."""
        agent = self.agent
        new: Distribution = agent.policy(rows.observations)
        old = agent.policy.distribution(rows.old)
        policy_loss = vmpo.policy_loss(new.log_prob(rows.actions), rows.weights)
        alphas = self.alphas.values()
        constraints = [
            vmpo.constraint_loss(kl, alpha, epsilon)[1]
            for kl, alpha, epsilon in zip(kl_parts(old, new), alphas, self._epsilons, strict=True)
        ]
        agent.value_head.update(rows.returns)
        features = agent.value_features(rows.observations)
        value_loss = vmpo.value_loss(
            agent.value_head.normalized(features), agent.value_head.normalize(rows.returns)
        )
        alpha_loss = torch.stack([parts.alpha_loss for parts in constraints]).sum()
        total = policy_loss + value_loss + torch.stack([parts.penalty for parts in constraints]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        limit = self._optimizer_config.max_grad_norm or float("inf")
        policy_norm = nn.utils.clip_grad_norm_(agent.policy_parameters(), limit)
        value_norm = nn.utils.clip_grad_norm_(agent.value_parameters(), limit)
        statistics = StepStatistics(
            policy_loss.detach(), value_loss.detach(), alpha_loss.detach(), policy_norm, value_norm
        )
        self._check_finite(statistics)
        self.optimizer.step()
        self.alphas.step(alpha_loss)
        self.gradient_steps += 1
        return statistics

    def _check_finite(self, statistics: StepStatistics) -> None:
        total = sum(statistics[1:], start=statistics[0])
        if bool(torch.isfinite(total)):
            return
        names = ("policy loss", "value loss", "alpha loss", "policy gradient", "value gradient")
        terms = ", ".join(f"{name} {float(value):g}" for name, value in zip(names, statistics, strict=True))
        raise NonFiniteError(
            f"update {self.updates + 1}, gradient step {self.gradient_steps + 1}: not finite ({terms}); "
            "try a smaller learning rate, or clip observations and rewards"
        )

    @torch.no_grad()
    def _statistics(self, prepared: Prepared, steps: list[StepStatistics]) -> dict[str, float]:
        batch, estep = prepared.batch, prepared.estep
        new: Distribution = self.agent.policy(batch.observations)
        old = self.agent.policy.distribution(batch.old)
        kls = torch.stack([kl.mean() for kl in kl_parts(old, new)]).tolist()
        means = torch.stack([torch.stack(step) for step in steps]).mean(0).tolist()
        loss_names = ("loss/policy", "loss/value", "loss/alpha", "grad/policy_norm", "grad/value_norm")
        metrics = dict(zip(loss_names, means, strict=True))
        metrics["loss/temperature"] = prepared.temperature_loss
        metrics["dual/temperature"] = self.temperature.to_dict()["temperature"]
        names = self.alphas.names
        metrics |= {f"kl/{name}": kl for name, kl in zip(names, kls, strict=True)}
        metrics |= {_alpha_metric(name): value for name, value in self.alphas.to_dict().items()}
        metrics["estep/kl"] = float(estep.kl)
        metrics["estep/ess"] = float(estep.effective_sample_size)
        metrics["policy/entropy"] = float(new.entropy().mean())
        if self.agent.policy.continuous:
            std = new.parameters[1]
            metrics["policy/std_mean"] = float(std.mean())
            metrics["policy/std_min"] = float(std.min())
        metrics["value/explained_variance"] = prepared.explained_variance
        metrics["value/target_mean"] = float(batch.returns.mean())
        metrics["optimizer/policy_lr"] = float(self.optimizer.param_groups[0]["lr"])
        metrics["gradient_steps"] = float(self.gradient_steps)
        return metrics

    @torch.no_grad()
    def _check_on_policy(self, rollout: Rollout) -> None:
        """Assert that a fresh rollout came from the online policy bit for bit, so that the KL starts at 0."""
        fresh: Distribution = self.agent.policy(rollout.observations[0])
        stored = [parameter[0] for parameter in rollout.parameters]
        assert all(torch.equal(a, b) for a, b in zip(fresh.parameters, stored, strict=True)), (
            "the rollout's policy differs from the policy about to be updated"
        )

    def _schedule(self, progress: float) -> None:
        config = self._optimizer_config
        factor = 1.0 - min(1.0, progress) if config.schedule == "linear" else 1.0
        for group, lr in zip(self.optimizer.param_groups, (config.policy_lr, config.value_lr), strict=True):
            group["lr"] = lr * factor

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimisers, dual variables and counters."""
        return {
            "agent": dict(self.agent.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "alphas": self.alphas.state_dict(),
            "temperature": self.temperature.state_dict(),
            "updates": self.updates,
            "gradient_steps": self.gradient_steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.agent.load_state_dict(state["agent"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.alphas.load_state_dict(state["alphas"])
        self.temperature.load_state_dict(state["temperature"])
        self.updates = int(state["updates"])
        self.gradient_steps = int(state["gradient_steps"])


def _alpha_metric(constraint: str) -> str:
    return "dual/alpha" if constraint == "policy" else f"dual/alpha_{constraint}"


def _row_selector(rollout: Rollout, device: torch.device) -> Any:
    """Return a function that flattens [T, N, ...] to the valid rows [D, ...]."""
    if rollout.valid.all():
        return lambda tensor: tensor.flatten(0, 1)
    valid = torch.as_tensor(rollout.valid, device=device)
    return lambda tensor: tensor[valid]


def _optimizer_kind(config: OptimizerConfig) -> tuple[type[torch.optim.Optimizer], dict[str, Any]]:
    if config.type == "sgd":
        return torch.optim.SGD, {"momentum": config.sgd_momentum}
    return torch.optim.Adam, {"eps": 1e-5}


def _network_optimizer(agent: Agent, config: OptimizerConfig) -> torch.optim.Optimizer:
    kind, options = _optimizer_kind(config)
    groups = [
        {"params": agent.policy_parameters(), "lr": config.policy_lr},
        {"params": agent.value_parameters(), "lr": config.value_lr},
    ]
    return kind(groups, fused=True, **options)  # type: ignore[call-arg]
