"""Models to look at recorded simulations with."""

from __future__ import annotations

from typing import Any

from engine.errors import ConfigError


def load_scene_model(env_id: str) -> Any:
    """Return a fresh `mujoco.MjModel` of an environment.

    Args:
        env_id: a Gymnasium id, or ``dm_control/<domain>/<task>``.

    Raises:
        ConfigError: the id is unknown, or its environment is no MuJoCo simulation.
        BackendUnavailableError: a package is missing.
        EnvironmentFault: the environment cannot be made.
    """
    from engine.envs.mujoco_batch import load_model
    from engine.envs.mujoco_tasks import TASKS

    if env_id in TASKS:
        return load_model(TASKS[env_id].xml)

    from engine.envs.gymnasium import GymnasiumEnv

    env = GymnasiumEnv(env_id, 1, asynchronous=False)
    try:
        env.reset(0)
        simulation = env.simulation(0)
        if simulation is None:
            raise ConfigError(f"{env_id} is no MuJoCo simulation")
        return simulation.model
    finally:
        env.close()
