"""Whether a run fits into this machine's memory, estimated before anything is made."""

from __future__ import annotations

import os

from engine.config import Config
from engine.envs.base import ContinuousActions, EnvSpec
from engine.errors import ConfigError

NUMBER, ROW = 12, 64
"""Bytes of a rollout: a number raw and normalised; what else a row has."""


def check_room(config: Config, spec: EnvSpec) -> None:
    """Refuse a rollout that is larger than the memory.

    Raises:
        ConfigError: names the settings that make it so large.
    """
    actions = spec.actions.size if isinstance(spec.actions, ContinuousActions) else 1
    row = NUMBER * (spec.observation_size + actions) + ROW
    needed, memory = row * config.env.num_envs * config.vmpo.rollout_steps, _memory()
    if needed > memory:
        raise ConfigError(
            f"env.num_envs={config.env.num_envs:,} with vmpo.rollout_steps={config.vmpo.rollout_steps:,} "
            f"needs {needed / 1e9:,.0f} GB and this machine has {memory / 1e9:,.0f}: take fewer"
        )


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
