"""How the user has chosen to look at the charts: one frozen value and what the keys make of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vmpo_tui.plotting.composition import Ticks
from vmpo_tui.plotting.markers import MARKERS, Marker
from vmpo_tui.plotting.scales import SCALES
from vmpo_tui.plotting.ticks import linear_ticks, time_ticks
from vmpo_tui.plotting.viewport import Viewport

AXES: Mapping[str, tuple[str, Ticks]] = {
    "env_steps": ("env steps", linear_ticks),
    "updates": ("updates", linear_ticks),
    "gradient_steps": ("gradient steps", linear_ticks),
    "seconds": ("wall time", time_ticks),
}
"""What charts can be drawn over: the metric that holds it, its name, and its ticks."""
SPANS = (0, 5, 10, 20, 50, 100, 200, 500)
"""Points that a smoothed value is about the mean of; 0 for none."""
GRIDS = ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3))
"""Columns and rows of charts."""


@dataclass(frozen=True, slots=True)
class Look:
    """Everything about the charts that is not data; shared by all of them but for what a metric has alone."""

    axis: str = "env_steps"
    smoothing: int = 0
    """Index in `SPANS`."""
    clipping: bool = False
    """Whether outliers may lie outside the picture."""
    style: int = 0
    """Index of the marker."""
    merged: bool = False
    """Whether other runs are shown as their median and quartiles."""
    x: Viewport = field(default_factory=Viewport)
    cursor: float | None = None
    """Where values are read."""
    scales: Mapping[str, str] = field(default_factory=dict)
    """Scale of each metric that has another than the linear one."""
    heights: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Bottom and top, on its scale, of each metric that was zoomed or moved vertically."""

    @property
    def span(self) -> int:
        """Points that a smoothed value is about the mean of; 0 for none."""
        return SPANS[self.smoothing]

    @property
    def marker(self) -> Marker:
        """How dots are drawn."""
        return MARKERS[self.style]

    def scale(self, metric: str) -> str:
        """Name of a metric's scale."""
        return self.scales.get(metric, SCALES[0])

    def next_axis(self) -> Look:
        """Draw over the next abscissa; places on the old one mean nothing there."""
        names = list(AXES)
        following = names[(names.index(self.axis) + 1) % len(names)]
        return replace(self, axis=following, x=Viewport(), cursor=None)

    def next_scale(self, metric: str) -> Look:
        """Give a metric the next scale."""
        following = SCALES[(SCALES.index(self.scale(metric)) + 1) % len(SCALES)]
        return replace(
            self, scales={**self.scales, metric: following}, heights=_without(self.heights, metric)
        )

    def next_marker(self) -> Look:
        """Draw dots in the next style."""
        return replace(self, style=(self.style + 1) % len(MARKERS))

    def smoothed(self, steps: int) -> Look:
        """Smooth over more points, or fewer."""
        return replace(self, smoothing=min(max(self.smoothing + steps, 0), len(SPANS) - 1))

    def with_heights(self, metric: str, heights: tuple[float, float]) -> Look:
        """Fix what a metric's chart shows vertically."""
        return replace(self, heights={**self.heights, metric: heights})

    def reset(self) -> Look:
        """Show everything again: no zoom, no cursor; what was chosen otherwise stays."""
        return replace(self, x=Viewport(), heights={}, cursor=None)


def _without(heights: Mapping[str, tuple[float, float]], metric: str) -> dict[str, tuple[float, float]]:
    return {name: stretch for name, stretch in heights.items() if name != metric}
