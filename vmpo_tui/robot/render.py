"""Geoms on a ground as a shaded picture: ray-cast in NumPy, exact at any size, no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
EDGE = 0.62
"""Brightness of surfaces right behind an edge, which sets limbs off from each other."""
_CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of what surrounds the robot, each RGB in [0, 1]."""

    sky: tuple[float, float, float] = (0.05, 0.055, 0.075)
    """At the top of the picture."""
    haze: tuple[float, float, float] = (0.17, 0.20, 0.27)
    """At the horizon; what is far away fades into it."""
    ground: tuple[float, float, float] = (0.24, 0.29, 0.37)
    tile: tuple[float, float, float] = (0.15, 0.18, 0.24)
    """Every other tile of the ground."""


DAYLIGHT = Palette(
    sky=(0.93, 0.95, 0.98), haze=(0.82, 0.87, 0.93), ground=(0.70, 0.75, 0.81), tile=(0.79, 0.83, 0.88)
)
"""For bright screens."""
DARKNESS = Palette(sky=(0.0, 0.0, 0.0), haze=(0.0, 0.0, 0.0), ground=(0.12, 0.12, 0.12), tile=(0.0, 0.0, 0.0))
"""For screens without colours, where nothing but the robot may be of many shades."""


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
        sizes = [half_sizes(*pair) for pair in zip(self.shapes, self.sizes, strict=True)]
        return np.array(sizes).reshape(-1, 3)

    @property
    def extents(self) -> Floats:
        """Half of each geom's extent along the axes of the world [G, 3]."""
        return np.asarray((np.abs(self.rotations) @ self.half_sizes[..., None])[..., 0])


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
    depth, owner, normal = _cast(_thickened(geoms, camera, raster), camera, rays, raster)
    colour = _surroundings(geoms, camera, rays, palette, ground, tile)
    seen = owner >= 0
    if seen.any():
        contour = _contour(depth, camera)[seen]
        colour[seen] = _lit(geoms, camera, owner[seen], normal[seen], depth[seen], palette) * contour[:, None]
    picture: Picture = (np.clip(colour, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return picture


def _thickened(geoms: Geoms, camera: Camera, raster: Raster) -> Geoms:
    """Return geoms of at least a sample's size, so that none falls between two samples."""
    return replace(geoms, sizes=np.maximum(geoms.sizes, 0.5 * camera.sample_size(raster)))


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


def _contour(depth: Floats, camera: Camera) -> Floats:
    """Return how bright each sample is beside what stands before it: less than 1 behind an edge [R, C]."""
    step = np.float32(0.035 * camera.distance)
    behind = np.zeros(depth.shape, bool)
    with np.errstate(invalid="ignore"):  # nothing beside nothing
        across, down = np.diff(depth, axis=1), np.diff(depth, axis=0)
    behind[:, 1:] |= across > step
    behind[:, :-1] |= across < -step
    behind[1:] |= down > step
    behind[:-1] |= down < -step
    return np.where(behind, np.float32(EDGE), np.float32(1.0))


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
    colour += 0.55 * far * (np.asarray(palette.haze, np.float32) - colour)
    glowing = geoms.glowing[owner]
    colour[glowing] = base[glowing]
    return np.asarray(colour)


def _surroundings(
    geoms: Geoms, camera: Camera, rays: Floats, palette: Palette, ground: float | None, tile: float
) -> Floats:
    """Return sky and ground with the geoms' shadows [rows, columns, 3]."""
    haze, even, odd = (np.asarray(tone, np.float32) for tone in (palette.haze, palette.ground, palette.tile))
    colour = _sky(rays, palette)
    if ground is None or camera.position[2] <= ground:
        return colour
    below = rays[:, 0, 2] < -1e-3  # the camera never rolls: a row of samples looks equally far down
    floor = rays[below]
    if not floor.size:
        return colour
    depth = ((camera.position[2] - ground) / -floor[:, :1, 2]).astype(np.float32)
    place = camera.position[:2].astype(np.float32) + depth[..., None] * floor[..., :2]
    share = _chequers(place / np.float32(tile))[..., None]
    shaded = odd + share * (even - odd)
    shaded *= 1.0 - 0.6 * _shadow(geoms, place.reshape(-1, 2), ground).reshape(place.shape[:2])[..., None]
    fade = (depth / (5.0 * camera.distance)).clip(0.0, 1.0)[..., None]
    colour[below] = shaded + fade * (haze - shaded)
    return colour


def _sky(rays: Floats, palette: Palette) -> Floats:
    """Return the sky, hazy at the horizon and dark above [R, C, 3]."""
    sky, haze = np.asarray(palette.sky, np.float32), np.asarray(palette.haze, np.float32)
    height = (rays[:, :1, 2:] / 0.35).clip(0.0, 1.0) ** 0.6
    return np.broadcast_to(haze + height * (sky - haze), rays.shape).copy()


def _chequers(place: Floats) -> Floats:
    """Return the share of even tiles, of length 1, in each sample of the ground [R, C, 2], in [0, 1].

    The pattern is averaged over a sample's extent along both axes, so that it neither flickers nor aliases.
    """
    rows = np.abs(np.gradient(place, axis=0)) if len(place) > 1 else np.zeros_like(place)
    columns = np.abs(place[:, -1:] - place[:, :1]) / max(1, place.shape[1] - 1)
    half = 0.5 * np.clip(rows + columns, 0.02, None)
    # The square wave integrates to a triangle wave, whose difference over an extent gives the mean.
    wave = (_triangle(place + half) - _triangle(place - half)) / (2.0 * half)
    return np.asarray(0.5 + 0.5 * wave[..., 0] * wave[..., 1])


def _triangle(place: Floats) -> Floats:
    """Integrate the wave that is 1 on [0, 1), -1 on [1, 2) and so on."""
    return np.asarray(1.0 - np.abs(place % 2.0 - 1.0))


def _shadow(geoms: Geoms, place: Floats, ground: float) -> Floats:
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
    dark[near] = _shade(geoms, solid, points, ground)
    return dark


def _shade(geoms: Geoms, chosen: NDArray[np.intp], points: Floats, ground: float) -> Floats:
    """Return the darkest of the shadows that some geoms throw on points of the ground [K, 2]."""
    half, rows = geoms.half_sizes[chosen], np.arange(len(chosen))
    longest = half.argmax(1)
    length = half[rows, longest]
    radius = (half.sum(1) - length) / 2
    along = geoms.rotations[chosen][rows, :, longest] * np.maximum(0.0, length - radius)[:, None]
    start, extent = geoms.positions[chosen] - along, 2.0 * along
    # One row a geom, one column a point, for each of x and y by itself.
    x, y, dx, dy = (
        values.astype(np.float32)[:, None]
        for values in (start[:, 0], start[:, 1], extent[:, 0], extent[:, 1])
    )
    reach = np.maximum(dx * dx + dy * dy, 1e-9)
    radius = radius.astype(np.float32)[:, None]
    across, down = points[None, :, 0] - x, points[None, :, 1] - y
    share = ((across * dx + down * dy) / reach).clip(0.0, 1.0)
    across -= share * dx
    down -= share * dy
    lowest, rise = (values.astype(np.float32)[:, None] for values in (start[:, 2] - ground, extent[:, 2]))
    height = (lowest + share * rise - radius).clip(0.0)
    softness = radius + 0.55 * height
    distance = np.sqrt(across * across + down * down)
    covered = (0.5 + (radius - distance) / softness).clip(0.0, 1.0)
    return np.asarray((covered * radius / (radius + 0.35 * height)).max(0))


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
