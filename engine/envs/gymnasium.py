"""Any Gymnasium environment, several at once, in this process or one process each.

Seeding is `numpy.random.SeedSequence`'s, so that runs with neighbouring seeds share no episode.
"""

from __future__ import annotations

import contextlib
import functools
import math
import multiprocessing
import multiprocessing.connection
import multiprocessing.resource_tracker
import queue
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec as Registration
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from engine.envs.actions import describe_actions
from engine.envs.base import (
    RESTARTS_IN_A_ROW,
    STOP,
    EnvSpec,
    FaultPolicy,
    Flags,
    Floats,
    Restored,
    Simulation,
    StepBatch,
    VectorEnv,
)
from engine.envs.guarded import Fault, GuardedEnv, History, Replay, depends_on_past, seeded_start
from engine.envs.infos import extract_final_observations
from engine.envs.simulations import find_simulation, step_seconds
from engine.envs.wrappers import find_registration, instantiate
from engine.errors import CheckpointError, ConfigError, EnvironmentFault

_CLOSE_SECONDS = 5.0
"""How long a worker may take to close its environment before it is terminated."""


def describe(env_id: str, backend: str = "gymnasium", num_envs: int = 1) -> EnvSpec:
    """Make one environment, check that it can be trained and say what it is.

    Raises:
        ConfigError: an unknown id, or a space that is not supported.
        BackendUnavailableError: a package is missing.
        EnvironmentFault: the environment cannot be made.
    """
    env = instantiate(find_registration(env_id))
    try:
        actions = describe_actions(env_id, env.action_space)
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


def _make_guarded(registration: Registration, *, restart: bool = False) -> GuardedEnv:
    if multiprocessing.parent_process() is not None:
        # A key press reaches the whole process group; only the trainer may decide what it means.
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    return GuardedEnv(functools.partial(instantiate, registration), restart=restart)


class GymnasiumEnv(VectorEnv):
    """Gymnasium's vector environments with SAME_STEP autoreset behind the engine's contract.

    After a fault that is raised every environment is closed. One that is not costs an episode; the loss of
    a process costs all of them, since Gymnasium cannot replace one process of many.
    """

    def __init__(self, env_id: str, num_envs: int, *, asynchronous: bool, faults: FaultPolicy = STOP) -> None:
        """Make the environments.

        Args:
            env_id: A registered id, or ``dm_control/<domain>/<task>``.
            num_envs: Number of environments (N).
            asynchronous: Whether each environment has a process of its own.
            faults: What happens when an environment breaks. An environment that hangs in this process
                cannot be ended.

        Raises:
            ConfigError: an unknown id, or a space that is not supported.
            BackendUnavailableError: a package is missing.
            EnvironmentFault: an environment cannot be made.
        """
        backend = "gymnasium-async" if asynchronous else "gymnasium"
        self.spec = describe(env_id, backend, num_envs)
        self._policy = faults
        self._steps = 0
        self._seed = 0
        self._losses, self._in_a_row = 0, 0
        self._registration = find_registration(env_id)
        self._asynchronous = asynchronous
        self._envs = self._make_envs()
        self._seen: Floats = np.zeros((num_envs, self.spec.observation_size))
        """Observations that the next actions answer, for a step whose process is lost."""

    def _make_envs(self) -> SyncVectorEnv[Any, Any] | AsyncVectorEnv[Any, Any]:
        make = functools.partial(_make_guarded, self._registration, restart=self._policy.restart)
        makers: list[Callable[[], GuardedEnv]] = [make] * self.spec.num_envs
        if self._asynchronous:
            return _start_workers(self.spec.id, makers)
        return SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)

    def reset(self, seed: int) -> Floats:
        """Start every environment anew, seeded, and return observations [N, O]."""
        self._steps, self._seed = 0, seed
        observation = self._reset(seed)
        self._seen = observation.copy()
        return observation

    def _reset(self, seed: int) -> Floats:
        observation, infos = self._ask("reset", seed=episode_seeds(seed, self.spec.num_envs))
        self._heed(infos, "in its first reset")
        return np.asarray(observation, dtype=np.float64)

    def step(self, actions: NDArray[np.generic]) -> StepBatch:
        """Step every environment and restart those whose episode ended; see `VectorEnv.step`."""
        self._steps += 1
        try:
            observation, reward, terminated, truncated, infos = self._ask("step", actions=actions)
        except Lost as loss:
            return self._begin_again(loss)
        self._heed(infos, f"at step {self._steps}")
        self._in_a_row = 0
        self._seen = observation.copy()
        return StepBatch(
            observation=observation,
            next_observation=self._successors(observation, terminated | truncated, infos),
            reward=reward,
            terminated=terminated,
            truncated=truncated & ~terminated,
            valid=~_broken(infos, self.spec.num_envs),
        )

    def _begin_again(self, loss: Lost) -> StepBatch:
        """Start all processes anew after the loss of one, where that is wanted."""
        self._in_a_row += 1
        if not self._policy.restart or self._in_a_row > RESTARTS_IN_A_ROW:
            raise loss
        self._losses += 1
        count = self.spec.num_envs
        self._faults += (f"{loss}; all {count} environments begin new episodes",)
        self._envs = self._make_envs()
        seen, self._seen = self._seen, self._reset(_derived(self._seed, self._losses))
        nothing = np.zeros(count, dtype=np.bool_)
        return StepBatch(self._seen.copy(), seen, np.zeros(count), nothing, ~nothing, nothing.copy())

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """How to live through every episode under way again: starts, actions and where they led."""
        histories: tuple[History, ...] = self._ask("call", "history")
        return {
            f"{index}/{name}": array
            for index, history in enumerate(histories)
            for name, array in history.items()
        }

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]], restart_seed: int) -> Restored:
        """Replay every episode; one that turns out otherwise than it did starts anew.

        Raises:
            CheckpointError: the state is not that of so many of these environments.
            EnvironmentFault: an environment broke.
        """
        histories: list[History] = [{} for _ in range(self.spec.num_envs)]
        for key, array in state.items():
            index, _, name = key.partition("/")
            if not index.isdecimal() or int(index) >= self.spec.num_envs or not name:
                raise CheckpointError(
                    f"the checkpoint holds environment state {key!r} that {self.spec.num_envs} environments "
                    f"of the backend {self.spec.backend} cannot load; resume with the run's own settings"
                )
            histories[int(index)] = {**histories[int(index)], name: array}
        replays = self._replay(histories)
        different = {index: replay.difference for index, replay in replays.items() if replay.difference}
        make_one = functools.partial(_make_guarded, self._registration)
        if len(different) < len(replays) and depends_on_past(make_one):
            different = dict.fromkeys(replays, "its episodes depend on more than their start and actions")
        seeds = episode_seeds(restart_seed, self.spec.num_envs)
        fresh = self._replay([seeded_start(seeds[i]) if i in different else None for i in range(len(seeds))])
        observation = np.stack([replay.observation for replay in (replays | fresh).values()])
        restarted = np.array([index in different for index in replays])
        return Restored(observation, restarted, self._explain(different))

    def _replay(self, histories: Sequence[History | None]) -> dict[int, Replay]:
        """Live through the given episodes again, each in its environment; None leaves one as it is."""
        self._steps = 0
        self._ask("set_attr", "to_replay", list(histories))
        outcomes: tuple[Replay | Fault | None, ...] = self._ask("call", "replay")
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, Fault):
                self._raise(index, "while its episode was replayed", outcome)
        return {index: replay for index, replay in enumerate(outcomes) if isinstance(replay, Replay)}

    def _explain(self, different: Mapping[int, str]) -> str:
        if not different:
            return ""
        index, difference = next(iter(different.items()))
        return (
            f"{len(different)} of {self.spec.num_envs} environments of {self.spec.id} cannot take up their "
            f"episodes and start new ones (environment {index}: {difference})"
        )

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

    def _ask(self, request: str, *values: Any, **arguments: Any) -> tuple[Any, ...]:
        """Have all environments do something; a request is a method of Gymnasium's vector environments."""
        envs = self._envs
        if envs.closed:
            raise EnvironmentFault(f"the environments of {self.spec.id} are closed; make new ones to go on")
        if isinstance(envs, SyncVectorEnv):
            try:
                return tuple(getattr(envs, request)(*values, **arguments) or ())
            except Exception as error:
                self.close()
                what = f"failed in a {request}: {type(error).__name__}: {error} (step {self._steps})"
                raise Lost(f"an environment of {self.spec.id} {what}") from error
        try:
            if request == "set_attr":
                envs.set_attr(*values, **arguments)
                return ()
            getattr(envs, f"{request}_async")(*values, **arguments)
            return tuple(getattr(envs, f"{request}_wait")(timeout=self._policy.timeout))
        except multiprocessing.TimeoutError:
            silent = next((i for i, pipe in enumerate(envs.parent_pipes) if not pipe.poll(0)), 0)
            self._fail(silent, f"did not answer a {request} within {self._policy.timeout:g} s (env.timeout)")
        except (EOFError, OSError):
            self._fail(*_find_dead(envs))
        except _WorkerError as error:
            self._fail(error.index, f"failed in a {request}: {error}")

    def _heed(self, infos: dict[str, Any], where: str) -> None:
        """Raise a fault, or remember those whose environments were restarted."""
        if "fault" in infos:
            index = int(np.flatnonzero(infos["_fault"])[0])
            self._raise(index, where, infos["fault"][index])
        if "restarted" in infos:
            for index in np.flatnonzero(infos["_restarted"]).tolist():
                cause = infos["restarted"][index].cause
                self._faults += (f"environment {index} of {self.spec.id} failed {where}: {cause}; restarted",)

    def _raise(self, index: int, where: str, fault: Fault) -> NoReturn:
        self.close()
        error = EnvironmentFault(f"environment {index} of {self.spec.id} failed {where}: {fault.cause}")
        error.add_note(fault.trace)
        raise error

    def _fail(self, index: int, what: str) -> NoReturn:
        self.close()
        raise Lost(f"environment {index} of {self.spec.id} {what} (step {self._steps})")


class Lost(EnvironmentFault):
    """An environment failed past its guard, or its process ended or hangs; all environments are closed."""


class _WorkerError(Exception):
    """Something was raised in a worker past the guard of its environment."""

    def __init__(self, index: int, what: str) -> None:
        super().__init__(what)
        self.index = index


class _Workers(AsyncVectorEnv[Any, Any]):
    """Gymnasium's processes, which report what was raised in them without printing it."""

    def _raise_if_errors(self, successes: Iterable[bool]) -> None:
        failed = [index for index, success in enumerate(successes) if not success]
        if not failed:
            return
        told: dict[int, str] = {}
        with contextlib.suppress(queue.Empty):  # what was raised may be unable to cross a pipe
            while len(told) < len(failed):
                index, kind, error, _ = self.error_queue.get(timeout=_CLOSE_SECONDS)
                told[index] = f"{kind.__name__}: {error}"
        first = min(told, default=failed[0])
        raise _WorkerError(first, told.get(first, "an error that cannot be told"))


def _derived(seed: int, number: int) -> int:
    """Return another seed."""
    return int(np.random.SeedSequence((seed, number)).generate_state(1)[0]) >> 1


def _broken(infos: Mapping[str, Any], count: int) -> Flags:
    """Return which environments [N] broke in a step and were restarted."""
    final: Mapping[str, Any] = infos.get("final_info", {})
    return np.asarray(final.get("_broken", np.zeros(count)), dtype=np.bool_)


def episode_seeds(seed: int, count: int) -> list[int]:
    """Return a seed for each environment."""
    return [int(word) >> 1 for word in np.random.SeedSequence(seed).generate_state(count)]


def _start_workers(env_id: str, makers: list[Callable[[], GuardedEnv]]) -> AsyncVectorEnv[Any, Any]:
    # The trainer may run in a thread beside a screen's: forking that process could deadlock. A server that
    # has imported everything forks instead.
    multiprocessing.get_context("forkserver").set_forkserver_preload(["__main__", __name__])
    # Its helper is handed the descriptor of stderr: what a screen puts in its place has none.
    with contextlib.redirect_stderr(None):
        multiprocessing.resource_tracker.ensure_running()
    try:
        return _Workers(makers, context="forkserver", autoreset_mode=AutoresetMode.SAME_STEP)
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
