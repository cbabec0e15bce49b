"""The contract between the engine and whatever steps environments.

One conformance suite (`tests/unit/test_env_contract.py`) runs against every backend.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DEFAULT_RATE = 30.0
"""Steps per second to show an environment at that does not say."""


@dataclass(frozen=True)  # without slots: the scaling is cached
class ContinuousActions:
    """A Box of actions. The policy acts in [-1, 1] wherever a bound is finite on both sides."""

    low: Floats
    """Lower bounds [A]; -inf where there is none."""
    high: Floats
    """Upper bounds [A]; inf where there is none."""

    @property
    def size(self) -> int:
        """Dimensions of an action (A)."""
        return int(self.low.size)

    def to_environment(self, sample: NDArray[np.floating]) -> Floats:
        """Clip raw policy samples [N, A] to [-1, 1] and rescale them to the bounds.

        Unbounded dimensions pass through unchanged.
        """
        middle, half, limit = self.scaling
        clipped: Floats = np.clip(sample, -limit, limit, dtype=np.float64)
        clipped *= half
        clipped += middle
        return clipped

    def saturation(self, sample: NDArray[np.floating]) -> float:
        """Share of the components of raw policy samples [..., A] that `to_environment` clips."""
        return float((np.abs(sample) > self.scaling[2]).mean())

    @functools.cached_property
    def scaling(self) -> tuple[Floats, Floats, Floats]:
        """Middle and half width of each dimension, and the limit of a sample [A]."""
        bounded = np.isfinite(self.low) & np.isfinite(self.high)
        low, high = np.where(bounded, self.low, -1.0), np.where(bounded, self.high, 1.0)
        return (low + high) / 2, (high - low) / 2, np.where(bounded, 1.0, np.inf)


@dataclass(frozen=True, slots=True)
class DiscreteActions:
    """A finite set of actions 0 .. count - 1."""

    count: int

    @property
    def size(self) -> int:
        """Number of actions (A)."""
        return self.count

    def to_environment(self, sample: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return action indices [N] as they are."""
        return sample


@dataclass(frozen=True, slots=True)
class EnvSpec:
    """What a vector environment is."""

    id: str
    backend: str
    num_envs: int
    observation_size: int
    """Size of a flattened observation (O)."""
    actions: ContinuousActions | DiscreteActions
    max_episode_steps: int | None
    """Steps after which an episode is truncated; None for no limit."""


@dataclass(frozen=True, slots=True)
class StepBatch:
    """One step of N environments with SAME_STEP autoreset; every array is the caller's to keep."""

    observation: Floats
    """Observations to act on next [N, O]: after the reset where an episode ended."""
    next_observation: Floats
    """True successors of the step [N, O]: the final observation where an episode ended. The same
    array object as ``observation`` when no episode ended."""
    reward: Floats
    """Raw rewards [N]."""
    terminated: Flags
    """Episode ended in a terminal state [N]: its value is 0."""
    truncated: Flags
    """Episode was cut off, by a time limit say [N]: its value is V(next_observation)."""
    valid: Flags
    """Rows caused by a chosen action [N]; False on the reset row of NEXT_STEP autoreset, and where an
    environment broke and was restarted: such a row is truncated, and its successor is what was seen last."""


@dataclass(frozen=True, slots=True)
class FaultPolicy:
    """What happens when an environment breaks."""

    restart: bool = False
    """Whether the environment begins a new episode, and the fault is kept for `VectorEnv.take_faults`;
    otherwise the fault is raised."""
    timeout: float = 300.0
    """Seconds that a process may take for a step or a reset before it counts as hung."""


STOP = FaultPolicy()
"""Raise whatever breaks."""
RESTARTS_IN_A_ROW = 3
"""How often an environment may break without a good step in between, before its fault is raised after all."""


class Restored(NamedTuple):
    """What came of loading the state of environments."""

    observation: Floats
    """Current observations [N, O]."""
    restarted: Flags
    """Which environments could not continue and began a new episode [N]."""
    reason: str
    """Why some could not, for the user; empty where all continue bit for bit."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """A MuJoCo simulation inside an environment, to be looked at and never changed."""

    model: Any
    """`mujoco.MjModel`."""
    qpos: Floats
    """Generalised positions [nq], a view that follows the simulation."""
    qvel: Floats
    """Generalised velocities [nv], a view that follows the simulation."""


class VectorEnv(abc.ABC):
    """N environments of one kind, stepped together.

    Faults raise `engine.errors.EnvironmentFault` naming the environment's index and step, or are kept
    for `take_faults` where the `FaultPolicy` restarts what breaks.
    """

    spec: EnvSpec
    _faults: tuple[str, ...] = ()

    staggers: ClassVar[bool] = False
    """Whether `stagger` is supported."""

    def stagger(self, seed: int) -> None:
        """Cut the episodes under way short, each by a random number of steps.

        Without it, environments that only a time limit ends stay in step for ever: every rollout shows the
        same part of the episode N times.
        """
        raise NotImplementedError(f"{self.spec.backend} environments cannot be staggered")

    def take_faults(self) -> tuple[str, ...]:
        """Say what broke and was restarted since the last call, for the user."""
        faults, self._faults = self._faults, ()
        return faults

    @abc.abstractmethod
    def reset(self, seed: int) -> Floats:
        """Start every environment anew, seeded, and return observations [N, O]."""

    @abc.abstractmethod
    def step(self, actions: NDArray[np.generic]) -> StepBatch:
        """Step every environment and restart those whose episode ended.

        Args:
            actions: [N, A] floats within the bounds, or [N] integers for discrete actions.
        """

    @abc.abstractmethod
    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to continue bit for bit; empty where a backend cannot."""

    @abc.abstractmethod
    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]], restart_seed: int) -> Restored:
        """Continue from `state_dict`, as far as the observations then equal the saved ones bit for bit.

        Args:
            state: what `state_dict` returned.
            restart_seed: seeds the new episodes of environments that cannot continue theirs.
        """

    @property
    def step_seconds(self) -> float:
        """Duration of a step to an onlooker: simulated time, or what the environment asks to be shown at."""
        return 1.0 / DEFAULT_RATE

    def simulation(self, index: int) -> Simulation | None:
        """Return the MuJoCo simulation of an environment as of the last `reset`; None where there is none."""
        return None

    @abc.abstractmethod
    def close(self) -> None:
        """Release workers and memory; safe to call twice."""
