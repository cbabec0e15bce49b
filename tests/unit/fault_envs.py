"""Gymnasium environments that misbehave, each in one way, when an action tells them to."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

BREAK = 1.0
"""Action that makes an environment misbehave."""
END = -1.0
"""Action that ends an episode."""

STEP_FAULTS = {
    "raise": "RuntimeError: boom",
    "unpicklable": "LocalError: cannot cross a pipe",
    "exit": "SystemExit: bye",
    "nan-observation": "ValueError: its observation is not finite: element 1 of 2 is nan",
    "infinite-observation": "ValueError: its observation is not finite: element 0 of 2 is inf",
    "observation-shape": r"ValueError: its observation has shape \(3,\), its observation space \(2,\)",
    "text-observation": "ValueError: its observation is of <U1, its observation space of float64",
    "complex-observation": "ValueError: its observation is of complex128, its observation space of float64",
    "object-observation": "ValueError: its observation is of object, its observation space of float64",
    "nan-reward": "ValueError: its reward is not finite: nan",
    "text-reward": "TypeError: .*",
    "reward-shape": r"ValueError: its reward has shape \(2,\), expected one number",
    "nothing": "TypeError: cannot unpack non-iterable NoneType object",
}
"""Fault -> what the error says, for faults of a step that can be caught in its process."""

_DICT = spaces.Dict(a=spaces.Box(-1, 1, (2,)), b=spaces.Discrete(3))
_TUPLE = spaces.Tuple([spaces.Box(-1, 1, (2,), np.float64), spaces.MultiDiscrete([2, 3])])
_BYTES = spaces.Box(0, 255, (2,), np.uint8)
_FLOAT32 = spaces.Box(-np.inf, np.inf, (2,), np.float32)
_ZEROS = np.zeros(2)
_OUTSIDE = "which is not in its observation space"
_REAL = "is of complex128, its observation space of float32"
LEAVES: dict[str, tuple[spaces.Space[Any], Any, str]] = {
    "dict-longer": (_DICT, {"a": np.zeros(3), "b": 0}, r"['a'] has shape (3,), its observation space (2,)"),
    "dict-shorter": (_DICT, {"a": np.zeros(1), "b": 0}, r"['a'] has shape (1,), its observation space (2,)"),
    "dict-missing": (_DICT, {"a": _ZEROS}, " lacks 'b', which its observation space has"),
    "dict-none": (_DICT, None, " lacks 'a', which its observation space has"),
    "dict-complex": (_DICT, {"a": _ZEROS + 1j, "b": 0}, f"['a'] {_REAL}"),
    "dict-text": (_DICT, {"a": ["x", "y"], "b": 0}, "['a'] is of <U1, its observation space of float32"),
    "dict-nan": (_DICT, {"a": _ZEROS * np.nan, "b": 0}, " is not finite: element 0 of 5 is nan"),
    "index-high": (_DICT, {"a": _ZEROS, "b": 3}, f"['b'] is 3, {_OUTSIDE} Discrete(3)"),
    "index-negative": (_DICT, {"a": _ZEROS, "b": -1}, f"['b'] is -1, {_OUTSIDE} Discrete(3)"),
    "index-float": (
        _DICT, {"a": _ZEROS, "b": 1.5}, "['b'] is of float, its observation space of whole numbers"
    ),
    "index-several": (
        _DICT, {"a": _ZEROS, "b": np.zeros(2, np.int64)}, "['b'] has shape (2,), its observation space ()"
    ),
    "tuple-shape": (_TUPLE, (np.zeros((2, 1)), [0, 0]), "[0] has shape (2, 1), its observation space (2,)"),
    "tuple-shorter": (_TUPLE, (_ZEROS,), " has 1 parts, its observation space 2"),
    "tuple-index": (_TUPLE, (_ZEROS, [1, 3]), f"[1] is 3, {_OUTSIDE} MultiDiscrete([2 3])"),
    "bytes-overflow": (
        _BYTES, np.array([0, 70000]), " does not fit its observation space's uint8: element 1 is 70000"
    ),
    "bytes-negative": (
        _BYTES, np.array([-1, 0]), " does not fit its observation space's uint8: element 0 is -1"
    ),
    "bytes-float": (_BYTES, _ZEROS, " is of float64, its observation space of uint8"),
    "bytes-shape": (_BYTES, np.zeros(3, np.uint8), " has shape (3,), its observation space (2,)"),
    "float32-overflow": (_FLOAT32, np.array([0, 1e300]), " is not finite: element 1 of 2 is inf"),
    "float32-complex": (_FLOAT32, _ZEROS + 0j, f" {_REAL}"),
    "float32-integer": (
        _FLOAT32, np.array([0, 2**24 + 1]),
        " does not fit its observation space's float32: element 1 is 16777217",
    ),
}  # fmt: skip
"""Fault -> observation space, what is observed of it when the environment breaks, and what the error says."""
STEP_FAULTS |= {
    fault: re.escape(f"ValueError: its observation{message}") for fault, (_, _, message) in LEAVES.items()
}


class FaultyEnv(gym.Env[Any, Any]):
    """Observes [0, 0] for reward 1 until action `BREAK` or, for faults of a reset, `END`."""

    observation_space = spaces.Box(-1, 1, (2,), np.float64)
    action_space: spaces.Space[Any] = spaces.Box(-1, 1, (1,), np.float64)

    def __init__(self, fault: str = "") -> None:
        self.choose(fault)
        self.episodes = 0
        if fault == "worker" and multiprocessing.parent_process():
            os._exit(4)

    def choose(self, fault: str) -> None:
        self.fault = fault
        if fault in LEAVES:
            self.observation_space = LEAVES[fault][0]  # type: ignore[assignment]

    def observe(self, value: float = 0.0) -> Any:
        """Return an observation of the space."""
        if self.observation_space == _DICT:
            return {"a": np.full(2, value), "b": np.array([2])}
        if self.observation_space == _TUPLE:
            return np.full(2, value), np.array([1, 2])
        return np.full(2, 7) if self.observation_space == _BYTES else np.full(2, value)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.episodes += 1
        if self.fault == "first-reset" or (self.fault == "reset" and self.episodes > 1):
            raise RuntimeError("no start")
        if self.fault == "hanging-reset" and self.episodes > 1:
            threading.Event().wait()
        return self.observe(), {}

    def step(self, action: Any) -> Any:
        if action[0] == BREAK:
            return self._break()
        return self.observe(), 1.0, bool(action[0] == END), False, {"local": lambda: None}

    def close(self) -> None:
        if self.fault == "close":
            raise RuntimeError("will not close")
        if self.fault == "hanging-close" and multiprocessing.parent_process():
            threading.Event().wait()

    def _break(self) -> Any:
        zeros = np.zeros(2)
        returned: dict[str, Any] = {
            "nan-observation": (np.array([0, np.nan]), 1.0, False, False, {}),
            "infinite-observation": (np.array([np.inf, 0]), 1.0, False, False, {}),
            "observation-shape": (np.zeros(3), 1.0, False, False, {}),
            "text-observation": (np.array(["a", "b"]), 1.0, False, False, {}),
            "complex-observation": (zeros + 1j, 1.0, False, False, {}),
            "object-observation": (np.array([None, 0]), 1.0, False, False, {}),
            "text-reward": (zeros, "one", False, False, {}),
            "nan-reward": (zeros, np.nan, False, False, {}),
            "reward-shape": (zeros, np.ones(2), False, False, {}),
            "nothing": None,
            **{fault: (broken, 1.0, False, False, {}) for fault, (_, broken, _) in LEAVES.items()},
        }
        return returned[self.fault] if self.fault in returned else self._raise()

    @property
    def np_random(self) -> Any:
        if self.fault == "generator":
            raise RuntimeError("no generator")
        if self.fault == "local-generator":
            raise type("LocalError", (Exception,), {})("cannot cross a pipe")
        return super().np_random

    @np_random.setter
    def np_random(self, value: Any) -> None:
        self._np_random = value

    def _raise(self) -> None:
        class LocalError(Exception):
            pass

        if self.fault == "hang":
            threading.Event().wait()
        if self.fault == "die":
            os._exit(3)
        if self.fault == "exit":
            sys.exit("bye")
        raise LocalError("cannot cross a pipe") if self.fault == "unpicklable" else RuntimeError("boom")


class BreakingEnv(FaultyEnv):
    """Breaks at one step of its life, if its first episode begins from a certain seed; ends every 7 steps.

    Args:
        fault: how it breaks; a fault of a reset breaks the first reset from that step on.
        seed: the seed; None breaks whatever the seed is.
        after: the step.
    """

    def __init__(self, fault: str, seed: int | None, after: int = 20) -> None:
        super().__init__()
        self.choose(fault)  # whose observation space it is
        self.fault = ""
        self._fault, self._seed, self._after = fault, seed, after
        self._steps = 0
        self._breaks = seed is None

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self._breaks |= seed is not None and seed == self._seed
        if self._due() and self._fault == "slow-reset":
            time.sleep(1.0)
        elif self._due() and self._fault == "reset":
            raise RuntimeError("no start")
        elif self._due() and self._fault == "hanging-reset":
            threading.Event().wait()
        return self.observe(), {}

    def step(self, action: Any) -> Any:
        self._steps += 1
        if self._due() and "reset" not in self._fault:
            self.fault = self._fault
            return self._break()
        return self.observe(self._steps / 100), 1.0, self._steps % 7 == 0, False, {}

    def _due(self) -> bool:
        return self._breaks and self._steps >= self._after


class EndlessEnv(FaultyEnv):
    """Pays 1 a step and never ends an episode."""

    action_space = spaces.Discrete(2)

    def step(self, action: Any) -> Any:
        return np.zeros(2), 1.0, False, False, {}


class ReusingEnv(FaultyEnv):
    """Observes its step's number in one array that it uses again and again."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self._array = getattr(self, "_array", np.zeros(2))
        self._array[:] = 0
        return self._array, {}

    def step(self, action: Any) -> Any:
        self._array += 1
        return self._array, 1.0, bool(action[0] == END), False, {}


class UnmakeableEnv(FaultyEnv):
    """Raises in its constructor."""

    def __init__(self) -> None:
        raise RuntimeError("no display")


class PackagelessEnv(FaultyEnv):
    """Lacks a package."""

    def __init__(self) -> None:
        raise gym.error.DependencyNotInstalled("frobnicator is not installed, run `pip install frobnicator`")


class MultiDiscreteActionEnv(FaultyEnv):
    """Takes actions that no policy here has."""

    action_space = spaces.MultiDiscrete([2, 3])


class IntegerBoxActionEnv(FaultyEnv):
    """Takes a box of integers."""

    action_space = spaces.Box(0, 5, (2,), np.int64)


class SequenceObservationEnv(FaultyEnv):
    """Observes something without a fixed size."""

    observation_space = spaces.Sequence(spaces.Discrete(2))  # type: ignore[assignment]


class NestedEnv(FaultyEnv):
    """Observes a dict of several kinds of spaces and echoes actions that start at 5.

    An observation is flattened in the order of the keys: echo (one-hot of 3), image (4), switch (2).
    """

    observation_space = spaces.Dict(  # type: ignore[assignment]
        echo=spaces.Discrete(3, start=5),
        image=spaces.Box(0, 255, (2, 2), np.uint8),
        switch=spaces.MultiBinary(2),
    )
    action_space = spaces.Discrete(3, start=5)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return self._observe(5), {}

    def step(self, action: Any) -> Any:
        return self._observe(int(action)), np.float32(2), False, False, {}

    def _observe(self, echo: int) -> dict[str, Any]:
        return {"echo": echo, "image": np.full((2, 2), 200, np.uint8), "switch": np.array([0, 1], np.int8)}


class MatrixActionEnv(FaultyEnv):
    """Takes a matrix of actions with bounds of its own and observes it."""

    observation_space = spaces.Box(-9, 9, (2, 2), np.float32)
    action_space = spaces.Box(np.float32([[-1, -2], [-3, -4]]), np.float32([[1, 2], [3, 4]]))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return np.zeros((2, 2), np.float32), {}

    def step(self, action: Any) -> Any:
        assert action.dtype == np.float32
        return action, 0.0, True, True, {}


_CLASSES = (
    EndlessEnv,
    ReusingEnv,
    UnmakeableEnv,
    PackagelessEnv,
    MultiDiscreteActionEnv,
    IntegerBoxActionEnv,
    SequenceObservationEnv,
    NestedEnv,
    MatrixActionEnv,
)
_FAULTS = (
    *STEP_FAULTS,
    "none",
    "first-reset",
    "reset",
    "hanging-reset",
    "generator",
    "local-generator",
    "hang",
    "die",
    "worker",
    "close",
    "hanging-close",
)


@contextmanager
def registered() -> Iterator[None]:
    """Register ``Faulty/<fault>-v0`` and ``Faulty/<class>-v0`` for a while."""
    ids = [f"Faulty/{name}-v0" for name in (*_FAULTS, *(kind.__name__ for kind in _CLASSES))]
    for fault in _FAULTS:
        gym.register(f"Faulty/{fault}-v0", f"{__name__}:FaultyEnv", kwargs={"fault": fault})
    for kind in _CLASSES:
        gym.register(f"Faulty/{kind.__name__}-v0", f"{__name__}:{kind.__name__}")
    try:
        yield
    finally:
        for env_id in ids:
            del gym.registry[env_id]
