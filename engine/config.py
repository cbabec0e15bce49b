"""The configuration of a run: frozen dataclasses, read from and written to TOML.

Keys are strict, and every error names the dotted field (``vmpo.epsilon_mu``), what was expected and,
for a name that does not exist, the nearest one that does.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import typing
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from engine.errors import ConfigError, nearest
from engine.values import check_choice, check_range, convert, parse_scalar, parse_toml, require_order, shown

Section = TypeVar("Section")

LIVE: frozenset[str] = frozenset(
    {
        "run.total_steps",
        "vmpo.epsilon_eta",
        "vmpo.epsilon_mu",
        "vmpo.epsilon_sigma",
        "optimizer.policy_lr",
        "optimizer.value_lr",
        "optimizer.temperature_lr",
        "optimizer.alpha_lr",
        "optimizer.max_grad_norm",
        "evaluation.interval",
        "checkpoint.interval",
    }
)
"""Settings that may change while a run is under way."""


ORDERED = (("network.std_min", "network.std_init"), ("vmpo.alpha_min", "vmpo.alpha_init"))
"""Settings of which the first one must not be above the second."""


def _bounded(
    default: Any, low: float, high: float = math.inf, *, open_low: bool = False, open_high: bool = False
) -> Any:
    limits = {"low": low, "high": high, "open_low": open_low, "open_high": open_high}
    return field(default=default, metadata=limits)


def _positive(default: Any, high: float = math.inf) -> Any:
    return _bounded(default, 0, high, open_low=True)


def _one_of(default: str, *choices: str) -> Any:
    return field(default=default, metadata={"choices": choices})


def _any_of(*choices: str) -> Any:
    return field(default=(), metadata={"choices": choices})


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Length, seed and machine resources of a run."""

    total_steps: int = _bounded(1_000_000, 1, 10**18)
    """Environment steps to train for, summed over all environments."""
    seed: int = _bounded(0, 0, 2**31 - 1)
    """Seed of every random generator of the run."""
    device: str = _one_of("cpu", "cpu", "cuda", "auto")
    """Where the networks live: cpu, cuda, or auto (cuda where there is one)."""
    threads: int = _bounded(0, 0, 4096)
    """CPU threads for physics; 0 means one per available core."""
    torch_threads: int = _bounded(1, 1, 4096)
    """CPU threads for the networks; more than one slows small networks down."""
    sinks: tuple[str, ...] = _any_of("tensorboard", "wandb")
    """Where metrics go besides metrics.jsonl, names in engine.sinks; each needs the extra of its name."""


@dataclass(frozen=True, slots=True)
class EnvConfig:
    """The environment and what happens to its observations and rewards."""

    id: str = "HalfCheetah-v5"
    """A Gymnasium id, or dm_control/<domain>/<task>."""
    backend: str = _one_of("auto", "auto", "mujoco", "gymnasium", "gymnasium-async")
    """What steps it; auto takes mujoco for the Gymnasium v5 MuJoCo tasks and gymnasium otherwise."""
    num_envs: int = _bounded(64, 1, 1_000_000)
    """Environments stepped in parallel (N)."""
    on_fault: str = _one_of("stop", "stop", "restart")
    """When an environment breaks: stop saves and ends the run; restart begins a new episode there."""
    timeout: float = _positive(300.0, 1e6)
    """Seconds that a process of gymnasium-async may take for a step or reset before it counts as hung. An
    environment that hangs in the trainer's own process cannot be ended."""
    stagger: bool = True
    """Let the first episodes end at random times, so that time limits never coincide (mujoco backend)."""
    normalize_observation: bool = True
    """Centre and scale observations with running statistics."""
    clip_observation: float = _bounded(10.0, 0)
    """Limit of normalised observations; 0 switches it off."""
    normalize_reward: bool = True
    """Divide rewards by the running standard deviation of the discounted return."""
    clip_reward: float = _bounded(10.0, 0)
    """Limit of normalised rewards; 0 switches it off."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The function approximators."""

    kind: str = _one_of("mlp", "mlp")
    """Kind of encoder, a name in engine.networks."""
    policy_layer_sizes: tuple[int, ...] = (64, 64)
    """Hidden layers of the policy."""
    value_layer_sizes: tuple[int, ...] = (64, 64)
    """Hidden layers of the value function; with a shared encoder, those after the encoder."""
    shared_encoder: bool = False
    """Whether the value function starts from the policy's encoder (policy_layer_sizes)."""
    activation: str = _one_of("tanh", "tanh", "relu", "elu", "silu")
    """Nonlinearity between layers."""
    state_dependent_std: bool = False
    """Whether the Gaussian's sigma is a network output or one parameter per action dimension."""
    std_init: float = _positive(1.0, 1e3)
    """Sigma of a fresh Gaussian policy, in units of the rescaled action range [-1, 1]."""
    std_min: float = _positive(1e-3, 1e3)
    """Lower limit of sigma."""


@dataclass(frozen=True, slots=True)
class VMPOConfig:
    """The algorithm (Song et al., 2019); names follow the paper."""

    rollout_steps: int = _bounded(64, 1, 10**7)
    """Steps of each environment in a rollout (T)."""
    gamma: float = _bounded(0.99, 0, 1)
    """Discount."""
    advantage_estimator: str = _one_of("gae", "returns", "dae", "gae")
    """returns: n-step return; dae: one step; gae: exponentially weighted."""
    gae_lambda: float = _bounded(0.95, 0, 1)
    """Decay of gae."""
    normalize_advantages: bool = True
    """Whether advantages are centred and scaled over the rollout before the E-step."""
    clip_advantages: float = _bounded(0.0, 0)
    """Limit of normalised advantages, in standard deviations; 0 switches it off. A few outliers otherwise
    take most of the E-step's weight."""
    topk_fraction: float = _bounded(0.5, 0, 1, open_low=True)
    """Share of the rows, best advantages first, that the policy is fitted to."""
    temperature_mode: str = _one_of("exact", "exact", "gradient")
    """exact: solve the temperature's dual each update; gradient: follow its gradient, as the paper."""
    temperature_init: float = _positive(1.0, 1e6)
    """First temperature (eta)."""
    epsilon_eta: float = _positive(0.25)
    """Bound on the KL of the E-step weights from uniform."""
    epsilon_mu: float = _positive(0.02)
    """Bound on the policy's KL: of the Gaussian's mean, or of the categorical distribution."""
    epsilon_sigma: float = _positive(5e-3)
    """Bound on the KL of the Gaussian's covariance."""
    control_variate: bool = True
    """Take the noise of the sampled actions out of the policy loss, whose mean stays; false is the paper."""
    decoupled: bool = True
    """Fit a Gaussian's mean and sigma each with the other one of the old policy; false is the paper."""
    alpha_init: float = _positive(1.0, 1e6)
    """First value of the KL multipliers."""
    alpha_min: float = _positive(1e-8, 1e6)
    """Floor of the KL multipliers."""
    epochs: int = _bounded(10, 1, 10**6)
    """Passes over a rollout with the same weights."""
    updates_per_rollout: int = _bounded(1, 1, 10**6)
    """Repetitions of the whole update (targets, E-step, epochs) on a rollout."""
    minibatch_size: int = _bounded(256, 0, 10**12)
    """Rows per gradient step; 0 takes the whole rollout."""
    target_update_period: int = _bounded(1, 1, 10**9)
    """Iterations between promotions of the target policy (see engine.learner for the paper's T_target)."""
    importance_weights: bool = False
    """Weigh rows by the clipped ratio of target to behaviour policy (Appendix E)."""
    popart: bool = False
    """Normalise value targets adaptively while preserving outputs (PopArt)."""


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """Step sizes and optimisers."""

    type: str = _one_of("adam", "adam", "sgd")
    """Optimiser of policy, value, temperature and multipliers."""
    policy_lr: float = _positive(3e-4)
    """Learning rate of the policy."""
    value_lr: float = _positive(3e-4)
    """Learning rate of the value function."""
    temperature_lr: float = _positive(1e-2)
    """Learning rate of the temperature (gradient mode)."""
    alpha_lr: float = _positive(1e-2)
    """Learning rate of the KL multipliers."""
    schedule: str = _one_of("linear", "constant", "linear")
    """How policy and value learning rates develop over the run: constant, or linear to 0."""
    max_grad_norm: float = _bounded(0.5, 0)
    """Gradient norm limit of policy and value, each on its own; 0 switches it off."""
    sgd_momentum: float = _bounded(0.9, 0, 1, open_high=True)
    """Momentum of sgd."""


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """Periodic evaluation: deterministic actions, raw rewards, environments of its own."""

    interval: int = _bounded(100_000, 0, 10**18)
    """Environment steps between evaluations; 0 evaluates at the end only."""
    episodes: int = _bounded(10, 1, 1_000_000)
    """Episodes per evaluation, run in parallel."""
    max_episode_steps: int = _bounded(0, 0)
    """Steps that an evaluated episode is cut off after; 0: the environment's limit, or 10,000 without one."""
    record: bool = True
    """Whether the first episode is recorded, to be watched and filmed later."""


@dataclass(frozen=True, slots=True)
class CheckpointConfig:
    """Checkpoints: `last` at this interval and at the end, `best` after a record evaluation."""

    interval: int = _bounded(200_000, 0, 10**18)
    """Environment steps between checkpoints; 0 saves at the end only."""
    keep: int = _bounded(3, 1, 10**6)
    """Generations kept, besides the one that `best` names."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that determines a run, one section per concern."""

    run: RunConfig = field(default_factory=RunConfig)
    env: EnvConfig = field(default_factory=EnvConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    vmpo: VMPOConfig = field(default_factory=VMPOConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)

    def __post_init__(self) -> None:
        for section in dataclasses.fields(self):
            _validate(section.name, getattr(self, section.name))
        for low, high in ORDERED:
            require_order(low, self.value_of(low), high, self.value_of(high))

    def value_of(self, key: str) -> Any:
        """Return the value of a setting by its dotted name."""
        section, _, name = key.partition(".")
        return getattr(getattr(self, section), name)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the configuration as nested plain values; tuples become lists."""
        sections = dataclasses.asdict(self)
        return {
            name: {key: list(value) if isinstance(value, tuple) else value for key, value in section.items()}
            for name, section in sections.items()
        }

    def to_toml(self) -> str:
        """Return the configuration as a TOML document."""
        return tomli_w.dumps(self.to_dict())

    def updated(self, values: Mapping[str, Mapping[str, Any]]) -> Config:
        """Return a copy with the given sections' fields replaced.

        Raises:
            ConfigError: an unknown section or key, or a value of the wrong type or range.
        """
        sections = {f.name: f for f in dataclasses.fields(self)}
        replaced: dict[str, Any] = {}
        for name, content in values.items():
            if name not in sections:
                raise ConfigError(
                    f"unknown section [{name}]{nearest(name, sections)} (known: {', '.join(sections)})"
                )
            if not isinstance(content, Mapping):
                raise ConfigError(f"[{name}] must be a table of settings, not {shown(content)}")
            replaced[name] = _replace(name, getattr(self, name), content)
        return dataclasses.replace(self, **replaced)

    def with_assignments(self, assignments: Iterable[str]) -> Config:
        """Return a copy with ``section.key=value`` texts applied, as ``--set`` takes them.

        Raises:
            ConfigError: a text that is no assignment, or whatever `updated` refuses.
        """
        values: dict[str, dict[str, Any]] = {}
        for assignment in assignments:
            path, equals, text = assignment.partition("=")
            name, dot, key = path.strip().partition(".")
            if not (equals and dot and key) or len(assignment.splitlines()) > 1:
                example = "expected section.key=value on one line, such as vmpo.epsilon_mu=0.01"
                raise ConfigError(f"{shown(assignment)}: {example}")
            values.setdefault(name, {})[key] = parse_scalar(text.strip())
        return self.updated(values)

    def changed_live(self, key: str, value: Any) -> Config:
        """Return a copy with a setting of a run under way changed.

        Args:
            key: dotted name, one of `LIVE`.
            value: the new value.

        Raises:
            ConfigError: the setting is fixed for a run's whole life, does not exist, or takes no such value.
        """
        section, _, name = key.partition(".")
        changed = self.updated({section: {name: value}})
        if key not in LIVE:
            raise ConfigError(
                f"{key} is fixed for a run's whole life; {', '.join(sorted(LIVE))} may change while it trains"
            )
        return changed

    @classmethod
    def from_toml(cls, path: Path, base: Config | None = None) -> Config:
        """Read a TOML file; what it leaves out comes from ``base`` or the defaults.

        Raises:
            ConfigError: the file cannot be read, is not TOML, or holds an invalid setting.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from error
        try:
            return (base or cls()).updated(parse_toml(text))
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error


def _replace(name: str, section: Section, content: Mapping[str, Any]) -> Section:
    hints = _hints(type(section))  # type: ignore[arg-type]
    for key in content:
        if key not in hints:
            raise ConfigError(f"unknown setting {name}.{key}{_nearest_key(name, key, hints)}")
    converted = {key: convert(f"{name}.{key}", value, hints[key]) for key, value in content.items()}
    return dataclasses.replace(section, **converted)  # type: ignore[type-var]


@functools.cache
def _hints(kind: Hashable) -> dict[str, Any]:
    """Return the types of a section's fields: a list of runs reads hundreds of configurations."""
    return typing.get_type_hints(kind)


def _nearest_key(name: str, key: str, hints: Mapping[str, Any]) -> str:
    return nearest(f"{name}.{key}", (f"{name}.{known}" for known in hints)) or f" (known: {', '.join(hints)})"


def _validate(name: str, section: Any) -> None:
    for entry in dataclasses.fields(section):
        value, limits, path = getattr(section, entry.name), entry.metadata, f"{name}.{entry.name}"
        if "choices" in limits:
            check_choice(path, value, limits["choices"])
        if "low" in limits:
            check_range(path, value, limits["low"], limits["high"], limits["open_low"], limits["open_high"])
