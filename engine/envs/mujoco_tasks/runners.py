"""Two-dimensional runners: HalfCheetah, Hopper, Walker2d and Swimmer."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from engine.envs.base import Flags, Floats
from engine.envs.mujoco_tasks.base import Locomotion, Outcome, squared_norm


class HalfCheetah(Locomotion):
    """Run forward; never terminates."""

    xml = "half_cheetah.xml"
    frame_skip = 5
    noise = 0.1
    gaussian_velocity = True
    control_weight: ClassVar[float] = 0.1
    hidden: ClassVar[int] = 1
    """Leading positions that observations leave out."""

    def observe(self) -> Floats:
        """Return positions but the first, then velocities."""
        return np.concatenate((self.qpos[:, self.hidden :], self.qvel), axis=1)

    def outcome(self, actions: Floats) -> Outcome:
        """Pay for velocity, charge for control."""
        info = self.advance()
        control = -self.control_weight * squared_norm(actions)
        info["reward_forward"], info["reward_ctrl"] = info["x_velocity"], control
        return Outcome(info["x_velocity"] + control, self._no_end.copy(), info)


class Swimmer(HalfCheetah):
    """Swim forward; never terminates."""

    xml = "swimmer.xml"
    frame_skip = 4
    gaussian_velocity = False
    control_weight = 1e-4
    hidden = 2


class Hopper(Locomotion):
    """Hop forward; terminates when it falls or its state explodes."""

    xml = "hopper.xml"
    frame_skip = 4
    noise = 5e-3

    def observe(self) -> Floats:
        """Return positions but the first, then velocities clipped to [-10, 10]."""
        return np.concatenate((self.qpos[:, 1:], self.qvel.clip(-10.0, 10.0)), axis=1)

    def healthy(self) -> Flags:
        """Return whether each robot still stands [N]."""
        height, angle = self.qpos[:, 1], self.qpos[:, 2]
        calm = (abs(self.qpos[:, 2:]) < 100.0).all(axis=1) & (abs(self.qvel) < 100.0).all(axis=1)
        upright: Flags = calm & (height > 0.7) & (abs(angle) < 0.2)
        return upright

    def outcome(self, actions: Floats) -> Outcome:
        """Pay for velocity and for standing, charge for control."""
        healthy = self.healthy()
        info = self.advance()
        survive = healthy.astype(np.float64)
        control = -1e-3 * squared_norm(actions)
        info.update(reward_forward=info["x_velocity"], reward_ctrl=control, reward_survive=survive)
        return Outcome(info["x_velocity"] + survive + control, ~healthy, info)


class Walker2d(Hopper):
    """Walk forward; terminates when it falls."""

    xml = "walker2d_v5.xml"

    def healthy(self) -> Flags:
        """Return whether each robot still stands [N]."""
        height, angle = self.qpos[:, 1], self.qpos[:, 2]
        upright: Flags = (height > 0.8) & (height < 2.0) & (abs(angle) < 1.0)
        return upright
