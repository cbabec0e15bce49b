"""One V-MPO update on one rollout: targets, E-step, M-step, promotion of the target policy.

How the knobs relate to the paper's T_target, the number of gradient steps between promotions: a rollout of
D rows gives updates_per_rollout x epochs x ceil(D / minibatch_size) gradient steps, and the target policy,
which also collects the data, is promoted every target_update_period rollouts. The paper's setting is one
full-batch pass per rollout (epochs 1, minibatch_size 0) and target_update_period = T_target.
"""

from __future__ import annotations

import copy
import math
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
from engine.events import Inspection
from engine.flat import FlatParameters
from engine.inspection import inspect
from engine.m_step import m_step
from engine.multipliers import Multipliers
from engine.returns import ESTIMATORS
from engine.rollout import Rollout
from engine.state_tree import require_like

ADVICE = "try a smaller learning rate, or clip observations and rewards"
"""What helps where numbers stop being finite."""


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


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch together with the E-step that made its weights."""

    batch: Batch
    advantages: Tensor
    """As the E-step weighed them [D]."""
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
        names = agent.policy.distribution_class.constraints
        settings = config.vmpo
        self.alphas = Multipliers(names, init=settings.alpha_init, floor=settings.alpha_min, device=device)
        self.temperature = Multipliers(
            ("temperature",), init=settings.temperature_init, floor=1e-8, device=device
        )
        self._policy_parameters = FlatParameters(agent.policy_parameters())
        self._value_parameters = FlatParameters(agent.value_parameters())
        rates = config.optimizer
        self.optimizer = _optimizer(
            rates,
            (self._policy_parameters.vector, rates.policy_lr),
            (self._value_parameters.vector, rates.value_lr),
            (self.alphas.raw, rates.alpha_lr),
        )
        self._temperature_optimizer = _optimizer(rates, (self.temperature.raw, rates.temperature_lr))
        self._epsilons = self._bounds(config)
        self.updates = 0
        self.gradient_steps = 0
        self.inspection: Inspection | None = None
        """The newest update seen from inside; None before the first."""

    def reconfigure(self, config: Config) -> None:
        """Take over bounds, step sizes and limits that changed while the run is under way."""
        self._vmpo, self._optimizer_config = config.vmpo, config.optimizer
        self._epsilons = self._bounds(config)
        self.optimizer.param_groups[2]["lr"] = config.optimizer.alpha_lr
        self._temperature_optimizer.param_groups[0]["lr"] = config.optimizer.temperature_lr

    def _bounds(self, config: Config) -> Tensor:
        """Bound of each KL term [K]."""
        bounds = {"mean": config.vmpo.epsilon_mu, "covariance": config.vmpo.epsilon_sigma}
        values = [bounds.get(name, config.vmpo.epsilon_mu) for name in self.alphas.names]
        return torch.tensor(values, device=self.alphas.raw.device)

    def update(self, rollout: Rollout, progress: float = 0.0) -> dict[str, float]:
        """Run one whole update and return its statistics by metric name.

        Args:
            rollout: filled by the target policy.
            progress: share of the run that is over, in [0, 1], for the learning-rate schedule.

        Raises:
            NonFiniteError: a parameter, loss or gradient is not finite; no optimiser has stepped on it, and
                the policy that acts is as it was.
        """
        self._require_finite({})
        self._schedule(progress)
        if self.updates % self._vmpo.target_update_period == 0:
            self._check_on_policy(rollout)
        norms: list[Tensor] = []
        for _ in range(self._vmpo.updates_per_rollout):
            prepared = self.prepare(rollout)
            for _ in range(self._vmpo.epochs):
                norms += [self._gradient_step(rows) for rows in self._minibatches(prepared.batch)]
        metrics = self._statistics(prepared, torch.stack(norms).mean(0))
        self._require_finite(metrics)
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
        if not _is_finite(advantages):
            raise NonFiniteError(f"update {self.updates + 1}: the advantages are not finite; {ADVICE}")
        if settings.normalize_advantages:
            advantages = vmpo.normalize(advantages, settings.clip_advantages)
        batch = Batch(
            rows(rollout.observations[:-1]), rows(rollout.actions), advantages, returns,
            tuple(rows(parameter) for parameter in rollout.parameters),
        )  # fmt: skip
        batch, importance = self._reweigh(batch)
        estep, loss = self._e_step(advantages, importance)
        residual = (returns - rows(values[:-1])).var(correction=0)
        explained = 1.0 - float(residual / returns.var(correction=0).clamp_min(1e-12))
        return Prepared(batch._replace(weights=estep.weights), advantages, estep, loss, explained)

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
            raise NonFiniteError(
                f"update {self.updates + 1}: the temperature loss is {float(loss)}; {ADVICE}"
            )
        estep = vmpo.e_step(advantages, eta, selected, importance)
        if settings.temperature_mode == "gradient":
            (gradient,) = torch.autograd.grad(loss, [self.temperature.raw])
            self.temperature.raw.grad = gradient
            self._temperature_optimizer.step()
            self.temperature.apply_floor()
        return estep, float(loss)

    def _minibatches(self, batch: Batch) -> Iterator[Batch]:
        """Yield a shuffled pass over the rows in minibatches of nearly equal size."""
        rows = len(batch.weights)
        count = max(1, round(rows / self._vmpo.minibatch_size)) if self._vmpo.minibatch_size else 1
        if count == 1:
            yield batch
            return
        order = torch.randperm(rows, generator=self._generator, device=batch.weights.device)
        fields = (batch.observations, batch.actions, batch.weights, batch.returns, *batch.old)
        parts = (field.index_select(0, order).tensor_split(count) for field in fields)
        for observations, actions, weights, returns, *old in zip(*parts, strict=True):
            yield Batch(observations, actions, weights * (rows / len(weights)), returns, tuple(old))

    @torch.inference_mode()
    def _gradient_step(self, rows: Batch) -> Tensor:
        """Fit policy and value to a minibatch whose weights already carry the factor D / B.

        Returns:
            Norms of the policy's and the value function's gradient [2].
        """
        agent, head = self.agent, self.agent.value_head
        new, policy_tape = agent.policy.record(rows.observations)
        old = agent.policy.distribution(rows.old)
        gradients, kls = m_step(
            old, new, rows.actions, rows.weights, self.alphas.values(),
            control_variate=self._vmpo.control_variate,
            decoupled=self._vmpo.decoupled,
        )  # fmt: skip
        head.update(rows.returns)
        values, value_tape = agent.record_value(rows.observations, policy_tape.features)
        residual = (values - head.normalize(rows.returns)) / len(rows.returns)  # of the value loss
        agent.policy.backward(policy_tape, gradients, agent.value_backward(value_tape, residual))
        self.alphas.set_gradient(self._epsilons - kls)
        limit = self._optimizer_config.max_grad_norm
        norms = torch.stack([
            self._policy_parameters.clip_gradient(limit), self._value_parameters.clip_gradient(limit)
        ])  # fmt: skip
        self._check_finite(norms, kls)
        self.optimizer.step()
        self.alphas.apply_floor()
        self.gradient_steps += 1
        return norms

    def _require_finite(self, metrics: Mapping[str, float]) -> None:
        """Refuse to go on with parameters, or after losses, that are not finite."""
        vectors = {"policy": self._policy_parameters.vector, "value": self._value_parameters.vector}
        broken = [f"{name} parameters" for name, vector in vectors.items() if not _is_finite(vector)]
        broken += [f"{name} {value:g}" for name, value in metrics.items() if not math.isfinite(value)]
        if broken:
            raise NonFiniteError(
                f"update {self.updates + 1}, after gradient step {self.gradient_steps}: not finite "
                f"({', '.join(broken)}); {ADVICE}"
            )

    def _check_finite(self, norms: Tensor, kls: Tensor) -> None:
        if math.isfinite(float(norms.sum() + kls.sum())):
            return
        names = ("policy gradient", "value gradient", *(f"KL {name}" for name in self.alphas.names))
        values = [*norms.tolist(), *kls.tolist()]
        terms = ", ".join(f"{name} {value:g}" for name, value in zip(names, values, strict=True))
        raise NonFiniteError(
            f"update {self.updates + 1}, gradient step {self.gradient_steps + 1}: not finite ({terms}); "
            f"{ADVICE}"
        )

    @torch.no_grad()
    def _statistics(self, prepared: Prepared, norms: Tensor) -> dict[str, float]:
        """Losses and KLs of the whole batch after the last step; gradient norms averaged over the steps."""
        batch, estep = prepared.batch, prepared.estep
        new: Distribution = self.agent.policy(batch.observations)
        old = self.agent.policy.distribution(batch.old)
        head = self.agent.value_head
        values = head.normalized(self.agent.value_features(batch.observations))
        kls = torch.stack([kl.mean() for kl in kl_parts(old, new)])
        metrics = {
            "loss/policy": float(vmpo.policy_loss(new.log_prob(batch.actions), batch.weights)),
            "loss/value": float(vmpo.value_loss(values, head.normalize(batch.returns))),
            "loss/alpha": float(self.alphas.values() @ (self._epsilons - kls)),
        }
        metrics |= dict(zip(("grad/policy_norm", "grad/value_norm"), norms.tolist(), strict=True))
        metrics["loss/temperature"] = prepared.temperature_loss
        metrics["dual/temperature"] = self.temperature.to_dict()["temperature"]
        names = self.alphas.names
        metrics |= {f"kl/{name}": kl for name, kl in zip(names, kls.tolist(), strict=True)}
        metrics |= {_alpha_metric(name): value for name, value in self.alphas.to_dict().items()}
        metrics["estep/kl"] = float(estep.kl)
        metrics["estep/ess"] = float(estep.effective_sample_size)
        metrics["policy/entropy"] = float(new.entropy().mean())
        std = new.parameters[1] if self.agent.policy.continuous else None
        self.inspection = inspect(prepared.advantages, estep, std)
        if std is not None:
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
        for group, lr in zip(self.optimizer.param_groups, (config.policy_lr, config.value_lr), strict=False):
            group["lr"] = lr * factor

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimisers, dual variables and counters."""
        return {
            "agent": dict(self.agent.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "alphas": self.alphas.state_dict(),
            "temperature": self.temperature.state_dict(),
            "temperature_optimizer": self._temperature_optimizer.state_dict(),
            "updates": self.updates,
            "gradient_steps": self.gradient_steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict`.

        Raises:
            ValueError: what an optimiser remembers is not about these parameters.
        """
        if state["gradient_steps"]:
            _check_memory(self.optimizer, state["optimizer"])
        if state["updates"] and self._vmpo.temperature_mode == "gradient":
            _check_memory(self._temperature_optimizer, state["temperature_optimizer"])
        self.agent.load_state_dict(state["agent"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.alphas.load_state_dict(state["alphas"])
        self.temperature.load_state_dict(state["temperature"])
        self._temperature_optimizer.load_state_dict(state["temperature_optimizer"])
        self.updates = int(state["updates"])
        self.gradient_steps = int(state["gradient_steps"])


def _is_finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _alpha_metric(constraint: str) -> str:
    return "dual/alpha" if constraint == "policy" else f"dual/alpha_{constraint}"


def _row_selector(rollout: Rollout, device: torch.device) -> Any:
    """Return a function that flattens [T, N, ...] to the valid rows [D, ...]."""
    if rollout.valid.all():
        return lambda tensor: tensor.flatten(0, 1)
    valid = torch.as_tensor(rollout.valid, device=device)
    return lambda tensor: tensor[valid]


def _optimizer(config: OptimizerConfig, *groups: tuple[nn.Parameter, float]) -> torch.optim.Optimizer:
    """Build the configured kind of optimiser over vectors with a learning rate each."""
    named = [{"params": [vector], "lr": lr} for vector, lr in groups]
    if config.type == "sgd":
        return torch.optim.SGD(named, momentum=config.sgd_momentum, fused=True)
    return torch.optim.Adam(named, eps=1e-5, fused=True)


def _check_memory(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Check moments and the like: an optimiser itself takes over whatever it is given.

    Raises:
        ValueError: something is missing or of another shape.
    """
    rehearsal = copy.deepcopy(optimizer)
    for group in rehearsal.param_groups:
        for vector in group["params"]:
            vector.grad = torch.zeros_like(vector)
    rehearsal.step()
    require_like(state["state"], rehearsal.state_dict()["state"], "optimizer.state")
