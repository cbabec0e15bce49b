"""What the tuned settings promise: evaluations take at most a tenth of a run's environment steps."""

from __future__ import annotations

import gymnasium as gym
import pytest

from engine.envs.wrappers import newest_registrations
from engine.presets import PRESETS, config_for, preset_for

SHARE = 0.1
DM_CONTROL_STEPS = 1000
LIMITS = {
    env_id: limit
    for env_id, _ in newest_registrations()
    if env_id in gym.registry and (limit := gym.registry[env_id].max_episode_steps) is not None
}
"""The longest episode of everything in Gymnasium that has a limit."""


def share(env_id: str, limit: int) -> float:
    """Return the steps of the longest evaluation as a share of those between two of them."""
    evaluation = config_for(env_id).evaluation
    return evaluation.episodes * limit / evaluation.interval


@pytest.mark.parametrize(("env_id", "limit"), LIMITS.items())
def test_evaluations_take_a_tenth_of_the_steps_at_most(env_id: str, limit: int) -> None:
    assert share(env_id, limit) <= SHARE


def test_so_do_those_of_dm_control() -> None:
    assert share("dm_control/cartpole/swingup", DM_CONTROL_STEPS) <= SHARE


def test_every_preset_that_names_environments_is_held_against_some() -> None:
    named = {preset.name for preset in PRESETS if preset.pattern}
    assert {preset_for(env_id).name for env_id in LIMITS} == named
