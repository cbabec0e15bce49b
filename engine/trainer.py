"""The trainer's front door: `Trainer`, and `VMPOTrainer` with the seed's interface on the same engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.channel import Channel
from engine.config import Config
from engine.envs.wrappers import make_env
from engine.errors import ConfigError
from engine.rollout import Rollout
from engine.run import Trainer
from engine.scoring import evaluate_checkpoint
from engine.summary import RunSummary

if TYPE_CHECKING:
    import gymnasium as gym

__all__ = ["SEED_CONFIG", "RunSummary", "Trainer", "VMPOTrainer", "evaluate_checkpoint", "format_metrics"]

SEED_CONFIG = Config().updated(
    {
        "vmpo": {"temperature_mode": "gradient", "epochs": 1, "minibatch_size": 0},
        "optimizer": {"schedule": "constant"},
    }
)
"""Settings that the seed's interface implies but does not name."""


def format_metrics(metrics: Mapping[str, float]) -> str:
    """Return ``key=value`` pairs sorted by key with 4 decimals, for the console line."""
    return " ".join(f"{key}={value:.4f}" for key, value in sorted(metrics.items()))


def _plain(value: Any) -> Any:
    """Return settings with NumPy's scalars as Python's, which is all that a configuration holds."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value


def _device_name(device: torch.device | str) -> str:
    """Return the setting that names a device.

    Raises:
        ConfigError: it is not the first of its kind, which is the one that training takes.
    """
    device = torch.device(device)
    if device.index:
        raise ConfigError(
            f"run.device must be cpu, cuda or auto, not {device}; to train on that one set "
            f"CUDA_VISIBLE_DEVICES={device.index} and use cuda"
        )
    return device.type


class VMPOTrainer(Trainer):
    """The seed's interface: its names, order and defaults, on the same engine.

    ``rollout_steps`` counts steps of each environment. The temperature follows its gradient and each
    update is one full-batch gradient step, as in the seed; ``updates_per_step`` of `train` repeats the
    whole update (targets, E-step, M-step) on a rollout.

    Args beyond the seed's:
        config: base of every setting that the seed's interface does not name.
        channel: link to a front end.
    """

    def __init__(
        self,
        env_id: str,
        seed: int,
        device: torch.device,
        policy_layer_sizes: tuple[int, ...],
        value_layer_sizes: tuple[int, ...],
        rollout_steps: int,
        normalize_advantages: bool = True,
        gamma: float = 0.99,
        advantage_estimator: str = "returns",
        gae_lambda: float = 0.95,
        policy_lr: float = 0.0005,
        value_lr: float = 0.001,
        topk_fraction: float = 0.5,
        temperature_init: float = 1.0,
        temperature_lr: float = 0.0001,
        epsilon_eta: float = 0.1,
        epsilon_mu: float = 0.01,
        epsilon_sigma: float = 0.01,
        alpha_lr: float = 0.0001,
        max_grad_norm: float = 10.0,
        optimizer_type: str = "adam",
        sgd_momentum: float = 0.9,
        num_envs: int = 1,
        *,
        config: Config | None = None,
        channel: Channel | None = None,
    ) -> None:
        base = config or SEED_CONFIG
        settings: dict[str, dict[str, Any]] = {
            "run": {"seed": seed, "device": _device_name(device)},
            "env": {"id": env_id, "num_envs": num_envs},
            "network": {"policy_layer_sizes": policy_layer_sizes, "value_layer_sizes": value_layer_sizes},
            "vmpo": {
                "rollout_steps": rollout_steps,
                "normalize_advantages": normalize_advantages,
                "gamma": gamma,
                "advantage_estimator": advantage_estimator,
                "gae_lambda": gae_lambda,
                "topk_fraction": topk_fraction,
                "temperature_init": temperature_init,
                "epsilon_eta": epsilon_eta,
                "epsilon_mu": epsilon_mu,
                "epsilon_sigma": epsilon_sigma,
            },
            "optimizer": {
                "type": optimizer_type,
                "sgd_momentum": sgd_momentum,
                "policy_lr": policy_lr,
                "value_lr": value_lr,
                "temperature_lr": temperature_lr,
                "alpha_lr": alpha_lr,
                "max_grad_norm": max_grad_norm,
            },
        }
        super().__init__(base.updated(_plain(settings)), channel=channel)

    def train(self, total_steps: int, out_dir: str, updates_per_step: int = 1) -> RunSummary:
        """Train for ``total_steps`` environment steps and write the run to ``out_dir``.

        Args:
            total_steps: environment steps, summed over the environments.
            out_dir: run directory to create.
            updates_per_step: repetitions of the whole update on each rollout.
        """
        settings = {"run": {"total_steps": total_steps}, "vmpo": {"updates_per_rollout": updates_per_step}}
        self.config = self.config.updated(_plain(settings))
        return self.run(Path(out_dir))

    def _make_train_env(self, *, env_id: str, seed: int, env_index: int, gamma: float) -> gym.Env[Any, Any]:
        """Make one seeded training environment as `engine.envs.wrappers.make_env` does.

        For inspection: training steps raw environments and normalises with statistics of its own,
        shared over all of them.
        """
        settings = self.config.env
        return make_env(
            env_id,
            seed=seed + env_index,
            gamma=gamma,
            normalize_observation=settings.normalize_observation,
            clip_observation=settings.clip_observation or None,
            normalize_reward=settings.normalize_reward,
            clip_reward=settings.clip_reward or None,
        )

    def _reset_rollout(self) -> None:
        """Start the rollout under way again at its first step; without effect before training."""
        if rollout := self._rollout():
            rollout.clear()

    def _rollout_full(self) -> bool:
        """Whether the rollout holds all its steps; before training there is none."""
        rollout = self._rollout()
        return rollout is not None and rollout.full

    def _rollout(self) -> Rollout | None:
        training = getattr(self, "_training", None)
        return training.collector.rollout if training else None
