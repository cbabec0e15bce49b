"""A MuJoCo model posed as recorded: geoms, contacts, the effort of motors, and where to look from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from engine.envs.viewing import load_scene_model
from engine.errors import CheckpointError
from engine.recording import Recording
from vmpo_tui.robot.camera import FIELD_OF_VIEW, Camera, Floats
from vmpo_tui.robot.look import Look
from vmpo_tui.robot.render import Geoms

SAMPLES = 40
"""States that the framing is measured from."""
SIDE, ABOVE, ASKEW = (90.0, -8.0), (90.0, -60.0), (135.0, -20.0)
"""Azimuth and elevation for planar robots, flat ones and all others, degrees."""
NEARNESS = 0.9
"""Share of the extent along the line of sight that the camera stands back by: what is near looks larger."""
LOWEST, HIGHEST = -89.0, -2.0
"""Elevations between which the camera may be tilted, degrees."""
TILES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
"""Lengths of the ground's tiles to choose from, metres."""
VISIBLE_GROUPS = 3
"""MuJoCo's viewers show the geoms of the groups below."""
UNCOLOURED = np.array((0.5, 0.5, 0.5, 1.0), np.float32)
"""MuJoCo's default, which gives way to a geom's material."""
TIRED = np.array((0.98, 0.25, 0.10), np.float32)
"""Colour of a limb whose motor gives all it has."""
TOUCH = np.array((1.0, 0.86, 0.25), np.float32)
"""Colour of points of contact."""

_SHAPES = {
    int(mujoco.mjtGeom.mjGEOM_SPHERE): "sphere",
    int(mujoco.mjtGeom.mjGEOM_CAPSULE): "capsule",
    int(mujoco.mjtGeom.mjGEOM_ELLIPSOID): "ellipsoid",
    int(mujoco.mjtGeom.mjGEOM_CYLINDER): "cylinder",
    int(mujoco.mjtGeom.mjGEOM_BOX): "box",
    int(mujoco.mjtGeom.mjGEOM_MESH): "ellipsoid",
}
"""Shape that each of MuJoCo's geoms is drawn as; planes are the ground, the rest is not drawn."""


@dataclass(frozen=True, slots=True)
class Framing:
    """Where to look, and from where, so that the robot fits into the picture in every state."""

    target: tuple[float, float, float]
    tracking: bool
    """Whether the camera follows the robot horizontally."""
    extent: tuple[float, float, float]
    """Half of the robot's extent along x, y and z, metres."""
    azimuth: float
    elevation: float

    def distance(self, azimuth: float, elevation: float, ratio: float) -> float:
        """Return how far away to look from, so that a picture of a ratio of width to height holds the robot.

        The robot counts as the ellipsoid of its extent.
        """
        x, y, z = self.extent
        cos, sin = math.cos(math.radians(azimuth)), math.sin(math.radians(azimuth))
        across, along = math.hypot(x * sin, y * cos), math.hypot(x * cos, y * sin)
        flat, steep = math.cos(math.radians(elevation)), math.sin(math.radians(elevation))
        height = math.hypot(z * flat, along * steep)
        return max(height, across / ratio) / math.tan(math.radians(FIELD_OF_VIEW / 2)) + NEARNESS * along


class Scene:
    """A recorded simulation, one state at a time."""

    def __init__(self, recording: Recording) -> None:
        """Load the model.

        Raises:
            EngineError: the environment cannot be made.
            CheckpointError: the recording does not fit its model.
        """
        self._recording = recording
        self.model = model = load_scene_model(recording.env_id)
        for name, value in recording.model.items():
            part = getattr(model, name)
            if part.shape != value.shape:
                raise CheckpointError(_misfit(recording, name))
            part[:] = value
        states = {"qpos": (recording.qpos, model.nq), "qvel": (recording.qvel, model.nv)}
        for name, (values, size) in states.items():
            if values is None or values.shape[1] != size:
                raise CheckpointError(_misfit(recording, name))
        self.data = mujoco.MjData(model)
        self._shown = _shown(model)
        self._shapes = tuple(_SHAPES[int(kind)] for kind in model.geom_type[self._shown])
        self._sizes, self._offsets = _sizes(model, self._shown)
        self._colours = _colours(model, self._shown)
        self._motors = _motors(model, self._shown)
        self._root = int(np.argmax(np.where(model.body_parentid == 0, model.body_subtreemass, 0.0)[1:])) + 1
        self.ground = _ground(model)
        self.framing = self._measure()
        reach = 0.8 * max(self.framing.extent)
        self.tile = max((length for length in TILES if length <= reach), default=TILES[0])

    def pose(self, step: int) -> None:
        """Put the robot into its state before a step."""
        data, recording = self.data, self._recording
        data.qpos[:], data.qvel[:] = recording.qpos[step], recording.qvel[step]  # type: ignore[index]
        if recording.actions.shape[1] == self.model.nu:
            data.ctrl[:] = recording.actions[step]
        mujoco.mj_forward(self.model, data)

    def geoms(self, look: Look) -> Geoms:
        """Return what is seen of the present state."""
        data, shown = self.data, self._shown
        rotations = data.geom_xmat[shown].reshape(-1, 3, 3)
        positions = data.geom_xpos[shown] + (rotations @ self._offsets[..., None])[..., 0]
        colours = self._colours
        if look.effort:
            effort = (self._motors * np.abs(self.effort)[:, None]).max(0, initial=0.0)[:, None]
            colours = colours + effort * (TIRED - colours)
        geoms = Geoms(self._shapes, self._sizes, positions, rotations, colours, np.zeros(len(shown), bool))
        return _with_contacts(geoms, self.contacts) if look.contacts else geoms

    @property
    def contacts(self) -> Floats:
        """Where bodies touch [C, 3]."""
        return np.asarray(self.data.contact.pos[self.data.contact.dist <= 0.0])

    @property
    def effort(self) -> Floats:
        """Control of each motor as a share of its range, in [-1, 1] [nu]."""
        limits = np.abs(self.model.actuator_ctrlrange).max(1)
        limits[(limits == 0) | (self.model.actuator_ctrllimited == 0)] = 1.0
        return np.asarray(np.clip(self.data.ctrl / limits, -1.0, 1.0))

    @property
    def speed(self) -> float:
        """How fast the robot's centre of mass moves over the ground, metres a second."""
        mujoco.mj_subtreeVel(self.model, self.data)
        return float(np.linalg.norm(self.data.subtree_linvel[self._root, :2]))

    @property
    def motors(self) -> list[str]:
        """Name of each motor [nu]."""
        model = self.model
        return [model.actuator(index).name or f"motor {index}" for index in range(model.nu)]

    def camera(self, look: Look, ratio: float) -> Camera:
        """Return the camera for a picture of a ratio of width to height."""
        framing = self.framing
        x, y, z = framing.target
        if framing.tracking:
            x, y = (float(value) for value in self.data.subtree_com[self._root, :2])
        elevation = min(HIGHEST, max(LOWEST, framing.elevation - look.tilt))
        azimuth = framing.azimuth + look.turn
        distance = framing.distance(azimuth, elevation, ratio)
        return Camera((x, y, z), distance / look.zoom, azimuth, elevation)

    @property
    def _mobile(self) -> bool:
        """Whether the robot stands on nothing that is fixed: its root slides or floats."""
        model, root = self.model, self._root
        joints = model.jnt_type[model.jnt_bodyid == root]
        return bool(np.isin(joints, [mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_SLIDE]).any())

    def _measure(self) -> Framing:
        """Find the framing from states spread over the episode."""
        model, length = self.model, self._recording.length
        own = model.body_rootid[model.geom_bodyid[self._shown]] == self._root
        centres, places, halves = [], [], []
        for step in np.unique(np.linspace(0, length - 1, min(SAMPLES, length)).astype(int)):
            self.pose(int(step))
            geoms = self.geoms(Look())
            centres.append(self.data.subtree_com[self._root].copy())
            places.append(geoms.positions)
            halves.append(geoms.extents)
        centre, place, half = np.array(centres), np.array(places), np.array(halves)
        around = (np.abs(place - centre[:, None]) + half)[:, own].max(1)
        extent = np.percentile(around, 95, axis=0)
        target = centre.mean(0)
        tracking = self._mobile and bool((np.ptp(centre[:, :2], axis=0) > extent[:2].max()).any())
        if not tracking:
            low, high = (place - half).min((0, 1)), (place + half).max((0, 1))
            target, extent = (low + high) / 2, (high - low) / 2
        swing = np.ptp(place[:, own] - centre[:, None], axis=(0, 1))
        azimuth, elevation = _viewpoint(swing)
        return Framing(tuple(target.tolist()), tracking, tuple(extent.tolist()), azimuth, elevation)


def _viewpoint(extent: Floats) -> tuple[float, float]:
    """Choose azimuth and elevation by how far a robot's geoms spread along each axis [3]."""
    if extent[1] < 0.25 * min(extent[0], extent[2]):
        return SIDE
    if extent[2] < 0.25 * min(extent[0], extent[1]):
        return ABOVE
    return ASKEW


def _shown(model: Any) -> NDArray[np.intp]:
    """Return the geoms that MuJoCo's viewers would show, planes left out."""
    drawn = np.isin(model.geom_type, list(_SHAPES))
    return np.flatnonzero(drawn & (model.geom_group < VISIBLE_GROUPS) & (model.geom_rgba[:, 3] > 0.0))


def _sizes(model: Any, shown: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return sizes and offsets of the middles [G, 3]; a mesh is the ellipsoid in its bounding box."""
    sizes, offsets = model.geom_size[shown].copy(), np.zeros((len(shown), 3))
    meshes = model.geom_type[shown] == int(mujoco.mjtGeom.mjGEOM_MESH)
    boxes = model.geom_aabb[shown[meshes]]
    offsets[meshes], sizes[meshes] = boxes[:, :3], boxes[:, 3:]
    return np.maximum(sizes, 1e-4), offsets


def _colours(model: Any, shown: NDArray[np.intp]) -> Floats:
    """Return RGB colours [G, 3]."""
    colours = model.geom_rgba[shown].copy()
    material = model.geom_matid[shown]
    plain = (colours == UNCOLOURED).all(1) & (material >= 0)
    colours[plain] = model.mat_rgba[material[plain]]
    return np.asarray(colours[:, :3])


def _motors(model: Any, shown: NDArray[np.intp]) -> Floats:
    """Return which geoms each motor moves: 1 for those of the body behind its joint [nu, G]."""
    kinds = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))
    moves = np.zeros((model.nu, len(shown)), np.float32)
    for index in range(model.nu):
        if int(model.actuator_trntype[index]) in kinds:
            body = model.jnt_bodyid[model.actuator_trnid[index, 0]]
            moves[index] = model.geom_bodyid[shown] == body
    return moves


def _ground(model: Any) -> float | None:
    """Return the height of the highest level plane; None without one."""
    planes = np.flatnonzero(model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE))
    quaternions = model.geom_quat[planes]
    level = np.abs(quaternions[:, 1:3]).max(1, initial=0.0) < 1e-3
    return float(model.geom_pos[planes[level], 2].max()) if level.any() else None


def _with_contacts(geoms: Geoms, points: Floats) -> Geoms:
    """Add glowing marks at points [C, 3]."""
    count, size = len(points), 0.8 * float(np.median(geoms.sizes[:, 0]))
    return Geoms(
        geoms.shapes + ("sphere",) * count,
        np.concatenate([geoms.sizes, np.full((count, 3), size)]),
        np.concatenate([geoms.positions, points]),
        np.concatenate([geoms.rotations, np.tile(np.eye(3), (count, 1, 1))]),
        np.concatenate([geoms.colours, np.tile(TOUCH, (count, 1))]),
        np.concatenate([geoms.glowing, np.ones(count, bool)]),
    )


def _misfit(recording: Recording, part: str) -> str:
    return f"the recording's {part} does not fit {recording.env_id}: it was made with another version of it"
