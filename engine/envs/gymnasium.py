"""Any Gymnasium environment, several at once, in this process or one process each.

Seeding is `numpy.random.SeedSequence`'s, so that runs with neighbouring seeds share no episode.
"""

from __future__ import annotations

import contextlib
import functools
import math
import multiprocessing
import multiprocessing.connection
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec as Registration
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from engine.envs.base import (
    ContinuousActions,
    DiscreteActions,
    EnvSpec,
    Flags,
    Floats,
    Simulation,
    StepBatch,
    VectorEnv,
)
from engine.envs.infos import extract_final_observations
from engine.envs.simulations import find_simulation, step_seconds
from engine.envs.wrappers import find_registration, instantiate
from engine.errors import CheckpointError, ConfigError, EnvironmentFault

_CLOSE_SECONDS = 5.0
"""How long a worker may take to close its environment before it is terminated."""
_ANSWER_SECONDS = 300.0
"""How long a worker may take for a step or reset before it counts as hung."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong in one environment; crosses processes, unlike many exceptions."""

    cause: str
    trace: str


class GuardedEnv(gym.Wrapper[Floats, Any, Any, Any]):
    """Flat float64 observations, flat actions, and faults reported instead of raised.

    A fault is put into the info as ``fault``, beside placeholder values, because an exception in a
    worker would take Gymnasium's own path: printed, perhaps impossible to pickle, the traceback lost.
    The environment's own infos are dropped: nothing reads them and they are slow to batch.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self._actions = env.action_space
        self._size = spaces.flatdim(env.observation_space)
        self.observation_space = spaces.Box(-np.inf, np.inf, (self._size,), np.float64)
        if isinstance(self._actions, spaces.Discrete):
            self.action_space = spaces.Discrete(int(self._actions.n))
        elif isinstance(self._actions, spaces.Box):
            low, high = (
                bound.astype(np.float64).ravel() for bound in (self._actions.low, self._actions.high)
            )
            self.action_space = spaces.Box(low, high, dtype=np.float64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Reset; see the class."""
        try:
            observation, _ = self.env.reset(seed=seed, options=options)
            return self._flatten(observation), {}
        except (Exception, SystemExit) as error:
            return self._placeholder(), _report(error)

    def step(self, action: Any) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Step; see the class."""
        try:
            observation, reward, terminated, truncated, _ = self.env.step(self._native(action))
            return self._flatten(observation), _number(reward), bool(terminated), bool(truncated), {}
        except (Exception, SystemExit) as error:
            return self._placeholder(), 0.0, False, False, _report(error)

    def close(self) -> None:
        """Close; an environment that fails to has nothing left to lose."""
        with contextlib.suppress(Exception):
            self.env.close()

    def _native(self, action: Any) -> Any:
        if isinstance(self._actions, spaces.Discrete):
            return self._actions.start + np.int64(action)
        return np.asarray(action, dtype=self._actions.dtype).reshape(self._actions.shape)

    def _flatten(self, observation: Any) -> Floats:
        space = self.env.observation_space
        if isinstance(space, spaces.Box) and np.shape(observation) != space.shape:
            raise ValueError(
                f"its observation has shape {np.shape(observation)}, its observation space {space.shape}"
            )
        flat = np.asarray(spaces.flatten(space, observation), dtype=np.float64)
        if not np.isfinite(flat).all():
            broken = np.flatnonzero(~np.isfinite(flat))
            raise ValueError(
                f"its observation is not finite: element {broken[0]} of {flat.size} is {flat[broken[0]]}"
            )
        return flat

    def _placeholder(self) -> Floats:
        return np.zeros(self._size)


def _report(error: BaseException) -> dict[str, Any]:
    return {"fault": Fault(" ".join(f"{type(error).__name__}: {error}".split()), traceback.format_exc())}


def _number(reward: Any) -> float:
    if np.ndim(reward) != 0:
        raise ValueError(f"its reward has shape {np.shape(reward)}, expected one number")
    if not math.isfinite(reward):
        raise ValueError(f"its reward is not finite: {float(reward)}")
    return float(reward)


def describe(env_id: str, backend: str = "gymnasium", num_envs: int = 1) -> EnvSpec:
    """Make one environment, check that it can be trained and say what it is.

    Raises:
        ConfigError: an unknown id, or a space that is not supported.
        BackendUnavailableError: a package is missing.
        EnvironmentFault: the environment cannot be made.
    """
    env = instantiate(find_registration(env_id))
    try:
        actions = _describe_actions(env_id, env.action_space)
        if not env.observation_space.is_np_flattenable:
            raise ConfigError(
                f"{env_id} observes {env.observation_space}, whose size varies; supported are Box, Discrete, "
                "MultiDiscrete, MultiBinary, and Dict or Tuple of these"
            )
        size = spaces.flatdim(env.observation_space)
        return EnvSpec(env_id, backend, num_envs, size, actions, _step_limit(env))
    finally:
        with contextlib.suppress(Exception):
            env.close()


def _step_limit(env: gym.Env[Any, Any]) -> int | None:
    """Return the steps after which an episode is truncated; dm_control's tasks keep their own limit."""
    if env.spec and env.spec.max_episode_steps:
        return env.spec.max_episode_steps
    limit = getattr(getattr(env.unwrapped, "_env", None), "_step_limit", math.inf)
    return math.ceil(limit) if math.isfinite(limit) else None


def _describe_actions(env_id: str, space: spaces.Space[Any]) -> ContinuousActions | DiscreteActions:
    if isinstance(space, spaces.Discrete):
        return DiscreteActions(int(space.n))
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating) and space.shape != (0,):
        return ContinuousActions(space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel())
    raise ConfigError(
        f"{env_id} takes actions from {space}, which is not supported; "
        "supported are Box (of floating-point numbers) and Discrete"
    )


def episode_seeds(seed: int, count: int) -> list[int]:
    """Return the first seed of each environment; those of fewer environments begin those of more."""
    return [int(word) >> 1 for word in np.random.SeedSequence(seed).generate_state(count)]


def _make_guarded(registration: Registration) -> GuardedEnv:
    if multiprocessing.parent_process() is not None:
        # A key press reaches the whole process group; only the trainer may decide what it means.
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    return GuardedEnv(instantiate(registration))


class GymnasiumEnv(VectorEnv):
    """Gymnasium's vector environments with SAME_STEP autoreset behind the engine's contract.

    After a fault every environment is closed.
    """

    def __init__(
        self, env_id: str, num_envs: int, *, asynchronous: bool, answer_seconds: float = _ANSWER_SECONDS
    ) -> None:
        """Make the environments.

        Args:
            env_id: A registered id, or ``dm_control/<domain>/<task>``.
            num_envs: Number of environments (N).
            asynchronous: Whether each environment has a process of its own.
            answer_seconds: How long a process may take for a step or reset before it counts as hung.

        Raises:
            ConfigError: an unknown id, or a space that is not supported.
            BackendUnavailableError: a package is missing.
            EnvironmentFault: an environment cannot be made.
        """
        backend = "gymnasium-async" if asynchronous else "gymnasium"
        self.spec = describe(env_id, backend, num_envs)
        self._answer_seconds = answer_seconds
        self._seed = 0
        self._steps = 0
        makers: list[Callable[[], GuardedEnv]] = [
            functools.partial(_make_guarded, find_registration(env_id))
        ] * num_envs
        self._envs: SyncVectorEnv[Any, Any] | AsyncVectorEnv[Any, Any]
        if asynchronous:
            self._envs = _start_workers(env_id, makers)
        else:
            self._envs = SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)

    def reset(self, seed: int) -> Floats:
        """Start every environment anew, seeded, and return observations [N, O]."""
        self._seed = seed
        self._steps = 0
        observation, infos = self._ask("reset", seed=episode_seeds(seed, self.spec.num_envs))
        self._raise_fault(infos, "in its first reset")
        return np.asarray(observation, dtype=np.float64)

    def step(self, actions: NDArray[np.generic]) -> StepBatch:
        """Step every environment and restart those whose episode ended; see `VectorEnv.step`."""
        self._steps += 1
        observation, reward, terminated, truncated, infos = self._ask("step", actions=actions)
        self._raise_fault(infos, f"at step {self._steps}")
        return StepBatch(
            observation=observation,
            next_observation=self._successors(observation, terminated | truncated, infos),
            reward=reward,
            terminated=terminated,
            truncated=truncated & ~terminated,
            valid=np.ones(self.spec.num_envs, dtype=np.bool_),
        )

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Return nothing: an environment's state is its own, so that a resumed run restarts episodes."""
        return {}

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]]) -> Floats:
        """Restart every episode, seeded as by the last `reset` (0 without one); see `state_dict`.

        Raises:
            CheckpointError: the state is not empty, hence another backend's.
        """
        if state:
            raise CheckpointError(
                f"the checkpoint holds environment state ({', '.join(sorted(state))}) that the backend "
                f"{self.spec.backend} cannot load; resume with the backend that wrote it"
            )
        return self.reset(self._seed)

    @property
    def step_seconds(self) -> float:
        """Duration of a step to an onlooker."""
        return (
            super().step_seconds
            if isinstance(self._envs, AsyncVectorEnv)
            else step_seconds(self._envs.envs[0].unwrapped)
        )

    def simulation(self, index: int) -> Simulation | None:
        """Return the MuJoCo simulation of an environment in this process, as of the last `reset`."""
        if isinstance(self._envs, AsyncVectorEnv):
            return None
        return find_simulation(self._envs.envs[index].unwrapped)

    def close(self) -> None:
        """Close every environment and end the workers, by force where they do not answer."""
        if self._envs.closed:
            return
        if isinstance(self._envs, AsyncVectorEnv):
            _end_workers(self._envs)
        else:
            for env in self._envs.envs:
                env.close()
        self._envs.closed = True

    def _successors(self, observation: Floats, done: Flags, infos: dict[str, Any]) -> Floats:
        if not done.any():
            return observation
        successors = observation.copy()
        for index, final in enumerate(extract_final_observations(infos, self.spec.num_envs)):
            if final is not None:
                successors[index] = final
        return successors

    def _ask(self, request: str, **arguments: Any) -> tuple[Any, ...]:
        """Reset or step all environments."""
        envs = self._envs
        if envs.closed:
            raise EnvironmentFault(f"the environments of {self.spec.id} are closed; make new ones to go on")
        if isinstance(envs, SyncVectorEnv):
            return tuple(getattr(envs, request)(**arguments))
        try:
            getattr(envs, f"{request}_async")(**arguments)
            return tuple(getattr(envs, f"{request}_wait")(timeout=self._answer_seconds))
        except multiprocessing.TimeoutError:
            silent = next((i for i, pipe in enumerate(envs.parent_pipes) if not pipe.poll(0)), 0)
            self._fail(silent, f"did not answer a {request} within {self._answer_seconds:g} s")
        except (EOFError, OSError):
            self._fail(*_find_dead(envs))

    def _raise_fault(self, infos: dict[str, Any], where: str) -> None:
        if "fault" not in infos:
            return
        index = int(np.flatnonzero(infos["_fault"])[0])
        fault: Fault = infos["fault"][index]
        self.close()
        error = EnvironmentFault(f"environment {index} of {self.spec.id} failed {where}: {fault.cause}")
        error.add_note(fault.trace)
        raise error

    def _fail(self, index: int, what: str) -> NoReturn:
        self.close()
        raise EnvironmentFault(f"environment {index} of {self.spec.id} {what} (step {self._steps})")


def _start_workers(env_id: str, makers: list[Callable[[], GuardedEnv]]) -> AsyncVectorEnv[Any, Any]:
    # The trainer may run in a thread beside a screen's: forking that process could deadlock. A server that
    # has imported everything forks instead.
    multiprocessing.get_context("forkserver").set_forkserver_preload(["__main__", __name__])
    try:
        return AsyncVectorEnv(makers, context="forkserver", autoreset_mode=AutoresetMode.SAME_STEP)
    except (EOFError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
    # Raised down here because the exception above keeps the half-made object, whose end ends its workers.
    raise EnvironmentFault(f"a worker process of {env_id} ended while starting ({reason})")


def _find_dead(envs: AsyncVectorEnv[Any, Any]) -> tuple[int, str]:
    """Return (index, what happened) of a worker process that ended by itself."""
    ended = multiprocessing.connection.wait([process.sentinel for process in envs.processes], _CLOSE_SECONDS)
    for index, process in enumerate(envs.processes):
        if process.sentinel in ended:
            process.join()
            return index, f"lost its process, which ended with exit code {process.exitcode}"
    return 0, "lost the connection to its process"


def _end_workers(envs: AsyncVectorEnv[Any, Any]) -> None:
    """End every worker, whatever it is doing; Gymnasium's own close waits for ever on a hung one."""
    for pipe in envs.parent_pipes:
        with contextlib.suppress(OSError):
            pipe.send(("close", None))
    for end in (None, "terminate", "kill"):
        running = [process for process in envs.processes if process.is_alive()]
        for process in running:
            if end:
                getattr(process, end)()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for process in running:
            process.join(max(0.0, deadline - time.monotonic()))
    for pipe in envs.parent_pipes:
        pipe.close()
    envs.error_queue.close()
