"""MuJoCo tasks stepped as one batch on a C++ thread pool: Gymnasium's numbers, much faster."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import as_file, files
from typing import Any

import gymnasium
import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError
from numpy.typing import NDArray

from engine.envs.base import (
    RESTARTS_IN_A_ROW,
    STOP,
    ContinuousActions,
    EnvSpec,
    FaultPolicy,
    Floats,
    Restored,
    Simulation,
    StepBatch,
    VectorEnv,
)
from engine.envs.generators import Words, from_words, to_words
from engine.envs.mujoco_tasks import TASKS, Task
from engine.errors import CheckpointError, ConfigError, EnvironmentFault, NonFiniteError, nearest

Broken = dict[int, str]
"""Cause of the fault of each environment that broke, by index."""
SUPPORTED_IDS: frozenset[str] = frozenset(TASKS)
"""Environment ids that this backend steps."""


class MujocoBatchEnv(VectorEnv):
    """N simulations of one Gymnasium v5 MuJoCo task with SAME_STEP autoreset.

    Args:
        env_id: one of `SUPPORTED_IDS`.
        num_envs: simulations (N).
        threads: threads to step them on, the caller's included; 0 for one per core. Results do
            not depend on it.
        faults: what happens when a simulation breaks.

    Raises:
        ConfigError: ``env_id`` is not supported.
    """

    staggers = True

    def __init__(self, env_id: str, num_envs: int, *, threads: int = 0, faults: FaultPolicy = STOP) -> None:
        if env_id not in TASKS:
            known = ", ".join(sorted(TASKS))
            raise ConfigError(
                f"the mujoco backend has no environment {env_id!r}{nearest(env_id, TASKS)}; it has {known}"
            )
        kind = TASKS[env_id]
        model = load_model(kind.xml)
        task = kind(model, Batch(model, num_envs, threads, persistent=kind.contact_forces))
        self._task: Task | None = task
        self._model = model
        self._blank: Floats = task.batch.state[0].copy()
        low, high = model.actuator_ctrlrange.T.copy()
        limit = gymnasium.spec(env_id).max_episode_steps
        assert limit is not None, "Gymnasium registers every MuJoCo task with a time limit"
        self._limit = limit
        self._rng = np.random.default_rng()
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._restart_broken = faults.restart
        self._in_a_row = np.zeros(num_envs, dtype=np.int64)
        """Faults of each environment since its last good step [N]."""
        self._observation: Floats = task.observe()
        self.spec = EnvSpec(
            id=env_id,
            backend="mujoco",
            num_envs=num_envs,
            observation_size=self._observation.shape[1],
            actions=ContinuousActions(low=low, high=high),
            max_episode_steps=limit,
        )
        self.last_info: dict[str, Floats] = {}
        """Gymnasium's reward parts of the last step [N] each, before any reset."""

    def reset(self, seed: int) -> Floats:
        """Start every environment anew, seeded, and return observations [N, O]."""
        self._rng = np.random.default_rng(seed)
        self._open_task().forget()
        return self._restart(np.arange(self.spec.num_envs))

    def stagger(self, seed: int) -> None:
        """Cut the episodes under way short, each by a random number of steps."""
        generator = np.random.default_rng((seed, 1))  # not the episodes' own
        self._elapsed[:] = generator.integers(self._limit, size=self.spec.num_envs)

    def step(self, actions: NDArray[np.generic]) -> StepBatch:
        """Step every environment and restart those whose episode ended.

        Args:
            actions: [N, A] floats within the bounds.

        Raises:
            EnvironmentFault: an observation or reward is not finite, the simulation diverged or
                MuJoCo failed; names the environment and the step of its episode.
            NonFiniteError: an action is not finite.
        """
        task = self._open_task()
        control = np.asarray(actions, dtype=np.float64)
        if control.shape != task.ctrl.shape:
            raise EnvironmentFault(
                f"{self.spec.id} takes actions of shape {task.ctrl.shape}, got {control.shape}"
            )
        if not np.isfinite(control).all():
            index = int(np.argwhere(~np.isfinite(control))[0, 0])
            raise NonFiniteError(f"{self.spec.id}: the action for environment {index} is not finite")
        task.ctrl[...] = control
        broken = self._simulate(task)
        with np.errstate(invalid="ignore", over="ignore"):  # of those that are broken
            reached = task.observe()
            reward, terminated, self.last_info = task.outcome(control)
        self._find_unusable(broken, reward, "reward")
        self._find_unusable(broken, reached, "observation")
        self._elapsed += 1
        truncated = self._elapsed >= self._limit
        valid = np.ones_like(terminated)
        if broken:
            rows = self._give_up(broken)
            reward[rows], terminated[rows], truncated[rows], valid[rows] = 0.0, False, True, False
            reached[rows] = self._observation[rows]
            self._in_a_row[valid] = 0
        elif self._restart_broken:
            self._in_a_row[:] = 0
        ended = np.flatnonzero(terminated | truncated)
        observation = self._restart(ended) if ended.size else reached
        self._observation = observation.copy()
        return StepBatch(
            observation=observation,
            next_observation=reached,
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            valid=valid,
        )

    def place(self, indices: NDArray[np.intp], qpos: Floats, qvel: Floats) -> Floats:
        """Begin episodes of environments ``indices`` [K] in given states.

        Args:
            indices: which environments, ascending [K].
            qpos: generalised positions [K, nq].
            qvel: generalised velocities [K, nv].

        Returns:
            Observations of all environments [N, O].
        """
        task = self._open_task()
        task.batch.state[indices] = self._blank
        task.qpos[indices], task.qvel[indices] = qpos, qvel
        task.batch.forward(indices)
        task.placed(indices)
        self._elapsed[indices] = 0
        observation = task.observe()
        self._observation = observation.copy()
        return observation

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to continue bit for bit, derived quantities that lag the state included."""
        task = self._open_task()
        return {
            "simulation": task.batch.state.copy(),
            "position": task.position.copy(),
            "elapsed": self._elapsed.copy(),
            "observation": self._observation.copy(),
            "generator": self._generator_words(),
        }

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]], restart_seed: int) -> Restored:
        """Continue from `state_dict`; an environment that then shows something else begins a new episode.

        Raises:
            CheckpointError: the state belongs to another task or number of environments.
        """
        task = self._open_task()
        for name, current in self.state_dict().items():
            found = _form(state[name]) if name in state else "nothing"
            if found != _form(current):
                raise CheckpointError(
                    f"saved environment state {name!r}: {self.spec.num_envs} x {self.spec.id} need "
                    f"{_form(current)}, found {found}; resume with the run's own settings"
                )
        task.forget()
        task.batch.state[...] = state["simulation"]
        task.position = state["position"].astype(np.float64)
        self._elapsed = state["elapsed"].astype(np.int64)
        self._observation = state["observation"].astype(np.float64)
        self._rng = _generator(state["generator"])
        self.last_info = {}
        restarted = ~(task.observe() == self._observation)[:, : task.state_columns].all(axis=1)
        if not restarted.any():
            return Restored(self._observation.copy(), restarted, "")
        self._rng = np.random.default_rng(restart_seed)
        fresh = self._restart(np.flatnonzero(restarted))
        # Of those that continue, what is derived from the state lags it and cannot be observed now.
        self._observation = np.where(restarted[:, None], fresh, state["observation"])
        reason = (
            f"{restarted.sum()} of {self.spec.num_envs} simulations of {self.spec.id} do not show what they "
            "did when they were saved and start new episodes"
        )
        return Restored(self._observation.copy(), restarted, reason)

    def _generator_words(self) -> Words:
        words = to_words(self._rng)
        assert words is not None, "the generator is NumPy's default one"
        return words

    @property
    def step_seconds(self) -> float:
        """Simulated duration of a step."""
        return self._open_task().dt

    def simulation(self, index: int) -> Simulation:
        """Return the simulation of an environment."""
        task = self._open_task()
        return Simulation(self._model, task.qpos[index], task.qvel[index])

    def close(self) -> None:
        """Release the simulations and their threads; safe to call twice."""
        self._task = None

    def _open_task(self) -> Task:
        if self._task is None:
            raise EnvironmentFault(f"{self.spec.id} was closed; make a new environment")
        return self._task

    def _simulate(self, task: Task) -> Broken:
        """Advance the physics by one environment step; return which simulations broke, and why."""
        broken: Broken = {}
        try:
            task.batch.step(nstep=task.frame_skip)
        except SimulationError as error:
            broken |= {int(index): f"MuJoCo failed: {task.batch.error(int(index))}" for index in error.ids}
        # MuJoCo silently resets a diverged simulation: only its warning counters tell.
        if task.divergences.any():
            cause = "the simulation diverged: its state is no longer finite"
            broken |= dict.fromkeys(np.flatnonzero(task.divergences.any(axis=1)).tolist(), cause)
        task.stepped()
        return broken

    def _find_unusable(self, broken: Broken, values: Floats, what: str) -> None:
        """Add to ``broken`` the environments whose values [N, ...] are not all finite."""
        finite = np.isfinite(values)
        if not finite.all():
            for index in np.unique(np.argwhere(~finite)[:, 0]).tolist():
                broken.setdefault(index, f"its {what} is not finite")

    def _give_up(self, broken: Broken) -> list[int]:
        """Return which environments are to begin a new episode because they broke.

        Raises:
            EnvironmentFault: one is not to be restarted, or has been in vain.
        """
        rows = sorted(broken)
        for index in rows:
            step = int(self._elapsed[index])
            fault = f"{self.spec.id}: environment {index} at step {step} of its episode: {broken[index]}"
            self._in_a_row[index] += 1
            if not self._restart_broken or self._in_a_row[index] > RESTARTS_IN_A_ROW:
                raise EnvironmentFault(fault)
            self._faults += (f"{fault}; restarted",)
        self._open_task().forget(rows)
        return rows

    def _restart(self, indices: NDArray[np.intp]) -> Floats:
        """Begin new episodes of environments ``indices``; return all observations [N, O]."""
        return self.place(indices, *self._open_task().start(self._rng, indices.size))


def _form(array: NDArray[np.generic]) -> str:
    return f"shape {array.shape} of {array.dtype}"


def load_model(xml: str) -> Any:
    """Compile one of Gymnasium's models.

    MuJoCo would print deprecation warnings about them over the screen and into a log file.
    """
    previous = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        with as_file(files("gymnasium") / "envs" / "mujoco" / "assets" / xml) as path:
            return mujoco.MjModel.from_xml_path(str(path))
    finally:
        mujoco.set_mju_user_warning(previous)


def _generator(words: NDArray[np.generic]) -> np.random.Generator:
    """Rebuild the generator of reset noise.

    Raises:
        CheckpointError: the words are not those of one.
    """
    try:
        generator = from_words(words)
    except ValueError as error:
        raise CheckpointError(f"saved environment state 'generator': {error}") from error
    assert isinstance(generator, np.random.Generator), "as many words as its own have no other kind"
    return generator
