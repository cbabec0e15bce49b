"""The software view: projection and shapes against known places and against MuJoCo's own ray casting."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest

from engine.errors import CheckpointError
from tests.recordings import record
from vmpo_tui.robot import render as rendering
from vmpo_tui.robot.camera import FIELD_OF_VIEW, Camera, Raster
from vmpo_tui.robot.look import Look
from vmpo_tui.robot.render import Geoms, Palette, render
from vmpo_tui.robot.scene import Scene
from vmpo_tui.robot.shapes import SHAPES

LEVEL = Camera((0.0, 0.0, 0.0), 4.0, azimuth=90.0, elevation=0.0)
"""At (0, -4, 0), looking along +y."""
SQUARE = Raster(40, 40)
DARK = Palette(sky=(0, 0, 0), haze=(0, 0, 0))
ROBOTS = ["HalfCheetah-v5", "Ant-v5", "Humanoid-v5", "Reacher-v5"]


def one(shape: str, size: tuple[float, float, float], place=(0.0, 0.0, 0.0)) -> Geoms:
    return Geoms(
        (shape,),
        np.array([size]),
        np.array([place]),
        np.eye(3)[None],
        np.array([[1.0, 1.0, 1.0]]),
        np.array([False]),
    )


def cast(geoms: Geoms, camera: Camera, raster: Raster):
    return rendering._cast(geoms, camera, camera.rays(raster), raster)


def test_known_places_are_seen_where_they_are():
    half = math.tan(math.radians(FIELD_OF_VIEW / 2)) * 4.0
    points = np.array([[0, 0, 0], [half, 0, 0], [0, 0, half], [-half / 2, 0, -half / 2], [0, -8.0, 0]])
    columns, rows, depths = LEVEL.project(points, SQUARE)
    np.testing.assert_allclose(columns[:4], [20, 40, 20, 10])
    np.testing.assert_allclose(rows[:4], [20, 20, 0, 30])
    np.testing.assert_allclose(depths, [4, 4, 4, 4, -4])
    assert np.isnan(columns[4])


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (90, -30), (200, 20), (135, -89)])
def test_axes_are_at_right_angles_and_meet_the_target(azimuth, elevation):
    camera = Camera((1.0, 2.0, 3.0), 5.0, azimuth, elevation)
    np.testing.assert_allclose(camera.axes @ camera.axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(camera.position + 5.0 * camera.axes[2], camera.target)
    assert camera.axes[1, 2] >= 0  # never upside down
    assert camera.axes[0, 2] == 0  # never rolled


@pytest.mark.parametrize("raster", [SQUARE, Raster(12, 40, 0.5)])
def test_rays_and_projection_are_inverse(raster):
    camera = Camera((1.0, 2.0, 3.0), 5.0, 30.0, -20.0)
    depth = np.linspace(1.0, 9.0, raster.rows * raster.columns).reshape(raster.rows, raster.columns)
    points = camera.position + depth[..., None] * camera.rays(raster)
    columns, rows, depths = camera.project(points, raster)
    np.testing.assert_allclose(depths, depth, rtol=1e-5)
    np.testing.assert_allclose(columns, np.tile(np.arange(raster.columns) + 0.5, (raster.rows, 1)), atol=1e-3)
    np.testing.assert_allclose(rows.T, np.tile(np.arange(raster.rows) + 0.5, (raster.columns, 1)), atol=1e-3)


def test_a_sphere_is_a_disc_of_the_right_size():
    depth, owner, _ = cast(one("sphere", (1.0, 0, 0)), LEVEL, Raster(200, 200))
    # The tangent from 4 away touches at sin a = 1/4; a sample is 8 tan(20 deg) / 200 wide at depth 4.
    radius = math.tan(math.asin(0.25)) * 4.0 / (8.0 * math.tan(math.radians(20.0)) / 200)
    assert (owner == 0).sum() == pytest.approx(math.pi * radius**2, rel=0.01)
    assert depth[99, 99] == pytest.approx(3.0, abs=1e-3)


@pytest.mark.parametrize(
    ("shape", "size", "nearest", "corner"),
    [
        ("box", (1.0, 0.5, 0.25), 3.5, True),
        ("ellipsoid", (1.0, 0.5, 0.25), 3.5, False),
        ("cylinder", (0.5, 0.25, 0.0), 3.5, True),
        ("capsule", (0.5, 0.25, 0.0), 3.5, True),
        ("sphere", (0.5, 0.0, 0.0), 3.5, False),
    ],
)
def test_shapes_begin_where_they_are(shape, size, nearest, corner):
    depth, _, normal = cast(one(shape, size), LEVEL, Raster(41, 41))
    assert depth[20, 20] == pytest.approx(nearest, abs=1e-4)
    unit = normal[20, 20] / np.linalg.norm(normal[20, 20])
    np.testing.assert_allclose(unit, (0, -1, 0), atol=1e-5)
    # Just inside the upper edge at the side nearest to the camera: only shapes with an edge there are met.
    up = np.array([0.0, -0.45, size[1 if shape in {"cylinder", "capsule"} else 2] * 0.999])
    column, row, _ = LEVEL.project(up, Raster(4001, 4001))
    rays = LEVEL.rays(Raster(4001, 4001))[int(row), int(column)]
    met, _ = SHAPES[shape](LEVEL.position.astype(np.float32), rays[None], np.array(size, np.float32))
    assert bool(np.isfinite(met[0])) or not corner


@pytest.mark.parametrize("env_id", ROBOTS)
def test_every_ray_meets_what_mujoco_says(env_id):
    scene, raster = Scene(record(env_id, steps=20)), Raster(24, 32)
    scene.pose(12)
    camera = scene.camera(Look(turn=33.0, tilt=10.0), raster.ratio)
    geoms, rays = scene.geoms(Look()), camera.rays(raster)
    depth, owner, normal = cast(geoms, camera, raster)
    met, disputed = 0, 0
    for row, column in np.ndindex(raster.rows, raster.columns):
        expected, geom = _mujoco_ray(scene, camera.position, rays[row, column].astype(float))
        found = owner[row, column] >= 0
        disputed += found != (geom >= 0)  # a ray that grazes an edge
        if found and geom >= 0:
            met += 1
            assert depth[row, column] == pytest.approx(expected, rel=2e-3)
            assert normal[row, column] @ rays[row, column] <= 1e-5
    assert met > 20
    assert disputed <= max(2, met // 50)


def _mujoco_ray(scene: Scene, origin, direction) -> tuple[float, int]:
    """Distance along a ray and the geom it meets, planes left out; -1 for none."""
    length, geom = np.linalg.norm(direction), np.array([-1], np.int32)
    start, passed = np.array(origin, float), 0.0
    groups = np.array([1, 1, 1, 0, 0, 0], np.uint8)
    for _ in range(4):  # past planes, to what is behind them
        distance = mujoco.mj_ray(
            scene.model, scene.data, start, direction / length, groups, 1, -1, geom, None
        )
        if distance < 0:
            return -1.0, -1
        passed += distance
        if scene.model.geom_type[geom[0]] != mujoco.mjtGeom.mjGEOM_PLANE:
            return passed / length, int(geom[0])
        start, passed = start + (distance + 1e-6) * direction / length, passed + 1e-6
    return -1.0, -1


def test_what_is_nearer_hides_what_is_behind():
    near, far = one("sphere", (0.5, 0, 0), (0, -1, 0)), one("sphere", (0.5, 0, 0), (0, 1, 0))
    both = Geoms(*(_joined(getattr(near, name), getattr(far, name)) for name in near.__slots__))
    depth, owner, _ = cast(both, LEVEL, Raster(41, 41))
    assert owner[20, 20] == 0
    assert depth[20, 20] == pytest.approx(2.5, abs=1e-4)
    swapped = Geoms(*(_joined(getattr(far, name), getattr(near, name)) for name in near.__slots__))
    assert cast(swapped, LEVEL, Raster(41, 41))[1][20, 20] == 1


def _joined(first, second):
    return first + second if isinstance(first, tuple) else np.concatenate([first, second])


def test_thin_limbs_are_not_lost_between_samples():
    wire = one("capsule", (0.001, 1.0, 0))
    assert (cast(wire, LEVEL, Raster(10, 10))[1] < 0).all()
    picture = render(wire, LEVEL, Raster(10, 10), palette=DARK, ground=None)
    assert (picture[2:8, 4:6].max(-1) > 40).any(1).all()


def test_what_is_behind_the_camera_is_not_drawn():
    assert (cast(one("sphere", (0.5, 0, 0), (0, -6, 0)), LEVEL, SQUARE)[1] == -1).all()


def test_light_comes_from_above_and_farther_is_dimmer():
    picture = render(one("sphere", (1.0, 0, 0)), LEVEL, SQUARE, palette=DARK, ground=None).astype(int)
    assert picture[12, 20].sum() > picture[28, 20].sum() + 100
    far = render(one("sphere", (1.0, 0, 0), (0, 2.5, 0)), LEVEL, SQUARE, palette=DARK, ground=None).astype(
        int
    )
    assert far.max() < picture.max()
    assert picture[0, 0].sum() == 0


def test_the_ground_has_tiles_and_a_shadow():
    above = Camera((0.0, 0.0, 0.0), 6.0, 90.0, -89.0)
    ball = one("sphere", (0.2, 0, 0), (0.5, 0.5, 0.2))
    bare = Geoms((), *(np.zeros((0, *shape)) for shape in ((3,), (3,), (3, 3), (3,))), np.zeros(0, bool))
    plain = render(bare, above, SQUARE, palette=Palette(), tile=1.0).astype(int)
    columns, rows, _ = above.project(np.array([[0.5, 0.5, 0.0], [-0.5, 0.5, 0.0], [-0.5, -0.5, 0]]), SQUARE)
    even, odd, even_too = (
        plain[int(row), int(column)].sum() for row, column in zip(rows, columns, strict=True)
    )
    assert even > 1.3 * odd
    assert even == pytest.approx(even_too, rel=0.05)
    shaded = render(ball, above, SQUARE, palette=Palette(), tile=1.0).astype(int)
    floor = cast(ball, above, SQUARE)[1] < 0
    darker = (shaded.sum(-1) < 0.9 * plain.sum(-1)) & floor
    assert 3 <= darker.sum() <= 60
    distance = np.hypot(*(np.argwhere(darker) - (rows[0], columns[0])).T)
    assert distance.max() < 8  # samples of 0.11 m, from right under the ball


def test_tiles_too_small_to_see_are_grey():
    place = np.stack(np.meshgrid(np.arange(0, 500, 7.3), np.arange(0, 500, 7.3)), -1)
    share = rendering._chequers(place)
    assert abs(share - 0.5).max() < 0.1
    sharp = rendering._chequers(np.stack(np.meshgrid(np.arange(0.5, 4), np.arange(0.5, 4)), -1) * 1.0)
    assert sharp.shape == (4, 4)


@pytest.mark.parametrize("env_id", ROBOTS)
@pytest.mark.parametrize("ratio", [0.7, 1.2, 3.0])
def test_a_robot_fits_into_the_picture(env_id, ratio):
    scene = Scene(record(env_id, steps=30))
    raster = Raster(100, round(100 * ratio))
    for step in range(0, scene._recording.length, 6):
        scene.pose(step)
        columns, rows, _ = scene.camera(Look(), ratio).project(scene.geoms(Look()).positions, raster)
        assert columns.min() > 0
        assert rows.min() > 0
        assert columns.max() < raster.columns
        assert rows.max() < raster.rows


def test_a_planar_robot_is_seen_from_the_side_and_an_arm_from_above():
    assert Scene(record("HalfCheetah-v5")).framing.elevation == -8.0
    assert Scene(record("Reacher-v5")).framing.elevation == -60.0
    assert Scene(record("Ant-v5")).framing.azimuth == 135.0


def test_contacts_and_effort_are_those_of_the_state():
    recording = record("HalfCheetah-v5")
    scene = Scene(recording)
    scene.pose(10)
    np.testing.assert_allclose(scene.effort, recording.actions[10])
    assert scene.motors[0] == "bthigh"
    plain, marked = scene.geoms(Look()), scene.geoms(Look(contacts=True, effort=True))
    assert len(marked.shapes) - len(plain.shapes) == len(scene.contacts)
    assert abs(marked.colours[: len(plain.colours)] - plain.colours).max() > 0.1
    touching = [step for step in range(recording.length) if scene.pose(step) is None and len(scene.contacts)]
    assert touching
    assert scene.contacts[:, 2].max(initial=0.0) < 0.1  # it touches the ground only


def test_a_recording_of_another_model_is_refused():
    import dataclasses

    recording = record("HalfCheetah-v5", steps=3)
    with pytest.raises(CheckpointError, match="qpos does not fit Ant-v5"):
        Scene(dataclasses.replace(recording, env_id="Ant-v5", model={}))
    with pytest.raises(CheckpointError, match="geom_pos does not fit Ant-v5"):
        Scene(dataclasses.replace(recording, env_id="Ant-v5"))
