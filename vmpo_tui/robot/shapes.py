"""Where rays meet MuJoCo's primitive shapes, each in its own frame.

Every function takes the rays' common origin [3] and directions [..., 3] in the shape's frame and its three
sizes as MuJoCo has them, and returns the parameter of the first hit [...], inf for none, and the outward
normal there [..., 3], of any length. Origins inside a shape are not supported: the camera stays outside.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Hits = tuple[Floats, Floats]


def ellipsoid(origin: Floats, directions: Floats, size: Floats) -> Hits:
    """Meet an ellipsoid of three radii: a unit sphere in a stretched frame."""
    start, ways = origin / size, directions / size
    depth = _nearer_root((ways * ways).sum(-1), ways @ start, start @ start - 1.0)
    return depth, (start + _finite(depth)[..., None] * ways) / size


def sphere(origin: Floats, directions: Floats, size: Floats) -> Hits:
    """Meet a sphere of radius ``size[0]``."""
    return ellipsoid(origin, directions, np.repeat(size[:1], 3))


def capsule(origin: Floats, directions: Floats, size: Floats) -> Hits:
    """Meet a cylinder along z of radius ``size[0]`` and half length ``size[1]`` with round ends."""
    radius, half = size[0], size[1]
    depth = _side(origin, directions, radius)
    height = origin[2] + _finite(depth) * directions[..., 2]
    # Past an end, the ray can only meet that end's sphere, which lies within the endless cylinder.
    ends = np.isfinite(depth) & (np.abs(height) > half)
    if ends.any():
        ways, tip = directions[ends], np.sign(height[ends]) * half
        lengths = (ways * ways).sum(-1)
        along = ways @ origin - ways[:, 2] * tip
        beyond = origin @ origin - 2.0 * origin[2] * tip + tip * tip - radius**2
        depth[ends] = _nearer_root(lengths, along, beyond)
    place = origin + _finite(depth)[..., None] * directions
    place[..., 2] -= np.clip(place[..., 2], -half, half)
    return depth, place


def cylinder(origin: Floats, directions: Floats, size: Floats) -> Hits:
    """Meet a cylinder along z of radius ``size[0]`` and half length ``size[1]`` with flat ends."""
    radius, half = size[0], size[1]
    depth = _side(origin, directions, radius)
    depth[np.abs(origin[2] + _finite(depth) * directions[..., 2]) > half] = np.inf
    normal = origin + _finite(depth)[..., None] * directions
    normal[..., 2] = 0.0
    facing = -np.sign(directions[..., 2])  # the end that the ray comes to first
    end = (facing * half - origin[2]) / _nonzero(directions[..., 2])
    across = origin[:2] + end[..., None] * directions[..., :2]
    flat = ((across * across).sum(-1) <= radius**2) & (end > 0) & (end < depth)
    depth[flat] = end[flat]
    normal[flat] = 0.0
    normal[flat, 2] = facing[flat]
    return depth, normal


def box(origin: Floats, directions: Floats, size: Floats) -> Hits:
    """Meet a box of three half sizes."""
    ways = _nonzero(directions)
    first, second = (-size - origin) / ways, (size - origin) / ways
    entries = np.minimum(first, second)
    axis = entries.argmax(-1)[..., None]
    depth = np.take_along_axis(entries, axis, -1)[..., 0]
    depth = np.where((depth <= np.maximum(first, second).min(-1)) & (depth > 0), depth, np.inf)
    normal = np.zeros_like(directions)
    np.put_along_axis(normal, axis, -np.sign(np.take_along_axis(ways, axis, -1)), -1)
    return depth, normal


SHAPES: dict[str, Callable[[Floats, Floats, Floats], Hits]] = {
    "sphere": sphere,
    "ellipsoid": ellipsoid,
    "capsule": capsule,
    "cylinder": cylinder,
    "box": box,
}


def half_sizes(shape: str, size: Floats) -> Floats:
    """Return the half sizes of a shape's bounding box in its own frame [3]."""
    if shape == "sphere":
        return np.repeat(size[:1], 3)
    if shape in {"capsule", "cylinder"}:
        return np.array((size[0], size[0], size[1] + (size[0] if shape == "capsule" else 0.0)))
    return np.asarray(size)


def _side(origin: Floats, directions: Floats, radius: float) -> Floats:
    """Meet the side of an endless cylinder along z."""
    ways, start = directions[..., :2], origin[:2]
    lengths = np.maximum((ways * ways).sum(-1), 1e-12)
    return _nearer_root(lengths, ways @ start, start @ start - radius**2)


def _nearer_root(square: Floats, half_linear: Floats, constant: Floats | float) -> Floats:
    """Return the lower root of square t^2 + 2 half_linear t + constant, inf where it is not positive."""
    discriminant = half_linear * half_linear - square * constant
    root = (-half_linear - np.sqrt(np.maximum(discriminant, 0.0))) / square
    return np.where((discriminant >= 0) & (root > 0), root, np.inf)


def _finite(depth: Floats) -> Floats:
    return np.where(np.isfinite(depth), depth, 0.0)


def _nonzero(values: Floats) -> Floats:
    return np.where(np.abs(values) < 1e-9, 1e-9, values)
