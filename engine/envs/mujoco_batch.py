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

from engine.envs.base import ContinuousActions, EnvSpec, Floats, Simulation, StepBatch, VectorEnv
from engine.envs.mujoco_tasks import TASKS, Task
from engine.errors import CheckpointError, ConfigError, EnvironmentFault, nearest

SUPPORTED_IDS: frozenset[str] = frozenset(TASKS)
"""Environment ids that this backend steps."""

_WORD = 2**64


class MujocoBatchEnv(VectorEnv):
    """N simulations of one Gymnasium v5 MuJoCo task with SAME_STEP autoreset.

    Args:
        env_id: one of `SUPPORTED_IDS`.
        num_envs: simulations (N).
        threads: threads to step them on, the caller's included; 0 for one per core. Results do
            not depend on it.

    Raises:
        ConfigError: ``env_id`` is not supported.
    """

    staggers = True

    def __init__(self, env_id: str, num_envs: int, *, threads: int = 0) -> None:
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
            EnvironmentFault: an action, observation or reward is not finite, the simulation
                diverged or MuJoCo failed; names the environment and the step of its episode.
        """
        task = self._open_task()
        control = np.asarray(actions, dtype=np.float64)
        if control.shape != task.ctrl.shape:
            raise EnvironmentFault(
                f"{self.spec.id} takes actions of shape {task.ctrl.shape}, got {control.shape}"
            )
        self._require(np.isfinite(control), "action")
        task.ctrl[...] = control
        self._simulate(task)
        reached = task.observe()
        reward, terminated, self.last_info = task.outcome(control)
        self._require(np.isfinite(reward), "reward")
        self._require(np.isfinite(reached), "observation")
        self._elapsed += 1
        truncated = self._elapsed >= self._limit
        ended = np.flatnonzero(terminated | truncated)
        observation = self._restart(ended) if ended.size else reached
        self._observation = observation.copy()
        return StepBatch(
            observation=observation,
            next_observation=reached,
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            valid=np.ones_like(terminated),
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
            "generator": _generator_words(self._rng),
        }

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]]) -> Floats:
        """Continue from `state_dict`; return the current observations [N, O].

        Raises:
            CheckpointError: the state belongs to another task or number of environments.
        """
        task = self._open_task()
        for name, current in self.state_dict().items():
            if name not in state or state[name].shape != current.shape:
                found = state[name].shape if name in state else "nothing"
                raise CheckpointError(
                    f"saved environment state {name!r}: {self.spec.num_envs} x {self.spec.id} need "
                    f"shape {current.shape}, found {found}; resume with the run's own settings"
                )
        task.forget()
        task.batch.state[...] = state["simulation"]
        task.position = state["position"].astype(np.float64)
        self._elapsed = state["elapsed"].astype(np.int64)
        self._observation = state["observation"].astype(np.float64)
        self._rng = _generator(state["generator"].astype(np.uint64))
        self.last_info = {}
        return self._observation.copy()

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

    def _simulate(self, task: Task) -> None:
        """Advance the physics by one environment step."""
        try:
            task.batch.step(nstep=task.frame_skip)
        except SimulationError as error:
            index = int(error.ids[0])
            raise self._fault(index, f"MuJoCo failed: {task.batch.error(index)}") from error
        # MuJoCo silently resets a diverged simulation: only its warning counters tell.
        if task.divergences.any():
            index = int(np.argwhere(task.divergences)[0, 0])
            raise self._fault(index, "the simulation diverged: its state is no longer finite")
        task.stepped()

    def _restart(self, indices: NDArray[np.intp]) -> Floats:
        """Begin new episodes of environments ``indices``; return all observations [N, O]."""
        return self.place(indices, *self._open_task().start(self._rng, indices.size))

    def _require(self, finite: NDArray[np.bool_], what: str) -> None:
        """Raise `EnvironmentFault` unless every element [N, ...] is True."""
        if not finite.all():
            index = int(np.argwhere(~finite)[0, 0])
            raise self._fault(index, f"its {what} is not finite")

    def _fault(self, index: int, cause: str) -> EnvironmentFault:
        step = int(self._elapsed[index]) + 1
        return EnvironmentFault(f"{self.spec.id}: environment {index} at step {step} of its episode: {cause}")


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


def _generator_words(rng: np.random.Generator) -> NDArray[np.uint64]:
    """Return the state of a PCG64 generator as uint64 [6]: state, increment, spare draw."""
    state: Any = rng.bit_generator.state
    wide = [state["state"]["state"], state["state"]["inc"]]
    words = [part for number in wide for part in divmod(number, _WORD)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def _generator(words: NDArray[np.uint64]) -> np.random.Generator:
    """Rebuild a generator from `_generator_words`."""
    high, low, inc_high, inc_low, has_spare, spare = (int(word) for word in words)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": high * _WORD + low, "inc": inc_high * _WORD + inc_low},
        "has_uint32": has_spare,
        "uinteger": spare,
    }
    return np.random.Generator(bits)
