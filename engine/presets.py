"""Tuned settings per environment family: one table, first match wins; some presets go by name only."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.config import Config
from engine.errors import ConfigError, nearest


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings that differ from the defaults for the environments that a pattern matches."""

    name: str
    pattern: str
    """Shell-style pattern of environment ids, alternatives separated by ``|``; empty: by name only."""
    settings: Mapping[str, Mapping[str, Any]]
    why: str
    """What the settings are for, in one line."""

    def matches(self, env_id: str) -> bool:
        """Whether this preset is meant for an environment."""
        return any(fnmatch.fnmatchcase(env_id, pattern) for pattern in self.pattern.split("|"))


LOCOMOTION: Mapping[str, Mapping[str, Any]] = {
    "env": {"num_envs": 64, "stagger": False},
    "network": {"std_init": 0.4},
    "vmpo": {
        "rollout_steps": 32,
        "topk_fraction": 1.0,
        "epsilon_eta": 0.1,
        "epsilon_mu": 0.02,
        "epsilon_sigma": 5e-3,
        "minibatch_size": 128,
    },
    "optimizer": {"alpha_lr": 0.1},
}

DISCRETE: Mapping[str, Mapping[str, Any]] = {
    "env": {"num_envs": 8},
    "vmpo": {"rollout_steps": 128, "epsilon_eta": 0.5, "epsilon_mu": 0.01, "minibatch_size": 128},
    "optimizer": {"policy_lr": 5e-4, "value_lr": 1e-3, "alpha_lr": 0.1},
    "evaluation": {"interval": 50_000},  # 10 episodes of 500 steps are a tenth of it
}

PRESETS: tuple[Preset, ...] = (
    Preset(
        "cheetah",
        "HalfCheetah-*",
        {**LOCOMOTION, "env": {"num_envs": 64, "stagger": True}},
        "locomotion whose episodes, all as long as the time limit, do not end in lockstep",
    ),
    Preset(
        "locomotion",
        "Hopper-*|Walker2d-*|InvertedDoublePendulum-*|dm_control/*",
        LOCOMOTION,
        "every sample counts, mildly weighted: the control variate makes that the least noisy choice",
    ),
    Preset(
        "many-joints",
        "Ant-*|Humanoid*",
        {**LOCOMOTION, "network": {"std_init": 0.3}},
        "locomotion with a smaller first sigma: noise in every joint costs more than walking earns",
    ),
    Preset(
        "swimmer",
        "Swimmer-*",
        {
            **LOCOMOTION,
            "env": {"num_envs": 8, "stagger": False},
            "vmpo": {**LOCOMOTION["vmpo"], "rollout_steps": 256, "gamma": 0.999, "gae_lambda": 0.98},
        },
        "locomotion that looks further ahead: a stroke pays off long after it began",
    ),
    Preset(
        "discrete",
        "CartPole-*|Acrobot-*|MountainCar-*",
        DISCRETE,
        "small state, few actions: short rollouts, large steps",
    ),
    Preset(
        "lander",
        "LunarLander-*",
        {
            **DISCRETE,
            "vmpo": {
                **DISCRETE["vmpo"],
                "gamma": 0.999,
                "gae_lambda": 0.98,
                "topk_fraction": 1.0,
                "epsilon_eta": 0.1,
            },
            "evaluation": {"interval": 100_000},
        },
        "discrete that looks further ahead: the reward for landing comes at the end of a long flight",
    ),
    Preset(
        "bipedal",
        "BipedalWalker*",
        {"evaluation": {"interval": 200_000}},
        "the defaults, evaluated less often: an episode may take 2,000 steps",
    ),
    Preset(
        "paper",
        "",
        {
            "env": {"num_envs": 64, "stagger": False},
            "vmpo": {
                "rollout_steps": 39,
                "advantage_estimator": "returns",
                "normalize_advantages": False,
                "topk_fraction": 0.5,
                "temperature_mode": "gradient",
                "epsilon_eta": 0.01,
                "epsilon_mu": 0.0075,
                "epsilon_sigma": 2e-5,
                "control_variate": False,
                "decoupled": False,
                "epochs": 1,
                "minibatch_size": 0,
                "target_update_period": 100,
                "popart": True,
            },
            "optimizer": {
                "policy_lr": 1e-4,
                "value_lr": 1e-4,
                "temperature_lr": 1e-4,
                "alpha_lr": 1e-4,
                "schedule": "constant",
                "max_grad_norm": 0.0,
            },
        },
        "Song et al. (2019) for Gym: each sample once, T_target 100, duals by gradient; for 1e9 steps",
    ),
    Preset("default", "*", {}, "the defaults"),
)


def preset_for(env_id: str) -> Preset:
    """Return the first preset whose pattern matches; the last one matches everything."""
    return next(preset for preset in PRESETS if preset.matches(env_id))


def preset_named(name: str) -> Preset:
    """Return a preset by its name.

    Raises:
        ConfigError: there is none; names those there are.
    """
    presets = {preset.name: preset for preset in PRESETS}
    if name not in presets:
        raise ConfigError(f"no preset {name!r}{nearest(name, presets)}; there are {', '.join(presets)}")
    return presets[name]


def config_for(env_id: str, preset: str | None = None) -> Config:
    """Return the default configuration with a preset applied: the environment's own, or a named one.

    Raises:
        ConfigError: no preset has that name.
    """
    chosen = preset_for(env_id) if preset is None else preset_named(preset)
    return Config().updated({"env": {"id": env_id}}).updated(chosen.settings)
