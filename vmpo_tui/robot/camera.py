"""The camera: rays through the picture, and where a point of the world comes to lie in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

FIELD_OF_VIEW = 40.0
"""Degrees, of the picture's height."""


@dataclass(frozen=True, slots=True)
class Raster:
    """The grid of samples that a picture is made of."""

    rows: int
    columns: int
    aspect: float = 1.0
    """Width of a sample over its height: 0.5 for two samples a side of a terminal's cell."""

    @property
    def ratio(self) -> float:
        """Width of the picture over its height."""
        return self.columns * self.aspect / self.rows


@dataclass(frozen=True, slots=True)
class Camera:
    """Looks at a point from a distance; angles in degrees, as MuJoCo counts them."""

    target: tuple[float, float, float]
    distance: float
    azimuth: float
    """Direction of sight around the vertical: 0 looks along +x, 90 along +y."""
    elevation: float
    """Direction of sight against the horizon: -90 looks straight down."""

    @property
    def axes(self) -> Floats:
        """Unit vectors to the right, upwards and forwards, as rows [3, 3]."""
        azimuth, elevation = math.radians(self.azimuth), math.radians(self.elevation)
        flat, rise = math.cos(elevation), math.sin(elevation)
        ahead, aside = math.cos(azimuth), math.sin(azimuth)
        upward, forward = (-rise * ahead, -rise * aside, flat), (flat * ahead, flat * aside, rise)
        return np.array(((aside, -ahead, 0.0), upward, forward))

    @property
    def position(self) -> Floats:
        """Where the camera is [3]."""
        return np.asarray(np.asarray(self.target) - self.distance * self.axes[2])

    def rays(self, raster: Raster) -> Floats:
        """Directions through the samples' middles [rows, columns, 3], one long along the line of sight.

        With these a ray's parameter is the depth, the same that `project` returns.
        """
        right, up, forward = self.axes.astype(np.float32)
        half = math.tan(math.radians(FIELD_OF_VIEW / 2))
        x = half * raster.ratio * _middles(raster.columns)
        y = -half * _middles(raster.rows)
        return np.asarray(forward + x[None, :, None] * right + y[:, None, None] * up)

    def sample_size(self, raster: Raster) -> float:
        """Return the longer side of a sample at the target's distance."""
        height = 2.0 * math.tan(math.radians(FIELD_OF_VIEW / 2)) * self.distance / raster.rows
        return height * max(1.0, raster.aspect)

    def project(self, points: Floats, raster: Raster) -> tuple[Floats, Floats, Floats]:
        """Return column, row and depth of points [..., 3]; meaningless where the depth is not positive.

        The middle of the upper left sample is at column 0.5, row 0.5.
        """
        x, y, depth = np.moveaxis((points - self.position) @ self.axes.T, -1, 0)
        half = math.tan(math.radians(FIELD_OF_VIEW / 2)) * np.where(depth > 0, depth, np.nan)
        column = (1.0 + x / (half * raster.ratio)) * raster.columns / 2
        return column, (1.0 - y / half) * raster.rows / 2, depth


def framing_distance(radius: float, ratio: float) -> float:
    """Return the distance from which a sphere fits into a picture of a ratio of width to height."""
    half = math.radians(FIELD_OF_VIEW / 2)
    narrower = min(half, math.atan(math.tan(half) * ratio))
    return radius / math.sin(narrower)


def _middles(count: int) -> Floats:
    """Middles of ``count`` equal parts of (-1, 1) [count]."""
    return ((2.0 * np.arange(count) + 1.0) / count - 1.0).astype(np.float32)
