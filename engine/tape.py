"""Taking down the episode of an evaluation's first environment, without touching it."""

from __future__ import annotations

import abc
import contextlib
import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.envs.base import Simulation, VectorEnv
from engine.errors import EngineError
from engine.recording import MAX_STEPS, MODEL_FIELDS, Recording

FRAMES_PER_SECOND = 10
"""Pictures per simulated second, at most; what the terminal shows."""
MAX_FRAMES = 300
_QUIET = {"PYGAME_HIDE_SUPPORT_PROMPT": "1", "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
"""Keeps pygame, which draws into memory here, from greeting and from looking for a display."""
MAX_FRAME_SIZE = 120, 160
"""Rows and columns of a picture, at most."""


class Tape(abc.ABC):
    """Takes down environment 0, step by step: `before` the step, then its `reward`."""

    step_seconds: float

    def __init__(self) -> None:
        self.rewards: list[float] = []

    @abc.abstractmethod
    def before(self, action: NDArray[np.generic]) -> None:
        """Note what environment 0 looks like, and the action [A] that it is about to take."""

    def reward(self, value: float) -> None:
        """Note what the step earned."""
        self.rewards.append(value)

    @property
    def full(self) -> bool:
        """Whether the episode is longer than a recording may be."""
        return len(self.rewards) >= MAX_STEPS

    def finish(self, env_id: str, env_steps: int, mean_return: float) -> Recording | None:
        """Return what was taken down, None if that is nothing, and release what the tape needed."""
        self._release()
        content = self._content()
        if not self.rewards or not content:
            return None
        rewards = np.asarray(self.rewards, np.float32)
        return Recording(env_id, env_steps, mean_return, self.step_seconds, rewards, **content)

    @abc.abstractmethod
    def _content(self) -> dict[str, Any]:
        """Return the fields of a `Recording` that this kind of tape fills."""

    def _release(self) -> None:
        """Close what the tape opened."""
        return


class StateTape(Tape):
    """States of a MuJoCo simulation: a microsecond a step."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__()
        self.step_seconds = simulation.step_seconds
        self._simulation = simulation
        self._model = {name: getattr(simulation.model, name).copy() for name in MODEL_FIELDS}
        self._rows: list[tuple[NDArray[np.generic], ...]] = []

    def before(self, action: NDArray[np.generic]) -> None:
        """Copy the state."""
        self._rows.append((self._simulation.qpos.copy(), self._simulation.qvel.copy(), action.ravel().copy()))

    def _content(self) -> dict[str, Any]:
        columns = (np.asarray(column, np.float32) for column in zip(*self._rows, strict=True))
        return {"model": self._model} | dict(zip(("qpos", "qvel", "ctrl"), columns, strict=True))


class PictureTape(Tape):
    """Pictures of a shadow: one more environment with the seed and the actions of environment 0.

    Some environments behave differently while they are drawn (LunarLander's world holds sparks then), so that
    the environment that is scored is never asked to.
    """

    def __init__(self, env_id: str, seed: int) -> None:
        """Make the shadow.

        Args:
            env_id: a Gymnasium id.
            seed: of the vector environment that is evaluated.

        Raises:
            EngineError: it cannot be made.
            ValueError: it cannot be drawn.
        """
        from engine.envs.gymnasium import make_drawn

        super().__init__()
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        self._env, rate = make_drawn(env_id, seed)
        self.step_seconds = 1.0 / rate
        self._interval = math.ceil(rate / FRAMES_PER_SECOND)
        self._frames: list[NDArray[np.uint8]] = []
        self._broken = False

    def before(self, action: NDArray[np.generic]) -> None:
        """Draw every so many steps, and step the shadow; one that breaks ends the pictures only."""
        if self._broken:
            return
        try:
            if len(self.rewards) % self._interval == 0 and len(self._frames) < MAX_FRAMES:
                self._frames.append(_reduced(self._env.render()))
            _, _, terminated, truncated, info = self._env.step(action)
            self._broken = terminated or truncated or "fault" in info
        except Exception:  # anything an environment's drawing may raise
            self._broken = True

    def _content(self) -> dict[str, Any]:
        if not self._frames:
            return {}
        return {"frames": np.stack(self._frames), "frame_interval": self._interval}

    def _release(self) -> None:
        with contextlib.suppress(Exception):
            self._env.close()


def make_tape(env: VectorEnv, seed: int) -> Tape | None:
    """Return a tape for environments that were reset with ``seed``; None where there is nothing to see."""
    simulation = env.simulation(0)
    if simulation is not None:
        return StateTape(simulation)
    if not env.spec.backend.startswith("gymnasium"):
        return None
    try:
        return PictureTape(env.spec.id, seed)
    except (EngineError, ValueError):
        return None


def _reduced(picture: Any) -> NDArray[np.uint8]:
    """Return a picture averaged over whole blocks of pixels to at most `MAX_FRAME_SIZE`.

    Raises:
        ValueError: it is no RGB picture.
    """
    pixels = np.asarray(picture)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"expected an RGB picture, got shape {pixels.shape} of {pixels.dtype}")
    height, width = pixels.shape[:2]
    factor = max(1, *(math.ceil(size / most) for size, most in zip((height, width), MAX_FRAME_SIZE, strict=True)))
    rows, columns = height // factor, width // factor
    blocks = pixels[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor, 3)
    # Sums in 16 bits, one row of a block after the other: a mean in floats takes five times as long.
    total = blocks[:, 0].sum(2, dtype=np.uint32)
    for row in range(1, factor):
        total += blocks[:, row].sum(2, dtype=np.uint32)
    return (total // factor**2).astype(np.uint8)
