"""Geoms on a ground as a shaded picture: ray-cast in NumPy, exact at any size, no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vmpo_tui.robot.camera import Camera, Floats, Raster
from vmpo_tui.robot.shapes import SHAPES, half_sizes

Picture = NDArray[np.uint8]
"""RGB [rows, columns, 3]."""

NEAR = 0.05
"""Least depth that a corner of a shape's bounding box may have for the box to be projected."""
KEY_LIGHT = np.array((-0.45, 0.75, -0.5), np.float32)
"""Towards the main light, in the camera's axes (right, up, forward): over the viewer's left shoulder."""
_CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of what surrounds the robot, each RGB in [0, 1]."""

    sky: tuple[float, float, float] = (0.07, 0.08, 0.10)
    """Also what the ground fades into."""
    ground: tuple[float, float, float] = (0.20, 0.24, 0.30)
    tile: tuple[float, float, float] = (0.13, 0.16, 0.21)
    """Every other tile of the ground."""


@dataclass(frozen=True, slots=True, eq=False)
class Geoms:
    """G solids in the world."""

    shapes: tuple[str, ...]
    """Keys of `SHAPES` [G]."""
    sizes: Floats
    """As MuJoCo has them [G, 3]."""
    positions: Floats
    """[G, 3]."""
    rotations: Floats
    """From each geom's frame to the world [G, 3, 3]."""
    colours: Floats
    """RGB in [0, 1] [G, 3]."""
    glowing: NDArray[np.bool_]
    """Marks that no light falls on [G]; they throw no shadow either."""

    @property
    def half_sizes(self) -> Floats:
        """Half sizes of the bounding boxes [G, 3]."""
        return np.array([half_sizes(*pair) for pair in zip(self.shapes, self.sizes, strict=True)])


def render(
    geoms: Geoms,
    camera: Camera,
    raster: Raster,
    *,
    palette: Palette,
    ground: float | None = 0.0,
    tile: float = 1.0,
) -> Picture:
    """Draw geoms.

    Args:
        geoms: what to draw.
        camera: from where.
        raster: size of the picture.
        palette: colours of the surroundings.
        ground: height of the ground; None for none.
        tile: length of the ground's tiles.
    """
    rays = camera.rays(raster)
    depth, owner, normal = _cast(geoms, camera, rays, raster)
    colour = _surroundings(geoms, camera, rays, palette, ground, tile)
    seen = owner >= 0
    if seen.any():
        colour[seen] = _lit(geoms, camera, owner[seen], normal[seen], depth[seen], palette)
    picture: Picture = (np.clip(colour, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return picture


def _cast(
    geoms: Geoms, camera: Camera, rays: Floats, raster: Raster
) -> tuple[Floats, NDArray[np.intp], Floats]:
    """Return depth, index of the geom (-1 for none) and normal of what each ray meets first."""
    depth = np.full(rays.shape[:2], np.inf, np.float32)
    owner = np.full(rays.shape[:2], -1, np.intp)
    normal = np.zeros_like(rays)
    origin = camera.position
    for index, window in _windows(geoms, camera, raster):
        rotation = geoms.rotations[index].astype(np.float32)
        start = ((origin - geoms.positions[index]) @ rotation).astype(np.float32)
        size = geoms.sizes[index].astype(np.float32)
        met, outward = SHAPES[geoms.shapes[index]](start, rays[window] @ rotation, size)
        nearer = met < depth[window]
        depth[window][nearer] = met[nearer]
        owner[window][nearer] = index
        normal[window][nearer] = outward[nearer] @ rotation.T
    return depth, owner, normal


def _windows(geoms: Geoms, camera: Camera, raster: Raster) -> list[tuple[int, tuple[slice, slice]]]:
    """Return the part of the picture that each geom's bounding box covers, empty ones left out."""
    offsets = _CORNERS * geoms.half_sizes[:, None, :]
    corners = geoms.positions[:, None, :] + offsets @ geoms.rotations.transpose(0, 2, 1)
    columns, rows, depths = camera.project(corners, raster)
    windows = []
    for index, nearest in enumerate(depths.min(1)):
        if depths[index].max() <= NEAR:
            continue
        whole = nearest <= NEAR
        top, bottom = (0, raster.rows) if whole else _span(rows[index], raster.rows)
        left, right = (0, raster.columns) if whole else _span(columns[index], raster.columns)
        if top < bottom and left < right:
            windows.append((index, (slice(top, bottom), slice(left, right))))
    return windows


def _span(places: Floats, count: int) -> tuple[int, int]:
    """Return the samples between the lowest and the highest of some places."""
    return max(0, int(places.min())), min(count, int(places.max()) + 1)


def _lit(
    geoms: Geoms,
    camera: Camera,
    owner: NDArray[np.intp],
    normal: Floats,
    depth: Floats,
    palette: Palette,
) -> Floats:
    """Shade surfaces by their slope towards two lights and by their depth [K, 3]."""
    normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True).clip(1e-6)
    axes = camera.axes.astype(np.float32)
    key = KEY_LIGHT / np.linalg.norm(KEY_LIGHT)
    diffuse = (normal @ (key @ axes)).clip(0.0)
    sky_light = 0.5 + 0.5 * normal[:, 2]
    gloss = (normal @ _unit((key - (0.0, 0.0, 1.0)) @ axes)).clip(0.0) ** 24
    light = 0.22 + 0.18 * sky_light + 0.68 * diffuse
    base = geoms.colours[owner].astype(np.float32)
    colour = base * light[:, None] + 0.22 * gloss[:, None]
    # Between three quarters of the distance and twice it, farther parts sink into the surroundings.
    far = ((depth / camera.distance - 0.75) / 1.25).clip(0.0, 1.0)[:, None]
    colour += 0.55 * far * (np.asarray(palette.sky, np.float32) - colour)
    glowing = geoms.glowing[owner]
    colour[glowing] = base[glowing]
    return np.asarray(colour)


def _surroundings(
    geoms: Geoms, camera: Camera, rays: Floats, palette: Palette, ground: float | None, tile: float
) -> Floats:
    """Return sky and ground with the geoms' shadows [rows, columns, 3]."""
    sky = np.asarray(palette.sky, np.float32)
    colour = np.broadcast_to(sky, rays.shape).copy()
    if ground is None:
        return colour
    height = camera.position[2] - ground
    hit = (rays[..., 2] < -1e-4) if height > 0 else np.zeros(rays.shape[:2], bool)
    if not hit.any():
        return colour
    downward = rays[hit]
    depth = height / -downward[:, 2]
    place = camera.position[:2].astype(np.float32) + depth[:, None] * downward[:, :2]
    even = _chequers(place, depth, camera, tile)[:, None]
    floor = even * np.asarray(palette.ground, np.float32) + (1 - even) * np.asarray(palette.tile, np.float32)
    floor *= 1.0 - 0.62 * _shadow(geoms, place, ground, camera)[:, None]
    fade = (depth / (3.2 * camera.distance)).clip(0.0, 1.0)[:, None] ** 1.5
    colour[hit] = floor + fade * (sky - floor)
    return colour


def _chequers(place: Floats, depth: Floats, camera: Camera, tile: float) -> Floats:
    """Return 1 on even tiles and 0 on odd ones, softened to the mean where tiles are too small to see [K]."""
    wave = np.sin(place * (np.pi / tile))
    # The sharpness falls with the distance: a hard edge far away would only flicker.
    sharpness = (14.0 * camera.distance / depth).clip(1.0, 14.0) * (tile / camera.distance * 3.0).clip(0.4, 1.0)
    checker = np.asarray((wave[:, 0] * wave[:, 1] * sharpness).clip(-1.0, 1.0))
    return 0.5 + 0.5 * checker


def _shadow(geoms: Geoms, place: Floats, ground: float, camera: Camera) -> Floats:
    """Return how much of the light from above the geoms keep from points of the ground [K, 2], in [0, 1].

    Each geom counts as the capsule along its longest side; the higher it is, the softer its shadow.
    """
    dark = np.zeros(len(place), np.float32)
    solid = np.flatnonzero(~geoms.glowing)
    if not len(solid):
        return dark
    middle = geoms.positions[solid].mean(0)[:2]
    reach = np.linalg.norm(geoms.positions[solid, :2] - middle, axis=1) + geoms.half_sizes[solid].max(1)
    near = np.flatnonzero(((place - middle) ** 2).sum(1) < (1.3 * reach.max()) ** 2)
    points = place[near]
    shade = np.zeros(len(near), np.float32)
    for start, along, radius in _spines(geoms, solid):
        flat = along[:2]
        share = ((points - start[:2]) @ flat / max(float(flat @ flat), 1e-9)).clip(0.0, 1.0)
        gap = points - start[:2] - share[:, None] * flat
        height = (start[2] - ground + share * along[2] - radius).clip(0.0)
        softness = radius + 0.55 * height
        distance = np.sqrt((gap * gap).sum(1))
        covered = (1.0 - (distance - radius + 0.5 * softness) / softness).clip(0.0, 1.0)
        shade = np.maximum(shade, covered * radius / (radius + 0.35 * height))
    dark[near] = shade
    return dark


def _spines(geoms: Geoms, chosen: NDArray[np.intp]) -> list[tuple[Floats, Floats, float]]:
    """Return start, extent and radius of the capsule that stands for each geom."""
    spines = []
    for half, position, rotation in zip(
        geoms.half_sizes[chosen], geoms.positions[chosen], geoms.rotations[chosen], strict=True
    ):
        longest = int(half.argmax())
        radius = float((half.sum() - half[longest]) / 2)
        along = rotation[:, longest] * max(0.0, half[longest] - radius)
        spines.append(((position - along).astype(np.float32), (2 * along).astype(np.float32), radius))
    return spines


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
