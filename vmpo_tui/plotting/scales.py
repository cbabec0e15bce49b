"""Scales of the value axis: how a value becomes a height, and which values to name on the axis."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vmpo_tui.plotting.arrays import Floats
from vmpo_tui.plotting.ticks import Tick, linear_ticks, plain_label

LOWEST_EXPONENT, HIGHEST_EXPONENT = -307.0, 308.0
"""Powers of ten that a float holds with full precision."""


class Scale(ABC):
    """A rising function from values to heights."""

    name: ClassVar[str]
    positive: ClassVar[bool] = False
    """Whether values that are not above 0 have no place on it."""

    @abstractmethod
    def forward(self, values: Floats) -> Floats:
        """Return the heights of values; NaN where there is none."""

    @abstractmethod
    def inverse(self, heights: Floats) -> Floats:
        """Return the values at heights."""

    @abstractmethod
    def ticks(self, bottom: float, top: float, count: int) -> list[Tick]:
        """Return about ``count`` ticks between two heights."""


@dataclass(frozen=True, slots=True)
class Linear(Scale):
    """Heights are values."""

    name = "linear"

    def forward(self, values: Floats) -> Floats:
        """Return the values."""
        return values

    def inverse(self, heights: Floats) -> Floats:
        """Return the heights."""
        return heights

    def ticks(self, bottom: float, top: float, count: int) -> list[Tick]:
        """Return round values."""
        return linear_ticks(bottom, top, count)


@dataclass(frozen=True, slots=True)
class Log(Scale):
    """Heights are powers of ten; what is not positive leaves a gap."""

    name = "log"
    positive = True

    def forward(self, values: Floats) -> Floats:
        """Return log10 of the values."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(values > 0, np.log10(values), np.nan)

    def inverse(self, heights: Floats) -> Floats:
        """Return ten to the power of the heights."""
        return np.asarray(10.0 ** np.clip(heights, LOWEST_EXPONENT, HIGHEST_EXPONENT))

    def ticks(self, bottom: float, top: float, count: int) -> list[Tick]:
        """Return powers of ten, with 2 and 5 between them where there is room, or round values."""
        bottom, top = max(bottom, LOWEST_EXPONENT), min(top, HIGHEST_EXPONENT)
        if not top > bottom:
            return []
        if top - bottom < 1.0:
            return _through(self, bottom, top, count)
        return [(math.log10(value), plain_label(value)) for value in _powers(bottom, top, count)]


@dataclass(frozen=True, slots=True)
class Symlog(Scale):
    r"""Logarithmic in both directions, and straight between -threshold and threshold.

    The height is asinh(y / (2 threshold)) / ln 10, which tends to +-log10(|y| / threshold) far from 0.
    """

    threshold: float = 1.0
    """Above 0."""
    name = "symlog"

    def forward(self, values: Floats) -> Floats:
        """Return the heights of values."""
        return np.asarray(np.arcsinh(values / (2.0 * self.threshold)) / math.log(10.0))

    def inverse(self, heights: Floats) -> Floats:
        """Return the values at heights."""
        return np.asarray(2.0 * self.threshold * np.sinh(np.clip(heights, -300.0, 300.0) * math.log(10.0)))

    def ticks(self, bottom: float, top: float, count: int) -> list[Tick]:
        """Return 0 and powers of ten on both sides; round values in a narrow view."""
        if not top > bottom:
            return []
        if top - bottom < 1.0:
            return _through(self, bottom, top, count)
        unit = math.log10(self.threshold)
        each = max(1, count // 2) if bottom < 0 < top else count
        above = (
            [value for value in _powers(unit, unit + top, each) if value >= self.threshold] if top > 0 else []
        )
        below = (
            [value for value in _powers(unit, unit - bottom, each) if value >= self.threshold]
            if bottom < 0
            else []
        )
        values = [*(-value for value in reversed(below)), 0.0, *above]
        places = self.forward(np.array(values)).tolist()
        return [
            (place, plain_label(value))
            for place, value in zip(places, values, strict=True)
            if bottom <= place <= top
        ]


SCALES = ("linear", "log", "symlog")
LINEAR, LOG = Linear(), Log()


def scale_named(name: str, find_largest: Callable[[], float]) -> Scale:
    """Return a scale; symlog is straight up to a thousandth of the largest size, and alone asks for it.

    The threshold is a power of ten, so that it stays as it is while a run goes on.
    """
    match name:
        case "linear":
            return LINEAR
        case "log":
            return LOG
    largest = find_largest()
    known = math.isfinite(largest) and largest > 1e-300
    return Symlog(10.0 ** (math.floor(math.log10(largest)) - 3)) if known else Symlog()


def _powers(bottom: float, top: float, count: int) -> list[float]:
    """Values 1, 2 or 5 times a power of ten between two powers of ten, about ``count`` of them."""
    first, last = math.floor(bottom), math.ceil(top)
    mantissas = next((m for m in ((1, 2, 5), (1, 3)) if (top - bottom) * len(m) <= count), (1,))
    step = max(1, math.ceil((top - bottom) / max(1, count)))
    values = [m * 10.0**power for power in range(first - first % step, last + 1, step) for m in mantissas]
    return [value for value in values if bottom - 1e-9 <= math.log10(value) <= top + 1e-9]


def _through(scale: Scale, bottom: float, top: float, count: int) -> list[Tick]:
    """Ticks of a view so narrow that round values serve it better than powers of ten."""
    low, high = scale.inverse(np.array([bottom, top])).tolist()
    ticks = linear_ticks(low, high, count)
    places = scale.forward(np.array([place for place, _ in ticks])).tolist()
    return [(place, label) for place, (_, label) in zip(places, ticks, strict=True) if math.isfinite(place)]
