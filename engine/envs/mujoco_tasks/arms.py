"""Planar reaching, pushing with an arm, and balancing pendulums."""

from __future__ import annotations

from typing import Any

import numpy as np
from mujoco.batch import Batch

from engine.envs.base import Floats
from engine.envs.mujoco_tasks.base import Outcome, Task, squared_norm


class Reacher(Task):
    """Bring the fingertip to the target; never terminates."""

    xml = "reacher.xml"
    frame_skip = 2
    noise = 0.1
    state_columns = 8

    def __init__(self, model: Any, batch: Batch) -> None:
        super().__init__(model, batch)
        positions = batch.bind("xpos")
        self._fingertip: Floats = positions[:, model.body("fingertip").id]
        self._target: Floats = positions[:, model.body("target").id]

    def start(self, rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
        """Draw an arm pose and a target at rest in the disc of radius 0.2."""
        qpos = self._initial_qpos + rng.uniform(-self.noise, self.noise, (count, self.qpos.shape[1]))
        qpos[:, -2:] = _reject(rng, count, (-0.2, -0.2), (0.2, 0.2), within=0.2)
        qvel = rng.uniform(-0.005, 0.005, (count, self.qvel.shape[1]))
        qvel[:, -2:] = 0.0
        return qpos, qvel

    def observe(self) -> Floats:
        """Return cosines and sines of the joints, the target, velocities, and fingertip to target."""
        angles = self.qpos[:, :2]
        offset = (self._fingertip - self._target)[:, :2]
        parts = (np.cos(angles), np.sin(angles), self.qpos[:, 2:], self.qvel[:, :2], offset)
        return np.concatenate(parts, axis=1)

    def outcome(self, actions: Floats) -> Outcome:
        """Charge for distance and control."""
        distance = -_norm(self._fingertip - self._target)
        control = -squared_norm(actions)
        info = {"reward_dist": distance, "reward_ctrl": control}
        return Outcome(distance + control, self._no_end.copy(), info)


class Pusher(Task):
    """Push a cylinder to the goal; never terminates."""

    xml = "pusher_v5.xml"
    frame_skip = 5
    noise = 0.005
    state_columns = 14

    def __init__(self, model: Any, batch: Batch) -> None:
        super().__init__(model, batch)
        positions = batch.bind("xpos")
        self._tip, self._object, self._goal = (
            positions[:, model.body(name).id] for name in ("tips_arm", "object", "goal")
        )

    def start(self, rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
        """Draw velocities of the arm and a cylinder at least 0.17 from the goal at the origin."""
        qpos = np.tile(self._initial_qpos, (count, 1))
        qpos[:, -4:-2] = _reject(rng, count, (-0.3, -0.2), (0.0, 0.2), beyond=0.17)
        qpos[:, -2:] = 0.0
        qvel = rng.uniform(-self.noise, self.noise, (count, self.qvel.shape[1]))
        qvel[:, -4:] = 0.0
        return qpos, qvel

    def observe(self) -> Floats:
        """Return joint angles and velocities and the positions of tip, object and goal."""
        parts = (self.qpos[:, :7], self.qvel[:, :7], self._tip, self._object, self._goal)
        return np.concatenate(parts, axis=1)

    def outcome(self, actions: Floats) -> Outcome:
        """Charge for distances from tip to object to goal and for control."""
        near = -0.5 * _norm(self._object - self._tip)
        distance = -_norm(self._object - self._goal)
        control = -0.1 * squared_norm(actions)
        info = {"reward_dist": distance, "reward_ctrl": control, "reward_near": near}
        return Outcome(distance + control + near, self._no_end.copy(), info)


class InvertedPendulum(Task):
    """Balance a pole on a cart; terminates when it leans more than 0.2 rad."""

    xml = "inverted_pendulum.xml"
    frame_skip = 2
    noise = 0.01

    def observe(self) -> Floats:
        """Return positions, then velocities."""
        return np.concatenate((self.qpos, self.qvel), axis=1)

    def outcome(self, actions: Floats) -> Outcome:
        """Pay 1 while the pole stands."""
        terminated = abs(self.qpos[:, 1]) > 0.2
        reward = (~terminated).astype(np.float64)
        return Outcome(reward, terminated, {"reward_survive": reward})


class InvertedDoublePendulum(Task):
    """Balance two poles on a cart; terminates when the tip is not above 1."""

    xml = "inverted_double_pendulum.xml"
    frame_skip = 5
    state_columns = 8
    noise = 0.1
    gaussian_velocity = True

    def __init__(self, model: Any, batch: Batch) -> None:
        super().__init__(model, batch)
        self._tip: Floats = batch.bind("site_xpos")[:, 0]
        self._constraint: Floats = batch.bind("qfrc_constraint")[:, :1]

    def observe(self) -> Floats:
        """Return cart position, sines and cosines, clipped velocities and constraint force."""
        angles = self.qpos[:, 1:]
        velocity, force = self.qvel.clip(-10.0, 10.0), self._constraint.clip(-10.0, 10.0)
        return np.concatenate((self.qpos[:, :1], np.sin(angles), np.cos(angles), velocity, force), axis=1)

    def outcome(self, actions: Floats) -> Outcome:
        """Pay 10 while the poles stand, charge for the tip's distance and for velocity."""
        x, y = self._tip[:, 0], self._tip[:, 2]
        terminated = y <= 1.0
        survive = 10.0 * (~terminated).astype(np.float64)
        distance = -(0.01 * x**2 + (y - 2.0) ** 2)
        velocity = -(1e-3 * self.qvel[:, 1] ** 2 + 5e-3 * self.qvel[:, 2] ** 2)
        info = {"reward_survive": survive, "distance_penalty": distance, "velocity_penalty": velocity}
        return Outcome(survive + distance + velocity, terminated, info)


def _norm(vectors: Floats) -> Floats:
    """Return Euclidean lengths [N]; `vecdot` sums as the `dot` in `numpy.linalg.norm` does."""
    return np.asarray(np.sqrt(np.vecdot(vectors, vectors)))


def _reject(
    rng: np.random.Generator,
    count: int,
    low: tuple[float, float],
    high: tuple[float, float],
    *,
    within: float = np.inf,
    beyond: float = -np.inf,
) -> Floats:
    """Draw points [count, 2] in a box, again until their distance is in (beyond, within)."""
    points = rng.uniform(low, high, (count, 2))
    while (wrong := ~((_norm(points) < within) & (_norm(points) > beyond))).any():
        points[wrong] = rng.uniform(low, high, (int(wrong.sum()), 2))
    return points
