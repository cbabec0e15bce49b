"""Taking down the episode of an evaluation's first environment, without touching it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.envs.base import VectorEnv
from engine.recording import MAX_STEPS, MODEL_FIELDS, Recording

Array = NDArray[Any]


class Tape:
    """Copies the simulation's state, where there is one, the action and the reward of every step.

    Nothing is drawn while an agent is scored: an environment without a simulation is played again, by its
    seed and its actions, by whoever wants to see it.
    """

    def __init__(self, env: VectorEnv, seed: int) -> None:
        """Begin a recording.

        Args:
            env: environments that were just reset.
            seed: what they were reset with.
        """
        self._env, self._seed = env, seed
        self._simulation = env.simulation(0)
        fields = MODEL_FIELDS if self._simulation else ()
        self._model = {name: getattr(self._simulation.model, name).copy() for name in fields}  # type: ignore[union-attr]
        self._state = self._look()
        self._steps: list[tuple[Array, ...]] = []

    def add(self, action: Array, reward: Any) -> None:
        """Note the step that environment 0 has just taken; an endless episode is noted to its first part."""
        if len(self._steps) < MAX_STEPS:
            self._steps.append((reward, action.copy(), *self._state))
            self._state = self._look()

    def recording(self, env_steps: int, mean_return: float) -> Recording:
        """Return what was taken down: of a policy trained for so long, in an evaluation of such a mean."""
        rewards, actions, *states = (np.stack(column) for column in zip(*self._steps, strict=True))
        qpos, qvel = (column.astype(np.float32) for column in states) if states else (None, None)
        return Recording(
            env_id=self._env.spec.id,
            env_steps=env_steps,
            mean_return=mean_return,
            step_seconds=self._env.step_seconds,
            seed=self._seed,
            rewards=rewards.astype(np.float32),
            actions=actions.reshape(len(actions), -1),
            qpos=qpos,
            qvel=qvel,
            model=self._model,
        )

    def _look(self) -> tuple[Array, ...]:
        """Return the state of the simulation; nothing where there is none."""
        simulation = self._simulation
        return (simulation.qpos.copy(), simulation.qvel.copy()) if simulation else ()
