"""Three-dimensional bodies whose tasks read contact forces: Ant, Humanoid, HumanoidStandup."""

from __future__ import annotations

from typing import Any

import numpy as np
from mujoco.batch import Batch

from engine.envs.base import Floats
from engine.envs.mujoco_tasks.base import Locomotion, Outcome, Task, squared_norm


class Ant(Locomotion):
    """Walk forward on four legs; terminates when the torso is too low or too high."""

    xml = "ant.xml"
    frame_skip = 5
    noise = 0.1
    gaussian_velocity = True
    contact_forces = True

    def __init__(self, model: Any, batch: Batch) -> None:
        super().__init__(model, batch)
        self.state_columns = self.qpos.shape[1] - 2 + self.qvel.shape[1]
        self._body_position: Floats = batch.bind("xpos")

    def measure_position(self) -> Floats:
        """Return the torso's x [N], which lags the state by a substep as in Gymnasium."""
        return self._body_position[:, 1, 0].copy()

    def observe(self) -> Floats:
        """Return positions but x and y, velocities, and clipped forces on all bodies but the world."""
        return np.concatenate((self.qpos[:, 2:], self.qvel, self._clipped_forces()[:, 6:]), axis=1)

    def outcome(self, actions: Floats) -> Outcome:
        """Pay for velocity and health, charge for control and contacts."""
        height = self.qpos[:, 2]
        healthy = (height >= 0.2) & (height <= 1.0)
        info = self.advance()
        survive = healthy.astype(np.float64)
        control = -0.5 * squared_norm(actions)
        contact = -5e-4 * squared_norm(self._clipped_forces())
        info.update(
            reward_forward=info["x_velocity"],
            reward_survive=survive,
            reward_ctrl=control,
            reward_contact=contact,
        )
        return Outcome(info["x_velocity"] + survive + (control + contact), ~healthy, info)

    def _clipped_forces(self) -> Floats:
        return self.forces.clip(-1.0, 1.0)


class _Humanoid(Task):
    """Observation and contacts that both humanoid tasks share."""

    frame_skip = 5
    noise = 0.01
    contact_forces = True

    def __init__(self, model: Any, batch: Batch) -> None:
        super().__init__(model, batch)
        self.state_columns = self.qpos.shape[1] - 2 + self.qvel.shape[1]
        inertia, velocity = batch.bind("cinert"), batch.bind("cvel")
        count = batch.nsim
        self._observed: tuple[Floats, ...] = (
            self.qpos[:, 2:],
            self.qvel,
            inertia.reshape(count, -1)[:, inertia.shape[2] :],
            velocity.reshape(count, -1)[:, velocity.shape[2] :],
            batch.bind("qfrc_actuator")[:, 6:],
            self.forces[:, 6:],
        )

    def observe(self) -> Floats:
        """Return positions but x and y, velocities, and per body inertia, velocity and forces."""
        return np.concatenate(self._observed, axis=1)

    def contact_cost(self) -> Floats:
        """Return the charge for contact forces [N], at most 10."""
        return np.minimum(5e-7 * squared_norm(self.forces), 10.0)


class Humanoid(_Humanoid, Locomotion):
    """Walk forward on two legs; terminates when the torso is too low or too high."""

    xml = "humanoid.xml"

    def __init__(self, model: Any, batch: Batch) -> None:
        super().__init__(model, batch)
        self._mass_positions: Floats = batch.bind("xipos")
        self._masses: Floats = model.body_mass.copy()
        self._mass: float = model.body_mass.sum()

    def measure_position(self) -> Floats:
        """Return x of the centre of mass [N], which lags the state by a substep as in Gymnasium."""
        moments = np.einsum("b,nbj->nj", self._masses, self._mass_positions)
        return np.asarray(moments[:, 0] / self._mass)

    def outcome(self, actions: Floats) -> Outcome:
        """Pay for velocity and health, charge for control and contacts."""
        height = self.qpos[:, 2]
        healthy = (height > 1.0) & (height < 2.0)
        info = self.advance()
        survive = 5.0 * healthy.astype(np.float64)
        forward = 1.25 * info["x_velocity"]
        control = -0.1 * squared_norm(actions)
        contact = -self.contact_cost()
        info.update(
            reward_survive=survive, reward_forward=forward, reward_ctrl=control, reward_contact=contact
        )
        return Outcome(forward + survive + (control + contact), ~healthy, info)


class HumanoidStandup(_Humanoid):
    """Get up from the ground; never terminates."""

    xml = "humanoidstandup.xml"

    def outcome(self, actions: Floats) -> Outcome:
        """Pay for height, charge for control and impacts."""
        up = self.qpos[:, 2] / self.timestep
        control = -0.1 * squared_norm(actions)
        impact = -self.contact_cost()
        info = {"reward_linup": up, "reward_quadctrl": control, "reward_impact": impact}
        return Outcome(up + control + impact + 1.0, self._no_end.copy(), info)
