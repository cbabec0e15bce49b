"""Charts of runs: from their histories and the chosen look to panels that only need drawing. No Textual."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vmpo_tui import curves as over_runs
from vmpo_tui.history import History, Series
from vmpo_tui.look import AXES, Look
from vmpo_tui.plotting import raster
from vmpo_tui.plotting.arrays import Buffer, Floats
from vmpo_tui.plotting.composition import Curve, Rule, Span, heights_between
from vmpo_tui.plotting.outliers import inner_range
from vmpo_tui.plotting.panel import Panel
from vmpo_tui.plotting.pyramid import Pyramid
from vmpo_tui.plotting.scales import Scale, scale_named
from vmpo_tui.plotting.smoothing import Smoothed
from vmpo_tui.run_view import Marker
from vmpo_tui.text import number, printable

RETURN = "return"
"""The chart of training episodes and evaluations."""
GROUPS = ("dual", "kl", "estep", "policy", "value", "loss", "grad", "train", "eval")
"""Groups of metrics in the order of their charts: the algorithm's own first."""
STYLES = tuple(f"run-{index}" for index in range(1, 7))
"""Styles of other runs, in turn."""


class RunCurves:
    """The curves of a run over any abscissa, raw and smoothed, at the cost of what is new."""

    def __init__(self, name: str, style: str, history: History) -> None:
        self.name = name
        self.style = style
        self.history = history
        self._places: dict[str, tuple[str, Pyramid, Buffer]] = {}
        self._smoothed: dict[str, tuple[int, Smoothed]] = {}

    def names(self) -> Iterator[str]:
        """Yield the names of the charts that there are."""
        if len(self.history.returns) or len(self.history.evaluations):
            yield RETURN
        yield from (name for name in self.history.metrics if name not in AXES)

    def series(self, metric: str) -> Series | None:
        """Return a metric's curve."""
        return self.history.returns if metric == RETURN else self.history.metrics.get(metric)

    def extent(self, axis: str) -> tuple[float, float] | None:
        """Return the first and the last place of the run on an axis."""
        places = self.history.metrics.get(axis)
        return (float(places.y[0]), float(places.y[-1])) if places else None

    def places(self, key: str, series: Series, axis: str) -> Floats:
        """Return where the points of a curve lie on an axis [n]."""
        rows = self.history.metrics.get(axis)
        if axis == "env_steps" or not rows:
            return series.x
        every_row = key in self.history.metrics and len(rows) == len(series)
        if every_row and rows.stride == series.stride == 1:
            return rows.y
        over, source, known = self._places.get(key, ("", None, Buffer()))
        if over != axis or source is not series.pyramid:  # another curve, or one that was cut
            known = Buffer()
            self._places[key] = axis, series.pyramid, known
        fresh = series.x[len(known) :]
        if len(fresh):
            known.extend(np.interp(fresh, rows.x, rows.y)[None])
        return np.asarray(known.values[0])

    def smoothed(self, key: str, series: Series, span: int) -> tuple[Floats, Pyramid]:
        """Return the smoothed curve [n] with its pyramid."""
        known, average = self._smoothed.get(key, (0, Smoothed(span)))
        if known != span:  # only what is seen is kept
            average = Smoothed(span)
            self._smoothed[key] = span, average
        counts = self.history.counts.y if key == RETURN else None
        return average.follow(series, counts), average.pyramid

    def place(self, env_steps: float, axis: str) -> float:
        """Return where a step lies on an axis."""
        rows = self.history.metrics.get(axis)
        return float(np.interp(env_steps, rows.x, rows.y)) if rows else env_steps


@dataclass(frozen=True, slots=True)
class Sample:
    """The points of a run's curve that a chart shows."""

    metric: str
    run: str
    x: Floats
    y: Floats
    smoothed: Floats | None = None


class Gallery:
    """Makes the charts of a run, with other runs behind it."""

    def __init__(self) -> None:
        self._own = RunCurves("this run", "own", History())
        self._others: list[RunCurves] = []
        self._bands: dict[str, tuple[object, over_runs.Band]] = {}
        self._markers: tuple[Marker, ...] = ()

    def follow(self, history: History, markers: tuple[Marker, ...]) -> None:
        """Show this history, which may grow; costs nothing while it stays the same one."""
        if history is not self._own.history:
            self._own = RunCurves("this run", "own", history)
        self._markers = markers

    def overlay(self, runs: Sequence[tuple[str, History]]) -> None:
        """Show other runs, by name, behind this one."""
        known = {run.name: run for run in self._others}
        self._others = []
        for index, (name, history) in enumerate(runs):
            run = known.get(name)
            if run is None or run.history is not history:
                run = RunCurves(name, "", history)
            run.style = STYLES[index % len(STYLES)]
            self._others.append(run)
        self._bands.clear()

    def names(self) -> list[str]:
        """Return the name of every chart: the return, then group by group, what has none at the end."""
        names = dict.fromkeys(name for run in self._runs() for name in run.names())
        return sorted(names, key=_rank)

    def extent(self, axis: str) -> tuple[float, float]:
        """Return the first and the last place of any run on an axis."""
        extents = [extent for run in self._runs() if (extent := run.extent(axis)) is not None]
        first = min((first for first, _ in extents), default=0.0)
        last = max((last for _, last in extents), default=1.0)
        first = 0.0 if 0.0 <= first <= 0.1 * last else first
        return first, last if last > first else first + 1.0

    def legend(self, look: Look) -> list[Span]:
        """Return what the colours mean, where there is anything to tell apart."""
        entries: list[Span] = []
        if look.span:
            entries += [("━ smoothed", "own"), ("─ raw, min to max", "raw")]
        elif self._others:
            entries.append(("━ this run", "own"))
        if self._others and look.merged:
            entries.append((f"━ median and ░ quartiles of {len(self._others)} runs", "median"))
        else:
            entries += [(f"━ {printable(run.name)}", run.style) for run in self._others]
        if self._markers:
            entries.append((f"{look.marker.rules[1]} setting changed, or bookmark", "marker"))
        return entries

    def marker_near(self, look: Look, reach: float) -> str:
        """Return what was changed within a distance of the cursor."""
        if look.cursor is None:
            return ""
        near = [
            (distance, marker.text)
            for marker in self._markers
            if (distance := abs(self._own.place(marker.env_steps, look.axis) - look.cursor)) <= reach
        ]
        return min(near)[1] if near else ""

    def panel(self, look: Look, metric: str) -> Panel:
        """Return the chart of a metric."""
        curves = tuple(self._curves(look, metric))
        left, right = look.x.resolve(self.extent(look.axis))
        scale = scale_named(look.scale(metric), lambda: _largest(heights_between(curves, left, right)))
        bottom, top, clipped = self._heights(look, metric, curves, (left, right), scale)
        notes = [f"{clipped:,} clipped"] if clipped else []
        if scale.positive and (hidden := _hidden(_measured(curves, look), (left, right))):
            notes.append(f"{hidden:,} ≤ 0")
        if scale.name != "linear":
            notes.append(scale.name)
        return Panel(
            title=printable(metric),
            curves=curves,
            window=raster.Window(left, right, bottom, top),
            scale=scale,
            marker=look.marker,
            x_ticks=AXES[look.axis][1],
            rules=tuple(self._rules(look)),
            readings=tuple(_readings(curves, look.cursor, 0.01 * (right - left))),
            notes=tuple(notes),
            clipped=clipped > 0,
        )

    def samples(self, look: Look, metric: str) -> list[Sample]:
        """Return every point that the chart of a metric shows, of each run."""
        left, right = look.x.resolve(self.extent(look.axis))
        found = []
        for run in self._runs():
            series = run.series(metric)
            if series is not None:
                x = run.places(metric, series, look.axis)
                smooth = run.smoothed(metric, series, look.span)[0] if look.span else None
                found.append(_within(Sample(metric, run.name, x, series.y, smooth), left, right))
        evaluations = self._own.history.evaluations
        if metric == RETURN and len(evaluations):
            x = self._own.places("evaluations", evaluations, look.axis)
            found.append(_within(Sample("evaluation", self._own.name, x, evaluations.y), left, right))
        return found

    def _runs(self) -> list[RunCurves]:
        return [self._own, *self._others]

    def _curves(self, look: Look, metric: str) -> Iterator[Curve]:
        """Yield the curves of a metric in drawing order: other runs, then this one."""
        if look.merged and len(self._others) > 1:
            yield from self._merged(look, metric)
        else:
            for run in reversed(self._others):
                yield from self._lines(look, metric, run)
        yield from self._lines(look, metric, self._own)
        history = self._own.history
        if metric == RETURN and len(history.evaluations):
            x = self._own.places("evaluations", history.evaluations, look.axis)
            yield Curve(x, history.evaluations.y, "evaluation", history.deviations.y)

    def _lines(self, look: Look, metric: str, run: RunCurves) -> Iterator[Curve]:
        """Yield a run's curve, or the smoothed one over it where it is this run's."""
        series = run.series(metric)
        if not series:
            return
        x = run.places(metric, series, look.axis)
        raw = Curve(x, series.y, run.style, pyramid=series.pyramid)
        if run is self._own and metric == RETURN:
            yield Curve(x, run.history.lowest.y, "range", upper=run.history.highest.y, faint=True)
        if not look.span:
            yield raw
            return
        if run is self._own:
            yield replace(raw, style="raw", faint=True)
        y, pyramid = run.smoothed(metric, series, look.span)
        yield Curve(x, y, run.style, pyramid=pyramid)

    def _merged(self, look: Look, metric: str) -> Iterator[Curve]:
        """Yield the quartiles and the median of the other runs; computed anew when one of them has grown."""
        lines = [line for run in self._others for line in self._lines(look, metric, run)]
        state = (look.axis, look.span, *(len(line.x) for line in lines))
        known = self._bands.get(metric)
        if known is None or known[0] != state:
            finite = [(line, np.isfinite(line.y)) for line in lines]
            known = state, over_runs.summarize([over_runs.Curve(line.x[k], line.y[k]) for line, k in finite])
            self._bands[metric] = known
        band = known[1]
        if len(band.x):
            yield Curve(band.x, band.low, "band", upper=band.high, faint=True)
            yield Curve(band.x, band.median, "median")

    def _rules(self, look: Look) -> Iterator[Rule]:
        """Yield the cursor and the places where settings were changed."""
        if look.cursor is not None:
            yield Rule(look.cursor, "cursor")
        for marker in self._markers:
            yield Rule(self._own.place(marker.env_steps, look.axis), "marker", solid=False)

    @staticmethod
    def _heights(
        look: Look, metric: str, curves: Sequence[Curve], stretch: tuple[float, float], scale: Scale
    ) -> tuple[float, float, int]:
        """Return bottom and top of a chart, and how many points lie beyond them as outliers."""
        if metric in look.heights:
            return *look.heights[metric], 0
        if not look.clipping:
            return *raster.padded_range(*heights_between(curves, *stretch, scale)), 0
        lines = _measured(curves, look)
        points = [scale.forward(curve.y[_visible(curve, stretch)]) for curve in lines]
        low, high, clipped = inner_range([*points, *(_crossings(curve, stretch, scale) for curve in lines)])
        others = [curve for curve in curves if curve.deviation is not None or curve.upper is not None]
        least, most = heights_between(others, *stretch, scale)
        return *raster.padded_range(min(low, least), max(high, most)), clipped


def _rank(name: str) -> int:
    """Return how far back a chart stands."""
    group, named, _ = name.partition("/")
    if name == RETURN:
        return -1
    return GROUPS.index(group) if group in GROUPS else len(GROUPS) + (not named)


def _largest(heights: tuple[float, float]) -> float:
    return max(abs(heights[0]), abs(heights[1]))


def _measured(curves: Sequence[Curve], look: Look) -> list[Curve]:
    """Return the curves whose points count as values: not this run's average over its own raw curve."""
    lines = [curve for curve in curves if curve.deviation is None and curve.upper is None]
    return [curve for curve in lines if not (look.span and curve.style == "own")]


def _visible(curve: Curve, stretch: tuple[float, float]) -> slice:
    first, last = np.searchsorted(curve.x, stretch[0]), np.searchsorted(curve.x, stretch[1], side="right")
    return slice(int(first), int(last))


def _crossings(curve: Curve, stretch: tuple[float, float], scale: Scale) -> Floats:
    """Return the heights at which a curve comes into a stretch and leaves it between two points."""
    borders = np.array(stretch)
    after = np.searchsorted(curve.x, borders)
    between = (after > 0) & (after < len(curve.x))
    between[between] = curve.x[after[between]] > borders[between]  # the others are points, and seen
    borders, after = borders[between], after[between]
    begin, end = scale.forward(curve.y[after - 1]), scale.forward(curve.y[after])
    share = (borders - curve.x[after - 1]) / (curve.x[after] - curve.x[after - 1])
    return np.asarray(begin + (end - begin) * share)


def _hidden(curves: Sequence[Curve], stretch: tuple[float, float]) -> int:
    """Return how many visible values are not above 0."""
    return sum(int(np.count_nonzero(curve.y[_visible(curve, stretch)] <= 0)) for curve in curves)


def _readings(curves: Sequence[Curve], at: float | None, reach: float) -> Iterator[Span]:
    """Yield the value of each curve at a place, or its newest one, that of the foremost curve first.

    Args:
        curves: in drawing order; areas have no value.
        at: the place; None for the end of each curve.
        reach: how far outside a curve its ends still count.
    """
    for curve in reversed(curves):
        if not len(curve.x) or curve.upper is not None:
            continue
        place = float(curve.x[-1]) if at is None else at
        if not curve.x[0] - reach <= place <= curve.x[-1] + reach:
            continue
        index = int(np.searchsorted(curve.x, place))
        if index == len(curve.x) or (index and place - curve.x[index - 1] < curve.x[index] - place):
            index -= 1
        spread = "" if curve.deviation is None else f" ± {number(float(curve.deviation[index]))}"
        yield f"{number(float(curve.y[index]))}{spread}", curve.style


def _within(sample: Sample, left: float, right: float) -> Sample:
    first, last = np.searchsorted(sample.x, left), np.searchsorted(sample.x, right, side="right")
    kept = slice(int(first), int(last))
    smoothed = None if sample.smoothed is None else sample.smoothed[kept]
    return replace(sample, x=sample.x[kept], y=sample.y[kept], smoothed=smoothed)
