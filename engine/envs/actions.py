"""Action spaces: what a policy makes of them, and its actions as the space wants them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from engine.envs.base import ContinuousActions, DiscreteActions
from engine.errors import ConfigError


def describe_actions(env_id: str, space: spaces.Space[Any]) -> ContinuousActions | DiscreteActions:
    """Return the actions of a space, flattened.

    Raises:
        ConfigError: no policy here takes such actions.
    """
    if isinstance(space, spaces.Discrete):
        return DiscreteActions(int(space.n))
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating) and space.shape != (0,):
        return ContinuousActions(space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel())
    raise ConfigError(
        f"{env_id} takes actions from {space}, which is not supported; "
        "supported are Box (of floating-point numbers) and Discrete"
    )


def native_actions(space: spaces.Space[Any], actions: Any, *batch: int) -> Any:
    """Return flat actions within the bounds as an environment wants them: shaped, typed, from its start.

    Args:
        space: of a single action.
        actions: [*batch, A] numbers, or [*batch] indices from 0.
        batch: how many there are; nothing for a single one.
    """
    if isinstance(space, spaces.Discrete):
        return space.start + np.int64(actions)
    return np.asarray(actions, dtype=space.dtype).reshape(*batch, *(space.shape or ()))
