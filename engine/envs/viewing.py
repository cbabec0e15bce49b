"""What it takes to look at a recorded episode: its MuJoCo model, or the environment that draws itself."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.envs.guarded import GuardedEnv
from engine.envs.gymnasium import GymnasiumEnv, episode_seeds
from engine.envs.wrappers import find_registration, instantiate
from engine.errors import BackendUnavailableError, ConfigError, EnvironmentFault

_QUIET = {"PYGAME_HIDE_SUPPORT_PROMPT": "1", "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
"""Keeps pygame, which draws into memory here, from greeting and from looking for a display."""
_SAME_REWARD = 1e-6
"""Relative difference up to which two rewards count as the same."""


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
    env = GymnasiumEnv(env_id, 1, asynchronous=False)
    try:
        env.reset(0)
        simulation = env.simulation(0)
        if simulation is None:
            raise ConfigError(f"{env_id} is no MuJoCo simulation")
        return simulation.model
    finally:
        env.close()


class DrawnEpisode:
    """An episode played again, by its seed and its actions, in an environment that draws itself."""

    def __init__(self, env_id: str, seed: int, actions: NDArray[Any], rewards: NDArray[Any]) -> None:
        """Make the environment.

        Args:
            env_id: a Gymnasium id.
            seed: the one that the vector environment was reset with, whose environment 0 it was.
            actions: [T, A].
            rewards: what each action earned [T].

        Raises:
            EngineError: the environment cannot be made, or cannot be drawn.
        """
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        env = instantiate(find_registration(env_id), render_mode="rgb_array")
        if "rgb_array" not in env.metadata.get("render_modes", ()):
            env.close()
            raise BackendUnavailableError(f"{env_id} has no picture of itself: it does not render rgb_array")
        self._env = GuardedEnv(lambda: env)
        self._env_id = env_id
        self._seed = episode_seeds(seed, 1)[0]
        self._actions, self._rewards = actions, rewards
        self._step: int | None = None
        self.faithful = True
        """Whether every step so far has earned what it earned when it was recorded."""

    def picture(self, step: int) -> NDArray[np.uint8]:
        """Return what the environment looks like before a step: RGB [height, width, 3].

        Raises:
            EnvironmentFault: it cannot be played or drawn; a package may be missing.
        """
        if self._step is None or self._step > step:
            self._env.reset(seed=self._seed)
            self._step = 0
        while self._step < step:
            _, reward, _, _, info = self._env.step(self._action(self._step))
            if "fault" in info:
                raise EnvironmentFault(f"{self._env_id} cannot be played again: {info['fault'].cause}")
            recorded = float(self._rewards[self._step])
            self.faithful &= abs(reward - recorded) <= _SAME_REWARD * max(1.0, abs(recorded))
            self._step += 1
        return self._drawn()

    def close(self) -> None:
        """Release the environment."""
        self._env.close()

    def _action(self, step: int) -> Any:
        action = self._actions[step]
        return action if self._env.action_space.shape else int(action[0])

    def _drawn(self) -> NDArray[np.uint8]:
        try:
            picture = np.asarray(self._env.render())
        except Exception as error:  # whatever drawing may raise, such as a package that is missing
            reason = " ".join(str(error).split())
            raise EnvironmentFault(f"{self._env_id} cannot be drawn: {reason}") from error
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise EnvironmentFault(f"{self._env_id} cannot be drawn: it returned no RGB picture")
        return picture
