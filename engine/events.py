"""Messages from the engine: frozen, picklable, free of tensors.

Lifecycle events are never lost on the way to a front end; `UpdateCompleted` may be coalesced there
(see `engine.channel`), while the file sinks see every one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """The run directory is locked and training is about to begin."""

    run_dir: str
    """Absolute path of the run directory."""
    env_id: str
    backend: str
    """Backend that steps the environments: mujoco, gymnasium or gymnasium-async."""
    num_envs: int
    observation_size: int
    action_size: int
    """Dimensions of a continuous action, or number of discrete actions."""
    continuous: bool
    seed: int
    total_steps: int
    env_steps: int = 0
    """Environment steps already taken; above 0 in a resumed run."""
    updates: int = 0
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The whole configuration, section by section, as plain values."""


@dataclass(frozen=True, slots=True)
class PhaseChanged(Event):
    """The engine is busy with something that takes a noticeable time."""

    phase: str
    """In plain words: "building environments", "warming up", "evaluating", "training" ..."""


@dataclass(frozen=True, slots=True)
class AdvantageHistogram:
    """How an update's advantages are spread and what the E-step made of them, in equal bins."""

    low: float
    """Lower edge of the first bin: the smallest advantage, as the E-step saw it (normalised where it is)."""
    high: float
    """Upper edge of the last bin."""
    counts: tuple[int, ...]
    """Rows in each bin."""
    weights: tuple[float, ...]
    """Weight psi of each bin's rows together; the bins' sum is 1."""
    threshold: float
    """Smallest advantage among the selected rows."""
    selected: int
    """Number of selected rows (k)."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one update looked like inside: for the screen, and for inspections.jsonl."""

    std: tuple[float, ...]
    """Sigma of each action dimension [A], averaged over the rows; empty for discrete actions."""
    advantages: AdvantageHistogram


@dataclass(frozen=True, slots=True)
class UpdateCompleted(Event):
    """One iteration (rollout and update) is done; one row of metrics.jsonl."""

    metrics: Mapping[str, float]
    """At least env_steps, updates, gradient_steps, seconds, steps_per_second."""
    episode_returns: tuple[float, ...] = ()
    """Raw returns of the training episodes that ended during this rollout, oldest first."""
    episode_lengths: tuple[int, ...] = ()
    inspection: Inspection | None = None
    """None where it was read back from files and those have none of this update."""


@dataclass(frozen=True, slots=True)
class EvaluationCompleted(Event):
    """The policy was evaluated on separate environments with raw rewards."""

    env_steps: int
    updates: int
    returns: tuple[float, ...]
    """Undiscounted raw return of each episode."""
    lengths: tuple[int, ...]
    seconds: float
    best: bool
    """Whether the mean return is the highest of the run so far."""


@dataclass(frozen=True, slots=True)
class CheckpointSaved(Event):
    """A checkpoint is complete, verified and on disk."""

    path: str
    env_steps: int
    updates: int
    best: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class RunPaused(Event):
    """Training stands still between two iterations."""

    env_steps: int
    updates: int


@dataclass(frozen=True, slots=True)
class RunResumed(Event):
    """Training goes on after a pause."""

    env_steps: int
    updates: int


@dataclass(frozen=True, slots=True)
class SettingChanged(Event):
    """A setting of the run has a new value from the next iteration on."""

    key: str
    """Dotted name, such as optimizer.policy_lr."""
    before: float
    after: float
    env_steps: int
    updates: int


@dataclass(frozen=True, slots=True)
class RunForked(Event):
    """The run begins at a checkpoint of another one; its past is that one's."""

    parent: str
    """Name of the other run."""
    env_steps: int
    updates: int


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something the user should know that does not stop the run."""

    message: str


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """The run ended in order; nothing follows."""

    reason: str
    """completed (reached its target), stopped (by the user, saved), discarded (by the user, not saved) or
    handed over (saved for another process that goes on)."""
    env_steps: int
    updates: int
    seconds: float
    checkpoint: str | None = None
    """Path of the last checkpoint, if one was written."""


@dataclass(frozen=True, slots=True)
class RunFailed(Event):
    """The run ended with an error; nothing follows."""

    error: str
    """One paragraph for the user."""
    kind: str
    """Class name of the exception."""
    traceback: str
    env_steps: int
    updates: int
    checkpoint: str | None = None
    """Path of the newest good checkpoint, if there is one."""


KINDS: Mapping[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        RunStarted, PhaseChanged, UpdateCompleted, EvaluationCompleted, CheckpointSaved, RunPaused,
        RunResumed, SettingChanged, RunForked, Warned, RunFinished, RunFailed,
    )
}  # fmt: skip
"""Every event by the name that files know it by."""
