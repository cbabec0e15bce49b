"""Numeric failures: an update's rollout and what learned from it, in one file that can be replayed.

The file is safetensors: tensors, and texts in its header. Nothing in it can execute.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch

from engine.collector import fold
from engine.config import Config
from engine.envs.base import ContinuousActions, DiscreteActions, EnvSpec
from engine.errors import CheckpointError, ConfigError, NonFiniteError
from engine.files import make_directory, replace_atomically, require_own
from engine.learner import Learner
from engine.normalization import RewardScaler, RunningMoments
from engine.rollout import Rollout
from engine.state_tree import join, split
from engine.training import Training, build_agent

FORMAT_VERSION = "1"
_UNREADABLE = (
    CheckpointError, ConfigError, OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError,
    RecursionError, OverflowError, safetensors.SafetensorError,
)  # fmt: skip
"""What a file that is no report raises."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """One quantity of the rollout that an update failed on."""

    name: str
    low: float
    """Least finite value; nan if there is none, as below."""
    mean: float
    high: float
    not_finite: int
    """How many values are not finite."""
    count: int


@dataclass(frozen=True, slots=True)
class FailureReport:
    """What `write_report` kept."""

    path: Path
    error: str
    config: Config
    spec: EnvSpec
    env_steps: int
    progress: float
    state: dict[str, Any]
    """``before`` (see `Training.before_update`) and ``rollout``."""

    @property
    def updates(self) -> int:
        """Iterations that had been done."""
        return int(self.state["before"]["learner"]["updates"])

    def statistics(self) -> list[Statistics]:
        """Describe the rollout, one quantity after the other."""
        rollout = self._rollout()
        names = ("mean", "sigma") if isinstance(self.spec.actions, ContinuousActions) else ("logits",)
        quantities = {
            "observations": rollout.raw_observations,
            "observations, normalised": rollout.observations.numpy(),
            "rewards": rollout.raw_rewards,
            "rewards, normalised": rollout.rewards().numpy(),
            "actions": rollout.actions.numpy(),
            **{f"policy {name}": part.numpy() for name, part in zip(names, rollout.parameters, strict=True)},
        }
        return [_describe(name, values) for name, values in quantities.items()]

    def replay(self) -> str:
        """Run the update once more; return the error that it ends in, empty if it does not fail."""
        torch.set_num_threads(self.config.run.torch_threads)
        before, rollout = self.state["before"], self._rollout()
        agent = build_agent(self.spec, self.config)
        generator = torch.Generator()
        learner = Learner(agent, self.config, generator)
        learner.load_state_dict(before["learner"])
        generator.set_state(before["shuffle"])
        moments = RunningMoments((self.spec.observation_size,))
        moments.load_state_dict(before["statistics"]["observation_moments"])
        scaler = RewardScaler(self.spec.num_envs, self.config.vmpo.gamma)
        scaler.load_state_dict(before["statistics"]["rewards"])
        try:
            learner.update(rollout, self.progress)
            fold(rollout, moments, scaler, self.config.env)
        except NonFiniteError as error:
            return str(error)
        return ""

    def _rollout(self) -> Rollout:
        saved = self.state["rollout"]
        steps, count = saved["raw_rewards"].shape
        sizes = [part.shape[-1] for part in saved["parameters"]]
        shape = tuple(saved["actions"].shape[2:])
        rollout = Rollout(steps, count, self.spec.observation_size, shape, sizes)
        rollout.load_state_dict(saved)
        return rollout


def write_report(folder: Path, training: Training, error: str) -> Path:
    """Keep what is needed to run an update once more.

    Args:
        folder: where the report goes; made if missing.
        training: as the failed update left it.
        error: what went wrong, for the user.

    Returns:
        The report's file.

    Raises:
        CheckpointError: the disk refuses.
    """
    before, spec = training.before_update, training.env.spec
    assert before is not None, "no update has begun"
    path = folder / f"update-{before['learner']['updates'] + 1}.safetensors"
    tensors, document = split({"before": before, "rollout": training.collector.rollout.state_dict()})
    texts = {
        "format": FORMAT_VERSION,
        "error": error,
        "config": training.config.to_toml(),
        "env_steps": str(training.env_steps),
        "progress": repr(training.progress),
        "spec": json.dumps(_spec_to_json(spec)),
        "state": json.dumps(document),
    }
    plain = {name: tensor.contiguous() for name, tensor in tensors.items()}
    try:
        require_own(folder)
        make_directory(folder)
        replace_atomically(path, safetensors.torch.save(plain, texts))
    except OSError as failure:
        raise CheckpointError(f"cannot write {path}: {failure.strerror}") from failure
    return path


def read_report(path: Path) -> FailureReport:
    """Read a report.

    Raises:
        CheckpointError: the file is none, or damaged.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            texts = file.metadata() or {}
            if texts.get("format") != FORMAT_VERSION:
                raise CheckpointError(f"expected a report of format {FORMAT_VERSION}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
        config = Config().updated(tomllib.loads(texts["config"]))
        report = FailureReport(
            path,
            texts["error"],
            config.updated({"run": {"device": "cpu"}}),
            _spec_from_json(json.loads(texts["spec"])),
            int(texts["env_steps"]),
            float(texts["progress"]),
            join(json.loads(texts["state"]), tensors),
        )
        report.statistics()
    except _UNREADABLE as error:
        raise CheckpointError(f"{path} is no report of a numeric failure, or damaged: {error}") from error
    return report


def _spec_to_json(spec: EnvSpec) -> dict[str, Any]:
    actions: Any = spec.actions.size
    if isinstance(spec.actions, ContinuousActions):
        actions = [spec.actions.low.tolist(), spec.actions.high.tolist()]
    return {
        "id": spec.id,
        "backend": spec.backend,
        "num_envs": spec.num_envs,
        "observation_size": spec.observation_size,
        "actions": actions,
        "max_episode_steps": spec.max_episode_steps,
    }


def _spec_from_json(document: dict[str, Any]) -> EnvSpec:
    bounds = document.pop("actions")
    if isinstance(bounds, int):
        return EnvSpec(actions=DiscreteActions(bounds), **document)
    return EnvSpec(actions=ContinuousActions(np.array(bounds[0]), np.array(bounds[1])), **document)


def _describe(name: str, values: Any) -> Statistics:
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return Statistics(name, np.nan, np.nan, np.nan, values.size, values.size)
    with np.errstate(over="ignore"):
        mean = float(finite.mean())
    return Statistics(
        name, float(finite.min()), mean, float(finite.max()), values.size - finite.size, values.size
    )
