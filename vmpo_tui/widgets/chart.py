"""The chart: curves drawn line by line; this project's own, for its speed (see `vmpo_tui.plotting`)."""

from __future__ import annotations

import numpy as np

from vmpo_tui.plotting import raster
from vmpo_tui.plotting.composition import LABEL_WIDTH, Curve, Rule, bounds, framed
from vmpo_tui.plotting.scales import LINEAR, LOG
from vmpo_tui.plotting.steady import ahead
from vmpo_tui.widgets.lines import Lines, Span

__all__ = ["Chart", "Curve"]


class Chart(Lines):
    """Curves over environment steps with both axes, scaled to what there is."""

    COMPONENT_CLASSES = {
        "chart--axis",
        "chart--raw",
        "chart--smooth",
        "chart--evaluation",
        "chart--marker",
        "chart--empty",
    }
    DEFAULT_CSS = """
    Chart { height: 1fr; }
    Chart .chart--axis { color: $text-muted; }
    Chart .chart--raw { color: $primary 40%; }
    Chart .chart--smooth { color: $primary; text-style: bold; }
    Chart .chart--evaluation { color: $warning; text-style: bold; }
    Chart .chart--marker { color: $accent 60%; }
    Chart .chart--empty { color: $text-muted; }
    """

    def __init__(
        self,
        *,
        placeholder: str = "waiting for data",
        logarithmic: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._scale = LOG if logarithmic else LINEAR
        self._placeholder = placeholder
        self._curves: tuple[Curve, ...] = ()
        self._markers: tuple[float, ...] = ()
        self._x_end: float | None = None
        self._heights: tuple[float, float] | None = None
        self.metric = ""
        """What a click shows on the charts screen; empty for nothing."""

    async def on_click(self) -> None:
        """Show the metric on the whole screen."""
        if self.metric:
            await self.run_action(f"app.show_metric({self.metric!r})")

    def show(
        self,
        curves: tuple[Curve, ...],
        x_end: float | None = None,
        markers: tuple[float, ...] | None = None,
        heights: tuple[float, float] | None = None,
    ) -> None:
        """Draw these curves from now on.

        Args:
            curves: in drawing order; their styles are component classes of the chart.
            x_end: right end of the axis; None ends it with the data.
            markers: steps at which somebody changed something; None for those that it has.
            heights: lowest and highest value to have room for; None for those that there are.
        """
        self._curves, self._x_end, self._heights = curves, x_end, heights
        self._markers = self._markers if markers is None else markers
        self.redraw()

    def mark(self, markers: tuple[float, ...]) -> None:
        """Mark steps at which somebody changed something."""
        if markers != self._markers:
            self._markers = markers
            self.redraw()

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the chart with its axes, or a message while there is nothing to draw."""
        if width < LABEL_WIDTH + 4 or height < 3 or not any(len(curve.x) for curve in self._curves):
            message = (self._placeholder[:width].center(width), "chart--empty")
            return [*([] for _ in range(height // 2)), [message]]
        rules = [Rule(x, "chart--marker", solid=False) for x in self._markers]
        return framed(
            self._curves, self._window(), width, height, axis="chart--axis", scale=self._scale, rules=rules
        )

    def _window(self) -> raster.Window:
        left, right, low, high = bounds(self._curves, self._scale)
        bottom, top = raster.padded_range(*(self._heights or (low, high)))
        left = 0.0 if self._x_end is not None or not np.isfinite(left) else left
        right = right if self._x_end is None else ahead(self._x_end)
        return raster.Window(left, max(right, left + 1.0), bottom, top)
