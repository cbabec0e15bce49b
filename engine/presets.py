"""Tuned settings per environment family: one table, first match wins."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.config import Config


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings that differ from the defaults for the environments that a pattern matches."""

    name: str
    pattern: str
    """Shell-style pattern of environment ids, alternatives separated by ``|``."""
    settings: Mapping[str, Mapping[str, Any]]
    why: str
    """What the settings are for, in one line."""

    def matches(self, env_id: str) -> bool:
        """Whether this preset is meant for an environment."""
        return any(fnmatch.fnmatchcase(env_id, pattern) for pattern in self.pattern.split("|"))


LOCOMOTION: Mapping[str, Mapping[str, Any]] = {
    "env": {"num_envs": 32},
    "network": {"std_init": 0.3},
    "vmpo": {"rollout_steps": 64, "epsilon_eta": 0.5, "epsilon_mu": 0.02, "epsilon_sigma": 5e-3},
    "optimizer": {"alpha_lr": 0.1},
}

PRESETS: tuple[Preset, ...] = (
    Preset(
        "locomotion",
        "HalfCheetah-*|Hopper-*|Walker2d-*|Ant-*|Humanoid*|Swimmer-*|dm_control/*",
        LOCOMOTION,
        "a small first sigma: with 1.0 most actions are clipped, and HalfCheetah learns five times slower",
    ),
    Preset(
        "discrete",
        "CartPole-*|Acrobot-*|LunarLander-*|MountainCar-*",
        {
            "env": {"num_envs": 8},
            "vmpo": {"rollout_steps": 128, "epsilon_eta": 0.5, "epsilon_mu": 0.01, "minibatch_size": 128},
            "optimizer": {"policy_lr": 5e-4, "value_lr": 1e-3, "alpha_lr": 0.1},
            "evaluation": {"interval": 20_000},
        },
        "small state, few actions: short rollouts, large steps",
    ),
    Preset("default", "*", {}, "the defaults"),
)


def preset_for(env_id: str) -> Preset:
    """Return the first preset whose pattern matches; the last one matches everything."""
    return next(preset for preset in PRESETS if preset.matches(env_id))


def config_for(env_id: str) -> Config:
    """Return the default configuration with the environment's preset applied."""
    return Config().updated({"env": {"id": env_id}}).updated(preset_for(env_id).settings)
