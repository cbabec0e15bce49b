"""What every task shares: bound simulation fields, reset noise, rewards made of named parts."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from engine.envs.base import Flags, Floats

_BAD_STATE = slice(int(mujoco.mjtWarning.mjWARN_BADQPOS), int(mujoco.mjtWarning.mjWARN_BADQACC) + 1)


class Outcome(NamedTuple):
    """What a step earned."""

    reward: Floats
    """Sum of the reward parts [N]."""
    terminated: Flags
    """Whether the step led to a terminal state [N]."""
    info: dict[str, Floats]
    """Reward parts and velocity [N] under Gymnasium's names, all by-products of the reward."""


class Task(abc.ABC):
    """One Gymnasium v5 task on N simulations at once, bit-equal to Gymnasium's arithmetic.

    Equality decides the order of every sum below: floating-point addition does not associate.
    """

    xml: ClassVar[str]
    """Model file among Gymnasium's assets."""
    frame_skip: ClassVar[int]
    """Physics substeps per environment step."""
    noise: ClassVar[float]
    """Scale of the reset noise."""
    gaussian_velocity: ClassVar[bool] = False
    """Whether initial velocities are normal (scaled by ``noise``) instead of uniform."""
    state_columns: int | None = None
    """Leading columns of an observation that follow from positions and velocities alone; None is all.
    MuJoCo derives the others, which lag the state by a substep."""
    contact_forces: ClassVar[bool] = False
    """Whether the task reads ``cfrc_ext``; its batch must then be persistent."""

    def __init__(self, model: Any, batch: Batch) -> None:
        self.timestep: float = model.opt.timestep
        self.dt: float = self.timestep * self.frame_skip
        self.batch = batch
        self.qpos: Floats = batch.bind("qpos")
        self.qvel: Floats = batch.bind("qvel")
        self.ctrl: Floats = batch.bind("ctrl")
        self.divergences: NDArray[np.int32] = batch.warning[:, _BAD_STATE, 1]
        """How often MuJoCo found positions, velocities or accelerations unusable [N, 3]."""
        self.position: Floats = np.zeros(batch.nsim)
        """Position along x [N] that the next velocity is measured from; part of the state."""
        self._contacts = ContactForces(model, batch) if self.contact_forces else None
        self.forces: Floats = self._contacts.value if self._contacts else np.zeros((batch.nsim, 0))
        """`ContactForces.value` [N, 6 B], or [N, 0]."""
        self._initial_qpos: Floats = model.qpos0.copy()
        self._no_end: Flags = np.zeros(batch.nsim, dtype=bool)

    def start(self, rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
        """Draw initial positions [count, nq] and velocities [count, nv]."""
        qpos = self._initial_qpos + rng.uniform(-self.noise, self.noise, (count, self.qpos.shape[1]))
        size = (count, self.qvel.shape[1])
        if self.gaussian_velocity:
            return qpos, self.noise * rng.standard_normal(size)
        return qpos, rng.uniform(-self.noise, self.noise, size)

    def forget(self, indices: Sequence[int] | None = None) -> None:
        """Clear states and, unlike a write to the states, divergences: of some simulations or of all."""
        self.batch.reset(indices, stage=mujoco.mjtStage.mjSTAGE_NONE.value)

    def placed(self, indices: NDArray[np.intp]) -> None:
        """Take note that simulations ``indices`` were put into a new state: without forces."""
        self.forces[indices] = 0.0

    def stepped(self) -> None:
        """Compute what a step leaves out; called once after every step."""
        if self._contacts:
            self._contacts.refresh()

    @abc.abstractmethod
    def observe(self) -> Floats:
        """Return a new array of observations [N, O]."""

    @abc.abstractmethod
    def outcome(self, actions: Floats) -> Outcome:
        """Score the step that ``actions`` [N, A] caused."""


class Locomotion(Task):
    """A task rewarded for its velocity along x."""

    def placed(self, indices: NDArray[np.intp]) -> None:
        """Measure velocities from the new positions."""
        super().placed(indices)
        self.position[indices] = self.measure_position()[indices]

    def measure_position(self) -> Floats:
        """Return a new array of positions along x [N]."""
        return self.qpos[:, 0].copy()

    def advance(self) -> dict[str, Floats]:
        """Return the mean velocity of the step just taken, and remember the position."""
        before, self.position = self.position, self.measure_position()
        return {"x_velocity": (self.position - before) / self.dt}


class ContactForces:
    """External forces ``cfrc_ext`` on every body at the last evaluation of a step.

    A step computes them only for sensors, and under RK4 those see the first of its four stages,
    whereas Gymnasium runs `mj_rnePostConstraint` on what the last stage left. So does this class,
    one simulation at a time for want of a batched call, and only where bodies touch: elsewhere
    the forces are exactly zero.
    """

    def __init__(self, model: Any, batch: Batch) -> None:
        self.value: Floats = np.zeros((batch.nsim, 6 * model.nbody))
        """Torque and force on every body, the world first [N, 6 B]."""
        self._model, self._batch = model, batch
        self._contacts: NDArray[np.int32] = batch.bind("ncon")
        self._scratch = mujoco.MjData(model)
        self._forces: Floats = self._scratch.cfrc_ext.reshape(-1)

    def refresh(self) -> None:
        """Compute the forces after a step."""
        self.value.fill(0.0)
        for index in np.flatnonzero(self._contacts).tolist():
            self._batch.get_data(index, self._scratch)
            mujoco.mj_rnePostConstraint(self._model, self._scratch)
            self.value[index] = self._forces


def squared_norm(values: Floats) -> Floats:
    """Return the sum of squares of each row [N], in NumPy's own order of a flat sum."""
    squares: Floats = np.square(values).sum(axis=1)
    return squares
