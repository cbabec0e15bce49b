"""Finding the MuJoCo simulation inside an environment, and how fast an environment is to be shown."""

from __future__ import annotations

from typing import Any

from engine.envs.base import DEFAULT_RATE, Simulation


def find_simulation(env: Any) -> Simulation | None:
    """Return the simulation inside one of Gymnasium's or dm_control's environments, without its wrappers."""
    if hasattr(env, "model") and hasattr(getattr(env, "data", None), "qpos"):
        return Simulation(env.model, env.data.qpos, env.data.qvel)
    if physics := getattr(_dm_control(env), "physics", None):
        return Simulation(physics.model.ptr, physics.data.ptr.qpos, physics.data.ptr.qvel)
    return None


def step_seconds(env: Any) -> float:
    """Return the duration of a step of an environment, without its wrappers, to an onlooker."""
    if inner := _dm_control(env):  # whose adapter states a rate in other units
        return float(inner.control_timestep())
    return 1.0 / float(env.metadata.get("render_fps") or DEFAULT_RATE)


def _dm_control(env: Any) -> Any:
    """Return dm_control's environment inside shimmy's adapter, None in any other."""
    inner = getattr(env, "_env", None)
    return inner if hasattr(inner, "control_timestep") else None
