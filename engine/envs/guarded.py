"""One environment as the vector environments run it: flat, guarded against faults, able to be replayed.

A Gymnasium environment keeps its state to itself. What it can be asked to do is to live through the same
episode again: from the same start, with the same actions.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from engine.envs.actions import native_actions
from engine.envs.base import RESTARTS_IN_A_ROW, Floats
from engine.envs.generators import Words, from_words, to_words
from engine.envs.observations import flat_observation

HISTORY_STEPS = 100_000
"""Steps of an episode that are kept; longer ones cannot be replayed."""

_TRIAL_STEPS, _TRIAL_SECONDS = 500, 3.0
"""Length of the trial in `depends_on_past`."""
_SEEDED = 0
"""First word of a start that is a seed, not a generator's state."""

History = Mapping[str, NDArray[np.generic]]
"""An episode under way: ``start`` (words), ``actions`` [L, ...], ``observation`` [O] and ``generator``
(words) after them. Without ``start`` the episode cannot be replayed."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong in one environment; crosses processes, unlike many exceptions."""

    cause: str
    trace: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of living through an episode again."""

    observation: Floats
    """Where it led [O]."""
    difference: str
    """Why it is not the same episode; empty if it is."""


def seeded_start(seed: int) -> History:
    """Return the history of an episode that has just begun from a seed."""
    return {"start": np.array([_SEEDED, seed], dtype=np.uint64)}


class GuardedEnv(gym.Wrapper[Floats, Any, Any, Any]):
    """Flat float64 observations, flat actions, and faults reported instead of raised.

    A fault is put into the info as ``fault``, beside placeholder values, because an exception in a
    worker would take Gymnasium's own path: printed, perhaps impossible to pickle, the traceback lost.
    The environment's own infos are dropped: nothing reads them and they are slow to batch.

    Where what breaks is restarted, a step that breaks says ``broken`` and truncates the episode; the reset
    that follows makes a new environment and gives the fault as ``restarted``.
    """

    def __init__(self, make: Callable[[], gym.Env[Any, Any]], *, restart: bool = False) -> None:
        """Make the environment.

        Args:
            make: makes one environment; called again for a restart.
            restart: whether an environment that breaks is replaced by a new one.
        """
        env = make()
        super().__init__(env)
        self._make, self._restart = make, restart
        self._seed = 0
        self._restarts, self._in_a_row = 0, 0
        self._broken: Fault | None = None
        self._actions = env.action_space
        self._size = spaces.flatdim(env.observation_space)
        self._start: Words | None = None
        self._taken: list[NDArray[np.generic]] = []
        self._last: Floats = self._placeholder()
        self.to_replay: History | None = None
        """What `replay` is to live through; a vector environment sets it, one for each environment."""
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
        if seed is not None:
            self._seed = seed
        while True:
            try:
                if self._broken is not None:
                    seed = self._replace()
                observation = self._begin(seed, options)
                break
            except (Exception, SystemExit) as error:
                if not self._may_restart(error):
                    return self._placeholder(), _report(error)
        broken, self._broken = self._broken, None
        return observation, {} if broken is None else {"restarted": broken}

    def step(self, action: Any) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Step; see the class."""
        try:
            taken = self._advance(action)
        except (Exception, SystemExit) as error:
            if self._may_restart(error):  # a truncation makes the vector environment reset this one
                return self._last, 0.0, False, True, {"broken": True}
            return self._placeholder(), 0.0, False, False, _report(error)
        self._in_a_row = 0
        return *taken, {}

    def _may_restart(self, error: BaseException) -> bool:
        """Whether the environment, which has just broken, is to be replaced at the next reset."""
        self._in_a_row += 1
        if not self._restart or self._in_a_row > RESTARTS_IN_A_ROW:
            return False
        self._broken = _fault(error)
        return True

    def _replace(self) -> int:
        """Make a new environment in place of a broken one; return the seed of its first episode."""
        self.close()
        self._restarts += 1
        self.env = self._make()
        return int(np.random.SeedSequence((self._seed, self._restarts)).generate_state(1)[0]) >> 1

    def _begin(self, seed: int | None, options: dict[str, Any] | None = None) -> Floats:
        """Start an episode and its history."""
        self._taken.clear()
        self._start = np.array([_SEEDED, seed], dtype=np.uint64) if seed is not None else self._words()
        observation, _ = self.env.reset(seed=seed, options=options)
        self._last = self._flatten(observation)
        return self._last

    def _advance(self, action: Any) -> tuple[Floats, float, bool, bool]:
        """Take a step and remember the action."""
        self._remember(action)
        observation, reward, terminated, truncated, _ = self.env.step(native_actions(self._actions, action))
        self._last = self._flatten(observation)
        return self._last, _number(reward), bool(terminated), bool(truncated)

    def history(self) -> History:
        """Return the episode under way."""
        generator = self._words()
        history: dict[str, NDArray[np.generic]] = {
            "observation": self._last.copy(),
            "generator": np.zeros(0, np.uint64) if generator is None else generator,
        }
        if self._start is not None:
            history |= {"start": self._start, "actions": np.array(self._taken)}
        return history

    def replay(self) -> Replay | Fault | None:
        """Live through the episode in `to_replay` again and say whether it is the same; None without one."""
        history, self.to_replay = self.to_replay, None
        if history is None:
            return None
        try:
            return Replay(*self._replay(history))
        except (Exception, SystemExit) as error:
            return _fault(error)

    def _replay(self, history: History) -> tuple[Floats, str]:
        """Return where the episode led, and why it is not the same."""
        if "start" not in history:
            return (
                self._placeholder(),
                f"its start is not known, or it is longer than {HISTORY_STEPS:,} steps",
            )
        start = history["start"]
        if int(start[0]) == _SEEDED:
            self._begin(int(start[1]))
        else:
            self.unwrapped.np_random = from_words(start)  # type: ignore[assignment]
            self._begin(None)
        for step, action in enumerate(history.get("actions", ())):
            *_, terminated, truncated = self._advance(action)
            if terminated or truncated:
                return self._last, f"it ended at step {step + 1}"
        return self._last, self._difference(history)

    def _difference(self, history: History) -> str:
        expected = history.get("observation")
        if expected is None:
            return ""
        if not np.array_equal(self._last, expected):
            size = float(np.abs(self._last - expected.astype(np.float64)).max())
            return f"its observation after {len(self._taken)} steps differs by up to {size:.3g}"
        generator = self._words()
        if generator is None or not np.array_equal(generator, history["generator"]):
            return "its random generator cannot be brought back"
        return ""

    def close(self) -> None:
        """Close; an environment that fails to has nothing left to lose."""
        with contextlib.suppress(Exception):
            self.env.close()

    def _remember(self, action: Any) -> None:
        if self._start is None:
            return
        if len(self._taken) == HISTORY_STEPS:
            self._start = None
            self._taken.clear()
            return
        self._taken.append(np.array(action))

    def _words(self) -> Words | None:
        """Return the state of the environment's random generator."""
        return to_words(getattr(self.unwrapped, "np_random", None))

    def _flatten(self, observation: Any) -> Floats:
        return flat_observation(self.env.observation_space, observation, self._size)

    def _placeholder(self) -> Floats:
        return np.zeros(self._size)


def depends_on_past(make: Callable[[], GuardedEnv]) -> bool:
    """Whether episodes are not a function of their start and actions alone, as far as a short trial shows.

    Such an environment (BipedalWalker-v3 keeps its physics world from one episode to the next; some
    dm_control tasks draw their model anew each time they are made) may show the same observation after
    a replay and still go on otherwise.

    Args:
        make: makes one more environment of the kind.
    """
    fresh, used = make(), make()
    try:
        pairs = zip(_trial(fresh, 0), _trial(used, 0, before=1), strict=False)
        deadline = time.monotonic() + _TRIAL_SECONDS
        return any(
            not np.array_equal(a, b)
            for a, b in itertools.takewhile(lambda _: time.monotonic() < deadline, pairs)
        )
    finally:
        fresh.close()
        used.close()


def _trial(env: GuardedEnv, seed: int, *, before: int | None = None) -> Iterator[Floats]:
    """Yield what an environment shows under random actions, where asked after another such trial."""
    if before is not None:
        deque(_trial(env, before), maxlen=0)
    env.action_space.seed(seed)
    yield env.reset(seed=seed)[0]
    for _ in range(_TRIAL_STEPS):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        yield np.append(observation, reward)
        if terminated or truncated:
            yield env.reset()[0]


def _fault(error: BaseException) -> Fault:
    return Fault(" ".join(f"{type(error).__name__}: {error}".split()), traceback.format_exc())


def _report(error: BaseException) -> dict[str, Any]:
    return {"fault": _fault(error)}


def _number(reward: Any) -> float:
    if np.ndim(reward) != 0:
        raise ValueError(f"its reward has shape {np.shape(reward)}, expected one number")
    if not math.isfinite(reward):
        raise ValueError(f"its reward is not finite: {float(reward)}")
    return float(reward)
