"""A figure with its history: label, value and a small curve."""

from __future__ import annotations

import numpy as np

from vmpo_tui.history import Series
from vmpo_tui.plotting import raster
from vmpo_tui.plotting.markers import BRAILLE, texts
from vmpo_tui.plotting.scales import LINEAR, LOG
from vmpo_tui.plotting.steady import settled
from vmpo_tui.run_view import RunView
from vmpo_tui.text import number
from vmpo_tui.widgets.lines import Lines, Span

# Label, metrics that it may stand for (continuous, discrete), whether its history is drawn logarithmically.
TILES: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("η temperature", ("dual/temperature",), True),
    ("α mean", ("dual/alpha_mean", "dual/alpha"), True),
    ("α covariance", ("dual/alpha_covariance",), True),
    ("σ mean", ("policy/std_mean", "policy/entropy"), False),
    ("KL mean", ("kl/mean", "kl/policy"), False),
    ("KL covariance", ("kl/covariance",), False),
    ("E-step ESS", ("estep/ess",), False),
    ("value loss", ("loss/value",), True),
    ("explained var.", ("value/explained_variance",), False),
    ("policy grad", ("grad/policy_norm",), False),
    ("value grad", ("grad/value_norm",), False),
    ("episode length", ("train/episode_length_mean",), False),
)
DISCRETE_LABELS = {"dual/alpha": "α policy", "kl/policy": "KL policy", "policy/entropy": "entropy"}


def present(view: RunView, names: tuple[str, ...]) -> str | None:
    """Return which of some metrics a run has."""
    return next((name for name in names if name in view.history.metrics), None)


def newest(view: RunView, name: str) -> float | None:
    """Return the last value of a metric that is known: not every update has one, such as of episodes."""
    values = view.history.metrics[name].y
    known = np.flatnonzero(np.isfinite(values))
    return float(values[known[-1]]) if len(known) else None


class Tile(Lines):
    """One metric: its name and newest value on a line, its history in braille under it; a click opens it."""

    COMPONENT_CLASSES = {"tile--label", "tile--value", "tile--curve"}
    DEFAULT_CSS = """
    Tile { height: 3; padding: 0 1; }
    Tile .tile--label { color: $text-muted; }
    Tile .tile--value { color: $text; text-style: bold; }
    Tile .tile--curve { color: $primary; }
    """

    def __init__(self, label: str, *, logarithmic: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label
        self._logarithmic = logarithmic
        self._series: Series | None = None
        self._metric = ""
        self._curve: tuple[tuple[object, ...], list[str]] = (), []

    def show(self, label: str, series: Series | None, metric: str = "") -> None:
        """Show the newest value and the history of a series under a label.

        Args:
            label: what to call it.
            series: the history; None for none yet.
            metric: what a click shows on the charts screen; empty for nothing.
        """
        self._label, self._series, self._metric = label, series, metric
        self.redraw()

    async def on_click(self) -> None:
        """Show the metric on the whole screen."""
        if self._metric and self._series:
            await self.run_action(f"app.show_metric({self._metric!r})")

    def draw(self, width: int, height: int) -> list[list[Span]]:
        """Return the figure in the widget's size."""
        value = number(float(self._series.y[-1])) if self._series else "-"
        label = self._label[: max(0, width - len(value) - 1)]
        space = " " * max(1, width - len(label) - len(value))
        lines = [[(label, "tile--label"), (space, ""), (value, "tile--value")]]
        if self._series and height > 1:
            lines += [[(row, "tile--curve")] for row in self._rows(width, height - 1)]
        return lines

    def _rows(self, width: int, height: int) -> list[str]:
        """Return the curve, drawn anew once it has become longer."""
        assert self._series is not None
        x = self._series.x
        count = settled(len(x))
        drawn = id(self._series), float(x[0]), float(x[count - 1]), count, width, height
        if drawn != self._curve[0]:
            self._curve = drawn, sparkline(self._series, width, height, count, logarithmic=self._logarithmic)
        return self._curve[1]


def sparkline(
    series: Series, width: int, height: int, count: int | None = None, *, logarithmic: bool = False
) -> list[str]:
    """Rows of braille that show a series, its own range filling the height.

    Args:
        series: at least one point.
        width: characters.
        height: rows.
        count: points to draw, the oldest ones; None for all.
        logarithmic: draw log10 of the positive values; others leave gaps.
    """
    x, y, scale = series.x[:count], series.y[:count], LOG if logarithmic else LINEAR
    heights = scale.forward(y)
    finite = heights[np.isfinite(heights)]
    if not len(finite):
        return [" " * width] * height
    bottom, top = raster.padded_range(float(finite.min()), float(finite.max()))
    window = raster.Window(float(x[0]), max(float(x[-1]), float(x[0]) + 1.0), bottom, top)
    dots = raster.curve(x, y, window, width, height, scale=scale, pyramid=series.pyramid)
    return texts(BRAILLE.encode(dots))
